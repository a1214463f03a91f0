//! The lexical forms of XSD's built-in types.

use super::decimal::Decimal;
use super::simple::Primitive;
use crate::soap::characters::{is_name, is_name_start};
use crate::soap::names::is_ncname;

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
        Primitive::Language => is_language(value),
        Primitive::Boolean => matches!(value, "true" | "false" | "1" | "0"),
        Primitive::Decimal => Decimal::parse(value).is_some(),
        Primitive::Integer => Decimal::parse_integer(value).is_some(),
        Primitive::Double => double(value).is_some(),
        Primitive::DateTime => value.split_once('T').is_some_and(|(date, time)| {
            let (clock, zone) = split_zone(time);
            is_day(date) && is_clock(clock) && is_zone(zone)
        }),
        Primitive::Date => {
            // The zone's sign is a hyphen as well: the day ends after its second hyphen and two digits.
            let start = usize::from(value.starts_with('-'));
            let end = value.get(start..).and_then(|rest| rest.match_indices('-').nth(1)).map(|(at, _)| start + at + 3);
            end.and_then(|end| value.split_at_checked(end)).is_some_and(|(day, zone)| is_day(day) && is_zone(zone))
        }
        Primitive::Time => {
            let (clock, zone) = split_zone(value);
            is_clock(clock) && is_zone(zone)
        }
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

fn split_zone(time: &str) -> (&str, &str) {
    match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    }
}

/// Exactly `digits` digits, as a number.
fn number(text: &str, digits: usize) -> Option<u32> {
    (text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

fn is_day(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let mut parts = text.split('-');
    let (Some(year), Some(month), Some(day), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    // Years may have more than four digits, but not with a zero in front, and there is no year 0.
    let year_fits = (year.len() == 4 || (5..=9).contains(&year.len()) && !year.starts_with('0')) && year != "0000";
    let Some(year) = number(year, year.len()).filter(|_| year_fits) else { return false };
    let (Some(month), Some(day)) = (number(month, 2), number(day, 2)) else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

fn is_clock(text: &str) -> bool {
    let mut parts = text.split(':');
    let (Some(hour), Some(minute), Some(second), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (whole, fraction) = match second.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (second, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.is_some_and(|fraction| !digits(fraction)) {
        return false;
    }
    match (number(hour, 2), number(minute, 2), number(whole, 2)) {
        (Some(0..=23), Some(0..=59), Some(0..=59)) => true,
        (Some(24), Some(0), Some(0)) => fraction.is_none_or(|fraction| fraction.bytes().all(|byte| byte == b'0')),
        _ => false,
    }
}

fn is_zone(text: &str) -> bool {
    if matches!(text, "" | "Z") {
        return true;
    }
    let Some((hour, minute)) = text.strip_prefix(['+', '-']).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    matches!((number(hour, 2), number(minute, 2)), (Some(0..=13), Some(0..=59)) | (Some(14), Some(0)))
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
