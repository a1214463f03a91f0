//! The broker over a store that has bad days: what was accepted is decided all the same.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::accepted::{Accepted, AcceptedState, accepted_key, waiting_key};
use super::*;
use crate::access::{CredentialKeys, CredentialSettings, Whitelist, testing};
use crate::callbacks::{self, Call, DeliveryId, Outcome, SendError, Transport};
use crate::clock::{ManualClock, Timestamp};
use crate::config::{self, SHIPPED};
use crate::core::{Catalogue, Channel, ConversationId, CoreSettings, Order};
use crate::entropy::SeededEntropy;
use crate::store::testing::FailingStore;
use crate::store::{CommitError, Key, Read, WriteSet, decode, encode};
use crate::telemetry::audit::Audit;

/// Reaches nobody.
#[derive(Debug)]
struct NoWay;

impl Transport for NoWay {
    fn post(&self, _: Call) -> BoxFuture<'_, Result<callbacks::Answer, SendError>> {
        async { Err(SendError::new(Outcome::ConnectFailed, "there is no way out")) }.boxed()
    }
}

struct House {
    store: Arc<FailingStore>,
    broker: Arc<Broker>,
}

impl House {
    fn built() -> Self {
        let store = Arc::new(FailingStore::default());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(testing::NOW));
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
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                audit: Arc::new(Audit::off(Arc::clone(&clock))),
            })
            .unwrap(),
        );
        let callbacks = Callbacks::start(callbacks::Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            transport: Arc::new(NoWay),
            wire: SoapWire::new(Arc::clone(&vault)),
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
            core: Arc::new(Core::new(Arc::new(Catalogue::shipped().unwrap()), core_settings)),
            interfaces: Arc::new(Interfaces::bundled().unwrap()),
            callbacks,
            special_networks: Vec::new(),
            clock,
            entropy,
            metrics: Arc::new(Metrics::new()),
            zone,
            limits: BrokerLimits {
                request_expiry: Duration::from_secs(300),
                waiting_max: 10,
                validation_window: Duration::from_secs(8),
            },
        });
        Self { store, broker }
    }

    /// Leaves a request behind that was accepted and not decided.
    async fn accepts(&self) -> ConversationId {
        let conversation = ConversationId::issue(&self.broker.parts.zone, testing::NOW, self.broker.draw());
        let accepted = Accepted {
            order: order(conversation.clone(), testing::NOW),
            credential_refused: None,
            result_url: None,
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
async fn a_store_that_refuses_for_good_is_left_alone_until_the_next_start() {
    let house = House::built();
    let conversation = house.accepts().await;
    house.will_fail([CommitError::Refusing("a sync failed".into())]);
    house.broker.resume().await.unwrap();
    house.all_decided().await;
    assert_eq!(house.state(&conversation), AcceptedState::Waiting);
}
