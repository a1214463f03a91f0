//! The records that payments write have their fields in order, without names: each field keeps its place
//! for ever, and records from before that, with names, are still read.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::core::accounts::{FrozenAccount, OpenAccount};
use crate::core::directory::{
    Operator, Organization, OrganizationChange, Status, StatusOfOrganization, Subscriber, change_organization, freeze,
};
use crate::core::ledger::StatementLine;
use crate::core::outcome::KeptOutcome;
use crate::core::testing::{AMINA, PAYBILL, World, account, shortcode};
use crate::core::transaction::Alias;
use crate::core::{AccountKind, ConversationId, CustomerPayment, HandsetParty, Outcome, ResultCode, Transaction};
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

/// What is seen of each record is the same whether all of it was read or not, in both forms.
fn assert_glances<T: Stored, V: DeserializeOwned, P: PartialEq + Debug>(
    world: &World,
    kind: &str,
    whole: fn(&T) -> P,
    part: fn(&V) -> P,
) {
    for record in records(world, Key::of(kind)) {
        let value: T = decode(&record).unwrap();
        let before = [vec![1], rmp_serde::to_vec_named(&value).unwrap()].concat();
        for record in [record.clone(), Record { value: before.into(), ..record }] {
            assert_eq!(whole(&value), part(&decode_as::<T, V>(&record).unwrap()), "{kind}");
        }
    }
}

#[test]
fn who_only_looks_at_a_part_sees_what_is_there() {
    let world = world();
    let closed = OrganizationChange { status: Some(Status::Suspended), ..OrganizationChange::default() };
    let changed = change_organization(&world.core, &world.facts, &shortcode(PAYBILL), closed, world.now).unwrap();
    world.facts.commit(changed.write_set).unwrap();
    let frozen = freeze(&world.facts, &account(AMINA, AccountKind::Working), true).unwrap();
    world.facts.commit(frozen).unwrap();
    assert_glances(&world, "organization", |all: &Organization| all.status, |seen: &StatusOfOrganization| seen.status);
    assert_glances(&world, "account", |all: &OpenAccount| all.frozen, |seen: &FrozenAccount| seen.frozen);
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
