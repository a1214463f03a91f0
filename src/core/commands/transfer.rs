//! Payments that third parties start: from an organization to a subscriber, to an organization or
//! to the provider, moved at once. One flow for all of them; what differs is in the catalogue.

use std::rc::Rc;

use super::attempt::{Halt, refuse};
use super::gates::{self, Acting, identifier};
use super::parties::{self, Resolved, organization_side};
use super::payment::{self, Draft, Terms};
use super::results::Captures;
use super::{Case, parameters, results};
use crate::core::accounts::AccountKind;
use crate::core::catalogue::{Customers, Relation, SideRule, TransferRules};
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::{Customer, Organization};
use crate::core::ledger::Stage;
use crate::core::money::Amount;
use crate::core::transaction::State;

/// Decides a transfer.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting, rules: &TransferRules) -> Result<Decision, Halt> {
    // What the initiator's own products do not grant is refused before anything is said about others.
    let catalogue = case.core.catalogue();
    if let Some(home) = acting.home.as_ref().filter(|home| names(case, home)) {
        gates::must_start(catalogue, home, case.service)?;
    }
    let (payer, payee) = parties(case, rules)?;
    acting.must_be_over(&mut case.evidence, &payer)?;
    gates::must_start(catalogue, &payer, case.service)?;
    permitted(case, rules, &payer, &payee)?;
    let amount = parameters(case)?;
    gates::must_be_under_head_office(case, &payer)?;
    if rules.bill_reference {
        bring_back_reference(case);
    }

    let registered = match &payee {
        Resolved::Subscriber(subscriber) => subscriber.registered,
        Resolved::Organization(_) | Resolved::Provider => true,
    };
    let terms = Terms {
        limits: Some(&rules.limits),
        charges: &rules.charges,
        business: Some(&payer),
        same_amount_seconds: rules.same_amount_seconds,
    };
    let draft = Draft {
        attempt: &case.attempt,
        debit: organization_side(&payer, rules.debit.account),
        credit: payee.side(rules.credit.account),
        amount,
        account_reference: case.order.parameter("AccountReference").map(str::to_owned),
        receipt: case.core.receipt(case.now, case.draw),
        now: case.now,
    };
    let mut transaction = draft.transaction(State::Completed);
    match payment::judge(case.core, &mut case.evidence, &terms, &mut transaction, Stage::Transfer) {
        Ok(write_set) => {
            let mut captures = Captures::default();
            let parameters = results::of_transfer(case, rules.result, &transaction, registered, &mut captures);
            Ok(results::completed(case, transaction, write_set, parameters, captures))
        }
        Err(Halt::Refused(refusal)) => {
            Ok(payment::declined(transaction, &case.attempt.names, case.attempt.reference.clone(), refusal))
        }
        Err(halt) => Err(halt),
    }
}

/// Whether the order's primary party is this organization, or not named at all.
fn names(case: &Case<'_>, home: &Organization) -> bool {
    case.order.primary.as_ref().is_none_or(|party| party.identifier.trim() == home.shortcode.as_str())
}

fn parties(case: &mut Case<'_>, rules: &TransferRules) -> Result<(Rc<Organization>, Resolved), Halt> {
    let (primary, receiver) = (case.order.primary.as_ref(), case.order.receiver.as_ref());
    let payer = gates::organization(&mut case.evidence, primary, &rules.debit.identifiers, ResultCode::PrimaryParty)?;
    let payee = match receiver {
        _ if AccountKind::PROVIDER.contains(&rules.credit.account) => Resolved::Provider,
        None if rules.relation == Relation::Same => Resolved::Organization(payer.clone()),
        Some(party) if party.identifier_type == identifier::MSISDN => {
            Resolved::Subscriber(subscriber(case, &party.identifier, &rules.credit)?)
        }
        _ => Resolved::Organization(gates::organization(
            &mut case.evidence,
            receiver,
            &rules.credit.identifiers,
            ResultCode::ReceiverParty,
        )?),
    };
    Ok((payer, payee))
}

fn subscriber(case: &mut Case<'_>, text: &str, rule: &SideRule) -> Result<Customer, Halt> {
    if !rule.identifiers.contains(&identifier::MSISDN) {
        return refuse(ResultCode::ReceiverParty, format!("{} does not pay phone numbers", case.service.command));
    }
    parties::subscriber(&mut case.evidence, case.core.catalogue().numbering(), text, ResultCode::ReceiverParty)
}

/// The states of the parties, and what the service and the payee's products allow between them.
fn permitted(
    case: &mut Case<'_>,
    rules: &TransferRules,
    payer: &Rc<Organization>,
    payee: &Resolved,
) -> Result<(), Halt> {
    Resolved::Organization(payer.clone()).must_pay()?;
    payee.must_be_payable()?;
    match payee {
        Resolved::Subscriber(payee) if rules.credit.customers == Customers::Registered && !payee.registered => {
            refuse(ResultCode::CustomerType, format!("subscriber {} is not registered", payee.msisdn))
        }
        Resolved::Subscriber(_) | Resolved::Provider => Ok(()),
        Resolved::Organization(payee) => {
            gates::must_relate(&mut case.evidence, rules.relation, payer, payee)?;
            gates::must_receive(case.core.catalogue(), payee, case.service)
        }
    }
}

fn parameters(case: &Case<'_>) -> Result<Amount, Halt> {
    parameters::check(case.service, case.order)?;
    parameters::currency(case.core, case.order)?;
    parameters::amount(case.order.parameter("Amount").unwrap_or_default())
}

fn bring_back_reference(case: &mut Case<'_>) {
    if let Some(reference) = case.order.parameter("AccountReference") {
        case.attempt.reference.insert(0, ("BillReferenceNumber".to_owned(), reference.to_owned()));
    }
}
