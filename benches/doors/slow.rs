//! Slow callers beside a good one: half of them drip a handshake, half of them shake hands and drip the
//! headers of a request, a byte a second; who is closed comes again. The good caller asks for its balance
//! on a kept connection, and on new ones, with and without them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lango::cli::deployment::ReadDemonstration;
use lango::mminterface::RequestDocument;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use super::callers::{Caller, ask, post, source};
use super::stand::{Stand, share_of, spread};

const MEASURED: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(10);
const DRIP: Duration = Duration::from_secs(1);
/// Addresses of slow callers.
const SOURCES: usize = 64;
const GOOD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// How much longer the good caller may wait beside them, at the 99th percentile.
const TIMES_MAX: f64 = 2.0;
/// How a ClientHello begins, and a request.
const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
const HEADERS: &[u8] = b"POST /mminterface/request HTTP/1.1\r\nHost: ";

struct Felt {
    kept: Vec<Duration>,
    new: Vec<Duration>,
}

pub async fn measure(count: usize) -> Result<()> {
    let stand = Stand::serving(&[]).await?;
    let caller = Caller::new(&stand.certs(), stand.door, &[&rustls::version::TLS13])?;
    println!("{count} slow callers, a byte a second each; a good caller who asks for its balance");
    // The first requests find cold caches, and each credential is hashed once.
    feel(&caller, &stand.demonstration, "warm", Duration::from_secs(3)).await?;
    let cpu = stand.node.cpu()?;
    let mut quiet = feel(&caller, &stand.demonstration, "quiet", MEASURED).await?;
    let quiet_cpu = stand.node.cpu()? - cpu;
    let slow = Slow::all(&caller, count).await?;
    let cpu = stand.node.cpu()?;
    let mut beside = feel(&caller, &stand.demonstration, "beside", MEASURED).await?;
    let beside_cpu = stand.node.cpu()? - cpu;
    println!("  quiet   kept {}", spread(&mut quiet.kept));
    println!("          new  {}", spread(&mut quiet.new));
    println!("  beside  kept {}", spread(&mut beside.kept));
    println!("          new  {}", spread(&mut beside.new));
    let share = |felt: &Felt| share_of(&felt.kept, 0.99).as_secs_f64();
    let times = share(&beside) / share(&quiet);
    println!("  p99 on the kept connection: {times:.2} times the quiet one");
    println!(
        "  the node's CPU in {MEASURED:?}: {quiet_cpu:.1?} quiet, {beside_cpu:.1?} beside; {:.0} MiB in use",
        stand.node.resident_mib()?
    );
    println!("  slow callers closed and come again: {}", slow.closed.load(Ordering::Relaxed));
    ensure!(times < TIMES_MAX, "more than {TIMES_MAX} times the quiet one");
    Ok(())
}

/// What the good caller feels for a while.
async fn feel(caller: &Caller, shop: &ReadDemonstration, name: &str, time: Duration) -> Result<Felt> {
    let mut felt = Felt { kept: Vec::new(), new: Vec::new() };
    let mut kept = caller.open_from(GOOD).await?;
    // Always the same SecurityCredential, as real programs send it.
    let like = shop.balance("")?;
    let begun = Instant::now();
    for at in 0.. {
        let document = RequestDocument { originator_conversation_id: format!("{name}_{at}"), ..like.clone() };
        let request = post(&shop.envelope(shop.claim(), &document));
        let asked = Instant::now();
        ensure!(ask(&mut kept, &request).await? == 200, "the good caller was refused");
        felt.kept.push(asked.elapsed());
        if at % 4 == 0 {
            let came = Instant::now();
            let mut new = caller.open_from(GOOD).await?;
            ensure!(ask(&mut new, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n").await? == 404, "refused");
            felt.new.push(came.elapsed());
        }
        if begun.elapsed() > time {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(felt)
}

/// The slow callers; they go when this is dropped.
struct Slow {
    closed: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Slow {
    /// All of them, once they are there.
    async fn all(caller: &Caller, count: usize) -> Result<Self> {
        let (closed, there) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = Vec::with_capacity(count);
        for at in 0..count {
            let (caller, closed, there) = (caller.clone(), Arc::clone(&closed), Arc::clone(&there));
            tasks.push(tokio::spawn(async move {
                let came = AtomicBool::new(false);
                loop {
                    // Whoever finds no room comes again, too.
                    let _ = come(&caller, at, || {
                        if !came.swap(true, Ordering::Relaxed) {
                            there.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                    .await;
                    closed.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(DRIP).await;
                }
            }));
            // They come over some seconds; the machine is theirs and the node's.
            if at.is_multiple_of(20) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let begun = Instant::now();
        while there.load(Ordering::Relaxed) < count {
            ensure!(begun.elapsed() < Duration::from_secs(60), "{} came", there.load(Ordering::Relaxed));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { closed, tasks })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Comes once, and drips until it is closed.
async fn come(caller: &Caller, at: usize, here: impl FnOnce()) -> Result<()> {
    if at.is_multiple_of(2) {
        let stream = caller.connect_from(source(at, SOURCES)).await?;
        here();
        drip(stream, HELLO).await
    } else {
        let stream = caller.open_from(source(at, SOURCES)).await?;
        here();
        drip(stream, HEADERS).await
    }
}

async fn drip(mut stream: impl AsyncWriteExt + Unpin, beginning: &[u8]) -> Result<()> {
    for byte in beginning.iter().chain(std::iter::repeat(&b'x')) {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(DRIP).await;
    }
    Ok(())
}
