//! The wrong passwords of one third party, whoever's they are: who tries one operator after the other
//! locks a few of them and is then stopped for a while, so that it neither finds a password nor
//! keeps everybody else's operators out.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::CredentialSettings;
use crate::clock::Timestamp;
use crate::store::{Key, Read, ReadError, Stored, decode};

/// What a third party got wrong lately. Kept in the store: a restart forgives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceFailures {
    /// How many since.
    pub failures: u32,
    /// When the first of them was.
    pub since: Timestamp,
}

impl Stored for SourceFailures {
    const NAME: &'static str = "failures of a third party";
}

impl SourceFailures {
    /// Whether nothing more of this third party is considered now.
    pub fn stopped(self, settings: &CredentialSettings, now: Timestamp) -> bool {
        self.failures >= settings.source_failures_max && self.counts(settings, now)
    }

    /// After one more failure.
    pub fn and_one_more(before: Option<Self>, settings: &CredentialSettings, now: Timestamp) -> Self {
        match before {
            Some(before) if before.counts(settings, now) => {
                Self { failures: before.failures.saturating_add(1), since: before.since }
            }
            _ => Self { failures: 1, since: now },
        }
    }

    /// Whether they are of the present time: so long ago at most, or so far ahead, after which a clock that
    /// was set back would keep them for as long as it was wrong.
    fn counts(self, settings: &CredentialSettings, now: Timestamp) -> bool {
        let time = Duration::from_secs(settings.source_failures_seconds);
        now < self.since.plus(time) && self.since < now.plus(time)
    }
}

/// Where the failures of a third party are.
pub(super) fn source_key(third_party: &str) -> Key {
    Key::of("credential_source").text(third_party)
}

/// The failures of a third party and their version, if there are any.
pub(super) fn read_source(facts: &dyn Read, third_party: &str) -> Result<Option<(SourceFailures, u64)>, ReadError> {
    let Some(record) = facts.record(&source_key(third_party))? else { return Ok(None) };
    Ok(Some((decode(&record)?, record.version)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::CREDENTIALS;

    #[test]
    fn failures_stop_a_source_for_their_time_wherever_the_clock_jumps() {
        let since = Timestamp::from_seconds(1_800_000_000);
        let settings = CredentialSettings { source_failures_max: 3, source_failures_seconds: 900, ..CREDENTIALS };
        let failures = SourceFailures { failures: 3, since };
        let [almost, over] = [899, 900].map(Duration::from_secs);
        assert!(failures.stopped(&settings, since.plus(almost)) && !failures.stopped(&settings, since.plus(over)));
        assert!(failures.stopped(&settings, since.minus(almost)), "a clock that is put right forgives nothing");
        assert!(!failures.stopped(&settings, since.minus(over)), "it is stopped for as long as the clock was wrong");
        let again = SourceFailures::and_one_more(Some(failures), &settings, since.minus(over));
        assert_eq!(again, SourceFailures { failures: 1, since: since.minus(over) });
    }
}
