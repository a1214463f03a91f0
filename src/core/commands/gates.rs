//! Who acts, what it may do, and for whom (invariants S1, S2, S3).

use std::rc::Rc;

use super::Case;
use super::attempt::{Halt, refuse};
use crate::clock::Timestamp;
use crate::core::HIERARCHY_LEVELS_MAX;
use crate::core::catalogue::{Catalogue, Relation, Service};
use crate::core::channel::Channel;
use crate::core::codes::ResultCode;
use crate::core::directory::{Operator, Organization, load_operator, load_operator_named, load_organization};
use crate::core::evidence::Evidence;
use crate::core::ids::{OperatorId, Shortcode};
use crate::core::order::{Initiator, Order, Party};
use crate::core::roles::Grant;
use crate::store::{Read, ReadError};

/// Identifier types (protocol.md 1.4).
pub(super) mod identifier {
    pub const MSISDN: u32 = 1;
    pub const SHORTCODE: u32 = 4;
    pub const PROVIDER_OPERATOR_CODE: u32 = 9;
    pub const USER_NAME: u32 = 11;
    pub const OPERATOR_CODE: u32 = 12;
    pub const PROVIDER_USER_NAME: u32 = 14;
}

/// An operator who acts, and the organization in whose name.
#[derive(Clone, Debug)]
pub(super) struct Acting {
    pub operator: Operator,
    /// None for operators of the provider, who have the whole system in view.
    pub home: Option<Rc<Organization>>,
}

/// The operator whose credential is to be checked for an order.
pub(in crate::core) fn initiator(facts: &dyn Read, order: &Order) -> Result<Option<Operator>, ReadError> {
    match order.initiator.as_ref() {
        Some(initiator) => named(&mut Evidence::new(facts), order, initiator),
        None => Ok(None),
    }
}

/// Who acts in an order. Every failure looks the same from outside (S6).
pub(super) fn acting(evidence: &mut Evidence<'_>, order: &Order) -> Result<Acting, Halt> {
    let Some(initiator) = &order.initiator else {
        return refuse(ResultCode::Initiator, "the request has no initiator");
    };
    let Some(operator) = named(evidence, order, initiator)? else {
        let Initiator { identifier_type, identifier, short_code } = initiator;
        let reason = format!("no operator {identifier:?} of type {identifier_type} in {short_code:?}");
        return refuse(ResultCode::Initiator, reason);
    };
    let Some(shortcode) = &operator.shortcode else {
        return Ok(Acting { operator, home: None });
    };
    match load_organization(evidence, shortcode)? {
        Some(home) => Ok(Acting { operator, home: Some(home) }),
        None => refuse(ResultCode::Initiator, format!("the operator's organization {shortcode} does not exist")),
    }
}

fn named(evidence: &mut Evidence<'_>, order: &Order, initiator: &Initiator) -> Result<Option<Operator>, ReadError> {
    let said = initiator.short_code.as_deref().map(str::trim).filter(|code| !code.is_empty());
    match initiator.identifier_type {
        identifier::USER_NAME => {
            let Some(home) = said.or_else(|| shortcode_of_business(order)).and_then(|code| Shortcode::parse(code).ok())
            else {
                return Ok(None);
            };
            load_operator_named(evidence, Some(&home), &initiator.identifier)
        }
        identifier::PROVIDER_USER_NAME => load_operator_named(evidence, None, &initiator.identifier),
        identifier::OPERATOR_CODE | identifier::PROVIDER_OPERATOR_CODE => {
            let Ok(id) = OperatorId::parse(&initiator.identifier) else { return Ok(None) };
            let operator = load_operator(evidence, id)?;
            Ok(operator.filter(|operator| said.is_none_or(|said| is_home(operator, said))))
        }
        _ => Ok(None),
    }
}

/// User names are unique within an organization only; many programs do not say within which, and
/// mean the one whose business it is. Whether the operator may act for it is checked all the same.
fn shortcode_of_business(order: &Order) -> Option<&str> {
    let party = order.primary.as_ref().or(order.receiver.as_ref());
    party.filter(|party| party.identifier_type == identifier::SHORTCODE).map(|party| party.identifier.as_str())
}

fn is_home(operator: &Operator, said: &str) -> bool {
    operator.shortcode.as_ref().is_some_and(|home| home.as_str() == said)
}

impl Acting {
    /// The operator and its organization are in use.
    pub fn must_be_active(&self) -> Result<(), Halt> {
        if !self.operator.status.may_act() {
            return refuse(
                ResultCode::Initiator,
                format!("operator {} is {:?}", self.operator.id, self.operator.status),
            );
        }
        match &self.home {
            Some(home) if !home.status.may_act() => {
                refuse(ResultCode::Initiator, format!("organization {} is {:?}", home.shortcode, home.status))
            }
            _ => Ok(()),
        }
    }

    /// A role of the service's channel, in force now, has the permission (S2).
    pub fn must_hold_permission(&self, catalogue: &Catalogue, service: &Service, now: Timestamp) -> Result<(), Halt> {
        match &service.permission {
            Some(permission) => self.must_hold(catalogue, service.channel, permission, now),
            None => refuse(ResultCode::NotAllowed, format!("{} has no permission that could be held", service.command)),
        }
    }

    /// A role of this channel, in force now, has the permission (S2).
    pub fn must_hold(
        &self,
        catalogue: &Catalogue,
        channel: Channel,
        permission: &str,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let in_force: Vec<&Grant> = self.operator.roles.iter().filter(|grant| grant.in_force(now)).collect();
        // Roles that were granted before the catalogue made them exclude each other: neither counts,
        // for nothing says which of them was meant to stay (S3).
        let void = |grant: &Grant| in_force.iter().any(|other| catalogue.exclusion(&grant.role, &other.role).is_some());
        let permitting = in_force.iter().filter(|grant| catalogue.role_permits(&grant.role, channel, permission));
        // One that counts is enough, whatever others that are held are worth.
        match permitting.clone().find(|grant| !void(grant)).or(permitting.clone().next()) {
            Some(grant) if void(grant) => {
                refuse(ResultCode::NotAllowed, format!("role \"{}\" is excluded by another that is held", grant.role))
            }
            Some(_) => Ok(()),
            None => {
                let reason = format!(
                    "operator {} has no role in force on the channel {channel} with the permission \"{permission}\"",
                    self.operator.id
                );
                refuse(ResultCode::NotAllowed, reason)
            }
        }
    }

    /// The operator may act for this organization: its own, or one below it (S1).
    pub fn must_be_over(&self, evidence: &mut Evidence<'_>, organization: &Organization) -> Result<(), Halt> {
        if self.is_over(evidence, organization)? {
            return Ok(());
        }
        let reason = format!("operator {} may not act for {}", self.operator.id, organization.shortcode);
        refuse(ResultCode::NotChild, reason)
    }

    /// Whether it is the operator's organization, or one below it.
    pub fn is_over(&self, evidence: &mut Evidence<'_>, organization: &Organization) -> Result<bool, ReadError> {
        match &self.home {
            None => Ok(true),
            Some(home) => Ok(lineage(evidence, organization)?.contains(&home.shortcode)),
        }
    }
}

/// The organization and all above it, from below.
fn lineage(evidence: &mut Evidence<'_>, organization: &Organization) -> Result<Vec<Shortcode>, ReadError> {
    let mut lineage = vec![organization.shortcode.clone()];
    let mut above = organization.parent.clone();
    while let Some(parent) = above.take().filter(|_| lineage.len() < HIERARCHY_LEVELS_MAX) {
        above = load_organization(evidence, &parent)?.and_then(|parent| parent.parent.clone());
        lineage.push(parent);
    }
    Ok(lineage)
}

/// A `HeadOffice`, where the service has that parameter and the request names one by its shortcode, is
/// the organization itself or above it: whoever believes in another hierarchy means somebody else.
pub(super) fn must_be_under_head_office(case: &mut Case<'_>, organization: &Organization) -> Result<(), Halt> {
    const KEY: &str = "HeadOffice";
    if !case.service.parameters.iter().any(|parameter| parameter.key == KEY) {
        return Ok(());
    }
    let Some(Ok(named)) = case.order.parameter(KEY).map(Shortcode::parse) else { return Ok(()) };
    if lineage(&mut case.evidence, organization)?.contains(&named) {
        return Ok(());
    }
    refuse(ResultCode::PrimaryParty, format!("{named} is not above {}", organization.shortcode))
}

/// The organization's products let it start this service.
pub(super) fn must_start(catalogue: &Catalogue, organization: &Organization, service: &Service) -> Result<(), Halt> {
    let products = organization.products.iter().filter_map(|name| catalogue.product(name));
    if products.into_iter().any(|product| product.starts.contains(&service.command)) {
        return Ok(());
    }
    refuse(ResultCode::Product, format!("no product of {} starts {}", organization.shortcode, service.command))
}

/// The organization's products let it be paid by this service.
pub(super) fn must_receive(catalogue: &Catalogue, organization: &Organization, service: &Service) -> Result<(), Halt> {
    let products = organization.products.iter().filter_map(|name| catalogue.product(name));
    if products.into_iter().any(|product| product.receives.contains(&service.command)) {
        return Ok(());
    }
    refuse(ResultCode::Product, format!("no product of {} receives {}", organization.shortcode, service.command))
}

/// The payer and the payee stand to each other as the service wants it.
pub(super) fn must_relate(
    evidence: &mut Evidence<'_>,
    relation: Relation,
    payer: &Organization,
    payee: &Organization,
) -> Result<(), Halt> {
    let same = payer.shortcode == payee.shortcode;
    let holds = match relation {
        Relation::Same => same,
        Relation::Other => !same,
        Relation::Inside => !same && lineage(evidence, payer)?.last() == lineage(evidence, payee)?.last(),
        Relation::Outside => lineage(evidence, payer)?.last() != lineage(evidence, payee)?.last(),
    };
    if holds {
        return Ok(());
    }
    let reason = format!("{} and {} do not stand to each other as {relation:?}", payer.shortcode, payee.shortcode);
    refuse(ResultCode::ReceiverParty, reason)
}

/// The organization that a party names, by one of the identifier types that the service takes. Organizations
/// have no others (`catalogue::check`).
pub(super) fn organization(
    evidence: &mut Evidence<'_>,
    party: Option<&Party>,
    identifiers: &[u32],
    code: ResultCode,
) -> Result<Rc<Organization>, Halt> {
    let Some(party) = party else { return refuse(code, "the party is missing") };
    if !identifiers.contains(&party.identifier_type) {
        return refuse(code, format!("identifier type {} is not one of {identifiers:?}", party.identifier_type));
    }
    organization_known_as(evidence, &party.identifier, code)
}

/// The organization with this shortcode.
pub(super) fn organization_known_as(
    evidence: &mut Evidence<'_>,
    text: &str,
    code: ResultCode,
) -> Result<Rc<Organization>, Halt> {
    let Ok(shortcode) = Shortcode::parse(text) else {
        return refuse(code, format!("{text:?} is no shortcode"));
    };
    match load_organization(evidence, &shortcode)? {
        Some(organization) => Ok(organization),
        None => refuse(code, format!("there is no organization {shortcode}")),
    }
}
