//! What is owed, asked over real sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::sink::{Act, Sink};
use super::tls::Pki;
use crate::callbacks::testing::*;
use crate::callbacks::*;
use crate::mminterface::{PaymentQuery, write_payment_query_result};

const WINDOW: Duration = Duration::from_millis(600);

fn question(url: String) -> Validation {
    let (third_party, soap_action, body) = ("acme".into(), Some("QueryC2BPayment"), b"what is owed?".as_slice().into());
    Validation { third_party, url, soap_action, body, deadline: WINDOW }
}

fn node() -> Node {
    let settings = super::sockets::quick();
    let transport = HttpTransport::new(Pki::new().client(), &settings, Arc::new(AnyHost), Arc::new(SystemNames));
    Node::start_with(Arc::new(transport), Arc::default(), &settings)
}

fn bill() -> PaymentQueryResult {
    PaymentQueryResult { result_code: "0".into(), amount: Some("12.50".into()), ..PaymentQueryResult::default() }
}

#[tokio::test]
async fn a_bill_is_read_and_whatever_else_comes_or_does_not_is_told_apart_in_time() {
    let answer: &'static str =
        Box::leak(write_payment_query_result(&PaymentQuery::default(), &bill()).into_boxed_str());
    let rows = [
        (Act::says("200 OK", answer), "answered"),
        (Act::Late(WINDOW / 2, "200 OK", answer), "answered"),
        (Act::Late(WINDOW + Duration::from_millis(100), "200 OK", answer), "late"),
        (Act::Hang, "late"),
        (Act::Drip, "late"),
        (Act::says("200 OK", "<html>"), "unreadable"),
        (Act::says("200 OK", ""), "unreadable"),
        (Act::says("500 Internal Server Error", answer), "unreadable"),
        (Act::says("302 Found\r\nLocation: http://169.254.169.254/", ""), "unreadable"),
        (Act::Reset, "broken"),
    ];
    for (act, came) in rows {
        let (node, sink, begun) = (node(), Sink::start(&[act]).await, Instant::now());
        let asked = node.callbacks.query(&question(sink.url())).await;
        assert_eq!(asked.outcome.name(), came, "{:?}", asked.outcome);
        assert!(begun.elapsed() < WINDOW + Duration::from_secs(1), "{came}: the payer waited {:?}", begun.elapsed());
        assert_eq!(sink.requests().len().max(1), 1, "{came}: asked more than once");
        if let Reply::Answered(result) = asked.outcome {
            assert_eq!(result, bill());
        }
        assert!(node.metrics.text().contains(&format!("kind=\"query\",outcome=\"{came}\"")), "{came} is not counted");
    }
}

#[tokio::test]
async fn a_host_that_is_not_to_be_called_is_not_asked() {
    let asked = node().callbacks.query(&question("http://169.254.169.254/".into())).await;
    assert_eq!(asked.outcome.name(), "forbidden");
}

/// Queries that hang take no place from validations.
#[tokio::test(start_paused = true)]
async fn d7_queries_that_hang_hold_up_no_validation() {
    let script = Script::new(|call| match call.body.as_str() {
        "what is owed?" => (Duration::from_secs(3600), answer(200, "")),
        _ => (Duration::ZERO, answer(200, "result 0")),
    });
    let node = Arc::new(Node::start(script.clone()));
    let url = "https://a.example.com/";
    let queries: Vec<_> = (0..65)
        .map(|_| {
            let node = Arc::clone(&node);
            tokio::spawn(async move { node.callbacks.query(&question(url.into())).await.outcome })
        })
        .collect();
    tokio::task::yield_now().await;
    while script.calls().len() < 64 {
        tokio::task::yield_now().await;
    }
    let validation = Validation { body: b"may she pay?".as_slice().into(), ..question(url.into()) };
    assert_eq!(node.callbacks.validate(&validation).await.outcome.name(), "answered");
    let mut came = Vec::new();
    for query in queries {
        came.push(query.await.unwrap().name());
    }
    came.sort_unstable();
    assert_eq!((came.iter().filter(|came| **came == "busy").count(), came.len()), (1, 65));
}
