//! The parameters of a command against what its service says about them.

use super::attempt::{Halt, Refusal, refuse};
use crate::core::Core;
use crate::core::catalogue::{ParameterFormat, Service};
use crate::core::codes::{ResultCode, parameter_format, parameter_missing};
use crate::core::ids::Shortcode;
use crate::core::money::Amount;
use crate::core::order::Order;
use crate::core::receipt::Receipt;

/// What is wrong with a parameter, as the synchronous answer says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// [`ResultCode::ParameterMissing`] or [`ResultCode::ParameterFormat`].
    pub code: ResultCode,
    /// The public text, which names the parameter.
    pub description: String,
}

/// The first flaw of these parameters. Amounts are judged later: they have a result code of their
/// own.
pub(in crate::core) fn flaw(service: &Service, parameters: &[(String, String)]) -> Option<Flaw> {
    service.parameters.iter().find_map(|rule| {
        let value = parameters.iter().find(|(key, _)| *key == rule.key).map_or("", |(_, value)| value.trim());
        let fits = match rule.format {
            ParameterFormat::Amount | ParameterFormat::Text => true,
            ParameterFormat::Shortcode => Shortcode::parse(value).is_ok(),
            ParameterFormat::Receipt => Receipt::parse(value).is_ok(),
        };
        if value.is_empty() {
            let description = parameter_missing(&rule.key);
            rule.mandatory.then_some(Flaw { code: ResultCode::ParameterMissing, description })
        } else {
            let description = parameter_format(&rule.key);
            (!fits).then_some(Flaw { code: ResultCode::ParameterFormat, description })
        }
    })
}

/// Refuses an order whose parameters have a flaw.
pub(super) fn check(service: &Service, order: &Order) -> Result<(), Halt> {
    match flaw(service, &order.parameters) {
        None => Ok(()),
        Some(Flaw { code, description }) => {
            Err(Refusal { code, reason: format!("{description} ({})", order.command), description }.into())
        }
    }
}

/// Amounts are in the one currency that is moved here: a request need not name it, but must not mean another.
pub(super) fn currency(core: &Core, order: &Order) -> Result<(), Halt> {
    match order.parameter("Currency") {
        Some(named) if !named.eq_ignore_ascii_case(core.currency()) => {
            refuse(ResultCode::Currency, format!("{named:?} is not moved here, but {}", core.currency()))
        }
        _ => Ok(()),
    }
}

/// An amount that can be paid.
pub(super) fn amount(text: &str) -> Result<Amount, Halt> {
    match Amount::parse(text) {
        Ok(amount) if amount.is_positive() => Ok(amount),
        Ok(_) => refuse(ResultCode::AmountFormat, "nothing is to be paid"),
        Err(error) => refuse(ResultCode::AmountFormat, error.to_string()),
    }
}
