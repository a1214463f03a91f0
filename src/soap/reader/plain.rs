//! The plainest markup, read in place: tags that hold nothing but a name, and text up to the next tag.
//!
//! Most of a message is that, and here it is looked at once. Whatever else there is, is left to quick-xml,
//! which would say the same of this: tests read the same documents with and without what is here.

use super::{Closing, Kind, Reader, Stage, XmlReason};
use crate::soap::characters::in_name;

impl<'a> Reader<'a> {
    /// The next event inside the root, if it is plain.
    pub(super) fn plain(&mut self) -> Result<Option<Kind>, XmlReason> {
        if self.stage != Stage::Inside || !self.between {
            return Ok(None);
        }
        #[cfg(test)]
        if self.nothing_in_place {
            return Ok(None);
        }
        match self.text.as_bytes().get(self.at..) {
            Some([b'<', b'/', rest @ ..]) => Ok(self.plain_end(rest)),
            Some([b'<', rest @ ..]) => self.plain_start(rest),
            Some(rest) => self.plain_text(rest),
            None => Ok(None),
        }
    }

    /// `</name>`; what does not close the innermost element is not plain.
    fn plain_end(&mut self, rest: &[u8]) -> Option<Kind> {
        let name = self.open.last()?.written.as_bytes();
        if rest.strip_prefix(name)?.first() != Some(&b'>') {
            return None;
        }
        self.at = self.at.saturating_add("</>".len()).saturating_add(name.len());
        self.closing = Closing::Given;
        Some(Kind::End)
    }

    /// `<name>` or `<name/>`.
    fn plain_start(&mut self, rest: &[u8]) -> Result<Option<Kind>, XmlReason> {
        let mut holds = 0;
        let name = rest.iter().position(|&byte| {
            let may_be = in_name::of(byte);
            holds |= may_be;
            may_be & (in_name::NEVER | in_name::BEYOND) != 0
        });
        let Some((name, after)) = name.and_then(|bytes| rest.split_at_checked(bytes)) else { return Ok(None) };
        let (empty, close) = match after {
            [b'>', ..] => (false, ">"),
            [b'/', b'>', ..] => (true, "/>"),
            _ => return Ok(None),
        };
        let begin = self.at.saturating_add("<".len());
        let end = begin.saturating_add(name.len());
        let Some(written) = self.text.get(begin..end) else { return Ok(None) };
        let is_local =
            holds & in_name::COLON == 0 && name.first().is_some_and(|&first| in_name::of(first) == in_name::START);
        self.at = end.saturating_add(close.len());
        self.open_named(written, is_local, "", empty)
    }

    /// Text that has a tag after it and no reference in it.
    fn plain_text(&mut self, rest: &[u8]) -> Result<Option<Kind>, XmlReason> {
        let Some(length) = memchr::memchr2(b'<', b'&', rest).filter(|&length| rest.get(length) == Some(&b'<')) else {
            return Ok(None);
        };
        let end = self.at.saturating_add(length);
        let Some(text) = self.text.get(self.at..end) else { return Ok(None) };
        self.at = end;
        self.text(text)
    }
}
