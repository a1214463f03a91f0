//! The typed documents of the wire, both ways: what third parties send, what they get at once, what
//! their servers are called with, and what those answer. `wsdl/` describes them; protocol.md says
//! what is really sent.
//!
//! It sends nothing, and does not know who may send what, nor what a command means.
//!
//! Invariants: requests are well-formed XML within the limits and fit their schema, after tolerances
//! that have names; what is written is well-formed whatever text it is given.

mod acknowledgement;
mod c2b;
mod client;
mod collector;
mod document;
mod failure;
mod feed;
mod handset;
mod interfaces;
mod lenient;
mod markup;
mod media;
mod password_change;
mod payment_query;
mod query;
mod queue_timeout;
mod register_url;
mod request;
mod response;
mod result;
mod style;
#[cfg(test)]
mod tests;
pub mod tolerances;
mod verdict;

pub use acknowledgement::{
    Acknowledgement, CallbackKind, ValidationResult, is_success, read_acknowledgement, read_validation_result,
};
pub use c2b::{C2bPayment, write_confirmation, write_validation};
pub use client::{
    read_fault, read_handset_answer, read_response, read_result, write_acknowledgement, write_confirmation_result,
    write_handset_payment, write_request_document, write_request_envelope, write_validation_result,
};
pub use document::{Caller, CallerHeader, Claimed, GenericRequest, InitiatorFields, PartyFields, RequestDocument};
pub use failure::{DocumentFailure, ReadFailure};
pub use feed::{FeedCallback, FeedPage, FeedQuery, write_feed_page};
pub use handset::{HandsetAnswer, HandsetParty, HandsetPayment, write_handset_answer};
pub use interfaces::{DocumentKind, Enforced, Interfaces};
pub use media::{MediaFailure, in_utf8};
pub use password_change::{PasswordChange, write_password_changed};
pub use payment_query::{
    HandsetQuery, HandsetQueryAnswer, PaymentQuery, PaymentQueryResult, read_handset_query_answer,
    read_payment_query_result, write_handset_query, write_handset_query_answer, write_payment_query,
    write_payment_query_result,
};
pub use query::{TransactionQuery, TransactionTrace, write_query_response};
pub use queue_timeout::write_queue_timeout;
pub use register_url::{ResponseType, UrlRegistration};
pub use request::Read;
pub use response::{ResponseDocument, write_response};
pub use result::{ResultDocument, write_result};
pub use style::{
    C2bEnvelope, C2bPrefix, C2bStyle, EmptyElements, ReceiverStyle, ResultStyle, StyleError, TypeElement, TypeWords,
};
pub use tolerances::Tolerances;
