//! The core: identities, roles, the catalogue, accounts and the commands that move money.
//!
//! It is pure. It reads through [`store::Read`](crate::store::Read), is told the time and given
//! random draws, and answers with a [`Decision`]: what to report, and the one write set that makes
//! it true. Architecture invariant: nothing in here knows HTTP, XML, files, the clock or randomness,
//! and nothing but [`ledger`] moves money.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod accounts;
mod ascii;
pub mod books;
pub mod catalogue;
pub mod channel;
pub mod codes;
mod commands;
mod cores;
pub mod dated;
pub mod decision;
pub mod directory;
mod evidence;
pub mod ids;
pub mod ledger;
pub mod limits;
pub mod money;
pub mod order;
pub mod outcome;
pub mod receipt;
pub mod report;
pub mod roles;
pub mod roll_up;
pub mod tariff;
#[cfg(test)]
mod testing;
pub mod transaction;

use std::sync::Arc;

pub use accounts::{Account, AccountKind, Balance, Holder};
pub use catalogue::{Catalogue, CatalogueError};
pub use channel::Channel;
pub use codes::ResultCode;
pub use commands::{ApprovalError, Care, CareError, Flaw, Held, PendingApproval, SettleError};
pub use cores::Cores;
pub use decision::Decision;
pub use ids::{ConversationId, Draw, IdError, Msisdn, OperatorId, Shortcode};
pub use money::Amount;
pub use order::{CancelReason, Credential, CustomerPayment, HandsetParty, Initiator, Order, Party};
pub use outcome::Outcome;
pub use receipt::Receipt;
pub use report::{RECEIVER_CODE, Report, ReportValue};
pub use transaction::{State, Transaction};

use crate::clock::{Timestamp, Zone};
use crate::store::{CommitError, Read, ReadError, WriteSet};
use directory::Operator;

/// How deep a hierarchy of organizations can be.
pub const HIERARCHY_LEVELS_MAX: usize = 8;

/// How many organizations one balance enquiry can ask for.
pub const BALANCE_LIST_MAX: usize = 100;

/// What differs from node to node.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// Where days roll.
    pub zone: Zone,
    /// The node's digit in receipts.
    pub digit: u8,
    /// The ISO 4217 code of the one currency.
    pub currency: String,
}

/// The core under one catalogue.
#[derive(Clone, Debug)]
pub struct Core {
    catalogue: Arc<Catalogue>,
    settings: CoreSettings,
}

impl Core {
    /// The core that decides by this catalogue.
    pub fn new(catalogue: Arc<Catalogue>, settings: CoreSettings) -> Self {
        Self { catalogue, settings }
    }

    /// The catalogue by which it decides.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Where its days roll.
    pub fn zone(&self) -> &Zone {
        &self.settings.zone
    }

    /// The one currency.
    pub fn currency(&self) -> &str {
        &self.settings.currency
    }

    /// Whether a third party can order this command from the core.
    pub fn command_known(&self, command: &str) -> bool {
        commands::orderable(self, command).is_some()
    }

    /// What is wrong with the parameters of a command as far as can be said without reading
    /// anything: for the synchronous answer. What the command is must be known.
    pub fn flaw(&self, command: &str, parameters: &[(String, String)]) -> Option<Flaw> {
        commands::flaw(commands::orderable(self, command)?, parameters)
    }

    /// The operator whose credential is to be checked for this order; none if there is no such user.
    pub fn initiator(&self, facts: &dyn Read, order: &Order) -> Result<Option<Operator>, ReadError> {
        commands::initiator(facts, order)
    }

    /// Decides an order of a third party.
    pub fn execute(
        &self,
        facts: &dyn Read,
        order: &Order,
        credential: Credential,
        now: Timestamp,
        draw: Draw,
    ) -> Result<Decision, ReadError> {
        commands::execute(self, facts, order, &credential, now, draw)
    }

    /// Decides whether this payment of a handset can be made. Its transaction is then authorized,
    /// with the funds reserved, or completed already where the payee does not have to agree.
    pub fn authorize(
        &self,
        facts: &dyn Read,
        payment: &CustomerPayment,
        now: Timestamp,
        draw: Draw,
    ) -> Result<Decision, ReadError> {
        commands::authorize(self, facts, payment, now, draw)
    }

    /// Moves what was reserved to the payee.
    pub fn complete(
        &self,
        facts: &dyn Read,
        held: impl Into<Held>,
        third_party_trans_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Decision, SettleError> {
        commands::complete(facts, held.into(), third_party_trans_id, now)
    }

    /// Gives back what was reserved.
    pub fn cancel(
        &self,
        facts: &dyn Read,
        held: impl Into<Held>,
        why: CancelReason,
        now: Timestamp,
    ) -> Result<Decision, SettleError> {
        commands::cancel(self, facts, held.into(), &why, now)
    }

    /// At most `limit` authorized payments whose time has run out, to be cancelled as expired.
    pub fn overdue(&self, facts: &dyn Read, now: Timestamp, limit: usize) -> Result<Vec<Receipt>, ReadError> {
        commands::overdue(facts, now, limit)
    }

    /// Decides a request that waits for the provider's approval, which this operator of the provider
    /// gives. Who commits it deletes what [`PendingApproval::keys`] names with it.
    pub fn approve(
        &self,
        facts: &dyn Read,
        conversation: &ConversationId,
        approver: OperatorId,
        now: Timestamp,
        draw: Draw,
    ) -> Result<Decision, ApprovalError> {
        commands::approve(self, facts, conversation, approver, now, draw)
    }

    /// Decides that this operator of the provider does not approve it; likewise.
    pub fn refuse_approval(
        &self,
        facts: &dyn Read,
        conversation: &ConversationId,
        checker: OperatorId,
        reason: &str,
        now: Timestamp,
    ) -> Result<Decision, ApprovalError> {
        commands::refuse_approval(self, facts, conversation, checker, reason, now)
    }

    /// Decides that nobody approved it in time; likewise.
    pub fn expire_approval(
        &self,
        facts: &dyn Read,
        conversation: &ConversationId,
        now: Timestamp,
    ) -> Result<Decision, ApprovalError> {
        commands::expire(self, facts, conversation, now)
    }

    /// At most `limit` requests that wait for approval, after the one of the conversation `after`.
    pub fn approvals(
        &self,
        facts: &dyn Read,
        after: Option<&ConversationId>,
        limit: usize,
    ) -> Result<Vec<PendingApproval>, ReadError> {
        commands::approvals(facts, after, limit)
    }

    /// Whether the operator `by` may do this with the credential of `other`; the write set holds what that
    /// rests on, and is committed with what is done.
    pub fn may_care(
        &self,
        facts: &dyn Read,
        care: Care,
        by: OperatorId,
        other: &Operator,
        now: Timestamp,
    ) -> Result<WriteSet, CareError> {
        commands::may_care(self, facts, care, (by, other), now)
    }

    /// What becomes of a decision whose write set the store refused because a counter would have
    /// left its bounds (others were faster): the transaction declined with the code of that bound.
    /// None if the decision has no transaction to decline or the error is another one; then decide
    /// again from what the store holds now.
    pub fn bounded(&self, decision: &Decision, error: &CommitError) -> Option<Decision> {
        commands::bounded(self, decision, error)
    }

    /// The receipt of a transaction that begins now.
    fn receipt(&self, now: Timestamp, draw: Draw) -> Receipt {
        Receipt::issue(self.zone().day(now), self.settings.digit, draw)
    }

    /// The receipt of what has no transaction.
    pub fn no_receipt(&self, now: Timestamp) -> Receipt {
        Receipt::none(self.zone().day(now))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every word in which time, chance, files, the net or the wire could come in.
    const FORBIDDEN: [&str; 10] = [
        "tokio",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::net",
        "std::env",
        "hyper",
        "quick_xml",
        "entropy::",
        "Clock",
    ];

    #[test]
    fn the_core_is_pure() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core");
        assert_eq!(impurities(&folder), Vec::<String>::new());
    }

    fn impurities(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Tests may look at the environment, for seeds.
            if path.ends_with("tests") || path.ends_with("tests.rs") || path.ends_with("testing.rs") {
                continue;
            }
            if path.is_dir() {
                found.extend(impurities(&path));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let words = FORBIDDEN.iter().filter(|word| code.contains(**word));
            found.extend(words.map(|word| format!("{word} in {}", path.display())));
        }
        found
    }
}
