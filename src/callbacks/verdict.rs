//! What an answer means for a delivery (domain.md 10, rule 3). The whole table, with a row for all
//! that servers are known to do, is in `docs/callbacks.md`; tests play each of its rows over real
//! sockets and hold it to what stands here.
//!
//! The endpoint counts as sick, which is what opens its breaker, when it did not answer, answered
//! 5xx or asked to be left alone; a server that says no to one message is well.

use super::callback::Kind;
use super::outcome::Outcome;
use super::transport::{Answer, SendError};
use super::wire::{Acknowledgement, Wire};

/// What one attempt showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    /// For people.
    pub(super) detail: String,
}

/// What follows from an outcome, before the schedule has its say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Delivered,
    Again,
    Stop,
}

/// What an outcome says about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Well,
    Sick,
    /// It was not called.
    Unknown,
}

/// Judges a third party's answer to a callback.
pub(super) fn judge(answer: &Result<Answer, SendError>, third_party: &str, kind: Kind, wire: &dyn Wire) -> Verdict {
    match answer {
        Ok(answer) => judge_answer(answer, third_party, kind, wire),
        Err(error) => Verdict { outcome: error.outcome, detail: error.detail.clone() },
    }
}

fn judge_answer(answer: &Answer, third_party: &str, kind: Kind, wire: &dyn Wire) -> Verdict {
    match failure(answer.status) {
        None => judge_acknowledgement(answer, third_party, kind, wire),
        Some(outcome) => Verdict { outcome, detail: format!("HTTP status {}", answer.status) },
    }
}

/// What a status says, unless it is one of success.
fn failure(status: u16) -> Option<Outcome> {
    match status {
        200..=299 => None,
        300..=399 => Some(Outcome::Redirected),
        410 => Some(Outcome::Gone),
        429 | 503 => Some(Outcome::Throttled),
        400..=499 => Some(Outcome::RefusedByServer),
        _ => Some(Outcome::FailedAtServer),
    }
}

fn judge_acknowledgement(answer: &Answer, third_party: &str, kind: Kind, wire: &dyn Wire) -> Verdict {
    let verdict = |outcome, detail: &str| Verdict { outcome, detail: detail.to_owned() };
    if answer.cut {
        return verdict(Outcome::Unread, "the answer is longer than the cap");
    }
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return verdict(Outcome::Acknowledged, "an empty body");
    }
    match wire.acknowledgement(third_party, kind, &answer.body) {
        Acknowledgement::Positive => verdict(Outcome::Acknowledged, ""),
        Acknowledgement::Unreadable => verdict(Outcome::Unread, "the answer is no acknowledgement"),
        Acknowledgement::Negative { code, description } => {
            // It is the receiver's text, which may repeat what was sent to it.
            verdict(Outcome::Declined, &wire.excerpt(format!("code {code}: {description}").as_bytes()))
        }
    }
}

/// What follows from an outcome.
pub(super) fn course(outcome: Outcome) -> Course {
    match outcome {
        Outcome::Acknowledged | Outcome::Unread => Course::Delivered,
        Outcome::Gone | Outcome::Unrenderable => Course::Stop,
        Outcome::Declined
        | Outcome::Redirected
        | Outcome::Throttled
        | Outcome::RefusedByServer
        | Outcome::FailedAtServer
        | Outcome::Forbidden
        | Outcome::NameFailed
        | Outcome::ConnectFailed
        | Outcome::TlsFailed
        | Outcome::Broken
        | Outcome::TimedOut
        | Outcome::NotHttp
        | Outcome::Unsignable => Course::Again,
    }
}

/// What an answer says about the endpoint, whatever its body says.
pub(super) fn condition_after(answer: &Result<Answer, SendError>) -> Condition {
    match answer {
        Ok(answer) => failure(answer.status).map_or(Condition::Well, condition),
        Err(error) => condition(error.outcome),
    }
}

/// What an outcome says about the endpoint.
pub(super) fn condition(outcome: Outcome) -> Condition {
    match outcome {
        Outcome::Acknowledged
        | Outcome::Unread
        | Outcome::Declined
        | Outcome::Redirected
        | Outcome::Gone
        | Outcome::RefusedByServer => Condition::Well,
        Outcome::Throttled
        | Outcome::FailedAtServer
        | Outcome::NameFailed
        | Outcome::ConnectFailed
        | Outcome::TlsFailed
        | Outcome::Broken
        | Outcome::TimedOut
        | Outcome::NotHttp => Condition::Sick,
        Outcome::Forbidden | Outcome::Unrenderable | Outcome::Unsignable => Condition::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::wire::Document;

    /// Has a password for its secret, and gets it back in each acknowledgement.
    #[derive(Debug)]
    struct Echoed;

    impl Wire for Echoed {
        fn render(&self, _kind: Kind, _payload: &[u8], _captured: &[i64]) -> Result<Document, String> {
            Err("nothing is sent".into())
        }

        fn acknowledgement(&self, _third_party: &str, _kind: Kind, _body: &[u8]) -> Acknowledgement {
            Acknowledgement::Negative { code: "200000001".into(), description: "what is hunter2?".into() }
        }

        fn excerpt(&self, body: &[u8]) -> String {
            String::from_utf8_lossy(body).replace("hunter2", "***")
        }
    }

    #[test]
    fn s5_what_a_receiver_says_is_masked_before_it_is_written_down_or_logged() {
        let answer = Answer { status: 200, body: "no".into(), ..Answer::default() };
        let verdict = judge(&Ok(answer), "acme", Kind::Timeout, &Echoed);
        assert_eq!(verdict.detail, "code 200000001: what is ***?");
    }
}
