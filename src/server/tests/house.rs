//! A door with a service behind it, and the callers who come to it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::{HeaderMap, StatusCode};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::access::KeyFingerprint;
use crate::broker::{Answer, Door, Peer, Request, Service};
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::server::{DoorConfig, DoorLimits, Doors, Gate, Tls};
use crate::telemetry::metrics::Metrics;

use super::pki::{Identity, Pki, fingerprint};

/// Long enough for any machine, short enough for a test that will fail.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gate that does as the test says.
#[derive(Default)]
pub(super) struct TestGate {
    pub(super) closed: AtomicBool,
    /// Addresses that are let in beside this machine's own.
    pub(super) addresses: Mutex<HashSet<IpAddr>>,
    pub(super) keys: Mutex<HashSet<KeyFingerprint>>,
    /// What it heard of refusals.
    pub(super) refused: Mutex<Vec<(&'static str, IpAddr, &'static str)>>,
}

impl Gate for TestGate {
    fn admits(&self, address: IpAddr) -> bool {
        let known = address == IpAddr::V4(Ipv4Addr::LOCALHOST) && !self.closed.load(Ordering::SeqCst);
        known || self.addresses.lock().unwrap().contains(&address)
    }

    fn key_known(&self, key: &KeyFingerprint) -> bool {
        self.keys.lock().unwrap().contains(key)
    }

    fn refused(&self, door: &'static str, address: IpAddr, reason: &'static str) {
        self.refused.lock().unwrap().push((door, address, reason));
    }
}

/// Echoes bodies. `/hold` waits until the test lets it go, `/panic` panics, `/bye` closes.
pub(super) struct Echo {
    pub(super) asked: AtomicUsize,
    pub(super) written: Arc<AtomicUsize>,
    pub(super) held: Semaphore,
    pub(super) last: Mutex<Option<(Door, Peer)>>,
}

impl Service for Echo {
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            *self.last.lock().unwrap() = Some((request.door, request.peer));
            match request.uri.path() {
                "/hold" => self.held.acquire().await.unwrap().forget(),
                "/panic" => panic!("as the test wished"),
                _ => {}
            }
            let written = Arc::clone(&self.written);
            let hook = move || {
                written.fetch_add(1, Ordering::SeqCst);
            };
            Answer {
                status: StatusCode::OK,
                headers: HeaderMap::new(),
                body: request.body,
                written: Some(Box::new(hook)),
                close: request.uri.path() == "/bye",
            }
        })
    }
}

/// An open door and everything around it.
pub(super) struct House {
    pub(super) doors: Arc<Doors>,
    pub(super) gate: Arc<TestGate>,
    pub(super) service: Arc<Echo>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) address: SocketAddr,
}

impl House {
    /// A third-party door under this TLS.
    pub(super) fn with_tls(tls: Tls, limits: DoorLimits) -> Self {
        Self::open(Door::ThirdParty, Some(tls), limits, PATIENCE)
    }

    /// A third-party door under this CA, with the default limits.
    pub(super) fn under(pki: &Pki) -> Self {
        Self::with_tls(Tls::new(pki.material(), fingerprint).unwrap(), limits())
    }

    /// A door without TLS.
    pub(super) fn plain(limits: DoorLimits) -> Self {
        Self::open(Door::Plain, None, limits, PATIENCE)
    }

    pub(super) fn open(door: Door, tls: Option<Tls>, limits: DoorLimits, drain_time_max: Duration) -> Self {
        Self::built(Arc::new(SystemClock), &[], (door, tls), limits, drain_time_max)
    }

    /// A third-party door with a clock of the test's own.
    pub(super) fn at(clock: Arc<dyn Clock>, tls: Tls) -> Self {
        Self::built(clock, &[], (Door::ThirdParty, Some(tls)), limits(), PATIENCE)
    }

    /// A door behind these balancers.
    pub(super) fn behind(balancers: &[&str], door: Door, tls: Option<Tls>, limits: DoorLimits) -> Self {
        Self::built(Arc::new(SystemClock), balancers, (door, tls), limits, PATIENCE)
    }

    fn built(
        clock: Arc<dyn Clock>,
        balancers: &[&str],
        (door, tls): (Door, Option<Tls>),
        limits: DoorLimits,
        drain_time_max: Duration,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let gate = Arc::new(TestGate::default());
        let service = Arc::new(Echo {
            asked: AtomicUsize::new(0),
            written: Arc::default(),
            held: Semaphore::new(0),
            last: Mutex::default(),
        });
        let doors = Doors::new(clock, Arc::clone(&metrics), drain_time_max);
        let config = DoorConfig {
            door,
            tls,
            gate: Arc::<TestGate>::clone(&gate),
            service: Arc::<Echo>::clone(&service),
            balancers: balancers.iter().map(|network| network.parse().unwrap()).collect(),
            limits,
        };
        let address = doors.open(listener(), config).unwrap().address();
        Self { doors: Arc::new(doors), gate, service, metrics, address }
    }

    /// Lets this key in.
    pub(super) fn know(&self, identity: &Identity) {
        self.gate.keys.lock().unwrap().insert(identity.fingerprint());
    }

    /// Lets no key in any more.
    pub(super) fn forget_all(&self) {
        self.gate.keys.lock().unwrap().clear();
    }

    pub(super) fn asked(&self) -> usize {
        self.service.asked.load(Ordering::SeqCst)
    }

    pub(super) fn written(&self) -> usize {
        self.service.written.load(Ordering::SeqCst)
    }

    /// Waits until this many connections ended in this way.
    pub(super) async fn ended(&self, outcome: &str, times: usize) {
        self.metrics_show(&format!("outcome=\"{outcome}\"}} {times}\n")).await;
    }

    /// Waits until this is in the metrics.
    pub(super) async fn metrics_show(&self, line: &str) {
        eventually(line, || self.metrics.text().contains(line)).await;
    }

    pub(super) async fn tcp(&self) -> Caller<TcpStream> {
        Caller(TcpStream::connect(self.address).await.unwrap())
    }

    /// A TLS caller. Under TLS 1.3 the caller believes in the handshake before the door has seen its
    /// certificate, so this succeeds for callers who are refused right after.
    pub(super) async fn tls(
        &self,
        pki: &Pki,
        identity: Option<&Identity>,
    ) -> Caller<tokio_rustls::client::TlsStream<TcpStream>> {
        self.tls_with(pki.connector(identity, &[&rustls::version::TLS13])).await
    }

    pub(super) async fn tls_with(
        &self,
        config: Arc<rustls::ClientConfig>,
    ) -> Caller<tokio_rustls::client::TlsStream<TcpStream>> {
        self.tls_after(config, &[]).await
    }

    /// A TLS caller whose balancer says this before.
    pub(super) async fn tls_after(
        &self,
        config: Arc<rustls::ClientConfig>,
        header: &[u8],
    ) -> Caller<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(header).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Caller(TlsConnector::from(config).connect(name, stream).await.unwrap())
    }
}

/// A port of the loopback that is free.
pub(super) fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

/// The limits as shipped.
pub(super) fn limits() -> DoorLimits {
    DoorLimits::from(&config::Limits::default())
}

/// Waits until something is so.
pub(super) async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "in vain: {what}");
}

/// One connection, from the caller's side; speaks HTTP by hand.
pub(super) struct Caller<S>(pub(super) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Caller<S> {
    /// Sends these bytes; a door that closed meanwhile is no failure of the test.
    pub(super) async fn send(&mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes()).await;
        let _ = self.0.flush().await;
    }

    /// Sends a request and reads the answer.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> String {
        self.send(&post(path, body)).await;
        self.answer().await
    }

    /// Reads one answer: its headers, and as much body as they announce.
    pub(super) async fn answer(&mut self) -> String {
        let reading = async {
            let mut seen = Vec::new();
            let head = loop {
                if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
                    break end + 4;
                }
                seen.push(self.0.read_u8().await.expect("an answer"));
            };
            let text = String::from_utf8(seen).unwrap();
            let mut body = vec![0; length(&text)];
            self.0.read_exact(&mut body).await.expect("the announced body");
            assert_eq!(text.len(), head);
            text + &String::from_utf8(body).unwrap()
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an answer in time")
    }

    /// Reads until the door closes, by whatever means; gives what came before.
    pub(super) async fn rest(&mut self) -> Bytes {
        let mut rest = Vec::new();
        let reading = self.0.read_to_end(&mut rest);
        let _ = tokio::time::timeout(PATIENCE, reading).await.expect("the door closes in time");
        Bytes::from(rest)
    }
}

/// A request as text.
pub(super) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: lango\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    line.map_or(0, |length| length.parse().unwrap())
}
