//! Asking a third party about a payment while the payer waits: one attempt, at once, over
//! connections of its own, never behind deliveries (domain.md 10, rule 1). What follows from the
//! outcome is for the caller to know; an answer that comes after the deadline is not even read (D5).

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::breaker::Permit;
use super::delivery::Outcome;
use super::dispatcher::Dispatcher;
use super::endpoint::Endpoint;
use super::transport::{Answer, Call, Pool, SendError, soap_headers};
use super::verdict::{Condition, condition};
use super::wire::ValidationResult;

/// A question.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The third party that is asked.
    pub third_party: String,
    /// Where.
    pub url: String,
    /// The SOAPAction header, if there is to be one.
    pub soap_action: Option<&'static str>,
    /// The whole body.
    pub body: Vec<u8>,
    /// What is left of the payer's window.
    pub deadline: Duration,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationOutcome {
    /// An answer that could be read, in time.
    Answered(ValidationResult),
    /// No whole answer in time.
    Late,
    /// The endpoint could not be asked.
    Unreachable(Unreachable),
    /// An answer in time, but none that can be read, or not with a status of success.
    Unreadable,
}

/// Why an endpoint could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// It failed too often lately, so it was not tried.
    BreakerOpen,
    /// Too many questions to it wait already.
    Busy,
    /// It was tried.
    Failed(SendError),
}

impl ValidationOutcome {
    /// Its name in metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::Late => "late",
            Self::Unreadable => "unreadable",
            Self::Unreachable(Unreachable::BreakerOpen) => "breaker-open",
            Self::Unreachable(Unreachable::Busy) => "busy",
            Self::Unreachable(Unreachable::Failed(error)) => error.outcome.name(),
        }
    }
}

/// Asks, and counts what came of it.
pub(super) async fn validate(dispatcher: &Dispatcher, question: Validation) -> ValidationOutcome {
    let outcome = ask(dispatcher, question).await;
    dispatcher.courier.metrics.callback("validation", outcome.name());
    outcome
}

async fn ask(dispatcher: &Dispatcher, question: Validation) -> ValidationOutcome {
    let health = dispatcher.endpoints.health(&Endpoint::of(&question.url));
    let Ok(_slot) = health.validations.try_acquire() else {
        return ValidationOutcome::Unreachable(Unreachable::Busy);
    };
    let Permit::Go(pass) = health.breaker.permit(Instant::now()) else {
        return ValidationOutcome::Unreachable(Unreachable::BreakerOpen);
    };
    let deadline = question.deadline;
    let third_party = question.third_party;
    let call = Call {
        third_party: third_party.clone(),
        url: question.url,
        pool: Pool::Validations,
        headers: soap_headers(question.soap_action),
        body: question.body,
        deadline,
    };
    let answer = match timeout(deadline, dispatcher.courier.transport.post(call)).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::new(Outcome::TimedOut, "no answer in time")),
    };
    match &answer {
        Ok(answer) if answer.status < 500 => pass.succeeded(),
        Ok(_) => pass.failed(Instant::now()),
        Err(error) if condition(error.outcome) == Condition::Sick => pass.failed(Instant::now()),
        Err(_) => drop(pass),
    }
    outcome(dispatcher, &third_party, answer)
}

fn outcome(dispatcher: &Dispatcher, third_party: &str, answer: Result<Answer, SendError>) -> ValidationOutcome {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) && !answer.cut => dispatcher
            .courier
            .wire
            .validation_result(third_party, &answer.body)
            .map_or(ValidationOutcome::Unreadable, ValidationOutcome::Answered),
        Ok(_) => ValidationOutcome::Unreadable,
        Err(error) if error.outcome == Outcome::TimedOut => ValidationOutcome::Late,
        Err(error) => ValidationOutcome::Unreachable(Unreachable::Failed(error)),
    }
}
