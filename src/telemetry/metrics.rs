//! Counters, gauges and histograms, and their text for the metrics door. Other modules call the
//! methods of [`Metrics`] and never touch the types of the metrics library.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Endpoints of third parties that are counted each for itself.
pub const ENDPOINTS_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AtDoor {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionEnd {
    door: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestEnd {
    door: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerCode {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallbackAttempt {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointAttempt {
    endpoint: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallbackKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tolerance {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refusal {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    of: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    of: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ending {
    kind: &'static str,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithinDays {
    days: u16,
}

/// Something that has to be renewed before it ends.
#[derive(Clone, Copy, Debug)]
pub struct Expiry<'a> {
    /// What it is, such as `server_certificate`.
    pub kind: &'static str,
    /// Which one.
    pub name: &'a str,
    /// Its end, in seconds since 1970.
    pub until_seconds: i64,
    /// Whole days until then; below zero when it is past.
    pub days_left: i64,
}

/// Days ahead for which what ends is counted.
const EXPIRY_DAYS: [u16; 4] = [1, 7, 14, 30];

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// Everything that this process counts. One per process, shared by reference.
pub struct Metrics {
    registry: Registry,
    connections: Family<ConnectionEnd, Counter>,
    connections_open: Family<AtDoor, Gauge>,
    handshake_seconds: Seconds<AtDoor>,
    requests: Family<RequestEnd, Counter>,
    request_seconds: Seconds<AtDoor>,
    accept_failures: Family<AtDoor, Counter>,
    answers: Family<AnswerCode, Counter>,
    callbacks: Family<CallbackAttempt, Counter>,
    callbacks_dead: Family<CallbackKind, Counter>,
    endpoint_calls: Family<EndpointAttempt, Counter>,
    endpoints: Mutex<HashSet<String>>,
    commits: Family<Outcome, Counter>,
    commit_seconds: Histogram,
    tolerances: Family<Tolerance, Counter>,
    refusals: Family<Refusal, Counter>,
    whitelist_reloads: Family<Outcome, Counter>,
    whitelist_stale: Gauge,
    whitelist_networks: Gauge<u64, AtomicU64>,
    certificate_reloads: Family<Reload, Counter>,
    certificates_stale: Family<Of, Gauge>,
    expires: Family<Ending, Gauge>,
    expiring: Family<WithinDays, Gauge>,
}

impl Metrics {
    /// All families, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("lango");
        Self {
            connections: counters(&mut registry, "connections", "Connections that ended, by how"),
            connections_open: family(&mut registry, "connections_open", "Connections now open"),
            handshake_seconds: histograms(&mut registry, "handshake", "Time of a TLS handshake that succeeded"),
            requests: counters(&mut registry, "requests", "Requests answered, by HTTP status"),
            request_seconds: histograms(&mut registry, "request", "Time from a request's headers to its answer"),
            accept_failures: counters(&mut registry, "accept_failures", "Failures of accept, such as no file left"),
            answers: counters(&mut registry, "answers", "Answers to requests, by response or result code"),
            callbacks: counters(&mut registry, "callbacks", "Attempts to call a third party, by outcome"),
            callbacks_dead: counters(
                &mut registry,
                "callbacks_dead",
                "Callbacks given up, until somebody replays them",
            ),
            endpoint_calls: counters(&mut registry, "endpoint_calls", "Calls to a third party's endpoint, by outcome"),
            endpoints: Mutex::default(),
            commits: counters(&mut registry, "commits", "Write sets given to the store, by outcome"),
            commit_seconds: commit_seconds(&mut registry),
            tolerances: counters(&mut registry, "tolerances_used", "Uses of named tolerances"),
            refusals: counters(&mut registry, "refusals", "Requests refused by a gate, by private reason"),
            whitelist_reloads: counters(&mut registry, "whitelist_reloads", "Readings of the whitelist, by outcome"),
            whitelist_stale: gauge(
                &mut registry,
                "whitelist_stale",
                "1 while the whitelist's file has a fault and the list before it is in force",
            ),
            whitelist_networks: gauge(&mut registry, "whitelist_networks", "Networks of the whitelist in force"),
            certificate_reloads: counters(
                &mut registry,
                "certificate_reloads",
                "Readings of the certificates of a door or of callbacks, by outcome",
            ),
            certificates_stale: family(
                &mut registry,
                "certificates_stale",
                "1 while the certificates of a door or of callbacks have a fault and those before them are in force",
            ),
            expires: family(
                &mut registry,
                "expires_timestamp_seconds",
                "When a certificate, CA, revocation list or key ends, in seconds since 1970",
            ),
            expiring: family(&mut registry, "expiring", "What ends within so many days, or is past"),
            registry,
        }
    }

    /// A connection to `door` is open.
    pub fn connection_opened(&self, door: &'static str) {
        self.connections_open.get_or_create(&AtDoor { door }).inc();
    }

    /// A connection that was reported as opened is closed.
    pub fn connection_closed(&self, door: &'static str) {
        self.connections_open.get_or_create(&AtDoor { door }).dec();
    }

    /// A connection ended, or was refused: `outcome` says how.
    pub fn connection_ended(&self, door: &'static str, outcome: &'static str) {
        self.connections.get_or_create(&ConnectionEnd { door, outcome }).inc();
    }

    /// A TLS handshake succeeded.
    pub fn handshake(&self, door: &'static str, took: Duration) {
        self.handshake_seconds.get_or_create(&AtDoor { door }).observe(took.as_secs_f64());
    }

    /// Accepting a connection failed for a reason of this machine, not of the peer.
    pub fn accept_failed(&self, door: &'static str) {
        self.accept_failures.get_or_create(&AtDoor { door }).inc();
    }

    /// A request was answered with this HTTP status.
    pub fn request(&self, door: &'static str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestEnd { door, status }).inc();
        self.request_seconds.get_or_create(&AtDoor { door }).observe(took.as_secs_f64());
    }

    /// A request was answered, or a transaction decided, with this code of the protocol. The code
    /// is one of ours, never one that a caller sent.
    pub fn answer(&self, code: &str) {
        self.answers.get_or_create(&AnswerCode { code: code.to_owned() }).inc();
    }

    /// An attempt to call a third party: `kind` such as `result`, `outcome` such as `delivered`.
    pub fn callback(&self, kind: &'static str, outcome: &'static str) {
        self.callbacks.get_or_create(&CallbackAttempt { kind, outcome }).inc();
    }

    /// A call went out to this endpoint (scheme, host and port). The first [`ENDPOINTS_MAX`] are
    /// counted each for itself, those after them together as `other`: the names are third parties'.
    pub fn endpoint_called(&self, endpoint: &str, outcome: &'static str) {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        let own =
            endpoints.contains(endpoint) || endpoints.len() < ENDPOINTS_MAX && endpoints.insert(endpoint.to_owned());
        drop(endpoints);
        let endpoint = if own { endpoint } else { "other" }.to_owned();
        self.endpoint_calls.get_or_create(&EndpointAttempt { endpoint, outcome }).inc();
    }

    /// A callback was given up: a dead letter.
    pub fn callback_dead(&self, kind: &'static str) {
        self.callbacks_dead.get_or_create(&CallbackKind { kind }).inc();
    }

    /// The store took a write set, or refused it.
    pub fn commit(&self, outcome: &'static str, took: Duration) {
        self.commits.get_or_create(&Outcome { outcome }).inc();
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// A named tolerance let something through.
    pub fn tolerance_used(&self, name: &'static str) {
        self.tolerances.get_or_create(&Tolerance { name }).inc();
    }

    /// A gate refused a request.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Refusal { reason }).inc();
    }

    /// A new whitelist is in force, with this many networks.
    pub fn whitelist_replaced(&self, networks: usize) {
        self.whitelist_reloads.get_or_create(&Outcome { outcome: "replaced" }).inc();
        self.whitelist_networks.set(u64::try_from(networks).unwrap_or(u64::MAX));
        self.whitelist_stale.set(0);
    }

    /// The whitelist's file has a fault; the list before it stays in force.
    pub fn whitelist_refused(&self) {
        self.whitelist_reloads.get_or_create(&Outcome { outcome: "refused" }).inc();
        self.whitelist_stale.set(1);
    }

    /// New certificates, CAs and revocation lists of this part of the settings are in force.
    pub fn certificates_replaced(&self, of: &'static str) {
        self.certificate_reloads.get_or_create(&Reload { of, outcome: "replaced" }).inc();
        self.certificates_stale.get_or_create(&Of { of }).set(0);
    }

    /// The certificates of this part of the settings have a fault; those before them stay in force.
    pub fn certificates_refused(&self, of: &'static str) {
        self.certificate_reloads.get_or_create(&Reload { of, outcome: "refused" }).inc();
        self.certificates_stale.get_or_create(&Of { of }).set(1);
    }

    /// Everything that ends one day, in the place of what was told before.
    pub fn expiries<'a>(&self, all: impl Iterator<Item = Expiry<'a>>) {
        self.expires.clear();
        let mut counts = EXPIRY_DAYS.map(|days| (days, 0));
        for Expiry { kind, name, until_seconds, days_left } in all {
            self.expires.get_or_create(&Ending { kind, name: name.to_owned() }).set(until_seconds);
            for (_, count) in counts.iter_mut().filter(|(days, _)| days_left < i64::from(*days)) {
                *count += 1;
            }
        }
        for (days, count) in counts {
            self.expiring.get_or_create(&WithinDays { days }).set(count);
        }
    }

    /// All of it as OpenMetrics text, of [`CONTENT_TYPE`].
    pub fn text(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string fails only if a metric's own encoder does; half a page would be
            // read as counters that vanished, so there is none.
            Err(fmt::Error) => String::from("# EOF\n"),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn counters<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
{
    let family = Family::default();
    registry.register(name, help, Family::clone(&family));
    family
}

fn family<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Gauge>
where
    L: Clone + std::hash::Hash + Eq + EncodeLabelSet + fmt::Debug + Send + Sync + 'static,
{
    let family = Family::default();
    registry.register(name, help, Family::clone(&family));
    family
}

fn histograms(registry: &mut Registry, name: &str, help: &str) -> Seconds<AtDoor> {
    let family = Family::new_with_constructor(seconds as fn() -> Histogram);
    registry.register_with_unit(name, help, Unit::Seconds, Family::clone(&family));
    family
}

fn commit_seconds(registry: &mut Registry) -> Histogram {
    let histogram = seconds();
    registry.register_with_unit("commit", "Time from a write set to its durability", Unit::Seconds, histogram.clone());
    histogram
}

fn gauge<N, A>(registry: &mut Registry, name: &str, help: &str) -> Gauge<N, A>
where
    Gauge<N, A>: Default + Clone + prometheus_client::registry::Metric,
{
    let gauge = Gauge::<N, A>::default();
    registry.register(name, help, gauge.clone());
    gauge
}

/// 50 microseconds to 26 seconds: from one commit to a payer's whole window and beyond.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_05, 2.0, 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let metrics = Metrics::new();
        metrics.connection_ended("third_party", "address");
        metrics.request("third_party", 200, Duration::from_millis(3));
        metrics.answer("0");
        metrics.callback("result", "delivered");
        metrics.commit("done", Duration::from_micros(400));
        metrics.tolerance_used("element-order");
        metrics.refused("password");
        let text = metrics.text();
        for line in [
            r#"lango_connections_total{door="third_party",outcome="address"} 1"#,
            r#"lango_requests_total{door="third_party",status="200"} 1"#,
            r#"lango_request_seconds_count{door="third_party"} 1"#,
            r#"lango_answers_total{code="0"} 1"#,
            r#"lango_callbacks_total{kind="result",outcome="delivered"} 1"#,
            r#"lango_commits_total{outcome="done"} 1"#,
            r#"lango_tolerances_used_total{name="element-order"} 1"#,
            r#"lango_refusals_total{reason="password"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_faulty_whitelist_shows_until_a_good_one_replaces_it() {
        let metrics = Metrics::new();
        metrics.whitelist_replaced(4);
        metrics.whitelist_refused();
        assert!(metrics.text().contains("lango_whitelist_stale 1\n"));
        metrics.whitelist_replaced(5);
        let text = metrics.text();
        assert!(text.contains("lango_whitelist_stale 0\n") && text.contains("lango_whitelist_networks 5\n"), "{text}");
    }

    #[test]
    fn what_ends_soon_is_counted_and_what_was_renewed_is_gone() {
        let metrics = Metrics::new();
        let expiry = |name, days_left| Expiry { kind: "client_ca", name, until_seconds: 1_800_000_000, days_left };
        metrics.expiries([expiry("a", 6), expiry("b", 29), expiry("c", -1), expiry("d", 30)].into_iter());
        let text = metrics.text();
        for line in [
            r#"lango_expires_timestamp_seconds{kind="client_ca",name="a"} 1800000000"#,
            r#"lango_expiring{days="1"} 1"#,
            r#"lango_expiring{days="7"} 2"#,
            r#"lango_expiring{days="14"} 2"#,
            r#"lango_expiring{days="30"} 3"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        metrics.expiries([expiry("d", 365)].into_iter());
        let text = metrics.text();
        assert!(text.contains(r#"lango_expiring{days="30"} 0"#) && !text.contains(r#"name="a""#), "{text}");
    }

    #[test]
    fn d6_endpoints_beyond_the_most_are_counted_together() {
        let metrics = Metrics::new();
        for at in 0..ENDPOINTS_MAX + 3 {
            metrics.endpoint_called(&format!("https://{at}.example.com:443"), "delivered");
        }
        metrics.endpoint_called("https://0.example.com:443", "delivered");
        let text = metrics.text();
        for line in [
            r#"lango_endpoint_calls_total{endpoint="https://0.example.com:443",outcome="delivered"} 2"#,
            r#"lango_endpoint_calls_total{endpoint="other",outcome="delivered"} 3"#,
        ] {
            assert!(text.contains(line), "{line} is missing");
        }
        assert_eq!(text.matches("lango_endpoint_calls_total{").count(), ENDPOINTS_MAX + 1);
    }

    #[test]
    fn a_door_counts_what_is_open() {
        let metrics = Metrics::new();
        metrics.connection_opened("handset");
        metrics.connection_opened("handset");
        metrics.connection_closed("handset");
        assert!(metrics.text().contains(r#"lango_connections_open{door="handset"} 1"#));
    }
}
