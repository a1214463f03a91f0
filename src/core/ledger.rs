//! Entries and statements: the only code that moves money. An entry cannot be made unless its legs
//! sum to zero (invariant L1), moves its counters within their bounds (L2), and leaves a line on the
//! statement of every account that it touches, with the balance captured by the commit (L4).

use serde::{Deserialize, Serialize};

use super::accounts::{Account, AccountKeys, Balance, Bounds};
use super::ids::Receipt;
use crate::clock::Timestamp;
use crate::store::{Fields, Key, Part, Read, ReadError, Stored, Vacant, WriteSet, decode, encode};

/// What an entry does within its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// Moves money at once.
    Transfer,
    /// Reserves the payer's funds.
    Hold,
    /// Moves what was reserved.
    Settle,
    /// Gives back what was reserved.
    Release,
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// The amount of the transaction.
    Principal,
    /// A charge.
    Charge,
}

/// One movement of one account, in minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Which account.
    pub account: Account,
    /// What its available funds gain.
    pub available: i64,
    /// What its reserved funds gain.
    pub reserved: i64,
    /// What for.
    pub purpose: Purpose,
}

impl Leg {
    /// A movement of available funds.
    pub fn available(account: Account, amount: i64, purpose: Purpose) -> Self {
        Self { account, available: amount, reserved: 0, purpose }
    }

    /// A movement of reserved funds.
    pub fn reserved(account: Account, amount: i64, purpose: Purpose) -> Self {
        Self { account, available: 0, reserved: amount, purpose }
    }

    /// Available funds that become reserved; with a negative amount the way back.
    pub fn held(account: Account, amount: i64) -> Self {
        Self { account, available: amount.saturating_neg(), reserved: amount, purpose: Purpose::Principal }
    }
}

/// Legs that belong together and sum to zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    stage: Stage,
    at: Timestamp,
    legs: Vec<Leg>,
}

/// Legs that do not sum to zero, or have no sum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the legs of an entry sum to {sum} and not to zero")]
pub struct Unbalanced {
    /// What they sum to.
    pub sum: i128,
}

impl Entry {
    /// An entry of these legs, if they sum to zero.
    pub fn new(stage: Stage, at: Timestamp, legs: Vec<Leg>) -> Result<Self, Unbalanced> {
        let sum = legs.iter().fold(0_i128, |sum, leg| {
            sum.saturating_add(i128::from(leg.available)).saturating_add(i128::from(leg.reserved))
        });
        if sum == 0 { Ok(Self { stage, at, legs }) } else { Err(Unbalanced { sum }) }
    }

    /// Adds to the write set what this entry does: counters within `bounds`, and a line on the
    /// statement of each leg's account.
    pub fn post(&self, write_set: &mut WriteSet, receipt: &Receipt, bounds: impl Fn(&Account) -> Bounds) {
        // An entry comes back to the same account, and each of these keys takes its time to be made.
        let mut made: Vec<(&Account, AccountKeys)> = Vec::with_capacity(self.legs.len());
        for (at, leg) in self.legs.iter().enumerate() {
            let known = made.iter().position(|(account, _)| **account == leg.account).unwrap_or_else(|| {
                made.push((&leg.account, leg.account.keys()));
                made.len().saturating_sub(1)
            });
            let Some((_, keys)) = made.get(known) else { continue };
            if leg.available != 0 {
                let Bounds { floor, ceiling } = bounds(&leg.account);
                write_set.adjust(keys.available.clone(), leg.available, floor, ceiling);
            }
            if leg.reserved != 0 {
                write_set.adjust(keys.reserved.clone(), leg.reserved, 0, i64::MAX);
            }
            let line = StatementLine {
                receipt: *receipt,
                at: self.at,
                stage: self.stage,
                purpose: leg.purpose,
                details: Vacant,
                available: leg.available,
                reserved: leg.reserved,
                later: self.later(at, &leg.account),
            };
            let captured = vec![keys.available.clone(), keys.reserved.clone()];
            write_set.append(keys.statement.clone(), encode(&line), captured);
        }
    }

    /// What the legs after this one still do to the same account: the commit captures the balance
    /// after all of them.
    fn later(&self, at: usize, account: &Account) -> Later {
        let after = self.legs.iter().skip(at.saturating_add(1)).filter(|leg| leg.account == *account);
        after.fold(Later::default(), |sum, leg| Later {
            available: sum.available.saturating_add(leg.available),
            reserved: sum.reserved.saturating_add(leg.reserved),
        })
    }
}

/// One line of an account's statement, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// Of which transaction.
    pub receipt: Receipt,
    /// When.
    pub at: Timestamp,
    /// What the entry did.
    pub stage: Stage,
    /// What the leg was for.
    pub purpose: Purpose,
    /// Where the command ID of the transaction was, which the transaction alone has since format 3.
    details: Vacant,
    /// What the available funds gained.
    pub available: i64,
    /// What the reserved funds gained.
    pub reserved: i64,
    /// What later lines of the same entry did to the same account.
    later: Later,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Later {
    available: i64,
    reserved: i64,
}

impl Stored for StatementLine {
    const NAME: &'static str = "a line of a statement";
    const FORMAT: u8 = 3;
    const FIELDS: Fields = Fields::InOrder;
}

/// One line of an account's statement, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedLine {
    /// Its running number, from 1 without gaps.
    pub number: u64,
    /// What happened.
    pub line: StatementLine,
    /// The balance after it.
    pub balance: Balance,
}

/// At most `limit` lines of an account's statement after the one with the number `after`, oldest
/// first; `after` 0 begins with the first.
pub fn statement(
    facts: &dyn Read,
    account: &Account,
    after: u64,
    limit: usize,
) -> Result<Vec<NumberedLine>, ReadError> {
    let log = account.statement();
    let range = log.subtree().after(&log.number(after));
    facts.range(&range, limit)?.iter().map(|(key, record)| numbered(key, decode(record)?, &record.captured)).collect()
}

fn numbered(key: &Key, line: StatementLine, captured: &[i64]) -> Result<NumberedLine, ReadError> {
    let (Some(Part::Number(number)), &[available, reserved]) = (key.parts().pop(), captured) else {
        return Err(ReadError(format!("the line of a statement under {key:?} has no number or no balance")));
    };
    let balance = Balance {
        available: available.saturating_sub(line.later.available),
        reserved: reserved.saturating_sub(line.later.reserved),
    };
    Ok(NumberedLine { number, line, balance })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::accounts::AccountKind;

    #[test]
    fn l1_an_entry_that_does_not_sum_to_zero_cannot_be_made() {
        let leg = |kind, amount| Leg::available(Account::of_provider(kind), amount, Purpose::Principal);
        let entry = |legs| Entry::new(Stage::Transfer, Timestamp::default(), legs);
        assert!(entry(vec![leg(AccountKind::Trust, -5), leg(AccountKind::Suspense, 5)]).is_ok());
        assert_eq!(
            entry(vec![leg(AccountKind::Trust, -5), leg(AccountKind::Suspense, 4)]),
            Err(Unbalanced { sum: -1 })
        );
        assert_eq!(
            entry(vec![leg(AccountKind::Trust, i64::MAX), leg(AccountKind::Suspense, i64::MAX)]),
            Err(Unbalanced { sum: 2 * i128::from(i64::MAX) })
        );
    }
}
