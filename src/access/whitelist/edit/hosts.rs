//! Callback hosts that come or go by a command. One host stands as a table of its own
//! (`[[third_party.duka.callback_hosts]]`), or as an inline table in a list.

use std::ops::Range;

use toml_edit::{Array, ArrayOfTables, Document, DocumentMut, InlineTable, Item, Key, Table, Value};

use super::super::parse::read_host;
use super::super::{HostRule, Whitelist};
use super::{EditError, Edited, checked, party};

const HOSTS: &str = "callback_hosts";

/// A host that is to come into the list.
#[derive(Clone, Copy, Debug)]
pub struct NewHost<'a> {
    /// Whose callbacks may go there.
    pub third_party: &'a str,
    /// Its name, or a network for URLs that name an address.
    pub host: &'a str,
    /// The ports on it.
    pub ports: &'a [u16],
    /// For people.
    pub comment: Option<&'a str>,
}

/// The text with one callback host more, after the third party's others.
pub fn add_host(text: &str, new: &NewHost<'_>) -> Result<Edited, EditError> {
    let before = Whitelist::parse(text)?;
    let rule = read_host(new.host).map_err(EditError::Refused)?;
    if find(&before, new.third_party, &rule)?.is_some() {
        return Err(EditError::HostTaken(new.third_party.into(), new.host.into()));
    }
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::ByHand(1))?;
    let after = match party(document.as_item_mut(), new.third_party).map(|party| party.get_mut(HOSTS)) {
        Some(Some(Item::ArrayOfTables(hosts))) => {
            push(hosts, new);
            document.to_string()
        }
        Some(Some(hosts)) => {
            push_inline(hosts.as_array_mut().ok_or(EditError::ByHand(1))?, new);
            document.to_string()
        }
        Some(None) if is_section(text, new.third_party) => {
            let mut hosts = ArrayOfTables::new();
            push(&mut hosts, new);
            let party = party(document.as_item_mut(), new.third_party).ok_or(EditError::ByHand(1))?;
            party.insert(HOSTS, Item::ArrayOfTables(hosts));
            document.to_string()
        }
        // Written on one line with all it has.
        Some(None) => return Err(EditError::ByHand(1)),
        None => {
            let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let party = Key::new(new.third_party);
            format!("{text}{newline}\n[[third_party.{party}.{HOSTS}]]\n{}", table(new))
        }
    };
    checked(&before, after)
}

/// The text without one callback host.
pub fn remove_host(text: &str, third_party: &str, host: &str) -> Result<Edited, EditError> {
    let before = Whitelist::parse(text)?;
    let missing = || EditError::HostMissing(third_party.into(), host.into());
    let rule = read_host(host).map_err(|_| missing())?;
    let (at, line) = find(&before, third_party, &rule)?.ok_or_else(missing)?;
    let after = without_table(text, third_party, at).or_else(|| without_inline(text, third_party, at));
    checked(&before, after.ok_or(EditError::ByHand(line))?)
}

/// Which of the third party's hosts this is, and its line. One that stands twice, with other ports each
/// time, is nothing that its name tells apart.
fn find(list: &Whitelist, third_party: &str, rule: &HostRule) -> Result<Option<(usize, usize)>, EditError> {
    let hosts = list.callback_hosts(third_party).iter().enumerate();
    let mut found = hosts.filter(|(_, other)| other.host == *rule).map(|(at, other)| (at, other.line));
    match (found.next(), found.next()) {
        (Some(_), Some((_, line))) => Err(EditError::ByHand(line)),
        (one, _) => Ok(one),
    }
}

fn push(hosts: &mut ArrayOfTables, new: &NewHost<'_>) {
    let mut table = table(new);
    table.decor_mut().set_prefix("\n");
    hosts.push(table);
}

/// On a line of its own, if the one before it is.
fn push_inline(hosts: &mut Array, new: &NewHost<'_>) {
    let mut entry = Value::from(inline(new));
    let before = hosts.iter().last().and_then(|last| last.decor().prefix()?.as_str());
    match before.and_then(|before| before.rsplit_once('\n')) {
        Some((_, indent)) => {
            entry.decor_mut().set_prefix(format!("\n{indent}"));
            hosts.push_formatted(entry);
        }
        None => hosts.push(entry),
    }
}

fn table(new: &NewHost<'_>) -> Table {
    inline(new).into_table()
}

fn inline(new: &NewHost<'_>) -> InlineTable {
    let mut entry = InlineTable::new();
    entry.insert("host", new.host.into());
    entry.insert("ports", Value::Array(new.ports.iter().map(|port| i64::from(*port)).collect::<Array>()));
    if let Some(comment) = new.comment {
        entry.insert("comment", comment.into());
    }
    entry
}

/// Whether the third party has tables with headers, beside which another one can stand.
fn is_section(text: &str, third_party: &str) -> bool {
    let Ok(document) = Document::parse(text) else { return false };
    let party = ["third_party", third_party]
        .into_iter()
        .try_fold(document.as_item(), |item, key| item.as_table_like()?.get(key));
    party.is_some_and(Item::is_table)
}

/// The text without the lines of one table: its header and its keys, and what stands between them. What
/// is written above the header stays.
fn without_table(text: &str, third_party: &str, at: usize) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let table = hosts_of(document.as_item(), third_party)?.as_array_of_tables()?.get(at)?;
    let begin = table.span()?.start;
    let end = table.iter().filter_map(|(_, item)| item.span()).map(|span| span.end).max()?;
    let Around { above, beside, rest, below } = Around::of(text, begin..end)?;
    let alone = beside.is_empty() && is_comment(rest);
    // Of the blank lines around it, one goes along.
    let above = match above.strip_suffix('\n') {
        Some(shorter) if shorter.ends_with('\n') && (below.is_empty() || below.starts_with('\n')) => shorter,
        _ => above,
    };
    alone.then(|| [above, below].concat())
}

/// The text without the line of one entry of a list; none if it shares the line with anything else.
fn without_inline(text: &str, third_party: &str, at: usize) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let entry = hosts_of(document.as_item(), third_party)?.as_array()?.get(at)?;
    let Around { above, beside, rest, below } = Around::of(text, entry.span()?)?;
    let rest = rest.trim_start();
    let alone = beside.is_empty() && is_comment(rest.strip_prefix(',').unwrap_or(rest));
    alone.then(|| [above, below].concat())
}

fn hosts_of<'a>(root: &'a Item, third_party: &str) -> Option<&'a Item> {
    ["third_party", third_party, HOSTS].into_iter().try_fold(root, |item, key| item.as_table_like()?.get(key))
}

/// What stands around a place in a text: the lines above, what is beside it on its first line and on its
/// last, and the lines below.
struct Around<'a> {
    above: &'a str,
    beside: &'a str,
    rest: &'a str,
    below: &'a str,
}

impl<'a> Around<'a> {
    fn of(text: &'a str, place: Range<usize>) -> Option<Self> {
        let before = text.get(..place.start)?;
        let (above, beside) = before.split_at(before.rfind('\n').map_or(0, |at| at.saturating_add(1)));
        let after = text.get(place.end..)?;
        let rest = after.split_inclusive('\n').next().unwrap_or_default();
        Some(Self { above, beside: beside.trim(), rest, below: after.get(rest.len()..)? })
    }
}

/// Whether this is nothing, or an entry's own comment.
fn is_comment(rest: &str) -> bool {
    rest.trim().is_empty() || rest.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::super::super::SHIPPED;
    use super::*;

    const NEW: NewHost<'_> = NewHost {
        third_party: "duka",
        host: "pay.duka.example",
        ports: &[443, 8443],
        comment: Some("ticket \"4711\""),
    };
    const TABLE: &str = "\n[[third_party.duka.callback_hosts]]\nhost = \"pay.duka.example\"\nports = [443, 8443]\n\
        comment = 'ticket \"4711\"'\n";
    const INLINE: &str = "[third_party.a]\ncallback_hosts = [\n  { host = \"one.example\", ports = [443] }, # first\n  \
        { host = \"two.example\", ports = [443] },\n]\n";

    #[test]
    fn a_host_comes_after_the_others_and_nothing_else_changes() {
        let edited = add_host(SHIPPED, &NEW).unwrap();
        assert_eq!(edited.text, format!("{SHIPPED}{TABLE}"));
        assert_eq!(edited.change.entry, "callback host pay.duka.example:443:8443");
        assert_eq!((edited.change.before, edited.change.after.as_deref()), (None, Some("allowed (ticket \"4711\")")));
        let between = format!("{SHIPPED}\n# Another.\n[third_party.soko.networks]\n");
        let expected = format!("{SHIPPED}{TABLE}\n# Another.\n[third_party.soko.networks]\n");
        assert_eq!(add_host(&between, &NEW).unwrap().text, expected);
    }

    #[test]
    fn the_first_host_of_a_third_party_comes_after_its_networks() {
        let networks =
            "# theirs\n[third_party.duka.networks] # all\nx = { network = \"10.0.0.0/8\", kind = \"vpn\" }\n";
        let more = "\n# Another.\n[third_party.soko.networks]\ny = { network = \"10.0.0.0/8\", kind = \"vpn\" }\n";
        assert_eq!(add_host(&[networks, more].concat(), &NEW).unwrap().text, [networks, TABLE, more].concat());
        assert_eq!(add_host("# only words", &NEW).unwrap().text, format!("# only words\n{TABLE}"));
    }

    #[test]
    fn what_was_added_and_removed_again_leaves_the_file_as_it_was() {
        let more = format!("{SHIPPED}\n# Another.\n[third_party.soko.networks]\n");
        for text in [SHIPPED, &more, INLINE] {
            let new = NewHost { third_party: if text == INLINE { "a" } else { "duka" }, ..NEW };
            let added = add_host(text, &new).unwrap().text;
            assert_ne!(added, text);
            let removed = remove_host(&added, new.third_party, "PAY.duka.example").unwrap();
            assert_eq!(removed.text, text);
            assert_eq!(removed.change.after, None);
        }
    }

    #[test]
    fn a_removed_host_takes_only_its_own_lines_along() {
        let text = "[third_party.a.networks] # theirs\n\n# above\n[[third_party.a.callback_hosts]]\nhost = \"one.example\"\n\
            # why 443\nports = [443] # own\n# below\n\n[[third_party.a.callback_hosts]]\nhost = \"10.0.0.0/24\"\nports = [80]\n";
        let left = remove_host(text, "a", "one.example").unwrap().text;
        assert_eq!(
            left,
            "[third_party.a.networks] # theirs\n\n# above\n# below\n\n[[third_party.a.callback_hosts]]\n\
             host = \"10.0.0.0/24\"\nports = [80]\n"
        );
        assert_eq!(
            remove_host(&left, "a", "10.0.0.0/24").unwrap().text,
            "[third_party.a.networks] # theirs\n\n# above\n# below\n"
        );
    }

    #[test]
    fn a_host_in_a_list_comes_and_goes_too() {
        let added = add_host(INLINE, &NewHost { third_party: "a", ..NEW }).unwrap();
        assert_eq!(added.whitelist.callback_hosts("a").len(), 3);
        assert!(added.text.contains("# first"), "{}", added.text);
        let left = remove_host(INLINE, "a", "two.example").unwrap();
        assert!(left.text.contains("one.example") && left.text.contains("# first"), "{}", left.text);
        let one_line = "[third_party.a]\ncallback_hosts = [{ host = \"one.example\", ports = [443] }]\n";
        assert_eq!(remove_host(one_line, "a", "one.example").unwrap_err(), EditError::ByHand(2));
    }

    #[test]
    fn an_edit_that_makes_no_good_list_is_refused_with_the_reason() {
        let refusal = |new: NewHost<'_>| add_host(SHIPPED, &new).unwrap_err().to_string();
        assert!(refusal(NewHost { host: "https://pay.duka.example/x", ..NEW }).contains("write the name alone"));
        assert!(refusal(NewHost { host: "*.duka.example", ..NEW }).contains("no host"));
        assert!(refusal(NewHost { ports: &[], ..NEW }).contains("name the ports"));
        assert!(refusal(NewHost { ports: &[0], ..NEW }).contains("name the ports"));
        assert!(refusal(NewHost { third_party: "a b", ..NEW }).contains("no third party"));
        assert!(refusal(NewHost { host: "LOCALHOST", ..NEW }).contains("already"));
        assert_eq!(
            remove_host(SHIPPED, "duka", "x.example").unwrap_err(),
            EditError::HostMissing("duka".into(), "x.example".into())
        );
        let twice = format!("{SHIPPED}\n[[third_party.duka.callback_hosts]]\nhost = \"localhost\"\nports = [1]\n");
        assert!(matches!(remove_host(&twice, "duka", "localhost"), Err(EditError::ByHand(_))));
        let line = "third_party.a = { networks = { x = { network = \"10.0.0.0/8\", kind = \"vpn\" } } }\n";
        assert!(matches!(add_host(line, &NewHost { third_party: "a", ..NEW }), Err(EditError::ByHand(_))));
    }
}
