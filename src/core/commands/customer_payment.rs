//! The second half of subscribers' payments to organizations: what was reserved is moved when the
//! payee agrees, or given back. A reservation ends exactly once, because whoever ends it expects the version of the
//! transaction that it read (invariant L3).

use serde::{Deserialize, Serialize};

use super::payment::{releasing_legs, settling_legs, uncount_sent};
use super::results::Captures;
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::{Status, load_organization_status};
use crate::core::evidence::Evidence;
use crate::core::ledger::{Entry, Leg, Stage, Unbalanced};
use crate::core::order::CancelReason;
use crate::core::receipt::Receipt;
use crate::core::report::{RECEIVER_CODE, RECEIVER_CODE_CHARACTERS_MAX, Report, ReportValue};
use crate::core::transaction::{State, Transaction};
use crate::store::{Fields, Key, Part, Read, ReadError, Stored, WriteSet, decode, encode};

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
    /// The payee's organization was closed while the payment was under way; it can only be cancelled.
    #[error("the payee of {0} was closed meanwhile")]
    PayeeClosed(Receipt),
    /// Our own fault: legs that do not sum to zero.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The payment whose reservation is to be ended.
#[derive(Clone, Debug)]
pub enum Held {
    /// The one with this receipt, to be read.
    Receipt(Receipt),
    /// As it was just written, by the commit of this number: what has changed since then makes the commit
    /// of its end a conflict.
    Written(Box<Transaction>, u64),
}

impl Held {
    /// Its receipt.
    pub fn receipt(&self) -> Receipt {
        match self {
            Self::Receipt(receipt) => *receipt,
            Self::Written(transaction, _) => transaction.receipt,
        }
    }
}

impl From<&Receipt> for Held {
    fn from(receipt: &Receipt) -> Self {
        Self::Receipt(*receipt)
    }
}

/// A reservation that is open, filed by the moment at which it runs out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reservation {
    receipt: Receipt,
}

impl Stored for Reservation {
    const NAME: &'static str = "an open reservation";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// Files the reservation, if the transaction is one, by the moment at which it runs out.
pub(super) fn reserve(write_set: &mut WriteSet, transaction: &Transaction) {
    if let Some(expires) = transaction.expires {
        let reservation = Reservation { receipt: transaction.receipt };
        write_set.put(reservation_key(expires, &transaction.receipt), encode(&reservation));
    }
}

/// The balances after a payment: the payee's for the confirmation (`OrgAccountBalance`), unless it
/// is a subscriber, whose affair it is, and the payer's for the handset (`Balance`).
pub(super) fn shown_balances(transaction: &Transaction, captures: &mut Captures) -> Vec<(String, ReportValue)> {
    let (payee, payer) = (&transaction.credit.account, &transaction.debit.account);
    let confirmed = payee.holder.shortcode().map(|_| ("OrgAccountBalance", payee));
    let shown = confirmed.into_iter().chain([("Balance", payer)]);
    shown.map(|(key, account)| (key.to_owned(), ReportValue::Funds { index: captures.available(account) })).collect()
}

/// Moves what was reserved.
pub(in crate::core) fn complete(
    facts: &dyn Read,
    held: Held,
    third_party_trans_id: Option<&str>,
    now: Timestamp,
) -> Result<Decision, SettleError> {
    let mut evidence = Evidence::new(facts);
    let mut transaction = reserved(&mut evidence, held)?;
    let receipt = transaction.receipt;
    if transaction.expires.is_some_and(|expires| expires <= now) {
        return Err(SettleError::Overdue(receipt));
    }
    // What was promised is kept, whatever the payee's state is by now, but for money that would lie in
    // what is closed for good, where nobody could give it back.
    if let Some(payee) = transaction.credit.account.holder.shortcode()
        && load_organization_status(&mut evidence, payee)?.is_none_or(|status| status == Status::Closed)
    {
        return Err(SettleError::PayeeClosed(receipt));
    }
    transaction.state = State::Completed;
    transaction.third_party_trans_id = third_party_trans_id.map(str::to_owned);
    let legs = settling_legs(&transaction);
    let write_set = end(evidence, &mut transaction, Stage::Settle, legs, now)?;
    let mut captures = Captures::default();
    let parameters = shown_balances(&transaction, &mut captures);
    let report = Report { parameters, ..Report::new(ResultCode::Success, receipt) };
    // Put together without formatting, which would take a thirtieth of the decision.
    let private = [receipt.as_str(), " completed"].concat();
    Ok(Decision {
        report,
        write_set,
        captures: captures.into_keys(),
        private,
        transaction: Some(transaction),
        declinable: false,
    })
}

/// Gives back what was reserved, and what it had used up of the payer's day.
pub(in crate::core) fn cancel(
    core: &Core,
    facts: &dyn Read,
    held: Held,
    why: &CancelReason,
    now: Timestamp,
) -> Result<Decision, SettleError> {
    let mut evidence = Evidence::new(facts);
    let mut transaction = reserved(&mut evidence, held)?;
    let receipt = transaction.receipt;
    let (state, code, private) = match why {
        CancelReason::Refused { code, description } => {
            let private = format!("{receipt} refused by the payee with {code:?}: {description:?}");
            (State::Cancelled, ResultCode::ReceiverDeclined, private)
        }
        CancelReason::Unreachable => {
            (State::Cancelled, ResultCode::ReceiverDeclined, format!("{receipt}: the payee could not be asked"))
        }
        CancelReason::PayeeClosed => {
            (State::Cancelled, ResultCode::CreditPartyState, format!("{receipt}: the payee was closed meanwhile"))
        }
        CancelReason::Expired => (State::Expired, ResultCode::ReservationExpired, format!("{receipt} ran out")),
    };
    transaction.state = state;
    transaction.code = code;
    code.text().clone_into(&mut transaction.reason);
    let legs = releasing_legs(&transaction);
    let mut write_set = end(evidence, &mut transaction, Stage::Release, legs, now)?;
    uncount_sent(core, &mut write_set, &transaction);
    let mut report = Report::new(code, receipt);
    if let CancelReason::Refused { code, .. } = why {
        let shown: String = code.chars().take(RECEIVER_CODE_CHARACTERS_MAX).collect();
        report.parameters.push((RECEIVER_CODE.into(), ReportValue::text(shown)));
    }
    Ok(Decision { report, write_set, captures: Vec::new(), private, transaction: Some(transaction), declinable: false })
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

fn reserved(evidence: &mut Evidence<'_>, held: Held) -> Result<Box<Transaction>, SettleError> {
    let transaction = match held {
        Held::Written(transaction, version) => {
            evidence.rest_on(Transaction::key(&transaction.receipt), version);
            transaction
        }
        Held::Receipt(receipt) => {
            evidence.load(Transaction::key(&receipt))?.map(Box::new).ok_or(SettleError::Unknown(receipt))?
        }
    };
    match transaction.state {
        State::Authorized => Ok(transaction),
        state => Err(SettleError::Ended { receipt: transaction.receipt, state }),
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
    entry.post(&mut write_set, &transaction.receipt, |account| account.kind.bounds());
    if let Some(expires) = transaction.expires.take() {
        write_set.delete(reservation_key(expires, &transaction.receipt));
    }
    transaction.finalized = Some(now);
    write_set.put(Transaction::key(&transaction.receipt), encode(transaction));
    Ok(write_set)
}

fn reservation_key(expires: Timestamp, receipt: &Receipt) -> Key {
    static RESERVATION: Key = Key::constant(&["reservation"]);
    receipt.under(&RESERVATION.clone().number(expires.micros().unsigned_abs()))
}
