//! Requests, their limits and their answers.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;

use super::house::{House, eventually, limits, post};
use crate::server::DoorLimits;

#[tokio::test]
async fn an_answer_has_its_length_and_says_nothing_about_the_server() {
    let house = House::plain(limits());
    let answer = house.tcp().await.post("/", "12345").await;
    assert!(answer.contains("\r\ncontent-length: 5\r\n"), "{answer}");
    assert!(!answer.to_lowercase().contains("\r\nserver:"), "{answer}");
}

#[tokio::test]
async fn a_connection_is_kept_and_closed_when_the_service_says_so() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    assert!(!caller.post("/", "").await.contains("connection: close"));
    assert!(caller.post("/bye", "").await.contains("\r\nconnection: close\r\n"));
    assert!(caller.rest().await.is_empty());
}

#[tokio::test]
async fn requests_sent_at_once_are_answered_in_order() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&(post("/", "first") + &post("/", "second"))).await;
    assert!(caller.answer().await.ends_with("first"));
    assert!(caller.answer().await.ends_with("second"));
}

#[tokio::test]
async fn a_caller_who_closes_its_sending_side_still_gets_the_answer() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&post("/hold", "half")).await;
    caller.0.shutdown().await.unwrap();
    eventually("the request is under way", || house.asked() == 1).await;
    tokio::task::yield_now().await;
    house.service.held.add_permits(1);
    assert!(caller.answer().await.ends_with("half"));
}

#[tokio::test]
async fn a_body_of_the_cap_passes_and_one_byte_more_is_413() {
    let house = House::plain(DoorLimits { body_bytes_max: 100, ..limits() });
    let mut caller = house.tcp().await;
    assert!(caller.post("/", &"x".repeat(100)).await.starts_with("HTTP/1.1 200"));
    let refused = caller.post("/", &"x".repeat(101)).await;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("connection: close"), "{refused}");
    assert!(caller.rest().await.is_empty());
    assert_eq!(house.asked(), 1);
}

#[tokio::test]
async fn a_caller_in_the_middle_of_a_large_body_reads_its_413() {
    let house = House::plain(DoorLimits { body_bytes_max: 100, ..limits() });
    let mut caller = house.tcp().await;
    caller.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n").await;
    let answer = caller.answer().await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    for _ in 0..16 {
        let sent = caller.0.write_all(&[b'x'; 64 * 1024]).await;
        sent.expect("the door reads on for a while; a reset could have destroyed the answer");
    }
}

#[tokio::test]
async fn a_chunked_body_is_cut_at_the_cap() {
    let house = House::plain(DoorLimits { body_bytes_max: 100, ..limits() });
    let mut caller = house.tcp().await;
    let chunks = format!("65\r\n{}\r\n0\r\n\r\n", "x".repeat(0x65));
    caller.send(&format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let house = House::plain(DoorLimits { body_time_max: Duration::from_millis(50), ..limits() });
    let mut caller = house.tcp().await;
    caller.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf").await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 408"));
    assert_eq!(house.asked(), 0);
}

#[tokio::test]
async fn who_asks_before_sending_is_told_to_go_on_or_not() {
    let house = House::plain(DoorLimits { body_bytes_max: 100, ..limits() });
    let head =
        |length| format!("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n");
    let mut caller = house.tcp().await;
    caller.send(&head(4)).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 100"));
    caller.send("good").await;
    assert!(caller.answer().await.ends_with("good"));
    caller.send(&head(101)).await;
    assert!(caller.answer().await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn slow_headers_end_the_connection() {
    let house = House::plain(DoorLimits { header_time_max: Duration::from_millis(50), ..limits() });
    let mut caller = house.tcp().await;
    caller.send("POST / HTTP/1.1\r\nHost:").await;
    assert!(caller.rest().await.is_empty());
    house.ended("headers_slow", 1).await;
}

#[tokio::test]
async fn headers_that_drip_end_the_connection_all_the_same() {
    let house = House::plain(DoorLimits { header_time_max: Duration::from_millis(200), ..limits() });
    let mut caller = house.tcp().await;
    caller.post("/", "a request before").await;
    let dripping = async {
        loop {
            caller.send("x").await;
            if caller.0.try_read(&mut [0; 16]).is_ok_and(|bytes| bytes == 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dripping).await.expect("the door closes");
    house.ended("headers_slow", 1).await;
}

#[tokio::test]
async fn a_kept_connection_without_a_request_ends_with_the_idle_time_and_not_with_that_for_headers() {
    let times = DoorLimits {
        header_time_max: Duration::from_millis(50),
        idle_time_max: Duration::from_millis(400),
        ..limits()
    };
    let house = House::plain(times);
    let mut caller = house.tcp().await;
    caller.post("/", "").await;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_millis(150)).await;
    caller.post("/", "after the time for headers").await;
    assert!(caller.rest().await.is_empty());
    assert!(begun.elapsed() >= Duration::from_millis(550), "{:?}", begun.elapsed());
    house.ended("idle", 1).await;
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_caller_may_be_idle() {
    let short = Duration::from_millis(50);
    let house = House::plain(DoorLimits { header_time_max: short, idle_time_max: short, ..limits() });
    let mut caller = house.tcp().await;
    caller.send(&post("/hold", "slow")).await;
    tokio::time::sleep(short * 4).await;
    house.service.held.add_permits(1);
    assert!(caller.answer().await.ends_with("slow"));
}

#[tokio::test]
async fn too_many_headers_and_too_long_ones_are_431() {
    let house = House::plain(DoorLimits { headers_max: 4, header_bytes_max: 1000, ..limits() });
    let many = "POST / HTTP/1.1\r\n".to_owned() + &"A: b\r\n".repeat(5) + "\r\n";
    let long = format!("POST / HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(1000));
    for head in [many, long] {
        let mut caller = house.tcp().await;
        caller.send(&head).await;
        assert!(caller.answer().await.starts_with("HTTP/1.1 431"));
    }
    house.ended("malformed", 2).await;
}

#[tokio::test]
async fn a_connection_ends_with_its_last_request() {
    let house = House::plain(DoorLimits { requests_per_connection_max: 2, ..limits() });
    let mut caller = house.tcp().await;
    assert!(!caller.post("/", "").await.contains("connection: close"));
    assert!(caller.post("/", "").await.contains("connection: close"));
    assert!(caller.rest().await.is_empty());
}

#[tokio::test]
async fn a_connection_ends_with_its_age() {
    let house = House::plain(DoorLimits { connection_age_max: Duration::from_millis(50), ..limits() });
    let mut caller = house.tcp().await;
    assert!(caller.rest().await.is_empty());
    house.ended("served", 1).await;
}

#[tokio::test]
async fn a_panic_in_one_request_is_its_500_and_nobody_elses() {
    let house = House::plain(limits());
    assert!(house.tcp().await.post("/panic", "").await.starts_with("HTTP/1.1 500"));
    assert!(house.tcp().await.post("/", "").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn d3_the_hook_of_an_answer_runs_once() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.post("/", "body").await;
    eventually("the hook runs", || house.written() == 1).await;
    caller.post("/bye", "").await;
    caller.rest().await;
    house.ended("served", 1).await;
    assert_eq!(house.written(), 2);
}

#[tokio::test]
async fn d3_a_caller_who_hangs_up_neither_stops_its_request_nor_loses_the_hook() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&post("/hold", "paid")).await;
    eventually("the request is under way", || house.asked() == 1).await;
    drop(caller);
    assert_eq!(house.written(), 0);
    house.service.held.add_permits(1);
    eventually("the hook runs", || house.written() == 1).await;
}
