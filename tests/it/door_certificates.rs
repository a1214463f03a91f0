//! `lango cert`, and doors that take its lists and certificates up while they run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::door_support::{Kept, eventually, says};
use crate::house::{Deployed, lango};

/// The promise: from the writing of a list to the end of a revoked connection.
const REVOKED_MAX: Duration = Duration::from_secs(1);

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
    deployed.set("# client_crl =", "client_crl =");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_says_what_became_of_each_file_and_status_shows_what_is_faulty() {
    let deployed = Deployed::with_demonstration().await;
    let (dir, certs) = (deployed.dir(), deployed.dir().join("certs"));
    let served = deployed.served();
    let (good, said) = says(&dir, &["reload"]);
    assert!(good, "{said}");
    let of = ["doors.third_party", "doors.handset", "callbacks"].map(|of| format!("certificates of {of}"));
    for what in of.iter().map(String::as_str).chain(["whitelist"]) {
        assert!(said.contains(&format!("{what}: in force as they are on the disk\n")), "{said}");
    }
    let ca = fs::read_to_string(certs.join("ca.pem")).unwrap();
    fs::write(certs.join("ca.pem"), "torn").unwrap();
    let (good, said) = says(&dir, &["reload"]);
    assert!(!good && said.contains("ca.pem: no CA certificate"), "{said}");
    let (_, said) = says(&dir, &["status"]);
    assert!(said.contains("FAULT      certificates of doors.third_party:"), "{said}");
    fs::write(certs.join("ca.pem"), ca).unwrap();
    eventually("the fault is gone", async || !says(&dir, &["status"]).1.contains("FAULT")).await;

    // What callbacks are sent with is watched, too. A key that does not fit is none of theirs.
    let key = certs.join("clients/lango.key");
    let (own, another) = (fs::read(&key).unwrap(), fs::read(certs.join("clients/duka.key")).unwrap());
    fs::write(&key, another).unwrap();
    let fault = "FAULT      certificates of callbacks:";
    eventually("the fault is seen", async || says(&dir, &["status"]).1.contains(fault)).await;
    fs::write(&key, own).unwrap();
    eventually("the fault is gone", async || !says(&dir, &["status"]).1.contains("FAULT")).await;
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    let log = fs::read_to_string(dir.join("data/audit.log")).unwrap();
    for (event, of) in [
        ("certificates-refused", "doors.third_party"),
        ("certificates-replaced", "doors.handset"),
        ("certificates-refused", "callbacks"),
        ("certificates-replaced", "callbacks"),
    ] {
        let is_told = |line: &str| line.contains(event) && line.contains(&format!("\"of\":\"{of}\""));
        assert!(log.lines().any(is_told), "{event} of {of}: {log}");
    }
    assert!(log.contains("callback_certificate CN=lango until "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_with_certificates_is_on_the_audit_log_whether_a_node_runs_or_not() {
    let deployed = Deployed::with_demonstration().await;
    let (dir, certs) = (deployed.dir(), deployed.dir().join("certs"));
    let log = || fs::read_to_string(dir.join("data/audit.log")).unwrap();
    let certs = certs.to_str().unwrap();
    let cert = |arguments: &[&str]| says(&dir, &[&["cert", "--dir", certs], arguments].concat());
    let (good, said) = cert(&["issue", "alone"]);
    assert!(good && said.contains("audit.log"), "{said}");
    assert!(log().contains(r#""event":"certificate-issued""#) && log().contains(r#""subject":"CN=alone""#));
    let served = deployed.served();
    let (good, said) = cert(&["issue", "beside", "--days", "30"]);
    assert!(good && said.contains("the running node's audit log"), "{said}");
    let (good, said) = cert(&["revoke", &format!("{certs}/clients/alone.pem")]);
    assert!(good, "{said}");
    served.terminated();
    for event in
        [r#""subject":"CN=beside""#, r#""event":"certificate-revoked""#, r#""event":"certificate-list-written""#]
    {
        assert!(log().contains(event), "{event}: {}", log());
    }
    let (good, said) = says(&dir, &["audit", "verify"]);
    assert!(good, "s7: {said}");
}

#[test]
fn a_ca_without_a_deployment_keeps_a_log_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    assert!(cert(dir, &["ca", "Partners"]).0 && cert(dir, &["issue", "duka"]).0);
    let output = lango().args(["audit", "verify", "--file"]).arg(dir.join("ca.audit.log")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(": 3 lines, none changed"), "{said}");
}

/// Another program, of a kind that partners have, gets the certificate that it understands.
#[tokio::test(flavor = "multi_thread")]
async fn rsa_and_ecdsa_stand_side_by_side() {
    let deployed = Deployed::with_demonstration().await;
    let certs = deployed.dir().join("certs");
    let (good, said) = cert(&certs, &["issue", "server-rsa", "--rsa", "--dns", "localhost", "--ip", "127.0.0.1"]);
    assert!(good, "{said}");
    deployed.set("# second_certificate =", "second_certificate =");
    deployed.set("# second_key =", "second_key =");
    let door = lango::config::load(&deployed.config()).unwrap().doors.third_party.listen;
    let _served = deployed.served();
    for (signatures, kind) in [("rsa_pss_rsae_sha256", "RSA"), ("ecdsa_secp256r1_sha256", "ECDSA")] {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &door.to_string(), "-CAfile", "ca.pem", "-sigalgs", signatures])
            .args(["-cert", "clients/duka.pem", "-key", "clients/duka.key", "-verify_return_error"])
            .stdin(std::process::Stdio::null())
            .current_dir(&certs)
            .output()
            .expect("openssl is installed (scripts/test does that)");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("Peer signature type: {kind}")), "{signatures}: {said}");
    }
}

#[test]
fn s5_a_key_that_others_can_read_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(lango().arg("init").arg(&dir).output().unwrap().status.success());
    let (good, said) = says(&dir, &["check"]);
    assert!(good && !said.contains("BY OTHERS"), "{said}");
    for key in ["certs/server.key", "certs/secret.key", "certs/credential.key"] {
        fs::set_permissions(dir.join(key), fs::Permissions::from_mode(0o644)).unwrap();
        let (good, said) = says(&dir, &["check"]);
        assert!(good && said.contains(&format!("{key} CAN BE READ BY OTHERS: chmod 600")), "{key}: {said}");
        fs::set_permissions(dir.join(key), fs::Permissions::from_mode(0o640)).unwrap();
    }
    assert!(!says(&dir, &["check"]).1.contains("BY OTHERS"));
}
