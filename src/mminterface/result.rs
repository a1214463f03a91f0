//! The result of a command, as the ResultURL gets it: GenericAPIResult (protocol.md 3.1).

use serde::{Deserialize, Serialize};

use super::markup::{
    DECLARATION, ENVELOPE, ENVELOPE_BYTES, RESULT, pairs_bytes, push_all, push_element, push_optional, push_pairs,
};
use super::style::ResultStyle;

/// The document inside `ResultMsg`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultDocument {
    /// 0 completed, 1 more messages follow.
    pub result_type: u8,
    /// 0 is success.
    pub result_code: String,
    /// The code in words.
    pub result_desc: String,
    /// The caller's id of the conversation.
    pub originator_conversation_id: String,
    /// The broker's id of the conversation.
    pub conversation_id: String,
    /// The receipt.
    pub transaction_id: Option<String>,
    /// What the command tells; none on failure.
    pub parameters: Vec<(String, String)>,
    /// The request's reference data, echoed.
    pub reference_data: Vec<(String, String)>,
}

/// What a style changes.
struct Form {
    message_start: [&'static str; 5],
    message_end: &'static str,
    root_start: [&'static str; 3],
    root_end: &'static str,
    conversation_id: &'static str,
    transaction_id: &'static str,
}

impl ResultStyle {
    fn form(self) -> Form {
        let standard = Form {
            message_start: ["<soapenv:Body>", "<res:ResultMsg", r#" xmlns:res=""#, RESULT, r#"">"#],
            message_end: "</res:ResultMsg>",
            root_start: [r#"<Result xmlns=""#, RESULT, r#"">"#],
            root_end: "</Result>",
            conversation_id: "ConversationID",
            transaction_id: "TransactionID",
        };
        match self {
            Self::Standard => standard,
            Self::LowerCase => Form { root_start: ["<result>", "", ""], root_end: "</result>", ..standard },
            Self::Draft => Form {
                message_start: [
                    "<soapenv:Header/><soapenv:Body>",
                    "<req:ResultMsg",
                    r#" xmlns:req=""#,
                    "http://cps.huawei.com/cpsinterface/result",
                    r#"">"#,
                ],
                message_end: "</req:ResultMsg>",
                root_start: ["<Result>", "", ""],
                root_end: "</Result>",
                conversation_id: "ConversationId",
                transaction_id: "TransactionId",
            },
        }
    }
}

/// Writes the whole envelope.
pub fn write_result(result: &ResultDocument, style: ResultStyle) -> String {
    let form = style.form();
    let bytes = pairs_bytes(&result.parameters) + pairs_bytes(&result.reference_data);
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES + bytes + result.result_desc.len());
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, ENVELOPE, r#"">"#]);
    push_all(&mut out, &form.message_start);
    push_all(&mut out, &["<![CDATA[", DECLARATION]);
    push_all(&mut out, &form.root_start);
    push_element(&mut out, "ResultType", &result.result_type.to_string());
    push_element(&mut out, "ResultCode", &result.result_code);
    push_element(&mut out, "ResultDesc", &result.result_desc);
    push_element(&mut out, "OriginatorConversationID", &result.originator_conversation_id);
    push_element(&mut out, form.conversation_id, &result.conversation_id);
    push_optional(&mut out, form.transaction_id, result.transaction_id.as_deref());
    push_pairs(&mut out, "ResultParameters", "ResultParameter", &result.parameters);
    push_pairs(&mut out, "ReferenceData", "ReferenceItem", &result.reference_data);
    push_all(&mut out, &[form.root_end, "]]>", form.message_end, "</soapenv:Body></soapenv:Envelope>"]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balance() -> ResultDocument {
        ResultDocument {
            result_type: 0,
            result_code: "0".into(),
            result_desc: "The service request is processed successfully.".into(),
            originator_conversation_id: "600000_Duka_1".into(),
            conversation_id: "AG_20261123_0000626ec4aeb2ca2256".into(),
            transaction_id: Some("UKN0000000".into()),
            parameters: vec![(
                "AccountBalance".into(),
                "Working Account|KES|1.00|1.00|0.00|0.00&Utility Account|KES|2.00|2.00|0.00|0.00".into(),
            )],
            reference_data: vec![("QueueTimeoutURL".into(), "http://10.66.49.201:8888/timeout".into())],
        }
    }

    #[test]
    fn the_standard_form_is_written_to_the_byte() {
        assert_eq!(
            write_result(&balance(), ResultStyle::Standard),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<res:ResultMsg xmlns:res="http://api-v1.gen.mm.vodafone.com/mminterface/result">"#,
                r#"<![CDATA[<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<Result xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/result">"#,
                "<ResultType>0</ResultType><ResultCode>0</ResultCode>",
                "<ResultDesc>The service request is processed successfully.</ResultDesc>",
                "<OriginatorConversationID>600000_Duka_1</OriginatorConversationID>",
                "<ConversationID>AG_20261123_0000626ec4aeb2ca2256</ConversationID>",
                "<TransactionID>UKN0000000</TransactionID>",
                "<ResultParameters><ResultParameter><Key>AccountBalance</Key>",
                "<Value>Working Account|KES|1.00|1.00|0.00|0.00&amp;Utility Account|KES|2.00|2.00|0.00|0.00</Value>",
                "</ResultParameter></ResultParameters>",
                "<ReferenceData><ReferenceItem><Key>QueueTimeoutURL</Key>",
                "<Value>http://10.66.49.201:8888/timeout</Value></ReferenceItem></ReferenceData></Result>]]>",
                "</res:ResultMsg></soapenv:Body></soapenv:Envelope>",
            )
        );
    }

    #[test]
    fn a_failure_has_no_result_parameters() {
        let failed =
            ResultDocument { result_code: "2001".into(), parameters: vec![], reference_data: vec![], ..balance() };
        let written = write_result(&failed, ResultStyle::Standard);
        assert!(written.contains("<TransactionID>UKN0000000</TransactionID></Result>]]>"));
    }

    #[test]
    fn the_styles_change_root_and_names() {
        let lower = write_result(&balance(), ResultStyle::LowerCase);
        assert!(
            lower.contains(r#"encoding="UTF-8"?><result><ResultType>"#)
                && lower.contains("</result>]]></res:ResultMsg>")
        );
        let draft = write_result(&balance(), ResultStyle::Draft);
        assert!(draft.contains(concat!(
            "<soapenv:Header/><soapenv:Body>",
            r#"<req:ResultMsg xmlns:req="http://cps.huawei.com/cpsinterface/result"><![CDATA[<?xml version="1.0" encoding="UTF-8"?><Result>"#,
        )));
        assert!(draft.contains("<TransactionId>UKN0000000</TransactionId>"));
        assert!(draft.contains("<ConversationId>AG_20261123_0000626ec4aeb2ca2256</ConversationId>"));
        assert!(draft.ends_with("</Result>]]></req:ResultMsg></soapenv:Body></soapenv:Envelope>"));
    }
}
