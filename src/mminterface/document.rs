//! What a request says, typed: the header that names the caller, and the document inside
//! `RequestMsg`. Nothing here has been judged; identifiers are text as the caller sent it.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::soap::{Position, Version};

/// RequestSOAPHeader: who says that they call.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerHeader {
    /// The service provider's id; empty if it was not sent.
    pub sp_id: String,
    /// A digest over spId, password and timeStamp.
    pub sp_password: Option<String>,
    /// The service.
    pub service_id: Option<String>,
    /// The text that went into the digest, as it was sent.
    pub time_stamp: Option<String>,
}

/// A message whose header says who sends it.
pub trait Claimed {
    /// Who says that they call.
    fn header(&self) -> &CallerHeader;
}

impl fmt::Debug for CallerHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerHeader")
            .field("sp_id", &self.sp_id)
            .field("service_id", &self.service_id)
            .field("time_stamp", &self.time_stamp)
            .finish_non_exhaustive()
    }
}

/// A GenericAPIRequest: its caller and its document.
#[derive(Clone, PartialEq, Eq)]
pub struct GenericRequest {
    /// Who says that they call.
    pub header: CallerHeader,
    /// The text of `RequestMsg`: a document of its own.
    pub document: String,
    /// Where that text begins in the body.
    pub document_position: Position,
    /// The bytes of the body that are the SOAP header.
    pub header_range: Option<Range<usize>>,
    /// The version of SOAP that it came in, and that is answered in.
    pub version: Version,
}

impl Claimed for GenericRequest {
    fn header(&self) -> &CallerHeader {
        &self.header
    }
}

impl GenericRequest {
    /// The body that this was read from, without its SOAP header: what notifyQueueTimeout returns.
    pub fn without_header(&self, body: &[u8]) -> Vec<u8> {
        let range = self.header_range.clone().unwrap_or(0..0);
        let before = body.get(..range.start).unwrap_or(body);
        let after = body.get(range.end..).unwrap_or_default();
        [before, after].concat()
    }
}

impl fmt::Debug for GenericRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document may hold credentials.
        f.debug_struct("GenericRequest").field("header", &self.header).finish_non_exhaustive()
    }
}

/// The document inside `RequestMsg`: one command. Optional text that is empty counts as absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestDocument {
    /// Which command.
    pub command_id: String,
    /// Reserved.
    pub language_code: Option<String>,
    /// The caller's id of the conversation.
    pub originator_conversation_id: String,
    /// For conversations of more than one request.
    pub conversation_id: Option<String>,
    /// Free text.
    pub remark: Option<String>,
    /// The command's parameters: key and value, in order.
    pub parameters: Vec<(String, String)>,
    /// What comes back in the result: key and value, in order.
    pub reference_data: Vec<(String, String)>,
    /// Parameters that only the core could read.
    pub encrypted_parameters: Option<String>,
    /// The caller's time, as text.
    pub timestamp: Option<String>,
    /// The program that calls.
    pub caller: Caller,
    /// The operator in whose name it calls.
    pub initiator: Option<InitiatorFields>,
    /// Who pays, or asks.
    pub primary_party: Option<PartyFields>,
    /// Who is paid, or asked about.
    pub receiver_party: Option<PartyFields>,
    /// Whose key encrypted the message.
    pub key_owner: Option<u32>,
}

/// The program that calls.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// 2 for an API caller; other numbers occur.
    pub caller_type: String,
    /// An id that the broker knows better.
    pub third_party_id: Option<String>,
    /// A password that the broker does not check.
    pub password: Option<String>,
    /// Unused.
    pub check_sum: Option<String>,
    /// Where the result goes.
    pub result_url: Option<String>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("caller_type", &self.caller_type)
            .field("third_party_id", &self.third_party_id)
            .field("result_url", &self.result_url)
            .finish_non_exhaustive()
    }
}

/// The operator in whose name a program calls.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitiatorFields {
    /// What kind of identifier it is; 11 is an operator's user name.
    pub identifier_type: u32,
    /// The identifier.
    pub identifier: String,
    /// The encrypted password.
    pub security_credential: String,
    /// The operator's organization.
    pub short_code: Option<String>,
}

impl fmt::Debug for InitiatorFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitiatorFields")
            .field("identifier_type", &self.identifier_type)
            .field("identifier", &self.identifier)
            .field("short_code", &self.short_code)
            .finish_non_exhaustive()
    }
}

/// A party of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartyFields {
    /// What kind of identifier it is; 1 is a subscriber's number, 4 an organization's shortcode.
    pub identifier_type: u32,
    /// The identifier.
    pub identifier: String,
    /// The organization, where the identifier needs one.
    pub short_code: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_no_secret_is_written_out_by_debug() {
        let header =
            CallerHeader { sp_id: "107031".into(), sp_password: Some("hush".into()), ..CallerHeader::default() };
        let document = RequestDocument {
            caller: Caller { password: Some("hush".into()), ..Caller::default() },
            initiator: Some(InitiatorFields { security_credential: "hush".into(), ..InitiatorFields::default() }),
            ..RequestDocument::default()
        };
        let request = GenericRequest { header, document: "hush".into(), ..request(None) };
        let written = format!("{request:?} {document:?}");
        assert!(!written.contains("hush"), "{written}");
        assert!(written.contains("107031"));
    }

    fn request(header_range: Option<Range<usize>>) -> GenericRequest {
        GenericRequest {
            header: CallerHeader::default(),
            document: String::new(),
            document_position: Position::START,
            header_range,
            version: Version::Soap11,
        }
    }

    #[test]
    fn the_header_is_cut_out_of_the_body() {
        let body = b"<E><H>x</H><B/></E>";
        assert_eq!(request(Some(3..11)).without_header(body), b"<E><B/></E>");
        assert_eq!(request(None).without_header(body), body);
    }
}
