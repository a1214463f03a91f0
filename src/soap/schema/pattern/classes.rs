//! Character classes of XSD's regular expressions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex_syntax::hir::{Class as Ranges, HirKind};

use crate::soap::characters::{is_name, is_name_start};

/// Unicode's general categories, as XSD names them.
const CATEGORIES: [&str; 36] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Ps", "Pe", "Pi",
    "Pf", "Po", "Z", "Zs", "Zl", "Zp", "S", "Sm", "Sc", "Sk", "So", "C", "Cc", "Cf", "Co", "Cn",
];

/// The blocks of Unicode that schemas of services name.
const BLOCKS: [(&str, char, char); 4] = [
    ("IsBasicLatin", '\0', '\u{7F}'),
    ("IsLatin-1Supplement", '\u{80}', '\u{FF}'),
    ("IsLatinExtended-A", '\u{100}', '\u{17F}'),
    ("IsLatinExtended-B", '\u{180}', '\u{24F}'),
];

/// A set of characters as ranges in order.
pub(super) type Set = Arc<[(char, char)]>;

/// The set that `\p{name}` means; none if it is unknown.
pub(super) fn property(name: &str) -> Option<Set> {
    if let Some((_, from, to)) = BLOCKS.iter().find(|(block, ..)| *block == name) {
        return Some(Arc::new([(*from, *to)]));
    }
    CATEGORIES.contains(&name).then(|| unicode(&format!("\\p{{{name}}}"))).flatten()
}

/// `\d`: the decimal digits of all scripts.
pub(super) fn digits() -> Option<Set> {
    unicode("\\p{Nd}")
}

/// `\w`: all but punctuation, separators and others.
pub(super) fn word() -> Option<Set> {
    unicode("[^\\p{P}\\p{Z}\\p{C}]")
}

/// Each of these few sets is made once: a pattern can name them thousands of times.
fn unicode(class: &str) -> Option<Set> {
    static MADE: Mutex<BTreeMap<String, Set>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(set) = made.get(class) {
        return Some(Arc::clone(set));
    }
    let set = ranges_of(class)?;
    made.insert(class.to_owned(), Arc::clone(&set));
    Some(set)
}

fn ranges_of(class: &str) -> Option<Set> {
    match regex_syntax::parse(class).ok()?.into_kind() {
        HirKind::Class(Ranges::Unicode(class)) => {
            Some(class.ranges().iter().map(|range| (range.start(), range.end())).collect())
        }
        _ => None,
    }
}

/// A class: a character is in it if one of its items has it (or none, when negated), and it is not
/// in what is subtracted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) items: Vec<Item>,
    pub(super) negated: bool,
    pub(super) minus: Option<Box<Class>>,
}

/// Part of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// From one character to another, both included.
    Range(char, char),
    /// A named set.
    Named(Named),
    /// All that is not in a named set.
    NotNamed(Named),
    /// A set of Unicode's.
    Set(Set),
    /// All that is not in a set of Unicode's.
    NotSet(Set),
}

/// The sets that have an escape of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `\s`
    Space,
    /// `\i`: begins a name.
    Initial,
    /// `\c`: is part of a name.
    NameCharacter,
}

impl Class {
    pub(super) fn single(character: char) -> Self {
        Self { items: vec![Item::Range(character, character)], ..Self::default() }
    }

    /// `.`: all but line ends.
    pub(super) fn dot() -> Self {
        Self { items: vec![Item::Range('\n', '\n'), Item::Range('\r', '\r')], negated: true, minus: None }
    }

    pub(super) fn contains(&self, character: char) -> bool {
        self.items.iter().any(|item| item.contains(character)) != self.negated
            && !self.minus.as_ref().is_some_and(|minus| minus.contains(character))
    }
}

impl Item {
    fn contains(&self, character: char) -> bool {
        match self {
            Self::Range(from, to) => (*from..=*to).contains(&character),
            Self::Named(set) => set.contains(character),
            Self::NotNamed(set) => !set.contains(character),
            Self::Set(set) => is_in(set, character),
            Self::NotSet(set) => !is_in(set, character),
        }
    }
}

impl Named {
    fn contains(self, character: char) -> bool {
        match self {
            Self::Space => matches!(character, ' ' | '\t' | '\n' | '\r'),
            Self::Initial => character == ':' || is_name_start(character),
            Self::NameCharacter => character == ':' || is_name(character),
        }
    }
}

fn is_in(set: &[(char, char)], character: char) -> bool {
    let before = set.partition_point(|(from, _)| *from <= character);
    before.checked_sub(1).and_then(|last| set.get(last)).is_some_and(|(_, to)| character <= *to)
}
