//! Which of its certificates a door shows: clients of before ECDSA understand RSA only, and the others
//! are cheaper to serve with ECDSA.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, SupportedCipherSuite};

use super::material::{ServerIdentity, TlsError};

/// A door's certificates, in the order in which they are preferred.
#[derive(Debug)]
pub(super) struct Choice {
    keys: Vec<Arc<CertifiedKey>>,
    /// What the door speaks with one of them.
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
        let served = provider.cipher_suites.iter().filter(|suite| keys.iter().any(|key| serves(key, suite)));
        let suites = served.map(SupportedCipherSuite::suite).collect();
        Ok(Self { keys, suites })
    }
}

/// Whether a suite works with this key: those of TLS 1.2 name the kind of signature.
fn serves(key: &CertifiedKey, suite: &SupportedCipherSuite) -> bool {
    match suite {
        SupportedCipherSuite::Tls12(suite) => {
            suite.sign.iter().any(|scheme| key.key.choose_scheme(&[*scheme]).is_some())
        }
        SupportedCipherSuite::Tls13(_) => true,
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
