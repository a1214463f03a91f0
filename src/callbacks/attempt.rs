//! One attempt: read what is due, make the body, post it, judge the answer, and write down what
//! came of it in one commit. The next attempt of the same delivery can only follow from that commit,
//! so there is never more than one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::{debug, error, warn};

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::store::{CommitError, Store, WriteSet};
use crate::telemetry::metrics::Metrics;

use super::breaker::Pass;
use super::delivery::{
    ANSWER_CHARACTERS_MAX, Attempt, DETAIL_CHARACTERS_MAX, Delivery, Entry, InFlight, Kind, Next, Outcome, State,
};
use super::lane::Slot;
use super::outbox::{self, Loaded, Place, Queued};
use super::schedule::{Schedule, retry_after};
use super::signing::{Signers, SigningError};
use super::transport::{Answer, Call, Pool, SendError, Transport, insert, soap_headers};
use super::verdict::{Condition, Course, condition, course, judge};
use super::wire::{Exchange, Wire};
use super::{urls, verdict::Verdict};

/// How long a delivery rests that could not be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(30);

/// The first and the longest pause before a commit is tried again.
const COMMIT_PAUSE_MIN: Duration = Duration::from_millis(20);
const COMMIT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Who carries deliveries to their endpoints.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) store: Arc<dyn Store>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) wire: Arc<dyn Wire>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) schedule: Schedule,
    pub(super) answer_deadline: Duration,
    pub(super) signers: Signers,
    pub(super) counts: Counts,
    pub(super) metrics: Arc<Metrics>,
    /// Outcomes that the store did not take at the first try, and that wait for it.
    pub(super) unwritten: AtomicUsize,
}

/// What has been carried since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) delivered: AtomicU64,
    pub(super) unread: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) dead: AtomicU64,
}

/// Where a delivery is after it was taken up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// Nothing more is to be done about it.
    Ended,
    /// It waits, in this endpoint's queue or another's.
    Waits(Queued),
    /// What came of the attempt could not be written down before the node stopped; when it starts
    /// again, the delivery is due.
    Unsettled,
}

/// What came of writing an attempt down.
enum Settled {
    /// It is durable; where the delivery waits now, if it does.
    Written(Option<Queued>),
    /// Somebody else had changed the delivery.
    Changed(Queued),
    /// The node stops, and the store has not taken it.
    Unwritten,
}

impl From<Settled> for Landing {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Written(None) => Self::Ended,
            Settled::Written(Some(queued)) | Settled::Changed(queued) => Self::Waits(queued),
            Settled::Unwritten => Self::Unsettled,
        }
    }
}

/// An outcome that waits for the store, as long as this lives.
struct Unwritten<'a>(&'a AtomicUsize);

impl<'a> Unwritten<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What went over the wire in an attempt.
struct Sent {
    headers: HeaderMap,
    body: Bytes,
    started: Timestamp,
    ended: Timestamp,
    answer: Result<Answer, SendError>,
}

impl Courier {
    /// Makes the attempt that is due. `pass` and `slot` are the endpoint's leave to be called; the
    /// slot is given back as soon as there is an answer.
    pub(super) async fn carry(&self, queued: &Queued, pass: Pass, slot: Slot, stop: &watch::Sender<bool>) -> Landing {
        let loaded = match outbox::load(&*self.store, &queued.id) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Landing::Ended,
            Err(error) => {
                error!(delivery = %queued.id, %error, "a delivery could not be read");
                let due = self.clock.now().plus(UNREADABLE_PAUSE);
                return Landing::Waits(Queued { due, ..queued.clone() });
            }
        };
        match loaded.delivery.state.due() {
            None => return Landing::Ended,
            // The queue's entry was older than the delivery's state.
            Some(due) if due > self.clock.now() => return Landing::Waits(Queued { due, ..queued.clone() }),
            Some(_) => {}
        }
        let place = loaded.place();
        let Loaded { delivery, entry, captured, .. } = loaded;
        let (made_before, target) = (delivery.attempts_made, self.target(delivery));
        let (after, sent) = if target.endpoint == queued.endpoint {
            let Some(in_flight) = target.begin() else { return Landing::Ended };
            self.attempt(in_flight, &entry, &captured, pass, &slot).await
        } else {
            (target, None)
        };
        drop(slot);
        let landing = self.settle(&place, &after, &entry, sent.as_ref(), stop).await;
        if matches!(landing, Settled::Written(_)) && after.attempts_made > made_before {
            self.count(&after);
        }
        landing.into()
    }

    /// Whether the store is not taking what must be written down. What cannot be recorded is not sent.
    pub(super) fn store_is_in_trouble(&self) -> bool {
        self.unwritten.load(Ordering::Relaxed) > 0
    }

    /// The delivery, bound for where its kind of news goes now: confirmations follow the URL that is
    /// registered, so a corrected registration also mends what is still undelivered; while none is
    /// registered they are bound for nowhere, which is no place that may be called.
    fn target(&self, delivery: Delivery) -> Delivery {
        if delivery.kind != Kind::Confirmation {
            return delivery;
        }
        match urls::registration(&*self.store, &delivery.owner) {
            Ok(Some(now)) if now.confirmation_url != delivery.url => {
                delivery.bound_for(&now.third_party, &now.confirmation_url)
            }
            Ok(Some(_)) => delivery,
            Ok(None) => {
                let third_party = delivery.third_party.clone();
                delivery.bound_for(&third_party, "")
            }
            Err(error) => {
                warn!(delivery = %delivery.id, %error, "a registration could not be read; the callback goes to its old URL");
                delivery
            }
        }
    }

    /// Posts, and gives the delivery as it is afterwards, with what went over the wire, if anything did.
    async fn attempt(
        &self,
        in_flight: InFlight,
        entry: &Entry,
        captured: &[i64],
        pass: Pass,
        slot: &Slot,
    ) -> (Delivery, Option<Sent>) {
        let (started, clock_before) = (self.clock.now(), Instant::now());
        let (verdict, sent) = match self.message(&in_flight, entry, captured) {
            Ok((headers, body)) => self.post(&in_flight, headers, body).await,
            Err(verdict) => (verdict, None),
        };
        let condition = condition(verdict.outcome);
        slot.heard(condition);
        match condition {
            Condition::Well => pass.succeeded(),
            Condition::Sick => pass.failed(Instant::now()),
            Condition::Unknown => drop(pass),
        }
        let answer = sent.as_ref().and_then(|sent| sent.answer.as_ref().ok());
        let attempt = Attempt {
            number: in_flight.attempt_number(),
            started,
            milliseconds: u64::try_from(clock_before.elapsed().as_millis()).unwrap_or(u64::MAX),
            address: answer.and_then(|answer| answer.address),
            status: answer.map(|answer| answer.status),
            outcome: verdict.outcome,
            detail: beginning(verdict.detail, DETAIL_CHARACTERS_MAX),
            answer: answer.and_then(|answer| self.excerpt(&answer.body)),
        };
        let next = self.next(&in_flight, verdict.outcome, answer);
        (in_flight.end(attempt, next, self.clock.now()), sent)
    }

    /// What is kept of an answer's body, if it has one.
    fn excerpt(&self, body: &[u8]) -> Option<String> {
        // No more is masked than can be kept, as no character has more than four bytes.
        let first = body.get(..ANSWER_CHARACTERS_MAX * 4).unwrap_or(body);
        (!first.is_empty()).then(|| beginning(self.wire.excerpt(first), ANSWER_CHARACTERS_MAX))
    }

    /// What is to be sent.
    fn message(&self, in_flight: &InFlight, entry: &Entry, captured: &[i64]) -> Result<(HeaderMap, Bytes), Verdict> {
        let delivery = in_flight.delivery();
        let body = self
            .wire
            .render(delivery.kind, &entry.callback.payload, captured)
            .map_err(|detail| Verdict { outcome: Outcome::Unrenderable, detail })?;
        let headers = self.headers(in_flight, &body).map_err(|error| {
            error!(delivery = %delivery.id, %error, "a callback could not be signed");
            Verdict { outcome: Outcome::Unsignable, detail: error.to_string() }
        })?;
        Ok((headers, body.into()))
    }

    async fn post(&self, in_flight: &InFlight, headers: HeaderMap, body: Bytes) -> (Verdict, Option<Sent>) {
        let delivery = in_flight.delivery();
        let call = Call {
            third_party: delivery.third_party.clone(),
            url: delivery.url.clone(),
            pool: Pool::Deliveries,
            headers: headers.clone(),
            body: body.clone(),
            deadline: self.answer_deadline,
        };
        let started = self.clock.now();
        // The transport keeps the deadline; this one is for a transport that does not.
        let answer = match timeout(self.answer_deadline + Duration::from_secs(1), self.transport.post(call)).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::new(Outcome::TimedOut, "no answer in time")),
        };
        let verdict = judge(&answer, &delivery.third_party, delivery.kind, &*self.wire);
        (verdict, Some(Sent { headers, body, started, ended: self.clock.now(), answer }))
    }

    /// What is to be written down of the messages of a delivery's last attempt.
    fn legs(&self, after: &Delivery, entry: &Entry, sent: &Sent) -> WriteSet {
        let mut legs = WriteSet::new();
        let exchange = Exchange {
            kind: after.kind,
            payload: &entry.callback.payload,
            attempt: after.attempts_made,
            url: &after.url,
            headers: &sent.headers,
            body: &sent.body,
            started: sent.started,
            ended: sent.ended,
            answer: sent.answer.as_ref().map_err(|error| error.detail.as_str()),
        };
        self.wire.trace(&mut legs, &exchange);
        legs
    }

    fn headers(&self, in_flight: &InFlight, body: &[u8]) -> Result<HeaderMap, SigningError> {
        let (delivery, now) = (in_flight.delivery(), self.clock.now());
        let mut headers = soap_headers(self.wire.soap_action(delivery.kind));
        insert(&mut headers, "webhook-id", delivery.id.to_string());
        headers.insert("webhook-timestamp", now.seconds().into());
        let signature = self.signers.sign(&*self.store, &delivery.third_party, delivery.id.as_str(), now, body)?;
        if let Some(signature) = signature {
            insert(&mut headers, "webhook-signature", signature);
        }
        headers.insert("lango-attempt", in_flight.attempt_number().into());
        headers.insert("lango-number", delivery.number.into());
        Ok(headers)
    }

    fn next(&self, in_flight: &InFlight, outcome: Outcome, answer: Option<&Answer>) -> Next {
        match course(outcome) {
            Course::Delivered => return Next::Done,
            Course::Stop => return Next::Never,
            Course::Again => {}
        }
        let now = self.clock.now();
        let asked = answer.and_then(|answer| answer.retry_after.as_deref()).and_then(|header| retry_after(header, now));
        let pause = self.schedule.pause_asked(in_flight.attempts_of_round(), self.entropy.u64(), asked);
        let again = pause.map(|pause| now.plus(pause));
        match again.filter(|again| self.schedule.still_tries(in_flight.delivery().under_way_since(), *again)) {
            Some(again) => Next::Again(again),
            None => Next::Never,
        }
    }

    /// Writes the delivery down as it is now. While the store takes no commits this waits, and
    /// nothing more is sent ([`Courier::store_is_in_trouble`]).
    async fn settle(
        &self,
        before: &Place,
        after: &Delivery,
        entry: &Entry,
        sent: Option<&Sent>,
        stop: &watch::Sender<bool>,
    ) -> Settled {
        let mut pause = COMMIT_PAUSE_MIN;
        let (mut waiting, mut with_legs) = (None, true);
        loop {
            let (mut write_set, next) = before.settle(after);
            if let Some(sent) = sent.filter(|_| with_legs) {
                write_set.extend(self.legs(after, entry, sent));
            }
            match self.store.commit(write_set).await {
                Ok(_) => return Settled::Written(next),
                Err(CommitError::Expectation(_)) => {
                    // Somebody else decided about it meanwhile; the queue will show what.
                    warn!(delivery = %after.id, "a delivery was changed while it was in flight");
                    let (id, endpoint) = (after.id.clone(), after.endpoint.clone());
                    return Settled::Changed(Queued { due: self.clock.now(), id, endpoint });
                }
                // What went over the wire is worth less than that it did.
                Err(CommitError::TooLarge { .. }) if with_legs => {
                    warn!(delivery = %after.id, "the messages of an attempt are too large to be kept");
                    with_legs = false;
                    continue;
                }
                Err(error) => error!(delivery = %after.id, %error, "an attempt could not be written down"),
            }
            waiting.get_or_insert_with(|| Unwritten::one_more(&self.unwritten));
            let mut stopping = stop.subscribe();
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(COMMIT_PAUSE_MAX),
                _ = stopping.wait_for(|stop| *stop) => return Settled::Unwritten,
            }
        }
    }

    fn count(&self, after: &Delivery) {
        let Some(last) = after.attempts.last() else { return };
        let counter = match course(last.outcome) {
            Course::Delivered if last.outcome == Outcome::Unread => &self.counts.unread,
            Course::Delivered => &self.counts.delivered,
            Course::Again if after.state.due().is_some() => &self.counts.retried,
            Course::Again | Course::Stop => &self.counts.dead,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.metrics.callback(after.kind.name(), last.outcome.name());
        if condition(last.outcome) != Condition::Unknown {
            self.metrics.endpoint_called(after.endpoint.as_str(), last.outcome.name());
        }
        if matches!(after.state, State::Dead { .. }) {
            self.metrics.callback_dead(after.kind.name());
        }
        let (id, owner, number, attempt) = (&after.id, &after.owner, after.number, last.number);
        let (outcome, detail) = (last.outcome, &last.detail);
        match (course(outcome), after.state.due()) {
            (Course::Delivered, _) => debug!(delivery = %id, owner, number, attempt, ?outcome, "delivered"),
            (_, Some(_)) => debug!(delivery = %id, owner, number, attempt, ?outcome, detail, "to be tried again"),
            (_, None) => warn!(delivery = %id, owner, number, attempt, ?outcome, detail, "given up: dead letter"),
        }
    }
}

/// The first so many characters of a text.
fn beginning(mut text: String, characters_max: usize) -> String {
    // No character takes less than a byte.
    if text.len() > characters_max
        && let Some((end, _)) = text.char_indices().nth(characters_max)
    {
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_no_more_than_so_many_characters_are_kept() {
        for (text, kept) in [
            ("", ""),
            ("abc", "abc"),
            ("abcd", "abc"),
            ("\u{e4}\u{1f600}\u{e4}", "\u{e4}\u{1f600}\u{e4}"),
            ("a\u{e4}bc", "a\u{e4}b"),
        ] {
            assert_eq!(beginning(text.to_owned(), 3), kept, "{text}");
        }
    }
}
