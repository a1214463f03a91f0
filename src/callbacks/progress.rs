//! The record of a delivery: how far it is. What is delivered, when it was committed and where it is bound for
//! stands in its callback's record, and here only where it goes if that is somewhere else by now.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::{Fields, Stored, Vacant, encode_as};

use super::callback::Entry;
use super::delivery::{Attempt, Delivery, DeliveryId, State};
use super::endpoint::Endpoint;

/// How far a delivery is, as it is kept: without its fields' names, so they keep their places, those of its
/// attempts too. Until format 3 all that is vacant now repeated the callback, and the destination was always
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress<'d> {
    id: Vacant,
    /// Whose callback it is, to find that.
    pub(super) owner: Cow<'d, str>,
    /// The callback's number in the owner's log; 0 until it was looked up.
    pub(super) number: u64,
    kind: Vacant,
    third_party: Option<Cow<'d, str>>,
    url: Option<Cow<'d, str>>,
    endpoint: Vacant,
    created: Vacant,
    /// How far it is.
    pub(super) state: State,
    attempts_made: u32,
    attempts_of_round: u32,
    attempts: Cow<'d, [Attempt]>,
    #[serde(default)]
    replayed: Option<Timestamp>,
}

impl Stored for Progress<'static> {
    const NAME: &'static str = "delivery";
    const FORMAT: u8 = 3;
    const FIELDS: Fields = Fields::InOrder;
}

impl<'d> Progress<'d> {
    /// Of a delivery that nobody has tried yet.
    pub(super) fn begun(owner: &'d str, now: Timestamp) -> Self {
        Self {
            id: Vacant,
            owner: Cow::Borrowed(owner),
            number: 0,
            kind: Vacant,
            third_party: None,
            url: None,
            endpoint: Vacant,
            created: Vacant,
            state: State::Due { at: now },
            attempts_made: 0,
            attempts_of_round: 0,
            attempts: Cow::Borrowed(&[]),
            replayed: None,
        }
    }

    /// Of a delivery.
    pub(super) fn of(delivery: &'d Delivery) -> Self {
        let elsewhere = |text: &'d str| delivery.elsewhere.then_some(Cow::Borrowed(text));
        Self {
            number: delivery.number,
            third_party: elsewhere(&delivery.third_party),
            url: elsewhere(&delivery.url),
            state: delivery.state,
            attempts_made: delivery.attempts_made,
            attempts_of_round: delivery.attempts_of_round,
            attempts: Cow::Borrowed(&delivery.attempts),
            replayed: delivery.replayed,
            ..Self::begun(&delivery.owner, delivery.created)
        }
    }

    /// As it is kept.
    pub(super) fn encoded(&self) -> Vec<u8> {
        encode_as::<Progress<'static>>(self)
    }

    /// The delivery, with what its callback says, which has this number.
    pub(super) fn delivery(self, id: DeliveryId, number: u64, entry: &Entry) -> Delivery {
        let Entry { created, callback, .. } = entry;
        let elsewhere = self.url.is_some();
        let url = self.url.map_or_else(|| callback.url.clone(), Cow::into_owned);
        Delivery {
            id,
            owner: self.owner.into_owned(),
            number,
            kind: callback.kind,
            third_party: self.third_party.map_or_else(|| callback.third_party.clone(), Cow::into_owned),
            endpoint: Endpoint::of(&url),
            url,
            elsewhere,
            created: *created,
            state: self.state,
            attempts_made: self.attempts_made,
            attempts_of_round: self.attempts_of_round,
            attempts: self.attempts.into_owned(),
            replayed: self.replayed,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::callbacks::delivery::Next;
    use crate::callbacks::{Callback, Kind, Outcome};
    use crate::store::{Record, decode};

    const URL: &str = "https://pay.example.com/";

    fn entry() -> Entry {
        let (kind, owner, third_party) = (Kind::Confirmation, "600000".into(), "acme".into());
        let callback = Callback { kind, owner, third_party, url: URL.into(), payload: b"x".to_vec() };
        Entry { delivery: DeliveryId::from_text("msg_1"), created: Timestamp::from_seconds(9), callback }
    }

    /// After an attempt without an answer.
    fn tried(entry: &Entry) -> Delivery {
        let attempt = Attempt {
            number: 1,
            started: Timestamp::from_seconds(1),
            milliseconds: 3,
            address: None,
            status: None,
            outcome: Outcome::TimedOut,
            detail: String::new(),
            answer: None,
            tls: None,
        };
        let now = entry.created;
        let delivery = Progress::begun("600000", now).delivery(entry.delivery.clone(), 7, entry);
        delivery.begin().unwrap().end(attempt, Next::Again(now), now).replayed(now)
    }

    fn record(value: Vec<u8>) -> Record {
        Record { version: 1, value: value.into(), captured: Vec::new() }
    }

    fn read(record: &Record, entry: &Entry) -> Delivery {
        let progress: Progress<'static> = decode(record).unwrap();
        let number = progress.number;
        progress.delivery(entry.delivery.clone(), number, entry)
    }

    #[test]
    fn records_keep_their_places_and_say_only_what_their_callback_does_not() {
        let entry = entry();
        let delivery = tried(&entry);
        let (bytes, at) = (Progress::of(&delivery).encoded(), entry.created.micros());
        let fields: Value = rmp_serde::from_slice(&bytes[1..]).unwrap();
        let attempt = json!([1, 1_000_000, 3, null, null, "TimedOut", "", null, null]);
        let state = json!({ "Due": [at] });
        let places = json!([null, "600000", 7, null, null, null, null, null, state, 1, 0, [attempt], at]);
        assert_eq!((bytes[0], fields), (3, places));
        assert_eq!(read(&record(bytes), &entry), delivery);

        let bound = delivery.bound_for("duka", "https://duka.example/");
        let read = read(&record(Progress::of(&bound).encoded()), &entry);
        assert_eq!(read, bound);
        assert_eq!((read.third_party.as_str(), read.endpoint.as_str()), ("duka", "https://duka.example:443"));
    }

    /// As formats 1 and 2 had them: the one with names, both with all that the callback says.
    #[test]
    fn records_that_repeat_their_callback_are_still_read() {
        let entry = entry();
        let (delivery, at) = (tried(&entry), entry.created.micros());
        let attempt = json!([1, 1_000_000, 3, null, null, "TimedOut", "", null, null]);
        let (endpoint, state) = ("https://pay.example.com:443", json!({ "Due": [at] }));
        let whole =
            json!(["msg_1", "600000", 7, "Confirmation", "acme", URL, endpoint, at, state, 1, 0, [attempt], at]);
        let format_2 = record([vec![2], rmp_serde::to_vec(&whole).unwrap()].concat());
        let known = Delivery { elsewhere: true, ..delivery };
        assert_eq!(read(&format_2, &entry), known);

        let attempt = json!({
            "number": 1, "started": 1_000_000, "milliseconds": 3, "address": null, "status": null,
            "outcome": "TimedOut", "detail": "",
        });
        let named = json!({
            "id": "msg_1", "owner": "600000", "number": 7, "kind": "Confirmation", "third_party": "acme",
            "url": URL, "endpoint": endpoint, "created": at, "state": { "Due": { "at": at } },
            "attempts_made": 1, "attempts_of_round": 0, "attempts": [attempt], "replayed": at,
        });
        let format_1 = record([vec![1], rmp_serde::to_vec_named(&named).unwrap()].concat());
        assert_eq!(read(&format_1, &entry), known);
    }
}
