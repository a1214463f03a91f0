//! A set of networks that answers "is this address in it?" in the time of one binary search,
//! whatever the number, the overlaps and the expiry dates of its members.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::clock::Timestamp;

/// The end of a membership that does not expire.
pub(super) const FOREVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// Networks, each in force until a moment. IPv4 and IPv6 are kept apart; an address is looked up as
/// it is given, so an IPv4-mapped one is to be made IPv4 before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Networks {
    v4: Vec<Span>,
    v6: Vec<Span>,
}

/// Addresses from `first` to `last`, both included, in force before `until`. The spans of one set
/// do not overlap and stand in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u128,
    last: u128,
    until: Timestamp,
}

impl Networks {
    /// The set of these networks.
    pub fn new(members: impl IntoIterator<Item = (IpNet, Timestamp)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (network, until) in members {
            let of_family = if network.addr().is_ipv4() { &mut v4 } else { &mut v6 };
            of_family.push(Span { first: number(network.network()), last: number(network.broadcast()), until });
        }
        Self { v4: flatten(v4), v6: flatten(v6) }
    }

    /// Whether `address` is in a network that is in force at `now`.
    pub fn contains(&self, address: IpAddr, now: Timestamp) -> bool {
        let spans = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let number = number(address);
        let after = spans.partition_point(|span| span.first <= number);
        after.checked_sub(1).and_then(|at| spans.get(at)).is_some_and(|span| number <= span.last && now < span.until)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The same addresses as spans that do not overlap; where several did, the latest expiry counts.
///
/// A sweep over the addresses where something begins or ends, with the expiries in force between
/// them counted in a map.
fn flatten(spans: Vec<Span>) -> Vec<Span> {
    let mut edges: Vec<(u128, Edge, Timestamp)> = Vec::with_capacity(spans.len().saturating_mul(2));
    for span in spans {
        edges.push((span.first, Edge::Begins, span.until));
        // The very last address has none after it; what ends there needs no edge.
        if let Some(after) = span.last.checked_add(1) {
            edges.push((after, Edge::Ends, span.until));
        }
    }
    edges.sort_unstable();

    let mut flat: Vec<Span> = Vec::new();
    let mut open: BTreeMap<Timestamp, usize> = BTreeMap::new();
    let mut edges = edges.into_iter().peekable();
    while let Some((at, edge, until)) = edges.next() {
        match edge {
            Edge::Begins => *open.entry(until).or_default() += 1,
            Edge::Ends => close(&mut open, until),
        }
        let last = match edges.peek() {
            Some((next, _, _)) if *next == at => continue,
            Some((next, _, _)) => next.saturating_sub(1),
            None => u128::MAX,
        };
        if let Some((&until, _)) = open.last_key_value() {
            extend(&mut flat, Span { first: at, last, until });
        }
    }
    flat
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Ends,
    Begins,
}

fn close(open: &mut BTreeMap<Timestamp, usize>, until: Timestamp) {
    if let Some(count) = open.get_mut(&until) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            open.remove(&until);
        }
    }
}

/// Adds a span, as part of the one before where they are one.
fn extend(flat: &mut Vec<Span>, span: Span) {
    match flat.last_mut() {
        Some(before) if before.last.checked_add(1) == Some(span.first) && before.until == span.until => {
            before.last = span.last;
        }
        _ => flat.push(span),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn set(networks: &[&str]) -> Networks {
        Networks::new(networks.iter().map(|network| (network.parse().unwrap(), FOREVER)))
    }

    fn has(set: &Networks, address: &str) -> bool {
        set.contains(address.parse().unwrap(), NOW)
    }

    #[test]
    fn the_edges_of_a_network_are_in_it_and_their_neighbours_are_not() {
        let networks = set(&["10.1.2.0/23", "255.255.255.255/32", "0.0.0.0/32", "2001:db8::/64"]);
        for inside in ["10.1.2.0", "10.1.3.255", "255.255.255.255", "0.0.0.0", "2001:db8::", "2001:db8::ffff:1"] {
            assert!(has(&networks, inside), "{inside}");
        }
        for outside in ["10.1.1.255", "10.1.4.0", "255.255.255.254", "0.0.0.1", "2001:db8:0:1::", "::a01:200"] {
            assert!(!has(&networks, outside), "{outside}");
        }
    }

    #[test]
    fn the_whole_of_a_family_is_one_span_and_not_the_other_family() {
        let networks = set(&["::/0", "2001:db8::/32"]);
        assert_eq!(networks.v6.len(), 1);
        assert!(has(&networks, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") && has(&networks, "::"));
        assert!(!has(&networks, "10.0.0.1"));
    }

    #[test]
    fn an_empty_set_has_nobody() {
        assert!(!has(&set(&[]), "127.0.0.1") && !has(&set(&[]), "::1"));
    }

    proptest! {
        /// The set agrees with asking every network in turn, at any moment.
        #[test]
        fn a_set_says_what_its_networks_say(
            members in proptest::collection::vec((0u32..=255, 24u8..=32, 0i64..4), 0..12),
            address in 0u32..=300,
            now in 0i64..4,
        ) {
            let members: Vec<(IpNet, Timestamp)> = members
                .into_iter()
                .map(|(address, length, until)| {
                    let network = ipnet::Ipv4Net::new(address.into(), length).unwrap().trunc();
                    (IpNet::V4(network), Timestamp::from_seconds(until))
                })
                .collect();
            let (address, now) = (IpAddr::V4(address.into()), Timestamp::from_seconds(now));
            let one_by_one = members.iter().any(|(network, until)| network.contains(&address) && now < *until);
            prop_assert_eq!(Networks::new(members).contains(address, now), one_by_one);
        }
    }
}
