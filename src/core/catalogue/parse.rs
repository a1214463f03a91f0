//! The catalogue's files as TOML. What is written is read field by field; what is not known is
//! refused; whether it makes sense together is for [`check`](super::check) to say.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{ByName, Catalogue, CatalogueError, Product, SHIPPED, Service};
use crate::core::ids::Numbering;
use crate::core::limits::{HolderLimits, TransactionLimits};
use crate::core::roles::{Exclusion, Permission, Role};
use crate::core::tariff::Tariff;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Services {
    numbering: Numbering,
    service: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Products {
    product: Vec<Product>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    permission: Vec<Permission>,
    role: Vec<Role>,
    #[serde(default)]
    exclusion: Vec<Exclusion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tariffs {
    tariff: Vec<Tariff>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    transaction: Vec<TransactionLimits>,
    #[serde(default)]
    holder: Vec<HolderLimits>,
}

/// Reads all files; reports every file that is missing, unknown or no TOML of its kind, and every
/// name that is used twice.
pub(super) fn parse(files: &[(String, String)]) -> Result<Catalogue, Vec<CatalogueError>> {
    let mut errors: Vec<_> = files.iter().filter_map(|(name, _)| unknown_file(name)).collect();
    let services: Option<Services> = file(files, "services.toml", &mut errors);
    let products: Option<Products> = file(files, "products.toml", &mut errors);
    let roles: Option<Roles> = file(files, "roles.toml", &mut errors);
    let tariffs: Option<Tariffs> = file(files, "tariffs.toml", &mut errors);
    let limits: Option<Limits> = file(files, "limits.toml", &mut errors);
    let (Some(services), Some(products), Some(roles), Some(tariffs), Some(limits)) =
        (services, products, roles, tariffs, limits)
    else {
        return Err(errors);
    };
    let mut named = Named { errors };
    let catalogue = Catalogue {
        services: named.by(services.service, "services.toml", "command", |service| &service.command),
        products: named.by(products.product, "products.toml", "product", |product| &product.name),
        permissions: roles.permission,
        roles: named.by(roles.role, "roles.toml", "role", |role| &role.name),
        exclusions: roles.exclusion,
        tariffs: named.by(tariffs.tariff, "tariffs.toml", "tariff", |tariff| &tariff.name),
        transaction_limits: named.by(limits.transaction, "limits.toml", "transaction limit", |limits| &limits.name),
        holder_limits: limits.holder,
        numbering: services.numbering,
    };
    if named.errors.is_empty() { Ok(catalogue) } else { Err(named.errors) }
}

fn unknown_file(name: &str) -> Option<CatalogueError> {
    if SHIPPED.iter().any(|(known, _)| *known == name) {
        return None;
    }
    let known: Vec<_> = SHIPPED.iter().map(|(known, _)| *known).collect();
    let message = format!("this is no file of the catalogue, which has {}; move it elsewhere", known.join(", "));
    Some(CatalogueError { file: name.to_owned(), message })
}

fn file<T: DeserializeOwned>(files: &[(String, String)], name: &str, errors: &mut Vec<CatalogueError>) -> Option<T> {
    let mut wrong = |message| errors.push(CatalogueError { file: name.to_owned(), message });
    let Some((_, text)) = files.iter().find(|(other, _)| other == name) else {
        wrong("the file is missing; `lango init` writes one to start from".to_owned());
        return None;
    };
    match toml::from_str(text) {
        Ok(read) => Some(read),
        Err(error) => {
            wrong(error.to_string().trim_end().to_owned());
            None
        }
    }
}

/// Puts lists into maps and collects the names that came twice.
struct Named {
    errors: Vec<CatalogueError>,
}

impl Named {
    fn by<T>(&mut self, list: Vec<T>, file: &str, what: &str, name: impl Fn(&T) -> &String) -> ByName<T> {
        let mut map = ByName::default();
        for item in list {
            let name = name(&item).clone();
            if map.insert(name.clone(), item).is_some() {
                let message = format!("the {what} \"{name}\" is there twice; remove or rename one");
                self.errors.push(CatalogueError { file: file.to_owned(), message });
            }
        }
        map
    }
}
