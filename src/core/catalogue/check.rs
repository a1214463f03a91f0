//! Whether the catalogue makes sense as a whole: every reference resolves, bands have no gaps, and
//! whatever a service needs is there on every day on which it can be used.

use super::{
    Catalogue, CatalogueError, ChargeRule, Direction, Flow, NetworkNeed, PartyKind, Product, Relation, Service,
};
use crate::clock::Day;
use crate::core::accounts::AccountKind;
use crate::core::channel::Channel;
use crate::core::ids::{MSISDN_DIGITS_MAX, Numbering};
use crate::core::limits::{HolderLimit, TransactionLimits};
use crate::core::money::Amount;
use crate::core::roles::Exclusion;
use crate::core::tariff::Band;

const SERVICES: &str = "services.toml";
const PRODUCTS: &str = "products.toml";
const ROLES: &str = "roles.toml";
const TARIFFS: &str = "tariffs.toml";
const LIMITS: &str = "limits.toml";

/// The identifier types by which a transfer's parties can be named (protocol.md 1.4).
const MSISDN: u32 = 1;
const OF_ORGANIZATIONS: [u32; 2] = [2, 4];

/// Everything that is wrong, in the order of the files; empty if nothing is.
pub(super) fn check(catalogue: &Catalogue) -> Vec<CatalogueError> {
    let mut checker = Checker { catalogue, errors: Vec::new() };
    checker.numbering();
    for service in catalogue.services() {
        checker.service(service);
    }
    checker.products();
    checker.roles();
    checker.tariffs();
    checker.limits();
    checker.errors
}

struct Checker<'a> {
    catalogue: &'a Catalogue,
    errors: Vec<CatalogueError>,
}

impl Checker<'_> {
    fn wrong(&mut self, file: &str, message: String) {
        self.errors.push(CatalogueError { file: file.to_owned(), message });
    }

    fn require(&mut self, holds: bool, file: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.wrong(file, message());
        }
    }

    /// Under a numbering that nothing fits, no subscriber could be found.
    fn numbering(&mut self) {
        let Numbering { country, national_digits, leading } = self.catalogue.numbering();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = *national_digits > 0 && country.len().saturating_add(*national_digits) <= MSISDN_DIGITS_MAX;
        self.require(digits(country) && digits(leading) && fits, SERVICES, || {
            format!("[numbering]: country and leading are digits, and a whole number has at most {MSISDN_DIGITS_MAX}")
        });
    }

    fn service(&mut self, service: &Service) {
        let command = &service.command;
        self.door(service);
        if let Some(permission) = &service.permission {
            self.permission(command, permission, service.channel);
        }
        let products = || self.catalogue.products.values();
        let granted = products().any(|product| product.starts.contains(command) || product.receives.contains(command));
        self.require(granted || !service.flow.has_organization(), PRODUCTS, || {
            format!("no product has the command {command}; add it to the `starts` or `receives` of one")
        });
        self.lasts(command, "request_seconds_max", service.request_seconds_max);
        self.flow(service);
        if let Some(limits) = service.limits() {
            self.limits_of(command, limits);
        }
        for rule in service.charge_rules() {
            self.charge(service, rule);
        }
    }

    /// What a third party starts comes through the VPN, and needs a permission; the handset side
    /// has neither third parties nor roles.
    fn door(&mut self, service: &Service) {
        let command = &service.command;
        match service.channel {
            Channel::Handset => {
                self.require(service.network.is_none() && service.permission.is_none(), SERVICES, || {
                    format!("{command} is for handsets; remove its `network` and `permission`")
                });
            }
            Channel::Api | Channel::Web => {
                let needs_role = service.flow != Flow::Broker;
                self.require(!needs_role || service.permission.is_some(), SERVICES, || {
                    format!("{command} needs a `permission`, else everybody could use it")
                });
            }
        }
        if service.channel == Channel::Api {
            let vpn = service.direction == Direction::Provider || service.network == Some(NetworkNeed::Vpn);
            self.require(vpn, SERVICES, || format!("{command} is started by third parties; set `network = \"vpn\"`"));
            self.require(service.network.is_some(), SERVICES, || format!("{command} needs a `network`"));
        }
        let handset_flow = matches!(service.flow, Flow::CustomerPayment(_));
        self.require(handset_flow == (service.channel == Channel::Handset), SERVICES, || {
            format!("{command}: customer payments, and they alone, belong to the channel \"handset\"")
        });
    }

    /// What a flow says of accounts and of other services.
    fn flow(&mut self, service: &Service) {
        let command = &service.command;
        let of_provider = |kind: &AccountKind| AccountKind::PROVIDER.contains(kind);
        let between = AccountKind::OrganizationSettlement;
        self.require(!service.flow.accounts().contains(&between), SERVICES, || {
            format!("{command}: nothing stays in the {}, which settlements go through; name another", between.alias())
        });
        match &service.flow {
            Flow::Transfer(rules) => {
                let to_provider = of_provider(&rules.credit.account);
                self.require(!of_provider(&rules.debit.account), SERVICES, || {
                    format!("{command} debits an account of the provider; debit one of an organization")
                });
                let moves = rules.relation != Relation::Same || rules.debit.account != rules.credit.account;
                self.require(moves, SERVICES, || {
                    format!("{command} debits and credits the same account; choose another one for one of the two")
                });
                self.require(to_provider == rules.credit.identifiers.is_empty(), SERVICES, || {
                    format!("{command}: whoever is credited has `identifiers`, unless it is the provider")
                });
                let of_organization = |identifier: &u32| OF_ORGANIZATIONS.contains(identifier);
                let debited = &rules.debit.identifiers;
                self.require(!debited.is_empty() && debited.iter().all(of_organization), SERVICES, || {
                    format!("{command} debits an organization; its `identifiers` are of {OF_ORGANIZATIONS:?}")
                });
                let mut credited = rules.credit.identifiers.iter();
                self.require(credited.clone().all(|one| *one == MSISDN || of_organization(one)), SERVICES, || {
                    format!("{command}: the `identifiers` of `credit` are of {OF_ORGANIZATIONS:?}, or {MSISDN}")
                });
                let purse = credited.all(|one| *one != MSISDN) || rules.credit.account == AccountKind::Working;
                self.require(purse, SERVICES, || {
                    format!("{command} pays phone numbers, whose subscribers have a working account and no other")
                });
            }
            Flow::CustomerPayment(rules) => {
                for (party, kind) in [(rules.payer, rules.debit_account), (rules.payee, rules.credit_account)] {
                    let own = party == PartyKind::Organization || kind == AccountKind::Working;
                    self.require(own && !of_provider(&kind), SERVICES, || {
                        format!("{command}: no {party:?} has the {}; subscribers have a working account", kind.alias())
                    });
                }
                let agrees = rules.reservation_seconds.is_none() || rules.payee == PartyKind::Organization;
                self.require(agrees, SERVICES, || {
                    format!("{command}: only organizations are asked; remove `reservation_seconds`")
                });
                self.lasts(command, "reservation_seconds", rules.reservation_seconds.map(u64::from));
            }
            Flow::Reversal(rules) => {
                if let Some(approval) = &rules.approval {
                    self.permission(command, &approval.permission, Channel::Web);
                    self.lasts(command, "seconds", Some(approval.seconds.into()));
                }
                for original in &rules.of {
                    let flow = self.catalogue.services.get(original).map(|service| &service.flow);
                    let payment = matches!(flow, Some(Flow::Transfer(_) | Flow::CustomerPayment(_)));
                    self.require(payment, SERVICES, || {
                        format!("{command} is to give back {original}, which is no payment; remove it from `of`")
                    });
                }
            }
            Flow::Settlement(rules) => {
                let own = rules.from.iter().chain([&rules.to]).all(|kind| !of_provider(kind));
                self.require(own && !rules.from.is_empty() && !rules.from.contains(&rules.to), SERVICES, || {
                    format!("{command} goes `from` accounts of the organization `to` another one of its own")
                });
                // Two legs would take out of it what it holds once.
                let once = |kind| rules.from.iter().filter(|other| *other == kind).count() == 1;
                self.require(rules.from.iter().all(once), SERVICES, || {
                    format!("{command} has an account in `from` twice; remove one")
                });
            }
            Flow::TransactionStatus { conversation_days } => {
                self.lasts(command, "conversation_days", Some((*conversation_days).into()));
            }
            Flow::AccountBalance | Flow::CheckIdentity | Flow::Broker => {}
        }
    }

    /// In no time at all nothing could be done.
    fn lasts(&mut self, command: &str, what: &str, time: Option<u64>) {
        self.require(time != Some(0), SERVICES, || {
            format!("{command}: nothing can be done within 0 `{what}`; allow more, or remove it")
        });
    }

    fn permission(&mut self, command: &str, permission: &str, channel: Channel) {
        let known = self.catalogue.permissions.iter().any(|known| known.name == *permission);
        self.require(known, ROLES, || {
            format!("{command} needs the permission \"{permission}\", which is not there; add a [[permission]]")
        });
        let held = self.catalogue.roles.keys().any(|role| self.catalogue.role_permits(role, channel, permission));
        self.require(held, ROLES, || {
            format!("no role of the channel {channel} has \"{permission}\", which {command} needs; give it to one")
        });
    }

    fn limits_of(&mut self, command: &str, limits: &str) {
        let known = self.catalogue.transaction_limits.contains_key(limits);
        self.require(known, LIMITS, || {
            format!("{command} has the limits \"{limits}\", which are not there; add a [[transaction]]")
        });
    }

    fn charge(&mut self, service: &Service, rule: &ChargeRule) {
        let command = &service.command;
        for name in rule.tariffs() {
            let Some(tariff) = self.catalogue.tariff(name) else {
                self.wrong(
                    TARIFFS,
                    format!("{command} has the tariff \"{name}\", which is not there; add a [[tariff]]"),
                );
                continue;
            };
            let begins = self.limits_begin(service);
            let priced = tariff.versions.versions().first().map(|version| version.from);
            self.require(begins.is_none() || priced <= begins, TARIFFS, || {
                format!("tariff \"{name}\" begins after the limits of {command} do; give it an earlier version")
            });
            for version in tariff.versions.versions() {
                let greatest = version.rule.last().map_or(Amount::ZERO, |band| band.up_to);
                let allowed = self.greatest_amount(service, version.from);
                self.require(allowed <= greatest, TARIFFS, || {
                    format!("tariff \"{name}\" ends at {greatest}, but {command} allows {allowed}; add a band")
                });
                let customers_pay = version.rule.iter().any(|band| !band.customer.is_zero());
                let by_customer =
                    matches!(&service.flow, Flow::CustomerPayment(rules) if rules.payer == PartyKind::Subscriber);
                self.require(!customers_pay || by_customer, TARIFFS, || {
                    format!("tariff \"{name}\" has a customer's part, but in {command} no customer pays; set it to 0")
                });
                let business_pays = version.rule.iter().any(|band| !band.business.is_zero());
                self.require(!business_pays || service.flow.has_organization(), TARIFFS, || {
                    format!("tariff \"{name}\" has a business's part, but {command} has no business; set it to 0")
                });
            }
        }
    }

    fn limits_in(&self, service: &Service) -> Option<&TransactionLimits> {
        self.catalogue.transaction_limits.get(service.limits()?)
    }

    /// The first day on which a service can be used.
    fn limits_begin(&self, service: &Service) -> Option<Day> {
        self.limits_in(service)?.versions.versions().first().map(|version| version.from)
    }

    /// The greatest amount that a service allows on a day or ever after.
    fn greatest_amount(&self, service: &Service, from: Day) -> Amount {
        let Some(limits) = self.limits_in(service) else { return Amount::ZERO };
        let in_force = limits.versions.on(from).into_iter();
        let later = limits.versions.versions().iter().filter(|version| version.from > from).map(|later| &later.rule);
        in_force.chain(later).map(|limit| limit.maximum).max().unwrap_or_default()
    }

    fn products(&mut self) {
        let mut products: Vec<_> = self.catalogue.products.values().collect();
        products.sort_by(|one, other| one.name.cmp(&other.name));
        for product in products {
            let commands = product.starts.iter().chain(&product.receives);
            for command in
                commands.filter(|command| !self.catalogue.services.contains_key(*command)).collect::<Vec<_>>()
            {
                self.wrong(PRODUCTS, format!("\"{}\" has the command {command}, which no service has", product.name));
            }
            let foreign = product.accounts.iter().find(|kind| !AccountKind::ORGANIZATION.contains(kind));
            if let Some(kind) = foreign {
                self.wrong(PRODUCTS, format!("\"{}\" has the {}, which is the provider's", product.name, kind.alias()));
            }
            self.accounts_of(product);
        }
    }

    /// A product has the accounts that its services debit, credit and charge.
    fn accounts_of(&mut self, product: &Product) {
        let service = |command: &String| self.catalogue.services.get(command);
        let mut needed = Vec::new();
        for service in product.starts.iter().filter_map(service) {
            let command = &service.command;
            match &service.flow {
                Flow::Transfer(rules) => needed.push((command, rules.debit.account)),
                Flow::CustomerPayment(rules) => needed.push((command, rules.debit_account)),
                Flow::Settlement(rules) => {
                    needed.push((command, AccountKind::OrganizationSettlement));
                    needed.push((command, AccountKind::ChargesPaid));
                    needed.push((command, rules.to));
                }
                _ => {}
            }
            if !service.charge_rules().is_empty() {
                needed.push((command, AccountKind::ChargesPaid));
            }
        }
        for service in product.receives.iter().filter_map(service) {
            match &service.flow {
                Flow::Transfer(rules) => needed.push((&service.command, rules.credit.account)),
                Flow::CustomerPayment(rules) => {
                    needed.push((&service.command, rules.credit_account));
                    needed.push((&service.command, AccountKind::ChargesPaid));
                }
                _ => {}
            }
        }
        let missing: Vec<_> = needed.into_iter().filter(|(_, kind)| !product.accounts.contains(kind)).collect();
        for (command, kind) in missing {
            let message = format!("\"{}\" has {command}, so it needs the {} in `accounts`", product.name, kind.alias());
            self.wrong(PRODUCTS, message);
        }
    }

    fn roles(&mut self) {
        let mut roles: Vec<_> = self.catalogue.roles.values().collect();
        roles.sort_by(|one, other| one.name.cmp(&other.name));
        for role in roles {
            for held in &role.permissions {
                let known = self.catalogue.permissions.iter().any(|known| known.name == *held);
                self.require(known, ROLES, || {
                    format!(
                        "role \"{}\" has the permission \"{held}\", which is not there; add a [[permission]]",
                        role.name
                    )
                });
            }
        }
        for role in self.catalogue.exclusions.iter().flat_map(|exclusion| &exclusion.roles) {
            let known = self.catalogue.roles.contains_key(role);
            self.require(known, ROLES, || format!("an [[exclusion]] names the role \"{role}\", which is not there"));
        }
        for Exclusion { roles: [one, other], .. } in &self.catalogue.exclusions {
            self.require(one != other, ROLES, || format!("role \"{one}\" excludes itself, so nobody could hold it"));
        }
    }

    fn tariffs(&mut self) {
        let mut tariffs: Vec<_> = self.catalogue.tariffs.values().collect();
        tariffs.sort_by(|one, other| one.name.cmp(&other.name));
        for tariff in tariffs {
            let name = &tariff.name;
            self.require(tariff.versions.ascends(), TARIFFS, || {
                format!("the versions of \"{name}\" must each begin after the one before, and there must be one")
            });
            for version in tariff.versions.versions() {
                self.bands(name, version.from, &version.rule);
            }
        }
    }

    fn bands(&mut self, name: &str, from: Day, bands: &[Band]) {
        let version = format!("tariff \"{name}\" of {from}");
        let mut reached = Amount::ZERO;
        for band in bands {
            let Band { above, up_to, .. } = *band;
            self.require(above <= reached, TARIFFS, || {
                format!("{version}: nothing covers the amounts above {reached} up to {above}; close the gap")
            });
            self.require(above >= reached, TARIFFS, || {
                format!("{version}: the band above {above} overlaps the one up to {reached}; begin it at {reached}")
            });
            self.require(above < up_to, TARIFFS, || {
                format!("{version}: the band above {above} up to {up_to} holds no amount")
            });
            reached = up_to;
        }
    }

    fn limits(&mut self) {
        let mut all: Vec<_> = self.catalogue.transaction_limits.values().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        for limits in all {
            let name = &limits.name;
            self.require(limits.versions.ascends(), LIMITS, || {
                format!("the versions of \"{name}\" must each begin after the one before, and there must be one")
            });
            let sensible = |minimum: Amount, maximum| minimum.is_positive() && minimum <= maximum;
            let rules = || limits.versions.versions().iter().map(|version| version.rule);
            self.require(rules().all(|rule| sensible(rule.minimum, rule.maximum)), LIMITS, || {
                format!("the minimum of \"{name}\" must be more than zero and not more than the maximum")
            });
        }
        for limits in &self.catalogue.holder_limits {
            let of_holder = self.catalogue.holder_limits.iter().filter(|other| other.holder == limits.holder);
            self.require(of_holder.count() == 1, LIMITS, || {
                format!("the limits of {:?} are there twice; remove one", limits.holder)
            });
            let sensible = |rule: &HolderLimit| match (rule.balance_minimum, rule.balance_maximum) {
                (Some(minimum), Some(maximum)) => minimum <= maximum,
                _ => true,
            };
            self.require(limits.versions.versions().iter().all(|version| sensible(&version.rule)), LIMITS, || {
                format!("the least balance of {:?} must not be more than the greatest", limits.holder)
            });
            self.require(limits.versions.ascends(), LIMITS, || {
                format!("the versions of {:?}'s limits must each begin after the one before", limits.holder)
            });
        }
    }
}
