//! Deliveries under paused time, through a transport that does as told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::callbacks::callback::Kind;
use crate::callbacks::delivery::State;
use crate::callbacks::outcome::Outcome;
use crate::callbacks::testing::*;
use crate::callbacks::urls::{DefaultAction, Registration, register, remove};
use crate::callbacks::*;
use crate::clock::{SystemClock, Timestamp};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{EmbeddedStore, Options};
use crate::store::{Key, Store, WriteSet};

pub(super) const A: &str = "https://a.example.com/result";
pub(super) const B: &str = "https://b.example.com/result";
pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const NOTHING: Duration = Duration::ZERO;

/// Where the confirmations of 600000 go.
pub fn registration(url: &str, now: Timestamp) -> Registration {
    Registration {
        shortcode: "600000".into(),
        validation_url: None,
        query_url: None,
        confirmation_url: url.into(),
        default_action: DefaultAction::Completed,
        third_party: "acme".into(),
        registered_at: now,
        removed_at: None,
    }
}

pub(super) fn well() -> Arc<Script> {
    Script::new(|_| (NOTHING, answer(200, "code 0")))
}

#[tokio::test(start_paused = true)]
async fn an_acknowledged_callback_is_delivered_once_and_leaves_the_outbox() {
    let script = well();
    let node = Node::start(script.clone());
    let id = node.send(A, "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Delivered { read: true, .. }));
    assert_eq!((delivery.attempts_made, delivery.number, node.pending()), (1, 1, 0));
    sleep(3600 * SECOND).await;
    assert_eq!(script.calls().len(), 1);
    assert_eq!(node.callbacks.totals(), Totals { delivered: 1, ..Totals::default() });
    let metrics = node.metrics.text();
    assert!(metrics.contains(r#"lango_callbacks_total{kind="result",outcome="delivered"} 1"#), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_counted_by_its_outcome_and_a_dead_letter_once() {
    let script =
        Script::new(|call| (NOTHING, answer(if call.headers["lango-attempt"] == "1" { 500 } else { 410 }, "")));
    let node = Node::start(script);
    let id = node.send(A, "paid").await;
    node.ended(&id).await;
    let metrics = node.metrics.text();
    for line in [
        r#"lango_callbacks_total{kind="result",outcome="server-failed"} 1"#,
        r#"lango_callbacks_total{kind="result",outcome="gone"} 1"#,
        r#"lango_callbacks_dead_total{kind="result"} 1"#,
        r#"lango_endpoint_calls_total{endpoint="https://a.example.com:443",outcome="gone"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_has_what_was_captured_by_its_commit() {
    let script = well();
    let node = Node::start(script.clone());
    let mut write_set = WriteSet::new();
    write_set.adjust(Key::of("balance"), 700, 0, i64::MAX);
    let now = node.clock.now();
    let queued = enqueue(&mut write_set, callback(A, "paid"), node.draw(), now, vec![Key::of("balance")]);
    node.store.commit(write_set).await.unwrap();
    node.callbacks.wake(queued.clone());
    node.ended(&queued.id).await;
    assert_eq!(script.calls()[0].body, "paid [700]");
}

#[tokio::test(start_paused = true)]
async fn d2_one_id_on_all_attempts_and_they_follow_the_schedule_until_dead_and_replayed() {
    let script = Script::new(|_| (NOTHING, answer(500, "")));
    let mut settings = settings();
    settings.breaker_failures = 100;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let id = node.send(A, "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Dead { .. }));
    let calls = script.calls();
    let pauses: Vec<u64> = calls.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs()).collect();
    assert_eq!(pauses, settings.schedule_seconds);
    assert!(calls.iter().all(|call| call.headers["webhook-id"] == id.as_str()));
    assert!(calls.iter().all(|call| call.headers["lango-number"] == "1"));
    let numbers: Vec<&str> = calls.iter().map(|call| call.headers["lango-attempt"].as_str()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
    assert_eq!(node.pending(), 0);

    node.callbacks.replay(&id).await.unwrap();
    assert!(matches!(node.callbacks.replay(&id).await, Err(ReplayError::Pending(_))));
    sleep(SECOND).await;
    let again = script.calls();
    assert_eq!(again.len(), 11, "the schedule begins anew");
    assert_eq!((&*again[10].headers["webhook-id"], &*again[10].headers["lango-attempt"]), (id.as_str(), "11"));
    assert!(matches!(node.delivery(&id).state, State::Retrying { .. }));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_and_410_ends_it() {
    let script = Script::new(|call| {
        let first = call.headers["lango-attempt"] == "1";
        let throttled = Answer { status: 429, retry_after: Some("77".into()), ..Answer::default() };
        (NOTHING, if first { Ok(throttled) } else { answer(410, "") })
    });
    let node = Node::start(script.clone());
    let id = node.send(A, "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Dead { .. }));
    let outcomes: Vec<Outcome> = delivery.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Throttled, Outcome::Gone]);
    assert_eq!(script.calls()[1].at.as_secs(), 77);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_written_is_a_dead_letter_and_nothing_is_sent() {
    let script = well();
    let node = Node::start(script.clone());
    let id = node.send(A, "unrenderable").await;
    assert!(matches!(node.ended(&id).await.state, State::Dead { .. }));
    assert!(script.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn d8_numbers_have_no_gaps_even_for_several_of_one_commit() {
    let script = well();
    let node = Node::start(script.clone());
    let mut write_set = WriteSet::new();
    let now = node.clock.now();
    let mut queued = Vec::new();
    for payload in ["one", "two", "three"] {
        queued.push(enqueue(&mut write_set, callback(A, payload), node.draw(), now, Vec::new()));
    }
    node.store.commit(write_set).await.unwrap();
    for queued in queued.clone() {
        node.callbacks.wake(queued);
    }
    let fourth = node.send(A, "four").await;
    for id in queued.iter().map(|queued| &queued.id).chain([&fourth]) {
        node.ended(id).await;
    }
    let mut sent: Vec<(String, String)> =
        script.calls().iter().map(|call| (call.headers["lango-number"].clone(), call.body.clone())).collect();
    sent.sort();
    let expected = [("1", "one []"), ("2", "two []"), ("3", "three []"), ("4", "four []")];
    assert_eq!(sent, expected.map(|(number, body)| (number.to_owned(), body.to_owned())));
    let log = outbox::log(&*node.store, "600000", 2, 2).unwrap();
    assert_eq!(log.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn d1_a_restart_goes_on_with_what_was_committed_and_with_what_was_in_flight() {
    let store = Arc::<FailingStore>::default();
    let hanging = Script::new(|_| (3600 * SECOND, answer(200, "code 0")));
    let node = Node::start_with(hanging.clone(), store.clone(), &settings());
    let in_flight = node.send(A, "in flight").await;
    let never_told = node.commit(B, "never told", node.draw()).await.id;
    sleep(SECOND).await;
    assert_eq!(hanging.calls().len(), 1);
    drop(node); // as a crash would: the attempt's end is never written down

    let script = well();
    let node = Node::start_with(script.clone(), store, &settings());
    for id in [&in_flight, &never_told] {
        assert!(matches!(node.ended(id).await.state, State::Delivered { .. }));
    }
    let mut ids: Vec<String> = script.calls().iter().map(|call| call.headers["webhook-id"].clone()).collect();
    ids.sort();
    let mut expected = [in_flight.to_string(), never_told.to_string()];
    expected.sort();
    assert_eq!(ids, expected, "with the ids that they had");
}

#[tokio::test(flavor = "multi_thread")]
async fn d1_d2_a_restart_of_the_embedded_store_goes_on_too() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let options = Options {
            dir: folder.path().to_owned(),
            segment_bytes_max: 1 << 20,
            memory_bytes_max: 1 << 20,
            write_set_bytes_max: 1 << 20,
            waiting_max: 64,
            clock: Arc::new(SystemClock),
            directory_kinds: &["url"],
        };
        EmbeddedStore::open(options, Arc::new(RealDisk)).unwrap()
    };
    let store = open();
    let hanging = Script::new(|_| (3600 * SECOND, answer(200, "code 0")));
    let node = Node::start_with(hanging.clone(), FailingStore::over(store.clone()), &settings());
    let id = node.send(A, "paid").await;
    while hanging.calls().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    drop(node);
    store.close();
    drop(store);

    let script = well();
    let store = open();
    let node = Node::start_with(script.clone(), FailingStore::over(store.clone()), &settings());
    let delivery = node.ended(&id).await;
    assert_eq!((delivery.number, delivery.attempts_made, node.pending()), (1, 1, 0));
    assert_eq!(script.calls()[0].headers["webhook-id"], id.as_str());
    store.close();
}

#[tokio::test(start_paused = true)]
async fn d1_what_nobody_told_of_is_found_even_while_later_retries_wait() {
    let script = Script::new(|call| (NOTHING, answer(if call.body.starts_with("bad") { 500 } else { 200 }, "")));
    let mut settings = settings();
    settings.schedule_seconds = vec![36_000];
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    node.send(A, "bad").await;
    sleep(SECOND).await;
    let untold = node.commit(A, "good", node.draw()).await.id;
    assert!(matches!(node.ended(&untold).await.state, State::Delivered { .. }));
    assert_eq!(script.calls().len(), 2);
    assert!(script.calls()[1].at <= 61 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn d3_a_held_delivery_waits_for_its_release() {
    let script = well();
    let node = Node::start(script.clone());
    let id = node.draw();
    node.callbacks.hold(&id);
    let queued = node.commit(A, "paid", id.clone()).await;
    node.callbacks.wake(queued);
    sleep(2 * SECOND).await;
    assert!(script.calls().is_empty());
    node.callbacks.release(&id);
    node.ended(&id).await;
    assert_eq!(script.calls()[0].at.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn d3_a_hold_ends_by_itself_and_a_release_before_the_commit_is_enough() {
    let script = well();
    let node = Node::start(script.clone());
    let (forgotten, early) = (node.draw(), node.draw());
    node.callbacks.hold(&forgotten);
    node.callbacks.hold(&early);
    node.callbacks.release(&early);
    for id in [&forgotten, &early] {
        let queued = node.commit(A, id.as_str(), id.clone()).await;
        node.callbacks.wake(queued);
    }
    node.ended(&early).await;
    node.ended(&forgotten).await;
    let at: Vec<u64> = script.calls().iter().map(|call| call.at.as_secs()).collect();
    assert_eq!(at, [0, HOLD_MAX.as_secs()]);
}

#[tokio::test(start_paused = true)]
async fn d7_one_endpoint_dead_and_one_slow_do_not_delay_a_third() {
    const DEAD: &str = "https://dead.example.com/";
    /// When each call to the third endpoint began.
    async fn third(with_others: bool) -> Vec<Duration> {
        let script = Script::new(|call| match call.url.as_str() {
            A => (14 * SECOND, answer(200, "code 0")),
            DEAD => (5 * SECOND, Err(SendError::new(Outcome::ConnectFailed, "nobody"))),
            _ => (Duration::from_millis(3), answer(200, "code 0")),
        });
        let node = Node::start(script.clone());
        for _ in 0..if with_others { 300 } else { 0 } {
            node.send(A, "slow").await;
            node.send(DEAD, "dead").await;
        }
        let mut ids = Vec::new();
        for _ in 0..300 {
            ids.push(node.send(B, "fast").await);
            sleep(Duration::from_millis(1)).await;
        }
        for id in &ids {
            node.ended(id).await;
        }
        script.calls().iter().filter(|call| call.url == B).map(|call| call.at).collect()
    }
    assert_eq!(third(true).await, third(false).await);
}

#[tokio::test(start_paused = true)]
async fn a_corrected_registration_moves_what_is_undelivered() {
    let script = Script::new(|call| (NOTHING, if call.url == A { answer(500, "") } else { answer(200, "code 0") }));
    let node = Node::start(script.clone());
    acme_acts_for(&*node.store, "600000").await;
    let registration = |url: &str| registration(url, node.clock.now());
    let register = |url| register(&*node.store, &AnyHost, &[], &registration(url)).unwrap();
    node.store.commit(register(A)).await.unwrap();
    let mut write_set = WriteSet::new();
    let confirmation = Callback { kind: Kind::Confirmation, ..callback(A, "paid") };
    let queued = enqueue(&mut write_set, confirmation, node.draw(), node.clock.now(), Vec::new());
    node.store.commit(write_set).await.unwrap();
    node.callbacks.wake(queued.clone());
    sleep(SECOND).await;
    node.store.commit(register(B)).await.unwrap();
    let delivery = node.ended(&queued.id).await;
    assert!(matches!(delivery.state, State::Delivered { .. }));
    assert_eq!((delivery.url.as_str(), delivery.attempts_made), (B, 2));
    let calls = script.calls();
    assert_eq!(calls[0].headers["webhook-id"], calls[1].headers["webhook-id"]);
    assert_eq!(calls[1].headers["soapaction"], "\"ConfirmC2BPayment\"");
    assert_eq!(node.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_has_no_registration_any_more_waits_for_the_next_one() {
    let script = Script::new(|call| match call.url.as_str() {
        A => (NOTHING, answer(500, "")),
        B => (NOTHING, answer(200, "code 0")),
        _ => (NOTHING, Err(SendError::new(Outcome::Forbidden, "no URL"))),
    });
    let node = Node::start(script.clone());
    acme_acts_for(&*node.store, "600000").await;
    let registered = |url: &str| registration(url, node.clock.now());
    node.store.commit(register(&*node.store, &AnyHost, &[], &registered(A)).unwrap()).await.unwrap();
    let confirmation = Callback { kind: Kind::Confirmation, ..callback(A, "paid") };
    let id = node.send_this(confirmation).await;
    sleep(SECOND).await;
    node.store.commit(remove(registered(A), node.clock.now())).await.unwrap();
    let delivery = node.attempted(&id, 2).await;
    assert_eq!((delivery.url.as_str(), delivery.attempts[1].outcome), ("", Outcome::Forbidden));
    node.store.commit(register(&*node.store, &AnyHost, &[], &registered(B)).unwrap()).await.unwrap();
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Delivered { .. }));
    let urls: Vec<String> = script.calls().into_iter().map(|call| call.url).collect();
    assert_eq!(urls, [A, "", B]);
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_what_is_in_flight_and_starts_nothing_more() {
    let script = Script::new(|_| (2 * SECOND, answer(200, "code 0")));
    let mut settings = settings();
    settings.endpoint_concurrency_max = 1;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let (first, second) = (node.send(A, "one").await, node.send(A, "two").await);
    sleep(SECOND).await;
    let begun = Instant::now();
    node.callbacks.stop().await;
    assert_eq!(begun.elapsed().as_secs(), 1);
    let ended = [&first, &second].map(|id| node.delivery(id).state.due().is_none());
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
    assert_eq!(script.calls().len(), 1);
}
