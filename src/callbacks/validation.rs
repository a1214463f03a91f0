//! Asking a third party about a payment while the payer waits: one attempt, at once, over
//! connections of its own, never behind deliveries (domain.md 10, rule 1). What follows from the
//! outcome is for the caller to know; an answer that comes after the deadline is not even read (D5).

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
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
    pub body: Bytes,
    /// What is left of the payer's window.
    pub deadline: Duration,
}

impl Validation {
    /// The headers that it is sent with, beside Host and Content-Length.
    pub fn headers(&self) -> HeaderMap {
        soap_headers(self.soap_action)
    }
}

/// A question that was asked, or could not be.
#[derive(Debug)]
pub struct Asked {
    /// What came of it.
    pub outcome: ValidationOutcome,
    /// What came back, or why nothing did: `None` if nothing was sent.
    pub answer: Option<Result<Answer, SendError>>,
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
    /// Its name in metrics and in traces.
    pub fn name(&self) -> &'static str {
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
pub(super) async fn validate(dispatcher: &Dispatcher, question: &Validation) -> Asked {
    let asked = match ask(dispatcher, question).await {
        Ok(answer) => Asked { outcome: outcome(dispatcher, &question.third_party, &answer), answer: Some(answer) },
        Err(why) => Asked { outcome: ValidationOutcome::Unreachable(why), answer: None },
    };
    dispatcher.courier.metrics.callback("validation", asked.outcome.name());
    asked
}

async fn ask(dispatcher: &Dispatcher, question: &Validation) -> Result<Result<Answer, SendError>, Unreachable> {
    let health = dispatcher.endpoints.health(&Endpoint::of(&question.url));
    let Ok(_slot) = health.validations.try_acquire() else { return Err(Unreachable::Busy) };
    let Permit::Go(pass) = health.breaker.permit(Instant::now()) else { return Err(Unreachable::BreakerOpen) };
    let call = Call {
        third_party: question.third_party.clone(),
        url: question.url.clone(),
        pool: Pool::Validations,
        headers: question.headers(),
        body: question.body.clone(),
        deadline: question.deadline,
    };
    let answer = match timeout(question.deadline, dispatcher.courier.transport.post(call)).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::new(Outcome::TimedOut, "no answer in time")),
    };
    match &answer {
        Ok(answer) if answer.status < 500 => pass.succeeded(),
        Ok(_) => pass.failed(Instant::now()),
        Err(error) if condition(error.outcome) == Condition::Sick => pass.failed(Instant::now()),
        Err(_) => drop(pass),
    }
    Ok(answer)
}

fn outcome(dispatcher: &Dispatcher, third_party: &str, answer: &Result<Answer, SendError>) -> ValidationOutcome {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) && !answer.cut => dispatcher
            .courier
            .wire
            .validation_result(third_party, &answer.body)
            .map_or(ValidationOutcome::Unreadable, ValidationOutcome::Answered),
        Ok(_) => ValidationOutcome::Unreadable,
        Err(error) if error.outcome == Outcome::TimedOut => ValidationOutcome::Late,
        Err(error) => ValidationOutcome::Unreachable(Unreachable::Failed(error.clone())),
    }
}
