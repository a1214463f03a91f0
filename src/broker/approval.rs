//! Requests that wait for the provider's approval: approved, refused or expired, each into one commit
//! with the request's end and its result (D1). The commit expects the request as it waited, so it ends
//! once.

use super::Broker;
use super::accepted::{Accepted, AcceptedState, accepted_key};
use super::dispatch::Verdict;
use super::retry::{Next, Tries, Undecided};
use crate::clock::Timestamp;
use crate::core::{ApprovalError, ConversationId, Core, Decision, OperatorId, PendingApproval, Report};
use crate::store::{ReadError, decode};

/// Approvals looked at in one go.
const PAGE: usize = 1000;

/// Why a request that waits for approval was not decided.
#[derive(Debug, thiserror::Error)]
pub enum NotDecided {
    /// The core says who may not, or that there is nothing to decide.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// The core is away, and nothing is executed.
    #[error("the core is away; approve it after `lango maintenance off`, or refuse it")]
    Away,
    /// The store failed.
    #[error("{0}")]
    Undecided(String),
}

impl From<Undecided> for NotDecided {
    fn from(error: Undecided) -> Self {
        Self::Undecided(error.to_string())
    }
}

impl From<ReadError> for NotDecided {
    fn from(error: ReadError) -> Self {
        Self::Approval(error.into())
    }
}

impl Broker {
    /// What waits for approval, after the conversation `after`.
    pub fn approvals(&self, after: Option<&ConversationId>) -> Result<Vec<PendingApproval>, ReadError> {
        self.core().approvals(&*self.parts.store, after, PAGE)
    }

    /// Executes what this operator of the provider approves, unless the core is away. What became of it.
    pub async fn approve(&self, conversation: &ConversationId, approver: OperatorId) -> Result<Report, NotDecided> {
        if self.is_away() {
            return Err(NotDecided::Away);
        }
        self.end_waiting(conversation, |core, now| {
            core.approve(&*self.parts.store, conversation, approver, now, self.draw())
        })
        .await
    }

    /// Ends what this operator of the provider refuses.
    pub async fn refuse_approval(
        &self,
        conversation: &ConversationId,
        checker: OperatorId,
        reason: &str,
    ) -> Result<Report, NotDecided> {
        self.end_waiting(conversation, |core, now| {
            core.refuse_approval(&*self.parts.store, conversation, checker, reason, now)
        })
        .await
    }

    /// Ends what nobody approved in time.
    pub(super) async fn expire_approvals(&self) -> Result<(), ReadError> {
        let mut after = None;
        loop {
            let page = self.approvals(after.as_ref())?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.order.conversation.clone());
            let now = self.parts.clock.now();
            for pending in page.iter().filter(|pending| pending.expires <= now) {
                let conversation = &pending.order.conversation;
                let expire = |core: &Core, now| core.expire_approval(&*self.parts.store, conversation, now);
                if let Err(error) = self.end_waiting(conversation, expire).await {
                    tracing::error!(conversation = conversation.as_str(), %error, "an overdue approval stays");
                }
            }
        }
    }

    async fn end_waiting(
        &self,
        conversation: &ConversationId,
        decide: impl Fn(&Core, Timestamp) -> Result<Decision, ApprovalError> + Send,
    ) -> Result<Report, NotDecided> {
        let mut tries = Tries::default();
        let mut declined = None;
        loop {
            let (accepted, version) = self.waiting_for_approval(conversation)?;
            let now = self.parts.clock.now();
            let decision = match declined.take() {
                Some(decision) => decision,
                None => decide(&self.parts.core.at(now), now)?,
            };
            let report = decision.report.clone();
            let waited = PendingApproval::keys(&accepted.order);
            let mut verdict = Verdict::decided(accepted, decision);
            let (mut write_set, queued) = verdict.write_set(version, now);
            waited.into_iter().for_each(|key| write_set.delete(key));
            let error = match self.commit(write_set).await {
                Ok(_) => {
                    self.announce(&verdict, queued);
                    return Ok(report);
                }
                Err(error) => error,
            };
            if let Next::Bound(error) = tries.after(error).await? {
                declined = verdict.decision.as_ref().and_then(|decision| self.core().bounded(decision, &error));
            }
        }
    }

    fn waiting_for_approval(&self, conversation: &ConversationId) -> Result<(Accepted, u64), NotDecided> {
        let unknown = || ApprovalError::Unknown(conversation.clone());
        let record = self.parts.store.record(&accepted_key(conversation))?.ok_or_else(unknown)?;
        let accepted: Accepted = decode(&record)?;
        match accepted.state {
            AcceptedState::AwaitingApproval => Ok((accepted, record.version)),
            _ => Err(unknown().into()),
        }
    }
}
