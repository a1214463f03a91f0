//! What is kept from one call to the next: the connections of each third party, endpoint and purpose,
//! and the URLs that were read. Nothing of it says that a call may be made: that is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::HeaderValue;
use reqwest::{Client, Url};
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::guard::{Refused, read_url};
use super::tls::{Agreed, ClientTls};
use super::transport::{Pool, SendError};

/// Kept sets of connections; above it the one unused longest is closed.
const CLIENTS_MAX: usize = 1024;

/// How long an unused connection is kept.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(50);

/// URLs that are kept read; above it all are read anew.
const URLS_MAX: usize = 1024;

/// A URL that was read.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) endpoint: Endpoint,
    /// What the Host header says. The client would put it together anew for each call.
    pub(super) host: HeaderValue,
}

impl Target {
    fn read(url: &str) -> Result<Self, Refused> {
        let url = read_url(url)?;
        let (name, port) = (url.host_str().ok_or(Refused::NoUrl)?, url.port());
        let host = port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let host = HeaderValue::try_from(host).map_err(|_| Refused::NoUrl)?;
        Ok(Self { endpoint: Endpoint::of_url(&url), host, url })
    }
}

/// A set of connections.
#[derive(Debug)]
pub(super) struct Connections {
    pub(super) client: Client,
    /// What its connections agreed on.
    pub(super) agreed: Arc<Agreed>,
    /// Whom they trust.
    pub(super) trust: Arc<ClientTls>,
}

#[derive(Debug)]
struct Of {
    third_party: String,
    pool: Pool,
    used: Instant,
    /// The most calls at a time since it was last idle for long: so many connections may be open.
    most: usize,
    connections: Arc<Connections>,
}

/// What is kept.
#[derive(Debug)]
pub(super) struct Kept {
    connections_max: usize,
    clients: Mutex<Clients>,
    urls: Mutex<HashMap<String, Arc<Target>, foldhash::fast::RandomState>>,
}

/// The connections by endpoint; to most there is one set.
#[derive(Debug, Default)]
struct Clients {
    to: HashMap<Endpoint, Vec<Of>, foldhash::fast::RandomState>,
    count: usize,
    /// The connections that may be open in all.
    open: usize,
}

impl Kept {
    /// Keeps no more connections than these, but for such as are in use.
    pub(super) fn new(connections_max: usize) -> Self {
        Self { connections_max, clients: Mutex::default(), urls: Mutex::default() }
    }

    /// A URL, read.
    pub(super) fn target(&self, url: &str) -> Result<Arc<Target>, Refused> {
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = urls.get(url) {
            return Ok(Arc::clone(target));
        }
        let target = Arc::new(Target::read(url)?);
        if urls.len() >= URLS_MAX {
            urls.clear();
        }
        urls.insert(url.to_owned(), Arc::clone(&target));
        Ok(target)
    }

    /// The connections of a third party to an endpoint, made if there are none, or if another authority
    /// let those count that there are.
    pub(super) fn connections(
        &self,
        third_party: &str,
        endpoint: &Endpoint,
        pool: Pool,
        trust: &Arc<ClientTls>,
        make: impl FnOnce() -> Result<Connections, SendError>,
    ) -> Result<Arc<Connections>, SendError> {
        let now = Instant::now();
        let mut clients = self.clients();
        let known = clients.to.get_mut(endpoint).and_then(|all| all.iter_mut().find(|of| of.are(third_party, pool)));
        let connections = if let Some(known) = known {
            if !Arc::ptr_eq(&known.connections.trust, trust) {
                known.connections = Arc::new(make()?);
            }
            let more = known.take(now);
            let connections = Arc::clone(&known.connections);
            clients.open = clients.open.saturating_add_signed(more);
            connections
        } else {
            let connections = Arc::new(make()?);
            if clients.count >= CLIENTS_MAX {
                clients.forget_oldest(|_| true);
            }
            let third_party = third_party.to_owned();
            let of = Of { third_party, pool, used: now, most: 1, connections: Arc::clone(&connections) };
            clients.to.entry(endpoint.clone()).or_default().push(of);
            (clients.count, clients.open) = (clients.count + 1, clients.open + 1);
            connections
        };
        while clients.open > self.connections_max && clients.forget_oldest(|of| of.calls() == 0) {}
        Ok(connections)
    }

    /// Closes the connections once they are unused.
    pub(super) fn forget(&self) {
        *self.clients() = Clients::default();
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Of {
    fn are(&self, third_party: &str, pool: Pool) -> bool {
        self.pool == pool && self.third_party == third_party
    }

    /// Calls under way: each holds the set.
    fn calls(&self) -> usize {
        Arc::strong_count(&self.connections) - 1
    }

    /// One more call is made. Gives how many more connections there may be for it, or fewer after a long rest.
    fn take(&mut self, now: Instant) -> isize {
        let (before, calls) = (self.most, self.calls() + 1);
        let rested = now.duration_since(self.used) > IDLE_MAX;
        self.most = if rested { calls } else { before.max(calls) };
        self.used = now;
        self.most as isize - before as isize
    }
}

impl Clients {
    /// Forgets the set unused longest of those that may be, and says whether there was one.
    fn forget_oldest(&mut self, may_be: impl Fn(&Of) -> bool) -> bool {
        let all = self.to.iter().flat_map(|(endpoint, all)| all.iter().enumerate().map(move |of| (endpoint, of)));
        let oldest = all.filter(|(_, (_, of))| may_be(of)).min_by_key(|(_, (_, of))| of.used);
        let Some((endpoint, (place, _))) = oldest else { return false };
        let endpoint = endpoint.clone();
        if let Some(all) = self.to.get_mut(&endpoint) {
            let forgotten = all.swap_remove(place);
            (self.count, self.open) = (self.count - 1, self.open - forgotten.most);
            if all.is_empty() {
                self.to.remove(&endpoint);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::tests::tls::Pki;

    /// More than a test has.
    const CONNECTIONS: usize = 10_000;

    fn connections(trust: &Arc<ClientTls>) -> Connections {
        let (tls, agreed) = trust.witnessed();
        let client = Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        Connections { client, agreed, trust: Arc::clone(trust) }
    }

    #[test]
    fn the_host_header_is_the_url_s_host_and_the_port_if_that_is_not_the_usual_one() {
        for (url, host) in [
            ("https://Pay.Example.com/mpesa", "pay.example.com"),
            ("https://pay.example.com:443/", "pay.example.com"),
            ("https://pay.example.com:8443/", "pay.example.com:8443"),
            ("http://10.66.49.201:80/", "10.66.49.201"),
            ("http://[2001:db8::1]:8080/", "[2001:db8::1]:8080"),
        ] {
            assert_eq!(Target::read(url).unwrap().host, host, "{url}");
        }
    }

    #[test]
    fn d6_only_so_many_urls_are_kept() {
        let kept = Kept::new(CONNECTIONS);
        for number in 0..=URLS_MAX {
            let target = kept.target(&format!("https://a.example.com/?{number}")).unwrap();
            assert_eq!(target.endpoint.as_str(), "https://a.example.com:443");
        }
        assert_eq!(kept.urls.lock().unwrap().len(), 1);
        assert!(kept.target("nonsense").is_err());
        assert_eq!(kept.urls.lock().unwrap().len(), 1, "what is no URL is not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn d6_only_so_many_sets_of_connections_are_kept_and_the_oldest_goes_first() {
        let (kept, trust) = (Kept::new(CONNECTIONS), Arc::new(Pki::new().client()));
        let one = Arc::new(connections(&trust));
        let endpoint = |number: usize| Endpoint::of(&format!("https://a.example.com:{}/", 1000 + number));
        let get = |number: usize, pool| {
            let mut made = false;
            let found = kept.connections("acme", &endpoint(number), pool, &trust, || {
                made = true;
                let Connections { client, agreed, trust } = &*one;
                Ok(Connections { client: client.clone(), agreed: Arc::clone(agreed), trust: Arc::clone(trust) })
            });
            assert!(found.is_ok());
            made
        };
        for number in 0..CLIENTS_MAX {
            assert!(get(number, Pool::Deliveries));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        // The first one is used again, so the second is the oldest now.
        assert!(!get(0, Pool::Deliveries) && get(0, Pool::Validations));
        assert!(!get(0, Pool::Deliveries) && !get(2, Pool::Deliveries));
        let sizes = |clients: &Clients| (clients.count, clients.to.len());
        assert_eq!(sizes(&kept.clients()), (CLIENTS_MAX, CLIENTS_MAX - 1));
        assert!(get(1, Pool::Deliveries), "it was kept");
        kept.forget();
        assert!(get(0, Pool::Deliveries));
        assert_eq!(kept.clients().count, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn d6_only_so_many_connections_are_kept_but_for_those_in_use() {
        let (kept, trust) = (Kept::new(4), Arc::new(Pki::new().client()));
        let call = |host: &str| {
            let endpoint = Endpoint::of(&format!("https://{host}.example.com/"));
            kept.connections("acme", &endpoint, Pool::Deliveries, &trust, || Ok(connections(&trust))).unwrap()
        };
        let state = || {
            let clients = kept.clients();
            (clients.count, clients.open)
        };
        let of_a = [call("a"), call("a"), call("a")];
        tokio::time::advance(Duration::from_secs(1)).await;
        let of_b = call("b");
        assert_eq!(state(), (2, 4));
        let more_of_b = call("b");
        assert_eq!(state(), (2, 5), "both are in use");
        drop((of_a, more_of_b));
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(call("b"));
        assert_eq!(state(), (1, 2), "the other one was unused");
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        drop((of_b, call("b")));
        assert_eq!(state(), (1, 2), "a call was under way all the time");
        tokio::time::advance(IDLE_MAX + Duration::from_secs(1)).await;
        drop(call("b"));
        assert_eq!(state(), (1, 1), "after so long all others were closed");
    }

    #[test]
    fn s1_one_third_party_s_connections_are_not_another_s_and_another_authority_s_are_not_used() {
        let (kept, trust, other) =
            (Kept::new(CONNECTIONS), Arc::new(Pki::new().client()), Arc::new(Pki::new().client()));
        let endpoint = Endpoint::of("https://a.example.com/");
        let get = |third_party: &str, pool, trust: &Arc<ClientTls>| {
            kept.connections(third_party, &endpoint, pool, trust, || Ok(connections(trust))).unwrap()
        };
        let first = get("acme", Pool::Deliveries, &trust);
        assert!(Arc::ptr_eq(&first, &get("acme", Pool::Deliveries, &trust)));
        for another in [
            get("duka", Pool::Deliveries, &trust),
            get("acme", Pool::Validations, &trust),
            get("acme", Pool::Deliveries, &other),
        ] {
            assert!(!Arc::ptr_eq(&first, &another));
        }
        assert_eq!(kept.clients().count, 3, "the one of the other authority took the place of the first");
    }
}
