//! Accepted requests to the core, and what it decides into one commit with the request's new state
//! and the callback that reports it (design.md 2, steps 9 to 11).

use std::sync::Arc;
use std::time::Duration;

use super::Broker;
use super::accepted::{Accepted, AcceptedState, Standing, accepted_key, waiting_key, waiting_range};
use super::retry::{Next, Tries, Undecided};
use super::waiting::Place;
use super::wire::{ResultNews, TimeoutNews};
use crate::callbacks::{Callback, Kind, Queued, enqueue};
use crate::clock::Timestamp;
use crate::core::{ConversationId, Credential, Decision, Receipt, Report, ResultCode};
use crate::store::{Key, Part, ReadError, WriteSet, decode, encode};

/// Marks read at a time when waiting requests are taken up.
const PAGE: usize = 1000;
/// The first and the longest pause before a request that could not be decided is tried again.
const AGAIN_MIN: Duration = Duration::from_millis(100);
const AGAIN_MAX: Duration = Duration::from_secs(10);

impl Broker {
    /// Dispatches a request that waits, given as it stands if that was just written. It has its place among
    /// the waiting until it is decided.
    pub(super) async fn dispatch(
        self: Arc<Self>,
        conversation: ConversationId,
        mut standing: Option<Standing>,
        place: Place,
    ) {
        let mut pause = AGAIN_MIN;
        while let Err(error) = self.decide(&conversation, standing.take()).await {
            tracing::error!(conversation = conversation.as_str(), %error, "an accepted request could not be decided");
            if error.is_for_good() {
                // The request stays in the durable queue; the next start takes it up again.
                break;
            }
            // It was answered with 0, so it is decided or expires; it keeps its place meanwhile.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN_MAX);
        }
        drop(place);
    }

    /// Dispatches everything that an earlier run accepted and did not decide.
    pub(super) fn resume_requests(self: &Arc<Self>) -> Result<usize, ReadError> {
        let mut range = waiting_range();
        let mut resumed = 0;
        loop {
            let page = self.parts.store.range(&range, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(resumed) };
            range = range.after(last);
            for (key, _) in page {
                let Some(conversation) = conversation_of(&key.parts()) else { continue };
                resumed += 1;
                tokio::spawn(Arc::clone(self).dispatch(conversation, None, self.waiting.place_again()));
            }
        }
    }

    async fn decide(&self, conversation: &ConversationId, mut known: Option<Standing>) -> Result<(), Undecided> {
        let mut tries = Tries::default();
        let mut declined = None;
        loop {
            let standing = known.take().map_or_else(|| self.waiting_request(conversation), |known| Ok(Some(known)))?;
            let Some(Standing { accepted, version }) = standing else { return Ok(()) };
            let now = self.parts.clock.now();
            let mut verdict = if now > accepted.expires {
                Verdict::expired(accepted, self.parts.core.at(now).no_receipt(now))
            } else if self.is_away() {
                self.core_back(accepted.expires.since(now).max(AGAIN_MIN)).await;
                continue;
            } else {
                let decision = match declined.take() {
                    Some(decision) => decision,
                    None => self.execute(&accepted, now)?,
                };
                Verdict::decided(accepted, decision)
            };
            let (write_set, queued) = verdict.write_set(version, now);
            let error = match self.commit(write_set).await {
                Ok(_) => {
                    self.announce(&verdict, queued);
                    return Ok(());
                }
                Err(error) => error,
            };
            match tries.after(error).await? {
                Next::Again => {}
                Next::Bound(error) => {
                    let decision = verdict.decision.as_ref();
                    declined = decision.and_then(|decision| self.core().bounded(decision, &error));
                }
            }
        }
    }

    fn execute(&self, accepted: &Accepted, now: Timestamp) -> Result<Decision, ReadError> {
        let credential = match &accepted.credential_refused {
            None => Credential::Verified,
            Some(reason) => Credential::Refused(reason.clone()),
        };
        self.parts.core.at(now).execute(&*self.parts.store, &accepted.order, credential, now, self.draw())
    }

    /// Tells of a verdict that is committed.
    pub(super) fn announce(&self, verdict: &Verdict, queued: Option<Queued>) {
        self.parts.metrics.answer(&verdict.code);
        verdict.log();
        match queued {
            Some(queued) => self.parts.callbacks.wake(queued),
            None => self.parts.callbacks.release(&verdict.accepted.delivery),
        }
    }

    fn waiting_request(&self, conversation: &ConversationId) -> Result<Option<Standing>, ReadError> {
        let Some(record) = self.parts.store.record(&accepted_key(conversation))? else { return Ok(None) };
        let accepted: Accepted = decode(&record)?;
        let standing = Standing { accepted, version: record.version };
        Ok((standing.accepted.state == AcceptedState::Waiting).then_some(standing))
    }
}

/// What becomes of a waiting request, before it is committed.
pub(super) struct Verdict {
    accepted: Accepted,
    /// None if the request expired before the core saw it.
    pub(super) decision: Option<Decision>,
    code: String,
    reason: String,
    news: Option<News>,
}

/// The callback that reports it.
struct News {
    kind: Kind,
    owner: String,
    url: String,
    payload: Vec<u8>,
    captures: Vec<Key>,
}

impl Verdict {
    /// The core has decided: its changes, and the result.
    pub(super) fn decided(mut accepted: Accepted, decision: Decision) -> Self {
        let report = &decision.report;
        let (code, reason) = (report.code.to_string(), decision.private.clone());
        if report.code == ResultCode::AwaitingApproval {
            // There is no result yet, and the request can no longer expire on its way to the core.
            accepted.state = AcceptedState::AwaitingApproval;
            accepted.original = None;
            return Self { accepted, decision: Some(decision), code, reason, news: None };
        }
        accepted.state =
            AcceptedState::Decided { code: code.clone(), receipt: report.receipt.to_string(), reason: reason.clone() };
        accepted.original = None;
        let news = accepted.result_url.clone().map(|url| News {
            kind: Kind::Result,
            owner: owner(&accepted),
            url,
            payload: ResultNews::of(&accepted.order, report.clone(), owners(&accepted)).to_bytes(),
            captures: decision.captures.clone(),
        });
        Self { accepted, decision: Some(decision), code, reason, news }
    }

    /// It waited too long: cancelled, and its sender told in the same commit (D4).
    fn expired(mut accepted: Accepted, receipt: Receipt) -> Self {
        let news = Self::notice(&mut accepted).or_else(|| Self::late_result(&accepted, receipt));
        accepted.original = None;
        accepted.state = AcceptedState::Expired;
        let reason = "it waited for the core until it expired".to_owned();
        Self { accepted, decision: None, code: ResultCode::Expired.to_string(), reason, news }
    }

    /// The notice to the sender's QueueTimeoutURL, if it has one.
    fn notice(accepted: &mut Accepted) -> Option<News> {
        let url = accepted.timeout_url.clone()?;
        let payload = TimeoutNews {
            originator_conversation: accepted.order.originator_conversation.clone(),
            original: accepted.original.take(),
            conversation: accepted.order.conversation.as_str().to_owned(),
        };
        Some(News {
            kind: Kind::Timeout,
            owner: owner(accepted),
            url,
            payload: payload.to_bytes(),
            captures: Vec::new(),
        })
    }

    /// For a sender that has no QueueTimeoutURL: a result that says the same.
    fn late_result(accepted: &Accepted, receipt: Receipt) -> Option<News> {
        let report = Report::new(ResultCode::Expired, receipt);
        Some(News {
            kind: Kind::Result,
            owner: owner(accepted),
            url: accepted.result_url.clone()?,
            payload: ResultNews::of(&accepted.order, report, owners(accepted)).to_bytes(),
            captures: Vec::new(),
        })
    }

    /// Everything in one write set: the changes of the core, the request's end, the callback.
    pub(super) fn write_set(&mut self, version: u64, now: Timestamp) -> (WriteSet, Option<Queued>) {
        let conversation = &self.accepted.order.conversation;
        let decision = self.decision.as_mut();
        let mut write_set = decision.map(|decision| std::mem::take(&mut decision.write_set)).unwrap_or_default();
        write_set.expect_version(accepted_key(conversation), version);
        write_set.put(accepted_key(conversation), encode(&self.accepted));
        write_set.delete(waiting_key(conversation));
        let queued = self.news.as_ref().map(|news| {
            let callback = Callback {
                kind: news.kind,
                owner: news.owner.clone(),
                third_party: self.accepted.order.third_party.clone(),
                url: news.url.clone(),
                payload: news.payload.clone(),
            };
            enqueue(&mut write_set, callback, self.accepted.delivery.clone(), now, news.captures.clone())
        });
        (write_set, queued)
    }

    fn log(&self) {
        let order = &self.accepted.order;
        tracing::info!(
            conversation = order.conversation.as_str(),
            third_party = order.third_party,
            command = order.command,
            code = self.code,
            reason = self.reason,
            "request decided"
        );
        if self.news.is_none() && self.accepted.state != AcceptedState::AwaitingApproval {
            tracing::warn!(conversation = order.conversation.as_str(), "nobody is told: there is no URL for it");
        }
    }
}

/// Whose log of callbacks a result goes into: the organization's only if its operator proved to be
/// the initiator (S1), the third party's own otherwise.
fn owner(accepted: &Accepted) -> String {
    match &accepted.organization {
        Some(organization) => organization.as_str().to_owned(),
        None => party_log(&accepted.order.third_party),
    }
}

/// Whose style a result is sent in: the organization's if it has one, else the third party's, whose
/// server it is.
fn owners(accepted: &Accepted) -> Vec<String> {
    let organization = accepted.organization.iter().map(|organization| organization.as_str().to_owned());
    organization.chain([party_log(&accepted.order.third_party)]).collect()
}

/// A third party's own log; no shortcode looks like it.
pub(super) fn party_log(third_party: &str) -> String {
    format!("party/{third_party}")
}

/// The conversation of a waiting mark's key.
fn conversation_of(parts: &[Part]) -> Option<ConversationId> {
    match parts {
        [_, Part::Text(conversation)] => ConversationId::parse(conversation).ok(),
        _ => None,
    }
}
