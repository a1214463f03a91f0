//! TLS towards third parties: our certificate, their authority, their name.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
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

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        roots
    }

    pub fn client(&self) -> ClientConfig {
        let (chain, key) = self.issue("lango");
        ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(chain, key)
            .unwrap()
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
    let sink = Sink::serve(&[Act::says("200 OK", "code 0")], Some(server)).await;
    let transport = HttpTransport::new(client.client(), &settings(), Arc::new(AnyHost), Arc::new(SystemNames));
    let call = Call {
        third_party: "acme".into(),
        url: format!("https://{}/", sink.address),
        pool: Pool::Deliveries,
        headers: Vec::new(),
        body: Default::default(),
        deadline: Duration::from_secs(5),
    };
    transport.post(call).await
}

#[tokio::test]
async fn a_server_of_our_authority_gets_our_certificate_over_tls_1_3_and_1_2() {
    let pki = Pki::new();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        assert_eq!(call(&pki, pki.server("127.0.0.1", &[version])).await.unwrap().status, 200);
    }
}
