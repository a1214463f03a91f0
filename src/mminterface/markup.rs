//! How text gets onto the wire: escaped, and never with a character that XML forbids. Everything is
//! appended to one `String` that the writer has reserved; nothing is allocated per element.
//!
//! Invariant: text that went through [`push_text`] holds no `]]` and no `>`, so a document made of it
//! can stand inside a CDATA section as it is.

/// The namespace of SOAP 1.1's envelope.
pub(super) const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of requests, and of `ResponseMsg`.
pub(super) const REQUEST: &str = "http://api-v1.gen.mm.vodafone.com/mminterface/request";
/// The namespace of the documents inside `ResponseMsg`.
pub(super) const RESPONSE: &str = "http://api-v1.gen.mm.vodafone.com/mminterface/response";
/// The namespace of results.
pub(super) const RESULT: &str = "http://api-v1.gen.mm.vodafone.com/mminterface/result";
/// The declaration that starts a document.
pub(super) const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// What an envelope costs beside its contents, about.
pub(super) const ENVELOPE_BYTES: usize = 512;

/// Appends several literals.
pub(super) fn push_all(out: &mut String, parts: &[&str]) {
    for part in parts {
        out.push_str(part);
    }
}

/// Appends `<name>text</name>`, the text escaped.
pub(super) fn push_element(out: &mut String, name: &str, text: &str) {
    push_all(out, &["<", name, ">"]);
    push_text(out, text);
    push_all(out, &["</", name, ">"]);
}

/// Appends the element if there is something to say.
pub(super) fn push_optional(out: &mut String, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        push_element(out, name, text);
    }
}

/// Appends `<list><item><Key>..</Key><Value>..</Value></item>..</list>`, or nothing for no items.
pub(super) fn push_pairs(out: &mut String, list: &str, item: &str, pairs: &[(String, String)]) {
    if pairs.is_empty() {
        return;
    }
    push_all(out, &["<", list, ">"]);
    for (key, value) in pairs {
        push_all(out, &["<", item, ">"]);
        push_element(out, "Key", key);
        push_element(out, "Value", value);
        push_all(out, &["</", item, ">"]);
    }
    push_all(out, &["</", list, ">"]);
}

/// About how many bytes [`push_pairs`] will append.
pub(super) fn pairs_bytes(pairs: &[(String, String)]) -> usize {
    pairs.iter().map(|(key, value)| key.len() + value.len() + 80).sum()
}

/// Appends character data, escaped.
pub(super) fn push_text(out: &mut String, text: &str) {
    let mut plain = 0;
    for (at, character) in text.char_indices() {
        let replacement = match character {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            // Some clients cut a document out of the raw text between `[CDATA[` and `]]`.
            ']' if text.as_bytes().get(..at).is_some_and(|before| before.ends_with(b"]")) => "&#93;",
            // A reader would make a bare one a line feed.
            '\r' => "&#13;",
            character if forbidden(character) => "\u{FFFD}",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        out.push_str(replacement);
        plain = at + character.len_utf8();
    }
    out.push_str(text.get(plain..).unwrap_or_default());
}

/// Appends a CDATA section with any text; `]]>` inside it is divided between two sections.
pub(super) fn push_cdata(out: &mut String, text: &str) {
    out.push_str("<![CDATA[");
    let mut parts = text.split("]]>");
    push_allowed(out, parts.next().unwrap_or_default());
    for part in parts {
        out.push_str("]]]]><![CDATA[>");
        push_allowed(out, part);
    }
    out.push_str("]]>");
}

fn push_allowed(out: &mut String, text: &str) {
    if text.contains(forbidden) {
        out.extend(text.chars().map(|character| if forbidden(character) { '\u{FFFD}' } else { character }));
    } else {
        out.push_str(text);
    }
}

/// Whether XML 1.0 has no way to write this character.
fn forbidden(character: char) -> bool {
    matches!(character, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    fn cdata(text: &str) -> String {
        let mut out = String::new();
        push_cdata(&mut out, text);
        out
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(text("a & b < c > d"), "a &amp; b &lt; c &gt; d");
        assert_eq!(text("[a]]]>"), "[a]&#93;&#93;&gt;");
        assert_eq!(text("line\r\nline"), "line&#13;\nline");
        assert_eq!(text("Wanjikũ"), "Wanjikũ");
    }

    #[test]
    fn what_xml_forbids_never_reaches_the_wire() {
        assert_eq!(text("a\0b\u{B}c\u{FFFF}"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        assert_eq!(cdata("a\x1Bb"), "<![CDATA[a\u{FFFD}b]]>");
        assert_eq!(text("\t\n\u{7F}\u{10FFFF}"), "\t\n\u{7F}\u{10FFFF}");
    }

    #[test]
    fn the_end_of_a_cdata_section_is_divided() {
        assert_eq!(cdata("<a/>"), "<![CDATA[<a/>]]>");
        assert_eq!(cdata("x]]>y"), "<![CDATA[x]]]]><![CDATA[>y]]>");
    }
}
