//! The legs of a conversation as they went over the wire, for `queryTransaction` and for operators.
//! What is secret in them is masked before it gets here (S5).

use hyper::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use super::Request;
use crate::callbacks::{Exchange, Kind};
use crate::clock::Timestamp;
use crate::store::{Key, KeyRange, Read, ReadError, Stored, WriteSet, decode, encode};

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

/// Adds a leg to the log of a conversation.
pub(super) fn record(write_set: &mut WriteSet, conversation: &str, kind: LegKind, at: Timestamp, message: &str) {
    write_set.append(log_key(conversation), encode(&Leg { kind, at, message: masked(message) }), Vec::new());
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
        let path = Uri::try_from(exchange.url).map_or_else(
            |_| exchange.url.to_owned(),
            |uri| uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        );
        let host = exchange.url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let length = exchange.body.len().to_string();
        let fixed = [("host", host), ("content-length", &length)];
        let headers = exchange.headers.iter().map(|(name, value)| (*name, value.as_str())).chain(fixed);
        let message = http_message(&format!("POST {path} HTTP/1.1"), headers, exchange.body);
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
/// envelope, stand in a CDATA section or in escaped text, however it is escaped. One pass, whatever
/// the message is.
pub(super) fn masked(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(bracket) = next_bracket(rest, 0) {
        let (before, tag) = rest.split_at(bracket.ends);
        out.push_str(before);
        rest = match bracket.opens.then(|| secret_text(tag)).flatten() {
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

/// A bracket of a tag: plain, or a reference that means one.
struct Bracket {
    /// `<`; otherwise `>`.
    opens: bool,
    begins: usize,
    ends: usize,
}

/// The first bracket of the text at or after `from`.
fn next_bracket(text: &str, from: usize) -> Option<Bracket> {
    let mut at = from;
    loop {
        let begins = at + text[at..].find(['<', '>', '&'])?;
        if let Some((opens, length)) = bracket(&text[begins..]) {
            return Some(Bracket { opens, begins, ends: begins + length });
        }
        at = begins + 1;
    }
}

/// If the text begins with a bracket: whether it opens, and how long it is.
fn bracket(text: &str) -> Option<(bool, usize)> {
    let Some(reference) = text.strip_prefix('&') else {
        return text.starts_with(['<', '>']).then(|| (text.starts_with('<'), 1));
    };
    let name = reference.split(|c: char| !c.is_ascii_alphanumeric() && c != '#').next()?;
    let character = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None if name == "lt" => '<'.into(),
        None if name == "gt" => '>'.into(),
        None => return None,
    };
    let is_bracket = character == u32::from('<') || character == u32::from('>');
    (is_bracket && reference[name.len()..].starts_with(';')).then(|| (character == u32::from('<'), name.len() + 2))
}

/// Where the text of the element begins and ends, if `tag` begins with the name of a secret one.
fn secret_text(tag: &str) -> Option<(usize, usize)> {
    let name_ends = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '&' | '<'))?;
    let name = &tag[..name_ends];
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    if !SECRET_ELEMENTS.contains(&local) {
        return None;
    }
    let mut end = next_bracket(tag, name_ends)?;
    while end.opens {
        end = next_bracket(tag, end.ends)?;
    }
    let empty = tag[..end.begins].ends_with('/');
    (!empty).then(|| (end.ends, text_end(tag, end.ends)))
}

/// Where an element's text that begins at `from` ends: at the next tag. CDATA sections and comments
/// in it are text.
fn text_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(bracket) = next_bracket(text, at) {
        let markup = &text[bracket.ends..];
        let inside = match bracket.opens {
            false => Some(bracket.ends),
            true if markup.starts_with("!--") => after(text, bracket.ends + 3, "--"),
            true if markup.starts_with("![CDATA[") => after(text, bracket.ends + 8, "]]"),
            true => return bracket.begins,
        };
        match inside {
            Some(next) => at = next,
            None => break,
        }
    }
    text.len()
}

/// Where markup that is closed by these characters and a bracket ends.
fn after(text: &str, from: usize, closer: &str) -> Option<usize> {
    let mut at = from;
    loop {
        at += text[at..].find(closer)?;
        let closed = at + closer.len();
        match bracket(&text[closed..]) {
            Some((false, length)) => return Some(closed + length),
            _ => at += 1,
        }
    }
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
            ("&#60;Password&#62;abc&#60;/Password&#62;", "&#60;Password&#62;****&#60;/Password&#62;"),
            ("&#x3c;Password&#x3E;abc&#x3C;/Password&#x3e;", "&#x3c;Password&#x3E;****&#x3C;/Password&#x3e;"),
            ("&#0060;Password&gt;abc&lt;/Password>", "&#0060;Password&gt;****&lt;/Password>"),
            ("<Password>a<!-- b -->c</Password><A>x</A>", "<Password>****</Password><A>x</A>"),
            ("&lt;Password&gt;a&lt;!-- b --&gt;c&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
            ("&lt;Password&gt;&lt;![CDATA[a]]&gt;&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
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
