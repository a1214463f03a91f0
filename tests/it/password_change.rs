//! A third party changes its own password by changePassword, with the key that an operator gave it.

use lango::access::{Secret, new_password, sp_password};
use lango::mminterface::read_response;

use crate::office::{Office, PARTY, SP_ID, SP_PASSWORD, Wish};

const PATH: &str = "/managementService/services/management";
const TIME: &str = "20261123154401";
const NEW: &str = "Mpya#Siri-22";

/// As protocol.md 1.8 has it: the caller in the body, and no header.
fn message(password: &str, new_password: &str) -> String {
    let digest = sp_password(SP_ID, password, TIME);
    format!(
        "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/' \
         xmlns:loc='http://www.csapi.org/schema/management/data/v1_0/local'><soapenv:Body><loc:changePassword>\
         <loc:spId>{SP_ID}</loc:spId><loc:spPassword>{digest}</loc:spPassword><loc:timeStamp>{TIME}</loc:timeStamp>\
         <loc:newPassword>{new_password}</loc:newPassword></loc:changePassword></soapenv:Body></soapenv:Envelope>"
    )
}

async fn asked(office: &Office, password: &str, new_password: &str) -> String {
    let reply = office.posts(PATH, message(password, new_password)).await;
    let text = reply.text();
    match read_response(&reply.body) {
        Some(refusal) => refusal.response_code,
        None => text.split("ResponseCode>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or(&text).to_owned(),
    }
}

/// The code of a question that only somebody who was let in gets answered.
async fn let_in_with(office: &Office, password: &str) -> String {
    let question = Wish { command: "Nothing", home: "600500", primary: None, receiver: None, parameters: &[] };
    office.sends_with(password, &office.document(&question)).await.response_code
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_changes_its_password_and_both_are_good_for_a_while() {
    let office = Office::founded().await;
    assert_eq!(asked(&office, SP_PASSWORD, "wi2a7BAH0QPd2LRdmcgC9w==").await, "100000010", "it has no key yet");

    let given = office.json(&["party", "change-key", PARTY]);
    let (key, vector) = (given["key"].as_str().unwrap(), given["vector"].as_str().unwrap());
    let sealed = |password: &str| new_password(password, &Secret::new(key), &Secret::new(vector)).unwrap();
    assert_eq!(asked(&office, "Not-its-password-1", &sealed(NEW)).await, "100000007");
    for bad in ["no base64 at all", "d2hhdGV2ZXI=", &sealed("short")] {
        assert_eq!(asked(&office, SP_PASSWORD, bad).await, "100000005", "{bad}");
    }
    assert_eq!(let_in_with(&office, NEW).await, "100000007");

    assert_eq!(asked(&office, SP_PASSWORD, &sealed(NEW)).await, "000000000");
    assert_eq!(let_in_with(&office, NEW).await, "1002");
    assert_eq!(let_in_with(&office, SP_PASSWORD).await, "1002", "the one before is good for a while");
    // The answer was lost and it is sent again; and who knows only the one before sets no other.
    assert_eq!(asked(&office, SP_PASSWORD, &sealed(NEW)).await, "000000000");
    assert_eq!(asked(&office, SP_PASSWORD, &sealed("Mwizi#Siri-33")).await, "100000007");

    office.says(&["party", "change-key", PARTY, "--remove"]);
    assert_eq!(asked(&office, NEW, &sealed("Nyingine#44x")).await, "100000010");
    assert_eq!(office.audited("third-party-password-changed").len(), 1);
    assert_eq!(office.audited("party-change-key-set").len(), 1);
    let log = std::fs::read_to_string(office.dir().join("data/audit.log")).unwrap();
    assert!(!log.contains(NEW) && !log.contains(key) && !log.contains(vector), "s5: a secret is on the audit log");
    office.closes();
}

/// Keys that were agreed with another gateway are taken over: the documents' own example.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreed_key_is_taken_over_from_a_file() {
    let office = Office::founded().await;
    let file = office.dir().join("agreed");
    std::fs::write(&file, "too short\nabcdefghijklmnop\n").unwrap();
    let agreed = file.to_str().unwrap();
    let refused = office.refuses(&["party", "change-key", PARTY, "--agreed", agreed]);
    assert!(refused.contains("16, 24 or 32 bytes"), "{refused}");
    std::fs::write(&file, "AAAabcdefghijklm\nabcdefghijklmnop\n").unwrap();
    office.says(&["party", "change-key", PARTY, "--agreed", agreed]);
    assert_eq!(asked(&office, SP_PASSWORD, "wi2a7BAH0QPd2LRdmcgC9w==").await, "000000000");
    assert_eq!(let_in_with(&office, "!QAZ2wsx").await, "1002");
    office.closes();
}
