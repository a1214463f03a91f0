//! `lango whitelist` and `lango audit`, on a deployment that sleeps and on one that runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::door_support::{Kept, eventually, says};
use crate::house::{House, lango};

/// The promise: a saved file is in force within two seconds.
const TAKEN_UP_MAX: Duration = Duration::from_secs(2);

const BRANCH: &[&str] =
    &["whitelist", "add", "duka", "branch", "127.0.0.66/32", "--kind", "vpn", "--comment", "ticket 4711"];

async fn shop(house: &House, source: &str) -> std::io::Result<Kept> {
    let certs = house.dir().join("certs");
    let door = house.stage.addresses().third_party;
    Kept::open(door, &certs.join("ca.pem"), &certs.join("clients/duka"), source).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_added_lets_in_and_a_line_removed_closes() {
    let house = House::built().await;
    assert!(shop(&house, "127.0.0.66").await.is_err(), "a stranger got in");
    let (good, said) = says(house.dir(), BRANCH);
    assert!(good && said.contains("takes it up within two seconds"), "{said}");
    let took = eventually("the new address gets in", async || shop(&house, "127.0.0.66").await.is_ok()).await;
    assert!(took < TAKEN_UP_MAX, "{took:?}");

    let mut kept = shop(&house, "127.0.0.66").await.unwrap();
    let mut other = shop(&house, "127.0.0.1").await.unwrap();
    assert!(kept.asks().await && other.asks().await);
    let (good, said) = says(house.dir(), &["whitelist", "remove", "duka", "branch"]);
    assert!(good, "{said}");
    let took = kept.closed().await;
    assert!(took < TAKEN_UP_MAX, "{took:?}");
    assert!(shop(&house, "127.0.0.66").await.is_err(), "it still gets in");
    assert!(other.asks().await, "a connection was closed that is allowed");
    let log = audit_log(house.dir());
    assert!(log.contains(r#""after":"127.0.0.66/32 vpn (ticket 4711)","before":"none""#), "{log}");
    assert!(log.contains(r#""after":"none","before":"127.0.0.66/32 vpn (ticket 4711)""#), "{log}");
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_a_fault_changes_nothing() {
    let house = House::built().await;
    let path = house.dir().join("whitelist.toml");
    let good = fs::read_to_string(&path).unwrap();
    let mut kept = shop(&house, "127.0.0.1").await.unwrap();
    fs::write(&path, good.replace("\"vpn\"", "\"pvn\"")).unwrap();
    eventually("the fault is seen", async || audit_log(house.dir()).contains("whitelist-refused")).await;
    assert!(kept.asks().await, "an open connection was closed");
    assert!(shop(&house, "127.0.0.1").await.is_ok(), "the list that ran is gone");
    let (done, said) = says(house.dir(), BRANCH);
    assert!(!done && said.contains("pvn") && said.contains("line "), "{said}");
    let faulty = async || {
        let (answered, status) = says(house.dir(), &["status"]);
        assert!(answered, "{status}");
        status.lines().find(|line| line.starts_with("FAULT") && line.contains("whitelist")).map(str::to_owned)
    };
    let fault = faulty().await.expect("status says nothing of the fault");
    for part in ["line ", "column ", "write \"vpn\" or \"internet\"", "stays in force"] {
        assert!(fault.contains(part), "{part}: {fault}");
    }
    assert!(metrics(&house).await.contains("lango_whitelist_stale 1\n"), "the metric does not tell");
    fs::write(&path, good).unwrap();
    eventually("the fault is gone", async || faulty().await.is_none()).await;
    assert!(metrics(&house).await.contains("lango_whitelist_stale 0\n"), "the metric still tells");
    house.torn_down().await;
}

#[test]
fn without_a_node_the_command_records_its_change_and_the_log_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(lango().arg("init").arg(&dir).arg("--empty").output().unwrap().status.success());
    let before = fs::read_to_string(dir.join("whitelist.toml")).unwrap();
    let (good, said) = says(&dir, BRANCH);
    assert!(good && said.contains("No node runs"), "{said}");
    assert!(fs::read_to_string(dir.join("whitelist.toml")).unwrap().starts_with(&before));
    let (good, said) = says(&dir, &["whitelist", "show"]);
    assert!(good && said.contains("branch") && said.contains("ticket 4711"), "{said}");
    assert!(!says(&dir, BRANCH).0, "one name was given twice");
    assert_eq!(
        says(&dir, &["audit", "verify"]).1.lines().next().unwrap().split(": ").last(),
        Some("1 lines, none changed")
    );

    let log = dir.join("data/audit.log");
    let changed = fs::read_to_string(&log).unwrap().replace("ticket 4711", "ticket 4712");
    fs::write(&log, changed).unwrap();
    let (good, said) = says(&dir, &["audit", "verify"]);
    assert!(!good && said.contains("line 1"), "s7: {said}");
}

#[test]
fn test_says_which_line_lets_an_address_in_or_why_none_does() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(lango().arg("init").arg(&dir).output().unwrap().status.success());
    let ask = |more: &[&str]| says(&dir, &[&["whitelist", "test"], more].concat());
    let (good, said) = ask(&["127.0.0.1", "--party", "duka", "--command", "BusinessPayment"]);
    assert!(good && said.starts_with("let in: line ") && said.contains("loopback-v4"), "{said}");
    let (good, said) = ask(&["127.0.0.66"]);
    assert!(!good && said.contains("before the TLS handshake"), "{said}");
    let office = ["whitelist", "add", "duka", "office", "203.0.113.16/29", "--kind", "internet"];
    assert!(says(&dir, &office).0);
    assert!(ask(&["203.0.113.17", "--party", "duka", "--command", "RegisterURL"]).0);
    let (good, said) = ask(&["203.0.113.17", "--party", "duka", "--command", "BusinessPayment"]);
    assert!(!good && said.contains("VPN"), "{said}");
    let neighbour = ["whitelist", "add", "jirani", "shared", "203.0.113.16/30", "--kind", "internet"];
    let overlap = "jirani's \"shared\" 203.0.113.16/30 is within line";
    assert!(says(&dir, &neighbour).1.contains("the certificate decides"));
    assert!(says(&dir, &["whitelist", "show"]).1.contains(overlap) && says(&dir, &["check"]).1.contains(overlap));
    let (good, said) = ask(&["203.0.113.17", "--command", "BusinessPaymnt"]);
    assert!(!good && said.contains("no command"), "{said}");
}

fn audit_log(dir: &Path) -> String {
    fs::read_to_string(dir.join("data/audit.log")).unwrap()
}

async fn metrics(house: &House) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(house.stage.addresses().metrics).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}
