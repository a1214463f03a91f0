//! The stage of the demonstration: a running node, the third party's programs and its receiver. The
//! integration tests play on it, too.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::teller::Teller;
use crate::access::{security_credential, sp_password};
use crate::cli::deployment::{
    self, BULK, Demonstration, HANDSET_GATEWAY, NEIGHBOUR, PAYBILL, PAYER, Ports, SERVICE_ID, SP_ID, STRANGER,
    SUBSCRIBERS, THIRD_PARTY,
};
use crate::cli::pay::HANDSET_PATH;
use crate::cli::receive;
use crate::cli::receiver::{Call, Receiver};
use crate::cli::soap_client::{Identity, Reply, SoapClient};
use crate::config;
use crate::core::accounts::{balances, ledger_sum};
use crate::core::{AccountKind, Amount, Holder, Msisdn, Shortcode};
use crate::mminterface::{
    Caller, CallerHeader, HandsetAnswer, HandsetPayment, HandsetPaymentType, InitiatorFields, PartyFields,
    RequestDocument, ResponseDocument, ResultDocument, read_handset_answer, read_response, read_result,
    write_handset_payment, write_request_document, write_request_envelope,
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
    demonstration: Demonstration,
    credential_certificate: String,
    seams: Seams,
    ca: String,
    certs: PathBuf,
    /// The shop's program, with the right certificate.
    pub shop: SoapClient,
    handset: SoapClient,
}

/// Who calls, as the SOAP header says.
pub struct Claimed<'a> {
    /// The spId.
    pub sp_id: &'a str,
    /// The password that goes into the digest.
    pub password: &'a str,
}

/// A payment that a third party asks for.
#[derive(Clone, Copy)]
pub struct PayOut<'a> {
    /// The command ID.
    pub command: &'a str,
    /// The operator's user name.
    pub initiator: &'a str,
    /// The organization that pays, and whose operator it is.
    pub shortcode: &'a str,
    /// The subscriber who is paid.
    pub receiver: &'a str,
    /// How much.
    pub amount: &'a str,
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
            credential_certificate: read(&certs.join("credential.pem"))?,
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

    /// What the node has committed.
    pub fn store(&self) -> &dyn Store {
        self.node.store()
    }

    /// The secrets and addresses of the deployment.
    pub fn demonstration(&self) -> &Demonstration {
        &self.demonstration
    }

    /// The shop's claim to be itself.
    pub fn shop_claims(&self) -> Claimed<'_> {
        Claimed { sp_id: SP_ID, password: &self.demonstration.sp_password }
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

    /// A new id for a conversation.
    pub fn new_id(&self, what: &str) -> String {
        format!("{}_{what}_{:016x}", BULK.shortcode, self.seams.entropy.u64())
    }

    /// The envelope around a document, with the header that belongs to the claim.
    pub fn envelope(&self, claimed: &Claimed<'_>, document: &str) -> String {
        let time_stamp = "20261123104512";
        let header = CallerHeader {
            sp_id: claimed.sp_id.into(),
            sp_password: Some(sp_password(claimed.sp_id, claimed.password, time_stamp)),
            service_id: Some(format!("{}000", claimed.sp_id)).filter(|id| id == SERVICE_ID),
            time_stamp: Some(time_stamp.into()),
        };
        write_request_envelope(&header, document)
    }

    /// The document that asks for a payment.
    pub fn pay_out(&self, id: &str, order: &PayOut<'_>) -> Result<RequestDocument> {
        let password = &self.demonstration.operator_password;
        Ok(RequestDocument {
            command_id: order.command.into(),
            originator_conversation_id: id.into(),
            remark: Some("November".into()),
            parameters: vec![("Amount".into(), order.amount.into())],
            timestamp: Some("2026-11-23T10:45:12.0000521Z".into()),
            caller: Caller {
                caller_type: "2".into(),
                result_url: Some(self.demonstration.receiver_url("/result")),
                ..Caller::default()
            },
            initiator: Some(InitiatorFields {
                identifier_type: 11,
                identifier: order.initiator.into(),
                security_credential: security_credential(password, &self.credential_certificate)?,
                short_code: Some(order.shortcode.into()),
            }),
            primary_party: Some(party(4, order.shortcode)),
            receiver_party: Some(party(1, order.receiver)),
            key_owner: Some(1),
            ..RequestDocument::default()
        })
    }

    /// A payment that is in order.
    pub fn salary(&self) -> PayOut<'static> {
        let [amina, _] = SUBSCRIBERS;
        PayOut {
            command: "BusinessPayment",
            initiator: PAYER,
            shortcode: BULK.shortcode,
            receiver: amina.msisdn,
            amount: "1000.00",
        }
    }

    /// Posts a document as the shop and reads the answer.
    pub async fn ask(&self, teller: &Teller, path: &str, document: &RequestDocument) -> Result<ResponseDocument> {
        let message = self.envelope(&self.shop_claims(), &write_request_document(document));
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
            transaction_type: HandsetPaymentType::CustomerPayBillOnline,
            msisdn: amina.msisdn.into(),
            short_code: PAYBILL.shortcode.into(),
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

fn party(identifier_type: u32, identifier: &str) -> PartyFields {
    PartyFields { identifier_type, identifier: identifier.into(), short_code: None }
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
