//! The service descriptions, compiled: what every message is read with. The bundled ones stand in
//! `wsdl/`; an operator may replace or add to them.

mod check;

use std::collections::BTreeMap;

use crate::soap::{
    ElementId, EnvelopeReader, Fault, FaultCode, Limits, Name, Position, QName, Schema, SchemaError, SchemaReason,
    Visitor, Wsdl,
};

pub use self::check::Enforced;
use self::check::Findings;
use super::document::{GenericRequest, RequestDocument};
use super::failure::{DocumentFailure, ReadFailure};
use super::handset::{HANDSET, HandsetPayment, HandsetPaymentType};
use super::markup::REQUEST;
use super::query::{TransactionQuery, transaction_query};
use super::register_url::document_by_local_names;
use super::request::{Read, generic_request, request_document};
use super::tolerances::Tolerances;

const REQUEST_WSDL: &str = "CBPInterface_Request.wsdl";
const HANDSET_WSDL: &str = "Handset.wsdl";
const QUERY_WSDL: &str = "QueryTransaction.wsdl";
const REQUEST_XSD: &str = "CPSInterface_Request.xsd";

/// The files of `wsdl/`.
const BUNDLED: [(&str, &str); 11] = [
    (REQUEST_WSDL, include_str!("../../wsdl/CBPInterface_Request.wsdl")),
    ("CBPInterface_Result.wsdl", include_str!("../../wsdl/CBPInterface_Result.wsdl")),
    (
        "CBPInterface_C2BPaymentValidationAndConfirmation.wsdl",
        include_str!("../../wsdl/CBPInterface_C2BPaymentValidationAndConfirmation.wsdl"),
    ),
    ("parlayx_common_head_types_2_1.xsd", include_str!("../../wsdl/parlayx_common_head_types_2_1.xsd")),
    (REQUEST_XSD, include_str!("../../wsdl/CPSInterface_Request.xsd")),
    ("CPSInterface_Response.xsd", include_str!("../../wsdl/CPSInterface_Response.xsd")),
    ("CPSInterface_Result.xsd", include_str!("../../wsdl/CPSInterface_Result.xsd")),
    (QUERY_WSDL, include_str!("../../wsdl/QueryTransaction.wsdl")),
    ("Management.wsdl", include_str!("../../wsdl/Management.wsdl")),
    ("QueueTimeoutNotification.wsdl", include_str!("../../wsdl/QueueTimeoutNotification.wsdl")),
    (HANDSET_WSDL, include_str!("../../wsdl/Handset.wsdl")),
];

/// What an inner document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A command, validated against its schema.
    Request,
    /// RegisterURL, read by local names.
    RegisterUrl,
}

/// All service descriptions, compiled at start.
#[derive(Debug)]
pub struct Interfaces {
    files: BTreeMap<String, String>,
    limits: Limits,
    request: Description,
    query: Description,
    handset: Description,
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
        let handset = findings.note(Description::compile(HANDSET_WSDL, "SubmitPayment", &all));
        let document = findings.note(document_schema(&all));
        match (request, query, handset, document) {
            (Some(request), Some(query), Some(handset), Some((document, document_root))) if findings.is_empty() => {
                Ok(Self { files: all, limits, request, query, handset, document, document_root })
            }
            _ => Err(findings.into_errors()),
        }
    }

    /// What third parties' messages are validated with.
    pub fn enforced_on_third_parties(&self) -> Vec<Enforced> {
        let document = Enforced { what: "the document inside".to_owned(), files: self.document.files().clone() };
        vec![self.request.enforced(), document, self.query.enforced()]
    }

    /// What the handset side's messages are validated with.
    pub fn enforced_on_handsets(&self) -> Vec<Enforced> {
        vec![self.handset.enforced()]
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
        let normal = tolerances.document();
        match kind {
            DocumentKind::Request => {
                request_document(&self.document, self.document_root, &self.limits, text, base, &normal)
            }
            DocumentKind::RegisterUrl => document_by_local_names(&self.limits, text, base, &normal),
        }
    }

    /// Reads queryTransaction.
    pub fn read_query(&self, body: &[u8], tolerances: Tolerances) -> Result<Read<TransactionQuery>, ReadFailure> {
        transaction_query(&self.query.envelope(&self.limits), body, &tolerances.envelope())
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
            let reason = "SubmitPayment/TransactionType is none of those that the gateway knows".to_owned();
            ReadFailure::Fault(Fault { version: opened.version, code: FaultCode::Client, reason, detail: None })
        })
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
const HANDSET_FIELDS: [&str; 7] =
    ["SessionID", "TransactionType", "MSISDN", "ShortCode", "AccountReference", "Amount", "Timestamp"];

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
            transaction_type: HandsetPaymentType::named(&take("TransactionType")?)?,
            msisdn: take("MSISDN")?,
            short_code: take("ShortCode")?,
            account_reference: take("AccountReference"),
            amount: take("Amount")?,
            timestamp: take("Timestamp"),
        })
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
