//! `lango store`, as operators type it, beside a running node and after it.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::house::{Deployed, lango};

fn store(deployed: &Deployed, arguments: &[&str], folder: Option<&Path>) -> Output {
    let mut command = lango();
    command.arg("store").args(arguments).args(folder).arg("--config").arg(deployed.config());
    command.output().unwrap()
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn journal(output: &Output) -> Value {
    serde_json::from_str::<Value>(&done(output)).unwrap()["journal"].clone()
}

#[tokio::test]
async fn a_store_is_checked_and_copied_beside_its_node_and_put_back() {
    let deployed = Deployed::with_demonstration().await;
    let served = deployed.served();
    let running: Value = serde_json::from_slice(&deployed.status().stdout).unwrap();
    let seen = journal(&store(&deployed, &["verify", "--json"], None));
    assert_eq!(seen["last"], running["store"]["sequence"]);
    assert_eq!(seen["records"], seen["last"]);
    let backup = deployed.folder.path().join("backup");
    assert!(done(&store(&deployed, &["backup"], Some(&backup))).contains(seen["hash"].as_str().unwrap()));
    let again = done(&store(&deployed, &["backup"], Some(&backup)));
    assert!(again.contains("it ended at record"), "{again}");
    // The one file that there is stays; the node was asked what its index holds.
    let archived = done(&store(&deployed, &["archive", "--compress"], Some(&backup)));
    assert!(archived.contains("removed    0 segments"), "{archived}");
    assert!(refused(&store(&deployed, &["rebuild"], None)).contains("another process has this store open"));
    assert_eq!(served.terminated().0, Some(0));

    let seen = journal(&store(&deployed, &["verify", "--json"], None));
    assert!(done(&store(&deployed, &["backup"], Some(&backup))).contains(seen["hash"].as_str().unwrap()));
    let archived = done(&store(&deployed, &["archive"], Some(&backup)));
    assert!(archived.contains("begins at record 1"), "{archived}");
    assert!(done(&store(&deployed, &["rebuild"], None)).contains(&seen["last"].to_string()));
    let folder = deployed.dir().join("data/store");
    assert!(refused(&store(&deployed, &["restore"], Some(&backup))).contains("not empty"));
    fs::remove_dir_all(&folder).unwrap();
    done(&store(&deployed, &["restore"], Some(&backup)));
    assert!(done(&store(&deployed, &["verify", "--against"], Some(&backup))).contains("all of it is here"));
    let served = deployed.served();
    assert_eq!(served.terminated().0, Some(0));

    fs::remove_dir_all(&folder).unwrap();
    done(&store(&deployed, &["restore", "--until", "2"], Some(&backup)));
    assert_eq!(journal(&store(&deployed, &["verify", "--json"], None))["last"], 2);
    let seen = journal(&store(&deployed, &["verify", "--json"], None));
    let moment = seen["time"].as_i64().unwrap();

    // By its time that record is found again, and those committed in the same batch.
    fs::remove_dir_all(&folder).unwrap();
    let moment = jiff::Timestamp::from_microsecond(moment).unwrap().to_string();
    done(&store(&deployed, &["restore", "--until-time", &moment], Some(&backup)));
    let by_time = journal(&store(&deployed, &["verify", "--json"], None));
    assert_eq!(by_time["time"], seen["time"]);
    assert!(by_time["last"].as_u64() >= Some(2));
    let older = refused(&store(&deployed, &["verify", "--against"], Some(&backup)));
    assert!(older.contains("older copy"), "{older}");
}
