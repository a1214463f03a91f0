//! How much an endpoint is sent, and for how long, under paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use super::deliveries::{A, B, NOTHING, SECOND, well};
use crate::callbacks::delivery::State;
use crate::callbacks::testing::*;
use crate::callbacks::*;

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_limits_of_its_own_has_them_and_the_others_do_not() {
    for (url, at_once) in [(A, 2), (B, 8)] {
        let script = Script::new(|_| (SECOND, answer(200, "code 0")));
        let mut settings = settings();
        settings.endpoint_concurrency_max = 8;
        let own = crate::config::EndpointLimits { concurrency_max: Some(2), per_second_max: None };
        settings.endpoints.insert(A.to_owned(), own);
        let node = Node::start_with(script.clone(), Arc::default(), &settings);
        for number in 0..40 {
            node.send(url, &number.to_string()).await;
        }
        while node.pending() > 0 {
            sleep(SECOND).await;
        }
        assert_eq!(script.at_once_max.load(Ordering::SeqCst), at_once, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn d6_an_endpoint_is_not_called_faster_than_its_pace() {
    let script = well();
    let mut settings = settings();
    settings.endpoint_per_second_max = 20;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    for number in 0..200 {
        node.send(A, &number.to_string()).await;
    }
    while node.pending() > 0 {
        sleep(SECOND).await;
    }
    let at: Vec<Duration> = script.calls().iter().map(|call| call.at).collect();
    assert_eq!(at.len(), 200);
    for from in &at {
        let within = at.iter().filter(|at| (*from..*from + SECOND).contains(*at)).count();
        assert!(within <= 23, "{within} calls in the second after {from:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn d6_what_is_too_old_is_a_dead_letter_whatever_the_server_asks_for() {
    let script = Script::new(|_| {
        let patient = Answer { status: 429, retry_after: Some("86400".into()), ..Answer::default() };
        (NOTHING, Ok(patient))
    });
    let mut settings = settings();
    (settings.schedule_seconds, settings.breaker_failures) = (vec![5; 100], 1000);
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let id = node.send(A, "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Dead { .. }));
    assert_eq!(script.calls().len(), 1 + 7, "a week of days");
    node.callbacks.replay(&id).await.unwrap();
    sleep(SECOND).await;
    assert!(matches!(node.delivery(&id).state, State::Retrying { .. }), "its age counts from the replay");
}

#[tokio::test(start_paused = true)]
async fn d6_a_backlog_stays_in_the_store_and_drains_in_order_without_a_herd() {
    let away = Arc::new(AtomicBool::new(true));
    let is_away = away.clone();
    let script = Script::new(move |_| {
        let refused = Err(SendError::new(Outcome::ConnectFailed, "refused"));
        (10 * NOTHING, if is_away.load(Ordering::SeqCst) { refused } else { answer(200, "code 0") })
    });
    let mut settings = settings();
    settings.schedule_seconds = vec![3600; 3];
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    // By hand with 100000; more than the window shows the same sooner.
    let wanted = std::env::var("LANGO_TEST_BACKLOG").ok().and_then(|text| text.parse().ok());
    let backlog: usize = wanted.unwrap_or(3 * WINDOW_MAX);
    for number in 1..=backlog {
        node.send(A, &number.to_string()).await;
        tokio::time::advance(Duration::from_micros(1)).await;
    }
    sleep(600 * SECOND).await;
    let status = node.callbacks.status().unwrap();
    assert!(status[0].waiting <= WINDOW_MAX && status[0].more && status[0].breaker_open, "{status:?}");
    assert!(node.store.asked_max() <= WINDOW_MAX + 128, "{} were read at a time", node.store.asked_max());
    let knocks = script.calls().len();
    assert!(knocks <= 8 + 600 / 30 + 1, "an open breaker lets only probes through: {knocks}");

    away.store(false, Ordering::SeqCst);
    while node.pending() > 0 {
        sleep(SECOND).await;
    }
    assert!(script.at_once_max.load(Ordering::SeqCst) <= settings.endpoint_concurrency_max);
    assert_eq!(node.callbacks.totals().delivered, backlog as u64);
    let first_time: Vec<usize> = script.calls()[knocks..]
        .iter()
        .filter(|call| call.headers["lango-attempt"] == "1")
        .map(|call| call.headers["lango-number"].parse().unwrap())
        .collect();
    assert!(first_time.is_sorted(), "where nothing is retried, numbers leave in order");
}

/// However many servers of one third party hang, and whatever limits each of them alone.
#[tokio::test(start_paused = true)]
async fn d7_a_third_party_with_many_servers_that_hang_leaves_connections_to_the_others() {
    let script = Script::new(|call| match call.body.starts_with("hangs") {
        true => (20 * SECOND, Err(SendError::new(Outcome::TimedOut, "no answer"))),
        false => (NOTHING, answer(200, "code 0")),
    });
    let mut settings = settings();
    settings.connections_max = 64;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    for host in 0..30 {
        for number in 0..8 {
            node.send(&format!("https://h{host}.example.com/"), &format!("hangs {number}")).await;
        }
    }
    sleep(SECOND).await;
    assert_eq!(script.at_once_max.load(Ordering::SeqCst), 12, "a quarter of what deliveries have");
    let other = Callback { third_party: "duka".into(), ..callback(A, "well") };
    let id = node.send_this(other).await;
    node.ended(&id).await;
    let calls = script.calls();
    let well = calls.iter().find(|call| call.body.starts_with("well")).unwrap();
    assert!(well.at < 2 * SECOND, "{:?}", well.at);
    // Those that wait for a share are no hindrance to the node's stop.
    tokio::time::timeout(60 * SECOND, node.callbacks.stop()).await.unwrap();
}

/// Anybody may name an endpoint in a request. Who may not call it is turned away at no cost of its owner's.
#[tokio::test(start_paused = true)]
async fn d7_what_may_not_be_called_takes_nothing_from_the_pace_of_those_who_may() {
    let script = Script::new(|call| match call.body.starts_with("stranger") {
        true => (NOTHING, Err(SendError::new(Outcome::Forbidden, "not on the list"))),
        false => (NOTHING, answer(200, "code 0")),
    });
    let mut settings = settings();
    settings.endpoint_per_second_max = 2;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    for number in 0..300 {
        node.send(A, &format!("stranger {number}")).await;
    }
    let id = node.send(A, "owner").await;
    node.ended(&id).await;
    let calls = script.calls();
    let owner = calls.iter().find(|call| call.body.starts_with("owner")).unwrap();
    assert!(owner.at < 3 * SECOND, "{:?}", owner.at);
}
