//! Where a WSDL or schema file names another file or the address of its service. The files were
//! compiled by the strict reader when the node started, so their markup is sound.

use std::ops::Range;

/// What an attribute's value leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Another file.
    File,
    /// The service.
    Address,
}

impl Link {
    /// What this attribute of this element is, by their local names.
    fn of(element: &str, attribute: &str) -> Option<Self> {
        match (element, attribute) {
            ("import" | "include", "schemaLocation") | ("import", "location") => Some(Self::File),
            ("address", "location") => Some(Self::Address),
            _ => None,
        }
    }
}

/// The files that a text names.
pub(super) fn linked(text: &str) -> impl Iterator<Item = &str> {
    let files = links(text).into_iter().filter(|(link, _)| *link == Link::File);
    files.filter_map(|(_, value)| text.get(value))
}

/// The text with the values of its links replaced, where `replace` gives something.
pub(super) fn rewritten(text: &str, replace: impl Fn(Link, &str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 1024);
    let mut copied = 0;
    for (link, value) in links(text) {
        let Some(by) = text.get(value.clone()).and_then(|value| replace(link, value)) else { continue };
        out.push_str(text.get(copied..value.start).unwrap_or_default());
        out.push_str(&by);
        copied = value.end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

/// Every link, and where its value stands.
fn links(text: &str) -> Vec<(Link, Range<usize>)> {
    let mut links = Vec::new();
    let mut rest = text;
    while let Some(tag) = rest.find('<').and_then(|open| rest.get(open + 1..)) {
        rest = match tag.as_bytes().first() {
            Some(b'!') if tag.starts_with("!--") => after(tag, "-->"),
            Some(b'!') => after(tag, "]]>"),
            Some(b'?' | b'/') => after(tag, ">"),
            _ => attributes(tag, |element, attribute, value| {
                if let Some(link) = Link::of(local(element), attribute) {
                    let begins = text.len() - value.len();
                    let ends = begins + value.find(['"', '\'']).unwrap_or(value.len());
                    links.push((link, begins..ends));
                }
            }),
        };
    }
    links
}

/// Shows the attributes of a start tag: the element's name, the attribute's, and the text from its
/// value on, which holds no quote of the other kind. Gives what comes after them.
fn attributes<'t>(tag: &'t str, mut show: impl FnMut(&'t str, &'t str, &'t str)) -> &'t str {
    let name_ends = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(tag.len());
    let (element, mut rest) = tag.split_at(name_ends);
    loop {
        rest = rest.trim_start();
        let Some((name, value)) = rest.split_once('=').filter(|(name, _)| !name.contains('>')) else { return rest };
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else { return value };
        let value = value.get(1..).unwrap_or_default();
        show(element, name.trim_end(), value);
        rest = value.split_once(quote).map_or("", |(_, rest)| rest);
    }
}

fn after<'t>(text: &'t str, end: &str) -> &'t str {
    text.split_once(end).map_or("", |(_, rest)| rest)
}

fn local(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "<?xml version='1.0'?><!-- <import schemaLocation=\"no\"/> -->\
        <w:definitions a='>' xmlns:soap=\"urn:s\"><w:import location = 'b.wsdl'/>\
        <![CDATA[<import location=\"no\"/>]]><xs:import namespace=\"n\" schemaLocation=\"a.xsd\"/>\
        <xs:include\n schemaLocation='c.xsd'></xs:include><xs:element name=\"location\" default=\"x=y\"/>\
        <soap:address location=\"http://example/x\"/></w:definitions>";

    #[test]
    fn every_file_that_is_named_is_found_and_nothing_else() {
        assert_eq!(linked(TEXT).collect::<Vec<_>>(), ["b.wsdl", "a.xsd", "c.xsd"]);
        assert_eq!(linked("no markup = 'x'").count() + linked("").count() + linked("<a b").count(), 0);
    }

    #[test]
    fn values_are_replaced_and_the_rest_stays() {
        let text = rewritten(TEXT, |link, value| match link {
            Link::File => Some(format!("https://gate:1/p?xsd={value}")),
            Link::Address => Some("https://gate:1/p".into()),
        });
        let expected = TEXT
            .replace("'b.wsdl'", "'https://gate:1/p?xsd=b.wsdl'")
            .replace("\"a.xsd\"", "\"https://gate:1/p?xsd=a.xsd\"")
            .replace("'c.xsd'", "'https://gate:1/p?xsd=c.xsd'")
            .replace("http://example/x", "https://gate:1/p");
        assert_eq!(text, expected);
        assert_eq!(rewritten(TEXT, |_, _| None), TEXT);
    }
}
