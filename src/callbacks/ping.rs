//! One look at an endpoint, step by step, as an operator needs it when callbacks do not arrive: the
//! rules, the name, the address, the connection, TLS with the certificate, HTTP, SOAP. What is sent
//! is an envelope with an empty body: it says nothing, so nothing can follow from it.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::callback::Kind;
use super::guard::{check_address, check_url, host_and_port};
use super::http::{HttpTransport, bare};
use super::names::Names;
use super::wire::{Acknowledgement, Wire};

/// How long one step may take.
const STEP_MAX: Duration = Duration::from_secs(10);

const MESSAGE: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?>"#,
    r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body/></soapenv:Envelope>"#,
);

/// One step, and what it showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// `rules`, `name`, `address`, `connect`, `tls`, `http` or `soap`.
    pub step: &'static str,
    /// Whether it went well; after one that did not there is no other.
    pub well: bool,
    /// What it showed.
    pub detail: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// The steps so far. A step that fails ends the walk.
struct Walk {
    steps: Vec<Step>,
    begun: Instant,
}

/// The walk ended; what stopped it is the last step.
struct Stopped;

impl Walk {
    fn begin() -> Self {
        Self { steps: Vec::new(), begun: Instant::now() }
    }

    fn note<T, E: Display>(
        &mut self,
        step: &'static str,
        outcome: Result<T, E>,
        show: impl FnOnce(&T) -> String,
    ) -> Result<T, Stopped> {
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.begun = Instant::now();
        let (well, detail) = match &outcome {
            Ok(value) => (true, show(value)),
            Err(error) => (false, error.to_string()),
        };
        self.steps.push(Step { step, well, detail, milliseconds });
        outcome.map_err(|_| Stopped)
    }
}

impl HttpTransport {
    /// Walks to a URL as a callback of this third party would, and tells each step; the answer is read
    /// by `wire`, as answers to callbacks are.
    pub async fn ping(&self, third_party: &str, url: &str, wire: &dyn Wire) -> Vec<Step> {
        let mut walk = Walk::begin();
        // Where it stopped is in the steps.
        if let Ok((status, body)) = self.walk(&mut walk, third_party, url).await {
            let _ = walk.note("soap", said(wire, third_party, status, &body), String::clone);
        }
        walk.steps
    }

    async fn walk(&self, walk: &mut Walk, third_party: &str, url: &str) -> Result<(u16, Bytes), Stopped> {
        let gate = self.gate();
        let checked = check_url(&*gate.hosts, &gate.special_allowed, third_party, url);
        let url = walk.note("rules", checked, |url| format!("{url} is on the list of {third_party}"))?;
        // A URL that passed the rules has both.
        let Some((host, port)) = host_and_port(&url) else { return Err(Stopped) };
        let (host, port) = (bare(host).to_owned(), port);
        let found = self.look_up(&host).await;
        let found = walk.note("name", found, |found| format!("{host} is {}", listed(found)))?;
        let admitted: Vec<IpAddr> = found
            .iter()
            .copied()
            .filter(|address| {
                check_address(&*gate.hosts, &gate.special_allowed, third_party, &host, *address, port).is_ok()
            })
            .collect();
        let admitted = if admitted.is_empty() { Err("none of its addresses may be called") } else { Ok(admitted) };
        let admitted = walk.note("address", admitted, |admitted| format!("{} may be called", listed(admitted)))?;
        let addresses: Vec<SocketAddr> = admitted.iter().map(|address| SocketAddr::new(*address, port)).collect();
        let stream = within(TcpStream::connect(&*addresses)).await;
        let stream = walk.note("connect", stream, |stream| {
            stream.peer_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
        })?;
        if url.scheme() == "http" {
            return over(walk, stream, &url).await;
        }
        let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string());
        let trust = self.tls_towards(third_party).map_err(|error| error.to_string());
        let session = match (name, trust) {
            (Ok(name), Ok(trust)) => within(TlsConnector::from(Arc::clone(trust.config())).connect(name, stream)).await,
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let stream = walk.note("tls", session, |session| shown(session.get_ref().1))?;
        over(walk, stream, &url).await
    }

    async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        match host.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) => within(self.gate().names.look_up(host.to_owned())).await,
        }
    }
}

/// HTTP over a connection.
async fn over<S>(walk: &mut Walk, stream: S, url: &Url) -> Result<(u16, Bytes), Stopped>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = within(post(stream, url)).await;
    walk.note("http", answer, |(status, body)| format!("{status}, {} bytes", body.len()))
}

/// What an answer says, to this third party's callbacks.
fn said(wire: &dyn Wire, third_party: &str, status: u16, body: &[u8]) -> Result<String, &'static str> {
    if body.is_empty() {
        return match status {
            200..300 => Ok("an empty answer, which counts as an acknowledgement".to_owned()),
            _ => Err(NO_SOAP),
        };
    }
    match wire.acknowledgement(third_party, Kind::Confirmation, body) {
        Acknowledgement::Positive => Ok("it acknowledges".to_owned()),
        Acknowledgement::Negative { code, description } => Ok(format!("it speaks SOAP, and says {code} {description}")),
        Acknowledgement::Unreadable if wire.validation_result(third_party, body).is_some() => {
            Ok("it answers a validation".to_owned())
        }
        Acknowledgement::Unreadable => Err(NO_SOAP),
    }
}

async fn post<S>(stream: S, url: &Url) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let in_words = |error: &dyn Display| error.to_string();
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let request = Request::post(path)
        .header(HOST, url.authority())
        .header(CONTENT_TYPE, "text/xml; charset=utf-8")
        .header("lango-ping", "1")
        .body(Full::new(Bytes::from_static(MESSAGE.as_bytes())))
        .map_err(|error| in_words(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| in_words(&error))?;
    let driver = tokio::spawn(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(|error| in_words(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|error| error.to_string())?.to_bytes()))
    }
    .await;
    driver.abort();
    answer
}

async fn within<T, E: Display>(step: impl Future<Output = Result<T, E>>) -> Result<T, String> {
    match timeout(STEP_MAX, step).await {
        Ok(outcome) => outcome.map_err(|error| error.to_string()),
        Err(_) => Err(format!("nothing within {} s", STEP_MAX.as_secs())),
    }
}

fn shown(session: &rustls::ClientConnection) -> String {
    let version = session.protocol_version().map_or("?".to_owned(), |version| format!("{version:?}"));
    let certificates = session.peer_certificates().map_or(0, <[_]>::len);
    format!("{version}, the server's certificate is good ({certificates} in its chain)")
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")
}

const NO_SOAP: &str = "its answer is no SOAP that we can read";

const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads answers by local names, but those of one third party not at all.
    #[derive(Debug)]
    struct Patience;

    impl Wire for Patience {
        fn render(&self, _: Kind, _: &[u8], _: &[i64]) -> Result<super::super::Document, String> {
            Err("nothing is sent".to_owned())
        }

        fn acknowledgement(&self, third_party: &str, kind: Kind, body: &[u8]) -> Acknowledgement {
            match third_party {
                "strict" => Acknowledgement::Unreadable,
                _ => crate::mminterface::read_acknowledgement(kind.into(), body),
            }
        }

        fn validation_result(&self, _: &str, _: &[u8]) -> Option<super::super::ValidationResult> {
            None
        }
    }

    #[test]
    fn an_answer_is_read_as_that_to_a_callback_of_the_same_third_party() {
        let bare = b"<C2BPaymentConfirmationResult>received</C2BPaymentConfirmationResult>";
        assert_eq!(said(&Patience, "duka", 200, bare), Ok("it acknowledges".to_owned()));
        assert_eq!(said(&Patience, "strict", 200, bare), Err(NO_SOAP));
    }

    #[test]
    fn an_empty_answer_counts_if_its_status_does() {
        assert!(said(&Patience, "strict", 204, b"").is_ok());
        assert_eq!(said(&Patience, "duka", 500, b""), Err(NO_SOAP));
    }
}
