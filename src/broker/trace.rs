//! The legs of a conversation as they went over the wire, for `queryTransaction` and for operators.
//! What is secret in them is masked before it gets here (S5).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::core::ConversationId;
use crate::store::{Key, Stored, WriteSet, encode};

/// Elements whose text never reaches the store.
const SECRET_ELEMENTS: [&str; 5] =
    ["spPassword", "SecurityCredential", "Password", "newPassword", "EncryptedParameters"];

const MASK: &str = "****";

/// One message of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Leg {
    /// What it was.
    pub kind: LegKind,
    /// When.
    pub at: Timestamp,
    /// The message, secrets masked.
    pub message: String,
}

impl Stored for Leg {
    const NAME: &'static str = "a leg of a conversation";
}

/// What a leg was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum LegKind {
    /// The third party's request.
    Request,
    /// Our answer to it.
    Answer,
}

/// Adds a leg to its conversation's log.
pub(super) fn record(
    write_set: &mut WriteSet,
    conversation: &ConversationId,
    kind: LegKind,
    at: Timestamp,
    message: &[u8],
) {
    let leg = Leg { kind, at, message: masked(&String::from_utf8_lossy(message)) };
    write_set.append(Key::of("leg").text(conversation.as_str()), encode(&leg), Vec::new());
}

/// The message with the text of its secret elements masked, whether they are elements of the
/// envelope, stand in a CDATA section or in escaped text, however it is escaped. One pass, whatever
/// the message is.
pub(super) fn masked(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(bracket) = next_bracket(rest, 0) {
        let (before, tag) = rest.split_at(bracket.ends);
        out.push_str(before);
        rest = match bracket.opens.then(|| secret_text(tag)).flatten() {
            Some((text_begins, text_ends)) => {
                out.push_str(&tag[..text_begins]);
                if !tag[text_begins..text_ends].trim().is_empty() {
                    out.push_str(MASK);
                }
                &tag[text_ends..]
            }
            None => tag,
        };
    }
    out.push_str(rest);
    out
}

/// A bracket of a tag: plain, or a reference that means one.
struct Bracket {
    /// `<`; otherwise `>`.
    opens: bool,
    begins: usize,
    ends: usize,
}

/// The first bracket of the text at or after `from`.
fn next_bracket(text: &str, from: usize) -> Option<Bracket> {
    let mut at = from;
    loop {
        let begins = at + text[at..].find(['<', '>', '&'])?;
        if let Some((opens, length)) = bracket(&text[begins..]) {
            return Some(Bracket { opens, begins, ends: begins + length });
        }
        at = begins + 1;
    }
}

/// If the text begins with a bracket: whether it opens, and how long it is.
fn bracket(text: &str) -> Option<(bool, usize)> {
    let Some(reference) = text.strip_prefix('&') else {
        return text.starts_with(['<', '>']).then(|| (text.starts_with('<'), 1));
    };
    let name = reference.split(|c: char| !c.is_ascii_alphanumeric() && c != '#').next()?;
    let character = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        None if name == "lt" => '<'.into(),
        None if name == "gt" => '>'.into(),
        None => return None,
    };
    let is_bracket = character == u32::from('<') || character == u32::from('>');
    (is_bracket && reference[name.len()..].starts_with(';')).then(|| (character == u32::from('<'), name.len() + 2))
}

/// Where the text of the element begins and ends, if `tag` begins with the name of a secret one.
fn secret_text(tag: &str) -> Option<(usize, usize)> {
    let name_ends = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '&' | '<'))?;
    let name = &tag[..name_ends];
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    if !SECRET_ELEMENTS.contains(&local) {
        return None;
    }
    let mut end = next_bracket(tag, name_ends)?;
    while end.opens {
        end = next_bracket(tag, end.ends)?;
    }
    let empty = tag[..end.begins].ends_with('/');
    (!empty).then(|| (end.ends, text_end(tag, end.ends)))
}

/// Where an element's text that begins at `from` ends: at the next tag. CDATA sections and comments
/// in it are text.
fn text_end(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(bracket) = next_bracket(text, at) {
        let markup = &text[bracket.ends..];
        let inside = match bracket.opens {
            false => Some(bracket.ends),
            true if markup.starts_with("!--") => after(text, bracket.ends + 3, "--"),
            true if markup.starts_with("![CDATA[") => after(text, bracket.ends + 8, "]]"),
            true => return bracket.begins,
        };
        match inside {
            Some(next) => at = next,
            None => break,
        }
    }
    text.len()
}

/// Where markup that is closed by these characters and a bracket ends.
fn after(text: &str, from: usize, closer: &str) -> Option<usize> {
    let mut at = from;
    loop {
        at += text[at..].find(closer)?;
        let closed = at + closer.len();
        match bracket(&text[closed..]) {
            Some((false, length)) => return Some(closed + length),
            _ => at += 1,
        }
    }
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
        ] {
            assert_eq!(masked(message), shown);
        }
    }

    proptest! {
        #[test]
        fn masking_never_panics_and_hides(before in ".*", secret in "[a-zA-Z0-9+/=]{12,40}", after in ".*") {
            let message = format!("{before}<spPassword>{secret}</spPassword>{after}");
            prop_assume!(!before.contains(&secret) && !after.contains(&secret));
            prop_assert!(!masked(&message).contains(&secret));
        }
    }
}
