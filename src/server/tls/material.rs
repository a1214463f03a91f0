//! The files of a door's certificates, read.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::server::VerifierBuilderError;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::access::IdentityError;

/// Where a door's certificates are.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// What the door shows: one, or one for each kind of key.
    pub identities: Vec<IdentityFiles>,
    /// Who signs client certificates, PEM.
    pub client_ca: PathBuf,
    /// Revoked client certificates, PEM.
    pub client_crl: Option<PathBuf>,
}

/// A server's certificate and its key.
#[derive(Clone, Debug)]
pub struct IdentityFiles {
    /// The server's chain, PEM, its own certificate first.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

/// A door's certificates, read.
pub struct TlsMaterial {
    /// What the door shows: the first one whose signatures a client understands.
    pub identities: Vec<ServerIdentity>,
    /// Who signs client certificates.
    pub client_cas: Vec<CertificateDer<'static>>,
    /// Revoked client certificates. With any list, a certificate is refused unless there is one of
    /// each CA in its chain.
    pub client_crls: Vec<CertificateRevocationListDer<'static>>,
}

/// A server's chain and its private key.
pub struct ServerIdentity {
    /// The chain, its own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
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
    /// A second certificate whose key is of the same kind as the first one's would never be shown.
    #[error("the server's second certificate has a key of the same kind as the first; one of the two is enough")]
    SameKind,
    /// A certificate or a list makes no sense.
    #[error("the {what}: {source}")]
    Unreadable {
        /// Which.
        what: &'static str,
        /// Why.
        source: IdentityError,
    },
    /// A client CA or CRL is not usable.
    #[error("the CA or CRL for client certificates: {0}")]
    Client(#[source] VerifierBuilderError),
    /// There are lists, but none of this CA: nobody whom it signed could come in.
    #[error(
        "the CRL for client certificates has no list of the CA \"{0}\", so nobody with a certificate of it could \
         come in; add its list (`lango cert revoke` writes one) or remove the CA"
    )]
    NoList(String),
    /// A list is older than the one of the same CA that is in force: what was revoked since would come in.
    #[error(
        "the CRL of the CA \"{0}\" is older than the one in force, so what was revoked since then would come in \
         again; put the newest list in its place"
    )]
    OlderList(String),
    /// A client CA's certificate makes no sense.
    #[error("the CA for client certificates: {0}")]
    ClientCa(#[source] rustls::Error),
}

impl TlsFiles {
    /// Every file.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let identities = self.identities.iter().flat_map(|identity| [&identity.certificate, &identity.key]);
        identities.chain([&self.client_ca]).chain(&self.client_crl).map(PathBuf::as_path)
    }
}

impl TlsMaterial {
    /// Reads the files.
    pub fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let client_crls = match &files.client_crl {
            Some(file) => sections(file, "revocation list")?,
            None => Vec::new(),
        };
        Ok(Self {
            identities: files.identities.iter().map(ServerIdentity::read).collect::<Result<_, _>>()?,
            client_cas: sections(&files.client_ca, "CA certificate")?,
            client_crls,
        })
    }
}

impl ServerIdentity {
    fn read(files: &IdentityFiles) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(fault(&files.key, "private key"))?;
        Ok(Self { chain: sections(&files.certificate, "certificate")?, key })
    }
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").field("client_cas", &self.client_cas.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerIdentity").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
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
