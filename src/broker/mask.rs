//! Hides the secrets of a message before it is written down (S5), however the message carries them: as
//! elements of the envelope, or as elements of a document inside it that came as CDATA sections, as
//! escaped text, or as any mixture of the two.
//!
//! It reads as an XML parser would, on two levels: the message's own markup, and what its character
//! data says, which may be markup again. Malformed messages are read as far as that goes; a secret
//! that never ends is hidden to the end.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use memchr::{memchr2, memchr3_iter};

/// Elements whose text never reaches the store.
const SECRET_ELEMENTS: [&str; 6] =
    ["spPassword", "SecurityCredential", "Password", "newPassword", "EncryptedParameters", "originRequest"];

/// What stands in their place.
pub(super) const MASK: &str = "****";

/// A document inside the envelope is the second level; deeper ones nobody reads.
const LEVELS: u8 = 2;

const CDATA: (&str, &str) = ("<![CDATA[", "]]>");
const COMMENT: (&str, &str) = ("<!--", "-->");

/// The message with the text of its secret elements masked. Linear in its length.
pub(super) fn masked<'a>(message: impl Into<Cow<'a, str>>) -> String {
    let message = message.into();
    if names_no_secret(&message) {
        return message.into_owned();
    }
    let mut out = String::with_capacity(message.len());
    let mut copied = 0;
    for secret in secrets(&message, LEVELS) {
        out.push_str(&message[copied..secret.start]);
        out.push_str(MASK);
        out.push_str(marker_lost(&message[secret.clone()]));
        copied = secret.end;
    }
    out.push_str(&message[copied..]);
    out
}

/// What the names of the secret elements come down to: each of those has one of these in it. Beside it
/// where the one of [`RARE`] is that it has.
const NAMES: [(usize, &[u8]); 4] =
    [(4, b"Password"), (11, b"SecurityCredential"), (8, b"EncryptedParameters"), (8, b"originRequest")];

/// Bytes by which a name is found: each has one of them, and few words of our messages do.
const RARE: [u8; 3] = [b'w', b'd', b'q'];

/// What begins a numeric reference.
static NUMERIC: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("&#"));

/// Whether a message plainly has no secret element, as most that we send: it has neither the name of one
/// nor anything by which a name could be written in another way.
fn names_no_secret(message: &str) -> bool {
    !names_a_secret(message.as_bytes()) && NUMERIC.find(message.as_bytes()).is_none() && !is_in_pieces(message)
}

fn names_a_secret(message: &[u8]) -> bool {
    let [a, b, c] = RARE;
    memchr3_iter(a, b, c, message).any(|at| {
        let begins = |(before, name): &(usize, &[u8])| {
            at.checked_sub(*before).and_then(|from| message.get(from..)).is_some_and(|rest| rest.starts_with(name))
        };
        NAMES.iter().any(begins)
    })
}

/// Whether a name could be in several pieces: there is a comment, or more than one CDATA section, or the
/// border of one may lie within a name.
fn is_in_pieces(message: &str) -> bool {
    let (opener, closer) = CDATA;
    let within_name = |at: usize, border: &str| {
        let (before, after) = (&message[..at], &message[at + border.len()..]);
        !before.ends_with(['<', '>', '/', ';', '\n']) && !after.starts_with(['<', '>', '/', '&', '\n'])
    };
    let mut sections = 0;
    let opens = memmem::find_iter(message.as_bytes(), "<!").any(|at| {
        sections += 1;
        sections > 1 || !message[at..].starts_with(opener) || within_name(at, opener)
    });
    opens || memmem::find_iter(message.as_bytes(), closer).any(|at| within_name(at, closer))
}

/// The marker that has to stand in the place of a part of a message, so that the CDATA sections around
/// it stay whole.
fn marker_lost(part: &str) -> &'static str {
    let (opener, closer) = CDATA;
    let begins_inside = part.find(closer).is_some_and(|at| !part[..at].contains(opener));
    let ends_inside = part.rfind(opener).is_some_and(|at| !part[at..].contains(closer));
    match (begins_inside, ends_inside) {
        (true, false) => closer,
        (false, true) => opener,
        _ => "",
    }
}

/// Where the secrets are in a text with markup, from first to last.
fn secrets(text: &str, levels: u8) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut at, mut secret, mut quotes_close) = (0, false, true);
    loop {
        let run = at..character_data_ends(text, at);
        if secret {
            found.extend((!text[run.clone()].trim().is_empty()).then(|| run.clone()));
        } else if levels > 1 {
            found.extend(inner_secrets(text, run.clone(), levels - 1));
        }
        let Some(tag) = text.get(run.end + 1..).filter(|tag| !tag.is_empty()) else { return found };
        let end = if quotes_close { tag_ends(tag) } else { None };
        // A quote that is never closed is no quote; to look for its end once is enough.
        quotes_close &= end.is_some();
        let Some(length) = end.or_else(|| tag.find('>')) else { return found };
        secret = begins_secret(&tag[..length]);
        at = run.end + 1 + length + 1;
    }
}

/// Where the secrets are in what a run of character data says.
fn inner_secrets(text: &str, run: Range<usize>, levels: u8) -> Vec<Range<usize>> {
    let raw = &text[run.clone()];
    if memchr2(b'<', b'&', raw.as_bytes()).is_none() {
        return Vec::new();
    }
    let said = Said::by(raw);
    let inner = secrets(&said.text, levels);
    let outer = inner.into_iter().map(|secret| said.source(secret));
    outer.map(|secret| run.start + secret.start..run.start + secret.end).collect()
}

/// Where the character data that begins at `from` ends: at the next tag. CDATA sections and comments
/// are part of it.
fn character_data_ends(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(bracket) = text[at..].find('<').map(|bracket| at + bracket) {
        match [CDATA, COMMENT].into_iter().find(|(opener, _)| text[bracket..].starts_with(opener)) {
            Some((opener, closer)) => at = after(text, bracket + opener.len(), closer),
            None => return bracket,
        }
    }
    text.len()
}

/// Where what is closed by `closer` ends; at the end of the text if it is never closed.
fn after(text: &str, from: usize, closer: &str) -> usize {
    text[from..].find(closer).map_or(text.len(), |at| from + at + closer.len())
}

/// Where the bracket is that ends a tag: one within the quotes of an attribute's value does not.
fn tag_ends(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if byte == open => quote = None,
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

/// Whether a tag, without its brackets, begins a secret element that is not empty.
fn begins_secret(tag: &str) -> bool {
    let name = tag.split(|c: char| c == '/' || c.is_whitespace()).next().unwrap_or_default();
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    SECRET_ELEMENTS.contains(&local) && !tag.ends_with('/')
}

/// What character data says, and where it says it.
struct Said<'a> {
    text: Cow<'a, str>,
    pieces: Vec<Piece>,
}

/// A part of what is said that stands in one place of the source.
struct Piece {
    /// Where it begins in the text.
    at: usize,
    /// Where it stands in the source.
    source: Range<usize>,
    /// Whether it stands there as it is; otherwise as a reference.
    verbatim: bool,
}

impl<'a> Said<'a> {
    /// Reads character data: CDATA sections without their markers, references resolved, comments left
    /// out.
    fn by(raw: &'a str) -> Self {
        let mut said = Self { text: Cow::Borrowed(""), pieces: Vec::new() };
        let mut at = 0;
        while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
            at = if rest.starts_with(CDATA.0) {
                let ends = after(raw, at + CDATA.0.len(), CDATA.1);
                let closed = raw[at..ends].ends_with(CDATA.1);
                said.verbatim(raw, at + CDATA.0.len()..if closed { ends - CDATA.1.len() } else { ends });
                ends
            } else if rest.starts_with(COMMENT.0) {
                after(raw, at + COMMENT.0.len(), COMMENT.1)
            } else if let Some((character, length)) = reference(rest) {
                said.add(Cow::Owned(character.to_string()), at..at + length, false);
                at + length
            } else {
                // What stands here begins neither a section nor a reference, so it is looked past.
                let next = rest.as_bytes().get(1..).and_then(|rest| memchr2(b'<', b'&', rest));
                let ends = next.map_or(raw.len(), |next| at + 1 + next);
                said.verbatim(raw, at..ends);
                ends
            };
        }
        said
    }

    fn verbatim(&mut self, raw: &'a str, source: Range<usize>) {
        self.add(Cow::Borrowed(&raw[source.clone()]), source, true);
    }

    fn add(&mut self, text: Cow<'a, str>, source: Range<usize>, verbatim: bool) {
        if text.is_empty() {
            return;
        }
        self.pieces.push(Piece { at: self.text.len(), source, verbatim });
        // Adding to nothing keeps what is borrowed: the one CDATA section of most messages.
        self.text += text;
    }

    /// Where a part of the text stands in the source. The part is not empty.
    fn source(&self, part: Range<usize>) -> Range<usize> {
        let piece = |place: usize| {
            let after = self.pieces.partition_point(|piece| piece.at <= place);
            &self.pieces[after.saturating_sub(1)]
        };
        let (first, last) = (piece(part.start), piece(part.end.saturating_sub(1)));
        let start = if first.verbatim { first.source.start + (part.start - first.at) } else { first.source.start };
        let end = if last.verbatim { last.source.start + (part.end - last.at) } else { last.source.end };
        start..end
    }
}

/// If the text begins with a reference to a character: which, and how long the reference is.
fn reference(text: &str) -> Option<(char, usize)> {
    let name = text.strip_prefix('&')?.split(|c: char| !c.is_ascii_alphanumeric() && c != '#').next()?;
    if !text[1 + name.len()..].starts_with(';') {
        return None;
    }
    let character = match name.strip_prefix('#') {
        Some(number) => char::from_u32(match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        })?,
        None => match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        },
    };
    Some((character, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn s5_secrets_are_masked_however_they_are_written() {
        for (message, shown) in [
            ("<v2:spPassword>c2VjcmV0</v2:spPassword>", "<v2:spPassword>****</v2:spPassword>"),
            (
                "<![CDATA[<SecurityCredential>\nabc=\n</SecurityCredential>]]>",
                "<![CDATA[<SecurityCredential>****</SecurityCredential>]]>",
            ),
            ("&lt;Password x='1'&gt;abc&lt;/Password&gt;", "&lt;Password x='1'&gt;****&lt;/Password&gt;"),
            ("<Password><![CDATA[a<b]]></Password><A>x</A>", "<Password>****</Password><A>x</A>"),
            ("<Password/><A>x</A>", "<Password/><A>x</A>"),
            ("<Password></Password>", "<Password></Password>"),
            ("<PasswordHint>open</PasswordHint>", "<PasswordHint>open</PasswordHint>"),
            ("<spPassword>never closed", "<spPassword>****"),
            ("&#60;Password&#62;abc&#60;/Password&#62;", "&#60;Password&#62;****&#60;/Password&#62;"),
            ("&#x3c;Password&#x3E;abc&#x3C;/Password&#x3e;", "&#x3c;Password&#x3E;****&#x3C;/Password&#x3e;"),
            ("&#0060;Password&gt;abc&lt;/Password>", "&#0060;Password&gt;****&lt;/Password>"),
            ("<Password>a<!-- b -->c</Password><A>x</A>", "<Password>****</Password><A>x</A>"),
            ("&lt;Password&gt;a&lt;!-- b --&gt;c&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
            ("&lt;Password&gt;&lt;![CDATA[a]]&gt;&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
            // Neither does a bracket or a slash in an attribute end a tag.
            ("<Password xmlns:a='/>'>abc</Password>", "<Password xmlns:a='/>'>****</Password>"),
            (
                "<v xmlns:a=\"'>\"><Password b=\"/\">abc</Password></v>",
                "<v xmlns:a=\"'>\"><Password b=\"/\">****</Password></v>",
            ),
            ("<v a='><Password>abc</Password>", "<v a='><Password>****</Password>"),
            // A bracket in the secret is not its end.
            ("<Password>a&lt;b</Password><A>x</A>", "<Password>****</Password><A>x</A>"),
            ("<![CDATA[<Password>a&lt;b</Password>]]>", "<![CDATA[<Password>****</Password>]]>"),
            ("&lt;Password&gt;a&amp;lt;b&lt;/Password&gt;", "&lt;Password&gt;****&lt;/Password&gt;"),
            // Names and secrets in pieces.
            (
                "<![CDATA[<Pass]]><![CDATA[word>ab]]><![CDATA[c</Password>]]>",
                "<![CDATA[<Pass]]><![CDATA[word>****</Password>]]>",
            ),
            ("&lt;Pass<!-- -->word&gt;abc&lt;/Password&gt;", "&lt;Pass<!-- -->word&gt;****&lt;/Password&gt;"),
            ("&lt;Pass&#119;ord&gt;abc&lt;/Password&gt;", "&lt;Pass&#119;ord&gt;****&lt;/Password&gt;"),
            (
                "<![CDATA[<Pass]]>word&gt;abc<![CDATA[</Password>]]>",
                "<![CDATA[<Pass]]>word&gt;****<![CDATA[</Password>]]>",
            ),
        ] {
            assert_eq!(masked(message), shown);
        }
    }

    /// The document as character data, each character written in one of the ways that there are.
    fn carried(document: &str, ways: &[u8]) -> String {
        let ways = ways.iter().cycle();
        document.chars().zip(ways).fold(String::new(), |carried, (c, way)| match way % 4 {
            0 if !matches!(c, '<' | '&') => format!("{carried}{c}"),
            1 => format!("{carried}<![CDATA[{c}]]>"),
            2 => format!("{carried}<!-- > < -->&#x{:x};", c as u32),
            _ => format!("{carried}&#{};", c as u32),
        })
    }

    #[test]
    fn s5_each_secret_element_is_found_by_a_rare_byte_of_its_name() {
        assert!(SECRET_ELEMENTS.iter().all(|name| names_a_secret(name.as_bytes())));
        for (at, name) in NAMES {
            assert!(RARE.contains(&name[at]) && names_a_secret(name), "{}", name.escape_ascii());
            assert!(SECRET_ELEMENTS.iter().any(|element| element.as_bytes().ends_with(name)));
        }
    }

    #[test]
    fn what_we_send_is_known_to_have_no_secret() {
        for message in [
            "<soapenv:Body><req:ResponseMsg><![CDATA[<?xml version=\"1.0\"?><response>x</response>]]></req:ResponseMsg>",
            "<a>\n<![CDATA[\n<b>a &amp; b</b>\n]]>\n</a>",
            "<a>&lt;b&gt;x&lt;/b&gt;</a>",
        ] {
            assert!(names_no_secret(message), "{message}");
        }
    }

    proptest! {
        #[test]
        fn s5_what_is_known_to_have_no_secret_has_none(
            message in "(<|>|&lt;|&gt;|/|:|;|&#119;|<!\\[CDATA\\[|\\]\\]>|<!--|-->|sp|Pass|word|Password| |\n|x){0,24}",
        ) {
            prop_assert!(!names_no_secret(&message) || secrets(&message, LEVELS).is_empty(), "{message}");
        }

        #[test]
        fn s5_a_secret_does_not_show_whatever_carries_it(
            ways in prop::collection::vec(any::<u8>(), 1..60),
            secret in "[a-zA-Z0-9+/=]{12,40}",
        ) {
            let document = format!("<r><Remark>open</Remark><SecurityCredential>{secret}</SecurityCredential></r>");
            let shown = masked(format!("<req>{}</req>", carried(&document, &ways)));
            let said = Said::by(&shown["<req>".len()..shown.len() - "</req>".len()]).text.into_owned();
            prop_assert_eq!(said, document.replace(&secret, MASK));
        }

        #[test]
        fn masking_never_panics_and_hides(before in ".*", secret in "[a-zA-Z0-9+/=]{12,40}", after in ".*") {
            let message = format!("{before}<spPassword>{secret}</spPassword>{after}");
            prop_assume!(!before.contains('<') && !after.contains(&secret));
            prop_assert!(!masked(&message).contains(&secret));
        }

        #[test]
        fn masking_takes_anything(message in "([<>&;#x/!\\[\\]-]|CDATA|--|lt|Password|é|[a-c]){0,60}") {
            let _ = masked(&message);
        }
    }
}
