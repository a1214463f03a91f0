//! The commands. Each takes the same way through the documented order of checks (domain.md 5):
//! message, initiator, credential, allowed operation, parties, permission to each party,
//! parameters; then the transaction exists, and the accounting rules decide over it.

mod approval;
mod attempt;
mod authorization;
mod balance;
mod customer_payment;
mod gates;
mod identity;
mod operators;
mod parameters;
mod parties;
mod payment;
mod results;
mod reversal;
mod settlement;
mod status_query;
#[cfg(test)]
mod tests;
mod transfer;

pub use approval::{ApprovalError, PendingApproval};
pub(super) use approval::{approvals, approve, expire, refuse_approval};
pub(super) use authorization::authorize;
pub use customer_payment::{Held, SettleError};
pub(super) use customer_payment::{cancel, complete, overdue};
pub(super) use gates::initiator;
pub(super) use operators::may_care;
pub use operators::{Care, CareError};
pub use parameters::Flaw;
pub(super) use parameters::flaw;
pub(super) use payment::bounded;

use std::time::Duration;

use super::Core;
use super::catalogue::{Flow, Service};
use super::channel::Channel;
use super::codes::ResultCode;
use super::decision::Decision;
use super::evidence::Evidence;
use super::ids::Draw;
use super::order::{Credential, Order};
use super::transaction::OriginRef;
use crate::clock::Timestamp;
use crate::store::{Read, ReadError};
use attempt::{Attempt, Halt, Refusal, refuse};
use gates::Acting;

/// An order under decision.
struct Case<'a> {
    core: &'a Core,
    evidence: Evidence<'a>,
    order: &'a Order,
    service: &'a Service,
    attempt: Attempt<'a>,
    now: Timestamp,
    draw: Draw,
    /// Whether the provider has approved it, where its service asks for that.
    approved: bool,
}

/// The service that third parties can order by this command ID.
pub(super) fn orderable<'a>(core: &'a Core, command: &str) -> Option<&'a Service> {
    let service = core.catalogue().command(command)?;
    (service.channel == Channel::Api && service.flow != Flow::Broker).then_some(service)
}

/// Decides an order.
pub(super) fn execute(
    core: &Core,
    facts: &dyn Read,
    order: &Order,
    credential: &Credential,
    now: Timestamp,
    draw: Draw,
) -> Result<Decision, ReadError> {
    let attempt = attempt_of(order);
    let Some(service) = orderable(core, &order.command).filter(|service| service.channel == order.channel) else {
        let reason = format!("no service of the channel {} has the command ID {:?}", order.channel, order.command);
        return Ok(attempt.refused(core, Refusal::new(ResultCode::Command, reason), now, false));
    };
    let evidence = Evidence::new(facts);
    decided(Case { core, evidence, order, service, attempt, now, draw, approved: false }, credential)
}

/// What is kept about the attempt at an order.
fn attempt_of(order: &Order) -> Attempt<'_> {
    let origin =
        OriginRef::ThirdParty { name: &order.third_party, originator_conversation: &order.originator_conversation };
    let attempt = Attempt::new(&order.command, &order.conversation, origin);
    Attempt { reference: order.reference.clone(), ..attempt }
}

/// The decision about a case: what it asks for, or its refusal.
fn decided(mut case: Case<'_>, credential: &Credential) -> Result<Decision, ReadError> {
    match case.decide(credential) {
        Ok(decision) => Ok(decision),
        Err(Halt::Refused(refusal)) => {
            Ok(case.attempt.refused(case.core, refusal, case.now, case.service.flow.moves_money()))
        }
        Err(Halt::Read(error)) => Err(error),
    }
}

impl Case<'_> {
    fn decide(&mut self, credential: &Credential) -> Result<Decision, Halt> {
        self.message()?;
        let acting = self.admit(credential)?;
        let service = self.service;
        match &service.flow {
            Flow::Transfer(rules) => transfer::decide(self, &acting, rules),
            Flow::Reversal(rules) => reversal::decide(self, &acting, rules),
            Flow::Settlement(rules) => settlement::decide(self, &acting, rules),
            Flow::AccountBalance => balance::decide(self, &acting),
            Flow::TransactionStatus { conversation_days } => status_query::decide(self, &acting, *conversation_days),
            Flow::CheckIdentity => identity::decide(self, &acting),
            Flow::CustomerPayment(_) | Flow::Broker => refuse(ResultCode::Command, "third parties cannot order this"),
        }
    }

    /// The message itself: not decided before, and not too old. In this order, for the refusal of what is
    /// too old is kept on record, where that of a repeat has its place already.
    fn message(&mut self) -> Result<(), Halt> {
        if self.service.flow.moves_money() {
            self.attempt.must_be_new(&mut self.evidence)?;
        }
        // What waited for the provider's approval was in time when it came.
        if let Some(seconds) = self.service.request_seconds_max.filter(|_| !self.approved) {
            let age = self.now.since(self.order.received);
            if age > Duration::from_secs(seconds) {
                let reason = format!("the request waited {} s, and {seconds} s are allowed", age.as_secs());
                return refuse(ResultCode::Expired, reason);
            }
        }
        Ok(())
    }

    /// The initiator, its credential, its state, and what it is allowed to do.
    fn admit(&mut self, credential: &Credential) -> Result<Acting, Halt> {
        let acting = gates::acting(&mut self.evidence, self.order)?;
        if let Credential::Refused(reason) = credential {
            return refuse(ResultCode::Initiator, format!("the credential of {}: {reason}", acting.operator.id));
        }
        acting.must_be_active()?;
        self.attempt.initiator = Some(acting.operator.id);
        self.attempt.initiator_shortcode = acting.operator.shortcode.clone();
        acting.must_hold_permission(self.core.catalogue(), self.service, self.now)?;
        Ok(acting)
    }
}
