//! How the doors close.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::house::{House, eventually, limits, listener, post};
use crate::broker::Door;
use crate::server::Drained;

#[tokio::test]
async fn draining_finishes_what_is_under_way_and_lets_nobody_in() {
    let house = House::plain(limits());
    let metrics = house.doors.open_metrics(listener(), Arc::new(|| Ok(()))).unwrap();
    let mut quiet = house.tcp().await;
    quiet.post("/", "").await;
    let mut busy = house.tcp().await;
    busy.send(&post("/hold", "paid")).await;
    eventually("the request is under way", || house.asked() == 2).await;

    let doors = Arc::clone(&house.doors);
    let closing = tokio::spawn(async move { doors.shutdown().await });
    assert!(quiet.rest().await.is_empty(), "a quiet connection closes at once");
    while TcpStream::connect(house.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let readiness = ready(metrics.address()).await;
    assert!(readiness.starts_with("HTTP/1.1 503") && readiness.ends_with("draining\n"), "{readiness}");
    assert!(!closing.is_finished());

    house.service.held.add_permits(1);
    let answer = busy.answer().await;
    assert!(answer.ends_with("paid") && answer.contains("connection: close"), "{answer}");
    assert_eq!(closing.await.unwrap(), Drained { cut: 0 });
    assert!(TcpStream::connect(metrics.address()).await.is_err(), "the metrics door closes last");
}

async fn ready(address: std::net::SocketAddr) -> String {
    let mut caller = super::house::Caller(TcpStream::connect(address).await.unwrap());
    caller.send("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    caller.answer().await
}

#[tokio::test]
async fn draining_waits_for_a_request_whose_caller_hung_up() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&post("/hold", "")).await;
    eventually("the request is under way", || house.asked() == 1).await;
    drop(caller);
    let doors = Arc::clone(&house.doors);
    let closing = tokio::spawn(async move { doors.shutdown().await });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    house.service.held.add_permits(1);
    assert_eq!(closing.await.unwrap(), Drained { cut: 0 });
    assert_eq!(house.written(), 1);
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut() {
    let house = House::open(Door::Plain, None, limits(), Duration::from_millis(50));
    let mut caller = house.tcp().await;
    caller.send(&post("/hold", "")).await;
    eventually("the request is under way", || house.asked() == 1).await;
    assert!(house.doors.shutdown().await.cut > 0);
    assert!(caller.rest().await.is_empty());
    house.ended("cut", 1).await;
}
