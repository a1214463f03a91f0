//! How often and how much at a time: nobody crowds out the others, and nobody guesses for long.

use futures_util::FutureExt as _;

use super::*;
use crate::config::Rates;

const DUKA_SHORTCODE: &str = "600100";

/// A door with these rates, where `duka` acts for its shortcode.
async fn house_with_rates(rates: Rates) -> House {
    let (store, clock) = (Arc::new(Shelf::default()), Arc::new(crate::clock::ManualClock::at(NOW)));
    let house = house_of(store, clock, CREDENTIALS, rates).await;
    with_duka(&house, |duka| duka.shortcodes = vec![DUKA_SHORTCODE.into()]).await;
    house
}

fn sealed(password: &str) -> String {
    security_credential(password, &CREDENTIAL.certificate_pem).unwrap()
}

#[tokio::test]
async fn a_shortcode_starts_so_many_requests_in_a_second() {
    let house = house_with_rates(Rates { shortcode_per_second_max: 2, ..patient() }).await;
    let permit = good().at(&house.access).unwrap();
    let start = |shortcode| house.access.start(&permit, shortcode);
    assert_eq!((start(DUKA_SHORTCODE), start(DUKA_SHORTCODE)), (Ok(()), Ok(())));
    let refusal = start(DUKA_SHORTCODE).unwrap_err();
    assert_eq!((refusal, refusal.public()), (Refusal::ShortcodeRateExceeded, ("100000002", "Throttling error")));
    house.clock.advance(Duration::from_millis(500));
    assert_eq!(start(DUKA_SHORTCODE), Ok(()));
}

#[tokio::test]
async fn a_third_party_does_not_use_up_the_rate_of_a_shortcode_that_is_not_its_own() {
    let house = house_with_rates(Rates { shortcode_per_second_max: 1, ..patient() }).await;
    let mut soko = ThirdParty::clone(&house.access.third_party("soko").unwrap());
    soko.mode = AuthenticationMode::SpIdIp;
    house.access.save_third_party(&soko).await.unwrap();
    let stranger = Knock { sp_id: "107032", key: Some(SOKO_KEY), address: "10.66.50.1", service_id: None, ..good() };
    let stranger = stranger.at(&house.access).unwrap();
    for _ in 0..100 {
        assert_eq!(house.access.start(&stranger, DUKA_SHORTCODE), Ok(()), "the core refuses it");
    }
    let permit = good().at(&house.access).unwrap();
    assert_eq!(house.access.start(&permit, DUKA_SHORTCODE), Ok(()));
    assert!(house.access.start(&permit, DUKA_SHORTCODE).is_err());
}

#[tokio::test]
async fn the_node_takes_so_many_requests_in_a_second_whoever_they_are_of() {
    let house = house_with_rates(Rates { node_per_second_max: 3, ..patient() }).await;
    let refusals: Vec<_> = (0..5).filter_map(|_| good().at(&house.access).err()).collect();
    assert_eq!(refusals, [Refusal::NodeRateExceeded; 2]);
    assert_eq!(refusals[0].public(), ("100000001", "The system is overload"));
}

#[tokio::test]
async fn what_came_too_often_may_be_sent_again_with_the_time_stamp_that_counts_once() {
    let house = house_with_rates(patient()).await;
    with_duka(&house, |duka| {
        duka.requests_per_second_max = Some(1);
        duka.time_stamps = TimeStampRule { window_seconds: Some(300), ahead_of_utc_minutes: 0, once: true };
    })
    .await;
    house.clock.advance(Duration::from_secs(30));
    let at = |time: &'static str| Knock {
        sp_password: Some(sp_password("107031", DUKA_PASSWORD, time)),
        time_stamp: Some(time),
        ..good()
    };
    assert!(at("20270115080029").at(&house.access).is_ok());
    assert_eq!(at("20270115080030").at(&house.access).unwrap_err(), Refusal::RateExceeded);
    house.clock.advance(Duration::from_secs(1));
    assert!(at("20270115080030").at(&house.access).is_ok(), "it was refused, and used the timeStamp up");
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(at("20270115080030").at(&house.access).unwrap_err(), Refusal::TimeStampUsed);
}

#[tokio::test]
async fn a_third_party_has_its_share_of_the_places_and_the_next_one_finds_some() {
    let house = house_with_rates(Rates { under_way_max: 4, ..patient() }).await;
    let held: Vec<_> = (0..10).filter_map(|_| good().at(&house.access).ok()).collect();
    assert_eq!(held.len(), 2);
    let refusal = good().at(&house.access).unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::ShareSpent, "100000002"));

    let mut soko = ThirdParty::clone(&house.access.third_party("soko").unwrap());
    soko.mode = AuthenticationMode::SpIdIp;
    house.access.save_third_party(&soko).await.unwrap();
    let other = Knock { sp_id: "107032", key: Some(SOKO_KEY), address: "10.66.50.1", service_id: None, ..good() };
    let others = other.at(&house.access).unwrap();
    let copy = others.clone();
    drop((held, others));
    assert_eq!((0..9).filter(|_| good().at(&house.access).is_ok()).count(), 9, "places come back");
    drop(copy);
}

#[tokio::test]
async fn refused_authentications_of_a_source_are_not_looked_at_for_long_and_nobody_else_notices() {
    let house = house_with_rates(Rates { refusals_at_once_max: 5, refusals_per_second_max: 1, ..patient() }).await;
    let guess = Knock { time_stamp: Some("1"), ..good() };
    for _ in 0..5 {
        assert_eq!(guess.at(&house.access).unwrap_err(), Refusal::PasswordWrong);
    }
    let refusal = guess.at(&house.access).unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::RefusalsExceeded, "100000011"));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::RefusalsExceeded, "not even the right one is looked at");
    // The same address with another key is another source.
    let other = Knock { sp_id: "107032", key: Some(SOKO_KEY), address: "10.66.49.20", service_id: None, ..good() };
    assert_eq!(other.at(&house.access).unwrap_err(), Refusal::PasswordNotSet);
    house.clock.advance(Duration::from_secs(1));
    assert!(good().at(&house.access).is_ok(), "who is right takes nothing");
    assert!(good().at(&house.access).is_ok());
}

#[tokio::test]
async fn what_is_not_about_who_calls_does_not_count_as_a_guess() {
    let house = house_with_rates(Rates { refusals_at_once_max: 2, ..patient() }).await;
    let service = Knock { service_id: Some("107032000"), ..good() };
    for _ in 0..20 {
        assert_eq!(service.at(&house.access).unwrap_err(), Refusal::ServiceUnknown);
    }
    assert!(good().at(&house.access).is_ok());
}

/// The queue at the hash: `greedy` has many credentials waiting, `duka` comes after all of them.
#[tokio::test]
async fn a_third_party_with_a_thousand_guesses_does_not_keep_the_next_one_waiting() {
    // Hashes that take much longer than a runtime needs to look at who is next, so that their number says
    // who was waited for.
    let cost = HashCost { memory_kib: 2048, passes: 2 };
    let house = house_with(CredentialSettings { cost, ..CREDENTIALS }).await;
    house.store.apply(house.access.set_password(7, "Sesame#1").unwrap()).unwrap();
    let text = sealed("Sesame#1");
    let verify = |party: &'static str, operator| house.access.verifier.verify(party, operator, &text);
    let mut greedy: Vec<_> = (0..600).map(|_| verify("greedy", None).boxed()).collect();
    let verdicts: Vec<_> = greedy.iter_mut().map(|waiting| waiting.now_or_never()).collect();
    let crowded = Some(CredentialVerdict::Refused(CredentialRefusal::Crowded));
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == crowded).count(), 600 - 512);
    let hashed = || house.access.verifier.hashes.load(std::sync::atomic::Ordering::Relaxed);
    // From the moment that it stands in line: before that, the runtime has the others to begin with.
    let mut duka = verify("duka", Some(7)).boxed();
    let mut verdict = (&mut duka).now_or_never();
    while verdict.is_none() && !house.access.verifier.waits("duka") {
        tokio::task::yield_now().await;
        verdict = (&mut duka).now_or_never();
    }
    let before = hashed();
    let verdict = match verdict {
        Some(verdict) => verdict,
        None => duka.await,
    };
    assert_eq!(verdict, CredentialVerdict::Verified);
    // Two at a time, and at most one more each that had its turn before.
    assert!(hashed() - before <= 8, "duka waited for {} hashes", hashed() - before);
    drop(greedy);
}

#[tokio::test]
async fn a_third_party_that_guesses_from_operator_to_operator_is_stopped_and_locks_no_more() {
    let settings = CredentialSettings { source_failures_max: 4, failures_max: 3, ..CREDENTIALS };
    let house = house_with(settings).await;
    for operator in 1..=9 {
        house.store.apply(house.access.set_password(operator, "Sesame#1").unwrap()).unwrap();
    }
    // What was found good before is known, whoever guesses meanwhile.
    let (known, right, wrong) = (sealed("Sesame#1"), sealed("Sesame#1"), sealed("Sesame#2"));
    assert_eq!(house.access.check_credential(Some(9), &known).await, CredentialVerdict::Verified);
    for operator in 1..=8 {
        house.access.check_credential(Some(operator), &wrong).await;
    }
    let failures = |operator| match credential::read(&*house.store, operator).unwrap().unwrap().0 {
        credential::Credential::Active { failures, .. } => failures,
        other => panic!("{other:?}"),
    };
    assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(failures), [1, 1, 1, 1, 0, 0, 0, 0]);
    let stopped = CredentialVerdict::Refused(CredentialRefusal::SourceStopped);
    assert_eq!(house.access.check_credential(Some(8), &right).await, stopped, "not even the right one");
    assert_eq!(house.access.check_credential(Some(9), &known).await, CredentialVerdict::Verified);
    let soko = house.access.verifier.verify("soko", Some(8), &right).await;
    assert_eq!(soko, CredentialVerdict::Verified, "another third party is another source");

    // Durable: a door opened again knows it.
    let again = open(house.store.clone(), house.clock.clone(), settings, patient(), Audit::off(house.clock.clone()));
    assert_eq!(again.check_credential(Some(7), &right).await, stopped);
    house.clock.advance(Duration::from_secs(900));
    assert_eq!(again.check_credential(Some(7), &right).await, CredentialVerdict::Verified);
}

#[tokio::test]
async fn d6_a_stranger_s_refusals_do_not_make_the_audit_log_grow() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.log");
    let house = house().await;
    let audit = Audit::open(&path, house.clock.clone()).unwrap();
    let access = open(house.store.clone(), house.clock.clone(), CREDENTIALS, patient(), audit);
    for at in 0..5_000 {
        let claim = Claim { sp_id: &at.to_string(), sp_password: Some("x"), service_id: None, time_stamp: Some(TIME) };
        let address = "10.66.49.20".parse().unwrap();
        assert!(access.admit(&claim, address, Some(DUKA_KEY), NetworkKind::Vpn).is_err());
        access.record_refusal(address, "duka", "1005", &format!("the element {at} is invalid"));
    }
    drop(access);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 4, "a line and a count for each of the two:\n{text}");
    assert!(text.contains("\"repeated\":\"4999\""));
}
