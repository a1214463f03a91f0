//! What the bare calls cost: the same bytes to the same receiver, as many at a time, and the answers
//! read. No outbox, no record, no commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lango::callbacks::client_tls;
use lango::config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::receiver::Receiver;
use super::{MESSAGE_BYTES, cpu, tell};

/// What a delivery has beside its body.
const HEADERS: [(&str, &str); 5] = [
    ("content-type", "text/xml; charset=utf-8"),
    ("webhook-id", "msg_0123456789abcdefghjkmnpqrs"),
    ("webhook-timestamp", "1764000000"),
    ("lango-attempt", "1"),
    ("lango-number", "12345"),
];

/// Calls that are still to be made, shared by those who make them.
#[derive(Debug)]
struct Calls(AtomicUsize);

impl Calls {
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Measures both ways, and prints them.
pub async fn measure(settings: &config::Callbacks, receiver: &Receiver, calls: usize) -> Result<()> {
    let tls = rustls::ClientConfig::clone(client_tls(settings)?.config());
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .build()?;
    let url = reqwest::Url::parse(&receiver.url("/quick"))?;
    let (took, cpu) = timed(settings.endpoint_concurrency_max, calls, |calls| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            let body = bytes::Bytes::from(vec![b'x'; MESSAGE_BYTES]);
            while calls.take() {
                let mut request = client.post(url.clone());
                for (name, value) in HEADERS {
                    request = request.header(name, value);
                }
                let answer = request.body(body.clone()).send().await?;
                ensure!(answer.status().is_success(), "{answer:?}");
                answer.bytes().await?;
            }
            Ok(())
        }
    })
    .await?;
    tell(&format!("{calls} bare calls of the client"), calls, took, cpu);

    let (connector, port) = (TlsConnector::from(Arc::new(tls)), receiver.quick);
    let (took, cpu) = timed(settings.endpoint_concurrency_max, calls, |calls| {
        let connector = connector.clone();
        async move { over_a_stream(connector, port, &calls).await }
    })
    .await?;
    tell(&format!("{calls} bare calls over TLS streams"), calls, took, cpu);
    Ok(())
}

/// Makes the calls, so many at a time.
async fn timed<F>(at_a_time: usize, calls: usize, caller: impl Fn(Arc<Calls>) -> F) -> Result<(Duration, Duration)>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let left = Arc::new(Calls(AtomicUsize::new(calls)));
    let (cpu_before, begun) = (cpu()?, Instant::now());
    let mut callers = JoinSet::new();
    for _ in 0..at_a_time {
        callers.spawn(caller(Arc::clone(&left)));
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok((begun.elapsed(), cpu()? - cpu_before))
}

async fn over_a_stream(connector: TlsConnector, port: u16, calls: &Calls) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut stream = connector.connect("localhost".try_into()?, stream).await?;
    let headers: String = HEADERS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("POST /quick HTTP/1.1\r\n{headers}host: localhost:{port}\r\n");
    let mut request = format!("{head}content-length: {MESSAGE_BYTES}\r\n\r\n").into_bytes();
    request.resize(request.len() + MESSAGE_BYTES, b'x');
    let mut answer = Vec::with_capacity(4096);
    while calls.take() {
        stream.write_all(&request).await?;
        stream.flush().await?;
        answer.clear();
        // The receiver writes each of its answers in one piece.
        ensure!(stream.read_buf(&mut answer).await? > 0, "the receiver is gone");
        answer.starts_with(b"HTTP/1.1 200").then_some(()).context("another answer")?;
    }
    Ok(())
}
