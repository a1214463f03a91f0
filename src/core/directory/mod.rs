//! The directory: organizations, their operators, and subscribers. Who they are and what state they
//! are in; what they hold is in [`accounts`](super::accounts), what they may is in
//! [`roles`](super::roles).

mod admin;
mod evidenced;
mod funds;
mod operators;
mod organizations;
mod parents;
mod recalled;
mod subscribers;
#[cfg(test)]
mod tests;

pub use admin::AdminError;
#[cfg(test)]
pub(super) use evidenced::CustomerRef;
pub(super) use evidenced::{
    Customer, load_customer, load_operator, load_operator_named, load_organization, load_organization_status,
    load_subscriber,
};
pub use funds::{freeze, frozen, fund};
pub use operators::{Granted, NewOperator, create_operator, grant_roles, revoke_role, set_status};
pub use organizations::{Changed, NewOrganization, OrganizationChange, change_organization, create_organization};
pub(super) use parents::Parents;
pub use subscribers::{SubscriberChange, change_subscriber, create_subscriber};

use serde::{Deserialize, Serialize};

use super::ids::{Msisdn, OperatorId, Shortcode};
use super::roles::Grant;
use crate::clock::Timestamp;
use crate::store::{Fields, Key, Read, ReadError, Stored, decode};

/// The most characters of a user name (domain.md 4).
const USER_NAME_CHARACTERS_MAX: usize = 15;

/// The state of an organization, operator or subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Created, but not to be used yet.
    PendingActive,
    /// In use.
    Active,
    /// Stopped by the provider or its administrator: neither acts nor pays nor is paid.
    Suspended,
    /// Stopped by a rule, for example after wrong passwords or PINs: neither acts nor pays, but is
    /// paid.
    Locked,
    /// Gone for good.
    Closed,
}

impl Status {
    /// All states.
    pub const ALL: [Status; 5] = [Self::PendingActive, Self::Active, Self::Suspended, Self::Locked, Self::Closed];

    /// How people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PendingActive => "pending-active",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Locked => "locked",
            Self::Closed => "closed",
        }
    }

    /// The state that people write so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether it may start anything and pay.
    pub const fn may_act(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether it may be paid.
    pub const fn may_receive(self) -> bool {
        matches!(self, Self::Active | Self::Locked)
    }
}

/// A merchant or other business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// What it is known by.
    pub shortcode: Shortcode,
    /// Its public name.
    pub name: String,
    /// What it can do (names of the catalogue).
    pub products: Vec<String>,
    /// The organization above it.
    pub parent: Option<Shortcode>,
    /// Its state.
    pub status: Status,
    /// Whether customers' payments to it are validated by its own system first.
    pub validation: bool,
    /// The tariff that it chose in place of the usual one.
    pub tariff: Option<String>,
    /// Since when it is known.
    pub created: Timestamp,
}

impl Stored for Organization {
    const NAME: &'static str = "an organization";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Its id.
    pub id: OperatorId,
    /// The organization whose operator it is; none for the provider's own.
    pub shortcode: Option<Shortcode>,
    /// Its name, unique within the organization.
    pub user_name: String,
    /// Its roles.
    pub roles: Vec<Grant>,
    /// Its state.
    pub status: Status,
    /// Since when it is known.
    pub created: Timestamp,
}

impl Stored for Operator {
    const NAME: &'static str = "an operator";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscriber {
    /// The phone number.
    pub msisdn: Msisdn,
    /// First, middle and last name; any of them may be empty.
    pub name: PersonName,
    /// Whether the identity is known.
    pub registered: bool,
    /// Its state.
    pub status: Status,
    /// Since when it is known.
    pub created: Timestamp,
}

impl Stored for Subscriber {
    const NAME: &'static str = "a subscriber";
    const FORMAT: u8 = 2;
    const FIELDS: Fields = Fields::InOrder;
}

/// The names of a person, as in KYCInfo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonName {
    /// First name.
    pub first: String,
    /// Middle name.
    pub middle: String,
    /// Last name.
    pub last: String,
}

/// The names of a person that are only looked at.
#[derive(Clone, Copy, Deserialize)]
struct PersonNameRef<'a> {
    first: &'a str,
    #[expect(dead_code, reason = "it is passed over")]
    middle: &'a str,
    last: &'a str,
}

impl PersonNameRef<'_> {
    /// First and last name, as in `ReceiverPartyPublicName`.
    fn public(self) -> String {
        // Without formatting, and without a second copy: every payment of a subscriber's has this name.
        let (first, last) = (self.first.trim_start(), self.last.trim_end());
        match (first.is_empty(), last.is_empty()) {
            (false, false) => [first, " ", last].concat(),
            (false, true) => first.trim_end().to_owned(),
            (true, _) => last.trim_start().to_owned(),
        }
    }
}

/// The way from a user name to its operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct UserName {
    operator: OperatorId,
}

impl Stored for UserName {
    const NAME: &'static str = "a user name";
}

/// The organization with this shortcode.
pub fn organization(facts: &dyn Read, shortcode: &Shortcode) -> Result<Option<Organization>, ReadError> {
    read(facts, organization_key(shortcode))
}

/// The operator with this id.
pub fn operator(facts: &dyn Read, id: OperatorId) -> Result<Option<Operator>, ReadError> {
    read(facts, operator_key(id))
}

/// The subscriber with this number.
pub fn subscriber(facts: &dyn Read, msisdn: &Msisdn) -> Result<Option<Subscriber>, ReadError> {
    read(facts, subscriber_key(msisdn))
}

/// At most `limit` organizations after the one with the shortcode `after`, in the order of their
/// shortcodes.
pub fn organizations(
    facts: &dyn Read,
    after: Option<&Shortcode>,
    limit: usize,
) -> Result<Vec<Organization>, ReadError> {
    let all = Key::of("organization").subtree();
    let range = after.map_or(all.clone(), |after| all.after(&organization_key(after)));
    facts.range(&range, limit)?.iter().map(|(_, record)| decode(record)).collect()
}

/// At most `limit` operators of an organization, or of the provider, after the user name `after`, in
/// the order of their user names.
pub fn operators(
    facts: &dyn Read,
    shortcode: Option<&Shortcode>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Operator>, ReadError> {
    let all = user_names_key(shortcode).subtree();
    let range = after.map_or(all.clone(), |after| all.after(&user_name_key(shortcode, after)));
    let mut operators = Vec::new();
    for (_, record) in facts.range(&range, limit)? {
        operators.extend(operator(facts, decode::<UserName>(&record)?.operator)?);
    }
    Ok(operators)
}

/// The operator with this name in this organization, or of the provider where there is none.
pub fn operator_named(
    facts: &dyn Read,
    shortcode: Option<&Shortcode>,
    user_name: &str,
) -> Result<Option<Operator>, ReadError> {
    let named: Option<UserName> = read(facts, user_name_key(shortcode, user_name))?;
    named.map_or(Ok(None), |named| operator(facts, named.operator))
}

/// At most `limit` subscribers after the one with the number `after`, in the order of their numbers.
pub fn subscribers(facts: &dyn Read, after: Option<&Msisdn>, limit: usize) -> Result<Vec<Subscriber>, ReadError> {
    let all = Key::of("subscriber").subtree();
    let range = after.map_or(all.clone(), |after| all.after(&subscriber_key(after)));
    facts.range(&range, limit)?.iter().map(|(_, record)| decode(record)).collect()
}

fn read<T: Stored>(facts: &dyn Read, key: Key) -> Result<Option<T>, ReadError> {
    facts.record(&key)?.as_ref().map(decode).transpose()
}

fn organization_key(shortcode: &Shortcode) -> Key {
    static ORGANIZATION: Key = Key::constant(&["organization"]);
    shortcode.under(&ORGANIZATION)
}

fn operator_key(id: OperatorId) -> Key {
    Key::of("operator").number(id.value())
}

pub(super) fn subscriber_key(msisdn: &Msisdn) -> Key {
    static SUBSCRIBER: Key = Key::constant(&["subscriber"]);
    msisdn.under(&SUBSCRIBER)
}

/// User names are told apart without regard to case, as people type them.
fn user_name_key(shortcode: Option<&Shortcode>, user_name: &str) -> Key {
    user_names_key(shortcode).text(&user_name.trim().to_lowercase())
}

fn user_names_key(shortcode: Option<&Shortcode>) -> Key {
    Key::of("user-name").text(shortcode.map_or("", Shortcode::as_str))
}
