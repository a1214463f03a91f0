//! Certificates that may change while a node runs: those of each HTTPS door, and those that callbacks
//! are sent with.

use std::path::Path;
use std::sync::Arc;

use super::expiry::{Expiring, of_callbacks, of_door};
use crate::callbacks::{HttpTransport, client_tls};
use crate::clock::Zone;
use crate::config;
use crate::server::{Doors, Tls, TlsFiles, TlsMaterial};

/// A door's TLS, and where it comes from.
pub(super) struct DoorTls {
    /// The door, as in the settings.
    pub door: &'static str,
    pub tls: Tls,
    pub files: TlsFiles,
}

/// What is taken up as one: a certificate, its key, and who vouches for the other side.
pub(super) enum Certificates {
    /// Of an HTTPS door.
    Door(DoorTls, Arc<Doors>),
    /// Of callbacks.
    Callbacks(config::Callbacks, Arc<HttpTransport>),
}

impl Certificates {
    /// Whose they are, as in the settings.
    pub(super) fn of(&self) -> &'static str {
        match self {
            Self::Door(door, _) => door.door,
            Self::Callbacks(..) => "callbacks",
        }
    }

    /// Every file.
    pub(super) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Door(door, _) => door.files.paths().collect(),
            Self::Callbacks(settings, _) => vec![&settings.certificate, &settings.key, &settings.server_ca],
        }
    }

    /// Puts the files as they are in force, or leaves everything as it was and says what is wrong.
    pub(super) fn take(&self) -> Result<(), String> {
        match self {
            Self::Door(door, doors) => {
                let read = TlsMaterial::read(&door.files).and_then(|material| door.tls.replace(material));
                read.map_err(|error| error.to_string())?;
                doors.recheck();
            }
            Self::Callbacks(settings, transport) => {
                transport.replace_tls(client_tls(settings).map_err(|error| error.to_string())?);
            }
        }
        Ok(())
    }

    /// What is in force and until when, for the audit log.
    pub(super) fn told(&self, zone: &Zone) -> String {
        let all = match self {
            Self::Door(door, _) => of_door(door.door, &door.tls),
            Self::Callbacks(settings, _) => of_callbacks(settings),
        };
        let one = |one: &Expiring| format!("{} {} until {}", one.kind, one.name, zone.readable(one.until));
        all.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
