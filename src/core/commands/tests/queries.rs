//! Questions: balances and the state of transactions.

use crate::core::testing::{BULK, PAYBILL, STORE, STRANGER, Seen, World, account, party};
use crate::core::{AccountKind, Order};
use crate::store::WriteSet;

fn status_of(world: &mut World, home: &str, key: &str, value: &str) -> Seen {
    let mut order = world.order("TransactionStatusQuery", home);
    order.parameters = vec![(key.into(), value.into())];
    world.run(&order)
}

fn balance(world: &mut World, home: &str, change: impl FnOnce(&mut Order)) -> Seen {
    let mut order = world.order("AccountBalance", home);
    change(&mut order);
    world.run(&order)
}

#[test]
fn a_balance_is_that_of_all_accounts_of_the_product() {
    let mut world = World::new();
    let seen = balance(&mut world, BULK, |order| order.receiver = party(4, BULK));
    assert_eq!(
        seen.value("AccountBalance"),
        "Working Account|KES|0.00|0.00|0.00|0.00&Utility Account|KES|100000.00|100000.00|0.00|0.00\
         &Charges Paid Account|KES|0.00|0.00|0.00|0.00&Organization Settlement Account|KES|0.00|0.00|0.00|0.00"
    );
    assert_eq!(seen.value("BOCompletedTime"), "20231121230000");
    assert_eq!(seen.decision.report.receipt.as_str(), "RKL0000000");
    assert_eq!(seen.decision.write_set, WriteSet::new());
}

#[test]
fn one_type_of_account_can_be_asked_for() {
    let mut world = World::new();
    let ask = |kind: &str| {
        let kind = kind.to_owned();
        move |order: &mut Order| order.parameters = vec![("AccountType".into(), kind)]
    };
    let seen = balance(&mut world, BULK, ask("utility"));
    assert_eq!(seen.value("AccountBalance"), "Utility Account|KES|100000.00|100000.00|0.00|0.00");
    let working = "Working Account|KES|0.00|0.00|0.00|0.00";
    for name in ["Working Account", "working", "MMF", "mmf account", "MMF Organization Account"] {
        assert_eq!(balance(&mut world, BULK, ask(name)).value("AccountBalance"), working, "{name}");
    }
    // What it has not, and what nobody has.
    assert_eq!(balance(&mut world, BULK, ask("Float Account")).value("AccountBalance"), "");
    for name in ["Piggy Bank", "MMF Utility", "Trust Account", "Account"] {
        assert_eq!(balance(&mut world, BULK, ask(name)).code(), "25", "{name}");
    }
}

#[test]
fn s1_balances_of_others_are_not_shown() {
    let mut world = World::new();
    let code = |world: &mut World, home: &str, target: &'static str| {
        let by_party = balance(world, home, |order| order.receiver = party(4, target)).code();
        let by_parameter = balance(world, home, |order| {
            order.parameters = vec![("ShortCode".into(), target.into())];
        });
        assert_eq!(by_party, by_parameter.code());
        by_party
    };
    assert_eq!(code(&mut world, STRANGER, BULK), "2043");
    assert_eq!(code(&mut world, STORE, PAYBILL), "2043");
    assert_eq!(code(&mut world, PAYBILL, STORE), "0");
    assert_eq!(code(&mut world, PAYBILL, "99999"), "7");

    world.fund(account(STORE, AccountKind::Utility), "7");
    let seen = balance(&mut world, PAYBILL, |order| {
        let list = format!("{STORE};{STRANGER}; {PAYBILL};nonsense");
        order.parameters = vec![("OrgShortCodeList".into(), list), ("AccountType".into(), "Utility Account".into())];
    });
    assert_eq!(
        seen.value("AccountBalance"),
        "600002|Utility Account|KES|7.00|7.00|0.00|0.00#;700000|Failed\
         #;600001|Utility Account|KES|0.00|0.00|0.00|0.00#;nonsense|Failed"
    );
}

#[test]
fn a_list_of_organizations_has_an_end() {
    let mut world = World::new();
    for (count, code) in [(0, "25"), (crate::core::BALANCE_LIST_MAX, "0"), (crate::core::BALANCE_LIST_MAX + 1, "25")] {
        let list = ";".to_owned() + &vec![PAYBILL; count].join(";");
        let seen = balance(&mut world, PAYBILL, |order| order.parameters = vec![("OrgShortCodeList".into(), list)]);
        assert_eq!(seen.code(), code, "{count}");
    }
}

#[test]
fn a_transaction_is_found_by_each_of_its_three_names() {
    let mut world = World::new();
    let order = world.b2c("1500");
    let receipt = world.run(&order).decision.report.receipt.to_string();
    let expected = [
        ("ReceiptNo", receipt.as_str()),
        ("Conversation ID", order.conversation.as_str()),
        ("FinalizedTime", "20231121230000"),
        ("Amount", "1500.00"),
        ("TransactionStatus", "Completed"),
        ("ReasonType", "Business Payment to Customer via API"),
        ("TransactionReason", ""),
        ("DebitPartyCharges", "Fee For B2C Payment|KES|5.00"),
        ("DebitAccountType", "Utility Account"),
        ("InitiatedTime", "20231121230000"),
        ("Originator Conversation ID", order.originator_conversation.as_str()),
        ("CreditPartyName", "254722000000 - Amina Otieno"),
        ("DebitPartyName", "600000 - Mradi Pay"),
    ];
    for (key, value) in [
        ("ReceiptNumber", receipt.as_str()),
        ("OriginatorConversationID", order.originator_conversation.as_str()),
        ("ConversationID", order.conversation.as_str()),
    ] {
        let seen = status_of(&mut world, BULK, key, value);
        assert_eq!(seen.parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())), "{key}");
    }
}

#[test]
fn exactly_one_name_is_asked_by() {
    let mut world = World::new();
    let mut order = world.order("TransactionStatusQuery", BULK);
    assert_eq!(world.run(&order).code(), "24");
    let names = [("ReceiptNumber", "RKL5ABCDEF"), ("ConversationID", "x")];
    order.parameters = names.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
    assert_eq!(world.run(&order).code(), "25");
    assert_eq!(status_of(&mut world, BULK, "ReceiptNumber", "nonsense").code(), "25");
    assert_eq!(status_of(&mut world, BULK, "ReceiptNumber", "RKL5ABCDEF").code(), "2032");
    assert_eq!(status_of(&mut world, BULK, "ConversationID", "nonsense").code(), "2033");
}

#[test]
fn s1_a_transaction_of_others_is_as_if_it_were_not_there() {
    let mut world = World::new();
    let order = world.b2c("1500");
    let receipt = world.run(&order).decision.report.receipt.to_string();
    let theirs = status_of(&mut world, STRANGER, "ReceiptNumber", &receipt);
    let nobodys = status_of(&mut world, STRANGER, "ReceiptNumber", "RKL5ABCDEF");
    assert_eq!(theirs.decision.report, nobodys.decision.report);
    assert_eq!(theirs.code(), "2032");
    for key in ["ConversationID", "OriginatorConversationID"] {
        let value = if key == "ConversationID" { order.conversation.as_str() } else { &order.originator_conversation };
        assert_eq!(status_of(&mut world, STRANGER, key, value).code(), "2033", "{key}");
    }
}

#[test]
fn s1_the_paid_organization_sees_the_transaction_but_not_the_payers_names_for_it() {
    let mut world = World::new();
    let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "70");
    let receipt = world.run(&order).decision.report.receipt.to_string();
    let seen = status_of(&mut world, STRANGER, "ReceiptNumber", &receipt);
    assert_eq!(seen.value("Amount"), "70.00");
    assert_eq!((seen.value("Conversation ID"), seen.value("Originator Conversation ID")), ("", ""));
}

#[test]
fn what_failed_can_be_asked_for_too() {
    let mut world = World::new();
    let declined = world.b2c("250000");
    let receipt = world.run(&declined).decision.report.receipt.to_string();
    let seen = status_of(&mut world, BULK, "ReceiptNumber", &receipt);
    assert_eq!(seen.value("TransactionStatus"), "Declined");
    assert_eq!(seen.value("TransactionReason"), "The balance is insufficient for the transaction.");

    let mut refused = world.b2c("100");
    refused.receiver = party(1, "254799999999");
    world.run(&refused);
    let seen = status_of(&mut world, BULK, "OriginatorConversationID", &refused.originator_conversation);
    assert_eq!(seen.value("TransactionStatus"), "Failed");
    assert_eq!(seen.value("ReceiptNo"), "RKL0000000");
    assert_eq!(seen.value("TransactionReason"), "The ReceiverParty information is invalid.");
}

#[test]
fn after_fifteen_days_only_the_receipt_is_asked_by() {
    let mut world = World::new();
    let order = world.b2c("100");
    let receipt = world.run(&order).decision.report.receipt.to_string();
    let code = |world: &mut World| {
        let by_conversation = status_of(world, BULK, "ConversationID", order.conversation.as_str()).code();
        (by_conversation, status_of(world, BULK, "ReceiptNumber", &receipt).code())
    };
    world.pass(15 * 86_400);
    assert_eq!(code(&mut world), ("0", "0"));
    world.pass(1);
    assert_eq!(code(&mut world), ("2033", "0"));
}
