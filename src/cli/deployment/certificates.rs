//! The keys and certificates of a new deployment (certs/README.md says what each is for).

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use anyhow::Result;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::demonstration::{HANDSET_GATEWAY, NEIGHBOUR, STRANGER, THIRD_PARTY};
use super::{private_folder, write, write_private};
use crate::access::authority::{Authority, Issued, issue_credential_key};
use crate::access::{KeyFingerprint, Vault, fingerprint};
use crate::clock::Timestamp;
use crate::entropy::Entropy;

/// What is needed of the keys to put partners on record.
#[derive(Debug)]
pub struct Keys {
    /// The demonstration's partners; none in an empty deployment.
    pub partners: Option<PartnerKeys>,
}

/// The fingerprints of the demonstration's third parties.
#[derive(Clone, Copy, Debug)]
pub struct PartnerKeys {
    /// The shop's.
    pub third_party: KeyFingerprint,
    /// Its neighbour's.
    pub neighbour: KeyFingerprint,
}

impl Keys {
    /// Makes all keys and certificates in `dir`.
    pub(super) fn make(dir: &Path, empty: bool, now: Timestamp, entropy: &dyn Entropy) -> Result<Self> {
        private_folder(dir)?;
        fs::create_dir(dir.join("clients"))?;
        write_private(&dir.join("secret.key"), &Vault::generate_key(entropy))?;
        let ca = authority(dir, "ca", "Lango CA for third parties", now, entropy)?;
        let handset_ca = authority(dir, "handset-ca", "Lango CA for the handset side", now, entropy)?;
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        issued(dir, "server", &ca.issue_server("lango", &["localhost"], &loopback, now, entropy)?)?;
        issued(dir, "credential", &issue_credential_key("Lango credential", now, entropy)?)?;
        issued(dir, "clients/lango", &ca.issue_client("lango", now, entropy)?)?;
        if empty {
            return Ok(Self { partners: None });
        }
        let client = |name: &str| -> Result<KeyFingerprint> {
            let client = ca.issue_client(name, now, entropy)?;
            issued(dir, &format!("clients/{name}"), &client)?;
            Ok(fingerprint(&CertificateDer::from_pem_slice(client.certificate_pem.as_bytes())?)?)
        };
        let partners = PartnerKeys { third_party: client(THIRD_PARTY)?, neighbour: client(NEIGHBOUR)? };
        client(STRANGER)?;
        let gateway = handset_ca.issue_client(HANDSET_GATEWAY, now, entropy)?;
        issued(dir, &format!("clients/{HANDSET_GATEWAY}"), &gateway)?;
        issued(dir, "receiver", &ca.issue_server("receiver", &["localhost"], &loopback, now, entropy)?)?;
        Ok(Self { partners: Some(partners) })
    }
}

fn authority(dir: &Path, file: &str, name: &str, now: Timestamp, entropy: &dyn Entropy) -> Result<Authority> {
    let authority = Authority::create(name, now, entropy)?;
    write(&dir.join(format!("{file}.pem")), authority.certificate_pem())?;
    write_private(&dir.join(format!("{file}.key")), &authority.key_pem())?;
    Ok(authority)
}

fn issued(dir: &Path, file: &str, issued: &Issued) -> Result<()> {
    write(&dir.join(format!("{file}.pem")), &issued.certificate_pem)?;
    write_private(&dir.join(format!("{file}.key")), &issued.key_pem)
}
