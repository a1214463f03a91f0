//! Every gate before the first request, and every way to fail at it: the connection ends without a byte
//! of an answer, the metrics count the one reason, nothing in the store changes, and whoever is allowed
//! notices nothing. A reason in the table of docs/doors.md that no row here has and no other test is named
//! for makes this fail.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lango::access::authority::{Authority, KeyKind, Order, Purpose};
use lango::clock::{Clock, SystemClock, Timestamp};
use lango::entropy::SystemEntropy;
use rcgen::{ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::door_support::{Kept, eventually, says};
use crate::house::{Deployed, Served};

/// Reasons that other tests show, since it takes many callers, much time or an open connection.
const ELSEWHERE: [(&str, &str); 9] = [
    ("door_full", "server::tests::coming_in::a_door_has_only_so_many_connections"),
    ("address_full", "server::tests::coming_in::an_address_has_only_so_many_connections"),
    ("half_open_full", "server::tests::coming_in::a_door_has_only_so_many_silent_handshakes"),
    ("address_half_open_full", "server::tests::coming_in::silent_handshakes_of_one_address_are_bounded_..."),
    ("handshake_failed", "door_scan"),
    ("withdrawn", "door_rights, door_certificates, door_whitelist"),
    ("headers_slow", "server::tests::requests::slow_headers_end_the_connection, door_slow"),
    ("idle", "server::tests::requests::a_kept_connection_without_a_request_ends_with_the_idle_time_..."),
    ("malformed", "server::tests::ambiguity"),
];

const DAY: Duration = Duration::from_secs(86_400);
const GOOD: &str = "127.0.0.1";
const STRANGER: &str = "127.0.0.66";
const BALANCER: &str = "127.0.0.9";

/// One way to fail.
struct Row {
    what: &'static str,
    reason: &'static str,
    source: &'static str,
    header: &'static str,
    /// The file of the certificate, without an ending; none: none is shown.
    certificate: Option<&'static str>,
}

const fn row(what: &'static str, reason: &'static str) -> Row {
    Row { what, reason, source: GOOD, header: "", certificate: Some("clients/duka") }
}

const ROWS: &[Row] = &[
    Row { source: STRANGER, ..row("an address in nobody's network", "address_refused") },
    Row { source: "127.0.0.67", ..row("a network that is over", "address_refused") },
    Row { source: BALANCER, ..row("a balancer that says nothing", "balancer_without_header") },
    Row {
        source: BALANCER,
        header: "PROXY TCP4 127.0.0.1 127.0.0.1 4000\r\n",
        ..row("a balancer that says nonsense", "balancer_header_malformed")
    },
    Row {
        source: BALANCER,
        header: "PROXY TCP4 127.0.0.66 127.0.0.1 4000 443\r\n",
        ..row("a balancer that brings a stranger", "address_refused")
    },
    Row { source: BALANCER, header: "PROXY UNKNOWN\r\n", ..row("a balancer that brings nobody", "address_refused") },
    Row {
        header: "PROXY TCP4 127.0.0.1 127.0.0.1 4000 443\r\n",
        ..row("one who speaks like a balancer and is none", "balancer_unlisted")
    },
    Row { certificate: None, ..row("no certificate", "certificate_missing") },
    Row { certificate: Some("clients/handset"), ..row("a certificate of the other door's CA", "certificate_refused") },
    Row { certificate: Some("made/namesake"), ..row("one of a CA that has our CA's name", "certificate_refused") },
    Row { certificate: Some("made/past"), ..row("one that is past", "certificate_refused") },
    Row { certificate: Some("made/early"), ..row("one that is not yet good", "certificate_refused") },
    Row { certificate: Some("server"), ..row("a server's", "certificate_refused") },
    Row { certificate: Some("made/enciphers"), ..row("one whose key may not sign", "certificate_refused") },
    Row { certificate: Some("made/revoked"), ..row("one that is revoked", "certificate_refused") },
    Row { certificate: Some("made/self"), ..row("one that signed itself", "certificate_refused") },
    Row { certificate: Some("clients/mgeni"), ..row("one whose key is nobody's", "key_unknown") },
    Row { certificate: Some("made/later"), ..row("one whose key counts from tomorrow on", "key_unknown") },
    Row { certificate: Some("made/before"), ..row("one whose key counted until yesterday", "key_unknown") },
];

/// The reasons in the table of the manual.
fn documented() -> BTreeSet<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doors.md")).unwrap();
    let table = page.lines().skip_while(|line| *line != "| reason | what happened |").skip(2);
    let cells = table.take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    cells.flat_map(|cell| cell.split(',')).map(|reason| reason.trim().trim_matches('`').to_owned()).collect()
}

#[test]
fn every_documented_reason_has_a_row_or_a_test_of_its_own() {
    let shown = ROWS.iter().map(|row| row.reason).chain(["handshake_slow"]);
    let shown: BTreeSet<String> = shown.chain(ELSEWHERE.iter().map(|(reason, _)| *reason)).map(str::to_owned).collect();
    assert_eq!(shown, documented());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_gate_before_the_first_request_has_its_reason_and_changes_nothing() {
    let stand = Stand::set().await;
    let mut kept = stand.comes(GOOD, "", Some("clients/duka")).await.unwrap();
    assert!(kept.asks().await);
    let before = stand.sequence();
    for row in ROWS {
        let counted = stand.counted(row.reason).await;
        let answered = match stand.comes(row.source, row.header, row.certificate).await {
            // In TLS 1.3 the client learns of a refusal with its first read.
            Ok(mut caller) => caller.asks().await,
            Err(_) => false,
        };
        assert!(!answered, "{} was answered", row.what);
        eventually(row.what, async || stand.counted(row.reason).await == counted + 1).await;
    }
    let counted = stand.counted("handshake_slow").await;
    let mut silent = tokio::net::TcpStream::connect(stand.door).await.unwrap();
    assert_eq!(silent.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0, "a silent caller was told something");
    eventually("a silent caller", async || stand.counted("handshake_slow").await == counted + 1).await;
    assert_eq!(stand.sequence(), before, "something was written");
    assert!(kept.asks().await, "the connection of one who is allowed was closed");
    let (code, log) = stand.served.terminated();
    assert_eq!(code, Some(0), "{log}");
    let audit = fs::read_to_string(stand.deployed.dir().join("data/audit.log")).unwrap();
    for reason in ROWS.iter().map(|row| row.reason) {
        assert!(log.contains(reason), "{reason} is not in the log: {log}");
        let of_reason = audit.lines().filter(|line| line.contains("connection-refused"));
        assert!(of_reason.clone().any(|line| line.contains(reason)), "{reason} is not on the audit log: {audit}");
    }
}

/// The handset side's door has a CA and a whitelist of its own: who may come in by the other one may not by
/// this one.
#[tokio::test(flavor = "multi_thread")]
async fn the_handset_door_lets_in_its_own_callers_and_nobody_else_s() {
    let deployed = Deployed::with_demonstration().await;
    deployed.set("networks = [\"127.0.0.0/8\", \"::1/128\"]", "networks = [\"127.0.0.2/32\"]");
    let door = lango::config::load(&deployed.config()).unwrap().doors.handset.listen;
    let served = deployed.served();
    let certs = deployed.dir().join("certs");
    let is_served = async |source: &str, certificate: Option<&str>| {
        let own = certificate.map(|name| certs.join("clients").join(name));
        match Kept::open_with(door, &certs.join("ca.pem"), own.as_deref(), source, "").await {
            Ok(mut caller) => caller.asks_for("/handset/payment?wsdl").await,
            Err(_) => false,
        }
    };
    assert!(is_served("127.0.0.2", Some("handset")).await);
    assert!(!is_served(GOOD, Some("handset")).await, "an address of the other door's whitelist");
    assert!(!is_served("127.0.0.2", Some("duka")).await, "a certificate of the other door's CA");
    assert!(!is_served("127.0.0.2", None).await, "no certificate");
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    let audit = fs::read_to_string(deployed.dir().join("data/audit.log")).unwrap();
    for reason in ["address_refused", "certificate_refused", "certificate_missing"] {
        let is_told =
            |line: &str| line.contains("connection-refused") && line.contains("handset") && line.contains(reason);
        assert!(audit.lines().any(is_told), "{reason}: {audit}");
    }
}

/// A served deployment with a revocation list, a balancer, and certificates of every bad kind.
struct Stand {
    deployed: Deployed,
    served: Served,
    door: SocketAddr,
    metrics: SocketAddr,
}

impl Stand {
    async fn set() -> Self {
        let deployed = Deployed::with_demonstration().await;
        let certs = deployed.dir().join("certs");
        make_certificates(&certs);
        let revoke = ["cert", "revoke", certs.join("made/revoked.pem").to_str().unwrap()].map(str::to_owned);
        let (good, said) = says(&deployed.dir(), &revoke.each_ref().map(String::as_str));
        assert!(good, "{said}");
        deployed.set("# client_crl =", "client_crl =");
        deployed.set("balancers = []", "balancers = [\"127.0.0.9/32\"]");
        deployed.set("handshake_seconds_max = 10", "handshake_seconds_max = 1");
        let whitelist = deployed.dir().join("whitelist.toml");
        let list = fs::read_to_string(&whitelist).unwrap();
        let over = "[third_party.duka.networks]\nover = { network = \"127.0.0.67/32\", kind = \"vpn\", expires = 2025-12-31 }\n";
        fs::write(&whitelist, list.replacen("[third_party.duka.networks]\n", over, 1)).unwrap();
        let doors = lango::config::load(&deployed.config()).unwrap().doors;
        let served = deployed.served();
        for (certificate, from, until) in [("later", 1, 9), ("before", -9, -1)] {
            let day = |days: i64| {
                let seconds = SystemClock.now().seconds() + days * 86_400;
                jiff::Timestamp::from_second(seconds).unwrap().to_string()
            };
            let path = certs.join("made").join(certificate).with_extension("pem");
            let (from, until) = (day(from), day(until));
            let add = [
                "party",
                "add-key",
                "duka",
                "--certificate",
                path.to_str().unwrap(),
                "--from",
                &from,
                "--until",
                &until,
            ];
            let (good, said) = says(&deployed.dir(), &add);
            assert!(good, "{said}");
        }
        Self { served, door: doors.third_party.listen, metrics: doors.metrics.listen, deployed }
    }

    async fn comes(&self, source: &str, header: &str, certificate: Option<&str>) -> std::io::Result<Kept> {
        let certs = self.deployed.dir().join("certs");
        let own = certificate.map(|name| certs.join(name));
        Kept::open_with(self.door, &certs.join("ca.pem"), own.as_deref(), source, header).await
    }

    /// The commits so far.
    fn sequence(&self) -> u64 {
        let status: Value = serde_json::from_slice(&self.deployed.status().stdout).unwrap();
        status["store"]["sequence"].as_u64().unwrap()
    }

    /// How many connections ended so at the third parties' door.
    async fn counted(&self, reason: &str) -> u64 {
        let mut stream = tokio::net::TcpStream::connect(self.metrics).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let label = format!("outcome=\"{reason}\"");
        let counted = text.lines().filter(|line| line.starts_with("lango_connections_total") && line.contains(&label));
        counted.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }
}

fn make_certificates(certs: &Path) {
    fs::create_dir_all(certs.join("made")).unwrap();
    let read = |name: &str| fs::read_to_string(certs.join(name)).unwrap();
    let (pem, key) = (read("ca.pem"), read("ca.key"));
    let authority = Authority::load(&pem, &key).unwrap();
    let now = SystemClock.now();
    let issue = |authority: &Authority, name: &str, at: Timestamp, days: u32| {
        let order = Order { name, purpose: Purpose::Client, key: KeyKind::Ecdsa, days: Some(days) };
        let issued = authority.issue(&order, at, &SystemEntropy).unwrap();
        keep(certs, name, &issued.certificate_pem, &issued.key_pem);
    };
    issue(&authority, "past", now.minus(10 * DAY), 9);
    issue(&authority, "early", now.plus(2 * DAY), 9);
    ["revoked", "later", "before"].iter().for_each(|name| issue(&authority, name, now, 9));
    let namesake = Authority::create("Lango CA for third parties", now, &SystemEntropy).unwrap();
    issue(&namesake, "namesake", now, 9);

    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let (own, ca_key) = (KeyPair::generate().unwrap(), KeyPair::from_pem(&key).unwrap());
    let issuer = Issuer::from_ca_cert_pem(&pem, ca_key).unwrap();
    keep(certs, "enciphers", &params.signed_by(&own, &issuer).unwrap().pem(), &own.serialize_pem());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    keep(certs, "self", &params.self_signed(&own).unwrap().pem(), &own.serialize_pem());
}

fn keep(certs: &Path, name: &str, certificate: &str, key: &str) {
    let path: PathBuf = certs.join("made").join(name);
    fs::write(path.with_extension("pem"), certificate).unwrap();
    fs::write(path.with_extension("key"), key).unwrap();
}
