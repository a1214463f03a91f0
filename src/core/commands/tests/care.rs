//! Who may unlock an operator or set its password (domain.md 7).

use crate::core::directory::{self, Operator, OrganizationChange, Status};
use crate::core::testing::{BULK, PAYBILL, STORE, STRANGER, World, shortcode};
use crate::core::{Care, CareError, OperatorId};

fn operator(world: &World, id: OperatorId) -> Operator {
    directory::operator(&world.facts, id).unwrap().unwrap()
}

fn api_of(world: &World, home: &str) -> Operator {
    directory::operator_named(&world.facts, Some(&shortcode(home)), "api").unwrap().unwrap()
}

/// Whether the one may unlock the other, and set its password.
fn may(world: &World, by: OperatorId, other: &Operator) -> [bool; 2] {
    [Care::Unlock, Care::SetPassword].map(|care| match world.core.may_care(&world.facts, care, by, other, world.now) {
        Ok(_) => true,
        Err(CareError::Refused(reason)) => {
            assert!(!reason.is_empty());
            false
        }
        Err(CareError::Read(error)) => panic!("{error}"),
    })
}

#[test]
fn s2_each_care_needs_its_role_of_the_portal() {
    let mut world = World::new();
    let roles: [(&[&str], _); 8] = [
        (&["Business Administrator"], [true, false]),
        (&["Manage Org Initiator Passwords"], [true, false]),
        (&["Set Org API Password"], [false, true]),
        (&["Business Administrator", "Set Org API Password"], [true, true]),
        (&["Business Manager"], [false, false]),
        (&["Business Auditor"], [false, false]),
        (&["Org B2C API Initiator", "Org Reversals Initiator"], [false, false]),
        (&[], [false, false]),
    ];
    for (at, (roles, expected)) in roles.into_iter().enumerate() {
        let by = world.operator(BULK, &format!("user-{at}"), roles);
        assert_eq!(may(&world, by, &api_of(&world, BULK)), expected, "{roles:?}");
    }
}

#[test]
fn s1_nobody_cares_for_operators_of_others_nor_an_organization_for_those_of_the_provider() {
    let mut world = World::new();
    const BOTH: [&str; 2] = ["Business Administrator", "Set Org API Password"];
    let boss = world.operator(PAYBILL, "boss", &BOTH);
    let provider = world.operator_of_provider("root", &BOTH);
    let powerless = world.operator_of_provider("auditor", &["Business Auditor"]);
    for (home, by_boss) in [(PAYBILL, true), (STORE, true), (STRANGER, false), (BULK, false)] {
        let other = api_of(&world, home);
        assert_eq!(may(&world, boss, &other), [by_boss; 2], "{home}");
        assert_eq!(may(&world, provider, &other), [true; 2], "{home}");
        assert_eq!(may(&world, powerless, &other), [false; 2], "{home}");
    }
    let other = operator(&world, powerless);
    assert_eq!(may(&world, boss, &other), [false; 2], "an operator of the provider's");
    assert_eq!(may(&world, provider, &other), [true; 2]);
    // A store does not care for its head office.
    let of_store = world.operator(STORE, "boss", &BOTH);
    assert_eq!(may(&world, of_store, &api_of(&world, PAYBILL)), [false; 2]);
}

#[test]
fn who_cares_is_active_and_so_is_its_organization() {
    let mut world = World::new();
    const BOTH: [&str; 2] = ["Business Administrator", "Set Org API Password"];
    for (at, status) in Status::ALL.into_iter().enumerate() {
        let by = world.operator(BULK, &format!("user-{at}"), &BOTH);
        world.facts.commit(directory::set_status(&world.facts, by, status).unwrap().write_set).unwrap();
        assert_eq!(may(&world, by, &api_of(&world, BULK)), [status == Status::Active; 2], "{status:?}");
    }
    let by = world.operator(PAYBILL, "boss", &BOTH);
    for status in [Status::PendingActive, Status::Suspended, Status::Locked, Status::Active] {
        let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
        let home = shortcode(PAYBILL);
        let changed = directory::change_organization(&world.core, &world.facts, &home, change, world.now).unwrap();
        world.facts.commit(changed.write_set).unwrap();
        assert_eq!(may(&world, by, &api_of(&world, PAYBILL)), [status == Status::Active; 2], "{status:?}");
    }
    let nobody = OperatorId::from_draw(crate::core::Draw(5));
    assert_eq!(may(&world, nobody, &api_of(&world, BULK)), [false; 2]);
}

#[test]
fn what_is_done_rests_on_the_role_that_allowed_it() {
    let mut world = World::new();
    let by = world.operator(BULK, "boss", &["Business Administrator"]);
    let allowed = world.core.may_care(&world.facts, Care::Unlock, by, &api_of(&world, BULK), world.now).unwrap();
    let revoked = directory::revoke_role(&world.facts, by, "Business Administrator", world.now).unwrap();
    world.facts.commit(revoked).unwrap();
    assert!(world.facts.commit(allowed).is_err());
    assert_eq!(may(&world, by, &api_of(&world, BULK)), [false; 2]);
}
