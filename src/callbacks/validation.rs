//! Asking a third party while the payer waits, about a payment or what is to be paid: one attempt, at once, over
//! connections of its own, never behind deliveries (domain.md 10, rule 1). What follows from the
//! outcome is for the caller to know; an answer that comes after the deadline is not even read (D5).

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use tokio::time::{Instant, timeout};

use super::breaker::Permit;
use super::dispatcher::Dispatcher;
use super::endpoint::Endpoint;
use super::outcome::Outcome;
use super::transport::{Answer, Call, Pool, SendError, soap_headers};
use super::verdict::condition_after;
use super::wire::{PaymentQueryResult, ValidationResult, Wire};

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
pub struct Asked<T = ValidationResult> {
    /// What came of it.
    pub outcome: Reply<T>,
    /// What came back, or why nothing did: `None` if nothing was sent.
    pub answer: Option<Result<Answer, SendError>>,
}

/// What came of a validation.
pub type ValidationOutcome = Reply<ValidationResult>;

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<T> {
    /// An answer that could be read, in time.
    Answered(T),
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
    /// Too many questions to it, or to all servers of its third party, wait already.
    Busy,
    /// It was tried.
    Failed(SendError),
}

impl<T> Reply<T> {
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

/// Something that is asked: over which connections, and how its answer is read.
pub(super) trait Answered: Sized {
    /// Its connections and its places. Each kind has its own: however many of one kind hang, the other
    /// finds its own free.
    const POOL: Pool;
    /// Its name in metrics.
    const NAME: &'static str;

    /// Reads an answer's body.
    fn read(wire: &dyn Wire, third_party: &str, body: &[u8]) -> Option<Self>;
}

/// Whether a payment is wanted.
impl Answered for ValidationResult {
    const POOL: Pool = Pool::Validations;
    const NAME: &'static str = "validation";

    fn read(wire: &dyn Wire, third_party: &str, body: &[u8]) -> Option<Self> {
        wire.validation_result(third_party, body)
    }
}

/// What would have to be paid.
impl Answered for PaymentQueryResult {
    const POOL: Pool = Pool::Queries;
    const NAME: &'static str = "query";

    fn read(wire: &dyn Wire, third_party: &str, body: &[u8]) -> Option<Self> {
        wire.payment_query_result(third_party, body)
    }
}

/// Asks, and counts what came of it.
pub(super) async fn asked<T: Answered>(dispatcher: &Dispatcher, question: &Validation) -> Asked<T> {
    let courier = &dispatcher.courier;
    let asked = match ask(dispatcher, question, T::POOL).await {
        Ok(answer) => {
            let read = |body: &[u8]| T::read(&*courier.wire, &question.third_party, body);
            Asked { outcome: outcome(&answer, read), answer: Some(answer) }
        }
        Err(why) => Asked { outcome: Reply::Unreachable(why), answer: None },
    };
    courier.metrics.callback(T::NAME, asked.outcome.name());
    asked
}

async fn ask(
    dispatcher: &Dispatcher,
    question: &Validation,
    pool: Pool,
) -> Result<Result<Answer, SendError>, Unreachable> {
    let health = dispatcher.endpoints.health(&Endpoint::of(&question.url));
    let questions = &dispatcher.questions;
    let (places, shares) = match pool {
        Pool::Queries => (&health.queries, &questions.queries),
        _ => (&health.validations, &questions.validations),
    };
    let Ok(_slot) = places.try_acquire() else { return Err(Unreachable::Busy) };
    let Some(_share) = shares.take_now(&question.third_party) else { return Err(Unreachable::Busy) };
    let Permit::Go(pass) = health.breaker.permit(Instant::now()) else { return Err(Unreachable::BreakerOpen) };
    let call = Call {
        third_party: question.third_party.clone(),
        url: question.url.clone(),
        pool,
        headers: question.headers(),
        body: question.body.clone(),
        deadline: question.deadline,
    };
    let answer = match timeout(question.deadline, dispatcher.courier.transport.post(call)).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::new(Outcome::TimedOut, "no answer in time")),
    };
    pass.heard(condition_after(&answer));
    Ok(answer)
}

fn outcome<T>(answer: &Result<Answer, SendError>, read: impl FnOnce(&[u8]) -> Option<T>) -> Reply<T> {
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) && !answer.cut => {
            read(&answer.body).map_or(Reply::Unreadable, Reply::Answered)
        }
        Ok(_) => Reply::Unreadable,
        Err(error) if error.outcome == Outcome::TimedOut => Reply::Late,
        Err(error) => Reply::Unreachable(Unreachable::Failed(error.clone())),
    }
}
