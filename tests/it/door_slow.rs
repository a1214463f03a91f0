//! Slow and silent callers, and a good one beside them. The longer form, with figures, is
//! `cargo bench --bench slow`.

use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::door_support::{Kept, connector};
use crate::house::{Deployed, PATIENCE};

/// Callers of each kind.
const SLOW: usize = 100;
const TIME_MAX: Duration = Duration::from_secs(2);

/// Addresses from which they come: more than one may have half-open.
fn source(at: usize) -> String {
    format!("127.0.1.{}", at % 4 + 1)
}

/// How a ClientHello begins, and a request.
const HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
const HEADERS: &[u8] = b"GET / HTTP/1.1\r\nHost: ";

/// Sends a byte now and then until the door closes.
async fn drip(mut stream: impl AsyncWriteExt + Unpin, beginning: &'static [u8]) {
    for byte in beginning.iter().chain(std::iter::repeat(&b'x')) {
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn connected(door: std::net::SocketAddr, at: usize) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{}:0", source(at)).parse().unwrap()).unwrap();
    socket.connect(door).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_two_hundred_slow_callers_a_good_one_is_served_and_they_are_given_up() {
    let deployed = Deployed::with_demonstration().await;
    deployed.set("handshake_seconds_max = 10", "handshake_seconds_max = 2");
    deployed.set("header_seconds_max = 10", "header_seconds_max = 2");
    deployed.set("half_open_per_address_max = 128", "half_open_per_address_max = 25");
    let whitelist = deployed.dir().join("whitelist.toml");
    let list = std::fs::read_to_string(&whitelist).unwrap();
    std::fs::write(&whitelist, list.replace("\"127.0.0.1/32\", kind", "\"127.0.0.0/16\", kind")).unwrap();
    let door = lango::config::load(&deployed.config()).unwrap().doors.third_party.listen;
    let served = deployed.served();
    let certs = deployed.dir().join("certs");
    let files: (PathBuf, PathBuf) = (certs.join("ca.pem"), certs.join("clients/duka"));

    // Half of them drip the handshake, half of them the headers after it.
    let tls = connector(&files.0, &files.1);
    let mut slow = Vec::new();
    for at in 0..SLOW {
        let name = rustls::pki_types::ServerName::IpAddress(door.ip().into());
        let stream = tls.connect(name, connected(door, at).await).await.unwrap();
        slow.push(tokio::spawn(async move { drip(stream, HEADERS).await }));
    }
    for at in 0..SLOW {
        let stream = connected(door, at).await;
        slow.push(tokio::spawn(async move { drip(stream, HELLO).await }));
    }

    // 25 half-open ones of one address are the most; its others are not touched by that.
    let mut one_more = connected(door, 0).await;
    let end = tokio::time::timeout(TIME_MAX / 2, one_more.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "one more was not closed at once: {end:?}");
    let mut good = Kept::open(door, &files.0, &files.1, "127.0.0.1").await.unwrap();
    while slow.iter().any(|one| !one.is_finished()) {
        assert!(good.asks().await, "the good caller is not served");
        let again = Kept::open(door, &files.0, &files.1, "127.0.0.1");
        assert!(tokio::time::timeout(PATIENCE, again).await.unwrap().is_ok(), "no new connection of the good caller");
        tokio::time::sleep(TIME_MAX / 10).await;
    }
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("handshake_slow"), "{log}");
}
