//! Subscribers' payments to organizations: reserved first, then moved when the payee agrees, or
//! given back. A reservation ends exactly once, because whoever ends it expects the version of the
//! transaction that it read (invariant L3).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Halt, Refusal, refuse};
use super::gates::{self, identifier};
use super::parameters;
use super::payment::{self, Draft, Terms, releasing_legs, settling_legs};
use super::results::{Captures, keyed};
use super::transfer::{organization_side, subscriber_side};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::accounts::Account;
use crate::core::catalogue::{CustomerPaymentRules, Flow, Service};
use crate::core::codes::{ResultCode, parameter_missing};
use crate::core::decision::Decision;
use crate::core::directory::{Organization, Subscriber, load_subscriber};
use crate::core::evidence::Evidence;
use crate::core::ids::{Draw, Msisdn};
use crate::core::ledger::{Entry, Leg, Stage, Unbalanced};
use crate::core::limits::sent_on;
use crate::core::order::{CancelReason, CustomerPayment, Party};
use crate::core::receipt::Receipt;
use crate::core::report::{Report, ReportValue};
use crate::core::transaction::{Alias, Origin, Outcome, State, Transaction};
use crate::store::{Key, Part, Read, ReadError, Stored, WriteSet, decode, encode};

/// Why a reservation cannot be ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// No transaction has this receipt.
    #[error("there is no transaction {0}")]
    Unknown(Receipt),
    /// The transaction is not authorized, but ended or was never reserved.
    #[error("transaction {receipt} is {state:?} already")]
    Ended {
        /// The transaction.
        receipt: Receipt,
        /// Where it is in its life.
        state: State,
    },
    /// Its time has run out; it can only be cancelled.
    #[error("transaction {0} was not completed in time")]
    Overdue(Receipt),
    /// Our own fault: legs that do not sum to zero.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A reservation that is open, filed by the moment at which it runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reservation {
    receipt: Receipt,
}

impl Stored for Reservation {
    const NAME: &'static str = "an open reservation";
}

/// Decides whether a subscriber can pay, and reserves the funds.
pub(in crate::core) fn authorize(
    core: &Core,
    facts: &dyn Read,
    payment: &CustomerPayment,
    now: Timestamp,
    draw: Draw,
) -> Result<Decision, ReadError> {
    let attempt = Attempt {
        command: payment.command.clone(),
        conversation: payment.conversation.clone(),
        origin: Origin::Handset { gateway: payment.gateway.clone(), session: payment.session.clone() },
        initiator: None,
        initiator_shortcode: None,
        reference: Vec::new(),
    };
    let authorization = Authorization { core, evidence: Evidence::new(facts), payment, attempt: &attempt, now, draw };
    match authorization.decide() {
        Ok(decision) => Ok(decision),
        Err(Halt::Refused(refusal)) => Ok(attempt.refused(core, refusal, now, true)),
        Err(Halt::Read(error)) => Err(error),
    }
}

/// A payment under decision.
struct Authorization<'a> {
    core: &'a Core,
    evidence: Evidence<'a>,
    payment: &'a CustomerPayment,
    attempt: &'a Attempt,
    now: Timestamp,
    draw: Draw,
}

impl Authorization<'_> {
    fn decide(mut self) -> Result<Decision, Halt> {
        self.attempt.must_be_new(&mut self.evidence)?;
        let core = self.core;
        let service = core.catalogue().command(&self.payment.command);
        let Some((service, Flow::CustomerPayment(rules))) = service.map(|service| (service, &service.flow)) else {
            return refuse(ResultCode::Command, format!("{:?} is no payment of subscribers", self.payment.command));
        };
        let payer = self.payer()?;
        let payee = self.payee(service)?;
        self.reference(rules)?;
        let amount = parameters::amount(&self.payment.amount)?;
        let draft = Draft {
            attempt: self.attempt,
            debit: subscriber_side(&payer, rules.debit_account),
            credit: organization_side(&payee, rules.credit_account),
            amount,
            account_reference: self.payment.account_reference.clone().filter(|reference| !reference.trim().is_empty()),
            receipt: core.receipt(self.now, self.draw),
            now: self.now,
        };
        let mut transaction = draft.transaction(State::Authorized);
        transaction.expires = Some(self.now.plus(Duration::from_secs(rules.reservation_seconds.into())));
        let terms = Terms { limits: &rules.limits, charges: &rules.charges, business: &payee, same_amount_seconds: 0 };
        match payment::judge(core, &mut self.evidence, &terms, &mut transaction, Stage::Hold) {
            Ok(write_set) => Ok(authorized(transaction, write_set)),
            Err(Halt::Refused(refusal)) => Ok(payment::declined(transaction, Vec::new(), refusal)),
            Err(halt) => Err(halt),
        }
    }

    fn payer(&mut self) -> Result<Subscriber, Halt> {
        let Ok(msisdn) = Msisdn::parse(&self.payment.payer, self.core.catalogue().numbering()) else {
            let reason = format!("{:?} is no phone number of this country", self.payment.payer);
            return refuse(ResultCode::PrimaryParty, reason);
        };
        match load_subscriber(&mut self.evidence, &msisdn)? {
            Some(payer) if payer.status.may_act() => Ok(payer),
            Some(payer) => refuse(ResultCode::DebitPartyState, format!("subscriber {msisdn} is {:?}", payer.status)),
            None => refuse(ResultCode::PrimaryParty, format!("there is no subscriber {msisdn}")),
        }
    }

    fn payee(&mut self, service: &Service) -> Result<Organization, Halt> {
        let identifier = self.payment.short_code.clone();
        let party = Party { identifier_type: identifier::SHORTCODE, identifier, short_code: None };
        let types = [identifier::SHORTCODE];
        let payee = gates::organization(&mut self.evidence, Some(&party), &types, ResultCode::ReceiverParty)?;
        if !payee.status.may_receive() {
            let reason = format!("organization {} is {:?}", payee.shortcode, payee.status);
            return refuse(ResultCode::CreditPartyState, reason);
        }
        gates::must_receive(self.core.catalogue(), &payee, service)?;
        Ok(payee)
    }

    fn reference(&self, rules: &CustomerPaymentRules) -> Result<(), Halt> {
        let given = self.payment.account_reference.as_ref().is_some_and(|reference| !reference.trim().is_empty());
        if given || !rules.account_reference {
            return Ok(());
        }
        let description = parameter_missing("AccountReference");
        Err(Refusal { code: ResultCode::ParameterMissing, reason: description.clone(), description }.into())
    }
}

fn authorized(transaction: Transaction, mut write_set: WriteSet) -> Decision {
    let report = Report::new(ResultCode::Success, transaction.receipt);
    payment::keep(&mut write_set, &transaction, &report);
    if let Some(expires) = transaction.expires {
        let reservation = Reservation { receipt: transaction.receipt };
        write_set.put(reservation_key(expires, &transaction.receipt), encode(&reservation));
    }
    let private = format!("{} authorized", transaction.receipt);
    Decision { report, write_set, captures: Vec::new(), private, transaction: Some(transaction) }
}

/// Moves what was reserved. The report has the payee's balance for the confirmation
/// (`OrgAccountBalance`) and the payer's for the handset (`Balance`).
pub(in crate::core) fn complete(
    facts: &dyn Read,
    receipt: &Receipt,
    third_party_trans_id: Option<&str>,
    now: Timestamp,
) -> Result<Decision, SettleError> {
    let mut evidence = Evidence::new(facts);
    let mut transaction = reserved(&mut evidence, receipt)?;
    if transaction.expires.is_some_and(|expires| expires <= now) {
        return Err(SettleError::Overdue(*receipt));
    }
    transaction.state = State::Completed;
    transaction.third_party_trans_id = third_party_trans_id.map(str::to_owned);
    let legs = settling_legs(&transaction);
    let write_set = end(evidence, &mut transaction, Stage::Settle, legs, now)?;
    let mut captures = Captures::default();
    let mut funds = |account: &Account| ReportValue::Funds { index: captures.available(account) };
    let report = Report {
        parameters: keyed([
            ("OrgAccountBalance", funds(&transaction.credit.account)),
            ("Balance", funds(&transaction.debit.account)),
        ]),
        ..Report::new(ResultCode::Success, *receipt)
    };
    let private = format!("{receipt} completed");
    Ok(Decision { report, write_set, captures: captures.into_keys(), private, transaction: Some(transaction) })
}

/// Gives back what was reserved, and what it had used up of the payer's day.
pub(in crate::core) fn cancel(
    core: &Core,
    facts: &dyn Read,
    receipt: &Receipt,
    why: &CancelReason,
    now: Timestamp,
) -> Result<Decision, SettleError> {
    let mut evidence = Evidence::new(facts);
    let mut transaction = reserved(&mut evidence, receipt)?;
    let (state, code, private) = match why {
        CancelReason::Refused { code, description } => {
            let private = format!("{receipt} refused by the payee with {code:?}: {description:?}");
            (State::Cancelled, ResultCode::ReceiverDeclined, private)
        }
        CancelReason::Unreachable => {
            (State::Cancelled, ResultCode::ReceiverDeclined, format!("{receipt}: the payee could not be asked"))
        }
        CancelReason::Expired => (State::Expired, ResultCode::ReservationExpired, format!("{receipt} ran out")),
    };
    transaction.state = state;
    transaction.code = code;
    code.text().clone_into(&mut transaction.reason);
    let legs = releasing_legs(&transaction);
    let mut write_set = end(evidence, &mut transaction, Stage::Release, legs, now)?;
    let day = core.zone().day(transaction.initiated);
    let sent = sent_on(&transaction.debit.account.holder, day);
    write_set.adjust(sent, transaction.amount.minor().saturating_neg(), 0, i64::MAX);
    let report = Report::new(code, *receipt);
    Ok(Decision { report, write_set, captures: Vec::new(), private, transaction: Some(transaction) })
}

/// At most `limit` reservations that have run out.
pub(in crate::core) fn overdue(facts: &dyn Read, now: Timestamp, limit: usize) -> Result<Vec<Receipt>, ReadError> {
    let mut overdue = Vec::new();
    for (key, record) in facts.range(&Key::of("reservation").subtree(), limit)? {
        let runs_out = key.parts().into_iter().find_map(|part| match part {
            Part::Number(micros) => i64::try_from(micros).ok().map(Timestamp::from_micros),
            Part::Text(_) => None,
        });
        if runs_out.is_none_or(|at| at > now) {
            break;
        }
        overdue.push(decode::<Reservation>(&record)?.receipt);
    }
    Ok(overdue)
}

/// What was decided about the payment that this gateway calls `session`.
pub(in crate::core) fn payment_of_session(
    facts: &dyn Read,
    gateway: &str,
    session: &str,
) -> Result<Option<(Outcome, Option<Transaction>)>, ReadError> {
    let mut evidence = Evidence::new(facts);
    let origin = Origin::Handset { gateway: gateway.to_owned(), session: session.to_owned() };
    let alias: Option<Alias> = origin.alias_key().map_or(Ok(None), |key| evidence.load(key))?;
    let Some(alias) = alias else { return Ok(None) };
    let outcome: Option<Outcome> = evidence.load(Outcome::key(&alias.conversation))?;
    let Some(outcome) = outcome else { return Ok(None) };
    let transaction = evidence.load(Transaction::key(&outcome.receipt))?;
    Ok(Some((outcome, transaction)))
}

fn reserved(evidence: &mut Evidence<'_>, receipt: &Receipt) -> Result<Transaction, SettleError> {
    let transaction: Option<Transaction> = evidence.load(Transaction::key(receipt))?;
    let transaction = transaction.ok_or(SettleError::Unknown(*receipt))?;
    match transaction.state {
        State::Authorized => Ok(transaction),
        state => Err(SettleError::Ended { receipt: *receipt, state }),
    }
}

/// Ends a reservation by these legs. What was promised is kept: the limits of the day do not apply
/// again, only the bounds that an account always has.
fn end(
    mut evidence: Evidence<'_>,
    transaction: &mut Transaction,
    stage: Stage,
    legs: Vec<Leg>,
    now: Timestamp,
) -> Result<WriteSet, SettleError> {
    let entry = Entry::new(stage, now, legs)?;
    let mut write_set = evidence.write_set();
    entry.post(&mut write_set, &transaction.receipt, &transaction.command, |account| account.kind.bounds());
    if let Some(expires) = transaction.expires.take() {
        write_set.delete(reservation_key(expires, &transaction.receipt));
    }
    transaction.finalized = Some(now);
    transaction.entries.push(entry);
    write_set.put(Transaction::key(&transaction.receipt), encode(transaction));
    Ok(write_set)
}

fn reservation_key(expires: Timestamp, receipt: &Receipt) -> Key {
    Key::of("reservation").number(expires.micros().unsigned_abs()).text(receipt.as_str())
}
