//! A small world to test the core in: the store in memory, and a cast of organizations, operators
//! and subscribers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::directory::{self, NewOperator, NewOrganization, PersonName, Status};
use super::roles::Grant;
use super::*;
use crate::clock::Zone;
use crate::store::memory::MemoryStore;
use crate::store::{CommitError, Committed, Key, KeyRange, Read, ReadError, Record, Store as _, WriteSet};

/// A bulk organization (B2C) with 100,000.00 to pay with.
pub const BULK: &str = "600000";
/// A paybill with 50,000.00 in its working account.
pub const PAYBILL: &str = "600001";
/// A store below the paybill.
pub const STORE: &str = "600002";
/// A till.
pub const TILL: &str = "600003";
/// A paybill that has nothing to do with the others.
pub const STRANGER: &str = "700000";
/// An agency with a float of 20,000.00.
pub const AGENT: &str = "600004";
/// A registered subscriber with 10,000.00.
pub const AMINA: &str = "254722000000";
/// A subscriber whose identity is not known, with nothing.
pub const UNKNOWN: &str = "254733000000";

/// The store in memory, committed to at once.
#[derive(Default)]
pub struct Facts(MemoryStore);

impl Read for Facts {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        self.0.record(key)
    }

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        self.0.counter(key)
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        self.0.range(range, limit)
    }
}

impl Facts {
    /// Applies a write set, whole or not at all.
    pub fn commit(&self, write_set: WriteSet) -> Result<(), CommitError> {
        self.committed(write_set).map(drop)
    }

    /// Applies a write set, and tells what it got.
    pub fn committed(&self, write_set: WriteSet) -> Result<Committed, CommitError> {
        self.0.commit(write_set).now_or_never().expect("a store in memory never waits")
    }
}

/// The core with a store and a cast.
pub struct World {
    pub core: Core,
    pub facts: Facts,
    pub now: Timestamp,
    draws: u64,
}

/// What became of a command, as third parties would see it, beside the decision.
#[derive(Debug)]
pub struct Seen {
    pub decision: Decision,
    pub parameters: Vec<(String, String)>,
}

impl Seen {
    pub fn code(&self) -> &'static str {
        self.decision.report.code.as_str()
    }

    pub fn value(&self, key: &str) -> &str {
        let found = self.parameters.iter().find(|(other, _)| other == key);
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {key} in {:?}", self.parameters))
    }
}

pub fn shortcode(text: &str) -> Shortcode {
    Shortcode::parse(text).unwrap()
}

pub fn account(holder: &str, kind: AccountKind) -> Account {
    let holder = match holder.len() {
        12 => Holder::Subscriber(Msisdn::try_from(holder.to_owned()).unwrap()),
        _ => Holder::Organization(shortcode(holder)),
    };
    Account::new(holder, kind)
}

/// A party as a handset names it: a phone number has nine digits or more.
pub fn handset_party(text: &str) -> HandsetParty {
    if text.len() < 9 { HandsetParty::Shortcode(text.into()) } else { HandsetParty::Msisdn(text.into()) }
}

pub fn party(identifier_type: u32, identifier: &str) -> Option<Party> {
    Some(Party { identifier_type, identifier: identifier.into(), short_code: None })
}

pub fn grant(role: &str) -> Grant {
    Grant { role: role.into(), effective: Timestamp::default(), expires: None }
}

impl World {
    /// 2023-11-21 23:00 in Nairobi, an hour before midnight.
    pub fn new() -> Self {
        Self::under(Catalogue::shipped().unwrap_or_else(|errors| panic!("{errors:#?}")))
    }

    pub fn under(catalogue: impl Into<Arc<Catalogue>>) -> Self {
        Self::in_zone("Africa/Nairobi", catalogue)
    }

    /// A world whose days roll elsewhere.
    pub fn in_zone(zone: &str, catalogue: impl Into<Arc<Catalogue>>) -> Self {
        let zone = Zone::named(zone).unwrap();
        let settings = CoreSettings { zone, digit: 5, currency: "KES".into() };
        let core = Core::new(catalogue.into(), settings);
        let now = Timestamp::from_seconds(1_700_596_800);
        let mut world = Self { core, facts: Facts::default(), now, draws: 0 };
        world.cast();
        world
    }

    fn cast(&mut self) {
        const ROLES: [&str; 5] = [
            "Org B2C API Initiator",
            "Org B2B API Initiator",
            "Org Reversals Initiator",
            "Balance Query Org API",
            "Transaction Status Query Org API",
        ];
        self.organization(BULK, "Mradi Pay", &["Bulk"], None);
        self.organization(PAYBILL, "Maji Water", &["Paybill Head Office"], None);
        self.organization(STORE, "Maji West", &["Paybill Store"], Some(PAYBILL));
        self.organization(TILL, "Duka", &["Merchant Till"], None);
        self.organization(STRANGER, "Umeme", &["Paybill Head Office", "Bulk"], None);
        self.organization(AGENT, "Wakala", &["Agent Head Office"], None);
        for home in [BULK, PAYBILL, STORE, TILL, STRANGER, AGENT] {
            self.operator(home, "api", &ROLES);
        }
        self.subscriber(AMINA, "Amina", "Otieno", true);
        self.subscriber(UNKNOWN, "Nobody", "Knows", false);
        self.fund(account(BULK, AccountKind::Utility), "100000");
        self.fund(account(PAYBILL, AccountKind::Working), "50000");
        self.fund(account(AMINA, AccountKind::Working), "10000");
        self.fund(account(AGENT, AccountKind::Float), "20000");
    }

    pub fn organization(&mut self, code: &str, name: &str, products: &[&str], parent: Option<&str>) {
        let new = NewOrganization {
            shortcode: shortcode(code),
            name: name.into(),
            products: products.iter().map(|&product| product.to_owned()).collect(),
            parent: parent.map(shortcode),
            validation: false,
            tariff: None,
        };
        let write_set = directory::create_organization(&self.core, &self.facts, new, self.now).unwrap();
        self.facts.commit(write_set).unwrap();
    }

    pub fn operator(&mut self, home: &str, user_name: &str, roles: &[&str]) -> OperatorId {
        self.operator_of(Some(shortcode(home)), user_name, roles)
    }

    pub fn operator_of_provider(&mut self, user_name: &str, roles: &[&str]) -> OperatorId {
        self.operator_of(None, user_name, roles)
    }

    fn operator_of(&mut self, shortcode: Option<Shortcode>, user_name: &str, roles: &[&str]) -> OperatorId {
        let roles = roles.iter().map(|role| grant(role)).collect();
        let new = NewOperator { shortcode, user_name: user_name.into(), roles, status: Status::Active };
        let draw = self.draw();
        let (id, granted) = directory::create_operator(&self.core, &self.facts, new, self.now, draw).unwrap();
        self.facts.commit(granted.write_set).unwrap();
        id
    }

    pub fn subscriber(&mut self, msisdn: &str, first: &str, last: &str, registered: bool) {
        let msisdn = Msisdn::try_from(msisdn.to_owned()).unwrap();
        let name = PersonName { first: first.into(), middle: String::new(), last: last.into() };
        let write_set = directory::create_subscriber(&self.facts, msisdn, name, registered, self.now).unwrap();
        self.facts.commit(write_set).unwrap();
    }

    pub fn fund(&mut self, account: Account, amount: &str) {
        let draw = self.draw();
        let amount = Amount::parse(amount).unwrap();
        let (_, write_set) = directory::fund(&self.core, &self.facts, account, amount, self.now, draw).unwrap();
        self.facts.commit(write_set).unwrap();
    }

    /// Random enough, and the same in every run.
    pub fn draw(&mut self) -> Draw {
        self.draws += 1;
        Draw(self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// An order of the operator "api" of this organization.
    pub fn order(&mut self, command: &str, home: &str) -> Order {
        let draw = self.draw();
        let conversation = ConversationId::issue(self.core.zone(), self.now, draw);
        Order {
            channel: Channel::Api,
            command: command.into(),
            originator_conversation: format!("{home}_{}", self.draws),
            conversation,
            third_party: "mradi".into(),
            initiator: Some(Initiator { identifier_type: 11, identifier: "api".into(), short_code: Some(home.into()) }),
            primary: party(4, home),
            receiver: None,
            parameters: Vec::new(),
            reference: vec![("Occasion".into(), "test".into())],
            remark: None,
            received: self.now,
        }
    }

    /// A payment of this amount from the bulk organization to Amina.
    pub fn b2c(&mut self, amount: &str) -> Order {
        let mut order = self.order("BusinessPayment", BULK);
        order.receiver = party(1, AMINA);
        order.parameters = vec![("Amount".into(), amount.into())];
        order
    }

    /// A payment between organizations.
    pub fn b2b(&mut self, command: &str, from: &str, to: &str, amount: &str) -> Order {
        let mut order = self.order(command, from);
        order.receiver = party(4, to);
        order.parameters = vec![("Amount".into(), amount.into()), ("AccountReference".into(), "INV-1".into())];
        order
    }

    /// The reversal of a payment that this organization got.
    pub fn reversal(&mut self, home: &str, original: &Receipt) -> Order {
        let mut order = self.order("TransactionReversal", home);
        order.primary = None;
        order.parameters = vec![("OriginalTransactionID".into(), original.to_string())];
        order
    }

    pub fn decide(&mut self, order: &Order) -> Decision {
        let draw = self.draw();
        self.core.execute(&self.facts, order, Credential::Verified, self.now, draw).unwrap()
    }

    /// Decides and commits.
    pub fn run(&mut self, order: &Order) -> Seen {
        let decision = self.decide(order);
        self.settle(decision)
    }

    pub fn settle(&mut self, decision: Decision) -> Seen {
        self.attempt(decision).unwrap_or_else(|refused| panic!("{}: {}", refused.1, refused.0.private))
    }

    /// Commits a decision as the broker does, with the report and what it captures in the same write
    /// set. What the store refuses comes back.
    pub fn attempt(&mut self, mut decision: Decision) -> Result<Seen, Box<(Decision, CommitError)>> {
        let mut write_set = std::mem::take(&mut decision.write_set);
        let report = Key::of("report").number(self.draw().0);
        write_set.put_capturing(report, Vec::new(), decision.captures.clone());
        match self.facts.committed(write_set) {
            Ok(committed) => {
                let captured = committed.captured.last().expect("the report was the last change");
                let parameters = decision.report.rendered(captured);
                Ok(Seen { decision, parameters })
            }
            Err(error) => Err(Box::new((decision, error))),
        }
    }

    /// Commits what was decided about an order, and does what the broker does when others were
    /// faster: declines by the bound that was met, or decides again.
    pub fn carry_out(&mut self, order: &Order, decision: Decision) -> Seen {
        let (decision, error) = match self.attempt(decision) {
            Ok(seen) => return seen,
            Err(refused) => *refused,
        };
        // A conflict is no bound: nothing is declined, and the decision is made anew.
        match self.core.bounded(&decision, &error) {
            Some(declined) => self.settle(declined),
            None => self.run(order),
        }
    }

    /// Amina pays.
    pub fn handset(&mut self, command: &str, to: &str, amount: &str) -> CustomerPayment {
        let draw = self.draw();
        let conversation = ConversationId::issue(self.core.zone(), self.now, draw);
        CustomerPayment {
            command: command.into(),
            conversation,
            gateway: "ussd".into(),
            session: self.draws.to_string(),
            payer: handset_party(AMINA),
            payee: handset_party(to),
            account_reference: Some("ACC-7".into()),
            amount: amount.into(),
            received: self.now,
        }
    }

    pub fn authorize(&mut self, payment: &CustomerPayment) -> Seen {
        let draw = self.draw();
        let decision = self.core.authorize(&self.facts, payment, self.now, draw).unwrap();
        self.settle(decision)
    }

    pub fn balance(&self, holder: &str, kind: AccountKind) -> (String, String) {
        let balance = account(holder, kind).balance(&self.facts).unwrap();
        let show = |minor| Amount::from_minor(minor).to_string();
        (show(balance.available), show(balance.reserved))
    }

    pub fn available(&self, holder: &str, kind: AccountKind) -> String {
        self.balance(holder, kind).0
    }

    /// All accounts that exist.
    pub fn accounts(&self) -> Vec<Account> {
        let range = Key::of("account").subtree();
        let open = self.facts.range(&range, usize::MAX).unwrap();
        let open =
            open.iter().map(|(_, record)| crate::store::decode::<accounts::OpenAccount>(record).unwrap().account);
        AccountKind::PROVIDER.into_iter().map(Account::of_provider).chain(open).collect()
    }

    /// The books of all accounts from their first line on.
    pub fn assert_books(&self) {
        Books::default().assert_continue(self);
    }
}

/// The books as far as they were checked: the last line of each account and the balance after it.
#[derive(Default)]
pub struct Books(BTreeMap<Account, (u64, Balance)>);

impl Books {
    /// The whole sums to zero (L1), every account is within its bounds (L2), and every statement,
    /// added up line by line from where it was left, gives the balance of each line and of the
    /// account, without gaps (L4).
    pub fn assert_continue(&mut self, world: &World) {
        assert_eq!(accounts::ledger_sum(&world.facts).unwrap(), 0, "the ledger does not sum to zero");
        for account in world.accounts() {
            let balance = account.balance(&world.facts).unwrap();
            let bounds = account.kind.bounds();
            assert!(
                bounds.floor <= balance.available && balance.available <= bounds.ceiling,
                "{account:?}: {balance:?}"
            );
            assert!(balance.reserved >= 0, "{account:?}: {balance:?}");
            let (number, sum) = self.0.entry(account.clone()).or_default();
            for numbered in &ledger::statement(&world.facts, &account, *number, usize::MAX).unwrap() {
                sum.available += numbered.line.available;
                sum.reserved += numbered.line.reserved;
                *number += 1;
                assert_eq!(numbered.number, *number, "a gap in the statement of {account:?}");
                assert_eq!(numbered.balance, *sum, "line {number} of {account:?}");
            }
            assert_eq!(*sum, balance, "{account:?}");
        }
    }
}
