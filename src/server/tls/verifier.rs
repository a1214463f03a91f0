//! The check of a client's certificate: chain, validity, purpose and revocation are webpki's; what is
//! added is that the key may sign, that the CA itself is in force, and a memory, since partners come
//! again and again with the same certificate. What was found good is good between the last of the dates
//! on which something of it begins and the first on which something ends, under the same CAs and lists.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};

use crate::access::{Validity, certificate_validity, may_sign};
use crate::clock::Timestamp;

use super::material::TlsError;

/// Chains remembered at a time; when there are more, all are forgotten. A third party has one or two.
const REMEMBERED_MAX: usize = 4096;

/// The verifier of one generation of CAs and lists.
pub(super) struct Verifier {
    authorities: Vec<Authority>,
    subjects: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    /// The first moment at which one of the lists is past.
    lists_until: Timestamp,
    remembered: Mutex<HashMap<ChainDigest, Window>>,
}

/// A time in which a chain is good: from its first second on, and before its last moment. A clock that is
/// set back, or was wrong and is put right, does not find what it saw from the other side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One CA. webpki holds a root for good whatever its dates say, so there is one verifier for each, and
/// it is known whose dates count.
struct Authority {
    webpki: Arc<dyn ClientCertVerifier>,
    validity: Validity,
}

type ChainDigest = [u8; 32];

impl Verifier {
    /// Under these CAs and these lists, of which the first to end ends at `lists_until`.
    pub(super) fn new(
        cas: Vec<CertificateDer<'static>>,
        lists: Vec<CertificateRevocationListDer<'static>>,
        lists_until: Timestamp,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        if cas.is_empty() {
            return Err(TlsError::Client(VerifierBuilderError::NoRootAnchors));
        }
        let authorities =
            cas.into_iter().map(|ca| Authority::new(ca, &lists, provider)).collect::<Result<Vec<_>, _>>()?;
        let subjects = authorities.iter().flat_map(|ca| ca.webpki.root_hint_subjects()).cloned().collect();
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { authorities, subjects, algorithms, lists_until, remembered: Mutex::default() })
    }

    /// Whether this chain, the peer's own certificate first, is good at `now`; if so, in which time at
    /// most.
    pub(super) fn verify(&self, chain: &[&CertificateDer<'_>], now: Timestamp) -> Result<Window, rustls::Error> {
        let digest = digest_of(chain);
        let known = self.remembered().get(&digest).copied();
        if let Some(window) = known.filter(|window| window.holds(now)) {
            return Ok(window);
        }
        let window = self.verify_anew(chain, now)?;
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(digest, window);
        Ok(window)
    }

    fn verify_anew(&self, chain: &[&CertificateDer<'_>], now: Timestamp) -> Result<Window, rustls::Error> {
        let Some((own, others)) = chain.split_first() else { return Err(rustls::Error::NoCertificatesPresented) };
        let others: Vec<CertificateDer<'_>> = others.iter().map(|other| (*other).clone()).collect();
        let mut window = self.vouched(own, &others, now)?;
        window.until = window.until.min(self.lists_until);
        if !may_sign(own) {
            return Err(CertificateError::InvalidPurpose.into());
        }
        for certificate in chain {
            let validity = certificate_validity(certificate).map_err(|_| CertificateError::BadEncoding)?;
            window = window.within(&validity);
        }
        Ok(window)
    }

    /// In which time at most one of the CAs vouches for this chain; the CA that knows most about it says
    /// why none does.
    fn vouched(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Window, rustls::Error> {
        let mut refusal = CertificateError::UnknownIssuer.into();
        for authority in &self.authorities {
            match authority.vouches(own, others, now) {
                Ok(window) => return Ok(window),
                Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<ChainDigest, Window>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Authority {
    fn new(
        ca: CertificateDer<'static>,
        lists: &[CertificateRevocationListDer<'static>],
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let unreadable = |_| TlsError::ClientCa(CertificateError::BadEncoding.into());
        let validity = certificate_validity(&ca).map_err(unreadable)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca).map_err(TlsError::ClientCa)?;
        let webpki = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .with_crls(lists.iter().cloned())
            .enforce_revocation_expiration()
            .build()
            .map_err(TlsError::Client)?;
        Ok(Self { webpki, validity })
    }

    fn vouches(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Result<Window, rustls::Error> {
        self.webpki.verify_client_cert(own, others, unix_time(now))?;
        self.validity.at(now)?;
        Ok(Window { from: self.validity.from, until: self.validity.until })
    }
}

impl Window {
    /// Whether it holds `now`.
    pub(super) fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }

    fn within(self, validity: &Validity) -> Self {
        Self { from: self.from.max(validity.from), until: self.until.min(validity.until) }
    }
}

impl ClientCertVerifier for Verifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.subjects
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let chain: Vec<&CertificateDer<'_>> = std::iter::once(own).chain(others).collect();
        let now = Timestamp::from_seconds(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        self.verify(&chain, now).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("lists_until", &self.lists_until).finish_non_exhaustive()
    }
}

/// A moment as rustls has it; before 1970 nothing is valid anyway.
pub(super) fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0)))
}

/// Tells chains apart, by the length and bytes of each certificate.
fn digest_of(chain: &[&CertificateDer<'_>]) -> ChainDigest {
    let mut context = Context::new(&SHA256);
    for certificate in chain {
        context.update(&certificate.len().to_be_bytes());
        context.update(certificate);
    }
    let mut digest = ChainDigest::default();
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
