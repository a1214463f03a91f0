//! Full handshakes with a client certificate, each on a connection of its own with one small request,
//! since only an answer shows that the server has taken the certificate. The node and nginx take turns
//! with the same certificates; what counts is the CPU time that each one uses for a connection, which
//! is the same on however many cores, and whatever the callers use beside.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use rustls::SupportedProtocolVersion;

use super::callers::{Caller, ask, source};
use super::nginx::{self, Nginx};
use super::stand::{Process, Stand};

/// How many times as many as nginx a core must do.
const TIMES_MIN: f64 = 2.0;
const ROUNDS: usize = 3;
const CALLERS: usize = 16;
/// Whichever answer: both say 404 to this.
const REQUEST: &[u8] = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

pub async fn measure(count: usize) -> Result<()> {
    let stand = Stand::serving(&[]).await?;
    let nginx = match nginx::version() {
        Some(_) => Some(Nginx::serving(&stand.certs()).await?),
        None => None,
    };
    println!("{count} full handshakes with client certificate (ECDSA P-256), {CALLERS} callers, {ROUNDS} rounds each");
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let caller = Caller::new(&stand.certs(), stand.door, &[version])?;
            ours.push(round(&caller, count, &stand.node).await?);
            if let Some(nginx) = &nginx {
                let caller = Caller::new(&stand.certs(), nginx.address, &[version])?;
                theirs.push(round(&caller, count, &nginx.process).await?);
            }
        }
        let ours = tell("lango", version, &mut ours, count);
        if let (false, Some(name)) = (theirs.is_empty(), nginx::version()) {
            let theirs = tell(&name, version, &mut theirs, count);
            let times = theirs.as_secs_f64() / ours.as_secs_f64();
            println!("  lango does {times:.2} times as many a core");
            ensure!(times >= TIMES_MIN, "less than {TIMES_MIN} times as many");
        }
    }
    if nginx.is_none() {
        println!("  nginx is not installed (apt-get install nginx), so there is nothing to compare with");
    }
    Ok(())
}

/// The CPU time and the time of a round.
async fn round(caller: &Caller, count: usize, server: &Process) -> Result<(Duration, Duration)> {
    // The first ones find cold caches.
    run(caller, count / 20).await?;
    let (cpu, begun) = (server.cpu()?, Instant::now());
    run(caller, count).await?;
    let took = begun.elapsed();
    Ok((server.cpu()? - cpu, took))
}

async fn run(caller: &Caller, count: usize) -> Result<()> {
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (caller, next) = (caller.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return Ok::<_, anyhow::Error>(());
                    }
                    let mut stream = caller.open_from(source(at, 64)).await?;
                    let status = ask(&mut stream, REQUEST).await?;
                    ensure!(status == 404, "answered {status}");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

/// Tells of the best round; gives its CPU time for a connection.
fn tell(name: &str, version: &SupportedProtocolVersion, rounds: &mut [(Duration, Duration)], count: usize) -> Duration {
    rounds.sort();
    let (cpu, took) = rounds.first().copied().unwrap_or_default();
    let each = cpu.as_secs_f64() / count as f64;
    let (least, most) = (each * 1e6, rounds.last().map_or(0.0, |(cpu, _)| cpu.as_secs_f64() / count as f64 * 1e6));
    println!(
        "  {:?} {name:<16} {:>6.0} a second and core, {least:.0} to {most:.0} microseconds of CPU each; {:.0} a second here",
        version.version,
        1.0 / each,
        count as f64 / took.as_secs_f64(),
    );
    Duration::from_secs_f64(each)
}
