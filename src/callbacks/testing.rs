//! What the tests of callbacks share: documents of one line, a clock that goes with tokio's, and
//! transports that do as told.

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
use crate::access::{ThirdParty, third_party};
use crate::clock::Timestamp;
use crate::entropy::SeededEntropy;
pub(crate) use crate::store::testing::FailingStore;
use crate::store::{Key, Read, Store, WriteSet};
use crate::telemetry::metrics::Metrics;

/// Documents of one line: an acknowledgement is `code N`, a validation's result is `result N`.
#[derive(Debug)]
pub struct LineWire;

impl Wire for LineWire {
    fn render(&self, _kind: Kind, payload: &[u8], captured: &[i64]) -> Result<Document, String> {
        match payload {
            b"unrenderable" => Err("it cannot be written".into()),
            _ => Ok(format!("{} {captured:?}", String::from_utf8_lossy(payload)).into_bytes().into()),
        }
    }

    fn acknowledgement(&self, _third_party: &str, _kind: Kind, body: &[u8]) -> Acknowledgement {
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

/// Sends the payload as it is, and reads answers as they are read from real servers.
#[derive(Debug)]
pub struct RealAnswers;

impl Wire for RealAnswers {
    fn render(&self, _kind: Kind, payload: &[u8], _captured: &[i64]) -> Result<Document, String> {
        Ok(payload.to_vec().into())
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

/// Has `acme` act for the shortcode.
pub async fn acme_acts_for(store: &dyn Store, shortcode: &str) {
    let party = ThirdParty { shortcodes: vec![shortcode.into()], ..ThirdParty::new("acme", "1") };
    store.commit(third_party::save(store, &party).unwrap()).await.unwrap();
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
    pub headers: HashMap<String, String>,
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
                body: String::from_utf8(call.body.to_vec()).unwrap(),
                headers: call
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect(),
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
    pub store: Arc<FailingStore>,
    pub callbacks: Arc<Callbacks>,
    pub clock: Arc<TokioClock>,
    pub metrics: Arc<Metrics>,
    entropy: SeededEntropy,
}

impl Node {
    pub fn start(transport: Arc<dyn Transport>) -> Self {
        Self::start_with(transport, Arc::default(), &settings())
    }

    pub fn start_with(transport: Arc<dyn Transport>, store: Arc<FailingStore>, settings: &config::Callbacks) -> Self {
        Self::start_speaking(Arc::new(LineWire), transport, store, settings)
    }

    pub fn start_speaking(
        wire: Arc<dyn Wire>,
        transport: Arc<dyn Transport>,
        store: Arc<FailingStore>,
        settings: &config::Callbacks,
    ) -> Self {
        let clock = Arc::new(TokioClock::start());
        let metrics = Arc::new(Metrics::new());
        let parts = Parts {
            store: store.clone(),
            transport,
            wire,
            vault: Self::vault(),
            settings,
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            metrics: metrics.clone(),
        };
        let callbacks = Callbacks::start(parts).unwrap();
        Self { store, callbacks, clock, metrics, entropy: SeededEntropy::new(2) }
    }

    /// What opens the keys that sign.
    pub fn vault() -> Arc<Vault> {
        Arc::new(Vault::from_hex(&"a5".repeat(32)).unwrap())
    }

    pub fn draw(&self) -> DeliveryId {
        DeliveryId::draw(&self.entropy)
    }

    /// Commits a callback without telling the dispatcher.
    pub async fn commit(&self, url: &str, payload: &str, id: DeliveryId) -> Queued {
        self.commit_this(callback(url, payload), id).await
    }

    async fn commit_this(&self, callback: Callback, id: DeliveryId) -> Queued {
        let mut write_set = WriteSet::new();
        let queued = enqueue(&mut write_set, callback, id, self.clock.now(), Vec::new());
        self.store.commit(write_set).await.unwrap();
        queued
    }

    /// Commits a result and tells the dispatcher.
    pub async fn send(&self, url: &str, payload: &str) -> DeliveryId {
        self.send_this(callback(url, payload)).await
    }

    /// Commits any callback and tells the dispatcher.
    pub async fn send_this(&self, callback: Callback) -> DeliveryId {
        let queued = self.commit_this(callback, self.draw()).await;
        self.callbacks.wake(queued.clone());
        queued.id
    }

    pub fn delivery(&self, id: &DeliveryId) -> Delivery {
        outbox::load(&*self.store, id).unwrap().unwrap().delivery
    }

    /// Waits until a delivery has ended.
    pub async fn ended(&self, id: &DeliveryId) -> Delivery {
        self.until(id, |delivery| delivery.state.due().is_none()).await
    }

    /// Waits until so many attempts at a delivery are written down.
    pub async fn attempted(&self, id: &DeliveryId, attempts: u32) -> Delivery {
        self.until(id, |delivery| delivery.attempts_made >= attempts).await
    }

    async fn until(&self, id: &DeliveryId, so: impl Fn(&Delivery) -> bool) -> Delivery {
        let mut pause = Duration::from_millis(5);
        loop {
            let delivery = self.delivery(id);
            if so(&delivery) {
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
