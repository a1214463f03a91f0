//! The catalogue is data: new services and new editions come in force while the node runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lango::cli::demo::stage::{REQUEST_PATH, Stage};
use lango::cli::demo::teller::Teller;
use lango::cli::deployment::{BULK, PayOut};
use lango::clock::{Clock, ManualClock, SystemClock, Zone};
use lango::core::AccountKind;
use lango::entropy::SystemEntropy;
use lango::node::Seams;
use lango::server::admin;
use serde_json::Value;

use crate::office::{AGENT, Office, PAYBILL, TILL, Wish};

/// Replaces a text that must be there in a file of the catalogue.
fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join("catalogue").join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {file}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

/// A payment between businesses that nobody has thought of, and a fee for it.
const LOAN: &str = r#"
[[service]]
name = "Business Loan Instalment"
command = "BusinessPayLoan"
channel = "api"
direction = "third-party"
network = "vpn"
permission = "pay businesses"
transaction_type = "Business to Business"
reason_type = "Business Loan Instalment via API"
parameters = [
  { key = "Amount", format = "amount", mandatory = true },
  { key = "AccountReference", format = "text", mandatory = true },
]
[service.flow.transfer]
debit = { identifiers = [4], account = "working" }
credit = { identifiers = [4], account = "utility" }
relation = "other"
limits = "business-to-business"
charges = [{ label = "Instalment Charge", tariff = "instalment" }]
result = "b2b"
bill_reference = true
"#;

const INSTALMENT: &str = r#"
[[tariff]]
name = "instalment"
[[tariff.versions]]
from = 2006-01-01
rule = [{ above = "0", up_to = "50000000", customer = "0", business = "7" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_command_between_businesses_is_data_alone_and_needs_no_restart() {
    let mut office = Office::opened().await;
    office.organization("600500", "Benki Kopo", "Paybill Head Office", &[]);
    let instalment = Wish {
        command: "BusinessPayLoan",
        home: PAYBILL,
        primary: Some((4, PAYBILL)),
        receiver: Some((4, "600500")),
        parameters: &[("Amount", "1200"), ("AccountReference", "LOAN-7")],
    };
    assert_eq!(office.sends(&office.document(&instalment)).await.response_code, "1002");
    assert!(office.says(&["catalogue", "diff"]).contains("The files say what runs."));

    let dir = office.dir();
    edit(&dir, "services.toml", "\n# ---- Questions.", &format!("{LOAN}\n# ---- Questions."));
    let faults = office.refuses(&["catalogue", "reload"]);
    assert!(faults.contains("BusinessPayLoan has the tariff \"instalment\", which is not there"), "{faults}");
    assert!(faults.contains("no product has the command BusinessPayLoan"), "{faults}");
    assert_eq!(office.sends(&office.document(&instalment)).await.response_code, "1002");

    let tariffs = fs::read_to_string(dir.join("catalogue/tariffs.toml")).unwrap();
    fs::write(dir.join("catalogue/tariffs.toml"), tariffs + INSTALMENT).unwrap();
    edit(
        &dir,
        "products.toml",
        "starts = [\n  \"BusinessPayBill\",",
        "starts = [\n  \"BusinessPayLoan\", \"BusinessPayBill\",",
    );
    edit(&dir, "products.toml", "\"CustomerPayBillOnline\", ", "\"CustomerPayBillOnline\", \"BusinessPayLoan\", ");
    assert!(office.says(&["catalogue", "check"]).contains("services, checked as a whole"));
    let pending = office.refuses_with_output(&["catalogue", "diff"]);
    assert!(pending.contains("service BusinessPayLoan: new: "), "{pending}");
    assert!(pending.contains("product Paybill Head Office.starts"), "{pending}");
    office.says(&["catalogue", "reload"]);
    assert!(office.says(&["catalogue", "diff"]).contains("The files say what runs."));

    let result = office.gets(&instalment).await;
    assert_eq!(result.result_code, "0", "{result:?}");
    let value = |key: &str| result.parameters.iter().find(|(other, _)| other == key).map(|(_, value)| value.as_str());
    assert_eq!(value("DebitPartyCharges"), Some("Instalment Charge|KES|7.00"));
    assert_eq!(office.available("600500", "utility"), "1200.00");
    assert_eq!(office.available(PAYBILL, "charges-paid"), "-7.00");
    // Neither an agency nor a till has a product for it.
    for stranger in [AGENT, TILL] {
        let wish = Wish { receiver: Some((4, stranger)), ..instalment };
        assert_eq!(office.gets(&wish).await.result_code, "2028");
    }
    assert_eq!(office.audited("catalogue-refused").len(), 1);
    assert!(!office.audited("catalogue-changed").is_empty());
    office.closes();
}

/// The edition of tomorrow, with another fee: today's payment costs today's fee, tomorrow's the new
/// one, and nobody does anything at midnight (L8).
#[tokio::test(flavor = "multi_thread")]
async fn l8_a_new_edition_takes_effect_at_its_day_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let seams = Seams { clock: Arc::clone(&clock) as Arc<dyn Clock>, entropy: Arc::new(SystemEntropy) };
    let mut stage = Stage::set(dir, seams).await.unwrap();
    let teller = Teller::new(false);

    let zone = Zone::named("Africa/Nairobi").unwrap();
    let tomorrow = zone.day(clock.now().plus(Duration::from_secs(24 * 3600))).to_string();
    let edition = dir.join("catalogue").join(format!("from-{tomorrow}"));
    fs::create_dir(&edition).unwrap();
    let tariffs = fs::read_to_string(dir.join("catalogue/tariffs.toml")).unwrap();
    let fee = "{ above = \"100\",    up_to = \"1500\",   customer = \"0\",    business = \"5\"    }";
    assert!(tariffs.contains(fee));
    fs::write(edition.join("tariffs.toml"), tariffs.replace(fee, &fee.replace("\"5\"", "\"6\""))).unwrap();
    let socket = dir.join("data/admin.sock");
    let reloaded = admin::ask(&socket, "catalogue.reload", Value::Null).await.unwrap();
    assert_eq!(reloaded["changes"][0]["from"], tomorrow.as_str(), "{reloaded}");

    let mut owed = Vec::new();
    for (day, amount) in [("today", "200"), ("tomorrow", "300")] {
        if day == "tomorrow" {
            clock.set(zone.first_moment(&tomorrow).unwrap());
        }
        let shop = stage.demonstration().clone();
        let order = PayOut { amount, ..shop.salary() };
        let document = shop.pay_out(&format!("fee-{day}"), &order).unwrap();
        assert_eq!(stage.ask(&teller, REQUEST_PATH, &document).await.unwrap().response_code, "0");
        assert_eq!(stage.result(&teller).await.unwrap().result_code, "0");
        owed.push(stage.funds(BULK.shortcode, AccountKind::ChargesPaid).unwrap());
    }
    assert_eq!(owed, [-500, -500 - 600], "l8: another fee than the one in force then");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_faults_change_nothing_and_a_hangup_takes_good_ones_up() {
    let mut office = Office::opened().await;
    edit(
        &office.dir(),
        "limits.toml",
        "minimum = \"10.00\", maximum = \"250000.00\"",
        "minimum = \"5000.00\", maximum = \"250000.00\"",
    );
    assert_eq!(office.pays_out("100").await, "0", "a saved file is in force before anybody said so");
    office.hangs_up();
    crate::door_support::eventually("the catalogue is taken up", || {
        let taken_up = !office.audited("catalogue-reloaded").is_empty();
        async move { taken_up }
    })
    .await;
    assert_eq!(office.pays_out("101").await, "2");
    edit(&office.dir(), "roles.toml", "\"Business Manager\"]", "\"Manager\"]");
    let said = office.refuses_with_output(&["catalogue", "check"]);
    assert!(said.contains("roles.toml: an [[exclusion]] names the role \"Manager\""), "{said}");
    assert!(office.refuses(&["catalogue", "reload"]).contains("the one before stays in force"));
    fs::create_dir(office.dir().join("catalogue/next-year")).unwrap();
    assert!(office.refuses_with_output(&["catalogue", "check"]).contains("from-2027-01-01"));
    assert_eq!(office.pays_out("5001").await, "0");
    office.closes();
}
