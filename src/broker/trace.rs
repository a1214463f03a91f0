//! The legs of a conversation as they went over the wire, for `queryTransaction` and for operators.
//! What is secret in them is masked before it gets here (S5).

use hyper::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::Request;
use crate::callbacks::{Exchange, Kind};
use crate::clock::Timestamp;
use crate::store::{Key, Read, ReadError, Stored, WriteSet, decode, encode};

/// Elements whose text never reaches the store.
const SECRET_ELEMENTS: [&str; 6] =
    ["spPassword", "SecurityCredential", "Password", "newPassword", "EncryptedParameters", "originRequest"];

const MASK: &str = "****";

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

/// Adds a leg to the log of a conversation, or of a receipt for what has none.
pub(super) fn record(write_set: &mut WriteSet, id: &str, kind: LegKind, at: Timestamp, message: &str) {
    write_set.append(log_key(id), encode(&Leg { kind, at, message: masked(message) }), Vec::new());
}

/// The legs of a conversation or receipt, in the order in which they were written down.
pub(super) fn legs(facts: &dyn Read, id: &str) -> Result<Vec<Leg>, ReadError> {
    let rows = facts.range(&log_key(id).subtree(), LEGS_MAX)?;
    rows.iter().map(|(_, record)| decode(record)).collect()
}

fn log_key(id: &str) -> Key {
    Key::of("leg").text(id)
}

/// The legs of one attempt to deliver a callback. A message that was sent before and got no answer
/// again is not written down once more: attempts are many, and the message is the same (D6).
pub(super) fn record_exchange(write_set: &mut WriteSet, id: &str, exchange: &Exchange<'_>) {
    if exchange.attempt == 1 || exchange.answer.is_ok() {
        let path = Uri::try_from(exchange.url).map_or_else(
            |_| exchange.url.to_owned(),
            |uri| uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        );
        let host = exchange.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let length = exchange.body.len().to_string();
        let fixed = [("host", host), ("content-length", &length)];
        let headers = exchange.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(fixed);
        let message = http_message(&format!("POST {path} HTTP/1.1"), headers, exchange.body);
        record(write_set, id, exchange.kind.into(), exchange.started, &message);
    }
    match exchange.answer {
        Ok(answer) => {
            let message = http_answer(answer.status, &answer.headers, &answer.body);
            record(write_set, id, LegKind::Acknowledgement, exchange.ended, &message);
        }
        Err(why) => record(write_set, id, LegKind::NoAnswer, exchange.ended, why),
    }
}

/// A third party's request as it came.
pub(super) fn http_request(request: &Request) -> String {
    let start = format!("{} {} HTTP/1.1", request.method, request.uri);
    http_message(&start, texts(&request.headers), &request.body)
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
    message.push_str(&String::from_utf8_lossy(body));
    message
}

/// The message with the text of its secret elements masked, whether they are elements of the
/// envelope, stand in a CDATA section or in escaped text. One pass, whatever the message is.
pub(super) fn masked(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(name_at) = next_tag(rest) {
        let (before, tag) = rest.split_at(name_at);
        out.push_str(before);
        rest = match secret_text(tag) {
            Some((text_begins, text_ends)) => {
                out.push_str(&tag[..text_begins]);
                if !tag[text_begins..text_ends].trim().is_empty() {
                    out.push_str(MASK);
                }
                &tag[text_ends..]
            }
            None => tag,
        };
    }
    out.push_str(rest);
    out
}

/// Where the name of the next tag, real or escaped, begins.
fn next_tag(text: &str) -> Option<usize> {
    let at = text.find(['<', '&'])?;
    let opener = if text[at..].starts_with("&lt;") { 4 } else { 1 };
    Some(at + opener)
}

/// Where the text of the element begins and ends, if `tag` begins with the name of a secret one.
fn secret_text(tag: &str) -> Option<(usize, usize)> {
    let name_ends = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '&' | '<'))?;
    let name = &tag[..name_ends];
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    if !SECRET_ELEMENTS.contains(&local) {
        return None;
    }
    let (begins, empty) = tag_end(&tag[name_ends..])?;
    let begins = name_ends + begins;
    (!empty).then(|| (begins, begins + text_end(&tag[begins..])))
}

/// How far a start tag goes after its name, and whether it is an empty element's.
fn tag_end(rest: &str) -> Option<(usize, bool)> {
    let at = rest.find(['>', '&'])?;
    let closer = if rest[at..].starts_with('>') {
        1
    } else if rest[at..].starts_with("&gt;") {
        4
    } else {
        // An entity in an attribute's value: the tag ends at the next bracket.
        return rest.find('>').map(|at| (at + 1, rest[..at].ends_with('/')));
    };
    Some((at + closer, rest[..at].ends_with('/')))
}

/// How far an element's text goes: to the next tag, real or escaped. A CDATA section in it is text.
fn text_end(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].find(['<', '&']).map(|next| at + next) {
        let rest = &text[next..];
        if rest.starts_with("<![CDATA[") {
            match rest.find("]]>") {
                Some(end) => at = next + end + 3,
                None => return text.len(),
            }
        } else if rest.starts_with('<') || rest.starts_with("&lt;") {
            return next;
        } else {
            at = next + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn s5_secrets_are_masked_however_they_are_written() {
        for (message, shown) in [
            ("<v2:spPassword>c2VjcmV0</v2:spPassword>", "<v2:spPassword>****</v2:spPassword>"),
            (
                "<![CDATA[<SecurityCredential>\nabc=\n</SecurityCredential>]]>",
                "<![CDATA[<SecurityCredential>****</SecurityCredential>]]>",
            ),
            ("&lt;Password x='1'&gt;abc&lt;/Password&gt;", "&lt;Password x='1'&gt;****&lt;/Password&gt;"),
            ("<Password><![CDATA[a<b]]></Password><A>x</A>", "<Password>****</Password><A>x</A>"),
            ("<Password/><A>x</A>", "<Password/><A>x</A>"),
            ("<Password></Password>", "<Password></Password>"),
            ("<PasswordHint>open</PasswordHint>", "<PasswordHint>open</PasswordHint>"),
            ("<spPassword>never closed", "<spPassword>****"),
        ] {
            assert_eq!(masked(message), shown);
        }
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_hides(before in ".*", secret in "[a-zA-Z0-9+/=]{12,40}", after in ".*") {
            let message = format!("{before}<spPassword>{secret}</spPassword>{after}");
            prop_assume!(!before.contains(&secret) && !after.contains(&secret));
            prop_assert!(!masked(&message).contains(&secret));
        }
    }
}
