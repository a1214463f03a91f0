//! The TLS side of a door: TLS 1.2 and 1.3 with the safe suites of rustls, client certificates
//! required, chained to the door's CAs and checked against its CRLs.
//!
//! Invariant: no session is ever resumed, since a resumed session would skip the check of the client
//! certificate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};

use crate::access::KeyFingerprint;

/// How a door tells the key of a client certificate.
pub type Fingerprint = fn(&CertificateDer<'_>) -> Option<KeyFingerprint>;

/// Where a door's certificates are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The server's chain, PEM, its own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs client certificates, PEM.
    pub client_ca: PathBuf,
    /// Revoked client certificates, PEM.
    pub client_crl: Option<PathBuf>,
}

/// A door's certificates, read.
pub struct TlsMaterial {
    /// The server's chain, its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
    /// Who signs client certificates.
    pub client_cas: Vec<CertificateDer<'static>>,
    /// Revoked client certificates. With any list, a certificate is refused unless there is one of
    /// each CA in its chain.
    pub client_crls: Vec<CertificateRevocationListDer<'static>>,
}

/// Why a door's TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has no PEM section of the kind.
    #[error("{}: no {what} in PEM can be read: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What it should have.
        what: &'static str,
        /// What happened.
        source: pem::Error,
    },
    /// Chain and key do not belong together, or have a kind that is not supported.
    #[error("the server's certificate and key: {0}")]
    Server(#[source] rustls::Error),
    /// A client CA or CRL is not usable.
    #[error("the CA or CRL for client certificates: {0}")]
    Client(#[source] VerifierBuilderError),
    /// A client CA's certificate makes no sense.
    #[error("the CA for client certificates: {0}")]
    ClientCa(#[source] rustls::Error),
}

impl TlsMaterial {
    /// Reads the files.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(fault(&files.key, "private key"))?;
        let client_crls = match &files.client_crl {
            Some(file) => sections(file, "revocation list")?,
            None => Vec::new(),
        };
        Ok(Self {
            chain: sections(&files.certificate, "certificate")?,
            key,
            client_cas: sections(&files.client_ca, "CA certificate")?,
            client_crls,
        })
    }
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").field("client_cas", &self.client_cas.len()).finish_non_exhaustive()
    }
}

/// A door's TLS in force. Clones share it, so that a reload reaches the door.
#[derive(Clone)]
pub struct Tls {
    state: Arc<ArcSwap<State>>,
    fingerprint: Fingerprint,
}

struct State {
    config: Arc<ServerConfig>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// How often it was replaced.
    generation: u64,
}

/// The certificate that a peer showed, kept as long as its connection, so that a reload can ask
/// whether it is still good.
pub(super) struct Proof {
    chain: Vec<CertificateDer<'static>>,
    /// The newest generation under which it was found good.
    good_under: AtomicU64,
}

impl Tls {
    /// Sets TLS up from what was read.
    pub fn new(material: TlsMaterial, fingerprint: Fingerprint) -> Result<Self, TlsError> {
        let state = State::new(material, 0)?;
        Ok(Self { state: Arc::new(ArcSwap::from_pointee(state)), fingerprint })
    }

    /// Sets TLS up from files.
    pub fn read(files: &TlsFiles, fingerprint: Fingerprint) -> Result<Self, TlsError> {
        Self::new(TlsMaterial::read(files)?, fingerprint)
    }

    /// Handshakes from now on use `material`; on an error the old one stays in force. Connections
    /// that are open have their certificate verified again before their next request, and on
    /// [`super::Doors::recheck`].
    pub fn replace(&self, material: TlsMaterial) -> Result<(), TlsError> {
        let state = State::new(material, self.state.load().generation.wrapping_add(1))?;
        self.state.store(Arc::new(state));
        Ok(())
    }

    /// What the peer has shown in a handshake under `generation`.
    pub(super) fn proof(&self, chain: Option<&[CertificateDer<'_>]>, generation: u64) -> Proof {
        let chain = chain.unwrap_or_default().iter().map(|certificate| certificate.clone().into_owned()).collect();
        Proof { chain, good_under: AtomicU64::new(generation) }
    }

    /// Whether the certificate is good under what is in force now: of a CA of ours and not revoked.
    /// Verifies only if TLS was replaced since it did last.
    pub(super) fn holds(&self, proof: &Proof) -> bool {
        let state = self.state.load();
        if proof.good_under.load(Ordering::Relaxed) == state.generation {
            return true;
        }
        let Some((own, others)) = proof.chain.split_first() else { return false };
        let good = state.verifier.verify_client_cert(own, others, UnixTime::now()).is_ok();
        if good {
            proof.good_under.store(state.generation, Ordering::Relaxed);
        }
        good
    }

    /// What a handshake that begins now uses, and its generation.
    pub(super) fn config(&self) -> (Arc<ServerConfig>, u64) {
        let state = self.state.load();
        (Arc::clone(&state.config), state.generation)
    }

    /// The key of the peer's own certificate, which the handshake has verified.
    pub(super) fn key(&self, chain: Option<&[CertificateDer<'_>]>) -> Option<KeyFingerprint> {
        chain.and_then(<[_]>::first).and_then(self.fingerprint)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl State {
    fn new(material: TlsMaterial, generation: u64) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = client_verifier(material.client_cas, material.client_crls, &provider)?;
        let config = server_config(material.chain, material.key, Arc::clone(&verifier), provider)?;
        Ok(Self { config: Arc::new(config), verifier, generation })
    }
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    verifier: Arc<dyn ClientCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Server)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(TlsError::Server)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // No resumption: no stored session, no ticket of TLS 1.2 (the default ticketer makes none) or 1.3.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client_verifier(
    cas: Vec<CertificateDer<'static>>,
    crls: Vec<CertificateRevocationListDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        roots.add(ca).map_err(TlsError::ClientCa)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(crls)
        .enforce_revocation_expiration()
        .build()
        .map_err(TlsError::Client)
}

/// All PEM sections of one kind; at least one.
fn sections<T: PemObject>(file: &Path, what: &'static str) -> Result<Vec<T>, TlsError> {
    let all: Vec<T> =
        T::pem_file_iter(file).and_then(|sections| sections.collect::<Result<_, _>>()).map_err(fault(file, what))?;
    if all.is_empty() { Err(fault(file, what)(pem::Error::NoItemsFound)) } else { Ok(all) }
}

fn fault(file: &Path, what: &'static str) -> impl Fn(pem::Error) -> TlsError {
    move |source| TlsError::File { file: file.to_owned(), what, source }
}
