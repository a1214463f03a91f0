//! What must happen when an answer has been written, and not before (D3): its hook waits here from
//! the moment that hyper took the answer's last byte until the connection's next flush is through.
//!
//! Invariant: a hook runs exactly once, whatever becomes of answer, connection or task. [`Written`]
//! runs it when dropped, so losing one means to run it, too early at worst when nobody will read
//! the answer any more.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// A hook that runs when this is dropped.
pub(super) struct Written(Option<Box<dyn FnOnce() + Send>>);

impl Written {
    /// Takes the hook out of an answer.
    pub(super) fn new(hook: Option<Box<dyn FnOnce() + Send>>) -> Self {
        Self(hook)
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if let Some(hook) = self.0.take() {
            hook();
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Written").field(&self.0.is_some()).finish()
    }
}

/// The hooks of one connection whose answers hyper has taken and the connection has not flushed.
#[derive(Debug, Default)]
pub(super) struct Unflushed(Mutex<Hooks>);

#[derive(Debug, Default)]
struct Hooks {
    waiting: Vec<Written>,
    /// Answers taken and not flushed, with a hook or without.
    taken: u64,
    ended: bool,
}

impl Unflushed {
    /// The answer's last byte is in hyper's buffer: the hook waits for the next flush, or runs now
    /// if the connection is gone.
    fn wait(&self, written: Written) {
        let mut hooks = self.lock();
        hooks.taken = hooks.taken.saturating_add(1);
        if written.is_empty() {
            return;
        }
        if hooks.ended {
            drop(hooks); // The hook runs after this, outside the lock.
        } else {
            hooks.waiting.push(written);
        }
    }

    /// Everything that hyper had buffered is with the operating system; gives how many answers were
    /// in it.
    pub(super) fn flushed(&self) -> u64 {
        let mut hooks = self.lock();
        let (done, answers) = (std::mem::take(&mut hooks.waiting), std::mem::take(&mut hooks.taken));
        drop(hooks);
        drop(done);
        answers
    }

    /// The connection is gone: nothing waits any longer, now or later.
    pub(super) fn ended(&self) {
        let mut hooks = self.lock();
        hooks.ended = true;
        let done = std::mem::take(&mut hooks.waiting);
        drop(hooks);
        drop(done);
    }

    fn lock(&self) -> MutexGuard<'_, Hooks> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// An answer's body: one piece of bytes. hyper drops it in the same step in which it buffers the
/// last byte, before it flushes; with an answer without a body, when it buffers the headers.
#[derive(Debug)]
pub(super) struct AnswerBody {
    bytes: Bytes,
    written: Option<(Written, Arc<Unflushed>)>,
}

impl AnswerBody {
    /// A body whose hook goes to `unflushed` when hyper has taken all of it.
    pub(super) fn new(bytes: Bytes, written: Written, unflushed: Arc<Unflushed>) -> Self {
        Self { bytes, written: Some((written, unflushed)) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if let Some((written, unflushed)) = self.written.take() {
            unflushed.wait(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counting() -> (Written, Arc<AtomicUsize>) {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let hook = move || {
            counted.fetch_add(1, Ordering::SeqCst);
        };
        (Written::new(Some(Box::new(hook))), runs)
    }

    #[test]
    fn a_hook_waits_for_the_flush_after_its_body_was_taken() {
        let (written, runs) = counting();
        let unflushed = Arc::new(Unflushed::default());
        let body = AnswerBody::new(Bytes::from_static(b"<x/>"), written, Arc::clone(&unflushed));
        assert_eq!(unflushed.flushed(), 0);
        assert_eq!(runs.load(Ordering::SeqCst), 0, "a flush before the body was taken means nothing");
        drop(body);
        assert_eq!(runs.load(Ordering::SeqCst), 0);
        assert_eq!((unflushed.flushed(), unflushed.flushed()), (1, 0));
        unflushed.ended();
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_hook_runs_when_the_connection_ends_before_its_body_was_taken() {
        let (written, runs) = counting();
        let unflushed = Arc::new(Unflushed::default());
        let body = AnswerBody::new(Bytes::from_static(b"<x/>"), written, Arc::clone(&unflushed));
        unflushed.ended();
        assert_eq!(runs.load(Ordering::SeqCst), 0);
        drop(body);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}
