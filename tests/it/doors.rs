//! The doors beside the two that carry payments.

use std::fs;

use lango::access::{Secret, Vault, third_party};
use lango::cli::deployment::{THIRD_PARTY, read_demonstration};
use lango::cli::soap_client::SoapClient;
use lango::entropy::SystemEntropy;
use lango::mminterface::read_response;
use lango::store::Store;

use crate::house::{Deployed, House, free_address};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_told_on_their_own_door() {
    let mut house = House::built().await;
    let document = house.stage.pay_out("counted", &house.stage.salary()).unwrap();
    house.stage.ask(&house.teller, "/mminterface/request", &document).await.unwrap();
    house.stage.result(&house.teller).await.unwrap();
    let metrics = SoapClient::plain(house.stage.addresses().metrics);
    assert_eq!(metrics.fetch("/livez").await.unwrap().status, 200);
    assert_eq!(metrics.fetch("/readyz").await.unwrap().status, 200);
    let page = metrics.fetch("/metrics").await.unwrap().text();
    for line in [
        "lango_answers_total{code=\"0\"}",
        "lango_commits_total{outcome=\"committed\"}",
        "lango_requests_total{door=\"third_party\",status=\"200\"}",
    ] {
        assert!(page.contains(line), "{line} is missing:\n{page}");
    }
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_no_secret_of_the_demonstration_is_in_its_data() {
    let mut house = House::built().await;
    let document = house.stage.pay_out("secret", &house.stage.salary()).unwrap();
    let credential = document.initiator.as_ref().unwrap().security_credential.clone();
    house.stage.ask(&house.teller, "/mminterface/request", &document).await.unwrap();
    house.stage.result(&house.teller).await.unwrap();
    let demonstration = house.stage.demonstration().clone();
    let data = house.dir().join("data");
    let secrets = [demonstration.sp_password, demonstration.operator_password, credential];
    // Looked for while the node runs and after it has closed, when everything is in the index.
    assert_eq!(files_with(&data, &secrets), Vec::<String>::new());
    let House { stage, folder, .. } = house;
    stage.strike().await;
    assert_eq!(files_with(&data, &secrets), Vec::<String>::new());
    drop(folder);
}

/// The files below a folder that have one of the texts in them.
fn files_with(dir: &std::path::Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, texts));
        } else if let Ok(bytes) = fs::read(&path) {
            for text in texts {
                if bytes.windows(text.len()).any(|window| window == text.as_bytes()) {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_door_is_closed_until_settings_and_the_partners_record_open_it() {
    let deployed = Deployed::with_demonstration().await;
    let plain = free_address();
    let config = fs::read_to_string(deployed.config()).unwrap();
    let opened = config
        .replace("enabled = false\nlisten = \"127.0.0.1:8310\"", &format!("enabled = true\nlisten = \"{plain}\""));
    assert_ne!(opened, config);
    fs::write(deployed.config(), opened).unwrap();
    let program = SoapClient::plain(plain);
    let ask = async || {
        let served = deployed.served();
        let reply = program.post("/mminterface/request", balance_message(&deployed)).await.unwrap();
        served.terminated();
        read_response(&reply.body).unwrap().response_code
    };
    assert_eq!(ask().await, "100000007", "the plain door is open to a partner whose record does not say so");

    let settings = lango::config::load(&deployed.config()).unwrap();
    let vault = Vault::load(&settings.node.secret_key).unwrap();
    let store = lango::node::open_store(&settings).unwrap();
    let (mut party, _) = third_party::read(&*store, THIRD_PARTY).unwrap().unwrap();
    party.plain_requests = true;
    party.seal_password(&Secret::new(deployed.demonstration.sp_password.clone()), &vault, &SystemEntropy).unwrap();
    store.commit(third_party::save(&*store, &party).unwrap()).await.unwrap();
    tokio::task::spawn_blocking(move || store.close()).await.unwrap();
    assert_eq!(ask().await, "0");
}

/// A balance enquiry of the shop.
fn balance_message(deployed: &Deployed) -> String {
    use lango::access::sp_password;
    use lango::mminterface::{Caller, CallerHeader, InitiatorFields, PartyFields, RequestDocument};
    use lango::mminterface::{write_request_document, write_request_envelope};
    let file = read_demonstration(&deployed.config()).unwrap().file;
    let document = RequestDocument {
        command_id: "AccountBalance".into(),
        originator_conversation_id: format!("balance-{}", free_address().port()),
        parameters: vec![("ShortCode".into(), file.initiator.shortcode.clone())],
        timestamp: Some(String::new()),
        caller: Caller { caller_type: "2".into(), ..Caller::default() },
        initiator: Some(InitiatorFields {
            identifier_type: 11,
            identifier: file.initiator.name.clone(),
            security_credential: "bm9uZQ==".into(),
            short_code: Some(file.initiator.shortcode.clone()),
        }),
        receiver_party: Some(PartyFields {
            identifier_type: 4,
            identifier: file.initiator.shortcode,
            short_code: None,
        }),
        key_owner: Some(1),
        ..RequestDocument::default()
    };
    let header = CallerHeader {
        sp_id: file.third_party.sp_id.clone(),
        sp_password: Some(sp_password(&file.third_party.sp_id, &file.third_party.password, "1")),
        service_id: None,
        time_stamp: Some("1".into()),
    };
    write_request_envelope(&header, &write_request_document(&document))
}
