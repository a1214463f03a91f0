//! Requests with a fresh SecurityCredential each, which is opened and hashed: what a caller who never
//! sends the same one twice costs the node in CPU and, above all, in memory, however many come at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::callers::{Caller, ask, post, source};
use super::stand::{Stand, share_of};

const CALLERS: usize = 64;
/// What the node may have in use, whatever comes: what it needs anyway, and two hashes of 19 MiB.
const MIB_MAX: f64 = 200.0;

pub async fn measure(count: usize) -> Result<()> {
    let stand = Stand::serving(&[]).await?;
    let caller = Caller::new(&stand.certs(), stand.door, &[&rustls::version::TLS13])?;
    let shop = &stand.demonstration;
    // Each document has its credential encrypted anew.
    let documents = (0..count).map(|at| shop.balance(&format!("fresh_{at}")));
    let requests = documents.map(|document| Ok(post(&shop.envelope(shop.claim(), &document?))));
    let requests = requests.collect::<Result<Vec<_>>>()?;
    let (before, cpu, begun) = (stand.node.resident_mib()?, stand.node.cpu()?, Instant::now());
    let (requests, next) = (Arc::new(requests), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..CALLERS)
        .map(|at| {
            let (caller, requests, next) = (caller.clone(), Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(async move {
                let mut kept = caller.open_from(source(at, CALLERS)).await?;
                let mut took = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = Instant::now();
                    ensure!(ask(&mut kept, request).await? == 200, "refused");
                    took.push(asked.elapsed());
                }
                Ok::<_, anyhow::Error>(took)
            })
        })
        .collect();
    let mut took: Vec<Duration> = Vec::with_capacity(count);
    for caller in callers {
        took.extend(caller.await??);
    }
    took.sort();
    let (elapsed, cpu) = (begun.elapsed(), stand.node.cpu()? - cpu);
    let most = stand.node.most_resident_mib()?;
    println!("{count} requests with a fresh credential each, {CALLERS} callers");
    println!(
        "  {:.0} a second, {:.1} ms of the node's CPU each; answered p50 {:.0} ms, p99 {:.0} ms",
        count as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e3 / count as f64,
        share_of(&took, 0.5).as_secs_f64() * 1e3,
        share_of(&took, 0.99).as_secs_f64() * 1e3,
    );
    println!("  {before:.0} MiB before, {most:.0} MiB at most, {:.0} MiB after", stand.node.resident_mib()?);
    ensure!(most < MIB_MAX, "more than {MIB_MAX} MiB");
    Ok(())
}
