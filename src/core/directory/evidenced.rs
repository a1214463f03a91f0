//! The directory's records as evidence of a decision.

use std::rc::Rc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    Operator, Organization, PersonNameRef, Status, Subscriber, UserName, operator_key, organization_key, recalled,
    subscriber_key, user_name_key,
};
use crate::core::evidence::Evidence;
use crate::core::ids::{Msisdn, OperatorId, Shortcode};
use crate::store::{ReadError, decode_as};

pub(in crate::core) fn load_organization(
    evidence: &mut Evidence<'_>,
    shortcode: &Shortcode,
) -> Result<Option<Rc<Organization>>, ReadError> {
    evidence.look(organization_key(shortcode), recalled::organization)
}

/// The state of an organization, for who needs no more of it.
pub(in crate::core) fn load_organization_status(
    evidence: &mut Evidence<'_>,
    shortcode: &Shortcode,
) -> Result<Option<Status>, ReadError> {
    Ok(load_organization(evidence, shortcode)?.map(|organization| organization.status))
}

pub(in crate::core) fn load_operator(
    evidence: &mut Evidence<'_>,
    id: OperatorId,
) -> Result<Option<Operator>, ReadError> {
    evidence.load(operator_key(id))
}

/// The operator with this name in this organization, or of the provider where there is none.
pub(in crate::core) fn load_operator_named(
    evidence: &mut Evidence<'_>,
    shortcode: Option<&Shortcode>,
    user_name: &str,
) -> Result<Option<Operator>, ReadError> {
    let named: Option<UserName> = evidence.load(user_name_key(shortcode, user_name))?;
    named.map_or(Ok(None), |named| load_operator(evidence, named.operator))
}

pub(in crate::core) fn load_subscriber(
    evidence: &mut Evidence<'_>,
    msisdn: &Msisdn,
) -> Result<Option<Subscriber>, ReadError> {
    evidence.load(subscriber_key(msisdn))
}

/// A [`Subscriber`] as payments know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::core) struct Customer {
    pub msisdn: Msisdn,
    /// The name that others may see: none, unless the identity is known.
    pub public_name: String,
    pub registered: bool,
    pub status: Status,
}

/// What is looked at in the record for it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the other parts are passed over")]
pub(in crate::core) struct CustomerRef<'a> {
    msisdn: IgnoredAny,
    #[serde(borrow)]
    name: PersonNameRef<'a>,
    registered: bool,
    status: Status,
    created: IgnoredAny,
}

impl CustomerRef<'_> {
    pub fn known_as(&self, msisdn: &Msisdn) -> Customer {
        let public_name = if self.registered { self.name.public() } else { String::new() };
        Customer { msisdn: msisdn.clone(), public_name, registered: self.registered, status: self.status }
    }
}

pub(in crate::core) fn load_customer(
    evidence: &mut Evidence<'_>,
    msisdn: &Msisdn,
) -> Result<Option<Customer>, ReadError> {
    evidence.look(subscriber_key(msisdn), |record| {
        decode_as::<Subscriber, CustomerRef<'_>>(record).map(|customer| customer.known_as(msisdn))
    })
}
