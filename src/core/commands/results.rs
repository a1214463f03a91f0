//! What is reported of transactions, and the result parameters of transfers (protocol.md 3.5), in the order in which they are seen live.

use super::{Case, payment};
use crate::core::accounts::{Account, AccountKind};
use crate::core::catalogue::ResultStyle;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::report::{CapturedBalance, OrganizationBalances, Report, ReportValue};
use crate::core::transaction::{Side, Transaction};
use crate::store::{Key, WriteSet};

/// The counters that a report shows, each once.
#[derive(Default)]
pub(super) struct Captures(Vec<Key>);

impl Captures {
    /// The place of an account's available funds.
    pub fn available(&mut self, account: &Account) -> usize {
        self.place(account.available())
    }

    /// The places of an account's balance.
    pub fn balance(&mut self, account: &Account) -> CapturedBalance {
        CapturedBalance { available: self.place(account.available()), reserved: self.place(account.reserved()) }
    }

    /// The capture list.
    pub fn into_keys(self) -> Vec<Key> {
        self.0
    }

    fn place(&mut self, key: Key) -> usize {
        match self.0.iter().position(|other| *other == key) {
            Some(place) => place,
            None => {
                self.0.push(key);
                self.0.len().saturating_sub(1)
            }
        }
    }
}

/// The decision that makes a transaction true, and reports it with these parameters.
pub(super) fn completed(
    case: &Case<'_>,
    transaction: Box<Transaction>,
    mut write_set: WriteSet,
    parameters: Vec<(String, ReportValue)>,
    captures: Captures,
) -> Decision {
    let report = Report {
        parameters,
        reference: case.attempt.reference.clone(),
        ..Report::new(ResultCode::Success, transaction.receipt)
    };
    payment::keep(&mut write_set, &transaction, &case.attempt.names);
    let private = format!("{} {} completed", case.service.command, transaction.receipt);
    Decision {
        report,
        write_set,
        captures: captures.into_keys(),
        private,
        transaction: Some(transaction),
        declinable: true,
    }
}

/// The parameters of a transfer.
pub(super) fn of_transfer(
    case: &Case<'_>,
    style: ResultStyle,
    transaction: &Transaction,
    registered: bool,
    captures: &mut Captures,
) -> Vec<(String, ReportValue)> {
    match style {
        ResultStyle::B2c => to_customer(case, transaction, registered, captures),
        ResultStyle::B2b => to_business(case, transaction, captures),
        ResultStyle::BankWithdrawal => to_bank(case, transaction, captures),
    }
}

/// Whether whoever is paid is a registered customer, and the name.
pub(super) fn recipient(side: &Side, registered: bool) -> [(&'static str, ReportValue); 2] {
    [
        ("B2CRecipientIsRegisteredCustomer", ReportValue::text(if registered { "Y" } else { "N" })),
        ("ReceiverPartyPublicName", ReportValue::text(side.public_name())),
    ]
}

fn to_customer(
    case: &Case<'_>,
    transaction: &Transaction,
    registered: bool,
    captures: &mut Captures,
) -> Vec<(String, ReportValue)> {
    let payer = |kind| Account::new(transaction.debit.account.holder.clone(), kind);
    let mut funds = |kind| ReportValue::Funds { index: captures.available(&payer(kind)) };
    let [registered, name] = recipient(&transaction.credit, registered);
    keyed([
        ("TransactionAmount", ReportValue::text(transaction.amount.to_string())),
        ("TransactionReceipt", ReportValue::text(transaction.receipt.as_str())),
        registered,
        ("B2CChargesPaidAccountAvailableFunds", funds(AccountKind::ChargesPaid)),
        name,
        ("TransactionCompletedDateTime", ReportValue::text(case.core.zone().dotted(case.now))),
        ("B2CUtilityAccountAvailableFunds", funds(AccountKind::Utility)),
        ("B2CWorkingAccountAvailableFunds", funds(AccountKind::Working)),
    ])
}

/// Only the payer's balances: the payee's are its own affair (S1).
fn to_business(case: &Case<'_>, transaction: &Transaction, captures: &mut Captures) -> Vec<(String, ReportValue)> {
    let currency = || case.core.currency().to_owned();
    let debit = &transaction.debit.account;
    let balance = captures.balance(debit);
    let structured = || ReportValue::Structured { balance, currency: currency() };
    keyed([
        ("InitiatorAccountCurrentBalance", structured()),
        ("DebitAccountCurrentBalance", structured()),
        ("Amount", ReportValue::text(transaction.amount.to_string())),
        ("DebitPartyAffectedAccountBalance", affected(case, debit, balance)),
        ("TransCompletedTime", ReportValue::text(case.core.zone().compact(case.now))),
        ("DebitPartyCharges", ReportValue::text(debit_party_charges(transaction, case.core.currency()))),
        ("ReceiverPartyPublicName", ReportValue::text(transaction.credit.public_name())),
        ("Currency", ReportValue::text(currency())),
    ])
}

fn to_bank(case: &Case<'_>, transaction: &Transaction, captures: &mut Captures) -> Vec<(String, ReportValue)> {
    let debit = &transaction.debit.account;
    let balance = captures.balance(debit);
    keyed([
        ("Amount", ReportValue::text(transaction.amount.to_string())),
        ("DebitPartyCharges", ReportValue::text(debit_party_charges(transaction, case.core.currency()))),
        ("TransCompletedTime", ReportValue::text(case.core.zone().compact(case.now))),
        ("DebitPartyAffectedAccountBalance", affected(case, debit, balance)),
    ])
}

fn affected(case: &Case<'_>, account: &Account, balance: CapturedBalance) -> ReportValue {
    let accounts = Some(vec![(account.kind.alias().to_owned(), balance)]);
    let organizations = vec![OrganizationBalances { shortcode: None, accounts }];
    ReportValue::Accounts { currency: case.core.currency().to_owned(), organizations }
}

/// `Fee For B2C Payment|KES|33.00`, as many as the payer has to bear.
pub(super) fn debit_party_charges(transaction: &Transaction, currency: &str) -> String {
    let own = transaction.charges.iter().filter(|charge| charge.account.holder == transaction.debit.account.holder);
    let each = own.map(|charge| format!("{}|{currency}|{}", charge.label, charge.amount));
    each.collect::<Vec<_>>().join("&")
}

/// Parameters from keys and values.
pub(super) fn keyed<const N: usize>(pairs: [(&str, ReportValue); N]) -> Vec<(String, ReportValue)> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
