//! Start and end tags: names, attributes, namespaces, and that each end closes what is open.

use quick_xml::events::BytesStart;

use super::attributes::RawAttributes;
use super::event::RawExpanded;
use super::namespaces::Bound;
use super::{Closing, Kind, Open, Reader, Stage, XmlReason, cap, references};
use crate::soap::names::{is_same, split_qname};

impl<'a> Reader<'a> {
    pub(super) fn open(&mut self, start: &BytesStart<'a>, empty: bool) -> Result<Option<Kind>, XmlReason> {
        if self.stage == Stage::Epilog {
            return Err(XmlReason::SecondRoot);
        }
        self.stage = Stage::Inside;
        let name_bytes = start.name().0.len();
        let (written, rest) = self.tag(name_bytes, start.len().saturating_sub(name_bytes));
        self.open_named(written, false, rest, empty)
    }

    /// An element begins of which `rest` stands in the tag after its name; `is_local` says that the name is
    /// known to be a good one without a prefix.
    pub(super) fn open_named(
        &mut self,
        written: &'a str,
        is_local: bool,
        rest: &'a str,
        empty: bool,
    ) -> Result<Option<Kind>, XmlReason> {
        self.elements = self.elements.saturating_add(1);
        cap(self.elements, self.limits.elements_max, "elements")?;
        cap(self.open.len().saturating_add(1), self.limits.depth_max, "elements inside each other")?;
        cap(written.len(), self.limits.name_bytes_max, "bytes of a name")?;
        let (prefix, local) = if is_local { ("", written) } else { split(written)? };
        let namespaces_mark = self.namespaces.mark();
        self.attributes.clear();
        if !rest.is_empty() {
            self.read_attributes(rest, namespaces_mark)?;
        }
        let namespace = self.bound(prefix)?;
        self.bind_attributes()?;
        self.open.push(Open { written, namespace, local, namespaces_mark, text_bytes: 0 });
        self.closing = if empty { Closing::Empty } else { Closing::Nothing };
        Ok(Some(Kind::Start))
    }

    /// Name and attributes of the tag that begins at the event's offset, borrowed from the input:
    /// what quick-xml hands out lives no longer than its event.
    fn tag(&self, name_bytes: usize, attribute_bytes: usize) -> (&'a str, &'a str) {
        let begin = self.event_offset.saturating_add(1);
        let middle = begin.saturating_add(name_bytes);
        let name = self.text.get(begin..middle).unwrap_or("");
        if attribute_bytes == 0 {
            return (name, "");
        }
        (name, self.text.get(middle..middle.saturating_add(attribute_bytes)).unwrap_or(""))
    }

    fn read_attributes(&mut self, text: &'a str, mark: usize) -> Result<(), XmlReason> {
        let mut declared = 0_usize;
        for raw in RawAttributes::new(text) {
            let raw = raw?;
            cap(raw.name.len(), self.limits.name_bytes_max, "bytes of a name")?;
            let (prefix, local) = split(raw.name)?;
            let value = references::attribute_value(raw.value)?;
            let declares = match (prefix, local) {
                ("", "xmlns") => Some(""),
                ("xmlns", prefix) => Some(prefix),
                _ => None,
            };
            if let Some(declares) = declares {
                declared = declared.saturating_add(1);
                cap(declared, self.limits.namespaces_per_element_max, "namespace declarations of an element")?;
                self.namespaces.declare(mark, declares, value)?;
            } else {
                let count = self.attributes.len().saturating_add(1);
                cap(count, self.limits.attributes_per_element_max, "attributes of an element")?;
                self.attributes.push(RawExpanded { prefix, namespace: Bound::Nothing, local, value });
            }
        }
        Ok(())
    }

    /// Looks up what the attributes' prefixes stand for, once all declarations of the tag are known;
    /// no two may have the same name. Pairs are compared one by one: the cap on attributes keeps that
    /// short.
    fn bind_attributes(&mut self) -> Result<(), XmlReason> {
        for index in 0..self.attributes.len() {
            let Some((earlier, [attribute, ..])) = self.attributes.split_at_mut_checked(index) else { break };
            if !attribute.prefix.is_empty() {
                let unbound = || XmlReason::UnboundPrefix(attribute.prefix.to_owned());
                attribute.namespace = self.namespaces.resolve(attribute.prefix).ok_or_else(unbound)?;
            }
            let namespace = self.namespaces.uri(attribute.namespace);
            let twice = earlier.iter().any(|other| {
                other.local == attribute.local && is_same(self.namespaces.uri(other.namespace), namespace)
            });
            if twice {
                return Err(XmlReason::DuplicateAttribute(attribute.local.to_owned()));
            }
        }
        Ok(())
    }

    fn bound(&self, prefix: &str) -> Result<Bound, XmlReason> {
        self.namespaces.resolve(prefix).ok_or_else(|| XmlReason::UnboundPrefix(prefix.to_owned()))
    }

    pub(super) fn close(&mut self, found: &str) -> Result<Option<Kind>, XmlReason> {
        match self.open.last() {
            None => Err(XmlReason::UnopenedEnd(self.shortened(found))),
            Some(open) if open.written == found => {
                self.closing = Closing::Given;
                Ok(Some(Kind::End))
            }
            Some(open) => {
                Err(XmlReason::MismatchedEnd { expected: open.written.to_owned(), found: self.shortened(found) })
            }
        }
    }

    fn shortened(&self, written: &str) -> String {
        written.chars().take(self.limits.name_bytes_max).collect()
    }
}

fn split(written: &str) -> Result<(&str, &str), XmlReason> {
    split_qname(written).ok_or_else(|| XmlReason::BadName(written.to_owned()))
}
