//! What happens on the street of [`super::everything`] beside payments: people and businesses are
//! suspended, locked, closed and let go on, accounts are frozen, the provider approves and refuses, and time
//! runs out.

use super::everything::Play;
use super::ideal::Purse;
use super::street::{self, COMMANDS, Does, GONE, ORGANIZATIONS, SUBSCRIBERS};
use crate::core::directory::{self, AdminError, Status};
use crate::core::testing::{World, account, shortcode};
use crate::core::{ApprovalError, CancelReason, Decision, OperatorId, PendingApproval};
use crate::store::CommitError;

/// How the provider decides about what waits.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    Approved,
    Refused,
    /// Nobody decided in time.
    Expired,
}

/// The operator of the provider who approves reversals.
pub fn checker(world: &mut World) -> OperatorId {
    world.operator_of_provider("asha", &["SP Reversal Approver"])
}

impl Play {
    /// Somebody, an organization's operator among them, gets into another state, while an order of that
    /// organization's, or one that would pay it, was decided a moment before and is committed after it:
    /// what was decided under the old state does not stand.
    pub fn turn(&mut self, who: usize, status: Status) {
        let all = ORGANIZATIONS.len() + SUBSCRIBERS.len();
        match who % (all + ORGANIZATIONS.len()) {
            at if at < ORGANIZATIONS.len() => self.turn_party(ORGANIZATIONS[at], status),
            at if at < all => self.turn_party(SUBSCRIBERS[at - ORGANIZATIONS.len()], status),
            at => self.turn_operator(ORGANIZATIONS[at - all], status),
        }
    }

    fn turn_party(&mut self, who: &'static str, status: Status) {
        self.overtaken(who, 1_000, |play| match street::put(&mut play.world, who, status) {
            Ok(()) => {
                let closes = status == Status::Closed;
                assert!(!closes || play.ideal.is_empty(who), "{who} was closed with money in it");
                play.ideal.states.insert(who, status);
            }
            Err(AdminError::NotEmpty(_)) => {
                assert!(status == Status::Closed && !play.ideal.is_empty(who), "{who} is empty")
            }
            Err(AdminError::Closed(_)) => assert_eq!(play.ideal.states[who], Status::Closed),
            Err(error) => panic!("{who}: {error}"),
        });
    }

    /// An order of this organization's, or one that would pay this subscriber, is decided before the change
    /// and committed after it.
    fn overtaken(&mut self, who: &'static str, least: i64, change: impl FnOnce(&mut Self)) {
        let (command, does) = COMMANDS[2];
        assert!(matches!(does, Does::PayCustomer { registered: false, .. }), "{command} pays everybody");
        let organization = ORGANIZATIONS.contains(&who);
        let (home, to) = if organization { (who, SUBSCRIBERS[1]) } else { (ORGANIZATIONS[0], who) };
        let amount = least + i64::try_from(self.commands % 1_000).unwrap();
        let order = street::order(&mut self.world, command, does, home, to, &street::text(amount));
        let decided = self.world.decide(&order);
        let now = self.world.now.seconds();
        // A refusal rests on nothing: it stands as it was given.
        let refused = (!decided.report.code.is_success()).then(|| self.ideal.order(does, home, to, amount, now));
        change(self);
        let expected = refused.unwrap_or_else(|| self.ideal.order(does, home, to, amount, now));
        let seen = self.world.carry_out(&order, decided);
        assert_eq!(seen.code() == "0", expected == "0", "{order:?}: {} {}", seen.code(), seen.decision.private);
        self.ended(seen.code());
        self.ideal.issued(&seen.decision, home);
        self.orders.push(order);
    }

    /// An account is frozen, or let go on. What is reserved already is not stopped by it.
    pub fn freeze(&mut self, which: usize, frozen: bool) {
        let purses: Vec<Purse> = match frozen {
            true => self.ideal.purses().collect(),
            false => self.ideal.frozen.iter().copied().collect(),
        };
        let Some(purse) = which.checked_rem(purses.len()).map(|at| purses[at]) else { return };
        // Enough for a charge, which may be the only thing that moves this account.
        self.overtaken(purse.0, 11_000, |play| {
            match directory::freeze(&play.world.facts, &account(purse.0, purse.1), frozen) {
                Ok(write_set) => {
                    play.world.facts.commit(write_set).unwrap();
                    let frozen_accounts = &mut play.ideal.frozen;
                    let changed = if frozen { frozen_accounts.insert(purse) } else { frozen_accounts.remove(&purse) };
                    assert!(changed, "{purse:?}");
                }
                Err(AdminError::Nothing) => assert_eq!(play.ideal.frozen.contains(&purse), frozen, "{purse:?}"),
                Err(error) => panic!("{purse:?}: {error}"),
            }
        });
    }

    fn turn_operator(&mut self, home: &'static str, status: Status) {
        let operator = directory::operator_named(&self.world.facts, Some(&shortcode(home)), "api").unwrap().unwrap();
        match directory::set_status(&self.world.facts, operator.id, status) {
            Ok(changed) => {
                self.world.facts.commit(changed.write_set).unwrap();
                self.ideal.operators.insert(home, status);
            }
            Err(AdminError::Closed(_)) => assert_eq!(self.ideal.operators[home], Status::Closed),
            Err(error) => panic!("{home}: {error}"),
        }
    }

    /// The provider decides about something that waits, twice at once: only one of the two stands (L3, L7).
    pub fn decide_waiting(&mut self, which: usize, verdict: Verdict) {
        let Some(which) = which.checked_rem(self.ideal.waiting.len()) else { return };
        let now = self.world.now.seconds();
        let (order, home) = (self.ideal.waiting[which].order.clone(), self.ideal.waiting[which].home);
        let late = self.ideal.waited_too_long(which, now);
        let (first, second) = (self.verdict(which, verdict), self.verdict(which, verdict));
        let (first, second) = match (first, second) {
            (Ok(first), Ok(second)) => (first, second),
            (Err(ApprovalError::Overdue(_)), _) => return assert!(late, "{order:?} was in time"),
            (Err(ApprovalError::InTime(_)), _) => return assert!(!late, "{order:?} was late"),
            (first, second) => panic!("{order:?}: {first:?} {second:?}"),
        };
        let expected = match verdict {
            Verdict::Approved => self.ideal.approve(which, now),
            Verdict::Refused | Verdict::Expired => {
                self.ideal.waiting.remove(which);
                Some(if matches!(verdict, Verdict::Refused) { "L000005" } else { "L000006" })
            }
        };
        let seen = self.world.settle(first);
        assert_eq!(Some(seen.code()), expected, "{order:?}: {}", seen.decision.private);
        let (_, error) = *self.world.attempt(second).unwrap_err();
        assert!(matches!(error, CommitError::Expectation(_)), "l3: {error}");
        self.ended(seen.code());
        self.ideal.issued(&seen.decision, home);
        let left = self.world.core.approvals(&self.world.facts, None, usize::MAX).unwrap().len();
        assert_eq!(left, self.ideal.waiting.len(), "what waits");
        // Whatever became of it, its name is used up (L6).
        assert_eq!(self.world.run(&order).code(), "15");
        self.ended("15");
    }

    fn verdict(&mut self, which: usize, verdict: Verdict) -> Result<Decision, ApprovalError> {
        let (order, checker, draw) = (&self.ideal.waiting[which].order, self.checker, self.world.draw());
        let World { core, facts, now, .. } = &self.world;
        let mut decision = match verdict {
            Verdict::Approved => core.approve(facts, &order.conversation, checker, *now, draw),
            Verdict::Refused => core.refuse_approval(facts, &order.conversation, checker, "no", *now),
            Verdict::Expired => core.expire_approval(facts, &order.conversation, *now),
        }?;
        PendingApproval::keys(order).into_iter().for_each(|key| decision.write_set.delete(key));
        Ok(decision)
    }

    /// Everything that has run out goes back, and nothing else has.
    pub fn expire(&mut self) {
        let now = self.world.now.seconds();
        let overdue = self.world.core.overdue(&self.world.facts, self.world.now, usize::MAX).unwrap();
        let late = (0..self.ideal.open.len()).filter(|open| self.ideal.is_overdue(*open, now)).count();
        assert_eq!(overdue.len(), late, "what has run out");
        for receipt in overdue {
            let why = CancelReason::Expired;
            let expired = self.world.core.cancel(&self.world.facts, &receipt, why, self.world.now).unwrap();
            self.world.settle(expired);
            let open = self.ideal.open.iter().position(|open| open.receipt == receipt).expect("it was open");
            self.ideal.give_back(open);
            self.ended("L000003");
        }
    }
}

/// By number, among the organizations, and after them one that is closed.
pub fn organization(at: usize) -> &'static str {
    ORGANIZATIONS.get(at).copied().unwrap_or(GONE)
}

/// Likewise among the subscribers.
pub fn subscriber(at: usize) -> &'static str {
    SUBSCRIBERS.get(at).copied().unwrap_or(street::GONE_SUBSCRIBER)
}
