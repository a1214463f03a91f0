//! The service descriptions, as GET with `?wsdl` and `?xsd=FILE` serves them: our files, with the
//! links between them and the address of the service as the client can use them.

use hyper::header::HOST;
use hyper::{Method, StatusCode};

use super::third_party::{method_not_allowed, not_found, typed};
use super::{Answer, Door, Request};
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
    /// `/handset/payment`
    Handset,
}

impl Description {
    /// What serves this path on the third parties' doors (protocol.md 1.1; the feed is ours).
    pub fn of_third_party_path(path: &str) -> Option<Self> {
        match path {
            "/mminterface/request" => Some(Self::Request),
            "/mminterface/registerURL" => Some(Self::RegisterUrl),
            "/queryTransactionService/services/transaction" => Some(Self::QueryTransaction),
            "/feed/callbacks" => Some(Self::Feed),
            _ => None,
        }
    }

    /// What serves this path on the handset door.
    pub fn of_handset_path(path: &str) -> Option<Self> {
        (path == "/handset/payment").then_some(Self::Handset)
    }

    fn file(self) -> &'static str {
        match self {
            Self::Request | Self::RegisterUrl => "CBPInterface_Request.wsdl",
            Self::QueryTransaction => "QueryTransaction.wsdl",
            Self::Feed => "Feed.wsdl",
            Self::Handset => "Handset.wsdl",
        }
    }
}

/// Answers GET and HEAD on a path that is described.
pub(super) fn answer(interfaces: &Interfaces, description: Description, request: &Request) -> Answer {
    let query = request.uri.query().unwrap_or_default();
    let file = match query.split_once('=') {
        None if query.eq_ignore_ascii_case("wsdl") => description.file(),
        Some((key, file)) if key.eq_ignore_ascii_case("xsd") => file,
        _ => return method_not_allowed(),
    };
    let Some(text) = interfaces.wsdl(file) else { return not_found() };
    let mut answer = typed(StatusCode::OK, XML, at_address(text, &address(request)).into());
    if request.method == Method::HEAD {
        answer.body.clear();
    }
    answer
}

/// The address by which the client reached this path.
fn address(request: &Request) -> String {
    let scheme = if request.door == Door::Plain { "http" } else { "https" };
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    match host {
        Some(host) => format!("{scheme}://{host}{}", request.uri.path()),
        None => request.uri.path().to_owned(),
    }
}

/// What can be put into an attribute without another thought.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}

/// The file with its `schemaLocation`s pointing back to this path, and its ports' addresses to it.
fn at_address(text: &str, address: &str) -> String {
    let linked = replace_values(text, "schemaLocation=\"", |file| format!("?xsd={file}"));
    replace_values(&linked, "<soap:address location=\"", |_| address.to_owned())
}

fn replace_values(text: &str, before: &str, value: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(before) {
        out.push_str(head);
        out.push_str(before);
        let end = tail.find('"').unwrap_or(tail.len());
        out.push_str(&value(&tail[..end]));
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_addresses_are_those_that_the_client_used() {
        let text = "<xsd:import schemaLocation=\"a.xsd\"/><soap:address location=\"http://example/x\"/>";
        assert_eq!(
            at_address(text, "https://gate:1/p"),
            "<xsd:import schemaLocation=\"?xsd=a.xsd\"/><soap:address location=\"https://gate:1/p\"/>"
        );
    }

    #[test]
    fn a_host_that_could_break_out_of_the_attribute_is_not_used() {
        assert!(is_host("10.66.49.1:18423") && is_host("[::1]:18423"));
        assert!(!is_host("a\"><evil/>"));
    }
}
