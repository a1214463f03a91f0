//! `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, and what the first bytes tell.

use super::XmlReason;
use super::attributes::{RawAttribute, RawAttributes};

/// Reads what stands between `<?xml` and `?>`. Gives the encoding's label if there is one.
pub(super) fn parse(text: &str) -> Result<Option<&str>, XmlReason> {
    let mut parts = RawAttributes::new(text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| XmlReason::Declaration)?
        .into_iter()
        .peekable();
    match parts.next() {
        Some(RawAttribute { name: "version", value: "1.0" }) => {}
        Some(RawAttribute { name: "version", value }) if is_version(value) => {
            return Err(XmlReason::Version(value.to_owned()));
        }
        _ => return Err(XmlReason::Declaration),
    }
    let label = parts.next_if(|part| part.name == "encoding").map(|part| part.value);
    if label.is_some_and(|label| !is_label(label)) {
        return Err(XmlReason::Declaration);
    }
    if parts.next_if(|part| part.name == "standalone").is_some_and(|part| !matches!(part.value, "yes" | "no")) {
        return Err(XmlReason::Declaration);
    }
    if parts.next().is_some() { Err(XmlReason::Declaration) } else { Ok(label) }
}

/// Whether a label means UTF-8.
pub(super) fn is_utf8(label: &str) -> bool {
    label.eq_ignore_ascii_case("UTF-8")
}

/// The encoding that bytes which are not UTF-8 seem to be in, to say so.
pub(super) fn guess(bytes: &[u8]) -> XmlReason {
    let encoding = match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [b'<', 0, 0, 0, ..] | [0, 0, 0, b'<', ..] => "UTF-32",
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [b'<', 0, ..] | [0, b'<', ..] => "UTF-16",
        _ => return declared(bytes),
    };
    XmlReason::Encoding(encoding.to_owned())
}

fn declared(bytes: &[u8]) -> XmlReason {
    let head = bytes.strip_prefix(b"<?xml").and_then(|rest| {
        let end = rest.windows(2).take(256).position(|pair| pair == b"?>")?;
        std::str::from_utf8(rest.get(..end)?).ok()
    });
    match head.map(parse) {
        Some(Ok(Some(label))) if !is_utf8(label) => XmlReason::Encoding(label.to_owned()),
        _ => XmlReason::NotUtf8,
    }
}

fn is_version(value: &str) -> bool {
    value.strip_prefix("1.").is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_label(label: &str) -> bool {
    label.starts_with(|first: char| first.is_ascii_alphabetic())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_read() {
        assert_eq!(parse(" version='1.0'"), Ok(None));
        assert_eq!(parse(" version='1.0' encoding='utf-8'"), Ok(Some("utf-8")));
        assert_eq!(parse(" version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\" "), Ok(Some("UTF-8")));
        assert_eq!(parse(" version='1.1'"), Err(XmlReason::Version("1.1".into())));
    }

    #[test]
    fn flawed_declarations_are_refused() {
        for wrong in [
            "",
            " ",
            " encoding='UTF-8'",
            " version='2.0'",
            " version='1.0' standalone='maybe'",
            " version='1.0' standalone='yes' encoding='UTF-8'",
            " version='1.0' version='1.0'",
            " version='1.0' encoding=''",
            " version='1.0' other='x'",
            " version='1.0'encoding='UTF-8'",
        ] {
            assert_eq!(parse(wrong), Err(XmlReason::Declaration), "{wrong}");
        }
    }

    #[test]
    fn another_encoding_is_named() {
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE9</a>";
        assert_eq!(guess(latin), XmlReason::Encoding("ISO-8859-1".into()));
        assert_eq!(guess(b"\xFF\xFE<\0a\0"), XmlReason::Encoding("UTF-16".into()));
        assert_eq!(guess(b"<a>\xE9</a>"), XmlReason::NotUtf8);
    }
}
