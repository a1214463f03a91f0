//! The rules of [`super`]: with which code each command must end, and what it then moves.

use super::super::street::{
    Does, ORGANIZATION_PERIODS, ORGANIZATIONS, SUBSCRIBER_MAX, SUBSCRIBER_PERIODS, Stand, UNREGISTERED, charge,
};
use super::{APPROVAL_SECONDS, BANK, Ideal, Made, Open, Pending, Purse, SAME_AMOUNT_SECONDS, Waiting, spans};
use crate::core::AccountKind::{ChargesPaid, Merchant, OrganizationSettlement, Utility, Working};
use crate::core::Order;
use crate::core::directory::Status;

/// A payment to be judged by the accounting rules.
struct Judged {
    from: Purse,
    to: Purse,
    amount: i64,
    /// What the payer's own account bears beside the amount.
    own_charge: i64,
    limits: Option<(i64, i64)>,
    same_amount: bool,
    /// The account that bears the business's part of the charges, if there is one.
    charged: Option<Purse>,
}

impl Ideal {
    /// The accounting rules in the order of domain.md 5.
    fn judge(&self, it: &Judged, now: i64) -> &'static str {
        let Judged { from, to, amount, own_charge, limits, same_amount, charged } = *it;
        if let Some((least, most)) = limits {
            if amount < least {
                return "2";
            }
            if amount > most {
                return "3";
            }
        }
        if [Some(from), Some(to), charged].into_iter().flatten().any(|purse| self.frozen.contains(&purse)) {
            return "2006";
        }
        let same = |&(payer, payee, paid, at): &(&str, &str, i64, i64)| {
            (payer, payee, paid) == (from.0, to.0, amount) && now - at < SAME_AMOUNT_SECONDS
        };
        if same_amount && self.recent.iter().any(same) {
            return "L000001";
        }
        let subscriber = |holder: &str| holder.len() == 12;
        let most = if subscriber(from.0) { SUBSCRIBER_PERIODS } else { ORGANIZATION_PERIODS };
        for ((span, most), code) in spans(now).into_iter().zip(most).zip(["4", "2008", "2009", "2010"]) {
            if limits.is_some() && self.sent.get(&(from.0, span)).unwrap_or(&0) + amount > most {
                return code;
            }
        }
        if amount + own_charge > self.funds[&from] {
            return "1";
        }
        if subscriber(to.0) && self.held(to) + amount > SUBSCRIBER_MAX {
            return "8";
        }
        "0"
    }

    /// Whether the organization's operator may start anything: both are active.
    pub fn acts(&self, home: &str) -> bool {
        self.pays(home) && self.operators[home] == Status::Active
    }

    fn pays(&self, who: &str) -> bool {
        self.states[who] == Status::Active
    }

    fn is_payable(&self, who: &str) -> bool {
        matches!(self.states[who], Status::Active | Status::Locked)
    }

    /// What becomes of an order of a third party's, right in everything but perhaps its amount and its
    /// parties.
    pub fn order(&mut self, does: Does, home: &'static str, to: &'static str, amount: i64, now: i64) -> &'static str {
        if matches!(does, Does::Register | Does::Handset { .. }) {
            return "1002";
        }
        if !self.acts(home) {
            return "2001";
        }
        if matches!(does, Does::PayCustomer { .. } | Does::Move { .. } | Does::AskIdentity) && !self.is_payable(to) {
            return "14";
        }
        let (from, to, limits) = match does {
            Does::PayCustomer { registered, .. } => {
                if registered && to == UNREGISTERED {
                    return "2040";
                }
                ((home, Utility), (to, Working), (1_000, 25_000_000))
            }
            Does::Move { from, to: kind, stand } => {
                if !stand.holds(home, to) {
                    return "7";
                }
                ((home, from), (to, kind), (100, 5_000_000_000))
            }
            Does::Withdraw => ((home, Working), BANK, (100, 5_000_000_000)),
            Does::Settle => return self.settle(home),
            // It names no payment.
            Does::Reverse => return "24",
            Does::AskStatus => return "24",
            Does::AskBalance | Does::AskIdentity => return "0",
            // Not a third party's to order: refused above.
            Does::Register | Does::Handset { .. } => return "1002",
        };
        if amount == 0 {
            return "2020";
        }
        let same_amount = matches!(does, Does::PayCustomer { .. });
        let due = match does {
            Does::PayCustomer { charges, .. } => charges.iter().map(|(_, bands)| charge(bands, amount).1).sum(),
            _ => 0,
        };
        let charged = (due > 0).then_some((home, ChargesPaid));
        let it = Judged { from, to, amount, own_charge: 0, limits: Some(limits), same_amount, charged };
        let code = self.judge(&it, now);
        if code == "0" {
            self.add(from, -amount);
            self.add(to, amount);
            self.count_sent(home, amount, now);
            if same_amount {
                self.recent.push((home, to.0, amount, now));
                self.business_pays(home, due);
            }
            self.pending = Some(Pending::Made(self.made(from, to, amount, does)));
        }
        code
    }

    fn settle(&mut self, home: &'static str) -> &'static str {
        let touched = [Utility, Merchant, OrganizationSettlement, ChargesPaid, Working];
        if touched.iter().any(|kind| self.frozen.contains(&(home, *kind))) {
            return "2006";
        }
        let income = self.funds[&(home, Utility)] + self.funds[&(home, Merchant)];
        let paid = income.min(-self.funds[&(home, ChargesPaid)]);
        self.add((home, Utility), -self.funds[&(home, Utility)]);
        self.add((home, Merchant), -self.funds[&(home, Merchant)]);
        self.add((home, ChargesPaid), paid);
        self.add((home, Working), income - paid);
        self.pending = Some(Pending::Made(self.made((home, Utility), (home, Working), income, Does::Settle)));
        "0"
    }

    /// What becomes of a payment that begins on a handset.
    pub fn pay(&mut self, does: Does, from: &'static str, to: &'static str, amount: i64, now: i64) -> &'static str {
        let Does::Handset { from: debit, to: credit, charge: bands, least, reserves, .. } = does else {
            return "1002";
        };
        if !self.pays(from) {
            return "11";
        }
        if !self.is_payable(to) {
            return "14";
        }
        if from == to {
            return "7";
        }
        if amount == 0 {
            return "2020";
        }
        let (customer, business) = charge(bands, amount);
        let (from, to) = ((from, debit), (to, credit));
        let limits = Some((least * 100, 25_000_000));
        let charged = (business > 0).then_some((to.0, ChargesPaid));
        let it = Judged { from, to, amount, own_charge: customer, limits, same_amount: false, charged };
        let code = self.judge(&it, now);
        if code != "0" {
            return code;
        }
        self.add(from, -amount - customer);
        self.count_sent(from.0, amount, now);
        let made = self.made(from, to, amount, does);
        self.pending = Some(if reserves {
            *self.reserved.entry(from.0).or_default() += amount + customer;
            let (receipt, since) = (made.receipt, now);
            Pending::Open(Open { receipt, made, customer, business, since })
        } else {
            self.add(to, amount);
            self.income += customer;
            Pending::Made(made)
        });
        "0"
    }

    /// What becomes of the whole of a payment when this organization wants to give it back.
    pub fn reverse(&mut self, at: usize, order: &Order, home: &'static str, now: i64) -> &'static str {
        match self.may_reverse(at, home) {
            "0" if self.approves => {
                self.waiting.push(Waiting { order: order.clone(), home, at, since: now });
                "L000004"
            }
            "0" => self.give_payment_back(at),
            code => code,
        }
    }

    /// What becomes of a reversal that the provider approves now; none if it is too late for that.
    pub fn approve(&mut self, which: usize, now: i64) -> Option<&'static str> {
        if self.waited_too_long(which, now) {
            return None;
        }
        let Waiting { at, home, .. } = self.waiting.remove(which);
        Some(match self.may_reverse(at, home) {
            "0" => self.give_payment_back(at),
            code => code,
        })
    }

    pub fn waited_too_long(&self, which: usize, now: i64) -> bool {
        now - self.waiting[which].since >= APPROVAL_SECONDS
    }

    fn may_reverse(&self, at: usize, home: &'static str) -> &'static str {
        if !self.acts(home) {
            return "2001";
        }
        let Made { from, to, reversible, reversed, .. } = self.made[at];
        let over = ORGANIZATIONS.contains(&to.0) && (to.0 == home || Stand::Inside.holds(home, to.0) && home < to.0);
        if !over {
            return "R000002";
        }
        if reversed {
            return "R000001";
        }
        if !reversible {
            return "R000002";
        }
        if !self.pays(to.0) {
            return "11";
        }
        if !self.is_payable(from.0) {
            return "14";
        }
        "0"
    }

    fn give_payment_back(&mut self, at: usize) -> &'static str {
        let Made { from, to, amount, .. } = self.made[at];
        let it = Judged { from: to, to: from, amount, own_charge: 0, limits: None, same_amount: false, charged: None };
        let code = self.judge(&it, 0);
        if code == "0" {
            self.add(to, -amount);
            self.add(from, amount);
            self.made[at].reversed = true;
            self.pending = Some(Pending::Made(self.made(to, from, amount, Does::Reverse)));
        }
        code
    }
}
