//! The metrics door and the admin socket.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;

use super::house::{Caller, House, limits, listener};
use crate::server::admin::{self, Admin, AskError};

#[tokio::test]
async fn the_metrics_door_shows_what_the_other_doors_count() {
    let house = House::plain(limits());
    house.tcp().await.post("/", "").await;
    let door = house.doors.open_metrics(listener(), Arc::new(|| Ok(()))).unwrap();
    let mut caller = Caller(TcpStream::connect(door.address()).await.unwrap());
    caller.send("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let page = caller.answer().await;
    assert!(page.contains("application/openmetrics-text"), "{page}");
    assert!(page.contains("lango_requests_total{door=\"plain\",status=\"200\"} 1\n"), "{page}");
}

/// Says its arguments back, and refuses everything else.
struct Parrot;

impl Admin for Parrot {
    fn command<'a>(
        &'a self,
        caller: admin::Caller,
        name: &'a str,
        arguments: Value,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            match name {
                "say" => Ok(arguments),
                "who am I" => Ok(json!(caller.to_string())),
                other => Err(format!("there is no command \"{other}\"")),
            }
        })
    }
}

/// Begins, and ends when it is let.
#[derive(Default)]
struct Slow {
    begun: Notify,
    let_end: Notify,
    ended: AtomicBool,
}

impl Admin for Slow {
    fn command<'a>(&'a self, _: admin::Caller, _: &'a str, _: Value) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            self.begun.notify_one();
            self.let_end.notified().await;
            self.ended.store(true, Ordering::SeqCst);
            Ok(Value::Null)
        })
    }
}

#[tokio::test]
async fn a_command_that_was_begun_is_finished_before_the_node_ends() {
    let (house, folder, slow) = (House::plain(limits()), tempfile::tempdir().unwrap(), Arc::<Slow>::default());
    let path = folder.path().join("admin.sock");
    house.doors.open_admin(&path, Arc::clone(&slow) as Arc<dyn Admin>).unwrap();
    let asked = tokio::spawn(async move { admin::ask(&path, "fund", Value::Null).await });
    slow.begun.notified().await;
    // The socket closes first, so that the command ends after whoever waits for its outcome is gone.
    let (_, _) = tokio::join!(house.doors.shutdown(), async {
        assert!(matches!(asked.await.unwrap(), Err(AskError::Broken(_))));
        slow.let_end.notify_one();
    });
    assert!(slow.ended.load(Ordering::SeqCst));
}

fn with_socket() -> (House, TempDir, PathBuf) {
    let house = House::plain(limits());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    house.doors.open_admin(&path, Arc::new(Parrot)).unwrap();
    (house, folder, path)
}

#[tokio::test]
async fn a_command_goes_in_and_its_outcome_comes_back() {
    let (_house, _folder, path) = with_socket();
    assert_eq!(admin::ask(&path, "say", json!({"x": [1, 2]})).await.unwrap(), json!({"x": [1, 2]}));
    let refused = admin::ask(&path, "fly", Value::Null).await.unwrap_err();
    assert!(matches!(&refused, AskError::Refused(why) if why == "there is no command \"fly\""), "{refused}");
}

#[tokio::test]
async fn whoever_gives_a_command_is_named_by_the_operating_system() {
    use std::os::unix::fs::MetadataExt as _;
    let (_house, folder, path) = with_socket();
    let me = std::fs::metadata(folder.path()).unwrap().uid();
    assert_eq!(admin::ask(&path, "who am I", Value::Null).await.unwrap(), json!(format!("uid {me}")));
}

#[tokio::test]
async fn a_line_that_is_no_command_is_refused_and_the_next_one_is_not() {
    let (_house, _folder, path) = with_socket();
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"status\n{\"name\":\"say\",\"arguments\":1}\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut outcomes = String::new();
    stream.read_to_string(&mut outcomes).await.unwrap();
    let lines: Vec<_> = outcomes.lines().collect();
    assert!(lines[0].starts_with("{\"refused\":\"the command cannot be read"), "{outcomes}");
    assert_eq!(lines[1], "{\"done\":1}");
}

#[tokio::test]
async fn the_socket_is_gone_when_the_doors_are_closed() {
    let (house, _folder, path) = with_socket();
    house.doors.shutdown().await;
    assert!(!path.exists());
    let nobody = admin::ask(&path, "say", Value::Null).await.unwrap_err();
    assert!(matches!(nobody, AskError::Nobody { .. }), "{nobody}");
}
