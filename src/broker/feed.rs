//! GetCallbacks: a third party fetches callbacks that it may have missed, its organizations' or its
//! own, and nobody else's (S1).

use super::dispatch::party_log;
use super::request::unreadable_store;
use super::third_party::soap_answer;
use super::{Answer, Broker, Refusal, Request};
use crate::access::{NetworkKind, Permit};
use crate::callbacks::{FEED_PAGE_MAX, FeedItem};
use crate::mminterface::{FeedCallback, FeedPage, FeedQuery, Interfaces, write_feed_page};

impl Broker {
    /// Answers a request to the path of the feed.
    pub(super) fn feed(&self, mut request: Request) -> Answer {
        let call = match self.call(&mut request, NetworkKind::Vpn, Interfaces::read_feed) {
            Ok(call) => call,
            Err(answer) => return *answer,
        };
        match self.feed_page(&call.permit, &call.message) {
            Ok(page) => {
                self.parts.metrics.answer(&page.response_code);
                let version = call.message.version;
                soap_answer(version, write_feed_page(&page, version))
            }
            Err(refusal) => self.refuse(&request, &call.permit.third_party().name, &refusal),
        }
    }

    /// Whose log it is follows from the permit: a shortcode that the third party does not act for is
    /// refused in the same way whether or not there is such an organization.
    fn feed_page(&self, permit: &Permit, query: &FeedQuery) -> Result<FeedPage, Refusal> {
        let third_party = permit.third_party();
        let owner = match &query.short_code {
            Some(short_code) if third_party.shortcodes.contains(short_code) => short_code.clone(),
            Some(short_code) => return Err(Refusal::Shortcode(short_code.clone())),
            None => party_log(&third_party.name),
        };
        let limit = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(FEED_PAGE_MAX);
        let page = self.parts.callbacks.feed(&owner, query.from_number, limit).map_err(unreadable_store)?;
        Ok(FeedPage {
            response_code: "00000000".into(),
            response_desc: "Success".into(),
            next_number: page.next,
            newest_number: page.newest,
            callbacks: page.items.into_iter().map(shown).collect(),
        })
    }
}

fn shown(item: FeedItem) -> FeedCallback {
    let created = jiff::Timestamp::from_microsecond(item.created.micros()).unwrap_or(jiff::Timestamp::MAX);
    FeedCallback {
        number: item.number,
        delivery_id: item.id.to_string(),
        kind: item.kind.name(),
        created: created.to_string(),
        state: item.stage.name(),
        url: item.url,
        message: item.message,
    }
}
