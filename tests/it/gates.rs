//! Every gate that a request of a third party passes, and every way to fail at it: the one public code,
//! the one private reason on the audit log, and nothing that changed. A reason that no row here has and no
//! other test is named for makes this fail.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use lango::access::{Refusal, ThirdParty, TimeStampRule, sp_password};
use lango::cli::demo::stage::answer;
use lango::cli::deployment::{NEIGHBOUR, THIRD_PARTY};
use lango::clock::{Clock, ManualClock, SystemClock, Zone};
use lango::entropy::SystemEntropy;
use lango::mminterface::{CallerHeader, write_request_document, write_request_envelope};
use lango::node::Seams;
use serde_json::Value;

use crate::house::House;

const IDENTITY: &str = "100000007";
/// Reasons that other tests show, since it takes another door, another time or many callers.
const ELSEWHERE: [(Refusal, &str); 9] = [
    (Refusal::PlainDoorClosed, "doors::the_plain_door_is_closed_until_settings_and_the_partners_record_open_it"),
    (Refusal::KeyUnknown, "closed at the handshake: demonstration"),
    (Refusal::KeyNotInForce, "closed at the handshake: door_rights"),
    (Refusal::AddressForeign, "closed before the handshake: door_whitelist"),
    (Refusal::TimeStampsFull, "access::time_stamps"),
    (Refusal::ShortcodeRateExceeded, "access::tests::fairness"),
    (Refusal::ShareSpent, "access::tests::fairness"),
    (Refusal::PlacesTaken, "access::tests::fairness"),
    (Refusal::NodeRateExceeded, "access::tests::fairness"),
];

/// What a caller claims.
#[derive(Clone)]
struct Knock {
    sp_id: String,
    password: String,
    service_id: Option<&'static str>,
    time_stamp: String,
    /// What stands in the place of the digest, if it is not that.
    instead: Option<&'static str>,
    /// How often it knocks; the last answer counts.
    times: usize,
}

impl Knock {
    fn header(&self) -> CallerHeader {
        let digest = sp_password(&self.sp_id, &self.password, &self.time_stamp);
        CallerHeader {
            sp_id: self.sp_id.clone(),
            sp_password: Some(self.instead.map_or(digest, str::to_owned)),
            service_id: self.service_id.map(str::to_owned),
            time_stamp: Some(self.time_stamp.clone()),
        }
    }
}

/// One way to fail: what is different on record, what in the claim.
struct Row {
    reason: Refusal,
    code: &'static str,
    on_record: fn(&mut ThirdParty, &ThirdParty),
    claimed: fn(&mut Knock),
    whitelist: fn(&str) -> String,
}

fn row(reason: Refusal, code: &'static str) -> Row {
    Row { reason, code, on_record: |_, _| {}, claimed: |_| {}, whitelist: str::to_owned }
}

const WINDOW: TimeStampRule = TimeStampRule { window_seconds: Some(300), ahead_of_utc_minutes: 0, once: false };

fn rows() -> Vec<Row> {
    vec![
        Row { claimed: |knock| knock.sp_id = "999999".into(), ..row(Refusal::SpIdUnknown, IDENTITY) },
        Row { claimed: |knock| knock.sp_id = "107032".into(), ..row(Refusal::KeyOfAnother, IDENTITY) },
        Row { claimed: |knock| knock.instead = Some(""), ..row(Refusal::PasswordMissing, IDENTITY) },
        Row { claimed: |knock| knock.time_stamp = String::new(), ..row(Refusal::TimeStampMissing, IDENTITY) },
        Row { claimed: |knock| knock.instead = Some("not a digest"), ..row(Refusal::PasswordMalformed, IDENTITY) },
        Row { claimed: |knock| knock.password = "Wrong#2026".into(), ..row(Refusal::PasswordWrong, IDENTITY) },
        Row { on_record: |party, _| party.password = None, ..row(Refusal::PasswordNotSet, IDENTITY) },
        Row {
            on_record: |party, other| party.password = other.password.clone(),
            ..row(Refusal::SecretUnreadable, "100000004")
        },
        Row {
            on_record: |party, _| party.time_stamps = WINDOW,
            claimed: |knock| knock.time_stamp = "yesterday".into(),
            ..row(Refusal::TimeStampUnreadable, IDENTITY)
        },
        Row {
            on_record: |party, _| party.time_stamps = WINDOW,
            claimed: |knock| knock.time_stamp = "20200101000000".into(),
            ..row(Refusal::TimeStampStale, IDENTITY)
        },
        Row {
            on_record: |party, _| party.time_stamps = TimeStampRule { once: true, ..WINDOW },
            claimed: |knock| knock.times = 2,
            ..row(Refusal::TimeStampUsed, IDENTITY)
        },
        Row {
            whitelist: |list| list.replacen("127.0.0.1/32\", kind = \"vpn\"", "127.0.0.1/32\", kind = \"internet\"", 1),
            ..row(Refusal::AddressNotVpn, IDENTITY)
        },
        Row { on_record: |party, _| party.enabled = false, ..row(Refusal::Disabled, "100000006") },
        Row { claimed: |knock| knock.service_id = Some("999999000"), ..row(Refusal::ServiceUnknown, "100000008") },
        Row {
            on_record: |party, _| party.requests_per_second_max = Some(1),
            claimed: |knock| knock.times = 2,
            ..row(Refusal::RateExceeded, "100000011")
        },
        Row {
            claimed: |knock| (knock.password, knock.times) = ("Wrong#2026".into(), 200),
            ..row(Refusal::RefusalsExceeded, "100000011")
        },
    ]
}

#[test]
fn every_reason_to_refuse_has_a_row_or_a_test_of_its_own() {
    let shown: BTreeSet<_> = rows().iter().map(|row| row.reason.reason()).collect();
    let shown: BTreeSet<_> = shown.into_iter().chain(ELSEWHERE.iter().map(|(reason, _)| reason.reason())).collect();
    assert_eq!(shown, Refusal::ALL.map(Refusal::reason).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gate_has_its_code_its_reason_and_changes_nothing() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let seams = Seams { clock: Arc::clone(&clock) as Arc<dyn Clock>, entropy: Arc::new(SystemEntropy) };
    let house = House::built_with(seams).await;
    let access = house.stage.access();
    let file = house.shop().file.clone();
    let list = fs::read_to_string(house.dir().join("whitelist.toml")).unwrap();
    let (party, other) = (access.third_party(THIRD_PARTY).unwrap(), access.third_party(NEIGHBOUR).unwrap());
    // A command that is none: whoever was let in is told so.
    let mut document = house.shop().balance("gates").unwrap();
    document.command_id = "Nothing".into();
    let document = write_request_document(&document);

    for row in rows() {
        // So that what earlier rows used up is there again, and every timeStamp is new.
        clock.set(clock.now().plus(Duration::from_secs(3600)));
        let mut changed = (*party).clone();
        (row.on_record)(&mut changed, &other);
        access.save_third_party(&changed).await.unwrap();
        access.reload_whitelist(&(row.whitelist)(&list)).unwrap();
        let good = Knock {
            sp_id: file.third_party.sp_id.clone(),
            password: file.third_party.password.clone(),
            service_id: None,
            time_stamp: Zone::named("UTC").unwrap().compact(clock.now()),
            instead: None,
            times: 1,
        };
        let mut knock = good.clone();
        (row.claimed)(&mut knock);
        let before = house.stage.store().health().sequence;
        let message = write_request_envelope(&knock.header(), &document);
        let mut code = String::new();
        for _ in 0..knock.times {
            let reply = house.stage.shop.post("/mminterface/request", message.clone()).await;
            code = reply.map_or_else(|_| "closed".into(), |reply| answer(&reply).unwrap().response_code);
        }
        assert_eq!(code, row.code, "{}", row.reason);
        assert_eq!(house.stage.store().health().sequence, before, "{} changed something", row.reason);
        assert!(reasons(&house).contains(row.reason.reason()), "{} is not on the audit log", row.reason);

        clock.set(clock.now().plus(Duration::from_secs(3600)));
        access.save_third_party(&party).await.unwrap();
        access.reload_whitelist(&list).unwrap();
        let good = write_request_envelope(&good.header(), &document);
        let reply = house.stage.shop.post("/mminterface/request", good).await.unwrap();
        assert_eq!(answer(&reply).unwrap().response_code, "1002", "after {}, nobody is let in any more", row.reason);
    }
    house.torn_down().await;
}

/// The private reasons on the audit log.
fn reasons(house: &House) -> BTreeSet<String> {
    let log = fs::read_to_string(house.dir().join("data/audit.log")).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refusals = lines.filter(|line| line["event"] == "request-refused" || line["event"] == "refused");
    refusals.map(|line| line["fields"]["reason"].as_str().unwrap_or_default().to_owned()).collect()
}
