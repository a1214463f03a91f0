//! From when until when certificates and revocation lists are good, for the door and for whoever has to
//! renew them in time.

use rustls::CertificateError;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::extensions::ParsedExtension;
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

/// Which of a CA's revocation lists one is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationListPlace {
    /// Whose, as the bytes of the name (DER), which issuers are compared by.
    pub issuer: Vec<u8>,
    /// With which of its keys, if the list says.
    pub key: Option<Vec<u8>>,
    /// The list's number, which grows from one to the next (RFC 5280, 5.2.3): its bytes, the highest first
    /// and without zeros before it, if the list has one.
    pub number: Option<Vec<u8>>,
}

impl RevocationListPlace {
    /// Whether this is a list from before `other`, of the same CA.
    pub fn is_before(&self, other: &Self) -> bool {
        let order = |number: &Option<Vec<u8>>| number.as_ref().map(|number| (number.len(), number.clone()));
        (&self.issuer, &self.key) == (&other.issuer, &other.key)
            && order(&self.number).zip(order(&other.number)).is_some_and(|(own, others)| own < others)
    }
}

/// Which of whose revocation lists this is.
pub fn revocation_list_place(list: &CertificateRevocationListDer<'_>) -> Result<RevocationListPlace, IdentityError> {
    let (_, parsed) = parse_x509_crl(list).map_err(|_| IdentityError::NoRevocationList)?;
    let mut place = RevocationListPlace { issuer: parsed.issuer().as_raw().to_vec(), key: None, number: None };
    for extension in parsed.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(authority) => {
                place.key = authority.key_identifier.as_ref().map(|key| key.0.to_vec());
            }
            ParsedExtension::CRLNumber(number) => place.number = Some(number.to_bytes_be()),
            _ => {}
        }
    }
    Ok(place)
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
    fn a_list_is_before_the_next_one_of_the_same_authority_and_no_other_s() {
        let entropy = SeededEntropy::new(1);
        let place = |authority: &Authority, number: u64| {
            let before = Revocations { number, ..Revocations::default() };
            let list = authority.revocation_list(&before, NOW).unwrap();
            let list = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).unwrap();
            revocation_list_place(&list).unwrap()
        };
        let one = Authority::create("Partners", NOW, &entropy).unwrap();
        let numbers = [1, 2, 255, 256, 65_535, 65_536].map(|number| place(&one, number));
        for pair in numbers.windows(2) {
            assert!(pair[0].is_before(&pair[1]) && !pair[1].is_before(&pair[0]), "{pair:?}");
            assert!(!pair[0].is_before(&pair[0]));
        }
        let namesake = Authority::create("Partners", NOW, &entropy).unwrap();
        assert!(!place(&namesake, 1).is_before(&numbers[5]), "another key's list");
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
