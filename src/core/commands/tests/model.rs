//! Random sequences of commands against a small independent model, which knows accounts, charges
//! and reservations and nothing of how the core keeps them. After each step the model and the books
//! agree (L1 to L4).

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::core::testing::{AMINA, BULK, PAYBILL, STRANGER, TILL, World, account};
use crate::core::{AccountKind, CancelReason, Receipt};

/// One step of a sequence; amounts in minor units.
#[derive(Clone, Debug)]
enum Step {
    PayCustomer { amount: i64, wait: u64 },
    PayBill { amount: i64 },
    Authorize { till: bool, amount: i64 },
    Complete { which: usize },
    Cancel { which: usize },
    Pass { seconds: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = || prop_oneof![1..3_000_000_i64, 900..1_200_i64, 24_000_000..26_000_000_i64];
    let step = prop_oneof![
        3 => (amount(), 0..200_u64).prop_map(|(amount, wait)| Step::PayCustomer { amount, wait }),
        2 => amount().prop_map(|amount| Step::PayBill { amount }),
        3 => (any::<bool>(), amount()).prop_map(|(till, amount)| Step::Authorize { till, amount }),
        3 => (0..4_usize).prop_map(|which| Step::Complete { which }),
        1 => (0..4_usize).prop_map(|which| Step::Cancel { which }),
        1 => (0..90_u64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    prop::collection::vec(step, 1..60)
}

/// What should be where: available funds and, of Amina, what is reserved, what she sent on which
/// day, and what was paid to her when.
struct Model {
    funds: BTreeMap<(&'static str, AccountKind), i64>,
    open: Vec<Open>,
    income: i64,
    sent: BTreeMap<i64, i64>,
    received: Vec<(i64, i64)>,
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

/// The charges as domain.md 6 tells them, in minor units: customer's and business's part.
fn charges(bands: &[(i64, i64, i64)], amount: i64) -> (i64, i64) {
    bands.iter().find(|(up_to, ..)| amount <= up_to * UNIT).map_or((0, 0), |band| (band.1 * UNIT, band.2 * UNIT))
}

const FEE: [(i64, i64, i64); 5] = [(100, 0, 0), (1_500, 0, 5), (5_000, 0, 9), (20_000, 0, 11), (250_000, 0, 13)];
const MGAO: [(i64, i64, i64); 17] = [
    (100, 0, 0),
    (500, 5, 0),
    (1_000, 10, 0),
    (1_500, 10, 5),
    (2_500, 13, 7),
    (3_500, 16, 9),
    (5_000, 16, 18),
    (7_500, 17, 25),
    (10_000, 18, 30),
    (15_000, 18, 39),
    (20_000, 19, 43),
    (25_000, 20, 47),
    (30_000, 20, 52),
    (35_000, 21, 62),
    (40_000, 23, 76),
    (45_000, 23, 80),
    (250_000, 24, 84),
];

impl Model {
    fn new() -> Self {
        let mut funds = BTreeMap::new();
        funds.insert((BULK, AccountKind::Utility), 10_000_000);
        funds.insert((PAYBILL, AccountKind::Working), 5_000_000);
        funds.insert((AMINA, AccountKind::Working), 1_000_000);
        Self { funds, open: Vec::new(), income: 0, sent: BTreeMap::new(), received: Vec::new() }
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

fn apply(world: &mut World, model: &mut Model, step: &Step) {
    match *step {
        Step::PayCustomer { amount, wait } => {
            world.pass(wait);
            let order = world.b2c(&text(amount));
            let now = world.now.seconds();
            let allowed = model.may_pay_customer(amount, now);
            assert_eq!(world.run(&order).code() == "0", allowed);
            if allowed {
                model.received.push((amount, now));
                let (_, fee) = charges(&FEE, amount);
                model.add(BULK, AccountKind::Utility, -amount);
                model.add(AMINA, AccountKind::Working, amount);
                model.charge(BULK, fee);
            }
        }
        Step::PayBill { amount } => {
            let order = world.b2b("BusinessPayBill", PAYBILL, STRANGER, &text(amount));
            let affordable = (100..=model.funds[&(PAYBILL, AccountKind::Working)]).contains(&amount);
            assert_eq!(world.run(&order).code() == "0", affordable);
            if affordable {
                model.add(PAYBILL, AccountKind::Working, -amount);
                model.add(STRANGER, AccountKind::Utility, amount);
            }
        }
        Step::Authorize { till, amount } => {
            let (to, command) =
                if till { (TILL, "CustomerBuyGoodsOnline") } else { (PAYBILL, "CustomerPayBillOnline") };
            let payment = world.handset(command, to, &text(amount));
            let (customer, business) = if till { (0, 0) } else { charges(&MGAO, amount) };
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
        Step::Complete { which } if which < model.open.len() => {
            let Open { receipt, to, amount, customer, business, .. } = model.open[which];
            if let Ok(completed) = world.core.complete(&world.facts, &receipt, None, world.now) {
                world.settle(completed);
                model.open.remove(which);
                let kind = if to == TILL { AccountKind::Merchant } else { AccountKind::Utility };
                model.add(to, kind, amount);
                model.charge(to, business);
                model.income += customer;
            }
        }
        Step::Cancel { which } if which < model.open.len() => {
            let Open { receipt, amount, customer, day, .. } = model.open.remove(which);
            *model.sent.entry(day).or_default() -= amount;
            let why = CancelReason::Unreachable;
            let cancelled = world.core.cancel(&world.facts, &receipt, why, world.now).unwrap();
            world.settle(cancelled);
            model.add(AMINA, AccountKind::Working, amount + customer);
        }
        Step::Complete { .. } | Step::Cancel { .. } => {}
        Step::Pass { seconds } => world.pass(seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn l1_l2_l4_books_and_model_agree_after_every_step(steps in steps()) {
        let mut world = World::new();
        let mut model = Model::new();
        for step in &steps {
            apply(&mut world, &mut model, step);
            world.assert_books();
            model.assert_agrees(&world);
        }
        for Open { receipt, .. } in std::mem::take(&mut model.open) {
            let released = world.core.cancel(&world.facts, &receipt, CancelReason::Expired, world.now).unwrap();
            world.settle(released);
        }
        prop_assert_eq!(world.balance(AMINA, AccountKind::Working).1, "0.00");
        world.assert_books();
        prop_assert_eq!(account(AMINA, AccountKind::Working).balance(&world.facts).unwrap().reserved, 0);
    }
}
