//! Networks that two third parties share. They are allowed, since the certificate says who is calling,
//! but whoever wrote them should know.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::{NamedNetwork, Whitelist};

/// The most overlaps that are told one by one.
const TOLD_MAX: usize = 20;

/// What a list has of them.
#[derive(Clone, Debug)]
pub struct Overlaps<'a> {
    /// How many pairs share addresses.
    pub count: usize,
    /// The first of them, in the order of addresses.
    pub first: Vec<Overlap<'a>>,
}

/// Two networks of different third parties, one of which holds the other.
#[derive(Clone, Copy, Debug)]
pub struct Overlap<'a> {
    /// The third party with the larger network (or an equal one), and the network.
    pub outer: (&'a str, &'a NamedNetwork),
    /// The third party with the smaller one, and the network.
    pub inner: (&'a str, &'a NamedNetwork),
}

impl fmt::Display for Overlap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |(party, network): (&str, &NamedNetwork)| {
            format!("line {}, {party}'s \"{}\" {}", network.line, network.name, network.network)
        };
        write!(f, "{} is within {}", one(self.inner), one(self.outer))
    }
}

/// Networks nest or are apart, they never cross. So a walk by first address, the larger of two first,
/// meets each one while all that hold it are open.
pub(super) fn find(list: &Whitelist) -> Overlaps<'_> {
    let mut all: Vec<(&str, &NamedNetwork)> = list.networks().collect();
    all.sort_by_key(|(_, network)| place(network.network));
    let mut found = Overlaps { count: 0, first: Vec::new() };
    let mut open: Vec<(&str, &NamedNetwork)> = Vec::new();
    for inner in all {
        while open.last().is_some_and(|(_, outer)| !outer.network.contains(&inner.1.network)) {
            open.pop();
        }
        for outer in open.iter().filter(|(party, _)| *party != inner.0) {
            found.count = found.count.saturating_add(1);
            if found.first.len() < TOLD_MAX {
                found.first.push(Overlap { outer: *outer, inner });
            }
        }
        open.push(inner);
    }
    found
}

fn place(network: IpNet) -> (bool, IpAddr, u8) {
    (network.addr().is_ipv6(), network.network(), network.prefix_len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(networks: &[(&str, &str)]) -> Whitelist {
        let section = |(at, (party, network)): (usize, &(&str, &str))| {
            format!("third_party.{party}.networks.n{at} = {{ network = \"{network}\", kind = \"internet\" }}\n")
        };
        Whitelist::parse(&networks.iter().enumerate().map(section).collect::<String>()).unwrap()
    }

    #[test]
    fn networks_of_one_third_party_may_nest_and_those_of_two_are_told() {
        assert_eq!(list(&[("a", "10.0.0.0/8"), ("a", "10.1.0.0/16"), ("b", "11.0.0.0/8")]).overlaps().count, 0);
        let shared = list(&[("a", "10.0.0.0/8"), ("b", "10.1.0.0/16"), ("c", "10.1.2.3/32"), ("b", "2001:db8::/32")]);
        let told: Vec<String> = shared.overlaps().first.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 2, b's \"n1\" 10.1.0.0/16 is within line 1, a's \"n0\" 10.0.0.0/8",
                "line 3, c's \"n2\" 10.1.2.3/32 is within line 1, a's \"n0\" 10.0.0.0/8",
                "line 3, c's \"n2\" 10.1.2.3/32 is within line 2, b's \"n1\" 10.1.0.0/16",
            ]
        );
    }

    #[test]
    fn the_same_network_of_two_is_an_overlap_and_families_are_apart() {
        assert_eq!(list(&[("a", "10.0.0.0/8"), ("b", "10.0.0.0/8")]).overlaps().count, 1);
        assert_eq!(list(&[("a", "0.0.0.0/0"), ("b", "::/0")]).overlaps().count, 0);
    }

    proptest! {
        /// The walk finds what comparing each with each does.
        #[test]
        fn the_walk_finds_every_pair(
            members in proptest::collection::btree_set((0u8..3, 0u32..64, 24u8..=32), 0..20),
        ) {
            let named: Vec<(String, String)> = members
                .iter()
                .map(|(party, address, length)| {
                    let network = ipnet::Ipv4Net::new((0x0A00_0000 + address * 8).into(), *length).unwrap().trunc();
                    (format!("p{party}"), network.to_string())
                })
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .collect();
            let list = list(&named.iter().map(|(party, network)| (party.as_str(), network.as_str())).collect::<Vec<_>>());
            let all: Vec<_> = list.networks().collect();
            let pairs = all.iter().enumerate().flat_map(|(at, one)| all.iter().skip(at + 1).map(move |other| (one, other)));
            let shared = pairs.filter(|(one, other)| {
                one.0 != other.0 && (one.1.network.contains(&other.1.network) || other.1.network.contains(&one.1.network))
            });
            prop_assert_eq!(list.overlaps().count, shared.count());
        }
    }
}
