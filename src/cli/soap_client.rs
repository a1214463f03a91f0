//! A SOAP caller as third parties and handset gateways are: one POST over TLS, with or without a
//! client certificate, from a chosen address. For `lango demo`, `lango pay` and the tests; nothing
//! of the node uses it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
const ANSWER_SECONDS_MAX: u64 = 30;

/// A client certificate chain and its private key, PEM.
#[derive(Clone)]
pub struct Identity {
    /// The chain, leaf first.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// A caller of one door.
#[derive(Clone)]
pub struct SoapClient {
    door: SocketAddr,
    name: String,
    tls: Option<TlsConnector>,
    source: Option<IpAddr>,
}

/// What the door answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// The body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl SoapClient {
    /// A caller of the HTTPS door at `door`, which must show a certificate for `localhost` or the
    /// door's address that the CA (PEM) signed.
    pub fn tls(door: SocketAddr, ca: &str, identity: Option<&Identity>) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate.context("the CA's certificate")?)?;
        }
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots);
        let config = match identity {
            Some(identity) => {
                let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes())
                    .collect::<Result<Vec<_>, _>>()
                    .context("the client certificate")?;
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("the client key")?;
                config.with_client_auth_cert(chain, key)?
            }
            None => config.with_no_client_auth(),
        };
        let tls = Some(TlsConnector::from(Arc::new(config)));
        Ok(Self { door, name: door.ip().to_string(), tls, source: None })
    }

    /// A caller of the plain HTTP door.
    pub fn plain(door: SocketAddr) -> Self {
        Self { door, name: door.ip().to_string(), tls: None, source: None }
    }

    /// The same caller from another address of this machine.
    #[must_use]
    pub fn from_address(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// Posts a SOAP message and reads the answer.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Reply> {
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "text/xml; charset=utf-8")
            .header("SOAPAction", "\"\"")
            .body(Full::new(body.into()))?;
        self.send(request).await
    }

    /// Fetches a page, as `?wsdl` is fetched.
    pub async fn fetch(&self, path: &str) -> Result<Reply> {
        self.send(self.request(Method::GET, path).body(Full::default())?).await
    }

    /// Sends anything, with these headers beside Host.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply> {
        let request =
            headers.iter().fold(self.request(method, path), |request, (name, value)| request.header(*name, *value));
        self.send(request.body(Full::new(body.into()))?).await
    }

    fn request(&self, method: Method, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(HOST, self.door.to_string())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply> {
        tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), self.exchange(request))
            .await
            .with_context(|| format!("no answer within {ANSWER_SECONDS_MAX} s"))?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply> {
        let stream = self.connect().await?;
        match &self.tls {
            Some(tls) => {
                let name = ServerName::try_from(self.name.clone())?;
                let stream = tls.connect(name, stream).await.context("the TLS handshake failed")?;
                over(stream, request).await
            }
            None => over(stream, request).await,
        }
    }

    async fn connect(&self) -> Result<TcpStream> {
        let socket = if self.door.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(source) = self.source {
            socket.bind(SocketAddr::new(source, 0)).with_context(|| format!("no address {source} here"))?;
        }
        let stream = socket.connect(self.door).await.with_context(|| format!("nobody listens at {}", self.door))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Reply>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.context("the connection was closed without an answer")?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        match Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await {
            Ok(body) => Ok(Reply { status, headers, body: body.to_bytes() }),
            Err(error) => bail!("the answer broke off: {error}"),
        }
    }
    .await;
    driver.abort();
    answer
}
