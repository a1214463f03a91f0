//! What went over the wire for a conversation: for operators with `lango trace`, for its own third
//! party with queryTransaction.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lango::access::{Secret, sp_password};
use lango::cli::demo::stage::REQUEST_PATH;
use lango::cli::deployment::{Claimed, NEIGHBOUR};
use lango::store::{Key, WriteSet};

use crate::house::{House, PATIENCE, lango};

const QUERY_PATH: &str = "/queryTransactionService/services/transaction";

fn query(claimed: Claimed<'_>, originator: &str) -> String {
    let (sp_id, time) = (claimed.sp_id, "20261123184401");
    let digest = sp_password(sp_id, claimed.password, time);
    include_str!("../../src/mminterface/samples/query_transaction.xml")
        .replace("600000_Duka_1", originator)
        .replace("<v2:serviceId>107031000</v2:serviceId>", "")
        .replace(text_of("spId"), sp_id)
        .replace(text_of("spPassword"), &digest)
        .replace(text_of("timeStamp"), time)
}

/// The sample's own value of a header element.
fn text_of(element: &str) -> &'static str {
    let sample = include_str!("../../src/mminterface/samples/query_transaction.xml");
    let (_, rest) = sample.split_once(&format!(":{element}>")).unwrap();
    rest.split_once('<').unwrap().0
}

/// What the shop is called in the store.
fn claimed_name(house: &House) -> &str {
    &house.shop().file.third_party.name
}

/// The decoded messages of a list of the answer.
fn messages(answer: &str, element: &str) -> Vec<String> {
    let opening = format!("<loc:{element}>");
    answer
        .split(opening.as_str())
        .skip(1)
        .map(|part| String::from_utf8(STANDARD.decode(part.split('<').next().unwrap()).unwrap()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s1_s5_a_conversation_is_told_whole_to_its_own_third_party_and_to_operators_only() {
    let mut house = House::built().await;
    let id = house.stage.new_id("trace");
    let document = house.shop().pay_out(&id, &house.shop().salary()).unwrap();
    let credential = document.initiator.as_ref().unwrap().security_credential.clone();
    let response = house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap();
    let conversation = response.conversation_id.unwrap();
    let receipt = house.stage.result(&house.teller).await.unwrap().transaction_id.unwrap();

    // The acknowledgement is written down a moment after the result was received.
    let trace = |id: &str| {
        let output =
            lango().args(["trace", id, "--wire", "--config"]).arg(house.dir().join("lango.toml")).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let begun = std::time::Instant::now();
    while !trace(&conversation).1.contains("acknowledgement") {
        assert!(begun.elapsed() < PATIENCE, "{}", trace(&conversation).1);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (_, told) = trace(&conversation);
    for part in [
        "BusinessPayment AG_",
        &receipt,
        "the request",
        "POST /mminterface/request HTTP/1.1",
        "lango -> third party: the result",
        "webhook-id: msg_",
        "HTTP/1.1 200 OK",
        "<SecurityCredential>****<",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    let claimed = house.shop().claim();
    let digest = sp_password(claimed.sp_id, claimed.password, "20261123104512");
    for secret in [&credential, &digest] {
        assert!(!told.contains(secret.as_str()), "s5: a secret is in the trace");
    }
    for other_name in [&id, &receipt] {
        assert_eq!(trace(other_name), (true, told.clone()), "{other_name} leads elsewhere");
    }
    assert!(!trace("AG_20150424_0000626ec4aeb2ca2256").0);

    let ask = |message: String| async { house.stage.shop.post(QUERY_PATH, message).await.unwrap().text() };
    let answer = ask(query(claimed, &id)).await;
    assert!(answer.contains("<resp:ResponseCode>00000000<"), "{answer}");
    let [requests, answers, results] =
        ["submitApiRequest", "submitApiResponse", "submitApiResult"].map(|element| messages(&answer, element));
    assert_eq!((requests.len(), answers.len(), results.len()), (1, 1, 1), "{answer}");
    assert!(requests[0].starts_with("POST /mminterface/request HTTP/1.1\r\n") && requests[0].contains(&id));
    assert!(answers[0].starts_with("HTTP/1.1 200 OK\r\n") && answers[0].contains(&conversation));
    assert!(
        results[0].starts_with("POST /result HTTP/1.1\r\nhost: ") || results[0].contains("\r\nhost: "),
        "{results:?}"
    );
    assert!(results[0].contains("\r\n\r\n<?xml") && results[0].contains(&receipt), "{results:?}");
    assert!(!requests[0].contains(&credential), "s5: a credential is in the answer");
    // Our name for it leads to the same.
    assert_eq!(ask(query(claimed, &conversation)).await, answer);
    let unknown = ask(query(claimed, "nobody_1")).await;
    assert!(unknown.contains("100000005") && !unknown.contains("submitApi"), "{unknown}");
    // The neighbour has a conversation that is not the shop's.
    let used = Key::of("used");
    let record = house.stage.store().record(&used.clone().text(claimed_name(&house)).text(&id)).unwrap().unwrap();
    let mut write_set = WriteSet::new();
    write_set.put(used.text(NEIGHBOUR).text("jirani_1"), record.value.to_vec());
    house.stage.store().commit(write_set).await.unwrap();
    assert!(trace("jirani_1").0, "an operator does not find it");
    let others = ask(query(claimed, "jirani_1")).await;
    assert_eq!(others.replace("jirani", "nobody"), unknown, "s1: what is another's is told from what is nobody's");
    // Nor does our name for the shop's conversation help the neighbour.
    let mut party = (*house.stage.access().third_party(NEIGHBOUR).unwrap()).clone();
    house.stage.access().seal_password(&mut party, &Secret::new("Jirani#2026x")).unwrap();
    house.stage.access().save_third_party(&party).await.unwrap();
    let list = std::fs::read_to_string(house.dir().join("whitelist.toml")).unwrap();
    let neighbours =
        format!("\n[third_party.{NEIGHBOUR}.networks]\nhere = {{ network = \"127.0.0.0/8\", kind = \"vpn\" }}\n");
    house.stage.access().reload_whitelist(&(list + &neighbours)).unwrap();
    let as_neighbour = Claimed { sp_id: &party.sp_id, service_id: None, password: "Jirani#2026x" };
    let neighbour = house.stage.neighbour().unwrap();
    for name in [&conversation, "nobody_1"] {
        let told = neighbour.post(QUERY_PATH, query(as_neighbour, name)).await.unwrap().text();
        assert_eq!(told, unknown, "s1: {name}");
    }
    let wrong = ask(query(Claimed { password: "wrong", ..claimed }, &id)).await;
    assert!(wrong.contains("100000007") && !wrong.contains("submitApi"), "{wrong}");
    house.torn_down().await;
}
