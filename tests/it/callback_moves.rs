//! What is undelivered follows the registered URL, on a running node over real sockets: to another one, to
//! none, and back, with one id all the way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::StatusCode;
use lango::mminterface::write_confirmation_result;

use crate::callback_shop::{Shop, json, listed, pay, register, said, url_of, wait_until};
use crate::house::Deployed;

/// A deployment that tries again every second.
async fn impatient() -> Deployed {
    let deployed = Deployed::with_demonstration().await;
    let text = std::fs::read_to_string(deployed.config()).unwrap();
    assert!(text.contains("schedule_seconds = [5, 300, 1800, 7200,"));
    let own = text.replace("schedule_seconds = [5, 300, 1800, 7200,", "schedule_seconds = [1, 1, 1, 1, 1, 1, 1, 1,");
    std::fs::write(deployed.config(), own).unwrap();
    deployed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_retry_goes_where_the_url_was_changed_to_and_waits_while_there_is_none() {
    let deployed = impatient().await;
    let _served = deployed.served();
    register(&deployed);
    let mended = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&mended);
    // The old place never works; the new one does once it is mended.
    let shop = Shop::speaking(&deployed, move |call| match (call.path.as_str(), well.load(Ordering::SeqCst)) {
        ("/mended", true) => (StatusCode::OK, write_confirmation_result("T1")),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    })
    .await;
    let attempts = || -> Vec<serde_json::Value> {
        let rows = [listed(&deployed, "pending"), listed(&deployed, "delivered")].concat();
        let id = rows[0]["id"].as_str().unwrap().to_owned();
        json(&deployed, &["callback", "show", &id])["attempts"].as_array().unwrap().clone()
    };
    let came = |outcome: &str| attempts().iter().any(|attempt| attempt["outcome"] == outcome);
    pay(&deployed);
    wait_until("the old place was tried", || came("server-failed"));

    said(&deployed, &["url", "remove", "600000"]);
    wait_until("it has nowhere to go", || came("forbidden"));
    let before = shop.calls.lock().unwrap().len();
    let to = url_of(&deployed, "/mended");
    said(&deployed, &["url", "set", "600000", "--confirmation", &to]);
    let tried = || shop.calls.lock().unwrap().iter().filter(|call| call.path == "/mended").count();
    wait_until("the new place was tried", || tried() > 0);
    {
        let calls = shop.calls.lock().unwrap();
        assert!(calls[before..].iter().all(|call| call.path == "/mended"), "the old place was called again");
    }
    mended.store(true, Ordering::SeqCst);
    wait_until("it is delivered", || listed(&deployed, "delivered").len() == 1);
    let calls = shop.calls.lock().unwrap();
    let ids: BTreeSet<&str> = calls.iter().map(|call| call.headers["webhook-id"].to_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "d2: the id changed on the way");
}
