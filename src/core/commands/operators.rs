//! What an operator may do with another one's credential (domain.md 7). The password of who acts is for
//! others to check.

use super::attempt::{Halt, refuse};
use super::gates::Acting;
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::channel::Channel;
use crate::core::codes::ResultCode;
use crate::core::directory::{Operator, load_operator, load_organization};
use crate::core::evidence::Evidence;
use crate::core::ids::OperatorId;
use crate::store::{Read, ReadError, WriteSet};

/// What is done with an operator's credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// It is unlocked.
    Unlock,
    /// It gets a password, which activates one that had none.
    SetPassword,
}

impl Care {
    /// The permissions of the portal of which one is enough.
    const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Unlock => &["disable users", "manage initiator passwords"],
            Self::SetPassword => &["set API passwords"],
        }
    }
}

/// Why an operator may not.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// Its state, its roles or its organization forbid it.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Lets the operator `by` care for `other`, an operator of its own organization or of one below it (S1),
/// by a role of the portal (S2). The write set holds what this rests on; what is done goes into the same
/// commit.
pub(in crate::core) fn may_care(
    core: &Core,
    facts: &dyn Read,
    care: Care,
    (by, other): (OperatorId, &Operator),
    now: Timestamp,
) -> Result<WriteSet, CareError> {
    let mut evidence = Evidence::new(facts);
    match allowed(core, &mut evidence, care, (by, other), now) {
        Ok(()) => Ok(evidence.write_set()),
        Err(Halt::Read(error)) => Err(error.into()),
        Err(Halt::Refused(refusal)) => Err(CareError::Refused(refusal.reason)),
    }
}

fn allowed(
    core: &Core,
    evidence: &mut Evidence<'_>,
    care: Care,
    (by, other): (OperatorId, &Operator),
    now: Timestamp,
) -> Result<(), Halt> {
    let Some(operator) = load_operator(evidence, by)? else {
        return refuse(ResultCode::Initiator, format!("there is no operator {by}"));
    };
    let home = match &operator.shortcode {
        Some(shortcode) => load_organization(evidence, shortcode)?,
        None => None,
    };
    let acting = Acting { operator, home };
    acting.must_be_active()?;
    let mut verdict = Ok(());
    for permission in care.permissions() {
        verdict = acting.must_hold(core.catalogue(), Channel::Web, permission, now);
        if verdict.is_ok() {
            break;
        }
    }
    verdict?;
    let others_home = match &other.shortcode {
        Some(shortcode) => load_organization(evidence, shortcode)?,
        None => None,
    };
    match (&acting.operator.shortcode, others_home) {
        (None, _) => Ok(()),
        (Some(_), Some(organization)) => acting.must_be_over(evidence, &organization),
        (Some(home), None) => refuse(ResultCode::NotChild, format!("{} is not an operator of {home}'s", other.id)),
    }
}
