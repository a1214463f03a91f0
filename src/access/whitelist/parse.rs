//! From the text of the whitelist file to the list. Whatever is wrong is told with its line and
//! column and what to write instead.

mod sections;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use ipnet::{IpNet, Ipv4Net};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{CallbackHost, HostRule, NamedNetwork, NetworkKind, Whitelist};
use crate::access::third_party::is_plain;
use crate::clock::Timestamp;

/// From this size on a list is read by pieces, and how long a piece is.
const LONG_BYTES_MIN: usize = 128 * 1024;
const PIECE_LINES_MAX: usize = 1000;
/// The longest name of a host that DNS knows.
const HOST_NAME_BYTES_MAX: usize = 253;
/// The longest label of such a name.
const HOST_LABEL_BYTES_MAX: usize = 63;
/// A mapped IPv4 address takes the last 32 of 128 bits.
const MAPPED_PREFIX: u8 = 96;

/// What is wrong with a whitelist file. It changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct WhitelistError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    third_party: BTreeMap<Spanned<String>, Party>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Party {
    #[serde(default)]
    networks: BTreeMap<String, Network>,
    #[serde(default)]
    callback_hosts: Vec<Host>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    network: Spanned<String>,
    kind: Spanned<String>,
    comment: Option<String>,
    expires: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    host: Spanned<String>,
    ports: Spanned<Vec<u16>>,
    comment: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<Whitelist, WhitelistError> {
    if text.len() >= LONG_BYTES_MIN
        && let Some(list) = sections::read(text, PIECE_LINES_MAX)
    {
        return Ok(list);
    }
    parse_whole(text)
}

fn parse_whole(text: &str) -> Result<Whitelist, WhitelistError> {
    let lines = Lines::of(text);
    let file: File =
        toml::from_str(text).map_err(|error| lines.error(error.span().unwrap_or(0..0), advised(error.message())))?;
    let parties = file.third_party.into_iter().map(|(name, party)| {
        if !is_plain(name.get_ref()) {
            let message = "no third party can have this name; write letters, digits, \"-\" and \"_\", at most 64";
            return Err(lines.error(name.span(), message));
        }
        let networks = named_networks(party.networks, &lines)?;
        let hosts = party.callback_hosts.into_iter().map(|host| callback_host(host, &lines));
        Ok((name.into_inner(), networks, hosts.collect::<Result<_, _>>()?))
    });
    Ok(Whitelist::new(parties.collect::<Result<Vec<_>, WhitelistError>>()?))
}

/// The TOML reader's message, with advice for the mistakes that hands make.
fn advised(message: &str) -> String {
    let advice = match message {
        _ if message.contains("missing field `network`") => "; write network = \"192.0.2.0/24\"",
        _ if message.contains("missing field `kind`") => "; write kind = \"vpn\" or kind = \"internet\"",
        _ if message.contains("missing field `ports`") => "; write the ports, for example ports = [443]",
        _ if message.contains("missing field `host`") => "; write host = \"pay.example.com\"",
        _ if message.contains("datetime") => "; write the date without quotes: expires = 2027-06-30",
        _ if message.contains("duplicate key") => "; every name may stand once, choose another",
        _ => "",
    };
    format!("{message}{advice}")
}

fn named_networks(networks: BTreeMap<String, Network>, lines: &Lines<'_>) -> Result<Vec<NamedNetwork>, WhitelistError> {
    let mut seen: HashMap<IpNet, String> = HashMap::with_capacity(networks.len());
    let mut named = Vec::with_capacity(networks.len());
    for (name, entry) in networks {
        let span = entry.network.span();
        let network = read_network(entry.network.get_ref()).map_err(|message| lines.error(span.clone(), message))?;
        let kind = read_kind(entry.kind.get_ref()).map_err(|message| lines.error(entry.kind.span(), message))?;
        if kind == NetworkKind::Vpn && network.prefix_len() == 0 {
            let message = "the whole internet is no VPN; write the partner's own network, or kind = \"internet\"";
            return Err(lines.error(span, message));
        }
        if let Some(other) = seen.insert(network, name.clone()) {
            return Err(lines.error(span, format!("{network} is in \"{other}\" already; remove one of the two")));
        }
        let until = entry.expires.map(|date| {
            end_of(date.get_ref()).ok_or_else(|| lines.error(date.span(), "write a date alone: expires = 2027-06-30"))
        });
        let (line, _) = lines.place(span.start);
        named.push(NamedNetwork { name, network, kind, comment: entry.comment, until: until.transpose()?, line });
    }
    Ok(named)
}

fn read_network(text: &str) -> Result<IpNet, String> {
    let network: IpNet = match (text.parse(), text.parse::<IpAddr>()) {
        (Ok(network), _) => network,
        (Err(_), Ok(address)) => {
            return Err(format!(
                "\"{text}\" has no prefix length; for this one address write \"{}\"",
                IpNet::from(address)
            ));
        }
        (Err(_), Err(_)) => {
            return Err(format!("\"{text}\" is no network; write for example \"192.0.2.0/24\" or \"2001:db8::/48\""));
        }
    };
    if network.trunc() != network {
        let alone = IpNet::from(network.addr());
        return Err(format!("\"{text}\" has bits beyond its prefix; write \"{}\" or \"{alone}\"", network.trunc()));
    }
    match mapped(network) {
        Some(plain) => Err(format!("\"{text}\" is IPv4 written as IPv6; write \"{plain}\"")),
        None => Ok(network),
    }
}

/// The IPv4 network that an IPv4-mapped IPv6 network stands for.
fn mapped(network: IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(network) = network else { return None };
    let address: Ipv4Addr = network.addr().to_ipv4_mapped()?;
    Ipv4Net::new(address, network.prefix_len().checked_sub(MAPPED_PREFIX)?).ok()
}

fn read_kind(text: &str) -> Result<NetworkKind, String> {
    match text {
        "vpn" => Ok(NetworkKind::Vpn),
        "internet" => Ok(NetworkKind::Internet),
        _ => Err(format!("\"{text}\" is no kind of network; write \"vpn\" or \"internet\"")),
    }
}

/// The first moment after this day, in UTC; none for what is no day.
fn end_of(date: &Datetime) -> Option<Timestamp> {
    let Datetime { date: Some(day), time: None, offset: None } = *date else { return None };
    let day = Date::new(i16::try_from(day.year).ok()?, i8::try_from(day.month).ok()?, i8::try_from(day.day).ok()?);
    let midnight = day.ok()?.tomorrow().ok()?.to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(Timestamp::from_seconds(midnight.timestamp().as_second()))
}

fn callback_host(entry: Host, lines: &Lines<'_>) -> Result<CallbackHost, WhitelistError> {
    let host = read_host(entry.host.get_ref()).map_err(|message| lines.error(entry.host.span(), message))?;
    let (line, _) = lines.place(entry.host.span().start);
    let span = entry.ports.span();
    let ports = entry.ports.into_inner();
    if ports.is_empty() || ports.contains(&0) {
        return Err(lines.error(span, "name the ports, for example ports = [443, 8443]"));
    }
    Ok(CallbackHost { host, ports, comment: entry.comment, line })
}

pub(super) fn read_host(text: &str) -> Result<HostRule, String> {
    // What begins like an address or has a prefix length is meant as a network.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric || text.contains(':') && !text.contains("//") || text.contains('/') && !text.contains("//") {
        return read_network(text).map(HostRule::Network);
    }
    let name = text.to_ascii_lowercase();
    if is_host_name(&name) {
        Ok(HostRule::Name(name))
    } else {
        Err(format!("\"{text}\" is no host; write the name alone, for example \"pay.example.com\", or a network"))
    }
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= HOST_LABEL_BYTES_MAX
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // A last label that is a number makes the whole an address in a URL ("0x7f.1" is 127.0.0.1).
    let ends_in_number = name.rsplit('.').next().is_some_and(|label| {
        let digits = label.strip_prefix("0x").unwrap_or(label);
        digits.bytes().all(|byte| byte.is_ascii_digit()) || label.len() > digits.len()
    });
    name.len() <= HOST_NAME_BYTES_MAX && name.split('.').all(is_label) && !ends_in_number
}

/// Where lines begin, so that every place in a long file is found quickly.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// Lines of the file before the text.
    before: usize,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self::after(0, text)
    }

    /// Of a text after so many other lines.
    fn after(before: usize, text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect(), before }
    }

    /// Line and column, from 1, of a byte.
    fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(0);
        let before = self.text.get(start..byte).unwrap_or("");
        (line.saturating_add(self.before), before.chars().count().saturating_add(1))
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> WhitelistError {
        let (line, column) = self.place(span.start);
        WhitelistError { line, column, message: message.into() }
    }
}
