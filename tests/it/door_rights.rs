//! Who may be at the third parties' door, while that changes: keys that come and go, third parties that
//! are removed, callers that a balancer brings.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lango::access::{ClientKey, KeyFingerprint, fingerprint};
use lango::cli::deployment::{NEIGHBOUR, THIRD_PARTY};
use lango::clock::{Clock, ManualClock, SystemClock};
use lango::node::Seams;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::door_support::{Kept, says};
use crate::house::{Deployed, House, seams};

/// The promise: whoever lost the right to be here is gone within a second.
const GONE_MAX: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn client(house: &House, name: &str) -> PathBuf {
    house.dir().join("certs/clients").join(name)
}

async fn caller(house: &House, name: &str) -> std::io::Result<Kept> {
    let door = house.stage.addresses().third_party;
    Kept::open(door, &house.dir().join("certs/ca.pem"), &client(house, name), "127.0.0.1").await
}

/// Whether a caller with this certificate is served.
async fn is_served(house: &House, name: &str) -> bool {
    match caller(house, name).await {
        // In TLS 1.3 the client learns of a refusal with its first read.
        Ok(mut kept) => kept.asks().await,
        Err(_) => false,
    }
}

fn key_of(house: &House, name: &str) -> KeyFingerprint {
    fingerprint(&CertificateDer::from_pem_file(client(house, name).with_extension("pem")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_third_party_is_gone_within_a_second_and_its_neighbour_stays() {
    let house = House::built().await;
    let mut goes = caller(&house, NEIGHBOUR).await.unwrap();
    let mut stays = caller(&house, THIRD_PARTY).await.unwrap();
    assert!(goes.asks().await && stays.asks().await);
    house.stage.access().remove_third_party(NEIGHBOUR).await.unwrap();
    let took = goes.closed().await;
    assert!(took < GONE_MAX, "{took:?}");
    assert!(!is_served(&house, NEIGHBOUR).await);
    assert!(stays.asks().await, "a connection was closed that is allowed");
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_keys_that_overlap_each_counts_in_its_time() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let house = House::built_with(Seams { clock: Arc::<ManualClock>::clone(&clock), ..seams() }).await;
    let certs = house.dir().join("certs");
    let (good, said) = says(house.dir(), &["cert", "issue", "duka-next", "--dir", certs.to_str().unwrap()]);
    assert!(good, "{said}");
    let now = clock.now();
    let mut party = (*house.stage.access().third_party(THIRD_PARTY).unwrap()).clone();
    party.keys[0].not_after = now.plus(2 * HOUR);
    let next = key_of(&house, "duka-next");
    party.keys.push(ClientKey { fingerprint: next, not_before: now.plus(HOUR), not_after: now.plus(100 * HOUR) });
    house.stage.access().save_third_party(&party).await.unwrap();

    let mut old = caller(&house, THIRD_PARTY).await.unwrap();
    assert!(old.asks().await);
    assert!(!is_served(&house, "duka-next").await, "the next key counts before its time");
    clock.advance(HOUR + Duration::from_secs(60));
    let mut new = caller(&house, "duka-next").await.unwrap();
    assert!(old.asks().await && new.asks().await, "while they overlap, both count");
    clock.advance(HOUR);
    let took = old.closed().await;
    assert!(took < GONE_MAX, "{took:?}");
    assert!(!is_served(&house, THIRD_PARTY).await, "the old key counts after its time");
    assert!(new.asks().await, "a connection was closed that is allowed");
    house.torn_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_balancer_the_whitelist_is_asked_about_whom_it_brings() {
    let deployed = Deployed::with_demonstration().await;
    deployed.set("balancers = []", "balancers = [\"127.0.0.9/32\"]");
    let whitelist = deployed.dir().join("whitelist.toml");
    let list = fs::read_to_string(&whitelist).unwrap();
    fs::write(&whitelist, list.replace("\"127.0.0.1/32\", kind", "\"10.66.49.0/24\", kind")).unwrap();
    let door = lango::config::load(&deployed.config()).unwrap().doors.third_party.listen;
    let served = deployed.served();
    let certs = deployed.dir().join("certs");
    let comes = async |source: &str, header: &str| match Kept::open_after(
        door,
        &certs.join("ca.pem"),
        &certs.join("clients/duka"),
        source,
        header,
    )
    .await
    {
        Ok(mut kept) => kept.asks().await,
        Err(_) => false,
    };
    assert!(comes("127.0.0.9", "PROXY TCP4 10.66.49.20 127.0.0.1 4000 443\r\n").await);
    assert!(!comes("127.0.0.9", "PROXY TCP4 10.66.50.20 127.0.0.1 4000 443\r\n").await, "in nobody's network");
    assert!(!comes("127.0.0.9", "").await, "a balancer must say whom it brings");
    assert!(!comes("127.0.0.1", "PROXY TCP4 10.66.49.20 127.0.0.1 4000 443\r\n").await, "no balancer of ours");
    let (_, log) = served.terminated();
    assert!(log.contains("balancer_without_header") && log.contains("address_refused"), "{log}");
}
