//! TLS towards third parties' servers: our certificate, and which authorities vouch for theirs. A
//! third party may have its own authority pinned, which then vouches for its servers alone.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config;

/// Third parties whose configurations are kept; above it they are made anew.
const PINNED_MAX: usize = 1024;

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

/// The TLS configuration of `[callbacks]`: our certificate, and who signs third parties' servers.
pub fn client_tls(settings: &config::Callbacks) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(&settings.server_ca)? {
        roots.add(authority)?;
    }
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| file_error(&settings.key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(certificates(&settings.certificate)?, key)?)
}

/// The authorities in a text of PEM, at least one. What passes here can be pinned.
pub fn authorities(pem: &str) -> Result<RootCertStore, PinError> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(authority?)?;
    }
    if roots.is_empty() { Err(PinError::Empty) } else { Ok(roots) }
}

/// The configurations in force: the common one, and those of third parties with a pinned authority.
pub(super) struct Trust {
    common: ArcSwap<ClientConfig>,
    /// By third party.
    pinned: Mutex<HashMap<String, Pinned>>,
}

/// A configuration with a pinned authority, and what it was made of.
struct Pinned {
    pem: String,
    common: Arc<ClientConfig>,
    made: Arc<ClientConfig>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust(..)")
    }
}

impl Trust {
    pub(super) fn new(common: ClientConfig) -> Self {
        Self { common: ArcSwap::from_pointee(common), pinned: Mutex::default() }
    }

    /// Puts another common configuration in force; those with a pinned authority are made anew of it.
    pub(super) fn replace(&self, common: ClientConfig) {
        self.common.store(Arc::new(common));
    }

    /// The configuration towards a third party, whose pinned authority this is, if it has one. It is
    /// the same one as long as that does not change.
    pub(super) fn towards(&self, third_party: &str, pinned: Option<String>) -> Result<Arc<ClientConfig>, PinError> {
        let common = self.common.load_full();
        let Some(pem) = pinned else { return Ok(common) };
        let mut known = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = known.get(third_party)
            && before.pem == pem
            && Arc::ptr_eq(&before.common, &common)
        {
            return Ok(Arc::clone(&before.made));
        }
        let provider = Arc::clone(common.crypto_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities(&pem)?), provider).build()?;
        let mut made = ClientConfig::clone(&common);
        // The verifier is the usual one; only whom it trusts is another.
        made.dangerous().set_certificate_verifier(verifier);
        // A session of the common configuration must not be resumed under this one.
        made.resumption = rustls::client::Resumption::in_memory_sessions(16);
        let made = Arc::new(made);
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
