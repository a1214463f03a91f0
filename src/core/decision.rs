//! What the core decided: nothing has happened until the write set is committed.

use super::report::Report;
use super::transaction::Transaction;
use crate::store::{Key, WriteSet};

/// A decision of the core.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What to tell whoever asked.
    pub report: Report,
    /// Everything that is to happen, all or nothing. The broker adds its own changes.
    pub write_set: WriteSet,
    /// The counters that the report shows: whoever stores the report stores it with this capture
    /// list and renders it with what was captured.
    pub captures: Vec<Key>,
    /// The exact reason, for logs and `lango explain`; never for the wire.
    pub private: String,
    /// The transaction as it will stand, if there is one.
    pub transaction: Option<Box<Transaction>>,
    /// Whether the transaction can be declined instead where the store refuses its money: it begins with
    /// this decision, and how much it moves was asked for.
    pub declinable: bool,
}

impl Decision {
    /// One that moves no money, and shows no counters.
    pub(super) fn without_money(report: Report, write_set: WriteSet, private: String) -> Self {
        Self { report, write_set, captures: Vec::new(), private, transaction: None, declinable: false }
    }
}
