//! `lango callback` and `lango url` as operators use them, on a running node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use lango::cli::receiver::Call;
use serde_json::Value;

use crate::callback_shop::{Shop, json, listed, pay, register, run, said, url_of, wait_until};
use crate::house::Deployed;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_dead_letter_is_listed_shown_and_replayed_with_the_same_id() {
    let deployed = Deployed::with_demonstration().await;
    let _served = deployed.served();
    register(&deployed);
    let gone = Arc::new(AtomicBool::new(true));
    let refusing = Arc::clone(&gone);
    let shop =
        Shop::open(&deployed, move |_| if refusing.load(Ordering::SeqCst) { StatusCode::GONE } else { StatusCode::OK })
            .await;
    let receipts = [pay(&deployed), pay(&deployed)];
    wait_until("two dead letters", || listed(&deployed, "dead").len() == 2);
    let dead = listed(&deployed, "dead");
    let numbers: Vec<&Value> = dead.iter().map(|row| &row["number"]).collect();
    assert_eq!(numbers, [1, 2], "the order is not that of the numbers");

    let id = dead[0]["id"].as_str().unwrap();
    let shown = json(&deployed, &["callback", "show", id]);
    assert_eq!((&shown["attempts"][0]["status"], &shown["attempts"][0]["tls"]), (&410.into(), &"TLS 1.3".into()));
    assert_eq!(shown["attempts"][0]["outcome"], "gone");
    let answer = shown["attempts"][0]["answer"].as_str().unwrap();
    assert!(answer.contains("C2BPaymentConfirmationResult"), "{answer}");
    let told = said(&deployed, &["callback", "show", id]);
    assert!(told.contains("confirmation, number 1 of 600000") && told.contains("410"), "{told}");
    assert!(told.contains(" TLS  HTTP ") && told.contains(" 1.3  410 "), "{told}");
    assert!(told.contains("answer to 1\n    | ") && told.contains("C2BPaymentConfirmationResult"), "{told}");
    let table = said(&deployed, &["callback", "list"]);
    assert!(table.starts_with("ID ") && table.contains(id) && table.contains("dead"), "{table}");
    let page = json(&deployed, &["callback", "list", "--limit", "1"]);
    let mark = page["next"].as_str().unwrap();
    let rest = json(&deployed, &["callback", "list", "--after", mark]);
    assert_eq!((&page["callbacks"][0]["number"], &rest["callbacks"][0]["number"]), (&1.into(), &2.into()));
    for (arguments, count) in
        [(["--shortcode", "600000"], 2), (["--shortcode", "600100"], 0), (["--since", "1h"], 2), (["--since", "0s"], 0)]
    {
        let found = json(&deployed, &[&["callback", "list"][..], &arguments].concat());
        assert_eq!(found["callbacks"].as_array().unwrap().len(), count, "{arguments:?}");
    }

    gone.store(false, Ordering::SeqCst);
    said(&deployed, &["callback", "replay", id]);
    wait_until("the replayed one is delivered", || listed(&deployed, "delivered").len() == 1);
    let all = said(&deployed, &["callback", "replay", "--dead", "--shortcode", "600000"]);
    assert!(all.contains("1 of 1 callbacks"), "{all}");
    wait_until("both are delivered", || {
        listed(&deployed, "delivered").len() == 2 && listed(&deployed, "dead").is_empty()
    });

    let again = ["callback", "replay", "--shortcode", "600000", "--since", "1h", "--until", "0s"];
    assert!(said(&deployed, &again).contains("2 of 2 callbacks"));
    wait_until("both came once more", || shop.confirmed().len() == 6);
    let before_all = said(&deployed, &["callback", "replay", "--shortcode", "600000", "--until", "1h"]);
    assert!(before_all.contains("0 of 0 callbacks"), "{before_all}");

    let confirmed = shop.confirmed();
    let of = |receipt: &str| confirmed.iter().filter(|call| call.receipt == *receipt).collect::<Vec<_>>();
    for receipt in &receipts {
        let calls = of(receipt);
        assert_eq!(calls.len(), 3, "{confirmed:?}");
        assert!(calls.iter().all(|call| call.delivery == calls[0].delivery), "d2: the id changed");
        assert_eq!((calls[0].attempt.as_str(), calls[1].attempt.as_str()), ("1", "2"));
    }
    for nothing in [&["callback", "replay", "msg_none"][..], &["callback", "show", "msg_none"]] {
        assert_eq!(run(&deployed, nothing).status.code(), Some(1), "{nothing:?}");
    }
    let senseless = ["callback", "replay", id, "--dead"];
    assert_eq!(run(&deployed, &senseless).status.code(), Some(64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn urls_are_set_read_back_kept_and_pinged_step_by_step() {
    let deployed = Deployed::with_demonstration().await;
    let _served = deployed.served();
    let none = run(&deployed, &["url", "show", "600000"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no URLs are registered for 600000"));
    for verb in ["show", "history", "ping", "remove"] {
        let unknown = run(&deployed, &["url", verb, "999999"]);
        assert_eq!(unknown.status.code(), Some(1), "{verb}");
        assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no organization 999999"), "{unknown:?}");
    }
    let none = json(&deployed, &["url", "history", "600000"]);
    assert_eq!(none["registrations"].as_array().unwrap().len(), 0, "known, and without a history");
    register(&deployed);
    let (confirmation, validation) = (url_of(&deployed, "/confirmation"), url_of(&deployed, "/validation"));
    let more = ["url", "set", "600000", "--confirmation", &confirmation, "--validation", &validation];
    said(&deployed, &more);
    let shown = json(&deployed, &["url", "show", "600000"]);
    assert_eq!((&shown["validation"], &shown["default_action"]), (&validation.clone().into(), &"Cancelled".into()));
    let history = json(&deployed, &["url", "history", "600000"]);
    assert_eq!(history["registrations"].as_array().unwrap().len(), 2);
    assert_eq!(history["registrations"][0]["validation"], Value::Null);
    for (url, shortcode, why) in [
        ("https://elsewhere.example.com/", "600000", "list"),
        ("ftp://127.0.0.1/", "600000", "neither https nor http"),
        (confirmation.as_str(), "999999", "no organization"),
    ] {
        let refused = run(&deployed, &["url", "set", shortcode, "--confirmation", url]);
        assert!(!refused.status.success());
        assert!(String::from_utf8_lossy(&refused.stderr).contains(why), "{url}: {refused:?}");
    }
    assert_eq!(json(&deployed, &["url", "show", "600000"]), shown, "what was refused changed something");

    // All or none: the second shortcode has no organization, so the first keeps what it had.
    let some = run(&deployed, &["url", "set", "600100", "999999", "--confirmation", &confirmation]);
    assert!(!some.status.success());
    assert!(!run(&deployed, &["url", "show", "600100"]).status.success(), "half of it was set");
    said(&deployed, &["url", "set", "600000", "600100", "--confirmation", &confirmation, "--validation", &validation]);
    for loss in [&["party", "change", "duka", "--remove-shortcode", "600100"][..], &["party", "remove", "duka"]] {
        let refused = run(&deployed, loss);
        assert!(!refused.status.success(), "s1: it would be told of payments of an organization that it lost");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("lango url remove 600"), "{refused:?}");
    }
    said(&deployed, &["url", "remove", "600100"]);
    said(&deployed, &["party", "change", "duka", "--remove-shortcode", "600100"]);
    said(&deployed, &["party", "change", "duka", "--add-shortcode", "600100"]);
    assert!(!run(&deployed, &["url", "show", "600100"]).status.success(), "it was not removed");
    let history = json(&deployed, &["url", "history", "600100"]);
    assert_eq!(history["registrations"].as_array().unwrap().len(), 2);
    assert_ne!(history["registrations"][1]["removed_at"], Value::Null);

    let nobody = run(&deployed, &["url", "ping", "600000"]);
    let told = String::from_utf8(nobody.stdout).unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(told.contains("address  ok") && told.contains("connect  FAILED") && !told.contains("tls "), "{told}");

    let shop = Shop::open(&deployed, |_| StatusCode::OK).await;
    let told = said(&deployed, &["url", "ping", "600000"]);
    for step in ["rules", "name", "address", "connect", "tls", "http", "soap"] {
        assert_eq!(told.matches(&format!("  {step:8} ok ")).count(), 2, "{step} in {told}");
    }
    assert!(told.contains("TLSv1_3"), "{told}");
    let calls = shop.calls.lock().unwrap();
    assert!(calls.iter().all(|call| call.headers.contains_key("lango-ping") && !call.body.contains("TransID")));
    drop(calls);

    let query = url_of(&deployed, "/query");
    said(&deployed, &["url", "set", "600000", "--confirmation", &confirmation, "--query", &query]);
    let told = said(&deployed, &["url", "ping", "600000"]);
    assert!(told.contains(&query) && told.contains(&confirmation) && !told.contains(&validation), "{told}");
    let calls = shop.calls.lock().unwrap();
    let paths: Vec<&str> = calls.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["/validation", "/confirmation", "/confirmation", "/query"]);
    assert!(calls.iter().all(|call| call.headers.contains_key("lango-ping") && !call.body.contains("MSISDN")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s5_keys_are_made_shown_rotated_and_retired_and_sign_what_is_sent() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    register(&deployed);
    let shop = Shop::open(&deployed, |_| StatusCode::OK).await;
    let sent = |count: usize| {
        pay(&deployed);
        wait_until("a confirmation", || shop.confirmed().len() == count);
        let calls = shop.calls.lock().unwrap();
        calls.last().unwrap().clone()
    };
    assert!(!sent(1).headers.contains_key("webhook-signature"), "signed without keys");
    let first = json(&deployed, &["url", "key", "rotate", "duka"]);
    let call = sent(2);
    assert!(verified(&call, &first) == (true, true) && signatures(&call).len() == 2);

    let second = json(&deployed, &["url", "key", "rotate", "duka", "--overlap", "1h"]);
    let call = sent(3);
    assert_eq!(signatures(&call).len(), 4, "two keys, each with both signatures");
    assert!(verified(&call, &first) == (true, true) && verified(&call, &second) == (true, true));
    let third = run(&deployed, &["url", "key", "rotate", "duka"]);
    assert!(String::from_utf8_lossy(&third.stderr).contains("two keys sign already"), "{third:?}");
    said(&deployed, &["url", "key", "retire", "duka"]);
    let call = sent(4);
    assert!(verified(&call, &first) == (false, false) && verified(&call, &second) == (true, true));

    let shown = said(&deployed, &["url", "key", "show", "duka"]);
    assert!(shown.contains(second["public"].as_str().unwrap()) && !shown.contains("whsec_"), "{shown}");
    assert_eq!(run(&deployed, &["url", "key", "rotate", "nobody"]).status.code(), Some(1));
    said(&deployed, &["url", "key", "remove", "duka"]);
    assert!(!sent(5).headers.contains_key("webhook-signature"));

    let (_, logged) = served.terminated();
    for made in [&first, &second] {
        let secret = made["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap();
        assert!(!logged.contains(secret), "s5: a secret is in the log");
        let found = std::process::Command::new("grep").args(["-rlF", secret]).arg(deployed.dir()).output().unwrap();
        assert!(found.stdout.is_empty(), "s5: a secret is in {}", String::from_utf8_lossy(&found.stdout));
    }
}

fn signatures(call: &Call) -> Vec<(String, Vec<u8>)> {
    let header = call.headers["webhook-signature"].to_str().unwrap();
    let parts = header.split(' ').map(|part| part.split_once(',').unwrap());
    parts.map(|(version, text)| (version.to_owned(), STANDARD.decode(text).unwrap())).collect()
}

/// Whether a signature of each kind verifies with what the command printed, as a receiver does it.
fn verified(call: &Call, made: &Value) -> (bool, bool) {
    let header = |name: &str| call.headers[name].to_str().unwrap();
    let message = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), call.body);
    let decoded =
        |name: &str, prefix: &str| STANDARD.decode(made[name].as_str().unwrap().strip_prefix(prefix).unwrap()).unwrap();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, &decoded("secret", "whsec_"));
    let public = UnparsedPublicKey::new(&ED25519, decoded("public", "whpk_"));
    let any = |version: &str, verifies: &dyn Fn(&[u8]) -> bool| {
        signatures(call).iter().any(|(found, signature)| found == version && verifies(signature))
    };
    (
        any("v1", &|signature| hmac::verify(&secret, message.as_bytes(), signature).is_ok()),
        any("v1a", &|signature| public.verify(message.as_bytes(), signature).is_ok()),
    )
}
