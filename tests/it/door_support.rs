//! A caller who keeps its connection, and patience.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{PATIENCE, lango};

/// A TLS client that trusts `ca` and shows the certificate `client` (its path without an ending).
pub fn connector(ca: &Path, client: &Path) -> TlsConnector {
    connector_with(ca, Some(client))
}

/// The same, perhaps without a certificate of its own.
fn connector_with(ca: &Path, client: Option<&Path>) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let Some(client) = client else { return TlsConnector::from(Arc::new(config.with_no_client_auth())) };
    let chain = CertificateDer::pem_file_iter(client.with_extension("pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(client.with_extension("key")).unwrap();
    TlsConnector::from(Arc::new(config.with_client_auth_cert(chain, key).unwrap()))
}

/// A connection to the third parties' door that is open.
pub struct Kept(TlsStream<TcpStream>);

impl Kept {
    /// Shakes hands with the certificate `client` (its path without an ending), from `source`.
    pub async fn open(door: SocketAddr, ca: &Path, client: &Path, source: &str) -> std::io::Result<Self> {
        Self::open_after(door, ca, client, source, "").await
    }

    /// The same after a balancer's words.
    pub async fn open_after(
        door: SocketAddr,
        ca: &Path,
        client: &Path,
        source: &str,
        header: &str,
    ) -> std::io::Result<Self> {
        Self::open_with(door, ca, Some(client), source, header).await
    }

    /// The same, perhaps without a certificate.
    pub async fn open_with(
        door: SocketAddr,
        ca: &Path,
        client: Option<&Path>,
        source: &str,
        header: &str,
    ) -> std::io::Result<Self> {
        let connector = connector_with(ca, client);
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.parse::<IpAddr>().unwrap(), 0))?;
        let mut stream = socket.connect(door).await?;
        stream.write_all(header.as_bytes()).await?;
        let name = ServerName::IpAddress(door.ip().into());
        Ok(Self(connector.connect(name, stream).await?))
    }

    /// Asks for a description, keeping the connection; whether it was answered.
    pub async fn asks(&mut self) -> bool {
        self.asks_for("/mminterface/request?wsdl").await
    }

    /// The same of this description.
    pub async fn asks_for(&mut self, path: &str) -> bool {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut start = [0; 15];
        let answered = self.0.write_all(request.as_bytes()).await.is_ok()
            && self.0.read_exact(&mut start).await.is_ok_and(|_| start.starts_with(b"HTTP/1.1 200"));
        // The rest of the answer, as far as it came at once.
        let mut rest = vec![0; 1 << 20];
        while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_millis(100), self.0.read(&mut rest)).await {}
        answered
    }

    /// Waits until the door closes it; how long that took.
    pub async fn closed(&mut self) -> Duration {
        let begun = Instant::now();
        let mut rest = vec![0; 1 << 16];
        let end = async { while let Ok(1..) = self.0.read(&mut rest).await {} };
        tokio::time::timeout(PATIENCE, end).await.expect("the connection stays open");
        begun.elapsed()
    }
}

/// Tries until it is so.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) -> Duration {
    let begun = Instant::now();
    while !so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

/// Runs a command on the deployment in `dir`: whether it succeeded, and all it said.
pub fn says(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let output = lango().args(arguments).arg("--config").arg(dir.join("lango.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}
