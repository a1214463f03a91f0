//! Payments between subscribers and with agents, which move at once.

use crate::core::testing::{AGENT, AMINA, PAYBILL, UNKNOWN, World, account, handset_party};
use crate::core::{AccountKind, Draw, HandsetParty, State};
use crate::store::CommitError;

#[test]
fn subscribers_send_money_to_each_other_for_a_charge() {
    let mut world = World::new();
    let payment = world.handset("SendMoney", "0733000000", "1500");
    let seen = world.authorize(&payment);
    assert_eq!(seen.decision.transaction.as_ref().map(|made| made.state), Some(State::Completed));
    // The payee's balance is the payee's affair.
    assert_eq!(seen.parameters, [("Balance".to_owned(), "8477.00".to_owned())]);
    assert_eq!(world.available(UNKNOWN, AccountKind::Working), "1500.00");
    assert_eq!(world.core.overdue(&world.facts, world.now.plus(std::time::Duration::from_secs(600)), 9), Ok(vec![]));
    let receipt = seen.decision.report.receipt;
    assert!(world.core.complete(&world.facts, &receipt, None, world.now).is_err());
    world.assert_books();
}

#[test]
fn cash_comes_in_and_goes_out_through_an_agents_float() {
    let mut world = World::new();
    let mut deposit = world.handset("AgentDeposit", AMINA, "2000");
    deposit.payer = handset_party(AGENT);
    assert_eq!(world.authorize(&deposit).value("Balance"), "18000.00");
    assert_eq!(world.available(AMINA, AccountKind::Working), "12000.00");
    let withdrawal = world.handset("CustomerWithdrawal", AGENT, "2500");
    let seen = world.authorize(&withdrawal);
    assert_eq!(seen.value("Balance"), "9471.00");
    assert_eq!(seen.value("OrgAccountBalance"), "20500.00");
    assert_eq!(world.available(AGENT, AccountKind::Float), "20500.00");
    world.assert_books();
}

#[test]
fn parties_that_cannot_take_part_are_refused() {
    let mut world = World::new();
    let cases = [
        ("SendMoney", AMINA, AMINA, "10", "7"),
        ("SendMoney", AMINA, PAYBILL, "10", "7"),
        ("SendMoney", AMINA, "254799999999", "10", "7"),
        ("SendMoney", AMINA, UNKNOWN, "10000", "1"),
        ("AgentDeposit", PAYBILL, AMINA, "100", "2028"),
        ("AgentDeposit", AMINA, UNKNOWN, "100", "6"),
        ("AgentDeposit", AGENT, AMINA, "49.99", "2"),
        ("AgentDeposit", AGENT, AMINA, "20000.01", "1"),
        ("CustomerWithdrawal", AMINA, PAYBILL, "100", "2028"),
        ("CustomerWithdrawal", AMINA, "699999", "100", "7"),
    ];
    for (command, payer, payee, amount, code) in cases {
        let mut payment = world.handset(command, payee, amount);
        payment.payer = handset_party(payer);
        let seen = world.authorize(&payment);
        assert_eq!(seen.code(), code, "{command} {payer} {payee} {amount}: {}", seen.decision.private);
    }
    assert_eq!(world.available(AMINA, AccountKind::Working), "10000.00");
    world.assert_books();
}

#[test]
fn l2_a_payee_never_holds_more_than_allowed_when_payments_race() {
    let mut world = World::new();
    world.fund(account(UNKNOWN, AccountKind::Working), "495000");
    let payments = [world.handset("SendMoney", UNKNOWN, "5000"), world.handset("SendMoney", UNKNOWN, "1")];
    let decide = |payment, draw| world.core.authorize(&world.facts, payment, world.now, Draw(draw)).unwrap();
    let (one, other) = (decide(&payments[0], 1), decide(&payments[1], 2));
    world.settle(one);
    let (other, error) = *world.attempt(other).unwrap_err();
    assert!(matches!(error, CommitError::Bound { .. }), "{error}");
    assert_eq!(world.core.bounded(&other, &error).unwrap().report.code.as_str(), "8");
    assert_eq!(world.available(UNKNOWN, AccountKind::Working), "500000.00");
    world.assert_books();
}

/// A shortcode of nine digits is a well-formed phone number without its country, and another's.
#[test]
fn a_shortcode_is_never_read_as_a_phone_number_nor_the_other_way_round() {
    let mut world = World::new();
    world.organization("722000000", "Looks like Amina", &["Agent Head Office"], None);
    let mut theft = world.handset("SendMoney", UNKNOWN, "100");
    theft.payer = HandsetParty::Shortcode("722000000".into());
    assert_eq!(world.authorize(&theft).code(), "6");
    let mut astray = world.handset("CustomerWithdrawal", AGENT, "100");
    astray.payee = HandsetParty::Msisdn("722000000".into());
    assert_eq!(world.authorize(&astray).code(), "7");
    world.assert_books();
}
