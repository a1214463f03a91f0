use super::*;
use crate::core::money::Amount;
use crate::core::tariff::band_of;

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

#[test]
fn the_shipped_catalogue_makes_sense() {
    let catalogue = Catalogue::shipped().unwrap_or_else(|errors| panic!("{errors:#?}"));
    assert_eq!(catalogue.command("BusinessPayment").unwrap().network, Some(NetworkNeed::Vpn));
    assert_eq!(catalogue.command("RegisterURL").unwrap().network, Some(NetworkNeed::Internet));
    assert!(catalogue.command("businesspayment").is_none());
}

#[test]
fn what_does_not_resolve_is_named_with_its_file_and_what_to_do() {
    let cases = [
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
    ];
    for (file, from, to, said) in cases {
        let complaints = complaints(file, from, to);
        assert!(complaints.contains(said), "{from} -> {to}: {complaints}");
    }
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
    // Upper edge, customer's and business's part of Mgao, in units.
    const MGAO: [(i64, i64, i64); 17] = [
        (100, 0, 0),
        (500, 5, 0),
        (1_000, 10, 0),
        (1_500, 10, 5),
        (2_500, 13, 7),
        (3_500, 16, 9),
        (5_000, 16, 18),
        (7_500, 17, 25),
        (10_000, 18, 30),
        (15_000, 18, 39),
        (20_000, 19, 43),
        (25_000, 20, 47),
        (30_000, 20, 52),
        (35_000, 21, 62),
        (40_000, 23, 76),
        (45_000, 23, 80),
        (250_000, 24, 84),
    ];
    let shares = |tariff, minor| {
        let bands = catalogue.bands(tariff, TODAY).unwrap();
        band_of(bands, Amount::from_minor(minor)).map(|band| (band.customer.minor(), band.business.minor()))
    };
    for (at, (edge, customer, business)) in MGAO.iter().enumerate() {
        let here = (customer * 100, business * 100);
        let total = here.0 + here.1;
        for minor in [edge * 100 - 1, edge * 100] {
            assert_eq!(shares("mgao", minor), Some(here), "{minor}");
            assert_eq!(shares("business-bouquet", minor), Some((total, 0)), "{minor}");
            assert_eq!(shares("customer-bouquet", minor), Some((0, total)), "{minor}");
        }
        let next = MGAO.get(at + 1).map(|(_, customer, business)| (customer * 100, business * 100));
        assert_eq!(shares("mgao", edge * 100 + 1), next, "{edge}");
    }
    const B2C: [(i64, i64, i64); 5] = [(100, 0, 5), (1_500, 5, 9), (5_000, 9, 11), (20_000, 11, 13), (249_999, 13, 13)];
    for (edge, fee, next) in B2C {
        let fees = [-1, 0, 1].map(|cent| shares("business-to-customer", edge * 100 + cent).unwrap().1);
        assert_eq!(fees, [fee * 100, fee * 100, next * 100], "{edge}");
    }
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
