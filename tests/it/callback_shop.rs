//! A shop's server for the tests of callbacks: the receiver of a deployment, answering as told and
//! remembering what it was sent.

use std::collections::BTreeSet;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use hyper::StatusCode;
use lango::cli::receiver::{Call, Receiver};
use lango::cli::soap_client::Identity;
use lango::mminterface::write_confirmation_result;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

use crate::house::{Deployed, PATIENCE, lango, listener};

/// What a confirmation's receiver sees of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confirmed {
    pub delivery: String,
    pub attempt: String,
    pub receipt: String,
}

/// The server, until it is dropped.
pub struct Shop {
    pub calls: Arc<Mutex<Vec<Call>>>,
    _receiver: Receiver,
}

impl Shop {
    /// Opens it at the deployment's receiver port; `answer` may take its time.
    pub async fn open(deployed: &Deployed, answer: impl Fn(&Call) -> StatusCode + Send + Sync + 'static) -> Self {
        Self::speaking(deployed, move |call| (answer(call), write_confirmation_result("T1"))).await
    }

    /// The same, with the bodies of its answers.
    pub async fn speaking(
        deployed: &Deployed,
        answer: impl Fn(&Call) -> (StatusCode, String) + Send + Sync + 'static,
    ) -> Self {
        let read = |name: &str| std::fs::read_to_string(deployed.dir().join("certs").join(name)).unwrap();
        let identity = Identity { certificate: read("receiver.pem"), key: read("receiver.key") };
        let port = deployed.demonstration.file.receiver.port;
        let listener = listener(port).await;
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let script = move |call: &Call| {
            seen.lock().unwrap().push(call.clone());
            answer(call)
        };
        let receiver = Receiver::start(listener, &identity, &read("ca.pem"), Arc::new(script)).unwrap();
        Self { calls, _receiver: receiver }
    }

    /// The confirmations that came so far.
    pub fn confirmed(&self) -> Vec<Confirmed> {
        let header = |call: &Call, name: &str| call.headers[name].to_str().unwrap().to_owned();
        let calls = self.calls.lock().unwrap();
        let confirmations = calls.iter().filter(|call| call.path == "/confirmation" && !call.body.contains("Body/>"));
        confirmations
            .map(|call| Confirmed {
                delivery: header(call, "webhook-id"),
                attempt: header(call, "lango-attempt"),
                receipt: between(&call.body, "<TransID>", "</TransID>").to_owned(),
            })
            .collect()
    }

    pub fn receipts(&self) -> BTreeSet<String> {
        self.confirmed().into_iter().map(|confirmed| confirmed.receipt).collect()
    }
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// A URL of the deployment's receiver.
pub fn url_of(deployed: &Deployed, path: &str) -> String {
    format!("{}{path}", deployed.demonstration.file.receiver.url)
}

/// Runs a command on the deployment.
pub fn run(deployed: &Deployed, arguments: &[&str]) -> Output {
    lango().args(arguments).arg("--config").arg(deployed.config()).output().unwrap()
}

/// Runs a command that must succeed; what it printed.
pub fn said(deployed: &Deployed, arguments: &[&str]) -> String {
    let output = run(deployed, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A command that must succeed, with --json.
pub fn json(deployed: &Deployed, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(deployed, &[arguments, &["--json"]].concat())).unwrap()
}

/// Has the shop's paybill confirmed at its server.
pub fn register(deployed: &Deployed) {
    let url = url_of(deployed, "/confirmation");
    said(deployed, &["url", "set", "600000", "--confirmation", &url, "--default", "completed"]);
}

/// What the books say of one account.
pub fn account(deployed: &Deployed, holder: &str, account: &str) -> Value {
    let balances = json(deployed, &["ledger", "balance", holder]);
    balances["accounts"].as_array().unwrap().iter().find(|one| one["account"] == account).unwrap().clone()
}

/// A subscriber pays one shilling; the receipt.
pub fn pay(deployed: &Deployed) -> String {
    let arguments = ["pay", "--from", "254722000001", "--to-paybill", "600000", "--account", "X", "--amount", "1"];
    let told = said(deployed, &arguments);
    between(&(told + "\n"), "receipt ", "\n").to_owned()
}

/// The callbacks in this state.
pub fn listed(deployed: &Deployed, state: &str) -> Vec<Value> {
    json(deployed, &["callback", "list", "--state", state])["callbacks"].as_array().unwrap().clone()
}

/// Waits until something is so.
pub fn wait_until(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

impl Deployed {
    /// TLS as the deployment's receiver speaks it, for a server that behaves otherwise.
    pub fn receiver_tls(&self) -> TlsAcceptor {
        let read = |name: &str| std::fs::read(self.dir().join("certs").join(name)).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&read("ca.pem")).unwrap()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&read("receiver.pem")).unwrap()];
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_client_cert_verifier(verifier);
        let key = PrivateKeyDer::from_pem_slice(&read("receiver.key")).unwrap();
        TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
    }
}
