//! The lexical forms of XSD's built-in types.

use super::decimal::Decimal;
use super::moment::Moment;
use super::simple::Primitive;
use crate::soap::characters::{is_name, is_name_start};
use crate::soap::names::{is_ncname, split_qname};

/// Whether a value, its white space treated, has the form.
pub(super) fn fits(primitive: Primitive, value: &str) -> bool {
    match primitive {
        Primitive::Text => true,
        Primitive::Name => {
            let mut characters = value.chars();
            let colon = |character| character == ':';
            characters.next().is_some_and(|first| colon(first) || is_name_start(first))
                && characters.all(|other| colon(other) || is_name(other))
        }
        Primitive::NcName => is_ncname(value),
        Primitive::NmToken => {
            !value.is_empty() && value.chars().all(|character| character == ':' || is_name(character))
        }
        Primitive::QName => split_qname(value).is_some(),
        Primitive::Language => is_language(value),
        Primitive::Boolean => matches!(value, "true" | "false" | "1" | "0"),
        Primitive::Decimal => Decimal::parse(value).is_some(),
        Primitive::Integer => Decimal::parse_integer(value).is_some(),
        Primitive::Double => double(value).is_some(),
        Primitive::DateTime => Moment::date_time(value).is_some(),
        Primitive::Date => Moment::date(value).is_some(),
        Primitive::Time => Moment::time(value).is_some(),
        Primitive::Base64 => is_base64(value),
        Primitive::Hex => value.len().is_multiple_of(2) && value.bytes().all(|byte| byte.is_ascii_hexdigit()),
    }
}

/// A double's value; Rust's own reader would also take `inf`, `nan` and `infinity`.
pub(super) fn double(value: &str) -> Option<f64> {
    match value {
        "INF" => Some(f64::INFINITY),
        "-INF" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => {
            let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((value, "0"));
            Decimal::parse(mantissa)?;
            Decimal::parse_integer(exponent)?;
            value.parse().ok()
        }
    }
}

/// The bytes that a base64 text stands for.
pub(super) fn base64_bytes(value: &str) -> usize {
    value.bytes().filter(|byte| !matches!(byte, b' ' | b'=')).count() * 3 / 4
}

fn is_base64(value: &str) -> bool {
    let mut characters = value.bytes().filter(|&byte| byte != b' ');
    let mut count = 0_usize;
    let mut last = b'A';
    let padding = loop {
        match characters.next() {
            None => break 0,
            Some(b'=') => match (characters.next(), characters.next()) {
                (None, _) => break 1,
                (Some(b'='), None) => break 2,
                _ => return false,
            },
            Some(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => {
                count += 1;
                last = byte;
            }
            Some(_) => return false,
        }
    };
    // The bits that stand for no byte must be zero.
    match (count % 4, padding) {
        (0, 0) => true,
        (2, 2) => matches!(last, b'A' | b'Q' | b'g' | b'w'),
        (3, 1) => b"AEIMQUYcgkosw048".contains(&last),
        _ => false,
    }
}

fn is_language(value: &str) -> bool {
    let subtag = |part: &str| (1..=8).contains(&part.len());
    value.split('-').enumerate().all(|(index, part)| {
        let allowed = |byte: u8| byte.is_ascii_alphabetic() || (index > 0 && byte.is_ascii_digit());
        subtag(part) && part.bytes().all(allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(primitive: Primitive, good: &[&str], bad: &[&str]) {
        for value in good {
            assert!(fits(primitive, value), "{primitive:?} must take {value:?}");
        }
        for value in bad {
            assert!(!fits(primitive, value), "{primitive:?} must refuse {value:?}");
        }
    }

    #[test]
    fn numbers_have_their_forms() {
        check(Primitive::Boolean, &["true", "false", "1", "0"], &["", "TRUE", "yes", "01"]);
        check(Primitive::Integer, &["0", "-7", "+12", "007"], &["", "1.0", "1e3", "-", "0x1", "٣"]);
        check(Primitive::Decimal, &["70.00", "-.5", "1."], &["", "1,0", "1e3"]);
        check(
            Primitive::Double,
            &["1e3", "-1.5E-7", "INF", "-INF", "NaN"],
            &["", "inf", "nan", "+INF", "1e", "1e1.5", "e5"],
        );
    }

    #[test]
    fn days_and_times_have_their_forms() {
        let good = [
            "2014-09-27T12:53:19.0000521Z",
            "2014-09-30T11:03:19.111+03:00",
            "2024-02-29T24:00:00",
            "-0044-03-15T00:00:00-14:00",
        ];
        let bad = [
            "",
            "20140927125319",
            "2014-09-27",
            "2014-02-29T00:00:00",
            "2014-13-01T00:00:00",
            "2014-09-27T24:00:01",
            "2014-09-27T12:53:60Z",
            "2014-09-27T12:53:19.Z",
            "0000-01-01T00:00:00",
            "2014-09-27T12:53:19+15:00",
            "2014-9-27T12:53:19",
            "T",
        ];
        check(Primitive::DateTime, &good, &bad);
        check(
            Primitive::Date,
            &["2014-09-27", "2014-09-27Z", "2014-09-27-03:00", "-0001-01-01", "12014-09-27"],
            &["", "2014-09", "2014-09-31", "2014-09-2", "2014-09-27T", "2014-09-27+3:00", "é-é-é"],
        );
        check(
            Primitive::Time,
            &["12:00:00", "12:00:00.5Z", "00:00:00+03:00"],
            &["", "12:00", "25:00:00", "12:00:00 ", "1:00:00"],
        );
    }

    #[test]
    fn binaries_have_their_forms() {
        check(
            Primitive::Base64,
            &["", "AAAA", "AA==", "AAA=", "AA A A", "/+Zz"],
            &["A", "AA", "AA=", "AB==", "AAB=", "AA==A", "A-A_", "=", "AAAA="],
        );
        check(Primitive::Hex, &["", "0aFF"], &["0", "0g", "0 "]);
        assert_eq!((base64_bytes("AAAA"), base64_bytes("AA=="), base64_bytes("AAA=")), (3, 1, 2));
    }

    #[test]
    fn names_have_their_forms() {
        check(Primitive::NcName, &["a", "_1"], &["", "a:b", "1"]);
        check(Primitive::Name, &["a:b", ":"], &["", "1", "a b"]);
        check(Primitive::NmToken, &["1a", "a.b"], &["", "a b"]);
        check(Primitive::Language, &["en", "en-GB", "x-1"], &["", "e1", "en-", "toolongtag"]);
    }
}
