//! The maintenance switch: requests that come while the core is away are kept, and decided once; or they
//! expire, and are never executed.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// What expires is cancelled and told in one commit: its sender gets its own envelope back, without the
/// header, and when the core is back nothing is executed (D4).
#[tokio::test(flavor = "multi_thread")]
async fn d4_a_request_that_expires_while_the_core_is_away_is_told_with_its_envelope_and_never_executed() {
    let mut house = House::built().await;
    let services = house.dir().join("catalogue/services.toml");
    let text = fs::read_to_string(&services).unwrap();
    fs::write(&services, text.replace("channel = \"api\"\n", "channel = \"api\"\nrequest_seconds_max = 2\n")).unwrap();
    said(&house, &["catalogue", "reload"]);
    said(&house, &["maintenance", "on", "--reason", "the ledger is moved"]);
    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let id = house.stage.new_id("expires");
    let document = house.shop().pay_out(&id, &house.shop().salary()).unwrap();
    let kept = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    assert_eq!(kept.response_code, "100000000");

    let notice = house.stage.call(&house.teller, "/timeout").await.unwrap();
    let within = |element: &str| {
        let (_, rest) = notice.body.split_once(&format!("<loc:{element}>")).unwrap_or_else(|| panic!("{notice:?}"));
        rest.split_once("</loc:").unwrap().0.to_owned()
    };
    assert_eq!(within("originatorConversationID"), id);
    let encoded: String = within("originRequest").split_whitespace().collect();
    let original = String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap();
    let credential = &document.initiator.as_ref().unwrap().security_credential;
    for part in ["Envelope", "Body", "RequestMsg", id.as_str(), credential.as_str()] {
        assert!(original.contains(part), "{part} is missing in {original}");
    }
    for part in ["Header", "spPassword", "spId"] {
        assert!(!original.contains(part), "s5: {part} is in {original}");
    }

    assert!(said(&house, &["maintenance", "off"]).contains("0 requests"));
    // The same request again is answered as before, and changes nothing any more.
    assert_eq!(house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap(), kept);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(house.stage.surprise().is_none(), "it was told twice, or executed");
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before);
    let listed = said(&house, &["callback", "list", "--state", "delivered", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (listed["callbacks"].as_array().unwrap().len(), &listed["callbacks"][0]["kind"]),
        (1, &"timeout".into())
    );
    let story = said(&house, &["trace", &id, "--wire"]);
    assert!(story.contains("<loc:originRequest>****<"), "s5: {story}");
    house.torn_down().await;
}
