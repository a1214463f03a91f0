//! The commands that operators type, as they type them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::house::{Deployed, lango};

fn init(dir: &Path, more: &[&str]) -> std::process::Output {
    lango().arg("init").arg(dir).args(more).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn init_writes_a_deployment_that_checks() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    let output = init(&dir, &[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for file in [
        "lango.toml",
        "whitelist.toml",
        "catalogue/services.toml",
        "certs/ca.pem",
        "certs/server.pem",
        "certs/clients/duka.pem",
    ] {
        assert!(dir.join(file).is_file(), "{file} is missing");
    }
    for secret in ["certs/server.key", "certs/ca.key", "certs/clients/duka.key", "certs/secret.key", "demo.json"] {
        let mode = fs::metadata(dir.join(secret)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{secret} can be read by others");
    }
    let demo: Value = serde_json::from_str(&fs::read_to_string(dir.join("demo.json")).unwrap()).unwrap();
    assert_eq!(demo["endpoints"]["third_party"], "https://localhost:18423");
    assert_eq!(demo["endpoints"]["handset"], "https://localhost:18425");
    assert_eq!(demo["third_party"]["sp_id"], "107031");
    assert_eq!(demo["subscribers"][0]["balance"], "5000.00");
    for file in
        ["/third_party/cert", "/third_party/key", "/third_party/ca", "/initiator/credential_cert", "/handset/cert"]
    {
        assert!(dir.join(demo.pointer(file).unwrap().as_str().unwrap()).is_file(), "{file} names no file");
    }
    let check = lango().args(["check", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    assert!(check.status.success(), "{}", text(&check.stdout));
    let said = text(&check.stdout);
    for enforced in [
        "client certificate required",
        "RequestMsg: CBPInterface_Request.wsdl, parlayx_common_head_types_2_1.xsd",
        "the document inside: CPSInterface_Request.xsd",
        "SubmitPayment: Handset.wsdl",
        "32 attributes, 16 namespace declarations",
    ] {
        assert!(said.contains(enforced), "{enforced} is missing in {said}");
    }
}

#[test]
fn init_never_writes_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dear"), "to somebody").unwrap();
    let output = init(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not empty"), "{}", text(&output.stderr));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn init_empty_has_nobody_in_it_and_checks() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(init(&dir, &["--empty"]).status.success());
    assert!(!dir.join("demo.json").exists());
    let clients: Vec<_> =
        fs::read_dir(dir.join("certs/clients")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(clients.iter().all(|name| name.to_str().unwrap().starts_with("lango.")), "{clients:?}");
    let check = lango().args(["check", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    assert!(check.status.success(), "{}", text(&check.stdout));
    assert!(text(&check.stdout).contains("whitelist  0 networks"));
}

#[test]
fn check_names_every_problem_and_exits_64() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(init(&dir, &["--empty"]).status.success());
    fs::write(
        dir.join("whitelist.toml"),
        "[third_party.x.networks]\nhome = { network = \"10.0.0.300/8\", kind = \"vpn\" }\n",
    )
    .unwrap();
    fs::remove_file(dir.join("certs/server.key")).unwrap();
    let check = lango().args(["check", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    let said = text(&check.stdout);
    assert_eq!(check.status.code(), Some(64), "{said}");
    assert!(said.contains("whitelist.toml") && said.contains("line 2"), "{said}");
    assert!(said.contains("doors.third_party") && said.contains("doors.handset"), "{said}");
    let serve = lango().args(["serve", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    assert_eq!(serve.status.code(), Some(64), "a node with problems started");
}

/// A deployment's own descriptions with several flaws in several files, one of which nothing is served
/// with: each is named with its file and line, and the doors stay closed.
#[test]
fn check_names_every_flaw_of_the_schemas() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("mine");
    assert!(init(&dir, &["--empty"]).status.success());
    let own = dir.join("descriptions");
    fs::create_dir(&own).unwrap();
    let settings = fs::read_to_string(dir.join("lango.toml")).unwrap();
    assert!(settings.contains("\n[node]\n"));
    let settings = settings.replacen("\n[node]\n", "\n[node]\nwsdl = \"descriptions\"\n", 1);
    fs::write(dir.join("lango.toml"), settings).unwrap();
    let schema = |body: &str| {
        format!(
            "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:own'>\n{body}\n</xs:schema>"
        )
    };
    fs::write(own.join("own.xsd"), schema("<xs:element name='a' type='xs:duration'/>\n<xs:notation name='n'/>"))
        .unwrap();
    let bundled = include_str!("../../wsdl/CPSInterface_Request.xsd");
    fs::write(own.join("CPSInterface_Request.xsd"), bundled.replacen("\"xsd:string\"", "\"xsd:strong\"", 2)).unwrap();
    fs::write(own.join("Management.wsdl"), "<definitions>\n<oops>").unwrap();
    let check = lango().args(["check", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    let said = text(&check.stdout);
    assert_eq!(check.status.code(), Some(64), "{said}");
    for flaw in [
        "own.xsd, line 2, column 1: `a`: the type `duration` is not supported",
        "own.xsd, line 3, column 1: `n`: `notation` at the top of a schema is not supported",
        "Management.wsdl, line 2,",
    ] {
        assert_eq!(said.matches(flaw).count(), 1, "{flaw}: {said}");
    }
    assert_eq!(said.matches("strong` is not declared").count(), 2, "{said}");
    let serve = lango().args(["serve", "--config"]).arg(dir.join("lango.toml")).output().unwrap();
    assert_eq!(serve.status.code(), Some(64), "a node with flawed schemas started");
}

#[test]
fn what_makes_no_sense_exits_64() {
    for arguments in [&["fly"][..], &["pay", "--amount", "1"], &["init"]] {
        let output = lango().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(lango().arg("--help").output().unwrap().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_answers_pays_and_drains() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    let pay = |session: &str, amount: &str| {
        let arguments = [
            "pay",
            "--from",
            "254722000001",
            "--to-paybill",
            "600000",
            "--account",
            "X",
            "--amount",
            amount,
            "--session",
            session,
        ];
        let output = lango().args(arguments).arg("--config").arg(deployed.config()).output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    // No URLs are registered, so the payment completes unasked.
    let (code, paid) = pay("s1", "100");
    assert_eq!(code, Some(0), "{paid}");
    assert!(paid.contains("balance 4900.00"), "{paid}");
    assert_eq!(pay("s1", "100"), (Some(0), paid), "the same session was answered otherwise the second time");
    let (code, said) = pay("s1", "200");
    assert!(code == Some(1) && said.starts_with("15 "), "{said}");
    let status: Value = serde_json::from_slice(&deployed.status().stdout).unwrap();
    assert_eq!(status["store"]["refusing"], Value::Null);
    assert_eq!(status["third_parties"], 2);
    let table = lango().args(["status", "--config"]).arg(deployed.config()).output().unwrap();
    assert!(text(&table.stdout).contains("taking commits"), "{}", text(&table.stdout));
    let (code, log) = served.terminated();
    assert_eq!(code, Some(0), "{log}");
    assert!(!deployed.status().status.success(), "it still answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_have_one_deployment() {
    let deployed = Deployed::with_demonstration().await;
    let _served = deployed.served();
    // Other ports, so that the store itself is what stops the second one.
    let config = fs::read_to_string(deployed.config()).unwrap();
    let moved = config
        .lines()
        .map(|line| {
            if line.starts_with("listen = ") {
                format!("listen = \"{}\"", crate::house::free_address())
            } else {
                line.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    let second = deployed.dir().join("second.toml");
    fs::write(&second, moved).unwrap();
    let output = lango().args(["serve", "--config"]).arg(&second).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("store"), "{}", text(&output.stderr));
}
