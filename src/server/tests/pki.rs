//! A CA of the test's own, and clients of every kind.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::access::KeyFingerprint;
use crate::server::{ServerIdentity, TlsMaterial};

/// A certificate authority that signs servers and clients.
pub(super) struct Pki {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Pki {
    pub(super) fn new(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().unwrap(), |_| {})
    }

    /// The CA of this key, whose certificate is another than usual.
    pub(super) fn with_key(name: &str, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        change(&mut params);
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    pub(super) fn client(&self, serial: u64) -> Identity {
        self.client_with(serial, |_| {})
    }

    /// A client whose certificate is another than usual.
    pub(super) fn client_with(&self, serial: u64, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = named("a client");
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        self.sign(params, KeyPair::generate().unwrap())
    }

    fn sign(&self, params: CertificateParams, key: KeyPair) -> Identity {
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity { certificate, key }
    }

    /// What a door needs to stand under this CA.
    pub(super) fn material(&self) -> TlsMaterial {
        TlsMaterial {
            identities: vec![self.server(KeyPair::generate().unwrap())],
            client_cas: vec![self.issuer.der().clone()],
            client_crls: Vec::new(),
        }
    }

    /// The same with a certificate of each kind.
    pub(super) fn material_of_both_kinds(&self) -> TlsMaterial {
        let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let mut material = self.material();
        material.identities.push(self.server(rsa));
        material
    }

    fn server(&self, key: KeyPair) -> ServerIdentity {
        let mut params = named("localhost");
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server = self.sign(params, key);
        ServerIdentity { key: server.private_key(), chain: vec![server.certificate] }
    }

    /// A revocation list that is valid until the end of the year.
    pub(super) fn revoking(&self, serials: &[u64], valid_until_year: i32) -> CertificateRevocationListDer<'static> {
        self.list_number(1, serials, valid_until_year)
    }

    /// The same, with this number.
    pub(super) fn list_number(
        &self,
        number: u64,
        serials: &[u64],
        valid_until_year: i32,
    ) -> CertificateRevocationListDer<'static> {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(valid_until_year, 12, 31),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        }
        .signed_by(&self.issuer)
        .unwrap()
        .der()
        .clone()
    }

    /// A TLS client that trusts this CA and understands these signatures of servers.
    pub(super) fn understanding(
        &self,
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
        schemes: Vec<SignatureScheme>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let webpki =
            rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = Understanding { webpki: webpki.build().unwrap(), schemes };
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Arc::new(builder.with_client_auth_cert(vec![identity.certificate.clone()], identity.private_key()).unwrap())
    }

    /// A TLS client that trusts this CA, with or without a certificate of its own.
    pub(super) fn connector(
        &self,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(vec![own.certificate.clone()], own.private_key()).unwrap(),
        })
    }
}

/// The signatures of servers that a client says it understands.
#[derive(Debug)]
struct Understanding {
    webpki: Arc<rustls::client::WebPkiServerVerifier>,
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Understanding {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.webpki.verify_server_cert(own, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// Whether a certificate is for an RSA key.
pub(super) fn has_rsa_key(certificate: &CertificateDer<'_>) -> bool {
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    matches!(parsed.public_key().parsed(), Ok(PublicKey::RSA(_)))
}

impl Identity {
    pub(super) fn fingerprint(&self) -> KeyFingerprint {
        fingerprint(&self.certificate).unwrap()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}

/// The SHA-256 of a certificate's public key.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> Option<KeyFingerprint> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parsed.public_key().raw);
    Some(KeyFingerprint(digest.as_ref().try_into().ok()?))
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}
