//! The doors beside the two that carry payments.

use std::fs;

use lango::access::{Secret, Vault};
use lango::cli::soap_client::SoapClient;
use lango::entropy::{Entropy, SystemEntropy};
use lango::mminterface::read_response;

use crate::house::{Deployed, House, free_address};

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_told_on_their_own_door() {
    let mut house = House::built().await;
    let document = house.shop().pay_out("counted", &house.shop().salary()).unwrap();
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
    let document = house.shop().pay_out("secret", &house.shop().salary()).unwrap();
    let credential = document.initiator.as_ref().unwrap().security_credential.clone();
    house.stage.ask(&house.teller, "/mminterface/request", &document).await.unwrap();
    house.stage.result(&house.teller).await.unwrap();
    let file = house.shop().file.clone();
    let data = house.dir().join("data");
    let secrets = [file.third_party.password, file.initiator.password, credential];
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
        let shop = &deployed.demonstration;
        let document = shop.balance(&format!("balance-{}", SystemEntropy.u64())).unwrap();
        let message = shop.envelope(shop.claim(), &document);
        let reply = program.post("/mminterface/request", message).await.unwrap();
        served.terminated();
        read_response(&reply.body).unwrap().response_code
    };
    assert_eq!(ask().await, "100000007", "the plain door is open to a partner whose record does not say so");

    let settings = lango::config::load(&deployed.config()).unwrap();
    let vault = Vault::load(&settings.node.secret_key).unwrap();
    let password = Secret::new(deployed.demonstration.file.third_party.password.clone());
    deployed
        .change_third_party(|party| {
            party.plain_requests = true;
            party.seal_password(&password, &vault, &SystemEntropy).unwrap();
        })
        .await;
    assert_eq!(ask().await, "0");
}
