//! One connection to a third party's server, over which one request goes after the other, and the
//! connections that are kept from one call to the next.
//!
//! A connection has no task of its own: whoever waits for an answer also reads and writes for it, so
//! an exchange wakes nobody else. While it is kept nobody reads, and a server that closed it meanwhile
//! is noticed when it is used again, before anything is written.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::transport::{Answer, Pool};

/// How long an unused connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Unused connections that are kept in all.
const KEPT_MAX: usize = 4096;

/// A request with its whole body.
pub(super) type Post = Request<Full<Bytes>>;

/// A connection that is not in use.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    /// The address at its other end.
    address: SocketAddr,
    /// Its version of TLS, if it has any.
    tls: Option<&'static str>,
    /// The TLS configuration that let it be: when another is in force, it is not used again.
    trust: Arc<ClientConfig>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server had closed the connection before anything was sent: here is the request again.
    Unsent(Box<Post>),
    /// It may have arrived.
    Broken(hyper::Error),
}

impl From<hyper::Error> for Failed {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error)
    }
}

impl Connection {
    /// Speaks HTTP/1.1 over a stream.
    pub(super) async fn over<S>(
        stream: S,
        address: SocketAddr,
        tls: Option<&'static str>,
        trust: Arc<ClientConfig>,
    ) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Box::pin(driver), address, tls, trust })
    }

    /// Sends a request and reads its answer, at most `bytes_max` of the body. With it comes the
    /// connection, if it can be used again.
    pub(super) async fn exchange(mut self, request: Post, bytes_max: usize) -> Result<(Answer, Option<Self>), Failed> {
        let mut answer = {
            let exchange = pin!(exchange(&mut self.sender, request, bytes_max));
            match select(exchange, &mut self.driver).await {
                Either::Left((answer, _)) => answer?,
                // What was read before the connection ended is still to be had.
                Either::Right((_, exchange)) => exchange.await?,
            }
        };
        (answer.address, answer.tls) = (Some(self.address), self.tls);
        let over = answer.cut || (&mut self.driver).now_or_never().is_some() || self.sender.is_closed();
        Ok((answer, (!over).then_some(self)))
    }
}

async fn exchange(sender: &mut SendRequest<Full<Bytes>>, request: Post, bytes_max: usize) -> Result<Answer, Failed> {
    let response = match sender.try_send_request(request).await {
        Ok(response) => response,
        Err(mut failed) => {
            return Err(match failed.take_message() {
                Some(unsent) => Failed::Unsent(Box::new(unsent)),
                None => Failed::Broken(failed.into_error()),
            });
        }
    };
    let (head, mut incoming) = response.into_parts();
    let retry_after = head.headers.get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut answer = Answer { status: head.status.as_u16(), headers: head.headers, retry_after, ..Answer::default() };
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = bytes_max.saturating_sub(body.len());
        body.extend_from_slice(data.get(..room).unwrap_or(&data));
        if data.len() > room {
            answer.cut = true;
            break;
        }
    }
    answer.body = body.into();
    Ok(answer)
}

/// To whom and for what a connection is kept: one third party never talks over a connection that was
/// admitted by another's list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Way {
    pub(super) third_party: String,
    pub(super) endpoint: Endpoint,
    pub(super) pool: Pool,
}

/// The connections that are kept.
#[derive(Default)]
pub(super) struct Kept(Mutex<Idle>);

#[derive(Default)]
struct Idle {
    /// By their ways, the one used last at the end.
    by_way: HashMap<Way, Vec<(Instant, Connection)>>,
    count: usize,
    /// How often all were forgotten.
    turn: u64,
    swept: Option<Instant>,
}

impl Kept {
    /// The connection of this way that was used last, and the turn that it belongs to.
    pub(super) fn take(&self, way: &Way, trust: &Arc<ClientConfig>) -> (Option<Connection>, u64) {
        let now = Instant::now();
        let mut idle = self.idle();
        idle.sweep(now);
        let turn = idle.turn;
        while let Some((since, connection)) = idle.by_way.get_mut(way).and_then(Vec::pop) {
            idle.count -= 1;
            if now < since + IDLE_MAX && Arc::ptr_eq(&connection.trust, trust) {
                return (Some(connection), turn);
            }
        }
        (None, turn)
    }

    /// Keeps a connection that was taken or made in this `turn`, at most so many of its way.
    pub(super) fn put(&self, way: Way, connection: Connection, turn: u64, of_way_max: usize) {
        let mut idle = self.idle();
        if idle.turn != turn || idle.count >= KEPT_MAX {
            return;
        }
        let of_way = idle.by_way.entry(way).or_default();
        if of_way.len() < of_way_max {
            of_way.push((Instant::now(), connection));
            idle.count += 1;
        }
    }

    /// Closes all of them, and those in use when they are given back.
    pub(super) fn forget(&self) {
        let mut idle = self.idle();
        idle.turn += 1;
        idle.by_way.clear();
        idle.count = 0;
    }

    /// Closes those that were unused for too long.
    pub(super) fn sweep(&self) {
        self.idle().sweep(Instant::now());
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    /// Looks through all at most once in a fifth of the time that they are kept.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now < swept + IDLE_MAX / 5) {
            return;
        }
        self.swept = Some(now);
        self.by_way.retain(|_, connections| {
            connections.retain(|(since, _)| now < *since + IDLE_MAX);
            !connections.is_empty()
        });
        self.count = self.by_way.values().map(Vec::len).sum();
    }
}
