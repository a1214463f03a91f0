//! Callers that a balancer brings, and who only says that it does.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::house::{House, limits, post};
use super::pki::{Pki, fingerprint};
use crate::broker::Door;
use crate::server::proxy::testing::{v1, v2};
use crate::server::{DoorLimits, Tls};

const CLIENT: &str = "10.66.49.20:4000";
const BALANCERS: &[&str] = &["127.0.0.1/32"];

/// A plain door behind a balancer, whose client is let in and who is not let in itself.
fn plain(limits: DoorLimits) -> House {
    let house = House::behind(BALANCERS, Door::Plain, None, limits);
    welcome(&house);
    house
}

fn welcome(house: &House) {
    house.gate.closed.store(true, Ordering::SeqCst);
    house.gate.addresses.lock().unwrap().insert(client().ip());
}

fn client() -> SocketAddr {
    CLIENT.parse().unwrap()
}

#[tokio::test]
async fn what_a_listed_balancer_says_is_where_the_caller_is() {
    let pki = Pki::new("third parties");
    let identity = pki.client(1);
    let tls = Tls::new(pki.material(), fingerprint).unwrap();
    let house = House::behind(BALANCERS, Door::ThirdParty, Some(tls), limits());
    welcome(&house);
    house.know(&identity);
    for header in [v1(client()).into_bytes(), v2(client())] {
        let config = pki.connector(Some(&identity), &[&rustls::version::TLS13]);
        let mut caller = house.tls_after(config, &header).await;
        caller.post("/", "").await;
        let (_, peer) = house.service.last.lock().unwrap().unwrap();
        assert_eq!((peer.address, peer.key), (client(), Some(identity.fingerprint())));
    }
}

#[tokio::test]
async fn a_header_that_comes_byte_by_byte_takes_nothing_of_the_request() {
    let house = plain(limits());
    for header in [v1(client()).into_bytes(), v2(client())] {
        let mut caller = house.tcp().await;
        caller.0.set_nodelay(true).unwrap();
        for byte in header {
            caller.0.write_all(&[byte]).await.unwrap();
        }
        assert!(caller.post("/", "whole").await.ends_with("whole"));
    }
}

#[tokio::test]
async fn the_whitelist_is_asked_about_the_client_and_again_while_it_stays() {
    let house = plain(limits());
    let mut stranger = house.tcp().await;
    stranger.send(&v1("192.0.2.1:4000".parse().unwrap())).await;
    assert!(stranger.rest().await.is_empty());
    house.ended("address_refused", 1).await;

    let mut caller = house.tcp().await;
    caller.send(&v1(client())).await;
    caller.post("/", "").await;
    house.gate.addresses.lock().unwrap().clear();
    house.doors.recheck();
    assert!(caller.rest().await.is_empty());
    house.ended("withdrawn", 1).await;
}

#[tokio::test]
async fn a_listed_balancer_that_does_not_say_whom_it_brings_is_refused() {
    let house = plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&post("/", "")).await;
    assert!(caller.rest().await.is_empty());
    house.ended("balancer_without_header", 1).await;
    let mut caller = house.tcp().await;
    caller.send("PROXY TCP4 here there 1 2\r\n").await;
    assert!(caller.rest().await.is_empty());
    house.ended("balancer_header_malformed", 1).await;
    // Its own checks are its own, and it is in nobody's network.
    let mut caller = house.tcp().await;
    caller.send("PROXY UNKNOWN\r\n").await;
    assert!(caller.rest().await.is_empty());
    house.ended("address_refused", 1).await;
    assert_eq!(house.asked(), 0);
}

#[tokio::test]
async fn a_balancer_that_says_nothing_is_given_up() {
    let house = plain(DoorLimits { handshake_time_max: Duration::from_millis(50), ..limits() });
    let mut caller = house.tcp().await;
    caller.send("PROXY TCP4 ").await;
    assert!(caller.rest().await.is_empty());
    house.ended("handshake_slow", 1).await;
}

#[tokio::test]
async fn an_unlisted_balancer_is_refused_whatever_it_says() {
    let pki = Pki::new("third parties");
    let house = House::under(&pki);
    house.gate.addresses.lock().unwrap().insert(client().ip());
    for (times, header) in [v1(client()).into_bytes(), v2(client())].into_iter().enumerate() {
        let mut caller = house.tcp().await;
        caller.0.write_all(&header).await.unwrap();
        assert!(caller.rest().await.is_empty());
        house.ended("balancer_unlisted", times + 1).await;
    }
    // Where there is no TLS, it is no HTTP either.
    let house = House::plain(limits());
    for header in [v1(client()).into_bytes(), v2(client())] {
        let mut caller = house.tcp().await;
        caller.0.write_all(&header).await.unwrap();
        caller.send(&post("/", "")).await;
        let rest = caller.rest().await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"), "{rest:?}");
    }
    assert_eq!(house.asked(), 0);
}

#[tokio::test]
async fn the_limits_of_an_address_are_the_clients() {
    let house = plain(DoorLimits { connections_per_address_max: 1, ..limits() });
    let mut first = house.tcp().await;
    first.send(&v1(client())).await;
    first.post("/", "").await;
    let mut second = house.tcp().await;
    second.send(&v1(client())).await;
    assert!(second.rest().await.is_empty());
    house.ended("address_full", 1).await;
    first.post("/", "").await;
}

#[tokio::test]
async fn x_forwarded_for_is_never_believed() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    let headers = "X-Forwarded-For: 10.66.49.20\r\nForwarded: for=10.66.49.20\r\nX-Real-IP: 10.66.49.20\r\n";
    caller.send(&format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 0\r\n\r\n")).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 200"));
    let (_, peer) = house.service.last.lock().unwrap().unwrap();
    assert_eq!(peer.address.ip().to_string(), "127.0.0.1");
}
