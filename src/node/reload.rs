//! The files that may change while a node runs, and how they are taken up: when they change, or all of
//! them when somebody asks. A file with a fault changes nothing; what is wrong with it is kept, to be
//! shown until it is put right.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::Serialize;

use super::catalogue_files::CatalogueFiles;
use super::certificates::Certificates;
use crate::access::Access;
use crate::callbacks::HttpTransport;
use crate::clock::Zone;
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

/// Who is to know of changed files.
pub(super) struct Watched {
    pub whitelist: PathBuf,
    /// Taken up on request only: its files are saved one after the other, and belong together.
    pub catalogue: CatalogueFiles,
    pub certificates: Vec<Certificates>,
    pub access: Arc<Access>,
    pub transport: Arc<HttpTransport>,
    pub metrics: Arc<Metrics>,
    pub audit: Arc<Audit>,
    pub zone: Zone,
}

/// What became of one file, or of files that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Taken {
    /// Which.
    pub what: String,
    /// What is wrong with it, with the place; none if it is in force now.
    pub fault: Option<String>,
}

/// The catalogue among what is taken up.
pub(super) const CATALOGUE: &str = "catalogue";

/// Takes files up.
pub(super) struct Reloader {
    watched: Watched,
    seen: Mutex<Seen>,
    faults: Mutex<BTreeMap<String, String>>,
}

/// The files as they were when they were looked at last.
struct Seen {
    whitelist: Settling,
    certificates: Vec<SeenCertificates>,
}

struct SeenCertificates {
    stamps: Vec<Option<Stamp>>,
    /// They did not fit together when they were read. Certificate and key are two files, so between the
    /// saving of one and of the other that is no fault yet.
    is_unsettled: bool,
}

/// A file that is taken up when it was found the same twice. Half of a list is a good list, too: whoever
/// looked while it is being written would close the connections of everybody in the other half.
struct Settling {
    taken: Option<Stamp>,
    coming: Option<Option<Stamp>>,
}

/// Modified when, which inode, how long.
type Stamp = (SystemTime, u64, u64);

impl Settling {
    fn new(taken: Option<Stamp>) -> Self {
        Self { taken, coming: None }
    }

    /// Whether the file, as it is found now, is to be taken up.
    fn is_due(&mut self, found: Option<Stamp>) -> bool {
        let is_settled = self.coming == Some(found);
        self.coming = (found != self.taken && !is_settled).then_some(found);
        let is_due = found != self.taken && is_settled;
        if is_due {
            self.taken = found;
        }
        is_due
    }
}

impl Reloader {
    /// Holds what is there now for what is in force.
    pub(super) fn new(watched: Watched) -> Arc<Self> {
        let as_they_are = |one: &Certificates| SeenCertificates { stamps: stamps(one), is_unsettled: false };
        let certificates = watched.certificates.iter().map(as_they_are).collect();
        let seen = Seen { whitelist: Settling::new(stamp(&watched.whitelist)), certificates };
        Arc::new(Self { watched, seen: Mutex::new(seen), faults: Mutex::default() })
    }

    /// Takes up the files that are others than before. Gives what became of those that were read.
    pub(super) async fn take_changed(self: &Arc<Self>) -> Vec<Taken> {
        self.look(|this| this.look_now(false)).await
    }

    /// Takes every file up, changed or not, since somebody asked for it. Gives what became of them.
    pub(super) async fn take_all(self: &Arc<Self>, by: String) -> Vec<Taken> {
        self.look(move |this| {
            let mut taken = vec![this.take_catalogue(&by)];
            taken.extend(this.look_now(true));
            taken
        })
        .await
    }

    async fn look(self: &Arc<Self>, take: impl FnOnce(&Self) -> Vec<Taken> + Send + 'static) -> Vec<Taken> {
        let this = Arc::clone(self);
        // A long list takes its time to be read.
        let look = move || {
            let taken = take(&this);
            this.keep_faults(&taken);
            taken
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "the files could not be looked at");
                Vec::new()
            }
        }
    }

    /// Whether a file was found changed and waits to be found the same once more.
    pub(super) fn is_something_coming(&self) -> bool {
        lock(&self.seen).whitelist.coming.is_some()
    }

    /// What is wrong with the files as they are: which, and why.
    pub(super) fn faults(&self) -> BTreeMap<String, String> {
        lock(&self.faults).clone()
    }

    fn look_now(&self, all: bool) -> Vec<Taken> {
        // Held throughout: one look at a time.
        let mut seen = lock(&self.seen);
        let mut taken = Vec::new();
        let whitelist = stamp(&self.watched.whitelist);
        if all {
            seen.whitelist = Settling::new(whitelist);
            taken.push(self.take_whitelist());
        } else if seen.whitelist.is_due(whitelist) {
            taken.push(self.take_whitelist());
        }
        for (certificates, seen) in self.watched.certificates.iter().zip(&mut seen.certificates) {
            let stamps = stamps(certificates);
            let is_new = stamps != seen.stamps;
            if all || is_new || seen.is_unsettled {
                seen.stamps = stamps;
                let may_be_half = is_new && !all;
                taken.extend(self.take_certificates(certificates, seen, may_be_half));
            }
        }
        taken
    }

    /// Keeps what is wrong with files, or that nothing is any more.
    pub(super) fn keep_faults(&self, taken: &[Taken]) {
        let mut faults = lock(&self.faults);
        for Taken { what, fault } in taken {
            match fault {
                Some(fault) => faults.insert(what.clone(), fault.clone()),
                None => faults.remove(what),
            };
        }
    }

    fn take_catalogue(&self, by: &str) -> Taken {
        let path = self.watched.catalogue.folder.display();
        let fault = match self.watched.catalogue.reload(by) {
            Ok(changes) => {
                tracing::info!(%path, changes = changes.len(), "catalogue replaced");
                None
            }
            Err(faults) => {
                let faults = faults.join("; ");
                tracing::error!(%path, faults, "the catalogue has faults; the one before stays in force");
                Some(faults)
            }
        };
        Taken { what: CATALOGUE.into(), fault }
    }

    fn take_whitelist(&self) -> Taken {
        let Watched { whitelist, access, transport, metrics, .. } = &self.watched;
        let path = whitelist.display();
        let fault = match read_whitelist(whitelist, access) {
            Ok(networks) => {
                metrics.whitelist_replaced(networks);
                transport.forget();
                tracing::info!(%path, networks, "whitelist replaced");
                tell_of_overlaps(access);
                None
            }
            Err(error) => {
                metrics.whitelist_refused();
                tracing::error!(%path, error, "the whitelist has a fault; the one before stays in force");
                Some(format!("{path}: {error}"))
            }
        };
        Taken { what: "whitelist".into(), fault }
    }

    /// Takes certificates up; none if they may be half saved and are to be looked at again.
    fn take_certificates(
        &self,
        certificates: &Certificates,
        seen: &mut SeenCertificates,
        may_be_half: bool,
    ) -> Option<Taken> {
        let Watched { audit, metrics, zone, .. } = &self.watched;
        let of = certificates.of();
        seen.is_unsettled = false;
        let fault = match certificates.take() {
            Ok(()) => {
                metrics.certificates_replaced(of);
                audit.record("certificates-replaced", &[("of", of), ("in_force", &certificates.told(zone))]);
                tracing::info!(of, "certificates, CAs and revocation lists replaced");
                None
            }
            Err(_) if may_be_half => {
                seen.is_unsettled = true;
                return None;
            }
            Err(error) => {
                metrics.certificates_refused(of);
                audit.record("certificates-refused", &[("of", of), ("error", &error)]);
                tracing::error!(of, error, "certificates have a fault; those before stay in force");
                Some(error)
            }
        };
        Some(Taken { what: format!("certificates of {of}"), fault })
    }
}

fn read_whitelist(path: &Path, access: &Access) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    access.reload_whitelist(&text).map_err(|error| error.to_string())?;
    Ok(access.whitelist().networks().count())
}

/// Two third parties may share addresses, since the certificate decides; whoever wrote the list should
/// know that they do.
pub(super) fn tell_of_overlaps(access: &Access) {
    let list = access.whitelist();
    let overlaps = list.overlaps();
    if overlaps.count > 0 {
        let told: Vec<String> = overlaps.first.iter().map(ToString::to_string).collect();
        tracing::warn!(
            overlaps = overlaps.count,
            first = told.join("; "),
            "networks of different third parties overlap; the certificate decides"
        );
    }
}

fn stamps(certificates: &Certificates) -> Vec<Option<Stamp>> {
    certificates.paths().into_iter().map(stamp).collect()
}

/// What tells a saved file from the one before: editors replace files as well as rewrite them.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_up_once_and_not_while_it_is_being_written() {
        let stamp = |length: u64| Some((SystemTime::UNIX_EPOCH, 1, length));
        let mut file = Settling::new(stamp(100));
        let due: Vec<bool> = [
            (stamp(100), false),
            // Cut off, and written on.
            (stamp(0), false),
            (stamp(40), false),
            (stamp(90), false),
            (stamp(90), true),
            (stamp(90), false),
            // Moved away, and another one put in its place.
            (None, false),
            (stamp(91), false),
            (stamp(91), true),
            // Changed and put back before it was taken up.
            (stamp(92), false),
            (stamp(91), false),
            (stamp(92), false),
            (stamp(92), true),
            // Gone for good.
            (None, false),
            (None, true),
            (None, false),
        ]
        .map(|(found, due)| file.is_due(found) == due)
        .into();
        assert!(due.iter().all(|as_it_should| *as_it_should), "{due:?}");
    }
}
