//! queryTransaction: a third party asks for the messages of one of its own conversations, as they
//! went over the wire (protocol.md 1.8). And the same for operators, who may ask for any.

use super::accepted::{Accepted, AcceptedState, Used, accepted_key, used_key};
use super::request::unreadable_store;
use super::third_party::soap_answer;
use super::trace::{self, Leg, LegKind};
use super::{Answer, Broker, Refusal, Request};
use crate::access::{NetworkKind, Permit};
use crate::clock::Timestamp;
use crate::core::outcome::Outcome;
use crate::core::{ConversationId, Receipt, Transaction};
use crate::mminterface::{Interfaces, TransactionQuery, TransactionTrace, write_query_response};
use crate::store::{ReadError, decode};

/// What a conversation was and all its messages, for operators.
#[derive(Clone, Debug)]
pub struct Story {
    /// Our name for it.
    pub conversation: String,
    /// The command.
    pub command: String,
    /// The third party that began it; none if a subscriber did.
    pub third_party: Option<String>,
    /// The third party's name for it.
    pub originator_conversation: Option<String>,
    /// The receipt, once it was decided.
    pub receipt: Option<String>,
    /// The result code, once it was decided.
    pub code: Option<String>,
    /// How it stands, with the exact reason.
    pub state: String,
    /// Its messages, oldest first, secrets masked.
    pub legs: Vec<Told>,
}

/// One message of a story.
#[derive(Clone, Debug)]
pub struct Told {
    /// When.
    pub at: Timestamp,
    /// Which message of the conversation it is.
    pub what: &'static str,
    /// The whole message; of an attempt without an answer, why there is none.
    pub message: String,
}

impl Broker {
    /// Answers a request to the path of queryTransaction.
    pub(super) fn query_transaction(&self, mut request: Request) -> Answer {
        let call = match self.call(&mut request, NetworkKind::Vpn, Interfaces::read_query) {
            Ok(call) => call,
            Err(answer) => return *answer,
        };
        match self.trace_for(&call.permit, &call.message) {
            Ok(trace) => {
                self.parts.metrics.answer(&trace.response_code);
                let version = call.message.version;
                soap_answer(version, write_query_response(&trace, version))
            }
            Err(refusal) => self.refuse(&request, &call.permit.third_party().name, &refusal),
        }
    }

    /// The way to a conversation leads over the asking third party's own names, so another's cannot
    /// be found whatever is asked for (S1).
    fn trace_for(&self, permit: &Permit, query: &TransactionQuery) -> Result<TransactionTrace, Refusal> {
        let store = &*self.parts.store;
        let asked = self
            .conversation_of(&permit.third_party().name, &query.originator_conversation_id)
            .map_err(unreadable_store)?;
        let Some(conversation) = asked else {
            return Ok(TransactionTrace {
                response_code: "100000005".into(),
                response_desc: "Invalid input value:originatorConversationID".into(),
                ..TransactionTrace::default()
            });
        };
        let legs = trace::legs(store, conversation.as_str()).map_err(unreadable_store)?;
        let messages = |kind: LegKind| {
            let of_kind = legs.iter().filter(|leg| leg.kind == kind);
            of_kind.map(|leg| leg.message.clone().into_bytes()).collect::<Vec<_>>()
        };
        Ok(TransactionTrace {
            response_code: "00000000".into(),
            response_desc: "Success".into(),
            requests: messages(LegKind::Request),
            responses: messages(LegKind::Answer),
            results: messages(LegKind::Result),
            timeouts: messages(LegKind::Timeout),
        })
    }

    /// The conversation that a third party calls so, or that we call so and it began.
    fn conversation_of(&self, third_party: &str, name: &str) -> Result<Option<ConversationId>, ReadError> {
        let store = &*self.parts.store;
        if let Some(record) = store.record(&used_key(third_party, name))? {
            return Ok(Some(decode::<Used>(&record)?.conversation));
        }
        let Ok(conversation) = ConversationId::parse(name) else { return Ok(None) };
        let Some(record) = store.record(&accepted_key(&conversation))? else { return Ok(None) };
        Ok((decode::<Accepted>(&record)?.order.third_party == third_party).then_some(conversation))
    }

    /// The story of a conversation, by our name for it, by its sender's, or by its receipt. A
    /// sender's name may be used by several third parties, so there may be several.
    pub fn stories(&self, id: &str) -> Result<Vec<Story>, ReadError> {
        if let Ok(conversation) = ConversationId::parse(id) {
            return Ok(self.story(&conversation)?.into_iter().collect());
        }
        if let Ok(receipt) = Receipt::parse(id)
            && let Some(record) = self.parts.store.record(&Transaction::key(&receipt))?
        {
            return Ok(self.story(&decode::<Transaction>(&record)?.conversation)?.into_iter().collect());
        }
        let mut found = Vec::new();
        for third_party in self.parts.access.third_parties() {
            if let Some(conversation) = self.conversation_of(&third_party.name, id)? {
                found.extend(self.story(&conversation)?);
            }
        }
        Ok(found)
    }

    fn story(&self, conversation: &ConversationId) -> Result<Option<Story>, ReadError> {
        let store = &*self.parts.store;
        let outcome = Outcome::read(store, conversation)?.map(|(outcome, _)| outcome);
        let accepted: Option<Accepted> = store.record(&accepted_key(conversation))?.as_ref().map(decode).transpose()?;
        let mut legs = trace::legs(store, conversation.as_str())?;
        legs.sort_by_key(|leg| leg.at);
        let order = accepted.as_ref().map(|accepted| &accepted.order);
        let commands = [order.map(|order| order.command.clone()), outcome.as_ref().map(|one| one.command.clone())];
        // A question has neither an order nor an outcome.
        let asked = legs.first().filter(|leg| leg.kind == LegKind::Query).map(|_| "C2BPaymentQuery".to_owned());
        let Some(command) = commands.into_iter().flatten().chain(asked).next() else { return Ok(None) };
        Ok(Some(Story {
            conversation: conversation.as_str().to_owned(),
            command,
            third_party: order.map(|order| order.third_party.clone()),
            originator_conversation: order.map(|order| order.originator_conversation.clone()),
            receipt: outcome.as_ref().map(|outcome| outcome.receipt.to_string()),
            code: outcome.as_ref().map(|outcome| outcome.code.to_string()),
            state: state(accepted.as_ref(), outcome.as_ref()),
            legs: legs.into_iter().map(Told::from).collect(),
        }))
    }
}

impl From<Leg> for Told {
    fn from(leg: Leg) -> Self {
        Self { at: leg.at, what: leg.kind.name(), message: leg.message }
    }
}

fn state(accepted: Option<&Accepted>, outcome: Option<&Outcome>) -> String {
    match (accepted.map(|accepted| &accepted.state), outcome) {
        (Some(AcceptedState::Waiting), _) => "it waits for the core".into(),
        (Some(AcceptedState::AwaitingApproval), _) => "it waits for the provider's approval (lango approval)".into(),
        (Some(AcceptedState::Expired), _) => "it expired before the core saw it; nothing was executed".into(),
        (Some(AcceptedState::Decided { reason, .. }), _) if !reason.is_empty() => reason.clone(),
        (_, Some(outcome)) => outcome.description.clone(),
        (None, None) => "what is owed was asked; no money moved".into(),
        (_, None) => "decided".into(),
    }
}
