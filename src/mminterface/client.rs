//! The other side's part of the protocol: what third parties, their servers and the handset side
//! write, and what they read. For the demonstration, the `pay` command and tests; the broker itself
//! never reads with these.

use super::acknowledgement::ValidationResult;
use super::document::{CallerHeader, PartyFields, RequestDocument};
use super::handset::{HANDSET, HandsetAnswer, HandsetParty, HandsetPayment};
use super::lenient::Elements;
use super::markup::{
    DECLARATION, ENVELOPE, ENVELOPE_BYTES, REQUEST, RESPONSE, pairs_bytes, push_all, push_cdata, push_element,
    push_optional, push_pairs,
};
use super::response::ResponseDocument;
use super::result::ResultDocument;

/// Writes a GenericAPIRequest around a document.
pub fn write_request_envelope(header: &CallerHeader, document: &str) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES + document.len());
    push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#"" xmlns:req=""#, REQUEST, r#"">"#]);
    out.push_str("<soapenv:Header><tns:RequestSOAPHeader xmlns:tns=\"http://www.huawei.com.cn/schema/common/v2_1\">");
    push_element(&mut out, "tns:spId", &header.sp_id);
    push_optional(&mut out, "tns:spPassword", header.sp_password.as_deref());
    push_optional(&mut out, "tns:serviceId", header.service_id.as_deref());
    push_optional(&mut out, "tns:timeStamp", header.time_stamp.as_deref());
    out.push_str("</tns:RequestSOAPHeader></soapenv:Header><soapenv:Body><req:RequestMsg>");
    push_cdata(&mut out, document);
    out.push_str("</req:RequestMsg></soapenv:Body></soapenv:Envelope>");
    out
}

/// Writes the document inside a GenericAPIRequest.
pub fn write_request_document(document: &RequestDocument) -> String {
    let bytes = pairs_bytes(&document.parameters) + pairs_bytes(&document.reference_data);
    let mut out = String::with_capacity(4 * ENVELOPE_BYTES + bytes);
    push_all(&mut out, &[DECLARATION, r#"<request xmlns=""#, REQUEST, r#""><Transaction>"#]);
    push_element(&mut out, "CommandID", &document.command_id);
    push_optional(&mut out, "LanguageCode", document.language_code.as_deref());
    push_element(&mut out, "OriginatorConversationID", &document.originator_conversation_id);
    push_optional(&mut out, "ConversationID", document.conversation_id.as_deref());
    push_optional(&mut out, "Remark", document.remark.as_deref());
    push_optional(&mut out, "EncryptedParameters", document.encrypted_parameters.as_deref());
    push_pairs(&mut out, "Parameters", "Parameter", &document.parameters);
    push_pairs(&mut out, "ReferenceData", "ReferenceItem", &document.reference_data);
    push_optional(&mut out, "Timestamp", document.timestamp.as_deref());
    out.push_str("</Transaction><Identity>");
    push_identity(&mut out, document);
    out.push_str("</Identity>");
    if let Some(key_owner) = document.key_owner {
        push_element(&mut out, "KeyOwner", &key_owner.to_string());
    }
    out.push_str("</request>");
    out
}

fn push_identity(out: &mut String, document: &RequestDocument) {
    let caller = &document.caller;
    out.push_str("<Caller>");
    push_element(out, "CallerType", &caller.caller_type);
    push_optional(out, "ThirdPartyID", caller.third_party_id.as_deref());
    push_optional(out, "Password", caller.password.as_deref());
    push_optional(out, "CheckSum", caller.check_sum.as_deref());
    push_optional(out, "ResultURL", caller.result_url.as_deref());
    out.push_str("</Caller>");
    if let Some(initiator) = &document.initiator {
        out.push_str("<Initiator>");
        push_element(out, "IdentifierType", &initiator.identifier_type.to_string());
        push_element(out, "Identifier", &initiator.identifier);
        push_element(out, "SecurityCredential", &initiator.security_credential);
        push_optional(out, "ShortCode", initiator.short_code.as_deref());
        out.push_str("</Initiator>");
    }
    push_party(out, "PrimaryParty", document.primary_party.as_ref());
    push_party(out, "ReceiverParty", document.receiver_party.as_ref());
}

fn push_party(out: &mut String, name: &str, party: Option<&PartyFields>) {
    if let Some(party) = party {
        push_all(out, &["<", name, ">"]);
        push_element(out, "IdentifierType", &party.identifier_type.to_string());
        push_element(out, "Identifier", &party.identifier);
        push_optional(out, "ShortCode", party.short_code.as_deref());
        push_all(out, &["</", name, ">"]);
    }
}

/// Writes SubmitPayment, whole.
pub fn write_handset_payment(payment: &HandsetPayment) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES);
    push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<SubmitPayment xmlns=""#, HANDSET, r#"">"#]);
    push_element(&mut out, "SessionID", &payment.session_id);
    push_element(&mut out, "TransactionType", &payment.transaction_type);
    match &payment.payer {
        HandsetParty::Msisdn(msisdn) => push_element(&mut out, "MSISDN", msisdn),
        HandsetParty::ShortCode(short_code) => push_element(&mut out, "PayerShortCode", short_code),
    }
    match &payment.payee {
        HandsetParty::Msisdn(msisdn) => push_element(&mut out, "PayeeMSISDN", msisdn),
        HandsetParty::ShortCode(short_code) => push_element(&mut out, "ShortCode", short_code),
    }
    push_optional(&mut out, "AccountReference", payment.account_reference.as_deref());
    push_element(&mut out, "Amount", &payment.amount);
    push_optional(&mut out, "Timestamp", payment.timestamp.as_deref());
    out.push_str("</SubmitPayment></soapenv:Body></soapenv:Envelope>");
    out
}

/// Writes a receiver's acknowledgement of a result, as documented.
pub fn write_acknowledgement(code: &str, description: &str) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES);
    push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#"" xmlns:req=""#, REQUEST, r#"">"#]);
    push_all(&mut out, &["<soapenv:Header/><soapenv:Body><req:ResponseMsg><![CDATA[", DECLARATION]);
    push_all(&mut out, &[r#"<response xmlns=""#, RESPONSE, r#"">"#]);
    push_element(&mut out, "ResponseCode", code);
    push_element(&mut out, "ResponseDesc", description);
    out.push_str("</response>]]></req:ResponseMsg></soapenv:Body></soapenv:Envelope>");
    out
}

/// Writes a receiver's verdict on a payment.
pub fn write_validation_result(result: &ValidationResult) -> String {
    let mut out = c2b_answer("C2BPaymentValidationResult");
    push_element(&mut out, "ResultCode", &result.result_code);
    push_optional(&mut out, "ResultDesc", result.result_desc.as_deref());
    push_optional(&mut out, "ThirdPartyTransID", result.third_party_trans_id.as_deref());
    out.push_str("</c2b:C2BPaymentValidationResult></soapenv:Body></soapenv:Envelope>");
    out
}

/// Writes a receiver's answer to a confirmation.
pub fn write_confirmation_result(trans_id: &str) -> String {
    let mut out = c2b_answer("C2BPaymentConfirmationResult");
    out.push_str("C2B Payment Transaction ");
    super::markup::push_text(&mut out, trans_id);
    out.push_str(" result received.</c2b:C2BPaymentConfirmationResult></soapenv:Body></soapenv:Envelope>");
    out
}

pub(super) fn c2b_answer(root: &str) -> String {
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES);
    push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#""><soapenv:Body>"#]);
    push_all(&mut out, &["<c2b:", root, r#" xmlns:c2b="http://cps.huawei.com/cpsinterface/c2bpayment">"#]);
    out
}

/// Reads the document inside `ResponseMsg`; none if there is no code.
pub fn read_response(body: &[u8]) -> Option<ResponseDocument> {
    let document = Elements::read(Elements::read(&String::from_utf8_lossy(body)).text_of(&["ResponseMsg"])?);
    let owned = |name| document.text_of(&[name]).map(str::to_owned);
    Some(ResponseDocument {
        response_code: owned("ResponseCode")?,
        response_desc: owned("ResponseDesc").unwrap_or_default(),
        conversation_id: owned("ConversationID"),
        originator_conversation_id: owned("OriginatorConversationID"),
        service_status: owned("ServiceStatus").and_then(|status| status.parse().ok()),
    })
}

/// Reads the document inside `ResultMsg`, in any style; none if there is no code.
pub fn read_result(body: &[u8]) -> Option<ResultDocument> {
    let document = Elements::read(Elements::read(&String::from_utf8_lossy(body)).text_of(&["ResultMsg"])?);
    let owned = |names: &[&str]| document.text_of(names).map(str::to_owned);
    Some(ResultDocument {
        result_type: owned(&["ResultType"]).and_then(|kind| kind.parse().ok()).unwrap_or_default(),
        result_code: owned(&["ResultCode"])?,
        result_desc: owned(&["ResultDesc"]).unwrap_or_default(),
        originator_conversation_id: owned(&["OriginatorConversationID"]).unwrap_or_default(),
        conversation_id: owned(&["ConversationID", "ConversationId"]).unwrap_or_default(),
        transaction_id: owned(&["TransactionID", "TransactionId"]),
        parameters: document.pairs_of("ResultParameters"),
        reference_data: document.pairs_of("ReferenceData"),
    })
}

/// Reads the answer to SubmitPayment; none if there is no code.
pub fn read_handset_answer(body: &[u8]) -> Option<HandsetAnswer> {
    let answer = Elements::read(&String::from_utf8_lossy(body));
    let owned = |name| answer.text_of(&[name]).map(str::to_owned);
    Some(HandsetAnswer {
        result_code: owned("ResultCode")?,
        result_desc: owned("ResultDesc").unwrap_or_default(),
        transaction_id: owned("TransactionID"),
        balance: owned("Balance"),
        receiver_code: owned("ReceiverCode"),
    })
}

/// Reads why a message was not taken at all: the reason of a SOAP 1.1 fault.
pub fn read_fault(body: &[u8]) -> Option<String> {
    Elements::read(&String::from_utf8_lossy(body)).text_of(&["faultstring"]).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::handset::write_handset_answer;
    use crate::mminterface::response::write_response;
    use crate::mminterface::result::write_result;
    use crate::mminterface::style::ResultStyle;
    use crate::mminterface::{Acknowledgement, CallbackKind, read_acknowledgement, read_validation_result};
    use crate::soap::Version;

    #[test]
    fn a_client_reads_what_the_broker_answers() {
        let registered = ResponseDocument::registered();
        let accepted = ResponseDocument::accepted("AG_20261123_0000626ec4aeb2ca2256", "a & b ]]> c");
        let refused = ResponseDocument::error("1002", "The CommandID is invalid.");
        for response in [registered, accepted, refused] {
            assert_eq!(read_response(write_response(&response, Version::Soap11).as_bytes()), Some(response));
        }
        assert_eq!(read_response(b"<html/>"), None);
    }

    #[test]
    fn a_client_reads_results_of_every_style() {
        let result = ResultDocument {
            result_type: 0,
            result_code: "0".into(),
            result_desc: "The service request is processed successfully.".into(),
            originator_conversation_id: "1".into(),
            conversation_id: "AG_1".into(),
            transaction_id: Some("UKN519G2QV".into()),
            parameters: vec![("A".into(), "1 & 2".into()), ("B".into(), String::new())],
            reference_data: vec![("Occasion".into(), "<>".into())],
        };
        for style in [ResultStyle::Standard, ResultStyle::LowerCase, ResultStyle::Draft] {
            assert_eq!(read_result(write_result(&result, style).as_bytes()).as_ref(), Some(&result), "{style:?}");
        }
    }

    #[test]
    fn the_handset_side_reads_its_answer() {
        let answer = HandsetAnswer {
            result_code: "0".into(),
            result_desc: "done".into(),
            transaction_id: Some("UKN519G2QV".into()),
            balance: Some("10.00".into()),
            receiver_code: Some("-1".into()),
        };
        assert_eq!(read_handset_answer(write_handset_answer(&answer, Version::Soap11).as_bytes()), Some(answer));
    }

    #[test]
    fn the_broker_reads_what_receivers_answer() {
        let read = |body: String| read_acknowledgement(CallbackKind::Result, body.as_bytes());
        assert_eq!(read(write_acknowledgement("00000000", "success")), Acknowledgement::Positive);
        let failed = Acknowledgement::Negative { code: "200000001".into(), description: "overload".into() };
        assert_eq!(read(write_acknowledgement("200000001", "overload")), failed);
        let verdict = ValidationResult {
            result_code: "C2B00012".into(),
            result_desc: Some("no such account".into()),
            third_party_trans_id: None,
        };
        assert_eq!(read_validation_result(write_validation_result(&verdict).as_bytes()), Some(verdict));
        let received = write_confirmation_result("UKN519G2QV");
        assert_eq!(read_acknowledgement(CallbackKind::Confirmation, received.as_bytes()), Acknowledgement::Positive);
    }
}
