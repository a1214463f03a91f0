//! How money enters, and accounts that are frozen.

use super::admin::AdminError;
use super::{Status, load_organization_status, load_subscriber};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::accounts::{Account, AccountKind, Holder, OpenAccount};
use crate::core::codes::ResultCode;
use crate::core::evidence::Evidence;
use crate::core::ids::{ConversationId, Draw};
use crate::core::ledger::{Entry, Leg, Purpose, Stage, Unbalanced};
use crate::core::money::Amount;
use crate::core::receipt::Receipt;
use crate::core::transaction::{Origin, Side, State, Transaction};
use crate::store::{Read, ReadError, Vacant, WriteSet, encode};

/// What the provider's own commands are called in transactions.
const FUND: &str = "Fund";

/// Brings money from the provider's trust account into an account: what was paid in at the bank. Whoever
/// may not be paid by others is not paid by the provider either: nobody could get the money out of what is
/// closed, and what is frozen or suspended is so for a reason.
pub fn fund(
    core: &Core,
    facts: &dyn Read,
    account: Account,
    amount: Amount,
    now: Timestamp,
    draw: Draw,
) -> Result<(Receipt, WriteSet), AdminError> {
    let mut evidence = Evidence::new(facts);
    if !amount.is_positive() {
        return Err(AdminError::NoAmount);
    }
    let open: Option<OpenAccount> = evidence.load(account.record())?;
    let described = format!("the {} of {}", account.kind.alias(), account.holder);
    let open = open.ok_or_else(|| AdminError::Unknown(described.clone()))?;
    if open.frozen {
        return Err(AdminError::Frozen(described));
    }
    // What is in there outside of a settlement, no settlement takes out again.
    if account.kind == AccountKind::OrganizationSettlement {
        return Err(AdminError::NotPayable(described, "in between at settlements"));
    }
    if let Some(status) = status(&mut evidence, &account.holder)?.filter(|status| !status.may_receive()) {
        return Err(AdminError::NotPayable(account.holder.to_string(), status.name()));
    }
    let day = core.zone().day(now);
    let bounds = core.catalogue().bounds(&account, day);
    let room = bounds.with_room_for(amount.minor(), account.balance(facts)?);
    let room = room.ok_or(AdminError::Limit(described))?;
    let (transaction, entry) = funding(core, account, amount, now, draw)?;
    let mut write_set = evidence.write_set();
    entry.post(&mut write_set, &transaction.receipt, |account| {
        if *account == transaction.credit.account { room } else { core.catalogue().bounds(account, day) }
    });
    let key = Transaction::key(&transaction.receipt);
    write_set.expect_absent(key.clone());
    write_set.put(key, encode(&transaction));
    Ok((transaction.receipt, write_set))
}

/// The state of who holds accounts; none for the provider, and for who is not there.
fn status(evidence: &mut Evidence<'_>, holder: &Holder) -> Result<Option<Status>, ReadError> {
    match holder {
        Holder::Provider => Ok(None),
        Holder::Organization(shortcode) => load_organization_status(evidence, shortcode),
        Holder::Subscriber(msisdn) => Ok(load_subscriber(evidence, msisdn)?.map(|subscriber| subscriber.status)),
    }
}

fn funding(
    core: &Core,
    account: Account,
    amount: Amount,
    now: Timestamp,
    draw: Draw,
) -> Result<(Transaction, Entry), Unbalanced> {
    let trust = Account::of_provider(AccountKind::Trust);
    let legs = vec![
        Leg::available(trust.clone(), amount.minor().saturating_neg(), Purpose::Principal),
        Leg::available(account.clone(), amount.minor(), Purpose::Principal),
    ];
    let transaction = Transaction {
        receipt: core.receipt(now, draw),
        command: FUND.to_owned(),
        state: State::Completed,
        code: ResultCode::Success,
        reason: String::new(),
        conversation: ConversationId::issue(core.zone(), now, draw),
        origin: Origin::Provider,
        initiator: None,
        initiator_shortcode: None,
        debit: Side { account: trust, name: String::new() },
        credit: Side { account, name: String::new() },
        amount,
        charges: Vec::new(),
        account_reference: None,
        third_party_trans_id: None,
        initiated: now,
        finalized: Some(now),
        expires: None,
        entries: Vacant,
        reverses: None,
        reversed_by: None,
    };
    Ok((transaction, Entry::new(Stage::Transfer, now, legs)?))
}

/// Freezes an account, which then neither pays nor is paid, or lets it go on.
pub fn freeze(facts: &dyn Read, account: &Account, frozen: bool) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    let open: Option<OpenAccount> = evidence.load(account.record())?;
    let described = || format!("the {} of {}", account.kind.alias(), account.holder);
    let open = open.ok_or_else(|| AdminError::Unknown(described()))?;
    if open.frozen == frozen {
        return Err(AdminError::Nothing);
    }
    let mut write_set = evidence.write_set();
    write_set.put(account.record(), encode(&OpenAccount { frozen, ..open }));
    Ok(write_set)
}

/// Whether an account is frozen; one that is not open is not.
pub fn frozen(facts: &dyn Read, account: &Account) -> Result<bool, ReadError> {
    let open: Option<OpenAccount> = Evidence::new(facts).load(account.record())?;
    Ok(open.is_some_and(|open| open.frozen))
}
