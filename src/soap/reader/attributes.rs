//! What stands in a start tag after the name, split into names and raw values.

use super::XmlReason;
use crate::soap::characters::is_space;

/// An attribute as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawAttribute<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// The attributes of a start tag: `text` is all between the element's name and `>` or `/>`.
pub(super) struct RawAttributes<'a> {
    text: &'a str,
}

impl<'a> RawAttributes<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text }
    }

    fn split(&mut self) -> Result<Option<RawAttribute<'a>>, XmlReason> {
        let start = skip_space(self.text);
        if start.is_empty() {
            return Ok(None);
        }
        if start.len() == self.text.len() {
            // Nothing separates this attribute from what comes before it.
            return Err(XmlReason::AttributeSyntax);
        }
        let (name, rest) = start.split_once('=').ok_or(XmlReason::AttributeSyntax)?;
        let name = name.trim_end_matches([' ', '\t', '\r', '\n']);
        let rest = skip_space(rest);
        let quote =
            rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')).ok_or(XmlReason::AttributeSyntax)?;
        let (value, rest) = rest.get(1..).and_then(|rest| rest.split_once(quote)).ok_or(XmlReason::AttributeSyntax)?;
        self.text = rest;
        Ok(Some(RawAttribute { name, value }))
    }
}

impl<'a> Iterator for RawAttributes<'a> {
    type Item = Result<RawAttribute<'a>, XmlReason>;

    fn next(&mut self) -> Option<Self::Item> {
        let split = self.split().transpose();
        if matches!(split, Some(Err(_))) {
            self.text = "";
        }
        split
    }
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(|character: char| u8::try_from(character).is_ok_and(is_space))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Vec<(&str, &str)>, XmlReason> {
        RawAttributes::new(text).map(|each| each.map(|raw| (raw.name, raw.value))).collect()
    }

    #[test]
    fn attributes_are_split() {
        assert_eq!(split(""), Ok(vec![]));
        assert_eq!(split(" \n"), Ok(vec![]));
        assert_eq!(split(" a='1' b = \"2'>\"\n"), Ok(vec![("a", "1"), ("b", "2'>")]));
    }

    #[test]
    fn what_is_not_name_quote_value_quote_is_refused() {
        for wrong in [" a", " a=", " a=1", " a='1", " a='1'b='2'", " a='1' b", "a='1'", " ='1", " a='1'/ "] {
            assert_eq!(split(wrong), Err(XmlReason::AttributeSyntax), "{wrong}");
        }
    }
}
