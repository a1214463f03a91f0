//! Secrets at rest. What the protocol needs in clear (third parties' passwords) is kept sealed with
//! AES-256-GCM under a key that stands outside the store. Each sealed secret is bound to the place
//! where it belongs, so that one copied into another record does not open there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::hex;
use crate::entropy::Entropy;

/// A text that is never shown: its `Debug` is redacted, its memory is wiped. (S5)
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The secret whose text this is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Whoever calls this must not let it out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A secret as it lies in the store: nonce, ciphertext, tag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(#[serde(with = "serde_bytes")] Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// What seals and opens secrets.
pub struct Vault(LessSafeKey);

/// Why the vault has no key, or did not open something.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key's file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The key is not one.
    #[error("the secret key must be 64 hexadecimal digits on one line")]
    NoKey,
    /// Another key, another place, or damaged bytes.
    #[error("a secret does not open with this key; was the secret key replaced?")]
    Closed,
    /// The cipher refused to seal.
    #[error("a secret could not be sealed")]
    Unsealable,
}

impl Vault {
    /// The vault whose key is in the file at `path`.
    pub fn load(path: &Path) -> Result<Self, VaultError> {
        let text = fs::read_to_string(path).map_err(|error| VaultError::Unreadable { path: path.to_owned(), error })?;
        Self::from_hex(&Zeroizing::new(text))
    }

    /// The vault with the key written as 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, VaultError> {
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(hex::decode(text.trim().as_bytes()).ok_or(VaultError::NoKey)?);
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| VaultError::NoKey)?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// A fresh key, as the text of its file.
    pub fn generate_key(entropy: &dyn Entropy) -> Zeroizing<String> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in key.iter() {
            for digit in [byte >> 4, byte & 0x0F] {
                text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        text
    }

    /// Seals a secret for `place`, a name that tells it from every other place.
    pub fn seal(&self, place: &str, secret: &Secret, entropy: &dyn Entropy) -> Result<Sealed, VaultError> {
        // 96 random bits: with the few passwords of one house, none comes twice.
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut text = secret.expose().as_bytes().to_vec();
        let sealing = Nonce::assume_unique_for_key(nonce);
        let sealed = self.0.seal_in_place_append_tag(sealing, Aad::from(place.as_bytes()), &mut text);
        if sealed.is_err() {
            text.zeroize();
            return Err(VaultError::Unsealable);
        }
        Ok(Sealed([nonce.as_slice(), &text].concat()))
    }

    /// Opens what was sealed for `place`.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Secret, VaultError> {
        let (nonce, text) = sealed.0.split_first_chunk::<NONCE_LEN>().ok_or(VaultError::Closed)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened =
            self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut text).map_err(|_| VaultError::Closed)?;
        std::str::from_utf8(opened).map(Secret::new).map_err(|_| VaultError::Closed)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn vault(seed: u64) -> Vault {
        Vault::from_hex(&Vault::generate_key(&SeededEntropy::new(seed))).unwrap()
    }

    #[test]
    fn a_secret_opens_with_its_key_at_its_place_only() {
        let sealed = vault(1).seal("duka", &Secret::new("s3cret#"), &SeededEntropy::new(2)).unwrap();
        assert_eq!(vault(1).open("duka", &sealed).unwrap().expose(), "s3cret#");
        assert!(matches!(vault(1).open("soko", &sealed), Err(VaultError::Closed)));
        assert!(matches!(vault(2).open("duka", &sealed), Err(VaultError::Closed)));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let sealed = vault(1).seal("duka", &Secret::new("s3cret#"), &SeededEntropy::new(2)).unwrap();
        for at in 0..sealed.0.len() * 8 {
            let mut bent = sealed.clone();
            bent.0[at / 8] ^= 1 << (at % 8);
            assert!(vault(1).open("duka", &bent).is_err(), "bit {at}");
        }
        assert!(vault(1).open("duka", &Sealed(vec![0; 3])).is_err());
    }

    #[test]
    fn a_key_is_64_hex_digits() {
        for text in ["", "abc", &"0".repeat(63), &"g".repeat(64), &"0".repeat(65)] {
            assert!(matches!(Vault::from_hex(text), Err(VaultError::NoKey)), "{text}");
        }
    }

    #[test]
    fn s5_secrets_do_not_show_themselves() {
        let secret = Secret::new("s3cret#");
        let sealed = vault(1).seal("duka", &secret, &SeededEntropy::new(2)).unwrap();
        assert_eq!(format!("{secret:?} {sealed:?} {:?}", vault(1)), "Secret(..) Sealed(..) Vault(..)");
    }
}
