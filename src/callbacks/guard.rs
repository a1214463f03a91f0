//! Where a callback may go, decided twice: from the URL (at registration and before each attempt),
//! and from the address that its name resolved to, before the connection is made to just that
//! address. Both must pass:
//!
//! * The third party's list of callback hosts has the host and the port. This also admits private
//!   addresses, which are legitimate behind the VPN.
//! * The address is not [special]: loopback, link-local, multicast, a cloud's metadata
//!   service and the like are refused even if listed, unless `callbacks.special_networks` has them.
//!
//! An address that carries an IPv4 address inside (mapped, translated, compatible, NAT64, 6to4) is judged as
//! that one. Redirects are not followed, so there is no third place to look at.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use reqwest::Url;

/// Bytes of a URL.
pub const URL_BYTES_MAX: usize = 2048;

/// Where each third party may be called.
pub trait Hosts: Send + Sync + fmt::Debug {
    /// Whether the third party's list has this host and port. `address` is what the host resolved
    /// to, or the host itself where the URL has an address; none while only a name is known.
    fn allowed(&self, third_party: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool;

    /// Whether the third party may be called without TLS.
    fn plain_allowed(&self, third_party: &str) -> bool;

    /// The authorities, PEM, that alone vouch for the third party's servers; none: the common ones do.
    fn pinned_authority(&self, _third_party: &str) -> Option<String> {
        None
    }
}

/// Why a place may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no absolute URL, or longer than [`URL_BYTES_MAX`].
    #[error("it is no URL")]
    NoUrl,
    /// It is neither HTTPS nor HTTP.
    #[error("its scheme is neither https nor http")]
    Scheme,
    /// It is HTTP, and the third party's record does not allow that.
    #[error("it is plain HTTP, which is not allowed for this third party")]
    Plain,
    /// It has a user name or a password.
    #[error("it has a user name or a password")]
    UserInfo,
    /// The host or the port is not on the list.
    #[error("its host or port is not on the third party's list")]
    NotListed,
    /// The address is of a kind that is never called.
    #[error("its address is {0}")]
    Special(Special),
}

/// What makes an address special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// 0.0.0.0/8, ::
    Unspecified,
    /// 127.0.0.0/8, ::1
    Loopback,
    /// 169.254.0.0/16, fe80::/10
    LinkLocal,
    /// 224.0.0.0/4, ff00::/8, 255.255.255.255
    Multicast,
    /// The metadata services of clouds.
    Metadata,
    /// 240.0.0.0/4, and IPv6 tunnels whose other end cannot be told.
    Reserved,
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast or broadcast",
            Self::Metadata => "a metadata service",
            Self::Reserved => "reserved",
        })
    }
}

/// Reads a URL, and checks all that it tells itself.
pub fn check_url(hosts: &dyn Hosts, special_allowed: &[IpNet], third_party: &str, url: &str) -> Result<Url, Refused> {
    let url = read_url(url)?;
    check_read(hosts, special_allowed, third_party, &url)?;
    Ok(url)
}

/// Reads a URL.
pub(super) fn read_url(url: &str) -> Result<Url, Refused> {
    (url.len() <= URL_BYTES_MAX).then(|| Url::parse(url).ok()).flatten().ok_or(Refused::NoUrl)
}

/// Checks all that a URL itself tells.
pub(super) fn check_read(
    hosts: &dyn Hosts,
    special_allowed: &[IpNet],
    third_party: &str,
    url: &Url,
) -> Result<(), Refused> {
    match url.scheme() {
        "https" => {}
        "http" if hosts.plain_allowed(third_party) => {}
        "http" => return Err(Refused::Plain),
        _ => return Err(Refused::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::UserInfo);
    }
    let (host, port) = host_and_port(url).ok_or(Refused::NoUrl)?;
    match literal(host) {
        Some(address) => check_address(hosts, special_allowed, third_party, host, address, port),
        None if hosts.allowed(third_party, host, None, port) => Ok(()),
        None => Err(Refused::NotListed),
    }
}

/// Checks an address that a host resolved to.
pub fn check_address(
    hosts: &dyn Hosts,
    special_allowed: &[IpNet],
    third_party: &str,
    host: &str,
    address: IpAddr,
    port: u16,
) -> Result<(), Refused> {
    let address = innermost(address);
    if let Some(special) = special(address)
        && !special_allowed.iter().any(|network| network.contains(&address))
    {
        return Err(Refused::Special(special));
    }
    if hosts.allowed(third_party, host, Some(address), port) { Ok(()) } else { Err(Refused::NotListed) }
}

/// The URL's host and the port that it is called on.
pub fn host_and_port(url: &Url) -> Option<(&str, u16)> {
    Some((url.host_str()?, url.port_or_known_default()?))
}

/// The address, where a URL's host is one. The URL parser has already turned every odd spelling
/// (`0x7f.1`, `2130706433`) into four decimal numbers.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What makes an address special, if anything does.
pub fn special(address: IpAddr) -> Option<Special> {
    match innermost(address) {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    match address.octets() {
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => Some(Special::Metadata),
        [0, ..] => Some(Special::Unspecified),
        [127, ..] => Some(Special::Loopback),
        [169, 254, ..] => Some(Special::LinkLocal),
        [224..=239, ..] | [255, 255, 255, 255] => Some(Special::Multicast),
        [240..=255, ..] => Some(Special::Reserved),
        _ => None,
    }
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    const METADATA: [Ipv6Addr; 3] = [
        Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
        Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
    ];
    match address.segments() {
        _ if METADATA.contains(&address) => Some(Special::Metadata),
        _ if address.is_unspecified() => Some(Special::Unspecified),
        _ if address.is_loopback() => Some(Special::Loopback),
        [0xfe80..=0xfebf, ..] => Some(Special::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Special::Multicast),
        // Teredo hides the address of the other end, and so does a translator's own prefix; site-local was
        // withdrawn.
        [0x2001, 0, ..] | [0x64, 0xff9b, 1, ..] | [0xfec0..=0xfeff, ..] => Some(Special::Reserved),
        _ => None,
    }
}

/// The IPv4 address that an IPv6 address carries, or the address itself.
fn innermost(address: IpAddr) -> IpAddr {
    let IpAddr::V6(outer) = address else { return address };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match outer.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        // :: and ::1 are addresses of their own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => v4(high, low),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists `pay.example.com:443`, 10.0.0.0/8 on every port, and loopback on 8443.
    #[derive(Debug)]
    struct Listed {
        plain: bool,
    }

    impl Hosts for Listed {
        fn allowed(&self, third_party: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
            let listed = match address {
                _ if host == "pay.example.com" => port == 443,
                Some(IpAddr::V4(address)) => {
                    address.octets()[0] == 10 || (address.is_loopback() || address.is_link_local()) && port == 8443
                }
                _ => false,
            };
            third_party == "acme" && listed
        }

        fn plain_allowed(&self, _third_party: &str) -> bool {
            self.plain
        }
    }

    #[test]
    fn special_addresses_are_recognised_however_they_are_dressed() {
        for (address, expected) in [
            ("0.0.0.0", Some(Special::Unspecified)),
            ("0.1.2.3", Some(Special::Unspecified)),
            ("127.0.0.1", Some(Special::Loopback)),
            ("127.255.255.254", Some(Special::Loopback)),
            ("169.254.1.1", Some(Special::LinkLocal)),
            ("169.254.169.254", Some(Special::Metadata)),
            ("100.100.100.200", Some(Special::Metadata)),
            ("168.63.129.16", Some(Special::Metadata)),
            ("192.0.0.192", Some(Special::Metadata)),
            ("224.0.0.1", Some(Special::Multicast)),
            ("239.255.255.255", Some(Special::Multicast)),
            ("255.255.255.255", Some(Special::Multicast)),
            ("240.0.0.1", Some(Special::Reserved)),
            ("::", Some(Special::Unspecified)),
            ("::1", Some(Special::Loopback)),
            ("fe80::1", Some(Special::LinkLocal)),
            ("febf::1", Some(Special::LinkLocal)),
            ("fec0::1", Some(Special::Reserved)),
            ("ff02::1", Some(Special::Multicast)),
            ("fd00:ec2::254", Some(Special::Metadata)),
            ("fd20:ce::254", Some(Special::Metadata)),
            ("fd00:c1::a9fe:a9fe", Some(Special::Metadata)),
            ("2001:0:1::1", Some(Special::Reserved)),
            ("64:ff9b:1::a9fe:a9fe", Some(Special::Reserved)),
            ("::ffff:127.0.0.1", Some(Special::Loopback)),
            ("::ffff:169.254.169.254", Some(Special::Metadata)),
            ("::127.0.0.1", Some(Special::Loopback)),
            ("::ffff:0:127.0.0.1", Some(Special::Loopback)),
            ("64:ff9b::169.254.169.254", Some(Special::Metadata)),
            ("2002:7f00:1::", Some(Special::Loopback)),
            ("10.1.2.3", None),
            ("192.168.1.1", None),
            ("172.16.0.1", None),
            ("100.64.0.1", None),
            ("196.201.214.200", None),
            ("fd00::1", None),
            ("2001:db8::1", None),
            ("::ffff:10.1.2.3", None),
        ] {
            assert_eq!(special(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn only_listed_places_of_the_right_kind_may_be_called() {
        for (url, expected) in [
            ("https://pay.example.com/mpesa", Ok(())),
            ("https://PAY.example.com:443/", Ok(())),
            ("https://pay.example.com:8443/", Err(Refused::NotListed)),
            ("https://evil.example.com/", Err(Refused::NotListed)),
            ("https://10.66.49.201:9000/", Ok(())),
            ("https://[::ffff:10.66.49.201]:9000/", Ok(())),
            ("https://11.0.0.1/", Err(Refused::NotListed)),
            ("https://127.0.0.1:8443/", Err(Refused::Special(Special::Loopback))),
            ("https://2130706433:8443/", Err(Refused::Special(Special::Loopback))),
            ("https://0x7f.1:8443/", Err(Refused::Special(Special::Loopback))),
            ("https://[::1]:8443/", Err(Refused::Special(Special::Loopback))),
            ("https://169.254.169.254:8443/", Err(Refused::Special(Special::Metadata))),
            ("http://pay.example.com:443/", Err(Refused::Plain)),
            ("ftp://pay.example.com/", Err(Refused::Scheme)),
            ("https://user:secret@pay.example.com/", Err(Refused::UserInfo)),
            ("https://pay.example.com@evil.example.com/", Err(Refused::UserInfo)),
            ("pay.example.com", Err(Refused::NoUrl)),
            ("", Err(Refused::NoUrl)),
        ] {
            let checked = check_url(&Listed { plain: false }, &[], "acme", url).map(|_| ());
            assert_eq!(checked, expected, "{url}");
        }
        assert!(check_url(&Listed { plain: true }, &[], "acme", "http://10.1.1.1/").is_ok());
        assert_eq!(check_url(&Listed { plain: true }, &[], "other", "http://10.1.1.1/"), Err(Refused::NotListed));
        let long = format!("https://pay.example.com/{}", "x".repeat(URL_BYTES_MAX));
        assert_eq!(check_url(&Listed { plain: false }, &[], "acme", &long), Err(Refused::NoUrl));
    }

    #[test]
    fn a_special_network_can_be_allowed_and_must_still_be_listed() {
        let loopback: IpNet = "127.0.0.0/8".parse().unwrap();
        let check = |port| {
            check_address(&Listed { plain: false }, &[loopback], "acme", "host", "127.0.0.1".parse().unwrap(), port)
        };
        assert_eq!(check(8443), Ok(()));
        assert_eq!(check(8444), Err(Refused::NotListed));
        let name = "pay.example.com";
        let metadata = "169.254.169.254".parse().unwrap();
        let dressed = check_address(&Listed { plain: false }, &[loopback], "acme", name, metadata, 443);
        assert_eq!(dressed, Err(Refused::Special(Special::Metadata)), "a listed name does not help");
    }
}
