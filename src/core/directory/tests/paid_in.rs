//! What is paid in at the bank, and accounts that are frozen.

use super::*;
use crate::core::Account;
use crate::core::testing::UNKNOWN;
use crate::store::{CommitError, WriteSet};

fn pay_in(world: &World, to: &Account, minor: i64, draw: u64) -> Result<WriteSet, AdminError> {
    let amount = Amount::from_minor(minor);
    super::fund(&world.core, &world.facts, to.clone(), amount, world.now, Draw(draw)).map(|(_, set)| set)
}

/// What an account of which something is promised may still get.
const ROOM: i64 = 50_000_000 - 1_000_000;

/// A world in which a subscriber has promised something, and her account.
fn promised() -> (World, Account) {
    let mut world = World::new();
    let payment = world.handset("CustomerPayBillOnline", PAYBILL, "1000");
    world.authorize(&payment);
    (world, account(AMINA, AccountKind::Working))
}

#[test]
fn what_is_promised_counts_in_the_greatest_balance() {
    let (world, purse) = promised();
    let promised = purse.balance(&world.facts).unwrap();
    assert!(promised.reserved >= 100_000, "{promised:?}");
    assert!(matches!(pay_in(&world, &purse, ROOM + 1, 1), Err(AdminError::Limit(_))));
    assert!(pay_in(&world, &purse, ROOM, 1).is_ok());
}

#[test]
fn l2_the_greatest_balance_holds_when_two_pay_in() {
    let world = World::new();
    let purse = account(UNKNOWN, AccountKind::Working);
    let [one, other] = [1, 2].map(|draw| pay_in(&world, &purse, 25_000_001, draw).unwrap());
    world.facts.commit(one).unwrap();
    let error = world.facts.commit(other).unwrap_err();
    assert!(matches!(error, CommitError::Bound { .. }), "{error}");
    world.assert_books();
}

#[test]
fn l2_what_is_promised_counts_in_the_greatest_balance_when_two_pay_in() {
    let (world, purse) = promised();
    // Each fits alone, both together are a cent too much.
    let half = ROOM / 2;
    let [one, other] = [(half, 1), (half + 1, 2)].map(|(minor, draw)| pay_in(&world, &purse, minor, draw).unwrap());
    world.facts.commit(one).unwrap();
    let error = world.facts.commit(other).unwrap_err();
    assert!(matches!(error, CommitError::Bound { .. }), "{error}");
    assert!(pay_in(&world, &purse, half, 3).is_ok());
    world.assert_books();
}

/// It would stay there for ever: settlements go through that account and leave nothing, and take nothing else out.
#[test]
fn nothing_is_paid_in_where_nothing_gets_out() {
    let mut world = World::new();
    world.organization("611111", "All", &["Merchant Store", "Paybill Store", "Agent Store"], None);
    for kind in AccountKind::ORGANIZATION {
        let paid = pay_in(&world, &account("611111", kind), 1_000, 1).map(drop);
        match kind {
            AccountKind::OrganizationSettlement => assert!(matches!(paid, Err(AdminError::NotPayable(..))), "{paid:?}"),
            // It pays a debt, and there is none.
            AccountKind::ChargesPaid => assert!(matches!(paid, Err(AdminError::Limit(_))), "{paid:?}"),
            _ => assert_eq!(paid, Ok(()), "{kind:?}"),
        }
    }
}

#[test]
fn an_account_is_frozen_or_released_once() {
    let world = World::new();
    let purse = account(AMINA, AccountKind::Working);
    assert_eq!(freeze(&world.facts, &purse, false), Err(AdminError::Nothing));
    let [one, other] = [(); 2].map(|()| freeze(&world.facts, &purse, true).unwrap());
    world.facts.commit(one).unwrap();
    assert!(world.facts.commit(other).is_err());
    assert_eq!(freeze(&world.facts, &purse, true), Err(AdminError::Nothing));
    let none = account(AMINA, AccountKind::Float);
    assert!(matches!(freeze(&world.facts, &none, true), Err(AdminError::Unknown(_))));
    assert!(!frozen(&world.facts, &none).unwrap());
}
