//! The provider's office: a deployment made with `init --empty`, put to use by nothing but the
//! commands that operators type, and the doors of its running node.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lango::access::security_credential;
use lango::cli::deployment::{Claimed, envelope_around};
use lango::cli::receiver::{Call, Receiver};
use lango::cli::soap_client::{Identity, Reply, SoapClient};
use lango::mminterface::{
    Caller, InitiatorFields, PartyFields, RequestDocument, ResponseDocument, ResultDocument, read_response,
    read_result, write_acknowledgement, write_request_document,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::house::{self, PATIENCE, Served, free_address, lango, served};

/// The bulk organization, which pays people.
pub const BULK: &str = "600100";
/// The paybill.
pub const PAYBILL: &str = "600000";
/// The agency.
pub const AGENT: &str = "600200";
/// A merchant's till.
pub const TILL: &str = "600300";
/// Subscribers.
pub const AMINA: &str = "254722000001";
pub const JUMA: &str = "254722000002";
/// The operator of each organization.
pub const USER: &str = "lipa.api";
/// Its password.
pub const PASSWORD: &str = "Mashamba7#";

pub const PARTY: &str = "mfano";
pub const SP_ID: &str = "107099";
pub const SP_PASSWORD: &str = "Siri-ya-mfano-1";

/// The office, its node, and the third party that it serves.
pub struct Office {
    folder: TempDir,
    served: Option<Served>,
    receiver: Receiver,
    third_party_door: SocketAddr,
    asked: AtomicUsize,
}

/// A request in the making: whose, and about what.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    pub command: &'a str,
    pub home: &'a str,
    pub primary: Option<(u32, &'a str)>,
    pub receiver: Option<(u32, &'a str)>,
    pub parameters: &'a [(&'a str, &'a str)],
}

impl Office {
    /// A node with nobody in it, that a third party may call.
    pub async fn founded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("lango");
        let output = lango().arg("init").arg(&dir).arg("--empty").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let (third_party_door, receiver_at) = (free_address(), free_address());
        adjust_settings(&dir.join("lango.toml"), third_party_door);
        let certs = dir.join("certs");
        let cert = |arguments: &[&str]| {
            let output = lango().arg("cert").args(arguments).arg("--dir").arg(&certs).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        cert(&["issue", PARTY]);
        cert(&["issue", "gateway", "--ca", "handset-ca"]);
        cert(&["issue", "receiver", "--dns", "localhost"]);
        let hosts = format!(
            "\n[third_party.{PARTY}.networks]\n\
             here = {{ network = \"127.0.0.1/32\", kind = \"vpn\" }}\n\
             [[third_party.{PARTY}.callback_hosts]]\nhost = \"localhost\"\nports = [{}]\n",
            receiver_at.port()
        );
        fs::OpenOptions::new()
            .append(true)
            .open(dir.join("whitelist.toml"))
            .and_then(|mut file| file.write_all(hosts.as_bytes()))
            .unwrap();
        let listener = house::listener(receiver_at.port()).await;
        let script = Arc::new(|_: &Call| (hyper::StatusCode::OK, write_acknowledgement("00000000", "success")));
        let receiver =
            Receiver::start(listener, &identity(&certs.join("receiver")), &read(&certs.join("ca.pem")), script);
        let served = served(&dir.join("lango.toml"));
        let office = Self {
            folder,
            served: Some(served),
            receiver: receiver.unwrap(),
            third_party_door,
            asked: AtomicUsize::new(0),
        };
        let url = format!("https://localhost:{}/result", receiver_at.port());
        office.says(&["party", "add", PARTY, "--sp-id", SP_ID, "--result-url", &url]);
        office.says_with(&["party", "password", PARTY], SP_PASSWORD);
        let certificate = certs.join("clients").join(format!("{PARTY}.pem"));
        office.says(&["party", "add-key", PARTY, "--certificate", certificate.to_str().unwrap()]);
        office
    }

    /// With organizations, operators, subscribers and money.
    pub async fn opened() -> Self {
        let office = Self::founded().await;
        office.organization(BULK, "Mashamba Payroll", "Bulk", &["Org B2C API Initiator", "Balance Query Org API"]);
        office.organization(PAYBILL, "Duka la Mama", "Paybill Head Office", &["Org B2B API Initiator"]);
        office.organization(AGENT, "Wakala Kona", "Agent Head Office", &[]);
        office.organization(TILL, "Kibanda", "Merchant Till", &[]);
        office.says(&["subscriber", "add", AMINA, "--first", "Amina", "--last", "Otieno"]);
        office.says(&["subscriber", "add", JUMA, "--first", "Juma", "--last", "Kamau"]);
        office.says(&["ledger", "fund", BULK, "utility", "100000"]);
        office.says(&["ledger", "fund", PAYBILL, "working", "50000"]);
        office.says(&["ledger", "fund", AGENT, "float", "20000"]);
        office
    }

    /// An organization with one product and one operator, whose password is set.
    pub fn organization(&self, shortcode: &str, name: &str, product: &str, roles: &[&str]) {
        self.says(&["org", "add", shortcode, "--name", name, "--product", product]);
        self.says(&["party", "change", PARTY, "--add-shortcode", shortcode]);
        let mut add = vec!["operator", "add", shortcode, USER];
        roles.iter().for_each(|role| add.extend(["--role", role]));
        self.says(&add);
        self.says_with(&["operator", "password", &operator(shortcode)], PASSWORD);
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("lango")
    }

    fn command(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = lango();
        command.args(arguments).arg("--config").arg(self.dir().join("lango.toml"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// A command that must succeed; what it printed, and what it warned of.
    pub fn says(&self, arguments: &[&str]) -> String {
        self.says_with(arguments, "")
    }

    /// The same, with something on its standard input.
    pub fn says_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.command(arguments, input);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// Whether a command is done that may as well be refused.
    pub fn manages(&self, arguments: &[&str]) -> bool {
        self.command(arguments, "").status.success()
    }

    /// A command that must be refused; why.
    pub fn refuses(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments, "");
        assert!(!output.status.success(), "{arguments:?} was done");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A command with something on its standard input that must be refused; why.
    pub fn refuses_with(&self, arguments: &[&str], input: &str) -> String {
        let output = self.command(arguments, input);
        assert!(!output.status.success(), "{arguments:?} was done");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// A command that must end with a failure; all that it printed.
    pub fn refuses_with_output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments, "");
        assert!(!output.status.success(), "{arguments:?} was done");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// A command that answers by its exit code; whether that is yes, and what it printed.
    pub fn asks(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments, "");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A command that must succeed, with --json.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[arguments, &["--json"]].concat())).unwrap()
    }

    /// What is available in an account.
    pub fn available(&self, holder: &str, account: &str) -> String {
        let balances = self.json(&["ledger", "balance", holder]);
        let found = balances["accounts"].as_array().unwrap().iter().find(|one| one["account"] == account);
        found.unwrap_or_else(|| panic!("{holder} has no {account}"))["available"].as_str().unwrap().to_owned()
    }

    /// The document of a wish, under an id of its own.
    pub fn document(&self, wish: &Wish<'_>) -> RequestDocument {
        let id = format!("{}_{}", wish.home, self.asked.fetch_add(1, Ordering::Relaxed));
        let party = |(identifier_type, identifier): (u32, &str)| PartyFields {
            identifier_type,
            identifier: identifier.into(),
            short_code: None,
        };
        let credential = read(&self.dir().join("certs/credential.pem"));
        let parameters = wish.parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        RequestDocument {
            command_id: wish.command.into(),
            originator_conversation_id: id,
            timestamp: Some("2026-11-23T10:45:12.0000521Z".into()),
            caller: Caller { caller_type: "2".into(), ..Caller::default() },
            initiator: Some(InitiatorFields {
                identifier_type: 11,
                identifier: USER.into(),
                security_credential: security_credential(PASSWORD, &credential).unwrap(),
                short_code: Some(wish.home.into()),
            }),
            primary_party: wish.primary.map(party),
            receiver_party: wish.receiver.map(party),
            parameters: parameters.collect(),
            key_owner: Some(1),
            ..RequestDocument::default()
        }
    }

    /// Sends a document as the third party; the synchronous answer.
    pub async fn sends(&self, document: &RequestDocument) -> ResponseDocument {
        self.sends_with(SP_PASSWORD, document).await
    }

    /// The same, with this password of the third party.
    pub async fn sends_with(&self, password: &str, document: &RequestDocument) -> ResponseDocument {
        let claimed = Claimed { sp_id: SP_ID, service_id: None, password };
        let message = envelope_around(claimed, &write_request_document(document));
        let reply = self.posts("/mminterface/request", message).await;
        read_response(&reply.body).unwrap_or_else(|| panic!("no answer: {}", reply.text()))
    }

    /// Posts a message as the third party's program.
    pub async fn posts(&self, path: &str, message: String) -> Reply {
        let certs = self.dir().join("certs");
        let client = identity(&certs.join("clients").join(PARTY));
        let client = SoapClient::tls(self.third_party_door, &read(&certs.join("ca.pem")), Some(&client)).unwrap();
        client.post(path, message).await.unwrap()
    }

    /// The next result that arrives.
    pub async fn result(&mut self) -> ResultDocument {
        let call = self.receiver.next(PATIENCE).await.expect("the result never came");
        read_result(call.body.as_bytes()).unwrap()
    }

    /// Whether a result has arrived that nobody waited for.
    pub fn surprised(&mut self) -> bool {
        self.receiver.arrived().is_some()
    }

    /// Sends a wish, which must be accepted, and waits for its result.
    pub async fn gets(&mut self, wish: &Wish<'_>) -> ResultDocument {
        let document = self.document(wish);
        let answer = self.sends(&document).await;
        assert_eq!(answer.response_code, "0", "{answer:?}");
        self.result().await
    }

    /// The result code of a payment from the bulk organization to Amina.
    pub async fn pays_out(&mut self, amount: &str) -> String {
        self.gets(&pay_out(&[("Amount", amount)])).await.result_code
    }

    /// A payment through the handset door: its code, whatever it is.
    pub fn handset(&self, arguments: &[&str]) -> String {
        let certs = self.dir().join("certs");
        let path = |name: &str| certs.join(name).to_str().unwrap().to_owned();
        let gateway = [
            "--certificate".to_owned(),
            path("clients/gateway.pem"),
            "--key".to_owned(),
            path("clients/gateway.key"),
            "--ca".to_owned(),
            path("ca.pem"),
        ];
        let gateway: Vec<&str> = gateway.iter().map(String::as_str).collect();
        let output = self.command(&[&["pay"], gateway.as_slice(), arguments].concat(), "");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.split_whitespace().next().unwrap().to_owned()
    }

    /// The lines of the audit log with this event.
    pub fn audited(&self, event: &str) -> Vec<Value> {
        let log = read(&self.dir().join("data/audit.log"));
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).map(|line| line["fields"].clone()).collect()
    }

    /// SIGHUP.
    pub fn hangs_up(&self) {
        self.served.as_ref().unwrap().hung_up();
    }

    /// Stops the node and starts it again.
    pub fn restarts(&mut self) {
        let (code, log) = self.served.take().unwrap().terminated();
        assert_eq!(code, Some(0), "{log}");
        self.served = Some(served(&self.dir().join("lango.toml")));
    }

    /// Stops the node; the books and the audit log must be right. What it logged.
    pub fn closes(mut self) -> String {
        let verified = self.says(&["ledger", "verify"]);
        assert!(verified.contains("sums to zero"), "{verified}");
        let (code, logged) = self.served.take().unwrap().terminated();
        assert_eq!(code, Some(0), "{logged}");
        let audited = lango().args(["audit", "verify", "--config"]).arg(self.dir().join("lango.toml")).output();
        assert!(audited.unwrap().status.success(), "s7: the audit log is broken");
        let log = read(&self.dir().join("data/audit.log"));
        for secret in [PASSWORD, SP_PASSWORD] {
            assert!(!log.contains(secret), "s5: a password is on the audit log");
        }
        logged
    }
}

/// A payment from the bulk organization to Amina.
pub fn pay_out<'a>(parameters: &'a [(&'a str, &'a str)]) -> Wish<'a> {
    Wish { command: "BusinessPayment", home: BULK, primary: Some((4, BULK)), receiver: Some((1, AMINA)), parameters }
}

/// An organization's operator, as commands name it.
pub fn operator(shortcode: &str) -> String {
    format!("{shortcode}/{USER}")
}

/// Doors of its own, and callbacks to this machine.
fn adjust_settings(path: &Path, third_party_door: SocketAddr) {
    let mut text = read(path);
    let doors = [
        ("127.0.0.1:18423", third_party_door),
        ("127.0.0.1:18425", free_address()),
        ("127.0.0.1:9464", free_address()),
    ];
    for (shipped, own) in doors {
        assert!(text.contains(shipped), "{shipped}");
        text = text.replace(shipped, &own.to_string());
    }
    let none = "special_networks = []";
    assert!(text.contains(none));
    fs::write(path, text.replace(none, "special_networks = [\"127.0.0.0/8\", \"::1/128\"]")).unwrap();
}

fn identity(path: &Path) -> Identity {
    Identity { certificate: read(&path.with_extension("pem")), key: read(&path.with_extension("key")) }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
