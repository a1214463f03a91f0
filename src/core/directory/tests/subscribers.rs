//! Subscribers: their names, their one account, and how they change.

use super::*;
use crate::core::testing::UNKNOWN;

fn number(text: &str) -> Msisdn {
    Msisdn::try_from(text.to_owned()).unwrap()
}

fn person(first: &str, middle: &str, last: &str) -> PersonName {
    PersonName { first: first.into(), middle: middle.into(), last: last.into() }
}

fn create(world: &World, msisdn: &str, name: PersonName) -> Result<crate::store::WriteSet, AdminError> {
    create_subscriber(&world.facts, number(msisdn), name, true, world.now)
}

fn change(world: &World, change: SubscriberChange) -> Result<Changed<Subscriber>, AdminError> {
    change_subscriber(&world.facts, &number(AMINA), change)
}

/// A change of the first, middle or last name.
fn renamed(part: usize, name: &str) -> SubscriberChange {
    let [first, middle, last] = [0, 1, 2].map(|at| (at == part).then(|| name.to_owned()));
    SubscriberChange { first, middle, last, ..SubscriberChange::default() }
}

#[test]
fn a_number_is_one_subscriber_even_when_two_create_it() {
    let world = World::new();
    let [one, other] = ["One", "Other"].map(|first| create(&world, "254700000001", person(first, "", "")).unwrap());
    world.facts.commit(one).unwrap();
    assert!(world.facts.commit(other).is_err());
    assert!(matches!(create(&world, "254700000001", person("A", "", "")), Err(AdminError::Exists(_))));
    let created = subscriber(&world.facts, &number("254700000001")).unwrap().unwrap();
    assert_eq!((created.status, created.name.first.as_str()), (Status::Active, "One"));
}

#[test]
fn each_part_of_a_name_may_be_empty_and_has_no_control_characters() {
    let world = World::new();
    let long = "x".repeat(129);
    for part in 0..3 {
        for (text, kept) in [(" Wanjiku ", Some("Wanjiku")), ("  ", Some("")), ("two\nlines", None), (&long, None)] {
            let [first, middle, last] = [0, 1, 2].map(|at| if at == part { text } else { "Any" });
            let created = create(&world, "254700000001", person(first, middle, last));
            assert_eq!(created.is_ok(), kept.is_some(), "{part} {text:?}");
            let changed = change(&world, renamed(part, text));
            let Some(kept) = kept else {
                assert_eq!(changed.unwrap_err(), AdminError::Name, "{part} {text:?}");
                continue;
            };
            let PersonName { first, middle, last } = changed.unwrap().after.name;
            assert_eq!([first, middle, last][part], kept, "{part} {text:?}");
            let fresh = World::new();
            fresh.facts.commit(created.unwrap()).unwrap();
            let PersonName { first, middle, last } =
                subscriber(&fresh.facts, &number("254700000001")).unwrap().unwrap().name;
            assert_eq!([first, middle, last][part], kept, "{part} {text:?}");
        }
    }
}

#[test]
fn changes_say_something_about_who_is_there_and_do_not_race() {
    let world = World::new();
    assert_eq!(change(&world, SubscriberChange::default()).unwrap_err(), AdminError::Nothing);
    let stranger = change_subscriber(&world.facts, &number("254700000001"), renamed(0, "Any"));
    assert!(matches!(stranger, Err(AdminError::Unknown(_))));
    let [one, other] = ["One", "Other"].map(|name| change(&world, renamed(0, name)).unwrap());
    assert!(one.after.registered && one.after.name.last == "Otieno" && one.after.status == Status::Active);
    world.facts.commit(one.write_set).unwrap();
    assert!(world.facts.commit(other.write_set).is_err());
    let registered = |registered| SubscriberChange { registered: Some(registered), ..SubscriberChange::default() };
    for known in [true, false] {
        let changed = change_subscriber(&world.facts, &number(UNKNOWN), registered(known)).unwrap();
        assert_eq!(changed.after.registered, known);
    }
}

#[test]
fn a_public_name_is_first_and_last_without_what_surrounds_them() {
    let cases = [
        ((" Amina", "Otieno "), "Amina Otieno"),
        ((" Amina ", " "), "Amina"),
        (("", " Otieno "), "Otieno"),
        (("", ""), ""),
    ];
    for ((first, last), public) in cases {
        assert_eq!(PersonNameRef { first, middle: "Wanjiku", last }.public(), public);
    }
}

#[test]
fn subscribers_are_listed_page_by_page() {
    let mut world = World::new();
    world.subscriber("254700000001", "One", "More", true);
    let numbers = |after: Option<&str>| {
        let page = subscribers(&world.facts, after.map(number).as_ref(), 2).unwrap();
        page.into_iter().map(|subscriber| subscriber.msisdn.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(None), ["254700000001", AMINA]);
    assert_eq!(numbers(Some(AMINA)), [UNKNOWN]);
}
