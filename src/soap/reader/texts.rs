//! Text, sections and references: where they may stand, and the run of text that they give.

use super::{Kind, Reader, Stage, XmlReason, cap, references};
use crate::soap::characters::{is_blank, is_space};

impl<'a> Reader<'a> {
    /// Passes over the white space that stands next, inside the root, if markup comes after it.
    pub(super) fn pass_blanks(&mut self) -> Result<(), XmlReason> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        if blanks > 0 && self.stage == Stage::Inside && rest.get(blanks) == Some(&b'<') {
            self.count_text(blanks)?;
            self.at = self.at.saturating_add(blanks);
            self.event_offset = self.at;
        }
        Ok(())
    }

    pub(super) fn text(&mut self, text: &'a str) -> Result<Option<Kind>, XmlReason> {
        if text.is_empty() {
            return Ok(None);
        }
        if self.stage != Stage::Inside {
            return if is_blank(text) { Ok(None) } else { Err(XmlReason::TextOutsideRoot) };
        }
        if self.inventory.has_bracket && text.contains("]]>") {
            return Err(XmlReason::SectionEnd);
        }
        self.section(text)
    }

    pub(super) fn section(&mut self, text: &'a str) -> Result<Option<Kind>, XmlReason> {
        if self.stage != Stage::Inside {
            return Err(XmlReason::TextOutsideRoot);
        }
        if text.is_empty() {
            return Ok(None);
        }
        self.count_text(text.len())?;
        if !self.inventory.has_return {
            self.run = Some(text);
            return Ok(Some(Kind::Text));
        }
        self.make_run(text)
    }

    /// quick-xml borrows all text from a slice; this is here so that nothing hangs on it.
    pub(super) fn owned_text(&mut self, text: &str) -> Result<Option<Kind>, XmlReason> {
        if self.stage != Stage::Inside {
            return Err(XmlReason::TextOutsideRoot);
        }
        self.count_text(text.len())?;
        self.make_run(text)
    }

    /// Gives a text with its line ends as line feeds.
    fn make_run(&mut self, text: &str) -> Result<Option<Kind>, XmlReason> {
        self.run = None;
        self.made_run.clear();
        references::push_with_line_feeds(text, &mut self.made_run);
        Ok((!text.is_empty()).then_some(Kind::Text))
    }

    pub(super) fn reference(&mut self, name: &str) -> Result<Option<Kind>, XmlReason> {
        if self.stage != Stage::Inside {
            return Err(XmlReason::TextOutsideRoot);
        }
        let character = references::resolve(name)?;
        self.count_text(character.len_utf8())?;
        self.run = None;
        self.made_run.clear();
        self.made_run.push(character);
        Ok(Some(Kind::Text))
    }

    pub(super) fn count_text(&mut self, bytes: usize) -> Result<(), XmlReason> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        open.text_bytes = open.text_bytes.saturating_add(bytes);
        cap(open.text_bytes, self.limits.text_bytes_max, "bytes of text in an element")
    }
}
