//! What an authority takes back. The revocation list is itself the register of what is revoked: a
//! new one is made from the one before.

use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::{parse_x509_certificate, parse_x509_crl};

use super::{Authority, AuthorityError, CLOCK_SLACK, DAY, REVOCATION_LIST_DAYS, since_epoch};
use crate::access::identity::{KeyFingerprint, fingerprint};
use crate::clock::Timestamp;

/// What an authority has revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    /// The number of the list; the next one has the next.
    pub number: u64,
    /// The moment from which the list is past; none for one that was never written.
    pub until: Option<Timestamp>,
    /// The certificates.
    pub revoked: Vec<Revoked>,
}

/// One certificate that is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Since when.
    pub at: Timestamp,
}

/// What an operator wants to know of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Its serial number.
    pub serial: Vec<u8>,
    /// Its subject, for people.
    pub subject: String,
    /// The end of its life.
    pub until: Timestamp,
    /// The key that it is for.
    pub fingerprint: KeyFingerprint,
}

impl Revocations {
    /// Whether the certificate with this serial number is revoked.
    pub fn hold(&self, serial: &[u8]) -> bool {
        self.revoked.iter().any(|revoked| revoked.serial == serial)
    }

    /// Revokes the certificate with this serial number; one that is revoked stays so since when it
    /// was.
    pub fn revoke(&mut self, serial: &[u8], now: Timestamp) {
        if !self.hold(serial) {
            self.revoked.push(Revoked { serial: serial.to_owned(), at: now });
        }
    }
}

impl Authority {
    /// What a revocation list of this authority (PEM) says.
    pub fn revocations(&self, list_pem: &str) -> Result<Revocations, AuthorityError> {
        let der = CertificateRevocationListDer::from_pem_slice(list_pem.as_bytes())
            .map_err(|_| AuthorityError::NoRevocationList)?;
        let (_, list) = parse_x509_crl(&der).map_err(|_| AuthorityError::NoRevocationList)?;
        let own = self.with_certificate(|own| {
            list.issuer() == own.subject() && list.verify_signature(own.public_key()).is_ok()
        })?;
        if !own {
            return Err(AuthorityError::Foreign("revocation list"));
        }
        let number = list.crl_number().and_then(|number| u64::try_from(number).ok());
        let revoked = list.iter_revoked_certificates().map(|entry| Revoked {
            serial: entry.raw_serial().to_owned(),
            at: Timestamp::from_seconds(entry.revocation_date.timestamp()),
        });
        Ok(Revocations {
            number: number.ok_or(AuthorityError::NoRevocationList)?,
            until: list.next_update().map(|until| Timestamp::from_seconds(until.timestamp())),
            revoked: revoked.collect(),
        })
    }

    /// The next revocation list, PEM: the one after `before`, good for [`REVOCATION_LIST_DAYS`].
    pub fn revocation_list(&self, before: &Revocations, now: Timestamp) -> Result<String, AuthorityError> {
        let epoch = date_time_ymd(1970, 1, 1);
        let revoked = before.revoked.iter().map(|revoked| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&revoked.serial),
            revocation_time: epoch + since_epoch(revoked.at),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: epoch + since_epoch(now.minus(CLOCK_SLACK)),
            next_update: epoch + since_epoch(now.plus(DAY.saturating_mul(REVOCATION_LIST_DAYS))),
            crl_number: SerialNumber::from(before.number.saturating_add(1)),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(list.signed_by(&self.issuer)?.pem()?)
    }

    /// What a certificate (PEM) says, if this authority signed it.
    pub fn facts(&self, certificate_pem: &str) -> Result<CertificateFacts, AuthorityError> {
        let der =
            CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| AuthorityError::NoCertificate)?;
        let (_, certificate) = parse_x509_certificate(&der).map_err(|_| AuthorityError::NoCertificate)?;
        let own = self.with_certificate(|own| {
            certificate.issuer() == own.subject() && certificate.verify_signature(Some(own.public_key())).is_ok()
        })?;
        if !own || certificate.is_ca() {
            return Err(AuthorityError::Foreign("certificate"));
        }
        Ok(CertificateFacts {
            serial: certificate.raw_serial().to_owned(),
            subject: certificate.subject().to_string(),
            until: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
            fingerprint: fingerprint(&der).map_err(|_| AuthorityError::NoCertificate)?,
        })
    }

    fn with_certificate<T>(&self, told: impl FnOnce(&X509Certificate<'_>) -> T) -> Result<T, AuthorityError> {
        let der =
            CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).map_err(|_| AuthorityError::NoAuthority)?;
        let (_, own) = parse_x509_certificate(&der).map_err(|_| AuthorityError::NoAuthority)?;
        Ok(told(&own))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::entropy::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn authority(seed: u64) -> Authority {
        Authority::create("Partners", NOW, &SeededEntropy::new(seed)).unwrap()
    }

    #[test]
    fn a_list_is_read_as_it_is_written_and_the_next_one_has_the_next_number() {
        let authority = authority(1);
        let issued = authority.issue_client("duka", NOW, &SeededEntropy::new(2)).unwrap();
        let serial = authority.facts(&issued.certificate_pem).unwrap().serial;
        let mut revocations = Revocations::default();
        revocations.revoke(&serial, NOW);
        revocations.revoke(&serial, NOW.plus(DAY));
        let read = authority.revocations(&authority.revocation_list(&revocations, NOW).unwrap()).unwrap();
        assert_eq!((read.number, read.until), (1, Some(NOW.plus(DAY * REVOCATION_LIST_DAYS))));
        assert_eq!(read.revoked, [Revoked { serial: serial.clone(), at: NOW }]);
        let again = authority.revocations(&authority.revocation_list(&read, NOW.plus(DAY)).unwrap()).unwrap();
        assert_eq!((again.number, again.hold(&serial), again.hold(b"other")), (2, true, false));
    }

    #[test]
    fn what_another_authority_signed_is_not_ours_even_under_our_name() {
        let (ours, other) = (authority(1), authority(2));
        let list = other.revocation_list(&Revocations::default(), NOW).unwrap();
        assert!(matches!(ours.revocations(&list), Err(AuthorityError::Foreign(_))));
        let issued = other.issue_client("duka", NOW, &SeededEntropy::new(3)).unwrap();
        assert!(matches!(ours.facts(&issued.certificate_pem), Err(AuthorityError::Foreign(_))));
        assert!(matches!(ours.facts(ours.certificate_pem()), Err(AuthorityError::Foreign(_))));
        assert!(matches!(ours.revocations(ours.certificate_pem()), Err(AuthorityError::NoRevocationList)));
    }

    #[test]
    fn of_a_signing_request_only_the_key_is_taken_over() {
        let authority = authority(1);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut wishes = CertificateParams::new(vec!["everywhere.example".into()]).unwrap();
        wishes.distinguished_name.push(DnType::CommonName, "the boss");
        wishes.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let request = wishes.serialize_request(&key).unwrap().pem().unwrap();
        let signed = authority.sign_client(&request, ("duka", None), NOW, &SeededEntropy::new(2)).unwrap();
        let facts = authority.facts(&signed).unwrap();
        assert_eq!(facts.subject, "CN=duka");
        let der = CertificateDer::from_pem_slice(signed.as_bytes()).unwrap();
        let (_, certificate) = parse_x509_certificate(&der).unwrap();
        assert!(!certificate.is_ca() && certificate.subject_alternative_name().unwrap().is_none());
        assert!(key.public_key_raw() == certificate.public_key().subject_public_key.data.as_ref());
    }

    #[test]
    fn a_request_that_does_not_prove_its_key_is_not_signed() {
        let authority = authority(1);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let sign = |pem: &str| authority.sign_client(pem, ("duka", None), NOW, &SeededEntropy::new(2));
        let request = CertificateParams::default().serialize_request(&key).unwrap();
        assert!(sign(&request.pem().unwrap()).is_ok());
        let mut bent = request.der().to_vec();
        let last = bent.len() - 1;
        bent[last] ^= 1;
        let bent = pem("CERTIFICATE REQUEST", &bent);
        assert!(matches!(sign(&bent), Err(AuthorityError::Request(_))));
        assert!(matches!(sign("no request"), Err(AuthorityError::Request(_))));
    }

    #[test]
    fn a_request_with_a_weak_or_strange_key_is_not_signed() {
        let authority = authority(1);
        let sign = |pem: &str| authority.sign_client(pem, ("duka", Some(30)), NOW, &SeededEntropy::new(2));
        let request = |key: &KeyPair| CertificateParams::default().serialize_request(key).unwrap().pem().unwrap();
        let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let signed = sign(&request(&rsa)).unwrap();
        assert_eq!(authority.facts(&signed).unwrap().until, NOW.plus(DAY * 30));
        let p521 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap();
        // Its signature cannot be checked, so it stops before its key is looked at.
        assert!(matches!(sign(&request(&p521)), Err(AuthorityError::Key(_) | AuthorityError::Request(_))));
        let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        assert!(matches!(sign(&request(&ed25519)), Err(AuthorityError::Key(_))));
        // Made with another program, which still makes such keys.
        let weak = include_str!("../../../tests/data/certificates/rsa-1024.csr");
        assert!(matches!(sign(weak), Err(AuthorityError::Key(_) | AuthorityError::Request(_))));
    }

    fn pem(label: &str, der: &[u8]) -> String {
        use base64::Engine;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    }
}
