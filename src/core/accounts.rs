//! Accounts: what a holder has, and the counters that hold the money.
//!
//! Each account has two counters, available and reserved; the current balance is their sum, so
//! "available = current - reserved" cannot break (invariant L2).

mod spelling;

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::ids::{Msisdn, Shortcode};
use crate::clock::Timestamp;
use crate::store::{Fields, Key, Read, ReadError, Stored, decode};

/// Who holds accounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// The mobile-money operator itself.
    Provider,
    /// An organization.
    Organization(Shortcode),
    /// A subscriber.
    Subscriber(Msisdn),
}

impl Holder {
    /// The shortcode, if it is an organization.
    pub fn shortcode(&self) -> Option<&Shortcode> {
        match self {
            Self::Organization(shortcode) => Some(shortcode),
            Self::Provider | Self::Subscriber(_) => None,
        }
    }

    /// The key of this holder's things of one kind.
    pub(super) fn under(&self, kind: &HolderKeys) -> Key {
        match self {
            Self::Provider => kind.provider.clone(),
            Self::Organization(shortcode) => shortcode.under(&kind.organization),
            Self::Subscriber(msisdn) => msisdn.under(&kind.subscriber),
        }
    }
}

/// How the keys of one kind of thing begin, by who has such things.
pub(super) struct HolderKeys {
    provider: Key,
    organization: Key,
    subscriber: Key,
}

impl HolderKeys {
    /// Those of this kind.
    pub const fn of(kind: &str) -> Self {
        Self {
            provider: Key::constant(&[kind, "provider", ""]),
            organization: Key::constant(&[kind, "organization"]),
            subscriber: Key::constant(&[kind, "subscriber"]),
        }
    }
}

static ACCOUNT: HolderKeys = HolderKeys::of("account");
static AVAILABLE: HolderKeys = HolderKeys::of("available");
static RESERVED: HolderKeys = HolderKeys::of("reserved");
static STATEMENT: HolderKeys = HolderKeys::of("statement");

/// The identifier alone, as in `ReceiverPartyPublicName`.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider => f.write_str("Service Provider"),
            Self::Organization(shortcode) => fmt::Display::fmt(shortcode, f),
            Self::Subscriber(msisdn) => fmt::Display::fmt(msisdn, f),
        }
    }
}

/// What an account is for (domain.md 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// MMF, also called Working: outgoing cash of an organization, and a subscriber's own account.
    Working,
    /// Cash in and out of agents.
    Float,
    /// Incoming cash of a paybill; business-to-customer payments go out of it.
    Utility,
    /// Incoming cash of tills.
    Merchant,
    /// What an organization owes the provider: never above zero.
    ChargesPaid,
    /// In between at settlement.
    OrganizationSettlement,
    /// The provider's account at the bank, from which all money comes: never above zero, for what
    /// is negative here is in everybody else's accounts.
    Trust,
    /// What the provider earned.
    ChargesIncome,
    /// What the provider cannot place yet.
    Suspense,
}

impl AccountKind {
    /// All kinds.
    pub const ALL: [AccountKind; 9] = [
        Self::Working,
        Self::Float,
        Self::Utility,
        Self::Merchant,
        Self::ChargesPaid,
        Self::OrganizationSettlement,
        Self::Trust,
        Self::ChargesIncome,
        Self::Suspense,
    ];

    /// The accounts of the provider.
    pub const PROVIDER: [AccountKind; 3] = [Self::Trust, Self::ChargesIncome, Self::Suspense];

    /// The kinds that an organization can have, in the order in which balances are reported.
    pub const ORGANIZATION: [AccountKind; 6] =
        [Self::Working, Self::Float, Self::Utility, Self::Merchant, Self::ChargesPaid, Self::OrganizationSettlement];

    /// How third parties know it.
    pub const fn alias(self) -> &'static str {
        match self {
            Self::Working => "Working Account",
            Self::Float => "Float Account",
            Self::Utility => "Utility Account",
            Self::Merchant => "Merchant Account",
            Self::ChargesPaid => "Charges Paid Account",
            Self::OrganizationSettlement => "Organization Settlement Account",
            Self::Trust => "Trust Account",
            Self::ChargesIncome => "Charges Income Account",
            Self::Suspense => "Suspense Account",
        }
    }

    /// Under which other names third parties ask for it (protocol.md 5).
    pub const fn also_called(self) -> &'static [&'static str] {
        match self {
            Self::Working => &["MMF Account", "MMF Organization Account"],
            _ => &[],
        }
    }

    /// Its name in records, in keys, and where operators name it. Stored, so never to be changed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Float => "float",
            Self::Utility => "utility",
            Self::Merchant => "merchant",
            Self::ChargesPaid => "charges-paid",
            Self::OrganizationSettlement => "organization-settlement",
            Self::Trust => "trust",
            Self::ChargesIncome => "charges-income",
            Self::Suspense => "suspense",
        }
    }

    /// Its name as a part of keys.
    fn key(self) -> &'static Key {
        static WORKING: Key = Key::constant(&[AccountKind::Working.name()]);
        static FLOAT: Key = Key::constant(&[AccountKind::Float.name()]);
        static UTILITY: Key = Key::constant(&[AccountKind::Utility.name()]);
        static MERCHANT: Key = Key::constant(&[AccountKind::Merchant.name()]);
        static CHARGES_PAID: Key = Key::constant(&[AccountKind::ChargesPaid.name()]);
        static ORGANIZATION_SETTLEMENT: Key = Key::constant(&[AccountKind::OrganizationSettlement.name()]);
        static TRUST: Key = Key::constant(&[AccountKind::Trust.name()]);
        static CHARGES_INCOME: Key = Key::constant(&[AccountKind::ChargesIncome.name()]);
        static SUSPENSE: Key = Key::constant(&[AccountKind::Suspense.name()]);
        match self {
            Self::Working => &WORKING,
            Self::Float => &FLOAT,
            Self::Utility => &UTILITY,
            Self::Merchant => &MERCHANT,
            Self::ChargesPaid => &CHARGES_PAID,
            Self::OrganizationSettlement => &ORGANIZATION_SETTLEMENT,
            Self::Trust => &TRUST,
            Self::ChargesIncome => &CHARGES_INCOME,
            Self::Suspense => &SUSPENSE,
        }
    }

    /// The bounds of its available funds, whoever holds it.
    pub(super) const fn bounds(self) -> Bounds {
        match self {
            Self::ChargesPaid | Self::Trust => Bounds { floor: i64::MIN, ceiling: 0 },
            _ => Bounds { floor: 0, ceiling: i64::MAX },
        }
    }
}

/// Between what a counter stays, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub floor: i64,
    /// The most.
    pub ceiling: i64,
}

impl Bounds {
    /// What is left of them for the available funds of an account with this balance that gets so much more; nothing
    /// if it would hold too much then, promised or not. A commit sees the one counter and not the other.
    pub(super) fn with_room_for(self, amount: i64, balance: Balance) -> Option<Self> {
        let after = balance.current().checked_add(amount)?;
        let left = Self { ceiling: self.ceiling.saturating_sub(balance.reserved), ..self };
        (after <= self.ceiling).then_some(left)
    }
}

/// One account: whose, and which. In records it is one short text (see `accounts::spelling`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// Who holds it.
    pub holder: Holder,
    /// What it is for.
    pub kind: AccountKind,
}

impl Account {
    /// This account of this holder.
    pub fn new(holder: Holder, kind: AccountKind) -> Self {
        Self { holder, kind }
    }

    /// An account of the provider.
    pub fn of_provider(kind: AccountKind) -> Self {
        Self::new(Holder::Provider, kind)
    }

    /// The record that says that the account is open.
    pub fn record(&self) -> Key {
        self.under(&ACCOUNT)
    }

    /// The counter of the funds that can be spent.
    pub fn available(&self) -> Key {
        self.under(&AVAILABLE)
    }

    /// The counter of the funds that are promised to a payment under way.
    pub fn reserved(&self) -> Key {
        self.under(&RESERVED)
    }

    /// The log of everything that moved this account.
    pub fn statement(&self) -> Key {
        self.under(&STATEMENT)
    }

    fn under(&self, kind: &HolderKeys) -> Key {
        let parts = self.kind.key();
        match &self.holder {
            Holder::Provider => kind.provider.followed_by(parts),
            Holder::Organization(shortcode) => shortcode.between(&kind.organization, parts),
            Holder::Subscriber(msisdn) => msisdn.between(&kind.subscriber, parts),
        }
    }

    /// The keys of everything that an entry moves.
    pub(super) fn keys(&self) -> AccountKeys {
        AccountKeys { available: self.available(), reserved: self.reserved(), statement: self.statement() }
    }

    /// Its balance as it stands.
    pub fn balance(&self, facts: &dyn Read) -> Result<Balance, ReadError> {
        Ok(Balance { available: facts.counter(&self.available())?, reserved: facts.counter(&self.reserved())? })
    }
}

/// Where an account's money and its history are.
pub(super) struct AccountKeys {
    /// As [`Account::available`].
    pub available: Key,
    /// As [`Account::reserved`].
    pub reserved: Key,
    /// As [`Account::statement`].
    pub statement: Key,
}

/// What an account holds, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Can be spent.
    pub available: i64,
    /// Promised.
    pub reserved: i64,
}

impl Balance {
    /// All of it.
    pub const fn current(self) -> i64 {
        self.available.saturating_add(self.reserved)
    }
}

/// The record of an open account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAccount {
    /// Which one.
    pub account: Account,
    /// Since when.
    pub opened: Timestamp,
    /// A frozen account neither pays nor is paid.
    pub frozen: bool,
}

impl Stored for OpenAccount {
    const NAME: &'static str = "an open account";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// An [`OpenAccount`] of which is kept only whether it is frozen.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the other parts are passed over")]
pub(super) struct FrozenAccount {
    account: IgnoredAny,
    opened: IgnoredAny,
    pub(super) frozen: bool,
}

/// The accounts that this holder has open, with their balances, in the order of their keys.
pub fn balances(facts: &dyn Read, holder: &Holder) -> Result<Vec<(AccountKind, Balance)>, ReadError> {
    if *holder == Holder::Provider {
        let provider = AccountKind::PROVIDER.iter();
        return provider.map(|&kind| Ok((kind, Account::of_provider(kind).balance(facts)?))).collect();
    }
    let open = facts.range(&holder.under(&ACCOUNT).subtree(), AccountKind::ORGANIZATION.len())?;
    let accounts = open.iter().map(|(_, record)| decode::<OpenAccount>(record).map(|open| open.account));
    accounts.map(|account| account.and_then(|account| Ok((account.kind, account.balance(facts)?)))).collect()
}

/// The sum over all accounts of everybody: zero, or money was made or lost (invariant L1).
pub fn ledger_sum(facts: &dyn Read) -> Result<i128, ReadError> {
    const PAGE: usize = 1_000;
    let mut sum = 0_i128;
    for kind in AccountKind::PROVIDER {
        sum = sum.saturating_add(i128::from(Account::of_provider(kind).balance(facts)?.current()));
    }
    let mut range = Key::of("account").subtree();
    loop {
        let page = facts.range(&range, PAGE)?;
        for (_, record) in &page {
            let balance = decode::<OpenAccount>(record)?.account.balance(facts)?;
            sum = sum.saturating_add(i128::from(balance.current()));
        }
        match page.last() {
            Some((last, _)) => range = range.after(last),
            None => return Ok(sum),
        }
    }
}
