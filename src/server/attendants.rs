//! The accept loop of the small doors that attend on the others: the metrics door and the admin
//! socket. Few come, so there is a number of places and nothing else; who finds none is closed and
//! asks again.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::signal::Listener;

/// The pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(200);

/// A socket that connections come to.
pub(super) trait Accepting {
    /// A connection.
    type Stream: Send + 'static;

    /// The next connection.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Stream>>;
}

impl Accepting for TcpListener {
    type Stream = TcpStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        self.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

impl Accepting for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        self.poll_accept(cx).map_ok(|(stream, _)| stream)
    }
}

/// Serves up to `places_max` connections at a time until told to end; then those that are open end,
/// too. `serve` gives the future that serves one, or none for a connection that is to be closed.
pub(super) async fn run<L, F>(
    listener: &L,
    places_max: usize,
    mut signal: Listener,
    serve: impl Fn(L::Stream) -> Option<F>,
) where
    L: Accepting,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(places_max));
    loop {
        let accepted = tokio::select! {
            biased;
            () = signal.draining() => return,
            accepted = poll_fn(|cx| listener.poll_accept(cx)) => accepted,
        };
        let Ok(stream) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let Some(serving) = serve(stream) else { continue };
        let mut signal = signal.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = signal.draining() => {}
                () = serving => {}
            }
            drop(place);
        });
    }
}
