//! The admin socket: a line of JSON with a command, a line of JSON with its outcome.
//!
//! `{"name":"status","arguments":{}}` is answered by `{"done":...}` or `{"refused":"why"}`. Whoever may
//! open the socket may do everything, so only its owner (and root) may; what a command means is the
//! business of [`Admin`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::attendants;
use super::signal::Listener;
use super::socket::OwnedSocket;

pub use super::socket::SocketError;

/// Bytes of one line, either way.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Operators at the same time.
const CONNECTIONS_MAX: usize = 32;
/// How long a connection may be quiet between two commands.
const QUIET_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a peer may take to accept an outcome.
const TAKING_TIME_MAX: Duration = Duration::from_secs(30);
const ROOT: u32 = 0;

/// Who gives a command: the user of the operating system at the other end of the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user's number.
    pub uid: u32,
}

/// As the audit log names it.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)
    }
}

/// What carries commands out.
pub trait Admin: Send + Sync {
    /// Carries out one command; on an error, in words for the operator, nothing has changed.
    fn command<'a>(&'a self, caller: Caller, name: &'a str, arguments: Value) -> BoxFuture<'a, Result<Value, String>>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    name: String,
    #[serde(default)]
    arguments: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Done(Value),
    Refused(String),
}

/// Why a command got no outcome, or not the one that was wished for.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody listens.
    #[error("no node answers at \"{}\" ({source}); is it running, and as this user?", path.display())]
    Nobody {
        /// The socket's path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The connection broke, or the node ended before the outcome.
    #[error("the node closed the admin socket without an outcome: {0}")]
    Broken(#[source] io::Error),
    /// What came is no outcome; the node is of another version, perhaps.
    #[error("the node's outcome cannot be read: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// The node says no.
    #[error("{0}")]
    Refused(String),
}

/// Has the node that listens at `path` carry out a command.
pub async fn ask(path: &Path, name: &str, arguments: Value) -> Result<Value, AskError> {
    let stream =
        UnixStream::connect(path).await.map_err(|source| AskError::Nobody { path: path.to_owned(), source })?;
    let mut stream = BufReader::new(stream);
    let command = line_of(&Command { name: name.to_owned(), arguments }).map_err(AskError::Unreadable)?;
    stream.get_mut().write_all(&command).await.map_err(AskError::Broken)?;
    let line = read_line(&mut stream).await.map_err(AskError::Broken)?;
    let line = line.ok_or_else(|| AskError::Broken(io::ErrorKind::UnexpectedEof.into()))?;
    match serde_json::from_slice(&line).map_err(AskError::Unreadable)? {
        Outcome::Done(value) => Ok(value),
        Outcome::Refused(why) => Err(AskError::Refused(why)),
    }
}

/// Makes the socket.
pub(super) fn bind(path: &Path) -> Result<(OwnedSocket, UnixListener), SocketError> {
    let (socket, listener) = OwnedSocket::bind(path)?;
    let io = |source| SocketError::Io { path: path.to_owned(), source };
    listener.set_nonblocking(true).map_err(io)?;
    let listener = UnixListener::from_std(listener).map_err(io)?;
    Ok((socket, listener))
}

/// Serves until told to end; then the socket's file is removed.
pub(super) async fn run(admin: Arc<dyn Admin>, socket: OwnedSocket, listener: UnixListener, signal: Listener) {
    let under_way = signal.clone();
    let serve_owner = |stream: UnixStream| {
        let Some(caller) = allowed(&stream, socket.owner()) else {
            tracing::warn!("a user other than the owner was refused at the admin socket");
            return None;
        };
        let (admin, under_way) = (Arc::clone(&admin), under_way.clone());
        Some(async move {
            // An operator who goes away in the middle is no event.
            let _ = serve(admin, caller, stream, under_way).await;
        })
    };
    attendants::run(&listener, CONNECTIONS_MAX, signal, serve_owner).await;
}

/// The permissions of the file say the same; this holds even if somebody loosened them.
fn allowed(stream: &UnixStream, owner: u32) -> Option<Caller> {
    let peer = stream.peer_cred().ok()?;
    (peer.uid() == owner || peer.uid() == ROOT).then_some(Caller { uid: peer.uid() })
}

async fn serve(admin: Arc<dyn Admin>, caller: Caller, stream: UnixStream, under_way: Listener) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let read = tokio::time::timeout(QUIET_TIME_MAX, read_line(&mut stream)).await;
        let Some(line) = read.map_err(io::Error::from)?? else { return Ok(()) };
        // In a task of its own: what was begun is finished and put on the audit log, even if the node
        // closes the socket meanwhile. The signal keeps the node from ending before.
        let (admin, begun) = (Arc::clone(&admin), under_way.clone());
        let command = tokio::spawn(async move {
            let outcome = carry_out(&*admin, caller, &line).await;
            drop(begun);
            outcome
        });
        let line = line_of(&command.await?)?;
        tokio::time::timeout(TAKING_TIME_MAX, stream.get_mut().write_all(&line)).await.map_err(io::Error::from)??;
    }
}

async fn carry_out(admin: &dyn Admin, caller: Caller, line: &[u8]) -> Outcome {
    let command: Command = match serde_json::from_slice(line) {
        Ok(command) => command,
        Err(error) => return Outcome::Refused(format!("the command cannot be read: {error}")),
    };
    match admin.command(caller, &command.name, command.arguments).await {
        Ok(value) => Outcome::Done(value),
        Err(why) => Outcome::Refused(why),
    }
}

fn line_of<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// One line without its end; none at the end of the stream.
async fn read_line<R: AsyncRead + Unpin>(stream: &mut BufReader<R>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "the line is cut off, or too long")),
    }
}
