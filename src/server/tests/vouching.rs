//! Who vouches for a client: its CA, while that is in force, and the CA's revocation list.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};

use super::house::{House, limits, post};
use super::pki::{Pki, fingerprint};
use crate::clock::{Clock, ManualClock, Timestamp};
use crate::server::{Tls, TlsError, TlsMaterial};

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
async fn a_certificate_that_is_past_not_yet_good_or_for_something_else_is_refused() {
    let pki = Pki::new("third parties");
    let house = House::under(&pki);
    let refused = [
        pki.client_with(1, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)),
        pki.client_with(2, |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1)),
        pki.client_with(3, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        pki.client_with(4, |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]),
    ];
    for (before, client) in refused.iter().enumerate() {
        house.know(client);
        assert!(house.tls(&pki, Some(client)).await.rest().await.is_empty(), "number {}", before + 1);
        house.ended("certificate_refused", before + 1).await;
    }
    let good = pki.client_with(5, |params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
    house.know(&good);
    house.tls(&pki, Some(&good)).await.post("/", "").await;
}

#[tokio::test]
async fn a_ca_that_is_past_or_not_yet_good_vouches_for_nobody() {
    let of_another_time: [fn(&mut CertificateParams); 2] = [
        |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1),
        |params| params.not_before = rcgen::date_time_ymd(4000, 1, 1),
    ];
    for change in of_another_time {
        let pki = Pki::with_key("third parties", KeyPair::generate().unwrap(), change);
        let house = House::under(&pki);
        let client = pki.client(1);
        house.know(&client);
        assert!(house.tls(&pki, Some(&client)).await.rest().await.is_empty());
        house.ended("certificate_refused", 1).await;
        assert_eq!(house.asked(), 0);
    }
}

#[tokio::test]
async fn a_renewed_ca_vouches_beside_its_certificate_that_is_past() {
    let pem = KeyPair::generate().unwrap().serialize_pem();
    let key = || KeyPair::from_pem(&pem).unwrap();
    let past = Pki::with_key("third parties", key(), |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let renewed = Pki::with_key("third parties", key(), |_| {});
    let client = past.client(1);
    for order in [[&past, &renewed], [&renewed, &past]] {
        let client_cas = order.iter().flat_map(|pki| pki.material().client_cas).collect();
        let material = TlsMaterial { client_cas, ..renewed.material() };
        let house = House::with_tls(Tls::new(material, fingerprint).unwrap(), limits());
        house.know(&client);
        house.tls(&renewed, Some(&client)).await.post("/", "").await;
    }
}

#[tokio::test]
async fn a_ca_that_ends_on_an_open_connection_ends_the_connection() {
    let pki = Pki::with_key("third parties", KeyPair::generate().unwrap(), |params| {
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
    });
    let end = Timestamp::from_seconds(1_893_456_000); // 2030-01-01T00:00:00Z
    let clock = Arc::new(ManualClock::at(end));
    let house = House::at(Arc::clone(&clock) as Arc<dyn Clock>, Tls::new(pki.material(), fingerprint).unwrap());
    let client = pki.client(1);
    house.know(&client);
    let mut open = house.tls(&pki, Some(&client)).await;
    open.post("/", "in its last second").await;
    clock.advance(Duration::from_secs(1));
    open.send(&post("/", "")).await;
    assert!(open.rest().await.is_empty(), "its CA is past, and it was answered");
    house.ended("withdrawn", 1).await;
}

#[tokio::test]
async fn validity_is_by_the_doors_clock_on_open_connections_too() {
    let pki = Pki::new("third parties");
    let client = pki.client_with(1, |params| params.not_after = rcgen::date_time_ymd(2030, 1, 1));
    let end = Timestamp::from_seconds(1_893_456_000); // 2030-01-01T00:00:00Z
    let clock = Arc::new(ManualClock::at(end.minus(Duration::from_secs(60))));
    let house = House::at(Arc::clone(&clock) as Arc<dyn Clock>, Tls::new(pki.material(), fingerprint).unwrap());
    house.know(&client);
    let mut open = house.tls(&pki, Some(&client)).await;
    open.post("/", "").await;
    clock.advance(Duration::from_secs(61));
    assert!(house.tls(&pki, Some(&client)).await.rest().await.is_empty(), "it is past, and got in");
    house.ended("certificate_refused", 1).await;
    open.send(&post("/", "")).await;
    assert!(open.rest().await.is_empty(), "it is past, and was answered");
    house.ended("withdrawn", 1).await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_finds_no_certificate_good_before_its_time() {
    let pki = Pki::new("third parties");
    let client = pki.client_with(1, |params| params.not_before = rcgen::date_time_ymd(2030, 1, 1));
    let begin = Timestamp::from_seconds(1_893_456_000); // 2030-01-01T00:00:00Z
    let clock = Arc::new(ManualClock::at(begin));
    let house = House::at(Arc::clone(&clock) as Arc<dyn Clock>, Tls::new(pki.material(), fingerprint).unwrap());
    house.know(&client);
    let mut open = house.tls(&pki, Some(&client)).await;
    open.post("/", "in its first second").await;
    clock.set(begin.minus(Duration::from_secs(1)));
    assert!(house.tls(&pki, Some(&client)).await.rest().await.is_empty(), "it is not yet good, and got in");
    house.ended("certificate_refused", 1).await;
    open.send(&post("/", "")).await;
    assert!(open.rest().await.is_empty(), "it is not yet good, and was answered");
    clock.set(begin);
    assert!(house.tls(&pki, Some(&client)).await.post("/", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_ca_without_a_list_beside_one_that_has_one_is_a_fault_that_changes_nothing() {
    let (ours, other) = (Pki::new("third parties"), Pki::new("more third parties"));
    let client = ours.client(1);
    let of_both = |lists: &[&Pki]| {
        let client_cas = [&ours, &other].iter().flat_map(|pki| pki.material().client_cas).collect();
        let client_crls = lists.iter().map(|pki| pki.revoking(&[9], 4000)).collect();
        TlsMaterial { client_cas, client_crls, ..ours.material() }
    };
    let tls = Tls::new(of_both(&[&ours, &other]), fingerprint).unwrap();
    let house = House::with_tls(tls.clone(), limits());
    house.know(&client);
    for missing in [&[&ours][..], &[&other]] {
        assert!(matches!(tls.replace(of_both(missing)), Err(TlsError::NoList(_))));
    }
    let theirs = other.client(2);
    house.know(&theirs);
    for known in [&client, &theirs] {
        assert!(house.tls(&ours, Some(known)).await.post("/", "").await.starts_with("HTTP/1.1 200"));
    }
    tls.replace(of_both(&[])).unwrap();
}

#[tokio::test]
async fn a_list_that_is_older_than_the_one_in_force_changes_nothing() {
    let pki = Pki::new("third parties");
    let revoked = pki.client(7);
    let with = |list| TlsMaterial { client_crls: vec![list], ..pki.material() };
    let tls = Tls::new(with(pki.list_number(2, &[7], 4000)), fingerprint).unwrap();
    let house = House::with_tls(tls.clone(), limits());
    house.know(&revoked);
    assert!(matches!(tls.replace(with(pki.list_number(1, &[], 4000))), Err(TlsError::OlderList(_))));
    assert!(house.tls(&pki, Some(&revoked)).await.rest().await.is_empty(), "it was taken back");
    tls.replace(with(pki.list_number(2, &[7, 8], 4000))).unwrap();
    tls.replace(with(pki.list_number(3, &[], 4000))).unwrap();
    assert!(house.tls(&pki, Some(&revoked)).await.post("/", "").await.starts_with("HTTP/1.1 200"));
}
