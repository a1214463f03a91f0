//! Subscribers' payments: reserved, then moved or given back.

use super::street::put;
use crate::core::catalogue::SHIPPED;
use crate::core::directory::{self, NewOrganization, Status};
use crate::core::limits::Period;
use crate::core::testing::{AMINA, BULK, PAYBILL, STRANGER, TILL, World, handset_party, shortcode};
use crate::core::{
    AccountKind, CancelReason, Catalogue, Credential, HandsetParty, Held, Outcome, Receipt, SettleError, State,
    Transaction,
};
use crate::store::{CommitError, Read as _, decode};

fn authorized(world: &mut World, to: &str, amount: &str) -> Receipt {
    let command = if to == TILL { "CustomerBuyGoodsOnline" } else { "CustomerPayBillOnline" };
    let payment = world.handset(command, to, amount);
    let seen = world.authorize(&payment);
    assert_eq!(seen.code(), "0", "{}", seen.decision.private);
    seen.decision.report.receipt
}

#[test]
fn a_payment_to_a_paybill_is_reserved_with_its_charge_and_then_shared() {
    let mut world = World::new();
    let receipt = authorized(&mut world, PAYBILL, "1500");
    assert_eq!(world.balance(AMINA, AccountKind::Working), ("8490.00".into(), "1510.00".into()));
    world.assert_books();
    let completed = world.core.complete(&world.facts, &receipt, Some("T-1"), world.now).unwrap();
    let seen = world.settle(completed);
    assert_eq!(seen.value("OrgAccountBalance"), "1500.00");
    assert_eq!(seen.value("Balance"), "8490.00");
    assert_eq!(world.balance(AMINA, AccountKind::Working), ("8490.00".into(), "0.00".into()));
    assert_eq!(world.available(PAYBILL, AccountKind::ChargesPaid), "-5.00");
    let transaction = seen.decision.transaction.unwrap();
    assert_eq!(transaction.state, State::Completed);
    assert_eq!(transaction.third_party_trans_id.as_deref(), Some("T-1"));
    assert_eq!(transaction.account_reference.as_deref(), Some("ACC-7"));
    world.assert_books();
}

#[test]
fn an_organizations_own_tariff_takes_the_place_of_the_usual_one() {
    let mut world = World::new();
    let new = NewOrganization {
        shortcode: shortcode("620000"),
        name: "All inclusive".into(),
        products: vec!["Paybill Head Office".into()],
        parent: None,
        validation: true,
        tariff: Some("customer-bouquet".into()),
    };
    let write_set = directory::create_organization(&world.core, &world.facts, new, world.now).unwrap();
    world.facts.commit(write_set).unwrap();
    let receipt = authorized(&mut world, "620000", "1500");
    assert_eq!(world.balance(AMINA, AccountKind::Working), ("8500.00".into(), "1500.00".into()));
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    assert_eq!(world.available("620000", AccountKind::ChargesPaid), "-15.00");
    world.assert_books();
}

#[test]
fn a_payment_to_a_till_goes_to_its_merchant_account() {
    let mut world = World::new();
    let receipt = authorized(&mut world, TILL, "250.50");
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    assert_eq!(world.available(TILL, AccountKind::Merchant), "250.50");
    assert_eq!(world.available(AMINA, AccountKind::Working), "9749.50");
    world.assert_books();
}

#[test]
fn what_was_closed_meanwhile_is_not_paid_and_the_payer_has_it_back() {
    for (status, code, after) in [(Status::Suspended, "0", "9750.00"), (Status::Closed, "14", "10000.00")] {
        let mut world = World::new();
        let receipt = authorized(&mut world, TILL, "250");
        // Decided before the change of state, and too late to be committed.
        let early = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
        put(&mut world, TILL, status).unwrap();
        let raced = world.facts.commit(early.write_set);
        assert!(matches!(raced, Err(CommitError::Expectation(_))), "{raced:?}");
        let ended = match world.core.complete(&world.facts, &receipt, None, world.now) {
            Err(SettleError::PayeeClosed(_)) => {
                world.core.cancel(&world.facts, &receipt, CancelReason::PayeeClosed, world.now)
            }
            decided => decided,
        };
        assert_eq!(world.settle(ended.unwrap()).code(), code, "{status:?}");
        assert_eq!(world.balance(AMINA, AccountKind::Working), (after.into(), "0.00".into()));
        world.assert_books();
    }
}

#[test]
fn l3_what_was_at_hand_when_it_was_written_ends_once_as_well() {
    let mut world = World::new();
    let receipt = authorized(&mut world, PAYBILL, "1000");
    let record = world.facts.record(&Transaction::key(&receipt)).unwrap().unwrap();
    let held = Held::Written(Box::new(decode(&record).unwrap()), record.version);
    let complete = world.core.complete(&world.facts, held.clone(), None, world.now).unwrap();
    let same = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    assert_eq!(complete.write_set, same.write_set, "read or at hand, it is the same decision");
    let cancel = world.core.cancel(&world.facts, held.clone(), CancelReason::Unreachable, world.now).unwrap();
    let late = Held::Written(Box::new(*complete.transaction.clone().unwrap()), record.version);
    world.settle(complete);
    for stale in [cancel, world.core.complete(&world.facts, held, None, world.now).unwrap()] {
        let raced = world.facts.commit(stale.write_set);
        assert!(matches!(raced, Err(CommitError::Expectation(_))), "{raced:?}");
    }
    let ended = SettleError::Ended { receipt, state: State::Completed };
    assert_eq!(world.core.complete(&world.facts, late, None, world.now).unwrap_err(), ended);
    world.assert_books();
}

#[test]
fn l3_a_reservation_ends_exactly_once() {
    let mut world = World::new();
    let receipt = authorized(&mut world, PAYBILL, "1000");
    let complete = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    let cancel = world.core.cancel(&world.facts, &receipt, CancelReason::Unreachable, world.now).unwrap();
    world.settle(complete);
    let raced = world.facts.commit(cancel.write_set);
    assert!(matches!(raced, Err(CommitError::Expectation(_))), "{raced:?}");
    let ended = SettleError::Ended { receipt, state: State::Completed };
    assert_eq!(world.core.complete(&world.facts, &receipt, None, world.now).unwrap_err(), ended);
    let again = world.core.cancel(&world.facts, &receipt, CancelReason::Expired, world.now);
    assert_eq!(again.unwrap_err(), ended);
    let unknown = Receipt::parse("RKL5ABCDEF").unwrap();
    let nobodys = world.core.complete(&world.facts, &unknown, None, world.now);
    assert_eq!(nobodys.unwrap_err(), SettleError::Unknown(unknown));
    world.assert_books();
}

#[test]
fn what_is_cancelled_goes_back_with_its_charge_and_its_part_of_the_day() {
    let mut world = World::new();
    for why in [
        CancelReason::Refused { code: "C2B00012".into(), description: "Invalid Account number".into() },
        CancelReason::Unreachable,
    ] {
        let receipt = authorized(&mut world, PAYBILL, "9000");
        let cancelled = world.core.cancel(&world.facts, &receipt, why, world.now).unwrap();
        assert_eq!(world.settle(cancelled).decision.transaction.unwrap().state, State::Cancelled);
        assert_eq!(world.balance(AMINA, AccountKind::Working), ("10000.00".into(), "0.00".into()));
    }
    world.assert_books();
    let holder = crate::core::testing::account(AMINA, AccountKind::Working).holder;
    for period in Period::ALL {
        let sent = period.sent(&holder, world.core.zone().day(world.now));
        assert_eq!(world.facts.counter(&sent), Ok(0), "{period:?}");
    }
}

#[test]
fn a_reservation_that_runs_out_is_found_and_given_back_even_above_the_limits_of_the_day() {
    let mut world = World::new();
    let receipt = authorized(&mut world, PAYBILL, "9000");
    world.pass(59);
    assert_eq!(world.core.overdue(&world.facts, world.now, 10).unwrap(), []);
    world.pass(1);
    assert_eq!(world.core.overdue(&world.facts, world.now, 10).unwrap(), [receipt]);
    let late = world.core.complete(&world.facts, &receipt, None, world.now);
    assert_eq!(late.unwrap_err(), SettleError::Overdue(receipt));
    // Meanwhile the account was filled to its limit: the reserved funds must get back all the same.
    world.fund(crate::core::testing::account(BULK, AccountKind::Utility), "900000");
    for amount in ["250000", "240000"] {
        let order = world.b2c(amount);
        assert_eq!(world.run(&order).code(), "0");
    }
    let expired = world.core.cancel(&world.facts, &receipt, CancelReason::Expired, world.now).unwrap();
    assert_eq!(world.settle(expired).decision.transaction.unwrap().state, State::Expired);
    assert_eq!(world.core.overdue(&world.facts, world.now, 10).unwrap(), []);
    world.assert_books();
}

type Change = fn(&mut crate::core::CustomerPayment);

#[test]
fn each_wrong_thing_has_its_code() {
    let mut world = World::new();
    let base = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    let cases: [(&str, Change); 11] = [
        ("1002", |payment| payment.command = "BusinessPayment".into()),
        ("6", |payment| payment.payer = handset_party("254799999999")),
        ("6", |payment| payment.payer = HandsetParty::Msisdn("nobody".into())),
        ("7", |payment| payment.payee = handset_party("99999")),
        ("2028", |payment| payment.payee = handset_party(BULK)),
        ("2028", |payment| payment.payee = handset_party(TILL)),
        ("24", |payment| payment.account_reference = None),
        ("2020", |payment| payment.amount = "1,000".into()),
        ("2", |payment| payment.amount = "0.99".into()),
        ("3", |payment| payment.amount = "250000.01".into()),
        // Amina has 10,000.00, and the charge is 18.00.
        ("1", |payment| payment.amount = "9982.01".into()),
    ];
    for (code, change) in cases {
        let mut payment = base.clone();
        let fresh = world.handset("", PAYBILL, "");
        (payment.conversation, payment.session) = (fresh.conversation, fresh.session);
        change(&mut payment);
        assert_eq!(world.authorize(&payment).code(), code, "{payment:?}");
    }
    authorized(&mut world, PAYBILL, "9982");
    world.assert_books();
}

#[test]
fn one_session_is_one_payment() {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let (outcome, transaction) = Outcome::read(&world.facts, &payment.conversation).unwrap().unwrap();
    assert_eq!((outcome.receipt, transaction.unwrap().state), (receipt, State::Authorized));
    let mut again = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    again.session = payment.session.clone();
    assert_eq!(world.authorize(&again).code(), "15");
    let mut other = world.handset("CustomerPayBillOnline", PAYBILL, "100");
    other.conversation = payment.conversation;
    assert_eq!(world.authorize(&other).code(), "15", "our own name for a conversation is used once, too");
    assert_eq!(world.balance(AMINA, AccountKind::Working).1, "100.00");
}

#[test]
fn a_days_limit_holds_to_the_cent_and_ends_with_the_day() {
    let mut world = World::new();
    world.fund(crate::core::testing::account(AMINA, AccountKind::Working), "490000");
    world.fund(crate::core::testing::account(BULK, AccountKind::Utility), "900000");
    for amount in ["250000", "200000"] {
        let receipt = authorized(&mut world, TILL, amount);
        let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
        world.settle(completed);
    }
    let order = world.b2c("100000");
    let draw = world.draw();
    let refill = world.core.execute(&world.facts, &order, Credential::Verified, world.now, draw).unwrap();
    world.settle(refill);
    let over = world.handset("CustomerPayBillOnline", STRANGER, "50000.01");
    assert_eq!(world.authorize(&over).code(), "4");
    authorized(&mut world, STRANGER, "50000");
    world.pass(3_600);
    authorized(&mut world, STRANGER, "50000.01");
    world.assert_books();
}

#[test]
fn l8_what_begins_before_a_change_of_prices_ends_by_the_prices_of_its_beginning() {
    let texts = SHIPPED.iter().map(|(name, text)| {
        let dearer = "\n[[tariff.versions]]\nfrom = 2023-11-22\nrule = [\n  { above = \"0\", up_to = \"250000\", \
                      customer = \"50\", business = \"60\" },\n]\n\n# Paybill, Business Bouquet";
        ((*name).to_owned(), text.replace("\n# Paybill, Business Bouquet", dearer))
    });
    let mut world = World::under(Catalogue::parse(&texts.collect::<Vec<_>>()).unwrap());
    world.pass(3_599);
    let before = authorized(&mut world, PAYBILL, "1500");
    world.pass(1);
    let completed = world.core.complete(&world.facts, &before, None, world.now).unwrap();
    world.settle(completed);
    assert_eq!(world.available(AMINA, AccountKind::Working), "8490.00");
    assert_eq!(world.available(PAYBILL, AccountKind::ChargesPaid), "-5.00");
    authorized(&mut world, PAYBILL, "1500");
    assert_eq!(world.balance(AMINA, AccountKind::Working), ("6940.00".into(), "1550.00".into()));
    world.assert_books();
}
