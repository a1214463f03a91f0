//! Where something stands in a text, for people: lines and columns.

use std::fmt;

/// A line and a column, both from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl Position {
    /// Where a text begins.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The position after `passed`, which begins at this one.
    #[must_use]
    pub fn after(self, passed: &str) -> Self {
        let (lines, last_line) = match passed.rfind('\n') {
            Some(end) => (passed.bytes().filter(|&byte| byte == b'\n').count(), passed.get(end + 1..).unwrap_or("")),
            None => (0, passed),
        };
        let columns = u32::try_from(last_line.chars().count()).unwrap_or(u32::MAX);
        let first = if lines == 0 { self.column } else { 1 };
        Self {
            line: self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
            column: first.saturating_add(columns),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A place in a text. Its position is counted out only when somebody asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    text: &'a str,
    offset: usize,
    base: Position,
}

impl<'a> Place<'a> {
    /// The place at `offset` of a text that begins at `base`.
    pub(super) fn new(text: &'a str, offset: usize, base: Position) -> Self {
        Self { text, offset, base }
    }

    /// Line and column. Takes time in proportion to all that stands before the place.
    pub fn position(&self) -> Position {
        self.base.after(self.text.get(..self.offset).unwrap_or(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        assert_eq!(Position::START.after(""), Position::START);
        assert_eq!(Position::START.after("abc"), Position { line: 1, column: 4 });
        assert_eq!(Position::START.after("aé\nñx"), Position { line: 2, column: 3 });
        assert_eq!(Position { line: 5, column: 7 }.after("ab"), Position { line: 5, column: 9 });
        assert_eq!(Position { line: 5, column: 7 }.after("ab\r\nc"), Position { line: 6, column: 2 });
    }
}
