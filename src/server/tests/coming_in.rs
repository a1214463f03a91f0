//! Who comes in, and who does not.

use std::time::Duration;

use rustls::{HandshakeKind, SignatureScheme};

use super::house::{House, limits, post};
use super::pki::{Pki, fingerprint};
use crate::broker::Door;
use crate::server::{DoorLimits, Tls, TlsError, TlsMaterial};

#[tokio::test]
async fn a_known_caller_is_answered_and_the_service_learns_its_key() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::under(&pki);
    house.know(&client);
    let answer = house.tls(&pki, Some(&client)).await.post("/mminterface/request", "<x/>").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n<x/>"), "{answer}");
    let (door, peer) = house.service.last.lock().unwrap().unwrap();
    assert_eq!((door, peer.key), (Door::ThirdParty, Some(client.fingerprint())));
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

/// Who offers nothing that the door speaks is told what every program and scanner knows as "nothing in
/// common" (handshake_failure), and not that it may not come in.
#[tokio::test]
async fn a_client_without_a_suite_in_common_is_told_so() {
    const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];
    // One that the door does not speak, and one that it speaks with an RSA key, which it has not.
    const AES128_SHA: [u8; 2] = [0x00, 0x2f];
    const ECDHE_RSA_AES128_GCM_SHA256: [u8; 2] = [0xc0, 0x2f];
    // Signature algorithms: ECDSA and RSA-PSS with SHA-256; groups: P-256.
    const EXTENSIONS: [u8; 20] = [0, 18, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4, 0, 10, 0, 4, 0, 2, 0, 23];

    let house = House::under(&Pki::new("third parties"));
    for (before, suite) in [AES128_SHA, ECDHE_RSA_AES128_GCM_SHA256].into_iter().enumerate() {
        let hello = [&[3, 3][..], &[7; 32], &[0, 0, 2], &suite, &[1, 0], &EXTENSIONS].concat();
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
        let handshake = [&[1, 0, 0, length(&hello)], hello.as_slice()].concat();
        let record = [&[0x16, 3, 1, 0, length(&handshake)], handshake.as_slice()].concat();
        let mut caller = house.tcp().await;
        tokio::io::AsyncWriteExt::write_all(&mut caller.0, &record).await.unwrap();
        assert_eq!(caller.rest().await[..], HANDSHAKE_FAILURE, "{suite:x?}");
        house.ended("handshake_failed", before + 1).await;
    }
}

/// Old programs name HTTP/1.0 in their handshake, and are answered in it.
#[tokio::test]
async fn a_client_that_names_an_old_version_of_http_comes_in() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::under(&pki);
    house.know(&client);
    let mut config = (*pki.connector(Some(&client), &[&rustls::version::TLS12])).clone();
    config.alpn_protocols = vec![b"http/1.0".to_vec()];
    let mut caller = house.tls_with(config.into()).await;
    caller.send("POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n<x/>").await;
    let answer = caller.rest().await;
    assert!(answer.starts_with(b"HTTP/1.0 200 OK\r\n") && answer.ends_with(b"\r\n\r\n<x/>"));
}

#[tokio::test]
async fn each_client_gets_the_certificate_whose_signatures_it_understands() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let house = House::with_tls(Tls::new(pki.material_of_both_kinds(), fingerprint).unwrap(), limits());
    house.know(&client);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for (schemes, is_rsa) in [
            (vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256], false),
            (vec![SignatureScheme::RSA_PSS_SHA256], true),
        ] {
            let config = pki.understanding(&client, version, schemes);
            let mut caller = house.tls_with(config).await;
            caller.post("/", "").await;
            let shown = caller.0.get_ref().1.peer_certificates().unwrap()[0].clone();
            assert_eq!(super::pki::has_rsa_key(&shown), is_rsa, "{version:?}");
        }
    }
}

#[test]
fn two_certificates_of_one_kind_are_one_too_many() {
    let pki = Pki::new("third parties");
    let mut twice = pki.material();
    twice.identities.extend(pki.material().identities);
    assert!(matches!(Tls::new(twice, fingerprint), Err(TlsError::SameKind)));
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

    let mut mismatched = after.material();
    mismatched.identities[0].chain = before.material().identities[0].chain.clone();
    tls.replace(mismatched).unwrap_err();
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
async fn silent_handshakes_of_one_address_are_bounded_and_those_that_are_through_do_not_count() {
    let pki = Pki::new("third parties");
    let client = pki.client(1);
    let two = DoorLimits { half_open_per_address_max: 2, ..limits() };
    let house = House::with_tls(Tls::new(pki.material(), fingerprint).unwrap(), two);
    house.know(&client);
    let mut through = house.tls(&pki, Some(&client)).await;
    through.post("/", "").await;
    let silent = [house.tcp().await, house.tcp().await];
    assert!(house.tcp().await.rest().await.is_empty(), "a third silent one was not closed");
    house.ended("address_half_open_full", 1).await;
    through.post("/", "").await;
    drop(silent);
    house.ended("handshake_failed", 2).await;
    house.tls(&pki, Some(&client)).await.post("/", "").await;
}

#[tokio::test]
async fn a_door_has_only_so_many_silent_handshakes() {
    let pki = Pki::new("third parties");
    let one = DoorLimits { half_open_max: 1, ..limits() };
    let house = House::with_tls(Tls::new(pki.material(), fingerprint).unwrap(), one);
    let _silent = house.tcp().await;
    assert!(house.tcp().await.rest().await.is_empty());
    house.ended("half_open_full", 1).await;
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
