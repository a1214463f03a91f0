//! An endpoint: scheme, host and port of a third party's server. What is slow or broken is a server,
//! not a URL, so queues, breakers and connections are kept per endpoint (D7).

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::config;

use super::breaker::Breaker;
use super::guard::read_url;

/// What stands where no endpoint is named.
const UNUSABLE: &str = "unusable";

/// Endpoints whose breakers are remembered. Above it the healthy ones are forgotten, and if that is not enough, all
/// that nobody uses.
const ENDPOINTS_MAX: usize = 10_000;

/// URLs whose endpoints are known to a thread; above it all are read anew.
const URLS_KNOWN_MAX: usize = 256;

thread_local! {
    /// The endpoints of URLs that this thread has read lately. Each delivery asks twice, when it is committed and
    /// when it is sent, most of them about the same few URLs, and to read one takes 5,000 instructions.
    static KNOWN: RefCell<HashMap<Box<str>, Endpoint, foldhash::fast::RandomState>> = RefCell::default();
}

/// Validations under way to one endpoint.
const VALIDATIONS_PER_ENDPOINT_MAX: usize = 64;

/// Payment queries under way to one endpoint.
const QUERIES_PER_ENDPOINT_MAX: usize = 64;

/// Scheme, host and port, for example `https://pay.example.com:443`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoint(Arc<str>);

impl Endpoint {
    /// The endpoint that a URL names. What is no URL has one too, so that a callback to it is kept,
    /// tried and seen to fail like any other. What is too long is none: whoever names a URL would else
    /// make keys of any length.
    pub fn of(url: &str) -> Self {
        KNOWN.with_borrow_mut(|known| {
            if let Some(endpoint) = known.get(url) {
                return endpoint.clone();
            }
            let Ok(read) = read_url(url) else { return Self(UNUSABLE.into()) };
            if known.len() >= URLS_KNOWN_MAX {
                known.clear();
            }
            let endpoint = Self::of_url(&read);
            known.insert(url.into(), endpoint.clone());
            endpoint
        })
    }

    /// The same, of a URL that is one.
    pub(super) fn of_url(url: &Url) -> Self {
        let named = || Some((url.scheme(), url.host_str()?, url.port_or_known_default()?));
        match named() {
            Some((scheme, host, port)) => Self(format!("{scheme}://{host}:{port}").into()),
            None => Self(UNUSABLE.into()),
        }
    }

    /// An endpoint from the text that [`Endpoint::as_str`] gave.
    pub(super) fn from_text(text: String) -> Self {
        Self(text.into())
    }

    /// The text, as it stands in keys and metrics.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much an endpoint is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// Calls at a time.
    pub(super) concurrency_max: usize,
    /// Calls in a second.
    pub(super) per_second_max: u32,
}

/// The limits of all endpoints.
#[derive(Debug)]
pub(super) struct Limits {
    common: Limit,
    own: HashMap<Endpoint, Limit>,
}

impl Limits {
    /// Those of `[callbacks]`.
    pub(super) fn of(settings: &config::Callbacks) -> Self {
        let common = Limit {
            concurrency_max: settings.endpoint_concurrency_max,
            per_second_max: settings.endpoint_per_second_max,
        };
        let own = settings.endpoints.iter().map(|(url, own)| {
            let concurrency_max = own.concurrency_max.unwrap_or(common.concurrency_max);
            let per_second_max = own.per_second_max.unwrap_or(common.per_second_max);
            (Endpoint::of(url), Limit { concurrency_max, per_second_max })
        });
        Self { common, own: own.collect() }
    }

    /// The limit of an endpoint.
    pub(super) fn towards(&self, endpoint: &Endpoint) -> Limit {
        self.own.get(endpoint).copied().unwrap_or(self.common)
    }

    /// The most calls at a time that any endpoint gets.
    pub(super) fn concurrency_max(&self) -> usize {
        self.own.values().map(|own| own.concurrency_max).fold(self.common.concurrency_max, usize::max)
    }
}

/// What is known of an endpoint's health, shared by deliveries and validations.
#[derive(Debug)]
pub(super) struct Health {
    pub(super) breaker: Breaker,
    pub(super) validations: Arc<Semaphore>,
    pub(super) queries: Arc<Semaphore>,
}

/// The health of all endpoints lately called.
#[derive(Debug)]
pub(super) struct Endpoints {
    failures: u32,
    pause: Duration,
    known: Mutex<HashMap<Endpoint, Arc<Health>>>,
}

impl Endpoints {
    /// Breakers open after so many `failures` in a row, for a `pause`.
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause, known: Mutex::default() }
    }

    /// The endpoint's health; one that is not known is healthy.
    pub(super) fn health(&self, endpoint: &Endpoint) -> Arc<Health> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = known.get(endpoint) {
            return Arc::clone(health);
        }
        if known.len() >= ENDPOINTS_MAX {
            let used = |health: &Arc<Health>| Arc::strong_count(health) > 1;
            known.retain(|_, health| used(health) || !health.breaker.is_healthy());
            if known.len() >= ENDPOINTS_MAX {
                known.retain(|_, health| used(health));
            }
        }
        let health = Arc::new(Health {
            breaker: Breaker::new(self.failures, self.pause),
            validations: Arc::new(Semaphore::new(VALIDATIONS_PER_ENDPOINT_MAX)),
            queries: Arc::new(Semaphore::new(QUERIES_PER_ENDPOINT_MAX)),
        });
        known.insert(endpoint.clone(), Arc::clone(&health));
        health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::breaker::Permit;
    use crate::callbacks::guard::URL_BYTES_MAX;
    use tokio::time::Instant;

    #[test]
    fn d6_only_so_many_endpoints_are_remembered_and_the_sick_ones_longest() {
        let endpoints = Endpoints::new(1, Duration::from_secs(30));
        let at = |number: usize| Endpoint::of(&format!("https://shop{number}.example.com/"));
        let sick = endpoints.health(&at(0));
        let Permit::Go(pass) = sick.breaker.permit(Instant::now()) else { panic!("it is new") };
        pass.failed(Instant::now());
        drop(sick);
        (0..=ENDPOINTS_MAX).for_each(|number| drop(endpoints.health(&at(number))));
        assert_eq!(endpoints.known.lock().unwrap().len(), 2, "the sick one and the newest");
        assert!(endpoints.health(&at(0)).breaker.is_open(Instant::now()));
    }

    #[test]
    fn d6_sick_endpoints_are_no_more_than_others_and_those_in_use_stay() {
        let endpoints = Endpoints::new(1, Duration::from_secs(30));
        let sick = |number: usize| {
            let health = endpoints.health(&Endpoint::of(&format!("https://10.0.0.1:{}/", number + 1)));
            let Permit::Go(pass) = health.breaker.permit(Instant::now()) else { panic!("it is new") };
            pass.failed(Instant::now());
            health
        };
        let used = sick(0);
        (1..=ENDPOINTS_MAX).for_each(|number| drop(sick(number)));
        assert_eq!(endpoints.known.lock().unwrap().len(), 2, "the one in use and the newest");
        assert!(Arc::ptr_eq(&used, &endpoints.health(&Endpoint::of("https://10.0.0.1:1/"))));
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for (url, endpoint) in [
            ("https://Pay.Example.com/mpesa?x=1", "https://pay.example.com:443"),
            ("http://10.66.49.201:8080/", "http://10.66.49.201:8080"),
            ("http://10.66.49.201:", "http://10.66.49.201:80"),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]:80"),
            ("http://0x7f.1/", "http://127.0.0.1:80"),
            ("no url", "unusable"),
            ("mailto:a@b", "unusable"),
        ] {
            assert_eq!(Endpoint::of(url).as_str(), endpoint, "{url}");
        }
        let long = format!("https://{}.example/", "a".repeat(URL_BYTES_MAX));
        assert_eq!(Endpoint::of(&long).as_str(), "unusable", "d6");
    }

    #[test]
    fn d6_a_thread_knows_only_so_many_urls_and_each_has_its_own_endpoint() {
        let ports = || (1..=3 * URLS_KNOWN_MAX).chain([1, 3 * URLS_KNOWN_MAX, 3 * URLS_KNOWN_MAX]);
        for port in ports() {
            let endpoint = format!("https://pay.example.com:{}", port + 1000);
            assert_eq!(Endpoint::of(&format!("{endpoint}/mpesa")).as_str(), endpoint);
            assert!(KNOWN.with_borrow(HashMap::len) <= URLS_KNOWN_MAX);
        }
    }
}
