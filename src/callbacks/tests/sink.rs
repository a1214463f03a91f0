//! A third party's server that behaves as told, byte by byte: real ones do worse than HTTP libraries
//! let a test do.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Answers: status line and headers as given, Content-Length added.
    Answer(&'static str, Cow<'static, str>),
    /// Answers so, and closes the connection without having said so.
    ThenClose(&'static str, &'static str),
    /// Answers so after so long.
    Late(Duration, &'static str, &'static str),
    /// Resets the connection after its first bytes, whatever they are.
    Refuse,
    /// Answers its first bytes with HTTP, whatever they are.
    Babble,
    /// Reads and never answers.
    Hang,
    /// Reads and resets the connection.
    Reset,
    /// Closes the connection after a part of the answer.
    Break,
    /// Sends a byte now and then.
    Drip,
    /// Sends a body without end.
    Endless,
    /// Sends what is no HTTP.
    Noise,
}

impl Act {
    /// Answers with this status line (and headers) and body.
    pub fn says(head: &'static str, body: impl Into<Cow<'static, str>>) -> Self {
        Self::Answer(head, body.into())
    }
}

/// A server.
pub struct Sink {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<String>>>,
    /// Connections so far.
    pub connections: Arc<AtomicUsize>,
    /// Tells when a conversation has ended.
    pub closed: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    /// A server that does one act after the other, and the last one for ever.
    pub async fn start(acts: &[Act]) -> Self {
        Self::serve(acts, None).await
    }

    pub async fn serve(acts: &[Act], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (connections, closed) = (Arc::<AtomicUsize>::default(), Arc::<Notify>::default());
        let (count, ended) = (connections.clone(), closed.clone());
        let (acts, seen) = (Arc::new(Mutex::new(VecDeque::from(acts.to_vec()))), requests.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let first = acts.lock().unwrap().front().cloned();
                if matches!(first, Some(Act::Refuse | Act::Babble)) {
                    tokio::spawn(interrupt(stream, matches!(first, Some(Act::Babble))));
                    continue;
                }
                let (acts, seen, tls, ended) = (acts.clone(), seen.clone(), tls.clone(), ended.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(stream, &acts, &seen, |stream| stream.set_zero_linger().unwrap()).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                converse(stream, &acts, &seen, |_| ()).await;
                            }
                        }
                    }
                    ended.notify_one();
                });
            }
        });
        Self { address, requests, connections, closed, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/callback", self.address)
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    acts: &Mutex<VecDeque<Act>>,
    seen: &Mutex<Vec<String>>,
    before_reset: impl Fn(&mut S),
) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        let act = {
            let mut acts = acts.lock().unwrap();
            if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0].clone() }
        };
        match act {
            Act::Answer(head, body) => answer(&mut stream, head, &body).await,
            Act::ThenClose(head, body) => return answer(&mut stream, head, body).await,
            Act::Late(pause, head, body) => {
                tokio::time::sleep(pause).await;
                answer(&mut stream, head, body).await;
            }
            Act::Refuse | Act::Babble => return,
            Act::Hang => std::future::pending().await,
            Act::Reset => return before_reset(&mut stream),
            Act::Break => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncode 0").await.unwrap();
                return;
            }
            Act::Noise => {
                stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await.unwrap();
                return;
            }
            Act::Drip => send_on(&mut stream, b"x", Duration::from_secs(1)).await,
            Act::Endless => send_on(&mut stream, &[b'x'; 16384], Duration::ZERO).await,
        }
    }
}

async fn interrupt(mut stream: TcpStream, in_words: bool) {
    let _ = stream.read(&mut [0; 4096]).await;
    if in_words {
        answer(&mut stream, "400 Bad Request", "this is not TLS").await;
    } else {
        stream.set_zero_linger().unwrap();
    }
}

async fn answer<S: AsyncWrite + Unpin>(stream: &mut S, head: &str, body: &str) {
    let answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // Who asked may have given up.
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn send_on<S: AsyncWrite + Unpin>(stream: &mut S, piece: &[u8], pause: Duration) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n").await;
    while stream.write_all(piece).await.is_ok() {
        tokio::time::sleep(pause).await;
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        let read = stream.read(&mut buffer).await.ok().filter(|&read| read > 0)?;
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
}

/// An address on which nobody listens, as long as its socket is kept: nobody else is given it either.
pub fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}
