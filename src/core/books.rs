//! Whether the books are right: every statement, added up from its first line, gives the balance of
//! each line and of the account, without gaps (invariant L4).

use std::fmt;

use super::accounts::{Account, Balance, OpenAccount};
use super::{AccountKind, ledger};
use crate::store::{Key, Read, ReadError, decode};

/// Lines and accounts read at a time.
const PAGE: usize = 1_000;
/// How often a balance that does not fit is looked at again: it may have been read while a payment
/// was between its two counters.
const LOOKS_MAX: usize = 50;

/// What a check of all books found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Accounts that were checked.
    pub accounts: u64,
    /// Lines that were added up.
    pub lines: u64,
    /// Everything that is wrong.
    pub faults: Vec<Fault>,
}

/// An account whose statement and balance do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The account.
    pub account: Account,
    /// The first line that is wrong, or the last one if it is the balance that is.
    pub line: u64,
    /// What is wrong.
    pub what: Discrepancy,
}

/// How an account's books are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discrepancy {
    /// The line that should come next is not there.
    Gap,
    /// The line has another balance than the lines up to it add up to.
    Line,
    /// The account holds something else than its lines add up to.
    Balance,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Discrepancy::Gap => "is missing",
            Discrepancy::Line => "has another balance than the lines add up to",
            Discrepancy::Balance => "is the last one, and the account holds something else than they add up to",
        };
        write!(f, "{} of {}: line {} {what}", self.account.kind.alias(), self.account.holder, self.line)
    }
}

impl Books {
    /// Reads every statement of everybody. Payments may go on meanwhile.
    pub fn check(facts: &dyn Read) -> Result<Self, ReadError> {
        let mut books = Self::default();
        for kind in AccountKind::PROVIDER {
            books.account(facts, Account::of_provider(kind))?;
        }
        let mut range = Key::of("account").subtree();
        loop {
            let page = facts.range(&range, PAGE)?;
            for (_, record) in &page {
                books.account(facts, decode::<OpenAccount>(record)?.account)?;
            }
            match page.last() {
                Some((last, _)) => range = range.after(last),
                None => return Ok(books),
            }
        }
    }

    fn account(&mut self, facts: &dyn Read, account: Account) -> Result<(), ReadError> {
        let mut sum = Sum::default();
        let mut looks = 0;
        let found = loop {
            match sum.add_page(facts, &account)? {
                Added::Wrong(what) => break Some(what),
                Added::More => {}
                Added::Nothing if account.balance(facts)? == sum.balance => break None,
                Added::Nothing if looks == LOOKS_MAX => break Some(Discrepancy::Balance),
                Added::Nothing => looks += 1,
            }
        };
        self.accounts = self.accounts.saturating_add(1);
        self.lines = self.lines.saturating_add(sum.lines);
        self.faults.extend(found.map(|what| Fault { account, line: sum.line_of(what), what }));
        Ok(())
    }
}

/// A statement as far as it was added up.
#[derive(Default)]
struct Sum {
    lines: u64,
    balance: Balance,
}

enum Added {
    Nothing,
    More,
    Wrong(Discrepancy),
}

impl Sum {
    fn add_page(&mut self, facts: &dyn Read, account: &Account) -> Result<Added, ReadError> {
        let page = ledger::statement(facts, account, self.lines, PAGE)?;
        for numbered in &page {
            if numbered.number != self.lines.saturating_add(1) {
                return Ok(Added::Wrong(Discrepancy::Gap));
            }
            let line = &numbered.line;
            self.balance.available = self.balance.available.saturating_add(line.available);
            self.balance.reserved = self.balance.reserved.saturating_add(line.reserved);
            if numbered.balance != self.balance {
                return Ok(Added::Wrong(Discrepancy::Line));
            }
            self.lines = numbered.number;
        }
        Ok(if page.is_empty() { Added::Nothing } else { Added::More })
    }

    fn line_of(&self, what: Discrepancy) -> u64 {
        match what {
            Discrepancy::Gap | Discrepancy::Line => self.lines.saturating_add(1),
            Discrepancy::Balance => self.lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{AMINA, PAYBILL, World, account};
    use crate::store::WriteSet;

    fn played() -> World {
        let mut world = World::new();
        let payment = world.handset("CustomerPayBillOnline", PAYBILL, "100");
        let receipt = world.authorize(&payment).decision.report.receipt;
        let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
        world.settle(completed);
        world
    }

    #[test]
    fn l4_right_books_are_found_right() {
        let world = played();
        let books = Books::check(&world.facts).unwrap();
        assert_eq!(books.faults, []);
        assert_eq!(usize::try_from(books.accounts).unwrap(), world.accounts().len());
        assert!(books.lines > 6, "{books:?}");
    }

    #[test]
    fn l4_a_balance_that_was_moved_without_a_line_is_found() {
        let world = played();
        let purse = account(AMINA, AccountKind::Working);
        let mut write_set = WriteSet::new();
        write_set.adjust(purse.available(), 1, 0, i64::MAX);
        world.facts.commit(write_set).unwrap();
        let faults = Books::check(&world.facts).unwrap().faults;
        assert!(matches!(faults.as_slice(), [Fault { what: Discrepancy::Balance, .. }]), "{faults:?}");
    }

    #[test]
    fn l4_a_line_that_is_gone_is_found() {
        let world = played();
        let purse = account(AMINA, AccountKind::Working);
        let mut write_set = WriteSet::new();
        write_set.delete(purse.statement().number(2));
        world.facts.commit(write_set).unwrap();
        let faults = Books::check(&world.facts).unwrap().faults;
        let gap = Fault { account: purse, line: 2, what: Discrepancy::Gap };
        assert_eq!(faults, [gap]);
    }
}
