//! The same request once more (L6). What was accepted before is not done again: the sender gets the
//! first answer, and the result, if it has gone out already, a second time; for most who send again
//! have lost one of the two. A third party that is set so gets 15, as from the real broker.

use std::time::Duration;

use super::accepted::{Accepted, Used, accepted_key, used_key};
use super::request::unreadable_store;
use super::{Broker, Refusal};
use crate::access::ThirdParty;
use crate::callbacks::{DeliveryId, ReplayError, outbox};
use crate::core::{ConversationId, Order};
use crate::store::{ReadError, decode};

/// How long a result rests before a repeat sends it again: whoever sends a request several times at
/// once has lost nothing yet, and nobody can make a flood of callbacks out of repeats.
const RESULT_RESTS: Duration = Duration::from_secs(60);

impl Broker {
    /// What was answered to this request before, if it came before. Another payload under its id is 15.
    pub(super) fn repeated(
        &self,
        party: &ThirdParty,
        order: &Order,
        fingerprint: &[u8],
    ) -> Result<Option<Used>, Refusal> {
        let key = used_key(&order.third_party, &order.originator_conversation);
        let Some(record) = self.parts.store.record(&key).map_err(unreadable_store)? else { return Ok(None) };
        let used: Used = decode(&record).map_err(unreadable_store)?;
        let id = &order.originator_conversation;
        if used.fingerprint != fingerprint {
            return Err(Refusal::Duplicate(format!("\"{id}\" was used before with another payload")));
        }
        if party.refuses_repeats {
            return Err(Refusal::Duplicate(format!("\"{id}\" was used before, and repeats are refused")));
        }
        Ok(Some(used))
    }

    /// Queues the result of this conversation once more, under its delivery's one id (D2), and holds it
    /// for the answer (D3). None if it is on its way still, or went out a moment ago, or there is none.
    pub(super) async fn result_again(&self, conversation: &ConversationId) -> Option<DeliveryId> {
        let id = match self.rested_result(conversation) {
            Ok(id) => id?,
            Err(error) => {
                tracing::error!(conversation = conversation.as_str(), %error, "a result could not be looked up");
                return None;
            }
        };
        if !self.parts.callbacks.hold(&id) {
            // Another repeat is about to send it.
            return None;
        }
        match self.parts.callbacks.replay(&id).await {
            Ok(()) => Some(id),
            Err(error) => {
                self.parts.callbacks.release(&id);
                // Another repeat was faster, or the first attempts are not over.
                if !matches!(error, ReplayError::Pending(_)) {
                    tracing::warn!(conversation = conversation.as_str(), %error, "a result is not sent again");
                }
                None
            }
        }
    }

    fn rested_result(&self, conversation: &ConversationId) -> Result<Option<DeliveryId>, ReadError> {
        let Some(record) = self.parts.store.record(&accepted_key(conversation))? else { return Ok(None) };
        let accepted: Accepted = decode(&record)?;
        let Some(result) = outbox::load(&*self.parts.store, &accepted.delivery)? else { return Ok(None) };
        let rested = self.parts.clock.now().since(result.delivery.under_way_since());
        Ok((rested >= RESULT_RESTS).then_some(accepted.delivery))
    }
}
