//! How many decisions the core makes in a second on one core, over the store in memory, at growing
//! numbers of subscribers; 80 % of the payments go to one hot paybill. `cargo bench --bench core --
//! [DECISIONS]`. Only the decisions are timed: what a commit costs is the store's own bench. A part
//! of them is committed between the measurements, so that the counters are really busy.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lango::clock::{Timestamp, Zone};
use lango::core::directory::{self, NewOrganization, PersonName};
use lango::core::{
    Account, AccountKind, Amount, Catalogue, ConversationId, Core, CoreSettings, CustomerPayment, Draw, HandsetParty,
    Holder, Msisdn, Shortcode,
};
use lango::store::memory::MemoryStore;
use lango::store::{Store, WriteSet};

const PAYBILLS: u64 = 100;
/// Payments of one batch are made first, then decided while the time is taken, then one in so many
/// is committed.
const BATCH: u64 = 1_000;
const COMMITTED_OF: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let decisions = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(200_000);
    println!("{:>12} {:>14} {:>14} {:>10}", "subscribers", "decisions/s", "us/decision", "reserved");
    for subscribers in [1_000, 100_000, 1_000_000] {
        measure(subscribers, decisions)?;
    }
    Ok(())
}

fn measure(subscribers: u64, decisions: u64) -> Result<(), Box<dyn Error>> {
    let mut house = House::with(subscribers)?;
    let (mut taken, mut reserved, mut made) = (Duration::ZERO, 0_u64, 0_u64);
    while made < decisions {
        let payments = (0..BATCH).map(|_| house.payment()).collect::<Result<Vec<_>, _>>()?;
        let draws: Vec<Draw> = payments.iter().map(|_| house.draw()).collect();
        let begin = Instant::now();
        let mut decided = Vec::with_capacity(payments.len());
        for (payment, draw) in payments.iter().zip(draws) {
            decided.push(house.core.authorize(&house.store, payment, house.now, draw)?);
        }
        taken += begin.elapsed();
        made += BATCH;
        reserved += decided.iter().filter(|decision| decision.report.code.is_success()).count() as u64;
        for decision in decided.into_iter().step_by(COMMITTED_OF) {
            // Two payments of one subscriber can exclude each other by now; then one is not made.
            let _outrun = house.commit(decision.write_set);
        }
    }
    let seconds = taken.as_secs_f64();
    println!(
        "{subscribers:>12} {:>14.0} {:>14.2} {:>9.1}%",
        made as f64 / seconds,
        seconds * 1e6 / made as f64,
        reserved as f64 * 100.0 / made as f64
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

    fn commit(&self, write_set: WriteSet) -> Result<(), Box<dyn Error>> {
        self.store.commit(write_set).now_or_never().ok_or("a store in memory never waits")??;
        Ok(())
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
