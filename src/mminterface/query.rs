//! queryTransaction: a third party asks for the messages of one conversation, as they went over the
//! wire (protocol.md 1.8).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::soap::{EnvelopeReader, Name, Normalization, Version, Visitor};

use super::document::{CallerHeader, Claimed};
use super::failure::ReadFailure;
use super::markup::{DECLARATION, ENVELOPE_BYTES, RESPONSE, push_all, push_element};
use super::request::{HeaderVisitor, Read, trimmed};
use super::tolerances::ENVELOPE_WHITESPACE;

/// The namespace of queryTransaction.
const QUERY: &str = "http://www.csapi.org/schema/transaction/data/v1_0/local";

/// queryTransaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionQuery {
    /// Who says that they call.
    pub header: CallerHeader,
    /// The conversation.
    pub originator_conversation_id: String,
    /// yyyyMMddHHmmss: the day of the conversation, as text. It only makes the search quicker.
    pub query_date: Option<String>,
    /// The version of SOAP that it came in, and that is answered in.
    pub version: Version,
}

impl Claimed for TransactionQuery {
    fn header(&self) -> &CallerHeader {
        &self.header
    }
}

/// queryTransactionResponse. Every message is whole: start line, headers and body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionTrace {
    /// Nothing but zeros is success.
    pub response_code: String,
    /// The code in words.
    pub response_desc: String,
    /// Requests.
    pub requests: Vec<Vec<u8>>,
    /// Answers to them.
    pub responses: Vec<Vec<u8>>,
    /// Results.
    pub results: Vec<Vec<u8>>,
    /// Notifications of requests that expired.
    pub timeouts: Vec<Vec<u8>>,
}

/// Reads queryTransaction.
pub(super) fn transaction_query(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Result<Read<TransactionQuery>, ReadFailure> {
    let mut header = HeaderVisitor::new(envelope, normal);
    let mut query = QueryVisitor { normal, key_is_date: false, query: TransactionQuery::default() };
    let opened =
        envelope.read(body, normal, &mut header, &mut query).map_err(|error| ReadFailure::from_envelope(&error))?;
    let value = TransactionQuery { header: header.finish(), version: opened.version, ..query.query };
    Ok(Read { value, tolerances: normal.used() })
}

/// Writes the whole envelope, in the version of SOAP of the request.
pub fn write_query_response(trace: &TransactionTrace, version: Version) -> String {
    let lists = [
        ("submitApiRequest", &trace.requests),
        ("submitApiResponse", &trace.responses),
        ("submitApiResult", &trace.results),
        ("queueTimeOut", &trace.timeouts),
    ];
    let bytes: usize = lists.iter().flat_map(|(_, messages)| *messages).map(|message| message.len() * 4 / 3 + 64).sum();
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES + bytes);
    let envelope = version.namespace();
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<loc:queryTransactionResponse xmlns:loc=""#, QUERY, r#"" xmlns:resp=""#, RESPONSE]);
    out.push_str(r#""><loc:result>"#);
    push_element(&mut out, "resp:ResponseCode", &trace.response_code);
    push_element(&mut out, "resp:ResponseDesc", &trace.response_desc);
    out.push_str("</loc:result>");
    for (name, messages) in lists {
        push_messages(&mut out, name, messages);
    }
    out.push_str("</loc:queryTransactionResponse></soapenv:Body></soapenv:Envelope>");
    out
}

fn push_messages(out: &mut String, name: &str, messages: &[Vec<u8>]) {
    if messages.is_empty() {
        return;
    }
    push_all(out, &["<loc:", name, "List>"]);
    for message in messages {
        push_all(out, &["<loc:", name, ">"]);
        STANDARD.encode_string(message, out);
        push_all(out, &["</loc:", name, ">"]);
    }
    push_all(out, &["</loc:", name, "List>"]);
}

/// Takes the fields of queryTransaction.
struct QueryVisitor<'n> {
    normal: &'n Normalization<'n>,
    key_is_date: bool,
    query: TransactionQuery,
}

impl Visitor for QueryVisitor<'_> {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        let text = trimmed(text, self.normal, ENVELOPE_WHITESPACE);
        match name.local {
            "originatorConversationID" => text.clone_into(&mut self.query.originator_conversation_id),
            "Key" => self.key_is_date = text == "queryDate",
            "Value" if self.key_is_date && !text.is_empty() => self.query.query_date = Some(text.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{Interfaces, Tolerances};

    const SAMPLE: &str = include_str!("samples/query_transaction.xml");

    fn read(message: &str, tolerances: Tolerances) -> Result<Read<TransactionQuery>, ReadFailure> {
        Interfaces::bundled()
            .unwrap_or_else(|errors| panic!("{}", errors[0]))
            .read_query(message.as_bytes(), tolerances)
    }

    #[test]
    fn a_query_is_read_as_the_schema_says() {
        let query = read(SAMPLE, Tolerances::strict()).unwrap().value;
        assert_eq!(query.header.sp_id, "107031");
        assert_eq!(query.originator_conversation_id, "600000_Duka_1");
        assert_eq!(query.query_date.as_deref(), Some("20261123184401"));
    }

    #[test]
    fn a_query_is_read_in_the_forms_that_clients_send() {
        let rows: [(String, &[&str]); 4] = [
            (SAMPLE.replace("queryTransaction", "queryTranscation"), &["query-transcation"]),
            (SAMPLE.replace("</soapenv:Envelope>", ""), &["envelope-left-open"]),
            (SAMPLE.replace("res:", "loc:"), &["query-namespaces"]),
            (SAMPLE.replace(">600000_Duka_1<", ">\n600000_Duka_1 <"), &["envelope-whitespace"]),
        ];
        let plain = read(SAMPLE, Tolerances::strict()).unwrap().value;
        for (message, tolerances) in rows {
            let query =
                read(&message, Tolerances::default()).unwrap_or_else(|failure| panic!("{tolerances:?}: {failure:?}"));
            assert_eq!(query.value, plain, "{tolerances:?}");
            assert_eq!(query.tolerances, tolerances);
            assert_ne!(read(&message, Tolerances::strict()).ok().map(|read| read.value), Some(plain.clone()));
        }
    }

    #[test]
    fn a_query_without_its_conversation_is_a_fault() {
        let message = SAMPLE.replace("originatorConversationID", "conversation");
        assert!(matches!(read(&message, Tolerances::default()), Err(ReadFailure::Fault(_))));
    }

    #[test]
    fn a_trace_is_written_to_the_byte() {
        let trace = TransactionTrace {
            response_code: "00000000".into(),
            response_desc: "Success".into(),
            requests: vec![b"POST / HTTP/1.1".to_vec(), b"POST".to_vec()],
            results: vec![b"POST".to_vec()],
            ..TransactionTrace::default()
        };
        assert_eq!(
            write_query_response(&trace, Version::Soap11),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<loc:queryTransactionResponse xmlns:loc="http://www.csapi.org/schema/transaction/data/v1_0/local" "#,
                r#"xmlns:resp="http://api-v1.gen.mm.vodafone.com/mminterface/response"><loc:result>"#,
                "<resp:ResponseCode>00000000</resp:ResponseCode><resp:ResponseDesc>Success</resp:ResponseDesc></loc:result>",
                "<loc:submitApiRequestList><loc:submitApiRequest>UE9TVCAvIEhUVFAvMS4x</loc:submitApiRequest>",
                "<loc:submitApiRequest>UE9TVA==</loc:submitApiRequest></loc:submitApiRequestList>",
                "<loc:submitApiResultList><loc:submitApiResult>UE9TVA==</loc:submitApiResult></loc:submitApiResultList>",
                "</loc:queryTransactionResponse></soapenv:Body></soapenv:Envelope>",
            )
        );
    }
}
