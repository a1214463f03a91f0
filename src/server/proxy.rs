//! The PROXY protocol, versions 1 and 2, as a balancer speaks it in front of what its client sends
//! (haproxy.org, proxy-protocol.txt): whom a connection really comes from. A pure reader of bytes; who
//! may be believed is decided elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its end of line included (specification, 2.1).
pub(super) const V1_BYTES_MAX: usize = 107;
/// The longest header of version 2 that is read. Addresses take 36 bytes at most; what follows them
/// (TLVs) is skipped, and balancers send a few hundred bytes of it at most.
pub(super) const V2_BYTES_MAX: usize = 2048;

const V1_BEGINNING: &[u8] = b"PROXY ";
const V1_END: &[u8] = b"\r\n";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length of the rest.
const V2_FIXED_BYTES: usize = 16;

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The beginning of a header; all of them belong to it.
    Begun,
    /// A whole header of this many bytes; what follows is the client's.
    Whole {
        /// The header's own bytes.
        bytes: usize,
        /// The client. None: the balancer speaks for itself (a check of its own), or does not know.
        client: Option<SocketAddr>,
    },
}

/// Why bytes are no header that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoHeader {
    /// They begin otherwise.
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    /// They begin like one and go on otherwise.
    #[error("the PROXY header is malformed")]
    Malformed,
    /// It does not end within the limit.
    #[error("the PROXY header is too long")]
    TooLong,
}

/// Reads a header that begins with the first of `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Header, NoHeader> {
    if begins(bytes, V2_SIGNATURE) {
        read_v2(bytes)
    } else if begins(bytes, V1_BEGINNING) {
        read_v1(bytes)
    } else {
        Err(NoHeader::Missing)
    }
}

/// Whether these first bytes of a connection are those of a header: for somebody who may not send one.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(V1_BEGINNING) || bytes.starts_with(V2_SIGNATURE)
}

/// Whether `bytes` and `beginning` agree as far as both go.
fn begins(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.iter().zip(beginning).all(|(one, other)| one == other)
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`, or `PROXY UNKNOWN` and anything.
fn read_v1(bytes: &[u8]) -> Result<Header, NoHeader> {
    let within = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = within.windows(V1_END.len()).position(|two| two == V1_END) else {
        return if bytes.len() >= V1_BYTES_MAX { Err(NoHeader::TooLong) } else { Ok(Header::Begun) };
    };
    let line = within.get(V1_BEGINNING.len()..end).and_then(|line| std::str::from_utf8(line).ok());
    let mut words = line.ok_or(NoHeader::Malformed)?.split(' ');
    let client = match words.next() {
        Some("UNKNOWN") => None,
        Some("TCP4") => Some(v1_client::<Ipv4Addr>(words)?),
        Some("TCP6") => Some(v1_client::<Ipv6Addr>(words)?),
        _ => return Err(NoHeader::Malformed),
    };
    Ok(Header::Whole { bytes: end.saturating_add(V1_END.len()), client })
}

/// Source, destination, port of the source, port of the destination; each checked, the source kept.
fn v1_client<'a, A>(mut words: impl Iterator<Item = &'a str>) -> Result<SocketAddr, NoHeader>
where
    A: std::str::FromStr + Into<IpAddr>,
{
    let mut word = || words.next().ok_or(NoHeader::Malformed);
    let address = |text: &str| text.parse::<A>().map_err(|_| NoHeader::Malformed);
    let source = address(word()?)?.into();
    address(word()?)?;
    let (source_port, _) = (port(word()?)?, port(word()?)?);
    match words.next() {
        None => Ok(canonical(source, source_port)),
        Some(_) => Err(NoHeader::Malformed),
    }
}

/// Digits alone: what the standard library reads besides ("+1") is not in the specification.
fn port(text: &str) -> Result<u16, NoHeader> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NoHeader::Malformed)
}

fn read_v2(bytes: &[u8]) -> Result<Header, NoHeader> {
    let Some(fixed) = bytes.first_chunk::<V2_FIXED_BYTES>() else { return Ok(Header::Begun) };
    let [.., command, family, high, low] = *fixed;
    let length = V2_FIXED_BYTES.saturating_add(usize::from(u16::from_be_bytes([high, low])));
    if length > V2_BYTES_MAX {
        return Err(NoHeader::TooLong);
    }
    let Some(addresses) = bytes.get(V2_FIXED_BYTES..length) else { return Ok(Header::Begun) };
    let client = match (command, family) {
        // LOCAL: whatever else it says is to be skipped.
        (0x20, _) => None,
        // PROXY: TCP over IPv4, TCP over IPv6, or of a family that nobody told.
        (0x21, 0x11) => Some(v2_client_v4(addresses).ok_or(NoHeader::Malformed)?),
        (0x21, 0x21) => Some(v2_client_v6(addresses).ok_or(NoHeader::Malformed)?),
        (0x21, 0x00) => None,
        _ => return Err(NoHeader::Malformed),
    };
    Ok(Header::Whole { bytes: length, client })
}

/// Source and destination, 4 bytes each, then their ports.
fn v2_client_v4(addresses: &[u8]) -> Option<SocketAddr> {
    let [a, b, c, d, _, _, _, _, high, low, _, _] = *addresses.first_chunk::<12>()?;
    Some(canonical(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

/// Source and destination, 16 bytes each, then their ports.
fn v2_client_v6(addresses: &[u8]) -> Option<SocketAddr> {
    let source: [u8; 16] = *addresses.first_chunk()?;
    let [high, low, _, _] = *addresses.get(32..)?.first_chunk::<4>()?;
    Some(canonical(Ipv6Addr::from(source).into(), u16::from_be_bytes([high, low])))
}

/// One address has one form: IPv4-mapped IPv6 is the IPv4 address.
fn canonical(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A header of version 2 for TCP.
    pub(in crate::server) fn v2(client: SocketAddr) -> Vec<u8> {
        let (family, ip, gap) = match client.ip() {
            IpAddr::V4(ip) => (0x11, ip.octets().to_vec(), 4),
            IpAddr::V6(ip) => (0x21, ip.octets().to_vec(), 16),
        };
        let rest = [ip, vec![1; gap], client.port().to_be_bytes().to_vec(), vec![1, 187]].concat();
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [V2_SIGNATURE, &[0x21, family], &length, &rest].concat()
    }

    /// A header of version 1.
    pub(in crate::server) fn v1(client: SocketAddr) -> String {
        let (family, to) = if client.is_ipv4() { ("TCP4", "198.51.100.1") } else { ("TCP6", "2001:db8::1") };
        format!("PROXY {family} {} {to} {} 443\r\n", client.ip(), client.port())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::testing::{v1, v2};
    use super::*;

    fn client(bytes: &[u8]) -> Option<SocketAddr> {
        match read(bytes) {
            Ok(Header::Whole { bytes: length, client }) if length == bytes.len() => client,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_specifications_own_examples_are_read() {
        let longest = "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
                       65535 65535\r\n";
        assert!(client(longest.as_bytes()).unwrap().is_ipv6());
        assert_eq!(
            client(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
            "255.255.255.255:65535".parse().ok()
        );
        assert_eq!(client(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(client(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), None);
    }

    #[test]
    fn a_balancers_own_check_has_no_client_and_what_follows_addresses_is_skipped() {
        let local = [V2_SIGNATURE, &[0x20, 0, 0, 0]].concat();
        assert_eq!(client(&local), None);
        let mut with_tlv = v2("10.66.49.20:4000".parse().unwrap());
        with_tlv[15] += 5;
        with_tlv.extend([0x04, 0, 2, 0, 0]);
        assert_eq!(client(&with_tlv), "10.66.49.20:4000".parse().ok());
    }

    #[test]
    fn ipv4_mapped_ipv6_is_the_ipv4_address() {
        assert_eq!(client(b"PROXY TCP6 ::ffff:10.66.49.20 ::1 4000 443\r\n"), "10.66.49.20:4000".parse().ok());
        assert_eq!(client(&v2("[::ffff:10.66.49.20]:4000".parse().unwrap())), "10.66.49.20:4000".parse().ok());
    }

    #[test]
    fn what_is_no_header_is_told_apart() {
        let of = |text: &str| read(text.as_bytes());
        assert_eq!(of("\x16\x03\x01\x02"), Err(NoHeader::Missing));
        assert_eq!(of("POST / HTTP/1.1\r\n"), Err(NoHeader::Missing));
        for malformed in [
            "PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n",
            "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n",
            "PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP4 10.0.0.1 10.0.0.2 +1 2\r\n",
            "PROXY TCP4 10.0.0.1 10.0.0.2 1 65536\r\n",
            "PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n",
            "PROXY tcp4 10.0.0.1 10.0.0.2 1 2\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(of(malformed), Err(NoHeader::Malformed), "{malformed}");
        }
        let bent = |at: usize, to: u8| {
            let mut bytes = v2("10.0.0.1:1".parse().unwrap());
            bytes[at] = to;
            read(&bytes)
        };
        assert_eq!(bent(12, 0x11), Err(NoHeader::Malformed), "version 1 in a header of version 2");
        assert_eq!(bent(12, 0x22), Err(NoHeader::Malformed), "no such command");
        assert_eq!(bent(13, 0x12), Err(NoHeader::Malformed), "UDP");
        assert_eq!(bent(15, 11), Err(NoHeader::Malformed), "too short for its addresses");
        assert_eq!(bent(14, 0xff), Err(NoHeader::TooLong));
    }

    #[test]
    fn a_header_of_the_limit_is_read_and_one_byte_more_is_not() {
        let line = |bytes: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(bytes - 16));
        assert!(matches!(read(line(V1_BYTES_MAX).as_bytes()), Ok(Header::Whole { bytes: V1_BYTES_MAX, .. })));
        assert_eq!(read(line(V1_BYTES_MAX + 1).as_bytes()), Err(NoHeader::TooLong));
        let v2 = |bytes: usize| {
            let length = u16::try_from(bytes - V2_FIXED_BYTES).unwrap().to_be_bytes();
            [V2_SIGNATURE, &[0x20, 0], &length, &vec![0; bytes - V2_FIXED_BYTES]].concat()
        };
        assert!(matches!(read(&v2(V2_BYTES_MAX)), Ok(Header::Whole { bytes: V2_BYTES_MAX, .. })));
        assert_eq!(read(&v2(V2_BYTES_MAX + 1)), Err(NoHeader::TooLong));
    }

    fn addresses() -> impl Strategy<Value = SocketAddr> {
        (any::<bool>(), any::<u32>(), any::<u128>(), any::<u16>()).prop_map(|(is_v4, v4, v6, port)| {
            let ip = if is_v4 { IpAddr::V4(v4.into()) } else { IpAddr::V6(v6.into()) };
            SocketAddr::new(ip, port)
        })
    }

    proptest! {
        /// Whatever bytes come, the reader ends with a verdict, and claims no more bytes than there are
        /// and than it may.
        #[test]
        fn no_bytes_make_the_reader_claim_what_is_not_there(
            beginning in prop_oneof![Just(vec![]), Just(V1_BEGINNING.to_vec()), Just(V2_SIGNATURE.to_vec())],
            rest in proptest::collection::vec(any::<u8>(), 0..3000),
        ) {
            let bytes = [beginning, rest].concat();
            match read(&bytes) {
                Ok(Header::Whole { bytes: length, .. }) => prop_assert!(length <= bytes.len().min(V2_BYTES_MAX)),
                Ok(Header::Begun) => prop_assert!(bytes.len() < V2_BYTES_MAX),
                Err(_) => {}
            }
        }

        /// A header is read the same however it is cut into pieces, and never past its end.
        #[test]
        fn a_header_is_whole_at_its_last_byte_and_not_before(
            client in addresses(),
            version_1: bool,
            after in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let header = if version_1 { v1(client).into_bytes() } else { v2(client) };
            for cut in 0..header.len() {
                prop_assert_eq!(read(&header[..cut]), Ok(Header::Begun));
            }
            let told = Some(canonical(client.ip(), client.port()));
            let followed = [&*header, &after].concat();
            prop_assert_eq!(read(&followed), Ok(Header::Whole { bytes: header.len(), client: told }));
        }
    }
}
