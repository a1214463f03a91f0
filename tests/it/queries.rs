//! Questions through the door, and what a third party that asks twice gets.

use std::sync::Arc;
use std::time::Duration;

use lango::callbacks::{DeliveryId, State, outbox};
use lango::cli::demo::stage::REQUEST_PATH;
use lango::clock::{Clock, ManualClock, SystemClock};
use lango::mminterface::ResultDocument;
use lango::node::Seams;

use crate::door_support::eventually;
use crate::house::{House, seams};
use crate::office::{AMINA, BULK, Office, PARTY, PAYBILL, Wish, operator, pay_out};

/// A store below the paybill.
const STORE: &str = "600001";

fn value<'a>(result: &'a ResultDocument, key: &str) -> &'a str {
    let found = result.parameters.iter().find(|(other, _)| other == key);
    &found.unwrap_or_else(|| panic!("no {key} in {result:?}")).1
}

/// A question of an organization's operator.
fn about<'a>(command: &'a str, home: &'a str, parameters: &'a [(&'a str, &'a str)]) -> Wish<'a> {
    Wish { command, home, primary: None, receiver: Some((4, home)), parameters }
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_of_a_list_names_by_all_three_ids_and_identities_are_told() {
    let mut office = Office::opened().await;
    office.says(&["org", "add", STORE, "--name", "Duka Dogo", "--product", "Paybill Store", "--parent", PAYBILL]);
    for role in ["Balance Query Org API", "Transaction Status Query Org API"] {
        office.says(&["role", "grant", &operator(PAYBILL), role]);
    }
    office.says(&["role", "grant", &operator(BULK), "Transaction Status Query Org API"]);
    office.says(&["ledger", "fund", STORE, "utility", "70"]);

    let list = format!("{PAYBILL};{STORE};{BULK};99999");
    let wanted = [("OrgShortCodeList", list.as_str()), ("AccountType", "Utility Account")];
    let result = office.gets(&about("AccountBalance", PAYBILL, &wanted)).await;
    assert_eq!(
        value(&result, "AccountBalance"),
        "600000|Utility Account|KES|0.00|0.00|0.00|0.00#;600001|Utility Account|KES|70.00|70.00|0.00|0.00\
         #;600100|Failed#;99999|Failed"
    );

    let rolled = office.json(&["ledger", "balance", PAYBILL, "--with-children"]);
    assert_eq!(rolled["organizations"], serde_json::json!([PAYBILL, STORE]));
    let utility = rolled["accounts"].as_array().unwrap().iter().find(|one| one["account"] == "utility").unwrap();
    assert_eq!(utility["current"], "70.00");
    assert!(office.refuses(&["ledger", "balance", AMINA, "--with-children"]).contains("is no organization"));

    let document = office.document(&pay_out(&[("Amount", "120")]));
    let conversation = office.sends(&document).await.conversation_id.unwrap();
    let receipt = office.result().await.transaction_id.unwrap();
    for (key, name) in [
        ("ReceiptNumber", receipt.as_str()),
        ("OriginatorConversationID", &document.originator_conversation_id),
        ("ConversationID", &conversation),
    ] {
        let result = office.gets(&about("TransactionStatusQuery", BULK, &[(key, name)])).await;
        assert_eq!((value(&result, "ReceiptNo"), value(&result, "Amount")), (receipt.as_str(), "120.00"), "{key}");
    }
    let twice = [("ReceiptNumber", receipt.as_str()), ("ConversationID", conversation.as_str())];
    assert_eq!(office.gets(&about("TransactionStatusQuery", BULK, &twice)).await.result_code, "25");

    let ask = |number| Wish {
        command: "CheckIdentity",
        home: BULK,
        primary: Some((4, BULK)),
        receiver: Some((1, number)),
        parameters: &[],
    };
    let result = office.gets(&ask(AMINA)).await;
    assert_eq!(value(&result, "ReceiverPartyPublicName"), "254722000001 - Amina Otieno");
    assert_eq!(value(&result, "B2CRecipientIsRegisteredCustomer"), "Y");
    assert_eq!(office.gets(&ask("254799999999")).await.result_code, "7");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_a_third_party_that_wants_it_gets_15_for_the_same_request_too() {
    let mut office = Office::opened().await;
    let document = office.document(&pay_out(&[("Amount", "120")]));
    let first = office.sends(&document).await;
    assert_eq!(office.result().await.result_code, "0");
    assert_eq!(office.sends(&document).await, first);
    office.says(&["party", "change", PARTY, "--refuse-repeats", "true"]);
    let again = office.sends(&document).await;
    assert_eq!((again.response_code.as_str(), again.conversation_id), ("15", None));
    assert!(office.says(&["party", "show", PARTY]).contains("repeats are 15"));
    office.says(&["party", "change", PARTY, "--refuse-repeats", "false"]);
    assert_eq!(office.sends(&document).await, first);
    assert!(!office.surprised(), "the result was sent again at once");
    assert_eq!(office.available(BULK, "utility"), "99880.00");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_d2_a_repeat_brings_a_lost_result_once_more_under_its_one_id() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let mut house = House::built_with(Seams { clock: Arc::<ManualClock>::clone(&clock), ..seams() }).await;
    let document = house.shop().pay_out("one-id", &house.shop().salary()).unwrap();
    let first = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    let lost = house.stage.call(&house.teller, "/result").await.unwrap();
    let id = DeliveryId::from_text(lost.headers["webhook-id"].to_str().unwrap());
    for _ in 0..2 {
        eventually("the result is delivered", || {
            let loaded = outbox::load(house.stage.store(), &id).unwrap().unwrap();
            let delivered = matches!(loaded.delivery.state, State::Delivered { .. });
            async move { delivered }
        })
        .await;
        // Too soon: nothing can be lost yet.
        assert_eq!(house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap(), first);
        clock.advance(Duration::from_secs(60));
        assert_eq!(house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap(), first);
        let again = house.stage.call(&house.teller, "/result").await.unwrap();
        assert_eq!((&again.headers["webhook-id"], &again.body), (&lost.headers["webhook-id"], &lost.body));
        assert!(house.stage.surprise().is_none());
    }
    house.torn_down().await;
}
