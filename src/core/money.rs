//! Amounts of money: integers of minor units (cents), never floating point. Parsing is strict,
//! because what a third party writes decides what it pays.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Minor units in one unit of the currency.
const MINOR_PER_UNIT: u64 = 100;

/// The most digits before the decimal point; what is longer is no amount that this system moves.
const WHOLE_DIGITS_MAX: usize = 13;

/// An amount in minor units. Balances and legs can be negative; what [`Amount::parse`] gives cannot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amount(i64);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing but white space.
    #[error("an amount is missing")]
    Empty,
    /// A sign, an exponent, a separator of thousands or anything else that is no digit.
    #[error("an amount has digits and at most one decimal point, nothing else")]
    NotDigits,
    /// No digit before the point, or none after it.
    #[error("an amount has digits on both sides of its decimal point")]
    Incomplete,
    /// More than two decimals.
    #[error("an amount has at most two decimals")]
    TooPrecise,
    /// More digits than any amount here has.
    #[error("an amount has at most {WHOLE_DIGITS_MAX} digits before the decimal point")]
    TooLarge,
}

impl Amount {
    /// No money.
    pub const ZERO: Amount = Amount(0);

    /// An amount of this many minor units.
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The minor units.
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// Reads `123`, `123.4` or `123.45`, with white space around it; no sign, no exponent.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AmountError::Empty);
        }
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) if whole.is_empty() || decimals.is_empty() => {
                return Err(if is_digits(whole) && is_digits(decimals) {
                    AmountError::Incomplete
                } else {
                    AmountError::NotDigits
                });
            }
            Some(parts) => parts,
            None => (text, ""),
        };
        if !is_digits(whole) || !is_digits(decimals) {
            return Err(AmountError::NotDigits);
        }
        if decimals.len() > 2 {
            return Err(AmountError::TooPrecise);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > WHOLE_DIGITS_MAX {
            return Err(AmountError::TooLarge);
        }
        // Two decimals, whether they were written or not.
        let digits = whole.bytes().chain(decimals.bytes()).chain(*b"00").take(whole.len().saturating_add(2));
        let minor = digits
            .fold(0_i64, |minor, digit| minor.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0'))));
        Ok(Self(minor))
    }

    /// The sum, unless it is out of range.
    pub const fn checked_add(self, other: Amount) -> Option<Amount> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Amount(sum)),
            None => None,
        }
    }

    /// The difference, unless it is out of range.
    pub const fn checked_sub(self, other: Amount) -> Option<Amount> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Amount(difference)),
            None => None,
        }
    }

    /// Whether this is more than nothing.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether this is nothing at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// With two decimals, as on the wire: `123.00`, `-220.00`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minor = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", minor / MINOR_PER_UNIT, minor % MINOR_PER_UNIT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_integrators_write_is_read() {
        for (text, minor) in
            [("70.00", 7_000), ("100", 10_000), ("1000.0", 100_000), (" 5 \n", 500), ("007", 700), ("0.01", 1)]
        {
            assert_eq!(Amount::parse(text), Ok(Amount(minor)), "{text:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use AmountError::*;
        for (text, error) in [
            ("", Empty),
            ("  ", Empty),
            ("-7000", NotDigits),
            ("+5", NotDigits),
            ("1e3", NotDigits),
            ("1,000", NotDigits),
            ("1.2.3", NotDigits),
            ("٣", NotDigits),
            (".5", Incomplete),
            ("5.", Incomplete),
            (".", Incomplete),
            ("1.234", TooPrecise),
            ("12345678901234", TooLarge),
        ] {
            assert_eq!(Amount::parse(text), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_as_it_was_written(minor in 0..1_000_000_000_000_000_i64) {
            prop_assert_eq!(Amount::parse(&Amount(minor).to_string()), Ok(Amount(minor)));
        }

        #[test]
        fn no_text_makes_parsing_fail_otherwise_than_by_its_error(text in ".{0,40}") {
            if let Ok(amount) = Amount::parse(&text) {
                prop_assert!(amount.minor() >= 0);
            }
        }
    }

    #[test]
    fn a_debt_shows_its_sign() {
        assert_eq!(Amount::from_minor(-22_000).to_string(), "-220.00");
        assert_eq!(Amount::from_minor(-5).to_string(), "-0.05");
    }
}
