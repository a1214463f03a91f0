//! Reversals that wait for the provider's approval, from the door to their result.

use std::fs;

use crate::house::lango;
use crate::office::{AGENT, AMINA, Office, PAYBILL, Wish};

const PASSWORD: &str = "Mkaguzi4%";

/// An office in which reversals are approved, with an approver and two payments to give back.
async fn with_approvals() -> (Office, [String; 2]) {
    let office = Office::opened().await;
    let path = office.dir().join("catalogue/services.toml");
    let text = fs::read_to_string(&path).unwrap();
    let asked = "[service.flow.reversal]\napproval = { permission = \"approve reversals\", seconds = 86400 }\n";
    assert!(text.contains("[service.flow.reversal]\n"));
    fs::write(&path, text.replace("[service.flow.reversal]\n", asked)).unwrap();
    office.says(&["catalogue", "reload"]);
    for role in ["Org Reversals Initiator", "Transaction Status Query Org API"] {
        office.says(&["role", "grant", &crate::office::operator(PAYBILL), role]);
    }
    for name in ["asha", "karani"] {
        office.says(&["operator", "add", "provider", name]);
        office.says_with(&["operator", "password", &format!("provider/{name}")], PASSWORD);
    }
    office.says(&["role", "grant", "provider/asha", "SP Reversal Approver"]);
    assert_eq!(office.handset(&["--from-agent", AGENT, "--to", AMINA, "--amount", "5000"]), "0");
    let mut receipts = Vec::new();
    for account in ["A", "B"] {
        let pays = ["--from", AMINA, "--to-paybill", PAYBILL, "--account", account, "--amount", "100"];
        assert_eq!(office.handset(&pays), "0");
        let lines = office.json(&["ledger", "statement", PAYBILL, "utility"]);
        receipts.push(lines["lines"].as_array().unwrap().last().unwrap()["receipt"].as_str().unwrap().to_owned());
    }
    (office, receipts.try_into().unwrap())
}

fn waiting(office: &Office) -> Vec<String> {
    let listed = office.json(&["approval", "list"]);
    let ids = listed["approvals"].as_array().unwrap().iter();
    ids.map(|one| one["conversation"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_a_reversal_waits_for_another_pair_of_eyes_and_its_result_comes_after_their_word() {
    let (mut office, receipts) = with_approvals().await;
    let mut conversations = Vec::new();
    for receipt in &receipts {
        let document = office.document(&Wish {
            command: "TransactionReversal",
            home: PAYBILL,
            primary: None,
            receiver: None,
            parameters: &[("OriginalTransactionID", receipt)],
        });
        let answer = office.sends(&document).await;
        assert_eq!(answer.response_code, "0");
        // The same request again is the same request, waiting or not (L6).
        assert_eq!(office.sends(&document).await.conversation_id, answer.conversation_id);
        conversations.push(answer.conversation_id.unwrap());
    }
    crate::door_support::eventually("both reversals wait", || {
        let both = waiting(&office).len() == 2;
        async move { both }
    })
    .await;
    assert!(!office.surprised(), "a result came before anybody approved");
    assert_eq!(office.available(PAYBILL, "utility"), "200.00");

    let [first, second] = [&conversations[0], &conversations[1]];
    let asked = Wish {
        command: "TransactionStatusQuery",
        home: PAYBILL,
        primary: None,
        receiver: Some((4, PAYBILL)),
        parameters: &[("ConversationID", first)],
    };
    let status = office.gets(&asked).await;
    assert!(status.parameters.contains(&("TransactionStatus".to_owned(), "Initiated".to_owned())), "{status:?}");

    let word = |who: &str| ["approval", "approve", first.as_str(), "--as", who].map(str::to_owned);
    for (who, password, said) in [
        ("provider/asha", "Wrong0ne#", "that is not its password"),
        ("provider/nobody", PASSWORD, "that is not its password"),
        ("provider/karani", PASSWORD, "no role of the portal"),
        ("600000/lipa.api", crate::office::PASSWORD, "somebody else must decide about it"),
    ] {
        let word = word(who);
        let refused = office.refuses_with(&word.each_ref().map(String::as_str), password);
        assert!(refused.contains(said), "{who}: {refused}");
    }
    // What waits outlives the node.
    office.restarts();
    assert_eq!(waiting(&office).len(), 2);
    let approved = word("provider/asha");
    // While the core is away nothing moves, whoever wants it.
    office.says(&["maintenance", "on", "--reason", "the ledger is moved"]);
    let refused = office.refuses_with(&approved.each_ref().map(String::as_str), PASSWORD);
    assert!(refused.contains("the core is away"), "{refused}");
    assert_eq!((waiting(&office).len(), office.available(PAYBILL, "utility").as_str()), (2, "200.00"));
    office.says(&["maintenance", "off"]);
    let told = office.says_with(&approved.each_ref().map(String::as_str), PASSWORD);
    assert!(told.starts_with("0 "), "{told}");
    let result = office.result().await;
    assert_eq!((result.result_code.as_str(), &result.conversation_id), ("0", first));
    let refusal = ["approval", "refuse", second, "--as", "provider/asha", "--reason", "goods were delivered"];
    office.says_with(&refusal, PASSWORD);
    let result = office.result().await;
    assert_eq!((result.result_code.as_str(), &result.conversation_id), ("L000005", second));
    assert!(office.refuses_with(&refusal, PASSWORD).contains("nothing waits for approval"));
    assert_eq!(office.available(PAYBILL, "utility"), "100.00");
    assert_eq!(office.audited("approval-given").len(), 1);
    assert_eq!(office.audited("approval-refused")[0]["reason"], "goods were delivered");
    let trace = lango().args(["trace", second, "--config"]).arg(office.dir().join("lango.toml")).output().unwrap();
    assert!(String::from_utf8_lossy(&trace.stdout).contains("goods were delivered"));
    office.closes();
}
