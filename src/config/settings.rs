//! What `lango.toml` may say. The shipped file (`config/lango.toml`) writes every key out with its
//! default and what it means; a test holds the two together.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[node]`
    pub node: Node,
    /// `[doors]`
    pub doors: Doors,
    /// `[limits]`
    #[serde(default)]
    pub limits: Limits,
    /// `[rates]`
    #[serde(default)]
    pub rates: Rates,
    /// `[third_parties]`
    #[serde(default)]
    pub third_parties: ThirdParties,
    /// `[credentials]`
    pub credentials: Credentials,
    /// `[requests]`
    #[serde(default)]
    pub requests: Requests,
    /// `[store]`
    #[serde(default)]
    pub store: Store,
    /// `[callbacks]`
    pub callbacks: Callbacks,
    /// `[log]`
    #[serde(default)]
    pub log: Log,
}

/// `[node]`: what this node is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// `digit`: the fourth character of receipts, 0 to 9.
    #[serde(default)]
    pub digit: u8,
    /// `zone`: where days roll, an IANA name.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// `currency`: the ISO 4217 code of the one currency.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// `data`: the folder of journal, index and audit log.
    pub data: PathBuf,
    /// `secret_key`: the file with the key that encrypts secrets at rest.
    pub secret_key: PathBuf,
    /// `catalogue`: the folder of the catalogue.
    pub catalogue: PathBuf,
    /// `whitelist`: the whitelist's file.
    pub whitelist: PathBuf,
    /// `wsdl`: a folder of WSDL files that replace or add to the bundled ones.
    pub wsdl: Option<PathBuf>,
}

/// `[doors]`: where the node listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Doors {
    /// `link_proxies`: proxies whose X-Forwarded-Proto, -Host and -Port are believed, for links alone.
    #[serde(default)]
    pub link_proxies: Vec<IpNet>,
    /// `[doors.third_party]`
    pub third_party: ThirdPartyDoor,
    /// `[doors.handset]`
    pub handset: HandsetDoor,
    /// `[doors.plain]`
    #[serde(default)]
    pub plain: PlainDoor,
    /// `[doors.metrics]`
    pub metrics: MetricsDoor,
    /// `[doors.admin]`
    pub admin: AdminDoor,
}

/// `[doors.third_party]`: HTTPS with client certificates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThirdPartyDoor {
    /// `listen`
    pub listen: SocketAddr,
    /// `certificate`: the server's chain, PEM.
    pub certificate: PathBuf,
    /// `key`: its private key, PEM.
    pub key: PathBuf,
    /// `client_ca`: who signs client certificates, PEM.
    pub client_ca: PathBuf,
    /// `client_crl`: revoked client certificates, PEM.
    pub client_crl: Option<PathBuf>,
    /// `second_certificate`: a chain for a key of another kind, PEM.
    pub second_certificate: Option<PathBuf>,
    /// `second_key`: its private key, PEM.
    pub second_key: Option<PathBuf>,
    /// `balancers`: who says by the PROXY protocol whom it brings.
    #[serde(default)]
    pub balancers: Vec<IpNet>,
}

/// `[doors.handset]`: HTTPS with client certificates of another CA, and its own whitelist.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandsetDoor {
    /// `listen`
    pub listen: SocketAddr,
    /// `certificate`: the server's chain, PEM.
    pub certificate: PathBuf,
    /// `key`: its private key, PEM.
    pub key: PathBuf,
    /// `client_ca`: who signs client certificates, PEM.
    pub client_ca: PathBuf,
    /// `client_crl`: revoked client certificates, PEM.
    pub client_crl: Option<PathBuf>,
    /// `second_certificate`: a chain for a key of another kind, PEM.
    pub second_certificate: Option<PathBuf>,
    /// `second_key`: its private key, PEM.
    pub second_key: Option<PathBuf>,
    /// `balancers`: who says by the PROXY protocol whom it brings.
    #[serde(default)]
    pub balancers: Vec<IpNet>,
    /// `networks`: who may connect.
    pub networks: Vec<IpNet>,
}

/// `[doors.plain]`: plain HTTP for first tests.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlainDoor {
    /// `enabled`
    pub enabled: bool,
    /// `listen`
    pub listen: SocketAddr,
    /// `balancers`: who says by the PROXY protocol whom it brings.
    pub balancers: Vec<IpNet>,
}

/// `[doors.metrics]`: health and metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsDoor {
    /// `listen`
    pub listen: SocketAddr,
}

/// `[doors.admin]`: the operators' Unix socket.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminDoor {
    /// `socket`: at most 107 bytes once made absolute.
    pub socket: PathBuf,
}

/// With fewer connections to third parties' servers, no third party had one for each kind of call.
pub const CALLBACK_CONNECTIONS_MIN: usize = 16;

/// `[limits]`: what one caller may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections of one door.
    pub connections_max: usize,
    /// Connections of one address to one door.
    pub connections_per_address_max: usize,
    /// Connections of one door whose handshake is under way.
    pub half_open_max: usize,
    /// Such connections of one address.
    pub half_open_per_address_max: usize,
    /// Seconds for a handshake, and before it for a balancer's header.
    pub handshake_seconds_max: u64,
    /// Bytes of a request's start line and headers.
    pub header_bytes_max: usize,
    /// Headers of a request.
    pub headers_max: usize,
    /// Seconds until a request's headers are complete.
    pub header_seconds_max: u64,
    /// Seconds between an answer and the next request.
    pub idle_seconds_max: u64,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Seconds until a request's body is complete.
    pub body_seconds_max: u64,
    /// Requests on one connection.
    pub requests_per_connection_max: u64,
    /// Seconds that a connection may live.
    pub connection_age_seconds_max: u64,
    /// Seconds for requests under way after SIGTERM.
    pub drain_seconds_max: u64,
    /// `[limits.xml]`
    pub xml: Xml,
}

/// `[limits.xml]`: what one XML document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xml {
    /// Elements inside each other.
    pub depth_max: usize,
    /// Elements in all.
    pub elements_max: usize,
    /// Attributes of one element, namespace declarations not counted.
    pub attributes_per_element_max: usize,
    /// Namespace declarations of one element.
    pub namespaces_per_element_max: usize,
    /// Bytes of a name.
    pub name_bytes_max: usize,
    /// Bytes of one element's text.
    pub text_bytes_max: usize,
}

/// `[rates]`: how often, and how much at a time. A third party's own rate is on its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Requests that all third parties together may make in a second; 0: any number.
    pub node_per_second_max: u32,
    /// Requests that one shortcode may start in a second; 0: any number.
    pub shortcode_per_second_max: u32,
    /// Requests of all third parties under way at a time.
    pub under_way_max: usize,
    /// Authentications of one source that may be refused in a second, on the average.
    pub refusals_per_second_max: u32,
    /// And at once, after a time of peace.
    pub refusals_at_once_max: u32,
}

/// `[third_parties]`: their own passwords.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThirdParties {
    /// Where changePassword is served.
    pub change_password_path: String,
    /// Seconds for which the password before is valid beside the new one.
    pub previous_password_seconds: u64,
}

/// `[credentials]`: operators' passwords on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// `keys`: RSA private keys, the current one first.
    pub keys: Vec<PathBuf>,
    /// `failures_max`: wrong passwords in a row that lock an operator.
    #[serde(default = "default_failures_max")]
    pub failures_max: u32,
    /// `source_failures_max`: wrong passwords of one third party, whoever's they are, after which no
    /// other is looked at for a while.
    #[serde(default = "default_source_failures_max")]
    pub source_failures_max: u32,
    /// `source_failures_seconds`: for how long they are counted together.
    #[serde(default = "default_source_failures_seconds")]
    pub source_failures_seconds: u64,
    /// `password_days_max`
    #[serde(default = "default_password_days_max")]
    pub password_days_max: u32,
    /// `cache_entries_max`
    #[serde(default = "default_cache_entries_max")]
    pub cache_entries_max: usize,
}

/// `[requests]`: from acceptance to result.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Requests {
    /// Seconds that an accepted request may wait for the core.
    pub expiry_seconds: u64,
    /// Requests that may wait.
    pub waiting_max: usize,
    /// Days that legs are kept.
    pub trace_days: u32,
}

/// `[store]`: the embedded store.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Bytes of a journal segment.
    pub segment_bytes_max: u64,
    /// Bytes in memory before a checkpoint.
    pub memory_bytes_max: u64,
    /// Bytes of one write set.
    pub write_set_bytes_max: usize,
    /// Commits that may wait.
    pub waiting_max: usize,
}

/// `[callbacks]`: calls to third parties' servers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callbacks {
    /// `certificate`: our client certificate, PEM.
    pub certificate: PathBuf,
    /// `key`: its private key, PEM.
    pub key: PathBuf,
    /// `server_ca`: who signs third parties' servers, PEM.
    pub server_ca: PathBuf,
    /// `validation_milliseconds_max`: the payer's whole window.
    #[serde(default = "default_validation_milliseconds_max")]
    pub validation_milliseconds_max: u64,
    /// `connect_seconds_max`
    #[serde(default = "default_connect_seconds_max")]
    pub connect_seconds_max: u64,
    /// `answer_seconds_max`
    #[serde(default = "default_answer_seconds_max")]
    pub answer_seconds_max: u64,
    /// `answer_bytes_max`
    #[serde(default = "default_answer_bytes_max")]
    pub answer_bytes_max: usize,
    /// `schedule_seconds`: pauses between attempts.
    #[serde(default = "default_schedule_seconds")]
    pub schedule_seconds: Vec<u64>,
    /// `jitter_percent`
    #[serde(default = "default_jitter_percent")]
    pub jitter_percent: u8,
    /// `connections_max`: to all servers together, kept ones as well.
    #[serde(default = "default_callback_connections_max")]
    pub connections_max: usize,
    /// `endpoint_concurrency_max`
    #[serde(default = "default_endpoint_concurrency_max")]
    pub endpoint_concurrency_max: usize,
    /// `endpoint_per_second_max`
    #[serde(default = "default_endpoint_per_second_max")]
    pub endpoint_per_second_max: u32,
    /// `age_seconds_max`: how long after its commit a callback is still tried again.
    #[serde(default = "default_age_seconds_max")]
    pub age_seconds_max: u64,
    /// `breaker_failures`
    #[serde(default = "default_breaker_failures")]
    pub breaker_failures: u32,
    /// `breaker_seconds`
    #[serde(default = "default_breaker_seconds")]
    pub breaker_seconds: u64,
    /// `special_networks`: loopback, link-local and the like that are allowed all the same.
    #[serde(default)]
    pub special_networks: Vec<IpNet>,
    /// `[callbacks.endpoints."https://host:port"]`: limits of single endpoints.
    #[serde(default)]
    pub endpoints: BTreeMap<String, EndpointLimits>,
}

/// What one endpoint gets in place of what all get.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EndpointLimits {
    /// `concurrency_max`: deliveries at a time.
    pub concurrency_max: Option<usize>,
    /// `per_second_max`: deliveries in a second.
    pub per_second_max: Option<u32>,
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `level`
    pub level: String,
    /// `format`
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines.
    Json,
}

impl Default for PlainDoor {
    fn default() -> Self {
        Self { enabled: false, listen: SocketAddr::from(([127, 0, 0, 1], 8310)), balancers: Vec::new() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 256,
            half_open_max: 4096,
            half_open_per_address_max: 128,
            handshake_seconds_max: 10,
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            header_seconds_max: 10,
            idle_seconds_max: 300,
            body_bytes_max: 1024 * 1024,
            body_seconds_max: 20,
            requests_per_connection_max: 100_000,
            connection_age_seconds_max: 3600,
            drain_seconds_max: 20,
            xml: Xml::default(),
        }
    }
}

impl Default for Xml {
    fn default() -> Self {
        Self {
            depth_max: 32,
            elements_max: 10_000,
            attributes_per_element_max: 32,
            namespaces_per_element_max: 16,
            name_bytes_max: 256,
            text_bytes_max: 256 * 1024,
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            node_per_second_max: 0,
            shortcode_per_second_max: 0,
            under_way_max: 4096,
            refusals_per_second_max: 5,
            refusals_at_once_max: 50,
        }
    }
}

impl Default for ThirdParties {
    fn default() -> Self {
        Self {
            change_password_path: "/managementService/services/management".into(),
            previous_password_seconds: 86_400,
        }
    }
}

impl Default for Requests {
    fn default() -> Self {
        Self { expiry_seconds: 300, waiting_max: 10_000, trace_days: 30 }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 * 1024 * 1024,
            memory_bytes_max: 64 * 1024 * 1024,
            write_set_bytes_max: 4 * 1024 * 1024,
            waiting_max: 4096,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Text }
    }
}

fn default_zone() -> String {
    "Africa/Nairobi".into()
}

fn default_currency() -> String {
    "KES".into()
}

fn default_failures_max() -> u32 {
    5
}

fn default_source_failures_max() -> u32 {
    50
}

fn default_source_failures_seconds() -> u64 {
    900
}

fn default_password_days_max() -> u32 {
    90
}

fn default_cache_entries_max() -> usize {
    10_000
}

fn default_validation_milliseconds_max() -> u64 {
    8000
}

fn default_connect_seconds_max() -> u64 {
    5
}

fn default_answer_seconds_max() -> u64 {
    15
}

fn default_answer_bytes_max() -> usize {
    64 * 1024
}

/// domain.md 10, rule 4: after the first attempt at once.
fn default_schedule_seconds() -> Vec<u64> {
    vec![5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
}

fn default_jitter_percent() -> u8 {
    10
}

fn default_callback_connections_max() -> usize {
    4096
}

fn default_endpoint_concurrency_max() -> usize {
    64
}

fn default_endpoint_per_second_max() -> u32 {
    5000
}

fn default_age_seconds_max() -> u64 {
    604_800
}

fn default_breaker_failures() -> u32 {
    5
}

fn default_breaker_seconds() -> u64 {
    30
}
