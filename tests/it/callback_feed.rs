//! The feed, through the third parties' door.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lango::access::sp_password;
use lango::callbacks::{Callback, DeliveryId, Kind, enqueue};
use lango::cli::demo::stage::REQUEST_PATH;
use lango::clock::{Clock, SystemClock};
use lango::entropy::SystemEntropy;
use lango::store::WriteSet;

use crate::callback_shop::between;
use crate::house::House;

const FEED_PATH: &str = "/feed/callbacks";

/// GetCallbacks as the shop's program sends it; `owner` is the ShortCode, none leaves it out.
fn query(house: &House, password: Option<&str>, owner: Option<&str>, from: u64) -> String {
    let claimed = house.shop().claim();
    let sample = include_str!("../../src/mminterface/samples/get_callbacks.xml");
    let time = between(sample, ":timeStamp>", "<");
    let digest = sp_password(claimed.sp_id, password.unwrap_or(claimed.password), time);
    let owner = owner.map_or_else(String::new, |owner| format!("<feed:ShortCode>{owner}</feed:ShortCode>"));
    sample
        .replace(between(sample, ":spId>", "<"), claimed.sp_id)
        .replace(between(sample, ":spPassword>", "<"), &digest)
        .replace("<feed:ShortCode>600000</feed:ShortCode>", &owner)
        .replace(">17<", &format!(">{from}<"))
}

async fn ask(house: &House, message: String) -> String {
    house.stage.shop.post(FEED_PATH, message).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_d8_the_owner_fetches_what_it_missed_and_nobody_elses() {
    let mut house = House::built().await;
    let bulk = house.shop().salary().shortcode.to_owned();
    let mut sent = Vec::new();
    for amount in ["1000.00", "1001.00", "1002.00"] {
        let id = house.stage.new_id("feed");
        let order = lango::cli::deployment::PayOut { amount, ..house.shop().salary() };
        let document = house.shop().pay_out(&id, &order).unwrap();
        house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
        sent.push(house.stage.call(&house.teller, "/result").await.unwrap());
    }
    let told = ask(&house, query(&house, None, Some(&bulk), 2)).await;
    assert!(told.contains("<feed:ResponseCode>00000000<"), "{told}");
    assert!(told.contains("<feed:NextNumber>4<") && told.contains("<feed:NewestNumber>3<"), "{told}");
    let callbacks: Vec<&str> = told.split("<feed:Callback>").skip(1).collect();
    assert_eq!(callbacks.len(), 2);
    for (callback, call) in callbacks.iter().zip(&sent[1..]) {
        let field = |name: &str| between(callback, &format!("<feed:{name}>"), "<");
        let header = |name: &str| call.headers[name].to_str().unwrap();
        assert_eq!((field("Number"), field("DeliveryID")), (header("lango-number"), header("webhook-id")));
        assert_eq!((field("Kind"), field("URL")), ("result", house.stage.receiver_url("/result").as_str()));
        assert_eq!(STANDARD.decode(field("Message")).unwrap(), call.body.as_bytes(), "not what was sent");
    }

    // Another organization has a callback; whether it has makes no difference to a stranger.
    let mut write_set = WriteSet::new();
    let callback = Callback {
        kind: Kind::Result,
        owner: "700000".into(),
        third_party: "jirani".into(),
        url: "https://jirani.example/".into(),
        payload: b"secret".to_vec(),
    };
    enqueue(&mut write_set, callback, DeliveryId::draw(&SystemEntropy), SystemClock.now(), Vec::new());
    house.stage.store().commit(write_set).await.unwrap();
    let theirs = ask(&house, query(&house, None, Some("700000"), 1)).await;
    let nobodys = ask(&house, query(&house, None, Some("700001"), 1)).await;
    assert!(theirs.contains("100000010") && !theirs.contains("Callback"), "s1: {theirs}");
    assert_eq!(theirs, nobodys, "s1: what is another's is told from what is nobody's");
    for dressed in ["party/jirani", "600100/1", "../700000"] {
        let told = ask(&house, query(&house, None, Some(dressed), 1)).await;
        assert!(told.contains("100000010"), "s1: {dressed}: {told}");
    }
    let own = ask(&house, query(&house, None, None, 1)).await;
    assert!(own.contains("<feed:NewestNumber>0<") && !own.contains("<feed:Callback>"), "{own}");
    let wrong = ask(&house, query(&house, Some("Wrong#2026"), Some(&bulk), 1)).await;
    assert!(wrong.contains("100000007") && !wrong.contains("Callback"), "{wrong}");

    let wsdl = house.stage.shop.fetch(&format!("{FEED_PATH}?wsdl")).await.unwrap();
    assert!(wsdl.status == 200 && wsdl.text().contains("GetCallbacksResponse"));
    house.torn_down().await;
}
