//! The service descriptions, compiled: what every message is read with. The bundled ones stand in
//! `wsdl/`; an operator may replace or add to them.

mod check;
mod known;
mod receipts;

use std::collections::BTreeMap;

use crate::soap::{
    ElementId, EnvelopeReader, Fault, FaultCode, Limits, Name, Position, QName, Schema, SchemaError, SchemaReason,
    Visitor, Wsdl,
};

pub use self::check::Enforced;
use self::check::Findings;
use self::receipts::Receipts;
use super::acknowledgement::ValidationResult;
use super::document::{GenericRequest, RequestDocument};
use super::failure::{DocumentFailure, ReadFailure};
use super::feed::{FeedQuery, feed_query};
use super::handset::{HANDSET, HandsetParty, HandsetPayment};
use super::markup::REQUEST;
use super::password_change::{PasswordChange, password_change};
use super::payment_query::{Fields, HandsetQuery, PaymentQueryResult, payment_query_result};
use super::query::{TransactionQuery, transaction_query};
use super::register_url::register_url_document;
use super::request::{Read, generic_request, request_document};
use super::tolerances::Tolerances;
use super::verdict::verdict;

const REQUEST_WSDL: &str = "CBPInterface_Request.wsdl";
const HANDSET_WSDL: &str = "Handset.wsdl";
const QUERY_WSDL: &str = "QueryTransaction.wsdl";
const C2B_WSDL: &str = "CBPInterface_C2BPaymentValidationAndConfirmation.wsdl";
const PAYMENT_QUERY_WSDL: &str = "C2BPaymentQuery.wsdl";
const MANAGEMENT_WSDL: &str = "Management.wsdl";
const FEED_WSDL: &str = "Feed.wsdl";
const REQUEST_XSD: &str = "CPSInterface_Request.xsd";

/// The files of `wsdl/`.
const BUNDLED: [(&str, &str); 13] = [
    (REQUEST_WSDL, include_str!("../../wsdl/CBPInterface_Request.wsdl")),
    ("CBPInterface_Result.wsdl", include_str!("../../wsdl/CBPInterface_Result.wsdl")),
    (C2B_WSDL, include_str!("../../wsdl/CBPInterface_C2BPaymentValidationAndConfirmation.wsdl")),
    (PAYMENT_QUERY_WSDL, include_str!("../../wsdl/C2BPaymentQuery.wsdl")),
    ("parlayx_common_head_types_2_1.xsd", include_str!("../../wsdl/parlayx_common_head_types_2_1.xsd")),
    (REQUEST_XSD, include_str!("../../wsdl/CPSInterface_Request.xsd")),
    ("CPSInterface_Response.xsd", include_str!("../../wsdl/CPSInterface_Response.xsd")),
    ("CPSInterface_Result.xsd", include_str!("../../wsdl/CPSInterface_Result.xsd")),
    (QUERY_WSDL, include_str!("../../wsdl/QueryTransaction.wsdl")),
    ("Management.wsdl", include_str!("../../wsdl/Management.wsdl")),
    ("QueueTimeoutNotification.wsdl", include_str!("../../wsdl/QueueTimeoutNotification.wsdl")),
    (HANDSET_WSDL, include_str!("../../wsdl/Handset.wsdl")),
    (FEED_WSDL, include_str!("../../wsdl/Feed.wsdl")),
];

/// What an inner document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A command, validated against its schema.
    Request,
    /// RegisterURL, read by local names where it does not fit the schema.
    RegisterUrl,
}

/// All service descriptions, compiled at start.
#[derive(Debug)]
pub struct Interfaces {
    files: BTreeMap<String, String>,
    limits: Limits,
    request: Description,
    query: Description,
    feed: Description,
    management: Description,
    handset: Description,
    handset_query: Description,
    /// What third parties' servers answer to QueryC2BPayment.
    payment_query: Description,
    /// What third parties' servers answer to ValidateC2BPayment.
    validation: Description,
    /// What they answer to callbacks.
    receipts: Receipts,
    document: Schema,
    document_root: ElementId,
}

impl Interfaces {
    /// The bundled descriptions.
    pub fn bundled() -> Result<Self, Vec<SchemaError>> {
        Self::with_files(BTreeMap::new(), Limits::default())
    }

    /// The bundled descriptions, with the operator's files (name and text) in the place of those of
    /// the same name; `limits` is what one message may be. The errors are all that is wrong with any
    /// of the files.
    pub fn with_files(files: BTreeMap<String, String>, limits: Limits) -> Result<Self, Vec<SchemaError>> {
        let mut all: BTreeMap<String, String> =
            BUNDLED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        all.extend(files);
        let mut findings = Findings::of_all(&all);
        let request = findings.note(Description::compile(REQUEST_WSDL, "GenericAPIRequest", &all));
        let query = findings.note(Description::compile(QUERY_WSDL, "queryTransaction", &all));
        let feed = findings.note(Description::compile(FEED_WSDL, "GetCallbacks", &all));
        let management = findings.note(Description::compile(MANAGEMENT_WSDL, "changePassword", &all));
        let validation = findings.note(Description::of_answers(C2B_WSDL, "ValidateC2BPayment", &all));
        let handset = findings.note(Description::compile(HANDSET_WSDL, "SubmitPayment", &all));
        let handset_query = findings.note(Description::compile(HANDSET_WSDL, "QueryPayment", &all));
        let payment_query = findings.note(Description::of_answers(PAYMENT_QUERY_WSDL, "QueryC2BPayment", &all));
        let receipts = Receipts::compile(&all, &mut findings);
        let document = findings.note(document_schema(&all));
        match (request, query, feed, management, validation, receipts, handset, handset_query, payment_query, document)
        {
            (
                Some(request),
                Some(query),
                Some(feed),
                Some(management),
                Some(validation),
                Some(receipts),
                Some(handset),
                Some(handset_query),
                Some(payment_query),
                Some((document, document_root)),
            ) if findings.is_empty() => Ok(Self {
                files: all,
                limits,
                request,
                query,
                feed,
                management,
                handset,
                handset_query,
                payment_query,
                validation,
                receipts,
                document,
                document_root,
            }),
            _ => Err(findings.into_errors()),
        }
    }

    /// What third parties' messages are validated with.
    pub fn enforced_on_third_parties(&self) -> Vec<Enforced> {
        let document = Enforced { what: "the document inside".to_owned(), files: self.document.files().clone() };
        let served = [&self.request, &self.query, &self.feed, &self.management, &self.validation, &self.payment_query];
        let mut enforced: Vec<Enforced> = served.map(Description::enforced).into();
        enforced.insert(1, document);
        enforced.extend(self.receipts.descriptions().map(Description::enforced));
        enforced
    }

    /// What the handset side's messages are validated with.
    pub fn enforced_on_handsets(&self) -> Vec<Enforced> {
        vec![self.handset.enforced(), self.handset_query.enforced()]
    }

    /// Reads the envelope of a request, for either path.
    pub fn read_request(&self, body: &[u8], tolerances: Tolerances) -> Result<Read<GenericRequest>, ReadFailure> {
        generic_request(&self.request.envelope(&self.limits), body, &tolerances.envelope())
    }

    /// Reads the document inside `RequestMsg`, which begins at `base` of the outer message (see
    /// [`GenericRequest::document_position`]).
    pub fn read_document(
        &self,
        kind: DocumentKind,
        text: &str,
        base: Position,
        tolerances: Tolerances,
    ) -> Result<Read<RequestDocument>, DocumentFailure> {
        let request = |tolerances: Tolerances| {
            let normal = tolerances.document();
            request_document(&self.document, self.document_root, &self.limits, text, base, &normal)
        };
        match kind {
            DocumentKind::Request => request(tolerances),
            DocumentKind::RegisterUrl => {
                register_url_document(request(tolerances), &self.limits, text, base, &tolerances.document())
            }
        }
    }

    /// Reads queryTransaction.
    pub fn read_query(&self, body: &[u8], tolerances: Tolerances) -> Result<Read<TransactionQuery>, ReadFailure> {
        transaction_query(&self.query.envelope(&self.limits), body, &tolerances.envelope())
    }

    /// Reads GetCallbacks.
    pub fn read_feed(&self, body: &[u8], tolerances: Tolerances) -> Result<Read<FeedQuery>, ReadFailure> {
        feed_query(&self.feed.envelope(&self.limits), body, &tolerances.envelope())
    }

    /// Reads changePassword.
    pub fn read_password_change(
        &self,
        body: &[u8],
        tolerances: Tolerances,
    ) -> Result<Read<PasswordChange>, ReadFailure> {
        password_change(&self.management.envelope(&self.limits), body, &tolerances.envelope())
    }

    /// Reads SubmitPayment. It is our own, so nothing is tolerated.
    pub fn read_handset(&self, body: &[u8]) -> Result<HandsetPayment, ReadFailure> {
        let normal = Tolerances::strict().envelope();
        let mut visitor = HandsetVisitor::default();
        let opened = self
            .handset
            .envelope(&self.limits)
            .read(body, &normal, &mut (), &mut visitor)
            .map_err(|error| ReadFailure::Fault(error.fault()))?;
        visitor.finish().ok_or_else(|| {
            let reason = "SubmitPayment lacks something, or names two payers or two payees".to_owned();
            ReadFailure::Fault(Fault::new(opened.version, FaultCode::Client, reason))
        })
    }

    /// Reads what a third party's server answers to ValidateC2BPayment; none if it holds no verdict.
    pub fn read_verdict(&self, body: &[u8], tolerances: Tolerances) -> Option<Read<ValidationResult>> {
        verdict(&self.validation.envelope(&self.limits), body, &tolerances.answer())
    }

    /// Reads QueryPayment. It is our own, so nothing is tolerated.
    pub fn read_handset_query(&self, body: &[u8]) -> Result<HandsetQuery, ReadFailure> {
        let normal = Tolerances::strict().envelope();
        let mut fields = Fields::of_handset_query();
        let opened = self
            .handset_query
            .envelope(&self.limits)
            .read(body, &normal, &mut (), &mut fields)
            .map_err(|error| ReadFailure::Fault(error.fault()))?;
        fields.handset_query().ok_or_else(|| {
            let reason = "QueryPayment lacks something".to_owned();
            ReadFailure::Fault(Fault::new(opened.version, FaultCode::Client, reason))
        })
    }

    /// Reads what a third party's server answers to QueryC2BPayment; none if it holds no answer.
    pub fn read_payment_query_result(&self, body: &[u8], tolerances: Tolerances) -> Option<Read<PaymentQueryResult>> {
        payment_query_result(&self.payment_query.envelope(&self.limits), body, &tolerances.answer())
    }

    /// The text of a description, by its file name.
    pub fn wsdl(&self, file: &str) -> Option<&str> {
        self.files.get(file).map(String::as_str)
    }
}

/// One compiled WSDL and the operation of it that is served.
#[derive(Debug)]
struct Description {
    wsdl: Wsdl,
    headers: Vec<ElementId>,
    body: ElementId,
}

impl Description {
    fn compile(file: &str, operation: &str, files: &BTreeMap<String, String>) -> Result<Self, Vec<SchemaError>> {
        let wsdl = Wsdl::compile(file, files)?;
        let Some(served) = wsdl.operations().iter().find(|served| served.name == operation) else {
            return Err(vec![not_declared(file, operation)]);
        };
        let body = declared(wsdl.schema(), file, &served.input)?;
        let headers: Vec<ElementId> =
            served.headers.iter().map(|header| declared(wsdl.schema(), file, header)).collect::<Result<_, _>>()?;
        Ok(Self { headers, body, wsdl })
    }

    /// The description of what answers the operation.
    fn of_answers(file: &str, operation: &str, files: &BTreeMap<String, String>) -> Result<Self, Vec<SchemaError>> {
        let wsdl = Wsdl::compile(file, files)?;
        let Some(output) = wsdl
            .operations()
            .iter()
            .find(|answered| answered.name == operation)
            .and_then(|answered| answered.output.as_ref())
        else {
            return Err(vec![not_declared(file, operation)]);
        };
        let body = declared(wsdl.schema(), file, output)?;
        Ok(Self { headers: Vec::new(), body, wsdl })
    }

    fn enforced(&self) -> Enforced {
        let schema = self.wsdl.schema();
        Enforced { what: schema.element_name(self.body).local.to_owned(), files: schema.files().clone() }
    }

    fn envelope<'s>(&'s self, limits: &'s Limits) -> EnvelopeReader<'s> {
        EnvelopeReader {
            schema: self.wsdl.schema(),
            limits,
            headers: &self.headers,
            bodies: std::slice::from_ref(&self.body),
        }
    }
}

fn document_schema(files: &BTreeMap<String, String>) -> Result<(Schema, ElementId), Vec<SchemaError>> {
    let schema = Schema::compile(&[REQUEST_XSD], files)?;
    let root = declared(&schema, REQUEST_XSD, &QName::new(REQUEST, "request"))?;
    Ok((schema, root))
}

fn declared(schema: &Schema, file: &str, name: &QName) -> Result<ElementId, Vec<SchemaError>> {
    schema.element(&name.namespace, &name.local).ok_or_else(|| vec![not_declared(file, &name.to_string())])
}

/// Takes the fields of SubmitPayment.
#[derive(Default)]
struct HandsetVisitor {
    fields: BTreeMap<&'static str, String>,
}

/// The fields of SubmitPayment.
const HANDSET_FIELDS: [&str; 9] = [
    "SessionID",
    "TransactionType",
    "MSISDN",
    "PayerShortCode",
    "ShortCode",
    "PayeeMSISDN",
    "AccountReference",
    "Amount",
    "Timestamp",
];

impl Visitor for HandsetVisitor {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        let field = HANDSET_FIELDS.into_iter().find(|field| *field == name.local);
        if let Some(field) = field.filter(|_| name.namespace == HANDSET) {
            self.fields.insert(field, text.to_owned());
        }
    }
}

impl HandsetVisitor {
    /// The payment; none if an operator's description let something else pass.
    fn finish(mut self) -> Option<HandsetPayment> {
        let mut take = |field: &str| self.fields.remove(field).filter(|text| !text.is_empty());
        Some(HandsetPayment {
            session_id: take("SessionID")?,
            transaction_type: take("TransactionType")?,
            payer: one_of(take("MSISDN"), take("PayerShortCode"))?,
            payee: one_of(take("PayeeMSISDN"), take("ShortCode"))?,
            account_reference: take("AccountReference"),
            amount: take("Amount")?,
            timestamp: take("Timestamp"),
        })
    }
}

/// The party that is named in one way, and not in both.
fn one_of(msisdn: Option<String>, short_code: Option<String>) -> Option<HandsetParty> {
    match (msisdn, short_code) {
        (Some(msisdn), None) => Some(HandsetParty::Msisdn(msisdn)),
        (None, Some(short_code)) => Some(HandsetParty::ShortCode(short_code)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn not_declared(file: &str, name: &str) -> SchemaError {
    SchemaError {
        file: file.to_owned(),
        position: Position::START,
        name: name.to_owned(),
        reason: SchemaReason::Undeclared(name.to_owned()),
    }
}

#[cfg(test)]
mod tests;
