//! The outbox: what is to be delivered, in the store, written by the same commit as what it reports
//! (D1). It is four kinds of records:
//!
//! * `callback/<owner>/<number>`: the callback itself, in its owner's gapless log (D8). Never changes.
//! * `delivery/<id>`: how far its delivery is, the one truth about it; what its callback says is not repeated.
//! * `outbox/<endpoint>/<due>/<id>`: there exactly while the delivery is pending, so that the next
//!   ones due for an endpoint are read in one range, however many wait behind them (D6).
//! * `dead/<owner>/<number>/<id>`: there exactly while the delivery is a dead letter, so that what
//!   needs an operator is found without a search.

use crate::clock::Timestamp;
use crate::store::{self, Change, CommitError, Key, KeyRange, Part, Read, ReadError, WriteSet, decode, encode};

use super::callback::{Callback, Entry};
use super::delivery::{Delivery, DeliveryId, State};
use super::endpoint::Endpoint;
use super::progress::Progress;

/// Callbacks of one owner that one write set may hold: how far back a delivery looks for its number.
pub const CALLBACKS_PER_WRITE_SET_MAX: u64 = 64;

/// A pending delivery: what the dispatcher must know to take it up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    /// When it is due.
    pub due: Timestamp,
    /// Its id.
    pub id: DeliveryId,
    /// Where it waits.
    pub endpoint: Endpoint,
}

/// A delivery as it was read, with what it delivers.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// How far it is.
    pub delivery: Delivery,
    /// The version of that record.
    pub version: u64,
    /// What is delivered.
    pub entry: Entry,
    /// The counters that were captured with it.
    pub captured: Vec<i64>,
}

impl Loaded {
    /// Where it was when it was read.
    pub(super) fn place(&self) -> Place {
        Place::of(&self.delivery, self.version)
    }
}

/// Puts a callback into the write set of what it reports. After the commit, tell the dispatcher with
/// [`Callbacks::wake`](super::Callbacks::wake); a node that stops in between finds it when it starts.
pub fn enqueue(
    write_set: &mut WriteSet,
    callback: Callback,
    id: DeliveryId,
    now: Timestamp,
    capture: Vec<Key>,
) -> Queued {
    let queued = Queued { due: now, id: id.clone(), endpoint: Endpoint::of(&callback.url) };
    let log = log_key(&callback.owner);
    let progress = Progress::begun(&callback.owner, now);
    write_set.put_capturing(delivery_key(&id), progress.encoded(), vec![log.clone()]);
    write_set.put(pointer_key(&queued), Vec::new());
    write_set.append(log, encode(&Entry { delivery: id, created: now, callback }), capture);
    queued
}

/// The delivery with this id, and what it delivers.
pub fn load(facts: &dyn Read, id: &DeliveryId) -> Result<Option<Loaded>, ReadError> {
    let Some(record) = facts.record(&delivery_key(id))? else { return Ok(None) };
    let progress: Progress<'_> = decode(&record)?;
    let newest = match progress.number {
        0 => record.captured.first().and_then(|&number| u64::try_from(number).ok()).unwrap_or(0),
        number => number,
    };
    let (number, entry, captured) = find_entry(facts, id, &progress.owner, newest)?;
    let delivery = progress.delivery(id.clone(), number, &entry);
    Ok(Some(Loaded { delivery, version: record.version, entry, captured }))
}

/// The delivery's entry in its owner's log. Callbacks of one owner in one write set all capture the
/// same newest number, so the entry is the nearest one at or before it that carries the id.
fn find_entry(
    facts: &dyn Read,
    id: &DeliveryId,
    owner: &str,
    newest: u64,
) -> Result<(u64, Entry, Vec<i64>), ReadError> {
    for number in (1..=newest).rev().take(CALLBACKS_PER_WRITE_SET_MAX as usize) {
        let Some(record) = facts.record(&log_key(owner).number(number))? else { continue };
        let entry: Entry = decode(&record)?;
        if entry.delivery == *id {
            return Ok((number, entry, record.captured));
        }
    }
    Err(ReadError(format!("delivery {id} has no callback in the log of {owner}")))
}

/// Where a delivery was when it was read: what the commit that follows rests on and takes away.
#[derive(Debug)]
pub(super) struct Place {
    version: u64,
    pointer: Option<Key>,
    dead: Option<Key>,
}

impl Place {
    /// Of a delivery as it was read, of this `version`.
    pub(super) fn of(delivery: &Delivery, version: u64) -> Self {
        let dead = matches!(delivery.state, State::Dead { .. }).then(|| dead_key(delivery));
        Self { version, pointer: queued(delivery).map(|was| pointer_key(&was)), dead }
    }

    /// The commit that brings the delivery from here to how it is `after`, and its next place in the
    /// queue, if it has one.
    pub(super) fn settle(&self, after: &Delivery) -> (WriteSet, Option<Queued>) {
        let mut write_set = WriteSet::new();
        write_set.expect_version(delivery_key(&after.id), self.version);
        write_set.changes.extend(self.pointer.clone().map(|key| Change::Delete { key }));
        let next = queued(after);
        if let Some(next) = &next {
            write_set.put(pointer_key(next), Vec::new());
        }
        match (&self.dead, after.state) {
            (Some(_), State::Dead { .. }) => {}
            (Some(dead), _) => write_set.delete(dead.clone()),
            (None, State::Dead { .. }) => write_set.put(dead_key(after), Vec::new()),
            (None, _) => {}
        }
        write_set.put(delivery_key(&after.id), Progress::of(after).encoded());
        (write_set, next)
    }
}

/// Why a delivery cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no such delivery.
    #[error("there is no callback {0}")]
    Unknown(DeliveryId),
    /// It is still on its way.
    #[error("callback {0} is still pending")]
    Pending(DeliveryId),
    /// The store did not read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store did not write.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// What sends a delivered or dead callback once more, with the same id.
pub fn replay(facts: &dyn Read, id: &DeliveryId, now: Timestamp) -> Result<(WriteSet, Queued), ReplayError> {
    let loaded = load(facts, id)?.ok_or_else(|| ReplayError::Unknown(id.clone()))?;
    let (state, place) = (loaded.delivery.state, loaded.place());
    match (state, place.settle(&loaded.delivery.replayed(now))) {
        (State::Delivered { .. } | State::Dead { .. }, (write_set, Some(queued))) => Ok((write_set, queued)),
        _ => Err(ReplayError::Pending(id.clone())),
    }
}

/// At most `limit` pending deliveries of an endpoint after `last`, the earliest due first.
pub(super) fn pending(
    facts: &dyn Read,
    endpoint: &Endpoint,
    last: Option<&Queued>,
    limit: usize,
) -> Result<Vec<Queued>, ReadError> {
    let of = endpoint_key(endpoint);
    let all = of.subtree();
    let rows = facts.range(&last.map_or(all.clone(), |last| all.after(&pointer_key(last))), limit)?;
    Ok(rows.iter().filter_map(|(key, _)| queued_at(endpoint, key.as_bytes().strip_prefix(of.as_bytes())?)).collect())
}

/// The endpoints that have a delivery due by `until`, each looked for when it is asked for: there may be many.
pub(super) fn endpoints(facts: &dyn Read, until: Timestamp) -> impl Iterator<Item = Result<Endpoint, ReadError>> {
    let (mut rest, until) = (Key::of(OUTBOX).subtree(), place_of(until));
    let mut next = move || -> Result<Option<Endpoint>, ReadError> {
        while let Some((key, _)) = facts.range(&rest, 1)?.first() {
            let mut parts = key.parts().into_iter().skip(1);
            let (Some(Part::Text(endpoint)), Some(Part::Number(due))) = (parts.next(), parts.next()) else {
                rest = rest.after(key);
                continue;
            };
            let endpoint = Endpoint::from_text(endpoint);
            // On to the first key after everything of this endpoint.
            rest.from = endpoint_key(&endpoint).subtree().to;
            if due <= until {
                return Ok(Some(endpoint));
            }
        }
        Ok(None)
    };
    std::iter::from_fn(move || next().transpose())
}

/// An owner's callbacks from number `from` on, at most `limit`.
pub fn log(facts: &dyn Read, owner: &str, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>, ReadError> {
    let log = log_key(owner);
    let range = KeyRange { from: log.clone().number(from), to: log.subtree().to };
    let mut entries = Vec::new();
    for (key, record) in facts.range(&range, limit)? {
        if let Some(Part::Number(number)) = key.parts().last() {
            entries.push((*number, store::decode(&record)?));
        }
    }
    Ok(entries)
}

fn queued(delivery: &Delivery) -> Option<Queued> {
    let due = delivery.state.due()?;
    Some(Queued { due, id: delivery.id.clone(), endpoint: delivery.endpoint.clone() })
}

/// What a pointer says after its endpoint.
fn queued_at(endpoint: &Endpoint, rest: &[u8]) -> Option<Queued> {
    match <[Part; 2]>::try_from(Key::from_bytes(rest).parts()).ok()? {
        [Part::Number(due), Part::Text(id)] => Some(Queued {
            due: Timestamp::from_micros(i64::try_from(due).ok()?),
            id: DeliveryId::from_text(id),
            endpoint: endpoint.clone(),
        }),
        _ => None,
    }
}

/// The owner's log of callbacks.
pub fn log_key(owner: &str) -> Key {
    Key::of(CALLBACKS).text(owner)
}

/// The record of a delivery.
pub fn delivery_key(id: &DeliveryId) -> Key {
    Key::of(DELIVERIES).text(id.as_str())
}

fn dead_key(delivery: &Delivery) -> Key {
    Key::of(DEAD).text(&delivery.owner).number(delivery.number).text(delivery.id.as_str())
}

fn pointer_key(queued: &Queued) -> Key {
    endpoint_key(&queued.endpoint).number(place_of(queued.due)).text(queued.id.as_str())
}

/// What stands for a time in a pointer.
fn place_of(due: Timestamp) -> u64 {
    u64::try_from(due.micros()).unwrap_or(0)
}

fn endpoint_key(endpoint: &Endpoint) -> Key {
    Key::of(OUTBOX).text(endpoint.as_str())
}

pub(super) const CALLBACKS: &str = "callback";
pub(super) const OUTBOX: &str = "outbox";
pub(super) const DEAD: &str = "dead";
const DELIVERIES: &str = "delivery";
