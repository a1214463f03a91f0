//! What it costs to deliver callbacks: from the outbox on the disk to the acknowledgement on the
//! disk, over kept connections with mutual TLS, to a receiver that is a process of its own.
//!
//! The outbox is filled first; then the callbacks are started, and what this process spends until the
//! last one is written down as delivered is divided by their number. Then the same with keys, so that
//! each message is signed twice; and then how long a delivery takes from its commit, alone and while
//! one endpoint is dead and one is slow ([`isolation`]).
//!
//! Beside it stand two yardsticks, which post the same bytes as often and as many at a time and read
//! the answers, with nothing before and after: by a bare client of the crate that callbacks use, and
//! over bare TLS streams. What they spend, no bookkeeping of ours can save.
//!
//!     cargo bench --bench callbacks [-- DELIVERIES [drain]]
//!     cargo bench --bench callbacks -- isolation [ROUNDS]
//!
//! With `drain`, only the unsigned deliveries are measured: for counting instructions.

mod isolation;
mod receiver;
mod yardstick;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lango::access::Vault;
use lango::callbacks::{
    Acknowledgement, Callback, Callbacks, DeliveryId, Document, Exchange, Hosts, HttpTransport, Kind, Parts,
    SystemNames, Wire, client_tls, enqueue, signing,
};
use lango::cli::deployment;
use lango::clock::{Clock, SystemClock};
use lango::config;
use lango::entropy::SystemEntropy;
use lango::mminterface::{Interfaces, Tolerances};
use lango::node::{Seams, open_store};
use lango::store::embedded::EmbeddedStore;
use lango::store::{Key, Store, WriteSet};
use lango::telemetry::metrics::Metrics;
use tokio::sync::Notify;

use receiver::Receiver;

/// The binary's allocator, so that this costs here what it costs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The clock ticks in which Linux tells CPU times (`getconf CLK_TCK`).
const TICKS_A_SECOND: f64 = 100.0;
/// Bytes of a result, about, as it goes over the wire.
const MESSAGE_BYTES: usize = 1500;
/// Rounds of the latencies with and without neighbours, unless told otherwise.
const ROUNDS: usize = 40;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, certs] = arguments.as_slice()
        && role == "receiver"
    {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(receiver::receive(Path::new(certs)));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [role, dir, name, urls @ ..] = arguments.as_slice()
        && role == "deployment"
    {
        return runtime.block_on(isolation::deploy(Path::new(dir), name, urls));
    }
    let number = arguments.iter().find_map(|argument| argument.parse().ok());
    let wants = |part: &str| arguments.iter().any(|argument| argument == part);
    let part = match (wants("drain"), wants("isolation")) {
        (true, _) => Part::Drain,
        (_, true) => Part::Isolation,
        _ => Part::All,
    };
    runtime.block_on(measure(part, number))
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    Drain,
    Isolation,
}

async fn measure(part: Part, number: Option<usize>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let dir = folder.path().join("lango");
    let seams = Seams { clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    deployment::write_demonstration(&dir, None, &seams).await?;
    let receiver = Receiver::start(&dir.join("certs"))?;
    if part == Part::Isolation {
        return isolation::measure(&dir, &receiver, number.unwrap_or(ROUNDS));
    }
    let deliveries = number.unwrap_or(20_000);
    for signed in [false, true] {
        let bench = Bench::set(&dir, None, signed).await?;
        bench.drain(&receiver, deliveries).await?;
        bench.store.close();
        if part == Part::Drain {
            return Ok(());
        }
    }
    yardstick::measure(&config::load(&dir.join("lango.toml"))?.callbacks, &receiver, deliveries).await?;
    isolation::measure(&dir, &receiver, ROUNDS)
}

/// The store and the settings of a node, without its doors.
struct Bench {
    store: Arc<EmbeddedStore>,
    settings: config::Settings,
    vault: Arc<Vault>,
    interfaces: Arc<Interfaces>,
    signed: bool,
    /// Told of each answer from the URL that [`Bench::callbacks`] was given.
    answered: Arc<Notify>,
}

impl Bench {
    /// With its store in a folder of this name, or where the settings have it.
    async fn set(dir: &Path, name: Option<&str>, signed: bool) -> Result<Self> {
        let mut settings = config::load(&dir.join("lango.toml"))?;
        if let Some(name) = name {
            settings.node.data = dir.join(name);
        }
        let store = open_store(&settings)?;
        let vault = Arc::new(Vault::load(&settings.node.secret_key)?);
        if signed {
            let now = SystemClock.now();
            let (write_set, _) = signing::rotate(&*store, &vault, &SystemEntropy, "duka", now, Duration::ZERO)?;
            store.commit(write_set).await?;
        }
        let interfaces = Interfaces::bundled().map_err(|errors| anyhow::anyhow!("{}", errors[0]))?;
        Ok(Self { store, settings, vault, interfaces: Arc::new(interfaces), signed, answered: Arc::default() })
    }

    /// Starts them. Answers from the `watched` URL are told of.
    fn callbacks(&self, watched: Option<&str>) -> Result<Arc<Callbacks>> {
        let mut settings = self.settings.callbacks.clone();
        settings.endpoint_per_second_max = u32::MAX;
        let transport = HttpTransport::new(client_tls(&settings)?, &settings, Arc::new(AnyHost), Arc::new(SystemNames));
        Ok(Callbacks::start(Parts {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            transport: Arc::new(transport),
            wire: Arc::new(Message {
                interfaces: Arc::clone(&self.interfaces),
                watched: watched.map(str::to_owned),
                answered: Arc::clone(&self.answered),
            }),
            vault: Arc::clone(&self.vault),
            settings: &settings,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::new(Metrics::new()),
        })?)
    }

    /// Commits so many callbacks, as the decisions of payments do.
    async fn fill(&self, url: &str, callbacks: usize) -> Result<()> {
        let mut commits = Vec::new();
        for at in 0..callbacks {
            let mut write_set = WriteSet::new();
            enqueue(&mut write_set, callback(url), DeliveryId::draw(&SystemEntropy), SystemClock.now(), Vec::new());
            commits.push(self.store.commit(write_set));
            if at % 256 == 255 {
                for commit in commits.drain(..) {
                    commit.await?;
                }
            }
        }
        for commit in commits {
            commit.await?;
        }
        Ok(())
    }

    async fn drain(&self, receiver: &Receiver, deliveries: usize) -> Result<()> {
        self.fill(&receiver.url("/quick"), deliveries).await?;
        let (cpu_before, begun) = (cpu()?, Instant::now());
        let callbacks = self.callbacks(None)?;
        while callbacks.totals().delivered < deliveries as u64 {
            ensure!(begun.elapsed() < Duration::from_secs(300), "{:?}", callbacks.totals());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (took, cpu) = (begun.elapsed(), cpu()? - cpu_before);
        callbacks.stop().await;
        let how = if self.signed { "signed twice each" } else { "without signatures" };
        tell(&format!("{deliveries} deliveries, {how}"), deliveries, took, cpu);
        Ok(())
    }
}

/// Prints what so many calls took and cost.
fn tell(what: &str, calls: usize, took: Duration, cpu: Duration) {
    println!("{what}");
    println!("  answered            {:>8.0} a second", calls as f64 / took.as_secs_f64());
    println!("  our CPU             {:>8.1} microseconds each", cpu.as_secs_f64() * 1e6 / calls as f64);
}

fn callback(url: &str) -> Callback {
    Callback {
        kind: Kind::Result,
        owner: "600100".into(),
        third_party: "duka".into(),
        url: url.into(),
        payload: vec![b'x'; MESSAGE_BYTES / 2],
    }
}

/// A message of the usual size, read and traced as the broker does it.
#[derive(Debug)]
struct Message {
    interfaces: Arc<Interfaces>,
    watched: Option<String>,
    answered: Arc<Notify>,
}

impl Wire for Message {
    fn render(&self, _kind: Kind, payload: &[u8], _captured: &[i64]) -> Result<Document, String> {
        Ok([payload, payload].concat().into())
    }

    fn acknowledgement(&self, _third_party: &str, kind: Kind, body: &[u8]) -> Acknowledgement {
        self.interfaces.read_acknowledgement(kind.into(), body, Tolerances::default()).value
    }

    fn trace(&self, write_set: &mut WriteSet, exchange: &Exchange<'_>) {
        // Both messages in one record, as the broker keeps them.
        let key = Key::of("leg").text("AG_20261123_0000626ec4aeb2ca2256").text(exchange.delivery.as_str());
        let answer = exchange.answer.map_or(&[][..], |answer| &answer.body);
        write_set.put(key, [exchange.body, answer].concat());
        if self.watched.as_deref() == Some(exchange.url) {
            self.answered.notify_one();
        }
    }
}

#[derive(Debug)]
struct AnyHost;

impl Hosts for AnyHost {
    fn allowed(&self, _third_party: &str, _host: &str, _address: Option<IpAddr>, _port: u16) -> bool {
        true
    }

    fn plain_allowed(&self, _third_party: &str) -> bool {
        false
    }
}

/// The CPU time that this process has used, all threads (proc(5), fields 14 and 15).
fn cpu() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(") ").context("no process name")?.1;
    let ticks: f64 = after_name.split(' ').skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks / TICKS_A_SECOND))
}
