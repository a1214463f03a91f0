//! What happens again and again: written once, then counted, then written with its count. Whoever
//! knocks a thousand times a second gets two lines a minute, and the disk stays his who owns it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::chain::cut;
use crate::clock::Timestamp;

/// For how long the same is counted.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// Kinds of events told apart within a window; the rest of an event is one kind.
const KINDS_MAX: usize = 256;

/// What was written lately and is counted now.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<Kind, Counted>);

/// What is the same: the event, and the fields that make it so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub event: String,
    pub fields: Vec<(String, String)>,
}

#[derive(Debug)]
struct Counted {
    since: Timestamp,
    left_out: u64,
}

/// Something that happened again, and how often.
#[derive(Debug)]
pub(super) struct Repeated {
    pub kind: Kind,
    pub times: u64,
    pub since: Timestamp,
}

impl Kind {
    pub fn new(event: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), cut(value))).collect();
        Self { event: event.to_owned(), fields }
    }

    /// One kind for everything of an event that there is no room to tell apart.
    fn others(event: &str) -> Self {
        Self::new(event, &[("others", "of more kinds than are told apart")])
    }
}

impl Repeats {
    /// Notes an event. The kind as which it is to be written, unless it was written lately.
    pub fn note(&mut self, kind: Kind, now: Timestamp) -> Option<Kind> {
        if self.counts(&kind) {
            return None;
        }
        let kind = if self.0.len() < KINDS_MAX { kind } else { Kind::others(&kind.event) };
        if self.counts(&kind) {
            return None;
        }
        self.0.insert(kind.clone(), Counted { since: now, left_out: 0 });
        Some(kind)
    }

    fn counts(&mut self, kind: &Kind) -> bool {
        match self.0.get_mut(kind) {
            Some(counted) => {
                counted.left_out = counted.left_out.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// Ends the windows that are over, or all of them; what was counted in them is to be written.
    pub fn end(&mut self, now: Timestamp, all: bool) -> Vec<Repeated> {
        let over = |counted: &Counted| all || now < counted.since || now.since(counted.since) >= WINDOW;
        let ended = self.0.extract_if(.., |_, counted| over(counted));
        let told = ended.filter(|(_, counted)| counted.left_out > 0);
        told.map(|(kind, counted)| Repeated { kind, times: counted.left_out, since: counted.since }).collect()
    }
}
