//! Callers with a client certificate.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A caller who shows the third party's certificate.
#[derive(Clone)]
pub struct Caller {
    tls: TlsConnector,
    server: SocketAddr,
}

impl Caller {
    /// Of this server, under the certificates in `certs`.
    pub fn new(certs: &Path, server: SocketAddr, versions: &[&'static SupportedProtocolVersion]) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certs.join("ca.pem"))?)?;
        let chain = CertificateDer::pem_file_iter(certs.join("clients/duka.pem"))?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(certs.join("clients/duka.key"))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        // Full handshakes only, whatever the server offers.
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), server })
    }

    /// Connects from this address of loopback.
    pub async fn connect_from(&self, source: Ipv4Addr) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        let stream = socket.connect(self.server).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Connects and shakes hands.
    pub async fn open_from(&self, source: Ipv4Addr) -> Result<TlsStream<TcpStream>> {
        let stream = self.connect_from(source).await?;
        Ok(self.tls.connect(ServerName::try_from("localhost")?, stream).await?)
    }
}

/// An address of loopback, of as many as are wished.
pub fn source(at: usize, of: usize) -> Ipv4Addr {
    let at = u32::try_from(at % of.max(1)).unwrap_or_default();
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 1, 1)).saturating_add(at))
}

/// A third party's request around this envelope.
pub fn post(body: &str) -> Vec<u8> {
    format!(
        "POST /mminterface/request HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request and reads its answer, headers and body; gives the status line's code.
pub async fn ask(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> Result<u16> {
    stream.write_all(request).await?;
    let mut seen = Vec::with_capacity(1024);
    let head = loop {
        if let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") {
            break end.saturating_add(4);
        }
        ensure!(stream.read_buf(&mut seen).await? > 0, "closed without an answer");
    };
    let text = String::from_utf8_lossy(seen.get(..head).unwrap_or_default()).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let whole = head.saturating_add(length.parse()?);
    while seen.len() < whole {
        ensure!(stream.read_buf(&mut seen).await? > 0, "closed within an answer");
    }
    text.split(' ').nth(1).context("no status")?.parse().context("no status")
}
