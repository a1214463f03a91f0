//! The catalogue: services, products, roles, tariffs and limits as data. It is checked as a whole
//! when it is read, so that whoever uses it finds every reference resolved; changing what Lango
//! offers means changing these files, not code.

mod check;
pub mod differences;
pub mod editions;
mod parse;
mod service;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use service::{
    ApprovalRules, ChargeRule, CustomerPaymentRules, Customers, Direction, Flow, NetworkNeed, Parameter,
    ParameterFormat, PartyKind, Product, Relation, ResultStyle, ReversalRules, Service, SettlementRules, SideRule,
    TransferRules,
};

use super::accounts::{Account, AccountKind, Bounds, Holder};
use super::channel::Channel;
use super::ids::Numbering;
use super::limits::{HolderKind, HolderLimit, HolderLimits, TransactionLimit, TransactionLimits};
use super::money::Amount;
use super::roles::{Exclusion, Permission, Role};
use super::tariff::{Band, Tariff};
use crate::clock::Day;

/// The catalogue that `lango init` writes: file names and their text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("services.toml", include_str!("../../../config/catalogue/services.toml")),
    ("products.toml", include_str!("../../../config/catalogue/products.toml")),
    ("roles.toml", include_str!("../../../config/catalogue/roles.toml")),
    ("tariffs.toml", include_str!("../../../config/catalogue/tariffs.toml")),
    ("limits.toml", include_str!("../../../config/catalogue/limits.toml")),
];

/// What is wrong with a catalogue, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct CatalogueError {
    /// The file that needs a change.
    pub file: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Things found by their names, several times in each decision; seeded at random.
type ByName<T> = HashMap<String, T, foldhash::fast::RandomState>;

/// A catalogue that was checked as a whole.
#[derive(Clone, Debug)]
pub struct Catalogue {
    services: ByName<Service>,
    products: ByName<Product>,
    permissions: Vec<Permission>,
    roles: ByName<Role>,
    exclusions: Vec<Exclusion>,
    tariffs: ByName<Tariff>,
    transaction_limits: ByName<TransactionLimits>,
    holder_limits: Vec<HolderLimits>,
    numbering: Numbering,
}

impl Catalogue {
    /// Reads and checks a catalogue, given as file names and their text. All that is wrong is
    /// reported at once.
    pub fn parse(files: &[(String, String)]) -> Result<Catalogue, Vec<CatalogueError>> {
        let catalogue = parse::parse(files)?;
        let errors = check::check(&catalogue);
        if errors.is_empty() { Ok(catalogue) } else { Err(errors) }
    }

    /// The catalogue that is shipped.
    pub fn shipped() -> Result<Catalogue, Vec<CatalogueError>> {
        let files: Vec<_> = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        Self::parse(&files)
    }

    /// The service with this command ID.
    pub fn command(&self, command: &str) -> Option<&Service> {
        self.services.get(command)
    }

    /// All services, in the order of their command IDs.
    pub fn services(&self) -> Vec<&Service> {
        let mut services: Vec<_> = self.services.values().collect();
        services.sort_by(|one, other| one.command.cmp(&other.command));
        services
    }

    /// The product with this name.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products.get(name)
    }

    /// The role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// All roles, in the order of their names.
    pub fn roles(&self) -> Vec<&Role> {
        let mut roles: Vec<_> = self.roles.values().collect();
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        roles
    }

    /// The tariff with this name.
    pub fn tariff(&self, name: &str) -> Option<&Tariff> {
        self.tariffs.get(name)
    }

    /// Whether an organization can choose this tariff: a service charges by it, or by another one in its place.
    pub fn can_be_chosen(&self, tariff: &str) -> bool {
        let rules = self.services.values().flat_map(Service::charge_rules);
        rules.filter(|rule| !rule.alternatives.is_empty()).any(|rule| rule.tariffs().any(|other| other == tariff))
    }

    /// How phone numbers are written.
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// Why the two roles exclude each other, if they do.
    pub fn exclusion(&self, one: &str, other: &str) -> Option<&Exclusion> {
        self.exclusions.iter().find(|exclusion| exclusion.forbids(one, other))
    }

    /// Whether a role of this channel has the permission.
    pub fn role_permits(&self, role: &str, channel: Channel, permission: &str) -> bool {
        let role = self.roles.get(role).filter(|role| role.channel == channel);
        role.is_some_and(|role| role.permissions.iter().any(|held| held == permission))
    }

    /// The limits of this name for single transactions on this day.
    pub fn transaction_limit(&self, name: &str, day: Day) -> Option<&TransactionLimit> {
        self.transaction_limits.get(name)?.versions.on(day)
    }

    /// The limits of this holder on this day; the provider has none.
    pub fn holder_limit(&self, holder: &Holder, day: Day) -> HolderLimit {
        let kind = match holder {
            Holder::Provider => return HolderLimit::default(),
            Holder::Organization(_) => HolderKind::Organization,
            Holder::Subscriber(_) => HolderKind::Subscriber,
        };
        let limits = self.holder_limits.iter().find(|limits| limits.holder == kind);
        limits.and_then(|limits| limits.versions.on(day)).copied().unwrap_or_default()
    }

    /// The bands of a tariff on this day.
    pub fn bands(&self, tariff: &str, day: Day) -> Option<&[Band]> {
        self.tariffs.get(tariff)?.versions.on(day).map(Vec::as_slice)
    }

    /// Between what the available funds of an account must stay when money is paid into it or out
    /// of it on this day.
    pub fn bounds(&self, account: &Account, day: Day) -> Bounds {
        let natural = account.kind.bounds();
        if account.kind == AccountKind::ChargesPaid {
            return natural;
        }
        let limit = self.holder_limit(&account.holder, day);
        Bounds {
            floor: limit.balance_minimum.map_or(natural.floor, Amount::minor),
            ceiling: limit.balance_maximum.map_or(natural.ceiling, Amount::minor),
        }
    }
}
