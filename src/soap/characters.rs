//! Which characters XML 1.0 (fifth edition) allows, and where.

/// White space of XML: the only characters that markup may be spaced with.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether `text` is nothing but white space of XML.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(is_space)
}

/// `Char`: whether a document may hold this character, written plainly or as a reference.
pub(super) fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The offset of the first character that a document may not hold.
pub(super) fn first_forbidden(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    // Only two kinds exist in valid UTF-8: controls below the blank, and U+FFFE and U+FFFF, which
    // begin with 0xEF. The first loop is one that the compiler turns into vector instructions, which
    // is why it neither calls nor stops.
    let is_suspect = |byte: u8| (byte < b' ') & (byte != b'\n') & (byte != b'\r') & (byte != b'\t') | (byte == 0xEF);
    if !bytes.iter().fold(false, |found, &byte| found | is_suspect(byte)) {
        return None;
    }
    text.char_indices().find(|&(_, character)| !is_allowed(character)).map(|(offset, _)| offset)
}

/// `NameStartChar` without the colon.
pub(super) fn is_name_start(character: char) -> bool {
    matches!(character,
        'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon.
pub(super) fn is_name(character: char) -> bool {
    is_name_start(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_forbidden_character_is_found() {
        assert_eq!(first_forbidden("plain \t\r\n text"), None);
        assert_eq!(first_forbidden("é\u{FFFD}\u{10FFFF}"), None);
        assert_eq!(first_forbidden("ab\u{0}"), Some(2));
        assert_eq!(first_forbidden("é\u{FFFE}"), Some(2));
        assert_eq!(first_forbidden("\u{FFFF}"), Some(0));
        assert_eq!(first_forbidden("a\u{1B}"), Some(1));
    }
}
