use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000); // 2027-01-15T08:00:00Z

const TWO_SHOPS: &str = r#"
[third_party.duka.networks]
office = { network = "10.66.49.0/24", kind = "vpn", comment = "Nairobi" }
web = { network = "203.0.113.0/28", kind = "internet" }
old = { network = "198.51.100.7/32", kind = "vpn", expires = 2027-01-14 }
today = { network = "198.51.100.8/32", kind = "vpn", expires = 2027-01-15 }
six = { network = "2001:db8:66::/48", kind = "vpn" }

[[third_party.duka.callback_hosts]]
host = "Pay.Example.com"
ports = [443, 8443]

[[third_party.duka.callback_hosts]]
host = "10.66.49.0/28"
ports = [8080]
comment = "by address"

[third_party.soko.networks]
all = { network = "10.66.0.0/16", kind = "internet" }
"#;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn two_shops() -> Whitelist {
    Whitelist::parse(TWO_SHOPS).unwrap()
}

#[test]
fn an_address_is_admitted_if_it_is_anybodys() {
    let list = two_shops();
    for inside in ["10.66.49.20", "10.66.0.1", "203.0.113.15", "2001:db8:66::1", "::ffff:10.66.49.20"] {
        assert!(list.admits(address(inside), NOW), "{inside}");
    }
    for outside in ["10.67.0.0", "203.0.113.16", "127.0.0.1", "2001:db8:67::1", "::10.66.49.20", "::ffff:10.67.0.0"] {
        assert!(!list.admits(address(outside), NOW), "{outside}");
    }
}

#[test]
fn a_partys_network_is_its_own_and_a_vpn_counts_for_more() {
    let list = two_shops();
    assert_eq!(list.network("duka", address("10.66.49.20"), NOW), Some(NetworkKind::Vpn));
    assert_eq!(list.network("duka", address("::ffff:10.66.49.20"), NOW), Some(NetworkKind::Vpn));
    assert_eq!(list.network("soko", address("10.66.49.20"), NOW), Some(NetworkKind::Internet));
    assert_eq!(list.network("duka", address("203.0.113.1"), NOW), Some(NetworkKind::Internet));
    assert_eq!(list.network("duka", address("10.66.50.1"), NOW), None);
    assert_eq!(list.network("nobody", address("10.66.49.20"), NOW), None);
}

#[test]
fn a_network_is_in_force_up_to_the_end_of_its_last_day() {
    let list = two_shops();
    assert!(!list.admits(address("198.51.100.7"), NOW));
    assert!(list.admits(address("198.51.100.8"), NOW));
    let midnight = Timestamp::from_seconds(1_800_057_600); // 2027-01-16T00:00:00Z
    assert!(list.admits(address("198.51.100.8"), midnight.minus(Duration::from_micros(1))));
    assert!(!list.admits(address("198.51.100.8"), midnight));
    assert_eq!(list.network("duka", address("198.51.100.8"), midnight), None);
}

#[test]
fn what_holds_an_address_is_told_with_its_line() {
    let list = two_shops();
    let lines: Vec<_> = list
        .holding(address("10.66.49.20"))
        .map(|(party, network)| (party, network.name.as_str(), network.line))
        .collect();
    assert_eq!(lines, [("duka", "office", 3), ("soko", "all", 19)]);
}

#[test]
fn a_callback_goes_to_listed_hosts_and_ports_only() {
    let list = two_shops();
    let allows = |host, port| list.callback_hosts("duka").iter().any(|rule| rule.allows(host, port));
    for (host, port) in
        [("pay.example.com", 443), ("PAY.example.COM.", 8443), ("10.66.49.15", 8080), ("[::ffff:10.66.49.1]", 8080)]
    {
        assert!(allows(host, port), "{host}:{port}");
    }
    for (host, port) in [
        ("pay.example.com", 80),
        ("example.com", 443),
        ("x.pay.example.com", 443),
        ("pay.example.com.evil", 443),
        ("10.66.49.16", 8080),
        ("10.66.49.15", 443),
        ("10.66.49.15.", 8080),
        ("0x0a.66.49.15", 8080),
        ("", 443),
    ] {
        assert!(!allows(host, port), "{host}:{port}");
    }
    assert!(list.callback_hosts("soko").is_empty() && list.callback_hosts("nobody").is_empty());
}

#[test]
fn a_fault_is_told_with_its_place_and_what_to_write_instead() {
    let network = |line: &str| format!("[third_party.duka.networks]\noffice = {{ {line} }}\n");
    let host =
        |host: &str, ports: &str| format!("[[third_party.duka.callback_hosts]]\nhost = {host}\nports = {ports}\n");
    let cases = [
        (network(r#"network = "10.0.0.5/24", kind = "vpn""#), (2, 22), r#"write "10.0.0.0/24" or "10.0.0.5/32""#),
        (network(r#"network = "10.0.0.5", kind = "vpn""#), (2, 22), r#"write "10.0.0.5/32""#),
        (network(r#"network = "::1", kind = "vpn""#), (2, 22), r#"write "::1/128""#),
        (network(r#"network = "10.0.0/24", kind = "vpn""#), (2, 22), "is no network"),
        (network(r#"network = "10.0.0.0/33", kind = "vpn""#), (2, 22), "is no network"),
        (network(r#"network = "::ffff:10.0.0.0/104", kind = "vpn""#), (2, 22), r#"write "10.0.0.0/8""#),
        (network(r#"network = "0.0.0.0/0", kind = "vpn""#), (2, 22), "no VPN"),
        (network(r#"network = "10.0.0.0/24", kind = "VPN""#), (2, 44), r#"write "vpn" or "internet""#),
        (network(r#"network = "10.0.0.0/24""#), (2, 10), "kind = \"vpn\""),
        (network(r#"netwerk = "10.0.0.0/24", kind = "vpn""#), (2, 12), "netwerk"),
        (network(r#"network = "10.0.0.0/24", kind = "vpn", expires = "2027-06-30""#), (2, 61), "without quotes"),
        (network(r#"network = "10.0.0.0/24", kind = "vpn", expires = 2027-06-30T10:00:00Z"#), (2, 61), "a date alone"),
        (host(r#""https://pay.example.com/""#, "[443]"), (2, 8), "the name alone"),
        (host(r#""10.0.0.300""#, "[443]"), (2, 8), "is no network"),
        (host(r#""*.example.com""#, "[443]"), (2, 8), "the name alone"),
        (host(r#""pay.example.com""#, "[]"), (3, 9), "ports = [443"),
        (host(r#""pay.example.com""#, "[70000]"), (3, 10), "70000"),
        (host(r#""0x7f.0x1""#, "[443]"), (2, 8), "the name alone"),
        (host(r#""pay.7""#, "[443]"), (2, 8), "the name alone"),
        ("[third_party.\"\"]\n".to_owned(), (1, 14), "no third party can have this name"),
        ("[third_party.\"du ka\"]\n".to_owned(), (1, 14), "no third party can have this name"),
        ("[third_party.duka\n".to_owned(), (1, 18), ""),
        ("[party.duka]\n".to_owned(), (1, 2), "third_party"),
    ];
    for (text, (line, column), advice) in cases {
        let error = Whitelist::parse(&text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text}{error}");
        assert!(error.message.contains(advice), "{text}{error}");
    }
}

#[test]
fn one_network_of_one_party_stands_once() {
    let text = "[third_party.duka.networks]\n\
                a = { network = \"10.0.0.0/24\", kind = \"vpn\" }\n\
                b = { network = \"10.0.0.0/24\", kind = \"internet\" }\n";
    let error = Whitelist::parse(text).unwrap_err();
    assert_eq!((error.line, error.column), (3, 17));
    assert!(error.message.contains("in \"a\" already"), "{error}");
}

#[test]
fn the_shipped_list_lets_the_demonstration_in_and_a_stranger_not() {
    let list = Whitelist::parse(SHIPPED).unwrap();
    assert_eq!(list.network("duka", address("127.0.0.1"), NOW), Some(NetworkKind::Vpn));
    assert_eq!(list.network("duka", address("::1"), NOW), Some(NetworkKind::Vpn));
    assert!(!list.admits(address("127.0.0.66"), NOW));
    let allows = |host, port| list.callback_hosts("duka").iter().any(|rule| rule.allows(host, port));
    assert!(allows("localhost", 18443) && allows("127.0.0.1", 18443));
    assert!(!allows("localhost", 18423) && !allows("127.0.0.66", 18443));
}

#[test]
fn a_vpn_suffices_for_everything_and_the_internet_only_for_itself() {
    use NetworkKind::{Internet, Vpn};
    assert!(Vpn.suffices_for(Vpn) && Vpn.suffices_for(Internet) && Internet.suffices_for(Internet));
    assert!(!Internet.suffices_for(Vpn));
}

/// The figure asked for is a microsecond; the bound here is loose since test builds are not optimized.
#[test]
fn a_hundred_thousand_networks_are_searched_in_no_time() {
    let mut text = String::from("[third_party.duka.networks]\n");
    for n in 0..100_000u32 {
        let network = std::net::Ipv4Addr::from(0x0A00_0000 + n * 8);
        writeln!(text, "n{n} = {{ network = \"{network}/30\", kind = \"vpn\" }}").unwrap();
    }
    let list = Whitelist::parse(&text).unwrap();
    let start = Instant::now();
    let inside = (0..100_000u32).filter(|n| list.admits(IpAddr::V4((0x0A00_0000 + n * 4).into()), NOW)).count();
    assert_eq!(inside, 50_000);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?} for 100,000 look-ups", start.elapsed());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = Whitelist::parse(&text);
    }

    #[test]
    fn no_value_makes_the_reader_panic(network in "\\PC{0,30}", kind in "[a-z]{0,8}", host in "\\PC{0,30}", port: u32) {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let text = format!(
            "[third_party.p.networks]\nn = {{ network = {}, kind = {} }}\n\
             [[third_party.p.callback_hosts]]\nhost = {}\nports = [{port}]\n",
            quoted(&network), quoted(&kind), quoted(&host),
        );
        if let Err(error) = Whitelist::parse(&text) {
            prop_assert!(error.line >= 1 && error.line <= 5 && error.column >= 1);
        }
    }
}
