//! The RSA keys that open a SecurityCredential: base64 of the password encrypted with PKCS#1 v1.5.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{
    KeyPair, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;
use zeroize::Zeroizing;

use crate::access::sp_password::LENIENT_BASE64;

/// The longest SecurityCredential that is looked at; an RSA-4096 one has 684 characters.
const TEXT_BYTES_MAX: usize = 2048;
/// The smallest key.
const KEY_BITS_MIN: usize = 2048;
/// What is hashed where nothing could be decrypted, so that it takes as long.
const NOTHING: &[u8] = b"no password";

/// The private keys, the current one first. While one replaces another, both count.
pub struct CredentialKeys {
    keys: Vec<CredentialKey>,
    /// Decryptions done so far: every credential costs one for each key (S6).
    pub(super) decryptions: AtomicU64,
}

/// One of them.
struct CredentialKey {
    key: Pkcs1PrivateDecryptingKey,
    /// Its public modulus, as long as what it decrypts: a larger number is refused before any work is done.
    modulus: Vec<u8>,
}

/// Why there are no credential keys, or nothing was encrypted.
#[derive(Debug, thiserror::Error)]
pub enum CredentialKeyError {
    /// A key's file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file holds no such key.
    #[error("{}: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        error: Box<CredentialKeyError>,
    },
    /// The text is no RSA private key.
    #[error("this is no RSA private key of at least {KEY_BITS_MIN} bits in PEM")]
    NoPrivateKey,
    /// The text is no certificate with an RSA key.
    #[error("this is no certificate of an RSA key in PEM")]
    NoCertificate,
    /// No key was given.
    #[error("at least one credential key is needed")]
    None,
    /// The password is too long for the key.
    #[error("the password is too long to be encrypted with this key")]
    TooLong,
}

/// Why a SecurityCredential gave no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenFault {
    /// It is no base64 of as many bytes as a key has.
    Base64,
    /// No key found a password in it.
    Padding,
}

/// What was found in a SecurityCredential: the bytes to be hashed, and whether they came out of it.
pub(super) struct Opened {
    pub password: Zeroizing<Vec<u8>>,
    pub fault: Option<OpenFault>,
}

impl CredentialKeys {
    /// The keys in these files.
    pub fn load<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CredentialKeyError> {
        let read = |path: &P| {
            let path = path.as_ref().to_owned();
            let text = fs::read_to_string(&path)
                .map(Zeroizing::new)
                .map_err(|error| CredentialKeyError::Unreadable { path: path.clone(), error })?;
            read_private_key(&text).map_err(|error| CredentialKeyError::Invalid { path, error: Box::new(error) })
        };
        Self::new(paths.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The keys in these texts.
    pub fn from_pems(texts: &[&str]) -> Result<Self, CredentialKeyError> {
        Self::new(texts.iter().map(|text| read_private_key(text)).collect::<Result<_, _>>()?)
    }

    fn new(keys: Vec<CredentialKey>) -> Result<Self, CredentialKeyError> {
        if keys.is_empty() {
            return Err(CredentialKeyError::None);
        }
        Ok(Self { keys, decryptions: AtomicU64::new(0) })
    }

    /// Decrypts with every key, whatever comes out, so that the time tells nothing.
    pub(super) fn open(&self, security_credential: &str) -> Opened {
        let ciphertext = decode(security_credential);
        let mut opened = Opened {
            password: Zeroizing::new(NOTHING.to_vec()),
            fault: Some(if ciphertext.is_some() { OpenFault::Padding } else { OpenFault::Base64 }),
        };
        let mut any_fits = false;
        for key in &self.keys {
            let fitting = ciphertext.as_deref().filter(|bytes| bytes.len() == key.modulus.len());
            any_fits |= fitting.is_some();
            self.decryptions.fetch_add(1, Ordering::Relaxed);
            let password = key.decrypt(fitting.filter(|bytes| **bytes < *key.modulus));
            if let (Some(password), Some(_)) = (password, opened.fault) {
                opened = Opened { password, fault: None };
            }
        }
        if !any_fits {
            opened.fault = Some(OpenFault::Base64);
        }
        opened
    }
}

impl fmt::Debug for CredentialKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CredentialKeys({})", self.keys.len())
    }
}

/// The SecurityCredential that a client sends: the password, encrypted with the key of the
/// credential certificate.
pub fn security_credential(password: &str, certificate_pem: &str) -> Result<String, CredentialKeyError> {
    let certificate =
        CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| CredentialKeyError::NoCertificate)?;
    let (_, parsed) = parse_x509_certificate(&certificate).map_err(|_| CredentialKeyError::NoCertificate)?;
    let key = PublicEncryptingKey::from_der(parsed.public_key().raw)
        .map_err(|_| CredentialKeyError::NoCertificate)
        .and_then(|key| Pkcs1PublicEncryptingKey::new(key).map_err(|_| CredentialKeyError::NoCertificate))?;
    let mut ciphertext = vec![0; key.ciphertext_size()];
    let ciphertext = key.encrypt(password.as_bytes(), &mut ciphertext).map_err(|_| CredentialKeyError::TooLong)?;
    Ok(STANDARD.encode(ciphertext))
}

fn read_private_key(pem: &str) -> Result<CredentialKey, CredentialKeyError> {
    let no_key = |_| CredentialKeyError::NoPrivateKey;
    let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| CredentialKeyError::NoPrivateKey)? {
        PrivateKeyDer::Pkcs8(der) => PrivateDecryptingKey::from_pkcs8(der.secret_pkcs8_der()).map_err(no_key)?,
        PrivateKeyDer::Pkcs1(der) => {
            let pair = KeyPair::from_der(der.secret_pkcs1_der()).map_err(no_key)?;
            let pkcs8 = pair.as_der().map_err(|_| CredentialKeyError::NoPrivateKey)?;
            PrivateDecryptingKey::from_pkcs8(pkcs8.as_ref()).map_err(no_key)?
        }
        _ => return Err(CredentialKeyError::NoPrivateKey),
    };
    if key.key_size_bits() < KEY_BITS_MIN {
        return Err(CredentialKeyError::NoPrivateKey);
    }
    let modulus = modulus(&key.public_key()).ok_or(CredentialKeyError::NoPrivateKey)?;
    let key = Pkcs1PrivateDecryptingKey::new(key).map_err(|_| CredentialKeyError::NoPrivateKey)?;
    Ok(CredentialKey { key, modulus })
}

/// The modulus, without leading zeros.
fn modulus(key: &PublicEncryptingKey) -> Option<Vec<u8>> {
    let der = key.as_der().ok()?;
    let (_, info) = SubjectPublicKeyInfo::from_der(der.as_ref()).ok()?;
    let PublicKey::RSA(parts) = info.parsed().ok()? else { return None };
    let zeros = parts.modulus.iter().take_while(|byte| **byte == 0).count();
    parts.modulus.get(zeros..).map(<[u8]>::to_vec)
}

/// The bytes of a SecurityCredential, which may be wrapped over lines.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    LENIENT_BASE64.decode(text).ok()
}

impl CredentialKey {
    /// Decrypts the ciphertext or, if there is none that this key can decrypt, one that holds nothing: the
    /// same work in either case.
    fn decrypt(&self, ciphertext: Option<&[u8]>) -> Option<Zeroizing<Vec<u8>>> {
        let mut nothing = vec![0; self.modulus.len()];
        if let Some(last) = nothing.last_mut() {
            *last = 2;
        }
        let mut plaintext = Zeroizing::new(vec![0; self.key.min_output_size()]);
        let found = self.key.decrypt(ciphertext.unwrap_or(&nothing), &mut plaintext).ok();
        let found = found.map(|found| Zeroizing::new(found.to_vec()));
        ciphertext.and(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::access::testing::{CREDENTIAL, OLD_CREDENTIAL};

    fn keys() -> CredentialKeys {
        CredentialKeys::from_pems(&[&CREDENTIAL.key_pem, &OLD_CREDENTIAL.key_pem]).unwrap()
    }

    #[test]
    fn a_credential_opens_with_the_current_and_the_previous_key() {
        for certificate in [&CREDENTIAL.certificate_pem, &OLD_CREDENTIAL.certificate_pem] {
            let text = security_credential("Sesame#1", certificate).unwrap();
            assert_eq!(text.len(), 344);
            let opened = keys().open(&text);
            assert_eq!((opened.password.as_slice(), opened.fault), (b"Sesame#1".as_slice(), None));
        }
    }

    #[test]
    fn a_credential_may_be_wrapped_and_without_padding() {
        let text = security_credential("Sesame#1", &CREDENTIAL.certificate_pem).unwrap();
        let wrapped = format!("\r\n {}\n\t{} ", &text[..76], text[76..].trim_end_matches('='));
        assert_eq!(keys().open(&wrapped).fault, None);
    }

    #[test]
    fn what_does_not_open_has_a_reason_and_something_to_hash() {
        let text = security_credential("Sesame#1", &CREDENTIAL.certificate_pem).unwrap();
        let mut bent = STANDARD.decode(&text).unwrap();
        bent[100] ^= 1;
        for (text, fault) in [
            (STANDARD.encode(bent), OpenFault::Padding),
            (STANDARD.encode([0xFF; 256]), OpenFault::Padding),
            (String::new(), OpenFault::Base64),
            ("Sesame#1".into(), OpenFault::Base64),
            (STANDARD.encode([7; 255]), OpenFault::Base64),
            (STANDARD.encode([7; 257]), OpenFault::Base64),
            ("A".repeat(TEXT_BYTES_MAX + 4), OpenFault::Base64),
        ] {
            let opened = keys().open(&text);
            assert_eq!((opened.password.as_slice(), opened.fault), (NOTHING, Some(fault)), "{text}");
        }
    }

    #[test]
    fn s6_opening_does_the_same_work_whatever_comes_out() {
        let keys = keys();
        for text in [
            security_credential("Sesame#1", &CREDENTIAL.certificate_pem).unwrap(),
            security_credential("Sesame#1", &OLD_CREDENTIAL.certificate_pem).unwrap(),
            STANDARD.encode([7; 256]),
            STANDARD.encode([7; 100]),
            "no base64!".to_owned(),
        ] {
            let before = keys.decryptions.load(Ordering::Relaxed);
            let _ = keys.open(&text);
            assert_eq!(keys.decryptions.load(Ordering::Relaxed) - before, 2, "one for each key: {text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "no key", &CREDENTIAL.certificate_pem] {
            assert!(matches!(CredentialKeys::from_pems(&[text]), Err(CredentialKeyError::NoPrivateKey)));
        }
        assert!(matches!(CredentialKeys::from_pems(&[]), Err(CredentialKeyError::None)));
        let missing = CredentialKeys::load(&["/nowhere/credential.key"]).unwrap_err();
        assert!(missing.to_string().starts_with("/nowhere/credential.key: "), "{missing}");
    }

    #[test]
    fn a_password_that_does_not_fit_is_not_encrypted() {
        let too_long = "x".repeat(246);
        assert!(matches!(
            security_credential(&too_long, &CREDENTIAL.certificate_pem),
            Err(CredentialKeyError::TooLong)
        ));
        assert!(security_credential("Sesame#1", "no certificate").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_text_opens_or_panics(text in "\\PC*") {
            prop_assert!(keys().open(&text).fault.is_some());
        }
    }
}
