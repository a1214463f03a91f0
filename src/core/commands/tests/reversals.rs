//! TransactionReversal: by the payee, once, and not above the original (L7).

use crate::core::catalogue::SHIPPED;
use crate::core::testing::{AMINA, PAYBILL, STORE, STRANGER, World};
use crate::core::{AccountKind, Amount, Catalogue, Receipt, State, Transaction};
use crate::store::{CommitError, Read as _, decode};

/// Amina pays 1,500.00 to the paybill; 10.00 on top is her charge, 5.00 the paybill's.
fn paid(world: &mut World) -> Receipt {
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    receipt
}

fn transaction(world: &World, receipt: &Receipt) -> Transaction {
    decode(&world.facts.record(&Transaction::key(receipt)).unwrap().unwrap()).unwrap()
}

#[test]
fn the_payee_gives_a_payment_back_and_charges_stay() {
    let mut world = World::new();
    let original = paid(&mut world);
    let order = world.reversal(PAYBILL, &original);
    let seen = world.run(&order);
    assert_eq!((seen.code(), seen.parameters.as_slice()), ("0", [].as_slice()));
    assert_eq!(world.available(AMINA, AccountKind::Working), "9990.00");
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "0.00");
    assert_eq!(world.available(PAYBILL, AccountKind::ChargesPaid), "-5.00");
    let reversal = seen.decision.report.receipt;
    assert_ne!(reversal, original);
    assert_eq!(transaction(&world, &original).reversed_by, Some(reversal));
    assert_eq!(transaction(&world, &reversal).reverses, Some(original));
    world.assert_books();
}

#[test]
fn l7_a_payment_is_given_back_once_whole_or_in_part() {
    let mut world = World::new();
    let original = paid(&mut world);
    let mut part = world.reversal(PAYBILL, &original);
    part.parameters.push(("Amount".into(), "500".into()));
    assert_eq!(world.run(&part).code(), "0");
    assert_eq!(world.available(AMINA, AccountKind::Working), "8990.00");
    let again = world.reversal(PAYBILL, &original);
    let again = world.run(&again);
    assert_eq!(
        (again.code(), &*again.decision.report.description),
        ("R000001", "The transaction has already been reversed.")
    );
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "1000.00");
    world.assert_books();
}

#[test]
fn l7_of_two_reversals_that_race_one_moves_money() {
    let mut world = World::new();
    let original = paid(&mut world);
    let orders = [world.reversal(PAYBILL, &original), world.reversal(PAYBILL, &original)];
    let [one, other] = orders.each_ref().map(|order| world.decide(order));
    world.settle(one);
    let (other, error) = *world.attempt(other).unwrap_err();
    assert!(matches!(error, CommitError::Expectation(_)), "{error}");
    assert_eq!(other.report.code.as_str(), "0");
    assert_eq!(world.run(&orders[1]).code(), "R000001");
    assert_eq!(world.available(AMINA, AccountKind::Working), "9990.00");
    world.assert_books();
}

#[test]
fn l7_no_more_is_given_back_than_was_paid() {
    let mut world = World::new();
    let original = paid(&mut world);
    for (amount, code) in [("1500.01", "3"), ("0", "2020"), ("-1", "2020"), ("1500.00", "0")] {
        let mut order = world.reversal(PAYBILL, &original);
        order.parameters.push(("Amount".into(), amount.into()));
        assert_eq!(world.run(&order).code(), code, "{amount}");
    }
    world.assert_books();
}

#[test]
fn s1_only_the_payee_or_who_stands_above_it_gives_back() {
    let mut world = World::new();
    let original = paid(&mut world);
    for home in [STRANGER, STORE] {
        let order = world.reversal(home, &original);
        let seen = world.run(&order);
        assert_eq!(
            (seen.code(), &*seen.decision.report.description),
            ("R000002", "The OriginalTransactionID is invalid.")
        );
    }
    let payment = world.handset("CustomerPayBillOnline", STORE, "100");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    let by_head_office = world.reversal(PAYBILL, &receipt);
    assert_eq!(world.run(&by_head_office).code(), "0");
    world.assert_books();
}

#[test]
fn what_is_no_finished_payment_to_the_organization_is_an_invalid_original() {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    let reserved = world.authorize(&payment).decision.report.receipt;
    let out = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
    let out = world.run(&out).decision.report.receipt;
    let back = world.reversal(STRANGER, &out);
    let back = world.run(&back).decision.report.receipt;
    let unknown = Receipt::parse("RKL5ABCDEF").unwrap();
    for (what, receipt) in [("reserved", reserved), ("paid out", out), ("a reversal", back), ("unknown", unknown)] {
        let order = world.reversal(PAYBILL, &receipt);
        assert_eq!(world.run(&order).code(), "R000002", "{what}");
    }
    let mut missing = world.reversal(PAYBILL, &reserved);
    missing.parameters.clear();
    assert_eq!(world.run(&missing).code(), "24");
    world.assert_books();
}

#[test]
fn l7_no_catalogue_lets_a_reversal_be_given_back() {
    let files = SHIPPED.iter().map(|(name, text)| {
        let of = "of = [\n  \"CustomerPayBillOnline\",";
        ((*name).to_owned(), text.replace(of, &format!("{of} \"TransactionReversal\",")))
    });
    let errors = Catalogue::parse(&files.collect::<Vec<_>>()).unwrap_err();
    let said: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
    assert_eq!(
        said,
        ["TransactionReversal is to give back TransactionReversal, which is no payment; remove it from `of`"]
    );
}

#[test]
fn a_reversal_needs_available_funds_and_room_for_them() {
    let mut world = World::new();
    let original = paid(&mut world);
    let away = world.b2b("BusinessTransferFromUtilityToMMF", PAYBILL, PAYBILL, "1");
    assert_eq!(world.run(&away).code(), "0");
    let order = world.reversal(PAYBILL, &original);
    let seen = world.run(&order);
    assert_eq!(seen.code(), "1");
    assert_eq!(seen.decision.transaction.as_ref().map(|made| made.state), Some(State::Declined));
    assert_eq!(transaction(&world, &original).reversed_by, None);
    let mut rest = world.reversal(PAYBILL, &original);
    rest.parameters.push(("Amount".into(), "1499".into()));
    world.fund(crate::core::testing::account(AMINA, AccountKind::Working), "491000");
    assert_eq!(world.run(&rest).code(), "8");
    assert_eq!(seen.decision.transaction.unwrap().amount, Amount::from_minor(150_000));
    world.assert_books();
}
