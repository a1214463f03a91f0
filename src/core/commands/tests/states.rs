//! What each state of an organization, an operator and a subscriber forbids, on each side of a payment.

use super::street::{self, COMMANDS, Does, GONE, HOME, JUMA, PARTNER, Parties, Stand};
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

/// The street with an organization below the head office, one beside it and a subscriber, all three in this state
/// and with nothing.
fn street_with(status: Status) -> World {
    let mut world = street::street(street::catalogue());
    let products = street::names("product", "name");
    let products: Vec<&str> = products.iter().map(String::as_str).collect();
    world.organization(BELOW, "Below", &products, Some(HOME));
    world.organization(BESIDE, "Beside", &products, None);
    world.subscriber(SOMEBODY, "Some", "Body", true);
    for who in [BELOW, BESIDE, SOMEBODY] {
        street::put(&mut world, who, status).unwrap();
    }
    world
}

const BELOW: &str = "660000";
const BESIDE: &str = "670000";
const SOMEBODY: &str = "254700000007";

/// The head office acts for who stands below it.
fn ordered(world: &mut World, command: &str, does: Does, from: &str, to: &str) -> &'static str {
    let order = street::order(world, command, does, HOME, to, "100");
    world.run(&Order { primary: party(4, from), ..order }).code()
}

#[test]
fn each_command_by_each_state_of_who_pays_and_of_who_is_paid() {
    for status in Status::ALL {
        let mut world = street_with(status);
        // Whoever may pay has nothing to pay with, or what it was paid before.
        let pays: &[&str] = if status == Status::Active { &["0", "1"] } else { &["11"] };
        let is_paid = if matches!(status, Status::Active | Status::Locked) { "0" } else { "14" };
        for (command, does) in COMMANDS {
            // The same amount goes to the same customer again.
            world.pass(120);
            let (payer, payee) = match does {
                Does::PayCustomer { .. } => {
                    let payer = ordered(&mut world, command, does, BELOW, JUMA);
                    (Some(payer), Some(ordered(&mut world, command, does, HOME, SOMEBODY)))
                }
                Does::Move { stand, .. } => {
                    let (of_payer, of_payee) = match stand {
                        Stand::Two => (PARTNER, Some(BELOW)),
                        Stand::Outside => (PARTNER, Some(BESIDE)),
                        Stand::Inside => (HOME, Some(BELOW)),
                        Stand::One => (BELOW, None),
                    };
                    let payer = ordered(&mut world, command, does, BELOW, of_payer);
                    (Some(payer), of_payee.map(|payee| ordered(&mut world, command, does, HOME, payee)))
                }
                Does::Withdraw => (Some(ordered(&mut world, command, does, BELOW, "")), None),
                Does::Settle => {
                    let nothing = ordered(&mut world, command, does, BELOW, "");
                    assert_eq!(nothing, if status == Status::Active { "0" } else { "11" }, "{command} {status:?}");
                    (None, None)
                }
                // Whoever stands above sees what is there.
                Does::AskBalance => {
                    let mut order = world.order(command, HOME);
                    order.receiver = party(4, BELOW);
                    assert_eq!(world.run(&order).code(), "0", "{command} {status:?}");
                    (None, None)
                }
                Does::AskIdentity => (None, Some(ordered(&mut world, command, does, HOME, SOMEBODY))),
                Does::Handset { parties, .. } => {
                    let sides = match parties {
                        Parties::ToOrganization => [(SOMEBODY, HOME), (JUMA, BELOW)],
                        Parties::ToSubscriber => [(SOMEBODY, JUMA), (JUMA, SOMEBODY)],
                        Parties::FromOrganization => [(BELOW, JUMA), (HOME, SOMEBODY)],
                    };
                    let [payer, payee] = sides.map(|(from, to)| {
                        let payment = street::payment(&mut world, command, from, to, "500");
                        world.authorize(&payment).code()
                    });
                    (Some(payer), Some(payee))
                }
                // Of reversals there are tests of their own; the rest has nobody who pays or is paid.
                Does::Reverse | Does::AskStatus | Does::Register => (None, None),
            };
            assert!(payer.is_none_or(|code| pays.contains(&code)), "{command} paid by who is {status:?}: {payer:?}");
            assert!(payee.is_none_or(|code| code == is_paid), "{command} paid to who is {status:?}: {payee:?}");
        }
        world.assert_books();
    }
}

#[test]
fn s6_each_command_needs_an_active_operator_of_an_active_organization() {
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Active) {
        for of_operator in [true, false] {
            let mut world = street::street(street::catalogue());
            street::close(&mut world);
            let home = if status == Status::Closed && !of_operator { GONE } else { HOME };
            let api = directory::operator_named(&world.facts, Some(&shortcode(home)), "api").unwrap().unwrap();
            if of_operator {
                let changed = directory::set_status(&world.facts, api.id, status).unwrap();
                world.facts.commit(changed.write_set).unwrap();
            } else {
                street::put(&mut world, home, status).unwrap();
            }
            for (command, does) in COMMANDS {
                if matches!(does, Does::Handset { .. } | Does::Register) {
                    continue;
                }
                let order = street::order(&mut world, command, does, home, JUMA, "1500");
                assert_eq!(world.run(&order).code(), "2001", "{command}, {status:?}, operator: {of_operator}");
            }
        }
    }
}
