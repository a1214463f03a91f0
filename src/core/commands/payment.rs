//! From a resolved payment to the write set that makes it true: the accounting rules in their
//! documented order, charges, entry, limits and records; and what becomes of a payment that a rule
//! or the store declines.

use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Halt, Names, Refusal, record_transaction, refuse};
use crate::clock::{Day, Timestamp};
use crate::core::Core;
use crate::core::accounts::{Account, AccountKind, Bounds, FrozenAccount, Holder, HolderKeys, OpenAccount};
use crate::core::catalogue::ChargeRule;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::Organization;
use crate::core::evidence::Evidence;
use crate::core::ledger::{Entry, Leg, Purpose, Stage};
use crate::core::limits::Period;
use crate::core::money::Amount;
use crate::core::receipt::Receipt;
use crate::core::report::Report;
use crate::core::tariff::band_of;
use crate::core::transaction::{Charge, Side, State, Transaction};
use crate::store::{CommitError, Fields, Key, Stored, Vacant, WriteSet, encode};

/// By which rules a payment is judged.
pub(super) struct Terms<'a> {
    /// The limits of a single transaction. None for what only gives back: that has no limits, nor
    /// does it count towards those of the payer's day.
    pub limits: Option<&'a str>,
    /// What it costs.
    pub charges: &'a [ChargeRule],
    /// The organization that bears the business's part of charges, if one takes part.
    pub business: Option<&'a Organization>,
    /// For how long the same amount may not go to the same customer again.
    pub same_amount_seconds: u32,
}

/// A payment whose parties and amount are known.
pub(super) struct Draft<'a> {
    pub attempt: &'a Attempt<'a>,
    pub debit: Side,
    pub credit: Side,
    pub amount: Amount,
    pub account_reference: Option<String>,
    pub receipt: Receipt,
    pub now: Timestamp,
}

impl Draft<'_> {
    /// The transaction as it will stand if no rule forbids it.
    pub fn transaction(self, state: State) -> Box<Transaction> {
        Box::new(Transaction {
            receipt: self.receipt,
            command: self.attempt.command.to_owned(),
            state,
            code: ResultCode::Success,
            reason: String::new(),
            conversation: self.attempt.conversation.clone(),
            origin: self.attempt.origin.to_owned(),
            initiator: self.attempt.initiator,
            initiator_shortcode: self.attempt.initiator_shortcode.clone(),
            debit: self.debit,
            credit: self.credit,
            amount: self.amount,
            charges: Vec::new(),
            account_reference: self.account_reference,
            third_party_trans_id: None,
            initiated: self.now,
            finalized: (state == State::Completed).then_some(self.now),
            expires: None,
            entries: Vacant,
            reverses: None,
            reversed_by: None,
        })
    }
}

/// Judges a payment by the accounting rules. If none forbids it, the transaction has got its
/// charges, and what its first entry moves is in the write set; the transaction itself is still to be
/// [kept](keep).
pub(super) fn judge(
    core: &Core,
    evidence: &mut Evidence<'_>,
    terms: &Terms<'_>,
    transaction: &mut Transaction,
    stage: Stage,
) -> Result<WriteSet, Halt> {
    let day = core.zone().day(transaction.initiated);
    if let Some(name) = terms.limits {
        single_limit(core, name, transaction.amount, day)?;
    }
    transaction.charges = charges(core, terms, transaction, day)?;
    open_accounts(evidence, transaction)?;
    let recent = same_amount(evidence, terms.same_amount_seconds, transaction)?;
    // What only gives back has no limits, nor does it count towards them.
    let sent = terms.limits.map(|_| Period::all_sent(&transaction.debit.account.holder, day));
    if let Some(sent) = &sent {
        period_limits(core, evidence, transaction, day, sent)?;
    }
    let room = balances(core, evidence, transaction, day)?;
    let entry = first_entry(transaction, stage)?;

    let mut write_set = evidence.write_set();
    entry.post(&mut write_set, &transaction.receipt, |account| {
        if *account == transaction.credit.account { room } else { core.catalogue().bounds(account, day) }
    });
    if let Some(sent) = sent {
        count_sent(core, &mut write_set, transaction, day, sent);
    }
    if let Some((key, recent)) = recent {
        write_set.put(key, encode(&recent));
    }
    Ok(write_set)
}

/// Keeps a new transaction, and how its conversation was decided.
pub(super) fn keep(write_set: &mut WriteSet, transaction: &Transaction, names: &Names) {
    let key = Transaction::key(&transaction.receipt);
    // A receipt is issued once (L5); if the draw hit one that exists, the caller draws again.
    write_set.expect_absent(key.clone());
    write_set.put(key, encode(transaction));
    record_transaction(write_set, transaction, names);
}

/// The decision about a transaction that exists, but moves nothing because a rule forbids it.
pub(super) fn declined(
    mut transaction: Box<Transaction>,
    names: &Names,
    reference: Vec<(String, String)>,
    refusal: Refusal,
) -> Decision {
    transaction.state = State::Declined;
    transaction.code = refusal.code;
    transaction.reason.clone_from(&refusal.description);
    transaction.finalized = Some(transaction.initiated);
    transaction.expires = None;
    transaction.charges.clear();
    let report =
        Report { description: refusal.description, reference, ..Report::new(refusal.code, transaction.receipt) };
    let mut write_set = WriteSet::new();
    keep(&mut write_set, &transaction, names);
    Decision {
        report,
        write_set,
        captures: Vec::new(),
        private: refusal.reason,
        transaction: Some(transaction),
        declinable: false,
    }
}

/// A decision that the store refused because of a bound, declined with that bound's code.
pub(in crate::core) fn bounded(core: &Core, decision: &Decision, error: &CommitError) -> Option<Decision> {
    let CommitError::Bound { counter, value, delta } = error else { return None };
    let transaction = decision.transaction.as_ref().filter(|_| decision.declinable)?;
    let (day, holder) = (core.zone().day(transaction.initiated), &transaction.debit.account.holder);
    let code = if let Some(period) = Period::ALL.into_iter().find(|period| *counter == period.sent(holder, day)) {
        period.exceeded()
    } else if *counter == transaction.debit.account.available() {
        shortage(value.saturating_add(*delta))
    } else if *counter == transaction.credit.account.available() {
        let most = core.catalogue().bounds(&transaction.credit.account, day).ceiling;
        if value.saturating_add(*delta) <= most {
            // What was promised when it was decided may be so no more, which leaves room again.
            return None;
        }
        ResultCode::AboveMaximumBalance
    } else {
        ResultCode::Internal
    };
    let refusal = Refusal::new(code, error.to_string());
    let names = Names::of_transaction(transaction);
    Some(declined(transaction.clone(), &names, decision.report.reference.clone(), refusal))
}

fn single_limit(core: &Core, name: &str, amount: Amount, day: Day) -> Result<(), Halt> {
    let Some(limit) = core.catalogue().transaction_limit(name, day) else {
        return refuse(ResultCode::Internal, format!("no version of the limits \"{name}\" is in force"));
    };
    if amount < limit.minimum {
        return refuse(ResultCode::BelowMinimum, format!("{amount} is less than {}", limit.minimum));
    }
    if amount > limit.maximum {
        return refuse(ResultCode::AboveMaximum, format!("{amount} is more than {}", limit.maximum));
    }
    Ok(())
}

/// The charges by the tariffs in force on the day (L8).
fn charges(core: &Core, terms: &Terms<'_>, transaction: &Transaction, day: Day) -> Result<Vec<Charge>, Halt> {
    let mut charges = Vec::new();
    for rule in terms.charges {
        let tariff = rule.tariff_for(terms.business.and_then(|business| business.tariff.as_deref()));
        let bands = core.catalogue().bands(tariff, day);
        let Some(band) = bands.and_then(|bands| band_of(bands, transaction.amount)) else {
            let reason = format!("tariff \"{tariff}\" has no band for {}", transaction.amount);
            return refuse(ResultCode::Internal, reason);
        };
        let mut charge = |account, amount: Amount| {
            if amount.is_positive() {
                charges.push(Charge { label: rule.label.clone(), account, amount });
            }
        };
        charge(transaction.debit.account.clone(), band.customer);
        // The catalogue has no business's part where no business takes part.
        if let Some(business) = terms.business {
            let holder = Holder::Organization(business.shortcode.clone());
            charge(Account::new(holder, AccountKind::ChargesPaid), band.business);
        }
    }
    Ok(charges)
}

/// Every account that is touched is open and not frozen.
fn open_accounts(evidence: &mut Evidence<'_>, transaction: &Transaction) -> Result<(), Halt> {
    let sides = [&transaction.debit.account, &transaction.credit.account];
    // A charge that a side bears from its own account needs no second look at it.
    let charged = transaction.charges.iter().map(|charge| &charge.account).filter(|account| !sides.contains(account));
    sides.into_iter().chain(charged).try_for_each(|account| must_be_open(evidence, account))
}

/// The account is open and not frozen. The provider's always are.
pub(super) fn must_be_open(evidence: &mut Evidence<'_>, account: &Account) -> Result<(), Halt> {
    if account.holder == Holder::Provider {
        return Ok(());
    }
    let described = || format!("the {} of {}", account.kind.alias(), account.holder);
    match evidence.glance::<OpenAccount, FrozenAccount>(account.record())? {
        Some(open) if !open.frozen => Ok(()),
        Some(_) => refuse(ResultCode::AccountState, format!("{} is frozen", described())),
        None => refuse(ResultCode::AccountState, format!("{} does not exist", described())),
    }
}

/// What an organization paid to a customer a moment ago.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    payments: Vec<(Amount, Timestamp)>,
}

impl Stored for Recent {
    const NAME: &'static str = "recent payments to a customer";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

static RECENT: HolderKeys = HolderKeys::of("recent");

/// Refuses the same amount to the same customer from the same organization within the window;
/// otherwise what to remember, if the service has a window.
fn same_amount(
    evidence: &mut Evidence<'_>,
    seconds: u32,
    transaction: &Transaction,
) -> Result<Option<(Key, Recent)>, Halt> {
    let Holder::Subscriber(customer) = &transaction.credit.account.holder else { return Ok(None) };
    if seconds == 0 {
        return Ok(None);
    }
    let key = transaction.debit.account.holder.under(&RECENT).text(customer.as_str());
    let mut recent: Recent = evidence.load(key.clone())?.unwrap_or_default();
    let since = transaction.initiated.minus(std::time::Duration::from_secs(seconds.into()));
    // Only what is inside the window is remembered, so the record stays small.
    recent.payments.retain(|(_, at)| *at > since);
    if recent.payments.iter().any(|(amount, _)| *amount == transaction.amount) {
        let reason = format!("{} went to {customer} less than {seconds} s ago", transaction.amount);
        return refuse(ResultCode::SameAmount, reason);
    }
    recent.payments.push((transaction.amount, transaction.initiated));
    Ok(Some((key, recent)))
}

/// What the payer sent on this day, in this week, month and year leaves room for it.
fn period_limits(
    core: &Core,
    evidence: &Evidence<'_>,
    transaction: &Transaction,
    day: Day,
    sent: &[Key; 4],
) -> Result<(), Halt> {
    let holder = &transaction.debit.account.holder;
    let limit = core.catalogue().holder_limit(holder, day);
    for (period, counter) in Period::ALL.into_iter().zip(sent) {
        let Some(maximum) = period.maximum(&limit) else { continue };
        let sent = Amount::from_minor(evidence.facts().counter(counter)?);
        if sent.checked_add(transaction.amount).is_none_or(|after| after > maximum) {
            let reason = format!("{holder} sent {sent} in this {period:?}, and {maximum} are allowed");
            return refuse(period.exceeded(), reason);
        }
    }
    Ok(())
}

/// Counts it in all periods, within their limits.
fn count_sent(core: &Core, write_set: &mut WriteSet, transaction: &Transaction, day: Day, sent: [Key; 4]) {
    let limit = core.catalogue().holder_limit(&transaction.debit.account.holder, day);
    for (period, counter) in Period::ALL.into_iter().zip(sent) {
        let ceiling = period.maximum(&limit).map_or(i64::MAX, Amount::minor);
        write_set.adjust(counter, transaction.amount.minor(), 0, ceiling);
    }
}

/// Takes back what was counted of a payment that came to nothing.
pub(super) fn uncount_sent(core: &Core, write_set: &mut WriteSet, transaction: &Transaction) {
    let (day, holder) = (core.zone().day(transaction.initiated), &transaction.debit.account.holder);
    for period in Period::ALL {
        write_set.adjust(period.sent(holder, day), transaction.amount.minor().saturating_neg(), 0, i64::MAX);
    }
}

/// The payer has enough, and the payee will not have too much. The commit checks the same bounds
/// again, those of the payee as they are told here; this is so that the usual refusal needs no commit.
fn balances(core: &Core, evidence: &Evidence<'_>, transaction: &Transaction, day: Day) -> Result<Bounds, Halt> {
    let (debit, credit) = (&transaction.debit.account, &transaction.credit.account);
    let Some(due) = due(transaction) else { return refuse(ResultCode::Internal, "the charges have no sum") };
    let available = evidence.facts().counter(&debit.available())?;
    let left = available.checked_sub(due.minor()).unwrap_or(i64::MIN);
    if left < core.catalogue().bounds(debit, day).floor {
        let available = Amount::from_minor(available);
        return refuse(shortage(left), format!("{available} are available for {due} in the {}", debit.kind.alias()));
    }
    must_fit(core, evidence, credit, transaction.amount.minor(), day)
}

/// The account will not hold too much with this beside what it holds, promised or not. Tells between what its
/// available funds must stay for that.
pub(super) fn must_fit(
    core: &Core,
    evidence: &Evidence<'_>,
    account: &Account,
    amount: i64,
    day: Day,
) -> Result<Bounds, Halt> {
    let balance = account.balance(evidence.facts())?;
    match core.catalogue().bounds(account, day).with_room_for(amount, balance) {
        Some(room) => Ok(room),
        None => {
            let current = Amount::from_minor(balance.current());
            let reason = format!("{current} are in the {} already", account.kind.alias());
            refuse(ResultCode::AboveMaximumBalance, reason)
        }
    }
}

/// The code for an account that would be left with this: nothing, or less than must stay in it.
fn shortage(left: i64) -> ResultCode {
    if left < 0 { ResultCode::InsufficientBalance } else { ResultCode::BelowMinimumBalance }
}

/// What leaves the payer's account: the amount, and the charges that it bears itself.
fn due(transaction: &Transaction) -> Option<Amount> {
    let own = transaction.charges.iter().filter(|charge| charge.account == transaction.debit.account);
    own.map(|charge| charge.amount).try_fold(transaction.amount, Amount::checked_add)
}

fn first_entry(transaction: &Transaction, stage: Stage) -> Result<Entry, Halt> {
    let legs = match stage {
        Stage::Hold => {
            let due = due(transaction).unwrap_or_default();
            vec![Leg::held(transaction.debit.account.clone(), due.minor())]
        }
        Stage::Transfer | Stage::Settle | Stage::Release => moving_legs(transaction, Leg::available),
    };
    match Entry::new(stage, transaction.initiated, legs) {
        Ok(entry) => Ok(entry),
        Err(unbalanced) => refuse(ResultCode::Internal, unbalanced.to_string()),
    }
}

/// The legs that move the money and the charges; `payer` makes the legs that take from the payer's
/// own account.
fn moving_legs(transaction: &Transaction, payer: fn(Account, i64, Purpose) -> Leg) -> Vec<Leg> {
    let (debit, credit) = (&transaction.debit.account, &transaction.credit.account);
    let amount = transaction.amount.minor();
    let mut legs = Vec::with_capacity(transaction.charges.len().saturating_add(1).saturating_mul(2));
    legs.push(payer(debit.clone(), amount.saturating_neg(), Purpose::Principal));
    legs.push(Leg::available(credit.clone(), amount, Purpose::Principal));
    for Charge { account, amount, .. } in &transaction.charges {
        let take = if account == debit { payer } else { Leg::available };
        legs.push(take(account.clone(), amount.minor().saturating_neg(), Purpose::Charge));
        let income = Account::of_provider(AccountKind::ChargesIncome);
        legs.push(Leg::available(income, amount.minor(), Purpose::Charge));
    }
    legs
}

/// The legs that move what was reserved, and the charges.
pub(super) fn settling_legs(transaction: &Transaction) -> Vec<Leg> {
    moving_legs(transaction, Leg::reserved)
}

/// The leg that gives back what was reserved.
pub(super) fn releasing_legs(transaction: &Transaction) -> Vec<Leg> {
    let due = due(transaction).unwrap_or_default();
    vec![Leg::held(transaction.debit.account.clone(), due.minor().saturating_neg())]
}
