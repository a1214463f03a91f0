use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::*;
use crate::access::fingerprint;
use crate::clock::{Clock, SystemClock};
use crate::entropy::{SeededEntropy, SystemEntropy};

fn authority(name: &str) -> Authority {
    Authority::create(name, SystemClock.now(), &SystemEntropy).unwrap()
}

fn server(authority: &Authority) -> Issued {
    let addresses = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    authority.issue_server("lango", &["localhost"], &addresses, SystemClock.now(), &SystemEntropy).unwrap()
}

fn client(authority: &Authority) -> Issued {
    authority.issue_client("duka", SystemClock.now(), &SystemEntropy).unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(der(authority.certificate_pem())).unwrap();
    Arc::new(roots)
}

fn identity(issued: &Issued) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    (vec![der(&issued.certificate_pem)], PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap())
}

/// A handshake in memory; what the server then knows of the client.
fn handshake(
    (server, client_ca): (&Issued, &Authority),
    (client, server_ca): (&Issued, &Authority),
    name: &str,
) -> Result<CertificateDer<'static>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(client_ca), provider.clone()).build().unwrap();
    let (chain, key) = identity(server);
    let server = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    let (chain, key) = identity(client);
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots(server_ca))
        .with_client_auth_cert(chain, key)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name.to_owned()).unwrap())?;
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok(server.peer_certificates().unwrap()[0].clone())
}

#[test]
fn what_it_issues_makes_a_mutual_handshake_and_names_the_client_by_its_key() {
    let (inside, outside) = (authority("Lango"), authority("Partners"));
    let (server, client) = (server(&inside), client(&outside));
    for name in ["localhost", "127.0.0.1", "::1"] {
        let seen = handshake((&server, &outside), (&client, &inside), name).unwrap();
        assert_eq!(fingerprint(&seen), fingerprint(&der(&client.certificate_pem)));
    }
    assert_ne!(fingerprint(&der(&client.certificate_pem)), fingerprint(&der(&server.certificate_pem)));
}

#[test]
fn a_certificate_of_another_authority_name_or_use_is_refused() {
    let (inside, outside) = (authority("Lango"), authority("Partners"));
    let (server, client) = (server(&inside), client(&outside));
    assert!(handshake((&server, &inside), (&client, &inside), "localhost").is_err(), "another authority");
    assert!(handshake((&server, &outside), (&client, &inside), "example.com").is_err(), "another name");
    assert!(handshake((&server, &inside), (&server, &inside), "localhost").is_err(), "a server as client");
}

#[test]
fn an_authority_loaded_again_issues_what_the_first_one_would() {
    let first = authority("Partners");
    let again = Authority::load(first.certificate_pem(), &first.key_pem()).unwrap();
    let inside = authority("Lango");
    let (server, client) = (server(&inside), client(&again));
    assert!(handshake((&server, &first), (&client, &inside), "localhost").is_ok());
    assert_eq!(again.not_after.seconds(), first.not_after.seconds());
}

#[test]
fn what_is_no_authority_is_not_loaded() {
    let authority = authority("Partners");
    let client = client(&authority);
    let load = |certificate: &str, key: &str| Authority::load(certificate, key).unwrap_err();
    assert!(matches!(load(&client.certificate_pem, &client.key_pem), AuthorityError::NoAuthority));
    assert!(matches!(load(authority.certificate_pem(), &client.key_pem), AuthorityError::OtherKey));
    assert!(matches!(load("", &client.key_pem), AuthorityError::NoAuthority));
    assert!(matches!(load(authority.certificate_pem(), ""), AuthorityError::Unmade(_)));
}

#[test]
fn certificates_have_their_own_serial_and_a_sensible_life() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let entropy = SeededEntropy::new(1);
    let authority = Authority::create("Partners", now, &entropy).unwrap();
    let issued = authority.issue_client("duka", now, &entropy).unwrap();
    let (ca, leaf) = (der(authority.certificate_pem()), der(&issued.certificate_pem));
    let (ca, leaf) = (parse_x509_certificate(&ca).unwrap().1, parse_x509_certificate(&leaf).unwrap().1);
    assert_ne!(ca.raw_serial(), leaf.raw_serial());
    assert_eq!((ca.raw_serial().len(), leaf.raw_serial().len()), (16, 16));
    assert_eq!(leaf.issuer(), ca.subject());
    let days = |certificate: &x509_parser::certificate::X509Certificate<'_>| {
        (certificate.validity().not_after.timestamp() - now.seconds()) / (24 * 60 * 60)
    };
    assert_eq!((days(&ca), days(&leaf)), (3650, 365));
    assert_eq!(leaf.validity().not_before.timestamp(), now.seconds() - 3600);
    assert!(ca.is_ca() && !leaf.is_ca());
}

#[test]
fn nothing_outlives_its_authority() {
    let now = Timestamp::from_seconds(1_800_000_000);
    let entropy = SeededEntropy::new(1);
    let authority = Authority::create("Partners", now, &entropy).unwrap();
    let late = now.plus(DAY * (AUTHORITY_DAYS - 10));
    let issued = authority.issue_client("duka", late, &entropy).unwrap();
    let leaf = der(&issued.certificate_pem);
    let end = parse_x509_certificate(&leaf).unwrap().1.validity().not_after.timestamp();
    assert_eq!(end, authority.not_after.seconds());
}

#[test]
fn s5_what_is_issued_does_not_show_its_key() {
    let authority = authority("Partners");
    let client = client(&authority);
    let shown = format!("{authority:?} {client:?}");
    assert!(!shown.contains("PRIVATE") && shown.contains("BEGIN CERTIFICATE"), "{shown}");
}
