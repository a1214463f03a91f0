//! The identity that a client certificate proves. Whether the certificate itself is good (chain,
//! validity, revocation) was settled in the handshake; here only its public key counts.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use x509_parser::certificate::X509Certificate;
use x509_parser::parse_x509_certificate;

use super::hex;
use crate::clock::Timestamp;

/// The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo, DER). It stays the same when
/// a certificate is renewed for the same key, and names one third party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyFingerprint(pub [u8; 32]);

/// Why something is no certificate or no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The bytes are no X.509 certificate.
    #[error("this is no X.509 certificate in DER")]
    NoCertificate,
    /// The bytes are no revocation list.
    #[error("this is no revocation list in DER")]
    NoRevocationList,
    /// The text is no fingerprint.
    #[error("a key's fingerprint is written as 64 hexadecimal digits")]
    NoFingerprint,
}

/// The fingerprint of the public key in `certificate`.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Result<KeyFingerprint, IdentityError> {
    fingerprint_of(parsed(certificate)?.public_key().raw)
}

/// What tells one gateway of the handset side from another: the fingerprint of its certificate's
/// subject, for which the handset side's own CA vouches; of the key, if it has none. A gateway that is
/// renewed with another key, or that is several machines, is the same one, and what it sends again is
/// known for that (L6).
pub fn gateway(certificate: &CertificateDer<'_>) -> Result<KeyFingerprint, IdentityError> {
    let parsed = parsed(certificate)?;
    match parsed.subject().iter_attributes().next() {
        Some(_) => fingerprint_of(parsed.subject().as_raw()),
        None => fingerprint_of(parsed.public_key().raw),
    }
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, IdentityError> {
    match parse_x509_certificate(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) | Err(_) => Err(IdentityError::NoCertificate),
    }
}

fn fingerprint_of(part: &[u8]) -> Result<KeyFingerprint, IdentityError> {
    digest(&SHA256, part).as_ref().try_into().map(KeyFingerprint).map_err(|_| IdentityError::NoCertificate)
}

/// The last moment at which `certificate` is valid.
pub fn valid_until(certificate: &CertificateDer<'_>) -> Result<Timestamp, IdentityError> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| IdentityError::NoCertificate)?;
    Ok(Timestamp::from_seconds(parsed.validity().not_after.timestamp()))
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyFingerprint {
    type Err = IdentityError;

    /// Reads what `Display` writes; colons between the bytes, as other tools print them, are let be.
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let digits: Vec<u8> = text.trim().bytes().filter(|&byte| byte != b':').collect();
        hex::decode(&digits).map(Self).ok_or(IdentityError::NoFingerprint)
    }
}

impl Serialize for KeyFingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyFingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let key = KeyFingerprint(std::array::from_fn(|at| at as u8));
        assert_eq!(key.to_string().parse(), Ok(key));
        let with_colons = key.0.map(|byte| format!("{byte:02X}")).join(":");
        assert_eq!(with_colons.parse(), Ok(key));
        assert_eq!("12ab".parse::<KeyFingerprint>(), Err(IdentityError::NoFingerprint));
    }

    #[test]
    fn what_is_no_certificate_has_no_fingerprint() {
        assert_eq!(fingerprint(&CertificateDer::from(vec![0x30, 0])), Err(IdentityError::NoCertificate));
    }
}
