//! The forms of messages that receivers were written for. Live traffic's is the default; where a
//! receiver cannot read that, an operator chooses another for its organization or third party
//! (protocol.md 3.1, 4.3).

use serde::{Deserialize, Serialize};

/// How one receiver gets its messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReceiverStyle {
    /// Results of commands.
    pub result: ResultStyle,
    /// Customers' payments, asked about and confirmed.
    pub c2b: C2bStyle,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultStyle {
    /// `res:ResultMsg`, root `Result` in the result namespace: the B2B guide and live traffic.
    #[default]
    Standard,
    /// `res:ResultMsg`, root `result` in no namespace: the documents of 2020.
    LowerCase,
    /// `req:ResultMsg` in the core's namespace, root `Result` in none, `ConversationId` and
    /// `TransactionId`: the draft in the B2C specification, to which some receivers were written.
    Draft,
}

/// The form of C2B messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct C2bStyle {
    /// What stands around the message.
    pub envelope: C2bEnvelope,
    /// The prefix of the message's element; some programs look for it literally.
    pub prefix: C2bPrefix,
    /// The element that says how was paid.
    pub type_element: TypeElement,
    /// What it says.
    pub type_words: TypeWords,
    /// What becomes of optional elements that are empty.
    pub empty: EmptyElements,
    /// What becomes of a KYCInfo without a value; some programs cannot read an empty one.
    pub empty_kyc: EmptyElements,
}

/// What stands around a C2B message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum C2bEnvelope {
    /// Live traffic's: no header.
    Live,
    /// The specification's: an empty header.
    Document,
}

/// The prefix of a C2B message's element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum C2bPrefix {
    /// `ns1`
    Ns1,
    /// `c2b`
    C2b,
}

/// The element that says how was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TypeElement {
    /// As the WSDL and live traffic have it.
    TransType,
    /// As the specification's samples have it.
    TransactionType,
}

/// How a payment's type is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TypeWords {
    /// "Pay Bill", "Buy Goods"
    Apart,
    /// "PayBill", "BuyGoods"
    Joined,
}

/// What becomes of an element that has nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyElements {
    /// It is left out.
    LeftOut,
    /// It is written, empty.
    Written,
}

impl C2bStyle {
    /// Live traffic's.
    pub const LIVE: Self = Self {
        envelope: C2bEnvelope::Live,
        prefix: C2bPrefix::Ns1,
        type_element: TypeElement::TransType,
        type_words: TypeWords::Apart,
        empty: EmptyElements::LeftOut,
        empty_kyc: EmptyElements::Written,
    };

    /// That of the specification's samples, to which some receivers were written.
    pub const DOCUMENT: Self = Self {
        envelope: C2bEnvelope::Document,
        prefix: C2bPrefix::C2b,
        type_element: TypeElement::TransactionType,
        type_words: TypeWords::Joined,
        empty: EmptyElements::Written,
        empty_kyc: EmptyElements::Written,
    };
}

impl Default for C2bStyle {
    fn default() -> Self {
        Self::LIVE
    }
}

/// Why a setting of a style is not what it can be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StyleError {
    /// No setting has this name.
    #[error("a style has no \"{name}\"; it has {}", NAMES.join(", "))]
    Name {
        /// The name.
        name: String,
    },
    /// The setting has no such value.
    #[error("{name} cannot be \"{value}\"; it is one of {}", allowed.join(", "))]
    Value {
        /// The setting.
        name: &'static str,
        /// The value.
        value: String,
        /// What it can be.
        allowed: Vec<&'static str>,
    },
}

/// The settings of a style. `c2b` sets all those that begin with it.
const NAMES: [&str; 8] =
    ["result", "c2b", "c2b.envelope", "c2b.prefix", "c2b.type-element", "c2b.type-words", "c2b.empty", "c2b.empty-kyc"];

const RESULTS: [(&str, ResultStyle); 3] =
    [("standard", ResultStyle::Standard), ("lower-case", ResultStyle::LowerCase), ("draft", ResultStyle::Draft)];
const C2BS: [(&str, C2bStyle); 2] = [("live", C2bStyle::LIVE), ("document", C2bStyle::DOCUMENT)];
const ENVELOPES: [(&str, C2bEnvelope); 2] = [("live", C2bEnvelope::Live), ("document", C2bEnvelope::Document)];
const PREFIXES: [(&str, C2bPrefix); 2] = [("ns1", C2bPrefix::Ns1), ("c2b", C2bPrefix::C2b)];
const TYPE_ELEMENTS: [(&str, TypeElement); 2] =
    [("TransType", TypeElement::TransType), ("TransactionType", TypeElement::TransactionType)];
const TYPE_WORDS: [(&str, TypeWords); 2] = [("apart", TypeWords::Apart), ("joined", TypeWords::Joined)];
const EMPTIES: [(&str, EmptyElements); 2] = [("left-out", EmptyElements::LeftOut), ("written", EmptyElements::Written)];

impl ReceiverStyle {
    /// Sets the setting of this name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), StyleError> {
        let c2b = &mut self.c2b;
        match NAMES.into_iter().find(|known| *known == name) {
            Some(name @ "result") => self.result = named(&RESULTS, name, value)?,
            Some(name @ "c2b") => *c2b = named(&C2BS, name, value)?,
            Some(name @ "c2b.envelope") => c2b.envelope = named(&ENVELOPES, name, value)?,
            Some(name @ "c2b.prefix") => c2b.prefix = named(&PREFIXES, name, value)?,
            Some(name @ "c2b.type-element") => c2b.type_element = named(&TYPE_ELEMENTS, name, value)?,
            Some(name @ "c2b.type-words") => c2b.type_words = named(&TYPE_WORDS, name, value)?,
            Some(name @ "c2b.empty") => c2b.empty = named(&EMPTIES, name, value)?,
            Some(name @ "c2b.empty-kyc") => c2b.empty_kyc = named(&EMPTIES, name, value)?,
            _ => return Err(StyleError::Name { name: name.to_owned() }),
        }
        Ok(())
    }

    /// Every setting with its value.
    pub fn settings(&self) -> Vec<(&'static str, &'static str)> {
        let c2b = &self.c2b;
        vec![
            ("result", name_of(&RESULTS, &self.result)),
            ("c2b.envelope", name_of(&ENVELOPES, &c2b.envelope)),
            ("c2b.prefix", name_of(&PREFIXES, &c2b.prefix)),
            ("c2b.type-element", name_of(&TYPE_ELEMENTS, &c2b.type_element)),
            ("c2b.type-words", name_of(&TYPE_WORDS, &c2b.type_words)),
            ("c2b.empty", name_of(&EMPTIES, &c2b.empty)),
            ("c2b.empty-kyc", name_of(&EMPTIES, &c2b.empty_kyc)),
        ]
    }
}

fn named<T: Copy>(all: &[(&'static str, T)], name: &'static str, value: &str) -> Result<T, StyleError> {
    let found = all.iter().find(|(known, _)| *known == value).map(|(_, value)| *value);
    found.ok_or_else(|| StyleError::Value {
        name,
        value: value.to_owned(),
        allowed: all.iter().map(|(known, _)| *known).collect(),
    })
}

fn name_of<T: PartialEq>(all: &[(&'static str, T)], value: &T) -> &'static str {
    all.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_set_to_what_it_shows() {
        let mut document = ReceiverStyle { result: ResultStyle::Draft, c2b: C2bStyle::DOCUMENT };
        document.c2b.empty_kyc = EmptyElements::LeftOut;
        let mut style = ReceiverStyle::default();
        assert_eq!(document.settings().len(), NAMES.len() - 1);
        for (name, value) in document.settings() {
            assert_ne!(value, "", "{name}");
            assert!(!style.settings().contains(&(name, value)), "{name}: the two styles differ nowhere");
            style.set(name, value).unwrap();
        }
        assert_eq!(style, document);
    }

    #[test]
    fn every_setting_and_value_is_documented() {
        let documentation = include_str!("../../docs/receivers.md");
        let values = [EMPTIES.map(|(name, _)| name), TYPE_WORDS.map(|(name, _)| name), C2BS.map(|(name, _)| name)];
        let results = RESULTS.map(|(name, _)| name);
        for name in NAMES.iter().chain(values.as_flattened()).chain(&results) {
            assert!(documentation.contains(&format!("`{name}`")), "docs/receivers.md lacks {name}");
        }
    }

    #[test]
    fn all_of_c2b_is_set_at_once() {
        let mut style = ReceiverStyle::default();
        style.set("c2b", "document").unwrap();
        assert_eq!(style, ReceiverStyle { c2b: C2bStyle::DOCUMENT, ..ReceiverStyle::default() });
    }

    #[test]
    fn what_a_style_has_not_is_refused_with_what_it_has() {
        let mut style = ReceiverStyle::default();
        assert!(style.set("colour", "red").unwrap_err().to_string().contains("c2b.prefix"));
        let error = style.set("c2b.prefix", "ns2").unwrap_err().to_string();
        assert_eq!(error, "c2b.prefix cannot be \"ns2\"; it is one of ns1, c2b");
        assert_eq!(style, ReceiverStyle::default());
    }
}
