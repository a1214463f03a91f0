//! The spPassword of a request's header: base64 of the hexadecimal text of
//! SHA-256(spId + password + timeStamp). Clients write the digits in either case, the header's
//! timeStamp is whatever text they hashed, and neither is for us to mend.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::hex;

/// The longest spPassword that is looked at; the right one has 88 characters.
const TEXT_BYTES_MAX: usize = 256;

/// Base64 as legacy programs write it: with padding or without.
pub(super) const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What is wrong with an spPassword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpPasswordFault {
    /// It is not base64 of a digest in a form that is accepted.
    Malformed,
    /// It is the digest of something else.
    Wrong,
}

/// How a digest was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In hexadecimal digits.
    Digits,
    /// In its own 32 bytes.
    Raw,
}

/// The spPassword that a client sends.
pub fn sp_password(sp_id: &str, password: &str, time_stamp: &str) -> String {
    let digest = digest_of(sp_id, password, time_stamp);
    let digits: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    LENIENT_BASE64.encode(digits)
}

/// Compares the spPassword that was presented with the right one, in constant time.
/// `raw_digest` accepts the 32 bytes of the digest themselves beside their hexadecimal text.
pub(super) fn check(
    presented: &str,
    sp_id: &str,
    password: &str,
    time_stamp: &str,
    raw_digest: bool,
) -> Result<Form, SpPasswordFault> {
    let right = digest_of(sp_id, password, time_stamp);
    let (presented, form) = decode(presented, raw_digest).ok_or(SpPasswordFault::Malformed)?;
    verify_slices_are_equal(&right, &presented).map(|()| form).map_err(|_| SpPasswordFault::Wrong)
}

fn digest_of(sp_id: &str, password: &str, time_stamp: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in [sp_id, password, time_stamp] {
        context.update(part.as_bytes());
    }
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

fn decode(presented: &str, raw_digest: bool) -> Option<([u8; 32], Form)> {
    if presented.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text: Vec<u8> = presented.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = LENIENT_BASE64.decode(text).ok()?;
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(digest) if raw_digest => Some((digest, Form::Raw)),
        _ => hex::decode(&bytes).map(|digest| (digest, Form::Digits)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIME: &str = "20261123184497";

    fn check_it(presented: &str, raw_digest: bool) -> Result<Form, SpPasswordFault> {
        check(presented, "107031", "S3cret#pw", TIME, raw_digest)
    }

    #[test]
    fn the_formula_gives_the_value_that_other_programs_compute() {
        // printf '107031S3cret#pw20261123184497' | sha256sum | head -c 64 | base64 -w0
        let lower = "YzI3MWQ0MDI4ZjdkM2VjZDk4YzkxNWJiNThiMTdkNTI0MDZmMjE0M2JmYzUxMzM0NDU5MDQ5ODY5M2NkYjZhNA==";
        // The same with `tr a-f A-F` before base64.
        let upper = "QzI3MUQ0MDI4RjdEM0VDRDk4QzkxNUJCNThCMTdENTI0MDZGMjE0M0JGQzUxMzM0NDU5MDQ5ODY5M0NEQjZBNA==";
        assert_eq!(sp_password("107031", "S3cret#pw", TIME), upper);
        assert_eq!((check_it(lower, false), check_it(upper, false)), (Ok(Form::Digits), Ok(Form::Digits)));
    }

    #[test]
    fn the_text_may_be_wrapped_and_without_padding() {
        let digits = LENIENT_BASE64.decode(sp_password("107031", "S3cret#pw", TIME)).unwrap();
        let lower = LENIENT_BASE64.encode(digits.to_ascii_lowercase());
        assert_eq!(check_it(&lower, false), Ok(Form::Digits));
        assert_eq!(check_it(&format!(" {}\n{} ", &lower[..40], &lower[40..]), false), Ok(Form::Digits));
        assert_eq!(check_it(lower.trim_end_matches('='), false), Ok(Form::Digits));
    }

    #[test]
    fn the_raw_digest_is_an_option() {
        let raw = LENIENT_BASE64.encode(digest_of("107031", "S3cret#pw", TIME));
        assert_eq!(check_it(&raw, true), Ok(Form::Raw));
        assert_eq!(check_it(&raw, false), Err(SpPasswordFault::Malformed));
        let hexadecimal = sp_password("107031", "S3cret#pw", TIME);
        assert_eq!(check_it(&hexadecimal, true), Ok(Form::Digits));
    }

    #[test]
    fn what_documents_and_programs_had_wrong_is_no_digest() {
        let digits: String = digest_of("107031", "S3cret#pw", TIME).iter().map(|byte| format!("{byte:02X}")).collect();
        let pairs: Vec<&str> = (0..32).filter_map(|at| digits.get(2 * at..2 * at + 2)).collect();
        let dashed = pairs.join("-");
        let of_md5 = "e6434ef249df55c7a21a0b45758a39bb";
        for form in [dashed.as_str(), &digits, of_md5, "S3cret#pw"] {
            for written in [form.to_owned(), LENIENT_BASE64.encode(form)] {
                // The digits in base64 are the one right form.
                let is_right = written == LENIENT_BASE64.encode(&digits);
                for raw_digest in [false, true] {
                    assert_eq!(check_it(&written, raw_digest).is_ok(), is_right, "{written}");
                }
            }
        }
    }

    #[test]
    fn what_was_hashed_from_anything_else_is_wrong() {
        for other in [
            sp_password("107032", "S3cret#pw", TIME),
            sp_password("107031", "S3cret#pX", TIME),
            sp_password("107031", "S3cret#pw", "20261123184498"),
        ] {
            assert_eq!(check_it(&other, false), Err(SpPasswordFault::Wrong));
        }
        for no_digest in ["", "S3cret#pw", "e6434ef249df55c7a21a0b45758a39bb", &"A".repeat(TEXT_BYTES_MAX + 1)] {
            assert_eq!(check_it(no_digest, true), Err(SpPasswordFault::Malformed), "{no_digest}");
        }
    }

    proptest! {
        #[test]
        fn no_text_passes_or_panics(text in "\\PC*", raw: bool) {
            prop_assert!(check_it(&text, raw).is_err());
        }
    }
}
