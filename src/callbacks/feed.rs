//! The feed: an owner's callbacks from a number on, a page at a time, so that who missed some finds
//! them without anybody's help. It reads the outbox and changes nothing.

use crate::clock::Timestamp;
use crate::store::{Key, KeyRange, Part, Read, ReadError, Record, decode};

use super::callback::{Entry, Kind};
use super::delivery::DeliveryId;
use super::listing::Stage;
use super::outbox::{delivery_key, log_key};
use super::progress::Progress;
use super::wire::Wire;

/// Callbacks of one page.
pub const FEED_PAGE_MAX: usize = 100;

/// Bytes of messages after which a page ends.
const FEED_BYTES_MAX: usize = 1 << 20;

/// Callbacks that are read at a time. Each may be as large as a request, so no whole page of them is.
const READ_MAX: usize = 4;

/// A page of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedPage {
    /// In the order of their numbers.
    pub items: Vec<FeedItem>,
    /// Where the next page begins.
    pub next: u64,
    /// The owner's newest number; 0 while there is none.
    pub newest: u64,
}

/// One callback of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedItem {
    /// Its number in its owner's log.
    pub number: u64,
    /// Its delivery.
    pub id: DeliveryId,
    /// What kind of news it is.
    pub kind: Kind,
    /// When it was committed.
    pub created: Timestamp,
    /// How far it is.
    pub stage: Stage,
    /// Where it goes.
    pub url: String,
    /// The body of its HTTP message; empty if it cannot be written.
    pub message: Vec<u8>,
}

/// A page of the owner's callbacks from number `from` on, at most `limit` and [`FEED_PAGE_MAX`].
pub(super) fn page(
    facts: &dyn Read,
    wire: &dyn Wire,
    owner: &str,
    from: u64,
    limit: usize,
) -> Result<FeedPage, ReadError> {
    let log = log_key(owner);
    let newest = u64::try_from(facts.counter(&log)?).unwrap_or(0);
    let mut rest = KeyRange { from: log.clone().number(from.max(1)), to: log.subtree().to };
    let mut page = FeedPage { items: Vec::new(), next: from.max(1), newest };
    let (limit, mut bytes) = (limit.clamp(1, FEED_PAGE_MAX), 0);
    while page.items.len() < limit {
        let rows = facts.range(&rest, READ_MAX.min(limit - page.items.len()))?;
        let Some((last, _)) = rows.last() else { break };
        rest = rest.after(last);
        for (key, record) in &rows {
            let Some(item) = item(facts, wire, key, record)? else { continue };
            bytes += item.message.len();
            if bytes > FEED_BYTES_MAX && !page.items.is_empty() {
                return Ok(page);
            }
            page.next = item.number.saturating_add(1);
            page.items.push(item);
        }
    }
    Ok(page)
}

/// A callback of the log, if the key is one's.
fn item(facts: &dyn Read, wire: &dyn Wire, key: &Key, record: &Record) -> Result<Option<FeedItem>, ReadError> {
    let Some(Part::Number(number)) = key.parts().last().cloned() else { return Ok(None) };
    let Entry { delivery, created, callback } = decode(record)?;
    let message = wire.render(callback.kind, &callback.payload, &record.captured);
    let progress = facts.record(&delivery_key(&delivery))?.as_ref().map(decode::<Progress<'_>>).transpose()?;
    Ok(Some(FeedItem {
        number,
        id: delivery,
        kind: callback.kind,
        created,
        // The record of a delivery can only be gone after its end.
        stage: progress.map_or(Stage::Delivered, |progress| Stage::of(&progress.state)),
        url: callback.url,
        message: message.map_or_else(|_| Vec::new(), |document| document.body),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::testing::*;

    async fn node_with(callbacks: usize, payload: &str) -> Node {
        let node = Node::start(Script::new(|_| (std::time::Duration::ZERO, answer(410, ""))));
        for _ in 0..callbacks {
            let id = node.send("https://a.example.com/", payload).await;
            node.ended(&id).await;
        }
        node
    }

    fn numbers(page: &FeedPage) -> Vec<u64> {
        page.items.iter().map(|item| item.number).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn d8_pages_follow_each_other_without_a_gap_and_say_where_the_next_one_begins() {
        let node = node_with(FEED_PAGE_MAX + 5, "paid").await;
        let first = node.callbacks.feed("600000", 0, usize::MAX).unwrap();
        assert_eq!(numbers(&first), (1..=FEED_PAGE_MAX as u64).collect::<Vec<_>>());
        assert_eq!(first.newest, FEED_PAGE_MAX as u64 + 5);
        let second = node.callbacks.feed("600000", first.next, usize::MAX).unwrap();
        assert_eq!(numbers(&second), (first.next..=first.newest).collect::<Vec<_>>());
        assert_eq!(second.next, second.newest + 1);
        let end = node.callbacks.feed("600000", second.next, 9).unwrap();
        assert_eq!((end.items.len(), end.next, end.newest), (0, second.next, second.newest));
        assert_eq!(numbers(&node.callbacks.feed("600000", 7, 2).unwrap()), [7, 8]);
        let (item, message) = (&first.items[0], String::from_utf8(first.items[0].message.clone()).unwrap());
        assert_eq!((item.kind, item.stage, message.as_str()), (Kind::Result, Stage::Dead, "paid []"));
        assert_eq!(node.callbacks.feed("600001", 1, 9).unwrap(), FeedPage { next: 1, ..FeedPage::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn d6_a_page_ends_where_its_messages_get_too_many_bytes() {
        let node = node_with(5, &"x".repeat(FEED_BYTES_MAX / 2)).await;
        let page = node.callbacks.feed("600000", 1, 9).unwrap();
        assert_eq!((numbers(&page), page.next), (vec![1], 2));
        let store = FailingStore::over(node.store.clone());
        super::page(&*store, &LineWire, "600000", 1, FEED_PAGE_MAX).unwrap();
        assert!(store.asked_max() <= READ_MAX, "{} were read at a time", store.asked_max());
    }
}
