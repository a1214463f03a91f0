//! What a node does from time to time: look whether the whitelist or a certificate was changed, sync
//! the audit log.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use super::CatalogueFiles;
use crate::access::Access;
use crate::callbacks::HttpTransport;
use crate::server::{Doors, Tls, TlsFiles, TlsMaterial};
use crate::telemetry::audit::Audit;
use crate::telemetry::metrics::Metrics;

const EVERY: Duration = Duration::from_secs(1);

/// The files that may change while a node runs, and who is to know.
pub(super) struct Watched {
    pub whitelist: PathBuf,
    pub catalogue: CatalogueFiles,
    /// The HTTPS doors, and where their certificates are.
    pub doors_tls: Vec<(Tls, TlsFiles)>,
    pub access: Arc<Access>,
    pub transport: Arc<HttpTransport>,
    pub metrics: Arc<Metrics>,
    pub doors: Arc<Doors>,
}

/// Puts saved files in force, at most a second after they were saved, or all of them when `reload`
/// says so. One with a fault changes nothing.
pub(super) async fn files(watched: Watched, mut reload: watch::Receiver<()>) {
    let mut whitelist_seen = stamp(&watched.whitelist);
    let mut doors_seen = watched.doors_stamps();
    loop {
        let told = tokio::select! {
            () = tokio::time::sleep(EVERY) => false,
            changed = reload.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
        };
        let (whitelist_now, doors_now) = (stamp(&watched.whitelist), watched.doors_stamps());
        // Five files that are saved one after the other are taken up when somebody says so.
        if told {
            watched.reload_catalogue();
        }
        if told || whitelist_now != whitelist_seen {
            watched.reload_whitelist();
        }
        for (at, (tls, files)) in watched.doors_tls.iter().enumerate() {
            if told || doors_now.get(at) != doors_seen.get(at) {
                watched.reload_certificates(tls, files);
            }
        }
        (whitelist_seen, doors_seen) = (whitelist_now, doors_now);
    }
}

impl Watched {
    fn reload_whitelist(&self) {
        let path = self.whitelist.display();
        match reload(&self.whitelist, &self.access) {
            Ok(networks) => {
                self.metrics.whitelist_replaced(networks);
                self.transport.forget();
                self.doors.recheck();
                tracing::info!(%path, networks, "whitelist replaced");
            }
            Err(error) => {
                self.metrics.whitelist_refused();
                tracing::error!(%path, error, "the whitelist has a fault; the one before stays in force");
            }
        }
    }

    fn reload_catalogue(&self) {
        let path = self.catalogue.folder.display();
        match self.catalogue.reload("SIGHUP") {
            Ok(changes) => tracing::info!(%path, changes = changes.len(), "catalogue replaced"),
            Err(faults) => {
                let faults = faults.join("; ");
                tracing::error!(%path, faults, "the catalogue has faults; the one before stays in force");
            }
        }
    }

    /// Certificate and key are two files: between the saving of one and of the other they do not fit,
    /// and the pair is read again when the second one changes.
    fn reload_certificates(&self, tls: &Tls, files: &TlsFiles) {
        let path = files.certificate.display();
        match TlsMaterial::read(files).and_then(|material| tls.replace(material)) {
            Ok(()) => {
                self.doors.recheck();
                tracing::info!(certificate = %path, "certificates, CAs and revocation lists replaced");
            }
            Err(error) => {
                tracing::error!(certificate = %path, %error, "a door's certificates have a fault; those before stay in force");
            }
        }
    }

    fn doors_stamps(&self) -> Vec<Vec<Option<Stamp>>> {
        let of_door = |files: &TlsFiles| {
            let TlsFiles { certificate, key, client_ca, client_crl } = files;
            [certificate, key, client_ca].into_iter().chain(client_crl).map(|path| stamp(path)).collect()
        };
        self.doors_tls.iter().map(|(_, files)| of_door(files)).collect()
    }
}

fn reload(path: &Path, access: &Access) -> Result<usize, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    access.reload_whitelist(&text).map_err(|error| error.to_string())?;
    Ok(access.whitelist().networks().count())
}

/// Modified when, which inode, how long.
type Stamp = (SystemTime, u64, u64);

/// What tells a saved file from the one before: editors replace files as well as rewrite them.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}

/// Brings the audit log's newest lines to the disk.
pub(super) async fn audit(audit: Arc<Audit>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let audit = Arc::clone(&audit);
        match tokio::task::spawn_blocking(move || audit.sync()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the audit log could not be synced"),
            Err(error) => tracing::error!(%error, "the audit log's sync failed"),
        }
    }
}
