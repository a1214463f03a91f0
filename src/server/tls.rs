//! The TLS side of a door: TLS 1.2 and 1.3 with the safe suites of rustls, client certificates
//! required, chained to the door's CAs and checked against its CRLs.
//!
//! Invariant: no session is ever resumed, since a resumed session would skip the check of the client
//! certificate.

mod choice;
mod material;
mod verifier;

pub use material::{IdentityFiles, ServerIdentity, TlsError, TlsFiles, TlsMaterial};

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::access::{
    IdentityError, KeyFingerprint, RevocationListPlace, Validity, certificate_subject, certificate_validity,
    revocation_list_place, revocation_list_validity,
};
use crate::clock::{Clock, SystemClock, Timestamp};

use choice::Choice;
use verifier::{Verifier, unix_time};

/// How a door tells the key of a client certificate.
pub type Fingerprint = fn(&CertificateDer<'_>) -> Option<KeyFingerprint>;

/// A door's TLS in force. Clones share it, so that a reload reaches the door.
#[derive(Clone)]
pub struct Tls {
    state: Arc<ArcSwap<State>>,
    fingerprint: Fingerprint,
    time: Arc<Time>,
}

/// Something of a door's TLS that ends one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What it is.
    pub what: EndingKind,
    /// Its name and its end.
    pub validity: Validity,
}

/// What can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndingKind {
    /// A certificate that the door shows.
    ServerCertificate,
    /// A CA that signs client certificates.
    ClientCa,
    /// A list of revoked client certificates. When it is past, nobody comes in.
    RevocationList,
}

struct State {
    config: Arc<ServerConfig>,
    verifier: Arc<Verifier>,
    endings: Vec<Ending>,
    lists: Vec<List>,
    /// How often it was replaced.
    generation: u64,
}

/// A revocation list in force.
struct List {
    name: String,
    place: RevocationListPlace,
}

/// The door's time, once the door is open and has a clock; the machine's before.
#[derive(Debug, Default)]
struct Time(OnceLock<Arc<dyn Clock>>);

/// The certificate that a peer showed, kept as long as its connection, so that it can be asked again
/// whether it is still good.
pub(super) struct Proof {
    chain: Vec<CertificateDer<'static>>,
    /// The newest generation under which it was found good.
    good_under: AtomicU64,
    /// The time in which that need not be looked at again, in microseconds.
    good_from: AtomicI64,
    good_until: AtomicI64,
}

impl Tls {
    /// Sets TLS up from what was read.
    pub fn new(material: TlsMaterial, fingerprint: Fingerprint) -> Result<Self, TlsError> {
        let time = Arc::<Time>::default();
        let state = State::new(material, 0, Arc::clone(&time))?;
        Ok(Self { state: Arc::new(ArcSwap::from_pointee(state)), fingerprint, time })
    }

    /// Sets TLS up from files.
    pub fn read(files: &TlsFiles, fingerprint: Fingerprint) -> Result<Self, TlsError> {
        Self::new(TlsMaterial::read(files)?, fingerprint)
    }

    /// Handshakes from now on use `material`; on an error the old one stays in force. Connections
    /// that are open have their certificate verified again before their next request, and on
    /// [`super::Doors::recheck`].
    pub fn replace(&self, material: TlsMaterial) -> Result<(), TlsError> {
        let before = self.state.load();
        let state = State::new(material, before.generation.wrapping_add(1), Arc::clone(&self.time))?;
        ensure_no_older_list(&before.lists, &state.lists)?;
        self.state.store(Arc::new(state));
        Ok(())
    }

    /// What is in force, and when each of it ends.
    pub fn endings(&self) -> Vec<Ending> {
        self.state.load().endings.clone()
    }

    /// Takes the door's clock; the first door that opens with it says which.
    pub(super) fn keep_time_by(&self, clock: &Arc<dyn Clock>) {
        self.time.0.get_or_init(|| Arc::clone(clock));
    }

    /// What the peer has shown in a handshake under `generation`.
    pub(super) fn proof(&self, chain: &[CertificateDer<'_>], generation: u64) -> Proof {
        let proof = Proof {
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            good_under: AtomicU64::new(generation),
            // Looked at before the first request, which finds it remembered from the handshake.
            good_from: AtomicI64::new(i64::MAX),
            good_until: AtomicI64::new(i64::MIN),
        };
        self.holds(&proof);
        proof
    }

    /// Whether the certificate is good under what is in force now: of a CA of ours, not past and not
    /// revoked. Verifies only if TLS was replaced since it did last, or one of the dates is past.
    pub(super) fn holds(&self, proof: &Proof) -> bool {
        let (state, now) = (self.state.load(), self.time.now());
        let is_known = proof.good_under.load(Ordering::Relaxed) == state.generation;
        let from = proof.good_from.load(Ordering::Relaxed);
        if is_known && from <= now.micros() && now.micros() < proof.good_until.load(Ordering::Relaxed) {
            return true;
        }
        let chain: Vec<&CertificateDer<'_>> = proof.chain.iter().collect();
        let Ok(window) = state.verifier.verify(&chain, now) else { return false };
        proof.good_from.store(window.from.micros(), Ordering::Relaxed);
        proof.good_until.store(window.until.micros(), Ordering::Relaxed);
        proof.good_under.store(state.generation, Ordering::Relaxed);
        true
    }

    /// What a handshake that begins now uses, and its generation.
    pub(super) fn config(&self) -> (Arc<ServerConfig>, u64) {
        let state = self.state.load();
        (Arc::clone(&state.config), state.generation)
    }

    /// The key of the peer's own certificate, which the handshake has verified.
    pub(super) fn key(&self, chain: &[CertificateDer<'_>]) -> Option<KeyFingerprint> {
        chain.first().and_then(self.fingerprint)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl State {
    fn new(material: TlsMaterial, generation: u64, time: Arc<Time>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let endings = endings(&material)?;
        let lists = lists(&material)?;
        let dated = endings.iter().filter(|ending| ending.what == EndingKind::RevocationList);
        let lists_until = dated.map(|list| list.validity.until).min().unwrap_or(Timestamp::from_micros(i64::MAX));
        let verifier = Arc::new(Verifier::new(material.client_cas, material.client_crls, lists_until, &provider)?);
        let choice = Choice::of(material.identities, &provider)?;
        let config = server_config(choice, Arc::clone(&verifier), provider, time)?;
        Ok(Self { config: Arc::new(config), verifier, endings, lists, generation })
    }
}

impl Time {
    fn now(&self) -> Timestamp {
        self.0.get().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.now()))
    }
}

fn server_config(
    choice: Choice,
    verifier: Arc<Verifier>,
    provider: Arc<CryptoProvider>,
    time: Arc<Time>,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Server)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(choice));
    // Programs that speak HTTP/1.0 are served; one that names it here would not come through the handshake.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    // No resumption: no stored session, no ticket of TLS 1.2 (the default ticketer makes none) or 1.3.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Everything that ends. A server's chain is as good as the first of its certificates to end.
fn endings(material: &TlsMaterial) -> Result<Vec<Ending>, TlsError> {
    let mut endings = Vec::new();
    for identity in &material.identities {
        let validities = read_all(&identity.chain, "server's certificate", certificate_validity)?;
        let validity = validities.into_iter().min_by_key(|validity| validity.until);
        endings.extend(validity.map(|validity| Ending { what: EndingKind::ServerCertificate, validity }));
    }
    let cas = read_all(&material.client_cas, "CA for client certificates", certificate_validity)?;
    endings.extend(cas.into_iter().map(|validity| Ending { what: EndingKind::ClientCa, validity }));
    let lists = read_all(&material.client_crls, "CRL for client certificates", revocation_list_validity)?;
    endings.extend(lists.into_iter().map(|validity| Ending { what: EndingKind::RevocationList, validity }));
    Ok(endings)
}

/// A list from before the one in force, out of a backup perhaps, would take back what was revoked since.
fn ensure_no_older_list(before: &[List], after: &[List]) -> Result<(), TlsError> {
    let is_older = |list: &&List| before.iter().any(|other| list.place.is_before(&other.place));
    after.iter().find(is_older).map_or(Ok(()), |list| Err(TlsError::OlderList(list.name.clone())))
}

/// The lists. Where there are any, there must be one of each CA: a certificate about which no list says
/// anything is refused, and a whole CA shut out by a forgotten file is no rule that anybody wrote.
fn lists(material: &TlsMaterial) -> Result<Vec<List>, TlsError> {
    let lists = read_all(&material.client_crls, "CRL for client certificates", |list| {
        Ok(List { name: revocation_list_validity(list)?.name, place: revocation_list_place(list)? })
    })?;
    for ca in material.client_cas.iter().filter(|_| !lists.is_empty()) {
        let unreadable = |source| TlsError::Unreadable { what: "CA for client certificates", source };
        let subject = certificate_subject(ca).map_err(unreadable)?;
        if !lists.iter().any(|list| list.place.issuer == subject) {
            return Err(TlsError::NoList(certificate_validity(ca).map_err(unreadable)?.name));
        }
    }
    Ok(lists)
}

fn read_all<T, V>(
    all: &[T],
    what: &'static str,
    read: impl Fn(&T) -> Result<V, IdentityError>,
) -> Result<Vec<V>, TlsError> {
    all.iter().map(|one| read(one).map_err(|source| TlsError::Unreadable { what, source })).collect()
}
