//! What SOAP and HTTP demand of a door, whoever comes and whatever it wants.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hyper::Method;
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use lango::cli::soap_client::Reply;
use lango::store::Key;

use crate::house::House;

const PATH: &str = "/mminterface/request";
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
const REQUEST: &str = "http://api-v1.gen.mm.vodafone.com/mminterface/request";

/// An envelope with this header and body; `soap:` is SOAP, `req:` is the request's namespace.
fn envelope(namespace: &str, content: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"{namespace}\" xmlns:req=\"{REQUEST}\" xmlns:x=\"urn:x\">{content}</soap:Envelope>"
    )
}

const BODY: &str = "<soap:Body><req:RequestMsg>x</req:RequestMsg></soap:Body>";

fn content_type(reply: &Reply) -> &str {
    reply.headers[CONTENT_TYPE].to_str().unwrap()
}

fn allowed(reply: &Reply) -> &str {
    reply.headers[ALLOW].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_proper_envelope_is_a_fault_with_the_status_of_its_version() {
    let house = House::built().await;
    let header = |block: &str| format!("<soap:Header>{block}</soap:Header>{BODY}");
    let no_body = "<soap:Body/>".to_owned();
    let two = "<soap:Body><req:RequestMsg>x</req:RequestMsg><req:RequestMsg>y</req:RequestMsg></soap:Body>".to_owned();
    let cases = [
        (header("<x:Route soap:mustUnderstand=\"1\"/>"), "MustUnderstand", "`{urn:x}Route`", 500),
        (no_body, "Client", "`RequestMsg` is missing", 400),
        (two, "Client", "`RequestMsg` may not stand here", 400),
        (format!("{BODY}<soap:Header/>"), "Client", "`Header` may not stand here", 400),
        (format!("{BODY}{BODY}"), "Client", "`Body` may not stand here", 400),
        ("<soap:Body><x:Other/></soap:Body>".to_owned(), "Client", "`Other` may not stand here", 400),
        ("<soap:Body><req:RequestMsg></soap:Body>".to_owned(), "Client", "line 1", 400),
    ];
    for (content, code, reason, status_of_12) in &cases {
        let reply = house.stage.shop.post(PATH, envelope(SOAP_11, content)).await.unwrap();
        let text = reply.text();
        assert_eq!((reply.status.as_u16(), content_type(&reply)), (500, "text/xml; charset=utf-8"), "{content}");
        assert!(text.contains(&format!("<faultcode>soapenv:{code}</faultcode>")) && text.contains(SOAP_11), "{text}");
        assert!(text.contains(reason), "{text}");
        assert_eq!(text.contains("<detail><flaw "), *code == "Client", "{text}");

        let reply = house.stage.shop.post(PATH, envelope(SOAP_12, content)).await.unwrap();
        let text = reply.text();
        let expected = (*status_of_12, "application/soap+xml; charset=utf-8");
        assert_eq!((reply.status.as_u16(), content_type(&reply)), expected, "{content}");
        let code = if *code == "Client" { "Sender" } else { code };
        assert!(text.contains(&format!("<soapenv:Value>soapenv:{code}</soapenv:Value>")), "{text}");
        assert!(text.contains(reason) && text.contains(SOAP_12), "{text}");
        assert_eq!(text.contains("<soapenv:NotUnderstood "), code == "MustUnderstand", "{text}");
    }
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_envelope_is_a_version_mismatch() {
    let house = House::built().await;
    let reply = house.stage.shop.post(PATH, envelope("urn:soap-of-tomorrow", BODY)).await.unwrap();
    let text = reply.text();
    assert_eq!(reply.status, 500);
    assert!(text.contains("<faultcode>soapenv:VersionMismatch</faultcode>"), "{text}");
    assert!(text.contains(SOAP_11) && text.contains(SOAP_12), "{text}");
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_block_for_somebody_else_or_that_may_be_passed_over_is_passed_over() {
    let house = House::built().await;
    for (namespace, attributes) in [
        (SOAP_11, "soap:mustUnderstand=\"0\""),
        (SOAP_11, "soap:mustUnderstand=\"1\" soap:actor=\"urn:somebody\""),
        (SOAP_12, "soap:mustUnderstand=\"false\""),
        (SOAP_12, "soap:mustUnderstand=\"true\" soap:role=\"http://www.w3.org/2003/05/soap-envelope/role/none\""),
    ] {
        let content = format!("<soap:Header><x:Route {attributes}/></soap:Header>{BODY}");
        let reply = house.stage.shop.post(PATH, envelope(namespace, &content)).await.unwrap();
        let text = reply.text();
        // The envelope is good; that its header names nobody is the broker's to say, in the same version.
        assert_eq!(reply.status, 200, "{text}");
        assert!(text.contains("<req:ResponseMsg") && text.contains(namespace), "{text}");
    }
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_and_media_types_are_answered_as_http_demands() {
    let house = House::built().await;
    let shop = &house.stage.shop;
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let reply = shop.ask(method.clone(), PATH, &[], "").await.unwrap();
        assert_eq!((reply.status.as_u16(), allowed(&reply)), (405, "GET, HEAD, OPTIONS, POST"), "{method}");
    }
    let reply = shop.ask(Method::OPTIONS, PATH, &[], "").await.unwrap();
    assert_eq!((reply.status.as_u16(), allowed(&reply)), (204, "GET, HEAD, OPTIONS, POST"));
    let reply = shop.ask(Method::OPTIONS, "*", &[], "").await.unwrap();
    assert_eq!((reply.status.as_u16(), allowed(&reply)), (204, "GET, HEAD, OPTIONS, POST"), "the server as a whole");
    let described = shop.ask(Method::GET, &format!("{PATH}?wsdl"), &[], "").await.unwrap();
    assert_eq!(described.headers[VARY], "accept-encoding");
    let head = shop.ask(Method::HEAD, &format!("{PATH}?wsdl"), &[], "").await.unwrap();
    assert_eq!((head.status, head.body.len()), (described.status, 0));
    assert_eq!(head.headers[CONTENT_LENGTH], described.headers[CONTENT_LENGTH]);
    for (media_type, status) in [
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/related; type=\"text/xml\"", 415),
        ("text/xml;charset=\"utf-8\"", 200),
        ("application/xml", 200),
    ] {
        let headers = [(CONTENT_TYPE.as_str(), media_type)];
        let reply = shop.ask(Method::POST, PATH, &headers, envelope(SOAP_11, BODY)).await.unwrap();
        assert_eq!(reply.status.as_u16(), status, "{media_type}");
    }
    house.torn_down().await;
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn unpacked(body: &[u8]) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_request_is_unpacked_within_the_cap_and_its_answer_packed_for_who_asks() {
    let house = House::built().await;
    let shop = &house.stage.shop;
    let headers = [("content-type", "text/xml"), ("content-encoding", "gzip"), ("accept-encoding", "deflate, gzip")];
    let request = envelope(SOAP_11, BODY);
    let reply = shop.ask(Method::POST, PATH, &headers, packed(request.as_bytes())).await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.headers[CONTENT_ENCODING]), (200, &HeaderValue::from_static("gzip")));
    assert!(unpacked(&reply.body).contains("<req:ResponseMsg>"));
    let reply = shop.ask(Method::POST, PATH, &headers[..2], packed(request.as_bytes())).await.unwrap();
    assert!(reply.headers.get(CONTENT_ENCODING).is_none() && reply.text().contains("<req:ResponseMsg>"));
    // A megabyte is the cap: a byte more is too much, however small it was packed.
    let reply = shop.ask(Method::POST, PATH, &headers, packed(&vec![b' '; (1 << 20) + 1])).await.unwrap();
    assert_eq!(reply.status, 413);
    let reply = shop.ask(Method::POST, PATH, &headers, "not packed at all").await.unwrap();
    assert_eq!(reply.status, 400);
    let reply = shop.ask(Method::POST, PATH, &[("content-encoding", "br")], "x").await.unwrap();
    assert_eq!((reply.status.as_u16(), &reply.headers[ACCEPT_ENCODING]), (415, &HeaderValue::from_static("gzip")));
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_a_secret_is_masked_whatever_encoding_it_came_in() {
    let house = House::built().await;
    let shop = house.shop();
    let document = shop.pay_out("utf-16", &shop.salary()).unwrap();
    let credential = document.initiator.as_ref().unwrap().security_credential.clone();
    let text = format!("\u{FEFF}{}", shop.envelope(shop.claim(), &document));
    let body: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let headers = [("content-type", "text/xml"), ("content-encoding", "gzip")];
    let reply = house.stage.shop.ask(Method::POST, PATH, &headers, packed(&body)).await.unwrap();
    assert!(reply.text().contains("<ResponseCode>0</ResponseCode>"), "{}", reply.text());
    let legs = house.stage.store().range(&Key::of("leg").subtree(), 100).unwrap();
    let kept: String = legs.iter().map(|(_, record)| String::from_utf8_lossy(&record.value).into_owned()).collect();
    assert!(kept.contains("<SecurityCredential>****</SecurityCredential>"), "{kept}");
    assert!(!kept.contains(&credential));
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handset_sides_service_is_not_described_to_third_parties() {
    let house = House::built().await;
    for path in [PATH, "/mminterface/registerURL", "/queryTransactionService/services/transaction"] {
        for file in ["Handset.wsdl", "Management.wsdl", "../Handset.wsdl"] {
            let reply = house.stage.shop.fetch(&format!("{path}?xsd={file}")).await.unwrap();
            assert_eq!(reply.status, 404, "{path}?xsd={file}");
        }
    }
    let reply = house.stage.shop.fetch(&format!("{PATH}?xsd=CBPInterface_Result.wsdl")).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("location=\"http://api-v1.gen.mm.vodafone.com/mminterface/result\""));
    house.torn_down().await;
}
