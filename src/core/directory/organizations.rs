//! Organizations: created, renamed, moved, stopped, and given products, with the accounts that these
//! bring.

use super::admin::{AdminError, name, next_status, open_missing};
use super::{Organization, Parents, Status, load_organization, organization_key};
use crate::clock::Timestamp;
use crate::core::accounts::{AccountKind, Holder};
use crate::core::catalogue::Catalogue;
use crate::core::evidence::Evidence;
use crate::core::ids::Shortcode;
use crate::core::{Core, HIERARCHY_LEVELS_MAX};
use crate::store::{Read, WriteSet, encode};

/// An organization to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    /// The shortcode.
    pub shortcode: Shortcode,
    /// The public name.
    pub name: String,
    /// The products, by name.
    pub products: Vec<String>,
    /// The organization above it.
    pub parent: Option<Shortcode>,
    /// Whether customers' payments are validated by its own system.
    pub validation: bool,
    /// A tariff in place of the usual one.
    pub tariff: Option<String>,
}

/// What is to be different about an organization; what is none or empty stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationChange {
    /// Another name.
    pub name: Option<String>,
    /// Another state.
    pub status: Option<Status>,
    /// Products that it gets beside those that it has.
    pub add_products: Vec<String>,
    /// Products that it loses; their accounts stay, for what is in them.
    pub remove_products: Vec<String>,
    /// Another organization above it, or none.
    pub parent: Option<Option<Shortcode>>,
    /// Whether customers' payments are validated by its own system.
    pub validation: Option<bool>,
    /// Another tariff in place of the usual one, or the usual one.
    pub tariff: Option<Option<String>>,
}

/// A record that can be changed, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed<T> {
    /// As it stands.
    pub before: T,
    /// As it is to be.
    pub after: T,
    /// What to commit.
    pub write_set: WriteSet,
}

/// Creates an organization with the accounts of its products. It is in use at once.
pub fn create_organization(
    core: &Core,
    facts: &dyn Read,
    new: NewOrganization,
    now: Timestamp,
) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    if load_organization(&mut evidence, &new.shortcode)?.is_some() {
        return Err(AdminError::Exists(format!("organization {}", new.shortcode)));
    }
    if let Some(parent) = &new.parent {
        check_parent(&mut evidence, parent, &new.shortcode, 1)?;
    }
    check_tariff(core.catalogue(), new.tariff.as_deref())?;
    let organization = Organization {
        shortcode: new.shortcode,
        name: name(&new.name)?,
        products: without_repeats(new.products),
        parent: new.parent,
        status: Status::Active,
        validation: new.validation,
        tariff: new.tariff,
        created: now,
    };
    let kinds = kinds_of(core.catalogue(), &organization.products)?;
    let holder = Holder::Organization(organization.shortcode.clone());
    let opened = open_missing(&mut evidence, &holder, kinds, now)?;
    let mut write_set = evidence.write_set();
    write_set.extend(opened);
    write_set.put(organization_key(&organization.shortcode), encode(&organization));
    Ok(write_set)
}

/// Changes an organization, and opens the accounts that its new products need.
pub fn change_organization(
    core: &Core,
    facts: &dyn Read,
    shortcode: &Shortcode,
    change: OrganizationChange,
    now: Timestamp,
) -> Result<Changed<Organization>, AdminError> {
    let mut evidence = Evidence::new(facts);
    let described = format!("organization {shortcode}");
    let before = load_organization(&mut evidence, shortcode)?;
    let before = Organization::clone(&*before.ok_or_else(|| AdminError::Unknown(described.clone()))?);
    if change == OrganizationChange::default() {
        return Err(AdminError::Nothing);
    }
    let holder = Holder::Organization(shortcode.clone());
    let mut after = before.clone();
    after.name = change.name.map_or(Ok(after.name), |text| name(&text))?;
    after.status = change.status.unwrap_or(before.status);
    after.validation = change.validation.unwrap_or(before.validation);
    if let Some(tariff) = change.tariff {
        check_tariff(core.catalogue(), tariff.as_deref())?;
        after.tariff = tariff;
    }
    if let Some(parent) = change.parent {
        if let Some(parent) = &parent {
            // What is below it moves with it.
            let below = Parents::of_all(facts)?.below(shortcode).map(|(_, levels)| levels).max().unwrap_or_default();
            check_parent(&mut evidence, parent, shortcode, below.saturating_add(1))?;
        }
        after.parent = parent;
    }
    if let Some(stranger) = change.remove_products.iter().find(|product| !before.products.contains(product)) {
        return Err(AdminError::Unknown(format!("the product \"{stranger}\" of {described}")));
    }
    after.products.retain(|product| !change.remove_products.contains(product));
    let kinds = kinds_of(core.catalogue(), &change.add_products)?;
    after.products.extend(change.add_products);
    after.products = without_repeats(after.products);
    let opened = open_missing(&mut evidence, &holder, kinds, now)?;
    let guards = next_status(&evidence, &described, &holder, (before.status, after.status))?;
    let mut write_set = evidence.write_set();
    write_set.extend(guards);
    write_set.extend(opened);
    write_set.put(organization_key(shortcode), encode(&after));
    Ok(Changed { before, after, write_set })
}

/// The accounts that these products need; all of them must be in the catalogue.
fn kinds_of(catalogue: &Catalogue, products: &[String]) -> Result<Vec<AccountKind>, AdminError> {
    let mut kinds = Vec::new();
    for name in products {
        let product = catalogue.product(name);
        let product = product.ok_or_else(|| AdminError::NotInCatalogue(format!("product \"{name}\"")))?;
        kinds.extend(product.accounts.iter().copied());
    }
    Ok(kinds)
}

fn without_repeats(names: Vec<String>) -> Vec<String> {
    names.into_iter().fold(Vec::new(), |mut kept, name| {
        if !kept.contains(&name) {
            kept.push(name);
        }
        kept
    })
}

/// The tariff has an effect on what the organization is charged for.
fn check_tariff(catalogue: &Catalogue, tariff: Option<&str>) -> Result<(), AdminError> {
    match tariff {
        Some(tariff) if !catalogue.can_be_chosen(tariff) => {
            Err(AdminError::NotInCatalogue(format!("tariff \"{tariff}\" that could be chosen")))
        }
        _ => Ok(()),
    }
}

/// The parent exists, does not stand below the organization, and there is room below it in the
/// hierarchy for as many levels as come with the child, its own included.
fn check_parent(
    evidence: &mut Evidence<'_>,
    parent: &Shortcode,
    child: &Shortcode,
    levels: usize,
) -> Result<(), AdminError> {
    let mut above = parent.clone();
    for levels_above in 1..=HIERARCHY_LEVELS_MAX {
        if above == *child {
            return Err(AdminError::AboveItself(parent.clone()));
        }
        let organization = load_organization(evidence, &above)?;
        let organization = organization.ok_or_else(|| AdminError::Unknown(format!("organization {above}")))?;
        match organization.parent.clone() {
            Some(next) => above = next,
            None if levels_above.saturating_add(levels) <= HIERARCHY_LEVELS_MAX => return Ok(()),
            None => break,
        }
    }
    Err(AdminError::Hierarchy(parent.clone()))
}
