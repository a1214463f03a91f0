//! The checks come in the order of domain.md 5: of everything that is wrong with a command, its code tells what
//! comes first. What is wrong grows here from the last check to the first.

use std::time::Duration;

use super::street::{
    self, CHILD, EXPIRY, HOME, JUMA, ORGANIZATION_PERIODS, PARTNER, SUBSCRIBER_MAX, SUBSCRIBER_PERIODS, UNREGISTERED,
    put, text,
};
use crate::core::directory::{self, Operator, OrganizationChange, Status};
use crate::core::limits::Period;
use crate::core::testing::{World, account, handset_party, party, shortcode};
use crate::core::{Account, AccountKind, Credential, CustomerPayment, Order};
use crate::store::WriteSet;

const AMOUNT: i64 = 150_000;

fn without_products(world: &World, code: &str) {
    let code = shortcode(code);
    let products = directory::organization(&world.facts, &code).unwrap().unwrap().products;
    let change = OrganizationChange { remove_products: products, ..OrganizationChange::default() };
    let changed = directory::change_organization(&world.core, &world.facts, &code, change, world.now).unwrap();
    world.facts.commit(changed.write_set).unwrap();
}

fn freeze(world: &World, account: &Account) {
    world.facts.commit(directory::freeze(&world.facts, account, true).unwrap()).unwrap();
}

/// The account holds this much, without any books.
fn left_with(world: &World, account: &Account, minor: i64) {
    let held = account.balance(&world.facts).unwrap().available;
    let mut write_set = WriteSet::new();
    write_set.adjust(account.available(), minor - held, 0, i64::MAX);
    world.facts.commit(write_set).unwrap();
}

/// Its holder has sent this much today.
fn sent_today(world: &World, account: &Account, minor: i64) {
    let sent = Period::Day.sent(&account.holder, world.core.zone().day(world.now));
    let mut write_set = WriteSet::new();
    write_set.adjust(sent, minor, 0, i64::MAX);
    world.facts.commit(write_set).unwrap();
}

/// A salary that the head office pays out of its child's funds, and what is known of the credential.
struct Salary {
    world: World,
    order: Order,
    credential: Credential,
}

impl Salary {
    fn new() -> Self {
        let mut world = street::street(street::tight(false));
        let order = Self::order(&mut world);
        Self { world, order, credential: Credential::Verified }
    }

    fn order(world: &mut World) -> Order {
        let mut order = world.order("SalaryPaymentWithWithdrawalChargePaid", HOME);
        (order.primary, order.receiver) = (party(4, CHILD), party(1, JUMA));
        order.parameters = vec![("Amount".into(), text(AMOUNT))];
        order
    }

    fn amount(&mut self, value: &str) {
        self.order.parameters[0].1 = value.into();
    }

    fn operator(&self) -> Operator {
        self.world.core.initiator(&self.world.facts, &self.order).unwrap().unwrap()
    }

    fn code(&mut self) -> &'static str {
        let (draw, credential) = (self.world.draw(), self.credential.clone());
        let decided = self.world.core.execute(&self.world.facts, &self.order, credential, self.world.now, draw);
        decided.unwrap().report.code.as_str()
    }
}

type Fault<T> = (&'static str, fn(&mut T));

/// In the order in which they are looked at.
const OF_SALARIES: [Fault<Salary>; 22] = [
    ("15", |it| {
        let mut before = Salary::order(&mut it.world);
        before.originator_conversation.clone_from(&it.order.originator_conversation);
        it.world.run(&before);
    }),
    ("19", |it| it.order.received = it.world.now.minus(Duration::from_secs(EXPIRY + 1))),
    ("2001", |it| it.order.initiator.as_mut().unwrap().identifier = "nobody".into()),
    ("2001", |it| it.credential = Credential::Refused("wrong".into())),
    ("2001", |it| {
        let suspended = directory::set_status(&it.world.facts, it.operator().id, Status::Suspended).unwrap();
        it.world.facts.commit(suspended.write_set).unwrap();
    }),
    ("21", |it| it.order.initiator.as_mut().unwrap().identifier = "clerk".into()),
    ("6", |it| it.order.primary = party(4, "99999")),
    ("7", |it| it.order.receiver = party(1, "254799999999")),
    ("2043", |it| it.order.primary = party(4, PARTNER)),
    ("2028", |it| without_products(&it.world, CHILD)),
    ("11", |it| put(&mut it.world, CHILD, Status::Suspended).unwrap()),
    ("14", |it| put(&mut it.world, UNREGISTERED, Status::Suspended).unwrap()),
    ("2040", |it| it.order.receiver = party(1, UNREGISTERED)),
    ("24", |it| it.amount(" ")),
    ("2025", |it| it.order.parameters.push(("Currency".into(), "USD".into()))),
    ("2020", |it| it.amount("many")),
    ("2", |it| it.amount("9.99")),
    ("2006", |it| freeze(&it.world, &account(CHILD, AccountKind::Utility))),
    // There was one before everything else became wrong.
    ("L000001", |_| {}),
    ("4", |it| sent_today(&it.world, &account(CHILD, AccountKind::Utility), ORGANIZATION_PERIODS[0] - AMOUNT + 1)),
    ("1", |it| left_with(&it.world, &account(CHILD, AccountKind::Utility), AMOUNT - 1)),
    ("8", |it| left_with(&it.world, &account(JUMA, AccountKind::Working), SUBSCRIBER_MAX)),
];

#[test]
fn what_is_wrong_first_is_told_of_an_order() {
    let same_amount = OF_SALARIES.iter().position(|(code, _)| *code == "L000001").unwrap();
    for from in 0..=OF_SALARIES.len() {
        let mut salary = Salary::new();
        if from <= same_amount {
            let before = Salary::order(&mut salary.world);
            assert_eq!(salary.world.run(&before).code(), "0");
        }
        for (_, spoil) in OF_SALARIES[from..].iter().rev() {
            spoil(&mut salary);
        }
        let expected = OF_SALARIES.get(from).map_or("0", |(code, _)| code);
        assert_eq!(salary.code(), expected, "from the fault number {from} on");
    }
}

/// A bill that Juma pays.
struct Bill {
    world: World,
    payment: CustomerPayment,
}

const OF_BILLS: [Fault<Bill>; 13] = [
    ("15", |it| {
        let before = CustomerPayment { command: "SendMoney".into(), ..it.payment.clone() };
        it.world.authorize(&before);
    }),
    ("1002", |it| it.payment.command = "SalaryPayment".into()),
    ("6", |it| it.payment.payer = handset_party("254799999999")),
    ("11", |it| put(&mut it.world, JUMA, Status::Locked).unwrap()),
    ("7", |it| it.payment.payee = handset_party("99999")),
    ("14", |it| put(&mut it.world, HOME, Status::Suspended).unwrap()),
    ("2028", |it| without_products(&it.world, HOME)),
    ("24", |it| it.payment.account_reference = Some(" ".into())),
    ("2020", |it| it.payment.amount = "many".into()),
    ("3", |it| it.payment.amount = "250000.01".into()),
    ("2006", |it| freeze(&it.world, &account(HOME, AccountKind::Utility))),
    ("4", |it| sent_today(&it.world, &account(JUMA, AccountKind::Working), SUBSCRIBER_PERIODS[0] - AMOUNT + 1)),
    ("1", |it| left_with(&it.world, &account(JUMA, AccountKind::Working), AMOUNT)),
];

#[test]
fn what_is_wrong_first_is_told_of_a_payment_of_a_handset() {
    for from in 0..=OF_BILLS.len() {
        let mut world = street::street(street::tight(false));
        let payment = street::payment(&mut world, "CustomerPayBillOnline", JUMA, HOME, &text(AMOUNT));
        let mut bill = Bill { world, payment };
        for (_, spoil) in OF_BILLS[from..].iter().rev() {
            spoil(&mut bill);
        }
        let expected = OF_BILLS.get(from).map_or("0", |(code, _)| code);
        assert_eq!(bill.world.authorize(&bill.payment).code(), expected, "from the fault number {from} on");
    }
}
