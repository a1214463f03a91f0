//! The records that payments write have their fields in order, without names: each field keeps its place
//! for ever, and records from before that, with names, are still read.

use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::core::accounts::{FrozenAccount, OpenAccount};
use crate::core::directory::{CustomerRef, Operator, Organization, PersonName, Status, Subscriber};
use crate::core::ledger::StatementLine;
use crate::core::outcome::KeptOutcome;
use crate::core::testing::{AMINA, PAYBILL, World, account};
use crate::core::transaction::Alias;
use crate::core::{
    AccountKind, ConversationId, CustomerPayment, HandsetParty, Msisdn, Outcome, ResultCode, Transaction,
};
use crate::store::{Fields, Key, Part, Read, Record, Stored, WriteSet, decode, decode_as, encode, testing};

/// A world in which Amina paid 1,500.00 to the paybill.
fn world() -> World {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, Some("T-1"), world.now).unwrap();
    world.settle(completed);
    let paid = world.b2c("100");
    world.run(&paid);
    world
}

fn records(world: &World, kind: Key) -> Vec<Record> {
    world.facts.range(&kind.subtree(), usize::MAX).unwrap().into_iter().map(|(_, record)| record).collect()
}

/// All records of a kind read the same when they have been written with names, as format 1 had them.
fn assert_read_from_before<T: Stored + PartialEq + Debug>(world: &World, kind: &str, format: u8) {
    // An older program refuses a newer format.
    assert_eq!((T::FIELDS, T::FORMAT), (Fields::InOrder, format), "{kind}");
    let records = records(world, Key::of(kind));
    assert!(!records.is_empty(), "{kind}");
    for record in records {
        let value: T = decode(&record).unwrap();
        let named = serde_json::to_value(&value).unwrap();
        assert!(named.is_object(), "{named}");
        let before = [vec![1], rmp_serde::to_vec(&named).unwrap()].concat();
        assert!(before.len() > record.value.len(), "{kind} got no shorter");
        assert_eq!(decode::<T>(&Record { value: before.into(), ..record.clone() }), Ok(value));
    }
}

#[test]
fn records_from_before_are_read() {
    let world = world();
    assert_read_from_before::<Transaction>(&world, "transaction", 3);
    assert_read_from_before::<KeptOutcome>(&world, "outcome", 3);
    assert_read_from_before::<Alias>(&world, "session", 2);
    assert_read_from_before::<Alias>(&world, "originator", 2);
    assert_read_from_before::<StatementLine>(&world, "statement", 3);
    assert_read_from_before::<OpenAccount>(&world, "account", 2);
    assert_read_from_before::<Organization>(&world, "organization", 2);
    assert_read_from_before::<Operator>(&world, "operator", 2);
    assert_read_from_before::<Subscriber>(&world, "subscriber", 2);
}

/// A record in the form in which it is kept, and in the one with names of before.
fn both_forms<T: Stored>(value: &T) -> [Record; 2] {
    let before = [vec![1], rmp_serde::to_vec_named(value).unwrap()].concat();
    [encode(value), before].map(|value| Record { version: 1, value: value.into(), captured: Vec::new() })
}

#[test]
fn whether_an_account_is_frozen_is_seen_in_all_its_forms() {
    let account = account(AMINA, AccountKind::Working);
    for frozen in [false, true] {
        let open = OpenAccount { account: account.clone(), opened: Timestamp::from_seconds(7), frozen };
        for record in both_forms(&open) {
            assert_eq!(decode_as::<OpenAccount, FrozenAccount>(&record).unwrap().frozen, frozen);
        }
    }
}

proptest! {
    /// A payment looks at a part of a subscriber's record, which must be what the whole record says.
    #[test]
    fn a_customer_is_the_subscriber_in_all_forms_of_the_record(
        names in [".{0,9}", ".{0,9}", ".{0,9}"],
        registered: bool,
        status in proptest::sample::select(&Status::ALL[..]),
        seconds in 0..2_000_000_000_i64,
    ) {
        let [first, middle, last] = names;
        let (msisdn, created) = (Msisdn::try_from(AMINA.to_owned()).unwrap(), Timestamp::from_seconds(seconds));
        let shown = format!("{first} {last}");
        let subscriber = Subscriber {
            msisdn: msisdn.clone(),
            name: PersonName { first, middle, last },
            registered,
            status,
            created,
        };
        for record in both_forms(&subscriber) {
            let customer = decode_as::<Subscriber, CustomerRef<'_>>(&record).unwrap().known_as(&msisdn);
            prop_assert_eq!((&customer.msisdn, customer.registered, customer.status), (&msisdn, registered, status));
            let shown = if registered { shown.trim() } else { "" };
            prop_assert_eq!(customer.public_name.as_str(), shown);
        }
    }
}

/// A record's fields in the order in which they are kept.
fn fields<T: Stored>(value: &T) -> Value {
    testing::fields(&encode(value))
}

/// A transaction had its entries beside its charges, which was all there twice, in format 2.
#[test]
fn a_transaction_that_still_has_its_entries_is_read() {
    let world = world();
    for record in records(&world, Key::of("transaction")) {
        let value: Transaction = decode(&record).unwrap();
        let Value::Array(mut before) = fields(&value) else { panic!("{value:?}") };
        assert_eq!(before[18], Value::Null);
        before[18] = json!([["Hold", 7, [["sw254722000000", -151_000, 151_000, "Principal"]]]]);
        let before = [vec![2], rmp_serde::to_vec(&before).unwrap()].concat();
        assert_eq!(decode::<Transaction>(&Record { value: before.into(), ..record }), Ok(value));
    }
}

/// A line of a statement had its transaction's command ID in it, in format 2.
#[test]
fn a_line_that_still_has_its_details_is_read() {
    for record in records(&world(), Key::of("statement")) {
        let line: StatementLine = decode(&record).unwrap();
        let Value::Array(mut before) = fields(&line) else { panic!("{line:?}") };
        assert_eq!(before[4], Value::Null);
        before[4] = json!("CustomerPayBillOnline");
        let before = [vec![2], rmp_serde::to_vec(&before).unwrap()].concat();
        assert_eq!(decode::<StatementLine>(&Record { value: before.into(), ..record }), Ok(line));
    }
}

/// The outcome of a conversation repeated what its transaction says, in format 2.
#[test]
fn an_outcome_says_the_same_whether_it_repeats_its_transaction_or_not() {
    let mut world = world();
    let refused = CustomerPayment {
        payer: HandsetParty::Msisdn("254799999999".into()),
        ..world.handset("CustomerPayBillOnline", PAYBILL, "10")
    };
    world.authorize(&refused);
    let declined = world.handset("CustomerPayBillOnline", PAYBILL, "99999999");
    world.authorize(&declined);
    let outcomes = world.facts.range(&Key::of("outcome").subtree(), usize::MAX).unwrap();
    let mut seen = Vec::new();
    for (key, record) in outcomes {
        let Some(Part::Text(conversation)) = key.parts().pop() else { panic!("{key:?}") };
        let conversation = ConversationId::parse(&conversation).unwrap();
        let (outcome, transaction) = Outcome::read(&world.facts, &conversation).unwrap().unwrap();
        assert_eq!(outcome.receipt.is_none(), transaction.is_none());
        let Outcome { receipt, command, origin, initiator_shortcode, code, description, decided, .. } = &outcome;
        let before = (receipt, command, &conversation, origin, initiator_shortcode, code, description, decided);
        let before = [vec![2], rmp_serde::to_vec(&before).unwrap()].concat();
        // Who was refused before there was a transaction has all of it on record still.
        assert_eq!(transaction.is_none(), before.get(1..) == record.value.get(1..));
        let mut write_set = WriteSet::new();
        write_set.put(key, before);
        world.facts.commit(write_set).unwrap();
        assert_eq!(Outcome::read(&world.facts, &conversation).unwrap().unwrap(), (outcome.clone(), transaction));
        seen.push((outcome.code, outcome.receipt.is_none()));
    }
    let kinds = [(ResultCode::Success, false), (ResultCode::AboveMaximum, false), (ResultCode::PrimaryParty, true)];
    assert!(kinds.iter().all(|kind| seen.contains(kind)), "{seen:?}");
}

#[test]
fn each_field_has_its_place() {
    let world = world();
    let transactions = records(&world, Key::of("transaction"));
    let paid = transactions.iter().map(|record| decode::<Transaction>(record).unwrap());
    let paid = paid.into_iter().find(|paid| paid.command == "CustomerPayBillOnline").unwrap();
    let (receipt, conversation) = (paid.receipt.to_string(), paid.conversation.to_string());
    let crate::core::transaction::Origin::Handset { session, .. } = &paid.origin else { panic!("{paid:?}") };
    let now = world.now.micros();
    let label = &paid.charges[0].label;
    assert_eq!(
        fields(&paid),
        json!([
            receipt,
            "CustomerPayBillOnline",
            "Completed",
            "Success",
            "",
            conversation,
            { "Handset": ["ussd", session] },
            null,
            null,
            ["sw254722000000", "Amina Otieno"],
            ["ou600001", "Maji Water"],
            150_000,
            [[label, "sw254722000000", 1_000], [label, "oc600001", 500]],
            "ACC-7",
            "T-1",
            now,
            now,
            null,
            null,
            null,
            null,
        ])
    );
    let outcome = world.facts.record(&Outcome::key(&paid.conversation)).unwrap().unwrap();
    assert_eq!(testing::fields(&outcome.value), json!([receipt]));

    let purse = account(AMINA, AccountKind::Working);
    let line = world.facts.record(&purse.statement().number(2)).unwrap().unwrap();
    let line: StatementLine = decode(&line).unwrap();
    let expected = json!([receipt, now, "Hold", "Principal", null, -151_000, 151_000, [0, 0]]);
    assert_eq!(fields(&line), expected);
    let open: OpenAccount = decode(&world.facts.record(&purse.record()).unwrap().unwrap()).unwrap();
    assert_eq!(fields(&open), json!(["sw254722000000", now, false]));
}
