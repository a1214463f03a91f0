//! Queues with nothing due soon: they end, and are there again in time, under paused time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::deliveries::{A, NOTHING, SECOND};
use crate::callbacks::testing::*;

/// An endpoint for each number.
fn shop(number: usize) -> String {
    format!("https://shop{number}.example.com/result")
}

/// Fails the first attempt and takes the second.
fn at_second() -> Arc<Script> {
    Script::new(|call| {
        (NOTHING, if call.headers["lango-attempt"] == "1" { answer(500, "") } else { answer(200, "code 0") })
    })
}

/// A node that tries once more, after this time.
fn node_trying_again_after(script: &Arc<Script>, seconds: u64) -> Node {
    let mut settings = settings();
    settings.schedule_seconds = vec![seconds];
    Node::start_with(script.clone(), Arc::default(), &settings)
}

fn queues(node: &Node) -> usize {
    node.callbacks.0.each_lane(|_| ()).len()
}

/// When each call to a URL was made.
fn called(script: &Script, url: &str) -> Vec<Duration> {
    script.calls().iter().filter(|call| call.url == url).map(|call| call.at).collect()
}

#[tokio::test(start_paused = true)]
async fn d6_there_are_no_more_queues_than_have_something_due_soon_and_each_retry_leaves_at_its_time() {
    let script = at_second();
    let node = node_trying_again_after(&script, 3600);
    for number in 0..100 {
        node.send(&shop(number), "paid").await;
        sleep(SECOND).await;
    }
    assert!(queues(&node) > 50);
    sleep(200 * SECOND).await;
    assert_eq!((queues(&node), node.pending()), (0, 100), "all wait for an hour");
    let waiting = node.callbacks.status().unwrap();
    assert_eq!((waiting.len(), waiting[0].waiting, waiting[0].more), (100, 1, false), "and can be seen");
    sleep(3360 * SECOND).await;
    assert!((1..100).contains(&queues(&node)), "some are due soon: {}", queues(&node));
    sleep(400 * SECOND).await;
    assert_eq!((queues(&node), node.pending()), (0, 0));
    for number in 0..100 {
        let at = called(&script, &shop(number));
        let [first, second] = at.as_slice() else { panic!("{at:?}") };
        assert_eq!((*second - *first).as_secs(), 3600, "shop {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn d1_a_retry_leaves_at_its_time_although_a_search_failed_before_it() {
    for failing in 0..6 {
        let script = at_second();
        // In the middle between two searches.
        let node = node_trying_again_after(&script, 630);
        node.send(A, "paid").await;
        sleep(310 * SECOND).await;
        assert_eq!(queues(&node), 0);
        // Each of the searches before the retry, one at a time.
        sleep(failing * 60 * SECOND).await;
        node.store.will_not_read(1);
        sleep(400 * SECOND).await;
        let at = called(&script, A);
        assert_eq!(at.iter().map(Duration::as_secs).collect::<Vec<_>>(), [0, 630], "search {failing}");
    }
}

#[tokio::test(start_paused = true)]
async fn d1_what_comes_to_an_endpoint_whose_queue_ended_leaves_at_once_and_what_waited_stays_in_its_place() {
    let script = at_second();
    let node = node_trying_again_after(&script, 3600);
    let first = node.send(A, "first").await;
    sleep(1000 * SECOND).await;
    assert_eq!(queues(&node), 0);
    node.send(A, "second").await;
    sleep(SECOND).await;
    assert_eq!(called(&script, A).len(), 2);
    assert_eq!(node.delivery(&first).attempts_made, 1);
    sleep(1000 * SECOND).await;
    assert_eq!((queues(&node), node.pending()), (0, 2));
    sleep(3000 * SECOND).await;
    let at: Vec<u64> = called(&script, A).iter().map(Duration::as_secs).collect();
    assert_eq!(at, [0, 1000, 3600, 4600]);
}

/// What a node finds when it starts has queues by the same rule.
#[tokio::test(start_paused = true)]
async fn d6_a_node_that_starts_begins_no_queue_for_what_is_due_later() {
    let store = Arc::<FailingStore>::default();
    let script = at_second();
    let mut settings = settings();
    settings.schedule_seconds = vec![600];
    let node = Node::start_with(script.clone(), store.clone(), &settings);
    node.send(A, "paid").await;
    sleep(SECOND).await;
    node.callbacks.stop().await;
    drop(node);
    let node = Node::start_with(script.clone(), store, &settings);
    assert_eq!((queues(&node), node.pending()), (0, 1));
    // Its clock begins anew, so it is a second behind.
    sleep(700 * SECOND).await;
    assert_eq!(called(&script, A).len(), 2);
}

/// Its place in the outbox says that it is due until its end is written down, so a queue that began anew would
/// send it a second time.
#[tokio::test(start_paused = true)]
async fn d2_a_queue_does_not_end_while_a_call_is_under_way_however_long_that_takes() {
    let script = Script::new(|_| (600 * SECOND, answer(200, "code 0")));
    let node = Node::start(script.clone());
    let id = node.send(A, "paid").await;
    node.ended(&id).await;
    sleep(600 * SECOND).await;
    assert_eq!((script.calls().len(), node.delivery(&id).attempts_made, queues(&node)), (1, 1, 0));
}
