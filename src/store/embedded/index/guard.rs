//! What the engines below do when they meet bytes that they cannot read, or a disk without room,
//! made into one error. They panic at times; such a panic becomes an error, and the process's
//! standard error, where nobody expects it, hears nothing of it.

use std::any::Any;
use std::cell::Cell;
use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::thread;

use super::IndexError;
use crate::store::embedded::disk::is_full;

thread_local! {
    /// This thread is inside an engine, and whoever called it deals with its panics.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// sled's own threads: what stops one of them also fails the call that waits for it.
const SLED_THREADS: &str = "sled-";

/// Runs what an engine does; a panic of it says that it met bytes it cannot read.
pub(super) fn guarded<T, E: Into<IndexError>>(run: impl FnOnce() -> Result<T, E>) -> Result<T, IndexError> {
    static HOOK: Once = Once::new();
    HOOK.call_once(keep_panics_of_engines_to_ourselves);
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(outer);
    match outcome {
        Ok(done) => done.map_err(Into::into),
        Err(panic) => Err(IndexError::Damaged(format!("its engine stopped: {}", text_of(&*panic)))),
    }
}

/// Everybody else's panics are shown as before.
fn keep_panics_of_engines_to_ourselves() {
    let shown = take_hook();
    set_hook(Box::new(move |panic| {
        let of_engine = GUARDED.get() || thread::current().name().is_some_and(|name| name.starts_with(SLED_THREADS));
        if of_engine {
            tracing::warn!(reason = text_of(panic.payload()), "an engine of the index stopped at what it read");
        } else {
            shown(panic);
        }
    }));
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

impl From<Error> for IndexError {
    fn from(error: Error) -> Self {
        use ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};
        match error.kind() {
            _ if is_full(&error) => Self::Full,
            // A file that an engine expects and that is gone is as bad as one it cannot read, or one too short for
            // a place from its end on.
            NotFound | UnexpectedEof | InvalidData | InvalidInput => Self::Damaged(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<sled::Error> for IndexError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(error) => error.into(),
            error => Self::Damaged(error.to_string()),
        }
    }
}

impl From<lsm_tree::Error> for IndexError {
    fn from(error: lsm_tree::Error) -> Self {
        match error {
            lsm_tree::Error::Io(error) => error.into(),
            error => Self::Damaged(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_an_engine_is_an_error_and_the_next_call_is_guarded_as_well() {
        for _ in 0..2 {
            let stopped = guarded(|| -> Result<(), IndexError> { panic!("slice index starts at 9") });
            assert!(matches!(stopped, Err(IndexError::Damaged(reason)) if reason.contains("starts at 9")));
            assert!(!GUARDED.get());
        }
        let inner = guarded(|| guarded(|| -> Result<(), IndexError> { panic!("inner") }).or(Ok::<_, IndexError>(())));
        assert_eq!(inner, Ok(()));
    }
}
