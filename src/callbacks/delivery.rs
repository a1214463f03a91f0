//! One delivery: a callback on its way to its owner, from the commit that made it to the
//! acknowledgement or the dead letter. Its id is the same on all attempts (D2); what is kept of its
//! attempts is bounded (D6).

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::entropy::Entropy;

use super::callback::Kind;
use super::endpoint::Endpoint;
use super::outcome::Outcome;
use super::tls::TlsVersion;

/// Attempts that are kept with a delivery: the newest ones.
pub const ATTEMPTS_KEPT_MAX: usize = 16;

/// Characters of the answer's body that are kept with an attempt.
pub const ANSWER_CHARACTERS_MAX: usize = 400;

/// Characters of an attempt's detail.
pub const DETAIL_CHARACTERS_MAX: usize = 200;

/// How a delivery is told apart, for example `msg_7h2k...`. Queues, flights and holds all have it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(Arc<str>);

impl DeliveryId {
    /// A new one: `msg_` and 26 random characters (130 bits).
    pub fn draw(entropy: &dyn Entropy) -> Self {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bytes = [0; 26];
        entropy.fill(&mut bytes);
        let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31)));
        let text: Vec<u8> = b"msg_".iter().chain(letters).copied().collect();
        Self(String::from_utf8_lossy(&text).into())
    }

    /// An id as somebody typed it or as it stands in a key.
    pub fn from_text(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a delivery is. In flight it is only in memory, so whatever the node was doing when it
/// stopped, it finds the delivery due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Not tried yet.
    Due {
        /// When it is to be tried.
        at: Timestamp,
    },
    /// Tried without success.
    Retrying {
        /// When it is to be tried again.
        at: Timestamp,
    },
    /// Acknowledged.
    Delivered {
        /// When.
        at: Timestamp,
        /// Whether the acknowledgement was one that we can read.
        read: bool,
    },
    /// Given up: kept, shown, and can be replayed.
    Dead {
        /// When.
        at: Timestamp,
    },
}

/// A delivery, as its record (`callbacks::progress`) and its callback's together say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Whose callback it is.
    pub owner: String,
    /// The callback's number in the owner's log.
    pub number: u64,
    /// What kind of callback.
    pub kind: Kind,
    /// The third party whose server is called.
    pub third_party: String,
    /// Where it goes now.
    pub url: String,
    /// Whether its record has to say so, since the callback's does not.
    pub(super) elsewhere: bool,
    /// The endpoint of `url`, in whose queue it waits.
    pub endpoint: Endpoint,
    /// When it was committed.
    pub created: Timestamp,
    /// How far it is.
    pub state: State,
    /// Attempts made.
    pub attempts_made: u32,
    /// Attempts made since it was last replayed: what the schedule counts.
    pub attempts_of_round: u32,
    /// The newest attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// When it was last replayed.
    pub replayed: Option<Timestamp>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When it began.
    pub started: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// The address that was connected to, if it came so far.
    pub address: Option<SocketAddr>,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: Outcome,
    /// More about it, for people.
    pub detail: String,
    /// The beginning of the answer's body, secrets masked, at most [`ANSWER_CHARACTERS_MAX`] of it.
    #[serde(default)]
    pub answer: Option<String>,
    /// The version of TLS, if there was an answer over it.
    #[serde(default)]
    pub tls: Option<TlsVersion>,
}

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It arrived.
    Done,
    /// Another attempt, then.
    Again(Timestamp),
    /// Nothing more: dead letter.
    Never,
}

impl State {
    /// When it is to be tried, if it still is.
    pub fn due(&self) -> Option<Timestamp> {
        match self {
            Self::Due { at } | Self::Retrying { at } => Some(*at),
            Self::Delivered { .. } | Self::Dead { .. } => None,
        }
    }
}

impl Delivery {
    /// Takes the delivery in hand for one attempt, unless it has ended.
    pub fn begin(self) -> Option<InFlight> {
        self.state.due().map(|_| InFlight(self))
    }

    /// The delivery, bound for another URL from now on (domain.md 10, rule 5).
    #[must_use]
    pub fn bound_for(mut self, third_party: &str, url: &str) -> Self {
        self.third_party = third_party.to_owned();
        self.url = url.to_owned();
        self.endpoint = Endpoint::of(url);
        self.elsewhere = true;
        self
    }

    /// The delivery begun anew, with the same id and a fresh schedule.
    #[must_use]
    pub fn replayed(mut self, now: Timestamp) -> Self {
        self.state = State::Due { at: now };
        self.attempts_of_round = 0;
        self.replayed = Some(now);
        self
    }

    /// Since when it is on its way: since its commit, or since it was last replayed.
    pub fn under_way_since(&self) -> Timestamp {
        self.replayed.unwrap_or(self.created)
    }
}

/// A delivery with an attempt under way. It exists only in memory.
#[derive(Debug)]
pub struct InFlight(Delivery);

impl InFlight {
    /// The delivery.
    pub fn delivery(&self) -> &Delivery {
        &self.0
    }

    /// The number of the attempt under way, from 1.
    pub fn attempt_number(&self) -> u32 {
        self.0.attempts_made.saturating_add(1)
    }

    /// Attempts of this round, the one under way included.
    pub fn attempts_of_round(&self) -> u32 {
        self.0.attempts_of_round.saturating_add(1)
    }

    /// The delivery after its attempt.
    pub fn end(self, attempt: Attempt, next: Next, now: Timestamp) -> Delivery {
        let Self(mut delivery) = self;
        delivery.attempts_made = delivery.attempts_made.saturating_add(1);
        delivery.attempts_of_round = delivery.attempts_of_round.saturating_add(1);
        delivery.state = match next {
            Next::Done => State::Delivered { at: now, read: attempt.outcome != Outcome::Unread },
            Next::Again(at) => State::Retrying { at },
            Next::Never => State::Dead { at: now },
        };
        let over = (delivery.attempts.len() + 1).saturating_sub(ATTEMPTS_KEPT_MAX);
        delivery.attempts.drain(..over.min(delivery.attempts.len()));
        delivery.attempts.push(attempt);
        delivery
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::progress::Progress;
    use crate::callbacks::{Callback, Entry};
    use crate::entropy::SeededEntropy;

    fn attempt(number: u32, outcome: Outcome) -> Attempt {
        let started = Timestamp::from_seconds(1);
        Attempt {
            number,
            started,
            milliseconds: 3,
            address: None,
            status: None,
            outcome,
            detail: String::new(),
            answer: None,
            tls: None,
        }
    }

    fn delivery() -> Delivery {
        let (kind, owner, third_party) = (Kind::Result, "600000".into(), "acme".into());
        let callback = Callback { kind, owner, third_party, url: "https://pay.example.com/".into(), payload: vec![] };
        let (id, created) = (DeliveryId::draw(&SeededEntropy::new(1)), Timestamp::from_seconds(1));
        let entry = Entry { delivery: id.clone(), created, callback };
        Progress::begun("600000", created).delivery(id, 1, &entry)
    }

    #[test]
    fn ids_are_long_and_differ() {
        let entropy = SeededEntropy::new(3);
        let (a, b) = (DeliveryId::draw(&entropy), DeliveryId::draw(&entropy));
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 30);
        assert!(a.as_str().starts_with("msg_"));
    }

    #[test]
    fn a_delivery_that_ended_cannot_be_begun() {
        let now = Timestamp::from_seconds(9);
        for (next, outcome) in [(Next::Done, Outcome::Acknowledged), (Next::Never, Outcome::Gone)] {
            let ended = delivery().begin().unwrap().end(attempt(1, outcome), next, now);
            assert!(ended.begin().is_none());
        }
        let retrying = delivery().begin().unwrap().end(attempt(1, Outcome::TimedOut), Next::Again(now), now);
        assert_eq!(retrying.begin().unwrap().attempt_number(), 2);
    }

    #[test]
    fn d6_only_the_newest_attempts_are_kept() {
        let now = Timestamp::from_seconds(9);
        let mut delivery = delivery();
        for number in 1..=40 {
            delivery = delivery.begin().unwrap().end(attempt(number, Outcome::TimedOut), Next::Again(now), now);
        }
        assert_eq!(delivery.attempts.len(), ATTEMPTS_KEPT_MAX);
        assert_eq!((delivery.attempts_made, delivery.attempts.last().map(|last| last.number)), (40, Some(40)));
    }
}
