//! What `[doors]` may say beyond what its types do.

use ipnet::IpNet;

use super::Doors;

/// Every rule that is broken, with the key and what to write.
pub(super) fn faults(doors: &Doors) -> Vec<String> {
    let Doors { third_party, handset, plain, .. } = doors;
    let mut faults = Vec::new();
    for (door, certificate, key) in [
        ("third_party", &third_party.second_certificate, &third_party.second_key),
        ("handset", &handset.second_certificate, &handset.second_key),
    ] {
        if certificate.is_some() != key.is_some() {
            faults.push(format!("doors.{door}: second_certificate and second_key belong together; name both or none"));
        }
    }
    for (door, balancers) in
        [("third_party", &third_party.balancers), ("handset", &handset.balancers), ("plain", &plain.balancers)]
    {
        for network in balancers {
            faults.extend(balancer_fault(network).map(|fault| format!("doors.{door}.balancers: {fault}")));
        }
    }
    faults
}

/// Whoever is in such a network may say to be anybody, so it must not be everybody.
fn balancer_fault(network: &IpNet) -> Option<String> {
    if network.prefix_len() == 0 {
        return Some(format!("\"{network}\" is everybody; write the balancers' own addresses"));
    }
    (network.trunc() != *network).then(|| {
        let alone = IpNet::from(network.addr());
        format!("\"{network}\" has bits beyond its prefix; write \"{}\" or \"{alone}\"", network.trunc())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{SHIPPED, parse};

    #[test]
    fn a_balancer_is_not_everybody_and_half_a_second_certificate_is_none() {
        let with = |line: &str| {
            let text = SHIPPED.replacen("balancers = []", line, 1);
            parse(&text, Path::new("/")).map(|_| ())
        };
        assert!(with("balancers = [\"10.0.0.5/32\", \"2001:db8::/64\"]").is_ok());
        assert!(with("balancers = [\"0.0.0.0/0\"]").unwrap_err().contains("is everybody"));
        assert!(with("balancers = [\"10.0.0.5/24\"]").unwrap_err().contains("\"10.0.0.0/24\" or \"10.0.0.5/32\""));
        assert!(with("second_key = \"x.key\"").unwrap_err().contains("name both or none"));
    }
}
