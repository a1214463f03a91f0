//! What is refused, one gate after the other, and that nothing moved.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;

use super::stage::{REQUEST_PATH, Stage, answer, money, post};
use super::teller::Teller;
use crate::cli::deployment::{BULK, CASHIER, CLERK, Claimed, PAYBILL, PayOut, SUBSCRIBERS, envelope_around};
use crate::cli::soap_client::SoapClient;
use crate::core::AccountKind;
use crate::mminterface::write_request_document;

/// An address that is in no network of the whitelist.
const FOREIGN_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));

/// Plays it.
pub(super) async fn play(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    let before = funds(stage)?;
    teller.scene("Who may not come in is not let in");
    closed(stage, teller, "an address that is not in the whitelist", stage.shop.clone().from_address(FOREIGN_ADDRESS))
        .await?;
    closed(stage, teller, "no client certificate", stage.program(None)?).await?;
    closed(stage, teller, "a certificate that is nobody's", stage.stranger()?).await?;

    teller.scene("Who is not who they say gets one and the same answer");
    let shop = stage.demonstration().clone();
    let neighbour = stage.neighbour()?;
    claims(stage, teller, "the spId of another than the certificate", &neighbour, shop.claim()).await?;
    let wrong = Claimed { password: "Wrong#2026", ..shop.claim() };
    claims(stage, teller, "a wrong spPassword", &stage.shop.clone(), wrong).await?;

    teller.scene("What is no proper request is answered with the reason");
    let salary = shop.salary();
    let unknown = PayOut { command: "BusinessPaymnt", ..salary };
    let document = write_request_document(&shop.pay_out(&stage.new_id("unknown"), &unknown)?);
    refused(stage, teller, "a command that does not exist", &document, "1002").await?;
    let good = write_request_document(&shop.pay_out(&stage.new_id("violation"), &salary)?);
    let violation = good.replace("<IdentifierType>11<", "<IdentifierType>eleven<");
    refused(stage, teller, "an IdentifierType that is no number", &violation, "1005").await?;
    malformed(stage, teller, &good).await?;

    teller.scene("What the core forbids is accepted, decided, and reported");
    decided(stage, teller, "a Web role on the API channel", PayOut { initiator: CLERK, ..salary }, "21").await?;
    let not_granted = PayOut { initiator: CASHIER, shortcode: PAYBILL.shortcode, ..salary };
    decided(stage, teller, "a command that is not in the product", not_granted, "2028").await?;
    let too_much = PayOut { amount: "150000", ..salary };
    decided(stage, teller, "more than the account has", too_much, "1").await?;

    let after = funds(stage)?;
    teller.line("", "600100 Utility after all that", &format!("{} -> {}", money(before[0]), money(after[0])));
    teller.expect("the balances after all refusals", &after, &before);
    teller.expect_that("nobody was told of anything else", stage.surprise().is_none());
    Ok(())
}

fn funds(stage: &Stage) -> Result<[i64; 3]> {
    let [amina, _] = SUBSCRIBERS;
    Ok([
        stage.funds(BULK.shortcode, AccountKind::Utility)?,
        stage.funds(PAYBILL.shortcode, AccountKind::Utility)?,
        stage.purse(amina.msisdn)?,
    ])
}

/// The connection must end without an answer.
async fn closed(stage: &Stage, teller: &mut Teller, what: &str, program: SoapClient) -> Result<()> {
    let shop = stage.demonstration();
    let message = shop.envelope(shop.claim(), &shop.pay_out(&stage.new_id("closed"), &shop.salary())?);
    let outcome = post(teller, &program, REQUEST_PATH, message).await;
    let told = match &outcome {
        Ok(reply) => format!("answered {}", reply.status),
        Err(_) => "connection closed".to_owned(),
    };
    teller.line("? -> lango", what, &told);
    teller.expect(what, &told, &"connection closed".to_owned());
    Ok(())
}

/// The claim to be the shop must be refused.
async fn claims(
    stage: &Stage,
    teller: &mut Teller,
    what: &str,
    program: &SoapClient,
    claimed: Claimed<'_>,
) -> Result<()> {
    let shop = stage.demonstration();
    let message = shop.envelope(claimed, &shop.pay_out(&stage.new_id("claim"), &shop.salary())?);
    let response = answer(&post(teller, program, REQUEST_PATH, message).await?)?;
    teller.line("? -> lango", what, &format!("{} {}", response.response_code, response.response_desc));
    teller.expect(what, &response.response_code, &"100000007".to_owned());
    Ok(())
}

/// The document must be refused with this code.
async fn refused(stage: &Stage, teller: &mut Teller, what: &str, document: &str, code: &str) -> Result<()> {
    let message = envelope_around(stage.demonstration().claim(), document);
    let response = answer(&post(teller, &stage.shop, REQUEST_PATH, message).await?)?;
    teller.line("shop -> lango", what, &format!("{} {}", response.response_code, response.response_desc));
    teller.expect(what, &response.response_code, &code.to_owned());
    Ok(())
}

/// An envelope that breaks off is a SOAP fault.
async fn malformed(stage: &Stage, teller: &mut Teller, document: &str) -> Result<()> {
    let message = envelope_around(stage.demonstration().claim(), document);
    let broken = message.replace("</soapenv:Body>", "</soapenv:Bod>");
    let reply = post(teller, &stage.shop, REQUEST_PATH, broken).await?;
    let fault = reply.text().contains("Fault>");
    let outcome = format!("{} {}", reply.status.as_u16(), if fault { "SOAP fault" } else { "no fault" });
    teller.line("shop -> lango", "malformed XML", &outcome);
    teller.expect("malformed XML", &outcome, &"500 SOAP fault".to_owned());
    Ok(())
}

/// The request must be accepted, and its result have this code.
async fn decided(stage: &mut Stage, teller: &mut Teller, what: &str, order: PayOut<'_>, code: &str) -> Result<()> {
    let document = stage.demonstration().pay_out(&stage.new_id("decided"), &order)?;
    let response = stage.ask(teller, REQUEST_PATH, &document).await?;
    teller.expect(&format!("the answer to {what}"), &response.response_code, &"0".to_owned());
    let result = stage.result(teller).await?;
    teller.line("shop -> lango", what, &format!("{} {}", result.result_code, result.result_desc));
    teller.expect(what, &result.result_code, &code.to_owned());
    teller.expect("the result's conversation", &Some(result.conversation_id), &response.conversation_id);
    Ok(())
}
