//! Every row of the tables in `docs/callbacks.md`, played over real sockets: what is documented is
//! what happens, and a row that nobody plays is found.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_rustls::TlsAcceptor;

use super::sink::{Act, Sink, nobody};
use super::tables::{Lists, Place, hold, play, play_all, strict, table};
use super::tls::Pki;
use crate::callbacks::testing::*;
use crate::callbacks::verdict::{Condition, Course, condition, course};
use crate::callbacks::*;

fn real() -> Arc<dyn Wire> {
    Arc::new(RealAnswers)
}

const INNER: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response">"#,
    "<ResponseCode>00000000</ResponseCode><ResponseDesc>success</ResponseDesc></response>",
);

fn envelope(message: &str) -> String {
    let open = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#;
    format!("{open}{message}</soapenv:Body></soapenv:Envelope>")
}

/// The documented acknowledgement of a result, with this code.
fn acknowledgement(code: &str) -> String {
    let inner = INNER.replace("00000000", code);
    let request = "http://api-v1.gen.mm.vodafone.com/mminterface/request";
    envelope(&format!(r#"<req:ResponseMsg xmlns:req="{request}"><![CDATA[{inner}]]></req:ResponseMsg>"#))
}

fn fault() -> String {
    envelope("<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>no</faultstring></soapenv:Fault>")
}

fn ok(body: impl Into<std::borrow::Cow<'static, str>>) -> Place {
    Place::Plain(Act::says("200 OK", body))
}

#[tokio::test]
async fn answers_come_to_what_is_documented() {
    let says = |head, body: &str| Place::Plain(Act::says(head, body.to_owned()));
    let positive = acknowledgement("00000000");
    let rows = vec![
        ("`200` with a positive acknowledgement", ok(positive.clone())),
        ("`200` with an empty body", ok("")),
        ("`202` with white space", says("202 Accepted", " \r\n")),
        ("`204`", says("204 No Content", "")),
        ("`200` with HTML", says("200 OK\r\nContent-Type: text/html", "<html><body>It works!<br></body></html>")),
        ("`200` with more than 64 KiB", ok(positive.clone() + &" ".repeat(64 * 1024))),
        ("`200` with a body without end", Place::Plain(Act::Endless)),
        ("`200` with a SOAP fault", ok(fault())),
        ("`200` with a code that is not zero", ok(acknowledgement("200000001"))),
        ("`301`", says("301 Moved Permanently\r\nLocation: http://127.0.0.1:1/", "")),
        ("`302` to a metadata service", says("302 Found\r\nLocation: http://169.254.169.254/latest/", "")),
        ("`400`", says("400 Bad Request", "")),
        ("`404` with a positive acknowledgement", says("404 Not Found", &positive)),
        ("`410`", says("410 Gone", "")),
        ("`429`", says("429 Too Many Requests", "")),
        ("`500` with a positive acknowledgement", says("500 Internal Server Error", &positive)),
        ("`503`", says("503 Service Unavailable", "")),
        ("a status that does not exist", says("42 Huh", "")),
    ];
    hold(table("the server answers"), 1, play_all(Kind::Result, real(), rows).await);
}

#[tokio::test]
async fn acknowledgements_of_results_come_to_what_is_documented() {
    let escaped = INNER.replace('<', "&lt;").replace('>', "&gt;");
    let result = "http://api-v1.gen.mm.vodafone.com/mminterface/result";
    let broken = acknowledgement("00000000").replace("http://api-v1.gen.mm.voda", "http://api-v1.gen.mm.vo\n\tda");
    let second = concat!(
        r#"<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code>"#,
        "<e:Value>e:Receiver</e:Value></e:Code><e:Reason><e:Text>no</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>",
    );
    let rows = vec![
        ("`ResponseMsg` with a document in CDATA, code `00000000`", ok(acknowledgement("00000000"))),
        ("code `0`", ok(acknowledgement("0"))),
        ("code `000000000`", ok(acknowledgement("000000000"))),
        ("`ResponseMsg` in no namespace", ok(envelope(&format!("<ResponseMsg><![CDATA[{INNER}]]></ResponseMsg>")))),
        (
            "`ResponseMsg` in the namespace of results",
            ok(envelope(&format!(r#"<ResponseMsg xmlns="{result}"><![CDATA[{INNER}]]></ResponseMsg>"#))),
        ),
        (
            "the document escaped instead of in CDATA",
            ok(envelope(&format!("<n:ResponseMsg xmlns:n='x'>{escaped}</n:ResponseMsg>"))),
        ),
        (
            "other prefixes and extra empty elements",
            ok(format!(
                "<soap:Envelope xmlns:soap='x'><soap:Header/><soap:Body><ns2:ResponseMsg xmlns:ns2='y'><ns2:a/><![CDATA[{INNER}]]><ns2:b/></ns2:ResponseMsg></soap:Body></soap:Envelope>"
            )),
        ),
        ("a namespace with a line break in it", ok(broken)),
        ("white space before the declaration", ok(format!("\n\n {}", acknowledgement("00000000")))),
        (
            "the document's elements as children",
            ok(envelope("<ResponseMsg><response><ResponseCode>0</ResponseCode></response></ResponseMsg>")),
        ),
        ("the document without an envelope", ok(INNER)),
        ("the word `Success` as the document", ok(envelope("<ResponseMsg>Success</ResponseMsg>"))),
        ("plain text", ok("Success")),
        ("code `200000001`", ok(acknowledgement("200000001"))),
        ("code `200000002`", ok(acknowledgement("200000002"))),
        ("code `200000003`", ok(acknowledgement("200000003"))),
        ("code `20000003`", ok(acknowledgement("20000003"))),
        ("a fault of SOAP 1.1", ok(fault())),
        ("a fault of SOAP 1.2", ok(second)),
    ];
    hold(table("the body"), 1, play_all(Kind::Result, real(), rows).await);
}

#[tokio::test]
async fn acknowledgements_of_other_kinds_come_to_what_is_documented() {
    let timed_out = |code: &str| {
        let local = "http://www.csapi.org/schema/timeoutnotification/data/v1_0/local";
        let inner =
            format!("<r:ResultCode xmlns:r='x'>{code}</r:ResultCode><r:ResultDesc xmlns:r='x'> success</r:ResultDesc>");
        let response = format!("<loc:result>{inner}</loc:result></loc:notifyQueueTimeoutResponse>");
        ok(envelope(&format!(r#"<loc:notifyQueueTimeoutResponse xmlns:loc="{local}">{response}"#)))
    };
    let c2b = "http://cps.huawei.com/cpsinterface/c2bpayment";
    let confirmed = format!(
        r#"<c2b:C2BPaymentConfirmationResult xmlns:c2b="{c2b}">C2B Payment Transaction UKN519G2QV result received.</c2b:C2BPaymentConfirmationResult>"#
    );
    let mut plays = play_all(
        Kind::Timeout,
        real(),
        vec![
            ("timeout | code `00000000`", timed_out("00000000")),
            ("timeout | code `000000001`", timed_out("000000001")),
            ("timeout | a fault", ok(fault())),
        ],
    )
    .await;
    let confirmations = vec![
        ("confirmation | `C2BPaymentConfirmationResult` with any text", ok(envelope(&confirmed))),
        ("confirmation | an acknowledgement of something else", ok(acknowledgement("00000000"))),
        ("confirmation | a fault", ok(fault())),
    ];
    plays.extend(play_all(Kind::Confirmation, real(), confirmations).await);
    hold(table("kind | the body"), 2, plays);
}

#[tokio::test]
async fn no_answer_comes_to_what_is_documented() {
    let (pki, other) = (Pki::new(), Pki::new());
    let all = rustls::ALL_VERSIONS;
    let garbler = garbler(pki.server("127.0.0.1", all)).await;
    let acts = [Act::Babble, Act::Refuse, Act::Hang];
    let [babbling, refusing, silent] = [&acts[0], &acts[1], &acts[2]].map(|act| Sink::start(std::slice::from_ref(act)));
    let (babbling, refusing, silent) = tokio::join!(babbling, refusing, silent);
    let rows = vec![
        ("nobody listens", Place::Nobody),
        ("the name does not resolve", Place::At("http://no-such-name.invalid/")),
        ("the connection is reset in the handshake", Place::At(leaked(refusing.address))),
        ("the connection is reset after the request", Place::Plain(Act::Reset)),
        ("the connection closes in the middle of the answer", Place::Plain(Act::Break)),
        ("the server takes the connection and never answers", Place::Plain(Act::Hang)),
        ("the answer comes a byte a second", Place::Plain(Act::Drip)),
        ("the answer is no HTTP", Place::Plain(Act::Noise)),
        ("the certificate is of another authority", Place::Tls(other.server("127.0.0.1", all))),
        ("the certificate is self-signed", Place::Tls(pki.server_of_its_own())),
        ("the certificate has expired", Place::Tls(pki.server_between(2001, 2002))),
        ("the certificate is not valid yet", Place::Tls(pki.server_between(4001, 4002))),
        ("the certificate has another name", Place::Tls(pki.server("10.0.0.1", all))),
        ("the certificate is garbled on the way", Place::At(leaked(garbler))),
        ("the server does not speak TLS", Place::At(leaked(babbling.address))),
        ("the server never ends the handshake", Place::At(leaked(silent.address))),
    ];
    let plays = rows.into_iter().map(|(name, place)| {
        let pki = &pki;
        async move { (name, play(pki, real(), Kind::Result, place).await) }
    });
    hold(table("what happens"), 1, join_all(plays).await);
}

/// An HTTPS URL as the table of places has it.
fn leaked(address: SocketAddr) -> &'static str {
    Box::leak(format!("https://{address}/").into_boxed_str())
}

/// A server whose certificate has a bit turned over on its way.
async fn garbler(server: TlsAcceptor) -> SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let behind = Sink::serve(&[Act::says("200 OK", "")], Some(server)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let behind = behind;
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = tokio::net::TcpStream::connect(behind.address).await.unwrap();
            let (mut from_far, mut from_near) = ([0; 16384], [0; 16384]);
            let mut answers = 0;
            loop {
                tokio::select! {
                    read = far.read(&mut from_far) => match read {
                        Ok(bytes @ 1..) => {
                            answers += 1;
                            if answers == 1 {
                                from_far[bytes / 2] ^= 1;
                            }
                            if near.write_all(&from_far[..bytes]).await.is_err() { break; }
                        }
                        _ => break,
                    },
                    read = near.read(&mut from_near) => match read {
                        Ok(bytes @ 1..) => {
                            if far.write_all(&from_near[..bytes]).await.is_err() { break; }
                        }
                        _ => break,
                    },
                }
            }
        }
    });
    address
}

#[tokio::test]
async fn what_may_not_be_sent_comes_to_what_is_documented() {
    let rows = vec![
        ("the host or port is not on the third party's list", Place::NotListed),
        ("plain HTTP, where the third party's record does not allow it", Place::NotPlain),
        ("a user name in the URL", Place::At("http://user:secret@127.0.0.1:99/")),
        ("a scheme that is neither https nor http", Place::At("gopher://127.0.0.1/")),
        ("no URL at all", Place::At("nonsense")),
        ("a metadata service by its address", Place::At("http://169.254.169.254/latest/meta-data")),
        ("a metadata service as an IPv4-mapped IPv6 address", Place::At("http://[::ffff:169.254.169.254]/")),
        ("a loopback address that no setting allows", Place::At("http://[::1]:99/")),
        ("a link-local address", Place::At("http://[fe80::1]/")),
        ("a name that resolves to a metadata service", Place::Named(vec![&["169.254.169.254"]])),
        ("a name that resolves to an IPv4-mapped metadata service", Place::Named(vec![&["::ffff:169.254.169.254"]])),
        (
            "a name that resolves to something else at the second look",
            Place::Named(vec![&["127.0.0.1"], &["169.254.169.254", "::1"]]),
        ),
        ("the message cannot be written", Place::Unwritable),
        ("the message cannot be signed", Place::Unsignable),
    ];
    let wire: Arc<dyn Wire> = Arc::new(LineWire);
    hold(table("why"), 1, play_all(Kind::Result, wire, rows).await);
}

#[tokio::test]
async fn retry_after_stretches_the_pause_as_documented() {
    // The test's clock begins at a fixed moment and goes with the machine's.
    let begun = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let date = |seconds: i64| {
        let moment = begun + jiff::SignedDuration::from_secs(seconds);
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).unwrap()
    };
    let rows = table("Retry-After");
    let plays = rows.iter().map(|row| async {
        let header = match row[0] {
            "a date in two minutes" => date(120),
            "a date that has passed" => date(-120),
            literal => literal.trim_matches('`').to_owned(),
        };
        let head = format!("429 Too Many Requests\r\nRetry-After: {header}");
        let sink = Sink::start(&[Act::says(Box::leak(head.into_boxed_str()), "")]).await;
        let mut settings = strict();
        settings.schedule_seconds = vec![5];
        let transport = HttpTransport::new(Pki::new().client(), &settings, Arc::new(Lists), Arc::new(SystemNames));
        let node = Node::start_with(Arc::new(transport), Arc::default(), &settings);
        let delivery = node.attempted(&node.send(&sink.url(), "paid").await, 1).await;
        let ended = delivery.attempts[0].started.plus(Duration::from_millis(delivery.attempts[0].milliseconds));
        let pause = delivery.state.due().unwrap().since(ended).as_secs_f64();
        let said: f64 = row[1].trim_end_matches(" s").parse().unwrap();
        // A date has whole seconds, and the test takes its moments.
        assert!((said - 2.0..=said + 1.0).contains(&pause), "{}: {pause}", row[0]);
    });
    join_all(plays).await;
}

/// How long the payer of these tests waits.
const WINDOW: Duration = Duration::from_secs(3);

async fn ask(node: &Node, url: String) -> ValidationOutcome {
    let (third_party, soap_action, body) =
        ("acme".into(), Some("ValidateC2BPayment"), b"may she pay?".as_slice().into());
    let question = Validation { third_party, url, soap_action, body, deadline: WINDOW };
    node.callbacks.validate(&question).await.outcome
}

#[tokio::test]
async fn validations_come_to_what_is_documented() {
    let verdict = |code: &str| {
        let root = r#"c2b:C2BPaymentValidationResult xmlns:c2b="http://cps.huawei.com/cpsinterface/c2bpayment""#;
        envelope(&format!("<{root}><ResultCode>{code}</ResultCode></c2b:C2BPaymentValidationResult>"))
    };
    let yes: &'static str = Box::leak(verdict("0").into_boxed_str());
    let says = |head, body: String| vec![Act::says(head, body)];
    let in_time = Act::Late(WINDOW - Duration::from_secs(1), "200 OK", yes);
    let too_late = Act::Late(WINDOW + Duration::from_millis(100), "200 OK", yes);
    let [zero, other] = ["`200`, ResultCode `0` or nothing but zeros", "`200`, any other ResultCode"];
    let rows: Vec<(&str, Vec<Act>)> = vec![
        (zero, says("200 OK", verdict("0"))),
        (zero, says("200 OK", verdict("00000000"))),
        (zero, vec![in_time]),
        (other, says("200 OK", verdict("C2B00012"))),
        (other, says("200 OK", verdict("-1"))),
        (other, says("200 OK", verdict("nobody knows this code"))),
        ("`200` without a ResultCode", says("200 OK", "<html>".into())),
        ("`200` without a ResultCode", says("200 OK", String::new())),
        ("`200` with a SOAP fault", says("200 OK", fault())),
        ("any other status", says("500 Internal Server Error", yes.into())),
        ("any other status", says("302 Found\r\nLocation: http://169.254.169.254/", yes.into())),
        ("an answer after the window", vec![too_late]),
        ("an answer after the window", vec![Act::Hang]),
        ("an answer a byte a second", vec![Act::Drip]),
        ("nobody listens, or no TLS", vec![Act::Reset]),
        ("nobody listens, or no TLS", vec![]),
        ("the endpoint's breaker is open", says("500 Internal Server Error", yes.into())),
    ];
    let documented: BTreeSet<&str> = table("the server").iter().map(|row| row[0]).collect();
    assert_eq!(documented, rows.iter().map(|(name, _)| *name).collect(), "documented rows, and those that are played");
    let plays = rows.into_iter().map(|(name, acts)| async move {
        let sink = if acts.is_empty() { None } else { Some(Sink::start(&acts).await) };
        let (_socket, nowhere) = nobody();
        let url = sink.as_ref().map_or_else(|| format!("https://{nowhere}/"), Sink::url);
        let transport = HttpTransport::new(Pki::new().client(), &strict(), Arc::new(Lists), Arc::new(SystemNames));
        let node = Node::start_speaking(real(), Arc::new(transport), Arc::default(), &strict());
        let begun = std::time::Instant::now();
        let mut outcome = ask(&node, url.clone()).await;
        if name.contains("breaker") {
            let begun = std::time::Instant::now();
            outcome = ask(&node, url).await;
            assert!(begun.elapsed() < WINDOW / 2, "a breaker that is open tells at once");
            assert_eq!(outcome, ValidationOutcome::Unreachable(Unreachable::BreakerOpen));
        }
        assert!(begun.elapsed() < WINDOW + Duration::from_secs(1), "{name}: the payer waited {:?}", begun.elapsed());
        assert!(sink.is_none_or(|sink| sink.requests().len() <= 1), "{name}: asked more than once");
        let came = match &outcome {
            ValidationOutcome::Answered(result) if result.accepts() => "completes",
            ValidationOutcome::Answered(_) => "is cancelled; the code goes to the payer's side",
            _ => "the registered default",
        };
        let row = table("the server").into_iter().find(|row| row[0] == name).unwrap();
        assert_eq!(
            row[1].split(", at once").next().unwrap().split("; the answer is").next().unwrap(),
            came,
            "{name}: {outcome:?}"
        );
    });
    join_all(plays).await;
}

#[test]
fn every_outcome_is_documented_with_what_follows_from_it() {
    let mut said = BTreeSet::new();
    for first in ["the server answers", "what happens", "why"] {
        said.extend(table(first).into_iter().map(|row| (row[1], row[2], row[3])));
    }
    for outcome in Outcome::ALL {
        let then = match (course(outcome), outcome) {
            (Course::Delivered, Outcome::Unread) => "delivered, flagged",
            (Course::Delivered, _) => "delivered",
            (Course::Again, _) => "tried again",
            (Course::Stop, _) => "dead letter",
        };
        let endpoint = match condition(outcome) {
            Condition::Well => "well",
            Condition::Sick => "sick",
            Condition::Unknown => "not called",
        };
        assert!(said.remove(&(outcome.name(), then, endpoint)), "{outcome:?} is not documented so");
    }
    assert!(said.is_empty(), "documented, and not so: {said:?}");
}
