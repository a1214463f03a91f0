//! A node that may have few files open: its doors take fewer connections than the settings say, so that whoever opens
//! as many as there can be leaves the other door and the store what they need.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use lango::config;

use crate::house::{Deployed, lango, limited_to_files};

const FILES: u32 = 700;
/// What is left for connections, in four parts: one for callbacks, the others for two doors.
const OF_A_DOOR: usize = 70;
const FLOOD: usize = 400;

/// Opens connections that say nothing and gives those that the door keeps.
fn flooded(door: SocketAddr) -> Vec<TcpStream> {
    let opened: Vec<_> = (0..FLOOD).map(|_| TcpStream::connect(door).unwrap()).collect();
    let is_kept = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        // Nothing to read is an error; the end of a connection is none, and what was cut off is another one.
        let read = stream.read(&mut [0]);
        read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
    };
    opened.into_iter().filter(is_kept).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn d6_a_flood_of_connections_leaves_files_to_the_other_door_and_to_the_store() {
    let deployed = Deployed::with_demonstration().await;
    let config = deployed.config();
    let doors = config::load(&config).unwrap().doors;
    let served = deployed.served_with_files(FILES);
    let kept = flooded(doors.third_party.listen);
    assert!((1..=OF_A_DOOR).contains(&kept.len()), "{} are kept", kept.len());
    let paid = |account: &str| {
        let to = ["--from", "254722000001", "--to-paybill", "600000", "--amount", "1", "--account", account];
        let paid = lango().arg("pay").arg("--config").arg(&config).args(to).output().unwrap();
        assert!(paid.status.success(), "{paid:?}");
    };
    (0..3).for_each(|number| paid(&format!("INV-{number}")));
    // The store begins files of its own: a copy, and a checkpoint before it.
    let copy = deployed.folder.path().join("copy");
    let copied = lango().args(["store", "backup", "--config"]).arg(&config).arg(&copy).output().unwrap();
    assert!(copied.status.success(), "{copied:?}");
    assert!(deployed.status().status.success());
    drop(kept);
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("of_each_door=70"), "{log}");
    assert!(!log.contains("Too many open files"), "{log}");
}

#[tokio::test]
async fn a_node_that_may_have_too_few_files_open_does_not_start_and_says_so() {
    let deployed = Deployed::with_demonstration().await;
    let output = limited_to_files(&deployed.config(), 300).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("limits: this process may have 300 files open, and a node needs 560"), "{said}");
}
