//! GetCallbacks: a third party fetches what it may have missed, a page of an organization's callbacks
//! from a number on. The service is ours; `wsdl/Feed.wsdl` is its description.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::soap::{EnvelopeReader, Name, Normalization, Version, Visitor};

use super::document::{CallerHeader, Claimed};
use super::failure::ReadFailure;
use super::markup::{DECLARATION, ENVELOPE_BYTES, push_all, push_element};
use super::request::{HeaderVisitor, Read};

/// The namespace of the feed.
const FEED: &str = "urn:lango:feed:1";

/// GetCallbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedQuery {
    /// Who says that they call.
    pub header: CallerHeader,
    /// The organization; none asks for the caller's own log.
    pub short_code: Option<String>,
    /// The first number wanted.
    pub from_number: u64,
    /// At most so many.
    pub limit: Option<u64>,
    /// The version of SOAP it was sent in.
    pub version: Version,
}

impl Claimed for FeedQuery {
    fn header(&self) -> &CallerHeader {
        &self.header
    }
}

/// GetCallbacksResponse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// Nothing but zeros is success.
    pub response_code: String,
    /// The code in words.
    pub response_desc: String,
    /// Where the next page begins.
    pub next_number: u64,
    /// The newest number; 0 while there is none.
    pub newest_number: u64,
    /// In the order of their numbers.
    pub callbacks: Vec<FeedCallback>,
}

/// One callback of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedCallback {
    /// Its number in the log.
    pub number: u64,
    /// The `webhook-id` of its deliveries.
    pub delivery_id: String,
    /// `result`, `timeout` or `confirmation`.
    pub kind: &'static str,
    /// When it was committed: RFC 3339, UTC.
    pub created: String,
    /// `pending`, `delivered` or `dead`.
    pub state: &'static str,
    /// Where it goes.
    pub url: String,
    /// The body of its HTTP message; empty if it cannot be written.
    pub message: Vec<u8>,
}

/// Reads GetCallbacks.
pub(super) fn feed_query(
    envelope: &EnvelopeReader<'_>,
    body: &[u8],
    normal: &Normalization<'_>,
) -> Result<Read<FeedQuery>, ReadFailure> {
    let mut header = HeaderVisitor::new(envelope, normal);
    let mut query = QueryVisitor::default();
    let opened =
        envelope.read(body, normal, &mut header, &mut query).map_err(|error| ReadFailure::from_envelope(&error))?;
    let value = FeedQuery { header: header.finish(), version: opened.version, ..query.0 };
    Ok(Read { value, tolerances: normal.used() })
}

/// Writes the whole envelope, in the version of SOAP of the request.
pub fn write_feed_page(page: &FeedPage, version: Version) -> String {
    let bytes: usize = page.callbacks.iter().map(|callback| callback.message.len() * 4 / 3 + ENVELOPE_BYTES).sum();
    let mut out = String::with_capacity(2 * ENVELOPE_BYTES + bytes);
    let envelope = version.namespace();
    push_all(&mut out, &[DECLARATION, r#"<soapenv:Envelope xmlns:soapenv=""#, envelope, r#""><soapenv:Body>"#]);
    push_all(&mut out, &[r#"<feed:GetCallbacksResponse xmlns:feed=""#, FEED, r#"">"#]);
    push_element(&mut out, "feed:ResponseCode", &page.response_code);
    push_element(&mut out, "feed:ResponseDesc", &page.response_desc);
    push_element(&mut out, "feed:NextNumber", &page.next_number.to_string());
    push_element(&mut out, "feed:NewestNumber", &page.newest_number.to_string());
    page.callbacks.iter().for_each(|callback| push_callback(&mut out, callback));
    out.push_str("</feed:GetCallbacksResponse></soapenv:Body></soapenv:Envelope>");
    out
}

fn push_callback(out: &mut String, callback: &FeedCallback) {
    out.push_str("<feed:Callback>");
    push_element(out, "feed:Number", &callback.number.to_string());
    push_element(out, "feed:DeliveryID", &callback.delivery_id);
    push_element(out, "feed:Kind", callback.kind);
    push_element(out, "feed:Created", &callback.created);
    push_element(out, "feed:State", callback.state);
    push_element(out, "feed:URL", &callback.url);
    out.push_str("<feed:Message>");
    STANDARD.encode_string(&callback.message, out);
    out.push_str("</feed:Message></feed:Callback>");
}

/// Takes the fields of GetCallbacks. The schema has seen to it that numbers are numbers.
#[derive(Default)]
struct QueryVisitor(FeedQuery);

impl Visitor for QueryVisitor {
    fn open(&mut self, _name: &Name<'_>) {}

    fn close(&mut self, name: &Name<'_>, text: &str) {
        match name.local {
            "ShortCode" => self.0.short_code = Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            "FromNumber" => self.0.from_number = text.parse().unwrap_or(0),
            "Limit" => self.0.limit = text.parse().ok(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mminterface::{Interfaces, Tolerances};

    const SAMPLE: &str = include_str!("samples/get_callbacks.xml");

    fn read(message: &str) -> Result<FeedQuery, ReadFailure> {
        let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{}", errors[0]));
        interfaces.read_feed(message.as_bytes(), Tolerances::strict()).map(|read| read.value)
    }

    #[test]
    fn a_query_is_read_as_the_schema_says() {
        let query = read(SAMPLE).unwrap();
        assert_eq!(query.header.sp_id, "107031");
        assert_eq!((query.short_code.as_deref(), query.from_number, query.limit), (Some("600000"), 17, Some(50)));
        let least =
            SAMPLE.replace("<feed:ShortCode>600000</feed:ShortCode>", "").replace("<feed:Limit>50</feed:Limit>", "");
        let query = read(&least).unwrap();
        assert_eq!((query.short_code, query.limit), (None, None));
    }

    #[test]
    fn what_is_no_number_or_missing_is_a_fault() {
        for wrong in [
            SAMPLE.replace(">17<", ">-1<"),
            SAMPLE.replace(">17<", ">seventeen<"),
            SAMPLE.replace(">17<", ">1234567890123456789<"),
            SAMPLE.replace("<feed:FromNumber>17</feed:FromNumber>", ""),
            SAMPLE.replace("GetCallbacks", "GetEverything"),
        ] {
            assert!(matches!(read(&wrong), Err(ReadFailure::Fault(_))), "{wrong}");
        }
    }

    #[test]
    fn a_page_is_written_to_the_byte() {
        let callback = FeedCallback {
            number: 17,
            delivery_id: "msg_1".into(),
            kind: "result",
            created: "2026-11-23T10:45:12Z".into(),
            state: "dead",
            url: "https://duka.example/?a=1&b=2".into(),
            message: b"<x/>".to_vec(),
        };
        let page = FeedPage {
            response_code: "00000000".into(),
            response_desc: "Success".into(),
            next_number: 18,
            newest_number: 40,
            callbacks: vec![callback],
        };
        assert_eq!(
            write_feed_page(&page, Version::Soap11),
            concat!(
                r#"<?xml version="1.0" encoding="UTF-8"?>"#,
                r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
                r#"<feed:GetCallbacksResponse xmlns:feed="urn:lango:feed:1"><feed:ResponseCode>00000000</feed:ResponseCode>"#,
                "<feed:ResponseDesc>Success</feed:ResponseDesc><feed:NextNumber>18</feed:NextNumber>",
                "<feed:NewestNumber>40</feed:NewestNumber><feed:Callback><feed:Number>17</feed:Number>",
                "<feed:DeliveryID>msg_1</feed:DeliveryID><feed:Kind>result</feed:Kind>",
                "<feed:Created>2026-11-23T10:45:12Z</feed:Created><feed:State>dead</feed:State>",
                "<feed:URL>https://duka.example/?a=1&amp;b=2</feed:URL><feed:Message>PHgvPg==</feed:Message>",
                "</feed:Callback></feed:GetCallbacksResponse></soapenv:Body></soapenv:Envelope>",
            )
        );
    }
}
