//! TransactionStatusQuery: what became of a transaction of one's own, by its receipt or by one of
//! the names of its conversation. What is somebody else's is as if it were not there (S1).

use std::time::Duration;

use super::approval::PendingApproval;
use super::attempt::{Halt, Refusal, refuse};
use super::gates::{self, Acting};
use super::results::debit_party_charges;
use super::{Case, parameters};
use crate::core::codes::{ResultCode, parameter_format, parameter_missing};
use crate::core::decision::Decision;
use crate::core::directory::load_operator;
use crate::core::ids::ConversationId;
use crate::core::outcome::Outcome;
use crate::core::receipt::Receipt;
use crate::core::report::{Report, ReportValue};
use crate::core::transaction::{Alias, Origin, OriginRef, Transaction};
use crate::store::WriteSet;

/// What was found: a transaction, how a conversation ended that came to none, or what one still waits
/// for.
enum Found {
    Transaction(Box<Transaction>),
    Nothing(Box<Outcome>),
    Waiting(Box<PendingApproval>),
}

/// Decides a status query.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting, conversation_days: u32) -> Result<Decision, Halt> {
    if let Some(home) = &acting.home {
        gates::must_start(case.core.catalogue(), home, case.service)?;
    }
    parameters::check(case.service, case.order)?;
    let parameters = match find(case, acting, conversation_days)? {
        Found::Transaction(transaction) => of_transaction(case, acting, &transaction),
        Found::Nothing(outcome) => of_nothing(case, &outcome),
        Found::Waiting(pending) => of_waiting(case, &pending),
    };
    let report = Report {
        parameters,
        reference: case.attempt.reference.clone(),
        ..Report::new(ResultCode::Success, case.core.no_receipt(case.now))
    };
    let private = "status shown".to_owned();
    Ok(Decision::without_money(report, WriteSet::new(), private))
}

fn find(case: &mut Case<'_>, acting: &Acting, conversation_days: u32) -> Result<Found, Halt> {
    const KEYS: [&str; 3] = ["ReceiptNumber", "OriginatorConversationID", "ConversationID"];
    let given = KEYS.map(|key| case.order.parameter(key));
    match given {
        [Some(receipt), None, None] => by_receipt(case, acting, receipt),
        [None, Some(originator), None] => {
            let conversation = named(case, originator)?;
            by_conversation(case, acting, conversation, conversation_days)
        }
        [None, None, Some(conversation)] => {
            by_conversation(case, acting, ConversationId::parse(conversation).ok(), conversation_days)
        }
        [None, None, None] => {
            let description = parameter_missing("ReceiptNumber");
            let reason = "none of the three parameters is there".to_owned();
            Err(Refusal { code: ResultCode::ParameterMissing, description, reason }.into())
        }
        _ => {
            let description = parameter_format("ReceiptNumber");
            let reason = "more than one of the three parameters is there".to_owned();
            Err(Refusal { code: ResultCode::ParameterFormat, description, reason }.into())
        }
    }
}

fn by_receipt(case: &mut Case<'_>, acting: &Acting, text: &str) -> Result<Found, Halt> {
    let transaction: Option<Transaction> = match Receipt::parse(text) {
        Ok(receipt) => case.evidence.load(Transaction::key(&receipt))?,
        Err(_) => None,
    };
    match transaction {
        Some(transaction) if acting.home.as_ref().is_none_or(|home| transaction.concerns(&home.shortcode)) => {
            Ok(Found::Transaction(Box::new(transaction)))
        }
        Some(_) => refuse(ResultCode::ReceiptUnknown, format!("{text:?} is no transaction of the initiator's")),
        None => refuse(ResultCode::ReceiptUnknown, format!("there is no transaction {text:?}")),
    }
}

/// The conversation that the asking third party calls so: one that ended, or one that waits.
fn named(case: &mut Case<'_>, originator: &str) -> Result<Option<ConversationId>, Halt> {
    let name = &case.order.third_party;
    let waiting = PendingApproval::name_key(name, originator);
    let origin = OriginRef::ThirdParty { name, originator_conversation: originator };
    for key in origin.alias_key().into_iter().chain([waiting]) {
        if let Some(alias) = case.evidence.load::<Alias>(key)? {
            return Ok(Some(alias.conversation));
        }
    }
    Ok(None)
}

fn by_conversation(
    case: &mut Case<'_>,
    acting: &Acting,
    conversation: Option<ConversationId>,
    days: u32,
) -> Result<Found, Halt> {
    const DAY_SECONDS: u64 = 86_400;
    let unknown = || refuse(ResultCode::ConversationUnknown, "there is no such conversation");
    let Some(conversation) = conversation else { return unknown() };
    let Some((outcome, transaction)) = Outcome::load(&mut case.evidence, &conversation)? else {
        return match case.evidence.load::<PendingApproval>(PendingApproval::key(&conversation))? {
            Some(pending) => waiting(case, acting, pending),
            None => unknown(),
        };
    };
    let age = case.now.since(outcome.decided);
    if age > Duration::from_secs(DAY_SECONDS.saturating_mul(days.into())) {
        return refuse(ResultCode::ConversationUnknown, format!("it was more than {days} days ago"));
    }
    let own = acting.home.as_ref().is_none_or(|home| match &transaction {
        Some(transaction) => transaction.concerns(&home.shortcode),
        None => outcome.initiator_shortcode.as_ref() == Some(&home.shortcode),
    });
    match transaction {
        _ if !own => refuse(ResultCode::ConversationUnknown, "it is no conversation of the initiator's"),
        Some(transaction) => Ok(Found::Transaction(Box::new(transaction))),
        None => Ok(Found::Nothing(Box::new(outcome))),
    }
}

/// A request that waits for approval, if it is one of the initiator's organization (S1).
fn waiting(case: &mut Case<'_>, acting: &Acting, pending: PendingApproval) -> Result<Found, Halt> {
    let asker = load_operator(&mut case.evidence, pending.initiator)?.and_then(|operator| operator.shortcode);
    if acting.home.as_ref().is_none_or(|home| asker.as_ref() == Some(&home.shortcode)) {
        return Ok(Found::Waiting(Box::new(pending)));
    }
    refuse(ResultCode::ConversationUnknown, "it is no conversation of the initiator's")
}

fn of_transaction(case: &Case<'_>, acting: &Acting, transaction: &Transaction) -> Vec<(String, ReportValue)> {
    let zone = case.core.zone();
    let finalized = transaction.finalized.map(|at| zone.compact(at)).unwrap_or_default();
    let service = case.core.catalogue().command(&transaction.command);
    let reason_type = service.map(|service| service.reason_type.clone()).unwrap_or_default();
    let asked_for_it =
        acting.home.as_ref().is_none_or(|home| transaction.initiator_shortcode.as_ref() == Some(&home.shortcode));
    // The names that the other side gave to the conversation are its own affair.
    let (conversation, originator) = match &transaction.origin {
        Origin::ThirdParty { originator_conversation, .. } if asked_for_it => {
            (transaction.conversation.as_str(), originator_conversation.as_str())
        }
        _ => ("", ""),
    };
    texts([
        ("ReceiptNo", transaction.receipt.to_string()),
        ("Conversation ID", conversation.to_owned()),
        ("FinalizedTime", finalized),
        ("Amount", transaction.amount.to_string()),
        ("TransactionStatus", transaction.state.as_str().to_owned()),
        ("ReasonType", reason_type),
        ("TransactionReason", transaction.reason.clone()),
        ("DebitPartyCharges", debit_party_charges(transaction, case.core.currency())),
        ("DebitAccountType", transaction.debit.account.kind.alias().to_owned()),
        ("InitiatedTime", zone.compact(transaction.initiated)),
        ("Originator Conversation ID", originator.to_owned()),
        ("CreditPartyName", transaction.credit.public_name()),
        ("DebitPartyName", transaction.debit.public_name()),
    ])
}

/// What was refused before there was a transaction has no parties and no amount.
fn of_nothing(case: &Case<'_>, outcome: &Outcome) -> Vec<(String, ReportValue)> {
    let decided = case.core.zone().compact(outcome.decided);
    let originator = match &outcome.origin {
        Origin::ThirdParty { originator_conversation, .. } => originator_conversation.as_str(),
        Origin::Handset { .. } | Origin::Provider => "",
    };
    let service = case.core.catalogue().command(&outcome.command);
    texts([
        ("ReceiptNo", outcome.receipt.to_string()),
        ("Conversation ID", outcome.conversation.to_string()),
        ("FinalizedTime", decided.clone()),
        ("TransactionStatus", "Failed".to_owned()),
        ("ReasonType", service.map(|service| service.reason_type.clone()).unwrap_or_default()),
        ("TransactionReason", outcome.description.clone()),
        ("InitiatedTime", decided.clone()),
        ("Originator Conversation ID", originator.to_owned()),
    ])
}

/// What waits has neither receipt nor end yet. `Initiated` is what domain.md 5 calls it.
fn of_waiting(case: &Case<'_>, pending: &PendingApproval) -> Vec<(String, ReportValue)> {
    let service = case.core.catalogue().command(&pending.order.command);
    texts([
        ("ReceiptNo", case.core.no_receipt(pending.requested).to_string()),
        ("Conversation ID", pending.order.conversation.to_string()),
        ("FinalizedTime", String::new()),
        ("Amount", pending.amount.to_string()),
        ("TransactionStatus", "Initiated".to_owned()),
        ("ReasonType", service.map(|service| service.reason_type.clone()).unwrap_or_default()),
        ("TransactionReason", ResultCode::AwaitingApproval.text().to_owned()),
        ("InitiatedTime", case.core.zone().compact(pending.requested)),
        ("Originator Conversation ID", pending.order.originator_conversation.clone()),
    ])
}

fn texts<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, ReportValue)> {
    pairs.into_iter().map(|(key, text)| (key.to_owned(), ReportValue::Text(text))).collect()
}
