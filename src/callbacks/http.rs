//! The real way out: HTTP/1.1 with our client certificate. Names are resolved here, each address is
//! [checked](super::guard), and only the checked ones are connected to, so a name that resolves to
//! something else a moment later changes nothing. No redirects, no proxies, no process-wide settings.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{ACCEPT, HOST};
use ipnet::IpNet;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::config;

use super::connection::{Connection, Failed, Kept, Post, Way};
use super::delivery::Outcome;
use super::endpoint::{Endpoint, Limits};
use super::guard::{Hosts, Refused, check_address, check_url, host_and_port};
use super::tls::{PinError, Trust};
use super::transport::{Answer, Call, SendError, Transport};

/// How often unused connections are looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Looks names up.
pub trait Names: Send + Sync + fmt::Debug {
    /// The addresses of a name.
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, name: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) }.boxed()
    }
}

/// Posts over real connections.
pub struct HttpTransport {
    trust: Trust,
    gate: Gate,
    connect_max: Duration,
    answer_bytes_max: usize,
    idle_connections_max: usize,
    kept: Arc<Kept>,
    swept: AtomicBool,
}

/// What decides where connections may go.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) names: Arc<dyn Names>,
    pub(super) special_allowed: Vec<IpNet>,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// A transport with this TLS configuration ([`client_tls`](super::client_tls) reads it from the
    /// files).
    pub fn new(tls: ClientConfig, settings: &config::Callbacks, hosts: Arc<dyn Hosts>, names: Arc<dyn Names>) -> Self {
        Self {
            trust: Trust::new(tls),
            gate: Gate { hosts, names, special_allowed: settings.special_networks.clone() },
            connect_max: Duration::from_secs(settings.connect_seconds_max),
            answer_bytes_max: settings.answer_bytes_max,
            idle_connections_max: Limits::of(settings).concurrency_max(),
            kept: Arc::default(),
            swept: AtomicBool::new(false),
        }
    }

    /// Closes kept connections once they are unused: after the lists of hosts changed, whatever is
    /// called is looked up and checked anew.
    pub fn forget(&self) {
        self.kept.forget();
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The TLS configuration towards a third party.
    pub(super) fn tls_towards(&self, third_party: &str) -> Result<Arc<ClientConfig>, PinError> {
        self.trust.towards(third_party, self.gate.hosts.pinned_authority(third_party))
    }

    async fn call(&self, call: Call) -> Result<Answer, SendError> {
        let gate = &self.gate;
        let url = check_url(&*gate.hosts, &gate.special_allowed, &call.third_party, &call.url).map_err(forbidden)?;
        let trust = self
            .tls_towards(&call.third_party)
            .map_err(|error| SendError::new(Outcome::TlsFailed, error.to_string()))?;
        let mut request = request(&url, &call.headers, call.body)?;
        let way = Way { third_party: call.third_party, endpoint: Endpoint::of_url(&url), pool: call.pool };
        loop {
            let (kept, turn) = self.kept.take(&way, &trust);
            let (used_before, connection) = match kept {
                Some(kept) => (true, kept),
                // Apart from the rest, so that the many calls over kept connections need not have
                // room for a handshake.
                None => (false, Box::pin(self.open(&way.third_party, &url, &trust)).await?),
            };
            match connection.exchange(request, self.answer_bytes_max).await {
                Ok((answer, again)) => {
                    if let Some(connection) = again {
                        self.kept.put(way, connection, turn, self.idle_connections_max);
                    }
                    return Ok(answer);
                }
                // The next one may be open still, and there are only so many.
                Err(Failed::Unsent(unsent)) if used_before => request = *unsent,
                Err(Failed::Unsent(_)) => {
                    return Err(SendError::new(Outcome::Broken, "the connection was closed at once"));
                }
                Err(Failed::Broken(error)) => return Err(classify(&error)),
            }
        }
    }

    /// Connects to an address that was checked.
    async fn open(&self, third_party: &str, url: &Url, trust: &Arc<ClientConfig>) -> Result<Connection, SendError> {
        self.begin_sweeping();
        let opened = async {
            let (host, port) = host_and_port(url).ok_or_else(|| forbidden(Refused::NoUrl))?;
            let addresses = self.addresses(third_party, host, port).await?;
            let stream = connect(&addresses, self.connect_max).await.map_err(|error| connect_failed(&error))?;
            let address = stream.peer_addr().map_err(|error| connect_failed(&error))?;
            stream.set_nodelay(true).map_err(|error| connect_failed(&error))?;
            if url.scheme() == "http" {
                let connection = Connection::over(stream, address, None, Arc::clone(trust)).await;
                return connection.map_err(|error| classify(&error));
            }
            let name = ServerName::try_from(bare(host).to_owned())
                .map_err(|error| SendError::new(Outcome::TlsFailed, error.to_string()))?;
            let session = TlsConnector::from(Arc::clone(trust)).connect(name, stream).await;
            let session = session.map_err(|error| handshake_failed(&error))?;
            let version = session.get_ref().1.protocol_version().map(version_name);
            let connection = Connection::over(session, address, version, Arc::clone(trust)).await;
            connection.map_err(|error| classify(&error))
        };
        match timeout(self.connect_max, opened).await {
            Ok(opened) => opened,
            Err(_) => Err(SendError::new(Outcome::ConnectFailed, "no connection in time")),
        }
    }

    /// The addresses of a host that may be called.
    async fn addresses(&self, third_party: &str, host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
        let name_failed = |why: &dyn fmt::Display| {
            SendError::new(Outcome::NameFailed, format!("the name {host} does not resolve: {why}"))
        };
        let found = match bare(host).parse() {
            Ok(address) => vec![address],
            Err(_) => self.gate.names.look_up(host.to_owned()).await.map_err(|error| name_failed(&error))?,
        };
        let mut first_refusal = None;
        let mut checked = Vec::new();
        for address in found {
            match check_address(&*self.gate.hosts, &self.gate.special_allowed, third_party, host, address, port) {
                Ok(()) => checked.push(SocketAddr::new(address, port)),
                Err(refused) => first_refusal = first_refusal.or(Some(refused)),
            }
        }
        match (checked.is_empty(), first_refusal) {
            (false, _) => Ok(checked),
            (true, Some(refused)) => Err(forbidden(refused)),
            (true, None) => Err(name_failed(&"it has no address")),
        }
    }

    /// Starts the task that closes unused connections, with the first one, and until this is dropped.
    fn begin_sweeping(&self) {
        if self.swept.swap(true, Ordering::Relaxed) {
            return;
        }
        let kept = Arc::downgrade(&self.kept);
        tokio::spawn(async move {
            while let Some(kept) = kept.upgrade() {
                kept.sweep();
                drop(kept);
                tokio::time::sleep(SWEEP_EVERY).await;
            }
        });
    }
}

impl Transport for HttpTransport {
    fn post(&self, call: Call) -> BoxFuture<'_, Result<Answer, SendError>> {
        async move {
            match timeout(call.deadline, self.call(call)).await {
                Ok(answer) => answer,
                Err(_) => Err(SendError::new(Outcome::TimedOut, "no whole answer in time")),
            }
        }
        .boxed()
    }
}

/// The request as it goes over the wire.
fn request(url: &Url, headers: &[(&'static str, String)], body: Bytes) -> Result<Post, SendError> {
    let path = &url[Position::BeforePath..Position::AfterQuery];
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut request = Request::post(path).header(HOST, host).header(ACCEPT, "*/*");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::new(body)).map_err(|error| SendError::new(Outcome::Unrenderable, error.to_string()))
}

/// A connection to the first address that has one. Each gets its share of the time, so that one
/// which never answers does not keep the others from being tried.
async fn connect(addresses: &[SocketAddr], within: Duration) -> io::Result<TcpStream> {
    let share = within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = io::ErrorKind::TimedOut.into();
    for address in addresses {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// The host without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// A version of TLS as people write it.
fn version_name(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
        // Nothing else is offered.
        _ => "TLS",
    }
}

fn forbidden(refused: Refused) -> SendError {
    SendError::new(Outcome::Forbidden, refused.to_string())
}

fn connect_failed(error: &io::Error) -> SendError {
    SendError::new(Outcome::ConnectFailed, error.to_string())
}

fn handshake_failed(error: &io::Error) -> SendError {
    let known = known_cause(error);
    SendError::new(known.unwrap_or(Outcome::ConnectFailed), error.to_string())
}

/// What an error of HTTP means: the deepest cause that we know decides.
fn classify(error: &hyper::Error) -> SendError {
    let mut outcome = if error.is_parse() { Outcome::NotHttp } else { Outcome::Broken };
    let mut detail = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        outcome = known_cause(error).unwrap_or(outcome);
        detail = error.to_string();
        cause = error.source();
    }
    SendError::new(outcome, detail)
}

fn known_cause(cause: &(dyn Error + 'static)) -> Option<Outcome> {
    if cause.is::<rustls::Error>() {
        return Some(Outcome::TlsFailed);
    }
    // The TLS layers wrap their error into that of the stream, some of them twice.
    known_cause(cause.downcast_ref::<io::Error>()?.get_ref()?)
}
