//! `lango pay`: a payment made on a phone, as the handset side's gateway would submit it.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{ArgGroup, Args};

use super::ConfigArgument;
use super::deployment::read_demonstration;
use super::soap_client::{Identity, Reply, SoapClient};
use crate::config;
use crate::entropy::{Entropy, SystemEntropy};
use crate::mminterface::{
    HandsetParty, HandsetPayment, HandsetQuery, read_fault, read_handset_answer, read_handset_query_answer,
    write_handset_payment, write_handset_query,
};

/// The path of the handset door.
pub(super) const HANDSET_PATH: &str = "/handset/payment";

/// The path by which the handset side asks what is owed.
const HANDSET_QUERY_PATH: &str = "/handset/query";

/// Arguments of `lango pay`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("payer").required(true)), group(ArgGroup::new("payee").required(true)))]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    gateway: Gateway,
    /// The subscriber who pays
    #[arg(long, value_name = "MSISDN", group = "payer")]
    from: Option<String>,
    /// The agent who pays: a subscriber's cash is paid in (--to)
    #[arg(long, value_name = "SHORTCODE", group = "payer")]
    from_agent: Option<String>,
    /// The paybill to pay to
    #[arg(long, value_name = "SHORTCODE", group = "payee")]
    to_paybill: Option<String>,
    /// The till to pay to
    #[arg(long, value_name = "SHORTCODE", group = "payee")]
    to_till: Option<String>,
    /// The agent who gives cash for it
    #[arg(long, value_name = "SHORTCODE", group = "payee")]
    to_agent: Option<String>,
    /// The subscriber who gets it
    #[arg(long, value_name = "MSISDN", group = "payee")]
    to: Option<String>,
    /// Another handset command of the catalogue than the one that payer and payee stand for
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,
    /// What the payer wants credited: the account number at the paybill
    #[arg(long)]
    account: Option<String>,
    /// How much, e.g. 100 or 99.50
    #[arg(long, required_unless_present = "query")]
    amount: Option<String>,
    /// Only ask the organization what is owed on the account; nothing is paid
    #[arg(long, requires_all = ["from", "account"], conflicts_with_all = ["to", "to_agent", "session"])]
    query: bool,
    /// The payment's own id; the same one again gets the same answer again
    #[arg(long)]
    session: Option<String>,
}

/// As which gateway; the demonstration's if nothing is said.
#[derive(Debug, Args)]
struct Gateway {
    /// The gateway's client certificate (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["key", "ca"])]
    certificate: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Who signed the door's certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    ca: Option<PathBuf>,
}

/// Runs `lango pay`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let client = client(&arguments.config.config, &arguments.gateway)?;
    if arguments.query {
        return ask(&client, arguments);
    }
    let message = write_handset_payment(&payment(arguments)?);
    let reply = super::runtime()?.block_on(client.post(HANDSET_PATH, message))?;
    let Some(answer) = read_handset_answer(&reply.body) else { return Err(not_taken(&reply)) };
    println!("{} {}", answer.result_code, answer.result_desc);
    if let Some(receipt) = &answer.transaction_id {
        println!("receipt {receipt}");
    }
    if let Some(code) = &answer.receiver_code {
        println!("the receiver's code {code}");
    }
    if let Some(balance) = &answer.balance {
        println!("balance {balance}");
    }
    Ok(if answer.result_code == "0" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Asks what is owed, and prints what the organization says.
fn ask(client: &SoapClient, arguments: Arguments) -> Result<ExitCode> {
    let amount = arguments.amount.clone();
    let would_be = payment(arguments)?;
    let (HandsetParty::Msisdn(msisdn), HandsetParty::ShortCode(short_code)) = (would_be.payer, would_be.payee) else {
        bail!("a subscriber asks an organization: --from and --to-paybill or --to-till");
    };
    let query = HandsetQuery {
        transaction_type: would_be.transaction_type,
        msisdn,
        short_code,
        account_reference: would_be.account_reference.unwrap_or_default(),
        amount,
    };
    let reply = super::runtime()?.block_on(client.post(HANDSET_QUERY_PATH, write_handset_query(&query)))?;
    let Some(answer) = read_handset_query_answer(&reply.body) else { return Err(not_taken(&reply)) };
    println!("{} {}", answer.result_code, answer.result_desc);
    for (what, said) in [
        ("the receiver's code", &answer.receiver_code),
        ("organization", &answer.utility_name),
        ("customer", &answer.customer_name),
        ("amount owed", &answer.amount),
        ("conversation", &answer.conversation_id),
    ] {
        if let Some(said) = said {
            println!("{what} {said}");
        }
    }
    Ok(if answer.result_code == "0" { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why the door did not take a message.
fn not_taken(reply: &Reply) -> anyhow::Error {
    match read_fault(&reply.body) {
        Some(reason) => anyhow!("the door does not take it: {reason}"),
        None => anyhow!("the door answered {} with something else: {}", reply.status, reply.text()),
    }
}

/// The handset door, as somebody who may come in.
fn client(config: &Path, gateway: &Gateway) -> Result<SoapClient> {
    if let Gateway { certificate: Some(certificate), key: Some(key), ca: Some(ca) } = gateway {
        let identity = Identity { certificate: read(certificate)?, key: read(key)? };
        let mut door = config::load(config)?.doors.handset.listen;
        if door.ip().is_unspecified() {
            door.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        return SoapClient::tls(door, &read(ca)?, Some(&identity));
    }
    let demonstration = read_demonstration(config)
        .context("there is no demonstration here; say as which gateway: --certificate, --key and --ca")?;
    let handset = &demonstration.file.handset;
    let identity = Identity { certificate: demonstration.read(&handset.cert)?, key: demonstration.read(&handset.key)? };
    let door = address(&demonstration.file.endpoints.handset)?;
    SoapClient::tls(door, &demonstration.read(&handset.ca)?, Some(&identity))
}

fn payment(arguments: Arguments) -> Result<HandsetPayment> {
    let Arguments { from, from_agent, to_paybill, to_till, to_agent, to, .. } = arguments;
    let from_subscriber = from.is_some();
    let payer = from.map(HandsetParty::Msisdn).or(from_agent.map(HandsetParty::ShortCode));
    let (usual, payee) = match (to_paybill, to_till, to_agent, to) {
        (Some(paybill), ..) => ("CustomerPayBillOnline", Some(HandsetParty::ShortCode(paybill))),
        (_, Some(till), ..) => ("CustomerBuyGoodsOnline", Some(HandsetParty::ShortCode(till))),
        (_, _, Some(agent), _) => ("CustomerWithdrawal", Some(HandsetParty::ShortCode(agent))),
        (_, _, _, to) if from_subscriber => ("SendMoney", to.map(HandsetParty::Msisdn)),
        (_, _, _, to) => ("AgentDeposit", to.map(HandsetParty::Msisdn)),
    };
    let (Some(payer), Some(payee)) = (payer, payee) else { bail!("say who pays and who is paid") };
    Ok(HandsetPayment {
        session_id: arguments.session.unwrap_or_else(|| format!("pay-{:016x}", SystemEntropy.u64())),
        transaction_type: arguments.command.unwrap_or_else(|| usual.to_owned()),
        payer,
        payee,
        account_reference: arguments.account,
        amount: arguments.amount.unwrap_or_default(),
        timestamp: None,
    })
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// The address of a door that is named by a URL.
fn address(url: &str) -> Result<SocketAddr> {
    let authority = url.strip_prefix("https://").unwrap_or(url);
    let mut addresses = authority.to_socket_addrs().with_context(|| format!("{url} is nowhere"))?;
    // The shipped doors listen on the IPv4 loopback address; a name may resolve to both.
    let first = addresses.find(SocketAddr::is_ipv4);
    first.with_context(|| format!("{url} has no IPv4 address"))
}
