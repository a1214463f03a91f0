//! Subscribers: created with their account, renamed, registered, stopped.

use super::admin::{AdminError, name, next_status, open_missing};
use super::organizations::Changed;
use super::{PersonName, Status, Subscriber, load_subscriber, subscriber_key};
use crate::clock::Timestamp;
use crate::core::accounts::{AccountKind, Holder};
use crate::core::evidence::Evidence;
use crate::core::ids::Msisdn;
use crate::store::{Read, WriteSet, encode};

/// What is to be different about a subscriber; what is none stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriberChange {
    /// Another first name.
    pub first: Option<String>,
    /// Another middle name.
    pub middle: Option<String>,
    /// Another last name.
    pub last: Option<String>,
    /// Whether the identity is known.
    pub registered: Option<bool>,
    /// Another state.
    pub status: Option<Status>,
}

/// Creates a subscriber with an account.
pub fn create_subscriber(
    facts: &dyn Read,
    msisdn: Msisdn,
    name: PersonName,
    registered: bool,
    now: Timestamp,
) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    if load_subscriber(&mut evidence, &msisdn)?.is_some() {
        return Err(AdminError::Exists(format!("subscriber {msisdn}")));
    }
    let name = PersonName { first: part(name.first)?, middle: part(name.middle)?, last: part(name.last)? };
    let holder = Holder::Subscriber(msisdn.clone());
    let opened = open_missing(&mut evidence, &holder, vec![AccountKind::Working], now)?;
    let mut write_set = evidence.write_set();
    write_set.extend(opened);
    let subscriber = Subscriber { msisdn, name, registered, status: Status::Active, created: now };
    write_set.put(subscriber_key(&subscriber.msisdn), encode(&subscriber));
    Ok(write_set)
}

/// Changes a subscriber.
pub fn change_subscriber(
    facts: &dyn Read,
    msisdn: &Msisdn,
    change: SubscriberChange,
) -> Result<Changed<Subscriber>, AdminError> {
    let mut evidence = Evidence::new(facts);
    let described = format!("subscriber {msisdn}");
    let before = load_subscriber(&mut evidence, msisdn)?;
    let before = before.ok_or_else(|| AdminError::Unknown(described.clone()))?;
    if change == SubscriberChange::default() {
        return Err(AdminError::Nothing);
    }
    let mut after = before.clone();
    after.name.first = change.first.map_or(Ok(after.name.first), part)?;
    after.name.middle = change.middle.map_or(Ok(after.name.middle), part)?;
    after.name.last = change.last.map_or(Ok(after.name.last), part)?;
    after.registered = change.registered.unwrap_or(before.registered);
    after.status = change.status.unwrap_or(before.status);
    let holder = Holder::Subscriber(msisdn.clone());
    let guards = next_status(&evidence, &described, &holder, (before.status, after.status))?;
    let mut write_set = evidence.write_set();
    write_set.extend(guards);
    write_set.put(subscriber_key(msisdn), encode(&after));
    Ok(Changed { before, after, write_set })
}

/// One of a person's names; any of them may be empty.
fn part(text: String) -> Result<String, AdminError> {
    if text.trim().is_empty() { Ok(String::new()) } else { name(&text) }
}
