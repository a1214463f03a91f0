//! From the bytes of a message to UTF-8, which everything else here reads. UTF-16 and ISO-8859-1 are
//! what real clients send beside it.
//!
//! What counts, in this order: a byte order mark, the `charset` of Content-Type (RFC 7303), the XML
//! declaration. The encoding's label is blanked out of a declaration that no longer fits, and nothing
//! else changes, so lines and columns stay true.
//!
//! Invariant: bytes are never guessed to be in an encoding that nobody named.

use std::borrow::Cow;

use super::{Position, XmlError, XmlReason};

/// A message in UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Utf8<'m> {
    /// Its bytes; the sent ones where they were UTF-8 already, or are nothing that can be read.
    pub bytes: Cow<'m, [u8]>,
    /// Whether Content-Type named a `charset` that the bytes are not in.
    pub charset_ignored: bool,
}

/// An encoding that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    Latin1,
}

const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The message in UTF-8; `charset` is what Content-Type says. Bytes that are in none of the encodings
/// are given back as they are: the reader says what is wrong with them.
pub fn to_utf8<'m>(message: &'m [u8], charset: Option<&str>) -> Result<Utf8<'m>, XmlError> {
    let marked = marked(message);
    let (encoding, charset_ignored) = match (marked, charset) {
        (Some(marked), _) => (marked, false),
        (None, Some(charset)) => match named(charset, message).filter(|encoding| encoding.is_possible(message)) {
            Some(encoding) => (encoding, false),
            None => (declared(message), true),
        },
        (None, None) => (declared(message), false),
    };
    let bytes = match encoding {
        Encoding::Utf8 => Cow::Borrowed(message),
        Encoding::Latin1 => Cow::Owned(unlabelled(message.iter().copied().map(char::from).collect())),
        Encoding::Utf16Little => Cow::Owned(unlabelled(utf16(message, u16::from_le_bytes)?)),
        Encoding::Utf16Big => Cow::Owned(unlabelled(utf16(message, u16::from_be_bytes)?)),
    };
    Ok(Utf8 { bytes, charset_ignored })
}

impl Encoding {
    /// Whether a message could be in it, as far as its first bytes and UTF-8's own rules tell.
    fn is_possible(self, message: &[u8]) -> bool {
        match self {
            Self::Utf8 => std::str::from_utf8(message).is_ok(),
            Self::Latin1 => !message.iter().take(4).any(|byte| *byte == 0),
            Self::Utf16Little => message.get(1) == Some(&0),
            Self::Utf16Big => message.first() == Some(&0),
        }
    }
}

/// The encoding that a byte order mark tells.
fn marked(message: &[u8]) -> Option<Encoding> {
    match message {
        // UTF-32, which is not read.
        [0xFF, 0xFE, 0, 0, ..] => None,
        [0xFF, 0xFE, ..] => Some(Encoding::Utf16Little),
        [0xFE, 0xFF, ..] => Some(Encoding::Utf16Big),
        message if message.starts_with(UTF_8_MARK) => Some(Encoding::Utf8),
        _ => None,
    }
}

/// The encoding of this name, where it is one that is read.
fn named(label: &str, message: &[u8]) -> Option<Encoding> {
    let label = label.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
    match label.as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Some(Encoding::Utf8),
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" => Some(Encoding::Latin1),
        "utf-16le" => Some(Encoding::Utf16Little),
        "utf-16be" => Some(Encoding::Utf16Big),
        // Without a mark the first character, which is `<`, tells the order.
        "utf-16" if message.first() == Some(&0) => Some(Encoding::Utf16Big),
        "utf-16" => Some(Encoding::Utf16Little),
        _ => None,
    }
}

/// The encoding that the XML declaration tells. Of those that it can be read in, only ISO-8859-1 is
/// another than UTF-8; all other labels are the reader's to judge.
fn declared(message: &[u8]) -> Encoding {
    let label = declaration(message).and_then(label);
    match label.and_then(|(_, label)| named(label, message)) {
        Some(Encoding::Latin1) => Encoding::Latin1,
        _ => Encoding::Utf8,
    }
}

/// The declaration at the begin, up to its `?>`.
fn declaration(message: &[u8]) -> Option<&str> {
    const BYTES_MAX: usize = 256;
    let head = message.get(..BYTES_MAX.min(message.len()))?;
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let text = std::str::from_utf8(head.get(..end)?).ok()?;
    text.starts_with("<?xml").then_some(text)
}

/// The `encoding` of a declaration: all of it, and its value.
fn label(declaration: &str) -> Option<(&str, &str)> {
    let begins = declaration.find("encoding")?;
    let from = declaration.get(begins..)?;
    let (_, quoted) = from.split_once('=')?;
    let quoted = quoted.trim_start();
    let quote = quoted.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, after) = quoted.get(1..)?.split_once(quote)?;
    Some((from.strip_suffix(after)?, value))
}

/// The text with the encoding blanked out of its declaration.
fn unlabelled(text: String) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    let range = declaration(&bytes).and_then(|declaration| {
        let (whole, _) = label(declaration)?;
        let begins = declaration.find(whole)?;
        Some(begins..begins + whole.len())
    });
    if let Some(blanked) = range.and_then(|range| bytes.get_mut(range)) {
        blanked.fill(b' ');
    }
    bytes
}

fn utf16(message: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, XmlError> {
    let flaw = || XmlError { position: Position::START, reason: XmlReason::Encoding("UTF-16".to_owned()) };
    let (pairs, rest) = message.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(flaw());
    }
    let decoded = char::decode_utf16(pairs.iter().copied().map(unit)).collect::<Result<String, _>>();
    let text = decoded.map_err(|_| flaw())?;
    Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<a>é</a>";

    fn latin1(text: &str) -> Vec<u8> {
        text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
    }

    fn utf16_bytes(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    fn read(message: &[u8], charset: Option<&str>) -> (String, bool) {
        let utf8 = to_utf8(message, charset).unwrap();
        (String::from_utf8(utf8.bytes.into_owned()).unwrap(), utf8.charset_ignored)
    }

    #[test]
    fn utf_8_is_not_copied() {
        for message in ["<a>é</a>", "\u{FEFF}<a/>", "<?xml version='1.0' encoding='utf-16'?><a/>"] {
            for charset in [None, Some("utf-8"), Some("\"UTF-8\""), Some("us-ascii")] {
                let utf8 = to_utf8(message.as_bytes(), charset).unwrap();
                assert!(matches!(utf8.bytes, Cow::Borrowed(_)) && !utf8.charset_ignored, "{message} {charset:?}");
            }
        }
    }

    #[test]
    fn iso_8859_1_is_read_as_declared_and_columns_stay() {
        let expected = "<?xml version=\"1.0\"                      ?>\n<a>é</a>";
        for (text, charset) in [(TEXT, None), (TEXT, Some("iso-8859-1")), (&TEXT.replace('"', "'"), None)] {
            let (read, ignored) = read(&latin1(text), charset);
            assert_eq!((read.replace('\'', "\""), ignored), (expected.to_owned(), false));
        }
        assert_eq!(read(&latin1("<a>é</a>"), Some("Latin1")), ("<a>é</a>".to_owned(), false));
    }

    #[test]
    fn utf_16_is_read_by_its_mark_or_by_its_charset() {
        let text = "<?xml version='1.0' encoding='utf-16'?><a>é😀</a>";
        let expected = "<?xml version='1.0'                  ?><a>é😀</a>".to_owned();
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked = utf16_bytes(&format!("\u{FEFF}{text}"), unit);
            for charset in [None, Some("utf-16"), Some("utf-8")] {
                assert_eq!(read(&marked, charset), (expected.clone(), false));
            }
            assert_eq!(read(&utf16_bytes(text, unit), Some("UTF-16")), (expected.clone(), false));
        }
        assert_eq!(read(&utf16_bytes(text, u16::to_be_bytes), Some("utf-16be")).0, expected);
    }

    #[test]
    fn half_a_character_of_utf_16_is_refused() {
        let mut odd = utf16_bytes("\u{FEFF}<a/>", u16::to_le_bytes);
        odd.pop();
        let lone = [b"\xFF\xFE<\0".as_slice(), &[0x00, 0xD8], b">\0"].concat();
        for message in [odd, lone] {
            let reason = to_utf8(&message, None).unwrap_err().reason;
            assert_eq!(reason, XmlReason::Encoding("UTF-16".to_owned()));
        }
    }

    #[test]
    fn a_charset_that_the_bytes_are_not_in_is_told() {
        assert_eq!(read("<a/>".as_bytes(), Some("utf-16")), ("<a/>".to_owned(), true));
        assert_eq!(read("<a/>".as_bytes(), Some("windows-1252")), ("<a/>".to_owned(), true));
        assert!(read(&latin1(TEXT), Some("utf-8")).1);
        // Nobody named what this is: it stays as it is, and the reader refuses it.
        let nobodys = to_utf8(b"<a>\xE9</a>", Some("utf-8")).unwrap();
        assert_eq!(nobodys, Utf8 { bytes: Cow::Borrowed(b"<a>\xE9</a>"), charset_ignored: true });
    }
}
