//! Who the callbacks of the benchmark are for: a process of its own, so that what it spends is not
//! counted as ours.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// The receiver's process, as who started it sees it.
pub struct Receiver {
    child: Child,
    pub quick: u16,
    slow: u16,
}

impl Receiver {
    pub fn start(certs: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("receiver")
            .arg(certs)
            .stdout(Stdio::piped())
            .spawn()
            .context("the receiver does not start")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let mut ports = line.split_whitespace().filter_map(|port| port.parse().ok());
        match (ports.next(), ports.next()) {
            (Some(quick), Some(slow)) => Ok(Self { child, quick, slow }),
            _ => bail!("the receiver says {line:?}"),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.quick)
    }

    pub fn slow_url(&self) -> String {
        format!("https://localhost:{}/slow", self.slow)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Acknowledges everything on one port at once, on the other after a second.
pub async fn receive(certs: &Path) -> Result<()> {
    let acceptor = acceptor(certs)?;
    let quick = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let slow = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{} {}", quick.local_addr()?.port(), slow.local_addr()?.port());
    loop {
        let (stream, pause) = tokio::select! {
            accepted = quick.accept() => (accepted?.0, Duration::ZERO),
            accepted = slow.accept() => (accepted?.0, Duration::from_secs(1)),
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let stream = acceptor.accept(stream).await?;
            acknowledge(stream, pause).await
        });
    }
}

/// Enough of HTTP for a caller that we know: requests with a Content-Length, one after the other.
async fn acknowledge(
    mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    pause: Duration,
) -> std::io::Result<()> {
    let body = lango::mminterface::write_acknowledgement("00000000", "success");
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut seen = Vec::with_capacity(16 * 1024);
    loop {
        let whole = loop {
            if let Some(length) = request_length(&seen).filter(|length| *length <= seen.len()) {
                break length;
            }
            if stream.read_buf(&mut seen).await? == 0 {
                return Ok(());
            }
        };
        seen.drain(..whole);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

/// The bytes of the first request, head and body, once its head is there.
fn request_length(seen: &[u8]) -> Option<usize> {
    let head_ends = seen.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&seen[..head_ends]).ok()?;
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    Some(head_ends + length.unwrap_or(0))
}

fn acceptor(certs: &Path) -> Result<TlsAcceptor> {
    let read = |name: &str| std::fs::read(certs.join(name));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("ca.pem")?)?)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&read("receiver.pem")?)?],
            PrivateKeyDer::from_pem_slice(&read("receiver.key")?)?,
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
