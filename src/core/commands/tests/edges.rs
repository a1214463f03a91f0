//! Where numbers end: balances and counters at the last cent that they can count.

use crate::core::limits::Period;
use crate::core::testing::{AMINA, BULK, PAYBILL, STRANGER, World, account};
use crate::core::{AccountKind, Amount, Draw, directory};
use crate::store::{Key, Read as _, WriteSet};

/// The counter holds this, without any books.
fn put(world: &World, counter: Key, minor: i64) {
    let by = minor - world.facts.counter(&counter).unwrap();
    let mut write_set = WriteSet::new();
    write_set.adjust(counter, by, i64::MIN, i64::MAX);
    world.facts.commit(write_set).unwrap();
}

#[test]
fn l2_an_account_is_filled_to_the_last_cent_that_can_be_counted_and_not_beyond() {
    let mut world = World::new();
    let full = account(STRANGER, AccountKind::Utility);
    put(&world, full.available(), i64::MAX - 100);
    for (amount, code) in [("1.01", "8"), ("1.00", "0"), ("1.00", "8")] {
        let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, amount);
        assert_eq!(world.run(&order).code(), code, "{amount}");
    }
    assert_eq!(full.balance(&world.facts).unwrap().available, i64::MAX);
    let bill = world.handset("CustomerPayBillOnline", STRANGER, "1");
    assert_eq!(world.authorize(&bill).code(), "8");
    let more = directory::fund(&world.core, &world.facts, full, Amount::from_minor(1), world.now, Draw(9));
    assert!(matches!(more, Err(directory::AdminError::Limit(_))), "{more:?}");

    // It is told in full.
    let mut order = world.order("AccountBalance", STRANGER);
    order.parameters = vec![("AccountType".into(), "Utility Account".into())];
    let most = "92233720368547758.07";
    assert_eq!(world.run(&order).value("AccountBalance"), format!("Utility Account|KES|{most}|{most}|0.00|0.00"));
}

#[test]
fn l2_what_an_organization_owes_ends_with_the_last_cent_that_can_be_counted() {
    let mut world = World::new();
    put(&world, account(BULK, AccountKind::ChargesPaid).available(), i64::MIN + 500);
    let last = world.b2c("1500");
    assert_eq!(world.run(&last).value("B2CChargesPaidAccountAvailableFunds"), "-92233720368547758.08");
    let order = world.b2c("1400");
    let decision = world.decide(&order);
    assert_eq!(world.carry_out(&order, decision).code(), "17");
    assert_eq!(world.available(BULK, AccountKind::Utility), "98500.00");
}

#[test]
fn what_was_sent_is_counted_to_the_last_cent_and_then_refused() {
    for (period, code) in Period::ALL.into_iter().zip(["4", "2008", "2009", "2010"]) {
        let mut world = World::new();
        let holder = account(AMINA, AccountKind::Working).holder;
        put(&world, period.sent(&holder, world.core.zone().day(world.now)), i64::MAX - 100);
        let mut codes = Vec::new();
        for amount in ["1.01", "1"] {
            let payment = world.handset("CustomerPayBillOnline", PAYBILL, amount);
            let draw = world.draw();
            let decision = world.core.authorize(&world.facts, &payment, world.now, draw).unwrap();
            let code = match world.attempt(decision) {
                Ok(seen) => seen.code(),
                Err(refused) => {
                    let (decision, error) = *refused;
                    let declined = world.core.bounded(&decision, &error).unwrap();
                    world.settle(declined).code()
                }
            };
            codes.push(code);
        }
        // A customer's day has a limit of its own, far below.
        let last = if period == Period::Day { code } else { "0" };
        assert_eq!(codes, [code, last], "{period:?}");
    }
}
