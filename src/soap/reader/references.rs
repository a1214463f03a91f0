//! Entity and character references, line ends, and the values of attributes.

use std::borrow::Cow;

use super::XmlReason;
use crate::soap::characters::is_allowed;

/// The character that `&name;` stands for.
pub(super) fn resolve(name: &str) -> Result<char, XmlReason> {
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => numbered(name),
    }
}

fn numbered(name: &str) -> Result<char, XmlReason> {
    let Some(digits) = name.strip_prefix('#') else {
        return Err(XmlReason::Entity);
    };
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    // from_str_radix would take a sign.
    let number = if digits.starts_with('+') { None } else { u32::from_str_radix(digits, radix).ok() };
    number.and_then(char::from_u32).filter(|&character| is_allowed(character)).ok_or(XmlReason::CharacterReference)
}

/// Writes `text` to `out` with every line end as a line feed.
pub(super) fn push_with_line_feeds(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\r') {
        out.push_str(before);
        out.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
}

/// An attribute's value: white space as blanks, references resolved.
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, XmlReason> {
    // Two comparisons for each byte settle most values: what stands up to `&` are white space, `!`, `"`,
    // `#`, `$` and `%`.
    let is_special = |byte: u8| matches!(byte, b'&' | b'<' | b'\t' | b'\r' | b'\n');
    if !raw.bytes().any(|byte| (byte <= b'&' || byte == b'<') && is_special(byte)) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<', '\t', '\r', '\n']) {
        let (before, special) = rest.split_at(at);
        value.push_str(before);
        rest = special.get(1..).unwrap_or("");
        match special.as_bytes().first() {
            Some(b'<') => return Err(XmlReason::AttributeLess),
            Some(b'&') => {
                let Some((name, after)) = rest.split_once(';') else {
                    return Err(XmlReason::Entity);
                };
                value.push(resolve(name)?);
                rest = after;
            }
            Some(b'\r') => {
                value.push(' ');
                rest = rest.strip_prefix('\n').unwrap_or(rest);
            }
            _ => value.push(' '),
        }
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_five_entities_and_character_references_are_known() {
        assert_eq!(resolve("lt"), Ok('<'));
        assert_eq!(resolve("#65"), Ok('A'));
        assert_eq!(resolve("#x1F600"), Ok('\u{1F600}'));
        assert_eq!(resolve("#9"), Ok('\t'));
    }

    #[test]
    fn other_references_are_refused() {
        for name in ["nbsp", "", "LT", " lt", "x41"] {
            assert_eq!(resolve(name), Err(XmlReason::Entity), "{name}");
        }
        for name in ["#", "#x", "#0", "#xD800", "#x110000", "#+65", "#x+41", "#-1", "#X41", "#xFFFE", "#99999999999"] {
            assert_eq!(resolve(name), Err(XmlReason::CharacterReference), "{name}");
        }
    }

    #[test]
    fn attribute_values_are_normalised() {
        assert_eq!(attribute_value("a\r\nb\rc\td\ne").as_deref(), Ok("a b c d e"));
        assert_eq!(attribute_value("a&#10;b&amp;").as_deref(), Ok("a\nb&"));
        assert_eq!(attribute_value("a<b"), Err(XmlReason::AttributeLess));
        assert_eq!(attribute_value("a&b"), Err(XmlReason::Entity));
    }

    #[test]
    fn line_ends_become_line_feeds() {
        let mut out = String::new();
        push_with_line_feeds("a\r\nb\rc\nd\r\r\n", &mut out);
        assert_eq!(out, "a\nb\nc\nd\n\n");
    }
}
