//! What ends one day and has to be renewed before: certificates, CAs, revocation lists, the keys of
//! third parties. Each is told of 30, 14, 7 and 1 days ahead, once, and when it is past; `lango status`
//! and the metrics show it all the time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;

use super::certificates::DoorTls;
use crate::access::{Access, ThirdParty, Validity, certificate_validity};
use crate::clock::{Clock, Timestamp, Zone};
use crate::config;
use crate::server::{Tls, TlsEndingKind};
use crate::telemetry::metrics::{Expiry, Metrics};

const DAY_SECONDS: i64 = 86_400;
/// Days ahead of the end at which it is told of, the furthest first.
const DAYS_AHEAD: [u16; 4] = [30, 14, 7, 1];

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Expiring {
    /// The end.
    pub until: Timestamp,
    /// What it is, such as `server_certificate`.
    pub kind: &'static str,
    /// Which one.
    pub name: String,
}

/// How near an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// Further than it is told of.
    Far,
    /// Within this many days.
    Within(std::cmp::Reverse<u16>),
    /// Past.
    Past,
}

/// Everything of a node that ends.
pub(super) struct Expiries {
    doors: Vec<(&'static str, Tls)>,
    callbacks: config::Callbacks,
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    zone: Zone,
    told: Mutex<BTreeMap<(&'static str, String), Nearness>>,
}

impl Expiries {
    /// Nothing was told yet.
    pub(super) fn new(
        doors: &[DoorTls],
        callbacks: config::Callbacks,
        access: Arc<Access>,
        (clock, zone): (Arc<dyn Clock>, Zone),
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let doors = doors.iter().map(|door| (door.door, door.tls.clone())).collect();
        Arc::new(Self { doors, callbacks, access, clock, metrics, zone, told: Mutex::default() })
    }

    /// Looks at everything, counts it, and tells what came nearer since it was told last.
    pub(super) fn look(&self) {
        let (all, now) = (self.all(), self.clock.now());
        self.metrics.expiries(all.iter().map(|one| Expiry {
            kind: one.kind,
            name: &one.name,
            until_seconds: one.until.seconds(),
            days_left: days_left(one.until, now),
        }));
        for one in &all {
            self.tell(one, now);
        }
        let mut told = self.told();
        told.retain(|(kind, name), _| all.iter().any(|one| one.kind == *kind && one.name == *name));
    }

    /// What ends within the first of the times at which it is told of, or is past; the nearest first.
    pub(super) fn soon(&self) -> Vec<Expiring> {
        let now = self.clock.now();
        self.all().into_iter().filter(|one| nearness(one.until, now) > Nearness::Far).collect()
    }

    fn tell(&self, one: &Expiring, now: Timestamp) {
        let near = nearness(one.until, now);
        let before = self.told().insert((one.kind, one.name.clone()), near);
        if near <= before.unwrap_or(Nearness::Far) {
            return;
        }
        let (kind, name) = (one.kind, &one.name);
        let (until, days_left) = (self.zone.readable(one.until), days_left(one.until, now));
        match near {
            Nearness::Far => {}
            Nearness::Past => tracing::error!(kind, name, until, "this is past; renew it"),
            Nearness::Within(std::cmp::Reverse(1)) => {
                tracing::error!(kind, name, until, days_left, "this ends within a day; renew it");
            }
            Nearness::Within(std::cmp::Reverse(days)) => {
                tracing::warn!(kind, name, until, days_left, "this ends within {days} days; renew it");
            }
        }
    }

    /// Everything, the nearest end first.
    fn all(&self) -> Vec<Expiring> {
        let doors = self.doors.iter().flat_map(|(door, tls)| of_door(door, tls));
        let keys = self.access.third_parties();
        let keys = keys.iter().flat_map(|party| of_party(party));
        let mut all: Vec<Expiring> = doors.chain(of_callbacks(&self.callbacks)).chain(keys).collect();
        all.sort();
        all
    }

    fn told(&self) -> MutexGuard<'_, BTreeMap<(&'static str, String), Nearness>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a door shows and requires.
pub(super) fn of_door(door: &str, tls: &Tls) -> Vec<Expiring> {
    let kind = |what| match what {
        TlsEndingKind::ServerCertificate => "server_certificate",
        TlsEndingKind::ClientCa => "client_ca",
        TlsEndingKind::RevocationList => "revocation_list",
    };
    let told = |ending: crate::server::TlsEnding| Expiring {
        until: ending.validity.until,
        kind: kind(ending.what),
        name: format!("{door}: {}", ending.validity.name),
    };
    tls.endings().into_iter().map(told).collect()
}

/// What callbacks are sent with, as it is on the disk.
pub(super) fn of_callbacks(settings: &config::Callbacks) -> Vec<Expiring> {
    let files = [("callback_certificate", &settings.certificate), ("callback_ca", &settings.server_ca)];
    // A file that cannot be read is for those to complain of who need it.
    let in_file = |(kind, path)| {
        let certificates = CertificateDer::pem_file_iter(path).into_iter().flatten().flatten();
        certificates.filter_map(move |certificate| {
            let Validity { name, until, .. } = certificate_validity(&certificate).ok()?;
            Some(Expiring { until, kind, name })
        })
    };
    files.into_iter().flat_map(in_file).collect()
}

/// The keys of a third party that is served. The first digits of a fingerprint tell them apart.
fn of_party(party: &ThirdParty) -> Vec<Expiring> {
    let told = |key: &crate::access::ClientKey| {
        let fingerprint: String = key.fingerprint.to_string().chars().take(16).collect();
        Expiring { until: key.not_after, kind: "third_party_key", name: format!("{} {fingerprint}", party.name) }
    };
    party.keys.iter().filter(|_| party.enabled).map(told).collect()
}

/// Whole days, rounded down; below zero when it is past.
pub(super) fn days_left(until: Timestamp, now: Timestamp) -> i64 {
    until.seconds().saturating_sub(now.seconds()).div_euclid(DAY_SECONDS)
}

fn nearness(until: Timestamp, now: Timestamp) -> Nearness {
    if until < now {
        return Nearness::Past;
    }
    let left = until.seconds().saturating_sub(now.seconds());
    let within = DAYS_AHEAD.iter().rev().find(|days| left <= i64::from(**days).saturating_mul(DAY_SECONDS));
    within.map_or(Nearness::Far, |days| Nearness::Within(std::cmp::Reverse(*days)))
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_is_told_of_thirty_fourteen_seven_and_one_days_ahead() {
        let until = Timestamp::from_seconds(1_800_000_000);
        let at = |seconds_before: u64| nearness(until, until.minus(Duration::from_secs(seconds_before)));
        let day = 86_400;
        assert_eq!(at(30 * day + 1), Nearness::Far);
        assert_eq!((at(30 * day), at(14 * day + 1)), (Nearness::Within(Reverse(30)), Nearness::Within(Reverse(30))));
        assert_eq!((at(14 * day), at(7 * day + 1)), (Nearness::Within(Reverse(14)), Nearness::Within(Reverse(14))));
        assert_eq!((at(7 * day), at(day + 1)), (Nearness::Within(Reverse(7)), Nearness::Within(Reverse(7))));
        assert_eq!((at(day), at(0)), (Nearness::Within(Reverse(1)), Nearness::Within(Reverse(1))));
        assert_eq!(nearness(until, until.plus(Duration::from_micros(1))), Nearness::Past);
    }

    #[test]
    fn a_nearer_end_is_more() {
        let within = |days| Nearness::Within(Reverse(days));
        assert!(Nearness::Far < within(30) && within(30) < within(14) && within(14) < within(7));
        assert!(within(7) < within(1) && within(1) < Nearness::Past);
    }
}
