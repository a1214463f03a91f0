//! Tolerances: what they make fit, what they note, and what they leave as wrong as it is.

use super::*;
use crate::soap::{Mechanism, Rules};

fn tolerated(schema: &Schema, rules: &Rules, document: &str) -> (Result<String, Violation>, Vec<&'static str>) {
    let normal = Normalization::new(rules, rules.all());
    let result = run(schema, document, &normal);
    (result, normal.used())
}

/// With the tolerance, the document is accepted and the tolerance noted; without, it is refused.
/// And a document that fits does not use it.
fn tolerance(mechanism: Mechanism, schema: &Schema, fits: &str, sent: &str, seen: &str) {
    let mut rules = Rules::new();
    assert!(rules.add("it", mechanism));
    let (result, used) = tolerated(schema, &rules, sent);
    assert_eq!(result.as_deref(), Ok(seen));
    assert_eq!(used, ["it"]);
    assert!(run(schema, sent, &Normalization::strict()).is_err(), "{sent} was accepted without it");
    let (result, used) = tolerated(schema, &rules, fits);
    assert_eq!((result.is_ok(), used.as_slice()), (true, [].as_slice()));
}

fn two() -> Schema {
    complex(
        "<xs:sequence><xs:element name='b' type='xs:int'/><xs:element name='c' type='xs:string' minOccurs='0'/></xs:sequence>",
    )
}

const FITS: &str = "<a xmlns='urn:t'><b>1</b><c/></a>";

#[test]
fn tolerances_make_fit_and_are_noted() {
    let t = |mechanism, sent, seen| tolerance(mechanism, &two(), FITS, sent, seen);
    t(Mechanism::RenameElement { from: "A", to: "a" }, "<A xmlns='urn:t'><b>1</b></A>", "<a<b@1:21>1/b>/a");
    t(Mechanism::RenameElement { from: "bb", to: "b" }, "<a xmlns='urn:t'><bb>1</bb></a>", "<a<b@1:22>1/b>/a");
    t(Mechanism::MapNamespace { from: "urn:o", to: "urn:t" }, "<a xmlns='urn:o'><b>1</b></a>", "<a<b@1:21>1/b>/a");
    t(Mechanism::AnyNamespace { elements: &[] }, "<a><b xmlns='urn:x'>1</b></a>", "<a<b@1:21>1/b>/a");
    t(Mechanism::AnyNamespace { elements: &["b"] }, "<a xmlns='urn:t'><b xmlns=''>1</b></a>", "<a<b@1:30>1/b>/a");
    t(Mechanism::UnqualifiedChildren, "<x:a xmlns:x='urn:t'><b>1</b></x:a>", "<a<b@1:25>1/b>/a");
    t(Mechanism::AnyOrder, "<a xmlns='urn:t'><c/><b>1</b></a>", "<a<c>/c<b@1:25>1/b>/a");
    t(Mechanism::IgnoreUnknownElements, "<a xmlns='urn:t'><z><b>x</b></z><b>1<z/></b></a>", "<a<b@1:36>1/b>/a");
    t(Mechanism::IgnoreUnknownAttributes, "<a xmlns='urn:t' z='1'><b>1</b></a>", "<a<b@1:27>1/b>/a");
    t(Mechanism::IgnoreStrayText, "<a xmlns='urn:t'>x<b>1</b></a>", "<a<b@1:22>1/b>/a");
    t(Mechanism::TrimValues, "<a xmlns='urn:t'><b>\u{A0}1 </b></a>", "<a<b@1:21>1/b>/a");
    t(
        Mechanism::EncodingLabel,
        "<?xml version='1.0' encoding='UTF8'?><a xmlns='urn:t'><b>1</b></a>",
        "<a<b@1:58>1/b>/a",
    );
    t(Mechanism::RootLeftOpen, "<a xmlns='urn:t'><b>1</b>\n", "<a<b@1:21>1/b>/a");
    t(
        Mechanism::IgnoreTypeAttributes,
        "<a xmlns='urn:t'><b xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:type='string'>1</b></a>",
        "<a<b@1:89>1/b>/a",
    );
}

#[test]
fn tolerances_do_not_let_through_what_is_wrong_otherwise() {
    let mut rules = Rules::new();
    for mechanism in
        [Mechanism::AnyOrder, Mechanism::IgnoreUnknownElements, Mechanism::IgnoreStrayText, Mechanism::TrimValues]
    {
        assert!(rules.add("all", mechanism));
    }
    for wrong in ["<c/>", "<b>1</b><b>2</b>", "<b>x</b>", "<c/><b>1</b><c/>", "<z/>"] {
        let (result, _) = tolerated(&two(), &rules, &format!("<a xmlns='urn:t'>{wrong}</a>"));
        assert!(result.is_err(), "{wrong}");
    }
}

#[test]
fn a_rename_does_not_hide_the_element_that_is_declared() {
    let mut rules = Rules::new();
    assert!(rules.add("it", Mechanism::RenameElement { from: "bb", to: "b" }));
    let (result, used) = tolerated(&two(), &rules, "<a xmlns='urn:t'><b>1</b><bb>2</bb></a>");
    assert!(result.is_err(), "{used:?}");
    assert!(rules.add("ignore", Mechanism::IgnoreUnknownElements));
    let (result, used) = tolerated(&two(), &rules, "<a xmlns='urn:t'><b>1</b><bb>2</bb></a>");
    assert!(result.is_err(), "{used:?}");
}

proptest! {
    #[test]
    fn mutated_documents_never_panic(edits in proptest::collection::vec((0_usize..200, any::<u8>(), 0_u8..3), 1..5)) {
        let schema = two();
        let mut rules = Rules::new();
        for mechanism in [
            Mechanism::RenameElement { from: "d", to: "b" }, Mechanism::AnyNamespace { elements: &[] }, Mechanism::AnyOrder,
            Mechanism::IgnoreUnknownElements, Mechanism::IgnoreUnknownAttributes, Mechanism::IgnoreStrayText,
            Mechanism::TrimValues, Mechanism::EncodingLabel, Mechanism::RootLeftOpen, Mechanism::IgnoreTypeAttributes,
        ] {
            rules.add("all", mechanism);
        }
        let document = "<?xml version='1.0'?><a xmlns='urn:t' xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>\
                        <c>x<![CDATA[y]]></c><d i:nil='false'> 1 </d><e/></a>";
        let mut input = document.as_bytes().to_vec();
        for (at, byte, kind) in edits {
            let at = at % input.len();
            match kind {
                0 => input[at] = byte,
                1 => { input.remove(at); }
                _ => input.insert(at, byte),
            }
        }
        let limits = Limits::default();
        for set in [rules.all(), rules.none()] {
            let normal = Normalization::new(&rules, set);
            if let Ok(mut reader) = Reader::with(&input, &limits, normal.reader_options(Position::START)) {
                let _ = validate(&schema, &mut reader, Root::AnyGlobal, &normal, &mut Seen::default());
            }
        }
    }
}
