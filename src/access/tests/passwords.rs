//! A third party's password changes, and what its timeStamps must be where its record says so.

use super::*;

const CHANGE_KEY: &str = "AAAabcdefghijklm";
const CHANGE_VECTOR: &str = "abcdefghijklmnop";
const HOUR: Duration = Duration::from_secs(3600);

/// A door whose `duka` can change its password.
async fn house_with_change_key() -> House {
    let house = house().await;
    with_duka(&house, |duka| {
        let (key, vector) = (Secret::new(CHANGE_KEY), Secret::new(CHANGE_VECTOR));
        duka.seal_change_key(&key, &vector, &house.access.vault, &*house.access.entropy).unwrap();
        // The keys of the other tests end with the day.
        duka.keys.iter_mut().for_each(|key| key.not_after = NOW.plus(DAY * 30));
    })
    .await;
    house
}

fn with_password(password: &str) -> Knock {
    Knock { sp_password: Some(sp_password("107031", password, TIME)), ..good() }
}

fn sent(password: &str) -> String {
    new_password(password, &Secret::new(CHANGE_KEY), &Secret::new(CHANGE_VECTOR)).unwrap()
}

#[tokio::test]
async fn both_passwords_are_valid_for_the_set_time_and_then_the_new_one_alone() {
    let house = house_with_change_key().await;
    let permit = good().at(&house.access).unwrap();
    // The documents' example: !QAZ2wsx.
    house.access.change_password(&permit, "wi2a7BAH0QPd2LRdmcgC9w==").await.unwrap();
    assert!(good().at(&house.access).is_ok() && with_password("!QAZ2wsx").at(&house.access).is_ok());
    house.clock.advance(HOUR);
    assert!(good().at(&house.access).is_ok(), "up to the last moment");
    house.clock.advance(Duration::from_micros(1));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::PasswordWrong);
    assert!(with_password("!QAZ2wsx").at(&house.access).is_ok());
}

#[tokio::test]
async fn the_same_change_again_is_well_and_changes_nothing() {
    let house = house_with_change_key().await;
    let permit = good().at(&house.access).unwrap();
    house.access.change_password(&permit, &sent("Second#22")).await.unwrap();
    let before = house.store.commits();
    // The answer was lost: it comes again with the old password, and with the old permit.
    let again = good().at(&house.access).unwrap();
    house.access.change_password(&again, &sent("Second#22")).await.unwrap();
    house.access.change_password(&permit, &sent("Second#22")).await.unwrap();
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn a_previous_password_opens_the_door_and_changes_nothing() {
    let house = house_with_change_key().await;
    let first = good().at(&house.access).unwrap();
    house.access.change_password(&first, &sent("Second#22")).await.unwrap();
    let previous = good().at(&house.access).unwrap();
    for permit in [&previous, &first] {
        let refused = house.access.change_password(permit, &sent("Thief#333")).await.unwrap_err();
        assert!(matches!(refused, ChangePasswordError::NotProved), "{refused}");
    }
    let present = with_password("Second#22").at(&house.access).unwrap();
    house.access.change_password(&present, &sent("Third#333")).await.unwrap();
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::PasswordWrong, "two before is no more");
}

#[tokio::test]
async fn a_password_that_an_operator_sets_is_the_only_one_at_once() {
    let house = house_with_change_key().await;
    let permit = good().at(&house.access).unwrap();
    house.access.change_password(&permit, &sent("Second#22")).await.unwrap();
    with_duka(&house, |duka| house.access.seal_password(duka, &Secret::new("Third#333")).unwrap()).await;
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::PasswordWrong, "the one before the last came back");
    assert_eq!(with_password("Second#22").at(&house.access).unwrap_err(), Refusal::PasswordWrong);
    assert!(with_password("Third#333").at(&house.access).is_ok());
}

#[tokio::test]
async fn who_has_no_key_or_proves_no_password_changes_nothing() {
    let house = house().await;
    let permit = good().at(&house.access).unwrap();
    let refused = house.access.change_password(&permit, &sent("Second#22")).await.unwrap_err();
    assert!(matches!(refused, ChangePasswordError::NotOffered), "{refused}");

    let house = house_with_change_key().await;
    with_duka(&house, |duka| duka.mode = AuthenticationMode::SpIdIp).await;
    let permit = good().at(&house.access).unwrap();
    let before = house.store.commits();
    let refused = house.access.change_password(&permit, &sent("Second#22")).await.unwrap_err();
    assert!(matches!(refused, ChangePasswordError::NotProved), "{refused}");
    for bad in ["", "Second#22", "wi2a7BAH0QPd2LRdmcgC9Q==", &sent("short")] {
        let refused = house.access.change_password(&permit, bad).await.unwrap_err();
        assert!(matches!(refused, ChangePasswordError::NewPassword(_)), "{refused}");
    }
    assert_eq!(house.store.commits(), before);
}

#[tokio::test]
async fn a_time_stamp_that_counts_once_does_not_come_again() {
    let house = house().await;
    let rule = TimeStampRule { window_seconds: Some(300), ahead_of_utc_minutes: 0, once: true };
    with_duka(&house, |duka| duka.time_stamps = rule).await;
    house.clock.advance(Duration::from_secs(30));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::TimeStampStale, "it may be from before the start");
    let at = |time: &'static str| Knock {
        sp_password: Some(sp_password("107031", DUKA_PASSWORD, time)),
        time_stamp: Some(time),
        ..good()
    };
    let foreign = Knock { address: "10.66.50.20", ..at("20270115080030") };
    assert_eq!(foreign.at(&house.access).unwrap_err(), Refusal::AddressForeign);
    assert!(at("20270115080030").at(&house.access).is_ok(), "what was refused did not use it up");
    let refusal = at("20270115080030").at(&house.access).unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::TimeStampUsed, "100000007"));
    let wrong = Knock { time_stamp: Some("20270115080031"), ..at("20270115080030") };
    assert_eq!(wrong.at(&house.access).unwrap_err(), Refusal::PasswordWrong);
    assert!(at("20270115080031").at(&house.access).is_ok());
}
