//! What is decided twice before either decision is committed, and how reservations end.

use super::super::ideal::Made;
use super::super::street::{COMMANDS, Does, HOME, ORGANIZATIONS, order, text};
use super::super::turns::organization;
use super::{Play, receiver, which_of};
use crate::core::directory::Status;
use crate::core::{CancelReason, SettleError};
use crate::store::CommitError;

impl Play {
    /// Both are decided from the same state; what comes out is as if one had come after the other.
    pub(super) fn race(&mut self, one: (usize, usize, usize, i64), other: Option<(usize, usize, usize, i64)>) {
        let movers: Vec<_> = COMMANDS
            .into_iter()
            .filter(|(_, does)| matches!(does, Does::PayCustomer { .. } | Does::Move { .. } | Does::Withdraw))
            .collect();
        let now = self.world.now.seconds();
        let made = [Some(one), other].map(|paying| {
            paying.map(|(which, from, to, amount)| {
                let (command, does) = movers[which % movers.len()];
                let (home, to) = (organization(from), receiver(does, to));
                let order = order(&mut self.world, command, does, home, to, &text(amount));
                let decision = self.world.decide(&order);
                (order, decision, does, home, to, amount)
            })
        });
        let mut made: Vec<_> = made.into_iter().flatten().collect();
        let again = made[0].0.clone();
        let repeated = self.world.decide(&again);
        // What was refused by the state that both saw comes before what changes it.
        made.sort_by_key(|(_, decision, ..)| decision.report.code.is_success());
        for (order, decision, does, home, to, amount) in made {
            let expected = self.ideal.order(does, home, to, amount, now);
            let seen = self.world.carry_out(&order, decision);
            // Which of several bounds is met first is another order than that of the rules.
            assert_eq!(seen.code() == "0", expected == "0", "{order:?}: {} {}", seen.code(), seen.decision.private);
            self.ended(seen.code());
            self.ideal.issued(&seen.decision, home);
            self.orders.push(order);
        }
        assert_eq!(self.world.carry_out(&again, repeated).code(), "15", "l6: one order, decided twice");
        self.ended("15");
    }

    /// One payment given back by two orders at once (L7).
    pub(super) fn race_reversals(&mut self, which: usize) {
        let Some(at) = which_of(&self.ideal.made, which) else { return };
        let Made { receipt, to, .. } = self.ideal.made[at];
        let home = if ORGANIZATIONS.contains(&to.0) { to.0 } else { HOME };
        let orders = [self.world.reversal(home, &receipt), self.world.reversal(home, &receipt)];
        let decided = orders.each_ref().map(|order| self.world.decide(order));
        for (order, decision) in orders.iter().zip(decided) {
            let expected = self.ideal.reverse(at, order, home, self.world.now.seconds());
            let seen = self.world.carry_out(order, decision);
            assert_eq!(seen.code(), expected, "l7: {receipt}: {}", seen.decision.private);
            self.ended(seen.code());
            self.ideal.issued(&seen.decision, home);
        }
    }

    pub(super) fn complete(&mut self, which: usize) {
        let Some(open) = self.ideal.choose_open(which) else { return };
        let receipt = self.ideal.open[open].receipt;
        match self.world.core.complete(&self.world.facts, &receipt, None, self.world.now) {
            Ok(completed) => {
                assert!(!self.ideal.is_overdue(open, self.world.now.seconds()), "{receipt} was completed too late");
                assert_ne!(self.ideal.states[self.ideal.payee(open)], Status::Closed, "{receipt} was paid for good");
                self.world.settle(completed);
                self.ideal.complete(open);
                self.ended("0");
            }
            Err(SettleError::Overdue(_)) => {
                assert!(self.ideal.is_overdue(open, self.world.now.seconds()), "{receipt} is not overdue");
                let why = CancelReason::Expired;
                let expired = self.world.core.cancel(&self.world.facts, &receipt, why, self.world.now).unwrap();
                self.world.settle(expired);
                self.ideal.give_back(open);
                self.ended("L000003");
            }
            Err(SettleError::PayeeClosed(_)) => {
                assert_eq!(self.ideal.states[self.ideal.payee(open)], Status::Closed, "{receipt}");
                let why = CancelReason::PayeeClosed;
                let given_back = self.world.core.cancel(&self.world.facts, &receipt, why, self.world.now).unwrap();
                self.world.settle(given_back);
                self.ideal.give_back(open);
                self.ended("14");
            }
            Err(error) => panic!("{receipt}: {error}"),
        }
    }

    /// A reservation ends once (L3): whoever comes second finds the transaction changed.
    pub(super) fn race_ends(&mut self, which: usize) {
        let Some(open) = self.ideal.choose_open(which) else { return };
        let receipt = self.ideal.open[open].receipt;
        let complete = self.world.core.complete(&self.world.facts, &receipt, None, self.world.now);
        let why = CancelReason::Expired;
        let cancel = self.world.core.cancel(&self.world.facts, &receipt, why, self.world.now).unwrap();
        let Ok(complete) = complete else { return };
        let (first, second) = if which.is_multiple_of(2) { (complete, cancel) } else { (cancel, complete) };
        self.world.settle(first);
        let (_, error) = *self.world.attempt(second).unwrap_err();
        assert!(matches!(error, CommitError::Expectation(_)), "l3: {error}");
        if which.is_multiple_of(2) {
            self.ideal.complete(open)
        } else {
            self.ideal.give_back(open)
        }
        self.commands += 2;
    }
}
