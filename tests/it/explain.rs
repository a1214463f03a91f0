//! `lango explain`: each gate's verdict on a request, and that nothing comes of asking.

use std::fs;

use lango::access::security_credential;
use lango::cli::deployment::{Claimed, envelope_around};
use lango::mminterface::{PartyFields, RequestDocument, write_request_document};

use crate::office::{AMINA, BULK, Office, PARTY, PAYBILL, SP_ID, SP_PASSWORD, operator, pay_out};

/// Asks often enough to lock an operator and to shut a third party out, if asking counted.
const OFTEN: usize = 12;

impl Office {
    /// What is said of a message, and whether every gate is open. `here` is how it came.
    fn explains(&self, message: &str, path: &str, here: bool) -> (bool, String) {
        let file = self.dir().join("asked.xml");
        fs::write(&file, message).unwrap();
        let certificate = self.dir().join("certs/clients").join(format!("{PARTY}.pem"));
        let mut arguments = vec!["explain", file.to_str().unwrap(), "--path", path];
        if here {
            arguments.extend(["--from", "127.0.0.1", "--certificate", certificate.to_str().unwrap()]);
        }
        self.asks(&arguments)
    }

    fn explains_document(&self, document: &RequestDocument, password: &str) -> (bool, String) {
        let claimed = Claimed { sp_id: SP_ID, service_id: None, password };
        self.explains(&envelope_around(claimed, &write_request_document(document)), "/mminterface/request", true)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_explained_and_nothing_comes_of_it() {
    let mut office = Office::opened().await;
    let document = office.document(&pay_out(&[("Amount", "1000")]));
    let (open, said) = office.explains_document(&document, SP_PASSWORD);
    assert!(open, "{said}");
    assert!(
        said.contains("1000.00 from the Utility Account of 600100 to the Working Account of 254722000001"),
        "{said}"
    );
    assert!(said.contains("Nothing is in its way"), "{said}");
    assert!(said.contains("the result goes to a URL that may be called"), "{said}");
    let mut elsewhere = document.clone();
    elsewhere.caller.result_url = Some("https://elsewhere.example/result".into());
    let (open, elsewhere) = office.explains_document(&elsewhere, SP_PASSWORD);
    assert!(open && elsewhere.contains("the ResultURL may not be called"), "{elsewhere}");
    assert_eq!(office.available(BULK, "utility"), "100000.00");
    assert!(!office.surprised(), "a result of an explained request was sent");
    // Its id was not used up, so it can be sent; and then it is one that was sent.
    assert_eq!(office.sends(&document).await.response_code, "0");
    assert_eq!(office.result().await.result_code, "0");
    let (_, said) = office.explains_document(&document, SP_PASSWORD);
    assert!(said.contains("it was sent before"), "{said}");
    let other = RequestDocument { remark: Some("another".into()), ..document };
    let (open, said) = office.explains_document(&other, SP_PASSWORD);
    assert!(!open && said.contains("The sender is told: 15 "), "{said}");
    assert_eq!(office.available(AMINA, "working"), "1000.00");
    assert_eq!(office.audited("request-explained").len(), 4);
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_closed_gate_says_its_private_reason_and_its_public_code() {
    let mut office = Office::opened().await;
    let good = office.document(&pay_out(&[("Amount", "10")]));
    for _ in 0..OFTEN {
        let (open, said) = office.explains_document(&good, "guessed");
        assert!(!open && said.contains("password-wrong") && said.contains("told: 100000007"), "{said}");
    }
    let mut wrong = good.clone();
    let provider = fs::read_to_string(office.dir().join("certs/credential.pem")).unwrap();
    wrong.initiator.as_mut().unwrap().security_credential = security_credential("Guess-1#", &provider).unwrap();
    for _ in 0..OFTEN {
        let (open, said) = office.explains_document(&wrong, SP_PASSWORD);
        assert!(
            !open && said.contains("CLOSED  password-wrong") && said.contains("told by the result: 2001"),
            "{said}"
        );
    }
    // Neither the third party nor the operator has a failure on record.
    assert_eq!(office.pays_out("10").await, "0");

    for (parameters, reason, told) in [
        (&[("Amount", "999999")][..], "maximum", "told by the result: 3 "),
        (&[("Amount", "ten")][..], "an amount has digits", "told by the result: 2020 "),
        (&[][..], "Amount", "told: 24 "),
    ] {
        let (open, said) = office.explains_document(&office.document(&pay_out(parameters)), SP_PASSWORD);
        assert!(!open && said.contains(reason) && said.contains(told), "{parameters:?}: {said}");
    }
    office.says(&["operator", "change", &operator(BULK), "--state", "suspended"]);
    let (open, said) = office.explains_document(&good, SP_PASSWORD);
    assert!(!open && said.contains("Suspended") && said.contains("told by the result: 2001"), "{said}");

    let (open, said) = office.explains("<Envelope", "/mminterface/request", true);
    assert!(!open && said.contains("envelope") && said.contains("told: a SOAP fault"), "{said}");
    let (open, said) = office.explains("", "/elsewhere", true);
    assert!(!open && said.contains("is not explained"), "{said}");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_said_is_not_asked_and_an_address_of_nobody_is_told_nothing() {
    let office = Office::opened().await;
    let document = write_request_document(&office.document(&pay_out(&[("Amount", "10")])));
    let message = envelope_around(Claimed { sp_id: SP_ID, service_id: None, password: SP_PASSWORD }, &document);
    let (open, said) = office.explains(&message, "/mminterface/request", false);
    assert!(open && said.contains("certificate   -") && said.contains("network       -"), "{said}");
    let file = office.dir().join("asked.xml");
    let (open, said) = office.asks(&["explain", file.to_str().unwrap(), "--from", "203.0.113.9"]);
    assert!(!open && said.contains("nobody's network") && said.contains("The sender is told nothing"), "{said}");
    let (open, said) = office.explains(&message, "/mminterface/registerURL", true);
    assert!(!open && said.contains("not RegisterURL") && said.contains("told: 1002"), "{said}");
    office.closes();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_explained_and_not_made() {
    let office = Office::opened().await;
    let party = office.json(&["party", "show", PARTY]);
    let here = party["result_url"].as_str().unwrap();
    for (url, shortcode, told) in [
        (here, PAYBILL, "confirmations for 600000 would go to"),
        ("https://elsewhere.example/", PAYBILL, "told: 100000005"),
        (here, "600999", "told: 100000010"),
    ] {
        let document = RequestDocument {
            command_id: "RegisterURL".into(),
            originator_conversation_id: "Reg-266-1126".into(),
            parameters: vec![("ResponseType".into(), "Completed".into())],
            reference_data: ["ValidationURL", "ConfirmationURL"].map(|key| (key.into(), url.to_owned())).into(),
            primary_party: Some(PartyFields {
                identifier_type: 1,
                identifier: String::new(),
                short_code: Some(shortcode.into()),
            }),
            key_owner: Some(1),
            ..RequestDocument::default()
        };
        let claimed = Claimed { sp_id: SP_ID, service_id: None, password: SP_PASSWORD };
        let message = envelope_around(claimed, &write_request_document(&document));
        let (open, said) = office.explains(&message, "/mminterface/registerURL", true);
        assert!(said.contains(told) && open == told.starts_with("confirmations"), "{url} {shortcode}: {said}");
    }
    assert!(office.refuses(&["url", "show", PAYBILL]).contains("no URLs are registered"));
    office.closes();
}
