//! The whitelist: from where each third party may come, and where its callbacks may go.
//!
//! A parsed whitelist never changes; a new file becomes a new one or, if it has any fault, nothing.
//! Overlapping networks of two third parties are allowed: the address only says who *may* be there,
//! the certificate says who is.

pub mod changes;
pub mod edit;

mod callback_host;
mod overlaps;
mod parse;

pub use callback_host::{CallbackHost, HostRule};
pub use changes::WhitelistChange;
pub use overlaps::{Overlap, Overlaps};
pub use parse::WhitelistError;

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::networks::{FOREVER, Networks};
use crate::clock::Timestamp;

/// The whitelist as shipped: the demonstration's, and the documentation of every key.
pub const SHIPPED: &str = include_str!("../../../config/whitelist.toml");

/// How a network reaches us, and so what may be asked from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Through the VPN: everything.
    Vpn,
    /// Over the open internet: only what says that this suffices (RegisterURL).
    Internet,
}

impl NetworkKind {
    /// Whether who came this way may do what needs `need`.
    pub fn suffices_for(self, need: NetworkKind) -> bool {
        self == NetworkKind::Vpn || need == NetworkKind::Internet
    }
}

/// One named network of a third party, as the file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedNetwork {
    /// Its name, unique in the third party.
    pub name: String,
    /// The addresses.
    pub network: IpNet,
    /// How they reach us.
    pub kind: NetworkKind,
    /// What the operators wrote beside it.
    pub comment: Option<String>,
    /// The moment from which it is no longer in force.
    pub until: Option<Timestamp>,
    /// The line of the file.
    pub line: usize,
}

/// The whole list.
#[derive(Clone, Debug, Default)]
pub struct Whitelist {
    everybody: Networks,
    parties: BTreeMap<String, Party>,
}

#[derive(Clone, Debug)]
struct Party {
    vpn: Networks,
    internet: Networks,
    networks: Vec<NamedNetwork>,
    callback_hosts: Vec<CallbackHost>,
}

impl Whitelist {
    /// Reads the text of a whitelist file.
    pub fn parse(text: &str) -> Result<Self, WhitelistError> {
        parse::parse(text)
    }

    fn new(parties: impl IntoIterator<Item = (String, Vec<NamedNetwork>, Vec<CallbackHost>)>) -> Self {
        let parties: BTreeMap<String, Party> = parties
            .into_iter()
            .map(|(name, networks, callback_hosts)| (name, Party::new(networks, callback_hosts)))
            .collect();
        let all = parties.values().flat_map(|party| &party.networks).map(member);
        Self { everybody: Networks::new(all), parties }
    }

    /// Whether the address is in any third party's network: all that is known before the handshake.
    pub fn admits(&self, address: IpAddr, now: Timestamp) -> bool {
        self.everybody.contains(address.to_canonical(), now)
    }

    /// By which kind of its networks the third party comes from this address, the better one where
    /// both hold it; none if the address is not one of its own.
    pub fn network(&self, party: &str, address: IpAddr, now: Timestamp) -> Option<NetworkKind> {
        let (party, address) = (self.parties.get(party)?, address.to_canonical());
        if party.vpn.contains(address, now) {
            Some(NetworkKind::Vpn)
        } else if party.internet.contains(address, now) {
            Some(NetworkKind::Internet)
        } else {
            None
        }
    }

    /// Where the third party's callbacks may go; nowhere for one that is not listed.
    pub fn callback_hosts(&self, party: &str) -> &[CallbackHost] {
        self.parties.get(party).map_or(&[], |party| &party.callback_hosts)
    }

    /// Every third party with where its callbacks may go, for people.
    pub fn all_callback_hosts(&self) -> impl Iterator<Item = (&str, &CallbackHost)> {
        self.parties.iter().flat_map(|(name, party)| party.callback_hosts.iter().map(move |host| (name.as_str(), host)))
    }

    /// Every third party with its networks, for people.
    pub fn networks(&self) -> impl Iterator<Item = (&str, &NamedNetwork)> {
        self.parties.iter().flat_map(|(name, party)| party.networks.iter().map(move |network| (name.as_str(), network)))
    }

    /// The first moment after `after` at which a network falls out of force; none if none does.
    pub fn next_end(&self, after: Timestamp) -> Option<Timestamp> {
        self.networks().filter_map(|(_, network)| network.until).filter(|until| *until > after).min()
    }

    /// The networks of different third parties that share addresses.
    pub fn overlaps(&self) -> Overlaps<'_> {
        overlaps::find(self)
    }

    /// The networks that hold an address, in force or not: why it is let in or refused. Walks the
    /// whole list; for people, not for the door.
    pub fn holding(&self, address: IpAddr) -> impl Iterator<Item = (&str, &NamedNetwork)> {
        let address = address.to_canonical();
        self.networks().filter(move |(_, network)| network.network.contains(&address))
    }
}

impl Party {
    fn new(networks: Vec<NamedNetwork>, callback_hosts: Vec<CallbackHost>) -> Self {
        let of_kind = |kind| Networks::new(networks.iter().filter(|network| network.kind == kind).map(member));
        Self { vpn: of_kind(NetworkKind::Vpn), internet: of_kind(NetworkKind::Internet), networks, callback_hosts }
    }
}

fn member(network: &NamedNetwork) -> (IpNet, Timestamp) {
    (network.network, network.until.unwrap_or(FOREVER))
}

#[cfg(test)]
mod tests;
