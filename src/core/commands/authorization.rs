//! The first half of a payment that starts on a handset: whether it can be made. Where the payee
//! must agree, the payer's funds are reserved; elsewhere, between subscribers and with agents, the
//! money moves at once.

use std::time::Duration;

use super::attempt::{Attempt, Halt, Names, Refusal, refuse};
use super::customer_payment::{reserve, shown_balances};
use super::gates;
use super::parties::{self, Resolved};
use super::payment::{self, Draft, Terms};
use super::{parameters, results};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::accounts::{Account, AccountKind, Holder};
use crate::core::catalogue::{CustomerPaymentRules, Flow, PartyKind, Service};
use crate::core::codes::{ResultCode, parameter_missing};
use crate::core::decision::Decision;
use crate::core::directory::subscriber_key;
use crate::core::evidence::Evidence;
use crate::core::ids::{Draw, Msisdn};
use crate::core::ledger::Stage;
use crate::core::limits::Period;
use crate::core::order::{CustomerPayment, HandsetParty};
use crate::core::report::Report;
use crate::core::transaction::{OriginRef, State, Transaction};
use crate::store::{Read, ReadError, WriteSet};

/// Decides whether a payment can be made.
pub(in crate::core) fn authorize(
    core: &Core,
    facts: &dyn Read,
    payment: &CustomerPayment,
    now: Timestamp,
    draw: Draw,
) -> Result<Decision, ReadError> {
    let origin = OriginRef::Handset { gateway: &payment.gateway, session: &payment.session };
    let attempt = Attempt::new(&payment.command, &payment.conversation, origin);
    let payer = match &payment.payer {
        HandsetParty::Msisdn(text) => Msisdn::parse(text, core.catalogue().numbering()).ok(),
        HandsetParty::Shortcode(_) => None,
    };
    let evidence = Evidence::new(facts);
    let authorization = Authorization { core, evidence, payment, payer, attempt: &attempt, now, draw };
    match authorization.decide() {
        Ok(decision) => Ok(decision),
        Err(Halt::Refused(refusal)) => Ok(attempt.refused(core, refusal, now, true)),
        Err(Halt::Read(error)) => Err(error),
    }
}

/// A payment under decision.
struct Authorization<'a> {
    core: &'a Core,
    evidence: Evidence<'a>,
    payment: &'a CustomerPayment,
    /// Who pays, if it has the number of a subscriber.
    payer: Option<Msisdn>,
    attempt: &'a Attempt<'a>,
    now: Timestamp,
    draw: Draw,
}

impl Authorization<'_> {
    fn decide(mut self) -> Result<Decision, Halt> {
        self.foresee();
        self.attempt.must_be_new(&mut self.evidence)?;
        let core = self.core;
        let service = core.catalogue().command(&self.payment.command);
        let Some((service, Flow::CustomerPayment(rules))) = service.map(|service| (service, &service.flow)) else {
            return refuse(ResultCode::Command, format!("{:?} is no payment of handsets", self.payment.command));
        };
        let (payer, payee) = self.parties(service, rules)?;
        self.reference(rules)?;
        let amount = parameters::amount(&self.payment.amount)?;
        let (state, stage) = match rules.reservation_seconds {
            Some(_) => (State::Authorized, Stage::Hold),
            None => (State::Completed, Stage::Transfer),
        };
        let draft = Draft {
            attempt: self.attempt,
            debit: payer.side(rules.debit_account),
            credit: payee.side(rules.credit_account),
            amount,
            account_reference: self.payment.account_reference.clone().filter(|reference| !reference.trim().is_empty()),
            receipt: core.receipt(self.now, self.draw),
            now: self.now,
        };
        let mut transaction = draft.transaction(state);
        transaction.expires =
            rules.reservation_seconds.map(|seconds| self.now.plus(Duration::from_secs(seconds.into())));
        let terms = Terms {
            limits: Some(&rules.limits),
            charges: &rules.charges,
            business: payee.organization().or(payer.organization()),
            same_amount_seconds: 0,
        };
        match payment::judge(core, &mut self.evidence, &terms, &mut transaction, stage) {
            Ok(write_set) => Ok(allowed(transaction, &self.attempt.names, write_set)),
            Err(Halt::Refused(refusal)) => Ok(payment::declined(transaction, &self.attempt.names, Vec::new(), refusal)),
            Err(halt) => Err(halt),
        }
    }

    /// Tells the store what will be read about the payer, who has not paid anything for a while, and whose
    /// records are in no cache therefore. The payee's are, if it is a busy one.
    fn foresee(&self) {
        let Some(payer) = &self.payer else { return };
        let subscriber = subscriber_key(payer);
        let purse = Account::new(Holder::Subscriber(payer.clone()), AccountKind::Working);
        let sent = Period::Day.sent(&purse.holder, self.core.zone().day(self.now));
        let outcome = self.attempt.names.outcome.clone();
        let alias = self.attempt.names.alias.clone().unwrap_or_else(|| outcome.clone());
        self.evidence.facts().foresee(&[outcome, alias, subscriber, purse.record()], &[purse.available(), sent]);
    }

    /// Payer and payee, each in a state and with products that allow it.
    fn parties(&mut self, service: &Service, rules: &CustomerPaymentRules) -> Result<(Resolved, Resolved), Halt> {
        let payment = self.payment;
        let payer = match (rules.payer, &self.payer) {
            (PartyKind::Subscriber, Some(payer)) => {
                Resolved::Subscriber(parties::customer(&mut self.evidence, payer, ResultCode::PrimaryParty)?)
            }
            _ => self.party(rules.payer, &payment.payer, ResultCode::PrimaryParty)?,
        };
        payer.must_pay()?;
        if let Some(organization) = payer.organization() {
            gates::must_start(self.core.catalogue(), organization, service)?;
        }
        let payee = self.party(rules.payee, &payment.payee, ResultCode::ReceiverParty)?;
        payee.must_be_payable()?;
        if let Some(organization) = payee.organization() {
            gates::must_receive(self.core.catalogue(), organization, service)?;
        }
        if payer.holder() == payee.holder() {
            return refuse(ResultCode::ReceiverParty, format!("{payer} would pay itself"));
        }
        Ok((payer, payee))
    }

    fn party(&mut self, kind: PartyKind, named: &HandsetParty, code: ResultCode) -> Result<Resolved, Halt> {
        match (kind, named) {
            (PartyKind::Subscriber, HandsetParty::Msisdn(text)) => {
                let numbering = self.core.catalogue().numbering();
                parties::subscriber(&mut self.evidence, numbering, text, code).map(Resolved::Subscriber)
            }
            (PartyKind::Organization, HandsetParty::Shortcode(text)) => {
                gates::organization_known_as(&mut self.evidence, text, code).map(Resolved::Organization)
            }
            (kind, named) => refuse(code, format!("{named:?} is to be {kind:?}")),
        }
    }

    fn reference(&self, rules: &CustomerPaymentRules) -> Result<(), Halt> {
        let given = self.payment.account_reference.as_ref().is_some_and(|reference| !reference.trim().is_empty());
        if given || !rules.account_reference {
            return Ok(());
        }
        let description = parameter_missing("AccountReference");
        Err(Refusal { code: ResultCode::ParameterMissing, reason: description.clone(), description }.into())
    }
}

/// The decision to reserve the funds, or to move them if nobody has to agree.
fn allowed(transaction: Box<Transaction>, names: &Names, mut write_set: WriteSet) -> Decision {
    let mut report = Report::new(ResultCode::Success, transaction.receipt);
    let mut captures = results::Captures::default();
    if transaction.state == State::Completed {
        report.parameters = shown_balances(&transaction, &mut captures);
    }
    payment::keep(&mut write_set, &transaction, names);
    reserve(&mut write_set, &transaction);
    let done = if transaction.state == State::Completed { " completed" } else { " authorized" };
    let private = [transaction.receipt.as_str(), done].concat();
    Decision {
        report,
        write_set,
        captures: captures.into_keys(),
        private,
        transaction: Some(transaction),
        declinable: true,
    }
}
