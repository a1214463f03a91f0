//! The roles that everybody knows and what limits customers (domain.md 1, 5 and 6), written down once more: what is
//! shipped has them as they are here.

use std::collections::BTreeSet;

use super::*;

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
