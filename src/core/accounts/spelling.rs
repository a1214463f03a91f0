//! How an account is written. A payment's records name accounts two dozen times, so there it is one text
//! of two letters and the holder's number: `sw254722000000` is the working account of a subscriber,
//! `ou600000` the utility account of an organization. Where people read (JSON), and in records from
//! before that, holder and kind have their names; both are read everywhere.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Account, AccountKind, Holder};
use crate::core::ids::{Msisdn, Shortcode};

/// Two letters and the longest holder's number, a phone number of fifteen digits.
const BYTES_MAX: usize = 17;

/// An account with its parts by name.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Account")]
struct Named {
    holder: Holder,
    kind: AccountKind,
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; BYTES_MAX];
        let spelling = if serializer.is_human_readable() { None } else { spelled(self, &mut bytes) };
        match spelling {
            Some(spelling) => serializer.serialize_str(spelling),
            None => Named { holder: self.holder.clone(), kind: self.kind }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Either)
    }
}

/// Reads an account in either form.
struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Account;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Account, E> {
        let unknown = || E::custom(format_args!("{text:?} is no account"));
        let (Some(&[holder, kind]), Some(number)) = (text.as_bytes().first_chunk(), text.get(2..)) else {
            return Err(unknown());
        };
        let kind = AccountKind::ALL.into_iter().find(|known| letter(*known) == kind).ok_or_else(unknown)?;
        let number = StrDeserializer::new(number);
        let holder = match holder {
            ORGANIZATION => Holder::Organization(Shortcode::deserialize(number)?),
            SUBSCRIBER => Holder::Subscriber(Msisdn::deserialize(number)?),
            PROVIDER => Holder::Provider,
            _ => return Err(unknown()),
        };
        Ok(Account { holder, kind })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Account, A::Error> {
        Named::deserialize(MapAccessDeserializer::new(map)).map(Account::from)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, parts: A) -> Result<Account, A::Error> {
        Named::deserialize(SeqAccessDeserializer::new(parts)).map(Account::from)
    }
}

impl From<Named> for Account {
    fn from(Named { holder, kind }: Named) -> Self {
        Self { holder, kind }
    }
}

/// The spelling, written into these bytes; none only if a holder's number were longer than any is.
fn spelled<'a>(account: &Account, bytes: &'a mut [u8; BYTES_MAX]) -> Option<&'a str> {
    let (holder, number): (_, &[u8]) = match &account.holder {
        Holder::Provider => (PROVIDER, &[]),
        Holder::Organization(shortcode) => (ORGANIZATION, shortcode.as_bytes()),
        Holder::Subscriber(msisdn) => (SUBSCRIBER, msisdn.as_bytes()),
    };
    let [first, second, rest @ ..] = bytes;
    (*first, *second) = (holder, letter(account.kind));
    rest.get_mut(..number.len())?.copy_from_slice(number);
    std::str::from_utf8(bytes.get(..number.len().checked_add(2)?)?).ok()
}

/// The letter of a kind. Stored, so never to be changed.
const fn letter(kind: AccountKind) -> u8 {
    match kind {
        AccountKind::Working => b'w',
        AccountKind::Float => b'f',
        AccountKind::Utility => b'u',
        AccountKind::Merchant => b'm',
        AccountKind::ChargesPaid => b'c',
        AccountKind::OrganizationSettlement => b'o',
        AccountKind::Trust => b't',
        AccountKind::ChargesIncome => b'i',
        AccountKind::Suspense => b's',
    }
}

// The letters of holders. Stored, so never to be changed.
const PROVIDER: u8 = b'p';
const ORGANIZATION: u8 = b'o';
const SUBSCRIBER: u8 = b's';

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Account> {
        let holders = [
            Holder::Provider,
            Holder::Organization(Shortcode::parse("6000000000").unwrap()),
            Holder::Subscriber(Msisdn::try_from("254722000000999".to_owned()).unwrap()),
        ];
        let of = |holder: Holder| AccountKind::ALL.map(|kind| Account::new(holder.clone(), kind));
        holders.into_iter().flat_map(of).collect()
    }

    #[test]
    fn every_account_has_its_own_spelling_and_reads_back_in_both_forms() {
        let mut spellings = std::collections::BTreeSet::new();
        for account in all() {
            let short = rmp_serde::to_vec(&account).unwrap();
            assert_eq!(rmp_serde::from_slice::<Account>(&short).unwrap(), account);
            assert!(spellings.insert(short), "{account:?}");
            let Account { holder, kind } = account.clone();
            let named = Named { holder, kind };
            for before in [rmp_serde::to_vec(&named), rmp_serde::to_vec_named(&named)] {
                assert_eq!(rmp_serde::from_slice::<Account>(&before.unwrap()).unwrap(), account);
            }
            let json = serde_json::to_string(&account).unwrap();
            assert!(json.contains("\"holder\""), "{json}");
            assert_eq!(serde_json::from_str::<Account>(&json).unwrap(), account);
        }
    }

    #[test]
    fn a_spelling_is_as_it_was_stored() {
        let working = Account::new(Holder::Subscriber(Msisdn::try_from("254722000000".to_owned()).unwrap()), {
            AccountKind::Working
        });
        assert_eq!(spelled(&working, &mut [0; BYTES_MAX]), Some("sw254722000000"));
        assert_eq!(&AccountKind::ALL.map(letter), b"wfumcotis");
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for text in ["", "s", "sw", "sx254722000000", "xw254722000000", "ow12", "ééé", "sé1"] {
            let bytes = rmp_serde::to_vec(text).unwrap();
            assert!(rmp_serde::from_slice::<Account>(&bytes).is_err(), "{text:?}");
        }
    }
}
