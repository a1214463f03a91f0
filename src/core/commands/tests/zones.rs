//! Days, weeks and months roll where the settings say, also where a day has 23 or 25 hours. In New York
//! summer time of 2023 ended on Sunday, 5 November, and that of 2024 began on Sunday, 10 March, each at two in
//! the night.

use crate::clock::{Day, Timestamp};
use crate::core::catalogue::SHIPPED;
use crate::core::testing::{AMINA, PAYBILL, World, account};
use crate::core::{AccountKind, Catalogue};

const HOUR: u64 = 3_600;

/// A world in New York where subscribers may send 4,000.00 a day, with these limits beside.
fn new_york(limits: &str, moment: i64) -> World {
    let rule = format!("rule = {{ daily_maximum = \"4000\", balance_maximum = \"500000.00\" {limits} }} }},");
    let texts = SHIPPED.iter().map(|(name, text)| {
        let changed =
            text.replace("rule = { daily_maximum = \"500000.00\", balance_maximum = \"500000.00\" } },", &rule);
        ((*name).to_owned(), changed)
    });
    let catalogue = Catalogue::parse(&texts.collect::<Vec<_>>()).unwrap();
    let mut world = World::in_zone("America/New_York", catalogue);
    world.fund(account(AMINA, AccountKind::Working), "100000");
    world.now = Timestamp::from_seconds(moment);
    world
}

/// Amina pays.
fn pays(world: &mut World, amount: &str) -> &'static str {
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, amount);
    world.authorize(&payment).code()
}

#[test]
fn a_day_lasts_from_midnight_to_midnight_of_the_zone_however_many_hours_it_has() {
    // Half past midnight of the day with 25 hours, of the one with 23, and of a usual one.
    for (half_past_midnight, hours) in [(1_699_158_600, 25), (1_710_048_600, 23), (1_705_037_400, 24)] {
        let mut world = new_york("", half_past_midnight);
        assert_eq!(pays(&mut world, "4000"), "0");
        world.pass((hours - 1) * HOUR + HOUR / 2 - 1);
        assert_eq!(pays(&mut world, "1"), "4", "a second before the end of {hours} hours");
        world.pass(1);
        assert_eq!(pays(&mut world, "4000"), "0", "after {hours} hours");
        world.assert_books();
    }
}

#[test]
fn receipts_and_conversations_carry_the_day_of_the_zone() {
    // 23:59:59 of the day with 25 hours, five hours behind UTC again.
    let mut world = new_york("", 1_699_246_799);
    for (day, receipt, date) in [(5, "RK5", "AG_20231105_"), (6, "RK6", "AG_20231106_")] {
        let payment = world.handset("CustomerPayBillOnline", PAYBILL, "10");
        let seen = world.authorize(&payment);
        assert!(payment.conversation.as_str().starts_with(date), "{:?}", payment.conversation);
        assert!(seen.decision.report.receipt.as_str().starts_with(receipt), "{:?}", seen.decision.report.receipt);
        assert_eq!(seen.decision.report.receipt.day(), Day { year: 2023, month: 11, day });
        world.pass(1);
    }
}

#[test]
fn weeks_and_months_end_at_midnight_of_the_zone() {
    // The evening of Saturday, 4 November: the week goes on for the day with 25 hours.
    let mut world = new_york(", weekly_maximum = \"6000\"", 1_699_142_400);
    assert_eq!(pays(&mut world, "4000"), "0");
    world.pass(4 * HOUR);
    assert_eq!(pays(&mut world, "2000"), "0");
    world.pass(25 * HOUR - 1);
    assert_eq!(pays(&mut world, "1"), "2008", "Sunday");
    world.pass(1);
    assert_eq!(pays(&mut world, "1"), "0", "Monday");

    // 29 November, 22:00; the month ends at five in the morning in UTC.
    let mut world = new_york(", monthly_maximum = \"5000\"", 1_701_313_200);
    assert_eq!(pays(&mut world, "4000"), "0");
    world.pass(24 * HOUR);
    assert_eq!(pays(&mut world, "1000"), "0");
    world.pass(2 * HOUR - 1);
    assert_eq!(pays(&mut world, "1"), "2009", "November");
    world.pass(1);
    assert_eq!(pays(&mut world, "1"), "0", "December");
}

#[test]
fn l8_what_is_in_force_changes_at_midnight_of_the_zone() {
    // A payment could be 150,000.00 at most until 7 September 2023, which ended at four in the morning in UTC.
    let mut world = World::in_zone("America/New_York", Catalogue::shipped().unwrap());
    world.fund(account(AMINA, AccountKind::Working), "300000");
    world.now = Timestamp::from_seconds(1_694_145_599);
    assert_eq!(pays(&mut world, "150000.01"), "3");
    world.pass(1);
    assert_eq!(pays(&mut world, "150000.01"), "0");
}
