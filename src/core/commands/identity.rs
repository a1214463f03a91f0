//! CheckIdentity: whether a phone number is a subscriber's, and whose, before it is paid. No public
//! source says what it answers; it tells what the result of a payment would tell, and no more.

use super::Case;
use super::attempt::Halt;
use super::gates::{self, Acting, identifier};
use super::parties::{self, Resolved};
use super::results::{keyed, recipient};
use crate::core::accounts::AccountKind;
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::report::Report;
use crate::store::WriteSet;

/// Decides a check of an identity.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting) -> Result<Decision, Halt> {
    if let Some(home) = &acting.home {
        gates::must_start(case.core.catalogue(), home, case.service)?;
    }
    let party = case.order.receiver.as_ref().filter(|party| party.identifier_type == identifier::MSISDN);
    let text = party.map(|party| party.identifier.as_str()).unwrap_or_default();
    let numbering = case.core.catalogue().numbering();
    let subscriber = parties::subscriber(&mut case.evidence, numbering, text, ResultCode::ReceiverParty)?;
    let registered = subscriber.registered;
    let subscriber = Resolved::Subscriber(subscriber);
    subscriber.must_be_payable()?;
    let [registered, name] = recipient(&subscriber.side(AccountKind::Working), registered);
    let report = Report {
        parameters: keyed([registered, name]),
        reference: case.attempt.reference.clone(),
        ..Report::new(ResultCode::Success, case.core.no_receipt(case.now))
    };
    let private = format!("the identity of {text:?} shown");
    Ok(Decision::without_money(report, WriteSet::new(), private))
}
