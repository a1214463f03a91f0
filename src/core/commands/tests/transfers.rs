//! Payments that third parties start, and what their results look like.

use crate::core::testing::{AMINA, BULK, PAYBILL, STORE, STRANGER, TILL, UNKNOWN, World, account, party};
use crate::core::{Account, AccountKind, Amount, Credential, Draw, State, directory};
use crate::store::{CommitError, WriteSet};

#[test]
fn a_payment_to_a_customer_moves_the_amount_and_charges_the_business() {
    let mut world = World::new();
    let order = world.b2c("1500.00");
    let seen = world.run(&order);
    assert_eq!(seen.code(), "0");
    assert_eq!(seen.decision.report.description, "The service request is processed successfully.");
    assert_eq!(world.available(BULK, AccountKind::Utility), "98500.00");
    assert_eq!(world.available(BULK, AccountKind::ChargesPaid), "-5.00");
    assert_eq!(world.available(AMINA, AccountKind::Working), "11500.00");
    let income = Account::of_provider(AccountKind::ChargesIncome).balance(&world.facts).unwrap();
    assert_eq!(income.available, 500);
    world.assert_books();
}

#[test]
fn the_result_of_a_payment_to_a_customer_has_the_order_and_formats_of_the_wire() {
    let mut world = World::new();
    let order = world.b2c("1500");
    let seen = world.run(&order);
    let receipt = seen.decision.report.receipt.to_string();
    assert!(receipt.starts_with("RKL5"), "{receipt}");
    let expected = [
        ("TransactionAmount", "1500.00"),
        ("TransactionReceipt", receipt.as_str()),
        ("B2CRecipientIsRegisteredCustomer", "Y"),
        ("B2CChargesPaidAccountAvailableFunds", "-5.00"),
        ("ReceiverPartyPublicName", "254722000000 - Amina Otieno"),
        ("TransactionCompletedDateTime", "21.11.2023 23:00:00"),
        ("B2CUtilityAccountAvailableFunds", "98500.00"),
        ("B2CWorkingAccountAvailableFunds", "0.00"),
    ];
    assert_eq!(seen.parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(seen.decision.report.reference, order.reference);
}

#[test]
fn an_unregistered_customer_can_be_paid_a_salary_and_has_no_name() {
    let mut world = World::new();
    let mut order = world.b2c("200");
    order.command = "SalaryPayment".into();
    order.receiver = party(1, "0733000000");
    let seen = world.run(&order);
    assert_eq!(seen.value("B2CRecipientIsRegisteredCustomer"), "N");
    assert_eq!(seen.value("ReceiverPartyPublicName"), "254733000000 - ");
    assert_eq!(world.available(UNKNOWN, AccountKind::Working), "200.00");
}

#[test]
fn a_paid_withdrawal_charge_is_a_second_charge() {
    let mut world = World::new();
    let mut order = world.b2c("1000");
    order.command = "BusinessPaymentWithWithdrawalChargePaid".into();
    let seen = world.run(&order);
    assert_eq!(seen.value("B2CChargesPaidAccountAvailableFunds"), "-34.00");
    assert_eq!(seen.decision.transaction.unwrap().charges.len(), 2);
    world.assert_books();
}

#[test]
fn a_payment_between_businesses_has_the_result_of_the_wire() {
    let mut world = World::new();
    let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, "7000");
    let seen = world.run(&order);
    let structured = "{Amount={BasicAmount=43000.00, MinimumAmount=4300000, CurrencyCode=KES}}";
    let expected = [
        ("InitiatorAccountCurrentBalance", structured),
        ("DebitAccountCurrentBalance", structured),
        ("Amount", "7000.00"),
        ("DebitPartyAffectedAccountBalance", "Working Account|KES|43000.00|43000.00|0.00|0.00"),
        ("TransCompletedTime", "20231121230000"),
        ("DebitPartyCharges", ""),
        ("ReceiverPartyPublicName", "700000 - Umeme"),
        ("Currency", "KES"),
    ];
    assert_eq!(seen.parameters, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let reference = [("BillReferenceNumber", "INV-1"), ("Occasion", "test")];
    assert_eq!(seen.decision.report.reference, reference.map(|(key, value)| (key.to_owned(), value.to_owned())));
    assert_eq!(world.available(STRANGER, AccountKind::Utility), "7000.00");
    world.assert_books();
}

#[test]
fn funds_move_between_the_accounts_of_one_organization_with_and_without_a_receiver() {
    let mut world = World::new();
    let named = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, PAYBILL, "100");
    let mut unnamed = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, PAYBILL, "50");
    unnamed.receiver = None;
    assert_eq!([world.run(&named).code(), world.run(&unnamed).code()], ["0", "0"]);
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "150.00");
    let other = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, STORE, "50");
    assert_eq!(world.run(&other).code(), "7");
    world.assert_books();
}

#[test]
fn hierarchies_decide_where_the_service_says_so() {
    let mut world = World::new();
    world.organization("610000", "Merchant", &["Merchant Head Office"], None);
    world.organization("610001", "Merchant East", &["Merchant Store"], Some("610000"));
    world.operator("610000", "api", &["Org B2B API Initiator"]);
    world.fund(account("610000", AccountKind::Working), "500");
    world.fund(account("610000", AccountKind::Merchant), "500");
    let inside = world.b2b("MerchantServicesMMFAccountTransfer", "610000", "610001", "10");
    assert_eq!(world.run(&inside).code(), "0");
    let outside = world.b2b("MerchantToMerchantTransfer", "610000", "610001", "10");
    assert_eq!(world.run(&outside).code(), "7");
    world.assert_books();
}

#[test]
fn a_head_office_acts_for_its_store_but_tills_take_no_part() {
    let mut world = World::new();
    world.fund(account(STORE, AccountKind::Working), "500");
    let mut order = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, STORE, "10");
    order.primary = party(4, STORE);
    assert_eq!(world.run(&order).code(), "0");
    let order = world.b2b("BusinessBuyGoods", PAYBILL, TILL, "10");
    assert_eq!(world.run(&order).code(), "2028");
}

#[test]
fn l5_a_receipt_is_issued_once() {
    let mut world = World::new();
    let (first, second) = (world.b2c("100"), world.b2c("101"));
    let execute = |order| {
        let decision = world.core.execute(&world.facts, order, Credential::Verified, world.now, Draw(7)).unwrap();
        world.facts.commit(decision.write_set)
    };
    assert_eq!(execute(&first), Ok(()));
    assert!(matches!(execute(&second), Err(CommitError::Expectation(_))), "the same draw gave a second receipt");
}

#[test]
fn one_conversation_moves_money_once() {
    let mut world = World::new();
    let order = world.b2c("100");
    let (one, two) = (world.decide(&order), world.decide(&order));
    world.settle(one);
    let raced = world.facts.commit(two.write_set);
    assert!(matches!(raced, Err(CommitError::Expectation(_))), "{raced:?}");
    let again = world.decide(&order);
    assert_eq!((again.report.code.as_str(), again.write_set), ("15", WriteSet::new()));

    let mut renamed = world.b2c("102");
    renamed.originator_conversation = order.originator_conversation.clone();
    assert_eq!(world.run(&renamed).code(), "15");
    let mut moved = world.b2c("103");
    moved.conversation = order.conversation;
    assert_eq!(world.run(&moved).code(), "15", "our own name for a conversation is used once, too");
    world.assert_books();
}

#[test]
fn l6_a_refusal_too_stands_once_under_all_its_names() {
    let mut world = World::new();
    let [order, mut renamed, mut moved] = [(); 3].map(|()| {
        let mut order = world.b2c("100");
        order.receiver = party(1, "254799999999");
        order
    });
    renamed.originator_conversation.clone_from(&order.originator_conversation);
    moved.conversation = order.conversation.clone();
    let [first, later @ ..] = [&order, &order, &renamed, &moved].map(|order| world.decide(order));
    assert_eq!(world.settle(first).code(), "7");
    for decision in later {
        let raced = world.facts.commit(decision.write_set);
        assert!(matches!(raced, Err(CommitError::Expectation(_))), "{raced:?}");
    }
}

#[test]
fn a_decision_rests_on_the_states_of_the_parties() {
    let mut world = World::new();
    let order = world.b2c("100");
    let decision = world.decide(&order);
    let operator = world.core.initiator(&world.facts, &order).unwrap().unwrap();
    let suspended = directory::set_status(&world.facts, operator.id, directory::Status::Suspended).unwrap().write_set;
    world.facts.commit(suspended).unwrap();
    assert!(matches!(world.facts.commit(decision.write_set), Err(CommitError::Expectation(_))));
    assert_eq!(world.run(&order).code(), "2001");
}

#[test]
fn l2_available_never_leaves_its_bounds_when_decisions_race() {
    let mut world = World::new();
    let orders = [world.b2c("60000"), world.b2c("60001")].map(|mut order| {
        order.command = "SalaryPayment".into();
        order
    });
    let [one, mut two] = orders.map(|order| {
        let mut decision = world.decide(&order);
        // As if they went to two customers, between whom there is no other conflict.
        decision.write_set.expects.retain(|(key, _)| !format!("{key:?}").starts_with("recent"));
        decision
    });
    world.settle(one);
    let error = world.facts.commit(std::mem::take(&mut two.write_set)).unwrap_err();
    let declined = world.core.bounded(&two, &error).unwrap();
    assert_eq!(declined.report.code.as_str(), "1");
    assert_eq!(declined.transaction.as_ref().unwrap().state, State::Declined);
    let receipt = declined.report.receipt;
    world.settle(declined);
    assert!(!receipt.is_none());
    assert_eq!(world.available(BULK, AccountKind::Utility), "40000.00");
    world.assert_books();
}

#[test]
fn l4_two_lines_of_one_entry_each_show_their_own_balance() {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1000");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    let working = account(AMINA, AccountKind::Working);
    let lines = crate::core::ledger::statement(&world.facts, &working, 1, 10).unwrap();
    let balances: Vec<_> = lines.iter().map(|line| (line.balance.available, line.balance.reserved)).collect();
    assert_eq!(balances, [(899_000, 101_000), (899_000, 1_000), (899_000, 0)]);
    world.assert_books();
}

#[test]
fn l8_charges_are_those_in_force_on_the_transactions_day() {
    let files: Vec<_> = crate::core::catalogue::SHIPPED
        .iter()
        .map(|(name, text)| {
            let dearer = "\n[[tariff.versions]]\nfrom = 2023-11-22\nrule = [\n  { above = \"0\", up_to = \"250000\", \
                          customer = \"0\", business = \"99\" },\n]\n\n# The customer's withdrawal fee";
            ((*name).to_owned(), text.replace("\n# The customer's withdrawal fee", dearer))
        })
        .collect();
    let mut world = World::under(crate::core::Catalogue::parse(&files).unwrap());
    world.pass(3_599);
    let before = world.b2c("1500");
    let before = world.run(&before);
    world.pass(1);
    let after = world.b2c("1600");
    let after = world.run(&after);
    let charge = |seen: &crate::core::testing::Seen| seen.decision.transaction.as_ref().unwrap().charges[0].amount;
    assert_eq!([charge(&before), charge(&after)], [Amount::from_minor(500), Amount::from_minor(9_900)]);
    assert!(before.decision.report.receipt.as_str().starts_with("RKL"));
    assert!(after.decision.report.receipt.as_str().starts_with("RKM"));
    world.assert_books();
}
