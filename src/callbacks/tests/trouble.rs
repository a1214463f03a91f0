//! Deliveries while the store or what carries them has bad days, under paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::sleep;

use super::deliveries::{A, NOTHING, SECOND, well};
use crate::callbacks::callback::Kind;
use crate::callbacks::delivery::State;
use crate::callbacks::testing::*;
use crate::callbacks::*;
use crate::store::{CommitError, Key, Read, Record, Store, WriteSet};

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
    fn render(&self, _kind: Kind, payload: &[u8], _captured: &[i64]) -> Result<Document, String> {
        Ok(payload.to_vec().into())
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
