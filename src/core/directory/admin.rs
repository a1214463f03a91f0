//! What the provider's administrators decide has in common: why it is refused, how accounts are
//! opened and closed. Each decision reads, checks, and gives back a write set, as all others do.

use super::{Status, USER_NAME_CHARACTERS_MAX};
use crate::clock::Timestamp;
use crate::core::accounts::{Account, AccountKind, Holder, OpenAccount};
use crate::core::evidence::Evidence;
use crate::core::ids::{IdError, Shortcode};
use crate::core::ledger::Unbalanced;
use crate::store::{ReadError, WriteSet, encode};

/// The most characters of an organization's or a person's name (KYCValue, protocol.md 4.3).
const NAME_CHARACTERS_MAX: usize = 128;

/// Why an administrator's decision was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// An identifier is not well formed.
    #[error(transparent)]
    Id(#[from] IdError),
    /// It is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// It is not there.
    #[error("{0} does not exist; create it first")]
    Unknown(String),
    /// The catalogue has no such thing.
    #[error("the catalogue has no {0}")]
    NotInCatalogue(String),
    /// A name of nothing, or too long for the messages that carry it.
    #[error("a name has 1 to {NAME_CHARACTERS_MAX} characters, and no control characters")]
    Name,
    /// A name that cannot be used.
    #[error("a user name has 1 to {USER_NAME_CHARACTERS_MAX} letters, digits, dots, dashes or underscores")]
    UserName,
    /// A grant that ends before it begins.
    #[error("the grant of \"{0}\" ends before it begins")]
    GrantDates(String),
    /// Two roles that exclude each other would be in force at the same time (S3).
    #[error("\"{one}\" and \"{other}\" exclude each other: {reason}")]
    Exclusive {
        /// One role.
        one: String,
        /// The other.
        other: String,
        /// Why.
        reason: String,
    },
    /// An organization would stand above itself, or too deep.
    #[error("{0} cannot be the parent: the hierarchy above it is too deep")]
    Hierarchy(Shortcode),
    /// An organization would stand above itself.
    #[error("{0} stands below it already; an organization cannot be above itself")]
    AboveItself(Shortcode),
    /// What is closed stays closed.
    #[error("{0} is closed for good; create another one")]
    Closed(String),
    /// What is closed leaves no money behind.
    #[error("{0} is not empty; pay it out or settle it first")]
    NotEmpty(String),
    /// There is no grant that could end.
    #[error("the operator has no grant of \"{0}\" that could end")]
    NotGranted(String),
    /// There is nothing to do.
    #[error("nothing is to be changed; say what")]
    Nothing,
    /// Nothing, or less.
    #[error("the amount must be more than zero")]
    NoAmount,
    /// The account would leave its bounds.
    #[error("{0} would hold more than its limit allows")]
    Limit(String),
    /// A frozen account is not paid.
    #[error("{0} is frozen; release it first")]
    Frozen(String),
    /// Its state forbids that it is paid.
    #[error("{0} is {1} and is not paid")]
    NotPayable(String, &'static str),
    /// Our own fault: an entry that does not sum to zero.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Opens accounts of these kinds, each once, unless the holder has it already.
pub(super) fn open_missing(
    evidence: &mut Evidence<'_>,
    holder: &Holder,
    mut kinds: Vec<AccountKind>,
    now: Timestamp,
) -> Result<WriteSet, AdminError> {
    kinds.sort();
    kinds.dedup();
    let mut opened = WriteSet::new();
    for kind in kinds {
        let account = Account::new(holder.clone(), kind);
        let key = account.record();
        if evidence.load::<OpenAccount>(key.clone())?.is_none() {
            opened.put(key, encode(&OpenAccount { account, opened: now, frozen: false }));
        }
    }
    Ok(opened)
}

/// The state that somebody or something is to have from now on. What is closed stays closed, and is
/// closed only when its accounts are empty; the write set then holds only if nothing moves them in
/// between.
pub(super) fn next_status(
    evidence: &Evidence<'_>,
    who: &str,
    holder: &Holder,
    (before, after): (Status, Status),
) -> Result<WriteSet, AdminError> {
    let mut guards = WriteSet::new();
    if before == Status::Closed && after != Status::Closed {
        return Err(AdminError::Closed(who.to_owned()));
    }
    if after != Status::Closed || before == Status::Closed {
        return Ok(guards);
    }
    for kind in AccountKind::ORGANIZATION {
        let account = Account::new(holder.clone(), kind);
        let balance = account.balance(evidence.facts())?;
        if (balance.available, balance.reserved) != (0, 0) {
            return Err(AdminError::NotEmpty(format!("the {} of {who}", kind.alias())));
        }
        let log = account.statement();
        let lines = u64::try_from(evidence.facts().counter(&log)?).unwrap_or_default();
        guards.expect_absent(log.number(lines.saturating_add(1)));
    }
    Ok(guards)
}

/// A name for people, as it is kept.
pub(super) fn name(text: &str) -> Result<String, AdminError> {
    let name = text.trim();
    let fits = !name.is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX;
    if fits && !name.chars().any(char::is_control) { Ok(name.to_owned()) } else { Err(AdminError::Name) }
}
