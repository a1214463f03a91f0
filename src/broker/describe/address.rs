//! The address by which a client reached a path: what the links in descriptions begin with.
//!
//! Invariant: what a proxy says is believed only if it is listed, and only here.

use hyper::header::HOST;
use ipnet::IpNet;

use crate::broker::{Door, Request};

/// Scheme, host, port and path as the client used them; the path alone where it named no host.
pub(super) fn address(request: &Request, proxies: &[IpNet]) -> String {
    let peer = request.peer.address.ip().to_canonical();
    let trusted = proxies.iter().any(|network| network.contains(&peer));
    // A chain of proxies makes a list; the first is what the client itself saw.
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let forwarded = |name| header(name).filter(|_| trusted).and_then(|list| list.split(',').next()).map(str::trim);

    let own = if request.door == Door::Plain { "http" } else { "https" };
    let scheme = forwarded("x-forwarded-proto").and_then(known_scheme).unwrap_or(own);
    // RFC 9112, 3.2.2: a target that names a host counts more than the header.
    let sent = request.uri.authority().map(|authority| authority.as_str()).or_else(|| header(HOST.as_str()));
    let host = forwarded("x-forwarded-host").filter(|host| is_host(host)).or(sent).filter(|host| is_host(host));
    let Some(host) = host else { return request.uri.path().to_owned() };
    let port = forwarded("x-forwarded-port").and_then(|port| port.parse::<u16>().ok());
    let port = port.filter(|port| !has_port(host) && *port != default_port(scheme));
    match port {
        Some(port) => format!("{scheme}://{host}:{port}{}", request.uri.path()),
        None => format!("{scheme}://{host}{}", request.uri.path()),
    }
}

fn known_scheme(scheme: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|known| scheme.eq_ignore_ascii_case(known))
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "http" { 80 } else { 443 }
}

fn has_port(host: &str) -> bool {
    // An IPv6 address stands in brackets.
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// What can be put into an attribute without another thought.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::{HeaderName, HeaderValue};
    use hyper::{HeaderMap, Method};

    use super::*;
    use crate::broker::Peer;
    use crate::clock::Timestamp;

    fn told(door: Door, target: &str, headers: &[(&'static str, &'static str)]) -> String {
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let request = Request {
            door,
            peer: Peer { address: ([10, 0, 0, 7], 4711).into(), key: None },
            method: Method::GET,
            uri: target.parse().unwrap(),
            headers: HeaderMap::from_iter(headers),
            body: Bytes::new(),
            received: Timestamp::from_seconds(0),
        };
        address(&request, &["10.0.0.0/28".parse().unwrap()])
    }

    #[test]
    fn a_client_is_told_the_address_that_it_used() {
        let host = [("host", "gate.example:18423")];
        assert_eq!(told(Door::ThirdParty, "/p?wsdl", &host), "https://gate.example:18423/p");
        assert_eq!(told(Door::Plain, "/p?wsdl", &[("host", "[::1]:8310")]), "http://[::1]:8310/p");
        assert_eq!(told(Door::Plain, "http://gate.example/p?wsdl", &[("host", "other")]), "http://gate.example/p");
        assert_eq!(told(Door::Plain, "/p", &[]), "/p");
    }

    #[test]
    fn a_listed_proxy_says_what_the_client_used() {
        let own = ("host", "10.0.0.1:8310");
        for (headers, address) in [
            ([("x-forwarded-proto", "https"), ("x-forwarded-host", "gate.example")], "https://gate.example/p"),
            (
                [("x-forwarded-host", "gate.example:8443, inner"), ("x-forwarded-port", "1")],
                "http://gate.example:8443/p",
            ),
            ([("x-forwarded-host", "gate.example"), ("x-forwarded-port", "8080")], "http://gate.example:8080/p"),
            ([("x-forwarded-host", "[2001:db8::1]"), ("x-forwarded-port", "80")], "http://[2001:db8::1]/p"),
            ([("x-forwarded-proto", "gopher"), ("x-forwarded-host", "a\"><evil/>")], "http://10.0.0.1:8310/p"),
        ] {
            assert_eq!(told(Door::Plain, "/p", &[&[own], headers.as_slice()].concat()), address);
        }
    }

    #[test]
    fn nobody_elses_word_is_believed() {
        let headers = HeaderMap::from_iter([
            (HOST, HeaderValue::from_static("gate.example")),
            (HeaderName::from_static("x-forwarded-host"), HeaderValue::from_static("evil.example")),
            (HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("http")),
        ]);
        let request = Request {
            door: Door::ThirdParty,
            peer: Peer { address: ([10, 0, 0, 16], 4711).into(), key: None },
            method: Method::GET,
            uri: "/p?wsdl".parse().unwrap(),
            headers,
            body: Bytes::new(),
            received: Timestamp::from_seconds(0),
        };
        assert_eq!(address(&request, &["10.0.0.0/28".parse().unwrap()]), "https://gate.example/p");
        assert_eq!(address(&request, &[]), "https://gate.example/p");
    }

    #[test]
    fn a_host_that_could_break_out_of_the_attribute_is_not_used() {
        assert!(is_host("10.66.49.1:18423") && is_host("[::1]:18423"));
        assert!(!is_host("a\"><evil/>") && !is_host(""));
    }
}
