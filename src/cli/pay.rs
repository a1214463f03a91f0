//! `lango pay`: a subscriber's payment, as the handset side's gateway would submit it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::ConfigArgument;
use super::deployment::read_demonstration;
use super::soap_client::{Identity, SoapClient};
use crate::entropy::{Entropy, SystemEntropy};
use crate::mminterface::{HandsetPayment, HandsetPaymentType, read_handset_answer, write_handset_payment};

/// The path of the handset door.
pub(super) const HANDSET_PATH: &str = "/handset/payment";

/// Arguments of `lango pay`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The payer's phone number
    #[arg(long, value_name = "MSISDN")]
    from: String,
    /// The paybill to pay to
    #[arg(long, value_name = "SHORTCODE", conflicts_with = "to_till", required_unless_present = "to_till")]
    to_paybill: Option<String>,
    /// The till to pay to
    #[arg(long, value_name = "SHORTCODE")]
    to_till: Option<String>,
    /// What the payer wants credited: the account number at the paybill
    #[arg(long)]
    account: Option<String>,
    /// How much, e.g. 100 or 99.50
    #[arg(long)]
    amount: String,
    /// The payment's own id; the same one again gets the same answer again
    #[arg(long)]
    session: Option<String>,
}

/// Runs `lango pay`.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let demonstration = read_demonstration(&arguments.config.config)?;
    let handset = &demonstration.file.handset;
    let identity = Identity { certificate: demonstration.read(&handset.cert)?, key: demonstration.read(&handset.key)? };
    let door = address(&demonstration.file.endpoints.handset)?;
    let client = SoapClient::tls(door, &demonstration.read(&handset.ca)?, Some(&identity))?;
    let message = write_handset_payment(&payment(arguments)?);
    let reply = super::runtime()?.block_on(client.post(HANDSET_PATH, message))?;
    let Some(answer) = read_handset_answer(&reply.body) else {
        bail!("the door answered {} with something else: {}", reply.status, reply.text());
    };
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

fn payment(arguments: Arguments) -> Result<HandsetPayment> {
    let (transaction_type, short_code) = match (arguments.to_paybill, arguments.to_till) {
        (Some(paybill), _) => (HandsetPaymentType::CustomerPayBillOnline, paybill),
        (None, Some(till)) => (HandsetPaymentType::CustomerBuyGoodsOnline, till),
        (None, None) => bail!("say to whom: --to-paybill or --to-till"),
    };
    Ok(HandsetPayment {
        session_id: arguments.session.unwrap_or_else(|| format!("pay-{:016x}", SystemEntropy.u64())),
        transaction_type,
        msisdn: arguments.from,
        short_code,
        account_reference: arguments.account,
        amount: arguments.amount,
        timestamp: None,
    })
}

/// The address of a door that is named by a URL.
fn address(url: &str) -> Result<SocketAddr> {
    let authority = url.strip_prefix("https://").unwrap_or(url);
    let mut addresses = authority.to_socket_addrs().with_context(|| format!("{url} is nowhere"))?;
    // The shipped doors listen on the IPv4 loopback address; a name may resolve to both.
    let first = addresses.find(SocketAddr::is_ipv4);
    first.with_context(|| format!("{url} has no IPv4 address"))
}
