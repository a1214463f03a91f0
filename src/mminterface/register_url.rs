//! RegisterURL: a document by which an organization's URLs are registered (protocol.md 4.2). The
//! programs that send it copied samples that fit no schema, so what does not fit is read by local
//! names alone, and then checked for what a registration needs.
//!
//! Invariant: it is well-formed XML within the limits all the same.

use crate::soap::{Event, Limits, Normalization, Position};

use super::collector::Collector;
use super::document::RequestDocument;
use super::failure::DocumentFailure;
use super::request::{Read, document_reader, trimmed};
use super::tolerances::{REGISTER_URL_FREE_FORM, RESPONSE_TYPE_WORDS, Tolerances, VALUE_WHITESPACE};

/// What a RegisterURL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRegistration {
    /// The paybill, store or head office.
    pub short_code: String,
    /// Who is asked before a payment is completed.
    pub validation_url: Option<String>,
    /// Who is told of a payment.
    pub confirmation_url: String,
    /// What becomes of a payment that nobody validated in time.
    pub response_type: ResponseType,
}

/// What becomes of a payment that nobody validated in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// It is completed.
    Completed,
    /// It is cancelled.
    Cancelled,
}

impl UrlRegistration {
    /// What the document asks for, if it says all that is needed.
    pub fn from_document(document: &RequestDocument, tolerances: Tolerances) -> Result<Read<Self>, DocumentFailure> {
        let normal = tolerances.document();
        let response_type = value(&document.parameters, "ResponseType")
            .ok_or_else(|| DocumentFailure::parameter_missing("ResponseType"))?;
        let response_type = ResponseType::named(response_type, &normal).ok_or_else(|| {
            let reason = "Transaction/Parameters: ResponseType is neither Completed nor Cancelled";
            DocumentFailure::parameter_format("ResponseType", reason)
        })?;
        let confirmation_url = value(&document.reference_data, "ConfirmationURL").ok_or_else(|| {
            DocumentFailure::missing("ConfirmationURL", "Transaction/ReferenceData has no ConfirmationURL")
        })?;
        let short_code = document.primary_party.as_ref().and_then(|party| party.short_code.as_deref());
        let short_code = short_code
            .ok_or_else(|| DocumentFailure::missing("ShortCode", "Identity/PrimaryParty has no ShortCode"))?;
        let value = Self {
            short_code: short_code.to_owned(),
            validation_url: value(&document.reference_data, "ValidationURL").map(str::to_owned),
            confirmation_url: confirmation_url.to_owned(),
            response_type,
        };
        Ok(Read { value, tolerances: normal.used() })
    }
}

impl ResponseType {
    /// By its name, or in the words that programs send for it.
    fn named(name: &str, normal: &Normalization<'_>) -> Option<Self> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let meant = if is("Completed") || is("Complete") {
            Self::Completed
        } else if is("Cancelled") || is("Cancel") || is("Canceled") {
            Self::Cancelled
        } else {
            return None;
        };
        let exactly = matches!((meant, name), (Self::Completed, "Completed") | (Self::Cancelled, "Cancelled"));
        (exactly || normal.apply(RESPONSE_TYPE_WORDS)).then_some(meant)
    }
}

/// Reads an inner document, which begins at `base` of the outer message: `as_request` is what came of
/// reading it against the schema of requests.
pub(super) fn register_url_document(
    as_request: Result<Read<RequestDocument>, DocumentFailure>,
    limits: &Limits,
    text: &str,
    base: Position,
    normal: &Normalization<'_>,
) -> Result<Read<RequestDocument>, DocumentFailure> {
    let mut read = match as_request {
        Ok(read) => read,
        Err(failure) if !normal.apply(REGISTER_URL_FREE_FORM) => return Err(failure),
        Err(_) => document_by_local_names(limits, text, base, normal)?,
    };
    if read.value.command_id != "RegisterURL" {
        return Err(DocumentFailure::command("Transaction/CommandID is not RegisterURL"));
    }
    read.value.initiator.take_if(|initiator| initiator.identifier.is_empty());
    Ok(read)
}

fn document_by_local_names(
    limits: &Limits,
    text: &str,
    base: Position,
    normal: &Normalization<'_>,
) -> Result<Read<RequestDocument>, DocumentFailure> {
    let mut reader = document_reader(limits, text, base, normal)?;
    let mut collector = Collector::default();
    let mut depth = 0_usize;
    let mut is_leaf = false;
    let mut text = String::new();
    loop {
        match reader.next().map_err(|error| DocumentFailure::structure(error.to_string()))? {
            Event::Start(start) => {
                if depth == 0 && !start.name.local.eq_ignore_ascii_case("request") {
                    return Err(DocumentFailure::structure(format!("the root is called {}", start.name)));
                }
                depth += 1;
                is_leaf = true;
                text.clear();
                collector.open_local(start.name.local);
            }
            Event::Text(more) => text.push_str(more),
            Event::End(name) => {
                depth = depth.saturating_sub(1);
                // What stands between elements is nobody's value.
                collector.close_local(name.local, if is_leaf { trimmed(&text, normal, VALUE_WHITESPACE) } else { "" });
                is_leaf = false;
            }
            Event::Eof => break,
        }
    }
    // Types of identifiers are empty or wrong in most of these documents, and nobody needs them.
    let (value, _) = collector.finish();
    Ok(Read { value, tolerances: normal.used() })
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    let (_, value) = pairs.iter().find(|(other, _)| other == key)?;
    (!value.is_empty()).then_some(value.as_str())
}
