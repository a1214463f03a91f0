//! Which of its certificates a door shows: clients of before ECDSA understand RSA only, and the others
//! are cheaper to serve with ECDSA.

use std::sync::Arc;

use rustls::CipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::material::{ServerIdentity, TlsError};

/// A door's certificates, in the order in which they are preferred.
#[derive(Debug)]
pub(super) struct Choice {
    keys: Vec<Arc<CertifiedKey>>,
    /// What the door speaks.
    suites: Vec<CipherSuite>,
}

impl Choice {
    /// Of these; each key must be of a kind of its own.
    pub(super) fn of(identities: Vec<ServerIdentity>, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let mut keys: Vec<Arc<CertifiedKey>> = Vec::with_capacity(identities.len());
        for ServerIdentity { chain, key } in identities {
            let key = CertifiedKey::from_der(chain, key, provider).map_err(TlsError::Server)?;
            if keys.iter().any(|other| other.key.algorithm() == key.key.algorithm()) {
                return Err(TlsError::SameKind);
            }
            keys.push(Arc::new(key));
        }
        if keys.is_empty() {
            return Err(TlsError::Server(rustls::Error::NoCertificatesPresented));
        }
        Ok(Self { keys, suites: provider.cipher_suites.iter().map(|suite| suite.suite()).collect() })
    }
}

impl ResolvesServerCert for Choice {
    /// The first one with which the client understands a signature. In TLS 1.2 rustls has left out
    /// the signatures that fit none of the client's suites. Who has no suite in common with the door gets
    /// any: then rustls says so (handshake_failure, as clients and scanners expect), and not that one may
    /// not come in (access_denied).
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if !hello.cipher_suites().iter().any(|suite| self.suites.contains(suite)) {
            return self.keys.first().cloned();
        }
        let understood = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.keys.iter().find(understood).cloned()
    }
}
