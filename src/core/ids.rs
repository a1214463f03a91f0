//! The names by which parties and conversations are known. Each is parsed once, at the edge of the
//! core, and well formed ever after. Receipts are made in a module of their own.

mod text;

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::ascii::Ascii;
pub use super::receipt::Receipt;
use crate::clock::{Day, Timestamp, Zone};
use crate::store::Key;
pub(super) use text::{TextId, TextVisitor, text_id};

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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shortcode(Ascii<16>);

impl Shortcode {
    /// Reads a shortcode, with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        Self::of_bytes(text.trim().as_bytes()).ok_or(IdError::Shortcode)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The digits in a block, and how many they are.
    pub(super) fn block(&self) -> (&[u8; 16], usize) {
        self.0.block()
    }

    /// This key with the digits and the parts of another key after its own.
    pub(super) fn between(&self, key: &Key, parts: &Key) -> Key {
        self.0.between(key, parts)
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

impl Numbering {
    /// Whether every number that was one under `before` still is one, so that no subscriber gets out of
    /// reach: mobiles may begin with further digits, and nothing else may change.
    pub fn continues(&self, before: &Self) -> bool {
        (&self.country, self.national_digits) == (&before.country, before.national_digits)
            && before.leading.chars().all(|digit| self.leading.contains(digit))
    }
}

/// A subscriber's phone number: country code and national number, digits only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Msisdn(Ascii<16>);

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
        let number = Ascii::of(&numbering.country).and_then(|country| country.and(national));
        let number = number.filter(|number| well_formed && number.as_bytes().len() <= MSISDN_DIGITS_MAX);
        number.map(Self).ok_or(IdError::Msisdn)
    }

    /// The digits, country code first.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The digits in a block, and how many they are.
    pub(super) fn block(&self) -> (&[u8; 16], usize) {
        self.0.block()
    }

    /// This key with the digits and the parts of another key after its own.
    pub(super) fn between(&self, key: &Key, parts: &Key) -> Key {
        self.0.between(key, parts)
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

/// Writes a number into places that are given from the last to the first; what has no place is left out.
fn write_digits<'a>(places: impl Iterator<Item = &'a mut u8>, number: u64, base: u64) {
    let mut rest = number;
    for place in places {
        let digit = u32::try_from(rest % base).ok().and_then(|digit| char::from_digit(digit, 16));
        *place = digit.and_then(|digit| u8::try_from(digit).ok()).unwrap_or(b'0');
        rest /= base;
    }
}

/// The provider's name for one request: `AG_`, the day of the request, and twenty characters of
/// which the last sixteen are random.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationId(Ascii<32>);

impl ConversationId {
    /// The id of a request that was received then, with a draw of its own.
    pub fn issue(zone: &Zone, received: Timestamp, draw: Draw) -> Self {
        let Day { year, month, day } = zone.day(received);
        let part = |value: i8| u64::from(value.unsigned_abs());
        let date = (u64::from(year.unsigned_abs()) * 100 + part(month)) * 100 + part(day);
        let mut text = *b"AG_yyyymmdd_0000xxxxxxxxxxxxxxxx";
        let mut places = text.iter_mut().rev();
        write_digits(places.by_ref().take(16), draw.0, 16);
        write_digits(places.skip(5).take(8), date, 10);
        Self(Ascii::full(text))
    }

    /// Reads a conversation id, with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        Self::of_bytes(text.as_bytes()).ok_or(IdError::ConversationId)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Sixty-four random bits, drawn by the caller: the core has no randomness of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw(pub u64);

fn is_digits(text: &str) -> bool {
    are_digits(text.as_bytes())
}

fn are_digits(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

const SHORTCODE_DIGITS: RangeInclusive<usize> = 5..=10;
/// The most digits of a phone number, its country's included (E.164).
pub(super) const MSISDN_DIGITS_MAX: usize = 15;

text_id!(Shortcode);
text_id!(ConversationId);
text_id!(Msisdn);

impl TextId for Shortcode {
    fn read(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Ascii::of_digits(bytes).filter(|_| SHORTCODE_DIGITS.contains(&bytes.len())).map(Self)
    }
}

impl TextId for ConversationId {
    fn read(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let text: &[u8; 32] = bytes.try_into().ok()?;
        let (date, rest) = text.strip_prefix(b"AG_")?.split_first_chunk::<8>()?;
        let tail = rest.strip_prefix(b"_")?;
        let well_formed = are_digits(date) && tail.iter().all(u8::is_ascii_hexdigit);
        well_formed.then(|| Self(Ascii::full(*text)))
    }
}

// What is stored was normalised under the numbering of its day, which may have changed since.
impl TextId for Msisdn {
    fn read(text: &str) -> Result<Self, IdError> {
        Self::of_bytes(text.as_bytes()).ok_or(IdError::Msisdn)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        Ascii::of_digits(bytes).filter(|_| (1..=MSISDN_DIGITS_MAX).contains(&bytes.len())).map(Self)
    }
}

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
            "72200000",
            "7220000000",
            "07220000000",
        ] {
            assert_eq!(Msisdn::parse(text, &kenya()), Err(IdError::Msisdn), "{text:?}");
        }
    }

    #[test]
    fn a_national_number_may_begin_like_the_country_and_none_has_more_than_fifteen_digits() {
        let numbering = |national_digits| Numbering { country: "254".into(), national_digits, leading: "2".into() };
        for text in ["254123456", "0254123456", "254254123456", "+254254123456"] {
            assert_eq!(Msisdn::parse(text, &numbering(9)).unwrap().as_str(), "254254123456", "{text:?}");
        }
        assert_eq!(Msisdn::parse("+254254123456789", &numbering(12)).unwrap().as_str().len(), 15);
        assert_eq!(Msisdn::parse("+2542541234567890", &numbering(13)), Err(IdError::Msisdn));
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
        for text in [
            "AG_2015_0000626ec4aeb2ca2256",
            "AG_2015o424_0000626ec4aeb2ca2256",
            "AG_20150424_0000626ec4aeb2ca225g",
            "AG_20150424-0000626ec4aeb2ca2256",
            "XG_20150424_0000626ec4aeb2ca2256",
            "AG_20150424_0000626ec4aeb2ca22560",
        ] {
            assert_eq!(ConversationId::parse(text), Err(IdError::ConversationId), "{text:?}");
        }
    }

    #[test]
    fn an_operator_id_has_eighteen_digits_whatever_was_drawn() {
        for draw in [0, 1, u64::MAX, u64::MAX / 2] {
            let id = OperatorId::from_draw(Draw(draw));
            assert_eq!(id.to_string().len(), 18);
            assert_eq!(OperatorId::parse(&id.to_string()), Ok(id));
        }
        for text in ["99999999999999999", "1000000000000000000", "+100000000000000000", "", "10000000000000000o"] {
            assert_eq!(OperatorId::parse(text), Err(IdError::OperatorId), "{text:?}");
        }
    }
}
