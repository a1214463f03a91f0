//! In what two catalogues differ, thing by thing: what somebody should read before a new one takes
//! the place of the one in force.

use std::collections::BTreeSet;
use std::fmt;

use toml::{Table, Value};

use super::editions::Files;

/// By what the tables of a list are told apart: the first of these that they have.
const IDENTITIES: [&str; 8] = ["command", "name", "holder", "key", "label", "from", "above", "roles"];

/// One thing that is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub file: String,
    /// Where in it: `service BusinessPayment.flow.transfer.limits`.
    pub place: String,
    /// What it is in the first catalogue; none if it is not there.
    pub before: Option<String>,
    /// What it is in the second one; none if it is not there.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, before, after } = self;
        match (before, after) {
            (Some(before), Some(after)) => write!(f, "{file}: {place}: {before} -> {after}"),
            (None, Some(after)) => write!(f, "{file}: {place}: new: {after}"),
            (Some(before), None) => write!(f, "{file}: {place}: gone: {before}"),
            (None, None) => write!(f, "{file}: {place}"),
        }
    }
}

/// Everything in which the second catalogue's files say something else than the first one's. Order
/// and layout do not matter, nor do comments.
pub fn differences(before: &Files, after: &Files) -> Vec<Difference> {
    let names: BTreeSet<&String> = before.iter().chain(after).map(|(name, _)| name).collect();
    let mut found = Vec::new();
    for name in names {
        let mut comparison = Comparison { file: name, found: Vec::new() };
        let [one, other] = [before, after].map(|files| table(files, name));
        comparison.tables("", &one, &other);
        found.append(&mut comparison.found);
    }
    found
}

/// The file as a table; an empty one if it is not there. The files of a catalogue were read before.
fn table(files: &Files, name: &str) -> Table {
    let text = files.iter().find(|(other, _)| other == name).map_or("", |(_, text)| text);
    text.parse().unwrap_or_default()
}

struct Comparison<'a> {
    file: &'a str,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    fn tables(&mut self, place: &str, one: &Table, other: &Table) {
        let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            self.values(&place, one.get(key), other.get(key));
        }
    }

    fn values(&mut self, place: &str, one: Option<&Value>, other: Option<&Value>) {
        if one == other {
            return;
        }
        let pair = one.zip(other);
        if let Some((Value::Table(one), Value::Table(other))) = pair {
            return self.tables(place, one, other);
        }
        if let (Some(one), Some(other)) = (listed(one), listed(other)) {
            return self.lists(place, &one, &other);
        }
        let [before, after] = [one, other].map(|value| value.map(written));
        self.found.push(Difference { file: self.file.to_owned(), place: place.to_owned(), before, after });
    }

    fn lists(&mut self, place: &str, one: &[(String, &Value)], other: &[(String, &Value)]) {
        let names: BTreeSet<&String> = one.iter().chain(other).map(|(name, _)| name).collect();
        for name in names {
            let [before, after] =
                [one, other].map(|list| list.iter().find(|(item, _)| item == name).map(|(_, value)| *value));
            let place = format!("{place} {name}");
            match (before, after) {
                (Some(Value::Table(before)), Some(Value::Table(after))) => self.tables(&place, before, after),
                _ => {
                    let [before, after] = [before, after].map(|value| value.map(written));
                    self.found.push(Difference { file: self.file.to_owned(), place, before, after });
                }
            }
        }
    }
}

/// What is not there is a list of nothing.
fn listed(value: Option<&Value>) -> Option<Vec<(String, &Value)>> {
    value.map_or(Some(Vec::new()), identified)
}

/// A list of tables with what tells each from the others; none if it is another kind of value, or
/// two of its tables cannot be told apart.
fn identified(value: &Value) -> Option<Vec<(String, &Value)>> {
    let mut items = Vec::new();
    for item in value.as_array()? {
        let table = item.as_table()?;
        let identity = IDENTITIES.iter().find_map(|key| table.get(*key)).map(plain)?;
        if items.iter().any(|(other, _)| *other == identity) {
            return None;
        }
        items.push((identity, item));
    }
    Some(items)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The value on one line.
fn written(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let fields: Vec<_> = table.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(written).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::catalogue::SHIPPED;

    fn shipped() -> Files {
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// What the change of a text in one of the shipped files is told as.
    fn told(file: &str, from: &str, to: &str) -> Vec<String> {
        let mut after = shipped();
        let (_, text) = after.iter_mut().find(|(name, _)| name == file).unwrap();
        assert!(text.contains(from), "{from:?} is not in {file}");
        *text = text.replacen(from, to, 1);
        differences(&shipped(), &after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_the_same_has_no_differences_whatever_its_layout() {
        assert_eq!(differences(&shipped(), &shipped()), []);
        assert_eq!(told("roles.toml", "# ---- Permissions", "# ====\n\n# ---- Permissions"), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_told_with_its_place() {
        assert_eq!(
            told("services.toml", "same_amount_seconds = 120", "same_amount_seconds = 60"),
            ["services.toml: service SalaryPayment.flow.transfer.same_amount_seconds: 120 -> 60"]
        );
        assert_eq!(
            told("limits.toml", "balance_maximum = \"500000.00\"", "balance_maximum = \"600000.00\""),
            [concat!(
                "limits.toml: holder subscriber.versions 2023-08-15.rule.balance_maximum: ",
                "\"500000.00\" -> \"600000.00\""
            )]
        );
        let band = told(
            "tariffs.toml",
            "up_to = \"1500\",   customer = \"0\",    business = \"5\"",
            "up_to = \"1500\",   customer = \"0\",    business = \"6\"",
        );
        assert!(band.iter().any(|line| line.contains(" 100.business: \"5\" -> \"6\"")), "{band:?}");
    }

    /// In what two texts of one file differ.
    fn between(before: &str, after: &str) -> Vec<String> {
        let [before, after] = [before, after].map(|text| vec![("any.toml".to_owned(), text.to_owned())]);
        differences(&before, &after).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_only_one_of_the_two_has_is_told() {
        let seconds = "same_amount_seconds = 120\n";
        assert_eq!(
            told("services.toml", seconds, "same_amount_seconds = 120\nbill_reference = true\n"),
            ["services.toml: service SalaryPayment.flow.transfer.bill_reference: new: true"]
        );
        assert_eq!(
            told("services.toml", seconds, ""),
            ["services.toml: service SalaryPayment.flow.transfer.same_amount_seconds: gone: 120"]
        );
        let item = "any.toml: list one: new: { name = \"one\", value = 1 }";
        assert_eq!(between("", "list = [{ name = \"one\", value = 1 }]"), [item]);
        let nothing = Files::new();
        for (name, _) in shipped() {
            let is_there = |found: Vec<Difference>| found.iter().any(|difference| difference.file == name);
            assert!(
                is_there(differences(&nothing, &shipped())) && is_there(differences(&shipped(), &nothing)),
                "{name}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_told_whole() {
        let list =
            |value: i32| format!("list = [{{ name = \"one\", value = 1 }}, {{ name = \"one\", value = {value} }}]");
        assert_eq!(
            between(&list(2), &list(3)),
            [concat!(
                "any.toml: list: [{ name = \"one\", value = 1 }, { name = \"one\", value = 2 }] -> ",
                "[{ name = \"one\", value = 1 }, { name = \"one\", value = 3 }]"
            )]
        );
    }

    #[test]
    fn what_is_new_and_what_is_gone_is_told_whole() {
        let renamed = told("roles.toml", "name = \"Business Auditor\"", "name = \"Business Reader\"");
        assert_eq!(renamed.len(), 2, "{renamed:?}");
        assert!(renamed[0].starts_with("roles.toml: role Business Auditor: gone: { "), "{renamed:?}");
        assert!(renamed[1].contains("role Business Reader: new: ") && renamed[1].contains("query balances"));
    }
}
