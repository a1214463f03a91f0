//! Everything a node needs that is read from files, and every problem with it: what `lango check`
//! prints, and what stops a start before a port is bound.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;

use super::files;
use crate::access::{CredentialKeys, KeyFingerprint, Vault, Whitelist, fingerprint, gateway};
use crate::callbacks::{ClientTls, client_tls};
use crate::clock::{Day, Zone};
use crate::config::Settings;
use crate::core::catalogue::editions::{Editions, FOLDER_PREFIX};
use crate::mminterface::Interfaces;
use crate::server::{IdentityFiles, Tls, TlsFiles};

/// The longest path that a Unix socket can have (`sockaddr_un`).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What a node is made of, read and checked.
#[derive(Debug)]
pub struct Materials {
    /// The settings.
    pub settings: Settings,
    /// Where days roll.
    pub zone: Zone,
    /// The service descriptions, compiled.
    pub interfaces: Interfaces,
    /// The catalogue and its later editions, each checked as a whole.
    pub catalogue: Editions,
    /// Who may come in.
    pub whitelist: Whitelist,
    /// What seals secrets.
    pub vault: Arc<Vault>,
    /// What opens SecurityCredentials.
    pub credential_keys: CredentialKeys,
    /// What callbacks are sent with.
    pub client_tls: ClientTls,
    /// What the HTTPS doors show and require.
    pub tls: DoorsTls,
}

/// The TLS of the two HTTPS doors.
#[derive(Clone, Debug)]
pub struct DoorsTls {
    /// Third parties'.
    pub third_party: Tls,
    /// The handset side's.
    pub handset: Tls,
}

/// Something that keeps a node from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting that it is about.
    pub about: String,
    /// What is wrong, with file and place where there is one.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.what)
    }
}

impl Materials {
    /// Reads everything that the settings name. All problems are found, not only the first. There may be fewer
    /// connections than they say, if the process may not have as many files open.
    pub fn read(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        problems.note("limits", files::fit(&mut settings, files::allowed()));
        let zone = problems.note("node.zone", Zone::named(&settings.node.zone));
        let interfaces = problems.all("node.wsdl", interfaces(&settings));
        let catalogue = problems.all("node.catalogue", catalogue(&settings.node.catalogue));
        let whitelist = problems.note("node.whitelist", whitelist(&settings.node.whitelist));
        let vault = problems.note("node.secret_key", Vault::load(&settings.node.secret_key));
        let credential_keys = problems.note("credentials.keys", CredentialKeys::load(&settings.credentials.keys));
        let client_tls = problems.note("callbacks", client_tls(&settings.callbacks));
        let third_party =
            problems.note("doors.third_party", Tls::read(&third_party_files(&settings), door_fingerprint));
        let handset = problems.note("doors.handset", Tls::read(&handset_files(&settings), gateway_fingerprint));
        problems.note("doors.admin.socket", socket_path(&settings.doors.admin.socket));
        let read = (|| {
            Some(Self {
                zone: zone?,
                interfaces: interfaces?,
                catalogue: catalogue?,
                whitelist: whitelist?,
                vault: Arc::new(vault?),
                credential_keys: credential_keys?,
                client_tls: client_tls?,
                tls: DoorsTls { third_party: third_party?, handset: handset? },
                settings,
            })
        })();
        match read {
            Some(materials) if problems.0.is_empty() => Ok(materials),
            _ => Err(problems.0),
        }
    }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn note<T, E: fmt::Display>(&mut self, about: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(about, &error)).ok()
    }

    fn all<T, E: fmt::Display>(&mut self, about: &str, result: Result<T, Vec<E>>) -> Option<T> {
        result.map_err(|errors| errors.iter().for_each(|error| self.add(about, error))).ok()
    }

    fn add(&mut self, about: &str, error: &dyn fmt::Display) {
        self.0.push(Problem { about: about.to_owned(), what: error.to_string() });
    }
}

/// Reads the files of a folder that end in `suffixes`, by name.
fn read_folder(folder: &Path, suffixes: &[&str]) -> Result<BTreeMap<String, String>, Vec<String>> {
    let said = |path: &Path, error: std::io::Error| vec![format!("{}: {error}", path.display())];
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| said(folder, error))? {
        let path = entry.map_err(|error| said(folder, error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            let text = fs::read_to_string(&path).map_err(|error| said(&path, error))?;
            files.insert(name.to_owned(), text);
        }
    }
    Ok(files)
}

fn interfaces(settings: &Settings) -> Result<Interfaces, Vec<String>> {
    let files = match &settings.node.wsdl {
        Some(folder) => read_folder(folder, &[".wsdl", ".xsd"])?,
        None => BTreeMap::new(),
    };
    Interfaces::with_files(files, settings.limits.xml).map_err(in_words)
}

/// Reads and checks the catalogue in `folder`, and its later editions in the folders within it that
/// are named for their days: `from-2027-01-01`.
pub fn catalogue(folder: &Path) -> Result<Editions, Vec<String>> {
    let first = read_folder(folder, &[".toml"])?.into_iter().collect();
    let mut later = Vec::new();
    let mut wrong = Vec::new();
    for (name, path) in folders_of(folder)? {
        match name.strip_prefix(FOLDER_PREFIX).unwrap_or(&name).parse::<Day>() {
            Ok(day) if name.starts_with(FOLDER_PREFIX) => {
                later.push((day, read_folder(&path, &[".toml"])?.into_iter().collect()));
            }
            Ok(_) | Err(_) => wrong.push(format!(
                "{}: the folder of a later edition is named for its first day, {FOLDER_PREFIX}2027-01-01",
                path.display()
            )),
        }
    }
    match Editions::parse(first, later) {
        Ok(editions) if wrong.is_empty() => Ok(editions),
        Ok(_) => Err(wrong),
        Err(errors) => Err(wrong.into_iter().chain(in_words(errors)).collect()),
    }
}

/// The folders within a folder, by name.
fn folders_of(folder: &Path) -> Result<BTreeMap<String, PathBuf>, Vec<String>> {
    let said = |error: std::io::Error| vec![format!("{}: {error}", folder.display())];
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if let (true, Some(name)) = (path.is_dir(), path.file_name().and_then(|name| name.to_str())) {
            folders.insert(name.to_owned(), path);
        }
    }
    Ok(folders)
}

fn in_words<E: fmt::Display>(errors: Vec<E>) -> Vec<String> {
    errors.iter().map(E::to_string).collect()
}

fn whitelist(path: &Path) -> Result<Whitelist, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Whitelist::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn socket_path(path: &Path) -> Result<(), String> {
    let length = path.as_os_str().len();
    if length <= SOCKET_PATH_BYTES_MAX {
        return Ok(());
    }
    Err(format!("{} has {length} bytes; a Unix socket's path has at most {SOCKET_PATH_BYTES_MAX}", path.display()))
}

/// Where the certificates of the third parties' door are.
pub(super) fn third_party_files(settings: &Settings) -> TlsFiles {
    let door = &settings.doors.third_party;
    TlsFiles {
        identities: identities((&door.certificate, &door.key), (&door.second_certificate, &door.second_key)),
        client_ca: door.client_ca.clone(),
        client_crl: door.client_crl.clone(),
    }
}

/// Where the certificates of the handset door are.
pub(super) fn handset_files(settings: &Settings) -> TlsFiles {
    let door = &settings.doors.handset;
    TlsFiles {
        identities: identities((&door.certificate, &door.key), (&door.second_certificate, &door.second_key)),
        client_ca: door.client_ca.clone(),
        client_crl: door.client_crl.clone(),
    }
}

fn identities(
    (certificate, key): (&Path, &Path),
    (second_certificate, second_key): (&Option<PathBuf>, &Option<PathBuf>),
) -> Vec<IdentityFiles> {
    let files = |certificate: &Path, key: &Path| IdentityFiles { certificate: certificate.into(), key: key.into() };
    let second = second_certificate.as_ref().zip(second_key.as_ref());
    std::iter::once(files(certificate, key)).chain(second.map(|(certificate, key)| files(certificate, key))).collect()
}

/// The identity of a verified certificate; none if its key cannot be read, which closes the
/// connection.
fn door_fingerprint(certificate: &CertificateDer<'_>) -> Option<KeyFingerprint> {
    fingerprint(certificate).ok()
}

/// The same for the handset door, where the CA says who somebody is.
fn gateway_fingerprint(certificate: &CertificateDer<'_>) -> Option<KeyFingerprint> {
    gateway(certificate).ok()
}
