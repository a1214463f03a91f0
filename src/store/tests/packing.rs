//! What [`crate::store::pack`] writes, [`crate::store::unpack`] reads, and both are what was always written.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::store::pack::{mark, pack};
use crate::store::unpack::unpack;

/// Something of everything that a record may have in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    signed: i64,
    unsigned: u64,
    small: (i8, u16, i32),
    text: String,
    flag: Option<bool>,
    list: Vec<Variant>,
    map: BTreeMap<String, u32>,
    bytes: ByteBuf,
    letter: char,
    nothing: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Variant {
    Bare,
    Whole(i64),
    Pair(u8, String),
    Named { one: Option<String>, other: Vec<u64> },
}

#[derive(Debug, Deserialize)]
struct Deep(#[expect(dead_code, reason = "it is only read")] Option<Box<(Deep,)>>);

fn number() -> impl Strategy<Value = i64> {
    // All widths are as likely as each other.
    (any::<i64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
}

fn variant() -> impl Strategy<Value = Variant> {
    prop_oneof![
        Just(Variant::Bare),
        number().prop_map(Variant::Whole),
        (any::<u8>(), ".{0,40}").prop_map(|(number, text)| Variant::Pair(number, text)),
        (prop::option::of(".*"), prop::collection::vec(any::<u64>(), 0..20))
            .prop_map(|(one, other)| Variant::Named { one, other }),
    ]
}

prop_compose! {
    fn everything()(
        signed in number(),
        unsigned in number(),
        small in any::<(i8, u16, i32)>(),
        text in prop_oneof![".{0,20}", ".{30,34}", "x{250,260}", "x{65530,65540}"],
        flag in any::<Option<bool>>(),
        list in prop::collection::vec(variant(), 0..20),
        map in prop::collection::btree_map(".{0,5}", any::<u32>(), 0..20),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        letter in any::<char>(),
    ) -> Everything {
        let unsigned = unsigned.unsigned_abs();
        Everything { signed, unsigned, small, text, flag, list, map, bytes: ByteBuf::from(bytes), letter, nothing: () }
    }
}

fn packed(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack(value, &mut bytes).unwrap();
    bytes
}

proptest! {
    #[test]
    fn what_is_packed_is_what_was_always_written_and_both_are_read(value in everything()) {
        let bytes = packed(&value);
        prop_assert_eq!(&bytes, &rmp_serde::to_vec(&value).unwrap());
        prop_assert_eq!(&unpack::<Everything>(&bytes).unwrap(), &value);
        let named = rmp_serde::to_vec_named(&value).unwrap();
        prop_assert_eq!(&unpack::<Everything>(&named).unwrap(), &value);
        prop_assert!(unpack::<IgnoredAny>(&bytes).is_ok());
    }

    #[test]
    fn what_is_cut_off_or_has_more_after_it_is_refused(value in everything(), at: prop::sample::Index, more: u8) {
        let bytes = packed(&value);
        prop_assert!(unpack::<Everything>(&bytes[..at.index(bytes.len())]).is_err());
        prop_assert!(unpack::<Everything>(&[bytes, vec![more]].concat()).is_err());
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = unpack::<Everything>(&bytes);
        let _ = unpack::<Vec<Variant>>(&bytes);
        let _ = unpack::<IgnoredAny>(&bytes);
    }
}

#[test]
fn what_no_record_has_is_neither_written_nor_read() {
    assert!(pack(&1.5_f64, &mut Vec::new()).is_err());
    assert!(unpack::<f64>(&rmp_serde::to_vec(&1.5_f64).unwrap()).is_err());
    let deep = [vec![mark::ARRAY | 1; 100_000], vec![mark::NIL]].concat();
    assert!(unpack::<IgnoredAny>(&deep).is_ok(), "what is passed over takes no stack");
    assert!(unpack::<Deep>(&deep).is_err());
}

#[test]
fn a_list_with_more_parts_than_it_should_have_is_refused() {
    let bytes = packed(&(1, 2, 3));
    assert!(unpack::<(u8, u8)>(&bytes).is_err());
    assert!(unpack::<(u8, u8, u8, u8)>(&bytes).is_err());
}
