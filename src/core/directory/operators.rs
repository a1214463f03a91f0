//! Operators: created, given roles and relieved of them, stopped and let go on.

use super::admin::AdminError;
use super::organizations::Changed;
use super::{
    Operator, Status, USER_NAME_CHARACTERS_MAX, UserName, load_operator, load_organization_status, operator_key,
    user_name_key,
};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::channel::Channel;
use crate::core::evidence::Evidence;
use crate::core::ids::{Draw, OperatorId, Shortcode};
use crate::core::roles::Grant;
use crate::store::{Read, WriteSet, encode};

/// An operator to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperator {
    /// The organization; none for the provider.
    pub shortcode: Option<Shortcode>,
    /// The user name.
    pub user_name: String,
    /// The first roles.
    pub roles: Vec<Grant>,
    /// Pending Active until a password is set; Active where the caller sets one in the same commit.
    pub status: Status,
}

/// Roles that can be given, and what the administrator should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What to commit.
    pub write_set: WriteSet,
    /// What is allowed but not recommended.
    pub warnings: Vec<String>,
}

/// Creates an operator; the draw gives its id.
pub fn create_operator(
    core: &Core,
    facts: &dyn Read,
    new: NewOperator,
    now: Timestamp,
    draw: Draw,
) -> Result<(OperatorId, Granted), AdminError> {
    let mut evidence = Evidence::new(facts);
    let user_name = new.user_name.trim().to_owned();
    let well_formed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if user_name.is_empty() || user_name.len() > USER_NAME_CHARACTERS_MAX || !user_name.chars().all(well_formed) {
        return Err(AdminError::UserName);
    }
    if let Some(shortcode) = &new.shortcode {
        let described = || format!("organization {shortcode}");
        let home = load_organization_status(&mut evidence, shortcode)?;
        if home.ok_or_else(|| AdminError::Unknown(described()))? == Status::Closed {
            return Err(AdminError::Closed(described()));
        }
    }
    let name_key = user_name_key(new.shortcode.as_ref(), &user_name);
    if evidence.load::<UserName>(name_key.clone())?.is_some() {
        return Err(AdminError::Exists(format!("operator \"{user_name}\"")));
    }
    let id = OperatorId::from_draw(draw);
    if load_operator(&mut evidence, id)?.is_some() {
        return Err(AdminError::Exists(format!("operator {id}")));
    }
    let warnings = check_grants(core, &new.roles, now)?;
    let operator =
        Operator { id, shortcode: new.shortcode, user_name, roles: new.roles, status: new.status, created: now };
    let mut write_set = evidence.write_set();
    write_set.put(name_key, encode(&UserName { operator: id }));
    write_set.put(operator_key(id), encode(&operator));
    Ok((id, Granted { write_set, warnings }))
}

/// Gives roles to an operator, beside those that it has.
pub fn grant_roles(
    core: &Core,
    facts: &dyn Read,
    id: OperatorId,
    grants: Vec<Grant>,
    now: Timestamp,
) -> Result<Granted, AdminError> {
    let (mut evidence, mut operator) = known(facts, id)?;
    operator.roles.extend(grants);
    let warnings = check_grants(core, &operator.roles, now)?;
    let mut write_set = evidence.write_set();
    write_set.put(operator_key(id), encode(&operator));
    Ok(Granted { write_set, warnings })
}

/// Ends every grant of a role that counts now, and takes back those that were to count later. Which
/// roles an operator had in the past stays on its record.
pub fn revoke_role(facts: &dyn Read, id: OperatorId, role: &str, now: Timestamp) -> Result<WriteSet, AdminError> {
    let (mut evidence, mut operator) = known(facts, id)?;
    let held = operator.roles.clone();
    operator.roles.retain(|grant| grant.role != role || grant.effective < now);
    for grant in operator.roles.iter_mut().filter(|grant| grant.role == role && grant.in_force(now)) {
        grant.expires = Some(now);
    }
    if operator.roles == held {
        return Err(AdminError::NotGranted(role.to_owned()));
    }
    let mut write_set = evidence.write_set();
    write_set.put(operator_key(id), encode(&operator));
    Ok(write_set)
}

/// Puts an operator into another state. What is closed stays closed.
pub fn set_status(facts: &dyn Read, id: OperatorId, status: Status) -> Result<Changed<Operator>, AdminError> {
    let (mut evidence, before) = known(facts, id)?;
    if before.status == Status::Closed && status != Status::Closed {
        return Err(AdminError::Closed(format!("operator {id}")));
    }
    let after = Operator { status, ..before.clone() };
    let mut write_set = evidence.write_set();
    write_set.put(operator_key(id), encode(&after));
    Ok(Changed { before, after, write_set })
}

/// The operator, and that this rests on it.
fn known(facts: &dyn Read, id: OperatorId) -> Result<(Evidence<'_>, Operator), AdminError> {
    let mut evidence = Evidence::new(facts);
    let operator = load_operator(&mut evidence, id)?;
    let operator = operator.ok_or_else(|| AdminError::Unknown(format!("operator {id}")))?;
    Ok((evidence, operator))
}

/// All roles exist, none excludes another while both are in force (S3); warns where one operator
/// works, or will work, on several channels.
fn check_grants(core: &Core, grants: &[Grant], now: Timestamp) -> Result<Vec<String>, AdminError> {
    let catalogue = core.catalogue();
    let mut channels: Vec<Channel> = Vec::new();
    for (at, grant) in grants.iter().enumerate() {
        let role = catalogue.role(&grant.role);
        let role = role.ok_or_else(|| AdminError::NotInCatalogue(format!("role \"{}\"", grant.role)))?;
        if grant.expires.is_some_and(|expires| expires <= grant.effective) {
            return Err(AdminError::GrantDates(grant.role.clone()));
        }
        if grant.expires.is_none_or(|expires| now < expires) {
            channels.push(role.channel);
        }
        let others = grants.iter().skip(at.saturating_add(1)).filter(|other| grant.overlaps(other));
        for other in others {
            if let Some(exclusion) = catalogue.exclusion(&grant.role, &other.role) {
                let (one, other) = (grant.role.clone(), other.role.clone());
                return Err(AdminError::Exclusive { one, other, reason: exclusion.reason.clone() });
            }
        }
    }
    channels.sort();
    channels.dedup();
    let names: Vec<_> = channels.iter().map(ToString::to_string).collect();
    let several = names.len() > 1;
    let warning = || format!("the operator works on several channels ({}), which is not recommended", names.join(", "));
    Ok(several.then(warning).into_iter().collect())
}
