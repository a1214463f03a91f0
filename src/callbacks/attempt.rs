//! One attempt: read what is due, make the body, post it, judge the answer, and have what came of it
//! [written down](super::records). The next attempt of the same delivery can only follow from that
//! commit, so there is never more than one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderName;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, error, warn};

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;

use super::breaker::Pass;
use super::callback::{Entry, Kind};
use super::delivery::{ANSWER_CHARACTERS_MAX, Attempt, DETAIL_CHARACTERS_MAX, Delivery, InFlight, Next, State};
use super::flight::{Flight, Landing};
use super::lane::Slot;
use super::outbox::{self, Loaded, Queued};
use super::outcome::Outcome;
use super::records::{Carried, Records, stopped};
use super::schedule::{Schedule, retry_after};
use super::shares::Shares;
use super::signers::Signers;
use super::signing::SigningError;
use super::transport::{Answer, Call, Pool, SendError, Transport, insert, soap_headers};
use super::verdict::{Condition, Course, condition, course, judge};
use super::wire::{Document, Wire};
use super::{urls, verdict::Verdict};

/// How long a delivery rests that could not be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(30);

/// What stands beside the body of a delivery.
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const LANGO_ATTEMPT: HeaderName = HeaderName::from_static("lango-attempt");
const LANGO_NUMBER: HeaderName = HeaderName::from_static("lango-number");

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
    /// Deliveries at a time.
    pub(super) shares: Shares,
    pub(super) signers: Signers,
    pub(super) counts: Counts,
    pub(super) metrics: Arc<Metrics>,
    /// What waits to be written down.
    pub(super) records: Records,
}

/// What has been carried since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) delivered: AtomicU64,
    pub(super) unread: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) dead: AtomicU64,
}

/// What went over the wire in an attempt.
#[derive(Debug)]
pub(super) struct Sent {
    /// What the message was about, for who traces it.
    pub(super) about: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) started: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) answer: Result<Answer, SendError>,
}

impl Courier {
    /// Makes the attempt that is due, and has what came of it written down. `pass` and `slot` are the
    /// endpoint's leave to be called; the slot is given back as soon as there is an answer.
    pub(super) async fn carry(&self, flight: Flight, pass: Pass, slot: Slot, stop: &watch::Sender<bool>) {
        match self.carried(flight.queued(), pass, slot, stop).await {
            Ok(outcome) => self.write_down(outcome, flight, stop).await,
            Err(landing) => flight.lands(landing),
        }
    }

    /// What came of the attempt, or where the delivery is if there was none to be made.
    async fn carried(
        &self,
        queued: &Queued,
        pass: Pass,
        slot: Slot,
        stop: &watch::Sender<bool>,
    ) -> Result<Carried, Landing> {
        let loaded = match outbox::load(&*self.store, &queued.id) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Err(Landing::Ended),
            Err(error) => {
                error!(delivery = %queued.id, %error, "a delivery could not be read");
                let due = self.clock.now().plus(UNREADABLE_PAUSE);
                return Err(Landing::Waits(Queued { due, ..queued.clone() }));
            }
        };
        match loaded.delivery.state.due() {
            None => return Err(Landing::Ended),
            // The queue's entry was older than the delivery's state.
            Some(due) if due > self.clock.now() => {
                return Err(Landing::Waits(Queued { due, ..queued.clone() }));
            }
            Some(_) => {}
        }
        let before = loaded.place();
        let Loaded { delivery, entry, captured, .. } = loaded;
        let target = self.target(delivery);
        if target.endpoint != queued.endpoint {
            return Ok(Carried { before, after: target, sent: None, attempted: false });
        }
        let share = tokio::select! {
            biased;
            share = self.shares.take(&target.third_party) => share,
            () = stopped(stop) => None,
        };
        let _share = share.ok_or_else(|| Landing::Waits(queued.clone()))?;
        let in_flight = target.begin().ok_or(Landing::Ended)?;
        let (after, sent) = self.attempt(in_flight, &entry, &captured, pass, &slot).await;
        Ok(Carried { before, after, sent, attempted: true })
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
            Ok(message) => self.post(&in_flight, message).await,
            Err(verdict) => (verdict, None),
        };
        let condition = condition(verdict.outcome);
        slot.heard(condition);
        pass.heard(condition);
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
            tls: answer.and_then(|answer| answer.tls),
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
    fn message(&self, in_flight: &InFlight, entry: &Entry, captured: &[i64]) -> Result<(HeaderMap, Document), Verdict> {
        let delivery = in_flight.delivery();
        let document = self
            .wire
            .render(delivery.kind, &entry.callback.payload, captured)
            .map_err(|detail| Verdict { outcome: Outcome::Unrenderable, detail })?;
        let headers = self.headers(in_flight, &document.body).map_err(|error| {
            error!(delivery = %delivery.id, %error, "a callback could not be signed");
            Verdict { outcome: Outcome::Unsignable, detail: error.to_string() }
        })?;
        Ok((headers, document))
    }

    async fn post(&self, in_flight: &InFlight, message: (HeaderMap, Document)) -> (Verdict, Option<Sent>) {
        let delivery = in_flight.delivery();
        let (headers, Document { body, about }) = message;
        let body = Bytes::from(body);
        let sent_headers = headers.clone();
        let call = Call {
            third_party: delivery.third_party.clone(),
            url: delivery.url.clone(),
            pool: Pool::Deliveries,
            headers,
            body: body.clone(),
            deadline: self.answer_deadline,
        };
        let started = self.clock.now();
        let answer = self.transport.post(call).await;
        let verdict = judge(&answer, &delivery.third_party, delivery.kind, &*self.wire);
        (verdict, Some(Sent { about, headers: sent_headers, body, started, ended: self.clock.now(), answer }))
    }

    fn headers(&self, in_flight: &InFlight, body: &[u8]) -> Result<HeaderMap, SigningError> {
        let (delivery, now) = (in_flight.delivery(), self.clock.now());
        let mut headers = soap_headers(self.wire.soap_action(delivery.kind));
        insert(&mut headers, WEBHOOK_ID, delivery.id.to_string());
        headers.insert(WEBHOOK_TIMESTAMP, now.seconds().into());
        let signature = self.signers.sign(&*self.store, &delivery.third_party, delivery.id.as_str(), now, body)?;
        if let Some(signature) = signature {
            insert(&mut headers, WEBHOOK_SIGNATURE, signature);
        }
        headers.insert(LANGO_ATTEMPT, in_flight.attempt_number().into());
        headers.insert(LANGO_NUMBER, delivery.number.into());
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

    /// Counts an attempt that is written down.
    pub(super) fn count(&self, after: &Delivery) {
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
    // No character takes less than a byte, and most take just one.
    if text.len() > characters_max {
        let end = match text.is_ascii() {
            true => Some(characters_max),
            false => text.char_indices().nth(characters_max).map(|(end, _)| end),
        };
        text.truncate(end.unwrap_or(text.len()));
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
