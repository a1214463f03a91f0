//! The tables of `docs/callbacks.md`, and what plays their rows over real sockets.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_rustls::TlsAcceptor;

use super::deliveries::registration;
use super::sink::{Act, Sink, nobody};
use super::sockets::{Turning, quick};
use super::tls::Pki;
use crate::callbacks::delivery::State;
use crate::callbacks::testing::*;
use crate::callbacks::verdict::{Condition, Course, condition, course};
use crate::callbacks::*;
use crate::clock::{Clock, Timestamp};
use crate::entropy::SeededEntropy;
use crate::store::Store;

const PAGE: &str = include_str!("../../../docs/callbacks.md");

/// The rows of the table whose heading begins with this column.
pub(super) fn table(first_column: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = PAGE.lines().skip_while(|line| !line.starts_with(&format!("| {first_column} |")));
    assert!(lines.next().is_some(), "no table of {first_column}");
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// What a row plays against.
pub(super) enum Place {
    /// A server in the clear.
    Plain(Act),
    /// A server with TLS.
    Tls(TlsAcceptor),
    /// A URL, whoever is there.
    At(&'static str),
    /// A URL of a third party that nothing is allowed to.
    NotListed,
    /// The same, without plain HTTP.
    NotPlain,
    /// Nobody.
    Nobody,
    /// A name that resolves to these addresses, one look after the other.
    Named(Vec<&'static [&'static str]>),
    /// A payload that cannot be written.
    Unwritable,
    /// Keys that do not open.
    Unsignable,
}

/// What came of an attempt, in the words of the tables.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Came {
    pub(super) outcome: &'static str,
    pub(super) then: &'static str,
    pub(super) endpoint: &'static str,
}

pub(super) fn then(state: &State) -> &'static str {
    match state {
        State::Due { .. } => "not tried",
        State::Retrying { .. } => "tried again",
        State::Delivered { read: true, .. } => "delivered",
        State::Delivered { read: false, .. } => "delivered, flagged",
        State::Dead { .. } => "dead letter",
    }
}

/// One breaker failure opens, so that what an attempt says of its endpoint is seen at once.
pub(super) fn strict() -> crate::config::Callbacks {
    let mut settings = quick();
    settings.schedule_seconds = vec![3600];
    settings.breaker_failures = 1;
    settings.answer_bytes_max = 64 * 1024;
    settings
}

/// Everything to `acme`, nothing to others, plain HTTP not to `strict`.
#[derive(Debug)]
pub(super) struct Lists;

impl Hosts for Lists {
    fn allowed(&self, third_party: &str, _host: &str, _address: Option<IpAddr>, _port: u16) -> bool {
        third_party != "stranger"
    }

    fn plain_allowed(&self, third_party: &str) -> bool {
        third_party != "careful"
    }
}

/// Sends one callback there, and tells what came of its first attempt (or of a later one, where the
/// place says so).
pub(super) async fn play(pki: &Pki, wire: Arc<dyn Wire>, kind: Kind, place: Place) -> Came {
    let mut settings = strict();
    let (mut sink, mut nowhere, mut third_party) = (None, None, "acme");
    let (mut payload, mut attempts, mut names) = ("<x/>", 1, vec![]);
    let store = Arc::<FailingStore>::default();
    let url = match place {
        Place::Plain(act) => sink.insert(Sink::start(&[act]).await).url(),
        Place::Tls(tls) => {
            let server = sink.insert(Sink::serve(&[Act::says("200 OK", "")], Some(tls)).await);
            format!("https://{}/", server.address)
        }
        Place::At(url) => url.to_owned(),
        Place::NotListed => {
            third_party = "stranger";
            "http://127.0.0.1:9/".to_owned()
        }
        Place::NotPlain => {
            third_party = "careful";
            "http://127.0.0.1:9/".to_owned()
        }
        Place::Nobody => format!("http://{}/", nowhere.insert(nobody()).1),
        Place::Named(looks) => {
            // The server is called only where a look finds it, and lets the connection go.
            let act = Act::says("500 Internal Server Error\r\nConnection: close", "");
            let port = sink.insert(Sink::start(&[act]).await).address.port();
            (attempts, names) = (looks.len() as u32, looks);
            (settings.schedule_seconds, settings.breaker_failures) = (vec![0, 3600], attempts);
            format!("http://pay.example.com:{port}/")
        }
        Place::Unwritable => {
            payload = "unrenderable";
            "http://127.0.0.1:9/".to_owned()
        }
        Place::Unsignable => {
            let other = crate::access::Vault::from_hex(&"b6".repeat(32)).unwrap();
            let (entropy, now) = (SeededEntropy::new(1), Timestamp::from_seconds(1));
            let (keys, _) = signing::rotate(&*store, &other, &entropy, "acme", now, Duration::ZERO).unwrap();
            store.commit(keys).await.unwrap();
            "http://127.0.0.1:9/".to_owned()
        }
    };
    let names: Arc<dyn Names> = match names.is_empty() {
        true => Arc::new(SystemNames),
        false => Arc::new(Turning(names, AtomicUsize::new(0))),
    };
    let transport = HttpTransport::new(pki.client(), &settings, Arc::new(Lists), names);
    let node = Node::start_speaking(wire, Arc::new(transport), store, &settings);
    if kind == Kind::Confirmation {
        let registration = registration(&url, node.clock.now());
        acme_acts_for(&*node.store, &registration.shortcode).await;
        let write_set = urls::register(&*node.store, &Lists, &settings.special_networks, &registration).unwrap();
        node.store.commit(write_set).await.unwrap();
    }
    let this = Callback { kind, third_party: third_party.into(), ..callback(&url, payload) };
    let delivery = node.attempted(&node.send_this(this).await, attempts).await;
    let last = delivery.attempts.last().unwrap();
    if let (Some(status), Some(sink)) = (last.status, &sink) {
        assert!((100..=999).contains(&status));
        assert_eq!(last.address, Some(sink.address), "the address that was called is written down");
    }
    let open = node.callbacks.status().unwrap().first().is_some_and(|lane| lane.breaker_open);
    let endpoint = match condition(last.outcome) {
        Condition::Well => "well",
        Condition::Sick => "sick",
        Condition::Unknown => "not called",
    };
    // A name's earlier attempts count as well, so its breaker tells nothing of the last one.
    assert!(attempts > 1 || open == (endpoint == "sick"), "{}: breaker open {open}", last.outcome.name());
    assert_eq!(course(last.outcome) == Course::Again, then(&delivery.state) == "tried again");
    if let Some(sink) = &sink {
        assert!(sink.requests().len() <= 1, "it is called once a turn and nothing is followed");
    }
    Came { outcome: last.outcome.name(), then: then(&delivery.state), endpoint }
}

/// Plays a table: each documented row must be played, each played row documented, and each must come
/// to what its row says. The cells before the outcome name the row.
pub(super) fn hold(rows: Vec<Vec<&'static str>>, names: usize, plays: Vec<(&str, Came)>) {
    let said: BTreeSet<String> = rows.iter().map(|row| row[..names].join(" | ")).collect();
    let played: BTreeSet<String> = plays.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(said, played, "documented rows, and those that are played");
    for row in rows {
        let name = row[..names].join(" | ");
        let (_, came) = plays.iter().find(|(played, _)| *played == name).unwrap();
        assert_eq!((row[names], row[names + 1]), (came.outcome, came.then), "{name}");
        if let Some(endpoint) = row.get(names + 2) {
            assert_eq!(*endpoint, came.endpoint, "{name}");
        }
    }
}

pub(super) async fn play_all(kind: Kind, wire: Arc<dyn Wire>, rows: Vec<(&str, Place)>) -> Vec<(&str, Came)> {
    let pki = Pki::new();
    let plays = rows.into_iter().map(|(name, place)| {
        let (pki, wire) = (&pki, Arc::clone(&wire));
        async move { (name, play(pki, wire, kind, place).await) }
    });
    join_all(plays).await
}
