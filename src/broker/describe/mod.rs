//! The service descriptions, as GET with `?wsdl` and `?xsd=FILE` serves them: our files, with the
//! links between them and the address of the service as the client can use them.
//!
//! Invariant: a path serves the files that belong to its service and no others.

mod address;
mod links;

use std::collections::BTreeSet;

use hyper::StatusCode;
use hyper::header::{HeaderValue, VARY};

use self::address::address;
use self::links::{Link, linked, rewritten};
use super::third_party::{method_not_allowed, not_found, typed};
use super::{Answer, Broker, Request};
use crate::mminterface::Interfaces;

const XML: &str = "text/xml; charset=utf-8";

/// A path that is described by a WSDL file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Description {
    /// `/mminterface/request`
    Request,
    /// `/mminterface/registerURL`
    RegisterUrl,
    /// `/queryTransactionService/services/transaction`
    QueryTransaction,
    /// `/feed/callbacks`
    Feed,
    /// Where the settings say: changePassword.
    Management,
    /// `/handset/payment`
    Handset,
    /// `/handset/query`
    HandsetQuery,
}

impl Description {
    /// What serves this path on the third parties' doors (protocol.md 1.1; the feed is ours, and the
    /// path of changePassword is not established).
    pub fn of_third_party_path(path: &str, change_password_path: &str) -> Option<Self> {
        match path {
            "/mminterface/request" => Some(Self::Request),
            "/mminterface/registerURL" => Some(Self::RegisterUrl),
            "/queryTransactionService/services/transaction" => Some(Self::QueryTransaction),
            "/feed/callbacks" => Some(Self::Feed),
            _ => (path == change_password_path).then_some(Self::Management),
        }
    }

    /// What serves this path on the handset door.
    pub fn of_handset_path(path: &str) -> Option<Self> {
        match path {
            "/handset/payment" => Some(Self::Handset),
            "/handset/query" => Some(Self::HandsetQuery),
            _ => None,
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Request | Self::RegisterUrl => "CBPInterface_Request.wsdl",
            Self::QueryTransaction => "QueryTransaction.wsdl",
            Self::Feed => "Feed.wsdl",
            Self::Management => "Management.wsdl",
            Self::Handset | Self::HandsetQuery => "Handset.wsdl",
        }
    }

    /// What a client needs beside the WSDL and is named nowhere in it: the documents that stand in
    /// CDATA, and the services that the third party itself must offer.
    fn companions(self) -> &'static [&'static str] {
        match self {
            Self::Request | Self::RegisterUrl => &[
                "CPSInterface_Request.xsd",
                "CPSInterface_Response.xsd",
                "CPSInterface_Result.xsd",
                "CBPInterface_Result.wsdl",
                "CBPInterface_C2BPaymentValidationAndConfirmation.wsdl",
                "C2BPaymentQuery.wsdl",
                "QueueTimeoutNotification.wsdl",
            ],
            Self::QueryTransaction | Self::Feed | Self::Management | Self::Handset | Self::HandsetQuery => &[],
        }
    }

    /// The text of one of the description's files: the WSDL, a companion, or what they link to.
    fn text<'i>(self, interfaces: &'i Interfaces, wanted: &str) -> Option<&'i str> {
        let mut pending: Vec<&str> = self.companions().iter().copied().chain([self.file()]).collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = pending.pop() {
            // Files are known by their names, whatever folder a link says that they stand in.
            let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
            let Some(text) = interfaces.wsdl(name).or_else(|| interfaces.wsdl(last)) else { continue };
            if name == wanted {
                return Some(text);
            }
            if seen.insert(name) {
                pending.extend(linked(text));
            }
        }
        None
    }
}

impl Broker {
    /// Answers GET and HEAD on a path that is described.
    pub(super) fn describe(&self, description: Description, request: &Request) -> Answer {
        let query = request.uri.query().unwrap_or_default();
        let file = match query.split_once('=') {
            None if query.eq_ignore_ascii_case("wsdl") => description.file(),
            Some((key, file)) if key.eq_ignore_ascii_case("xsd") => file,
            _ => return method_not_allowed(),
        };
        let Some(text) = description.text(&self.parts.interfaces, file) else { return not_found() };
        let address = address(request, &self.parts.link_proxies);
        let text = rewritten(text, |link, value| match link {
            Link::File => Some(format!("{address}?xsd={value}")),
            // Where the third party's own services are, nobody but itself knows.
            Link::Address => (file == description.file()).then(|| address.clone()),
        });
        // Of an answer to HEAD hyper sends everything but the body.
        let mut answer = typed(StatusCode::OK, XML, text.into());
        // It may be kept on the way, and is packed for who asks only.
        answer.headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        answer
    }
}
