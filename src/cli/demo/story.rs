//! What goes well: URLs are registered, a salary is paid, a customer pays a bill, and a payment that
//! the shop does not want goes back.

use anyhow::Result;

use super::stage::{REGISTER_PATH, REQUEST_PATH, Stage, money};
use super::teller::Teller;
use crate::cli::deployment::{BULK, PAYBILL, SUBSCRIBERS, shillings};
use crate::cli::receive::UNKNOWN_ACCOUNT;
use crate::core::AccountKind;
use crate::mminterface::{Caller, PartyFields, RequestDocument};

/// Plays it.
pub(super) async fn play(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    register_urls(stage, teller).await?;
    salary(stage, teller).await?;
    pay_bill(stage, teller).await?;
    refused_by_the_shop(stage, teller).await
}

async fn register_urls(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    teller.scene("The shop says where its payments are validated and confirmed");
    let registration = RequestDocument {
        command_id: "RegisterURL".into(),
        originator_conversation_id: "Reg-266-1126".into(),
        parameters: vec![("ResponseType".into(), "Cancelled".into())],
        reference_data: vec![
            ("ValidationURL".into(), stage.receiver_url("/validation")),
            ("ConfirmationURL".into(), stage.receiver_url("/confirmation")),
        ],
        caller: Caller { caller_type: "0".into(), ..Caller::default() },
        primary_party: Some(PartyFields {
            identifier_type: 1,
            identifier: String::new(),
            short_code: Some(PAYBILL.shortcode.into()),
        }),
        key_owner: Some(1),
        ..RequestDocument::default()
    };
    let response = stage.ask(teller, REGISTER_PATH, &registration).await?;
    let outcome = format!("{} {}", response.response_code, response.response_desc);
    teller.line("shop -> lango", &format!("RegisterURL for {}", PAYBILL.shortcode), &outcome);
    teller.expect("the answer", &outcome, &"00000000 success".to_owned());
    Ok(())
}

async fn salary(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    teller.scene("A salary is paid; the same request sent twice pays once");
    let [amina, _] = SUBSCRIBERS;
    let (utility, purse) = (stage.funds(BULK.shortcode, AccountKind::Utility)?, stage.purse(amina.msisdn)?);
    let charges = stage.funds(BULK.shortcode, AccountKind::ChargesPaid)?;
    let id = stage.new_id("salary");
    let shop = stage.demonstration().clone();
    let order = shop.salary();
    let what = format!("{} {} {} -> {}", order.command, order.amount, order.shortcode, order.receiver);
    let response = stage.ask(teller, REQUEST_PATH, &shop.pay_out(&id, &order)?).await?;
    let conversation = response.conversation_id.clone().unwrap_or_default();
    teller.line("shop -> lango", &what, &format!("{} {conversation}", response.response_code));
    teller.expect("the answer's code", &response.response_code, &"0".to_owned());
    teller.expect("the id that comes back", &response.originator_conversation_id, &Some(id.clone()));

    let result = stage.result(teller).await?;
    let receipt = result.transaction_id.clone().unwrap_or_default();
    teller.line(
        "lango -> shop",
        &format!("result, receipt {receipt}"),
        &format!("{} acknowledged", result.result_code),
    );
    teller.expect("the result's code", &result.result_code, &"0".to_owned());
    teller.expect("the result's conversation", &result.conversation_id, &conversation);
    teller.expect("the receipt's length", &receipt.len(), &10);
    let parameter =
        |key: &str| result.parameters.iter().find(|(other, _)| other == key).map(|(_, value)| value.clone());
    let expected = |text: String| Some(text);
    teller.expect("TransactionAmount", &parameter("TransactionAmount"), &expected("1000.00".into()));
    teller.expect(
        "B2CUtilityAccountAvailableFunds",
        &parameter("B2CUtilityAccountAvailableFunds"),
        &expected(money(utility - shillings(1000))),
    );

    // A client that never saw its answer sends the same again: new padding, the same payload.
    let repeated = stage.ask(teller, REQUEST_PATH, &shop.pay_out(&id, &order)?).await?;
    let again = repeated.conversation_id.unwrap_or_default();
    teller.line("shop -> lango", "the same request again", &format!("{} {again}", repeated.response_code));
    teller.expect("the repeat's conversation", &again, &conversation);

    moved(teller, "600100 Utility", utility, stage.funds(BULK.shortcode, AccountKind::Utility)?, -shillings(1000));
    moved(teller, "600100 Charges", charges, stage.funds(BULK.shortcode, AccountKind::ChargesPaid)?, -shillings(5));
    moved(teller, "Amina", purse, stage.purse(amina.msisdn)?, shillings(1000));
    Ok(())
}

async fn pay_bill(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    teller.scene("A customer pays a bill; the shop is asked first and told afterwards");
    let [amina, _] = SUBSCRIBERS;
    let (purse, utility) = (stage.purse(amina.msisdn)?, stage.funds(PAYBILL.shortcode, AccountKind::Utility)?);
    let answer = stage.submit(teller, &stage.pay_bill("INV-7", "1200")).await?;
    let receipt = answer.transaction_id.clone().unwrap_or_default();
    teller.line(
        "phone -> lango",
        "pay bill 600000, account INV-7, 1200.00",
        &format!("{} {receipt}", answer.result_code),
    );
    teller.expect("the phone's answer", &answer.result_code, &"0".to_owned());

    let validation = stage.call(teller, "/validation").await?;
    teller.line("lango -> shop", "validation", "0 accepted");
    teller.expect_that("the validation names the receipt", validation.body.contains(&format!("<TransID>{receipt}<")));
    let confirmation = stage.call(teller, "/confirmation").await?;
    teller.line("lango -> shop", "confirmation", "acknowledged");
    let after = stage.funds(PAYBILL.shortcode, AccountKind::Utility)?;
    for (element, value) in [
        ("TransID", receipt.clone()),
        ("TransAmount", "1200.00".to_owned()),
        ("BillRefNumber", "INV-7".to_owned()),
        ("OrgAccountBalance", money(after)),
        ("ThirdPartyTransID", "duka-1".to_owned()),
        ("MSISDN", amina.msisdn.to_owned()),
    ] {
        let expected = format!("<{element}>{value}</{element}>");
        teller.expect_that(&format!("the confirmation says {expected}"), confirmation.body.contains(&expected));
    }
    // 1,200 is in the band of 10 for the customer and 5 for the business (domain.md 6).
    moved(teller, "Amina", purse, stage.purse(amina.msisdn)?, -shillings(1210));
    moved(teller, "600000 Utility", utility, after, shillings(1200));
    teller.expect("the balance that the phone shows", &answer.balance, &Some(money(stage.purse(amina.msisdn)?)));
    Ok(())
}

async fn refused_by_the_shop(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    teller.scene("The shop refuses a payment; the money goes back");
    let [amina, _] = SUBSCRIBERS;
    let (purse, utility) = (stage.purse(amina.msisdn)?, stage.funds(PAYBILL.shortcode, AccountKind::Utility)?);
    let answer = stage.submit(teller, &stage.pay_bill(UNKNOWN_ACCOUNT, "300")).await?;
    teller.line(
        "phone -> lango",
        &format!("pay bill 600000, account {UNKNOWN_ACCOUNT}, 300.00"),
        &format!("{} {}", answer.result_code, answer.result_desc),
    );
    teller.expect_that("the payment was not made", answer.result_code != "0");
    stage.call(teller, "/validation").await?;
    teller.line("lango -> shop", "validation", "C2B00012 refused");
    moved(teller, "Amina", purse, stage.purse(amina.msisdn)?, 0);
    moved(teller, "600000 Utility", utility, stage.funds(PAYBILL.shortcode, AccountKind::Utility)?, 0);
    teller.expect_that("there is no confirmation", stage.surprise().is_none());
    Ok(())
}

/// Tells of a balance, which must have moved by so much.
fn moved(teller: &mut Teller, account: &str, before: i64, after: i64, by: i64) {
    teller.line("", account, &format!("{} -> {}", money(before), money(after)));
    teller.expect(&format!("the balance of {account}"), &after, &(before + by));
}
