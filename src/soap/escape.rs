//! Text made safe to stand in XML.

use std::borrow::Cow;

use super::characters::is_allowed;

/// `text` as the content of an element. Characters that XML cannot hold become U+FFFD.
pub fn escape_text(text: &str) -> Cow<'_, str> {
    escape(text, |character| match character {
        '<' => Some("&lt;"),
        // Only `]]>` must be escaped; escaping every `>` is simpler and never wrong.
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        '\r' => Some("&#13;"),
        _ => None,
    })
}

/// `text` as an attribute's value between quotes of either kind.
pub fn escape_attribute(text: &str) -> Cow<'_, str> {
    escape(text, |character| match character {
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '&' => Some("&amp;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        '\r' => Some("&#13;"),
        '\n' => Some("&#10;"),
        '\t' => Some("&#9;"),
        _ => None,
    })
}

/// Writes `text` as one CDATA section; a `]]>` inside is split over two.
pub fn write_cdata(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("]]>") {
        push_allowed(out, before);
        out.push_str("]]]]><![CDATA[>");
        rest = after;
    }
    push_allowed(out, rest);
    out.push_str("]]>");
}

fn push_allowed(out: &mut String, text: &str) {
    out.extend(
        text.chars().map(|character| if is_allowed(character) { character } else { char::REPLACEMENT_CHARACTER }),
    );
}

fn escape(text: &str, replacement: fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    let special = |character: char| replacement(character).is_some() || !is_allowed(character);
    let Some(first) = text.find(special) else {
        return Cow::Borrowed(text);
    };
    let (plain, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len().saturating_add(16));
    escaped.push_str(plain);
    for character in rest.chars() {
        match replacement(character) {
            Some(reference) => escaped.push_str(reference),
            None if is_allowed(character) => escaped.push(character),
            None => escaped.push(char::REPLACEMENT_CHARACTER),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape_text("plain \"text\""), Cow::Borrowed(_)));
        assert!(matches!(escape_attribute("plain text"), Cow::Borrowed(_)));
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escape_text("a<b>&\r'\""), "a&lt;b&gt;&amp;&#13;'\"");
        assert_eq!(escape_attribute("a<b>&\r\n\t'\""), "a&lt;b&gt;&amp;&#13;&#10;&#9;&apos;&quot;");
        assert_eq!(escape_text("\u{0}x\u{FFFF}"), "\u{FFFD}x\u{FFFD}");
    }

    #[test]
    fn a_section_end_inside_cdata_is_split() {
        let mut out = String::new();
        write_cdata(&mut out, "a]]>b\u{1}");
        assert_eq!(out, "<![CDATA[a]]]]><![CDATA[>b\u{FFFD}]]>");
    }
}
