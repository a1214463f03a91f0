//! What the tests of callbacks share: a store in memory, documents of one line, a clock that goes
//! with tokio's, and transports that do as told.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::*;
use crate::clock::Timestamp;
use crate::entropy::SeededEntropy;
use crate::store::memory::MemoryStore;
use crate::store::{CommitError, Health, Key, KeyRange, Pending, Read, ReadError, Record, Store, WriteSet};
use crate::telemetry::metrics::Metrics;

/// A store, in memory unless told otherwise, whose next commits can be made to fail.
#[derive(Debug)]
pub struct TestStore {
    inner: Arc<dyn Store>,
    pub busy: AtomicUsize,
}

impl TestStore {
    pub fn over(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, busy: AtomicUsize::new(0) })
    }
}

impl Default for TestStore {
    fn default() -> Self {
        Self { inner: Arc::new(MemoryStore::new()), busy: AtomicUsize::new(0) }
    }
}

impl Read for TestStore {
    fn record(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        self.inner.record(key)
    }

    fn counter(&self, key: &Key) -> Result<i64, ReadError> {
        self.inner.counter(key)
    }

    fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Record)>, ReadError> {
        self.inner.range(range, limit)
    }
}

impl Store for TestStore {
    fn commit(&self, write_set: WriteSet) -> Pending {
        match self.busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
            Ok(_) => async { Err(CommitError::Busy) }.boxed(),
            Err(_) => self.inner.commit(write_set),
        }
    }

    fn health(&self) -> Health {
        self.inner.health()
    }
}

/// Documents of one line: an acknowledgement is `code N`, a validation's result is `result N`.
#[derive(Debug)]
pub struct LineWire;

impl Wire for LineWire {
    fn render(&self, _kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Vec<u8>, String> {
        match payload {
            b"unrenderable" => Err("it cannot be written".into()),
            _ => Ok(format!("{} {captured:?}", String::from_utf8_lossy(payload)).into_bytes()),
        }
    }

    fn acknowledgement(&self, _kind: Kind, body: &[u8]) -> Acknowledgement {
        match String::from_utf8_lossy(body).strip_prefix("code ") {
            Some(code) if code.bytes().all(|digit| digit == b'0') => Acknowledgement::Positive,
            Some(code) => Acknowledgement::Negative { code: code.into(), description: "no".into() },
            None => Acknowledgement::Unreadable,
        }
    }

    fn validation_result(&self, _third_party: &str, body: &[u8]) -> Option<ValidationResult> {
        let result_code = String::from_utf8_lossy(body).strip_prefix("result ")?.to_owned();
        Some(ValidationResult { result_code, result_desc: None, third_party_trans_id: None })
    }

    fn soap_action(&self, kind: Kind) -> Option<&'static str> {
        (kind == Kind::Confirmation).then_some("ConfirmC2BPayment")
    }
}

/// Allows everything to the third party `acme`.
#[derive(Debug)]
pub struct AnyHost;

impl Hosts for AnyHost {
    fn allowed(&self, third_party: &str, _host: &str, _address: Option<IpAddr>, _port: u16) -> bool {
        third_party == "acme"
    }

    fn plain_allowed(&self, _third_party: &str) -> bool {
        true
    }
}

/// A clock that goes with tokio's, so that paused time moves both.
#[derive(Debug)]
pub struct TokioClock(Instant);

impl TokioClock {
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000).plus(self.0.elapsed())
    }
}

/// One call that a [`Script`] got, and when since the test began.
#[derive(Clone, Debug)]
pub struct Called {
    pub at: Duration,
    pub url: String,
    pub body: String,
    pub headers: HashMap<&'static str, String>,
}

type Play = dyn Fn(&Called) -> (Duration, Result<Answer, SendError>) + Send + Sync;

/// A transport that answers as its play says, after as long as it says.
pub struct Script {
    play: Box<Play>,
    begun: Instant,
    pub calls: Mutex<Vec<Called>>,
    now: AtomicUsize,
    pub at_once_max: AtomicUsize,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Script")
    }
}

impl Script {
    pub fn new(play: impl Fn(&Called) -> (Duration, Result<Answer, SendError>) + Send + Sync + 'static) -> Arc<Self> {
        let (calls, now, at_once_max) = Default::default();
        Arc::new(Self { play: Box::new(play), begun: Instant::now(), calls, now, at_once_max })
    }

    pub fn calls(&self) -> Vec<Called> {
        self.calls.lock().unwrap().clone()
    }
}

impl Transport for Script {
    fn post(&self, call: Call) -> BoxFuture<'_, Result<Answer, SendError>> {
        async move {
            let called = Called {
                at: self.begun.elapsed(),
                url: call.url,
                body: String::from_utf8(call.body).unwrap(),
                headers: call.headers.into_iter().collect(),
            };
            let (pause, answer) = (self.play)(&called);
            self.calls.lock().unwrap().push(called);
            self.at_once_max.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(pause).await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            answer
        }
        .boxed()
    }
}

/// An answer with this status and body.
pub fn answer(status: u16, body: &'static str) -> Result<Answer, SendError> {
    Ok(Answer { status, body: body.into(), ..Answer::default() })
}

/// Settings whose files are never read.
pub fn settings() -> config::Callbacks {
    let text =
        "certificate = \"-\"\nkey = \"-\"\nserver_ca = \"-\"\nspecial_networks = [\"127.0.0.0/8\"]\njitter_percent = 0";
    toml::from_str(text).unwrap()
}

/// A node's callbacks, and what a test needs around them.
pub struct Node {
    pub store: Arc<TestStore>,
    pub callbacks: Arc<Callbacks>,
    pub clock: Arc<TokioClock>,
    pub metrics: Arc<Metrics>,
    entropy: SeededEntropy,
}

impl Node {
    pub fn start(transport: Arc<dyn Transport>) -> Self {
        Self::start_with(transport, Arc::default(), &settings())
    }

    pub fn start_with(transport: Arc<dyn Transport>, store: Arc<TestStore>, settings: &config::Callbacks) -> Self {
        let clock = Arc::new(TokioClock::start());
        let metrics = Arc::new(Metrics::new());
        let parts = Parts {
            store: store.clone(),
            transport,
            wire: Arc::new(LineWire),
            settings,
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            metrics: metrics.clone(),
        };
        let callbacks = Callbacks::start(parts).unwrap();
        Self { store, callbacks, clock, metrics, entropy: SeededEntropy::new(2) }
    }

    pub fn draw(&self) -> DeliveryId {
        DeliveryId::draw(&self.entropy)
    }

    /// Commits a callback without telling the dispatcher.
    pub async fn commit(&self, url: &str, payload: &str, id: DeliveryId) -> Queued {
        let mut write_set = WriteSet::new();
        let queued = enqueue(&mut write_set, callback(url, payload), id, self.clock.now(), Vec::new());
        self.store.commit(write_set).await.unwrap();
        queued
    }

    /// Commits a callback and tells the dispatcher.
    pub async fn send(&self, url: &str, payload: &str) -> DeliveryId {
        let queued = self.commit(url, payload, self.draw()).await;
        self.callbacks.wake(queued.clone());
        queued.id
    }

    pub fn delivery(&self, id: &DeliveryId) -> Delivery {
        outbox::load(&*self.store, id).unwrap().unwrap().delivery
    }

    /// Waits until a delivery has ended.
    pub async fn ended(&self, id: &DeliveryId) -> Delivery {
        let mut pause = Duration::from_millis(5);
        loop {
            let delivery = self.delivery(id);
            if delivery.state.due().is_none() {
                return delivery;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(60));
        }
    }

    /// How many deliveries are pending in the store.
    pub fn pending(&self) -> usize {
        self.store.range(&Key::of("outbox").subtree(), usize::MAX).unwrap().len()
    }
}

/// A result for the organization 600000.
pub fn callback(url: &str, payload: &str) -> Callback {
    Callback {
        kind: Kind::Result,
        owner: "600000".into(),
        third_party: "acme".into(),
        url: url.into(),
        payload: payload.as_bytes().to_vec(),
    }
}
