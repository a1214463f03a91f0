//! `lango cert`, and doors that take its lists and certificates up while they run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::door_support::{Kept, eventually};
use crate::house::{Deployed, lango};

/// From the writing of a list to the end of a revoked connection, on a machine that does much else.
const REVOKED_MAX: Duration = Duration::from_millis(2500);

fn cert(dir: &Path, arguments: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } = lango().arg("cert").args(arguments).arg("--dir").arg(dir).output().unwrap();
    (status.success(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

#[test]
fn a_ca_issues_signs_lists_and_revokes() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert!(cert(dir, &["ca", "Partners"]).0);
    assert!(cert(dir, &["issue", "duka"]).0);
    assert!(cert(dir, &["issue", "gate", "--dns", "gate.example", "--ip", "192.0.2.7"]).0);
    for key in ["ca.key", "clients/duka.key", "gate.key"] {
        let mode = fs::metadata(dir.join(key)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "s5: {key} can be read by others");
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    fs::write(dir.join("partner.csr"), request).unwrap();
    assert!(cert(dir, &["sign", dir.join("partner.csr").to_str().unwrap(), "partner"]).0);
    assert!(!dir.join("clients/partner.key").exists());
    let duka = dir.join("clients/duka.pem");
    let (good, said) = cert(dir, &["revoke", duka.to_str().unwrap()]);
    assert!(good && said.contains("Every CA"), "{said}");
    let (_, said) = cert(dir, &["list"]);
    let states: Vec<&str> = said.lines().filter_map(|line| line.split("until").next()).map(str::trim).collect();
    assert_eq!(states.iter().filter(|state| **state == "REVOKED").count(), 1, "{said}");
    assert_eq!(states.iter().filter(|state| **state == "good").count(), 2, "{said}");
    assert!(said.contains("holds 1"), "{said}");
    assert!(cert(dir, &["revoke"]).0 && cert(dir, &["list"]).1.contains("holds 1"), "renewing forgot it");
}

#[test]
fn nothing_is_written_over_or_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert!(cert(dir, &["ca", "Partners"]).0 && cert(dir, &["issue", "duka"]).0);
    let key = fs::read(dir.join("ca.key")).unwrap();
    for arguments in [&["ca", "Others"][..], &["issue", "duka"], &["issue", "../duka"], &["issue", ""]] {
        assert!(!cert(dir, arguments).0, "{arguments:?}");
    }
    assert_eq!(fs::read(dir.join("ca.key")).unwrap(), key);
    fs::write(dir.join("ca.crl"), "torn").unwrap();
    assert!(!cert(dir, &["revoke"]).0, "a list that cannot be read was taken for an empty one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_certificate_is_closed_and_refused_and_its_neighbour_stays() {
    let deployed = Deployed::with_demonstration().await;
    let certs = deployed.dir().join("certs");
    assert!(cert(&certs, &["revoke"]).0);
    let settings = fs::read_to_string(deployed.config()).unwrap();
    fs::write(deployed.config(), settings.replace("# client_crl =", "client_crl =")).unwrap();
    let door = lango::config::load(&deployed.config()).unwrap().doors.third_party.listen;
    let served = deployed.served();
    let caller = async |name: &str| {
        Kept::open(door, &certs.join("ca.pem"), &certs.join("clients").join(name), "127.0.0.1").await
    };
    let mut goes = caller("duka").await.unwrap();
    let mut stays = caller("jirani").await.unwrap();
    assert!(goes.asks().await && stays.asks().await);

    assert!(cert(&certs, &["revoke", certs.join("clients/duka.pem").to_str().unwrap()]).0);
    let took = goes.closed().await;
    assert!(took < REVOKED_MAX, "{took:?}");
    assert!(stays.asks().await, "a connection was closed that is allowed");
    let refused = async || match caller("duka").await {
        // In TLS 1.3 the client learns of the refusal with its first read.
        Ok(mut kept) => !kept.asks().await,
        Err(_) => true,
    };
    assert!(refused().await, "the revoked certificate still gets in");

    // A new server certificate, told by SIGHUP: handshakes see it, what is open stays.
    let other = tempfile::tempdir().unwrap();
    assert!(cert(other.path(), &["ca", "Another"]).0);
    fs::copy(certs.join("ca.pem"), other.path().join("old.pem")).unwrap();
    assert!(cert(other.path(), &["issue", "server", "--ip", "127.0.0.1"]).0);
    for file in ["server.pem", "server.key"] {
        fs::copy(other.path().join(file), certs.join(file)).unwrap();
    }
    served.hung_up();
    let new_ca = other.path().join("ca.pem");
    let neighbour = certs.join("clients/jirani");
    eventually("the new certificate is shown", async || {
        Kept::open(door, &new_ca, &neighbour, "127.0.0.1").await.is_ok()
    })
    .await;
    assert!(stays.asks().await, "a reload closed a connection that is allowed");
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
}

/// The lists are those of the standard: another program reads them and comes to the same verdict.
#[test]
fn openssl_agrees_on_what_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert!(cert(dir, &["ca", "Partners"]).0 && cert(dir, &["issue", "good"]).0 && cert(dir, &["issue", "bad"]).0);
    assert!(cert(dir, &["revoke", dir.join("clients/bad.pem").to_str().unwrap()]).0);
    let verify = |name: &str| {
        Command::new("openssl")
            .args(["verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "ca.crl"])
            .arg(format!("clients/{name}.pem"))
            .current_dir(dir)
            .output()
    };
    let (Ok(good), Ok(bad)) = (verify("good"), verify("bad")) else {
        eprintln!("left out: there is no openssl here");
        return;
    };
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("revoked"));
}
