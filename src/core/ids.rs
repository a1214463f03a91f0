//! The names by which parties and conversations are known. Each is parsed once, at the edge of the
//! core, and well formed ever after. Receipts are made in a module of their own.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::receipt::Receipt;
use crate::clock::{Timestamp, Zone};

/// Why a text is none of the identifiers of this module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// No shortcode.
    #[error("a shortcode has 5 to 10 digits")]
    Shortcode,
    /// No phone number of this country.
    #[error("a phone number is written like 254722000000, +254722000000, 0722000000 or 722000000")]
    Msisdn,
    /// No operator id.
    #[error("an operator id has 18 digits")]
    OperatorId,
    /// No conversation id.
    #[error("a conversation id is written like AG_20150424_0000626ec4aeb2ca2256")]
    ConversationId,
    /// No receipt.
    #[error("a receipt has 10 characters of 0-9 and A-Z and begins with a date")]
    Receipt,
}

/// The number by which an organization is known, 5 to 10 digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shortcode(String);

impl Shortcode {
    /// Reads a shortcode, with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        if (5..=10).contains(&text.len()) && is_digits(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Shortcode)
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How the country's phone numbers are written. Part of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbering {
    /// The country code, e.g. `254`.
    pub country: String,
    /// How many digits follow it.
    pub national_digits: usize,
    /// The digits with which a mobile number may begin after the country code, e.g. `17`.
    pub leading: String,
}

/// A subscriber's phone number: country code and national number, digits only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Msisdn(String);

impl Msisdn {
    /// Reads a number in international or national form, with or without `+` or trunk `0`, and
    /// white space around it.
    pub fn parse(text: &str, numbering: &Numbering) -> Result<Self, IdError> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let national = match digits.strip_prefix(numbering.country.as_str()) {
            Some(national) if national.len() == numbering.national_digits => national,
            // The trunk prefix and the bare number are forms of the country itself: never after a `+`.
            _ if digits.len() != text.len() => return Err(IdError::Msisdn),
            _ => digits.strip_prefix('0').unwrap_or(digits),
        };
        let well_formed = national.len() == numbering.national_digits
            && is_digits(national)
            && national.chars().next().is_some_and(|first| numbering.leading.contains(first));
        if well_formed { Ok(Self(format!("{}{national}", numbering.country))) } else { Err(IdError::Msisdn) }
    }

    /// The digits, country code first.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An operator's id: 18 digits, drawn at random when the operator is created.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct OperatorId(u64);

impl OperatorId {
    const SMALLEST: u64 = 100_000_000_000_000_000;
    const COUNT: u64 = 900_000_000_000_000_000;

    /// The id that a random draw gives.
    pub fn from_draw(draw: Draw) -> Self {
        Self(Self::SMALLEST.saturating_add(draw.0 % Self::COUNT))
    }

    /// Reads an operator id, with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        if !is_digits(text) {
            return Err(IdError::OperatorId);
        }
        text.parse::<u64>().map_err(|_| IdError::OperatorId)?.try_into()
    }

    /// The number.
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// The provider's name for one request: `AG_`, the day of the request, and twenty characters of
/// which the last sixteen are random.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConversationId(String);

impl ConversationId {
    /// The id of a request that was received then, with a draw of its own.
    pub fn issue(zone: &Zone, received: Timestamp, draw: Draw) -> Self {
        Self(format!("AG_{}_0000{:016x}", zone.date(received), draw.0))
    }

    /// Reads a conversation id, with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let tail = text.strip_prefix("AG_").and_then(|rest| rest.split_once('_'));
        match tail {
            Some((date, tail))
                if date.len() == 8
                    && is_digits(date)
                    && tail.len() == 20
                    && tail.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(IdError::ConversationId),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sixty-four random bits, drawn by the caller: the core has no randomness of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw(pub u64);

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

macro_rules! text_id {
    ($name:ident, $check:expr) => {
        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(Shortcode, |text| Shortcode::parse(text).map(drop));
text_id!(ConversationId, |text| ConversationId::parse(text).map(drop));
// What is stored was normalised under the numbering of its day, which may have changed since.
text_id!(Msisdn, |text| if is_digits(text) && text.len() <= 15 { Ok(()) } else { Err(IdError::Msisdn) });

impl TryFrom<u64> for OperatorId {
    type Error = IdError;

    fn try_from(id: u64) -> Result<Self, IdError> {
        let largest = Self::SMALLEST.saturating_add(Self::COUNT);
        if (Self::SMALLEST..largest).contains(&id) { Ok(Self(id)) } else { Err(IdError::OperatorId) }
    }
}

impl From<OperatorId> for u64 {
    fn from(id: OperatorId) -> u64 {
        id.0
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kenya() -> Numbering {
        Numbering { country: "254".into(), national_digits: 9, leading: "17".into() }
    }

    #[test]
    fn a_phone_number_has_one_form_however_it_was_written() {
        for text in ["254722000000", "+254722000000", "0722000000", "722000000", " 254722000000\n"] {
            assert_eq!(Msisdn::parse(text, &kenya()).unwrap().as_str(), "254722000000", "{text:?}");
        }
        assert_eq!(Msisdn::parse("0110000000", &kenya()).unwrap().as_str(), "254110000000");
    }

    #[test]
    fn what_is_no_phone_number_of_the_country_is_refused() {
        for text in [
            "",
            "+",
            "+0722000000",
            "+722000000",
            "25472200000",
            "2547220000000",
            "0822000000",
            "07220o0000",
            "255722000000",
        ] {
            assert_eq!(Msisdn::parse(text, &kenya()), Err(IdError::Msisdn), "{text:?}");
        }
    }

    #[test]
    fn a_shortcode_has_five_to_ten_digits() {
        for text in ["60000", "6000000000", " 600000 "] {
            assert!(Shortcode::parse(text).is_ok(), "{text:?}");
        }
        for text in ["6000", "60000000000", "6000a", "", "-60000", "６０００００"] {
            assert_eq!(Shortcode::parse(text), Err(IdError::Shortcode), "{text:?}");
        }
    }

    #[test]
    fn a_conversation_id_carries_the_day_of_the_zone_and_reads_back() {
        let nairobi = Zone::named("Africa/Nairobi").unwrap();
        let id = ConversationId::issue(&nairobi, Timestamp::from_seconds(1_429_900_000), Draw(0x626e_c4ae_b2ca_2256));
        assert_eq!(id.as_str(), "AG_20150424_0000626ec4aeb2ca2256");
        assert_eq!(ConversationId::parse(id.as_str()), Ok(id));
        assert!(ConversationId::parse("AG_20231017_70101ef1abddd338afdf").is_ok());
        assert!(ConversationId::parse("AG_2015_0000626ec4aeb2ca2256").is_err());
    }

    #[test]
    fn an_operator_id_has_eighteen_digits_whatever_was_drawn() {
        for draw in [0, 1, u64::MAX, u64::MAX / 2] {
            let id = OperatorId::from_draw(Draw(draw));
            assert_eq!(id.to_string().len(), 18);
            assert_eq!(OperatorId::parse(&id.to_string()), Ok(id));
        }
        assert!(OperatorId::parse("99999999999999999").is_err());
        assert!(OperatorId::parse("1000000000000000000").is_err());
    }
}
