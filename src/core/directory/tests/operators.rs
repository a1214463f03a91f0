//! Operators: names, grants, and how they end.

use super::*;
use crate::core::testing::STRANGER;

fn create(world: &World, new: NewOperator, draw: u64) -> Result<(OperatorId, Granted), AdminError> {
    create_operator(&world.core, &world.facts, new, world.now, Draw(draw))
}

fn named(user_name: &str) -> NewOperator {
    NewOperator { user_name: user_name.into(), ..new_operator(Vec::new()) }
}

fn roles_of(world: &World, id: OperatorId) -> Vec<Grant> {
    operator(&world.facts, id).unwrap().unwrap().roles
}

#[test]
fn a_user_name_has_one_to_fifteen_characters_and_is_kept_without_what_surrounds_it() {
    let world = World::new();
    assert!(create(&world, named("fifteen-letters"), 1).is_ok());
    assert_eq!(create(&world, named("sixteen-letters-"), 1).unwrap_err(), AdminError::UserName);
    let (id, created) = create(&world, named(" Boss_1. "), 1).unwrap();
    world.facts.commit(created.write_set).unwrap();
    let bulk = shortcode(BULK);
    for text in ["Boss_1.", "bOSS_1.", " boss_1.\n"] {
        let found = operator_named(&world.facts, Some(&bulk), text).unwrap().unwrap();
        assert_eq!((found.id, found.user_name.as_str()), (id, "Boss_1."), "{text:?}");
    }
}

#[test]
fn the_same_user_name_is_another_operator_elsewhere() {
    let world = World::new();
    let elsewhere = [Some(shortcode(STRANGER)), None];
    for (draw, shortcode) in (1..).zip(elsewhere.clone()) {
        let (_, created) = create(&world, NewOperator { shortcode, ..named("boss") }, draw).unwrap();
        world.facts.commit(created.write_set).unwrap();
    }
    let ids = elsewhere.map(|home| operator_named(&world.facts, home.as_ref(), "boss").unwrap().unwrap().id);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(operator_named(&world.facts, Some(&shortcode(BULK)), "boss").unwrap(), None);
}

#[test]
fn an_operator_belongs_to_who_is_there_and_has_an_id_of_its_own() {
    let world = World::new();
    let nowhere = NewOperator { shortcode: Some(shortcode("99999")), ..named("boss") };
    assert!(matches!(create(&world, nowhere, 1), Err(AdminError::Unknown(_))));
    let (_, created) = create(&world, named("one"), 1).unwrap();
    let (_, racing_name) = create(&world, named("One"), 2).unwrap();
    let (_, racing_id) = create(&world, named("two"), 1).unwrap();
    world.facts.commit(created.write_set).unwrap();
    assert!(world.facts.commit(racing_name.write_set).is_err());
    assert!(world.facts.commit(racing_id.write_set).is_err());
    assert!(matches!(create(&world, named("two"), 1), Err(AdminError::Exists(_))));
    assert!(create(&world, named("two"), 2).is_ok());
}

#[test]
fn what_is_closed_gets_no_operators() {
    let world = World::new();
    let home = |status| {
        let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
        change_organization(&world.core, &world.facts, &shortcode(STRANGER), change, world.now).unwrap().write_set
    };
    let at = || NewOperator { shortcode: Some(shortcode(STRANGER)), ..named("boss") };
    for status in [Status::PendingActive, Status::Suspended, Status::Locked, Status::Active] {
        world.facts.commit(home(status)).unwrap();
        assert!(create(&world, at(), 1).is_ok(), "{status:?}");
    }
    let (_, racing) = create(&world, at(), 1).unwrap();
    world.facts.commit(home(Status::Closed)).unwrap();
    assert!(world.facts.commit(racing.write_set).is_err());
    assert_eq!(create(&world, at(), 1), Err(AdminError::Closed(format!("organization {STRANGER}"))));
}

#[test]
fn a_grant_is_of_a_role_that_is_there_and_ends_after_it_begins() {
    let mut world = World::new();
    let id = world.operator(BULK, "boss", &[]);
    let refusal = |grant: &Grant| {
        let created = create(&world, new_operator(vec![grant.clone()]), 1).map(drop);
        let granted = grant_roles(&world.core, &world.facts, id, vec![grant.clone()], world.now).map(drop);
        assert_eq!(created, granted);
        created.err()
    };
    assert!(matches!(refusal(&grant("Unheard")), Some(AdminError::NotInCatalogue(_))));
    let dates = Some(AdminError::GrantDates("Business Auditor".into()));
    assert_eq!(refusal(&between("Business Auditor", 10, 9)), dates);
    assert_eq!(refusal(&between("Business Auditor", 10, 10)), dates);
    assert_eq!(refusal(&between("Business Auditor", 10, 11)), None);
}

#[test]
fn s3_roles_exclude_each_other_in_any_order_and_only_while_both_count() {
    let world = World::new();
    let pairs = [
        (between("B2B Web Maker", 0, 10), between("B2B Web Checker", 9, 20)),
        (between("B2B Web Checker", 0, 10), between("B2B Web Maker", 9, 20)),
        (between("B2B Web Checker", 9, 20), between("B2B Web Maker", 0, 10)),
    ];
    for (one, other) in pairs {
        let refused = create(&world, new_operator(vec![one, other]), 1);
        assert!(matches!(refused, Err(AdminError::Exclusive { .. })), "{refused:?}");
    }
    for apart in [
        [between("B2B Web Checker", 10, 20), between("B2B Web Maker", 0, 10)],
        [between("B2B Web Maker", 0, 10), between("B2B Web Checker", 10, 20)],
        [grant("B2B Web Maker"), grant("Business Administrator")],
    ] {
        assert!(create(&world, new_operator(apart.to_vec()), 1).is_ok(), "{apart:?}");
    }
}

#[test]
fn s2_who_works_on_several_channels_now_or_later_is_warned_about_once() {
    let mut world = World::new();
    let now = world.now.seconds();
    let web = grant("Business Auditor");
    let warnings = |roles: Vec<Grant>| create(&world, new_operator(roles), 1).unwrap().1.warnings;
    let warning = ["the operator works on several channels (Web, API), which is not recommended".to_owned()];
    let api = |effective, expires| between("Balance Query Org API", effective, expires);
    assert_eq!(warnings(vec![api(0, now + 1), web.clone(), grant("Business Manager")]), warning);
    assert_eq!(warnings(vec![web.clone(), api(now + 10, now + 20)]), warning, "later");
    assert!(warnings(vec![web.clone(), api(0, now)]).is_empty(), "what ends now");
    assert!(warnings(vec![web.clone(), api(0, now - 1)]).is_empty(), "what is past");
    assert!(warnings(vec![web.clone(), grant("Business Manager")]).is_empty(), "one channel");
    // The grant that makes it so warns, too.
    let id = world.operator(BULK, "boss", &["Business Auditor"]);
    let granted = grant_roles(&world.core, &world.facts, id, vec![grant("Balance Query Org API")], world.now).unwrap();
    assert_eq!(granted.warnings, warning);
}

#[test]
fn what_is_revoked_ends_now_and_what_was_held_stays_on_record() {
    let mut world = World::new();
    let id = world.operator(BULK, "boss", &["Business Auditor"]);
    let now = world.now.seconds();
    let role = "Business Manager";
    let [past, current, from_now, future] = [
        between(role, now - 20, now - 10),
        between(role, now - 5, now + 5),
        between(role, now, now + 5),
        between(role, now + 10, now + 20),
    ];
    let later = between("Business Web Operator", now + 10, now + 20);
    let grants = vec![past.clone(), current.clone(), from_now, future, later.clone()];
    let granted = grant_roles(&world.core, &world.facts, id, grants, world.now).unwrap();
    world.facts.commit(granted.write_set).unwrap();
    let [revoked, again] = [(); 2].map(|()| revoke_role(&world.facts, id, role, world.now).unwrap());
    world.facts.commit(revoked).unwrap();
    let ended = Grant { expires: Some(world.now), ..current };
    assert_eq!(roles_of(&world, id), [grant("Business Auditor"), past, ended, later]);
    assert!(world.facts.commit(again).is_err(), "it rests on what it read");
    let nothing = revoke_role(&world.facts, id, role, world.now);
    assert_eq!(nothing, Err(AdminError::NotGranted(role.into())));
}

#[test]
fn a_closed_operator_stays_closed_and_states_do_not_race() {
    let mut world = World::new();
    let id = world.operator(BULK, "boss", &[]);
    let [suspended, closed] =
        [Status::Suspended, Status::Closed].map(|status| set_status(&world.facts, id, status).unwrap().write_set);
    world.facts.commit(closed).unwrap();
    assert!(world.facts.commit(suspended).is_err());
    for status in Status::ALL {
        let changed = set_status(&world.facts, id, status);
        assert_eq!(changed.is_ok(), status == Status::Closed, "{status:?}");
    }
    let unknown = OperatorId::from_draw(Draw(77));
    assert!(matches!(set_status(&world.facts, unknown, Status::Active), Err(AdminError::Unknown(_))));
}

#[test]
fn operators_are_listed_page_by_page_in_the_order_of_their_names() {
    let mut world = World::new();
    for name in ["carol", "Bob", "alice"] {
        world.operator(BULK, name, &[]);
    }
    let bulk = shortcode(BULK);
    let names = |after: Option<&str>| {
        let page = operators(&world.facts, Some(&bulk), after, 2).unwrap();
        page.into_iter().map(|operator| operator.user_name).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["alice", "api"]);
    assert_eq!(names(Some("API")), ["Bob", "carol"]);
    assert_eq!(operators(&world.facts, None, None, 2).unwrap(), []);
}
