//! What each state of an organization, an operator and a subscriber forbids, on each side of a payment.

use crate::core::directory::{self, OrganizationChange, Status, SubscriberChange};
use crate::core::testing::{AMINA, BULK, PAYBILL, STRANGER, World, handset_party, party, shortcode};
use crate::core::{Msisdn, Order};

/// A paybill in this state below the paybill of the cast; with nothing, so that it can be closed.
fn below(world: &mut World, status: Status) -> String {
    let code = format!("61000{}", Status::ALL.iter().position(|other| *other == status).unwrap());
    world.organization(&code, "Below", &["Paybill Head Office"], Some(PAYBILL));
    world.operator(&code, "api", &["Org B2B API Initiator", "Balance Query Org API"]);
    let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
    let changed = directory::change_organization(&world.core, &world.facts, &shortcode(&code), change, world.now);
    world.facts.commit(changed.unwrap().write_set).unwrap();
    code
}

/// A registered subscriber in this state, with nothing.
fn customer(world: &mut World, status: Status) -> String {
    let number = format!("25470000000{}", Status::ALL.iter().position(|other| *other == status).unwrap());
    world.subscriber(&number, "Any", "Body", true);
    let change = SubscriberChange { status: Some(status), ..SubscriberChange::default() };
    let changed = directory::change_subscriber(&world.facts, &Msisdn::try_from(number.clone()).unwrap(), change);
    world.facts.commit(changed.unwrap().write_set).unwrap();
    number
}

#[test]
fn an_organization_acts_and_pays_while_it_is_active_and_is_paid_while_it_is_locked_too() {
    let mut world = World::new();
    for status in Status::ALL {
        let (acts, is_paid) = (status == Status::Active, matches!(status, Status::Active | Status::Locked));
        let code = below(&mut world, status);
        let order = world.order("AccountBalance", &code);
        assert_eq!(world.run(&order).code(), if acts { "0" } else { "2001" }, "{status:?} asks");
        // Its head office acts for it; it has nothing to pay with.
        let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "10");
        let order = Order { primary: party(4, &code), ..order };
        assert_eq!(world.run(&order).code(), if acts { "1" } else { "11" }, "{status:?} pays");
        let order = world.b2b("BusinessPayBill", PAYBILL, &code, "10");
        assert_eq!(world.run(&order).code(), if is_paid { "0" } else { "14" }, "{status:?} is paid");
        let payment = world.handset("CustomerPayBillOnline", &code, "10");
        assert_eq!(
            world.authorize(&payment).code(),
            if is_paid { "0" } else { "14" },
            "{status:?} is paid by a customer"
        );
    }
    world.assert_books();
}

#[test]
fn a_subscriber_pays_while_active_and_is_paid_while_locked_too() {
    let mut world = World::new();
    for status in Status::ALL {
        let number = customer(&mut world, status);
        let mut order = world.b2c("10");
        order.receiver = party(1, &number);
        let is_paid = matches!(status, Status::Active | Status::Locked);
        assert_eq!(world.run(&order).code(), if is_paid { "0" } else { "14" }, "{status:?} is paid");
        let mut payment = world.handset("SendMoney", AMINA, "10");
        payment.payer = handset_party(&number);
        assert_eq!(
            world.authorize(&payment).code(),
            if status == Status::Active { "0" } else { "11" },
            "{status:?} pays"
        );
    }
    world.assert_books();
}

#[test]
fn s6_an_operator_acts_while_it_is_active() {
    let mut world = World::new();
    for (status, amount) in Status::ALL.into_iter().zip(["101", "102", "103", "104", "105"]) {
        let id = world.operator(BULK, amount, &["Org B2C API Initiator"]);
        let changed = directory::set_status(&world.facts, id, status).unwrap();
        world.facts.commit(changed.write_set).unwrap();
        let mut order = world.b2c(amount);
        order.initiator.as_mut().unwrap().identifier = amount.into();
        let seen = world.run(&order);
        assert_eq!(seen.code(), if status == Status::Active { "0" } else { "2001" }, "{status:?}");
    }
}

#[test]
fn an_initiator_without_a_shortcode_belongs_to_the_one_organization_that_is_named() {
    let mut world = World::new();
    let mut blank = world.b2c("101");
    blank.initiator.as_mut().unwrap().short_code = Some("  ".into());
    assert_eq!(world.run(&blank).code(), "0");
    // A question names it as the receiver.
    let mut order = world.order("AccountBalance", BULK);
    order.initiator.as_mut().unwrap().short_code = None;
    (order.primary, order.receiver) = (None, party(4, BULK));
    assert_eq!(world.run(&order).code(), "0");
    // Digits that are said to be something else name no organization.
    let mut order = world.b2c("102");
    order.initiator.as_mut().unwrap().short_code = None;
    order.primary = party(1, BULK);
    assert_eq!(world.run(&order).code(), "2001");
}
