//! The roles that everybody knows and what limits customers (domain.md 1, 5 and 6), written down once more: what is
//! shipped has them as they are here.

use std::collections::BTreeSet;

use super::*;

const FIRST: Day = Day { year: 2006, month: 1, day: 1 };

/// Name, channel, permissions.
const ROLES: [(&str, Channel, &[&str]); 15] = [
    // Manages users, cannot see transactions.
    ("Business Administrator", Channel::Web, &["change user details", "create users", "disable users", "view users"]),
    // Initiates, approves, withdraws.
    (
        "Business Manager",
        Channel::Web,
        &[
            "approve transactions",
            "execute transactions",
            "query balances",
            "query status",
            "reverse transactions",
            "view transactions",
            "view users",
            "withdraw funds",
        ],
    ),
    ("Business Web Operator", Channel::Web, &["query balances", "query status", "view transactions"]),
    // Read only.
    ("Business Auditor", Channel::Web, &["query balances", "query status", "view transactions", "view users"]),
    // Who starts a payment does not approve it (S4).
    ("B2B Web Maker", Channel::Web, &["execute transactions", "view transactions"]),
    ("B2B Web Checker", Channel::Web, &["approve transactions", "view transactions"]),
    ("Set Org API Password", Channel::Web, &["set API passwords", "view users"]),
    ("Manage Org Initiator Passwords", Channel::Web, &["manage initiator passwords", "view users"]),
    ("SP Reversal Approver", Channel::Web, &["approve reversals", "view transactions"]),
    ("Org B2C API Initiator", Channel::Api, &["check identities", "pay customers"]),
    ("Org B2B API Initiator", Channel::Api, &["pay businesses", "withdraw funds"]),
    ("Org Business Pay to Bulk API Initiator", Channel::Api, &["pay to bulk"]),
    ("Org Reversals Initiator", Channel::Api, &["reverse transactions"]),
    ("Balance Query Org API", Channel::Api, &["query balances"]),
    ("Transaction Status Query Org API", Channel::Api, &["query status"]),
];

/// Pairs that nobody holds at the same time.
const EXCLUSIVE: [[&str; 2]; 2] =
    [["Business Administrator", "Business Manager"], ["B2B Web Maker", "B2B Web Checker"]];

#[test]
fn s2_the_well_known_roles_allow_what_they_are_known_for_on_their_channel_and_nothing_else() {
    let catalogue = Catalogue::shipped().unwrap();
    for (name, channel, permissions) in ROLES {
        let role = catalogue.role(name).unwrap_or_else(|| panic!("no role {name}"));
        let held: BTreeSet<&str> = role.permissions.iter().map(String::as_str).collect();
        assert_eq!((role.channel, held), (channel, permissions.iter().copied().collect()), "{name}");
    }
    assert_eq!(catalogue.roles().len(), ROLES.len());
    let also = &catalogue.role("Set Org API Password").unwrap().also_called;
    assert_eq!(*also, ["Set Restricted ORG API PASSWORD"]);
}

#[test]
fn s3_the_exclusive_pairs_exclude_each_other_and_no_others_do() {
    let catalogue = Catalogue::shipped().unwrap();
    for (one, ..) in ROLES {
        for (other, ..) in ROLES {
            let exclusive = EXCLUSIVE.iter().any(|pair| *pair == [one, other] || *pair == [other, one]);
            assert_eq!(catalogue.exclusion(one, other).is_some(), exclusive, "{one} and {other}");
        }
    }
}

/// The payments of organizations to customers (domain.md 3).
const TO_CUSTOMERS: [&str; 6] = [
    "BusinessPayment",
    "BusinessPaymentWithWithdrawalChargePaid",
    "PromotionPayment",
    "SalaryPayment",
    "SalaryPaymentWithWithdrawalChargePaid",
    "TransferFromBankToCustomer",
];

#[test]
fn the_same_amount_waits_two_minutes_in_each_payment_to_customers_and_in_no_other() {
    let catalogue = Catalogue::shipped().unwrap();
    for service in catalogue.services() {
        let Flow::Transfer(rules) = &service.flow else { continue };
        let to_customers = TO_CUSTOMERS.contains(&service.command.as_str());
        assert_eq!(rules.credit.identifiers == [1], to_customers, "{}", service.command);
        assert_eq!(rules.same_amount_seconds, if to_customers { 120 } else { 0 }, "{}", service.command);
    }
}

#[test]
fn three_payments_go_to_the_registered_alone() {
    let catalogue = Catalogue::shipped().unwrap();
    let registered =
        ["BusinessPayment", "BusinessPaymentWithWithdrawalChargePaid", "SalaryPaymentWithWithdrawalChargePaid"];
    for service in catalogue.services() {
        let Flow::Transfer(rules) = &service.flow else { continue };
        let expected = if registered.contains(&&*service.command) { Customers::Registered } else { Customers::Any };
        assert_eq!(rules.credit.customers, expected, "{}", service.command);
    }
}

#[test]
fn a_customer_sends_and_holds_what_its_day_allows() {
    let catalogue = Catalogue::shipped().unwrap();
    let holder = Holder::Subscriber(crate::core::Msisdn::try_from("254722000000".to_owned()).unwrap());
    for (day, most) in [(14, 30_000_000), (15, 50_000_000)] {
        let limit = catalogue.holder_limit(&holder, Day { year: 2023, month: 8, day });
        let [sent, held] = [limit.daily_maximum, limit.balance_maximum].map(|most| most.unwrap().minor());
        assert_eq!([sent, held], [most; 2], "{day}");
    }
}

/// A transaction was 150,000.00 at most until 2023-09-07 and is 250,000.00 since (domain.md 6); B2C begins at
/// 10.00. Of payments between businesses and of cash no source says anything.
#[test]
fn each_limit_of_transactions_changes_on_its_day_or_never_did() {
    let catalogue = Catalogue::shipped().unwrap();
    const BUSINESS: i64 = 5_000_000_000;
    let expected = [
        ("business-to-customer", 1_000, [15_000_000, 25_000_000]),
        ("customer-to-business", 100, [15_000_000, 25_000_000]),
        ("customer-to-customer", 100, [15_000_000, 25_000_000]),
        ("cash", 5_000, [15_000_000, 25_000_000]),
        ("business-to-business", 100, [BUSINESS, BUSINESS]),
    ];
    assert_eq!(catalogue.transaction_limits.len(), expected.len());
    let day = |month, day| Day { year: 2023, month, day };
    for (name, least, [before, since]) in expected {
        let on = |day| {
            let limit = catalogue.transaction_limit(name, day).unwrap();
            (limit.minimum.minor(), limit.maximum.minor())
        };
        assert_eq!([on(FIRST), on(day(9, 7))], [(least, before); 2], "{name}");
        assert_eq!([on(day(9, 8)), on(TODAY)], [(least, since); 2], "{name}");
    }
}

/// An organization sends 100,000,000.00 a day at most (protocol.md 5), and nothing else limits anybody.
#[test]
fn nothing_limits_holders_but_what_the_sources_have() {
    let catalogue = Catalogue::shipped().unwrap();
    let of = |holder: &Holder, day| catalogue.holder_limit(holder, day);
    let daily = |minor| HolderLimit { daily_maximum: Some(Amount::from_minor(minor)), ..HolderLimit::default() };
    let organization = Holder::Organization(crate::core::testing::shortcode("600000"));
    assert_eq!([FIRST, TODAY].map(|day| of(&organization, day)), [daily(10_000_000_000); 2]);
    let subscriber = Holder::Subscriber(crate::core::Msisdn::try_from("254722000000".to_owned()).unwrap());
    for (day, most) in [(FIRST, 30_000_000), (TODAY, 50_000_000)] {
        let held = HolderLimit { balance_maximum: Some(Amount::from_minor(most)), ..daily(most) };
        assert_eq!(of(&subscriber, day), held);
    }
    assert_eq!(of(&Holder::Provider, TODAY), HolderLimit::default());
}

/// Receipts begin with 2006 (domain.md 4), and so does everything that has a date: not a day later.
#[test]
fn everything_dated_begins_with_the_first_receipts() {
    let catalogue = Catalogue::shipped().unwrap();
    let tariffs = catalogue.tariffs.values().map(|tariff| tariff.versions.versions()[0].from);
    let transactions = catalogue.transaction_limits.values().map(|limits| limits.versions.versions()[0].from);
    let holders = catalogue.holder_limits.iter().map(|limits| limits.versions.versions()[0].from);
    assert!(tariffs.chain(transactions).chain(holders).all(|from| from == FIRST));
}
