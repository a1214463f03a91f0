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
/// envelope, stand in a CDATA section or in escaped text. One pass, whatever the message is.
pub(super) fn masked(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(name_at) = next_tag(rest) {
        let (before, tag) = rest.split_at(name_at);
        out.push_str(before);
        rest = match secret_text(tag) {
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

/// Where the name of the next tag, real or escaped, begins.
fn next_tag(text: &str) -> Option<usize> {
    let at = text.find(['<', '&'])?;
    let opener = if text[at..].starts_with("&lt;") { 4 } else { 1 };
    Some(at + opener)
}

/// Where the text of the element begins and ends, if `tag` begins with the name of a secret one.
fn secret_text(tag: &str) -> Option<(usize, usize)> {
    let name_ends = tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '&' | '<'))?;
    let name = &tag[..name_ends];
    let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
    if !SECRET_ELEMENTS.contains(&local) {
        return None;
    }
    let (begins, empty) = tag_end(&tag[name_ends..])?;
    let begins = name_ends + begins;
    (!empty).then(|| (begins, begins + text_end(&tag[begins..])))
}

/// How far a start tag goes after its name, and whether it is an empty element's.
fn tag_end(rest: &str) -> Option<(usize, bool)> {
    let at = rest.find(['>', '&'])?;
    let closer = if rest[at..].starts_with('>') {
        1
    } else if rest[at..].starts_with("&gt;") {
        4
    } else {
        // An entity in an attribute's value: the tag ends at the next bracket.
        return rest.find('>').map(|at| (at + 1, rest[..at].ends_with('/')));
    };
    Some((at + closer, rest[..at].ends_with('/')))
}

/// How far an element's text goes: to the next tag, real or escaped. A CDATA section in it is text.
fn text_end(text: &str) -> usize {
    let mut at = 0;
    while let Some(next) = text[at..].find(['<', '&']).map(|next| at + next) {
        let rest = &text[next..];
        if rest.starts_with("<![CDATA[") {
            match rest.find("]]>") {
                Some(end) => at = next + end + 3,
                None => return text.len(),
            }
        } else if rest.starts_with('<') || rest.starts_with("&lt;") {
            return next;
        } else {
            at = next + 1;
        }
    }
    text.len()
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
