//! An organization is asked about a payment, on a running node: what it says, when it says it, and
//! what the payer's side is told.

use std::time::Duration;

use hyper::StatusCode;
use lango::cli::receiver::Call;
use lango::mminterface::{ValidationResult, write_confirmation_result, write_validation_result};

use crate::callback_shop::{Shop, between, run, said, url_of, wait_until};
use crate::house::Deployed;

/// The payer's window of these tests.
pub const WINDOW_MILLISECONDS: u64 = 1500;

/// How the shop answers a validation, by the account that the payer typed.
struct Row {
    account: &'static str,
    code: &'static str,
    after_milliseconds: u64,
    default: &'static str,
    paid: bool,
}

const fn row(
    account: &'static str,
    code: &'static str,
    after_milliseconds: u64,
    default: &'static str,
    paid: bool,
) -> Row {
    Row { account, code, after_milliseconds, default, paid }
}

fn shop_that_answers(rows: &'static [Row]) -> impl Fn(&Call) -> (StatusCode, String) + Send + Sync + 'static {
    move |call| {
        if call.path != "/validation" {
            return (StatusCode::OK, write_confirmation_result("T1"));
        }
        let account = between(&call.body, "<BillRefNumber>", "</BillRefNumber>");
        let row = rows.iter().find(|row| row.account == account).unwrap();
        std::thread::sleep(Duration::from_millis(row.after_milliseconds));
        let verdict = ValidationResult {
            result_code: row.code.into(),
            result_desc: None,
            third_party_trans_id: Some(format!("duka-{account}")),
        };
        (StatusCode::OK, write_validation_result(&verdict))
    }
}

pub async fn deployed_with_window() -> Deployed {
    let deployed = Deployed::with_demonstration().await;
    let text = std::fs::read_to_string(deployed.config()).unwrap();
    let own = format!("validation_milliseconds_max = {WINDOW_MILLISECONDS}");
    assert!(text.contains("validation_milliseconds_max = 8000"));
    std::fs::write(deployed.config(), text.replace("validation_milliseconds_max = 8000", &own)).unwrap();
    deployed
}

fn register(deployed: &Deployed, default: &str) {
    let (confirmation, validation) = (url_of(deployed, "/confirmation"), url_of(deployed, "/validation"));
    let urls = ["--confirmation", &confirmation, "--validation", &validation, "--default", default];
    said(deployed, &[&["url", "set", "600000"][..], &urls].concat());
}

fn pay(deployed: &Deployed, account: &str, session: &str) -> String {
    let to = ["--from", "254722000001", "--to-paybill", "600000", "--amount", "1"];
    let output = run(deployed, &[&["pay"][..], &to, &["--account", account, "--session", session]].concat());
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn d5_a_payment_follows_what_was_answered_in_time_and_the_default_otherwise() {
    static ROWS: [Row; 7] = [
        row("yes", "0", 0, "cancelled", true),
        row("zeros", "00000000", 0, "cancelled", true),
        row("unknown-account", "C2B00012", 0, "completed", false),
        row("made-up", "-17", 0, "completed", false),
        row("just-in-time", "0", WINDOW_MILLISECONDS - 500, "cancelled", true),
        row("late-yes", "0", WINDOW_MILLISECONDS + 300, "cancelled", false),
        row("late-no", "C2B00012", WINDOW_MILLISECONDS + 300, "completed", true),
    ];
    let deployed = deployed_with_window().await;
    let _served = deployed.served();
    let shop = Shop::speaking(&deployed, shop_that_answers(&ROWS)).await;
    for row in &ROWS {
        register(&deployed, row.default);
        let told = pay(&deployed, row.account, row.account);
        assert_eq!(told.starts_with("0 "), row.paid, "{}: {told}", row.account);
        let in_time = row.after_milliseconds < WINDOW_MILLISECONDS;
        let refused = in_time && !row.paid;
        assert_eq!(told.contains(&format!("the receiver's code {}\n", row.code)), refused, "{}: {told}", row.account);
        if row.paid {
            let receipt = between(&(told + "\n"), "receipt ", "\n").to_owned();
            let confirmed = || shop.confirmed().into_iter().find(|call| call.receipt == receipt);
            wait_until("its confirmation", || confirmed().is_some());
            let echoed = shop.calls.lock().unwrap().iter().any(|call| {
                call.path == "/confirmation"
                    && call.body.contains(&format!("<ThirdPartyTransID>duka-{}</ThirdPartyTransID>", row.account))
            });
            assert_eq!(echoed, in_time, "{}: ThirdPartyTransID", row.account);
        }
    }
    // The late answers have come by now, and changed nothing.
    std::thread::sleep(Duration::from_millis(500));
    let paid = ROWS.iter().filter(|row| row.paid).count();
    assert_eq!(shop.receipts().len(), paid, "d5: a late answer completed a payment");
    for row in &ROWS {
        let before = pay(&deployed, row.account, row.account);
        assert_eq!(before.starts_with("0 "), row.paid, "{}: the same session was told otherwise later", row.account);
    }
    let receipt = |told: &str| between(&format!("{told}\n"), "receipt ", "\n").to_owned();
    let paid = receipt(&pay(&deployed, "yes", "yes"));
    wait_until("the story of a payment", || said(&deployed, &["trace", &paid]).contains("acknowledgement"));
    let story = said(&deployed, &["trace", &paid, "--wire"]);
    let mut rest = story.as_str();
    for leg in [
        "handset side -> lango: the payment",
        "<SessionID>yes</SessionID>",
        "lango -> third party: validation",
        "POST /validation HTTP/1.1",
        "<BillRefNumber>yes</BillRefNumber>",
        "third party -> lango: its verdict",
        "<ResultCode>0</ResultCode>",
        "lango -> third party: confirmation",
        "POST /confirmation HTTP/1.1",
        "third party -> lango: acknowledgement",
    ] {
        let (_, after) = rest.split_once(leg).unwrap_or_else(|| panic!("{leg} is missing, or too early, in {story}"));
        rest = after;
    }
    let late = said(&deployed, &["trace", &receipt(&pay(&deployed, "late-no", "late-no"))]);
    assert!(late.contains("nothing came back"), "{late}");
    let asked = shop.calls.lock().unwrap().iter().filter(|call| call.path == "/validation").count();
    assert_eq!(asked, ROWS.len(), "each payment is asked about once, however often it is submitted");
}

/// What was asked before the node was killed is cancelled when its reservation runs out, whatever the default
/// action says: nobody was told that it was paid. The answer, when it comes, finds nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn d5_l3_a_yes_to_a_payment_that_was_cancelled_by_a_kill_changes_nothing() {
    static ROWS: [Row; 2] = [row("asked", "0", 1200, "completed", false), row("after", "0", 0, "completed", true)];
    let deployed = deployed_with_window().await;
    let served = deployed.served();
    let shop = Shop::speaking(&deployed, shop_that_answers(&ROWS)).await;
    register(&deployed, "completed");
    let balances = || said(&deployed, &["ledger", "balance", "254722000001"]);
    let before = balances();
    let told = std::thread::scope(|scope| {
        let asking = scope.spawn(|| pay(&deployed, "asked", "one-session"));
        wait_until("it is asked about", || shop.calls.lock().unwrap().len() == 1);
        assert_ne!(balances(), before, "the money is reserved meanwhile");
        served.killed();
        asking.join().unwrap()
    });
    assert!(!told.starts_with("0 "), "{told}");
    let _served = deployed.served();
    // That is when the payer's window is over, though the catalogue has it last for a minute.
    wait_until("the reservation is given back", || balances() == before);
    // By now the yes has come.
    std::thread::sleep(Duration::from_millis(1500));
    let told = pay(&deployed, "asked", "one-session");
    assert!(!told.starts_with("0 ") && !told.is_empty(), "the same session was told otherwise later: {told}");
    assert_eq!((balances(), shop.receipts().len()), (before.clone(), 0));
    assert!(pay(&deployed, "after", "another-session").starts_with("0 "));
    assert_ne!(balances(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn a_payment_submitted_twice_at_once_is_asked_about_once() {
    static ROWS: [Row; 1] = [row("slow", "0", 700, "cancelled", true)];
    let deployed = deployed_with_window().await;
    let _served = deployed.served();
    let shop = Shop::speaking(&deployed, shop_that_answers(&ROWS)).await;
    register(&deployed, "cancelled");
    let twice: Vec<String> = std::thread::scope(|scope| {
        let both = [0, 1].map(|_| scope.spawn(|| pay(&deployed, "slow", "one-session")));
        both.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let paid = twice.iter().filter(|told| told.starts_with("0 ")).count();
    let waits = twice.iter().filter(|told| told.starts_with("100000000 ")).count();
    assert_eq!((paid, waits), (1, 1), "{twice:?}");
    wait_until("its confirmation", || shop.receipts().len() == 1);
    let asked = shop.calls.lock().unwrap().iter().filter(|call| call.path == "/validation").count();
    assert_eq!(asked, 1);
}
