//! How an account is written. A payment's records name accounts two dozen times, so there it is one text
//! of two letters and the holder's number: `sw254722000000` is the working account of a subscriber,
//! `ou600000` the utility account of an organization. Where people read (JSON), and in records from
//! before that, holder and kind have their names; both are read everywhere.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Account, AccountKind, Holder};
use crate::core::ascii::Ascii;
use crate::core::ids::{Msisdn, Shortcode, TextId};

/// An account with its parts by name.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Account")]
struct Named {
    holder: Holder,
    kind: AccountKind,
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return Named { holder: self.holder.clone(), kind: self.kind }.serialize(serializer);
        }
        serializer.serialize_bytes(spelled(self).as_bytes())
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Human readable formats have no bytes that could be mistaken for a text.
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Either);
        }
        deserializer.deserialize_bytes(Either)
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
        self.visit_bytes(text.as_bytes())
    }

    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Account, E> {
        read(text).ok_or_else(|| E::custom(format_args!("{:?} is no account", String::from_utf8_lossy(text))))
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

/// The account that is spelled so.
fn read(text: &[u8]) -> Option<Account> {
    let (&[holder, kind], number) = text.split_first_chunk()?;
    let kind = kind_of(kind)?;
    let holder = match holder {
        ORGANIZATION => Holder::Organization(Shortcode::of_bytes(number)?),
        SUBSCRIBER => Holder::Subscriber(Msisdn::of_bytes(number)?),
        PROVIDER => Holder::Provider,
        _ => return None,
    };
    Some(Account { holder, kind })
}

/// The spelling of an account.
fn spelled(account: &Account) -> Ascii<32> {
    let (holder, (number, length)) = match &account.holder {
        Holder::Provider => (PROVIDER, (&[0; 16], 0)),
        Holder::Organization(shortcode) => (ORGANIZATION, shortcode.block()),
        Holder::Subscriber(msisdn) => (SUBSCRIBER, msisdn.block()),
    };
    let mut spelling = [0; 32];
    let [first, second, rest @ ..] = &mut spelling;
    (*first, *second) = (holder, letter(account.kind));
    if let Some(place) = rest.first_chunk_mut() {
        *place = *number;
    }
    Ascii::padded(spelling, length.saturating_add(2))
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

/// The kind with this letter. The test of spellings holds it to [`letter`].
const fn kind_of(letter: u8) -> Option<AccountKind> {
    Some(match letter {
        b'w' => AccountKind::Working,
        b'f' => AccountKind::Float,
        b'u' => AccountKind::Utility,
        b'm' => AccountKind::Merchant,
        b'c' => AccountKind::ChargesPaid,
        b'o' => AccountKind::OrganizationSettlement,
        b't' => AccountKind::Trust,
        b'i' => AccountKind::ChargesIncome,
        b's' => AccountKind::Suspense,
        _ => return None,
    })
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
            let text = rmp_serde::to_vec(spelled(&account).as_str()).unwrap();
            assert_eq!(rmp_serde::from_slice::<Account>(&text).unwrap(), account);
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
        assert_eq!(spelled(&working).as_str(), "sw254722000000");
        assert_eq!(&AccountKind::ALL.map(letter), b"wfumcotis");
        assert_eq!(AccountKind::ALL.map(|kind| kind_of(letter(kind))), AccountKind::ALL.map(Some));
    }

    #[test]
    fn a_kind_has_one_name_wherever_it_is_named() {
        for kind in AccountKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for text in ["", "s", "sw", "sx254722000000", "xw254722000000", "ow12", "ééé", "sé1"] {
            let bytes = rmp_serde::to_vec(text).unwrap();
            assert!(rmp_serde::from_slice::<Account>(&bytes).is_err(), "{text:?}");
        }
    }
}
