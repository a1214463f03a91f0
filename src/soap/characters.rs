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

/// What is to be looked for in a document's texts, found in one go over all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Whether it holds a carriage return.
    pub(super) has_return: bool,
    /// Whether it holds a `]`.
    pub(super) has_bracket: bool,
}

impl Inventory {
    /// That of a text; else the offset of the first character that a document may not hold.
    pub(super) fn of(text: &str) -> Result<Self, usize> {
        // Only two kinds of forbidden characters exist in valid UTF-8: controls below the blank, and
        // U+FFFE and U+FFFF, which begin with 0xEF. The loop is one that the compiler turns into vector
        // instructions, which is why it neither calls nor stops, and asks so little: most documents
        // hold no control but line feeds.
        let is_rare = |byte: u8| (byte < b' ') & (byte != b'\n') | (byte == 0xEF);
        let has_rare = text.bytes().fold(false, |found, byte| found | is_rare(byte));
        if has_rare && let Some((offset, _)) = text.char_indices().find(|&(_, character)| !is_allowed(character)) {
            return Err(offset);
        }
        let has = |wanted: u8| text.bytes().fold(false, |found, byte| found | (byte == wanted));
        Ok(Self { has_return: has_rare && has(b'\r'), has_bracket: has(b']') })
    }
}

/// What the bytes of names may be, one bit for each, so that those of a whole name can be added up.
pub(super) mod in_name {
    /// ASCII that may stand anywhere in a name.
    pub(in crate::soap) const START: u8 = 1;
    /// ASCII that may stand anywhere but at its begin.
    pub(in crate::soap) const LATER: u8 = 2;
    /// What stands between a prefix and a local name.
    pub(in crate::soap) const COLON: u8 = 4;
    /// ASCII that stands in no name.
    pub(in crate::soap) const NEVER: u8 = 8;
    /// A part of a character beyond ASCII.
    pub(in crate::soap) const BEYOND: u8 = 16;

    const OF: [u8; 256] = {
        let mut table = [BEYOND; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            table[byte as usize] = match byte {
                b'A'..=b'Z' | b'_' | b'a'..=b'z' => START,
                b'-' | b'.' | b'0'..=b'9' => LATER,
                b':' => COLON,
                _ => NEVER,
            };
            byte += 1;
        }
        table
    };

    /// What this byte of UTF-8 may be.
    pub(in crate::soap) fn of(byte: u8) -> u8 {
        OF[usize::from(byte)]
    }
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
        let forbidden = |text| Inventory::of(text).err();
        assert_eq!(forbidden("plain \t\r\n text"), None);
        assert_eq!(forbidden("é\u{FFFD}\u{10FFFF}"), None);
        assert_eq!(forbidden("ab\u{0}"), Some(2));
        assert_eq!(forbidden("é\u{FFFE}"), Some(2));
        assert_eq!(forbidden("\u{FFFF}"), Some(0));
        assert_eq!(forbidden("a\u{1B}"), Some(1));
    }

    #[test]
    fn what_texts_are_searched_for_is_found_anywhere() {
        let found = |text: String| Inventory::of(&text).map(|found| (found.has_return, found.has_bracket));
        assert_eq!(found(String::new()), Ok((false, false)));
        for before in 0..70 {
            let padding = "x".repeat(before);
            assert_eq!(found(format!("{padding}\r\u{FFFD}{padding}")), Ok((true, false)));
            assert_eq!(found(format!("{padding}]{padding}")), Ok((false, true)));
            assert_eq!(found(format!("{padding}\n[{padding}")), Ok((false, false)));
        }
    }
}
