//! Organizations: what they are made of, who stands above them, and how they end.

use super::*;
use crate::core::accounts::{Holder, balances};
use crate::core::roll_up::roll_up;
use crate::core::testing::{AGENT, STORE, STRANGER};
use crate::store::{Change, WriteSet};

const NEW: &str = "888888";

fn new() -> NewOrganization {
    NewOrganization {
        shortcode: shortcode(NEW),
        name: "New".into(),
        products: vec!["Bulk".into()],
        parent: None,
        validation: false,
        tariff: None,
    }
}

fn create(world: &World, new: NewOrganization) -> Result<WriteSet, AdminError> {
    create_organization(&world.core, &world.facts, new, world.now)
}

fn change(world: &World, code: &str, change: OrganizationChange) -> Result<Changed<Organization>, AdminError> {
    change_organization(&world.core, &world.facts, &shortcode(code), change, world.now)
}

fn renamed(name: &str) -> OrganizationChange {
    OrganizationChange { name: Some(name.into()), ..OrganizationChange::default() }
}

fn moved(parent: Option<&str>) -> OrganizationChange {
    OrganizationChange { parent: Some(parent.map(shortcode)), ..OrganizationChange::default() }
}

fn into_state(status: Status) -> OrganizationChange {
    OrganizationChange { status: Some(status), ..OrganizationChange::default() }
}

fn with_products(add: &[&str], remove: &[&str]) -> OrganizationChange {
    let [add_products, remove_products] =
        [add, remove].map(|names| names.iter().map(|&name| name.to_owned()).collect());
    OrganizationChange { add_products, remove_products, ..OrganizationChange::default() }
}

fn kinds(world: &World, code: &str) -> Vec<AccountKind> {
    let open = balances(&world.facts, &Holder::Organization(shortcode(code))).unwrap();
    let mut kinds: Vec<_> = open.into_iter().map(|(kind, _)| kind).collect();
    kinds.sort();
    kinds
}

/// A chain of so many organizations, one below the other; their shortcodes from the top down.
fn chain(world: &mut World, first: u32, levels: u32) -> Vec<String> {
    let codes: Vec<String> = (0..levels).map(|level| (first + level).to_string()).collect();
    for (at, code) in codes.iter().enumerate() {
        let parent = at.checked_sub(1).map(|above| codes[above].as_str());
        world.organization(code, "Level", &["Paybill Store"], parent);
    }
    codes
}

#[test]
fn a_shortcode_is_one_organization_even_when_two_create_it() {
    let world = World::new();
    let [one, other] = ["New", "Newer"].map(|name| create(&world, NewOrganization { name: name.into(), ..new() }));
    world.facts.commit(one.unwrap()).unwrap();
    assert!(world.facts.commit(other.unwrap()).is_err());
    assert_eq!(create(&world, new()), Err(AdminError::Exists(format!("organization {NEW}"))));
}

#[test]
fn a_name_is_kept_without_what_surrounds_it_and_fits_the_messages() {
    let world = World::new();
    let long = "ñ".repeat(128);
    for (name, kept) in [(" Maji  Water\n", Some("Maji  Water")), (&long, Some(&*long)), (&format!("{long}x"), None)]
        .into_iter()
        .chain([("", None), (" \t", None), ("two\nlines", None), ("bell\u{7}", None)])
    {
        let changed = change(&world, BULK, renamed(name)).map(|changed| changed.after.name);
        assert_eq!(changed.as_deref(), kept.ok_or(&AdminError::Name), "{name:?}");
        let created = create(&world, NewOrganization { name: name.into(), ..new() });
        assert_eq!(created.is_ok(), kept.is_some(), "{name:?}");
        let Ok(created) = created else { continue };
        let fresh = World::new();
        fresh.facts.commit(created).unwrap();
        assert_eq!(Some(&*organization(&fresh.facts, &shortcode(NEW)).unwrap().unwrap().name), kept);
    }
}

#[test]
fn an_account_that_several_products_bring_is_opened_once() {
    let world = World::new();
    let products = ["Bulk", "Paybill Head Office"].map(str::to_owned).to_vec();
    let created = create(&world, NewOrganization { products, ..new() }).unwrap();
    let put = |change| match change {
        Change::Put { key, .. } => Some(key),
        Change::Delete { .. } | Change::Append { .. } => None,
    };
    let mut keys: Vec<_> = created.changes.into_iter().filter_map(put).collect();
    assert_eq!(keys.len(), 5, "the organization and its accounts: {keys:?}");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 5, "{keys:?}");
}

#[test]
fn products_are_held_once_and_bring_their_accounts() {
    let mut world = World::new();
    world.organization(NEW, "New", &["Bulk", "Paybill Head Office", "Bulk"], None);
    let products = |world: &World| organization(&world.facts, &shortcode(NEW)).unwrap().unwrap().products;
    assert_eq!(products(&world), ["Bulk", "Paybill Head Office"]);
    let brought =
        [AccountKind::Working, AccountKind::Utility, AccountKind::ChargesPaid, AccountKind::OrganizationSettlement];
    assert_eq!(kinds(&world, NEW), brought);
    // An account that is there stays as it is.
    let working = account(NEW, AccountKind::Working);
    world.facts.commit(freeze(&world.facts, &working, true).unwrap()).unwrap();
    let changed = change(&world, NEW, with_products(&["Agent Store", "Bulk"], &["Paybill Head Office"])).unwrap();
    world.facts.commit(changed.write_set).unwrap();
    assert_eq!(products(&world), ["Bulk", "Agent Store"]);
    assert!(kinds(&world, NEW).contains(&AccountKind::Float) && kinds(&world, NEW).contains(&AccountKind::Utility));
    assert!(frozen(&world.facts, &working).unwrap());
    for (wrong, error) in [
        (with_products(&["Unheard"], &[]), AdminError::NotInCatalogue("product \"Unheard\"".into())),
        (
            with_products(&[], &["Paybill Store"]),
            AdminError::Unknown(format!("the product \"Paybill Store\" of organization {NEW}")),
        ),
    ] {
        assert_eq!(change(&world, NEW, wrong).unwrap_err(), error);
    }
}

#[test]
fn a_change_says_something_about_who_is_there_by_a_tariff_that_is_there() {
    let world = World::new();
    assert_eq!(change(&world, BULK, OrganizationChange::default()).unwrap_err(), AdminError::Nothing);
    assert!(matches!(change(&world, NEW, renamed("Any")), Err(AdminError::Unknown(_))));
    let tariff = |name: Option<&str>| OrganizationChange {
        tariff: Some(name.map(str::to_owned)),
        ..OrganizationChange::default()
    };
    // One that is not there, and some that no service has a choice of.
    for wrong in ["unheard", "send-money", "withdrawal-paid", "business-to-customer"] {
        let refused = change(&world, BULK, tariff(Some(wrong)));
        assert!(matches!(refused, Err(AdminError::NotInCatalogue(_))), "{wrong}");
    }
    for chosen in ["mgao", "customer-bouquet"] {
        assert!(change(&world, BULK, tariff(Some(chosen))).is_ok(), "{chosen}");
    }
    let changed = change(&world, BULK, tariff(Some("business-bouquet"))).unwrap();
    assert_eq!(changed.after.tariff.as_deref(), Some("business-bouquet"));
    assert_eq!(change(&world, BULK, tariff(None)).unwrap().after.tariff, None);
}

#[test]
fn changes_of_one_organization_do_not_race() {
    let world = World::new();
    let [one, other] = ["One", "Other"].map(|name| change(&world, BULK, renamed(name)).unwrap().write_set);
    world.facts.commit(one).unwrap();
    assert!(world.facts.commit(other).is_err());
    // Nor do two that would stand above each other.
    let one = change(&world, PAYBILL, moved(Some(STRANGER))).unwrap();
    let other = change(&world, STRANGER, moved(Some(PAYBILL))).unwrap();
    world.facts.commit(one.write_set).unwrap();
    assert!(world.facts.commit(other.write_set).is_err());
}

#[test]
fn nobody_stands_above_itself_or_below_who_is_not_there() {
    let mut world = World::new();
    let codes = chain(&mut world, 800_000, 8);
    for parent in [&codes[0], &codes[1], &codes[7]] {
        let refused = change(&world, &codes[0], moved(Some(parent))).unwrap_err();
        assert_eq!(refused, AdminError::AboveItself(shortcode(parent)));
    }
    assert!(matches!(change(&world, BULK, moved(Some("99999"))), Err(AdminError::Unknown(_))));
    assert_eq!(change(&world, STORE, moved(None)).unwrap().after.parent, None);
}

#[test]
fn a_hierarchy_that_is_moved_has_room_for_all_its_levels() {
    let mut world = World::new();
    let upper = chain(&mut world, 800_000, 5);
    let lower = chain(&mut world, 810_000, 3);
    let below = |parent: &String| change(&world, &lower[0], moved(Some(parent)));
    assert!(below(&upper[4]).is_ok(), "eight levels");
    let upper_6 = "805000";
    world.organization(upper_6, "Sixth", &["Paybill Store"], Some(&upper[4]));
    let refused = change(&world, &lower[0], moved(Some(upper_6)));
    assert_eq!(refused.unwrap_err(), AdminError::Hierarchy(shortcode(upper_6)), "nine");
    assert!(change(&world, &lower[2], moved(Some(upper_6))).is_ok(), "without those above it");
}

#[test]
fn a_head_office_sees_and_acts_down_to_the_last_level() {
    let mut world = World::new();
    let codes = chain(&mut world, 800_000, 8);
    world.operator(&codes[0], "api", &["Balance Query Org API"]);
    let rolled = roll_up(&world.facts, &shortcode(&codes[0])).unwrap();
    assert_eq!(rolled.organizations, codes.iter().map(|code| shortcode(code)).collect::<Vec<_>>());
    let mut order = world.order("AccountBalance", &codes[0]);
    order.receiver = crate::core::testing::party(4, &codes[7]);
    order.primary = None;
    assert_eq!(world.run(&order).code(), "0");
}

#[test]
fn nothing_is_closed_while_one_of_its_accounts_holds_anything() {
    let mut world = World::new();
    world.organization(NEW, "New", &["Merchant Store", "Paybill Store", "Agent Store"], None);
    let reserved = |kind| account(NEW, kind).reserved();
    for kind in AccountKind::ORGANIZATION {
        for (counter, floor) in [(account(NEW, kind).available(), i64::MIN), (reserved(kind), 0)] {
            let put = |by| {
                let mut write_set = WriteSet::new();
                write_set.adjust(counter.clone(), by, floor, i64::MAX);
                world.facts.commit(write_set).unwrap();
            };
            put(1);
            let refused = change(&world, NEW, into_state(Status::Closed)).unwrap_err();
            let described = format!("the {} of organization {NEW}", kind.alias());
            assert_eq!(refused, AdminError::NotEmpty(described));
            // Everything else may be done to it.
            for status in Status::ALL.into_iter().filter(|status| *status != Status::Closed) {
                assert!(change(&world, NEW, into_state(status)).is_ok(), "{status:?}");
            }
            put(-1);
        }
    }
    // A debt is not nothing either.
    let mut write_set = WriteSet::new();
    write_set.adjust(account(NEW, AccountKind::ChargesPaid).available(), -1, i64::MIN, 0);
    world.facts.commit(write_set).unwrap();
    assert!(matches!(change(&world, NEW, into_state(Status::Closed)), Err(AdminError::NotEmpty(_))));
}

#[test]
fn what_is_paid_while_it_is_closed_keeps_it_open() {
    let mut world = World::new();
    world.organization(NEW, "New", &["Bulk"], None);
    let closing = change(&world, NEW, into_state(Status::Closed)).unwrap();
    world.fund(account(NEW, AccountKind::Utility), "1");
    assert!(world.facts.commit(closing.write_set).is_err());

    let mut world = World::new();
    world.organization(NEW, "New", &["Bulk"], None);
    let closing = change(&world, NEW, into_state(Status::Closed)).unwrap();
    world.facts.commit(closing.write_set).unwrap();
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Closed) {
        assert!(matches!(change(&world, NEW, into_state(status)), Err(AdminError::Closed(_))), "{status:?}");
    }
    // It can still be renamed, and said to be closed, whatever came into its accounts by other ways.
    let mut write_set = WriteSet::new();
    write_set.adjust(account(NEW, AccountKind::Utility).available(), 1, 0, i64::MAX);
    world.facts.commit(write_set).unwrap();
    assert!(change(&world, NEW, into_state(Status::Closed)).is_ok());
    assert!(change(&world, NEW, renamed("Gone")).is_ok());
}

#[test]
fn organizations_are_listed_page_by_page() {
    let world = World::new();
    let mut found = Vec::new();
    while let Ok(page) = organizations(&world.facts, found.last(), 2) {
        assert!(page.len() <= 2 && found.len() <= 6);
        let Some(_) = page.last() else { break };
        found.extend(page.into_iter().map(|organization| organization.shortcode));
    }
    let all = [BULK, PAYBILL, STORE, "600003", AGENT, STRANGER];
    assert_eq!(found, all.map(shortcode));
}
