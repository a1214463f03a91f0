//! The accept loop of a door. The gate and the limits speak before a byte is read or written, so a
//! stranger costs one accept and one close.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::connection::{self, Ending};
use super::door::Inside;
use super::signal::Listener;
use super::slots::Slot;

/// The pause after a failed accept, such as with no file descriptor left: it doubles up to the
/// longest, for trying again at once would only burn the processor.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Accepts until the doors drain; the listener closes with it.
pub(super) async fn run(inside: Arc<Inside>, listener: TcpListener, mut signal: Listener) {
    let mut pause = PAUSE_MIN;
    loop {
        let accepted = tokio::select! {
            biased;
            () = signal.draining() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = PAUSE_MIN;
                admit(&inside, stream, canonical(peer), &signal);
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(door = inside.name(), %error, "no connection can be accepted for the moment");
                inside.metrics.accept_failed(inside.name());
                tokio::select! {
                    () = signal.draining() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

/// Hands a connection over to a task of its own, or closes it.
fn admit(inside: &Arc<Inside>, stream: TcpStream, peer: SocketAddr, signal: &Listener) {
    match place(inside, peer.ip()) {
        Ok(slot) => {
            tokio::spawn(connection::run(Arc::clone(inside), stream, peer, slot, signal.clone()));
        }
        Err(ending) => {
            drop(stream);
            ending.report(inside, peer);
        }
    }
}

/// The checks that need nothing but the address, the cheapest refusal first. A balancer's address says
/// nothing yet.
fn place(inside: &Inside, address: IpAddr) -> Result<Slot, Ending> {
    let known = if inside.is_balancer(address) {
        None
    } else if inside.gate.admits(address) {
        Some(address)
    } else {
        return Err(Ending::AddressRefused);
    };
    inside.slots.take(known).map_err(Ending::from)
}

/// One address has one form: IPv4-mapped IPv6 is the IPv4 address.
fn canonical(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

/// Errors of one connection that was gone before it was accepted; the next one may be fine.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_in_ipv6_dress_is_the_ipv4_address() {
        let mapped: SocketAddr = "[::ffff:10.66.49.20]:4000".parse().unwrap();
        assert_eq!(canonical(mapped), "10.66.49.20:4000".parse().unwrap());
    }

    #[test]
    fn running_out_of_files_is_not_the_peers_fault() {
        assert!(!is_the_peers(&io::Error::from_raw_os_error(24)));
        assert!(is_the_peers(&io::Error::from(io::ErrorKind::ConnectionAborted)));
    }
}
