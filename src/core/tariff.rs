//! Tariffs: what a transaction costs, and who bears it, by bands of its amount (invariant L8).

#[cfg(test)]
pub(super) mod golden;

use serde::{Deserialize, Deserializer, de};

use super::dated::Dated;
use super::money::Amount;

/// A tariff with its versions.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// The name by which services and organizations refer to it.
    pub name: String,
    /// The bands, by day.
    pub versions: Dated<Vec<Band>>,
}

/// The charges of amounts above one limit and up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Band {
    /// The amounts of this band are greater than this one.
    #[serde(deserialize_with = "amount")]
    pub above: Amount,
    /// The greatest amount of this band.
    #[serde(deserialize_with = "amount")]
    pub up_to: Amount,
    /// The part of the customer, on top of the amount that it pays.
    #[serde(deserialize_with = "amount")]
    pub customer: Amount,
    /// The part of the business, which goes to its Charges Paid account.
    #[serde(deserialize_with = "amount")]
    pub business: Amount,
}

/// The charge in this list of bands for this amount; none if no band holds it.
pub fn band_of(bands: &[Band], amount: Amount) -> Option<&Band> {
    bands.iter().find(|band| band.above < amount && amount <= band.up_to)
}

/// Reads an amount of the catalogue, written as a text: `"250000.00"`.
pub(super) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
    let text = String::deserialize(deserializer)?;
    Amount::parse(&text).map_err(|error| de::Error::custom(format!("\"{text}\" is no amount: {error}")))
}

/// Like [`amount`], for what may be left out.
pub(super) fn optional_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Amount>, D::Error> {
    amount(deserializer).map(Some)
}
