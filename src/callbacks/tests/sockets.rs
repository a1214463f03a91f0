//! The real transport against real sockets: what a request looks like, and where it goes.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::header::{CONTENT_TYPE, HeaderValue};

use super::sink::{Act, Sink};
use super::tls::Pki;
use crate::callbacks::delivery::State;
use crate::callbacks::outcome::Outcome;
use crate::callbacks::testing::*;
use crate::callbacks::*;

pub fn quick() -> crate::config::Callbacks {
    let mut settings = settings();
    settings.schedule_seconds = vec![0, 0, 0];
    settings.answer_seconds_max = 1;
    settings.connect_seconds_max = 1;
    settings.answer_bytes_max = 64 * 1024;
    settings
}

fn transport(names: impl Names + 'static) -> Arc<HttpTransport> {
    Arc::new(HttpTransport::new(Pki::new().client(), &quick(), Arc::new(AnyHost), Arc::new(names)))
}

fn call(url: &str) -> Call {
    let headers = [(CONTENT_TYPE, HeaderValue::from_static("text/xml"))].into_iter().collect();
    let (third_party, deadline) = ("acme".to_owned(), Duration::from_millis(400));
    Call { third_party, url: url.into(), pool: Pool::Deliveries, headers, body: b"<x/>".as_slice().into(), deadline }
}

/// Resolves every name to one list of addresses after the other.
#[derive(Debug)]
pub struct Turning(pub Vec<&'static [&'static str]>, pub AtomicUsize);

impl Names for Turning {
    fn look_up(&self, _name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst).min(self.0.len() - 1);
        let found = self.0[turn].iter().map(|address| address.parse().unwrap()).collect();
        async move { Ok(found) }.boxed()
    }
}

#[tokio::test]
async fn a_name_is_called_only_at_addresses_that_were_checked() {
    let sink = Sink::start(&[Act::says("200 OK\r\nConnection: close", "code 0")]).await;
    let url = format!("http://pay.example.com:{}/", sink.address.port());
    // The first look finds a bad address beside a good one, the second only bad ones.
    let names = Turning(vec![&["169.254.169.254", "127.0.0.1"], &["169.254.169.254", "::1"]], AtomicUsize::new(0));
    let transport = transport(names);
    let answer = transport.post(call(&url)).await.unwrap();
    assert_eq!(answer.address, Some(sink.address));
    transport.forget();
    assert_eq!(transport.post(call(&url)).await.unwrap_err().outcome, Outcome::Forbidden);
    assert_eq!(sink.requests().len(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_kept_costs_no_attempt() {
    let sink = Sink::start(&[Act::ThenClose("200 OK", "code 0"), Act::says("200 OK", "code 0")]).await;
    let transport = transport(SystemNames);
    assert_eq!(transport.post(call(&sink.url())).await.unwrap().status, 200);
    sink.closed.notified().await;
    assert_eq!(transport.post(call(&sink.url())).await.unwrap().status, 200);
    assert_eq!(transport.post(call(&sink.url())).await.unwrap().status, 200);
    assert_eq!((sink.requests().len(), sink.connections.load(Ordering::SeqCst)), (3, 2), "the open one is used again");
}

#[tokio::test]
async fn a_request_looks_as_real_receivers_expect_it() {
    let sink = Sink::start(&[Act::says("200 OK", "code 0")]).await;
    let node = Node::start_with(transport(SystemNames), Arc::default(), &quick());
    let id = node.send(&sink.url(), "paid").await;
    node.ended(&id).await;
    let request = sink.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut headers: Vec<&str> = head.lines().collect();
    assert_eq!(headers.remove(0), "POST /callback HTTP/1.1");
    headers.sort_unstable();
    let timestamp = headers.iter().position(|header| header.starts_with("webhook-timestamp: ")).unwrap();
    assert!(headers.remove(timestamp).len() > 20);
    let host = format!("host: {}", sink.address);
    let webhook_id = format!("webhook-id: {id}");
    let expected = [
        "accept: */*",
        "content-length: 7",
        "content-type: text/xml; charset=utf-8",
        &host,
        "lango-attempt: 1",
        "lango-number: 1",
        &webhook_id,
    ];
    assert_eq!(headers, expected);
    assert_eq!(body, "paid []");
}

#[tokio::test]
async fn d6_no_more_of_an_answer_is_read_than_the_cap() {
    let cap = quick().answer_bytes_max;
    for (act, bytes, cut) in [
        (Act::says("200 OK", "x".repeat(cap)), cap, false),
        (Act::says("200 OK", "x".repeat(cap + 1)), cap, true),
        (Act::Endless, cap, true),
    ] {
        let sink = Sink::start(&[act]).await;
        let answer = transport(SystemNames).post(call(&sink.url())).await.unwrap();
        assert_eq!((answer.body.len(), answer.cut), (bytes, cut));
    }
    // Nor more of its headers, which do not change what it says.
    let head = format!("200 OK\r\nFirst: {}\r\nSecond: {}", "x".repeat(cap / 2), "y".repeat(cap));
    let sink = Sink::start(&[Act::says(head.leak(), "code 0")]).await;
    let answer = transport(SystemNames).post(call(&sink.url())).await.unwrap();
    assert_eq!((answer.headers.len(), answer.headers["first"].len()), (1, cap / 2));
    assert_eq!((answer.status, &*answer.body, answer.cut), (200, &b"code 0"[..], false));
}

#[tokio::test]
async fn d2_a_server_that_recovers_gets_the_same_id_each_time() {
    let fails = Act::says("500 Internal Server Error", "");
    let sink = Sink::start(&[Act::Reset, fails, Act::says("200 OK", "code 1"), Act::says("200 OK", "code 0")]).await;
    let node = Node::start_with(transport(SystemNames), Arc::default(), &quick());
    let id = node.send(&sink.url(), "paid").await;
    let delivery = node.ended(&id).await;
    assert!(matches!(delivery.state, State::Delivered { read: true, .. }));
    let outcomes: Vec<Outcome> = delivery.attempts.iter().map(|attempt| attempt.outcome).collect();
    let expected = [Outcome::Broken, Outcome::FailedAtServer, Outcome::Declined, Outcome::Acknowledged];
    assert_eq!(outcomes, expected);
    let header = format!("webhook-id: {id}\r\n");
    assert!(sink.requests().iter().all(|request| request.contains(&header)));
}
