//! A small private certificate authority: enough for a demonstration, for tests and for a pilot. It
//! makes keys and certificates for servers and clients, signs what partners ask for, revokes, and makes
//! the RSA key pair of SecurityCredentials. What is issued is handed out as PEM; where it is kept is for
//! others to say.

mod revocation;

pub use revocation::{CertificateFacts, Revocations, Revoked};

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    PublicKeyData, RsaKeySize, SanType, SerialNumber, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::entropy::Entropy;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long an authority lasts.
pub const AUTHORITY_DAYS: u32 = 3650;
/// How long a server's certificate lasts, at most.
pub const SERVER_DAYS: u32 = 825;
/// How long a client's certificate lasts, at most.
pub const CLIENT_DAYS: u32 = 365;
/// How long a revocation list is good. Whoever checks it refuses everybody when it is past.
pub const REVOCATION_LIST_DAYS: u32 = 90;
/// How long the certificate of the credential key says that it lasts; nobody checks.
pub const CREDENTIAL_DAYS: u32 = 3650;
/// The shortest RSA key of a partner that is signed.
const RSA_BITS_MIN: usize = 2048;
/// The curves of partners' keys that are signed: P-256 and P-384.
const EC_BITS: [usize; 2] = [256, 384];
/// Certificates are valid from a little before they are issued, for clocks that are behind.
const CLOCK_SLACK: Duration = Duration::from_secs(60 * 60);
/// The last second of the year 9999, the latest that a certificate can say.
const END_OF_TIME: u64 = 253_402_300_799;

/// A certificate and its private key, both as PEM.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, PKCS#8.
    pub key_pem: Zeroizing<String>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A name cannot stand in a certificate, or a key could not be made.
    #[error("the certificate could not be made: {0}")]
    Unmade(#[from] rcgen::Error),
    /// The text is no certificate of an authority.
    #[error("this is no certificate of a certificate authority in PEM")]
    NoAuthority,
    /// A signing request cannot be read, or does not prove its key.
    #[error("this is no certificate signing request in PEM that can be signed: {0}")]
    Request(#[source] rcgen::Error),
    /// A signing request's key is too weak, or of a kind that the doors do not understand.
    #[error("the request's key is {0}; make one with ECDSA on P-256 or P-384, or RSA of {RSA_BITS_MIN} bits or more")]
    Key(String),
    /// The text is no certificate.
    #[error("this is no certificate in PEM")]
    NoCertificate,
    /// The text is no revocation list.
    #[error("this is no revocation list in PEM")]
    NoRevocationList,
    /// A list or a certificate is another authority's.
    #[error("the {0} is not one of this authority")]
    Foreign(&'static str),
    /// The key is another certificate's.
    #[error("the private key does not belong to the authority's certificate")]
    OtherKey,
}

/// What is to be issued.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The name in it, for people.
    pub name: &'a str,
    /// What it is for.
    pub purpose: Purpose<'a>,
    /// The kind of its key.
    pub key: KeyKind,
    /// How long it is to last, at most as long as its kind may; none: as long as that.
    pub days: Option<u32>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// For one who calls.
    Client,
    /// For one who is called, by these names and addresses.
    Server {
        /// The names.
        dns_names: &'a [&'a str],
        /// The addresses.
        addresses: &'a [IpAddr],
    },
}

/// The kinds of keys that are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// On the curve P-256.
    #[default]
    Ecdsa,
    /// Of 2048 bits, for programs of before ECDSA.
    Rsa,
}

impl<'a> Order<'a> {
    /// With the usual key, for as long as may be.
    pub fn new(name: &'a str, purpose: Purpose<'a>) -> Self {
        Self { name, purpose, key: KeyKind::default(), days: None }
    }
}

/// A certificate authority with its private key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    not_after: Timestamp,
}

impl Authority {
    /// A new authority.
    pub fn create(name: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let not_after = now.plus(DAY.saturating_mul(AUTHORITY_DAYS));
        let mut params = params(name, now, not_after, entropy);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem, not_after })
    }

    /// The authority whose certificate and key these are.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let der =
            CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| AuthorityError::NoAuthority)?;
        let (_, parsed) = parse_x509_certificate(&der).map_err(|_| AuthorityError::NoAuthority)?;
        if !parsed.is_ca() {
            return Err(AuthorityError::NoAuthority);
        }
        let key = KeyPair::from_pem(key_pem)?;
        if key.der_bytes() != parsed.public_key().subject_public_key.data.as_ref() {
            return Err(AuthorityError::OtherKey);
        }
        let not_after = Timestamp::from_seconds(parsed.validity().not_after.timestamp());
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self { issuer, certificate_pem: certificate_pem.to_owned(), not_after })
    }

    /// Its certificate, for those who are to trust it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Its private key.
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.issuer.key().serialize_pem())
    }

    /// A certificate and a new key for it.
    pub fn issue(&self, order: &Order<'_>, now: Timestamp, entropy: &dyn Entropy) -> Result<Issued, AuthorityError> {
        let key = match order.key {
            KeyKind::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
            KeyKind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
        };
        let (days_max, purpose) = match order.purpose {
            Purpose::Client => (CLIENT_DAYS, ExtendedKeyUsagePurpose::ClientAuth),
            Purpose::Server { .. } => (SERVER_DAYS, ExtendedKeyUsagePurpose::ServerAuth),
        };
        let mut params = params(order.name, now, self.end(now, order.days, days_max), entropy);
        if let Purpose::Server { dns_names, addresses } = order.purpose {
            for name in dns_names {
                params.subject_alt_names.push(SanType::DnsName((*name).try_into()?));
            }
            params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        }
        let certificate = leaf(params, purpose).signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }

    /// A certificate for a server that is called by these names and addresses, for as long as may be.
    pub fn issue_server(
        &self,
        name: &str,
        dns_names: &[&str],
        addresses: &[IpAddr],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Issued, AuthorityError> {
        self.issue(&Order::new(name, Purpose::Server { dns_names, addresses }), now, entropy)
    }

    /// A certificate for a client, for as long as may be.
    pub fn issue_client(&self, name: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<Issued, AuthorityError> {
        self.issue(&Order::new(name, Purpose::Client), now, entropy)
    }

    /// A certificate for the key of a partner's signing request (PEM, PKCS#10), as a client under
    /// `name`, good for `days` or as long as may be. Nothing of the request is taken over but the key,
    /// which it proves to have and which must be strong enough.
    pub fn sign_client(
        &self,
        request_pem: &str,
        (name, days): (&str, Option<u32>),
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, AuthorityError> {
        // Reading it checks its signature with the key that it is for.
        let mut request = CertificateSigningRequestParams::from_pem(request_pem).map_err(AuthorityError::Request)?;
        check_key(request_pem)?;
        let params = params(name, now, self.end(now, days, CLIENT_DAYS), entropy);
        request.params = leaf(params, ExtendedKeyUsagePurpose::ClientAuth);
        Ok(request.signed_by(&self.issuer)?.pem())
    }

    /// The end of a certificate issued now: nothing lasts longer than its kind may, or outlives its
    /// authority.
    fn end(&self, now: Timestamp, days: Option<u32>, days_max: u32) -> Timestamp {
        let days = days.map_or(days_max, |days| days.min(days_max));
        now.plus(DAY.saturating_mul(days)).min(self.not_after)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// A new RSA-2048 key pair for SecurityCredentials. Partners get the certificate, which only carries
/// the public key.
pub fn issue_credential_key(name: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<Issued, AuthorityError> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    let mut params = params(name, now, now.plus(DAY.saturating_mul(CREDENTIAL_DAYS)), entropy);
    params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
    let certificate_pem = params.self_signed(&key)?.pem();
    Ok(Issued { certificate_pem, key_pem: Zeroizing::new(key.serialize_pem()) })
}

/// Whether a signing request's key is one that the doors accept and nobody can guess.
fn check_key(request_pem: &str) -> Result<(), AuthorityError> {
    let unreadable = || AuthorityError::Key("one that cannot be read".into());
    let der = CertificateSigningRequestDer::from_pem_slice(request_pem.as_bytes()).map_err(|_| unreadable())?;
    let (_, request) = X509CertificationRequest::from_der(&der).map_err(|_| unreadable())?;
    match request.certification_request_info.subject_pki.parsed() {
        Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS_MIN => {
            Err(AuthorityError::Key(format!("RSA of {} bits", key.key_size())))
        }
        Ok(PublicKey::RSA(_)) => Ok(()),
        Ok(PublicKey::EC(point)) if EC_BITS.contains(&point.key_size()) => Ok(()),
        Ok(_) => Err(AuthorityError::Key("of another kind".into())),
        Err(_) => Err(unreadable()),
    }
}

/// What a certificate says that signs no others and serves one purpose.
fn leaf(mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> CertificateParams {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params
}

fn params(name: &str, now: Timestamp, not_after: Timestamp, entropy: &dyn Entropy) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(serial(entropy));
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + since_epoch(now.minus(CLOCK_SLACK));
    params.not_after = epoch + since_epoch(not_after);
    params
}

/// The distance to the epoch that a certificate can say.
fn since_epoch(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0).min(END_OF_TIME))
}

/// A serial number of 126 random bits: positive, and of the same length for all.
fn serial(entropy: &dyn Entropy) -> SerialNumber {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x3F) | 0x40;
    }
    SerialNumber::from_slice(&bytes)
}

#[cfg(test)]
mod tests;
