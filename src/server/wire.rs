//! What hyper sees of a connection: the stream, with four things added. It tells [`Unflushed`] when
//! all is flushed, it waits for requests only as long as [`Patience`] says, it gives an answer only so
//! long to be taken by the peer, and after a refusal it reads on for a moment, so that closing does not
//! make the peer's system throw the answer away.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::pace::Patience;
use super::written::Unflushed;

/// How long, and how many bytes, a refused peer may go on to send before its connection is closed.
const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whether to read on before closing; set by whoever refused a body unread.
#[derive(Debug, Default)]
pub(super) struct Linger(AtomicBool);

impl Linger {
    /// Read on before closing.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream as hyper gets it.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    unflushed: Arc<Unflushed>,
    linger: Arc<Linger>,
    patience: Patience,
    /// How long the peer may take to accept an answer.
    taking_time_max: Duration,
    /// Runs from the first write that had to wait until the flush that finished the answer.
    taking: Option<Pin<Box<Sleep>>>,
    ending: Ending,
}

/// How far the closing of the connection is.
#[derive(Debug)]
enum Ending {
    Open,
    Lingering { until: Pin<Box<Sleep>>, bytes_left: usize },
    Done,
}

impl<S> Wire<S> {
    /// Wraps `stream`.
    pub(super) fn new(
        stream: S,
        (unflushed, linger): (Arc<Unflushed>, Arc<Linger>),
        patience: Patience,
        taking_time_max: Duration,
    ) -> Self {
        Self { stream, unflushed, linger, patience, taking_time_max, taking: None, ending: Ending::Open }
    }

    /// Passes on what a write came to, and lets it wait only until the time for the answer is over.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let time = self.taking_time_max;
        let timer = self.taking.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not take its answer")))
    }
}

impl<S: AsyncRead + Unpin> Wire<S> {
    /// Reads and forgets until the peer closes, or has had its time or bytes.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Ending::Lingering { until, bytes_left } = &mut self.ending else { return Poll::Ready(()) };
        let mut space = [0; 8 * 1024];
        while *bytes_left > 0 && until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => *bytes_left = bytes_left.saturating_sub(buffer.filled().len()),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Pending if self.patience.is_over(cx) => {
                // As if the peer had closed: between requests hyper then closes, too, and in the
                // middle of headers it gives up.
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                self.patience.came();
                read
            }
            _ => read,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        ready!(self.bounded(cx, flushed))?;
        // hyper flushes its stream only when it has written all that it had buffered.
        self.taking = None;
        let answers = self.unflushed.flushed();
        self.patience.answered(answers, cx);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.ending, Ending::Open) {
            let shut = Pin::new(&mut self.stream).poll_shutdown(cx);
            ready!(self.bounded(cx, shut))?;
            self.ending = if self.linger.asked() {
                Ending::Lingering { until: Box::pin(sleep(LINGER_TIME_MAX)), bytes_left: LINGER_BYTES_MAX }
            } else {
                Ending::Done
            };
        }
        ready!(self.poll_linger(cx));
        self.ending = Ending::Done;
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        self.unflushed.ended();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::AtomicUsize;
    use std::task::Waker;

    use bytes::Bytes;
    use hyper::Response;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::pace::Times;
    use super::super::written::{AnswerBody, Written};
    use super::*;

    const PIPE_BYTES: usize = 64;
    const BODY_BYTES: usize = 1000;

    fn patience() -> Patience {
        let minute = Duration::from_secs(60);
        Patience::new(Arc::default(), Times { header_max: minute, idle_max: minute })
    }

    /// One connection over a pipe that holds 64 bytes, and the client's end of it.
    struct Served {
        client: DuplexStream,
        connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>>>>>,
        runs: Arc<AtomicUsize>,
        /// Outlives the connection, so that only its end can make the hooks run.
        _unflushed: Arc<Unflushed>,
    }

    impl Served {
        /// Has sent a request; the answers have `body_bytes`, and hooks that count.
        async fn asked(body_bytes: usize) -> Self {
            let runs = Arc::new(AtomicUsize::new(0));
            let unflushed = Arc::new(Unflushed::default());
            let (mut client, server) = duplex(PIPE_BYTES);
            let wire = Wire::new(server, (Arc::clone(&unflushed), Arc::default()), patience(), Duration::from_secs(60));
            let (counted, waiting) = (Arc::clone(&runs), Arc::clone(&unflushed));
            let service = hyper::service::service_fn(move |_| {
                let counted = Arc::clone(&counted);
                let hook = move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                };
                let written = Written::new(Some(Box::new(hook)));
                let body = AnswerBody::new(Bytes::from(vec![b'x'; body_bytes]), written, Arc::clone(&waiting));
                async { Ok::<_, Infallible>(Response::new(body)) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(hyper_util::rt::TokioTimer::new())
                .serve_connection(TokioIo::new(wire), service);
            client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            Self { client, connection: Some(Box::pin(connection)), runs, _unflushed: unflushed }
        }

        /// Lets the connection do what it can do now.
        fn step(&mut self) {
            let connection = self.connection.as_mut().unwrap();
            assert!(connection.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }

        /// Reads what is in the pipe now.
        async fn read(&mut self) -> usize {
            self.client.read(&mut [0; PIPE_BYTES]).await.unwrap()
        }

        fn runs(&self) -> usize {
            self.runs.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn d3_the_hook_runs_when_the_last_byte_went_out_and_not_before() {
        let mut served = Served::asked(BODY_BYTES).await;
        served.step();
        let mut seen = served.read().await;
        while seen < BODY_BYTES {
            assert_eq!(served.runs(), 0, "the hook ran after {seen} bytes");
            served.step();
            seen += served.read().await;
        }
        served.step();
        assert_eq!(served.runs(), 1);
    }

    #[tokio::test]
    async fn d3_an_answer_without_a_body_has_its_hook_run_too() {
        let mut served = Served::asked(0).await;
        served.step();
        assert_eq!(served.runs(), 0, "the headers alone are longer than the pipe");
        served.read().await;
        served.step();
        assert_eq!(served.runs(), 1);
    }

    #[tokio::test]
    async fn d3_the_hook_runs_when_the_connection_ends_in_the_middle_of_the_answer() {
        let mut served = Served::asked(BODY_BYTES).await;
        served.step();
        assert_eq!(served.runs(), 0);
        served.connection = None;
        assert_eq!(served.runs(), 1);
    }

    #[tokio::test]
    async fn a_peer_that_does_not_take_its_answer_is_given_up() {
        let (client, server) = duplex(PIPE_BYTES);
        let mut wire = Wire::new(server, Default::default(), patience(), Duration::from_millis(20));
        let error = wire.write_all(&[0; 2 * PIPE_BYTES]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test]
    async fn a_refused_peer_is_read_to_its_end_before_the_connection_closes() {
        let (mut client, server) = duplex(PIPE_BYTES);
        let linger = Arc::new(Linger::default());
        linger.ask();
        let mut wire = Wire::new(server, (Arc::default(), linger), patience(), Duration::from_secs(60));
        let closing = tokio::spawn(async move { wire.shutdown().await });
        client.write_all(&[0; 10 * PIPE_BYTES]).await.unwrap();
        client.shutdown().await.unwrap();
        closing.await.unwrap().unwrap();
    }
}
