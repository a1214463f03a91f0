//! Whether a dead and a slow endpoint delay a third one (D7): how long single deliveries to a quick
//! endpoint take, from before their commit until their answer is there, in a deployment that has nothing
//! else to do and in one with such neighbours.
//!
//! What else the machine does moves both, from minute to minute by more than neighbours could. So each
//! deployment is a process that stands still while the other one is measured; they take turns in many
//! short rounds, and the ratio of all that was measured is told with the range in which nine of ten such
//! measurements would find it (rounds drawn anew, in pairs, with replacement).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lango::callbacks::{DeliveryId, enqueue};
use lango::clock::{Clock, SystemClock};
use lango::entropy::{Entropy, SystemEntropy};
use lango::store::{Store, WriteSet};

use super::receiver::Receiver;
use super::{Bench, callback};

/// How long a round of one deployment is.
const ROUND: Duration = Duration::from_secs(1);
/// Deliveries at the beginning of a round that are not counted: the first one lasted as long as the
/// process stood still.
const WARM_UP: usize = 30;
/// What waits for each of the two neighbours at the beginning: more than can be delivered to the slow one.
const BACKLOG: usize = 10_000;
/// How often the rounds are drawn anew.
const DRAWS: usize = 1000;

/// The longest that a deployment may take to begin: it fills its outbox first.
const BEGIN_MAX: Duration = Duration::from_secs(60);

/// Latencies of a round, in microseconds.
type Latencies = Vec<u32>;

/// A round of each.
struct Pair {
    alone: Latencies,
    beside: Latencies,
}

/// Measures, and prints what came of it.
pub fn measure(dir: &Path, receiver: &Receiver, rounds: usize) -> Result<()> {
    let mut alone = Deployment::start(dir, "alone", &[&receiver.url("/quick")])?;
    let neighbours = ["https://localhost:9/dead".to_owned(), receiver.slow_url()];
    let mut beside = Deployment::start(dir, "beside", &[&receiver.url("/quick"), &neighbours[0], &neighbours[1]])?;
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..rounds {
        // Whoever is second once is first the next time.
        pairs.push(if round % 2 == 0 {
            Pair { alone: alone.round()?, beside: beside.round()? }
        } else {
            Pair { beside: beside.round()?, alone: alone.round()? }
        });
    }
    println!("from commit to answer, one after the other, {rounds} rounds of {ROUND:?} each in turns");
    let all: Vec<&Pair> = pairs.iter().collect();
    for (what, mut took) in [("alone", alone_in(&all)), ("beside a dead and a slow one", beside_in(&all))] {
        let [p50, p99] = [0.5, 0.99].map(|share| f64::from(quantile(&mut took, share)) / 1e3);
        println!("  {what:<30} p50 {p50:.3} ms, p99 {p99:.3} ms ({} deliveries)", took.len());
    }
    for (what, share) in [("p50", 0.5), ("p99", 0.99)] {
        let mut drawn: Vec<f64> = (0..DRAWS).map(|_| moved(&draw(&pairs), share)).collect();
        drawn.sort_by(f64::total_cmp);
        let (low, high) = (drawn[DRAWS / 20], drawn[DRAWS - 1 - DRAWS / 20]);
        println!("  the {what} moves by {:+.1} % ({low:+.1} to {high:+.1} %)", moved(&all, share));
    }
    Ok(())
}

/// The process of one deployment, which stands still between its rounds.
struct Deployment {
    child: Child,
    took: mpsc::Receiver<u32>,
}

impl Deployment {
    /// Starts one on a store of its own. The first URL is measured, at the others is a backlog.
    fn start(dir: &Path, name: &str, urls: &[&str]) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["deployment".as_ref(), dir.as_os_str(), name.as_ref()])
            .args(urls)
            .stdout(Stdio::piped())
            .spawn()
            .context("a deployment does not start")?;
        let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let (tell, took) = mpsc::channel();
        std::thread::spawn(move || {
            let numbers = lines.map_while(Result::ok).map_while(|line| line.parse().ok());
            numbers.take_while(|&number| tell.send(number).is_ok()).for_each(drop);
        });
        let deployment = Self { child, took };
        deployment.took.recv_timeout(BEGIN_MAX).context("a deployment does not begin")?;
        deployment.signal("STOP")?;
        Ok(deployment)
    }

    /// Lets it go on for a round.
    fn round(&mut self) -> Result<Latencies> {
        self.signal("CONT")?;
        std::thread::sleep(ROUND);
        self.signal("STOP")?;
        ensure!(self.child.try_wait()?.is_none(), "a deployment has ended");
        // What it wrote last may still be on its way.
        std::thread::sleep(Duration::from_millis(20));
        let took: Latencies = self.took.try_iter().skip(WARM_UP).collect();
        ensure!(!took.is_empty(), "nothing was delivered in a round");
        Ok(took)
    }

    fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status()?;
        if status.success() { Ok(()) } else { bail!("kill -{signal}: {status}") }
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the process of a deployment does until it is killed: delivers one after the other, and writes how
/// long each took, in microseconds.
pub async fn deploy(dir: &Path, name: &str, urls: &[String]) -> Result<()> {
    let (quick, neighbours) = urls.split_first().context("no URL")?;
    let bench = Bench::set(dir, Some(name), false).await?;
    for url in neighbours {
        bench.fill(url, BACKLOG).await?;
    }
    let callbacks = bench.callbacks(Some(quick))?;
    loop {
        let (id, begun) = (DeliveryId::draw(&SystemEntropy), Instant::now());
        let mut write_set = WriteSet::new();
        let queued = enqueue(&mut write_set, callback(quick), id, SystemClock.now(), Vec::new());
        bench.store.commit(write_set).await?;
        callbacks.wake(queued);
        bench.answered.notified().await;
        writeln!(std::io::stdout(), "{}", begun.elapsed().as_micros())?;
    }
}

fn alone_in(rounds: &[&Pair]) -> Latencies {
    rounds.iter().flat_map(|pair| &pair.alone).copied().collect()
}

fn beside_in(rounds: &[&Pair]) -> Latencies {
    rounds.iter().flat_map(|pair| &pair.beside).copied().collect()
}

/// By how many percent the neighbours move it.
fn moved(rounds: &[&Pair], share: f64) -> f64 {
    let [alone, beside] = [alone_in(rounds), beside_in(rounds)].map(|mut took| f64::from(quantile(&mut took, share)));
    (beside / alone - 1.0) * 100.0
}

/// What so much of it is not above.
fn quantile(took: &mut [u32], share: f64) -> u32 {
    let place = ((took.len() - 1) as f64 * share) as usize;
    *took.select_nth_unstable(place).1
}

/// As many rounds as there are, each any of them.
fn draw(rounds: &[Pair]) -> Vec<&Pair> {
    (0..rounds.len()).map(|_| &rounds[(SystemEntropy.u64() % rounds.len() as u64) as usize]).collect()
}
