//! A long whitelist: how long a look-up takes, and how long it takes until a new file is in force.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lango::access::Whitelist;
use lango::cli::soap_client::SoapClient;
use lango::clock::{Clock, SystemClock};

use super::stand::Stand;

const LOOK_UP_MAX: Duration = Duration::from_micros(1);
const RELOAD_MAX: Duration = Duration::from_secs(1);
/// The node looks at its files four times a second, and at one that changed once more a little later.
const SEEN_WITHIN: Duration = Duration::from_millis(350);
const LOOK_UPS: u32 = 2_000_000;
/// Third parties that share the networks.
const PARTIES: u32 = 100;

pub async fn measure(count: usize) -> Result<()> {
    let count = u32::try_from(count)?;
    let text = list(count, 0)?;
    let begun = Instant::now();
    let list_before = Whitelist::parse(&text).context("the list has a fault")?;
    let read = begun.elapsed();
    let after = Whitelist::parse(&list(count, 1)?).context("the list has a fault")?;
    let begun = Instant::now();
    let changes = list_before.changes_to(&after).len();
    let compared = begun.elapsed();
    println!("{count} networks of {PARTIES} third parties, {:.1} MB of text", text.len() as f64 / 1e6);
    println!(
        "  read in {read:.0?}; compared with the one before (for the audit log, {changes} changes) in {compared:.0?}"
    );

    let now = SystemClock.now();
    let addresses: Vec<IpAddr> =
        (0..LOOK_UPS).map(|at| IpAddr::V4(place(at.wrapping_mul(2_654_435_761) % (2 * count)))).collect();
    let begun = Instant::now();
    let admitted = addresses.iter().filter(|address| black_box(&list_before).admits(**address, now)).count();
    let each = begun.elapsed() / LOOK_UPS;
    println!("  a look-up at the door takes {each:?} ({admitted} of {LOOK_UPS} are let in)");
    ensure!(each < LOOK_UP_MAX, "a look-up takes more than {LOOK_UP_MAX:?}");
    let begun = Instant::now();
    let own =
        addresses.iter().filter(|address| black_box(&list_before).network("p7", **address, now).is_some()).count();
    println!("  and among one third party's own {:?} ({own} are)", begun.elapsed() / LOOK_UPS);
    reload(count).await
}

/// In a running node: from the moment that the file has its name until the list is in force.
async fn reload(count: u32) -> Result<()> {
    let stand = Stand::serving(&[]).await?;
    let (path, new) = (stand.dir().join("whitelist.toml"), stand.dir().join("whitelist.new"));
    let metrics = SoapClient::plain(stand.metrics);
    for round in 0..3 {
        let networks = count - round;
        std::fs::write(&new, list(networks, round)?)?;
        std::fs::rename(&new, &path)?;
        let begun = Instant::now();
        let line = format!("lango_whitelist_networks {networks}\n");
        while !metrics.fetch("/metrics").await?.text().contains(&line) {
            ensure!(begun.elapsed() < Duration::from_secs(60), "the list is not taken up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let took = begun.elapsed();
        println!("  from the saved file to the list in force: {took:.2?}");
        ensure!(took < RELOAD_MAX + SEEN_WITHIN, "more than {RELOAD_MAX:?} after it was seen whole");
    }
    println!("  the node has {:.0} MiB in use", stand.node.resident_mib()?);
    Ok(())
}

/// Every second network of 8 addresses is listed; `round` changes some of the comments.
fn list(count: u32, round: u32) -> Result<String> {
    let mut text = String::new();
    for party in 0..PARTIES {
        writeln!(text, "[third_party.p{party}.networks]")?;
        for at in (party..count).step_by(PARTIES as usize) {
            let network = place(2 * at);
            let comment = if at % 1000 == 0 { round } else { 0 };
            writeln!(text, "n{at} = {{ network = \"{network}/29\", kind = \"vpn\", comment = \"ticket {comment}\" }}")?;
        }
    }
    Ok(text)
}

fn place(at: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0A00_0000 + at * 8)
}
