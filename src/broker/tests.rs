//! The broker over a store that has bad days: what was accepted is decided all the same.

mod destinations;
mod formats;
mod reservations;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::accepted::{Accepted, AcceptedState, accepted_key, waiting_key};
use super::payment::{Authorized, session_key};
use super::validation::{Heard, Said};
use super::*;
use crate::access::{
    ClientKey, CredentialKeys, CredentialSettings, Secret, ThirdParty, Whitelist, sp_password, testing,
};
use crate::callbacks::{self, Call, DeliveryId, Outcome, SendError, Transport};
use crate::clock::{ManualClock, Timestamp};
use crate::config::{self, SHIPPED};
use crate::core::catalogue::editions::Editions;
use crate::core::directory::{NewOrganization, PersonName};
use crate::core::{
    Account, AccountKind, Amount, Balance, Catalogue, Channel, ConversationId, CoreSettings, CustomerPayment,
    HandsetParty, Held, Holder, Msisdn, Order, Shortcode, Transaction, directory,
};
use crate::entropy::SeededEntropy;
use crate::mminterface::{
    Caller, CallerHeader, InitiatorFields, PartyFields, RequestDocument, write_request_document, write_request_envelope,
};
use crate::store::testing::FailingStore;
use crate::store::{CommitError, Key, Read, WriteSet, decode, encode};
use crate::telemetry::audit::Audit;

/// Reaches nobody, and counts how often that was tried.
#[derive(Debug, Default)]
struct NoWay(AtomicUsize);

impl Transport for NoWay {
    fn post(&self, _: Call) -> BoxFuture<'_, Result<callbacks::Answer, SendError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        async { Err(SendError::new(Outcome::ConnectFailed, "there is no way out")) }.boxed()
    }
}

struct House {
    store: Arc<FailingStore>,
    clock: Arc<ManualClock>,
    way: Arc<NoWay>,
    broker: Arc<Broker>,
}

impl House {
    fn built() -> Self {
        Self::on(Arc::new(FailingStore::default()))
    }

    /// A house on a store that another one has left.
    fn on(store: Arc<FailingStore>) -> Self {
        let manual = Arc::new(ManualClock::at(testing::NOW));
        let clock: Arc<dyn Clock> = Arc::clone(&manual) as Arc<dyn Clock>;
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let vault = Arc::new(Vault::from_hex(&"a5".repeat(32)).unwrap());
        let settings = config::parse(SHIPPED, std::path::Path::new("/srv/lango")).unwrap();
        let zone = Zone::named("Africa/Nairobi").unwrap();
        let access = Arc::new(
            Access::new(crate::access::Parts {
                store: Arc::clone(&store) as Arc<dyn Store>,
                vault: Arc::clone(&vault),
                whitelist: Whitelist::parse(testing::WHITELIST).unwrap(),
                credential_keys: CredentialKeys::from_pems(&[&testing::CREDENTIAL.key_pem]).unwrap(),
                credentials: CredentialSettings {
                    cost: testing::CHEAP,
                    ..CredentialSettings::from(&settings.credentials)
                },
                rates: settings.rates,
                previous_password_seconds: settings.third_parties.previous_password_seconds,
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                audit: Arc::new(Audit::off(Arc::clone(&clock))),
            })
            .unwrap(),
        );
        let interfaces = Arc::new(Interfaces::bundled().unwrap());
        let way = Arc::<NoWay>::default();
        let callbacks = Callbacks::start(callbacks::Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            transport: Arc::clone(&way) as Arc<dyn Transport>,
            wire: Arc::new(SoapWire {
                vault: Arc::clone(&vault),
                store: Arc::clone(&store) as Arc<dyn Store>,
                access: Arc::clone(&access),
                interfaces: Arc::clone(&interfaces),
                metrics: Arc::new(Metrics::new()),
            }),
            vault: Arc::clone(&vault),
            settings: &settings.callbacks,
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            metrics: Arc::new(Metrics::new()),
        })
        .unwrap();
        let core_settings = CoreSettings { zone: zone.clone(), digit: 0, currency: "KES".into() };
        let broker = Broker::new(Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            hosts: Arc::new(WhitelistedHosts(Arc::clone(&access))),
            access,
            vault,
            core: Arc::new(Cores::new(Editions::only(Arc::new(Catalogue::shipped().unwrap())), core_settings)),
            interfaces,
            callbacks,
            special_networks: Vec::new(),
            link_proxies: Vec::new(),
            clock,
            entropy,
            metrics: Arc::new(Metrics::new()),
            zone,
            change_password_path: settings.third_parties.change_password_path.clone(),
            limits: BrokerLimits {
                request_expiry: Duration::from_secs(300),
                waiting_max: 10,
                validation_window: Duration::from_secs(8),
                trace_days: 30,
            },
        });
        Self { store, clock: manual, way, broker }
    }

    /// Leaves a request behind that was accepted and not decided.
    async fn accepts(&self) -> ConversationId {
        self.accepts_for(None).await
    }

    /// The same with a place where its result is to go.
    async fn accepts_for(&self, result_url: Option<&str>) -> ConversationId {
        let conversation = ConversationId::issue(&self.broker.parts.zone, testing::NOW, self.broker.draw());
        let accepted = Accepted {
            order: order(conversation.clone(), testing::NOW),
            organization: None,
            credential_refused: None,
            result_url: result_url.map(str::to_owned),
            timeout_url: None,
            original: None,
            delivery: DeliveryId::draw(&*self.broker.parts.entropy),
            expires: testing::NOW.plus(self.broker.parts.limits.request_expiry),
            state: AcceptedState::Waiting,
        };
        let mut write_set = WriteSet::new();
        write_set.put(accepted_key(&conversation), encode(&accepted));
        write_set.put(waiting_key(&conversation), Vec::new());
        self.store.commit(write_set).await.unwrap();
        conversation
    }

    /// Has `duka` come in with its key and its password.
    async fn knows(&self, mut duka: ThirdParty) {
        let day = Duration::from_secs(86_400);
        let (not_before, not_after) = (testing::NOW.minus(day), testing::NOW.plus(day));
        duka.keys = vec![ClientKey { fingerprint: testing::DUKA_KEY, not_before, not_after }];
        let access = &self.broker.parts.access;
        access.seal_password(&mut duka, &Secret::new(testing::DUKA_PASSWORD)).unwrap();
        access.save_third_party(&duka).await.unwrap();
    }

    /// A payment of `duka` comes through the door and is accepted.
    async fn pays(&self, result_url: &str) -> Answer {
        let answer = ThirdPartyService(Arc::clone(&self.broker)).answer(payment(result_url)).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(said.contains("<ResponseCode>0</ResponseCode>"), "{said}");
        answer
    }

    fn will_fail(&self, errors: impl IntoIterator<Item = CommitError>) {
        self.store.will_fail(errors);
    }

    fn state(&self, conversation: &ConversationId) -> AcceptedState {
        let record = self.store.record(&accepted_key(conversation)).unwrap().unwrap();
        decode::<Accepted>(&record).unwrap().state
    }

    /// Waits until nothing waits for the core any more.
    async fn all_decided(&self) {
        while self.broker.waiting() > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn order(conversation: ConversationId, received: Timestamp) -> Order {
    Order {
        channel: Channel::Api,
        command: "BusinessPayment".into(),
        conversation,
        originator_conversation: "one-id".into(),
        third_party: "duka".into(),
        initiator: None,
        primary: None,
        receiver: None,
        parameters: Vec::new(),
        reference: Vec::new(),
        remark: None,
        received,
    }
}

fn conflict() -> CommitError {
    CommitError::Expectation(Key::of("recent"))
}

#[tokio::test(start_paused = true)]
async fn d1_an_accepted_request_is_decided_however_often_others_were_faster() {
    let house = House::built();
    let conversation = house.accepts().await;
    house.will_fail(vec![conflict(); 1000]);
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert!(matches!(house.state(&conversation), AcceptedState::Decided { .. }), "{:?}", house.state(&conversation));
}

#[tokio::test(start_paused = true)]
async fn d1_an_accepted_request_is_decided_when_the_disk_has_room_again() {
    let house = House::built();
    let conversation = house.accepts().await;
    house.will_fail(vec![CommitError::Full; 1000]);
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert!(matches!(house.state(&conversation), AcceptedState::Decided { .. }), "{:?}", house.state(&conversation));
}

#[tokio::test(start_paused = true)]
async fn d4_while_the_core_is_away_nothing_is_decided_and_when_it_is_back_everything_is() {
    let house = House::built();
    let away = house.broker.send_away("the ledger is moved").await.unwrap();
    assert!(house.broker.send_away("again").await.is_err());
    let conversation = house.accepts().await;

    // A restart does not bring the core back.
    let house = House::on(Arc::clone(&house.store));
    house.broker.resume().await.unwrap();
    assert_eq!(house.broker.away(), Some(away));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(house.state(&conversation), AcceptedState::Waiting);

    house.broker.call_back().await.unwrap();
    assert!(house.broker.call_back().await.is_err());
    house.all_decided().await;
    assert!(matches!(house.state(&conversation), AcceptedState::Decided { .. }), "{:?}", house.state(&conversation));
}

#[tokio::test(start_paused = true)]
async fn d4_what_expires_while_the_core_is_away_is_never_executed_and_its_sender_is_told() {
    let house = House::built();
    house.broker.send_away("the ledger is moved").await.unwrap();
    let conversation = house.accepts_for(Some("https://shop.example/result")).await;
    house.broker.resume().await.unwrap();
    house.clock.advance(Duration::from_secs(301));
    house.all_decided().await;
    assert_eq!(house.state(&conversation), AcceptedState::Expired);
    house.broker.call_back().await.unwrap();
    assert_eq!(house.state(&conversation), AcceptedState::Expired);

    // It has no QueueTimeoutURL, so the result says it.
    let [(_, record)] = &house.store.range(&Key::of("callback").subtree(), 9).unwrap()[..] else { panic!() };
    let entry: callbacks::Entry = decode(record).unwrap();
    assert_eq!(entry.callback.kind, callbacks::Kind::Result);
    let parts = &house.broker.parts;
    let wire = SoapWire {
        vault: Arc::clone(&parts.vault),
        store: Arc::clone(&parts.store),
        access: Arc::clone(&parts.access),
        interfaces: Arc::clone(&parts.interfaces),
        metrics: Arc::clone(&parts.metrics),
    };
    let told = callbacks::Wire::render(&wire, entry.callback.kind, &entry.callback.payload, &[]).unwrap();
    assert!(String::from_utf8(told.body).unwrap().contains("<ResultCode>19</ResultCode>"));
}

/// It has nowhere to be told, and what was held back for its answer is not held any longer.
#[tokio::test(start_paused = true)]
async fn d4_what_expires_without_any_url_is_cancelled_and_nobody_is_notified() {
    let house = House::built();
    house.broker.send_away("the ledger is moved").await.unwrap();
    let conversation = house.accepts().await;
    let record = house.store.record(&accepted_key(&conversation)).unwrap().unwrap();
    let delivery = decode::<Accepted>(&record).unwrap().delivery;
    assert!(house.broker.parts.callbacks.hold(&delivery));
    house.clock.advance(Duration::from_secs(301));
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert_eq!(house.state(&conversation), AcceptedState::Expired);
    for kind in ["callback", "delivery", "outbox", "waiting"] {
        assert_eq!(house.store.range(&Key::of(kind).subtree(), 9).unwrap().len(), 0, "{kind}");
    }
    assert!(house.broker.parts.callbacks.hold(&delivery), "it is held for nothing");
    house.broker.call_back().await.unwrap();
    assert_eq!(house.way.0.load(Ordering::SeqCst), 0);
}

/// What was decided about it rests on the request as it was read: whoever ends it in between has the last
/// word, and nobody hears of two ends.
#[tokio::test(start_paused = true)]
async fn d4_a_request_that_somebody_else_ended_meanwhile_is_not_decided_as_well() {
    let house = House::built();
    let conversation = house.accepts_for(Some("https://shop.example/result")).await;
    let record = house.store.record(&accepted_key(&conversation)).unwrap().unwrap();
    let ended = Accepted { state: AcceptedState::Expired, ..decode(&record).unwrap() };
    let mut rival = WriteSet::new();
    rival.put(accepted_key(&conversation), encode(&ended));
    rival.delete(waiting_key(&conversation));
    house.store.is_overtaken_by(rival);
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert_eq!(house.state(&conversation), AcceptedState::Expired);
    assert_eq!(house.store.range(&Key::of("callback").subtree(), 9).unwrap().len(), 0, "its end was told twice");
}

/// A payment of `duka`, as its program sends it.
fn payment(result_url: &str) -> Request {
    let party = |identifier_type, identifier: &str| PartyFields {
        identifier_type,
        identifier: identifier.into(),
        short_code: None,
    };
    let document = RequestDocument {
        command_id: "BusinessPayment".into(),
        originator_conversation_id: "600100_duka_1".into(),
        timestamp: Some("2027-01-15T08:00:00.0000521Z".into()),
        parameters: vec![("Amount".into(), "10.00".into())],
        caller: Caller {
            caller_type: "2".into(),
            third_party_id: Some("broker_4".into()),
            result_url: Some(result_url.into()),
            ..Caller::default()
        },
        initiator: Some(InitiatorFields {
            identifier_type: 11,
            identifier: "clerk".into(),
            security_credential: "bm8gY3JlZGVudGlhbA==".into(),
            short_code: Some("600100".into()),
        }),
        primary_party: Some(party(4, "600100")),
        receiver_party: Some(party(1, "254722000001")),
        key_owner: Some(1),
        ..RequestDocument::default()
    };
    let time = "20270115080000";
    let header = CallerHeader {
        sp_id: "107031".into(),
        sp_password: Some(sp_password("107031", testing::DUKA_PASSWORD, time)),
        service_id: None,
        time_stamp: Some(time.into()),
    };
    Request {
        door: Door::ThirdParty,
        peer: Peer { address: "10.66.49.20:4000".parse().unwrap(), key: Some(testing::DUKA_KEY) },
        method: hyper::Method::POST,
        uri: "/mminterface/request".parse().unwrap(),
        headers: [(hyper::header::CONTENT_TYPE, "text/xml".parse().unwrap())].into_iter().collect(),
        body: write_request_envelope(&header, &write_request_document(&document)).into(),
        received: testing::NOW,
    }
}

/// However long the answer takes to be written, and however soon the core has decided: no result before it.
#[tokio::test(start_paused = true)]
async fn d3_a_result_is_not_sent_before_the_answer_was_written() {
    let house = House::built();
    house.knows(ThirdParty::new("duka", "107031")).await;
    let answer = house.pays("https://shop.example/result").await;
    house.all_decided().await;
    tokio::time::sleep(callbacks::HOLD_MAX / 2).await;
    assert_eq!(house.store.range(&Key::of("callback").subtree(), 9).unwrap().len(), 1, "its result is in the outbox");
    assert_eq!(house.way.0.load(Ordering::SeqCst), 0, "d3: the result was sent before its answer");
    answer.written.unwrap()();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(house.way.0.load(Ordering::SeqCst), 1, "it was written, and the result still waits");
}

#[tokio::test]
async fn d6_legs_are_forgotten_after_their_days_and_not_before() {
    let house = House::built();
    let zone = &house.broker.parts.zone;
    let days_ago = |days: u64| testing::NOW.minus(Duration::from_secs(86_400 * days));
    let mut write_set = WriteSet::new();
    let mut conversations = Vec::new();
    for days in [0, 29, 30, 31, 400] {
        let conversation = ConversationId::issue(zone, days_ago(days), house.broker.draw());
        for step in [trace::Step::Opening, trace::Step::Question] {
            let leg = trace::Leg::masking(trace::LegKind::Request, days_ago(days), "a message");
            trace::record(&mut write_set, conversation.as_str(), step, &[leg]);
        }
        conversations.push(conversation);
    }
    house.store.commit(write_set).await.unwrap();
    assert_eq!(house.broker.forget_legs().await.unwrap(), 4);
    let left = conversations.iter().map(|id| trace::legs(&*house.store, id.as_str()).unwrap().len());
    assert_eq!(left.collect::<Vec<_>>(), [2, 2, 2, 0, 0]);
    assert_eq!(house.broker.forget_legs().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_for_good_is_left_alone_until_the_next_start() {
    let house = House::built();
    let conversation = house.accepts().await;
    house.will_fail([CommitError::Refusing("a sync failed".into())]);
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert_eq!(house.state(&conversation), AcceptedState::Waiting);
}
