//! A third party's server for callbacks, as `lango demo` and the tests run it: HTTPS with a client
//! certificate required, one path per kind of callback, answers as real receivers give them. It
//! keeps what it was sent, for the one who started it to look at.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::soap_client::Identity;

const CALL_BYTES_MAX: usize = 1024 * 1024;

/// One call as it arrived.
#[derive(Clone, Debug)]
pub struct Call {
    /// The path: `/result`, `/timeout`, `/validation`, `/confirmation`.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

/// What to answer to a call: a status and a body.
pub type Script = dyn Fn(&Call) -> (StatusCode, String) + Send + Sync;

/// The running receiver.
pub struct Receiver {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Starts a receiver on `listener` that answers by `script` and lets in only clients whose
    /// certificate `client_ca` (PEM) signed.
    pub fn start(listener: TcpListener, identity: &Identity, client_ca: &str, script: Arc<Script>) -> Result<Self> {
        let address = listener.local_addr()?;
        let acceptor = acceptor(identity, client_ca)?;
        let (sender, calls) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&script), sender.clone()));
            }
        });
        Ok(Self { address, calls, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next call, or nothing if none comes within `wait`.
    pub async fn next(&mut self, wait: Duration) -> Option<Call> {
        tokio::time::timeout(wait, self.calls.recv()).await.ok().flatten()
    }

    /// A call that has arrived already.
    pub fn arrived(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(identity: &Identity, client_ca: &str) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(client_ca.as_bytes()) {
        roots.add(certificate?)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("the receiver's key")?;
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, script: Arc<Script>, calls: mpsc::UnboundedSender<Call>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| answer(request, Arc::clone(&script), calls.clone()));
    // A caller that goes away ends the connection; there is nobody to tell.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Script>,
    calls: mpsc::UnboundedSender<Call>,
) -> Result<Response<Full<Bytes>>, hyper::http::Error> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, CALL_BYTES_MAX).collect().await {
        Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        Err(_) => return Response::builder().status(StatusCode::PAYLOAD_TOO_LARGE).body(Full::default()),
    };
    let call = Call { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    let (status, text) = script(&call);
    // The one who started the receiver may have stopped looking; the answer goes out all the same.
    let _ = calls.send(call);
    Response::builder().status(status).header(CONTENT_TYPE, "text/xml").body(Full::from(text))
}
