//! A third party's switches decide what its messages are let off, through the door and counted.

use lango::access::{ToleranceSwitches, third_party};
use lango::cli::deployment::{THIRD_PARTY, envelope_around};
use lango::cli::soap_client::{Identity, SoapClient};
use lango::mminterface::write_request_document;
use lango::store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::house::Deployed;

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
    let store = lango::node::open_store(&settings).unwrap();
    let (mut party, _) = third_party::read(&*store, THIRD_PARTY).unwrap().unwrap();
    party.tolerances = switches;
    store.commit(third_party::save(&*store, &party).unwrap()).await.unwrap();
    store.close();
    drop(store);
    let served = deployed.served();
    let shop = &deployed.demonstration;
    let file = &shop.file.third_party;
    let identity = Identity { certificate: shop.read(&file.cert).unwrap(), key: shop.read(&file.key).unwrap() };
    let door = settings.doors.third_party.listen;
    let client = SoapClient::tls(door, &shop.read(&file.ca).unwrap(), Some(&identity)).unwrap();
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
