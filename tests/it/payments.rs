//! Payments through the doors: once, whatever the callers and the machine do.

use std::sync::Arc;
use std::time::Duration;

use lango::cli::demo::stage::{REQUEST_PATH, answer};
use lango::cli::deployment::{BULK, CASHIER, PAYBILL, PayOut, SUBSCRIBERS, shillings};
use lango::cli::receiver::Receiver;
use lango::cli::soap_client::Identity;
use lango::core::accounts::{balances, ledger_sum};
use lango::core::{AccountKind, Amount, Holder, Msisdn, Shortcode};
use lango::mminterface::{read_response, read_result, write_acknowledgement};

use lango::store::Store;

use crate::callback_shop::{account, wait_until};
use crate::house::{self, Deployed, House, PATIENCE};

const REPEATS: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn l6_one_request_sent_many_times_at_once_pays_once() {
    let mut house = House::built().await;
    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let document = house.shop().pay_out("one-id", &house.shop().salary()).unwrap();
    let message = house.shop().envelope(house.shop().claim(), &document);
    let calls: Vec<_> = (0..REPEATS)
        .map(|_| {
            let (shop, message) = (house.stage.shop.clone(), message.clone());
            tokio::spawn(async move { answer(&shop.post(REQUEST_PATH, message).await.unwrap()).unwrap() })
        })
        .collect();
    let mut conversations = Vec::new();
    for call in calls {
        let response = call.await.unwrap();
        assert_eq!(response.response_code, "0");
        conversations.push(response.conversation_id.unwrap());
    }
    conversations.dedup();
    assert_eq!(conversations.len(), 1, "one request began several conversations");
    let result = house.stage.result(&house.teller).await.unwrap();
    assert_eq!((result.result_code.as_str(), &result.conversation_id), ("0", &conversations[0]));
    // One shilling band: 1,000 plus nothing from Utility; the charge is Charges Paid's.
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before - shillings(1000));
    assert!(house.stage.surprise().is_none(), "d2: more than one result");
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_another_payload_under_a_used_id_is_15_and_moves_nothing() {
    let mut house = House::built().await;
    let shop = house.shop().clone();
    let salary = shop.salary();
    let first = house.shop().pay_out("one-id", &salary).unwrap();
    assert_eq!(house.stage.ask(&house.teller, REQUEST_PATH, &first).await.unwrap().response_code, "0");
    house.stage.result(&house.teller).await.unwrap();
    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let other = house.shop().pay_out("one-id", &PayOut { amount: "2000", ..salary }).unwrap();
    let response = house.stage.ask(&house.teller, REQUEST_PATH, &other).await.unwrap();
    assert_eq!(response.response_code, "15");
    assert_eq!(response.response_desc, "Duplicate OriginatorConversationID.");
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before);
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_an_operator_does_not_pay_out_of_another_organization() {
    let mut house = House::built().await;
    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let shop = house.shop().clone();
    let order = PayOut { initiator: CASHIER, shortcode: PAYBILL.shortcode, ..shop.salary() };
    let mut document = house.shop().pay_out("thief", &order).unwrap();
    document.primary_party.as_mut().unwrap().identifier = BULK.shortcode.into();
    let response = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    assert_eq!(response.response_code, "0");
    let result = house.stage.result(&house.teller).await.unwrap();
    assert_ne!(result.result_code, "0");
    assert!(result.parameters.is_empty(), "the result tells of another's account: {result:?}");
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before);
    house.torn_down().await;
}

/// The operator, its password and its credential are right; the third party is another's.
#[tokio::test(flavor = "multi_thread")]
async fn s1_a_third_party_does_not_speak_for_the_operators_of_others() {
    let deployed = Deployed::with_demonstration().await;
    deployed.change_third_party(|party| party.shortcodes = vec![PAYBILL.shortcode.into()]).await;

    let served = deployed.served();
    let program = &deployed.demonstration;
    let receiver = &program.file.receiver;
    let read = |path| program.read(path).unwrap();
    let listener = house::listener(receiver.port).await;
    let server = Identity { certificate: read(&receiver.cert), key: read(&receiver.key) };
    let script = Arc::new(|_: &lango::cli::receiver::Call| (hyper::StatusCode::OK, String::new()));
    let mut receiver = Receiver::start(listener, &server, &read(&receiver.client_ca), script).unwrap();
    let shop = deployed.program();
    let salary = program.pay_out("stranger", &program.salary()).unwrap();
    let reply = shop.post(REQUEST_PATH, program.envelope(program.claim(), &salary)).await.unwrap();
    assert_eq!(read_response(&reply.body).unwrap().response_code, "0");
    let call = receiver.next(PATIENCE).await.expect("the result never came");
    assert_eq!(read_result(call.body.as_bytes()).unwrap().result_code, "2001");
    served.terminated();
}

#[tokio::test(flavor = "multi_thread")]
async fn l6_a_handset_payment_sent_again_gets_the_same_answer_and_pays_once() {
    let house = House::built().await;
    let [amina, _] = SUBSCRIBERS;
    let payment = house.stage.pay_bill("X", "100");
    let first = house.stage.submit(&house.teller, &payment).await.unwrap();
    let second = house.stage.submit(&house.teller, &payment).await.unwrap();
    assert_eq!((first.result_code.as_str(), &first.transaction_id), ("0", &second.transaction_id));
    assert_eq!(first.balance, second.balance);
    assert_eq!(house.stage.purse(amina.msisdn).unwrap(), amina.balance - shillings(100));
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn l2_a_purse_emptied_by_many_payments_at_once_never_goes_below_zero() {
    let house = Arc::new(House::built().await);
    let [amina, _] = SUBSCRIBERS;
    // Ten of these are more than she has: 5,000 for 1,000 and a charge each.
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let house = Arc::clone(&house);
            let payment = house.stage.pay_bill("X", "1000");
            tokio::spawn(async move { house.stage.submit(&house.teller, &payment).await.unwrap().result_code })
        })
        .collect();
    let mut codes = Vec::new();
    for call in calls {
        codes.push(call.await.unwrap());
    }
    let paid = codes.iter().filter(|code| *code == "0").count();
    assert_eq!(paid, 4, "{codes:?}");
    assert!(codes.iter().all(|code| code == "0" || code == "1"), "{codes:?}");
    assert_eq!(house.stage.purse(amina.msisdn).unwrap(), amina.balance - 4 * shillings(1010));
    let house = Arc::try_unwrap(house).unwrap_or_else(|_| panic!("a payment still holds the house"));
    house.torn_down().await;
}

/// The binary is killed as soon as it has answered 0, and started again: the payment is made, once,
/// and its result arrives.
#[tokio::test(flavor = "multi_thread")]
async fn d1_what_was_accepted_before_a_kill_is_decided_and_told_after_it() {
    let deployed = Deployed::with_demonstration().await;
    let demonstration = deployed.demonstration.clone();
    let file = &demonstration.file;
    let identity =
        |cert, key| Identity { certificate: demonstration.read(cert).unwrap(), key: demonstration.read(key).unwrap() };
    let ca = demonstration.read(&file.third_party.ca).unwrap();
    let served = deployed.served();
    let shop = deployed.program();
    let salary = demonstration.pay_out("before-the-kill", &demonstration.salary()).unwrap();
    let message = demonstration.envelope(demonstration.claim(), &salary);
    let reply = shop.post(REQUEST_PATH, message).await.unwrap();
    let response = read_response(&reply.body).unwrap();
    served.killed();
    assert_eq!(response.response_code, "0");

    let listener = house::listener(file.receiver.port).await;
    let script = Arc::new(|_: &lango::cli::receiver::Call| {
        (hyper::StatusCode::OK, write_acknowledgement("00000000", "success"))
    });
    let mut receiver =
        Receiver::start(listener, &identity(&file.receiver.cert, &file.receiver.key), &ca, script).unwrap();
    let served = deployed.served();
    let call = receiver.next(PATIENCE).await.expect("the result never came");
    let result = read_result(call.body.as_bytes()).unwrap();
    assert_eq!((result.result_code.as_str(), Some(result.conversation_id)), ("0", response.conversation_id));
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    tokio::task::spawn_blocking(move || check_books(&deployed)).await.unwrap();
}

fn check_books(deployed: &Deployed) {
    let settings = lango::config::load(&deployed.config()).unwrap();
    let store = lango::node::open_store(&settings).unwrap();
    assert_eq!(ledger_sum(&*store).unwrap(), 0);
    let utility = balances(&*store, &Holder::Organization(Shortcode::parse(BULK.shortcode).unwrap())).unwrap();
    let utility = utility.into_iter().find(|(kind, _)| *kind == AccountKind::Utility).unwrap().1;
    assert_eq!(utility.available, BULK.utility - shillings(1000), "the payment was not made exactly once");
    let catalogue = lango::core::Catalogue::shipped().unwrap();
    let msisdn = Msisdn::parse(SUBSCRIBERS[0].msisdn, catalogue.numbering()).unwrap();
    let purse = balances(&*store, &Holder::Subscriber(msisdn)).unwrap();
    assert_eq!(purse[0].1.available, SUBSCRIBERS[0].balance + shillings(1000));
    store.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_does_not_leave_its_request_half_done() {
    let mut house = House::built().await;
    let before = house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap();
    let document = house.shop().pay_out("gone", &house.shop().salary()).unwrap();
    let message = house.shop().envelope(house.shop().claim(), &document);
    let shop = house.stage.shop.clone();
    // The whole request goes out; then the caller is gone, with or without its answer.
    let hasty = tokio::spawn(async move { shop.post(REQUEST_PATH, message).await });
    let result = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap() != before || hasty.is_finished() {
            hasty.abort();
            break house.stage.result(&house.teller).await.unwrap();
        }
    };
    assert_eq!(result.result_code, "0");
    assert_eq!(house.stage.funds(BULK.shortcode, AccountKind::Utility).unwrap(), before - shillings(1000));
    house.torn_down().await;
}

/// Its endpoint is a part of keys, and no index takes keys of any length.
#[tokio::test(flavor = "multi_thread")]
async fn d6_a_host_name_longer_than_any_key_leaves_the_node_as_it_is() {
    let deployed = Deployed::with_demonstration().await;
    // So nothing is called in its place.
    deployed.change_third_party(|party| party.result_url = None).await;

    let served = deployed.served();
    let (program, shop) = (&deployed.demonstration, deployed.program());
    let mut long = program.pay_out("long", &program.salary()).unwrap();
    long.caller.result_url = Some(format!("https://{}.example/result", "a".repeat(70_000)));
    let reply = shop.post(REQUEST_PATH, program.envelope(program.claim(), &long)).await.unwrap();
    assert_eq!(read_response(&reply.body).unwrap().response_code, "0");
    let left = Amount::from_minor(BULK.utility - shillings(1000)).to_string();
    wait_until("it is paid", || account(&deployed, BULK.shortcode, "utility")["available"] == *left);
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    let store = lango::node::open_store(&lango::config::load(&deployed.config()).unwrap()).unwrap();
    store.checkpoint();
    assert_eq!((store.health().refusing, store.health().checkpoint), (None, store.health().sequence));
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    tokio::task::spawn_blocking(move || check_books(&deployed)).await.unwrap();
}
