//! The real way out: HTTP/1.1 over reqwest, with our client certificate. Names are resolved here,
//! each address is [checked](super::guard), and only the checked ones are given to the connector, so
//! a name that resolves to something else a moment later changes nothing. No redirects, no proxies,
//! no process-wide TLS settings.
//!
//! Connections are kept per third party, endpoint and purpose: one third party never talks over a
//! connection that was admitted by another's list.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::HeaderMap;
use hyper::header::{HOST, HeaderName, HeaderValue};
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, Request, Url};
use rustls::ClientConfig;
use tokio::time::timeout;

use crate::config;

use super::endpoint::Limits;
use super::guard::{Hosts, Refused, check_address, check_read, host_and_port};
use super::kept::{Connections, IDLE_MAX, Kept, Target};
use super::names::{Names, SharedNames};
use super::outcome::Outcome;
use super::tls::{ClientTls, PinError, Trust};
use super::transport::{Answer, Call, Pool, SendError, Transport};

/// Posts over real connections.
pub struct HttpTransport {
    trust: Trust,
    gate: Arc<Gate>,
    connect_max: Duration,
    answer_bytes_max: usize,
    idle_connections_max: usize,
    kept: Kept,
}

/// What decides where connections may go.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) hosts: Arc<dyn Hosts>,
    pub(super) names: SharedNames,
    pub(super) special_allowed: Vec<IpNet>,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// A transport with this TLS ([`client_tls`](super::client_tls) reads it from the files).
    pub fn new(tls: ClientTls, settings: &config::Callbacks, hosts: Arc<dyn Hosts>, names: Arc<dyn Names>) -> Self {
        let (names, special_allowed) = (SharedNames::over(names), settings.special_networks.clone());
        Self {
            trust: Trust::new(tls),
            gate: Arc::new(Gate { hosts, names, special_allowed }),
            connect_max: Duration::from_secs(settings.connect_seconds_max),
            answer_bytes_max: settings.answer_bytes_max,
            idle_connections_max: Limits::of(settings).concurrency_max(),
            kept: Kept::new(settings.connections_max),
        }
    }

    /// Closes kept connections once they are unused: after the lists of hosts changed, whatever is
    /// called is looked up and checked anew.
    pub fn forget(&self) {
        self.kept.forget();
    }

    /// From the next call on, connections are opened with this configuration. Those that are under way
    /// come to their end.
    pub fn replace_tls(&self, tls: ClientTls) {
        self.trust.replace(tls);
        self.forget();
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The TLS towards a third party.
    pub(super) fn tls_towards(&self, third_party: &str) -> Result<Arc<ClientTls>, PinError> {
        self.trust.towards(third_party, self.gate.hosts.pinned_authority(third_party))
    }

    fn connections(&self, third_party: &str, target: &Target, pool: Pool) -> Result<Arc<Connections>, SendError> {
        let trust =
            self.tls_towards(third_party).map_err(|error| SendError::new(Outcome::TlsFailed, error.to_string()))?;
        self.kept.connections(third_party, &target.endpoint, pool, &trust, || {
            let (tls, agreed) = trust.witnessed();
            let client = self.build(third_party, &target.url, tls)?;
            Ok(Connections { client, agreed, trust: Arc::clone(&trust) })
        })
    }

    fn build(&self, third_party: &str, url: &Url, tls: ClientConfig) -> Result<Client, SendError> {
        let (host, port) = host_and_port(url).ok_or_else(|| forbidden(Refused::NoUrl))?;
        let resolver = CheckedNames {
            gate: Arc::clone(&self.gate),
            third_party: third_party.to_owned(),
            host: host.to_owned(),
            port,
        };
        Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            // The schedule tries again, so no copy of the request has to be kept for the client to do it.
            .retry(reqwest::retry::never().max_retries_per_request(0))
            .no_proxy()
            .referer(false)
            .http1_only()
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(self.connect_max)
            .pool_idle_timeout(IDLE_MAX)
            .pool_max_idle_per_host(self.idle_connections_max)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| SendError::new(Outcome::ConnectFailed, format!("no client: {error}")))
    }

    async fn call(&self, call: Call) -> Result<Answer, SendError> {
        let gate = &self.gate;
        let target = self.kept.target(&call.url).map_err(forbidden)?;
        // What was read before is checked again, as lists change.
        check_read(&*gate.hosts, &gate.special_allowed, &call.third_party, &target.url).map_err(forbidden)?;
        let connections = self.connections(&call.third_party, &target, call.pool)?;
        let mut request = Request::new(Method::POST, target.url.clone());
        *request.headers_mut() = call.headers;
        request.headers_mut().insert(HOST, target.host.clone());
        *request.body_mut() = Some(call.body.into());
        let response = connections.client.execute(request).await.map_err(|error| classify(&error))?;
        let answer = self.read(response).await?;
        let encrypted = target.url.scheme() == "https";
        Ok(Answer { tls: connections.agreed.version().filter(|_| encrypted), ..answer })
    }

    /// Reads the answer, up to the cap; what is beyond of its body is never read, and of its headers never kept.
    async fn read(&self, mut response: reqwest::Response) -> Result<Answer, SendError> {
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after: retry_after.map(str::to_owned),
            address: response.remote_addr(),
            headers: beginning(std::mem::take(response.headers_mut()), self.answer_bytes_max),
            ..Answer::default()
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            let room = self.answer_bytes_max.saturating_sub(body.len());
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if chunk.len() > room {
                answer.cut = true;
                break;
            }
        }
        answer.body = body.into();
        Ok(answer)
    }
}

impl Transport for HttpTransport {
    fn post(&self, call: Call) -> BoxFuture<'_, Result<Answer, SendError>> {
        async move {
            let deadline = call.deadline;
            match timeout(deadline, pin!(self.call(call))).await {
                Ok(answer) => answer,
                Err(_) => Err(SendError::new(Outcome::TimedOut, "no whole answer in time")),
            }
        }
        .boxed()
    }
}

/// A resolver for one third party's one endpoint.
#[derive(Debug)]
struct CheckedNames {
    gate: Arc<Gate>,
    third_party: String,
    host: String,
    port: u16,
}

/// A name that has no addresses.
#[derive(Debug, thiserror::Error)]
#[error("the name {0} does not resolve: {1}")]
struct NameError(String, String);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (gate, third_party, host, port) =
            (Arc::clone(&self.gate), self.third_party.clone(), self.host.clone(), self.port);
        Box::pin(async move {
            let found =
                gate.names.look_up(name.clone()).await.map_err(|error| NameError(name.clone(), error.to_string()))?;
            let mut first_refusal = None;
            let mut checked = Vec::new();
            for address in found {
                match check_address(&*gate.hosts, &gate.special_allowed, &third_party, &host, address, port) {
                    Ok(()) => checked.push(SocketAddr::new(address, port)),
                    Err(refused) => first_refusal = first_refusal.or(Some(refused)),
                }
            }
            match (checked.is_empty(), first_refusal) {
                (false, _) => Ok(Box::new(checked.into_iter()) as Addrs),
                (true, Some(refused)) => Err(refused.into()),
                (true, None) => Err(NameError(name, "it has no address".into()).into()),
            }
        })
    }
}

/// The first headers, of so many bytes in all. The client takes hundreds of kilobytes, and they are kept with
/// each attempt.
fn beginning(headers: HeaderMap, bytes_max: usize) -> HeaderMap {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
    if headers.iter().map(bytes).sum::<usize>() <= bytes_max {
        return headers;
    }
    let mut all = 0;
    let first = headers.iter().take_while(|header| {
        all += bytes(*header);
        all <= bytes_max
    });
    first.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The host without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn forbidden(refused: Refused) -> SendError {
    SendError::new(Outcome::Forbidden, refused.to_string())
}

/// What an error of the client means: the deepest cause that we know decides.
fn classify(error: &reqwest::Error) -> SendError {
    let mut outcome = if error.is_connect() { Outcome::ConnectFailed } else { Outcome::Broken };
    let mut detail = error.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        outcome = cause_outcome(error).unwrap_or(outcome);
        detail = error.to_string();
        cause = error.source();
    }
    SendError::new(outcome, detail)
}

fn cause_outcome(cause: &(dyn Error + 'static)) -> Option<Outcome> {
    if cause.is::<Refused>() {
        return Some(Outcome::Forbidden);
    }
    if cause.is::<NameError>() {
        return Some(Outcome::NameFailed);
    }
    if cause.is::<rustls::Error>() {
        return Some(Outcome::TlsFailed);
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return error.is_parse().then_some(Outcome::NotHttp);
    }
    // The TLS layers wrap their error into that of the stream, some of them twice.
    cause_outcome(cause.downcast_ref::<io::Error>()?.get_ref()?)
}
