//! Every message that leaves fits our own schemas: the forms that follow the WSDL as they are, the
//! others by exactly the differences that they are for.

use std::collections::BTreeMap;

use crate::mminterface::markup::RESULT;
use crate::mminterface::{
    C2bPayment, C2bStyle, EmptyElements, Interfaces, ResponseDocument, ResultDocument, ResultStyle, TransactionTrace,
    TypeElement, write_confirmation, write_query_response, write_queue_timeout, write_response, write_result,
    write_validation,
};
use crate::soap::{
    EnvelopeReader, Limits, Mechanism, Name, Normalization, Reader, Root, Rules, Schema, Version, Visitor, Wsdl,
    validate,
};

const RESULT_WSDL: &str = "CBPInterface_Result.wsdl";
const REQUEST_WSDL: &str = "CBPInterface_Request.wsdl";
const C2B_WSDL: &str = "CBPInterface_C2BPaymentValidationAndConfirmation.wsdl";

/// The bundled files, each as the node serves it.
fn files() -> BTreeMap<String, String> {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
    let names = [
        RESULT_WSDL,
        REQUEST_WSDL,
        C2B_WSDL,
        "QueryTransaction.wsdl",
        "QueueTimeoutNotification.wsdl",
        "parlayx_common_head_types_2_1.xsd",
        "CPSInterface_Response.xsd",
        "CPSInterface_Result.xsd",
    ];
    names.map(|name| (name.to_owned(), interfaces.wsdl(name).unwrap().to_owned())).into()
}

/// Keeps the text of the last element that closed.
#[derive(Default)]
struct Last(String);

impl Visitor for Last {
    fn open(&mut self, _: &Name<'_>) {}

    fn close(&mut self, _: &Name<'_>, text: &str) {
        text.clone_into(&mut self.0);
    }
}

/// A message fits an element of a WSDL; the text of its body.
fn fits(message: &str, wsdl: &str, body: (&str, &str), differences: &[Mechanism]) -> String {
    let wsdl = Wsdl::compile(wsdl, &files()).unwrap();
    let body = wsdl.schema().element(body.0, body.1).unwrap();
    let limits = Limits::default();
    let reader = EnvelopeReader { schema: wsdl.schema(), limits: &limits, headers: &[], bodies: &[body] };
    let mut last = Last::default();
    by(differences, |normal| {
        reader.read(message.as_bytes(), normal, &mut (), &mut last).map(drop).map_err(|e| e.violation)
    });
    last.0
}

/// A document fits an element of a schema.
fn document_fits(document: &str, schema: &str, root: (&str, &str), differences: &[Mechanism]) {
    let schema = Schema::compile(&[schema], &files()).unwrap();
    let root = schema.element(root.0, root.1).unwrap();
    let limits = Limits::default();
    by(differences, |normal| {
        let mut reader = Reader::new(document.as_bytes(), &limits).unwrap();
        validate(&schema, &mut reader, Root::Element(root), normal, &mut ()).map_err(Box::new)
    });
}

/// It fits with these differences, every one of which it has.
fn by<E: std::fmt::Display>(differences: &[Mechanism], mut check: impl FnMut(&Normalization<'_>) -> Result<(), E>) {
    const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];
    let mut rules = Rules::new();
    for (name, mechanism) in NAMES.into_iter().zip(differences) {
        assert!(rules.add(name, *mechanism));
    }
    let normal = Normalization::new(&rules, rules.all());
    check(&normal).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(normal.used().len(), differences.len(), "{:?} of {differences:?}", normal.used());
}

fn result() -> ResultDocument {
    ResultDocument {
        result_type: 0,
        result_code: "0".into(),
        result_desc: "The service request is processed <successfully>.".into(),
        originator_conversation_id: "600000_Duka_1".into(),
        conversation_id: "AG_20261123_0000626ec4aeb2ca2256".into(),
        transaction_id: Some("UKN0000000".into()),
        parameters: vec![("AccountBalance".into(), "Working|KES|1.00&Utility]]>".into())],
        reference_data: vec![("Occasion".into(), "Wanjikũ".into())],
    }
}

fn payment() -> C2bPayment {
    C2bPayment {
        trans_type: "Pay Bill".into(),
        trans_id: "UKN519G2QV".into(),
        trans_time: "20261123184401".into(),
        trans_amount: "123.00".into(),
        business_short_code: "600000".into(),
        bill_ref_number: Some("INV & 7".into()),
        org_account_balance: Some("1123.00".into()),
        third_party_trans_id: Some("77".into()),
        msisdn: "254722000000".into(),
        kyc: vec![("[Personal Details][First Name]".into(), String::new())],
    }
}

#[test]
fn results_fit_the_schema_in_every_style() {
    let core = "http://cps.huawei.com/cpsinterface/result";
    let bare = Mechanism::MapNamespace { from: "", to: RESULT };
    let styles: [(ResultStyle, &str, &[Mechanism], &[Mechanism]); 3] = [
        (ResultStyle::Standard, "Result", &[], &[]),
        (ResultStyle::LowerCase, "result", &[], &[bare]),
        (
            ResultStyle::Draft,
            "Result",
            &[Mechanism::MapNamespace { from: core, to: RESULT }],
            &[
                bare,
                Mechanism::RenameElement { from: "ConversationId", to: "ConversationID" },
                Mechanism::RenameElement { from: "TransactionId", to: "TransactionID" },
            ],
        ),
    ];
    let failed = ResultDocument { transaction_id: None, parameters: vec![], reference_data: vec![], ..result() };
    for (style, root, message, document) in styles {
        let text = fits(&write_result(&result(), style), RESULT_WSDL, (RESULT, "ResultMsg"), message);
        document_fits(&text, "CPSInterface_Result.xsd", (RESULT, root), document);
        let text = fits(&write_result(&failed, style), RESULT_WSDL, (RESULT, "ResultMsg"), message);
        assert!(text.ends_with(&format!("</{root}>")));
    }
}

#[test]
fn payments_fit_the_schema_in_every_style() {
    let c2b = "http://cps.huawei.com/cpsinterface/c2bpayment";
    let bare = C2bPayment { bill_ref_number: None, third_party_trans_id: None, kyc: vec![], ..payment() };
    let renamed = Mechanism::RenameElement { from: "TransactionType", to: "TransType" };
    let written = C2bStyle { empty: EmptyElements::Written, empty_kyc: EmptyElements::LeftOut, ..C2bStyle::LIVE };
    let wsdls = C2bStyle { type_element: TypeElement::TransType, ..C2bStyle::DOCUMENT };
    let styles: [(C2bStyle, &[Mechanism]); 4] =
        [(C2bStyle::LIVE, &[]), (written, &[]), (wsdls, &[]), (C2bStyle::DOCUMENT, &[renamed])];
    for (style, differences) in styles {
        for payment in [payment(), bare.clone()] {
            let validation = write_validation(&payment, style);
            fits(&validation, C2B_WSDL, (c2b, "C2BPaymentValidationRequest"), differences);
            let confirmation = write_confirmation(&payment, style);
            fits(&confirmation, C2B_WSDL, (c2b, "C2BPaymentConfirmationRequest"), differences);
        }
    }
}

#[test]
fn timeout_notices_fit_the_schema() {
    let local = "http://www.csapi.org/schema/timeoutnotification/data/v1_0/local";
    let notice = write_queue_timeout("600000_Duka_1", &[b'x'; 1000]);
    fits(&notice, "QueueTimeoutNotification.wsdl", (local, "notifyQueueTimeout"), &[]);
}

#[test]
fn answers_fit_the_schemas_in_both_versions() {
    let [request, response] =
        ["request", "response"].map(|name| format!("http://api-v1.gen.mm.vodafone.com/mminterface/{name}"));
    let query = "http://www.csapi.org/schema/transaction/data/v1_0/local";
    for version in [Version::Soap11, Version::Soap12] {
        for answer in [
            ResponseDocument::accepted("AG_20261123_0000626ec4aeb2ca2256", "600000_Duka_1"),
            ResponseDocument::registered(),
            ResponseDocument::error("23", "The request message structure is <invalid>."),
            ResponseDocument::error("100000007", "Authentication failed"),
        ] {
            let message = write_response(&answer, version);
            let text = fits(&message, REQUEST_WSDL, (&request, "ResponseMsg"), &[]);
            document_fits(&text, "CPSInterface_Response.xsd", (&response, "response"), &[]);
        }
        let trace = TransactionTrace {
            response_code: "00000000".into(),
            response_desc: "Success".into(),
            requests: vec![b"POST".to_vec()],
            timeouts: vec![b"POST".to_vec(), b"POST".to_vec()],
            ..TransactionTrace::default()
        };
        let message = write_query_response(&trace, version);
        fits(&message, "QueryTransaction.wsdl", (query, "queryTransactionResponse"), &[]);
    }
}
