//! What `[limits]` may say: nothing that lets nobody in, and nothing that is no limit.

use super::Limits;

/// The longest time that is a limit: a day.
const SECONDS_MAX: u64 = 86_400;
/// The most connections that one process can have.
pub(super) const CONNECTIONS_MAX: usize = 1_000_000;
/// What the HTTP reader needs.
const HEADER_BYTES_MIN: usize = 8192;
/// Whole messages are held in memory.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// A payment request is this deep.
const DEPTH_MIN: usize = 8;

/// Every rule that is broken, with the key and what to write.
pub(super) fn faults(limits: &Limits) -> Vec<String> {
    let mut faults = Vec::new();
    let mut within = |key: &str, value: u64, least: u64, most: u64| {
        if !(least..=most).contains(&value) {
            faults.push(format!("limits.{key}: must be {least} to {most}, not {value}"));
        }
    };
    let connections = limits.connections_max;
    for (key, value, least, most) in [
        ("connections_max", connections, 1, CONNECTIONS_MAX),
        // An address with more than all would be no limit of addresses.
        ("connections_per_address_max", limits.connections_per_address_max, 1, connections.max(1)),
        ("half_open_max", limits.half_open_max, 1, connections.max(1)),
        ("half_open_per_address_max", limits.half_open_per_address_max, 1, limits.half_open_max.max(1)),
        ("header_bytes_max", limits.header_bytes_max, HEADER_BYTES_MIN, BYTES_MAX),
        ("headers_max", limits.headers_max, 8, 1000),
        ("body_bytes_max", limits.body_bytes_max, 1024, BYTES_MAX),
        ("xml.depth_max", limits.xml.depth_max, DEPTH_MIN, 1000),
        ("xml.elements_max", limits.xml.elements_max, 1, BYTES_MAX),
        ("xml.name_bytes_max", limits.xml.name_bytes_max, 1, BYTES_MAX),
        ("xml.text_bytes_max", limits.xml.text_bytes_max, 1, BYTES_MAX),
    ] {
        within(key, wide(value), wide(least), wide(most));
    }
    for (key, value) in [
        ("handshake_seconds_max", limits.handshake_seconds_max),
        ("header_seconds_max", limits.header_seconds_max),
        ("idle_seconds_max", limits.idle_seconds_max),
        ("body_seconds_max", limits.body_seconds_max),
        ("connection_age_seconds_max", limits.connection_age_seconds_max),
        ("drain_seconds_max", limits.drain_seconds_max),
    ] {
        within(key, value, 1, SECONDS_MAX);
    }
    within("requests_per_connection_max", limits.requests_per_connection_max, 1, u64::from(u32::MAX));
    faults
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{SHIPPED, parse};

    fn refusal(from: &str, to: &str) -> String {
        let text = SHIPPED.replace(from, to);
        assert_ne!(text, SHIPPED, "{from}");
        parse(&text, Path::new("/")).map(|_| ()).unwrap_err()
    }

    #[test]
    fn no_limit_may_be_zero() {
        let limits = SHIPPED.split("[limits]").nth(1).unwrap().split("[limits.xml]").next().unwrap();
        let keys: Vec<&str> = limits.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')).collect();
        assert_eq!(keys.len(), 14, "{keys:?}");
        for line in keys {
            let key = line.split(" = ").next().unwrap();
            let error = refusal(line, &format!("{key} = 0"));
            assert!(error.lines().any(|line| line.starts_with(&format!("limits.{key}: must be "))), "{key}: {error}");
        }
    }

    #[test]
    fn a_limit_that_is_none_is_refused() {
        let error = refusal("connections_per_address_max = 256", "connections_per_address_max = 10001");
        assert_eq!(error, "limits.connections_per_address_max: must be 1 to 10000, not 10001");
        let error = refusal("idle_seconds_max = 300", "idle_seconds_max = 86401");
        assert_eq!(error, "limits.idle_seconds_max: must be 1 to 86400, not 86401");
        assert!(refusal("half_open_per_address_max = 128", "half_open_per_address_max = 4097").contains("1 to 4096"));
    }

    #[test]
    fn all_broken_rules_are_told_at_once() {
        let text = SHIPPED.replace("headers_max = 64", "headers_max = 0").replace("depth_max = 32", "depth_max = 7");
        let error = parse(&text, Path::new("/")).map(|_| ()).unwrap_err();
        assert_eq!(error.lines().count(), 2, "{error}");
    }
}
