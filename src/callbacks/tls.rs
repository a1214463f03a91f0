//! TLS towards third parties' servers: our certificate, and which authorities vouch for theirs. A
//! third party may have its own authority pinned, which then vouches for its servers alone. Which
//! version was agreed on is [witnessed](Witness), for who wants to know about an attempt.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use serde::{Deserialize, Serialize};

use crate::config;

/// Third parties whose configurations are kept; above it they are made anew.
const PINNED_MAX: usize = 1024;

/// Sessions that are kept to be resumed, of one set of connections.
const SESSIONS_MAX: usize = 16;

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file has no PEM of the kind needed.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// Certificate and key do not fit, or the like.
    #[error("the client certificate cannot be used: {0}")]
    Configuration(#[from] rustls::Error),
    /// The authorities vouch for nobody.
    #[error("the authorities of third parties' servers cannot be used: {0}")]
    Authorities(#[from] VerifierBuilderError),
}

/// Why an authority cannot be pinned.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// It is no PEM.
    #[error("the pinned authority is no certificate in PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// There is no certificate in it.
    #[error("the pinned authority has no certificate")]
    Empty,
    /// A certificate in it is none.
    #[error("the pinned authority is damaged: {0}")]
    Damaged(#[from] rustls::Error),
    /// It vouches for nobody.
    #[error("the pinned authority cannot be used: {0}")]
    Unusable(#[from] VerifierBuilderError),
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// 1.2
    V12,
    /// 1.3
    V13,
}

impl TlsVersion {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V12 => "TLS 1.2",
            Self::V13 => "TLS 1.3",
        }
    }
}

/// What connections to third parties' servers are opened with.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientTls(..)")
    }
}

impl ClientTls {
    /// Shows this certificate, and trusts servers of these authorities.
    pub fn new(
        roots: RootCertStore,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_webpki_verifier(Arc::clone(&verifier))
            .with_client_auth_cert(chain, key)?;
        Ok(Self { config: Arc::new(config), verifier })
    }

    /// The configuration for who opens a connection and asks it afterwards what was agreed on.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// Trusts the servers of these authorities instead.
    fn trusting(&self, roots: RootCertStore) -> Result<Self, PinError> {
        let provider = Arc::clone(self.config.crypto_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { config: Arc::new(self.verifying(verifier.clone())), verifier })
    }

    /// The configuration with a witness of what is agreed on.
    pub(super) fn witnessed(&self) -> (ClientConfig, Arc<Agreed>) {
        let agreed = Arc::<Agreed>::default();
        let witness = Witness { verifier: Arc::clone(&self.verifier), agreed: Arc::clone(&agreed) };
        (self.verifying(Arc::new(witness)), agreed)
    }

    /// The verifier is the usual one; only whom it trusts, or who looks on, is another.
    fn verifying(&self, verifier: Arc<dyn ServerCertVerifier>) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(verifier);
        // A session that another verifier let count, or that another has witnessed, is not resumed.
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        config
    }
}

/// Which version the newest handshake agreed on.
#[derive(Debug, Default)]
pub(super) struct Agreed(AtomicU8);

impl Agreed {
    pub(super) fn version(&self) -> Option<TlsVersion> {
        match self.0.load(Ordering::Relaxed) {
            12 => Some(TlsVersion::V12),
            13 => Some(TlsVersion::V13),
            _ => None,
        }
    }

    fn note(&self, version: TlsVersion) {
        let number = match version {
            TlsVersion::V12 => 12,
            TlsVersion::V13 => 13,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

/// The usual verifier, and a note of the version that it is asked by: the client of HTTP does not tell
/// it. A resumed session keeps the version that it began with, so nothing changes when nobody asks.
#[derive(Debug)]
struct Witness {
    verifier: Arc<WebPkiServerVerifier>,
    agreed: Arc<Agreed>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let valid = self.verifier.verify_tls12_signature(message, certificate, signed)?;
        self.agreed.note(TlsVersion::V12);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let valid = self.verifier.verify_tls13_signature(message, certificate, signed)?;
        self.agreed.note(TlsVersion::V13);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// The TLS of `[callbacks]`: our certificate, and who signs third parties' servers.
pub fn client_tls(settings: &config::Callbacks) -> Result<ClientTls, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(&settings.server_ca)? {
        roots.add(authority)?;
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| file_error(&settings.key, &error))?;
    ClientTls::new(roots, certificates(&settings.certificate)?, key)
}

/// The authorities in a text of PEM, at least one. What passes here can be pinned.
pub fn authorities(pem: &str) -> Result<RootCertStore, PinError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(authority?)?;
    }
    if roots.is_empty() { Err(PinError::Empty) } else { Ok(roots) }
}

/// What is in force: the common one, and those of third parties with a pinned authority.
pub(super) struct Trust {
    common: ArcSwap<ClientTls>,
    /// By third party.
    pinned: Mutex<HashMap<String, Pinned>>,
}

/// What a pinned authority makes of the common one.
struct Pinned {
    pem: String,
    common: Arc<ClientTls>,
    made: Arc<ClientTls>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(..)")
    }
}

impl Trust {
    pub(super) fn new(common: ClientTls) -> Self {
        Self { common: ArcSwap::from_pointee(common), pinned: Mutex::default() }
    }

    /// Puts another common one in force; those with a pinned authority are made anew of it.
    pub(super) fn replace(&self, common: ClientTls) {
        self.common.store(Arc::new(common));
    }

    /// What counts towards a third party, whose pinned authority this is, if it has one. It is the same
    /// one as long as that does not change.
    pub(super) fn towards(&self, third_party: &str, pinned: Option<String>) -> Result<Arc<ClientTls>, PinError> {
        let common = self.common.load_full();
        let Some(pem) = pinned else { return Ok(common) };
        let mut known = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.get(third_party)
            && before.pem == pem
            && Arc::ptr_eq(&before.common, &common)
        {
            return Ok(Arc::clone(&before.made));
        }
        let made = Arc::new(common.trusting(authorities(&pem)?)?);
        if known.len() >= PINNED_MAX {
            known.clear();
        }
        known.insert(third_party.to_owned(), Pinned { pem, common, made: Arc::clone(&made) });
        Ok(made)
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(file).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    match found {
        Ok(found) if found.is_empty() => Err(file_error(file, &"it has no certificate")),
        Ok(found) => Ok(found),
        Err(error) => Err(file_error(file, &error)),
    }
}

fn file_error(file: &Path, why: &dyn fmt::Display) -> TlsError {
    TlsError::File { file: file.to_owned(), why: why.to_string() }
}
