//! The directory's records as evidence of a decision.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    Operator, Organization, Status, Subscriber, UserName, operator_key, organization_key, subscriber_key, user_name_key,
};
use crate::core::evidence::Evidence;
use crate::core::ids::{Msisdn, OperatorId, Shortcode};
use crate::store::ReadError;

pub(in crate::core) fn load_organization(
    evidence: &mut Evidence<'_>,
    shortcode: &Shortcode,
) -> Result<Option<Organization>, ReadError> {
    evidence.load(organization_key(shortcode))
}

/// The state of an organization, for who needs no more of it.
pub(in crate::core) fn load_organization_status(
    evidence: &mut Evidence<'_>,
    shortcode: &Shortcode,
) -> Result<Option<Status>, ReadError> {
    let glance = evidence.glance::<Organization, StatusOfOrganization>(organization_key(shortcode))?;
    Ok(glance.map(|organization| organization.status))
}

/// An [`Organization`] of which only the state is kept.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the other parts are passed over")]
pub(in crate::core) struct StatusOfOrganization {
    shortcode: IgnoredAny,
    name: IgnoredAny,
    products: IgnoredAny,
    parent: IgnoredAny,
    pub(in crate::core) status: Status,
    validation: IgnoredAny,
    tariff: IgnoredAny,
    created: IgnoredAny,
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
