//! What the doors speak, seen from outside by another program: `scripts/scan-doors`, which is openssl.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::door_support::eventually;
use crate::house::{Deployed, free_address};

/// Runs the scan: whether it found nothing, and what it said.
fn scanned(door: SocketAddr) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/scan-doors");
    let output = Command::new(script).arg(door.to_string()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_speak_only_modern_suites() {
    let deployed = Deployed::with_demonstration().await;
    // Every handshake of the scan is one that fails, as it has no client certificate.
    let doors = lango::config::load(&deployed.config()).unwrap().doors;
    let _served = deployed.served();
    for door in [doors.third_party.listen, doors.handset.listen] {
        let (good, said) = tokio::task::spawn_blocking(move || scanned(door)).await.unwrap();
        assert!(good, "{door}: {said}");
        assert!(said.contains("tls1_2 ") && said.contains("taken: TLS_AES_"), "the scan saw nothing: {said}");
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
    let (good, said) = tokio::task::spawn_blocking(move || scanned(address)).await.unwrap();
    assert!(!good && said.contains("NOT AS IT SHOULD BE"), "{said}");
}
