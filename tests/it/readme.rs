//! Every command of the README, in its order, as a newcomer would type them into one shell.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The shell blocks of a page.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("README.md")).unwrap();
    let blocks = commands(&page);
    assert!(blocks.len() >= 5, "the page has lost its commands");
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_lango"), bin.join("lango")).unwrap();
    // The test runs the binary that it was built with: building it again, or installing it on the
    // machine, would test cargo.
    let script = blocks
        .join("\n")
        .replace("cargo run -- ", "lango ")
        .replace("cargo install --locked --path .", "lango --version")
        // A person waits until the node says that it serves, and sees when it does not.
        .replace(
            "lango.toml &\n",
            "lango.toml & until lango status --config my-lango/lango.toml >/dev/null 2>&1; do kill -0 %1; sleep 0.1; done\n",
        );
    // The page uses the ports that everybody gets: one run of it at a time.
    let lock = fs::File::create(std::env::temp_dir().join("lango-readme-test")).unwrap();
    lock.lock().unwrap();
    let output = Command::new("bash")
        .args(["-e", "-m", "-o", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for outcome in [
        " held, in ",                                        // demo
        "client certificate required",                       // check
        "receipt ",                                          // pay
        "taking commits",                                    // status
        "<ResponseCode>0</ResponseCode><ConversationID>AG_", // curl
        "<ResultCode>0</ResultCode>",                        // the callback
    ] {
        assert!(said.contains(outcome), "{outcome:?} was not said:\n{said}");
    }
}

#[test]
fn every_file_that_the_pages_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "certs/README.md",
        "config/lango.toml",
        "scripts/test",
    ] {
        assert!(root.join(file).is_file(), "{file} is missing");
    }
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for word in architecture.split('`').skip(1).step_by(2).filter(|word| word.ends_with(".rs")) {
        let there = root.join(word).is_file() || root.join("src").join(word).is_file();
        assert!(there, "ARCHITECTURE.md names {word}, which is not there");
    }
}
