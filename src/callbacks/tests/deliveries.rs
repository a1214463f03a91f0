//! Deliveries under paused time, through a transport that does as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::callbacks::delivery::{Kind, State};
use crate::callbacks::outcome::Outcome;
use crate::callbacks::testing::*;
use crate::callbacks::urls::{DefaultAction, Registration, register, remove};
use crate::callbacks::*;
use crate::clock::{SystemClock, Timestamp};
use crate::store::embedded::disk::RealDisk;
use crate::store::embedded::{EmbeddedStore, Options};
use crate::store::{CommitError, Key, Read, Record, Store, WriteSet};

const A: &str = "https://a.example.com/result";
const B: &str = "https://b.example.com/result";
const SECOND: Duration = Duration::from_secs(1);
const NOTHING: Duration = Duration::ZERO;

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

fn well() -> Arc<Script> {
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
async fn what_could_not_be_written_down_yet_is_not_sent_again() {
    let script = well();
    let node = Node::start(script.clone());
    let queued = node.commit(A, "paid", node.draw()).await;
    node.store.will_fail(vec![CommitError::Busy; 5]);
    node.callbacks.wake(queued.clone());
    assert!(matches!(node.ended(&queued.id).await.state, State::Delivered { .. }));
    assert_eq!(script.calls().len(), 1);
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
async fn a_disk_that_takes_its_time_does_not_hold_up_the_next_call() {
    let script = well();
    let mut settings = settings();
    settings.endpoint_concurrency_max = 1;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let mut waiting = Vec::new();
    for number in 0..100 {
        waiting.push(node.commit(A, &number.to_string(), node.draw()).await);
    }
    node.store.takes_its_time(SECOND);
    let commits_before = node.store.health().sequence;
    for queued in waiting.clone() {
        node.callbacks.wake(queued);
    }
    for queued in &waiting {
        node.ended(&queued.id).await;
    }
    let commits = node.store.health().sequence - commits_before;
    // The first one alone, then all that came in meanwhile, as many at a time as may be.
    assert!((3..=4).contains(&commits), "d6: {commits}");
    let last = script.calls().iter().map(|call| call.at).max();
    assert!(last < Some(SECOND / 2), "a call waited for the outcome of the one before it: {last:?}");
    assert_eq!((script.calls().len(), script.at_once_max.load(Ordering::SeqCst)), (100, 1));
}

#[tokio::test(start_paused = true)]
async fn d1_what_could_not_be_read_for_a_while_is_found_as_soon_as_it_can() {
    let script = well();
    let node = Node::start(script.clone());
    let untold = node.commit(A, "untold", node.draw()).await.id;
    node.store.will_not_read(1);
    node.send(A, "told").await;
    node.ended(&untold).await;
    let calls = script.calls();
    assert_eq!(calls.iter().map(|call| call.body.as_str()).collect::<Vec<_>>(), ["told []", "untold []"]);
    // A search of the whole store comes after a minute only.
    assert!(calls[1].at < 40 * SECOND, "{:?}", calls[1].at);
}

#[tokio::test(start_paused = true)]
async fn d6_no_more_than_so_many_are_under_way_or_not_written_down() {
    let script = well();
    let node = Node::start(script.clone());
    let mut waiting = Vec::new();
    for number in 0..3 * 128 {
        waiting.push(node.commit(A, &number.to_string(), node.draw()).await);
    }
    node.store.takes_its_time(3600 * SECOND);
    waiting.iter().for_each(|queued| node.callbacks.wake(queued.clone()));
    sleep(600 * SECOND).await;
    assert_eq!(script.calls().len(), 128, "a disk that does not answer is not flooded with what it must keep");
}

/// Keeps what is as large as the largest messages.
#[derive(Debug)]
struct Wordy;

impl Wire for Wordy {
    fn render(&self, _kind: Kind, payload: &[u8], _captured: &[i64]) -> Result<Vec<u8>, String> {
        Ok(payload.to_vec())
    }

    fn trace(&self, write_set: &mut WriteSet, _exchange: &Exchange<'_>) {
        write_set.append(Key::of("leg"), vec![0; 100_000], Vec::new());
    }
}

#[tokio::test(start_paused = true)]
async fn d6_what_is_written_down_together_has_no_more_than_so_many_bytes() {
    let node =
        Node::start_speaking(Arc::new(Wordy), Script::new(|_| (NOTHING, answer(200, ""))), Arc::default(), &settings());
    let mut waiting = Vec::new();
    for number in 0..10 {
        waiting.push(node.commit(A, &number.to_string(), node.draw()).await);
    }
    node.store.takes_its_time(SECOND);
    let before = node.store.health().sequence;
    waiting.iter().for_each(|queued| node.callbacks.wake(queued.clone()));
    for queued in &waiting {
        node.ended(&queued.id).await;
    }
    // One alone, and then three at a time, the last of which brings them over the mark.
    assert_eq!(node.store.health().sequence - before, 1 + 3);
}

/// A defect in what carries a delivery, or reads an answer, must not swallow it.
#[tokio::test(start_paused = true)]
async fn d1_an_attempt_that_breaks_off_is_made_again_after_a_pause() {
    let broken = AtomicBool::new(true);
    let script = Script::new(move |_| {
        assert!(!broken.swap(false, Ordering::SeqCst), "this attempt breaks off");
        (NOTHING, answer(200, "code 0"))
    });
    let node = Node::start(script.clone());
    let id = node.send(A, "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Delivered { .. }));
    let calls = script.calls();
    assert_eq!((calls.len(), &*calls[0].headers["webhook-id"]), (1, id.as_str()));
    // It rests for a while, and is not only found by the search of the whole store after a minute.
    assert!((30..50).contains(&calls[0].at.as_secs()), "{:?}", calls[0].at);
}

/// What is written down together is written down each for itself when one of them cannot be.
#[tokio::test(start_paused = true)]
async fn d1_what_somebody_else_changed_does_not_hold_up_what_is_written_with_it() {
    let script = well();
    let node = Node::start(script.clone());
    let mut waiting = Vec::new();
    for payload in ["one", "two", "three"] {
        waiting.push(node.commit(A, payload, node.draw()).await);
    }
    node.store.takes_its_time(SECOND);
    waiting.iter().for_each(|queued| node.callbacks.wake(queued.clone()));
    sleep(SECOND / 10).await;
    assert_eq!(script.calls().len(), 3);
    // One of them is being written down alone. Of the other two, which come next, one is changed.
    let pending = |queued: &&Queued| node.delivery(&queued.id).state.due().is_some();
    let unwritten: Vec<&Queued> = waiting.iter().filter(pending).collect();
    assert_eq!(unwritten.len(), 2);
    let replaced = outbox::delivery_key(&unwritten[0].id);
    let Record { value, .. } = node.store.record(&replaced).unwrap().unwrap();
    let mut again = WriteSet::new();
    again.put_capturing(replaced, value.to_vec(), vec![outbox::log_key("600000")]);
    node.store.commit(again).await.unwrap();
    for queued in &waiting {
        assert!(matches!(node.ended(&queued.id).await.state, State::Delivered { .. }));
    }
    // What is in the store is known to be durable a second later.
    sleep(2 * SECOND).await;
    for queued in &waiting {
        let sent = script.calls().iter().filter(|call| call.headers["webhook-id"] == queued.id.as_str()).count();
        let expected = if queued.id == unwritten[0].id { 2 } else { 1 };
        assert_eq!(sent, expected, "what rested on what was no longer so is sent again, with its id; nothing else");
    }
    assert_eq!((node.pending(), node.callbacks.totals().delivered), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn d2_what_cannot_be_recorded_is_not_sent() {
    let script = well();
    let mut settings = settings();
    settings.endpoint_concurrency_max = 4;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let mut waiting = Vec::new();
    for number in 0..50 {
        waiting.push(node.commit(A, &number.to_string(), node.draw()).await);
    }
    node.store.will_fail(vec![CommitError::Full; 100_000]);
    for queued in waiting.clone() {
        node.callbacks.wake(queued);
    }
    sleep(600 * SECOND).await;
    assert!(script.calls().len() <= settings.endpoint_concurrency_max, "{} were sent", script.calls().len());
    node.store.recovers();
    for queued in &waiting {
        node.ended(&queued.id).await;
    }
    assert_eq!(script.calls().len(), 50, "each was sent once");
}

#[tokio::test(start_paused = true)]
async fn messages_too_large_to_be_kept_do_not_hold_up_what_came_of_them() {
    let script = Script::new(|_| (NOTHING, answer(200, "")));
    let node = Node::start_speaking(Arc::new(Wordy), script, Arc::default(), &settings());
    let queued = node.commit(A, "paid", node.draw()).await;
    node.store.will_fail([CommitError::TooLarge { bytes: 9, max: 8 }]);
    node.callbacks.wake(queued.clone());
    assert!(matches!(node.attempted(&queued.id, 1).await.state, State::Delivered { .. }));
    assert_eq!(node.store.range(&Key::of("leg").subtree(), 9).unwrap().len(), 0, "the messages were tried again");
}

#[tokio::test(start_paused = true)]
async fn d2_a_crash_between_the_answer_and_its_record_sends_the_same_id_again() {
    let store = Arc::<FailingStore>::default();
    let script = well();
    let node = Node::start_with(script.clone(), store.clone(), &settings());
    let queued = node.commit(A, "paid", node.draw()).await;
    store.will_fail(vec![CommitError::Full; 1000]);
    node.callbacks.wake(queued.clone());
    sleep(SECOND).await;
    assert_eq!(script.calls().len(), 1);
    node.callbacks.stop().await;
    drop(node);
    store.recovers();

    let again = well();
    let node = Node::start_with(again.clone(), store, &settings());
    let delivery = node.ended(&queued.id).await;
    assert_eq!((delivery.number, delivery.attempts_made), (1, 1));
    let [before, after] = [&script, &again].map(|script| script.calls()[0].headers["webhook-id"].clone());
    assert_eq!(before, after);
}

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
    let status = node.callbacks.status();
    assert!(status[0].waiting <= WINDOW_MAX && status[0].more && status[0].breaker_open, "{status:?}");
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
