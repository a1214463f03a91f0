//! OrgRevenueSettlement: what an organization owes the provider is paid out of its income, and the
//! rest of the income becomes working funds. How much that is, the balances say, so the money goes
//! through the settlement account in one entry; if others were faster, it is decided again.

use std::rc::Rc;

use super::attempt::{Halt, refuse};
use super::gates::{self, Acting, identifier};
use super::parties::{Resolved, organization_side};
use super::payment::{self, Draft, must_be_open, must_fit};
use super::results::{Captures, keyed};
use super::{Case, parameters, results};
use crate::clock::Day;
use crate::core::accounts::{Account, AccountKind, Holder, OpenAccount};
use crate::core::catalogue::{Relation, SettlementRules};
use crate::core::codes::ResultCode;
use crate::core::decision::Decision;
use crate::core::directory::Organization;
use crate::core::ledger::{Entry, Leg, Purpose, Stage};
use crate::core::money::Amount;
use crate::core::report::{OrganizationBalances, ReportValue};
use crate::core::transaction::State;
use crate::store::ReadError;

/// Funds that go from one account of the organization to another.
struct Movement {
    from: Account,
    to: Account,
    amount: i64,
}

/// Decides a settlement.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting, rules: &SettlementRules) -> Result<Decision, Halt> {
    let organization = party(case, acting)?;
    parameters::check(case.service, case.order)?;
    gates::must_be_under_head_office(case, &organization)?;
    let income = income(case, &organization, rules)?;
    let Some(first) = income.first() else {
        let reason = format!("{} has none of {:?}", organization.shortcode, rules.from);
        return refuse(ResultCode::AccountState, reason);
    };
    let (debit, credit) = (organization_side(&organization, first.kind), organization_side(&organization, rules.to));
    for kind in [AccountKind::OrganizationSettlement, AccountKind::ChargesPaid, rules.to] {
        must_be_open(&mut case.evidence, &of(&organization, kind))?;
    }
    let day = case.core.zone().day(case.now);
    let movements = movements(case, &organization, &income, rules.to, day)?;
    let settled = movements.iter().filter(|movement| income.contains(&movement.from));
    let amount = settled.fold(0_i64, |sum, movement| sum.saturating_add(movement.amount));

    let draft = Draft {
        attempt: &case.attempt,
        debit,
        credit,
        amount: Amount::from_minor(amount),
        account_reference: None,
        receipt: case.core.receipt(case.now, case.draw),
        now: case.now,
    };
    let transaction = draft.transaction(State::Completed);
    if let Some(rest) = movements.iter().find(|movement| movement.to == transaction.credit.account) {
        match must_fit(case.core, &case.evidence, &rest.to, rest.amount, day) {
            Err(Halt::Refused(refusal)) => {
                let reference = case.attempt.reference.clone();
                return Ok(payment::declined(transaction, &case.attempt.names, reference, refusal));
            }
            fits => fits.map(drop)?,
        }
    }
    let entry = match Entry::new(Stage::Transfer, case.now, legs(&movements)) {
        Ok(entry) => entry,
        Err(unbalanced) => return refuse(ResultCode::Internal, unbalanced.to_string()),
    };
    let mut write_set = case.evidence.write_set();
    entry.post(&mut write_set, &transaction.receipt, |account| case.core.catalogue().bounds(account, day));
    let mut captures = Captures::default();
    let mut parameters = shown(case, &organization, &movements, &income, rules.to, &mut captures);
    parameters.extend(rules.plan.iter().map(|plan| ("SettlementPlanID".to_owned(), ReportValue::text(plan))));
    // How much it moves follows from what is there, so whoever was slower decides again.
    let decision = results::completed(case, transaction, write_set, parameters, captures);
    Ok(Decision { declinable: false, ..decision })
}

/// The organization to be settled; a receiver, if there is one, is the same.
fn party(case: &mut Case<'_>, acting: &Acting) -> Result<Rc<Organization>, Halt> {
    let (primary, receiver) = (case.order.primary.as_ref(), case.order.receiver.as_ref());
    let types = [identifier::SHORTCODE];
    let organization = gates::organization(&mut case.evidence, primary, &types, ResultCode::PrimaryParty)?;
    acting.must_be_over(&mut case.evidence, &organization)?;
    gates::must_start(case.core.catalogue(), &organization, case.service)?;
    if receiver.is_some() {
        let other = gates::organization(&mut case.evidence, receiver, &types, ResultCode::ReceiverParty)?;
        gates::must_relate(&mut case.evidence, Relation::Same, &organization, &other)?;
    }
    let resolved = Resolved::Organization(organization.clone());
    resolved.must_pay()?;
    Ok(organization)
}

/// Which accounts with income the organization has.
fn income(case: &mut Case<'_>, organization: &Organization, rules: &SettlementRules) -> Result<Vec<Account>, Halt> {
    let mut income = Vec::new();
    for kind in &rules.from {
        let account = of(organization, *kind);
        if case.evidence.load::<OpenAccount>(account.record())?.is_some() {
            must_be_open(&mut case.evidence, &account)?;
            income.push(account);
        }
    }
    Ok(income)
}

/// All income above what must stay in its account goes into the settlement account; out of it first the
/// debt, as far as the income reaches, then the rest. What would move nothing is left out.
fn movements(
    case: &Case<'_>,
    organization: &Organization,
    income: &[Account],
    to: AccountKind,
    day: Day,
) -> Result<Vec<Movement>, ReadError> {
    let facts = case.evidence.facts();
    let settlement = of(organization, AccountKind::OrganizationSettlement);
    let charges = of(organization, AccountKind::ChargesPaid);
    let mut movements = Vec::new();
    let mut total = 0_i64;
    for account in income {
        let stays = case.core.catalogue().bounds(account, day).floor;
        let amount = facts.counter(&account.available())?.saturating_sub(stays).max(0);
        total = total.saturating_add(amount);
        movements.push(Movement { from: account.clone(), to: settlement.clone(), amount });
    }
    let debt = facts.counter(&charges.available())?.min(0).saturating_neg();
    let paid = debt.min(total);
    movements.push(Movement { from: settlement.clone(), to: charges, amount: paid });
    movements.push(Movement { from: settlement, to: of(organization, to), amount: total.saturating_sub(paid) });
    movements.retain(|movement| movement.amount > 0);
    Ok(movements)
}

fn legs(movements: &[Movement]) -> Vec<Leg> {
    let both = movements.iter().map(|Movement { from, to, amount }| {
        let out = Leg::available(from.clone(), amount.saturating_neg(), Purpose::Principal);
        [out, Leg::available(to.clone(), *amount, Purpose::Principal)]
    });
    both.flatten().collect()
}

/// The result parameters (protocol.md 3.5), but for the plan.
fn shown(
    case: &Case<'_>,
    organization: &Organization,
    movements: &[Movement],
    income: &[Account],
    to: AccountKind,
    captures: &mut Captures,
) -> Vec<(String, ReportValue)> {
    let currency = case.core.currency();
    let each = movements.iter().map(|Movement { from, to, amount }| {
        format!("{}|{}|{currency}|{}", from.kind.alias(), to.kind.alias(), Amount::from_minor(*amount))
    });
    let funds = each.collect::<Vec<_>>().join("&");
    let touched = income.iter().map(|account| account.kind).chain([AccountKind::ChargesPaid, to]);
    let accounts = touched.map(|kind| (kind.alias().to_owned(), captures.balance(&of(organization, kind)))).collect();
    let after = OrganizationBalances { shortcode: None, accounts: Some(accounts) };
    keyed([
        ("FundsMovement", ReportValue::text(funds)),
        (
            "AccountBalanceAfterSettlement",
            ReportValue::Accounts { currency: currency.to_owned(), organizations: vec![after] },
        ),
        ("BOCompletedTime", ReportValue::text(case.core.zone().compact(case.now))),
    ])
}

fn of(organization: &Organization, kind: AccountKind) -> Account {
    Account::new(Holder::Organization(organization.shortcode.clone()), kind)
}
