//! Payments that third parties start: from an organization to a subscriber or to an organization,
//! moved at once. One flow for all of them; what differs is in the catalogue.

use super::attempt::{Halt, refuse};
use super::gates::{self, Acting, identifier};
use super::payment::{self, Draft, Terms};
use super::{Case, parameters, results};
use crate::core::accounts::{Account, AccountKind, Holder};
use crate::core::catalogue::{Customers, Relation, SideRule, TransferRules};
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::{Organization, Subscriber, load_subscriber};
use crate::core::ids::Msisdn;
use crate::core::ledger::Stage;
use crate::core::money::Amount;
use crate::core::transaction::{Side, State};

/// The resolved payee.
enum Payee {
    Organization(Organization),
    Subscriber(Subscriber),
}

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
    if rules.bill_reference {
        bring_back_reference(case);
    }

    let registered = match &payee {
        Payee::Organization(_) => true,
        Payee::Subscriber(subscriber) => subscriber.registered,
    };
    let terms = Terms {
        limits: &rules.limits,
        charges: &rules.charges,
        business: &payer,
        same_amount_seconds: rules.same_amount_seconds,
    };
    let draft = Draft {
        attempt: &case.attempt,
        debit: organization_side(&payer, rules.debit.account),
        credit: payee.side(&rules.credit),
        amount,
        account_reference: case.order.parameter("AccountReference").map(str::to_owned),
        receipt: case.core.receipt(case.now, case.draw),
        now: case.now,
    };
    let mut transaction = draft.transaction(State::Completed);
    match payment::judge(case.core, &mut case.evidence, &terms, &mut transaction, Stage::Transfer) {
        Ok(write_set) => Ok(results::completed(case, rules.result, transaction, write_set, registered)),
        Err(Halt::Refused(refusal)) => Ok(payment::declined(transaction, case.attempt.reference.clone(), refusal)),
        Err(halt) => Err(halt),
    }
}

/// Whether the order's primary party is this organization, or not named at all.
fn names(case: &Case<'_>, home: &Organization) -> bool {
    case.order.primary.as_ref().is_none_or(|party| party.identifier.trim() == home.shortcode.as_str())
}

fn parties(case: &mut Case<'_>, rules: &TransferRules) -> Result<(Organization, Payee), Halt> {
    let (primary, receiver) = (case.order.primary.as_ref(), case.order.receiver.as_ref());
    let payer = gates::organization(&mut case.evidence, primary, &rules.debit.identifiers, ResultCode::PrimaryParty)?;
    let payee = match receiver {
        None if rules.relation == Relation::Same => Payee::Organization(payer.clone()),
        Some(party) if party.identifier_type == identifier::MSISDN => {
            Payee::Subscriber(subscriber(case, &party.identifier, &rules.credit)?)
        }
        _ => Payee::Organization(gates::organization(
            &mut case.evidence,
            receiver,
            &rules.credit.identifiers,
            ResultCode::ReceiverParty,
        )?),
    };
    Ok((payer, payee))
}

fn subscriber(case: &mut Case<'_>, text: &str, rule: &SideRule) -> Result<Subscriber, Halt> {
    if !rule.identifiers.contains(&identifier::MSISDN) {
        return refuse(ResultCode::ReceiverParty, format!("{} does not pay phone numbers", case.service.command));
    }
    let Ok(msisdn) = Msisdn::parse(text, case.core.catalogue().numbering()) else {
        return refuse(ResultCode::ReceiverParty, format!("{text:?} is no phone number of this country"));
    };
    match load_subscriber(&mut case.evidence, &msisdn)? {
        Some(subscriber) => Ok(subscriber),
        None => refuse(ResultCode::ReceiverParty, format!("there is no subscriber {msisdn}")),
    }
}

/// The states of the parties, and what the service and the payee's products allow between them.
fn permitted(case: &mut Case<'_>, rules: &TransferRules, payer: &Organization, payee: &Payee) -> Result<(), Halt> {
    if !payer.status.may_act() {
        let reason = format!("organization {} is {:?}", payer.shortcode, payer.status);
        return refuse(ResultCode::DebitPartyState, reason);
    }
    match payee {
        Payee::Organization(payee) if !payee.status.may_receive() => {
            refuse(ResultCode::CreditPartyState, format!("organization {} is {:?}", payee.shortcode, payee.status))
        }
        Payee::Subscriber(payee) if !payee.status.may_receive() => {
            refuse(ResultCode::CreditPartyState, format!("subscriber {} is {:?}", payee.msisdn, payee.status))
        }
        Payee::Subscriber(payee) if rules.credit.customers == Customers::Registered && !payee.registered => {
            refuse(ResultCode::CustomerType, format!("subscriber {} is not registered", payee.msisdn))
        }
        Payee::Subscriber(_) => Ok(()),
        Payee::Organization(payee) => {
            gates::must_relate(&mut case.evidence, rules.relation, payer, payee)?;
            gates::must_receive(case.core.catalogue(), payee, case.service)
        }
    }
}

fn parameters(case: &Case<'_>) -> Result<Amount, Halt> {
    parameters::check(case.service, case.order)?;
    parameters::amount(case.order.parameter("Amount").unwrap_or_default())
}

fn bring_back_reference(case: &mut Case<'_>) {
    if let Some(reference) = case.order.parameter("AccountReference") {
        case.attempt.reference.insert(0, ("BillReferenceNumber".to_owned(), reference.to_owned()));
    }
}

/// An organization as one side of a transaction.
pub(super) fn organization_side(organization: &Organization, kind: AccountKind) -> Side {
    let holder = Holder::Organization(organization.shortcode.clone());
    Side { account: Account::new(holder, kind), name: organization.name.clone() }
}

/// A subscriber as one side of a transaction.
pub(super) fn subscriber_side(subscriber: &Subscriber, kind: AccountKind) -> Side {
    let holder = Holder::Subscriber(subscriber.msisdn.clone());
    let name = if subscriber.registered { subscriber.name.public() } else { String::new() };
    Side { account: Account::new(holder, kind), name }
}

impl Payee {
    fn side(&self, rule: &SideRule) -> Side {
        match self {
            Self::Organization(organization) => organization_side(organization, rule.account),
            Self::Subscriber(subscriber) => subscriber_side(subscriber, rule.account),
        }
    }
}
