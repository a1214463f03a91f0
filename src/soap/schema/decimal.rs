//! Decimal numbers of any length, compared without being converted.

use std::cmp::Ordering;

/// A decimal number, borrowed from its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// Without zeros in front.
    integer: &'a str,
    /// Without zeros behind.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads `xs:decimal`'s lexical form: an optional sign, digits, at most one point.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (integer.is_empty() && fraction.is_empty()) || !all_digits(integer) || !all_digits(fraction) {
            return None;
        }
        let integer = integer.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let zero = integer.is_empty() && fraction.is_empty();
        Some(Self { negative: negative && !zero, integer, fraction })
    }

    /// Reads `xs:integer`'s lexical form.
    pub(super) fn parse_integer(text: &'a str) -> Option<Self> {
        if text.contains('.') { None } else { Self::parse(text) }
    }

    /// The digits that count, before and after the point.
    pub(super) fn digits(&self) -> usize {
        let leading =
            if self.integer.is_empty() { self.fraction.len() - self.fraction.trim_start_matches('0').len() } else { 0 };
        (self.integer.len() + self.fraction.len() - leading).max(1)
    }

    /// The digits that count after the point.
    pub(super) fn fraction_digits(&self) -> usize {
        self.fraction.len()
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        // Without zeros in front, the longer one is the greater; fractions compare as texts.
        let integers = self.integer.len().cmp(&other.integer.len()).then_with(|| self.integer.cmp(other.integer));
        integers.then_with(|| self.fraction.cmp(other.fraction))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_decimal_is_refused() {
        for wrong in ["", "-", "+", ".", "-.", "1e2", " 1", "1 ", "1,0", "--1", "1.2.3", "٣", "NaN", "0x1"] {
            assert!(Decimal::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Decimal::parse_integer("1.0").is_none());
        assert!(Decimal::parse("1.").is_some() && Decimal::parse(".5").is_some());
    }

    #[test]
    fn digits_are_counted_without_idle_zeros() {
        let count = |text| Decimal::parse(text).map(|number| (number.digits(), number.fraction_digits()));
        assert_eq!(count("007.50"), Some((2, 1)));
        assert_eq!(count("0.05"), Some((1, 2)));
        assert_eq!(count("-0"), Some((1, 0)));
        assert_eq!(count("100"), Some((3, 0)));
    }

    proptest! {
        #[test]
        fn numbers_compare_as_numbers(a in -9999_i64..9999, b in -9999_i64..9999) {
            let text = |cents: i64| format!("{}{:02}.{:02}", if cents < 0 { "-" } else { "+" }, cents.abs() / 100, cents.abs() % 100);
            let (x, y) = (text(a), text(b));
            prop_assert_eq!(Decimal::parse(&x).unwrap().cmp(&Decimal::parse(&y).unwrap()), a.cmp(&b));
        }
    }
}
