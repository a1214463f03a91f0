//! From when until when certificates and revocation lists are good, for the door and for whoever has to
//! renew them in time.

use rustls::CertificateError;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::{parse_x509_certificate, parse_x509_crl};

use super::IdentityError;
use crate::clock::Timestamp;

/// The name of something signed, and when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validity {
    /// A certificate's subject; a revocation list's issuer.
    pub name: String,
    /// The first second in which it is good.
    pub from: Timestamp,
    /// The last second in which it is good; the end of time for a list that does not say.
    pub until: Timestamp,
}

impl Validity {
    /// Whether it is good at `now`, as webpki counts: both ends belong to it (RFC 5280, 4.1.2.5).
    pub fn at(&self, now: Timestamp) -> Result<(), CertificateError> {
        if now.seconds() < self.from.seconds() {
            return Err(CertificateError::NotValidYet);
        }
        if now.seconds() > self.until.seconds() {
            return Err(CertificateError::Expired);
        }
        Ok(())
    }
}

/// Whose a certificate is, and when it is good.
pub fn certificate_validity(certificate: &CertificateDer<'_>) -> Result<Validity, IdentityError> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| IdentityError::NoCertificate)?;
    let [from, until] = [parsed.validity().not_before, parsed.validity().not_after].map(|time| time.timestamp());
    Ok(Validity {
        name: parsed.subject().to_string(),
        from: Timestamp::from_seconds(from),
        until: Timestamp::from_seconds(until),
    })
}

/// Whose a revocation list is, and when it is good.
pub fn revocation_list_validity(list: &CertificateRevocationListDer<'_>) -> Result<Validity, IdentityError> {
    let (_, parsed) = parse_x509_crl(list).map_err(|_| IdentityError::NoRevocationList)?;
    let until = parsed.next_update().map_or(i64::MAX, |until| until.timestamp());
    Ok(Validity {
        name: parsed.issuer().to_string(),
        from: Timestamp::from_seconds(parsed.last_update().timestamp()),
        until: Timestamp::from_seconds(until),
    })
}

/// Whose a certificate is, as the bytes of the name (DER), which issuers are compared by.
pub fn certificate_subject(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, IdentityError> {
    let (_, parsed) = parse_x509_certificate(certificate).map_err(|_| IdentityError::NoCertificate)?;
    Ok(parsed.subject().as_raw().to_vec())
}

/// Whose a revocation list is, in the same form.
pub fn revocation_list_issuer(list: &CertificateRevocationListDer<'_>) -> Result<Vec<u8>, IdentityError> {
    let (_, parsed) = parse_x509_crl(list).map_err(|_| IdentityError::NoRevocationList)?;
    Ok(parsed.issuer().as_raw().to_vec())
}

/// Whether a certificate's key may sign a handshake: one that lists what its key is for must list
/// digital signatures (RFC 5280, 4.2.1.3).
pub fn may_sign(certificate: &CertificateDer<'_>) -> bool {
    parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| {
        parsed.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.digital_signature()))
    })
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::pem::PemObject;

    use super::*;
    use crate::access::authority::{Authority, CLIENT_DAYS, REVOCATION_LIST_DAYS, Revocations, issue_credential_key};
    use crate::entropy::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn days_left(validity: &Validity) -> i64 {
        (validity.until.seconds() - NOW.seconds()) / 86_400
    }

    #[test]
    fn what_an_authority_issues_ends_when_it_says() {
        let entropy = SeededEntropy::new(1);
        let authority = Authority::create("Partners", NOW, &entropy).unwrap();
        let issued = authority.issue_client("duka", NOW, &entropy).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
        let validity = certificate_validity(&certificate).unwrap();
        assert_eq!((validity.name.as_str(), days_left(&validity)), ("CN=duka", i64::from(CLIENT_DAYS)));
        let list = authority.revocation_list(&Revocations::default(), NOW).unwrap();
        let list = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).unwrap();
        let validity = revocation_list_validity(&list).unwrap();
        assert_eq!((validity.name.as_str(), days_left(&validity)), ("CN=Partners", i64::from(REVOCATION_LIST_DAYS)));
        assert_eq!(revocation_list_validity(&certificate.to_vec().into()), Err(IdentityError::NoRevocationList));
    }

    #[test]
    fn a_key_that_is_only_for_encryption_signs_no_handshake() {
        let entropy = SeededEntropy::new(1);
        let pem = issue_credential_key("Lango credential", NOW, &entropy).unwrap().certificate_pem;
        assert!(!may_sign(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()));
        let client = Authority::create("Partners", NOW, &entropy).unwrap().issue_client("duka", NOW, &entropy).unwrap();
        assert!(may_sign(&CertificateDer::from_pem_slice(client.certificate_pem.as_bytes()).unwrap()));
    }
}
