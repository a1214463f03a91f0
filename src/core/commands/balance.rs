//! AccountBalance: the accounts of one's own organization, or of a list of those below it.
//!
//! The balances are captured when the report is committed, so that they are all of one moment.

use std::rc::Rc;

use super::attempt::{Halt, Refusal, refuse};
use super::gates::{self, Acting, identifier};
use super::results::{Captures, keyed};
use super::{Case, parameters};
use crate::core::BALANCE_LIST_MAX;
use crate::core::accounts::{Account, AccountKind, Holder, OpenAccount};
use crate::core::codes::{ResultCode, parameter_format};
use crate::core::decision::Decision;
use crate::core::directory::{Organization, load_organization};
use crate::core::ids::Shortcode;
use crate::core::report::{CapturedBalance, OrganizationBalances, Report, ReportValue};
use crate::store::{ReadError, WriteSet};

/// Decides a balance enquiry.
pub(super) fn decide(case: &mut Case<'_>, acting: &Acting) -> Result<Decision, Halt> {
    if let Some(home) = &acting.home {
        gates::must_start(case.core.catalogue(), home, case.service)?;
    }
    parameters::check(case.service, case.order)?;
    let kinds = kinds(case)?;
    let mut captures = Captures::default();
    let organizations = match case.order.parameter("OrgShortCodeList") {
        None => {
            let organization = target(case, acting)?;
            acting.must_be_over(&mut case.evidence, &organization)?;
            let accounts = Some(accounts(case, &organization, &kinds, &mut captures)?);
            vec![OrganizationBalances { shortcode: None, accounts }]
        }
        Some(list) => listed(case, acting, list, &kinds, &mut captures)?,
    };
    let balances = ReportValue::Accounts { currency: case.core.currency().to_owned(), organizations };
    let report = Report {
        parameters: keyed([
            ("AccountBalance", balances),
            ("BOCompletedTime", ReportValue::text(case.core.zone().compact(case.now))),
        ]),
        reference: case.attempt.reference.clone(),
        ..Report::new(ResultCode::Success, case.core.no_receipt(case.now))
    };
    let shown = Decision::without_money(report, WriteSet::new(), "balances shown".to_owned());
    Ok(Decision { captures: captures.into_keys(), ..shown })
}

/// The one organization that is asked for: by parameter, as a party, or the initiator's own.
fn target(case: &mut Case<'_>, acting: &Acting) -> Result<Rc<Organization>, Halt> {
    let by_parameter = case.order.parameter("ShortCode");
    let party = case.order.receiver.as_ref().or(case.order.primary.as_ref());
    let by_party = party.filter(|party| party.identifier_type == identifier::SHORTCODE).map(|party| &*party.identifier);
    let own = acting.home.as_ref().map(|home| home.shortcode.as_str());
    let Some(text) = by_parameter.or(by_party).or(own) else {
        return refuse(ResultCode::ReceiverParty, "the request names no organization");
    };
    let organization = match Shortcode::parse(text) {
        Ok(shortcode) => load_organization(&mut case.evidence, &shortcode)?,
        Err(_) => None,
    };
    match organization {
        Some(organization) => Ok(organization),
        None => refuse(ResultCode::ReceiverParty, format!("there is no organization {text:?}")),
    }
}

/// `600000;600001`: whoever cannot be shown, for whatever reason, is marked as failed (S1).
fn listed(
    case: &mut Case<'_>,
    acting: &Acting,
    list: &str,
    kinds: &[AccountKind],
    captures: &mut Captures,
) -> Result<Vec<OrganizationBalances>, Halt> {
    let texts: Vec<_> = list.split(';').map(str::trim).filter(|text| !text.is_empty()).collect();
    if texts.is_empty() || texts.len() > BALANCE_LIST_MAX {
        let reason = format!("{} shortcodes are listed, and 1 to {BALANCE_LIST_MAX} are allowed", texts.len());
        let description = parameter_format("OrgShortCodeList");
        return Err(Refusal { code: ResultCode::ParameterFormat, description, reason }.into());
    }
    let mut organizations = Vec::with_capacity(texts.len());
    for text in texts {
        let organization = match Shortcode::parse(text) {
            Ok(shortcode) => load_organization(&mut case.evidence, &shortcode)?,
            Err(_) => None,
        };
        let accounts = match organization {
            Some(organization) if acting.is_over(&mut case.evidence, &organization)? => {
                Some(accounts(case, &organization, kinds, captures)?)
            }
            _ => None,
        };
        organizations.push(OrganizationBalances { shortcode: Some(text.to_owned()), accounts });
    }
    Ok(organizations)
}

/// The kinds of accounts that are asked for: all, or the one that `AccountType` names.
fn kinds(case: &Case<'_>) -> Result<Vec<AccountKind>, Halt> {
    let Some(wanted) = case.order.parameter("AccountType") else { return Ok(AccountKind::ORGANIZATION.to_vec()) };
    let is_wanted = |kind: &&AccountKind| {
        std::iter::once(kind.alias()).chain(kind.also_called().iter().copied()).any(|name| {
            let short = name.strip_suffix(" Account").unwrap_or(name);
            name.eq_ignore_ascii_case(wanted) || short.eq_ignore_ascii_case(wanted)
        })
    };
    match AccountKind::ORGANIZATION.iter().find(is_wanted) {
        Some(kind) => Ok(vec![*kind]),
        None => {
            let description = parameter_format("AccountType");
            let reason = format!("there is no account type {wanted:?}");
            Err(Refusal { code: ResultCode::ParameterFormat, description, reason }.into())
        }
    }
}

fn accounts(
    case: &mut Case<'_>,
    organization: &Organization,
    kinds: &[AccountKind],
    captures: &mut Captures,
) -> Result<Vec<(String, CapturedBalance)>, ReadError> {
    let mut accounts = Vec::new();
    for kind in kinds {
        let account = Account::new(Holder::Organization(organization.shortcode.clone()), *kind);
        if case.evidence.load::<OpenAccount>(account.record())?.is_some() {
            accounts.push((kind.alias().to_owned(), captures.balance(&account)));
        }
    }
    Ok(accounts)
}
