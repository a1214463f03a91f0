//! Requests that two programs could read in two ways: where one ends and the next begins must never be
//! a matter of opinion, or somebody's request could carry another one inside it.

use super::house::{House, limits};

const NEXT: &str = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn head(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n")
}

/// Sends the bytes on a connection of their own; what came back, and how many requests the service saw.
async fn sent(text: &str) -> (String, usize) {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(text).await;
    let rest = caller.rest().await;
    (String::from_utf8_lossy(&rest).into_owned(), house.asked())
}

#[tokio::test]
async fn a_request_whose_length_is_said_in_two_ways_is_refused_and_ends_the_connection() {
    let chunked = "0\r\n\r\n";
    let mut taken = Vec::new();
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 18446744073709551621",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding : chunked",
        "Content-Length : 5",
        "Content-Length:\r\n 5",
        "X: y\r\n Transfer-Encoding: chunked",
        "Content-\u{0}Length: 5",
    ] {
        let (answer, asked) = sent(&[head(lines).as_str(), chunked, NEXT].concat()).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400");
        if !refused || asked > 0 || answer.matches("HTTP/1.1 ").count() > 1 {
            taken.push(format!("{lines:?}: {asked} requests: {answer}"));
        }
    }
    assert!(taken.is_empty(), "{taken:#?}");
}

/// RFC 9112, 6.1: chunks count for more than a length, and nothing may follow on that connection.
#[tokio::test]
async fn a_request_with_chunks_and_a_length_is_the_last_of_its_connection() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\nContent-Length: 6",
    ] {
        let (answer, asked) = sent(&[head(lines).as_str(), "3\r\nabc\r\n0\r\n\r\n", NEXT].concat()).await;
        assert!(asked == 1 && answer.ends_with("abc"), "{lines:?}: {asked} requests: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{lines:?}: {answer}");
    }
}

#[tokio::test]
async fn a_length_that_is_said_twice_alike_is_that_length() {
    let house = House::plain(limits());
    let mut caller = house.tcp().await;
    caller.send(&[head("Content-Length: 3\r\nContent-Length: 3").as_str(), "abc", NEXT].concat()).await;
    assert!(caller.answer().await.ends_with("abc"));
    assert!(caller.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_in_chunks_that_make_no_sense_carries_no_second_request() {
    for chunks in [
        "5\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "\r\n3\r\nabc\r\n0\r\n\r\n",
    ] {
        let (answer, asked) = sent(&[head("Transfer-Encoding: chunked").as_str(), chunks, NEXT].concat()).await;
        assert_eq!(asked, 0, "{chunks:?} was taken: {answer}");
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn version_1_0_knows_no_chunks() {
    let request = "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let (answer, asked) = sent(&[request, NEXT].concat()).await;
    assert!(asked == 0 && (answer.is_empty() || answer.contains(" 400 ")), "{answer}");
}

#[tokio::test]
async fn nobody_is_led_to_another_protocol() {
    for request in [
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: close\r\n\r\n".to_owned(),
        "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n".to_owned(),
    ] {
        let (answer, _) = sent(&request).await;
        assert!(!answer.contains("HTTP/1.1 101") && !answer.contains("HTTP/2"), "{request}: {answer}");
    }
}
