//! The payer's window.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::callbacks::Outcome;
use crate::callbacks::testing::*;
use crate::callbacks::*;

const WINDOW: Duration = Duration::from_secs(8);

fn question() -> Validation {
    Validation {
        third_party: "acme".into(),
        url: "https://a.example.com/validate".into(),
        soap_action: Some("ValidateC2BPayment"),
        body: b"may she pay?".as_slice().into(),
        deadline: WINDOW,
    }
}

async fn ask(pause_milliseconds: u64, answer: Result<Answer, SendError>) -> ValidationOutcome {
    let script = Script::new(move |_| (Duration::from_millis(pause_milliseconds), answer.clone()));
    let outcome = Node::start(script.clone()).callbacks.validate(&question()).await.outcome;
    assert_eq!(script.calls().len(), 1, "one attempt");
    outcome
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_read_whatever_it_says() {
    for (body, code) in [("result 0", "0"), ("result C2B00012", "C2B00012"), ("result -1", "-1")] {
        let expected = ValidationResult { result_code: code.into(), result_desc: None, third_party_trans_id: None };
        assert_eq!(ask(7900, answer(200, body)).await, ValidationOutcome::Answered(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn d5_an_answer_after_the_deadline_is_late() {
    assert_eq!(ask(8100, answer(200, "result 0")).await, ValidationOutcome::Late);
}

#[tokio::test(start_paused = true)]
async fn d5_the_window_closes_to_the_millisecond_and_no_sooner() {
    for pause in [7990, 7999] {
        assert!(matches!(ask(pause, answer(200, "result 0")).await, ValidationOutcome::Answered(_)), "{pause} ms");
    }
    for pause in [8001, 8010, 600_000] {
        let before = tokio::time::Instant::now();
        assert_eq!(ask(pause, answer(200, "result 0")).await, ValidationOutcome::Late, "{pause} ms");
        assert!(before.elapsed() <= WINDOW + Duration::from_millis(2), "the payer waited {:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn d5_a_refusal_that_comes_too_late_is_late_and_counts_once() {
    let script = Script::new(|_| (Duration::from_millis(8100), answer(200, "result C2B00012")));
    let node = Node::start(script.clone());
    assert_eq!(node.callbacks.validate(&question()).await.outcome, ValidationOutcome::Late);
    tokio::time::sleep(WINDOW).await;
    assert_eq!(script.calls().len(), 1, "it was asked again");
    let metrics = node.metrics.text();
    assert!(metrics.contains(r#"lango_callbacks_total{kind="validation",outcome="late"} 1"#), "{metrics}");
    assert!(!metrics.contains("answered"), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn d7_a_third_party_whose_servers_hang_has_its_share_of_questions_and_no_more() {
    let script =
        Script::new(|call| (if call.url.contains("hangs") { WINDOW } else { WINDOW / 8 }, answer(200, "result 0")));
    let mut settings = settings();
    settings.connections_max = 64;
    let node = Node::start_with(script.clone(), Arc::default(), &settings);
    let asks =
        |third_party: &str, url: &str| Validation { third_party: third_party.into(), url: url.into(), ..question() };
    let hang: Vec<_> = (0..5).map(|host| asks("acme", &format!("https://hangs{host}.example.com/"))).collect();
    let hanging = join_all(hang.iter().map(|question| node.callbacks.validate(question)));
    let others = async {
        tokio::time::sleep(WINDOW / 8).await;
        let busy = node.callbacks.validate(&asks("acme", "https://well.example.com/")).await.outcome;
        assert_eq!(busy, ValidationOutcome::Unreachable(Unreachable::Busy));
        let other = asks("duka", "https://well.example.com/");
        assert!(matches!(node.callbacks.validate(&other).await.outcome, ValidationOutcome::Answered(_)));
        // A query of the same third party has connections of its own.
        node.callbacks.query(&asks("acme", "https://well.example.com/")).await;
    };
    let (hung, ()) = join(hanging, others).await;
    let busy = hung.iter().filter(|asked| asked.outcome == Reply::Unreachable(Unreachable::Busy)).count();
    assert_eq!((busy, script.calls().len()), (3, 2 + 2), "an eighth of all, and a quarter of that");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_or_reached_is_told_apart() {
    assert_eq!(ask(1, answer(200, "<html>")).await, ValidationOutcome::Unreadable);
    assert_eq!(ask(1, answer(200, "")).await, ValidationOutcome::Unreadable);
    assert_eq!(ask(1, answer(302, "result 0")).await, ValidationOutcome::Unreadable);
    assert_eq!(ask(1, answer(500, "result 0")).await, ValidationOutcome::Unreadable);
    let refused = SendError::new(Outcome::ConnectFailed, "refused");
    let expected = ValidationOutcome::Unreachable(Unreachable::Failed(refused.clone()));
    assert_eq!(ask(1, Err(refused)).await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_told_at_once_and_a_probe_closes_it() {
    for status in [500, 503, 429] {
        breaker_opened_by(status).await;
    }
}

async fn breaker_opened_by(status: u16) {
    let script = Script::new(move |call| {
        let back = call.at > Duration::from_secs(60);
        (WINDOW / 2, if back { answer(200, "result 0") } else { answer(status, "") })
    });
    let node = Node::start(script.clone());
    for _ in 0..settings().breaker_failures {
        assert_eq!(node.callbacks.validate(&question()).await.outcome, ValidationOutcome::Unreadable);
    }
    let before = tokio::time::Instant::now();
    let outcome = node.callbacks.validate(&question()).await.outcome;
    assert_eq!(outcome, ValidationOutcome::Unreachable(Unreachable::BreakerOpen));
    assert!(before.elapsed() < Duration::from_millis(1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(matches!(node.callbacks.validate(&question()).await.outcome, ValidationOutcome::Answered(_)));
}

#[tokio::test(start_paused = true)]
async fn d7_validations_do_not_wait_behind_deliveries() {
    let script = Script::new(|call| match call.url.ends_with("validate") {
        true => (Duration::from_millis(10), answer(200, "result 0")),
        false => (Duration::from_secs(14), answer(200, "code 0")),
    });
    let node = Node::start(script.clone());
    for _ in 0..50 {
        node.send("https://a.example.com/confirm", "paid").await;
    }
    let before = tokio::time::Instant::now();
    assert!(matches!(node.callbacks.validate(&question()).await.outcome, ValidationOutcome::Answered(_)));
    assert!(before.elapsed() < Duration::from_secs(1));
}
