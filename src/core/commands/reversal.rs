//! TransactionReversal: the organization that was paid gives the money back, once, and not more than
//! it got (invariant L7). Charges stay where they are.
//!
//! The reversal writes the transaction that it gives back, whose version it expects: of two that
//! race, one commits.

use std::rc::Rc;

use super::approval;
use super::attempt::{Halt, refuse};
use super::gates::{self, Acting};
use super::parties::Resolved;
use super::payment::{self, Draft, Terms};
use super::results::Captures;
use super::{Case, parameters, results};
use crate::core::accounts::Holder;
use crate::core::catalogue::ReversalRules;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::{Organization, load_customer, load_organization};
use crate::core::ledger::Stage;
use crate::core::money::Amount;
use crate::core::receipt::Receipt;
use crate::core::transaction::{State, Transaction};
use crate::store::encode;

/// Decides a reversal.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting, rules: &ReversalRules) -> Result<Decision, Halt> {
    if let Some(home) = &acting.home {
        gates::must_start(case.core.catalogue(), home, case.service)?;
    }
    parameters::check(case.service, case.order)?;
    parameters::currency(case.core, case.order)?;
    let (mut original, giver) = original(case, acting, rules)?;
    gates::must_start(case.core.catalogue(), &giver, case.service)?;
    Resolved::Organization(giver).must_pay()?;
    taker(case, &original)?.must_be_payable()?;
    let amount = amount(case, &original)?;
    if let Some(approval) = rules.approval.as_ref().filter(|_| !case.approved) {
        return approval::wait(case, acting, approval, &original, amount);
    }

    let draft = Draft {
        attempt: &case.attempt,
        debit: original.credit.clone(),
        credit: original.debit.clone(),
        amount,
        account_reference: original.account_reference.clone(),
        receipt: case.core.receipt(case.now, case.draw),
        now: case.now,
    };
    let mut reversal = draft.transaction(State::Completed);
    reversal.reverses = Some(original.receipt);
    let terms = Terms { limits: None, charges: &[], business: None, same_amount_seconds: 0 };
    match payment::judge(case.core, &mut case.evidence, &terms, &mut reversal, Stage::Transfer) {
        Ok(mut write_set) => {
            original.reversed_by = Some(reversal.receipt);
            write_set.put(Transaction::key(&original.receipt), encode(&original));
            Ok(results::completed(case, reversal, write_set, Vec::new(), Captures::default()))
        }
        Err(Halt::Refused(refusal)) => {
            Ok(payment::declined(reversal, &case.attempt.names, case.attempt.reference.clone(), refusal))
        }
        Err(halt) => Err(halt),
    }
}

/// The payment to give back, and the organization that got it. What the initiator may not see is as
/// if it were not there (S1).
fn original(
    case: &mut Case<'_>,
    acting: &Acting,
    rules: &ReversalRules,
) -> Result<(Transaction, Rc<Organization>), Halt> {
    let invalid = |reason: String| refuse(ResultCode::OriginalTransaction, reason);
    let text = case.order.parameter("OriginalTransactionID").unwrap_or_default();
    let Ok(receipt) = Receipt::parse(text) else { return invalid(format!("{text:?} is no receipt")) };
    let found: Option<Transaction> = case.evidence.load(Transaction::key(&receipt))?;
    let Some(original) = found else { return invalid(format!("there is no transaction {receipt}")) };
    let payee = match original.credit.account.holder.shortcode() {
        Some(shortcode) => load_organization(&mut case.evidence, shortcode)?,
        None => None,
    };
    let Some(payee) = payee else { return invalid(format!("{receipt} paid no organization")) };
    if !acting.is_over(&mut case.evidence, &payee)? {
        return invalid(format!("{receipt} paid {}, which is not the initiator's", payee.shortcode));
    }
    if let Some(reversal) = original.reversed_by {
        return refuse(ResultCode::AlreadyReversed, format!("{reversal} gave {receipt} back"));
    }
    if original.state != State::Completed || original.reverses.is_some() || !rules.of.contains(&original.command) {
        return invalid(format!("{receipt}, {:?} of {:?}, cannot be given back", original.state, original.command));
    }
    Ok((original, payee))
}

/// Who had paid, and gets it back.
fn taker(case: &mut Case<'_>, original: &Transaction) -> Result<Resolved, Halt> {
    let found = match &original.debit.account.holder {
        Holder::Organization(shortcode) => {
            load_organization(&mut case.evidence, shortcode)?.map(Resolved::Organization)
        }
        Holder::Subscriber(msisdn) => load_customer(&mut case.evidence, msisdn)?.map(Resolved::Subscriber),
        Holder::Provider => None,
    };
    match found {
        Some(taker) => Ok(taker),
        None => refuse(ResultCode::OriginalTransaction, format!("nobody can get {} back", original.receipt)),
    }
}

/// The whole of it, or the part that is asked for.
fn amount(case: &Case<'_>, original: &Transaction) -> Result<Amount, Halt> {
    let Some(text) = case.order.parameter("Amount") else { return Ok(original.amount) };
    let amount = parameters::amount(text)?;
    if amount > original.amount {
        return refuse(ResultCode::AboveMaximum, format!("{amount} of {} cannot be given back", original.amount));
    }
    Ok(amount)
}
