//! The legs of a conversation as they went over the wire, for `queryTransaction` and for operators.
//! What is secret in them is masked before it gets here (S5).

use std::borrow::Cow;

use hyper::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::Request;
use super::mask::{MASK, masked};
use crate::callbacks::{Asked, Exchange, Kind, PaymentQueryResult, Validation, shown};
use crate::clock::Timestamp;
use crate::store::{Fields, Key, KeyRange, Read, ReadError, Record, Stored, WriteSet, decode, encode_as};

/// Headers whose values never reach the store.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Where the steps of a conversation stand in its log: after the few that older versions numbered one by one,
/// and before all that stand at their moment.
const STEPS_FROM: u64 = 1_000;

/// Records of one conversation's legs that are read.
const RECORDS_MAX: usize = 1000;

/// One message of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Leg {
    /// What it was.
    pub kind: LegKind,
    /// When.
    pub at: Timestamp,
    /// The whole HTTP message, secrets masked; of an attempt without an answer, why there is none.
    pub message: String,
}

impl Stored for Leg {
    const NAME: &'static str = "a leg of a conversation";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// What one record keeps: messages that were written down at once, in their order. Records of before
/// hold one [`Leg`] each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Legs(Vec<Leg>);

impl Stored for Legs {
    const NAME: &'static str = "the legs of a conversation";
    const FORMAT: u8 = 3;
    const FIELDS: Fields = Fields::InOrder;
}

impl Legs {
    fn read(record: &Record) -> Result<Self, ReadError> {
        match record.value.first() {
            Some(&format) if format <= Leg::FORMAT => Ok(Self(vec![decode(record)?])),
            _ => decode(record),
        }
    }
}

/// A step of a conversation whose legs are written down at once. Each comes once, so that it has its place in
/// the log: a log that counts would keep its counter when its legs have long been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// What it began with.
    Opening = 0,
    /// The question to the organization.
    Question = 1,
}

/// What a leg was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum LegKind {
    /// The third party's request.
    Request,
    /// What was made of a URL in it that may not be called. It went over no wire.
    Diverted,
    /// Our answer to it.
    Answer,
    /// The result that we sent.
    Result,
    /// The notice that it expired.
    Timeout,
    /// The confirmation of a customer's payment.
    Confirmation,
    /// A customer's payment, as the handset side submitted it.
    Submission,
    /// The question to the organization whether it wants the payment.
    Validation,
    /// What the organization said to it.
    Verdict,
    /// The handset side's question what would have to be paid.
    Query,
    /// The same, as the organization was asked.
    PaymentQuery,
    /// What it said to that.
    Bill,
    /// What a receiver answered to one of these three.
    Acknowledgement,
    /// That there was no answer.
    NoAnswer,
}

impl LegKind {
    /// Its name in stories.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Diverted => "diverted",
            Self::Answer => "answer",
            Self::Result => "result",
            Self::Timeout => "timeout",
            Self::Confirmation => "confirmation",
            Self::Submission => "submission",
            Self::Validation => "validation",
            Self::Verdict => "verdict",
            Self::Query => "query",
            Self::PaymentQuery => "payment-query",
            Self::Bill => "bill",
            Self::Acknowledgement => "acknowledgement",
            Self::NoAnswer => "no-answer",
        }
    }
}

impl From<Kind> for LegKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Result => Self::Result,
            Kind::Timeout => Self::Timeout,
            Kind::Confirmation => Self::Confirmation,
        }
    }
}

impl Leg {
    /// A message that went over the wire, with its secrets masked.
    pub(super) fn masking<'a>(kind: LegKind, at: Timestamp, message: impl Into<Cow<'a, str>>) -> Self {
        Self { kind, at, message: masked(message) }
    }
}

/// The legs of a conversation: its steps, and then the attempts to deliver its callbacks.
pub(super) fn legs(facts: &dyn Read, conversation: &str) -> Result<Vec<Leg>, ReadError> {
    let rows = facts.range(&log_key(conversation).subtree(), RECORDS_MAX)?;
    let mut legs = Vec::new();
    for (_, record) in &rows {
        legs.extend(Legs::read(record)?.0);
    }
    Ok(legs)
}

/// The legs of all conversations that began before this date, written like 20261123: their ids begin
/// with it.
pub(super) fn legs_before(date: &str) -> KeyRange {
    KeyRange { from: Key::of("leg"), to: log_key(&format!("AG_{date}")) }
}

fn log_key(conversation: &str) -> Key {
    Key::of("leg").text(conversation)
}

/// The legs of one attempt to deliver a callback. A message that was sent before and got no answer
/// again is not written down once more: attempts are many, and the message is the same (D6).
///
/// They stand after the steps, in the order of their moments. With the moment, the delivery is in the key: it
/// has one attempt at a time.
pub(super) fn record_exchange(write_set: &mut WriteSet, exchange: &Exchange<'_>) {
    let mut legs = Vec::with_capacity(2);
    if exchange.attempt == 1 || exchange.answer.is_ok() {
        let message = http_post(exchange.url, exchange.headers, exchange.body);
        legs.push(Leg::masking(exchange.kind.into(), exchange.started, message));
    }
    let (kind, message) = match exchange.answer {
        Ok(answer) => (LegKind::Acknowledgement, http_answer(answer.status, &answer.headers, &answer.body)),
        Err(why) => (LegKind::NoAnswer, why.to_owned()),
    };
    legs.push(Leg::masking(kind, exchange.ended, message));
    let at = u64::try_from(exchange.started.micros()).unwrap_or(0);
    let key = log_key(exchange.about).number(at).text(exchange.delivery.as_str());
    write_set.put(key, encode_as::<Legs>(&legs));
}

/// The legs of a question to an organization. `began` and `ended` are when it was asked and when that
/// was over.
pub(super) fn question_legs(question: &Validation, asked: &Asked, began: Timestamp, ended: Timestamp) -> Vec<Leg> {
    exchanged([LegKind::Validation, LegKind::Verdict], question, asked, began, ended)
}

/// The same, of a question what would have to be paid.
pub(super) fn query_legs(
    question: &Validation,
    asked: &Asked<PaymentQueryResult>,
    began: Timestamp,
    ended: Timestamp,
) -> Vec<Leg> {
    exchanged([LegKind::PaymentQuery, LegKind::Bill], question, asked, began, ended)
}

fn exchanged<T>(
    [there, back]: [LegKind; 2],
    question: &Validation,
    asked: &Asked<T>,
    began: Timestamp,
    ended: Timestamp,
) -> Vec<Leg> {
    let nothing = |why: &str| Leg { kind: LegKind::NoAnswer, at: ended, message: why.to_owned() };
    let Some(answer) = &asked.answer else { return vec![nothing(asked.outcome.name())] };
    let sent = Leg::masking(there, began, http_post(&question.url, &question.headers(), &question.body));
    let answered = match answer {
        Ok(answer) => Leg::masking(back, ended, http_answer(answer.status, &answer.headers, &answer.body)),
        Err(error) => nothing(&error.detail),
    };
    vec![sent, answered]
}

/// Writes down the legs of a step, masked already, if it has any.
pub(super) fn record(write_set: &mut WriteSet, conversation: &str, step: Step, legs: &[Leg]) {
    if !legs.is_empty() {
        let key = log_key(conversation).number(STEPS_FROM + step as u64);
        write_set.put(key, encode_as::<Legs>(&legs));
    }
}

/// A request as it came.
pub(super) fn http_request(request: &Request) -> String {
    let start = format!("{} {} HTTP/1.1", request.method, request.uri);
    http_message(&start, texts(&request.headers), &request.body)
}

/// A POST of ours.
fn http_post(url: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split('#').next().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let length = body.len().to_string();
    let fixed = [("host", host), ("content-length", &length)];
    http_message(&["POST ", slash, path, " HTTP/1.1"].concat(), texts(headers).chain(fixed), body)
}

/// An answer with these headers.
pub(super) fn http_answer(status: u16, headers: &HeaderMap, body: &[u8]) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    http_message(&format!("HTTP/1.1 {status} {reason}"), texts(headers), body)
}

fn texts(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or("?")))
}

fn http_message<'a>(start: &str, headers: impl Iterator<Item = (&'a str, &'a str)>, body: &[u8]) -> String {
    let mut message = String::with_capacity(body.len() + 512);
    message.push_str(start);
    for (name, value) in headers {
        let value = if SECRET_HEADERS.contains(&name) { MASK } else { value };
        ["\r\n", name, ": ", value].iter().for_each(|part| message.push_str(part));
    }
    message.push_str("\r\n\r\n");
    message.push_str(&shown(body));
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::{Answer, DeliveryId};
    use crate::store::encode;
    use crate::store::memory::MemoryStore;
    use crate::store::{Change, Store};

    const ID: &str = "AG_20261123_0000626ec4aeb2ca2256";

    fn exchange<'a>(
        delivery: &'a DeliveryId,
        attempt: u32,
        headers: &'a HeaderMap,
        answer: Result<&'a Answer, &'a str>,
    ) -> Exchange<'a> {
        Exchange {
            kind: Kind::Result,
            delivery,
            about: ID,
            attempt,
            url: "https://shop.example/result",
            headers,
            body: b"<Result/>",
            started: Timestamp::from_seconds(100 + i64::from(attempt)),
            ended: Timestamp::from_seconds(200 + i64::from(attempt)),
            answer,
        }
    }

    async fn written(store: &MemoryStore, write: impl FnOnce(&mut WriteSet)) -> usize {
        let mut write_set = WriteSet::new();
        write(&mut write_set);
        let changes = write_set.changes.len();
        store.commit(write_set).await.unwrap();
        changes
    }

    #[tokio::test]
    async fn each_attempt_is_one_record_and_all_are_read_in_their_order() {
        let (store, headers) = (MemoryStore::new(), HeaderMap::new());
        let answer = Answer { status: 200, body: "<spPassword>x</spPassword>".into(), ..Answer::default() };
        let (id, at) = (DeliveryId::from_text("msg_1"), Timestamp::from_seconds(1));
        let opening = [Leg::masking(LegKind::Request, at, "a request")];
        written(&store, |all| record(all, ID, Step::Opening, &opening)).await;
        for (attempt, answer) in [(1, Err("no answer")), (2, Err("no answer")), (3, Ok(&answer))] {
            let exchange = exchange(&id, attempt, &headers, answer);
            assert_eq!(written(&store, |all| record_exchange(all, &exchange)).await, 1);
        }
        let legs = legs(&store, ID).unwrap();
        let kinds: Vec<LegKind> = legs.iter().map(|leg| leg.kind).collect();
        use LegKind::{Acknowledgement, NoAnswer, Request, Result};
        assert_eq!(kinds, [Request, Result, NoAnswer, NoAnswer, Result, Acknowledgement]);
        let said: Vec<&str> = legs.iter().map(|leg| leg.message.as_str()).collect();
        let sent = "POST /result HTTP/1.1\r\nhost: shop.example\r\ncontent-length: 9\r\n\r\n<Result/>";
        let heard = "HTTP/1.1 200 OK\r\n\r\n<spPassword>****</spPassword>";
        assert_eq!(said, ["a request", sent, "no answer", "no answer", sent, heard]);
    }

    #[tokio::test]
    async fn legs_keep_their_places_and_records_of_one_each_are_still_read() {
        let store = MemoryStore::new();
        let leg = Leg { kind: LegKind::Answer, at: Timestamp::from_seconds(1), message: "an answer".into() };
        let bytes = encode(&leg);
        let now = encode_as::<Legs>(&[&leg]);
        let fields: serde_json::Value = rmp_serde::from_slice(&now[1..]).unwrap();
        assert_eq!((now[0], fields), (3, serde_json::json!([["Answer", 1_000_000, "an answer"]])));
        let named = [vec![1], rmp_serde::to_vec_named(&leg).unwrap()].concat();
        written(&store, |all| {
            let append = |value| Change::Append { log: log_key(ID), value, capture: Vec::new() };
            all.changes.extend([bytes, named].map(append));
            record(all, ID, Step::Opening, &[Leg::masking(LegKind::Answer, leg.at, "an answer")]);
        })
        .await;
        let legs = legs(&store, ID).unwrap();
        assert_eq!(legs.len(), 3);
        assert!(legs.iter().all(|one| (one.kind, one.at, &one.message) == (leg.kind, leg.at, &leg.message)));
    }

    /// Whoever they are for, and although all happened at one moment.
    #[tokio::test]
    async fn two_deliveries_about_one_conversation_keep_their_legs_both() {
        let (store, headers) = (MemoryStore::new(), HeaderMap::new());
        for id in ["msg_1", "msg_2"].map(DeliveryId::from_text) {
            written(&store, |all| record_exchange(all, &exchange(&id, 1, &headers, Err("no answer")))).await;
        }
        assert_eq!(legs(&store, ID).unwrap().len(), 4);
    }

    #[tokio::test]
    async fn d6_nothing_is_left_of_a_conversation_s_log_when_its_legs_were_forgotten() {
        let (store, headers) = (MemoryStore::new(), HeaderMap::new());
        let leg = [Leg::masking(LegKind::Submission, Timestamp::from_seconds(1), "a message")];
        written(&store, |all| {
            record(all, ID, Step::Opening, &leg);
            record(all, ID, Step::Question, &leg);
            record_exchange(all, &exchange(&DeliveryId::from_text("msg_1"), 1, &headers, Err("no answer")));
        })
        .await;
        assert_eq!(legs(&store, ID).unwrap().len(), 4);
        assert_eq!(store.counter(&log_key(ID)).unwrap(), 0, "it would stay for good");
    }

    #[test]
    fn where_nothing_was_said_nothing_is_written_down() {
        let mut write_set = WriteSet::new();
        record(&mut write_set, ID, Step::Question, &[]);
        assert_eq!(write_set, WriteSet::new());
    }

    #[test]
    fn a_post_is_shown_as_it_goes_over_the_wire() {
        for (url, start) in [
            ("https://shop.example:8443/a/b?c=d#e", "POST /a/b?c=d HTTP/1.1\r\nhost: shop.example:8443\r\n"),
            ("http://10.66.49.201", "POST / HTTP/1.1\r\nhost: 10.66.49.201\r\n"),
            ("https://shop.example?c=d", "POST /?c=d HTTP/1.1\r\nhost: shop.example\r\n"),
        ] {
            let shown = http_post(url, &HeaderMap::new(), b"");
            assert!(shown.starts_with(start), "{shown}");
        }
    }
}
