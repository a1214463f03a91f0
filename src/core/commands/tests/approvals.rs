//! Reversals that the provider approves first.

use crate::core::catalogue::SHIPPED;
use crate::core::directory::{self, Status};
use crate::core::testing::{AMINA, PAYBILL, World, party};
use crate::core::{AccountKind, ApprovalError, Catalogue, OperatorId, Order, PendingApproval, Receipt, ResultCode};

const REVERSAL: &str = "[service.flow.reversal]\n";
const APPROVAL: &str = "[service.flow.reversal]\napproval = { permission = \"approve reversals\", seconds = 3600 }\n";

/// The shipped catalogue, in which the provider approves reversals.
fn world() -> World {
    let files: Vec<_> =
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.replace(REVERSAL, APPROVAL))).collect();
    World::under(Catalogue::parse(&files).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

fn paid(world: &mut World) -> Receipt {
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1500");
    let receipt = world.authorize(&payment).decision.report.receipt;
    let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
    world.settle(completed);
    receipt
}

/// A reversal that waits.
fn waiting(world: &mut World, original: &Receipt) -> Order {
    let order = world.reversal(PAYBILL, original);
    let seen = world.run(&order);
    assert_eq!(seen.decision.report.code, ResultCode::AwaitingApproval, "{}", seen.decision.private);
    order
}

/// Approves and commits as the broker does; the code.
fn approve(world: &mut World, order: &Order, checker: OperatorId) -> Result<&'static str, ApprovalError> {
    let draw = world.draw();
    let mut decision = world.core.approve(&world.facts, &order.conversation, checker, world.now, draw)?;
    PendingApproval::keys(order).into_iter().for_each(|key| decision.write_set.delete(key));
    Ok(world.settle(decision).code())
}

#[test]
fn nothing_moves_until_the_provider_approves() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let order = waiting(&mut world, &original);
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "1500.00");
    let listed = world.core.approvals(&world.facts, None, 9).unwrap();
    assert_eq!(listed.iter().map(|one| one.original).collect::<Vec<_>>(), [original]);
    assert_eq!(approve(&mut world, &order, checker), Ok("0"));
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "0.00");
    assert_eq!(world.available(AMINA, AccountKind::Working), "9990.00");
    assert_eq!(world.core.approvals(&world.facts, None, 9), Ok(vec![]));
    assert!(matches!(approve(&mut world, &order, checker), Err(ApprovalError::Unknown(_))));
    world.assert_books();
}

#[test]
fn s4_only_another_operator_of_the_provider_with_the_permission_approves() {
    let mut world = world();
    let maker = world.operator_of_provider("juma", &["SP Reversal Approver", "Org Reversals Initiator"]);
    let clerk = world.operator_of_provider("karani", &["Business Auditor"]);
    let merchant = world.operator(PAYBILL, "mkubwa", &["SP Reversal Approver"]);
    let gone = world.operator_of_provider("zamani", &["SP Reversal Approver"]);
    let closed = directory::set_status(&world.facts, gone, Status::Suspended).unwrap().write_set;
    world.facts.commit(closed).unwrap();
    let original = paid(&mut world);
    let mut order = world.reversal(PAYBILL, &original);
    let initiator = order.initiator.as_mut().unwrap();
    (initiator.identifier_type, initiator.identifier, initiator.short_code) = (14, "juma".into(), None);
    order.primary = party(4, PAYBILL);
    assert_eq!(world.run(&order).decision.report.code, ResultCode::AwaitingApproval);
    assert_eq!(approve(&mut world, &order, maker), Err(ApprovalError::Maker(maker)));
    assert!(matches!(approve(&mut world, &order, clerk), Err(ApprovalError::NoPermission { .. })));
    assert_eq!(approve(&mut world, &order, merchant), Err(ApprovalError::NotOfProvider(merchant)));
    assert_eq!(approve(&mut world, &order, gone), Err(ApprovalError::NotOfProvider(gone)));
    let refused = world.core.refuse_approval(&world.facts, &order.conversation, maker, "mine", world.now);
    assert_eq!(refused.unwrap_err(), ApprovalError::Maker(maker));
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "1500.00");
}

#[test]
fn a_conversation_waits_once_and_its_end_rests_on_who_ended_it() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let one = world.reversal(PAYBILL, &original);
    let mut other = world.reversal(PAYBILL, &original);
    other.conversation = one.conversation.clone();
    let [one_waits, other_waits] = [&one, &other].map(|order| world.decide(order));
    world.settle(one_waits);
    assert!(world.facts.commit(other_waits.write_set).is_err());

    let refused = world.core.refuse_approval(&world.facts, &one.conversation, checker, "no", world.now).unwrap();
    let suspended = directory::set_status(&world.facts, checker, Status::Suspended).unwrap().write_set;
    world.facts.commit(suspended).unwrap();
    assert!(world.facts.commit(refused.write_set).is_err());
    assert_eq!(world.core.approvals(&world.facts, None, 9).unwrap().len(), 1);
}

#[test]
fn l7_what_waits_twice_is_given_back_once() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let [one, other] = [waiting(&mut world, &original), waiting(&mut world, &original)];
    assert_eq!(approve(&mut world, &one, checker), Ok("0"));
    assert_eq!(approve(&mut world, &other, checker), Ok("R000001"));
    world.assert_books();
}

#[test]
fn what_is_refused_or_not_approved_in_time_moves_nothing() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let refused = waiting(&mut world, &original);
    let late = waiting(&mut world, &original);
    let decision = world.core.refuse_approval(&world.facts, &refused.conversation, checker, "no", world.now).unwrap();
    assert_eq!(world.settle(decision).code(), "L000005");
    let early = world.core.expire_approval(&world.facts, &late.conversation, world.now);
    assert!(matches!(early, Err(ApprovalError::InTime(_))));
    world.pass(3600);
    assert!(matches!(approve(&mut world, &late, checker), Err(ApprovalError::Overdue(_))));
    let decision = world.core.expire_approval(&world.facts, &late.conversation, world.now).unwrap();
    assert_eq!(world.settle(decision).code(), "L000006");
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "1500.00");
    world.assert_books();
}

#[test]
fn an_approval_rests_on_what_is_there_when_it_is_given() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let order = waiting(&mut world, &original);
    let spent = world.b2b("BusinessTransferFromUtilityToMMF", PAYBILL, PAYBILL, "1000");
    assert_eq!(world.run(&spent).code(), "0");
    assert_eq!(approve(&mut world, &order, checker), Ok("1"));
    world.assert_books();
}

/// The next edition of the catalogue asks the provider no more: what waits then is not decided by anybody.
#[test]
fn what_waits_for_an_approval_that_is_there_no_more_ends_with_its_time() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let order = waiting(&mut world, &original);
    world.core = World::new().core;
    let none = ApprovalError::NoApprovals("TransactionReversal".into());
    assert_eq!(approve(&mut world, &order, checker), Err(none.clone()));
    let refused = world.core.refuse_approval(&world.facts, &order.conversation, checker, "no", world.now);
    assert_eq!(refused.unwrap_err(), none);
    world.pass(3600);
    let expired = world.core.expire_approval(&world.facts, &order.conversation, world.now).unwrap();
    assert_eq!(world.settle(expired).code(), "L000006");
    assert_eq!(world.available(PAYBILL, AccountKind::Utility), "1500.00");
    world.assert_books();
}

/// What a status query by this name says of the status, or its code.
fn status(world: &mut World, home: &str, key: &str, value: &str) -> String {
    let mut query = world.order("TransactionStatusQuery", home);
    query.parameters = vec![(key.into(), value.into())];
    let seen = world.run(&query);
    if seen.code() == "0" { seen.value("TransactionStatus").to_owned() } else { seen.code().to_owned() }
}

#[test]
fn what_waits_is_found_by_both_its_names_by_who_asked_for_it_alone() {
    let mut world = world();
    let checker = world.operator_of_provider("asha", &["SP Reversal Approver"]);
    let original = paid(&mut world);
    let order = waiting(&mut world, &original);
    let names = [
        ("ConversationID", order.conversation.to_string()),
        ("OriginatorConversationID", order.originator_conversation.clone()),
    ];
    for (key, value) in &names {
        assert_eq!(status(&mut world, PAYBILL, key, value), "Initiated", "{key}");
        assert_eq!(status(&mut world, crate::core::testing::STRANGER, key, value), "2033", "s1: {key}");
    }
    let mut query = world.order("TransactionStatusQuery", PAYBILL);
    query.parameters = vec![("ConversationID".into(), order.conversation.to_string())];
    let seen = world.run(&query);
    assert_eq!((seen.value("Amount"), seen.value("ReceiptNo")), ("1500.00", "RKL0000000"));
    assert_eq!(seen.value("TransactionReason"), "The request waits for the approval of the service provider.");

    assert_eq!(approve(&mut world, &order, checker), Ok("0"));
    for (key, value) in &names {
        assert_eq!(status(&mut world, PAYBILL, key, value), "Completed", "{key}");
    }
}

#[test]
fn l6_a_name_under_which_something_waits_is_used() {
    let mut world = world();
    let original = paid(&mut world);
    let order = waiting(&mut world, &original);
    let mut again = world.reversal(PAYBILL, &original);
    again.originator_conversation.clone_from(&order.originator_conversation);
    assert_eq!(world.run(&again).code(), "15");
    assert_eq!(world.core.approvals(&world.facts, None, 9).unwrap().len(), 1);
}
