//! The maintenance switch: requests that come while the core is away are kept, and decided once.

use lango::cli::demo::stage::REQUEST_PATH;
use lango::cli::deployment::BULK;
use lango::core::AccountKind;

use crate::house::{House, lango};

fn said(house: &House, arguments: &[&str]) -> String {
    let output = lango().args(arguments).arg("--config").arg(house.dir().join("lango.toml")).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn d4_l6_a_request_that_comes_while_the_core_is_away_is_kept_and_paid_once() {
    let mut house = House::built().await;
    said(&house, &["maintenance", "on", "--reason", "the ledger is moved"]);
    assert!(said(&house, &["status"]).contains("AWAY since "));

    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let id = house.stage.new_id("away");
    let document = house.shop().pay_out(&id, &house.shop().salary()).unwrap();
    let first = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    assert_eq!(first.response_code, "100000000");
    assert_eq!(first.response_desc, "Request was cached, waiting for resending");
    let again = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    assert_eq!(again, first);
    let refused = house.stage.submit(&house.teller, &house.stage.pay_bill("ACC-1", "10.00")).await.unwrap();
    assert_eq!(refused.result_code, "26");
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before);
    assert!(house.stage.surprise().is_none());

    assert!(said(&house, &["maintenance", "off"]).contains("1 requests"));
    let result = house.stage.result(&house.teller).await.unwrap();
    assert_eq!((result.result_code.as_str(), Some(&result.conversation_id)), ("0", first.conversation_id.as_ref()));
    let repeated = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    assert_eq!(repeated, first);
    assert!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap() < before);
    assert!(house.stage.surprise().is_none());
    house.torn_down().await;
}
