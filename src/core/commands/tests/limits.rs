//! The limits of days, weeks, months and years, and those of balances.

use crate::core::catalogue::SHIPPED;
use crate::core::limits::Period;
use crate::core::testing::{AMINA, PAYBILL, STRANGER, World, account, party};
use crate::core::{AccountKind, CancelReason, Catalogue};
use crate::store::{CommitError, Read as _};

const DAY: u64 = 86_400;

/// A world in which subscribers have these limits, beside that of a day of 4,000.00.
fn limited(limits: &str) -> World {
    let texts = SHIPPED.iter().map(|(name, text)| {
        let rule = format!("rule = {{ daily_maximum = \"4000\", balance_maximum = \"500000.00\", {limits} }} }},");
        let changed =
            text.replace("rule = { daily_maximum = \"500000.00\", balance_maximum = \"500000.00\" } },", &rule);
        ((*name).to_owned(), changed)
    });
    let mut world = World::under(Catalogue::parse(&texts.collect::<Vec<_>>()).unwrap());
    world.fund(account(AMINA, AccountKind::Working), "100000");
    world
}

/// Amina pays; the code, and the payment completed if it was allowed.
fn pays(world: &mut World, amount: &str) -> String {
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, amount);
    let seen = world.authorize(&payment);
    if seen.code() == "0" {
        let completed = world.core.complete(&world.facts, &seen.decision.report.receipt, None, world.now).unwrap();
        world.settle(completed);
    }
    seen.code().to_owned()
}

#[test]
fn each_period_has_its_limit_its_code_and_its_end() {
    // It is Tuesday, 2023-11-21: days to the next Monday, month and year.
    let periods = [("weekly", "2008", 6), ("monthly", "2009", 10), ("yearly", "2010", 41)];
    for (period, code, days) in periods {
        let mut world = limited(&format!("{period}_maximum = \"6000\""));
        assert_eq!(pays(&mut world, "4000"), "0");
        assert_eq!(pays(&mut world, "1"), "4", "{period}");
        world.pass(DAY);
        assert_eq!(pays(&mut world, "2000.01"), code, "{period}");
        assert_eq!(pays(&mut world, "2000"), "0", "{period}");
        world.pass((days - 2) * DAY + 3_599);
        assert_eq!(pays(&mut world, "1"), code, "{period}");
        world.pass(1);
        assert_eq!(pays(&mut world, "1"), "0", "{period}");
        world.assert_books();
    }
}

#[test]
fn what_is_given_back_counts_in_no_period() {
    let limits = "weekly_maximum = \"3000\", monthly_maximum = \"3000\", yearly_maximum = \"3000\"";
    let mut world = limited(limits);
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "3000");
    let receipt = world.authorize(&payment).decision.report.receipt;
    assert_eq!(pays(&mut world, "1"), "2008");
    let cancelled = world.core.cancel(&world.facts, &receipt, CancelReason::Unreachable, world.now).unwrap();
    world.settle(cancelled);
    assert_eq!(pays(&mut world, "3000"), "0");
}

#[test]
fn l2_a_limit_holds_when_payments_race() {
    let mut world = limited("monthly_maximum = \"3000\"");
    let payments = [
        world.handset("CustomerPayBillOnline", PAYBILL, "2000"),
        world.handset("CustomerPayBillOnline", PAYBILL, "1001"),
    ];
    let decisions = payments.map(|payment| {
        let draw = world.draw();
        world.core.authorize(&world.facts, &payment, world.now, draw).unwrap()
    });
    let [one, other] = decisions;
    world.settle(one);
    let (other, error) = *world.attempt(other).unwrap_err();
    assert!(matches!(error, CommitError::Bound { .. }), "{error}");
    assert_eq!(world.core.bounded(&other, &error).unwrap().report.code.as_str(), "2009");
}

/// A world in which organizations have these limits, too.
fn of_organizations(limits: &str) -> World {
    let texts = SHIPPED.iter().map(|(name, text)| {
        let rule = "rule = { daily_maximum = \"100000000.00\" }";
        let limited = format!("rule = {{ daily_maximum = \"100000000.00\", {limits} }}");
        ((*name).to_owned(), text.replace(rule, &limited))
    });
    World::under(Catalogue::parse(&texts.collect::<Vec<_>>()).unwrap())
}

#[test]
fn an_organization_keeps_its_least_balance_to_the_cent() {
    let mut world = of_organizations("balance_minimum = \"100.00\"");
    for (amount, code) in [("50000.01", "1"), ("49900.01", "5"), ("49900", "0"), ("1", "5")] {
        let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, amount);
        assert_eq!(world.run(&order).code(), code, "{amount}");
    }
    assert_eq!(world.available(PAYBILL, AccountKind::Working), "100.00");
    world.assert_books();
}

#[test]
fn l2_the_least_balance_holds_when_payments_race() {
    let mut world = of_organizations("balance_minimum = \"100.00\"");
    let orders = ["30000", "20000"].map(|amount| world.b2b("BusinessPayBill", PAYBILL, STRANGER, amount));
    let decided = orders.each_ref().map(|order| world.decide(order));
    let codes: Vec<_> =
        orders.iter().zip(decided).map(|(order, decision)| world.carry_out(order, decision).code()).collect();
    assert_eq!(codes, ["0", "5"]);
    world.assert_books();
}

#[test]
fn an_organization_holds_at_most_its_greatest_balance_to_the_cent() {
    let mut world = of_organizations("balance_maximum = \"100000.00\"");
    world.fund(account(STRANGER, AccountKind::Utility), "99000");
    for (amount, code) in [("1000.01", "8"), ("1000", "0"), ("1", "8")] {
        let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, amount);
        assert_eq!(world.run(&order).code(), code, "{amount}");
    }
    world.assert_books();
}

/// Two organizations pay Amina while something of hers is promised. Each amount alone fits.
#[test]
fn l2_what_is_promised_counts_in_the_greatest_balance_when_payments_race() {
    let mut world = World::new();
    world.fund(account(AMINA, AccountKind::Working), "480000");
    world.fund(account(STRANGER, AccountKind::Utility), "20000");
    let bill = world.handset("CustomerPayBillOnline", PAYBILL, "9000");
    world.authorize(&bill);
    let [one, mut other] = [world.b2c("6000"), world.b2c("4000.01")];
    (other.primary, other.initiator.as_mut().unwrap().short_code) = (party(4, STRANGER), Some(STRANGER.into()));
    let decided = [&one, &other].map(|order| world.decide(order));
    let codes: Vec<_> =
        [&one, &other].into_iter().zip(decided).map(|(order, it)| world.carry_out(order, it).code()).collect();
    assert_eq!(codes, ["0", "8"]);
    world.assert_books();
}

#[test]
fn what_was_promised_and_is_no_more_takes_no_room() {
    let mut world = World::new();
    world.fund(account(AMINA, AccountKind::Working), "480000");
    let bill = world.handset("CustomerPayBillOnline", PAYBILL, "9000");
    let receipt = world.authorize(&bill).decision.report.receipt;
    let order = world.b2c("10000");
    let decided = world.decide(&order);
    let cancelled = world.core.cancel(&world.facts, &receipt, CancelReason::Unreachable, world.now).unwrap();
    world.settle(cancelled);
    assert_eq!(world.carry_out(&order, decided).code(), "0");
    assert_eq!(world.available(AMINA, AccountKind::Working), "500000.00");
    world.assert_books();
}

/// It was promised before midnight, and is given back after it.
#[test]
fn what_is_given_back_counts_back_on_its_own_day() {
    let mut world = limited("weekly_maximum = \"6000\"");
    let bill = world.handset("CustomerPayBillOnline", PAYBILL, "4000");
    let receipt = world.authorize(&bill).decision.report.receipt;
    world.pass(3_600);
    assert_eq!(pays(&mut world, "2000"), "0");
    let cancelled = world.core.cancel(&world.facts, &receipt, CancelReason::Expired, world.now).unwrap();
    world.settle(cancelled);
    assert_eq!(pays(&mut world, "2000.01"), "4", "the new day's has not changed");
    assert_eq!(pays(&mut world, "2000"), "0");
    let purse = account(AMINA, AccountKind::Working);
    let sent = |at| Period::Day.sent(&purse.holder, world.core.zone().day(at));
    let counters = [bill.received, world.now].map(|at| world.facts.counter(&sent(at)).unwrap());
    assert_eq!(counters, [0, 400_000]);
    world.assert_books();
}

/// What is above the least balance is settled, and what would not fit is not.
#[test]
fn a_settlement_keeps_to_the_least_and_the_greatest_balance_to_the_cent() {
    let settled = |limits: &str, income: &str| {
        let mut world = of_organizations(limits);
        world.fund(account(PAYBILL, AccountKind::Utility), income);
        let order = world.order("OrgRevenueSettlement", PAYBILL);
        // Committed at once, or nothing would ever come of it.
        let seen = world.run(&order);
        world.assert_books();
        let left = [AccountKind::Utility, AccountKind::Working].map(|kind| world.available(PAYBILL, kind));
        (seen.code(), left)
    };
    let least = "balance_minimum = \"100.00\"";
    assert_eq!(settled(least, "250"), ("0", ["100.00", "50150.00"].map(str::to_owned)));
    assert_eq!(settled(least, "99.99"), ("0", ["99.99", "50000.00"].map(str::to_owned)));
    let greatest = "balance_maximum = \"100000.00\"";
    assert_eq!(settled(greatest, "50000"), ("0", ["0.00", "100000.00"].map(str::to_owned)));
    assert_eq!(settled(greatest, "50000.01"), ("8", ["50000.01", "50000.00"].map(str::to_owned)));
}
