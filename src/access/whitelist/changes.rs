//! What differs between two whitelists, entry by entry, for the audit log: a change by hand is told
//! as one by a command is.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp as Moment;

use super::{NamedNetwork, NetworkKind, Whitelist};
use crate::telemetry::audit::Audit;

/// The most changes that one reload puts on the audit log one by one; of more, the number.
const CHANGES_TOLD_MAX: usize = 200;

/// One entry that came, went or is another now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhitelistChange {
    /// Whose.
    pub third_party: String,
    /// The network's name; for a callback host, the host.
    pub entry: String,
    /// What it was; none if it is new.
    pub before: Option<String>,
    /// What it is; none if it is gone.
    pub after: Option<String>,
}

impl Whitelist {
    /// What is other in `after` than here. Where a line stands makes no difference.
    pub fn changes_to(&self, after: &Whitelist) -> Vec<WhitelistChange> {
        let (old, new) = (self.entries(), after.entries());
        let gone_or_other = old.iter().filter(|(key, entry)| new.get(key) != Some(entry)).map(|(key, _)| key);
        let come = new.keys().filter(|key| !old.contains_key(*key));
        let told = |entry: Option<&Entry<'_>>| entry.map(ToString::to_string);
        gone_or_other
            .chain(come)
            .map(|key| WhitelistChange {
                third_party: key.0.to_owned(),
                entry: key.1.to_string(),
                before: told(old.get(key)),
                after: told(new.get(key)),
            })
            .collect()
    }

    fn entries(&self) -> BTreeMap<Key<'_>, Entry<'_>> {
        let networks = self
            .networks()
            .map(|(party, network)| ((party, Named::Network(&network.name)), Entry::Network(Rule(network))));
        let hosts = self
            .all_callback_hosts()
            .map(|(party, host)| ((party, Named::Host(host.to_string())), Entry::Host(host.comment.as_deref())));
        networks.chain(hosts).collect()
    }
}

/// Puts changes on the audit log, with before and after.
pub fn record(changes: &[WhitelistChange], audit: &Audit) {
    for change in changes.iter().take(CHANGES_TOLD_MAX) {
        let [before, after] = [&change.before, &change.after].map(|entry| entry.as_deref().unwrap_or("none"));
        let fields =
            [("third_party", &*change.third_party), ("entry", &change.entry), ("before", before), ("after", after)];
        audit.record("whitelist-changed", &fields);
    }
    if let Some(more @ 1..) = changes.len().checked_sub(CHANGES_TOLD_MAX) {
        audit.record("whitelist-changed-further", &[("changes", &more.to_string())]);
    }
}

type Key<'a> = (&'a str, Named<'a>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Named<'a> {
    Network(&'a str),
    Host(String),
}

#[derive(PartialEq)]
enum Entry<'a> {
    Network(Rule<'a>),
    /// All that it says is in its key, but for what is written beside it.
    Host(Option<&'a str>),
}

struct Rule<'a>(&'a NamedNetwork);

impl PartialEq for Rule<'_> {
    fn eq(&self, other: &Self) -> bool {
        let NamedNetwork { name, network, kind, comment, until, line: _ } = self.0;
        (name, network, kind, comment, until)
            == (&other.0.name, &other.0.network, &other.0.kind, &other.0.comment, &other.0.until)
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => f.write_str(name),
            Self::Host(host) => write!(f, "callback host {host}"),
        }
    }
}

impl fmt::Display for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(Rule(network)) => network.fmt(f),
            Self::Host(None) => f.write_str("allowed"),
            Self::Host(Some(comment)) => write!(f, "allowed ({comment})"),
        }
    }
}

impl fmt::Display for NamedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.network, self.kind)?;
        if let Some(until) = self.until.and_then(|until| Moment::from_second(until.seconds()).ok()) {
            write!(f, " until {until}")?;
        }
        match &self.comment {
            Some(comment) => write!(f, " ({comment})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vpn => "vpn",
            Self::Internet => "internet",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "[third_party.duka.networks]\n\
        a = { network = \"10.0.0.0/24\", kind = \"vpn\" }\n\
        b = { network = \"10.0.1.0/24\", kind = \"internet\", expires = 2027-06-30 }\n\
        [[third_party.duka.callback_hosts]]\nhost = \"pay.example.com\"\nports = [443]\n";

    fn changes(after: &str) -> Vec<WhitelistChange> {
        Whitelist::parse(BEFORE).unwrap().changes_to(&Whitelist::parse(after).unwrap())
    }

    #[test]
    fn moved_lines_and_new_words_around_them_are_no_change() {
        assert_eq!(changes(&format!("# a heading\n\n{BEFORE}")), []);
    }

    #[test]
    fn what_came_went_or_is_other_is_told_with_before_and_after() {
        let after = BEFORE.replace("a = { network = \"10.0.0.0/24\"", "c = { network = \"10.0.2.0/24\"");
        let after = after.replace("internet", "vpn").replace("[443]", "[8443]");
        let told: Vec<String> = changes(&after)
            .iter()
            .map(|change| format!("{}: {:?} -> {:?}", change.entry, change.before, change.after))
            .collect();
        assert_eq!(
            told,
            [
                r#"a: Some("10.0.0.0/24 vpn") -> None"#,
                r#"b: Some("10.0.1.0/24 internet until 2027-07-01T00:00:00Z") -> Some("10.0.1.0/24 vpn until 2027-07-01T00:00:00Z")"#,
                r#"callback host pay.example.com:443: Some("allowed") -> None"#,
                r#"c: None -> Some("10.0.2.0/24 vpn")"#,
                r#"callback host pay.example.com:8443: None -> Some("allowed")"#,
            ]
        );
    }

    #[test]
    fn d6_a_list_that_is_wholly_another_costs_the_audit_log_a_bounded_number_of_lines() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("audit.log");
        let audit = Audit::open(&path, std::sync::Arc::new(crate::clock::SystemClock)).unwrap();
        let change =
            WhitelistChange { third_party: "duka".into(), entry: "a".into(), before: None, after: Some("x".into()) };
        record(&vec![change; CHANGES_TOLD_MAX + 7], &audit);
        assert_eq!(audit.head().unwrap().number, CHANGES_TOLD_MAX as u64 + 1);
        assert!(std::fs::read_to_string(&path).unwrap().contains(r#""changes":"7""#));
    }
}
