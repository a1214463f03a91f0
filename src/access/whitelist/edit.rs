//! Edits of the whitelist file by a command: one line comes or goes, and every other one stays as an
//! operator wrote it. What would not be a good list afterwards, or would change anything else, is
//! not done.

mod hosts;

pub use hosts::{NewHost, add_host, remove_host};

use toml_edit::{Document, DocumentMut, InlineTable, Item, Key, TableLike, Value};

use super::{NetworkKind, Whitelist, WhitelistChange, WhitelistError};

/// A line that is to come into the list.
#[derive(Clone, Copy, Debug)]
pub struct NewNetwork<'a> {
    /// Whose.
    pub third_party: &'a str,
    /// Its name, of the operator's choice.
    pub name: &'a str,
    /// The addresses.
    pub network: &'a str,
    /// How they reach us.
    pub kind: NetworkKind,
    /// For people.
    pub comment: Option<&'a str>,
    /// The last day on which it is in force, as `YYYY-MM-DD`.
    pub expires: Option<&'a str>,
}

/// A good edit.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The new text of the file.
    pub text: String,
    /// What it changes.
    pub change: WhitelistChange,
    /// The list that the new text says.
    pub whitelist: Whitelist,
}

/// Why an edit is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file is not good as it is.
    #[error("the file has a fault already; {0}")]
    Faulty(#[from] WhitelistError),
    /// There is one of this name.
    #[error("\"{0}\" has a network \"{1}\" already; remove that first, or choose another name")]
    Taken(String, String),
    /// There is none of this name.
    #[error("\"{0}\" has no network \"{1}\"; `lango whitelist show` lists all")]
    Missing(String, String),
    /// There is such a callback host.
    #[error("\"{0}\" has the callback host \"{1}\" already; remove that first")]
    HostTaken(String, String),
    /// There is no such callback host.
    #[error("\"{0}\" has no callback host \"{1}\"; `lango whitelist show` lists all")]
    HostMissing(String, String),
    /// The date is none.
    #[error("\"{0}\" is no date; write the last good day, for example 2027-06-30")]
    Date(String),
    /// The list would not be good with it.
    #[error("{0}")]
    Refused(String),
    /// The file is written in a way that no command can be trusted with.
    #[error("line {0}: what stands here can only be changed by hand")]
    ByHand(usize),
}

/// The text with one network more, after the third party's others.
pub fn add(text: &str, new: &NewNetwork<'_>) -> Result<Edited, EditError> {
    let before = Whitelist::parse(text)?;
    if find(&before, new.third_party, new.name).is_some() {
        return Err(EditError::Taken(new.third_party.into(), new.name.into()));
    }
    let entry = entry(new)?;
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::ByHand(1))?;
    let edited = match networks(document.as_item_mut(), new.third_party) {
        Some(networks) => {
            networks.insert(new.name, Item::Value(entry.into()));
            document.to_string()
        }
        None => {
            let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let (party, name) = (Key::new(new.third_party), Key::new(new.name));
            format!("{text}{newline}\n[third_party.{party}.networks]\n{name} = {entry}\n")
        }
    };
    checked(&before, edited)
}

/// The text without one network.
pub fn remove(text: &str, third_party: &str, name: &str) -> Result<Edited, EditError> {
    let before = Whitelist::parse(text)?;
    let line = find(&before, third_party, name).ok_or_else(|| EditError::Missing(third_party.into(), name.into()))?;
    let edited = without(text, third_party, name).ok_or(EditError::ByHand(line))?;
    checked(&before, edited)
}

/// Whether the edited text is a good list in which one entry is another, and only one.
fn checked(before: &Whitelist, text: String) -> Result<Edited, EditError> {
    let whitelist = Whitelist::parse(&text).map_err(|error| EditError::Refused(error.message))?;
    let mut changes = before.changes_to(&whitelist);
    match (changes.pop(), changes.is_empty()) {
        (Some(change), true) => Ok(Edited { text, change, whitelist }),
        _ => Err(EditError::Refused("the edit would change more than this one line; do it by hand".into())),
    }
}

/// The line on which a network stands.
fn find(list: &Whitelist, third_party: &str, name: &str) -> Option<usize> {
    list.networks().find(|(party, network)| *party == third_party && network.name == name).map(|(_, found)| found.line)
}

fn entry(new: &NewNetwork<'_>) -> Result<InlineTable, EditError> {
    let mut entry = InlineTable::new();
    entry.insert("network", new.network.into());
    entry.insert("kind", new.kind.to_string().into());
    if let Some(comment) = new.comment {
        entry.insert("comment", comment.into());
    }
    if let Some(day) = new.expires {
        let date: toml_edit::Datetime = day.parse().map_err(|_| EditError::Date(day.into()))?;
        entry.insert("expires", Value::from(date));
    }
    Ok(entry)
}

fn networks<'a>(root: &'a mut Item, third_party: &str) -> Option<&'a mut dyn TableLike> {
    party(root, third_party)?.get_mut("networks")?.as_table_like_mut()
}

/// The table of one third party.
fn party<'a>(root: &'a mut Item, third_party: &str) -> Option<&'a mut dyn TableLike> {
    ["third_party", third_party]
        .into_iter()
        .try_fold(root, |item, key| item.as_table_like_mut()?.get_mut(key))?
        .as_table_like_mut()
}

/// The text without the lines of one entry; none if it shares them with anything else.
fn without(text: &str, third_party: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let networks = ["third_party", third_party, "networks"]
        .into_iter()
        .try_fold(document.as_item(), |item, key| item.as_table_like()?.get(key))?
        .as_table_like()?;
    let (key, item) = networks.get_key_value(name)?;
    let (begin, end) = (key.span()?.start, item.span()?.end);
    let begin_of_line = text.get(..begin)?.rfind('\n').map_or(0, |at| at.saturating_add(1));
    let rest = text.get(end..)?;
    let rest_of_line = rest.split_inclusive('\n').next().unwrap_or_default();
    let alone = text.get(begin_of_line..begin)?.trim().is_empty();
    // What follows on the line is the entry's own comment, or nothing.
    let last = rest_of_line.trim().is_empty() || rest_of_line.trim_start().starts_with('#');
    (alone && last).then(|| [text.get(..begin_of_line), rest.get(rest_of_line.len()..)].into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::super::SHIPPED;
    use super::*;

    const NEW: NewNetwork<'_> = NewNetwork {
        third_party: "duka",
        name: "office",
        network: "203.0.113.16/29",
        kind: NetworkKind::Internet,
        comment: Some("ticket \"4711\""),
        expires: Some("2027-06-30"),
    };

    const LINE: &str = "office = { network = \"203.0.113.16/29\", kind = \"internet\", \
        comment = 'ticket \"4711\"', expires = 2027-06-30 }";

    #[test]
    fn a_line_comes_after_the_others_and_nothing_else_changes() {
        let edited = add(SHIPPED, &NEW).unwrap();
        let lines: Vec<&str> = edited.text.lines().collect();
        let at = lines.iter().position(|line| *line == LINE).unwrap_or_else(|| panic!("{}", edited.text));
        assert!(lines[at - 1].starts_with("loopback-v6 = "));
        let others: Vec<&str> = lines.into_iter().filter(|line| *line != LINE).collect();
        assert_eq!(others, SHIPPED.lines().collect::<Vec<_>>());
        assert_eq!((edited.change.entry.as_str(), edited.change.before), ("office", None));
    }

    #[test]
    fn what_was_added_and_removed_again_leaves_the_file_as_it_was() {
        let added = add(SHIPPED, &NEW).unwrap().text;
        assert_eq!(remove(&added, "duka", "office").unwrap().text, SHIPPED);
    }

    #[test]
    fn a_new_third_party_comes_at_the_end() {
        let edited = add(SHIPPED, &NewNetwork { third_party: "soko", ..NEW }).unwrap();
        assert_eq!(edited.text, format!("{SHIPPED}\n[third_party.soko.networks]\n{LINE}\n"));
        let bare = add("# only words", &NEW).unwrap();
        assert_eq!(bare.text, format!("# only words\n\n[third_party.duka.networks]\n{LINE}\n"));
    }

    #[test]
    fn a_removed_line_takes_only_its_own_comment_along() {
        let text = "[third_party.a.networks] # theirs\n# above\none = { network = \"10.0.0.0/8\", kind = \"vpn\" } # own\n\
                    # below\ntwo = { network = \"192.0.2.0/24\", kind = \"vpn\" }\n";
        let left = remove(text, "a", "one").unwrap().text;
        assert_eq!(
            left,
            "[third_party.a.networks] # theirs\n# above\n# below\ntwo = { network = \"192.0.2.0/24\", kind = \"vpn\" }\n"
        );
    }

    #[test]
    fn an_edit_that_makes_no_good_list_is_refused_with_the_reason() {
        let refusal = |new: NewNetwork<'_>| add(SHIPPED, &new).unwrap_err().to_string();
        assert!(refusal(NewNetwork { network: "203.0.113.17/29", ..NEW }).contains("write \"203.0.113.16/29\""));
        assert!(refusal(NewNetwork { network: "0.0.0.0/0", kind: NetworkKind::Vpn, ..NEW }).contains("no VPN"));
        assert!(refusal(NewNetwork { network: "127.0.0.1/32", ..NEW }).contains("loopback-v4"));
        assert!(refusal(NewNetwork { third_party: "a b", ..NEW }).contains("no third party"));
        assert!(refusal(NewNetwork { expires: Some("soon"), ..NEW }).contains("no date"));
        assert!(refusal(NewNetwork { expires: Some("2027-06-30T12:00:00Z"), ..NEW }).contains("date alone"));
        assert_eq!(
            add(SHIPPED, &NewNetwork { name: "loopback-v4", ..NEW }).unwrap_err(),
            EditError::Taken("duka".into(), "loopback-v4".into())
        );
        assert_eq!(remove(SHIPPED, "duka", "x").unwrap_err(), EditError::Missing("duka".into(), "x".into()));
        assert!(matches!(add("[third_party", &NEW), Err(EditError::Faulty(_))));
    }

    #[test]
    fn what_is_written_as_a_table_of_its_own_is_left_to_hands() {
        let text = "[third_party.a.networks.one]\nnetwork = \"10.0.0.0/8\"\nkind = \"vpn\"\n";
        assert_eq!(remove(text, "a", "one").unwrap_err(), EditError::ByHand(2));
        let text = "third_party.a.networks = { one = { network = \"10.0.0.0/8\", kind = \"vpn\" } }\n";
        assert_eq!(remove(text, "a", "one").unwrap_err(), EditError::ByHand(1));
    }
}
