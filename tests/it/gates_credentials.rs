//! Every way in which an initiator's credential fails, through the door: the sender is answered and told
//! the same each time (S6), the audit log has the exact reason, and no money moved. A reason that no row
//! here has and no other test is named for makes this fail.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lango::access::{CredentialRefusal, Secret, security_credential};
use lango::cli::demo::stage::{REQUEST_PATH, answer};
use lango::cli::deployment::{Claimed, NEIGHBOUR};
use lango::mminterface::InitiatorFields;

use crate::house::House;
use crate::office::{BULK, Office, PARTY, PAYBILL, operator, pay_out};

/// Reasons that other tests show, since it takes another time, a broken store or many callers.
const ELSEWHERE: [(CredentialRefusal, &str); 4] = [
    (CredentialRefusal::Expired, "access::credential::tests::what_is_remembered_does_not_outlive_expiry_or_lock"),
    (CredentialRefusal::SourceStopped, "access::tests::fairness"),
    (CredentialRefusal::Crowded, "access::tests::fairness"),
    (CredentialRefusal::Unavailable, "access::credential::tests::a_store_that_refuses_lets_nobody_guess_for_free"),
];

/// One way to fail.
struct Row {
    reason: CredentialRefusal,
    /// What an operator does before.
    before: &'static [&'static [&'static str]],
    wrong: fn(&mut InitiatorFields, &Seal<'_>),
}

/// Makes a SecurityCredential of a password.
type Seal<'a> = dyn Fn(&str) -> String + 'a;

fn rows() -> Vec<Row> {
    use CredentialRefusal as R;
    vec![
        Row {
            reason: R::OperatorUnknown,
            before: &[],
            wrong: |initiator, _| initiator.identifier = "nobody.api".into(),
        },
        Row {
            reason: R::Password,
            before: &[],
            wrong: |initiator, seal| initiator.security_credential = seal("Wrong0ne#"),
        },
        Row {
            reason: R::Base64,
            before: &[],
            wrong: |initiator, _| initiator.security_credential = "no base64!".into(),
        },
        Row {
            reason: R::Padding,
            before: &[],
            wrong: |initiator, _| initiator.security_credential = STANDARD.encode([1; 256]),
        },
        Row {
            reason: R::Pending,
            before: &[&["operator", "add", BULK, "mpya.api", "--role", "Org B2C API Initiator"]],
            wrong: |initiator, _| initiator.identifier = "mpya.api".into(),
        },
        // Last: it stays locked.
        Row {
            reason: R::Locked,
            before: &[],
            wrong: |initiator, seal| initiator.security_credential = seal("Mashamba7#"),
        },
    ]
}

#[test]
fn every_reason_to_refuse_a_credential_has_a_row_or_a_test_of_its_own() {
    let shown = rows().into_iter().map(|row| row.reason.reason());
    let shown: BTreeSet<_> = shown.chain(ELSEWHERE.iter().map(|(reason, _)| reason.reason())).collect();
    assert_eq!(shown, CredentialRefusal::ALL.map(CredentialRefusal::reason).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_credential_is_refused_with_one_code_whatever_was_wrong_and_moves_nothing() {
    let mut office = Office::opened().await;
    let certificate = std::fs::read_to_string(office.dir().join("certs/credential.pem")).unwrap();
    let seal = |password: &str| security_credential(password, &certificate).unwrap();
    let money = |office: &Office| [office.available(BULK, "utility"), office.available(PAYBILL, "working")];
    let before = money(&office);
    let mut told = BTreeSet::new();
    for row in rows() {
        row.before.iter().for_each(|command| drop(office.says(command)));
        if row.reason == CredentialRefusal::Locked {
            lock(&mut office, &seal).await;
        }
        let mut document = office.document(&pay_out(&[("Amount", "100")]));
        (row.wrong)(document.initiator.as_mut().unwrap(), &seal);
        let answer = office.sends(&document).await;
        assert_eq!(answer.response_code, "0", "{}: {answer:?}", row.reason);
        let result = office.result().await;
        assert!(result.parameters.is_empty(), "{}: {result:?}", row.reason);
        told.insert((answer.response_desc, result.result_code, result.result_desc, result.result_type));
        assert_eq!(money(&office), before, "{}", row.reason);
        let reasons = office.audited("credential-refused");
        assert!(reasons.iter().any(|line| line["reason"] == row.reason.reason()), "{}: {reasons:?}", row.reason);
    }
    let codes: Vec<&str> = told.iter().map(|(_, code, ..)| code.as_str()).collect();
    assert_eq!(codes, ["2001"], "the sender can tell the reasons apart: {told:?}");
    office.says(&["operator", "unlock", &operator(BULK)]);
    assert_eq!(office.pays_out("100").await, "0", "nobody is let in any more");
    let signed_in = office.audited("credential-verified");
    assert!(signed_in.iter().any(|line| line["third_party"] == PARTY), "{signed_in:?}");
    office.closes();
}

/// Guesses until the operator is locked.
async fn lock(office: &mut Office, seal: &Seal<'_>) {
    for _ in 0..5 {
        let mut document = office.document(&pay_out(&[("Amount", "100")]));
        document.initiator.as_mut().unwrap().security_credential = seal("Wrong0ne#");
        office.sends(&document).await;
        office.result().await;
    }
}

/// An operator is locked by the guesses of those who act for its organization only: to everybody else it is
/// like one that does not exist (S1), or anybody could keep anybody's programs out.
#[tokio::test(flavor = "multi_thread")]
async fn s1_nobody_locks_the_operators_of_others_by_guessing() {
    let mut house = House::built().await;
    let access = house.stage.access();
    let list = std::fs::read_to_string(house.dir().join("whitelist.toml")).unwrap();
    let neighbours =
        format!("[third_party.{NEIGHBOUR}.networks]\nhere = {{ network = \"127.0.0.1/32\", kind = \"vpn\" }}\n");
    access.reload_whitelist(&[list, neighbours].concat()).unwrap();
    let mut party = (*access.third_party(NEIGHBOUR).unwrap()).clone();
    access.seal_password(&mut party, &Secret::new("Jirani#2026x")).unwrap();
    access.save_third_party(&party).await.unwrap();

    let shop = house.shop().clone();
    let certificate = shop.read(&shop.file.initiator.credential_cert).unwrap();
    let claimed = Claimed { sp_id: &party.sp_id, service_id: None, password: "Jirani#2026x" };
    let neighbour = house.stage.neighbour().unwrap();
    for guess in 0..10 {
        let mut document = shop.pay_out(&format!("guess-{guess}"), &shop.salary()).unwrap();
        document.initiator.as_mut().unwrap().security_credential =
            security_credential("Wrong0ne#", &certificate).unwrap();
        let reply = neighbour.post(REQUEST_PATH, shop.envelope(claimed, &document)).await.unwrap();
        assert_eq!(answer(&reply).unwrap().response_code, "0");
    }
    let document = shop.pay_out("not-locked", &shop.salary()).unwrap();
    assert_eq!(house.stage.ask(&house.teller, REQUEST_PATH, &document).await.unwrap().response_code, "0");
    assert_eq!(house.stage.result(&house.teller).await.unwrap().result_code, "0");
    house.torn_down().await;
}
