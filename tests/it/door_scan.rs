//! What the doors speak, seen from outside by another program: `scripts/scan-doors`, which is openssl.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::door_support::eventually;
use crate::house::{Deployed, free_address};

/// What the doors may take: forward secrecy and authenticated encryption.
const MODERN: [&str; 6] = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
];

/// Runs the scan with this client certificate (its path without an ending): whether it found nothing, and
/// what it said.
fn scanned(door: SocketAddr, client: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scan-doors");
    let [certificate, key] = ["pem", "key"].map(|ending| client.with_extension(ending));
    let output = Command::new(script).arg(door.to_string()).args([certificate, key]).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_speak_only_modern_suites() {
    let deployed = Deployed::with_demonstration().await;
    let doors = lango::config::load(&deployed.config()).unwrap().doors;
    let _served = deployed.served();
    let clients = deployed.dir().join("certs/clients");
    for (door, client) in [(doors.third_party.listen, "duka"), (doors.handset.listen, "handset")] {
        let client = clients.join(client);
        let (good, said) = tokio::task::spawn_blocking(move || scanned(door, &client)).await.unwrap();
        assert!(good, "{door}: {said}");
        assert!(said.contains("tls1_2 ") && said.contains("taken: TLS_AES_"), "the scan saw nothing: {said}");
        // Nothing else is taken than this.
        let taken: BTreeSet<&str> =
            said.lines().filter_map(|line| line.split_once("taken: ")).map(|(_, suite)| suite).collect();
        assert!(taken.iter().all(|suite| MODERN.contains(suite)), "{door}: {taken:?}");
    }
}

/// An openssl server that takes whatever it is offered.
struct OldServer(Child);

impl Drop for OldServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scan_finds_an_old_server() {
    let deployed = Deployed::with_demonstration().await;
    let certs = deployed.dir().join("certs");
    let client = certs.join("clients/duka");
    let address = free_address();
    let child = Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &address.to_string(), "-cert", "server.pem", "-key", "server.key"])
        .args(["-cipher", "ALL:@SECLEVEL=0"])
        .current_dir(certs)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed (scripts/test does that)");
    let _old = OldServer(child);
    eventually("it listens", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
    let (good, said) = tokio::task::spawn_blocking(move || scanned(address, &client)).await.unwrap();
    assert!(!good && said.contains("NOT AS IT SHOULD BE"), "{said}");
    for resumable in ["tls1_2 resumed session", "tls1_3 session ticket"] {
        let line = said.lines().find(|line| line.starts_with(resumable));
        assert!(line.is_some_and(|line| line.contains("NOT AS IT SHOULD BE")), "{resumable}: {said}");
    }
}
