//! Character classes of XSD's regular expressions.

use crate::soap::characters::{is_name, is_name_start};

/// The zeros of Unicode 14's decimal digits; each begins a run of ten.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50,
    0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950,
    0x1FBF0,
];

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
}

/// The sets that have an escape of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `\s`
    Space,
    /// `\d`: decimal digits of any script.
    Digit,
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
        }
    }
}

impl Named {
    fn contains(self, character: char) -> bool {
        match self {
            Self::Space => matches!(character, ' ' | '\t' | '\n' | '\r'),
            Self::Digit => {
                let code = u32::from(character);
                let runs = ZEROS.partition_point(|&zero| zero <= code);
                runs.checked_sub(1).and_then(|run| ZEROS.get(run)).is_some_and(|zero| code - zero < 10)
            }
            Self::Initial => character == ':' || is_name_start(character),
            Self::NameCharacter => character == ':' || is_name(character),
        }
    }
}
