//! Asking an organization whether it wants a payment, within what is left of the payer's window
//! (domain.md 5 and 10, rule 1).

use super::trace::{self, Leg};
use super::{Broker, style};
use crate::callbacks::urls::{self, DefaultAction, Registration};
use crate::callbacks::{Validation, ValidationOutcome, ValidationResult};
use crate::clock::Timestamp;
use crate::core::{CancelReason, Transaction, directory};
use crate::mminterface::write_validation;
use crate::store::ReadError;

/// What came of asking.
pub(super) struct Heard {
    /// What it means for the payment.
    pub said: Said,
    /// What went over the wire.
    pub legs: Vec<Leg>,
}

/// What the organization's system said, as far as it decides about the payment.
#[derive(Debug)]
pub(super) enum Said {
    /// The payment is wanted.
    Yes {
        /// The organization's own name for it.
        third_party_trans_id: Option<String>,
    },
    /// It is not.
    No(CancelReason),
}

impl Said {
    /// Nobody needed to be asked.
    const UNASKED: Said = Said::Yes { third_party_trans_id: None };

    /// Any code but zero cancels; without a readable answer in time the registered default decides.
    fn of(outcome: &ValidationOutcome, default: DefaultAction) -> Self {
        match (outcome, default) {
            (ValidationOutcome::Answered(result), _) => Self::answered(result),
            (_, DefaultAction::Completed) => Self::UNASKED,
            (_, DefaultAction::Cancelled) => Self::No(CancelReason::Unreachable),
        }
    }

    fn answered(result: &ValidationResult) -> Self {
        let code = result.result_code.trim();
        if !code.is_empty() && code.bytes().all(|byte| byte == b'0') {
            return Self::Yes { third_party_trans_id: result.third_party_trans_id.clone() };
        }
        let description = result.result_desc.clone().unwrap_or_default();
        Self::No(CancelReason::Refused { code: code.to_owned(), description })
    }
}

impl Broker {
    /// Asks the organization, if it wants to be asked.
    pub(super) async fn ask(&self, transaction: &Transaction, deadline: Timestamp) -> Result<Heard, ReadError> {
        let unasked = Heard { said: Said::UNASKED, legs: Vec::new() };
        let Some(registration) = self.registration(transaction)? else { return Ok(unasked) };
        let Some(url) = registration.validation_url.filter(|url| !url.is_empty()) else { return Ok(unasked) };
        if !self.validates(transaction)? {
            return Ok(unasked);
        }
        let payment = self.c2b(transaction)?;
        let style = style::of_first(&*self.parts.store, [payment.business_short_code.as_str()])?;
        let message = write_validation(&payment, style.c2b);
        let began = self.parts.clock.now();
        let question = Validation {
            third_party: registration.third_party,
            url,
            soap_action: Some("ValidateC2BPayment"),
            body: message.into(),
            // A clock that was set back must not make the payer wait longer.
            deadline: deadline.since(began).min(self.parts.limits.validation_window),
        };
        let asked = self.parts.callbacks.validate(&question).await;
        let said = Said::of(&asked.outcome, registration.default_action);
        let (receipt, outcome) = (transaction.receipt.as_str(), &asked.outcome);
        tracing::info!(receipt, ?outcome, ?said, "payment validated");
        Ok(Heard { said, legs: trace::question_legs(&question, &asked, began, self.parts.clock.now()) })
    }

    /// Where the payee's system is, if it has said.
    pub(super) fn registration(&self, transaction: &Transaction) -> Result<Option<Registration>, ReadError> {
        match transaction.credit.account.holder.shortcode() {
            Some(shortcode) => urls::registration(&*self.parts.store, shortcode.as_str()),
            None => Ok(None),
        }
    }

    fn validates(&self, transaction: &Transaction) -> Result<bool, ReadError> {
        let Some(shortcode) = transaction.credit.account.holder.shortcode() else { return Ok(false) };
        let organization = directory::organization(&*self.parts.store, shortcode)?;
        Ok(organization.is_some_and(|organization| organization.validation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(code: &str) -> ValidationOutcome {
        ValidationOutcome::Answered(ValidationResult {
            result_code: code.into(),
            result_desc: None,
            third_party_trans_id: Some("T1".into()),
        })
    }

    #[test]
    fn any_code_but_zero_cancels_whatever_the_default_is() {
        for code in ["C2B00011", "1", "-1", "", "0x", "00 1"] {
            let said = Said::of(&answered(code), DefaultAction::Completed);
            assert!(matches!(said, Said::No(CancelReason::Refused { .. })), "{code:?}: {said:?}");
        }
        for code in ["0", "00000000", " 0 "] {
            assert!(matches!(Said::of(&answered(code), DefaultAction::Cancelled), Said::Yes { .. }), "{code:?}");
        }
    }

    #[test]
    fn without_an_answer_the_registered_default_decides() {
        let late = ValidationOutcome::Late;
        assert!(matches!(Said::of(&late, DefaultAction::Completed), Said::Yes { third_party_trans_id: None }));
        assert!(matches!(Said::of(&late, DefaultAction::Cancelled), Said::No(CancelReason::Unreachable)));
    }
}
