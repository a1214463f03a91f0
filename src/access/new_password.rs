//! The `newPassword` of changePassword (protocol.md 1.6): base64 of the password, encrypted with AES
//! in CBC mode with PKCS #7 under a key and a start vector that the provider gave to the third party.
//! The documents say AES-256; their example is AES-128, so the key's length decides.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Secret;
use super::sp_password::LENIENT_BASE64;

/// Characters of a third party's password, at least and at most.
const CHARACTERS: std::ops::RangeInclusive<usize> = 8..=64;
/// The bytes of a start vector, and of a block.
const BLOCK_BYTES: usize = 16;
/// The longest newPassword that is looked at.
const TEXT_BYTES_MAX: usize = 512;

/// A key or a start vector that AES cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of changePassword has 16, 24 or 32 bytes, and its start vector 16")]
pub struct ChangeKeyError;

/// What is wrong with a newPassword. To the caller it is all the same, or it could ask what a
/// ciphertext that it overheard decrypts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewPasswordFault {
    /// It is no base64 of whole blocks.
    Base64,
    /// The padding is wrong: another key, or other bytes.
    Cipher,
    /// The password breaks the rules for one.
    Rule,
}

/// The newPassword that a third party sends.
pub fn new_password(password: &str, key: &Secret, vector: &Secret) -> Result<String, ChangeKeyError> {
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(unbound(key)?).map_err(|_| ChangeKeyError)?;
    let mut text = password.as_bytes().to_vec();
    let start = EncryptionContext::Iv128(FixedLength::from(&start(vector)?));
    key.less_safe_encrypt(&mut text, start).map_err(|_| ChangeKeyError)?;
    Ok(STANDARD.encode(text))
}

/// Whether AES can take this key and this start vector.
pub(super) fn check_change_key(key: &Secret, vector: &Secret) -> Result<(), ChangeKeyError> {
    unbound(key)?;
    start(vector).map(drop)
}

/// The password in a newPassword, if it may be one.
pub(super) fn open_new_password(text: &str, key: &Secret, vector: &Secret) -> Result<Secret, NewPasswordFault> {
    let cipher = |_| NewPasswordFault::Cipher;
    let mut bytes = decode(text).ok_or(NewPasswordFault::Base64)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(unbound(key).map_err(cipher)?);
    let key = key.map_err(|_| NewPasswordFault::Cipher)?;
    let start = DecryptionContext::Iv128(FixedLength::from(&start(vector).map_err(cipher)?));
    let password = key.decrypt(&mut bytes, start).map_err(|_| NewPasswordFault::Cipher)?;
    let password = std::str::from_utf8(password).map_err(|_| NewPasswordFault::Rule)?;
    if is_allowed(password) { Ok(Secret::new(password)) } else { Err(NewPasswordFault::Rule) }
}

/// Printable ASCII without spaces, so that every program can hash it, with a letter of each case, a
/// digit and something else, as the documents' own example.
fn is_allowed(password: &str) -> bool {
    let has = |test: fn(&u8) -> bool| password.as_bytes().iter().any(test);
    CHARACTERS.contains(&password.len())
        && password.bytes().all(|byte| byte.is_ascii_graphic())
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_punctuation)
}

fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = Zeroizing::new(LENIENT_BASE64.decode(text).ok()?);
    (!bytes.is_empty() && bytes.len().is_multiple_of(BLOCK_BYTES)).then_some(bytes)
}

fn unbound(key: &Secret) -> Result<UnboundCipherKey, ChangeKeyError> {
    let bytes = key.expose().as_bytes();
    let algorithm = match bytes.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(ChangeKeyError),
    };
    UnboundCipherKey::new(algorithm, bytes).map_err(|_| ChangeKeyError)
}

fn start(vector: &Secret) -> Result<[u8; BLOCK_BYTES], ChangeKeyError> {
    vector.expose().as_bytes().try_into().map_err(|_| ChangeKeyError)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The documents' example.
    const KEY: &str = "AAAabcdefghijklm";
    const VECTOR: &str = "abcdefghijklmnop";
    const PASSWORD: &str = "!QAZ2wsx";
    const NEW_PASSWORD: &str = "wi2a7BAH0QPd2LRdmcgC9w==";

    fn open(text: &str, key: &str) -> Result<String, NewPasswordFault> {
        let opened = open_new_password(text, &Secret::new(key), &Secret::new(VECTOR));
        opened.map(|password| password.expose().to_owned())
    }

    #[test]
    fn the_published_example_opens_and_is_made() {
        assert_eq!(open(NEW_PASSWORD, KEY).as_deref(), Ok(PASSWORD));
        assert_eq!(new_password(PASSWORD, &Secret::new(KEY), &Secret::new(VECTOR)).as_deref(), Ok(NEW_PASSWORD));
        let wrapped = format!(" {}\r\n{} ", &NEW_PASSWORD[..10], &NEW_PASSWORD[10..]);
        assert_eq!(open(wrapped.trim_end_matches(['=', ' ']), KEY).as_deref(), Ok(PASSWORD));
    }

    #[test]
    fn the_length_of_the_key_chooses_the_cipher() {
        let vector = Secret::new(VECTOR);
        for key in ["k".repeat(16), "k".repeat(24), "k".repeat(32)] {
            let text = new_password(PASSWORD, &Secret::new(key.as_str()), &vector).unwrap();
            assert_eq!(open(&text, &key).as_deref(), Ok(PASSWORD));
        }
        for key in ["", "k", &"k".repeat(17), &"k".repeat(33)] {
            assert_eq!(new_password(PASSWORD, &Secret::new(key), &vector), Err(ChangeKeyError), "{key}");
            assert_eq!(check_change_key(&Secret::new(key), &vector), Err(ChangeKeyError));
        }
        assert_eq!(check_change_key(&Secret::new(KEY), &Secret::new("short")), Err(ChangeKeyError));
    }

    #[test]
    fn what_does_not_open_or_is_no_password_has_its_reason() {
        let made = |password: &str| new_password(password, &Secret::new(KEY), &Secret::new(VECTOR)).unwrap();
        for (text, fault) in [
            (String::new(), NewPasswordFault::Base64),
            ("!QAZ2wsx".into(), NewPasswordFault::Base64),
            (STANDARD.encode([0; 15]), NewPasswordFault::Base64),
            (STANDARD.encode([0; 16]), NewPasswordFault::Cipher),
            ("A".repeat(1_000), NewPasswordFault::Base64),
            (made("Short#1"), NewPasswordFault::Rule),
            (made("no upper case #1"), NewPasswordFault::Rule),
            (made("NoDigitAtAll#"), NewPasswordFault::Rule),
            (made("NoSpecial1"), NewPasswordFault::Rule),
            (made("Spac e#1x"), NewPasswordFault::Rule),
            (made(&format!("Aa#1{}", "x".repeat(61))), NewPasswordFault::Rule),
        ] {
            assert_eq!(open(&text, KEY), Err(fault), "{text}");
        }
        assert_eq!(open(NEW_PASSWORD, "AAAabcdefghijklM"), Err(NewPasswordFault::Cipher));
    }

    proptest! {
        #[test]
        fn no_text_and_no_bytes_make_it_panic(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = open(&text, KEY);
            let _ = open(&STANDARD.encode(bytes), KEY);
        }

        #[test]
        fn every_password_comes_out_as_it_went_in(password in "[A-Z][a-z][0-9][#%&$!][!-~]{4,60}") {
            let text = new_password(&password, &Secret::new(KEY), &Secret::new(VECTOR)).unwrap();
            prop_assert_eq!(open(&text, KEY), Ok(password));
        }
    }
}
