mod operators;
mod organizations;
mod paid_in;
mod subscribers;

use super::*;
use crate::core::AccountKind;
use crate::core::ids::Draw;
use crate::core::money::Amount;
use crate::core::testing::{AMINA, BULK, PAYBILL, World, account, grant, shortcode};

fn new_operator(roles: Vec<Grant>) -> NewOperator {
    NewOperator { shortcode: Some(shortcode(BULK)), user_name: "second".into(), roles, status: Status::PendingActive }
}

fn between(role: &str, effective: i64, expires: i64) -> Grant {
    let [effective, expires] = [effective, expires].map(Timestamp::from_seconds);
    Grant { role: role.into(), effective, expires: Some(expires) }
}

#[test]
fn s3_roles_that_exclude_each_other_cannot_be_in_force_together() {
    let mut world = World::new();
    let id = world.operator(BULK, "boss", &["Business Administrator"]);
    let refused = grant_roles(&world.core, &world.facts, id, vec![grant("Business Manager")], world.now);
    assert!(matches!(refused, Err(AdminError::Exclusive { .. })), "{refused:?}");
    assert!(grant_roles(&world.core, &world.facts, id, vec![grant("Set Org API Password")], world.now).is_ok());

    let overlapping = vec![between("B2B Web Maker", 0, 10), between("B2B Web Checker", 9, 20)];
    let refused = create_operator(&world.core, &world.facts, new_operator(overlapping), world.now, Draw(1));
    assert!(matches!(refused, Err(AdminError::Exclusive { .. })), "{refused:?}");
    let one_after_the_other = vec![between("B2B Web Maker", 0, 10), between("B2B Web Checker", 10, 20)];
    assert!(create_operator(&world.core, &world.facts, new_operator(one_after_the_other), world.now, Draw(1)).is_ok());
}

#[test]
fn roles_of_several_channels_are_granted_with_a_warning() {
    let world = World::new();
    let roles = vec![grant("Business Auditor"), grant("Balance Query Org API")];
    let (_, granted) = create_operator(&world.core, &world.facts, new_operator(roles), world.now, Draw(1)).unwrap();
    assert_eq!(
        granted.warnings,
        ["the operator works on several channels (Web, API), which is not recommended".to_owned()]
    );
}

#[test]
fn a_user_name_is_unique_within_its_organization_whatever_its_case() {
    let mut world = World::new();
    let again = NewOperator { user_name: "API".into(), ..new_operator(Vec::new()) };
    let refused = create_operator(&world.core, &world.facts, again, world.now, Draw(1));
    assert!(matches!(refused, Err(AdminError::Exists(_))), "{refused:?}");
    world.operator(PAYBILL, "second", &[]);
    for name in ["", "sixteen-letters-", "two words", "né"] {
        let new = NewOperator { user_name: name.into(), ..new_operator(Vec::new()) };
        let refused = create_operator(&world.core, &world.facts, new, world.now, Draw(1));
        assert_eq!(refused.unwrap_err(), AdminError::UserName, "{name:?}");
    }
}

#[test]
fn an_organization_needs_products_a_tariff_and_a_parent_that_exist() {
    let world = World::new();
    let new = NewOrganization {
        shortcode: shortcode("888888"),
        name: "New".into(),
        products: vec!["Bulk".into()],
        parent: None,
        validation: false,
        tariff: None,
    };
    let create = |new| create_organization(&world.core, &world.facts, new, world.now);
    assert!(create(new.clone()).is_ok());
    let wrong = [
        NewOrganization { products: vec!["Unheard".into()], ..new.clone() },
        NewOrganization { tariff: Some("free for all".into()), ..new.clone() },
        NewOrganization { parent: Some(shortcode("99999")), ..new.clone() },
        NewOrganization { shortcode: shortcode(BULK), ..new },
    ];
    for new in wrong {
        assert!(create(new.clone()).is_err(), "{new:?}");
    }
}

#[test]
fn a_hierarchy_has_at_most_its_levels() {
    let mut world = World::new();
    let levels = crate::core::HIERARCHY_LEVELS_MAX;
    world.organization("800000", "Level 1", &["Paybill Head Office"], None);
    for level in 1..levels {
        let parent = format!("80000{}", level - 1);
        world.organization(&format!("80000{level}"), "Below", &["Paybill Store"], Some(&parent));
    }
    let new = NewOrganization {
        shortcode: shortcode("900000"),
        name: "Too deep".into(),
        products: Vec::new(),
        parent: Some(shortcode(&format!("80000{}", levels - 1))),
        validation: false,
        tariff: None,
    };
    let refused = create_organization(&world.core, &world.facts, new, world.now);
    assert!(matches!(refused, Err(AdminError::Hierarchy(_))), "{refused:?}");
}

#[test]
fn money_enters_from_the_trust_account_alone_and_within_limits() {
    let mut world = World::new();
    world.fund(account(AMINA, AccountKind::Working), "490000");
    world.assert_books();
    let more = fund(
        &world.core,
        &world.facts,
        account(AMINA, AccountKind::Working),
        Amount::from_minor(1),
        world.now,
        Draw(99),
    );
    assert!(matches!(more, Err(AdminError::Limit(_))), "{more:?}");
    let nowhere = account(AMINA, AccountKind::Utility);
    let refused = fund(&world.core, &world.facts, nowhere, Amount::from_minor(1), world.now, Draw(98));
    assert!(matches!(refused, Err(AdminError::Unknown(_))), "{refused:?}");
}

#[test]
fn a_decision_of_an_administrator_rests_on_what_it_read() {
    let mut world = World::new();
    let id = world.operator(BULK, "boss", &[]);
    let manager = grant_roles(&world.core, &world.facts, id, vec![grant("Business Manager")], world.now).unwrap();
    let administrator =
        grant_roles(&world.core, &world.facts, id, vec![grant("Business Administrator")], world.now).unwrap();
    world.facts.commit(manager.write_set).unwrap();
    assert!(world.facts.commit(administrator.write_set).is_err(), "both roles would be in force");
}

#[test]
fn money_that_was_paid_in_goes_to_no_account_that_may_not_be_paid() {
    let mut world = World::new();
    let purse = account(AMINA, AccountKind::Working);
    let ten = Amount::from_minor(1_000);
    let fund = |world: &World, to: &crate::core::Account| {
        fund(&world.core, &world.facts, to.clone(), ten, world.now, Draw(7)).map(drop)
    };
    world.facts.commit(freeze(&world.facts, &purse, true).unwrap()).unwrap();
    assert!(matches!(fund(&world, &purse), Err(AdminError::Frozen(_))));
    // Of one that is frozen at the same time nothing is committed either.
    world.facts.commit(freeze(&world.facts, &purse, false).unwrap()).unwrap();
    let (_, racing) = super::fund(&world.core, &world.facts, purse.clone(), ten, world.now, Draw(8)).unwrap();
    world.facts.commit(freeze(&world.facts, &purse, true).unwrap()).unwrap();
    assert!(world.facts.commit(racing).is_err());
    world.facts.commit(freeze(&world.facts, &purse, false).unwrap()).unwrap();

    world.organization("611111", "Gone", &["Bulk"], None);
    let utility = account("611111", AccountKind::Utility);
    for status in Status::ALL {
        let paid = matches!(status, Status::Active | Status::Locked);
        let change = SubscriberChange { status: Some(status), ..SubscriberChange::default() };
        // What is closed cannot be opened again, and must be empty, so it comes last and to somebody else.
        if status != Status::Closed {
            let msisdn = Msisdn::try_from(AMINA.to_owned()).unwrap();
            if let Ok(changed) = change_subscriber(&world.facts, &msisdn, change) {
                world.facts.commit(changed.write_set).unwrap();
            }
            assert_eq!(fund(&world, &purse).is_ok(), paid, "{status:?}");
        }
        let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
        if let Ok(changed) = change_organization(&world.core, &world.facts, &shortcode("611111"), change, world.now) {
            world.facts.commit(changed.write_set).unwrap();
        }
        assert_eq!(fund(&world, &utility).is_ok(), paid, "{status:?}");
    }
    world.assert_books();
}
