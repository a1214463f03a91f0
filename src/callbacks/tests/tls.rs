//! TLS towards third parties: our certificate, their authority, their name.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::sink::{Act, Sink};
use crate::callbacks::testing::*;
use crate::callbacks::*;

/// An authority for both sides of a test.
pub struct Pki {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { authority }
    }

    fn issue(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        self.sign(CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    fn sign(&self, params: CertificateParams) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.authority);
        (vec![certificate.unwrap().der().clone()], private(&key))
    }

    /// The authority's certificate, PEM.
    pub fn pem(&self) -> String {
        self.authority.pem()
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        roots
    }

    pub fn client(&self) -> ClientTls {
        let (chain, key) = self.issue("lango");
        ClientTls::new(self.roots(), chain, key).unwrap()
    }

    /// A server of this name, that demands a certificate of ours.
    pub fn server(&self, name: &str, versions: &[&'static rustls::SupportedProtocolVersion]) -> TlsAcceptor {
        self.server_with(self.issue(name), versions)
    }

    /// A server on loopback whose certificate is good from this year to that one.
    pub fn server_between(&self, first_year: i32, last_year: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(first_year, 1, 1);
        params.not_after = rcgen::date_time_ymd(last_year, 12, 31);
        self.server_with(self.sign(params), rustls::ALL_VERSIONS)
    }

    /// A server on loopback that signed its certificate itself.
    pub fn server_of_its_own(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        self.server_with((vec![certificate.der().clone()], private(&key)), rustls::ALL_VERSIONS)
    }

    /// A server of this certificate, that demands one of ours.
    fn server_of(&self, identity: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)) -> TlsAcceptor {
        self.server_with(identity, rustls::ALL_VERSIONS)
    }

    fn server_with(
        &self,
        (chain, key): (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> TlsAcceptor {
        let roots = Arc::new(self.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).build().unwrap();
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
        let config = config.with_client_cert_verifier(verifier).with_single_cert(chain, key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

async fn call(client: &Pki, server: TlsAcceptor) -> Result<Answer, SendError> {
    let transport = HttpTransport::new(client.client(), &settings(), Arc::new(AnyHost), Arc::new(SystemNames));
    let sink = Sink::serve(&[Act::says("200 OK", "code 0")], Some(server)).await;
    post(&transport, &sink).await
}

async fn post(transport: &HttpTransport, sink: &Sink) -> Result<Answer, SendError> {
    let call = Call {
        third_party: "acme".into(),
        url: format!("https://{}/", sink.address),
        pool: Pool::Deliveries,
        headers: Default::default(),
        body: Default::default(),
        deadline: Duration::from_secs(5),
    };
    transport.post(call).await
}

#[tokio::test]
async fn a_server_of_our_authority_gets_our_certificate_over_tls_1_3_and_1_2() {
    let pki = Pki::new();
    for (version, name) in [(&rustls::version::TLS13, "TLS 1.3"), (&rustls::version::TLS12, "TLS 1.2")] {
        let answer = call(&pki, pki.server("127.0.0.1", &[version])).await.unwrap();
        assert_eq!((answer.status, answer.tls.map(TlsVersion::name)), (200, Some(name)));
    }
}

/// Each attempt is written down with the version that its connection agreed on: when a server changes
/// over, when a session is resumed, and when there is no TLS.
#[tokio::test]
async fn an_attempt_is_written_down_with_the_version_of_its_tls() {
    let pki = Pki::new();
    let quick = super::sockets::quick();
    let transport = Arc::new(HttpTransport::new(pki.client(), &quick, Arc::new(AnyHost), Arc::new(SystemNames)));
    let node = Node::start_with(transport, Arc::default(), &quick);
    let noted = async |url: String| {
        let delivery = node.ended(&node.send(&url, "paid").await).await;
        delivery.attempts.last().unwrap().tls.map(TlsVersion::name)
    };
    for (version, name) in [(&rustls::version::TLS13, "TLS 1.3"), (&rustls::version::TLS12, "TLS 1.2")] {
        // Each answer ends its connection, so the next one resumes the session of the one before.
        let says = [Act::says("200 OK\r\nConnection: close", "code 0")];
        let sink = Sink::serve(&says, Some(pki.server("127.0.0.1", &[version]))).await;
        for _ in 0..3 {
            assert_eq!(noted(format!("https://{}/", sink.address)).await, Some(name));
        }
    }
    let plain = Sink::start(&[Act::says("200 OK", "code 0")]).await;
    assert_eq!(noted(plain.url()).await, None);
    let says = [Act::says("200 OK", "code 0")];
    let other = Sink::serve(&says, Some(Pki::new().server("127.0.0.1", rustls::ALL_VERSIONS))).await;
    let url = format!("https://{}/", other.address);
    assert_eq!(noted(url).await, None, "a server that was not let count");
}

/// Pins what it holds.
#[derive(Debug)]
struct Pinning(Mutex<Option<String>>);

impl Hosts for Pinning {
    fn allowed(&self, _third_party: &str, _host: &str, _address: Option<IpAddr>, _port: u16) -> bool {
        true
    }

    fn plain_allowed(&self, _third_party: &str) -> bool {
        false
    }

    fn pinned_authority(&self, _third_party: &str) -> Option<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A server of the authority `by`, that takes anybody.
fn server_by(by: &Pki) -> TlsAcceptor {
    let (chain, key) = by.issue("127.0.0.1");
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

#[tokio::test]
async fn a_pinned_authority_alone_vouches_and_from_the_next_call_on() {
    let (common, own) = (Pki::new(), Pki::new());
    let pinning = Arc::new(Pinning(Mutex::default()));
    let hosts: Arc<dyn Hosts> = pinning.clone();
    let transport = HttpTransport::new(common.client(), &settings(), hosts, Arc::new(SystemNames));
    let says = [Act::says("200 OK", "code 0")];
    let of_common = Sink::serve(&says, Some(server_by(&common))).await;
    let of_own = Sink::serve(&says, Some(server_by(&own))).await;
    let failed = |answer: Result<Answer, SendError>| answer.map(|answer| answer.status).map_err(|error| error.outcome);

    assert_eq!(failed(post(&transport, &of_common).await), Ok(200));
    assert_eq!(failed(post(&transport, &of_own).await), Err(Outcome::TlsFailed));
    *pinning.0.lock().unwrap() = Some(own.pem());
    assert_eq!(failed(post(&transport, &of_own).await), Ok(200));
    // The kept connection to the other one was let by an authority that no longer counts.
    assert_eq!(failed(post(&transport, &of_common).await), Err(Outcome::TlsFailed));
    *pinning.0.lock().unwrap() = Some("no certificate".into());
    assert_eq!(failed(post(&transport, &of_own).await), Err(Outcome::TlsFailed));
    *pinning.0.lock().unwrap() = None;
    assert_eq!(failed(post(&transport, &of_common).await), Ok(200));
}

#[tokio::test]
async fn a_replaced_certificate_and_its_authorities_hold_from_the_next_call_on() {
    let (before, after, own) = (Pki::new(), Pki::new(), Pki::new());
    let pinning = Arc::new(Pinning(Mutex::default()));
    let hosts: Arc<dyn Hosts> = pinning.clone();
    let transport = HttpTransport::new(before.client(), &settings(), hosts, Arc::new(SystemNames));
    let says = [Act::says("200 OK", "code 0")];
    // Each demands a certificate of its own authority, the third one of the new one's.
    let of_before = Sink::serve(&says, Some(before.server("127.0.0.1", rustls::ALL_VERSIONS))).await;
    let of_after = Sink::serve(&says, Some(after.server("127.0.0.1", rustls::ALL_VERSIONS))).await;
    let of_own = Sink::serve(&says, Some(after.server_of(own.issue("127.0.0.1")))).await;
    let failed = |answer: Result<Answer, SendError>| answer.map(|answer| answer.status).map_err(|error| error.outcome);

    assert_eq!(failed(post(&transport, &of_before).await), Ok(200));
    assert_eq!(failed(post(&transport, &of_after).await), Err(Outcome::TlsFailed));
    *pinning.0.lock().unwrap() = Some(own.pem());
    assert!(post(&transport, &of_own).await.is_err(), "a certificate of the old authority was taken");
    transport.replace_tls(after.client());
    assert_eq!(failed(post(&transport, &of_own).await), Ok(200));
    *pinning.0.lock().unwrap() = None;
    assert_eq!(failed(post(&transport, &of_after).await), Ok(200));
    // The kept connection is not used again.
    assert_eq!(failed(post(&transport, &of_before).await), Err(Outcome::TlsFailed));
}
