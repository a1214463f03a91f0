//! The form in which each organization gets its messages, on a running node: chosen by an operator, in force
//! from the next message on, for that organization alone, what waits included.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use lango::cli::demo::stage::REQUEST_PATH;
use lango::cli::receiver::Call;
use lango::mminterface::{ValidationResult, write_confirmation_result, write_validation_result};

use crate::callback_shop::{Shop, listed, pay, run, said, url_of, wait_until};
use crate::door_support::says;
use crate::house::{Deployed, House};

/// Says yes to validations, and to confirmations when the shop is open.
fn answers(open: &AtomicBool, call: &Call) -> (StatusCode, String) {
    let yes = ValidationResult { result_code: "0".into(), result_desc: None, third_party_trans_id: None };
    match (call.path.as_str(), open.load(Ordering::SeqCst)) {
        ("/validation", _) => (StatusCode::OK, write_validation_result(&yes)),
        (_, true) => (StatusCode::OK, write_confirmation_result("T1")),
        (_, false) => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_organization_gets_its_payments_in_the_form_that_was_chosen_for_it_what_waits_included() {
    let deployed = Deployed::with_demonstration().await;
    let _served = deployed.served();
    let (confirmation, validation) = (url_of(&deployed, "/confirmation"), url_of(&deployed, "/validation"));
    said(&deployed, &["url", "set", "600000", "--confirmation", &confirmation, "--validation", &validation]);
    let open = Arc::new(AtomicBool::new(true));
    let opened = Arc::clone(&open);
    let shop = Shop::speaking(&deployed, move |call| answers(&opened, call)).await;
    let newest = |path: &str| {
        let calls = shop.calls.lock().unwrap();
        calls.iter().rev().find(|call| call.path == path).unwrap().body.clone()
    };
    let live = ["<TransType>Pay Bill</TransType>", "<ns1:C2BPayment"];
    let document = ["<TransactionType>PayBill</TransactionType>", "<c2b:C2BPayment"];
    pay(&deployed);
    wait_until("the confirmation", || listed(&deployed, "delivered").len() == 1);
    for path in ["/validation", "/confirmation"] {
        assert!(live.iter().all(|part| newest(path).contains(part)), "{path}: {}", newest(path));
    }

    // It is committed in one form, and sent in another that was chosen while it waited.
    open.store(false, Ordering::SeqCst);
    pay(&deployed);
    wait_until("a retry waits", || listed(&deployed, "pending").iter().any(|row| row["attempts_made"] == 1));
    assert!(live.iter().all(|part| newest("/validation").contains(part)));
    let chosen = said(&deployed, &["style", "set", "600000", "c2b=document"]);
    assert!(chosen.contains("joined"), "{chosen}");
    open.store(true, Ordering::SeqCst);
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 2);
    assert!(document.iter().all(|part| newest("/confirmation").contains(part)), "{}", newest("/confirmation"));
    pay(&deployed);
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 3);
    for path in ["/validation", "/confirmation"] {
        assert!(document.iter().all(|part| newest(path).contains(part)), "{path}: {}", newest(path));
    }

    let senseless = run(&deployed, &["style", "set", "600000", "c2b=baroque"]);
    assert!(!senseless.status.success());
    assert!(said(&deployed, &["style", "show", "600000"]).contains("joined"), "what was refused changed something");
    assert!(said(&deployed, &["style", "show", "600100"]).contains("apart"), "another organization's changed, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_gets_results_in_its_own_form_unless_the_organization_has_one() {
    let mut house = House::built().await;
    let result = async |house: &mut House, name: &str| {
        let document = house.shop().pay_out(&house.stage.new_id(name), &house.shop().salary()).unwrap();
        house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
        house.stage.call(&house.teller, "/result").await.unwrap().body
    };
    let set = |house: &House, owner: &str, form: &str| {
        let (good, told) = says(house.dir(), &["style", "set", owner, form]);
        assert!(good, "{told}");
    };
    assert!(result(&mut house, "standard").await.contains("<Result xmlns=\"http"));
    let party = format!("party/{}", house.shop().file.third_party.name);
    set(&house, &party, "result=lower-case");
    assert!(result(&mut house, "lower").await.contains("<result>"));
    set(&house, lango::cli::deployment::BULK.shortcode, "result=draft");
    let draft = result(&mut house, "draft").await;
    assert!(draft.contains("<ConversationId>") && draft.contains("req:ResultMsg"), "{draft}");
    house.torn_down().await;
}
