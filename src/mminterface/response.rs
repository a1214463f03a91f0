//! The answer that a third party gets at once: a document inside `ResponseMsg` (protocol.md 2).
//! The form is the one that every known client can read: the literal prefix `req:`, the CDATA right
//! after the start tag, everything on one line, the fields in the order of live traffic.

use serde::{Deserialize, Serialize};

use super::markup::{DECLARATION, ENVELOPE_BYTES, REQUEST, RESPONSE, push_all, push_element, push_optional};
use crate::soap::Version;

/// The document inside `ResponseMsg`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseDocument {
    /// Nothing but zeros is success.
    pub response_code: String,
    /// The code in words.
    pub response_desc: String,
    /// The broker's id of the conversation; absent from errors, empty in answers to RegisterURL.
    pub conversation_id: Option<String>,
    /// The caller's id of the conversation; as `conversation_id`.
    pub originator_conversation_id: Option<String>,
    /// 0, or absent from errors.
    pub service_status: Option<i32>,
}

impl ResponseDocument {
    /// An error: a code and its words.
    pub fn error(code: &str, description: &str) -> Self {
        Self { response_code: code.to_owned(), response_desc: description.to_owned(), ..Self::default() }
    }

    /// A command that was accepted.
    pub fn accepted(conversation_id: &str, originator_conversation_id: &str) -> Self {
        Self {
            response_code: "0".to_owned(),
            response_desc: "Accept the service request successfully.".to_owned(),
            conversation_id: Some(conversation_id.to_owned()),
            originator_conversation_id: Some(originator_conversation_id.to_owned()),
            service_status: Some(0),
        }
    }

    /// A command that was accepted while the core is away; it is decided when the core is back
    /// (protocol.md 2.1).
    pub fn cached(conversation_id: &str, originator_conversation_id: &str) -> Self {
        Self {
            response_code: "100000000".to_owned(),
            response_desc: "Request was cached, waiting for resending".to_owned(),
            ..Self::accepted(conversation_id, originator_conversation_id)
        }
    }

    /// A RegisterURL that was done. One client compares code and words literally.
    pub fn registered() -> Self {
        Self {
            response_code: "00000000".to_owned(),
            response_desc: "success".to_owned(),
            conversation_id: Some(String::new()),
            originator_conversation_id: Some(String::new()),
            service_status: Some(0),
        }
    }

    /// The broker's own codes have eight or nine digits, the core's at most four.
    fn is_the_brokers_own(&self) -> bool {
        self.response_code.len() >= 8
    }
}

/// Writes the whole envelope, in the version of SOAP of the request.
pub fn write_response(response: &ResponseDocument, version: Version) -> String {
    let envelope = version.namespace();
    let mut out = String::with_capacity(ENVELOPE_BYTES + 256 + response.response_desc.len());
    if response.is_the_brokers_own() {
        push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#"" xmlns:req=""#, REQUEST, r#"">"#]);
        out.push_str("<soapenv:Header/><soapenv:Body><req:ResponseMsg>");
    } else {
        push_all(&mut out, &[r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#"">"#]);
        push_all(&mut out, &[r#"<soapenv:Body><req:ResponseMsg xmlns:req=""#, REQUEST, r#"">"#]);
    }
    push_response(&mut out, response);
    out.push_str("</req:ResponseMsg></soapenv:Body></soapenv:Envelope>");
    out
}

fn push_response(out: &mut String, response: &ResponseDocument) {
    push_all(out, &["<![CDATA[", DECLARATION, r#"<response xmlns=""#, RESPONSE, r#"">"#]);
    push_element(out, "ResponseCode", &response.response_code);
    push_optional(out, "ConversationID", response.conversation_id.as_deref());
    push_element(out, "ResponseDesc", &response.response_desc);
    push_optional(out, "OriginatorConversationID", response.originator_conversation_id.as_deref());
    if let Some(status) = response.service_status {
        push_element(out, "ServiceStatus", &status.to_string());
    }
    out.push_str("</response>]]>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptance_is_written_to_the_byte() {
        let response = ResponseDocument::accepted("AG_20261123_0000626ec4aeb2ca2256", "600000_Duka_1");
        assert_eq!(
            write_response(&response, Version::Soap11),
            concat!(
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<req:ResponseMsg xmlns:req="http://api-v1.gen.mm.vodafone.com/mminterface/request">"#,
                r#"<![CDATA[<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response">"#,
                "<ResponseCode>0</ResponseCode>",
                "<ConversationID>AG_20261123_0000626ec4aeb2ca2256</ConversationID>",
                "<ResponseDesc>Accept the service request successfully.</ResponseDesc>",
                "<OriginatorConversationID>600000_Duka_1</OriginatorConversationID>",
                "<ServiceStatus>0</ServiceStatus></response>]]>",
                "</req:ResponseMsg></soapenv:Body></soapenv:Envelope>",
            )
        );
    }

    #[test]
    fn an_error_of_the_core_carries_only_code_and_words() {
        let written = write_response(
            &ResponseDocument::error("23", "The request message structure is invalid."),
            Version::Soap11,
        );
        assert!(written.contains(concat!(
            r#"mminterface/response"><ResponseCode>23</ResponseCode>"#,
            "<ResponseDesc>The request message structure is invalid.</ResponseDesc></response>]]>",
        )));
        assert!(!written.contains("Header"));
    }

    #[test]
    fn the_brokers_own_answers_have_an_empty_header_and_declare_req_on_the_envelope() {
        assert_eq!(
            write_response(&ResponseDocument::error("100000007", "Authentication failed"), Version::Soap11),
            concat!(
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" "#,
                r#"xmlns:req="http://api-v1.gen.mm.vodafone.com/mminterface/request">"#,
                "<soapenv:Header/><soapenv:Body><req:ResponseMsg>",
                r#"<![CDATA[<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response">"#,
                "<ResponseCode>100000007</ResponseCode><ResponseDesc>Authentication failed</ResponseDesc></response>]]>",
                "</req:ResponseMsg></soapenv:Body></soapenv:Envelope>",
            )
        );
    }

    #[test]
    fn a_registration_has_its_ids_empty() {
        let written = write_response(&ResponseDocument::registered(), Version::Soap11);
        assert!(written.contains(concat!(
            "<ResponseCode>00000000</ResponseCode><ConversationID></ConversationID>",
            "<ResponseDesc>success</ResponseDesc><OriginatorConversationID></OriginatorConversationID>",
            "<ServiceStatus>0</ServiceStatus>",
        )));
    }

    #[test]
    fn clients_that_cut_the_raw_text_find_a_document() {
        let written = write_response(&ResponseDocument::accepted("AG_1", "a ]]> b & c"), Version::Soap11);
        assert!(written.contains(r#"mminterface/request"><![CDATA[<?xml "#));
        let start = written.find("[CDATA[").unwrap() + "[CDATA[".len();
        let document = &written[start..written.find("]]").unwrap()];
        assert!(document.starts_with("<?xml ") && document.ends_with("</response>"));
        assert_eq!(written.matches("<![CDATA[").count(), 1);
        assert_eq!(written.matches("]]>").count(), 1);
        assert!(!written.contains('\n'));
    }
}
