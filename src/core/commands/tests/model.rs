//! Random sequences of commands against a small independent model, which knows accounts, charges
//! and reservations and nothing of how the core keeps them. After each step the model and the
//! balances agree, the books are right (L1 to L4), and nothing is given back twice (L7).
//!
//! A failure names the seed and the shortest sequence that fails; `LANGO_MODEL_SEED=N` plays that
//! seed again, and `LANGO_MODEL_SEQUENCES=N` plays more of them.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use proptest::prelude::*;

use super::seeds::play_seed_of;
use crate::core::tariff::golden::{FEE, MGAO, charge as charges};
use crate::core::testing::{AMINA, BULK, Books, PAYBILL, STRANGER, TILL, World, account};
use crate::core::{AccountKind, CancelReason, Catalogue, Order, Receipt};
use crate::store::CommitError;

/// Sequences that each of the two tests plays, and the steps of each. [`super::everything`] has the
/// wider street and most of the commands; here the steps come faster after each other.
const SEQUENCES: u32 = 50;
const STEPS: usize = 500;
/// After how many steps the statements are added up; the balances are compared after each.
const STEPS_BETWEEN_BOOKS: usize = 10;

/// One step of a sequence; amounts in minor units.
#[derive(Clone, Debug)]
enum Step {
    PayCustomer {
        amount: i64,
        wait: u64,
    },
    PayBill {
        amount: i64,
    },
    Authorize {
        till: bool,
        amount: i64,
    },
    Complete {
        which: usize,
    },
    Cancel {
        which: usize,
    },
    Pass {
        seconds: u64,
    },
    Fund {
        who: usize,
        amount: i64,
    },
    /// The paybill gives back one of the payments that it got, or some of it (L7).
    Reverse {
        which: usize,
        percent: i64,
    },
    /// The last order once more: with the same payload, or another amount under the same id.
    Repeat {
        other: bool,
    },
    /// Two payments out of one account, decided before either is committed.
    RacePayments {
        one: i64,
        other: i64,
    },
    /// The end of one reservation, decided twice before either is committed.
    RaceEnds {
        which: usize,
    },
}

/// Who is funded again when the money has run out.
const FUNDED: [(&str, AccountKind); 3] =
    [(BULK, AccountKind::Utility), (PAYBILL, AccountKind::Working), (AMINA, AccountKind::Working)];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = || prop_oneof![1..3_000_000_i64, 900..1_200_i64, 24_000_000..26_000_000_i64];
    let step = prop_oneof![
        3 => (amount(), 0..200_u64).prop_map(|(amount, wait)| Step::PayCustomer { amount, wait }),
        2 => amount().prop_map(|amount| Step::PayBill { amount }),
        3 => (any::<bool>(), amount()).prop_map(|(till, amount)| Step::Authorize { till, amount }),
        3 => (0..4_usize).prop_map(|which| Step::Complete { which }),
        1 => (0..4_usize).prop_map(|which| Step::Cancel { which }),
        1 => prop_oneof![0..90_u64, 3_600..20_000_u64].prop_map(|seconds| Step::Pass { seconds }),
        1 => (0..FUNDED.len(), 1..9_000_000_i64).prop_map(|(who, amount)| Step::Fund { who, amount }),
        1 => (0..8_usize, 1..120_i64).prop_map(|(which, percent)| Step::Reverse { which, percent }),
        1 => any::<bool>().prop_map(|other| Step::Repeat { other }),
        1 => (amount(), amount()).prop_map(|(one, other)| Step::RacePayments { one, other }),
        1 => (0..4_usize).prop_map(|which| Step::RaceEnds { which }),
    ];
    prop::collection::vec(step, STEPS)
}

/// What should be where: available funds and, of Amina, what is reserved, what she sent on which
/// day, and what was paid to her when.
struct Model {
    funds: BTreeMap<(&'static str, AccountKind), i64>,
    open: Vec<Open>,
    income: i64,
    sent: BTreeMap<i64, i64>,
    received: Vec<(i64, i64)>,
    last: Option<Order>,
    paid: Vec<Paid>,
}

/// A payment of Amina's that the paybill got.
struct Paid {
    receipt: Receipt,
    amount: i64,
    reversed: bool,
}

/// A reservation.
struct Open {
    receipt: Receipt,
    to: &'static str,
    amount: i64,
    customer: i64,
    business: i64,
    day: i64,
}

/// The number of the day in Nairobi, which is three hours ahead all year.
fn day(world: &World) -> i64 {
    (world.now.seconds() + 3 * 3_600) / 86_400
}

const UNIT: i64 = 100;

fn text(amount: i64) -> String {
    format!("{}.{:02}", amount / 100, amount % 100)
}

impl Model {
    fn new() -> Self {
        let mut funds = BTreeMap::new();
        funds.insert((BULK, AccountKind::Utility), 10_000_000);
        funds.insert((PAYBILL, AccountKind::Working), 5_000_000);
        funds.insert((AMINA, AccountKind::Working), 1_000_000);
        Self {
            funds,
            open: Vec::new(),
            income: 0,
            sent: BTreeMap::new(),
            received: Vec::new(),
            last: None,
            paid: Vec::new(),
        }
    }

    fn add(&mut self, holder: &'static str, kind: AccountKind, amount: i64) {
        *self.funds.entry((holder, kind)).or_default() += amount;
    }

    fn charge(&mut self, holder: &'static str, amount: i64) {
        self.add(holder, AccountKind::ChargesPaid, -amount);
        self.income += amount;
    }

    fn reserved(&self) -> i64 {
        self.open.iter().map(|open| open.amount + open.customer).sum()
    }

    /// Whether the rules of domain.md 5 and 6 let Bulk pay this to Amina.
    fn may_pay_customer(&self, amount: i64, now: i64) -> bool {
        let held = self.funds[&(AMINA, AccountKind::Working)] + self.reserved();
        (10 * UNIT..=250_000 * UNIT).contains(&amount)
            && amount <= self.funds[&(BULK, AccountKind::Utility)]
            && held + amount <= 500_000 * UNIT
            && !self.received.iter().any(|(same, at)| *same == amount && now - at < 120)
    }

    /// Whether they let Amina pay this, with this charge on top.
    fn may_authorize(&self, amount: i64, customer: i64, day: i64) -> bool {
        (UNIT..=250_000 * UNIT).contains(&amount)
            && amount + customer <= self.funds[&(AMINA, AccountKind::Working)]
            && self.sent.get(&day).unwrap_or(&0) + amount <= 500_000 * UNIT
    }

    fn assert_agrees(&self, world: &World) {
        for (&(holder, kind), &expected) in &self.funds {
            assert_eq!(world.available(holder, kind), text_signed(expected), "{kind:?} of {holder}");
        }
        assert_eq!(world.balance(AMINA, AccountKind::Working).1, text(self.reserved()));
        let income = crate::core::Account::of_provider(AccountKind::ChargesIncome);
        assert_eq!(income.balance(&world.facts).unwrap().available, self.income);
    }
}

fn text_signed(amount: i64) -> String {
    if amount < 0 { format!("-{}", text(-amount)) } else { text(amount) }
}

impl Model {
    fn pay_customer(&mut self, amount: i64, now: i64) {
        self.received.retain(|(_, at)| now - at < 120);
        self.received.push((amount, now));
        let (_, fee) = charges(FEE, amount);
        self.add(BULK, AccountKind::Utility, -amount);
        self.add(AMINA, AccountKind::Working, amount);
        self.charge(BULK, fee);
    }

    /// A payment out of the paybill's working account, if it can afford it.
    fn pay_out(&mut self, to: &'static str, amount: i64) -> bool {
        let affordable = (UNIT..=self.funds[&(PAYBILL, AccountKind::Working)]).contains(&amount);
        if affordable {
            self.add(PAYBILL, AccountKind::Working, -amount);
            self.add(to, AccountKind::Utility, amount);
        }
        affordable
    }

    fn complete(&mut self, which: usize) {
        let Open { receipt, to, amount, customer, business, .. } = self.open.remove(which);
        if to == PAYBILL {
            self.paid.push(Paid { receipt, amount, reversed: false });
        }
        let kind = if to == TILL { AccountKind::Merchant } else { AccountKind::Utility };
        self.add(to, kind, amount);
        self.charge(to, business);
        self.income += customer;
    }

    fn give_back(&mut self, which: usize) {
        let Open { amount, customer, day, .. } = self.open.remove(which);
        *self.sent.entry(day).or_default() -= amount;
        self.add(AMINA, AccountKind::Working, amount + customer);
    }
}

fn apply(world: &mut World, model: &mut Model, step: &Step) {
    match *step {
        Step::PayCustomer { amount, wait } => pay_customer(world, model, amount, wait),
        Step::PayBill { amount } => {
            let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, &text(amount));
            assert_eq!(world.run(&order).code() == "0", model.pay_out(STRANGER, amount));
            model.last = Some(order);
        }
        Step::Authorize { till, amount } => authorize(world, model, till, amount),
        Step::Complete { which } if which < model.open.len() => {
            let receipt = model.open[which].receipt;
            if let Ok(completed) = world.core.complete(&world.facts, &receipt, None, world.now) {
                world.settle(completed);
                model.complete(which);
            }
        }
        Step::Cancel { which } if which < model.open.len() => {
            let receipt = model.open[which].receipt;
            let why = CancelReason::Unreachable;
            let cancelled = world.core.cancel(&world.facts, &receipt, why, world.now).unwrap();
            world.settle(cancelled);
            model.give_back(which);
        }
        Step::RaceEnds { which } if which < model.open.len() => race_ends(world, model, which),
        Step::Complete { .. } | Step::Cancel { .. } | Step::RaceEnds { .. } => {}
        Step::Pass { seconds } => world.pass(seconds),
        Step::Fund { who, amount } => {
            let (holder, kind) = FUNDED[who];
            let held = model.funds[&(AMINA, AccountKind::Working)] + model.reserved();
            if holder != AMINA || held + amount <= 500_000 * UNIT {
                world.fund(account(holder, kind), &text(amount));
                model.add(holder, kind, amount);
            }
        }
        Step::Reverse { which, percent } => reverse(world, model, which, percent),
        Step::Repeat { other } => {
            let Some(mut order) = model.last.clone() else { return };
            if other {
                order.parameters.push(("Remark".into(), "another payload".into()));
            }
            assert_eq!(world.run(&order).code(), "15");
        }
        Step::RacePayments { one, other } => race_payments(world, model, one, other),
    }
}

fn pay_customer(world: &mut World, model: &mut Model, amount: i64, wait: u64) {
    world.pass(wait);
    let order = world.b2c(&text(amount));
    let now = world.now.seconds();
    let allowed = model.may_pay_customer(amount, now);
    assert_eq!(world.run(&order).code() == "0", allowed);
    if allowed {
        model.pay_customer(amount, now);
    }
    model.last = Some(order);
}

fn authorize(world: &mut World, model: &mut Model, till: bool, amount: i64) {
    let (to, command) = if till { (TILL, "CustomerBuyGoodsOnline") } else { (PAYBILL, "CustomerPayBillOnline") };
    let payment = world.handset(command, to, &text(amount));
    let (customer, business) = if till { (0, 0) } else { charges(MGAO, amount) };
    let day = day(world);
    let allowed = model.may_authorize(amount, customer, day);
    let seen = world.authorize(&payment);
    assert_eq!(seen.code() == "0", allowed, "{}", seen.decision.private);
    if allowed {
        let receipt = seen.decision.report.receipt;
        model.add(AMINA, AccountKind::Working, -amount - customer);
        *model.sent.entry(day).or_default() += amount;
        model.open.push(Open { receipt, to, amount, customer, business, day });
    }
}

fn reverse(world: &mut World, model: &mut Model, which: usize, percent: i64) {
    // Counted from the newest, so that new ones come up as well as those that were given back.
    let Some(at) = model.paid.len().checked_sub(which + 1) else { return };
    let Paid { receipt, amount, reversed } = model.paid[at];
    let part = amount * percent / 100;
    let mut order = world.reversal(PAYBILL, &receipt);
    order.parameters.push(("Amount".into(), text(part)));
    let held = model.funds[&(AMINA, AccountKind::Working)] + model.reserved();
    let affordable = part <= *model.funds.get(&(PAYBILL, AccountKind::Utility)).unwrap_or(&0);
    let allowed = !reversed && (1..=amount).contains(&part) && affordable && held + part <= 500_000 * UNIT;
    let seen = world.run(&order);
    assert_eq!(seen.code() == "0", allowed, "{}", seen.decision.private);
    if allowed {
        model.paid[at].reversed = true;
        model.add(PAYBILL, AccountKind::Utility, -part);
        model.add(AMINA, AccountKind::Working, part);
    }
    model.last = Some(order);
}

/// Both were decided from the same state; what comes out is as if they had come one after the other.
fn race_payments(world: &mut World, model: &mut Model, one: i64, other: i64) {
    let one_order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, &text(one));
    let other_order = world.b2b("BusinessTransferFromMMFToUtility", PAYBILL, PAYBILL, &text(other));
    let decided = [&one_order, &other_order].map(|order| world.decide(order));
    let [one_decided, other_decided] = decided;
    let one_seen = world.carry_out(&one_order, one_decided);
    assert_eq!(one_seen.code() == "0", model.pay_out(STRANGER, one));
    let other_seen = world.carry_out(&other_order, other_decided);
    assert_eq!(other_seen.code() == "0", model.pay_out(PAYBILL, other), "{}", other_seen.decision.private);
    model.last = Some(other_order);
}

/// A reservation ends once (L3): whoever comes second finds the transaction changed.
fn race_ends(world: &mut World, model: &mut Model, which: usize) {
    let receipt = model.open[which].receipt;
    let complete = world.core.complete(&world.facts, &receipt, None, world.now);
    let cancel = world.core.cancel(&world.facts, &receipt, CancelReason::Expired, world.now).unwrap();
    let Ok(complete) = complete else { return };
    world.settle(complete);
    model.complete(which);
    let (_, error) = *world.attempt(cancel).unwrap_err();
    assert!(matches!(error, CommitError::Expectation(_)), "{error}");
}

/// Plays one sequence to its end, at which nothing is reserved any more.
fn play(catalogue: &Arc<Catalogue>, steps: &[Step]) {
    let (mut world, mut model, mut books) = (World::under(catalogue.clone()), Model::new(), Books::default());
    for (at, step) in steps.iter().enumerate() {
        apply(&mut world, &mut model, step);
        model.assert_agrees(&world);
        if at % STEPS_BETWEEN_BOOKS == 0 {
            books.assert_continue(&world);
        }
    }
    while let Some(Open { receipt, .. }) = model.open.first() {
        let released = world.core.cancel(&world.facts, receipt, CancelReason::Expired, world.now).unwrap();
        world.settle(released);
        model.give_back(0);
    }
    model.assert_agrees(&world);
    assert_eq!(world.balance(AMINA, AccountKind::Working).1, "0.00");
    books.assert_continue(&world);
}

fn play_seed(seed: u64) {
    let catalogue = Arc::new(Catalogue::shipped().unwrap());
    play_seed_of(seed, SEQUENCES, steps(), |steps| play(&catalogue, &steps));
}

#[test]
fn l1_l2_l3_l4_l7_books_and_model_agree_after_every_step() {
    play_seed(20_231_121);
}

#[test]
fn l1_l2_l3_l4_l7_books_and_model_agree_under_a_seed_of_today() {
    play_seed(RandomState::new().hash_one(0));
}
