//! The parties of a payment, once they are found: an organization, a subscriber or the provider.

use std::fmt;
use std::rc::Rc;

use super::attempt::{Halt, refuse};
use crate::core::accounts::{Account, AccountKind, Holder};
use crate::core::codes::ResultCode;
use crate::core::directory::{Customer, Organization, Status, load_customer};
use crate::core::evidence::Evidence;
use crate::core::ids::{Msisdn, Numbering};
use crate::core::transaction::Side;

/// Who pays or is paid.
pub(super) enum Resolved {
    Organization(Rc<Organization>),
    Subscriber(Customer),
    Provider,
}

impl Resolved {
    /// It as one side of a transaction, with this account.
    pub fn side(&self, kind: AccountKind) -> Side {
        match self {
            Self::Organization(organization) => organization_side(organization, kind),
            Self::Subscriber(subscriber) => subscriber_side(subscriber, kind),
            Self::Provider => Side { account: Account::of_provider(kind), name: kind.alias().to_owned() },
        }
    }

    /// Who that is.
    pub fn holder(&self) -> Holder {
        match self {
            Self::Organization(organization) => Holder::Organization(organization.shortcode.clone()),
            Self::Subscriber(subscriber) => Holder::Subscriber(subscriber.msisdn.clone()),
            Self::Provider => Holder::Provider,
        }
    }

    /// The organization, if it is one.
    pub fn organization(&self) -> Option<&Organization> {
        match self {
            Self::Organization(organization) => Some(organization),
            Self::Subscriber(_) | Self::Provider => None,
        }
    }

    /// It is in a state in which it pays.
    pub fn must_pay(&self) -> Result<(), Halt> {
        match self.status() {
            Some(status) if !status.may_act() => refuse(ResultCode::DebitPartyState, format!("{self} is {status:?}")),
            _ => Ok(()),
        }
    }

    /// It is in a state in which it is paid.
    pub fn must_be_payable(&self) -> Result<(), Halt> {
        match self.status() {
            Some(status) if !status.may_receive() => {
                refuse(ResultCode::CreditPartyState, format!("{self} is {status:?}"))
            }
            _ => Ok(()),
        }
    }

    fn status(&self) -> Option<Status> {
        match self {
            Self::Organization(organization) => Some(organization.status),
            Self::Subscriber(subscriber) => Some(subscriber.status),
            Self::Provider => None,
        }
    }
}

/// As reasons name it.
impl fmt::Display for Resolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(organization) => write!(f, "organization {}", organization.shortcode),
            Self::Subscriber(subscriber) => write!(f, "subscriber {}", subscriber.msisdn),
            Self::Provider => f.write_str("the provider"),
        }
    }
}

/// An organization as one side of a transaction.
pub(super) fn organization_side(organization: &Organization, kind: AccountKind) -> Side {
    let holder = Holder::Organization(organization.shortcode.clone());
    Side { account: Account::new(holder, kind), name: organization.name.clone() }
}

fn subscriber_side(subscriber: &Customer, kind: AccountKind) -> Side {
    let holder = Holder::Subscriber(subscriber.msisdn.clone());
    Side { account: Account::new(holder, kind), name: subscriber.public_name.clone() }
}

/// The subscriber with this phone number; refused with this code if there is none.
pub(super) fn subscriber(
    evidence: &mut Evidence<'_>,
    numbering: &Numbering,
    text: &str,
    code: ResultCode,
) -> Result<Customer, Halt> {
    let Ok(msisdn) = Msisdn::parse(text, numbering) else {
        return refuse(code, format!("{text:?} is no phone number of this country"));
    };
    customer(evidence, &msisdn, code)
}

/// The subscriber with this number; likewise.
pub(super) fn customer(evidence: &mut Evidence<'_>, msisdn: &Msisdn, code: ResultCode) -> Result<Customer, Halt> {
    match load_customer(evidence, msisdn)? {
        Some(subscriber) => Ok(subscriber),
        None => refuse(code, format!("there is no subscriber {msisdn}")),
    }
}
