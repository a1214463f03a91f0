//! The stage of the demonstration: a running node, the third party's programs and its receiver. The
//! integration tests play on it, too.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::teller::Teller;
use crate::access::Access;
use crate::cli::deployment::{
    self, BULK, HANDSET_GATEWAY, NEIGHBOUR, PAYBILL, Ports, ReadDemonstration, STRANGER, SUBSCRIBERS, THIRD_PARTY,
};
use crate::cli::pay::HANDSET_PATH;
use crate::cli::receive;
use crate::cli::receiver::{Call, Receiver};
use crate::cli::soap_client::{Identity, Reply, SoapClient};
use crate::config;
use crate::core::accounts::{balances, ledger_sum};
use crate::core::{AccountKind, Amount, Holder, Msisdn, Shortcode};
use crate::mminterface::{
    HandsetAnswer, HandsetParty, HandsetPayment, RequestDocument, ResponseDocument, ResultDocument,
    read_handset_answer, read_response, read_result, write_handset_payment,
};
use crate::node::{Addresses, Listeners, Materials, Node, Seams};
use crate::store::Store;

/// Where third parties post their requests.
pub const REQUEST_PATH: &str = "/mminterface/request";
/// Where they register URLs.
pub const REGISTER_PATH: &str = "/mminterface/registerURL";

/// How long a callback may take before the demonstration misses it.
const CALLBACK_WAIT: Duration = Duration::from_secs(5);

/// Everything that the story is played on.
pub struct Stage {
    node: Node,
    receiver: Receiver,
    demonstration: ReadDemonstration,
    seams: Seams,
    ca: String,
    certs: PathBuf,
    /// The shop's program, with the right certificate.
    pub shop: SoapClient,
    handset: SoapClient,
}

impl Stage {
    /// Writes the deployment, starts the node and the receiver.
    pub async fn set(dir: &Path, seams: Seams) -> Result<Self> {
        let listeners = Listeners { third_party: free()?, handset: free()?, plain: None, metrics: free()? };
        let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let ports = Ports {
            third_party: listeners.third_party.local_addr()?,
            handset: listeners.handset.local_addr()?,
            metrics: listeners.metrics.local_addr()?,
            receiver: receiver.local_addr()?.port(),
        };
        let demonstration = deployment::write_demonstration(dir, Some(ports), &seams).await?;
        let settings = config::load(&dir.join("lango.toml"))?;
        let materials = Materials::read(settings).map_err(|problems| {
            anyhow!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let node = Node::start(materials, listeners, seams.clone()).await?;
        let certs = dir.join("certs");
        let ca = read(&certs.join("ca.pem"))?;
        let receiver = Receiver::start(receiver, &identity(&certs.join("receiver"))?, &ca, receive::script())?;
        let shop = identity(&certs.join("clients").join(THIRD_PARTY))?;
        let gateway = identity(&certs.join("clients").join(HANDSET_GATEWAY))?;
        Ok(Self {
            shop: SoapClient::tls(node.addresses().third_party, &ca, Some(&shop))?,
            handset: SoapClient::tls(node.addresses().handset, &ca, Some(&gateway))?,
            node,
            receiver,
            demonstration,
            seams,
            ca,
            certs,
        })
    }

    /// Stops the node.
    pub async fn strike(self) {
        self.node.stop().await;
    }

    /// Where the doors are.
    pub fn addresses(&self) -> &Addresses {
        self.node.addresses()
    }

    /// Who may come in.
    pub fn access(&self) -> &Access {
        self.node.access()
    }

    /// What the node has committed.
    pub fn store(&self) -> &dyn Store {
        self.node.store()
    }

    /// What `demo.json` says.
    pub fn demonstration(&self) -> &ReadDemonstration {
        &self.demonstration
    }

    /// A program at the third parties' door with another certificate, or with none.
    pub fn program(&self, certificate: Option<&str>) -> Result<SoapClient> {
        let identity = certificate.map(|name| identity(&self.certs.join("clients").join(name))).transpose()?;
        SoapClient::tls(self.addresses().third_party, &self.ca, identity.as_ref())
    }

    /// The certificate of the neighbour.
    pub fn neighbour(&self) -> Result<SoapClient> {
        self.program(Some(NEIGHBOUR))
    }

    /// A certificate that nobody is known by.
    pub fn stranger(&self) -> Result<SoapClient> {
        self.program(Some(STRANGER))
    }

    /// A URL of the shop's receiver.
    pub fn receiver_url(&self, path: &str) -> String {
        format!("{}{path}", self.demonstration.file.receiver.url)
    }

    /// A new id for a conversation.
    pub fn new_id(&self, what: &str) -> String {
        format!("{}_{what}_{:016x}", BULK.shortcode, self.seams.entropy.u64())
    }

    /// Posts a document as the shop and reads the answer.
    pub async fn ask(&self, teller: &Teller, path: &str, document: &RequestDocument) -> Result<ResponseDocument> {
        let message = self.demonstration.envelope(self.demonstration.claim(), document);
        let reply = post(teller, &self.shop, path, message).await?;
        answer(&reply)
    }

    /// Submits a payment from the handset side.
    pub async fn submit(&self, teller: &Teller, payment: &HandsetPayment) -> Result<HandsetAnswer> {
        let reply = post(teller, &self.handset, HANDSET_PATH, write_handset_payment(payment)).await?;
        read_handset_answer(&reply.body).with_context(|| format!("the handset door answered {}", reply.text()))
    }

    /// A customer's payment to the shop's paybill.
    pub fn pay_bill(&self, account: &str, amount: &str) -> HandsetPayment {
        let [amina, _] = SUBSCRIBERS;
        HandsetPayment {
            session_id: self.new_id("ussd"),
            transaction_type: "CustomerPayBillOnline".into(),
            payer: HandsetParty::Msisdn(amina.msisdn.into()),
            payee: HandsetParty::ShortCode(PAYBILL.shortcode.into()),
            account_reference: Some(account.into()),
            amount: amount.into(),
            timestamp: None,
        }
    }

    /// The next call at the receiver, which must be on this path.
    pub async fn call(&mut self, teller: &Teller, path: &str) -> Result<Call> {
        let Some(call) = self.receiver.next(CALLBACK_WAIT).await else {
            bail!("no call to {path} arrived within {} s", CALLBACK_WAIT.as_secs());
        };
        teller.wire(&format!("lango -> receiver {}", call.path), &call.body);
        if call.path != path {
            bail!("a call to {path} was due, and one to {} came: {}", call.path, call.body);
        }
        Ok(call)
    }

    /// The next result.
    pub async fn result(&mut self, teller: &Teller) -> Result<ResultDocument> {
        let call = self.call(teller, "/result").await?;
        read_result(call.body.as_bytes()).with_context(|| format!("this is no result: {}", call.body))
    }

    /// A call that nobody expected.
    pub fn surprise(&mut self) -> Option<Call> {
        self.receiver.arrived()
    }

    /// The available funds of an organization's account, in minor units.
    pub fn funds(&self, shortcode: &str, kind: AccountKind) -> Result<i64> {
        self.available(&Holder::Organization(Shortcode::parse(shortcode)?), kind)
    }

    /// The available funds of a subscriber, in minor units.
    pub fn purse(&self, msisdn: &str) -> Result<i64> {
        let msisdn = Msisdn::parse(msisdn, self.node.core().catalogue().numbering())?;
        self.available(&Holder::Subscriber(msisdn), AccountKind::Working)
    }

    fn available(&self, holder: &Holder, kind: AccountKind) -> Result<i64> {
        let found = balances(self.node.store(), holder)?.into_iter().find(|(other, _)| *other == kind);
        let (_, balance) = found.with_context(|| format!("{holder} has no {}", kind.alias()))?;
        Ok(balance.available)
    }

    /// The whole ledger must sum to zero (L1).
    pub fn check_books(&self, teller: &mut Teller) -> Result<()> {
        teller.scene("The books");
        let sum = ledger_sum(self.node.store())?;
        teller.line(
            "ledger",
            "all accounts of everybody, summed",
            &Amount::from_minor(i64::try_from(sum)?).to_string(),
        );
        teller.expect("the sum of the ledger", &sum, &0);
        Ok(())
    }
}

/// Posts a message and tells of both legs.
pub async fn post(teller: &Teller, program: &SoapClient, path: &str, message: String) -> Result<Reply> {
    teller.wire(&format!("-> POST {path}"), &message);
    let reply = program.post(path, message).await?;
    teller.wire(&format!("<- {}", reply.status), &reply.text());
    Ok(reply)
}

/// The ResponseMsg in a reply.
pub fn answer(reply: &Reply) -> Result<ResponseDocument> {
    read_response(&reply.body).with_context(|| format!("no ResponseMsg, but {} {}", reply.status, reply.text()))
}

/// An amount of minor units for people.
pub fn money(minor: i64) -> String {
    Amount::from_minor(minor).to_string()
}

fn free() -> Result<TcpListener> {
    Ok(TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?)
}

fn identity(path: &Path) -> Result<Identity> {
    Ok(Identity { certificate: read(&path.with_extension("pem"))?, key: read(&path.with_extension("key"))? })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
