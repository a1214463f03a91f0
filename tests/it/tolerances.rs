//! A third party's switches decide what its messages are let off, through the door and counted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use lango::access::ToleranceSwitches;
use lango::cli::demo::stage::{REGISTER_PATH, REQUEST_PATH};
use lango::cli::deployment::{THIRD_PARTY, envelope_around};
use lango::cli::receiver::Call;
use lango::cli::soap_client::Reply;
use lango::mminterface::tolerances::TABLE;
use lango::mminterface::{ValidationResult, write_request_document, write_validation_result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::callback_shop::{Shop, between, listed, run, said, url_of, wait_until};
use crate::door_registration::registration;
use crate::house::{Deployed, House};

const PATH: &str = "/mminterface/request";

/// A payment in the clothes of an old program: the other header namespace, a capital root, a
/// misspelled party.
fn old(deployed: &Deployed, id: &str) -> String {
    let shop = &deployed.demonstration;
    let document = write_request_document(&shop.pay_out(id, &shop.salary()).unwrap());
    let document = document.replace("<request", "<Request").replace("</request", "</Request");
    let document = document.replace("PrimaryParty", "PrimartyParty");
    let (from, to) = ("http://www.huawei.com.cn/schema/common/v2_1", "http://www.huawei.com/schema/osg/common/v2_1");
    let message = envelope_around(shop.claim(), &document);
    assert!(message.contains(from) && message.contains("PrimartyParty"));
    message.replace(from, to)
}

/// Serves the deployment with these switches; what the old program is answered, and the metrics.
async fn answered(switches: ToleranceSwitches) -> (String, String) {
    let deployed = Deployed::with_demonstration().await;
    let settings = lango::config::load(&deployed.config()).unwrap();
    deployed.change_third_party(|party| party.tolerances = switches).await;
    let served = deployed.served();
    let client = deployed.program();
    let reply = client.post(PATH, old(&deployed, "tolerances-1")).await.unwrap();
    let metrics = metrics(settings.doors.metrics.listen).await;
    assert_eq!(served.terminated().0, Some(0));
    (reply.text(), metrics)
}

async fn metrics(door: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(door).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

const NEEDED: [&str; 3] = ["header-namespace-osg", "root-capital-request", "primarty-party"];

#[tokio::test(flavor = "multi_thread")]
async fn an_old_program_is_served_and_each_tolerance_counted() {
    let (answer, metrics) = answered(ToleranceSwitches::default()).await;
    assert!(answer.contains("<ResponseCode>0</ResponseCode>"), "{answer}");
    for name in NEEDED {
        assert!(metrics.contains(&format!("lango_tolerances_used_total{{name=\"{name}\"}} 1")), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_leaves_nothing_but_what_is_switched_on() {
    let strict = |on: &[&str]| ToleranceSwitches { strict: true, on: names(on), off: Vec::new() };
    let (answer, metrics) = answered(strict(&[])).await;
    // The header is of another namespace, so it names nobody.
    assert!(!answer.contains("<ResponseCode>0</ResponseCode>"), "{answer}");
    assert!(!metrics.contains("lango_tolerances_used_total{"), "{metrics}");
    let (answer, _) = answered(strict(&NEEDED[..2])).await;
    assert!(answer.contains("<ResponseCode>1005</ResponseCode>") && answer.contains("PrimartyParty"), "{answer}");
    let (answer, _) = answered(strict(&NEEDED)).await;
    assert!(answer.contains("<ResponseCode>0</ResponseCode>"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_can_be_switched_off_alone() {
    let off = ToleranceSwitches { off: names(&["root-capital-request"]), ..ToleranceSwitches::default() };
    let (answer, _) = answered(off).await;
    assert!(answer.contains("<ResponseCode>23</ResponseCode>"), "{answer}");
}

/// A message of an old program, and the tolerance that it needs.
struct Row {
    name: &'static str,
    /// Others that it needs beside it.
    beside: &'static [&'static str],
    path: &'static str,
    content_type: &'static str,
    /// Makes it of one that needs none.
    change: fn(&str) -> String,
}

const fn row(name: &'static str, change: fn(&str) -> String) -> Row {
    Row { name, beside: &[], path: REQUEST_PATH, content_type: "text/xml; charset=utf-8", change }
}

const QUERY_PATH: &str = "/queryTransactionService/services/transaction";
const SP_ID: &str = "<tns:spId>107031</tns:spId>";
const COMMAND: &str = "<CommandID>BusinessPayment</CommandID>";
const DECLARED: &str = "<![CDATA[<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
/// These are for what third parties' servers answer.
const OF_ANSWERS: [&str; 3] = ["answer-misspelled-id", "answer-free-form", "acknowledgement-free-form"];

fn rows() -> Vec<Row> {
    vec![
        Row { content_type: "application/xml", ..row("content-type", str::to_owned) },
        Row { content_type: "text/xml; charset=utf-16", ..row("charset-parameter", str::to_owned) },
        row("envelope-namespace", |message| message.replace("soap/envelope/\"", "soap/envelope\"")),
        row("envelope-unqualified", |message| message.replace("soapenv:", "")),
        row("header-namespace-osg", |message| {
            message.replace("huawei.com.cn/schema/common", "huawei.com/schema/osg/common")
        }),
        row("header-children-unqualified", |message| message.replace("tns:spId", "spId")),
        row("header-without-wrapper", |message| {
            let (before, rest) = message.split_once("<tns:RequestSOAPHeader").unwrap();
            let (_, children) = rest.split_once('>').unwrap();
            format!("{before}{}", children.replace("</tns:RequestSOAPHeader>", "").replace("tns:", ""))
        }),
        row("header-order", |message| {
            message.replace(SP_ID, "").replace("</tns:RequestSOAPHeader>", &format!("{SP_ID}</tns:RequestSOAPHeader>"))
        }),
        row("header-unknown-elements", |message| message.replace(SP_ID, &format!("{SP_ID}<tns:OA>1</tns:OA>"))),
        row("raw-digest", |message| {
            let digits = between(message, "<tns:spPassword>", "</tns:spPassword>");
            message.replace(digits, &STANDARD.encode(bytes_of(&STANDARD.decode(digits).unwrap())))
        }),
        row("message-namespace", |message| message.replace("req:RequestMsg", "RequestMsg")),
        row("message-as-elements", |message| message.replace(DECLARED, "").replace("]]>", "")),
        Row {
            path: QUERY_PATH,
            ..row("query-transcation", |message| query(message).replace("queryTransaction", "queryTranscation"))
        },
        Row {
            path: QUERY_PATH,
            ..row("query-namespaces", |message| query(message).replace("loc:originator", "originator"))
        },
        row("envelope-stray-text", |message| message.replace("<soapenv:Body>", "\u{A0}<soapenv:Body>")),
        row("envelope-whitespace", |message| message.replace(SP_ID, "<tns:spId>\n107031\n</tns:spId>")),
        row("envelope-left-open", |message| message.replace("</soapenv:Envelope>", "")),
        row("encoding-label", |message| message.replace("encoding=\"UTF-8\"", "encoding=\"UTF8\"")),
        row("inner-whitespace", |message| message.replace("<![CDATA[<?xml", "<![CDATA[ <?xml")),
        row("root-capital-request", |message| {
            message.replace("<request ", "<Request ").replace("</request>", "</Request>")
        }),
        row("primarty-party", |message| message.replace("PrimaryParty", "PrimartyParty")),
        row("document-unqualified", |message| {
            let (before, rest) = message.split_once("<request xmlns=\"").unwrap();
            format!("{before}<request>{}", rest.split_once('>').unwrap().1)
        }),
        row("element-order", |message| {
            message.replace(COMMAND, "").replace("</Transaction>", &format!("{COMMAND}</Transaction>"))
        }),
        row("unknown-elements", |message| message.replace("<Identity>", "<Identity><Requester>1</Requester>")),
        row("stray-text", |message| message.replace("<Identity>", "every new request<Identity>")),
        row("value-whitespace", |message| message.replace("<CallerType>2<", "<CallerType>\u{A0}2\u{A0}<")),
        Row { path: REGISTER_PATH, ..row("register-url-free-form", str::to_owned) },
        Row {
            path: REGISTER_PATH,
            beside: &["register-url-free-form"],
            ..row("response-type-words", |message| message.replace(">Cancelled<", ">cancel<"))
        },
    ]
}

/// The bytes that hexadecimal digits stand for.
fn bytes_of(digits: &[u8]) -> Vec<u8> {
    let digits = std::str::from_utf8(digits).unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A queryTransaction of who sent the message.
fn query(message: &str) -> String {
    let (before, _) = message.split_once("<req:RequestMsg>").unwrap();
    format!(
        "{before}<loc:queryTransaction xmlns:loc=\"http://www.csapi.org/schema/transaction/data/v1_0/local\">\
         <loc:originatorConversationID>nobody-s</loc:originatorConversationID></loc:queryTransaction></soapenv:Body>\
         </soapenv:Envelope>"
    )
}

impl Row {
    /// Sends it, under an id of its own.
    async fn sent(&self, house: &House, id: &str) -> Reply {
        let shop = house.shop();
        let document = match self.path {
            REGISTER_PATH => registration(&house.stage.receiver_url("/confirmation")),
            _ => shop.pay_out(id, &shop.salary()).unwrap(),
        };
        let message = shop.envelope(shop.claim(), &document);
        let headers = [("content-type", self.content_type)];
        house.stage.shop.ask(Method::POST, self.path, &headers, (self.change)(&message)).await.unwrap()
    }
}

fn is_let_in(reply: &Reply) -> bool {
    let text = reply.text();
    let signs =
        ["<ResponseCode>0</ResponseCode>", "<ResponseCode>00000000</ResponseCode>", "queryTransactionResponse>"];
    signs.iter().any(|sign| text.contains(sign))
}

/// How often each tolerance was used.
async fn counted(door: std::net::SocketAddr) -> BTreeMap<String, u64> {
    let metrics = metrics(door).await;
    let lines = metrics.lines().filter_map(|line| line.strip_prefix("lango_tolerances_used_total{name=\""));
    lines
        .map(|line| line.split_once("\"} ").unwrap())
        .map(|(name, times)| (name.into(), times.parse().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tolerance_lets_in_what_it_names_while_it_is_on_and_is_counted() {
    let house = House::built().await;
    let access = house.stage.access();
    let door = house.stage.addresses().metrics;
    let rows = rows();
    let shown: BTreeSet<_> = rows.iter().map(|row| row.name).chain(OF_ANSWERS).collect();
    assert_eq!(shown, TABLE.iter().map(|row| row.name).collect(), "a tolerance has no row, or a row no tolerance");
    for row in &rows {
        let needed = [&[row.name][..], row.beside].concat();
        let off = ToleranceSwitches { off: names(&[row.name]), ..ToleranceSwitches::default() };
        let alone = ToleranceSwitches { strict: true, on: names(&needed), off: Vec::new() };
        for (switches, lets_in) in [(off, false), (alone, true)] {
            let mut party = (*access.third_party(THIRD_PARTY).unwrap()).clone();
            party.tolerances = switches;
            access.save_third_party(&party).await.unwrap();
            let before = counted(door).await;
            let reply = row.sent(&house, &format!("{}-{lets_in}", row.name)).await;
            assert_eq!(is_let_in(&reply), lets_in, "{}: {}", row.name, reply.text());
            let after = counted(door).await;
            let grew = |name: &str| after.get(name) > before.get(name);
            // What came before may still be told to the shop, and be answered.
            let asked = TABLE.iter().map(|row| row.name).filter(|name| !OF_ANSWERS.contains(name));
            let used: BTreeSet<&str> = asked.filter(|name| grew(name) && (lets_in || *name == row.name)).collect();
            let expected = if lets_in { needed.clone() } else { Vec::new() };
            assert_eq!(used, expected.into_iter().collect(), "{}, let in: {lets_in}", row.name);
        }
    }
    house.torn_down().await;
}

/// What the shop's server answers, each of it by a tolerance.
fn carelessly(call: &Call) -> (StatusCode, String) {
    let verdict =
        ValidationResult { result_code: "0".into(), result_desc: None, third_party_trans_id: Some("77".into()) };
    let answer = match call.path.as_str() {
        "/validation" if call.body.contains(">misspelled<") => {
            write_validation_result(&verdict).replace("ThirdPartyTransID", "ThirdPartyTransactionID")
        }
        "/validation" => "<p>ResultCode <ResultCode>0</ResultCode></p>".to_owned(),
        _ => "<C2BPaymentConfirmationResult>received</C2BPaymentConfirmationResult>".to_owned(),
    };
    (StatusCode::OK, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn patience_with_answers_is_switched_and_counted_too() {
    let deployed = Deployed::with_demonstration().await;
    let _served = deployed.served();
    let door = lango::config::load(&deployed.config()).unwrap().doors.metrics.listen;
    let _shop = Shop::speaking(&deployed, carelessly).await;
    let urls = [url_of(&deployed, "/confirmation"), url_of(&deployed, "/validation")];
    let set = ["url", "set", "600000", "--confirmation", &urls[0], "--validation", &urls[1], "--default", "cancelled"];
    said(&deployed, &set);
    let pays = |account: &str, session: &str| {
        let to = ["pay", "--from", "254722000001", "--to-paybill", "600000", "--amount", "1"];
        let output = run(&deployed, &[&to[..], &["--account", account, "--session", session]].concat());
        String::from_utf8(output.stdout).unwrap().starts_with("0 ")
    };
    // Without patience no verdict was heard, and the registered default cancels.
    said(&deployed, &["party", "change", THIRD_PARTY, "--strict", "true"]);
    assert!(!pays("misspelled", "1") && !pays("free", "2"));
    assert_eq!(counted(door).await, BTreeMap::new());
    for (name, account) in OF_ANSWERS.into_iter().zip(["misspelled", "free"]) {
        said(&deployed, &["party", "change", THIRD_PARTY, "--tolerances-on", name]);
        assert!(pays(account, name), "{name}");
        assert_eq!(counted(door).await.get(name), Some(&1), "{name}");
    }
    // The confirmations of both were answered as carelessly, and what was not read is not counted.
    let [.., acknowledgement] = OF_ANSWERS;
    wait_until("both are delivered", || listed(&deployed, "delivered").len() == 2);
    assert_eq!(counted(door).await.get(acknowledgement), None);
    said(&deployed, &["party", "change", THIRD_PARTY, "--tolerances-on", "answer-free-form,acknowledgement-free-form"]);
    assert!(pays("free", "3"));
    wait_until("the third is delivered", || listed(&deployed, "delivered").len() == 3);
    assert_eq!(counted(door).await.get(acknowledgement), Some(&1));
}
