//! Where an organization's C2B messages go: what RegisterURL registered, one registration per
//! shortcode, with the history of all that were (`url/<shortcode>` and the log
//! `url-history/<shortcode>`).

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::{Key, Read, ReadError, Stored, WriteSet, decode, encode};

use super::guard::{Hosts, Refused, check_url};
use crate::access::third_party;

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The organization's shortcode.
    pub shortcode: String,
    /// Who is asked before a payment completes; nobody if none.
    pub validation_url: Option<String>,
    /// Who is told of completed payments.
    pub confirmation_url: String,
    /// Who is asked what would have to be paid, before there is a payment; nobody if none.
    #[serde(default)]
    pub query_url: Option<String>,
    /// What happens to a payment when nobody answers the validation.
    pub default_action: DefaultAction,
    /// The third party that registered it, and whose list of hosts applies.
    pub third_party: String,
    /// When.
    pub registered_at: Timestamp,
    /// When it was taken away, in a history.
    #[serde(default)]
    pub removed_at: Option<Timestamp>,
}

impl Stored for Registration {
    const NAME: &'static str = "URL registration";
}

/// What happens to a payment when its validation is not answered (ResponseType).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultAction {
    /// It completes.
    Completed,
    /// It is cancelled.
    Cancelled,
}

/// Why a registration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// A URL is none that may be called.
    #[error("the URL {url:?} may not be registered: {why}")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        why: Refused,
    },
    /// The third party does not act for the shortcode (S1).
    #[error("{third_party} does not act for {shortcode}")]
    NotActing {
        /// The third party.
        third_party: String,
        /// The shortcode.
        shortcode: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The write set that registers: what was registered for the shortcode before is overwritten and
/// stays in the history. Each URL is checked as it will be again before each call. It expects that the
/// third party still acts for the shortcode; on a conflict it is to be made anew.
pub fn register(
    facts: &dyn Read,
    hosts: &dyn Hosts,
    special_allowed: &[IpNet],
    registration: &Registration,
) -> Result<WriteSet, RegisterError> {
    let Registration { validation_url, confirmation_url, query_url, .. } = registration;
    for url in validation_url.iter().chain([confirmation_url]).chain(query_url) {
        check_url(hosts, special_allowed, &registration.third_party, url)
            .map_err(|why| RegisterError::Url { url: url.clone(), why })?;
    }
    let record = encode(registration);
    let mut write_set = WriteSet::new();
    expect_acting(facts, registration, &mut write_set)?;
    write_set.put(registration_key(&registration.shortcode), record.clone());
    write_set.append(history_key(&registration.shortcode), record, Vec::new());
    Ok(write_set)
}

fn expect_acting(facts: &dyn Read, registration: &Registration, write_set: &mut WriteSet) -> Result<(), RegisterError> {
    let Registration { third_party: name, shortcode, .. } = registration;
    match third_party::read(facts, name)? {
        Some((party, version)) if party.shortcodes.contains(shortcode) => {
            write_set.expect_version(third_party::key(name), version);
            Ok(())
        }
        _ => Err(RegisterError::NotActing { third_party: name.clone(), shortcode: shortcode.clone() }),
    }
}

/// The write set that takes away what is registered; it stays in the history. What is undelivered
/// then has no place to go to, and waits by its schedule for another registration.
pub fn remove(registered: Registration, now: Timestamp) -> WriteSet {
    let mut write_set = WriteSet::new();
    write_set.delete(registration_key(&registered.shortcode));
    let removed = Registration { removed_at: Some(now), ..registered };
    write_set.append(history_key(&removed.shortcode), encode(&removed), Vec::new());
    write_set
}

/// What is registered for a shortcode.
pub fn registration(facts: &dyn Read, shortcode: &str) -> Result<Option<Registration>, ReadError> {
    facts.record(&registration_key(shortcode))?.as_ref().map(decode).transpose()
}

/// What is registered for a shortcode; the write set then expects that it still is.
pub fn expect_registration(
    facts: &dyn Read,
    shortcode: &str,
    write_set: &mut WriteSet,
) -> Result<Option<Registration>, ReadError> {
    let key = registration_key(shortcode);
    let Some(record) = facts.record(&key)? else {
        write_set.expect_absent(key);
        return Ok(None);
    };
    write_set.expect_version(key, record.version);
    decode(&record).map(Some)
}

/// The first `limit` registrations that a shortcode had, oldest first.
pub fn history(facts: &dyn Read, shortcode: &str, limit: usize) -> Result<Vec<Registration>, ReadError> {
    let rows = facts.range(&history_key(shortcode).subtree(), limit)?;
    rows.iter().map(|(_, record)| decode(record)).collect()
}

/// The record of a shortcode's registration.
pub fn registration_key(shortcode: &str) -> Key {
    Key::of("url").text(shortcode)
}

fn history_key(shortcode: &str) -> Key {
    Key::of("url-history").text(shortcode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ThirdParty;
    use crate::callbacks::guard::Special;
    use crate::callbacks::testing::{AnyHost, FailingStore, acme_acts_for};
    use crate::store::{CommitError, Store};

    fn wanted(third_party: &str, validation_url: Option<&str>, confirmation_url: &str) -> Registration {
        Registration {
            shortcode: "600000".into(),
            validation_url: validation_url.map(str::to_owned),
            confirmation_url: confirmation_url.into(),
            query_url: None,
            default_action: DefaultAction::Cancelled,
            third_party: third_party.into(),
            registered_at: Timestamp::from_seconds(1),
            removed_at: None,
        }
    }

    #[tokio::test]
    async fn the_newest_registration_counts_and_the_older_ones_are_kept() {
        let store = FailingStore::default();
        let first = wanted("acme", Some("https://a.example.com/v"), "https://a.example.com/c");
        let second = wanted("acme", None, "https://b.example.com/c");
        assert_eq!(registration(&store, "600000"), Ok(None));
        acme_acts_for(&store, "600000").await;
        for wanted in [&first, &second] {
            store.commit(register(&store, &AnyHost, &[], wanted).unwrap()).await.unwrap();
        }
        assert_eq!(registration(&store, "600000"), Ok(Some(second.clone())));
        assert_eq!(history(&store, "600000", 10), Ok(vec![first, second]));
        assert_eq!(registration(&store, "600001"), Ok(None));
    }

    #[test]
    fn a_url_that_may_not_be_called_is_not_registered() {
        let good = "https://a.example.com/";
        for (third_party, validation, confirmation, url, why) in [
            ("acme", Some("ftp://x/"), good, "ftp://x/", Refused::Scheme),
            ("acme", Some(good), "", "", Refused::NoUrl),
            ("acme", None, "https://127.0.0.1/", "https://127.0.0.1/", Refused::Special(Special::Loopback)),
            ("other", None, good, good, Refused::NotListed),
        ] {
            let wanted = wanted(third_party, validation, confirmation);
            let refused = register(&FailingStore::default(), &AnyHost, &[], &wanted).unwrap_err();
            assert_eq!(refused, RegisterError::Url { url: url.into(), why });
        }
    }

    /// Both are decided before either is committed; whichever comes second must be decided again.
    #[tokio::test]
    async fn s1_what_is_registered_while_the_shortcode_is_taken_away_does_not_stay_with_the_third_party() {
        let mine = wanted("acme", None, "https://a.example.com/c");
        let not_acting = RegisterError::NotActing { third_party: "acme".into(), shortcode: "600000".into() };
        let taken_away = ThirdParty::new("acme", "1");
        for removed_first in [true, false] {
            let store = FailingStore::default();
            assert_eq!(register(&store, &AnyHost, &[], &mine), Err(not_acting.clone()));
            acme_acts_for(&store, "600000").await;
            let registering = register(&store, &AnyHost, &[], &mine).unwrap();
            let mut removing = third_party::save(&store, &taken_away).unwrap();
            assert_eq!(expect_registration(&store, "600000", &mut removing), Ok(None));
            let (first, second) = if removed_first { (removing, registering) } else { (registering, removing) };
            store.commit(first).await.unwrap();
            assert!(matches!(store.commit(second).await, Err(CommitError::Expectation(_))));
            if removed_first {
                assert_eq!(register(&store, &AnyHost, &[], &mine), Err(not_acting.clone()));
            } else {
                let mut removing = third_party::save(&store, &taken_away).unwrap();
                assert_eq!(expect_registration(&store, "600000", &mut removing), Ok(Some(mine.clone())));
            }
        }
    }
}
