//! What waits for the provider's approval: kept durably from the moment at which everything else was
//! found in order, until somebody of the provider approves or refuses it, or nobody does in time.
//!
//! The checker is not the maker (invariant S4). What is approved is decided anew from what the store
//! holds then, so that money that is gone meanwhile, or was given back otherwise, is not given back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::{Halt, Refusal, refuse};
use super::gates::Acting;
use super::{Case, Order, attempt_of, decided, orderable};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::catalogue::{ApprovalRules, Flow};
use crate::core::channel::Channel;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::load_operator;
use crate::core::evidence::Evidence;
use crate::core::ids::{ConversationId, Draw, OperatorId};
use crate::core::money::Amount;
use crate::core::order::Credential;
use crate::core::receipt::Receipt;
use crate::core::report::Report;
use crate::core::transaction::{Alias, Transaction};
use crate::store::{Key, Read, ReadError, Stored, decode, encode};

/// A request that waits for the provider's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingApproval {
    /// What was asked for.
    pub order: Order,
    /// Who asked for it, and may therefore not approve it.
    pub initiator: OperatorId,
    /// The payment that is to be given back.
    pub original: Receipt,
    /// How much of it.
    pub amount: Amount,
    /// Since when it waits.
    pub requested: Timestamp,
    /// From when on it is too late to approve it.
    pub expires: Timestamp,
}

impl Stored for PendingApproval {
    const NAME: &'static str = "a request that waits for approval";
}

impl PendingApproval {
    /// Where it is kept.
    pub fn key(conversation: &ConversationId) -> Key {
        Key::of("approval").text(conversation.as_str())
    }

    /// Everything that is kept about this order only while it waits. Whoever commits its end deletes it.
    pub fn keys(order: &Order) -> [Key; 2] {
        [Self::key(&order.conversation), Self::name_key(&order.third_party, &order.originator_conversation)]
    }

    /// The way from the third party's name for the conversation to ours, while it waits.
    pub(super) fn name_key(third_party: &str, originator_conversation: &str) -> Key {
        Key::of("approval-name").text(third_party).text(originator_conversation)
    }
}

/// Why somebody cannot decide about a request that waits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// Nothing waits under this conversation id.
    #[error("nothing waits for approval under {0}; it may be decided already")]
    Unknown(ConversationId),
    /// It waited too long.
    #[error("{0} waited too long and can no longer be approved")]
    Overdue(ConversationId),
    /// It can still be approved.
    #[error("{0} can still be approved")]
    InTime(ConversationId),
    /// The catalogue no longer has such an approval.
    #[error("the catalogue has no approvals of {0} any more; it ends when its time is over")]
    NoApprovals(String),
    /// The operator is none of the provider's, or not active.
    #[error("operator {0} is no active operator of the provider")]
    NotOfProvider(OperatorId),
    /// No role of the operator's allows it.
    #[error("operator {operator} has no role of the portal in force with the permission \"{permission}\"")]
    NoPermission {
        /// The operator.
        operator: OperatorId,
        /// What it lacks.
        permission: String,
    },
    /// The checker would be the maker (S4).
    #[error("operator {0} asked for it, and somebody else must decide about it")]
    Maker(OperatorId),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The decision to wait: nothing moves, and everything is kept that is needed to decide later.
pub(super) fn wait(
    case: &mut Case<'_>,
    acting: &Acting,
    rules: &ApprovalRules,
    original: &Transaction,
    amount: Amount,
) -> Result<Decision, Halt> {
    let Order { conversation, third_party, originator_conversation, .. } = case.order;
    let name = PendingApproval::name_key(third_party, originator_conversation);
    if let Some(other) = case.evidence.load::<Alias>(name.clone())? {
        return refuse(ResultCode::Duplicate, format!("{} waits under the same name", other.conversation));
    }
    let pending = PendingApproval {
        order: case.order.clone(),
        initiator: acting.operator.id,
        original: original.receipt,
        amount,
        requested: case.now,
        expires: case.now.plus(Duration::from_secs(rules.seconds.into())),
    };
    let key = PendingApproval::key(conversation);
    let mut write_set = case.evidence.write_set();
    write_set.expect_absent(key.clone());
    write_set.put(key, encode(&pending));
    write_set.put(name, encode(&Alias { conversation: conversation.clone() }));
    let report = Report::new(ResultCode::AwaitingApproval, case.core.no_receipt(case.now));
    let private = format!("{} of {} waits for approval", amount, original.receipt);
    Ok(Decision::without_money(report, write_set, private))
}

/// Decides what an operator of the provider has approved. Who commits it removes what
/// [`PendingApproval::keys`] names in the same write set.
pub(in crate::core) fn approve(
    core: &Core,
    facts: &dyn Read,
    conversation: &ConversationId,
    approver: OperatorId,
    now: Timestamp,
    draw: Draw,
) -> Result<Decision, ApprovalError> {
    let mut evidence = Evidence::new(facts);
    let pending = pending(&mut evidence, conversation)?;
    if pending.expires <= now {
        return Err(ApprovalError::Overdue(conversation.clone()));
    }
    must_be_checker(core, &mut evidence, &pending, approver, now)?;
    let Some(service) = orderable(core, &pending.order.command) else {
        return Err(ApprovalError::NoApprovals(pending.order.command));
    };
    let attempt = attempt_of(&pending.order);
    let case = Case { core, evidence, order: &pending.order, service, attempt, now, draw, approved: true };
    let mut decision = decided(case, &Credential::Verified)?;
    decision.private = format!("approved by {approver}: {}", decision.private);
    Ok(decision)
}

/// Decides that an operator of the provider refuses it.
pub(in crate::core) fn refuse_approval(
    core: &Core,
    facts: &dyn Read,
    conversation: &ConversationId,
    checker: OperatorId,
    reason: &str,
    now: Timestamp,
) -> Result<Decision, ApprovalError> {
    let mut evidence = Evidence::new(facts);
    let pending = pending(&mut evidence, conversation)?;
    must_be_checker(core, &mut evidence, &pending, checker, now)?;
    let private = format!("refused by {checker}: {reason}");
    Ok(ended(core, evidence, &pending, Refusal::new(ResultCode::ApprovalRefused, private), now))
}

/// Decides that nobody approved it in time.
pub(in crate::core) fn expire(
    core: &Core,
    facts: &dyn Read,
    conversation: &ConversationId,
    now: Timestamp,
) -> Result<Decision, ApprovalError> {
    let mut evidence = Evidence::new(facts);
    let pending = pending(&mut evidence, conversation)?;
    if now < pending.expires {
        return Err(ApprovalError::InTime(conversation.clone()));
    }
    let refusal = Refusal::new(ResultCode::ApprovalExpired, "nobody approved it in time");
    Ok(ended(core, evidence, &pending, refusal, now))
}

/// At most `limit` requests that wait for approval, in the order of their conversation ids, after the
/// one with the id `after`.
pub(in crate::core) fn approvals(
    facts: &dyn Read,
    after: Option<&ConversationId>,
    limit: usize,
) -> Result<Vec<PendingApproval>, ReadError> {
    let all = Key::of("approval").subtree();
    let range = after.map_or(all.clone(), |after| all.after(&PendingApproval::key(after)));
    facts.range(&range, limit)?.iter().map(|(_, record)| decode(record)).collect()
}

fn pending(evidence: &mut Evidence<'_>, conversation: &ConversationId) -> Result<PendingApproval, ApprovalError> {
    let found: Option<PendingApproval> = evidence.load(PendingApproval::key(conversation))?;
    found.ok_or_else(|| ApprovalError::Unknown(conversation.clone()))
}

/// An active operator of the provider with the permission, and not the one who asked for it (S4).
fn must_be_checker(
    core: &Core,
    evidence: &mut Evidence<'_>,
    pending: &PendingApproval,
    checker: OperatorId,
    now: Timestamp,
) -> Result<(), ApprovalError> {
    if checker == pending.initiator {
        return Err(ApprovalError::Maker(checker));
    }
    let operator = load_operator(evidence, checker)?;
    let operator = operator.filter(|operator| operator.shortcode.is_none() && operator.status.may_act());
    let operator = operator.ok_or(ApprovalError::NotOfProvider(checker))?;
    let rules = core.catalogue().command(&pending.order.command).and_then(|service| match &service.flow {
        Flow::Reversal(rules) => rules.approval.as_ref(),
        _ => None,
    });
    let rules = rules.ok_or_else(|| ApprovalError::NoApprovals(pending.order.command.clone()))?;
    let acting = Acting { operator, home: None };
    match acting.must_hold(core.catalogue(), Channel::Web, &rules.permission, now) {
        Ok(()) => Ok(()),
        Err(Halt::Read(error)) => Err(error.into()),
        Err(Halt::Refused(_)) => {
            Err(ApprovalError::NoPermission { operator: checker, permission: rules.permission.clone() })
        }
    }
}

fn ended(
    core: &Core,
    mut evidence: Evidence<'_>,
    pending: &PendingApproval,
    refusal: Refusal,
    now: Timestamp,
) -> Decision {
    let mut decision = attempt_of(&pending.order).refused(core, refusal, now, true);
    decision.write_set.extend(evidence.write_set());
    decision
}
