//! How many decisions the core makes in a second on one core, over the store in memory, at growing
//! numbers of subscribers; 80 % of the payments go to one hot paybill. `cargo bench --bench core --
//! [PAYMENTS [SUBSCRIBERS]]`.
//!
//! A payment is two decisions, as in a node: it is authorized, which reserves the payer's funds, and
//! completed, which moves them, from its transaction as it was written. Each is committed before the
//! next is decided, so that the counters, the transactions and the payer's limits are really there to
//! be read. Timed are the decisions: from what was asked to a write set that could be committed, all
//! records in it encoded. The commits to the store in memory are timed apart, and the last column has
//! both. Not in it: the wire, the disk, and the making of the payments' texts. The allocator is the
//! binary's.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lango::clock::{Timestamp, Zone};
use lango::core::directory::{self, NewOrganization, PersonName};
use lango::core::{
    Account, AccountKind, Amount, Catalogue, ConversationId, Core, CoreSettings, CustomerPayment, Draw, HandsetParty,
    Held, Holder, Msisdn, Shortcode, State,
};
use lango::store::memory::MemoryStore;
use lango::store::{Store, WriteSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PAYBILLS: u64 = 100;
/// Payments of one slice are made first, then decided and committed while the time is taken.
const SLICE: u64 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse().ok());
    let payments = numbers.next().unwrap_or(100_000);
    let asked = numbers.next().map(|subscribers| vec![subscribers]);
    println!(
        "{:>12} {:>12} {:>12} {:>12} {:>12} {:>16} {:>10}",
        "subscribers", "decisions/s", "median/s", "authorize us", "complete us", "with commits/s", "completed"
    );
    for subscribers in asked.unwrap_or_else(|| vec![1_000, 100_000, 1_000_000]) {
        measure(subscribers, payments)?;
    }
    Ok(())
}

/// What was measured so far.
#[derive(Default)]
struct Times {
    authorize: Duration,
    complete: Duration,
    commit: Duration,
    authorized: u64,
    completed: u64,
}

impl Times {
    fn decisions_per_second(&self) -> f64 {
        (self.authorized + self.completed) as f64 / (self.authorize + self.complete).as_secs_f64()
    }

    fn add(&mut self, slice: &Times) {
        self.authorize += slice.authorize;
        self.complete += slice.complete;
        self.commit += slice.commit;
        self.authorized += slice.authorized;
        self.completed += slice.completed;
    }
}

fn measure(subscribers: u64, payments: u64) -> Result<(), Box<dyn Error>> {
    let mut house = House::with(subscribers)?;
    let mut all = Times::default();
    let mut slices = Vec::new();
    while all.authorized < payments {
        let slice = house.slice()?;
        all.add(&slice);
        slices.push(slice.decisions_per_second());
    }
    // Of a machine that has other things to do as well, the median says more than the mean.
    slices.sort_by(f64::total_cmp);
    let median = slices.get(slices.len() / 2).copied().unwrap_or_default();
    let micros = |time: Duration, count: u64| time.as_secs_f64() * 1e6 / count as f64;
    let whole = (all.authorize + all.complete + all.commit).as_secs_f64();
    println!(
        "{subscribers:>12} {:>12.0} {median:>12.0} {:>12.2} {:>12.2} {:>16.0} {:>9.1}%",
        all.decisions_per_second(),
        micros(all.authorize, all.authorized),
        micros(all.complete, all.completed),
        (all.authorized + all.completed) as f64 / whole,
        all.completed as f64 * 100.0 / all.authorized as f64
    );
    Ok(())
}

/// A core, its store, and everybody in it.
struct House {
    core: Core,
    store: MemoryStore,
    now: Timestamp,
    subscribers: u64,
    draws: u64,
}

impl House {
    fn with(subscribers: u64) -> Result<Self, Box<dyn Error>> {
        let catalogue = Catalogue::shipped().map_err(|errors| format!("the catalogue has {} faults", errors.len()))?;
        let settings = CoreSettings { zone: Zone::named("Africa/Nairobi")?, digit: 0, currency: "KES".to_owned() };
        let core = Core::new(Arc::new(catalogue), settings);
        let now = Timestamp::from_seconds(1_700_596_800);
        let mut house = Self { core, store: MemoryStore::new(), now, subscribers, draws: 0 };
        for number in 0..PAYBILLS {
            let new = NewOrganization {
                shortcode: paybill(number)?,
                name: format!("Paybill {number}"),
                products: vec!["Paybill Head Office".to_owned()],
                parent: None,
                validation: false,
                tariff: None,
            };
            let write_set = directory::create_organization(&house.core, &house.store, new, now)?;
            house.commit(write_set)?;
        }
        let funds = Amount::from_minor(40_000_000);
        for number in 0..subscribers {
            let msisdn = msisdn(number)?;
            let name = PersonName { first: "Amina".to_owned(), middle: String::new(), last: "Otieno".to_owned() };
            let write_set = directory::create_subscriber(&house.store, msisdn.clone(), name, true, now)?;
            house.commit(write_set)?;
            let account = Account::new(Holder::Subscriber(msisdn), AccountKind::Working);
            let draw = house.draw();
            let (_, write_set) = directory::fund(&house.core, &house.store, account, funds, now, draw)?;
            house.commit(write_set)?;
        }
        Ok(house)
    }

    /// Decides and commits the payments of one slice.
    fn slice(&mut self) -> Result<Times, Box<dyn Error>> {
        let asked =
            (0..SLICE).map(|_| Ok((self.payment()?, self.draw()))).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let mut times = Times::default();
        for (payment, draw) in asked {
            let begin = Instant::now();
            let authorized = self.core.authorize(&self.store, &payment, self.now, draw)?;
            let decided = Instant::now();
            let sequence = self.commit(authorized.write_set)?;
            let committed = Instant::now();
            times.authorize += decided - begin;
            times.commit += committed - decided;
            times.authorized += 1;
            let Some(transaction) = authorized.transaction.filter(|made| made.state == State::Authorized) else {
                continue;
            };
            let begin = Instant::now();
            let held = Held::Written(transaction, sequence);
            let completed = self.core.complete(&self.store, held, None, self.now)?;
            let decided = Instant::now();
            self.commit(completed.write_set)?;
            times.complete += decided - begin;
            times.commit += decided.elapsed();
            times.completed += 1;
        }
        Ok(times)
    }

    fn commit(&self, write_set: WriteSet) -> Result<u64, Box<dyn Error>> {
        Ok(self.store.commit(write_set).now_or_never().ok_or("a store in memory never waits")??.sequence)
    }

    /// Scattered, and the same in every run.
    fn draw(&mut self) -> Draw {
        self.draws += 1;
        Draw(self.draws.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn payment(&mut self) -> Result<CustomerPayment, Box<dyn Error>> {
        let Draw(chance) = self.draw();
        let payee = if chance % 5 < 4 { 0 } else { 1 + chance / 5 % (PAYBILLS - 1) };
        let draw = self.draw();
        Ok(CustomerPayment {
            command: "CustomerPayBillOnline".to_owned(),
            conversation: ConversationId::issue(self.core.zone(), self.now, draw),
            gateway: "ussd".to_owned(),
            session: self.draws.to_string(),
            payer: HandsetParty::Msisdn(msisdn((chance >> 20) % self.subscribers)?.as_str().to_owned()),
            payee: HandsetParty::Shortcode(paybill(payee)?.as_str().to_owned()),
            account_reference: Some("ACC-7".to_owned()),
            amount: format!("{}.00", 10 + chance % 500),
            received: self.now,
        })
    }
}

fn paybill(number: u64) -> Result<Shortcode, Box<dyn Error>> {
    Ok(Shortcode::parse(&format!("{}", 600_000 + number))?)
}

fn msisdn(number: u64) -> Result<Msisdn, Box<dyn Error>> {
    Ok(Msisdn::try_from(format!("2547{number:08}"))?)
}
