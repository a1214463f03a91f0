//! Limits: per transaction, per day, week, month and year, and per balance, and the counters in
//! which a period adds up.

use serde::Deserialize;

use super::accounts::{Holder, HolderKeys};
use super::codes::ResultCode;
use super::dated::Dated;
use super::money::Amount;
use super::tariff::{amount, optional_amount};
use crate::clock::Day;
use crate::store::Key;

/// The limits of single transactions, by name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionLimits {
    /// The name by which services refer to them.
    pub name: String,
    /// The limits, by day.
    pub versions: Dated<TransactionLimit>,
}

/// Between what a transaction's amount must lie, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransactionLimit {
    /// The least.
    #[serde(deserialize_with = "amount")]
    pub minimum: Amount,
    /// The most.
    #[serde(deserialize_with = "amount")]
    pub maximum: Amount,
}

/// The limits of one kind of holder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderLimits {
    /// Of whom.
    pub holder: HolderKind,
    /// The limits, by day.
    pub versions: Dated<HolderLimit>,
}

/// The kinds of holders that have limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HolderKind {
    /// Subscribers.
    Subscriber,
    /// Organizations.
    Organization,
}

/// What a holder may spend and have. What is left out has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderLimit {
    /// The most that it may send on one day.
    #[serde(default, deserialize_with = "optional_amount")]
    pub daily_maximum: Option<Amount>,
    /// The most that it may send in one week, from Monday on.
    #[serde(default, deserialize_with = "optional_amount")]
    pub weekly_maximum: Option<Amount>,
    /// The most that it may send in one month.
    #[serde(default, deserialize_with = "optional_amount")]
    pub monthly_maximum: Option<Amount>,
    /// The most that it may send in one year.
    #[serde(default, deserialize_with = "optional_amount")]
    pub yearly_maximum: Option<Amount>,
    /// What a payment must leave in the account.
    #[serde(default, deserialize_with = "optional_amount")]
    pub balance_minimum: Option<Amount>,
    /// The most that an account may hold.
    #[serde(default, deserialize_with = "optional_amount")]
    pub balance_maximum: Option<Amount>,
}

/// The periods in which what a holder sends adds up. All are counted for everybody, so that a limit
/// that begins in the middle of one knows what was sent before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day of the node's zone.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
}

impl Period {
    /// All, in the order in which their limits are judged.
    pub const ALL: [Period; 4] = [Self::Day, Self::Week, Self::Month, Self::Year];

    /// The most that may be sent in it; none if there is no limit.
    pub fn maximum(self, limit: &HolderLimit) -> Option<Amount> {
        match self {
            Self::Day => limit.daily_maximum,
            Self::Week => limit.weekly_maximum,
            Self::Month => limit.monthly_maximum,
            Self::Year => limit.yearly_maximum,
        }
    }

    /// The code for what would be more.
    pub const fn exceeded(self) -> ResultCode {
        match self {
            Self::Day => ResultCode::DailyLimit,
            Self::Week => ResultCode::WeeklyLimit,
            Self::Month => ResultCode::MonthlyLimit,
            Self::Year => ResultCode::YearlyLimit,
        }
    }

    /// Those of all periods.
    pub(super) fn all_sent(holder: &Holder, day: Day) -> [Key; 4] {
        Self::ALL.map(|period| period.sent(holder, day))
    }

    /// The counter of what a holder sent in the period to which this day belongs, in minor units.
    pub(super) fn sent(self, holder: &Holder, day: Day) -> Key {
        let part = |value: i8| u64::from(value.unsigned_abs());
        let year = u64::from(day.year.unsigned_abs());
        let month = year.saturating_mul(100).saturating_add(part(day.month));
        // 20231121, 202311 and 2023, so that keys are in order and can be read; weeks have no such name.
        match self {
            Self::Day => holder.under(&SENT).number(month.saturating_mul(100).saturating_add(part(day.day))),
            Self::Week => holder.under(&SENT_WEEKLY).number(week(day)),
            Self::Month => holder.under(&SENT_MONTHLY).number(month),
            Self::Year => holder.under(&SENT_YEARLY).number(year),
        }
    }
}

static SENT: HolderKeys = HolderKeys::of("sent");
static SENT_WEEKLY: HolderKeys = HolderKeys::of("sent-weekly");
static SENT_MONTHLY: HolderKeys = HolderKeys::of("sent-monthly");
static SENT_YEARLY: HolderKeys = HolderKeys::of("sent-yearly");

/// The number of the day's week, counted from the one with 1970-01-01 in it, which was a Thursday.
fn week(day: Day) -> u64 {
    // Years that begin in March have their leap day at the end, and months before it of one pattern.
    let (month, before_march) = (i64::from(day.month), i64::from(day.month <= 2));
    let year = i64::from(day.year) - before_march;
    let day_of_year = (153 * (month - 3 + 12 * before_march) + 2) / 5 + i64::from(day.day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    const EPOCH: i64 = 719_468;
    let since_epoch = 365 * year + leap_days + day_of_year - EPOCH;
    u64::try_from((since_epoch + 3).div_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_begin_on_monday_across_months_leap_days_and_years() {
        let week = |year, month, day| week(Day { year, month, day });
        assert_eq!([week(1970, 1, 1), week(1970, 1, 4), week(1970, 1, 5)], [0, 0, 1]);
        assert_eq!(week(2023, 11, 19) + 1, week(2023, 11, 20));
        assert_eq!(week(2024, 2, 26), week(2024, 3, 3));
        assert_eq!(week(2024, 2, 25) + 1, week(2024, 3, 3));
        assert_eq!(week(2024, 12, 30), week(2025, 1, 5));
        assert_eq!(week(2025, 1, 5) + 1, week(2025, 1, 6));
        // 2000 had a leap day, 2100 has none.
        assert_eq!([week(2000, 2, 28), week(2000, 3, 5)], [week(2000, 2, 29); 2]);
        assert_eq!(week(2000, 3, 5) + 1, week(2000, 3, 6));
        assert_eq!(week(2100, 2, 28) + 1, week(2100, 3, 1));
        assert_eq!(week(2100, 3, 1), week(2100, 3, 7));
        assert_eq!(week(2100, 3, 7) + 1, week(2100, 3, 8));
    }

    #[test]
    fn what_is_sent_is_counted_for_each_holder_in_each_period_apart() {
        let day = |year, month, day| Day { year, month, day };
        let first = day(2023, 11, 21);
        // Each with the periods in which it adds up with the first.
        let others = [
            (day(2023, 11, 22), vec![Period::Week, Period::Month, Period::Year]),
            (day(2023, 11, 27), vec![Period::Month, Period::Year]),
            (day(2023, 12, 21), vec![Period::Year]),
            (day(2024, 11, 21), vec![]),
        ];
        let holders =
            ["600000", "600001"].map(|code| Holder::Organization(crate::core::Shortcode::parse(code).unwrap()));
        for period in Period::ALL {
            let [one, other] = holders.each_ref().map(|holder| period.sent(holder, first));
            assert_ne!(one, other, "{period:?}");
            for (day, together) in &others {
                let same = period.sent(&holders[0], *day) == one;
                assert_eq!(same, together.contains(&period), "{period:?} {day}");
            }
            let same = Period::ALL.into_iter().filter(|other| other.sent(&holders[0], first) == one);
            assert_eq!(same.collect::<Vec<_>>(), [period]);
        }
    }
}
