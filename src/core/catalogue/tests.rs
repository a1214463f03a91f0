mod faults;
mod offers;
mod services;
mod shipped;

use std::collections::BTreeSet;

use super::*;
use crate::core::tariff::{band_of, golden};

const TODAY: Day = Day { year: 2026, month: 5, day: 1 };

/// The shipped files with one text replaced by another in one of them.
fn with(file: &str, from: &str, to: &str) -> Result<Catalogue, Vec<CatalogueError>> {
    let mut replaced = false;
    let files: Vec<_> = SHIPPED
        .iter()
        .map(|(name, text)| {
            let changed = if *name == file { text.replacen(from, to, 1) } else { (*text).to_owned() };
            replaced |= changed != *text;
            ((*name).to_owned(), changed)
        })
        .collect();
    assert!(replaced, "{from:?} is not in {file}");
    Catalogue::parse(&files)
}

/// What is said about the changed catalogue.
fn complaints(file: &str, from: &str, to: &str) -> String {
    let errors = with(file, from, to).expect_err("the change was accepted");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// File, text, what takes its place, and what must be said about it.
type Case = (&'static str, &'static str, &'static str, &'static str);

fn assert_told(cases: &[Case]) {
    for (file, from, to, said) in cases {
        let complaints = complaints(file, from, to);
        assert!(complaints.contains(said), "{from} -> {to}: {complaints}");
    }
}

#[test]
fn the_shipped_catalogue_makes_sense() {
    let catalogue = Catalogue::shipped().unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(catalogue.command("BusinessPayment").unwrap().network, Some(NetworkNeed::Vpn));
    assert_eq!(catalogue.command("RegisterURL").unwrap().network, Some(NetworkNeed::Internet));
    assert!(catalogue.command("businesspayment").is_none());
}

#[test]
fn what_does_not_resolve_is_named_with_its_file_and_what_to_do() {
    assert_told(&[
        ("services.toml", "permission = \"pay customers\"", "permission = \"pay customer\"", "roles.toml"),
        ("services.toml", "tariff = \"business-to-customer\"", "tariff = \"nothing\"", "tariffs.toml"),
        ("services.toml", "limits = \"business-to-customer\"", "limits = \"nothing\"", "limits.toml"),
        ("services.toml", "network = \"vpn\"", "network = \"internet\"", "services.toml"),
        ("products.toml", "\"BusinessPayment\", ", "", "products.toml: no product has the command BusinessPayment"),
        ("products.toml", "\"BusinessPayment\", ", "\"Business Payment\", ", "which no service has"),
        ("products.toml", "accounts = [\"working\", \"utility\", ", "accounts = [\"working\", ", "Utility Account"),
        ("roles.toml", "\"Business Manager\"]", "\"Manager\"]", "which is not there"),
        (
            "roles.toml",
            "permissions = [\"pay customers\", \"check identities\"]",
            "permissions = []",
            "no role of the channel API",
        ),
        ("roles.toml", "channel = \"api\"", "chanel = \"api\"", "roles.toml: TOML parse error"),
        ("limits.toml", "maximum = \"250000.00\"", "maximum = \"-1\"", "is no amount"),
        ("limits.toml", "from = 2023-09-08", "from = 2005-01-01", "begin after the one before"),
    ]);
}

#[test]
fn bands_neither_overlap_nor_leave_gaps_and_reach_the_greatest_amount() {
    let gap = complaints("tariffs.toml", "above = \"100\", ", "above = \"101\", ");
    assert!(gap.contains("nothing covers the amounts above 100.00 up to 101.00"), "{gap}");
    let overlap = complaints("tariffs.toml", "above = \"100\", ", "above = \"99\", ");
    assert!(overlap.contains("overlaps the one up to 100.00"), "{overlap}");
    let short = complaints("limits.toml", "maximum = \"250000.00\"", "maximum = \"250000.01\"");
    assert!(short.contains("ends at 250000.00, but BusinessPayment allows 250000.01"), "{short}");
}

#[test]
fn l1_every_leg_takes_from_one_account_what_it_gives_to_another() {
    let to_itself = complaints(
        "services.toml",
        "debit = { identifiers = [4], account = \"working\" }\ncredit = { identifiers = [4], account = \"utility\" }\n\
         relation = \"same\"",
        "debit = { identifiers = [4], account = \"working\" }\ncredit = { identifiers = [4], account = \"working\" }\n\
         relation = \"same\"",
    );
    assert!(to_itself.contains("debits and credits the same account"), "{to_itself}");
    let twice = complaints("services.toml", "from = [\"utility\", \"merchant\"]", "from = [\"utility\", \"utility\"]");
    assert!(twice.contains("has an account in `from` twice"), "{twice}");
    let missing = complaints(
        "products.toml",
        "accounts = [\"working\", \"utility\", \"charges-paid\", \"organization-settlement\"]",
        "accounts = [\"working\", \"charges-paid\", \"organization-settlement\"]",
    );
    assert!(missing.contains("Utility Account"), "{missing}");
}

#[test]
fn a_missing_a_foreign_and_a_doubled_thing_are_refused() {
    let mut files: Vec<_> = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    files.push(("notes.toml".into(), String::new()));
    files.retain(|(name, _)| name != "limits.toml");
    let errors = Catalogue::parse(&files).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.file.as_str()).collect::<Vec<_>>(), ["notes.toml", "limits.toml"]);
    let doubled = complaints("services.toml", "command = \"SalaryPayment\"", "command = \"BusinessPayment\"");
    assert!(doubled.contains("\"BusinessPayment\" is there twice"), "{doubled}");
}

#[test]
fn l8_each_band_ends_at_its_cent() {
    let catalogue = Catalogue::shipped().unwrap();
    let shares = |tariff: &str, minor| {
        let bands = catalogue.bands(tariff, TODAY).unwrap();
        band_of(bands, Amount::from_minor(minor)).map(|band| (band.customer.minor(), band.business.minor()))
    };
    type Borne = fn((i64, i64)) -> (i64, i64);
    let tariffs: [(&str, golden::Bands, Borne); 7] = [
        ("mgao", golden::MGAO, |parts| parts),
        // A bouquet's total is the sum of the two.
        ("business-bouquet", golden::MGAO, |(customer, business)| (customer + business, 0)),
        ("customer-bouquet", golden::MGAO, |(customer, business)| (0, customer + business)),
        ("business-to-customer", golden::FEE, |parts| parts),
        ("send-money", golden::SEND_MONEY, |parts| parts),
        ("withdrawal", golden::WITHDRAWAL, |parts| parts),
        ("withdrawal-paid", golden::WITHDRAWAL_PAID, |parts| parts),
    ];
    for (name, bands, borne) in tariffs {
        for minor in bands.iter().flat_map(|(edge, ..)| [-1, 0, 1].map(|cent| edge * 100 + cent)) {
            let within = minor <= 25_000_000;
            assert_eq!(shares(name, minor), within.then(|| borne(golden::charge(bands, minor))), "{name} at {minor}");
        }
    }
    let tested: Vec<&str> = tariffs.iter().map(|(name, ..)| *name).chain(["buy-goods"]).collect();
    let listed: BTreeSet<String> = tested.into_iter().map(str::to_owned).collect();
    let shipped: toml::Table = SHIPPED.iter().find(|(name, _)| *name == "tariffs.toml").unwrap().1.parse().unwrap();
    let shipped = shipped["tariff"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned());
    assert_eq!(listed, shipped.collect(), "a tariff without golden bands");
    assert_eq!([1, 25_000_000].map(|minor| shares("buy-goods", minor)), [Some((0, 0)); 2]);
}

#[test]
fn nothing_has_no_band() {
    let catalogue = Catalogue::shipped().unwrap();
    assert_eq!(band_of(catalogue.bands("mgao", TODAY).unwrap(), Amount::ZERO), None);
}

#[test]
fn l2_limits_bind_what_a_holder_has_and_neither_its_debt_nor_the_provider() {
    let limits = "rule = { balance_minimum = \"1\", balance_maximum = \"9\" }";
    let catalogue = with("limits.toml", "rule = { daily_maximum = \"100000000.00\" }", limits).unwrap();
    let holder = Holder::Organization(crate::core::testing::shortcode("600000"));
    let bounds = |account: Account| {
        let bounds = catalogue.bounds(&account, TODAY);
        (bounds.floor, bounds.ceiling)
    };
    assert_eq!(bounds(Account::new(holder.clone(), AccountKind::Utility)), (100, 900));
    assert_eq!(bounds(Account::new(holder, AccountKind::ChargesPaid)), (i64::MIN, 0));
    assert_eq!(bounds(Account::of_provider(AccountKind::Trust)), (i64::MIN, 0));
    assert_eq!(bounds(Account::of_provider(AccountKind::ChargesIncome)), (0, i64::MAX));
}

#[test]
fn a_limit_changes_on_its_day() {
    let catalogue = Catalogue::shipped().unwrap();
    let maximum = |day| {
        let day = Day { year: 2023, month: 9, day };
        catalogue.transaction_limit("business-to-customer", day).unwrap().maximum.to_string()
    };
    assert_eq!([maximum(7), maximum(8)], ["150000.00", "250000.00"]);
}

#[test]
fn what_has_a_time_has_more_than_none_of_it() {
    let starts = "direction = \"third-party\"\n";
    for (from, to, key) in [
        ("reservation_seconds = 60", "reservation_seconds = 0", "reservation_seconds"),
        ("conversation_days = 15", "conversation_days = 0", "conversation_days"),
        (starts, "direction = \"third-party\"\nrequest_seconds_max = 0\n", "request_seconds_max"),
    ] {
        let said = complaints("services.toml", from, to);
        assert!(said.contains(&format!("nothing can be done within 0 `{key}`")), "{said}");
        assert!(with("services.toml", from, &to.replace(" = 0", " = 1")).is_ok(), "{key}");
    }
}

#[test]
fn nothing_goes_where_nothing_gets_out() {
    let between = "\"organization-settlement\"";
    for from in [
        "debit = { identifiers = [4], account = \"utility\"",
        "credit = { identifiers = [4], account = \"merchant\"",
        "credit_account = \"merchant\"",
        "from = [\"utility\", \"merchant\"",
        "to = \"working\"",
    ] {
        let (kept, _) = from.rsplit_once(' ').unwrap();
        let said = complaints("services.toml", from, &format!("{kept} {between}"));
        assert!(said.contains("nothing stays in the Organization Settlement Account"), "{from}: {said}");
    }
}
