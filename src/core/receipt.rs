//! Receipts: the ten characters by which people know a transaction (invariant L5).
//!
//! Year, month and day take one character each, then a digit (the node's number, so that nodes
//! issue receipts without asking each other), then six random characters. The year's character
//! is A for 2006 to Z for 2031; what follows is ours: 0 to 9 for 2032 to 2041, and A again for 2042,
//! when the receipts of 2006 are in no archive any more.

use std::fmt;

use super::ascii::Ascii;
use super::ids::{Draw, IdError, TextId, text_id};
use crate::clock::Day;

const YEARS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MONTHS: &[u8; 12] = b"ABCDEFGHIJKL";
const DAYS: &[u8; 31] = b"123456789ABCDEFGHIJKLMNOPQRSTUV";
const TAIL: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

const FIRST_YEAR: i16 = 2006;
const LENGTH: usize = 10;
/// How many tails six characters make.
const TAILS: u64 = 36 * 36 * 36 * 36 * 36 * 36;

/// A receipt, also called TransactionID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(Ascii<16>);

impl Receipt {
    /// The receipt of a transaction on this day, issued by the node with this digit. The tail comes
    /// from the draw alone, so that no receipt tells anything about the next.
    pub fn issue(day: Day, digit: u8, draw: Draw) -> Self {
        // The tail of zeros belongs to what has no transaction.
        let mut rest = draw.0 % TAILS.saturating_sub(1) + 1;
        let mut tail = [b'0'; 6];
        for place in tail.iter_mut().rev() {
            *place = symbol(TAIL, rest % 36);
            rest /= 36;
        }
        Self::assembled(day, digit, tail)
    }

    /// The receipt of what failed before there was a transaction, and of what moves no money: the
    /// day and seven zeros.
    pub fn none(day: Day) -> Self {
        Self::assembled(day, 0, [b'0'; 6])
    }

    /// Reads a receipt, in any case and with white space around it.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let mut bytes: [u8; LENGTH] = text.trim().as_bytes().try_into().map_err(|_| IdError::Receipt)?;
        bytes.make_ascii_uppercase();
        Self::of_bytes(&bytes).ok_or(IdError::Receipt)
    }

    /// The day that it carries; years are counted from 2006.
    pub fn day(&self) -> Day {
        let &[year, month, day, ..] = self.0.block().0;
        Day {
            year: FIRST_YEAR.saturating_add(place(YEARS, year)),
            month: i8::try_from(place(MONTHS, month)).unwrap_or(0).saturating_add(1),
            day: i8::try_from(place(DAYS, day)).unwrap_or(0).saturating_add(1),
        }
    }

    /// Whether it stands for no transaction.
    pub fn is_none(&self) -> bool {
        self.0.as_bytes().ends_with(&[b'0'; 7])
    }

    /// The ten characters.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    fn assembled(day: Day, digit: u8, tail: [u8; 6]) -> Self {
        let years = i64::from(day.year).saturating_sub(i64::from(FIRST_YEAR)).rem_euclid(36);
        let [a, b, c, d, e, f] = tail;
        let characters = [
            symbol(YEARS, years.unsigned_abs()),
            symbol(MONTHS, u64::from(day.month.unsigned_abs()).saturating_sub(1)),
            symbol(DAYS, u64::from(day.day.unsigned_abs()).saturating_sub(1)),
            symbol(TAIL, u64::from(digit % 10)),
            a,
            b,
            c,
            d,
            e,
            f,
        ];
        Self(ascii(&characters))
    }
}

/// The characters of a receipt, all of which are ASCII.
fn ascii(characters: &[u8; LENGTH]) -> Ascii<16> {
    let mut block = [0; 16];
    if let Some(place) = block.first_chunk_mut() {
        *place = *characters;
    }
    Ascii::padded(block, LENGTH)
}

fn symbol(alphabet: &[u8], at: u64) -> u8 {
    usize::try_from(at).ok().and_then(|at| alphabet.get(at)).copied().unwrap_or(b'0')
}

fn place(alphabet: &[u8], symbol: u8) -> i16 {
    let at = alphabet.iter().position(|&other| other == symbol).unwrap_or(0);
    i16::try_from(at).unwrap_or(0)
}

text_id!(Receipt);

impl TextId for Receipt {
    fn read(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; LENGTH] = bytes.try_into().ok()?;
        let [year, month, day, rest @ ..] = bytes;
        let in_alphabet = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        let dated = in_alphabet(&year) && MONTHS.contains(&month) && DAYS.contains(&day);
        (dated && rest.iter().all(in_alphabet)).then(|| Self(ascii(&bytes)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Receipts that the real system issued, with the dates of their transactions.
    const GOLDEN: [(&str, i16, i8, i8); 9] = [
        ("LHG31AA5TX", 2017, 8, 16),
        ("LK612QR655", 2017, 11, 6),
        ("MAO0DO9BYO", 2018, 1, 24),
        ("NCD81H87FU", 2019, 3, 13),
        ("PAI9R8CLER", 2021, 1, 18),
        ("RKL51ZDR4F", 2023, 11, 21),
        ("SFI9TYPX9J", 2024, 6, 18),
        ("SG632NMUAB", 2024, 7, 6),
        ("TK60708BHZ", 2025, 11, 6),
    ];

    #[test]
    fn real_receipts_carry_the_dates_of_their_transactions() {
        for (text, year, month, day) in GOLDEN {
            let receipt = Receipt::parse(text).unwrap();
            assert_eq!(receipt.day(), Day { year, month, day }, "{text}");
            assert_eq!(receipt.as_str(), text);
            assert!(!receipt.is_none());
            let ours = Receipt::issue(Day { year, month, day }, 3, Draw(7));
            assert_eq!(ours.as_str().get(..3), text.get(..3));
        }
    }

    #[test]
    fn what_has_no_transaction_has_seven_zeros() {
        let receipt = Receipt::none(Day { year: 2017, month: 7, day: 28 });
        assert_eq!(receipt.as_str(), "LGS0000000");
        assert!(receipt.is_none());
        assert!(!Receipt::parse("LGS5000000").unwrap().is_none());
    }

    #[test]
    fn l5_what_has_a_transaction_never_has_the_zeros_of_what_has_none() {
        let day = Day { year: 2026, month: 5, day: 1 };
        for draw in [0, 1, TAILS - 2, TAILS - 1, TAILS, 2 * TAILS - 2, 2 * TAILS, u64::MAX] {
            let receipt = Receipt::issue(day, 0, Draw(draw));
            assert!(!receipt.as_str().ends_with("000000"), "{receipt}");
        }
    }

    #[test]
    fn the_fourth_character_is_a_digit_whatever_the_node_is_called() {
        let day = Day { year: 2026, month: 5, day: 1 };
        for (digit, character) in [(0, '0'), (9, '9'), (12, '2'), (u8::MAX, '5')] {
            assert_eq!(Receipt::issue(day, digit, Draw(1)).as_str().chars().nth(3), Some(character));
        }
    }

    #[test]
    fn the_years_after_2031_go_on_with_digits() {
        let year = |year| Receipt::none(Day { year, month: 1, day: 1 }).to_string();
        assert_eq!([year(2026), year(2031)], ["UA10000000", "ZA10000000"]);
        assert_eq!([year(2032), year(2041), year(2042)], ["0A10000000", "9A10000000", "AA10000000"]);
    }

    #[test]
    fn what_is_no_receipt_is_refused() {
        for text in
            ["", "LHG31AA5T", "LHG31AA5TXX", "LMG31AA5TX", "LHW31AA5TX", "LHG31AA5T-", "-HG31AA5TX", "ÄHG31AA5T"]
        {
            assert_eq!(Receipt::parse(text), Err(IdError::Receipt), "{text:?}");
        }
        assert_eq!(Receipt::parse(" lhg31aa5tx ").unwrap().as_str(), "LHG31AA5TX");
    }

    proptest! {
        #[test]
        fn l5_no_two_nodes_issue_the_same_receipt(draws: [u64; 2], one in 0..10_u8, apart in 1..10_u8, day in 1..=31_i8) {
            let on = Day { year: 2026, month: 5, day };
            let other = (one + apart) % 10;
            prop_assert_ne!(Receipt::issue(on, one, Draw(draws[0])), Receipt::issue(on, other, Draw(draws[1])));
            // Not even where both draw the same.
            prop_assert_ne!(Receipt::issue(on, one, Draw(draws[0])), Receipt::issue(on, other, Draw(draws[0])));
        }

        #[test]
        fn l5_every_issued_receipt_is_well_formed(draw: u64, digit in 0..10_u8, year in 2006..2042_i16, month in 1..=12_i8, day in 1..=31_i8) {
            let on = Day { year, month, day };
            let receipt = Receipt::issue(on, digit, Draw(draw));
            prop_assert_eq!(Receipt::parse(receipt.as_str()), Ok(receipt));
            prop_assert_eq!(receipt.day(), on);
            prop_assert!(!receipt.is_none());
        }
    }
}
