//! The model of [`super::everything`]: what is in every account, what is reserved, what was made and
//! what waits, in which state everybody is, and the code with which each command must end.

mod rules;

use std::collections::{BTreeMap, BTreeSet};

use super::street::{Does, FUNDS, GONE, GONE_SUBSCRIBER, ORGANIZATIONS, SUBSCRIBERS, reversible, text};
use crate::core::AccountKind::{self, ChargesPaid, Float, Merchant, OrganizationSettlement, Utility, Working};
use crate::core::directory::Status;
use crate::core::testing::{World, account};
use crate::core::{Account, Decision, Order, Receipt};

/// One of somebody's accounts.
pub type Purse = (&'static str, AccountKind);

/// Where money goes that leaves for the bank.
const BANK: Purse = ("bank", AccountKind::Trust);

const SAME_AMOUNT_SECONDS: i64 = 120;
const RESERVATION_SECONDS: i64 = 60;
const APPROVAL_SECONDS: i64 = 3_600;

/// A payment that was made.
#[derive(Clone, Copy)]
pub struct Made {
    pub receipt: Receipt,
    pub from: Purse,
    pub to: Purse,
    pub amount: i64,
    /// Who may see it beside those two.
    asker: &'static str,
    reversible: bool,
    reversed: bool,
}

/// A reservation.
pub struct Open {
    pub receipt: Receipt,
    made: Made,
    customer: i64,
    business: i64,
    since: i64,
}

/// A reversal that waits for the provider.
pub struct Waiting {
    pub order: Order,
    pub home: &'static str,
    at: usize,
    since: i64,
}

/// A day, week, month or year, by which of these it is, its year and its number in it.
type Span = (usize, i16, i16);

/// What should be where.
pub struct Ideal {
    funds: BTreeMap<Purse, i64>,
    reserved: BTreeMap<&'static str, i64>,
    income: i64,
    sent: BTreeMap<(&'static str, Span), i64>,
    recent: Vec<(&'static str, &'static str, i64, i64)>,
    pub made: Vec<Made>,
    pub open: Vec<Open>,
    /// Whether the provider approves reversals, and those that wait for it.
    approves: bool,
    pub waiting: Vec<Waiting>,
    /// Of organizations and subscribers, and of the operators of organizations.
    pub states: BTreeMap<&'static str, Status>,
    pub operators: BTreeMap<&'static str, Status>,
    /// Accounts that neither pay nor are paid.
    pub frozen: BTreeSet<Purse>,
    /// What was just allowed and has no receipt yet.
    pending: Option<Pending>,
    receipts: BTreeSet<Receipt>,
}

enum Pending {
    Made(Made),
    Open(Open),
}

/// The day, week, month and year of a moment in Nairobi, which is three hours ahead all year.
fn spans(now: i64) -> [Span; 4] {
    let there = jiff::Timestamp::from_second(now + 3 * 3_600).unwrap().to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let week = there.date().iso_week_date();
    [
        (0, there.year(), there.date().day_of_year()),
        (1, week.year(), week.week().into()),
        (2, there.year(), there.month().into()),
        (3, there.year(), 0),
    ]
}

fn nobodys() -> Receipt {
    Receipt::parse("AA10000000").unwrap()
}

impl Ideal {
    /// The model of the street as it is at first.
    pub fn of(world: &World, approves: bool) -> Self {
        let mut funds = BTreeMap::new();
        for code in ORGANIZATIONS {
            for kind in [Working, Float, Utility, Merchant] {
                funds.insert((code, kind), FUNDS);
            }
            funds.extend([((code, ChargesPaid), 0), ((code, OrganizationSettlement), 0)]);
        }
        funds.extend(SUBSCRIBERS.map(|msisdn| ((msisdn, Working), FUNDS)));
        let everybody = ORGANIZATIONS.into_iter().chain(SUBSCRIBERS);
        let mut states: BTreeMap<&str, Status> = everybody.map(|who| (who, Status::Active)).collect();
        states.extend([(GONE, Status::Closed), (GONE_SUBSCRIBER, Status::Closed)]);
        let operators = ORGANIZATIONS.into_iter().chain([GONE]).map(|home| (home, Status::Active)).collect();
        // Of the bank, what the rest of the cast was funded with counts, too.
        let trust = Account::of_provider(AccountKind::Trust).balance(&world.facts).unwrap().available;
        funds.insert(BANK, trust);
        Self {
            funds,
            reserved: BTreeMap::new(),
            income: 0,
            sent: BTreeMap::new(),
            recent: Vec::new(),
            made: Vec::new(),
            open: Vec::new(),
            approves,
            waiting: Vec::new(),
            states,
            operators,
            frozen: BTreeSet::new(),
            pending: None,
            receipts: BTreeSet::new(),
        }
    }

    fn add(&mut self, purse: Purse, amount: i64) {
        *self.funds.get_mut(&purse).unwrap() += amount;
    }

    fn business_pays(&mut self, organization: &'static str, amount: i64) {
        self.add((organization, ChargesPaid), -amount);
        self.income += amount;
    }

    fn held(&self, purse: Purse) -> i64 {
        let reserved = if purse.1 == Working { self.reserved.get(purse.0).copied().unwrap_or(0) } else { 0 };
        self.funds[&purse] + reserved
    }

    fn count_sent(&mut self, who: &'static str, amount: i64, at: i64) {
        for span in spans(at) {
            *self.sent.entry((who, span)).or_default() += amount;
        }
    }

    /// The accounts of organizations and subscribers.
    pub fn purses(&self) -> impl Iterator<Item = Purse> {
        self.funds.keys().copied().filter(|purse| *purse != BANK)
    }

    /// Whom an open payment pays.
    pub fn payee(&self, open: usize) -> &'static str {
        self.open[open].made.to.0
    }

    /// Whether the organization or subscriber has nothing, so that it can be closed.
    pub fn is_empty(&self, who: &'static str) -> bool {
        let held = |purse: &Purse| self.held(*purse) != 0;
        !self.funds.keys().any(|purse| purse.0 == who && held(purse))
    }

    fn made(&self, from: Purse, to: Purse, amount: i64, does: Does) -> Made {
        Made { receipt: nobodys(), from, to, amount, asker: from.0, reversible: reversible(does), reversed: false }
    }

    /// Takes the receipt of what was just decided, which nothing had before (L5).
    pub fn issued(&mut self, decision: &Decision, asker: &'static str) {
        if let Some(transaction) = &decision.transaction {
            assert!(self.receipts.insert(transaction.receipt), "l5: {} was issued twice", transaction.receipt);
        }
        let receipt = decision.report.receipt;
        match self.pending.take() {
            Some(Pending::Made(made)) => self.made.push(Made { receipt, asker, ..made }),
            Some(Pending::Open(open)) => {
                let made = Made { receipt, asker, ..open.made };
                self.open.push(Open { receipt, made, ..open });
            }
            None => {}
        }
    }

    pub fn choose_open(&self, which: usize) -> Option<usize> {
        which.checked_rem(self.open.len())
    }

    pub fn is_overdue(&self, open: usize, now: i64) -> bool {
        now - self.open[open].since >= RESERVATION_SECONDS
    }

    pub fn complete(&mut self, open: usize) {
        let Open { made, customer, business, .. } = self.open.remove(open);
        *self.reserved.get_mut(made.from.0).unwrap() -= made.amount + customer;
        self.add(made.to, made.amount);
        self.business_pays(made.to.0, business);
        self.income += customer;
        self.made.push(made);
    }

    pub fn give_back(&mut self, open: usize) {
        let Open { made, customer, since, .. } = self.open.remove(open);
        *self.reserved.get_mut(made.from.0).unwrap() -= made.amount + customer;
        self.count_sent(made.from.0, -made.amount, since);
        self.add(made.from, made.amount + customer);
    }

    /// One of the transactions, and how it stands for this organization: none if it is not its affair.
    pub fn known(&self, which: usize, home: &str) -> Option<(Receipt, Option<&'static str>, i64)> {
        let all: Vec<(&Made, &str)> = self
            .made
            .iter()
            .map(|made| (made, "Completed"))
            .chain(self.open.iter().map(|open| (&open.made, "Authorized")))
            .collect();
        let at = all.len().checked_sub(which % 12 + 1)?;
        let (made, status) = all[at];
        let own = [made.from.0, made.to.0, made.asker].contains(&home);
        Some((made.receipt, own.then_some(status), made.amount))
    }

    /// The balance string of an organization (protocol.md 3.5).
    pub fn balances(&self, home: &'static str) -> String {
        const ALIASES: [(AccountKind, &str); 6] = [
            (Working, "Working Account"),
            (Float, "Float Account"),
            (Utility, "Utility Account"),
            (Merchant, "Merchant Account"),
            (ChargesPaid, "Charges Paid Account"),
            (OrganizationSettlement, "Organization Settlement Account"),
        ];
        let each = ALIASES.map(|(kind, alias)| {
            let funds = text(self.funds[&(home, kind)]);
            format!("{alias}|KES|{funds}|{funds}|0.00|0.00")
        });
        each.join("&")
    }

    /// Every account holds what it should.
    pub fn assert_agrees(&self, world: &World) {
        for (&(holder, kind), &funds) in &self.funds {
            let balance = match kind {
                AccountKind::Trust => Account::of_provider(kind),
                _ => account(holder, kind),
            }
            .balance(&world.facts)
            .unwrap();
            let reserved = if kind == Working { self.reserved.get(holder).copied().unwrap_or(0) } else { 0 };
            assert_eq!((balance.available, balance.reserved), (funds, reserved), "{kind:?} of {holder}");
        }
        let income = Account::of_provider(AccountKind::ChargesIncome).balance(&world.facts).unwrap();
        assert_eq!(income.available, self.income, "the provider's income");
    }
}
