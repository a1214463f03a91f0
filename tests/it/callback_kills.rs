//! SIGKILL between the commit of a callback and its acknowledgement, with the real binary: nothing
//! is lost, and what comes twice comes with the same id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use lango::mminterface::write_confirmation_result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use crate::callback_shop::{Shop, listed, pay, register, said, wait_until};
use crate::house::{self, Deployed, PATIENCE};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d1_killed_before_the_first_attempt_arrived_the_confirmation_still_comes() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    register(&deployed);
    // Nobody listens, so the first attempt cannot arrive.
    let receipt = pay(&deployed);
    let before = listed(&deployed, "pending");
    assert_eq!(before.len(), 1);
    served.killed();
    let shop = Shop::open(&deployed, |_| StatusCode::OK).await;
    let _served = deployed.served();
    wait_until("the confirmation", || !shop.confirmed().is_empty());
    let confirmed = shop.confirmed();
    assert_eq!(confirmed[0].receipt, receipt);
    assert_eq!(confirmed[0].delivery, before[0]["id"].as_str().unwrap(), "d2: the id changed");
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 1);
}

/// How far an attempt is when the node is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// The connection is there, and nothing was said.
    Connected,
    /// TLS is agreed on, and nothing was asked.
    Shaken,
    /// The request was read, and nothing answered.
    Asked,
    /// A part of the answer was sent.
    HalfAnswered,
    /// The whole answer was sent; the node may have written it down or not.
    Answered,
}

/// A server that lets one attempt get so far, tells, and then holds still.
async fn stubborn(deployed: &Deployed, reached: Reached) -> (tokio::task::JoinHandle<()>, oneshot::Receiver<()>) {
    let port = deployed.demonstration.file.receiver.port;
    let listener = house::listener(port).await;
    let acceptor = deployed.receiver_tls();
    let (tell, told) = oneshot::channel();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut tell = Some(tell);
        let mut at = |here: Reached| {
            if here == reached {
                // The test may have seen enough already.
                let _ = tell.take().map(|tell| tell.send(()));
            }
            here == reached
        };
        if at(Reached::Connected) {
            return std::future::pending().await;
        }
        let mut stream = acceptor.accept(stream).await.unwrap();
        if at(Reached::Shaken) {
            return std::future::pending().await;
        }
        let mut request = String::new();
        while !request.ends_with("Envelope>") {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).await.unwrap();
            request.push_str(std::str::from_utf8(&part[..read]).unwrap());
        }
        if at(Reached::Asked) {
            return std::future::pending().await;
        }
        let body = write_confirmation_result("T1");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let (half, rest) = answer.split_at(answer.len() / 2);
        stream.write_all(half.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        if at(Reached::HalfAnswered) {
            return std::future::pending().await;
        }
        stream.write_all(rest.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        at(Reached::Answered);
        std::future::pending().await
    });
    (task, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d1_d2_killed_at_any_point_of_an_attempt_nothing_is_lost_and_the_id_stays() {
    for reached in [Reached::Connected, Reached::Shaken, Reached::Asked, Reached::HalfAnswered, Reached::Answered] {
        let deployed = Deployed::with_demonstration().await;
        let served = deployed.served();
        register(&deployed);
        let (server, told) = stubborn(&deployed, reached).await;
        let receipt = pay(&deployed);
        tokio::time::timeout(PATIENCE, told).await.expect("the attempt did not get so far").unwrap();
        let before = [listed(&deployed, "pending"), listed(&deployed, "delivered")].concat();
        served.killed();
        server.abort();
        let _ = server.await;

        let shop = Shop::open(&deployed, |_| StatusCode::OK).await;
        let _served = deployed.served();
        wait_until("it is delivered", || listed(&deployed, "delivered").len() == 1);
        assert!(listed(&deployed, "pending").is_empty() && listed(&deployed, "dead").is_empty());
        let after = &listed(&deployed, "delivered")[0];
        assert_eq!(after["id"], before[0]["id"], "d2: the id changed, killed when {reached:?}");
        let again = shop.confirmed();
        // Only an answer that was sent can have been written down, and then nothing comes again.
        assert!(again.len() == 1 || again.is_empty() && reached == Reached::Answered, "{reached:?}: {again:?}");
        for call in again {
            assert_eq!(
                (call.receipt.as_str(), call.delivery.as_str()),
                (receipt.as_str(), after["id"].as_str().unwrap())
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d1_d2_killed_while_a_retry_waits_the_next_attempt_follows_and_a_dead_letter_stays_one() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    register(&deployed);
    let refusals = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&refusals);
    // The first two messages are refused, one of them for good.
    let shop = Shop::open(&deployed, move |_| match counting.fetch_add(1, Ordering::SeqCst) {
        0 => StatusCode::GONE,
        1 => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    })
    .await;
    let dead = pay(&deployed);
    wait_until("a dead letter", || listed(&deployed, "dead").len() == 1);
    let retried = pay(&deployed);
    wait_until("a retry", || listed(&deployed, "pending").iter().any(|row| row["attempts_made"] == 1));
    served.killed();

    let _served = deployed.served();
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 1);
    assert!(listed(&deployed, "pending").is_empty());
    let of = |receipt: &str| -> Vec<(String, String)> {
        let calls = shop.confirmed().into_iter().filter(|call| call.receipt == receipt);
        calls.map(|call| (call.delivery, call.attempt)).collect()
    };
    let calls = of(&retried);
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].0 == calls[1].0, calls[0].1.as_str(), calls[1].1.as_str()), (true, "1", "2"), "{calls:?}");
    let letters = listed(&deployed, "dead");
    assert_eq!((letters.len(), of(&dead).len()), (1, 1), "what was given up is not tried again by itself");
    said(&deployed, &["callback", "replay", letters[0]["id"].as_str().unwrap()]);
    wait_until("the dead letter came", || of(&dead).len() == 2);
    assert_eq!(of(&dead)[0].0, of(&dead)[1].0, "d2: the id changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d2_killed_while_a_call_is_in_flight_the_same_id_comes_again() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    register(&deployed);
    let hang = Arc::new(AtomicBool::new(true));
    let hanging = Arc::clone(&hang);
    let shop = Shop::open(&deployed, move |_| {
        while hanging.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        StatusCode::OK
    })
    .await;
    pay(&deployed);
    wait_until("the call", || shop.confirmed().len() == 1);
    served.killed();
    hang.store(false, Ordering::SeqCst);
    let _served = deployed.served();
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 1);
    let confirmed = shop.confirmed();
    assert_eq!(confirmed.len(), 2, "{confirmed:?}");
    assert_eq!(confirmed[0].delivery, confirmed[1].delivery, "d2: the id changed");
    assert!(listed(&deployed, "pending").is_empty() && listed(&deployed, "dead").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d1_d8_killed_right_after_answers_nothing_is_lost_and_numbers_have_no_gaps() {
    const ROUNDS: usize = 4;
    const PAYMENTS: usize = 3;
    let deployed = Deployed::with_demonstration().await;
    let answered = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&answered);
    let shop = Shop::open(&deployed, move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        StatusCode::OK
    })
    .await;
    let mut paid = BTreeSet::new();
    for round in 0..ROUNDS {
        let served = deployed.served();
        if round == 0 {
            register(&deployed);
        }
        paid.extend((0..PAYMENTS).map(|_| pay(&deployed)));
        // Each round dies at another distance from the answers.
        std::thread::sleep(Duration::from_millis(3 * round as u64));
        served.killed();
    }
    let _served = deployed.served();
    wait_until("all are delivered", || listed(&deployed, "delivered").len() == ROUNDS * PAYMENTS);
    assert_eq!(shop.receipts(), paid, "d1: a payment without its confirmation, or the other way round");
    assert!(answered.load(Ordering::SeqCst) >= paid.len());
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for confirmed in shop.confirmed() {
        ids.entry(confirmed.receipt).or_default().insert(confirmed.delivery);
    }
    assert!(ids.values().all(|ids| ids.len() == 1), "d2: a duplicate with another id: {ids:?}");
    let numbers: Vec<u64> = listed(&deployed, "delivered").iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=(ROUNDS * PAYMENTS) as u64).collect::<Vec<_>>(), "d8: a gap in the numbers");
}
