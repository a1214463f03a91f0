//! In which form an organization or a third party gets its messages, where that is not live traffic's:
//! `receiver-style/<owner>`, the owner as in the log of callbacks.

use serde::{Deserialize, Serialize};

use super::Broker;
use crate::mminterface::ReceiverStyle;
use crate::store::{CommitError, Key, Read, ReadError, Stored, WriteSet, decode, encode};

/// The record of a style.
#[derive(Debug, Serialize, Deserialize)]
struct Chosen {
    style: ReceiverStyle,
}

impl Stored for Chosen {
    const NAME: &'static str = "a receiver's style";
}

/// The style of the first of these owners who has one; live traffic's if none has.
pub(super) fn of_first<'o>(
    facts: &dyn Read,
    owners: impl IntoIterator<Item = &'o str>,
) -> Result<ReceiverStyle, ReadError> {
    for owner in owners {
        if let Some(style) = chosen(facts, owner)? {
            return Ok(style);
        }
    }
    Ok(ReceiverStyle::default())
}

fn chosen(facts: &dyn Read, owner: &str) -> Result<Option<ReceiverStyle>, ReadError> {
    Ok(facts.record(&key(owner))?.as_ref().map(decode::<Chosen>).transpose()?.map(|chosen| chosen.style))
}

fn key(owner: &str) -> Key {
    Key::of("receiver-style").text(owner)
}

impl Broker {
    /// The style that was chosen for an owner (a shortcode, or `party/` and a third party's name).
    pub fn receiver_style(&self, owner: &str) -> Result<Option<ReceiverStyle>, ReadError> {
        chosen(&*self.parts.store, owner)
    }

    /// Chooses a style for an owner. It holds for everything that is sent from now on, what waits to
    /// be delivered included.
    pub async fn choose_receiver_style(&self, owner: &str, style: ReceiverStyle) -> Result<(), CommitError> {
        let mut write_set = WriteSet::new();
        write_set.put(key(owner), encode(&Chosen { style }));
        self.commit(write_set).await.map(drop)
    }
}
