//! Reservations that nobody settles go back to their payers (L3): those whose time runs out, and those of an
//! earlier run once their payers wait no more.
//!
//! Whoever was to settle the latter is gone, and with it whatever the organization answers: a yes that comes
//! late finds nobody (D5). So there is no reason to keep the payer's money for as long as one would wait for
//! somebody who still works on it.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};

use super::Broker;
use super::payment::{NotPaid, session_key};
use super::retry::Undecided;
use super::validation::{Heard, Said};
use crate::clock::Timestamp;
use crate::core::transaction::Origin;
use crate::core::{CancelReason, Held, Receipt, SettleError, Transaction};
use crate::store::{ReadError, decode};

/// Reservations given back at a time.
const OVERDUE_PAGE: usize = 100;

/// Reservations that are taken over from an earlier run: as many as there are connections from gateways, by
/// the shipped settings, each of which waits for one payment. They are read one by one before the doors open, so
/// there is a bound. What is beyond it goes back when its own time runs out.
pub(super) const ABANDONED_MAX: usize = 10_000;

/// A reservation of an earlier run.
#[derive(Debug)]
pub(super) struct Abandoned {
    receipt: Receipt,
    /// When its payer's window is over.
    until: Timestamp,
}

impl Broker {
    /// Takes note of what an earlier run reserved. Call it before anything is reserved by this one.
    pub(super) fn take_over_reservations(&self) -> Result<(), ReadError> {
        let store = &*self.parts.store;
        let mut found = Vec::new();
        for receipt in self.core().overdue(store, Timestamp::from_micros(i64::MAX), ABANDONED_MAX)? {
            // One without its transaction is a mistake, which its overdue time brings to light.
            let Some(record) = store.record(&Transaction::key(&receipt))? else { continue };
            let until = decode::<Transaction>(&record)?.initiated.plus(self.parts.limits.validation_window);
            found.push(Abandoned { receipt, until });
        }
        *self.abandoned() = found;
        Ok(())
    }

    /// Gives back what was reserved and not settled in its time: by a node that stopped in between,
    /// or because settling failed. Nobody was told of a success, and the gateway learns the end when
    /// it asks again with its session id. What cannot be given back does not keep the others.
    pub(super) async fn give_back_overdue(&self) -> Result<usize, ReadError> {
        let (mut given_back, mut left) = (self.give_back_abandoned().await, HashSet::new());
        loop {
            let now = self.parts.clock.now();
            let mut overdue = self.parts.core.at(now).overdue(&*self.parts.store, now, OVERDUE_PAGE + left.len())?;
            overdue.retain(|receipt| !left.contains(receipt));
            if overdue.is_empty() {
                return Ok(given_back);
            }
            for receipt in overdue {
                match self.give_back(&receipt).await {
                    true => given_back += 1,
                    false => drop(left.insert(receipt)),
                }
            }
        }
    }

    /// Gives back what an earlier run left, as soon as its payer's window is over. What cannot be given back is
    /// tried again when its own time has run out.
    async fn give_back_abandoned(&self) -> usize {
        let now = self.parts.clock.now();
        let over: Vec<Abandoned> = self.abandoned().extract_if(.., |one| one.until <= now).collect();
        let mut given_back = 0;
        for Abandoned { receipt, .. } in over {
            given_back += usize::from(self.give_back(&receipt).await);
        }
        given_back
    }

    fn abandoned(&self) -> MutexGuard<'_, Vec<Abandoned>> {
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn give_back(&self, receipt: &Receipt) -> bool {
        let ended = self.expire(receipt).await;
        if let Err(error) = &ended {
            tracing::error!(receipt = receipt.as_str(), %error, "a reservation that nobody settled could not be given back");
        }
        ended.is_ok()
    }

    async fn expire(&self, receipt: &Receipt) -> Result<(), NotPaid> {
        let record = self.parts.store.record(&Transaction::key(receipt))?.ok_or(SettleError::Unknown(*receipt));
        let record = record.map_err(Undecided::from)?;
        let transaction: Box<Transaction> = Box::new(decode(&record)?);
        let Origin::Handset { gateway, session } = &transaction.origin else { return Err(NotPaid::NoHandset) };
        let session = session_key(gateway, session);
        let overdue = Heard { said: Said::No(CancelReason::Expired), legs: Vec::new() };
        self.settle(Held::Written(transaction, record.version), &session, overdue).await.map(drop)
    }
}
