//! What is owed is asked of an organization before there is a payment, on a running node: by the handset
//! side's own operation, at the registered query URL, inside the payer's window.

use std::time::Duration;

use hyper::StatusCode;
use lango::cli::receiver::Call;
use lango::mminterface::{PaymentQuery, PaymentQueryResult, write_payment_query_result};

use crate::callback_shop::{Shop, between, run, said, url_of};
use crate::callback_validation::{WINDOW_MILLISECONDS, deployed_with_window};
use crate::house::Deployed;

/// The shop's billing, by the account that is asked for.
fn billing(call: &Call) -> (StatusCode, String) {
    assert_eq!(call.path, "/query", "nothing but queries is expected");
    let of = |name: &str| between(&call.body, &format!("<{name}>"), &format!("</{name}>")).to_owned();
    let query =
        PaymentQuery { trans_id: of("TransID"), bill_ref_number: of("BillRefNumber"), ..PaymentQuery::default() };
    let result = |code: &str| PaymentQueryResult {
        result_code: code.into(),
        result_desc: (code != "0").then(|| "no such bill".to_owned()),
        utility_name: (code == "0").then(|| "Duka".to_owned()),
        customer_name: (code == "0").then(|| "Wanjiku Otieno".to_owned()),
        amount: (code == "0").then(|| "1250.00".to_owned()),
    };
    match query.bill_ref_number.as_str() {
        "known" => (StatusCode::OK, write_payment_query_result(&query, &result("0"))),
        "unknown" => (StatusCode::OK, write_payment_query_result(&query, &result("C2B00012"))),
        "late" => {
            std::thread::sleep(Duration::from_millis(WINDOW_MILLISECONDS + 300));
            (StatusCode::OK, write_payment_query_result(&query, &result("0")))
        }
        "html" => (StatusCode::OK, "<html>our new site is under construction</html>".to_owned()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    }
}

fn ask(deployed: &Deployed, to: &str, account: &str) -> String {
    let output = run(deployed, &["pay", "--query", "--from", "254722000001", "--to-paybill", to, "--account", account]);
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// What must not change by asking.
fn money(deployed: &Deployed) -> String {
    let balances = said(deployed, &["ledger", "balance", "600000"]);
    balances + &said(deployed, &["ledger", "statement", "600000", "utility"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn what_is_owed_is_asked_at_the_query_url_and_told_to_the_payer_and_no_money_moves() {
    let deployed = deployed_with_window().await;
    let _served = deployed.served();
    let before = money(&deployed);
    let (confirmation, query) = (url_of(&deployed, "/confirmation"), url_of(&deployed, "/query"));
    said(&deployed, &["url", "set", "600000", "--confirmation", &confirmation, "--query", &query]);
    let unheard = ask(&deployed, "600000", "known");
    assert!(unheard.contains("The organization did not answer."), "nobody listens yet: {unheard}");
    let shop = Shop::speaking(&deployed, billing).await;
    said(&deployed, &["url", "set", "600000", "--confirmation", &confirmation]);
    let unasked = ask(&deployed, "600000", "known");
    assert!(unasked.contains("does not answer payment queries"), "no query URL is registered: {unasked}");
    let shown = said(&deployed, &["url", "set", "600000", "--confirmation", &confirmation, "--query", &query]);
    assert!(shown.contains(&query), "{shown}");

    let known = ask(&deployed, "600000", "known");
    assert!(known.starts_with("0 "), "{known}");
    for line in ["organization Duka\n", "customer Wanjiku Otieno\n", "amount owed 1250.00\n"] {
        assert!(known.contains(line), "{line:?} is missing in {known}");
    }
    let call = shop.calls.lock().unwrap().last().cloned().unwrap();
    assert_eq!(call.headers.get("soapaction").map(|value| value.as_bytes()), Some(&b"\"QueryC2BPayment\""[..]));
    let trans_id = between(&call.body, "<TransID>", "</TransID>");
    assert!(trans_id.len() == 19 && trans_id.bytes().all(|digit| digit.is_ascii_digit()), "{trans_id}");
    assert!(call.body.contains("<TransType>Pay Bill</TransType>") && call.body.contains("<MSISDN>254722000001<"));

    let unknown = ask(&deployed, "600000", "unknown");
    assert!(unknown.contains("no such bill\n") && unknown.contains("the receiver's code C2B00012\n"), "{unknown}");
    assert!(!unknown.starts_with("0 ") && !unknown.contains("amount owed"), "{unknown}");
    for silent in ["late", "html", "not-found"] {
        let begun = std::time::Instant::now();
        let told = ask(&deployed, "600000", silent);
        assert!(told.contains("The organization did not answer."), "{silent}: {told}");
        assert!(begun.elapsed() < Duration::from_millis(2 * WINDOW_MILLISECONDS + 3000), "{silent}");
    }
    let asked = shop.calls.lock().unwrap().len();
    assert_eq!(asked, 5, "one attempt each");
    let nobody = ask(&deployed, "699999", "known");
    assert!(!nobody.starts_with("0 ") && shop.calls.lock().unwrap().len() == asked, "{nobody}");

    let conversation = between(&known, "conversation ", "\n").to_owned();
    let story = said(&deployed, &["trace", &conversation, "--wire"]);
    let mut rest = story.as_str();
    for leg in [
        "handset side -> lango: what is owed",
        "POST /handset/query HTTP/1.1",
        "lango -> third party: payment query",
        "POST /query HTTP/1.1",
        "third party -> lango: what is owed",
        "<CustomerName>Wanjiku Otieno</CustomerName>",
    ] {
        let (_, after) = rest.split_once(leg).unwrap_or_else(|| panic!("{leg} is missing, or too early, in {story}"));
        rest = after;
    }
    assert_eq!(money(&deployed), before, "a question moved money");
}
