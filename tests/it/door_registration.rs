//! RegisterURL at the door: from where it may come is the catalogue's to say, and to which hosts callbacks
//! may go is the whitelist's.

use std::fs;

use lango::cli::demo::stage::{REGISTER_PATH, REQUEST_PATH};
use lango::cli::deployment::{PAYBILL, THIRD_PARTY};
use lango::mminterface::{Caller, PartyFields, RequestDocument};

use crate::door_support::{eventually, says};
use crate::house::House;

const REFUSED: &str = "100000007";
const REGISTERED: &str = "00000000";

/// A RegisterURL as most programs write it: without Initiator and Timestamp.
pub fn registration(url: &str) -> RequestDocument {
    RequestDocument {
        command_id: "RegisterURL".into(),
        originator_conversation_id: "Reg-266-1126".into(),
        parameters: vec![("ResponseType".into(), "Cancelled".into())],
        reference_data: vec![("ConfirmationURL".into(), url.to_owned())],
        caller: Caller { caller_type: "0".into(), ..Caller::default() },
        primary_party: Some(PartyFields {
            identifier_type: 1,
            identifier: String::new(),
            short_code: Some(PAYBILL.shortcode.into()),
        }),
        key_owner: Some(1),
        ..RequestDocument::default()
    }
}

/// The code with which it is answered.
async fn registers(house: &House, url: &str) -> String {
    house.stage.ask(&house.teller, REGISTER_PATH, &registration(url)).await.unwrap().response_code
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_says_from_which_network_urls_may_be_registered() {
    let house = House::built().await;
    let whitelist = house.dir().join("whitelist.toml");
    let list = fs::read_to_string(&whitelist).unwrap();
    let url = house.stage.receiver_url("/confirmation");
    house.stage.access().reload_whitelist(&list.replace("kind = \"vpn\"", "kind = \"internet\"")).unwrap();
    assert_eq!(registers(&house, &url).await, REGISTERED, "an address on the internet is enough");
    let payment = house.shop().pay_out("from-outside", &house.shop().salary()).unwrap();
    let answer = house.stage.ask(&house.teller, REQUEST_PATH, &payment).await.unwrap();
    assert_eq!(answer.response_code, REFUSED, "a payment came over the internet");

    let services = house.dir().join("catalogue/services.toml");
    let text = fs::read_to_string(&services).unwrap();
    fs::write(&services, text.replace("network = \"internet\"", "network = \"vpn\"")).unwrap();
    let (good, said) = says(house.dir(), &["reload"]);
    assert!(good, "{said}");
    // The reload took up the whitelist's file, too.
    house.stage.access().reload_whitelist(&list.replace("kind = \"vpn\"", "kind = \"internet\"")).unwrap();
    assert_eq!(registers(&house, &url).await, REFUSED, "the catalogue asks for the VPN");
    let (good, said) = says(house.dir(), &["whitelist", "test", "127.0.0.1", "--command", "RegisterURL"]);
    assert!(good, "{said}");
    house.stage.access().reload_whitelist(&list).unwrap();
    assert_eq!(registers(&house, &url).await, REGISTERED);
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_host_comes_and_goes_by_command_while_the_node_runs() {
    let house = House::built().await;
    let url = "https://pay.duka.example:8443/confirmation";
    assert_eq!(registers(&house, url).await, "100000005", "it is not on the list");
    let add = ["whitelist", "add-host", THIRD_PARTY, "pay.duka.example", "--port", "443", "--port", "8443"];
    let (good, said) = says(house.dir(), &[&add[..], &["--comment", "ticket 4711"]].concat());
    assert!(good && said.contains("takes it up within two seconds"), "{said}");
    eventually("it may be registered", async || registers(&house, url).await == REGISTERED).await;
    assert!(!says(house.dir(), &add).0, "it was added twice");
    let (_, said) = says(house.dir(), &["whitelist", "show"]);
    assert!(said.contains("callbacks to pay.duka.example:443:8443 (ticket 4711)"), "{said}");

    let (good, said) = says(house.dir(), &["whitelist", "remove-host", THIRD_PARTY, "pay.duka.example"]);
    assert!(good, "{said}");
    eventually("it may not be registered", async || registers(&house, url).await == "100000005").await;
    let log = fs::read_to_string(house.dir().join("data/audit.log")).unwrap();
    for change in [
        r#""after":"allowed (ticket 4711)","before":"none","entry":"callback host pay.duka.example:443:8443""#,
        r#""after":"none","before":"allowed (ticket 4711)","entry":"callback host pay.duka.example:443:8443""#,
    ] {
        assert!(log.contains(change), "{change}: {log}");
    }
    house.torn_down().await;
}
