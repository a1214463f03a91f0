//! Limits: per transaction, per day and per balance, and the counters in which a day adds up.

use serde::Deserialize;

use super::accounts::Holder;
use super::dated::Dated;
use super::money::Amount;
use super::tariff::{amount, optional_amount};
use crate::clock::Day;
use crate::store::Key;

/// The limits of single transactions, by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionLimits {
    /// The name by which services refer to them.
    pub name: String,
    /// The limits, by day.
    pub versions: Dated<TransactionLimit>,
}

/// Between what a transaction's amount must lie, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionLimit {
    /// The least.
    #[serde(deserialize_with = "amount")]
    pub minimum: Amount,
    /// The most.
    #[serde(deserialize_with = "amount")]
    pub maximum: Amount,
}

/// The limits of one kind of holder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderLimits {
    /// Of whom.
    pub holder: HolderKind,
    /// The limits, by day.
    pub versions: Dated<HolderLimit>,
}

/// The kinds of holders that have limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// Subscribers.
    Subscriber,
    /// Organizations.
    Organization,
}

/// What a holder may spend and have. What is left out has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderLimit {
    /// The most that it may send on one day.
    #[serde(default, deserialize_with = "optional_amount")]
    pub daily_maximum: Option<Amount>,
    /// What a payment must leave in the account.
    #[serde(default, deserialize_with = "optional_amount")]
    pub balance_minimum: Option<Amount>,
    /// The most that an account may hold.
    #[serde(default, deserialize_with = "optional_amount")]
    pub balance_maximum: Option<Amount>,
}

/// The counter of what a holder sent on this day, in minor units.
pub(super) fn sent_on(holder: &Holder, day: Day) -> Key {
    holder.under("sent").number(day_number(day))
}

/// 20231121 for the day 2023-11-21: days in keys are in order and can be read.
fn day_number(day: Day) -> u64 {
    let part = |value: i16| u64::from(value.unsigned_abs());
    let month = part(day.month.into()).saturating_mul(100);
    part(day.year).saturating_mul(10_000).saturating_add(month).saturating_add(part(day.day.into()))
}
