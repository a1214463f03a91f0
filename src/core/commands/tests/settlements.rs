//! An organization's own funds: settlement and withdrawal; and the check of an identity.

use crate::core::testing::{AMINA, BULK, PAYBILL, STORE, STRANGER, TILL, UNKNOWN, World, account, party};
use crate::core::{Account, AccountKind, Order};

/// The paybill has 1,500.00 of income, and owes 5.00.
fn earned(world: &mut World) {
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
}

fn withdrawal(world: &mut World, amount: &str) -> Order {
    let mut order = world.order("OrgBankAccountWithdrawal", PAYBILL);
    order.parameters = vec![("Amount".into(), amount.into())];
    order
}

#[test]
fn a_settlement_pays_the_debt_and_sweeps_the_rest() {
    let mut world = World::new();
    earned(&mut world);
    let order = world.order("OrgRevenueSettlement", PAYBILL);
    let seen = world.run(&order);
    let funds = "Utility Account|Organization Settlement Account|KES|1500.00&\
                 Organization Settlement Account|Charges Paid Account|KES|5.00&\
                 Organization Settlement Account|Working Account|KES|1495.00";
    let after = "Utility Account|KES|0.00|0.00|0.00|0.00&Charges Paid Account|KES|0.00|0.00|0.00|0.00&\
                 Working Account|KES|51495.00|51495.00|0.00|0.00";
    let expected = [
        ("FundsMovement", funds),
        ("AccountBalanceAfterSettlement", after),
        ("BOCompletedTime", "20231121230000"),
        ("SettlementPlanID", "1"),
    ];
    assert_eq!(seen.parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(world.available(PAYBILL, AccountKind::OrganizationSettlement), "0.00");
    world.assert_books();
}

#[test]
fn a_debt_above_the_income_stays_in_part_and_nothing_settles_to_nothing() {
    let mut world = World::new();
    for amount in ["1500", "1600"] {
        let order = world.b2c(amount);
        world.run(&order);
    }
    let utility = account(BULK, AccountKind::Utility).balance(&world.facts).unwrap().available;
    let away = world.b2b("BusinessTransferFromUtilityToMMF", BULK, BULK, &format!("{}", utility / 100 - 6));
    assert_eq!(world.run(&away).code(), "0");
    let order = world.order("OrgRevenueSettlement", BULK);
    assert_eq!(world.run(&order).code(), "0");
    assert_eq!(world.available(BULK, AccountKind::ChargesPaid), "-8.00");
    assert_eq!(world.available(BULK, AccountKind::Utility), "0.00");
    let again = world.order("OrgRevenueSettlement", BULK);
    assert_eq!(world.run(&again).value("FundsMovement"), "");
    world.assert_books();
}

#[test]
fn a_settlement_that_others_outran_is_decided_again() {
    let mut world = World::new();
    earned(&mut world);
    let order = world.order("OrgRevenueSettlement", PAYBILL);
    let late = world.decide(&order);
    let away = world.b2b("BusinessTransferFromUtilityToMMF", PAYBILL, PAYBILL, "1400");
    assert_eq!(world.run(&away).code(), "0");
    assert_eq!(world.carry_out(&order, late).code(), "0");
    assert_eq!(world.available(PAYBILL, AccountKind::Working), "51495.00");
    world.assert_books();
}

#[test]
fn s1_an_organization_settles_itself_alone() {
    let mut world = World::new();
    let mut other = world.order("OrgRevenueSettlement", PAYBILL);
    other.receiver = party(4, STORE);
    assert_eq!(world.run(&other).code(), "7");
    let mut foreign = world.order("OrgRevenueSettlement", STRANGER);
    foreign.primary = party(4, PAYBILL);
    assert_eq!(world.run(&foreign).code(), "2043");
    let till = world.order("OrgRevenueSettlement", TILL);
    assert_eq!(world.run(&till).code(), "2028");
}

#[test]
fn a_withdrawal_leaves_through_the_trust_account() {
    let mut world = World::new();
    let trust = || Account::of_provider(AccountKind::Trust);
    let before = trust().balance(&world.facts).unwrap().available;
    let order = withdrawal(&mut world, "20000");
    let seen = world.run(&order);
    let expected = [
        ("Amount", "20000.00"),
        ("DebitPartyCharges", ""),
        ("TransCompletedTime", "20231121230000"),
        ("DebitPartyAffectedAccountBalance", "Working Account|KES|30000.00|30000.00|0.00|0.00"),
    ];
    assert_eq!(seen.parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(trust().balance(&world.facts).unwrap().available - before, 2_000_000);
    let more = withdrawal(&mut world, "30000.01");
    assert_eq!(world.run(&more).code(), "1");
    world.assert_books();
}

#[test]
fn an_identity_is_told_as_a_payment_would_tell_it() {
    let mut world = World::new();
    for (number, registered, name) in
        [("0722000000", "Y", "254722000000 - Amina Otieno"), (UNKNOWN, "N", "254733000000 - ")]
    {
        let mut order = world.order("CheckIdentity", BULK);
        order.receiver = party(1, number);
        let seen = world.run(&order);
        assert_eq!(seen.value("B2CRecipientIsRegisteredCustomer"), registered);
        assert_eq!(seen.value("ReceiverPartyPublicName"), name);
        assert!(seen.decision.report.receipt.is_none());
    }
    let mut nobody = world.order("CheckIdentity", BULK);
    nobody.receiver = party(1, "254799999999");
    assert_eq!(world.run(&nobody).code(), "7");
    let mut not_granted = world.order("CheckIdentity", PAYBILL);
    not_granted.receiver = party(1, AMINA);
    assert_eq!(world.run(&not_granted).code(), "2028");
}

#[test]
fn a_head_office_that_is_named_is_above_the_organization() {
    let mut world = World::new();
    world.fund(account(STORE, AccountKind::Working), "500");
    for (named, code) in [(STORE, "0"), (PAYBILL, "0"), (STRANGER, "6"), ("99999", "6"), ("Y", "0")] {
        for command in ["OrgRevenueSettlement", "OrgBankAccountWithdrawal"] {
            let mut order = world.order(command, STORE);
            order.parameters = vec![("Amount".into(), "10".into()), ("HeadOffice".into(), named.into())];
            assert_eq!(world.run(&order).code(), code, "{command} {named}");
        }
    }
    world.assert_books();
}
