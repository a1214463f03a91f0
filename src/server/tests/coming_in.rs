//! Who comes in, and who does not.

use std::time::Duration;

use rustls::HandshakeKind;

use super::house::{House, limits, post};
use super::pki::{Pki, fingerprint};
use crate::broker::Door;
use crate::server::{DoorLimits, Tls, TlsMaterial};

#[tokio::test]
async fn a_known_caller_is_answered_and_the_service_learns_its_key() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::under(&pki);
    house.know(&client);
    let answer = house.tls(&pki, Some(&client)).await.post("/mminterface/request", "<x/>").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n<x/>"), "{answer}");
    assert_eq!(*house.service.last.lock().unwrap(), Some((Door::ThirdParty, Some(client.fingerprint()))));
}

#[tokio::test]
async fn a_stranger_is_closed_before_the_handshake() {
    let house = House::under(&Pki::new("third parties"));
    house.gate.closed.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut caller = house.tcp().await;
    assert!(caller.rest().await.is_empty());
    house.ended("address_refused", 1).await;
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused() {
    let pki = Pki::new("third parties");
    let house = House::under(&pki);
    let mut caller = house.tls(&pki, None).await;
    caller.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
    assert!(caller.rest().await.is_empty());
    house.ended("certificate_missing", 1).await;
    assert_eq!(house.asked(), 0);
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused() {
    let (ours, theirs) = (Pki::new("third parties"), Pki::new("handsets"));
    let house = House::under(&ours);
    let stranger = theirs.client(1);
    house.know(&stranger);
    assert!(house.tls(&ours, Some(&stranger)).await.rest().await.is_empty());
    house.ended("certificate_refused", 1).await;
}

#[tokio::test]
async fn a_certificate_whose_key_is_nobodys_is_closed() {
    let pki = Pki::new("third parties");
    let house = House::under(&pki);
    assert!(house.tls(&pki, Some(&pki.client(1))).await.rest().await.is_empty());
    house.ended("key_unknown", 1).await;
    assert_eq!(house.asked(), 0);
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_its_neighbour_is_not() {
    let pki = Pki::new("third parties");
    let (good, revoked) = (pki.client(1), pki.client(2));
    let house = with_crl(&pki, &[2], 4000);
    house.know(&good);
    house.know(&revoked);
    assert!(house.tls(&pki, Some(&revoked)).await.rest().await.is_empty());
    house.ended("certificate_refused", 1).await;
    assert!(house.tls(&pki, Some(&good)).await.post("/", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_expired_revocation_list_refuses_everybody() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = with_crl(&pki, &[2], 2021);
    house.know(&client);
    assert!(house.tls(&pki, Some(&client)).await.rest().await.is_empty());
    house.ended("certificate_refused", 1).await;
}

fn with_crl(pki: &Pki, revoked: &[u64], valid_until_year: i32) -> House {
    let material = TlsMaterial { client_crls: vec![pki.revoking(revoked, valid_until_year)], ..pki.material() };
    House::with_tls(Tls::new(material, fingerprint).unwrap(), limits())
}

#[tokio::test]
async fn a_session_is_never_resumed() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::under(&pki);
    house.know(&client);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = pki.connector(Some(&client), &[version]);
        for _ in 0..2 {
            let mut caller = house.tls_with(config.clone()).await;
            caller.post("/", "").await;
            assert_eq!(caller.0.get_ref().1.handshake_kind(), Some(HandshakeKind::Full), "{version:?}");
        }
    }
}

#[tokio::test]
async fn replaced_certificates_hold_at_once_and_faulty_ones_change_nothing() {
    let (before, after) = (Pki::new("before"), Pki::new("after"));
    let (old, new) = (before.client(1), after.client(1));
    let tls = Tls::new(before.material(), fingerprint).unwrap();
    let house = House::with_tls(tls.clone(), limits());
    house.know(&old);
    house.know(&new);
    let mut open = house.tls(&before, Some(&old)).await;
    open.post("/", "").await;

    tls.replace(TlsMaterial { chain: before.material().chain, ..after.material() }).unwrap_err();
    house.tls(&before, Some(&old)).await.post("/", "").await;
    open.post("/", "still open").await;

    tls.replace(after.material()).unwrap();
    house.tls(&after, Some(&new)).await.post("/", "").await;
    open.send(&post("/", "of no CA any more")).await;
    assert!(open.rest().await.is_empty());
}

#[tokio::test]
async fn a_kept_connection_closes_when_its_certificate_is_revoked_and_its_neighbour_stays() {
    let pki = Pki::new("third parties");
    let (good, revoked) = (pki.client(1), pki.client(2));
    let tls = Tls::new(pki.material(), fingerprint).unwrap();
    let house = House::with_tls(tls.clone(), limits());
    house.know(&good);
    house.know(&revoked);
    let mut stays = house.tls(&pki, Some(&good)).await;
    let mut goes = house.tls(&pki, Some(&revoked)).await;
    stays.post("/", "").await;
    goes.post("/", "").await;
    tls.replace(TlsMaterial { client_crls: vec![pki.revoking(&[2], 4000)], ..pki.material() }).unwrap();
    house.doors.recheck();
    assert!(goes.rest().await.is_empty());
    house.ended("withdrawn", 1).await;
    stays.post("/", "").await;
}

#[tokio::test]
async fn a_kept_connection_closes_at_the_next_request_after_its_key_was_withdrawn() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::under(&pki);
    house.know(&client);
    let mut caller = house.tls(&pki, Some(&client)).await;
    caller.post("/", "").await;
    house.forget_all();
    caller.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
    assert!(caller.rest().await.is_empty());
    house.ended("withdrawn", 1).await;
    assert_eq!(house.asked(), 1);
}

#[tokio::test]
async fn a_recheck_closes_what_may_no_longer_be_here_and_nothing_else() {
    let pki = Pki::new("third parties");
    let (staying, leaving) = (pki.client(1), pki.client(2));
    let house = House::under(&pki);
    house.know(&staying);
    house.know(&leaving);
    let mut stays = house.tls(&pki, Some(&staying)).await;
    let mut leaves = house.tls(&pki, Some(&leaving)).await;
    stays.post("/", "").await;
    leaves.post("/", "").await;
    house.forget_all();
    house.know(&staying);
    house.doors.recheck();
    assert!(leaves.rest().await.is_empty());
    house.ended("withdrawn", 1).await;
    stays.post("/", "").await;
}

#[tokio::test]
async fn a_silent_handshake_is_given_up() {
    let pki = Pki::new("third parties");
    let short = DoorLimits { handshake_time_max: Duration::from_millis(50), ..limits() };
    let house = House::with_tls(Tls::new(pki.material(), fingerprint).unwrap(), short);
    let mut silent = house.tcp().await;
    assert!(silent.rest().await.is_empty());
    house.ended("handshake_slow", 1).await;
}

#[tokio::test]
async fn a_handshake_waits_for_its_turn_within_its_time() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let one = DoorLimits { handshakes_max: 1, handshake_time_max: Duration::from_secs(5), ..limits() };
    let house = House::with_tls(Tls::new(pki.material(), fingerprint).unwrap(), one);
    house.know(&client);
    let silent = house.tcp().await;
    let waiting = async { house.tls(&pki, Some(&client)).await.post("/", "").await };
    let leaving = async {
        house.metrics_show("lango_connections_open{door=\"third_party\"} 2\n").await;
        drop(silent);
    };
    let (answer, ()) = tokio::join!(waiting, leaving);
    assert!(answer.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_address_has_only_so_many_connections() {
    let one = DoorLimits { connections_per_address_max: 1, ..limits() };
    let house = House::plain(one);
    let mut first = house.tcp().await;
    first.post("/", "").await;
    assert!(house.tcp().await.rest().await.is_empty());
    house.ended("address_full", 1).await;
    drop(first);
    house.ended("served", 1).await;
    house.tcp().await.post("/", "").await;
}

#[tokio::test]
async fn a_door_has_only_so_many_connections() {
    let house = House::plain(DoorLimits { connections_max: 1, ..limits() });
    let mut first = house.tcp().await;
    first.post("/", "").await;
    assert!(house.tcp().await.rest().await.is_empty());
    house.ended("door_full", 1).await;
}
