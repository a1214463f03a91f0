//! Where callbacks may go: a host by name or by network, and ports.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A host on which a third party receives callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackHost {
    /// Which host.
    pub host: HostRule,
    /// The ports on it.
    pub ports: Vec<u16>,
    /// What the operators wrote beside it.
    pub comment: Option<String>,
    /// The line of the file.
    pub line: usize,
}

/// A host, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// The host with exactly this name, in lower case.
    Name(String),
    /// Hosts that a URL names by an address of this network.
    Network(IpNet),
}

impl CallbackHost {
    /// Whether a URL with this host (a name, or an address with or without brackets) and port may be
    /// called. For a name this says nothing about the address that it resolves to.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        if !self.ports.contains(&port) {
            return false;
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        match (&self.host, bare.parse::<IpAddr>()) {
            (HostRule::Network(network), Ok(address)) => network.contains(&address.to_canonical()),
            (HostRule::Name(name), Err(_)) => {
                // "example.com." is the same host as "example.com".
                name.eq_ignore_ascii_case(host.strip_suffix('.').unwrap_or(host))
            }
            _ => false,
        }
    }
}

impl fmt::Display for CallbackHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        self.ports.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Network(network) => network.fmt(f),
        }
    }
}
