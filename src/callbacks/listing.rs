//! The callbacks as operators look through them: by state, by organization, since a time, a page at
//! a time. Pending ones come in the order in which they are due, endpoint by endpoint; all others
//! in the order of their organizations' numbers.
//!
//! One page looks at a bounded number of records, so a long search is many short ones and holds
//! nobody up (D6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::store::{Key, KeyRange, Part, Read, ReadError, Record, decode};

use super::callback::Entry;
use super::delivery::{Delivery, DeliveryId, State};
use super::outbox::{self, CALLBACKS, DEAD, OUTBOX};

/// Callbacks of one page.
pub const PAGE_MAX: usize = 500;

/// Records that one page may look at.
pub const LOOKED_AT_MAX: usize = 5_000;

/// Which callbacks are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Not delivered yet.
    Pending,
    /// Acknowledged.
    Delivered,
    /// Given up.
    Dead,
}

impl Stage {
    /// Where a delivery stands.
    pub fn of(state: &State) -> Self {
        match state {
            State::Due { .. } | State::Retrying { .. } => Self::Pending,
            State::Delivered { .. } => Self::Delivered,
            State::Dead { .. } => Self::Dead,
        }
    }

    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// Only those that stand so.
    pub stage: Option<Stage>,
    /// Only those of this owner: a shortcode, or `party/NAME` for a third party's own.
    pub owner: Option<String>,
    /// Only those committed then or later.
    pub since: Option<Timestamp>,
    /// Only those committed before then.
    pub until: Option<Timestamp>,
    /// Go on after the page that said so.
    pub after: Option<String>,
    /// At most so many; at most [`PAGE_MAX`] in any case.
    pub limit: Option<usize>,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What was found; it may be less than asked for, or nothing, and there may still be more.
    pub deliveries: Vec<Delivery>,
    /// Where to go on; none if this was all.
    pub next: Option<String>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The mark to go on after is none of ours.
    #[error("\"{0}\" is no mark that a page gave")]
    Mark(String),
    /// The store did not read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// One page of what is wanted.
pub fn page(facts: &dyn Read, wanted: &Wanted) -> Result<Page, ListError> {
    let limit = wanted.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
    let mut range = range(wanted);
    if let Some(mark) = &wanted.after {
        range = range.after(&key_of(mark).ok_or_else(|| ListError::Mark(mark.clone()))?);
    }
    let mut deliveries = Vec::new();
    let mut looked_at = 0;
    loop {
        let rows = facts.range(&range, PAGE_MAX)?;
        for (key, record) in &rows {
            looked_at += 1;
            let found = id_of(key, record)?.map(|id| outbox::load(facts, &id)).transpose()?.flatten();
            deliveries.extend(found.map(|loaded| loaded.delivery).filter(|delivery| fits(delivery, wanted)));
            if deliveries.len() == limit || looked_at == LOOKED_AT_MAX {
                return Ok(Page { deliveries, next: Some(mark_of(key)) });
            }
        }
        match rows.last() {
            Some((last, _)) => range = range.after(last),
            None => return Ok(Page { deliveries, next: None }),
        }
    }
}

/// The records that lead to what is wanted, as few as the stage allows.
fn range(wanted: &Wanted) -> KeyRange {
    match (wanted.stage, &wanted.owner) {
        // The outbox is ordered by endpoints; an owner's are picked out of it.
        (Some(Stage::Pending), _) => Key::of(OUTBOX).subtree(),
        (Some(Stage::Dead), Some(owner)) => Key::of(DEAD).text(owner).subtree(),
        (Some(Stage::Dead), None) => Key::of(DEAD).subtree(),
        (_, Some(owner)) => outbox::log_key(owner).subtree(),
        (_, None) => Key::of(CALLBACKS).subtree(),
    }
}

fn id_of(key: &Key, record: &Record) -> Result<Option<DeliveryId>, ReadError> {
    Ok(match key.parts().as_slice() {
        [Part::Text(kind), .., Part::Text(id)] if kind == OUTBOX || kind == DEAD => {
            Some(DeliveryId::from_text(id.as_str()))
        }
        [.., Part::Number(_)] => Some(decode::<Entry>(record)?.delivery),
        _ => None,
    })
}

/// What the range did not decide is decided here, from the delivery itself.
fn fits(delivery: &Delivery, wanted: &Wanted) -> bool {
    wanted.stage.is_none_or(|stage| Stage::of(&delivery.state) == stage)
        && wanted.owner.as_ref().is_none_or(|owner| delivery.owner == *owner)
        && wanted.since.is_none_or(|since| delivery.created >= since)
        && wanted.until.is_none_or(|until| delivery.created < until)
}

fn mark_of(key: &Key) -> String {
    URL_SAFE_NO_PAD.encode(key.as_bytes())
}

fn key_of(mark: &str) -> Option<Key> {
    let key = Key::from_bytes(URL_SAFE_NO_PAD.decode(mark).ok()?);
    match key.parts().first() {
        Some(Part::Text(kind)) if [CALLBACKS, OUTBOX, DEAD].contains(&kind.as_str()) => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::testing::*;
    use crate::clock::Clock;

    async fn node_with_all_stages() -> (Node, [DeliveryId; 3]) {
        let script = Script::new(|call| {
            let status = match call.url.as_str() {
                "https://a.example.com/gone" => 410,
                "https://b.example.com/later" => 400,
                _ => 200,
            };
            (std::time::Duration::ZERO, answer(status, ""))
        });
        let node = Node::start(script);
        let delivered = node.send("https://a.example.com/well", "1").await;
        let dead = node.send("https://a.example.com/gone", "2").await;
        let pending = node.send("https://b.example.com/later", "3").await;
        node.ended(&delivered).await;
        node.ended(&dead).await;
        (node, [delivered, dead, pending])
    }

    fn ids(node: &Node, wanted: &Wanted) -> Vec<DeliveryId> {
        page(&*node.store, wanted).unwrap().deliveries.into_iter().map(|delivery| delivery.id).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_stage_is_found_and_nothing_else() {
        let (node, [delivered, dead, pending]) = node_with_all_stages().await;
        for (stage, id) in [(Stage::Delivered, &delivered), (Stage::Dead, &dead), (Stage::Pending, &pending)] {
            for owner in [None, Some("600000".to_owned())] {
                let wanted = Wanted { stage: Some(stage), owner, ..Wanted::default() };
                assert_eq!(ids(&node, &wanted), std::slice::from_ref(id), "{stage:?}");
            }
            let other = Wanted { stage: Some(stage), owner: Some("600001".into()), ..Wanted::default() };
            assert!(ids(&node, &other).is_empty());
        }
        assert_eq!(ids(&node, &Wanted::default()), [delivered, dead, pending]);
        let later = Wanted { since: Some(Timestamp::from_seconds(4_000_000_000)), ..Wanted::default() };
        assert!(ids(&node, &later).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_replayed_dead_letter_is_no_longer_among_the_dead() {
        let (node, [_, dead, _]) = node_with_all_stages().await;
        let (write_set, _) = outbox::replay(&*node.store, &dead, node.clock.now()).unwrap();
        crate::store::Store::commit(&*node.store, write_set).await.unwrap();
        let wanted = Wanted { stage: Some(Stage::Dead), ..Wanted::default() };
        assert!(ids(&node, &wanted).is_empty());
        assert!(node.store.range(&Key::of(DEAD).subtree(), 9).unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn pages_follow_each_other_without_gaps_or_repeats() {
        let (node, all) = node_with_all_stages().await;
        let mut wanted = Wanted { limit: Some(1), ..Wanted::default() };
        let mut seen = Vec::new();
        loop {
            let page = page(&*node.store, &wanted).unwrap();
            assert!(page.deliveries.len() <= 1);
            seen.extend(page.deliveries.into_iter().map(|delivery| delivery.id));
            wanted.after = page.next;
            if wanted.after.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_mark_that_no_page_gave_is_refused() {
        let store = FailingStore::default();
        let foreign = mark_of(&Key::of("third_party").text("duka"));
        for mark in ["", "%%", &foreign] {
            let wanted = Wanted { after: Some(mark.into()), ..Wanted::default() };
            assert!(matches!(page(&store, &wanted), Err(ListError::Mark(_))), "{mark:?}");
        }
    }
}
