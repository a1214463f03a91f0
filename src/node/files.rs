//! How many files the process may have open. Each connection is one, and so are the tables and the journal of the
//! store: whoever opens connections must leave it some, or nothing can be written down.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{CALLBACK_CONNECTIONS_MIN, Settings};

/// Files that no connection of a door or to a third party may take. The store has 256 tables open at most, the metrics
/// door 64 connections; the rest is for the journal, logs, lists that are read anew, backups and operators' commands.
const KEPT_BACK: usize = 512;

/// With fewer connections a door is of no use.
const DOOR_CONNECTIONS_MIN: usize = 16;

/// The process may have too few files open for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this process may have {allowed} files open, and a node needs {needed}: raise the limit (ulimit -n, LimitNOFILE)"
)]
pub(super) struct TooFew {
    allowed: usize,
    needed: usize,
}

/// Lets the process have as many files open as the system lets it, and gives how many.
pub(super) fn allowed() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    // None: as many as it wants.
    let files = if raised { maximum } else { current };
    files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX)
}

/// Lowers the settings' numbers of connections to what so many files are enough for, and says so in the log.
pub(super) fn fit(settings: &mut Settings, allowed: usize) -> Result<(), TooFew> {
    let doors = 2 + usize::from(settings.doors.plain.enabled);
    let needed = KEPT_BACK + doors * DOOR_CONNECTIONS_MIN + CALLBACK_CONNECTIONS_MIN;
    if allowed < needed {
        return Err(TooFew { allowed, needed });
    }
    let (room, limits, callbacks) = (allowed - KEPT_BACK, &mut settings.limits, &mut settings.callbacks);
    let at_doors = limits.connections_max.saturating_mul(doors);
    if at_doors.saturating_add(callbacks.connections_max) <= room {
        return Ok(());
    }
    // A quarter for callbacks, and what the doors do not want.
    let for_callbacks = (room / 4).max(room.saturating_sub(at_doors)).max(CALLBACK_CONNECTIONS_MIN);
    callbacks.connections_max = callbacks.connections_max.min(for_callbacks);
    let for_door = (room - callbacks.connections_max) / doors;
    for most in [
        &mut limits.connections_max,
        &mut limits.connections_per_address_max,
        &mut limits.half_open_max,
        &mut limits.half_open_per_address_max,
    ] {
        *most = for_door.min(*most);
    }
    tracing::warn!(
        files = allowed,
        of_each_door = limits.connections_max,
        of_callbacks = callbacks.connections_max,
        "fewer connections than the settings say, as the process may have no more files open"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{SHIPPED, parse};

    fn fitted(allowed: usize) -> Result<[usize; 5], TooFew> {
        let mut settings = parse(SHIPPED, Path::new("/")).unwrap();
        fit(&mut settings, allowed)?;
        let limits = &settings.limits;
        let of_address = [limits.connections_per_address_max, limits.half_open_per_address_max];
        let [per_address, half_open] = of_address;
        Ok([limits.connections_max, per_address, limits.half_open_max, half_open, settings.callbacks.connections_max])
    }

    #[test]
    fn d6_connections_leave_files_to_the_store() {
        let shipped = [10_000, 256, 4096, 128, 4096];
        assert_eq!(fitted(usize::MAX), Ok(shipped));
        assert_eq!(fitted(2 * 10_000 + 4096 + 512), Ok(shipped));
        assert_eq!(fitted(2 * 10_000 + 4096 + 511), Ok([9_999, 256, 4096, 128, 4096]));
        assert_eq!(fitted(1024), Ok([192, 192, 192, 128, 128]));
        assert_eq!(fitted(512 + 3 * 16), Ok([16, 16, 16, 16, 16]));
        assert_eq!(fitted(512 + 3 * 16 - 1), Err(TooFew { allowed: 559, needed: 560 }));
    }

    #[test]
    fn what_the_doors_do_not_want_is_for_callbacks() {
        let mut settings = parse(SHIPPED, Path::new("/")).unwrap();
        settings.limits.connections_max = 300;
        fit(&mut settings, 512 + 2 * 300 + 4000).unwrap();
        assert_eq!((settings.limits.connections_max, settings.callbacks.connections_max), (300, 4000));
    }
}
