//! Kept connections that ask nothing: what each costs the node in memory.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::callers::{Caller, ask, source};
use super::stand::Stand;

const AT_ONCE: usize = 32;
const REQUEST: &[u8] = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// What the node may have in use with all of them.
const MIB_MAX: f64 = 400.0;

pub async fn measure(count: usize) -> Result<()> {
    let room = format!("connections_max = {}", count + 100);
    let stand =
        Stand::serving(&[("connections_max = 10000", &room), ("idle_seconds_max = 300", "idle_seconds_max = 3000")])
            .await?;
    let caller = Caller::new(&stand.certs(), stand.door, &[&rustls::version::TLS13])?;
    let before = stand.node.resident_mib()?;
    let begun = Instant::now();
    let mut kept = Vec::with_capacity(count);
    while kept.len() < count {
        let some = (0..AT_ONCE.min(count - kept.len())).map(|at| {
            // Fewer than 256 of one address.
            let (caller, source) = (caller.clone(), source(kept.len() + at, count.div_ceil(200)));
            tokio::spawn(async move {
                let mut stream = caller.open_from(source).await?;
                ask(&mut stream, REQUEST).await?;
                Ok::<_, anyhow::Error>(stream)
            })
        });
        let some: Vec<_> = some.collect();
        for one in some {
            kept.push(one.await??);
        }
    }
    let opened = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let with_all = stand.node.resident_mib()?;
    for stream in kept.iter_mut().step_by(count.div_ceil(100)) {
        ask(stream, REQUEST).await?;
    }
    println!("{count} kept connections over TLS 1.3, each with one request behind it, opened in {opened:.1?}");
    println!(
        "  {before:.0} MiB before, {with_all:.0} MiB with all of them: {:.1} KiB each",
        (with_all - before) * 1024.0 / count as f64
    );
    ensure!(with_all < MIB_MAX, "more than {MIB_MAX} MiB");
    println!("  all that were asked again answered; below {MIB_MAX} MiB");
    Ok(())
}
