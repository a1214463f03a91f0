//! The matrix of the door: every gate, and every way to fail it.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::testing::*;
use super::*;

use crate::telemetry::audit;

mod fairness;
mod passwords;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TIME: &str = "20270115080000";

/// A request as `duka` makes it; a test changes what it is about.
struct Knock {
    sp_id: &'static str,
    sp_password: Option<String>,
    service_id: Option<&'static str>,
    time_stamp: Option<&'static str>,
    address: &'static str,
    key: Option<KeyFingerprint>,
    need: NetworkKind,
}

fn good() -> Knock {
    Knock {
        sp_id: "107031",
        sp_password: Some(sp_password("107031", DUKA_PASSWORD, TIME)),
        service_id: Some("107031000"),
        time_stamp: Some(TIME),
        address: "10.66.49.20",
        key: Some(DUKA_KEY),
        need: NetworkKind::Vpn,
    }
}

impl Knock {
    fn at(&self, access: &Access) -> Result<Permit, Refusal> {
        let claim = Claim {
            sp_id: self.sp_id,
            sp_password: self.sp_password.as_deref(),
            service_id: self.service_id,
            time_stamp: self.time_stamp,
        };
        access.admit(&claim, self.address.parse().unwrap(), self.key, self.need)
    }
}

async fn with_duka(house: &House, change: impl FnOnce(&mut ThirdParty)) {
    let mut duka = ThirdParty::clone(&house.access.third_party("duka").unwrap());
    change(&mut duka);
    house.access.save_third_party(&duka).await.unwrap();
}

#[tokio::test]
async fn who_passes_every_gate_gets_a_permit() {
    let house = house().await;
    let permit = good().at(&house.access).unwrap();
    assert_eq!((permit.third_party().name.as_str(), permit.network()), ("duka", NetworkKind::Vpn));
    for variant in [
        Knock { service_id: None, ..good() },
        Knock { service_id: Some(""), ..good() },
        Knock { address: "::ffff:10.66.49.20", ..good() },
        Knock { need: NetworkKind::Internet, ..good() },
    ] {
        assert!(variant.at(&house.access).is_ok());
    }
    let registration = Knock { address: "203.0.113.9", need: NetworkKind::Internet, ..good() };
    assert_eq!(registration.at(&house.access).unwrap().network(), NetworkKind::Internet);
}

#[tokio::test]
async fn every_way_to_fail_a_gate_has_its_reason_and_one_answer() {
    let house = house().await;
    let hashed = |sp_id, password, time| Some(sp_password(sp_id, password, time));
    let cases = [
        (Knock { sp_id: "999999", sp_password: hashed("999999", DUKA_PASSWORD, TIME), ..good() }, Refusal::SpIdUnknown),
        (Knock { sp_id: "", ..good() }, Refusal::SpIdUnknown),
        (Knock { sp_id: "107031 ", ..good() }, Refusal::SpIdUnknown),
        (Knock { key: None, ..good() }, Refusal::PlainDoorClosed),
        (Knock { key: Some(KeyFingerprint([9; 32])), ..good() }, Refusal::KeyUnknown),
        (Knock { key: Some(SOKO_KEY), ..good() }, Refusal::KeyOfAnother),
        (Knock { key: Some(DUKA_NEXT_KEY), ..good() }, Refusal::KeyNotInForce),
        (Knock { sp_password: None, ..good() }, Refusal::PasswordMissing),
        (Knock { sp_password: Some(String::new()), ..good() }, Refusal::PasswordMissing),
        (Knock { time_stamp: None, ..good() }, Refusal::TimeStampMissing),
        (Knock { time_stamp: Some(""), ..good() }, Refusal::TimeStampMissing),
        (Knock { sp_password: Some(DUKA_PASSWORD.into()), ..good() }, Refusal::PasswordMalformed),
        (Knock { sp_password: hashed("107031", "S3cret#pW", TIME), ..good() }, Refusal::PasswordWrong),
        (Knock { time_stamp: Some("20270115080001"), ..good() }, Refusal::PasswordWrong),
        (Knock { sp_id: "107032", key: Some(SOKO_KEY), ..good() }, Refusal::PasswordNotSet),
        (Knock { address: "10.66.50.20", ..good() }, Refusal::AddressForeign),
        (Knock { address: "127.0.0.1", ..good() }, Refusal::AddressForeign),
        (Knock { address: "2001:db8::1", ..good() }, Refusal::AddressForeign),
        (Knock { address: "203.0.113.9", ..good() }, Refusal::AddressNotVpn),
    ];
    let before = house.store.commits();
    for (at, (knock, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(knock.at(&house.access).unwrap_err(), refusal, "case {at}");
        assert_eq!(refusal.public(), ("100000007", "Authentication failed."), "{refusal}");
    }
    assert_eq!(house.store.commits(), before, "a refusal changes nothing");
}

#[tokio::test]
async fn an_unknown_sp_id_takes_as_long_as_a_wrong_password() {
    let house = house().await;
    let unknown = Knock { sp_id: "999999", ..good() };
    let wrong = Knock { time_stamp: Some("20270115080001"), ..good() };
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..2_000 {
        for (knock, fastest) in [&unknown, &wrong].into_iter().zip(&mut fastest) {
            let start = Instant::now();
            assert!(knock.at(&house.access).is_err());
            *fastest = start.elapsed().min(*fastest);
        }
    }
    let (quicker, slower) = (fastest.iter().min().unwrap(), fastest.iter().max().unwrap());
    assert!(*slower < *quicker * 3 / 2, "{fastest:?}");
}

#[tokio::test]
async fn what_is_not_about_who_calls_has_codes_of_its_own_and_is_told_to_nobody_else() {
    let house = house().await;
    let service = Knock { service_id: Some("107032000"), ..good() };
    assert_eq!(service.at(&house.access).unwrap_err(), Refusal::ServiceUnknown);
    with_duka(&house, |duka| duka.enabled = false).await;
    let refusal = good().at(&house.access).unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::Disabled, "100000006"));
    let stranger = Knock { time_stamp: Some("1"), service_id: Some("107032000"), ..good() };
    assert_eq!(stranger.at(&house.access).unwrap_err(), Refusal::PasswordWrong);
}

#[tokio::test]
async fn the_mode_says_whether_a_password_is_needed() {
    let house = house().await;
    with_duka(&house, |duka| duka.mode = AuthenticationMode::SpIdIp).await;
    let bare = Knock { sp_password: None, time_stamp: None, ..good() };
    assert!(bare.at(&house.access).is_ok());
    assert_eq!(Knock { address: "10.66.50.1", ..bare }.at(&house.access).unwrap_err(), Refusal::AddressForeign);
    with_duka(&house, |duka| duka.mode = AuthenticationMode::SpIdPassword).await;
    assert!(good().at(&house.access).is_ok());
    assert_eq!(Knock { sp_password: None, ..good() }.at(&house.access).unwrap_err(), Refusal::PasswordMissing);
}

#[tokio::test]
async fn the_plain_door_is_open_to_those_whose_record_says_so() {
    let house = house().await;
    with_duka(&house, |duka| duka.plain_requests = true).await;
    assert!(Knock { key: None, ..good() }.at(&house.access).is_ok());
    let wrong = Knock { key: None, time_stamp: Some("1"), ..good() };
    assert_eq!(wrong.at(&house.access).unwrap_err(), Refusal::PasswordWrong);
    let foreign = Knock { key: Some(SOKO_KEY), ..good() };
    assert_eq!(foreign.at(&house.access).unwrap_err(), Refusal::KeyOfAnother, "a wrong certificate is not none");
}

#[tokio::test]
async fn one_key_takes_over_from_another_at_its_time() {
    let house = house().await;
    let next = Knock { key: Some(DUKA_NEXT_KEY), ..good() };
    assert!(house.access.key_known(&DUKA_KEY) && !house.access.key_known(&DUKA_NEXT_KEY));
    house.clock.advance(DAY);
    assert!(house.access.key_known(&DUKA_KEY) && house.access.key_known(&DUKA_NEXT_KEY));
    assert!(good().at(&house.access).is_ok() && next.at(&house.access).is_ok());
    house.clock.advance(Duration::from_micros(1));
    assert!(!house.access.key_known(&DUKA_KEY) && house.access.key_known(&DUKA_NEXT_KEY));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::KeyNotInForce);
}

#[tokio::test]
async fn a_change_of_a_third_party_counts_at_once() {
    let house = house().await;
    house.access.remove_third_party("duka").await.unwrap();
    assert!(!house.access.key_known(&DUKA_KEY));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::SpIdUnknown);
    assert_eq!(house.access.third_parties().len(), 1);

    let mut kiosk = ThirdParty::new("kiosk", "107031");
    kiosk.keys = vec![ClientKey { fingerprint: DUKA_KEY, not_before: NOW, not_after: NOW.plus(DAY) }];
    house.access.save_third_party(&kiosk).await.unwrap();
    assert_eq!(house.access.third_party("kiosk").unwrap().sp_id, "107031");
    assert!(house.access.key_known(&DUKA_KEY));
}

#[tokio::test]
async fn an_sp_id_or_key_belongs_to_one_third_party() {
    let house = house().await;
    let mut thief = ThirdParty::new("thief", "107031");
    let taken = house.access.save_third_party(&thief).await.unwrap_err();
    assert!(taken.to_string().contains("belongs to the third party \"duka\""), "{taken}");
    thief.sp_id = "107033".into();
    thief.keys = vec![ClientKey { fingerprint: SOKO_KEY, not_before: NOW, not_after: NOW }];
    let taken = house.access.save_third_party(&thief).await.unwrap_err();
    assert!(taken.to_string().contains("\"soko\""), "{taken}");
    assert!(house.access.third_party("thief").is_none());

    // Both decided before either wrote: the second one must lose.
    let (one, other) = (ThirdParty::new("one", "5"), ThirdParty::new("other", "5"));
    let (one, other) = (third_party::save(&*house.store, &one), third_party::save(&*house.store, &other));
    assert!(house.store.apply(one.unwrap()).is_ok());
    assert!(matches!(house.store.apply(other.unwrap()), Err(CommitError::Expectation(_))));
}

#[tokio::test]
async fn a_third_party_that_makes_no_sense_is_not_saved() {
    let house = house().await;
    for bad in [
        ThirdParty::new("", "1"),
        ThirdParty::new("a/b", "1"),
        ThirdParty::new("a", ""),
        ThirdParty::new("a", &"1".repeat(65)),
        ThirdParty { requests_per_second_max: Some(0), ..ThirdParty::new("a", "1") },
    ] {
        let refused = house.access.save_third_party(&bad).await.unwrap_err();
        assert!(matches!(refused, ChangeError::ThirdParty(ThirdPartyError::Invalid(_))), "{refused}");
    }
}

#[tokio::test]
async fn a_rate_is_kept_per_third_party() {
    let house = house().await;
    with_duka(&house, |duka| duka.requests_per_second_max = Some(2)).await;
    let enter = || good().at(&house.access).map(drop);
    assert_eq!((enter(), enter()), (Ok(()), Ok(())));
    let refusal = enter().unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::RateExceeded, "100000011"));
    house.clock.advance(Duration::from_millis(500));
    assert_eq!(enter(), Ok(()));
}

#[tokio::test]
async fn a_whitelist_with_a_fault_changes_nothing() {
    let house = house().await;
    let error = house.access.reload_whitelist("[third_party.duka.networks]\nx = 1\n").unwrap_err();
    assert_eq!(error.line, 2);
    assert!(house.access.admits("10.66.49.1".parse().unwrap()));
    house.access.reload_whitelist("").unwrap();
    assert!(!house.access.admits("10.66.49.1".parse().unwrap()));
    assert_eq!(good().at(&house.access).unwrap_err(), Refusal::AddressForeign);
}

#[tokio::test]
async fn a_door_opened_again_knows_the_same_third_parties() {
    let house = house().await;
    let settings = house.access.verifier.settings;
    let again = open(house.store.clone(), house.clock.clone(), settings, patient(), Audit::off(house.clock.clone()));
    assert!(good().at(&again).is_ok());
    assert_eq!(again.third_parties(), house.access.third_parties());
}

#[tokio::test]
async fn a_password_sealed_with_another_key_is_an_internal_error_and_not_an_open_door() {
    let house = house().await;
    let other = Vault::from_hex(&"5a".repeat(32)).unwrap();
    with_duka(&house, |duka| {
        duka.seal_password(&Secret::new(DUKA_PASSWORD), &other, &crate::entropy::SeededEntropy::new(9)).unwrap();
    })
    .await;
    let refusal = good().at(&house.access).unwrap_err();
    assert_eq!((refusal, refusal.public().0), (Refusal::SecretUnreadable, "100000004"));
}

#[tokio::test]
async fn s5_no_secret_is_written_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.log");
    let house = house().await;
    let audit = Audit::open(&path, house.clock.clone()).unwrap();
    let access = open(house.store.clone(), house.clock.clone(), house.access.verifier.settings, patient(), audit);
    let knock = Knock { address: "127.0.0.1", ..good() };
    assert!(knock.at(&access).is_err());
    let credential = security_credential("Sesame#1", &CREDENTIAL.certificate_pem).unwrap();
    assert!(matches!(access.check_credential(Some(7), &credential).await, CredentialVerdict::Refused(_)));
    let claim =
        Claim { sp_id: "1", sp_password: knock.sp_password.as_deref(), service_id: None, time_stamp: Some(TIME) };
    let set = access.set_password(7, "Sesame#1").unwrap();
    let permit = good().at(&access).unwrap();
    let shown = format!("{access:?} {claim:?} {permit:?} {:?} {:?}", *CREDENTIAL, access.third_parties());
    let written = std::fs::read_to_string(&path).unwrap() + &shown;
    for secret in [DUKA_PASSWORD, "Sesame#1", &credential, knock.sp_password.as_deref().unwrap(), "PRIVATE KEY"] {
        assert!(!written.contains(secret), "{secret}");
    }
    let stored: Vec<u8> = format!("{set:?}").into_bytes();
    assert!(!String::from_utf8_lossy(&stored).contains("Sesame#1"));
    assert!(written.contains("address-foreign") && written.contains("operator-unknown"));
    assert!(audit::verify(&path).unwrap().number >= 2);
}
