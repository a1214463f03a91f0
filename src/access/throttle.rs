//! How often and how much at a time: the third party's own rate, its share of what the node has
//! under way, the rate of a shortcode and of the whole node, and how often a source may be refused.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use super::rates::{Rate, Rates};
use super::shares::{NoShare, Share, Shares};
use super::{KeyFingerprint, Refusal, ThirdParty};
use crate::clock::Timestamp;
use crate::config;

/// Third parties and shortcodes that are counted: more than there will be.
const COUNTED_MAX: usize = 1_000_000;
/// Sources of refusals that are counted. Whoever comes beyond that is not, which costs nobody else
/// anything.
const SOURCES_MAX: usize = 16_384;

/// Where an attempt to authenticate comes from, as far as the connection proves it: so that nobody's
/// failures count against somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The holder of this key.
    Key(KeyFingerprint),
    /// An address; of IPv6 its network of 64 bits, since one host has all of that.
    Address(IpAddr),
}

impl Source {
    /// The source of a connection.
    pub fn of(key: Option<KeyFingerprint>, address: IpAddr) -> Self {
        match (key, address.to_canonical()) {
            (Some(key), _) => Source::Key(key),
            (None, IpAddr::V6(address)) => {
                let network = u128::from(address) & (u128::MAX << 64);
                Source::Address(IpAddr::V6(Ipv6Addr::from(network)))
            }
            (None, address) => Source::Address(address),
        }
    }
}

/// All that is counted.
#[derive(Debug)]
pub(super) struct Throttle {
    settings: config::Rates,
    parties: Rates<String>,
    shortcodes: Rates<String>,
    node: Rates<()>,
    refusals: Rates<Source>,
    under_way: Arc<Shares>,
}

impl Throttle {
    /// Nothing was counted yet.
    pub fn new(settings: config::Rates) -> Self {
        Self {
            settings,
            parties: Rates::new(COUNTED_MAX),
            shortcodes: Rates::new(COUNTED_MAX),
            node: Rates::new(1),
            refusals: Rates::new(SOURCES_MAX),
            under_way: Shares::new(settings.under_way_max),
        }
    }

    /// One more request of a third party: within its own rate, with a place among those under way,
    /// and within the node's rate, in this order, so that who is refused for its own sake takes
    /// nothing from the others.
    pub fn enter(&self, party: &ThirdParty, now: Timestamp) -> Result<Share, Refusal> {
        if let Some(rate) = party.requests_per_second_max
            && !self.parties.take(party.name.as_str(), Rate::per_second(rate), now)
        {
            return Err(Refusal::RateExceeded);
        }
        let share = self.under_way.take(&party.name).map_err(|none| match none {
            NoShare::PartyHasItsShare => Refusal::ShareSpent,
            NoShare::AllTaken => Refusal::PlacesTaken,
        })?;
        match self.settings.node_per_second_max {
            0 => Ok(share),
            rate if self.node.take(&(), Rate::per_second(rate), now) => Ok(share),
            _ => Err(Refusal::NodeRateExceeded),
        }
    }

    /// One more request that a shortcode starts.
    pub fn start(&self, shortcode: &str, now: Timestamp) -> Result<(), Refusal> {
        match self.settings.shortcode_per_second_max {
            0 => Ok(()),
            rate if self.shortcodes.take(shortcode, Rate::per_second(rate), now) => Ok(()),
            _ => Err(Refusal::ShortcodeRateExceeded),
        }
    }

    /// Whether an authentication of this source is looked at.
    pub fn may_try(&self, source: &Source, now: Timestamp) -> bool {
        self.refusals.has_token(source, self.refusal_rate(), now)
    }

    /// An authentication of this source was refused.
    pub fn was_refused(&self, source: &Source, now: Timestamp) {
        self.refusals.take(source, self.refusal_rate(), now);
    }

    /// Forgets third parties that are no longer there.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.parties.retain(|party| is_there(party));
    }

    fn refusal_rate(&self) -> Rate {
        Rate { per_second: self.settings.refusals_per_second_max, burst: self.settings.refusals_at_once_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_key_or_the_network_that_one_host_has() {
        let of = |address: &str| Source::of(None, address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        let key = KeyFingerprint([1; 32]);
        let by_key = |address: &str| Source::of(Some(key), address.parse().unwrap());
        assert_eq!(by_key("10.0.0.1"), by_key("10.0.0.2"));
    }
}
