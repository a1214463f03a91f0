//! The legs of a conversation as they went over the wire, for `queryTransaction` and for operators.
//! What is secret in them is masked before it gets here (S5).

use hyper::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::Request;
use super::mask::{MASK, masked};
use crate::callbacks::{Asked, Exchange, Kind, PaymentQueryResult, Validation, shown};
use crate::clock::Timestamp;
use crate::store::{Fields, Key, KeyRange, Read, ReadError, Stored, WriteSet, decode, encode};

/// Headers whose values never reach the store.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];

/// Legs of one conversation that are read.
const LEGS_MAX: usize = 1000;

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

/// What a leg was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum LegKind {
    /// The third party's request.
    Request,
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

/// Adds a leg to the log of a conversation.
pub(super) fn record(write_set: &mut WriteSet, conversation: &str, kind: LegKind, at: Timestamp, message: &str) {
    add(write_set, conversation, &[Leg { kind, at, message: masked(message) }]);
}

/// The legs of a conversation, in the order in which they were written down.
pub(super) fn legs(facts: &dyn Read, conversation: &str) -> Result<Vec<Leg>, ReadError> {
    let rows = facts.range(&log_key(conversation).subtree(), LEGS_MAX)?;
    rows.iter().map(|(_, record)| decode(record)).collect()
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
pub(super) fn record_exchange(write_set: &mut WriteSet, conversation: &str, exchange: &Exchange<'_>) {
    if exchange.attempt == 1 || exchange.answer.is_ok() {
        let message = http_post(exchange.url, exchange.headers, exchange.body);
        record(write_set, conversation, exchange.kind.into(), exchange.started, &message);
    }
    match exchange.answer {
        Ok(answer) => {
            let message = http_answer(answer.status, &answer.headers, &answer.body);
            record(write_set, conversation, LegKind::Acknowledgement, exchange.ended, &message);
        }
        Err(why) => record(write_set, conversation, LegKind::NoAnswer, exchange.ended, why),
    }
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
    let sent = masked(&http_post(&question.url, &question.headers(), &question.body));
    let answered = match answer {
        Ok(answer) => {
            Leg { kind: back, at: ended, message: masked(&http_answer(answer.status, &answer.headers, &answer.body)) }
        }
        Err(error) => nothing(&error.detail),
    };
    vec![Leg { kind: there, at: began, message: sent }, answered]
}

/// Adds legs that are masked already.
pub(super) fn add(write_set: &mut WriteSet, conversation: &str, legs: &[Leg]) {
    legs.iter().for_each(|leg| write_set.append(log_key(conversation), encode(leg), Vec::new()));
}

/// A request as it came.
pub(super) fn http_request(request: &Request) -> String {
    let start = format!("{} {} HTTP/1.1", request.method, request.uri);
    http_message(&start, texts(&request.headers), &request.body)
}

/// A POST of ours.
fn http_post(url: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let path = Uri::try_from(url).map_or_else(
        |_| url.to_owned(),
        |uri| uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
    );
    let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let length = body.len().to_string();
    let fixed = [("host", host), ("content-length", &length)];
    http_message(&format!("POST {path} HTTP/1.1"), texts(headers).chain(fixed), body)
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
