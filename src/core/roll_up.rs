//! The roll-up of a head office: what it and everybody below it hold, by the kind of account. It is
//! added up when somebody asks, so that it cannot differ from the sum of its parts.

use std::collections::BTreeMap;

use super::accounts::{self, AccountKind, Balance, Holder};
use super::directory::Parents;
use super::ids::Shortcode;
use crate::store::{Read, ReadError};

/// What a hierarchy holds from one of its organizations downwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollUp {
    /// Whose balances are in it: the head first, then those below it in the order of their shortcodes.
    pub organizations: Vec<Shortcode>,
    /// The sum of each kind of account that any of them has, in the order in which balances are reported.
    pub balances: Vec<(AccountKind, Balance)>,
}

/// The roll-up of an organization; of one without anybody below it, its own balances.
pub fn roll_up(facts: &dyn Read, head: &Shortcode) -> Result<RollUp, ReadError> {
    let mut below: Vec<Shortcode> = Parents::of_all(facts)?.below(head).map(|(code, _)| code.clone()).collect();
    below.sort();
    let organizations: Vec<Shortcode> = std::iter::once(head.clone()).chain(below).collect();
    let mut sums: BTreeMap<AccountKind, Balance> = BTreeMap::new();
    for organization in &organizations {
        for (kind, balance) in accounts::balances(facts, &Holder::Organization(organization.clone()))? {
            let sum = sums.entry(kind).or_default();
            sum.available = sum.available.saturating_add(balance.available);
            sum.reserved = sum.reserved.saturating_add(balance.reserved);
        }
    }
    let balances = AccountKind::ORGANIZATION.into_iter().filter_map(|kind| Some((kind, *sums.get(&kind)?))).collect();
    Ok(RollUp { organizations, balances })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{PAYBILL, STORE, World, account, shortcode};
    use crate::store::WriteSet;

    const KIOSK: &str = "600009";

    #[test]
    fn the_roll_up_of_a_head_office_is_the_sum_of_its_children() {
        let mut world = World::new();
        world.organization(KIOSK, "Maji Kiosk", &["Paybill Store"], Some(STORE));
        for (payee, amount) in [(PAYBILL, "100"), (STORE, "250"), (KIOSK, "1500.50")] {
            let payment = world.handset("CustomerPayBillOnline", payee, amount);
            let receipt = world.authorize(&payment).decision.report.receipt;
            let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
            world.settle(completed);
        }
        let all = [PAYBILL, STORE, KIOSK];
        let rolled = roll_up(&world.facts, &shortcode(PAYBILL)).unwrap();
        assert_eq!(rolled.organizations, all.map(shortcode));
        for (kind, balance) in rolled.balances {
            let each = all.map(|code| account(code, kind).balance(&world.facts).unwrap().current());
            assert_eq!(balance.current(), each.into_iter().sum::<i64>(), "{kind:?}");
        }
        let of = |head: &str, kind| {
            let balances = roll_up(&world.facts, &shortcode(head)).unwrap().balances;
            balances.into_iter().find(|(other, _)| *other == kind).map(|(_, balance)| balance.current())
        };
        assert_eq!(of(PAYBILL, AccountKind::Utility), Some(185_050));
        assert_eq!(of(STORE, AccountKind::Utility), Some(175_050));
        assert_eq!(of(KIOSK, AccountKind::Utility), Some(150_050));
        assert_eq!(of(KIOSK, AccountKind::ChargesPaid), Some(-700));
        assert_eq!(of(PAYBILL, AccountKind::Float), None);
        // What is promised is held as well.
        let mut promised = WriteSet::new();
        promised.adjust(account(KIOSK, AccountKind::Utility).reserved(), 7, 0, i64::MAX);
        world.facts.commit(promised).unwrap();
        let balances = roll_up(&world.facts, &shortcode(PAYBILL)).unwrap().balances;
        let utility = balances.into_iter().find(|(kind, _)| *kind == AccountKind::Utility);
        assert_eq!(utility, Some((AccountKind::Utility, Balance { available: 185_050, reserved: 7 })));
    }

    #[test]
    fn a_head_office_may_have_more_children_than_are_read_at_a_time() {
        const CHILDREN: u32 = 1_001;
        let mut world = World::new();
        for child in 0..CHILDREN {
            world.organization(&(800_000 + child).to_string(), "Child", &[], Some(STORE));
        }
        let rolled = roll_up(&world.facts, &shortcode(PAYBILL)).unwrap();
        let below: Vec<_> = (0..CHILDREN).map(|child| shortcode(&(800_000 + child).to_string())).collect();
        assert_eq!(rolled.organizations[..2], [PAYBILL, STORE].map(shortcode));
        assert_eq!(rolled.organizations[2..], below);
    }
}
