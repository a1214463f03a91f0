//! What the provider's administrators decide: who exists, which roles they have, and how money
//! enters. Decisions like all others: read, check, and give back a write set.

use super::{
    Operator, Organization, PersonName, Status, Subscriber, UserName, load_operator, load_organization,
    load_subscriber, operator_key, organization_key, subscriber_key, user_name_key,
};
use crate::clock::Timestamp;
use crate::core::Core;
use crate::core::accounts::{Account, AccountKind, Holder, OpenAccount};
use crate::core::codes::ResultCode;
use crate::core::evidence::Evidence;
use crate::core::ids::{ConversationId, Draw, IdError, Msisdn, OperatorId, Receipt, Shortcode};
use crate::core::ledger::{Entry, Leg, Purpose, Stage, Unbalanced};
use crate::core::money::Amount;
use crate::core::roles::Grant;
use crate::core::transaction::{Origin, Side, State, Transaction};
use crate::store::{Read, ReadError, WriteSet, encode};

/// The most characters of a user name.
const USER_NAME_CHARACTERS_MAX: usize = 15;

/// What the provider's own commands are called in transactions.
const FUND: &str = "Fund";

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
    /// Nothing, or less.
    #[error("the amount must be more than zero")]
    NoAmount,
    /// The account would leave its bounds.
    #[error("{0} would hold more than its limit allows")]
    Limit(String),
    /// Our own fault: an entry that does not sum to zero.
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// An organization to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrganization {
    /// The shortcode.
    pub shortcode: Shortcode,
    /// The public name.
    pub name: String,
    /// The products, by name.
    pub products: Vec<String>,
    /// The organization above it.
    pub parent: Option<Shortcode>,
    /// Whether customers' payments are validated by its own system.
    pub validation: bool,
    /// A tariff in place of the usual one.
    pub tariff: Option<String>,
}

/// An operator to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperator {
    /// The organization; none for the provider.
    pub shortcode: Option<Shortcode>,
    /// The user name.
    pub user_name: String,
    /// The first roles.
    pub roles: Vec<Grant>,
    /// Pending Active until a password is set; Active where the caller sets one in the same commit.
    pub status: Status,
}

/// Roles that can be given, and what the administrator should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// What to commit.
    pub write_set: WriteSet,
    /// What is allowed but not recommended.
    pub warnings: Vec<String>,
}

/// Creates an organization with the accounts of its products.
pub fn create_organization(
    core: &Core,
    facts: &dyn Read,
    new: NewOrganization,
    now: Timestamp,
) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    let catalogue = core.catalogue();
    if load_organization(&mut evidence, &new.shortcode)?.is_some() {
        return Err(AdminError::Exists(format!("organization {}", new.shortcode)));
    }
    if let Some(parent) = &new.parent {
        check_parent(&mut evidence, parent)?;
    }
    if let Some(tariff) = new.tariff.as_deref().filter(|tariff| catalogue.tariff(tariff).is_none()) {
        return Err(AdminError::NotInCatalogue(format!("tariff \"{tariff}\"")));
    }
    let mut kinds = Vec::new();
    for name in &new.products {
        let product = catalogue.product(name);
        let product = product.ok_or_else(|| AdminError::NotInCatalogue(format!("product \"{name}\"")))?;
        kinds.extend(product.accounts.iter().copied());
    }
    kinds.sort();
    kinds.dedup();
    let mut write_set = evidence.write_set();
    for kind in kinds {
        open(&mut write_set, Account::new(Holder::Organization(new.shortcode.clone()), kind), now);
    }
    let organization = Organization {
        shortcode: new.shortcode,
        name: new.name,
        products: new.products,
        parent: new.parent,
        status: Status::Active,
        validation: new.validation,
        tariff: new.tariff,
        created: now,
    };
    write_set.put(organization_key(&organization.shortcode), encode(&organization));
    Ok(write_set)
}

/// Creates an operator; the draw gives its id.
pub fn create_operator(
    core: &Core,
    facts: &dyn Read,
    new: NewOperator,
    now: Timestamp,
    draw: Draw,
) -> Result<(OperatorId, Granted), AdminError> {
    let mut evidence = Evidence::new(facts);
    let user_name = new.user_name.trim().to_owned();
    let well_formed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if user_name.is_empty() || user_name.len() > USER_NAME_CHARACTERS_MAX || !user_name.chars().all(well_formed) {
        return Err(AdminError::UserName);
    }
    if let Some(shortcode) = &new.shortcode {
        let home = load_organization(&mut evidence, shortcode)?;
        home.ok_or_else(|| AdminError::Unknown(format!("organization {shortcode}")))?;
    }
    let name_key = user_name_key(new.shortcode.as_ref(), &user_name);
    if evidence.load::<UserName>(name_key.clone())?.is_some() {
        return Err(AdminError::Exists(format!("operator \"{user_name}\"")));
    }
    let id = OperatorId::from_draw(draw);
    if load_operator(&mut evidence, id)?.is_some() {
        return Err(AdminError::Exists(format!("operator {id}")));
    }
    let warnings = check_grants(core, &new.roles)?;
    let operator =
        Operator { id, shortcode: new.shortcode, user_name, roles: new.roles, status: new.status, created: now };
    let mut write_set = evidence.write_set();
    write_set.put(name_key, encode(&UserName { operator: id }));
    write_set.put(operator_key(id), encode(&operator));
    Ok((id, Granted { write_set, warnings }))
}

/// Gives roles to an operator, beside those that it has.
pub fn grant_roles(core: &Core, facts: &dyn Read, id: OperatorId, grants: Vec<Grant>) -> Result<Granted, AdminError> {
    let mut evidence = Evidence::new(facts);
    let operator = load_operator(&mut evidence, id)?;
    let mut operator = operator.ok_or_else(|| AdminError::Unknown(format!("operator {id}")))?;
    operator.roles.extend(grants);
    let warnings = check_grants(core, &operator.roles)?;
    let mut write_set = evidence.write_set();
    write_set.put(operator_key(id), encode(&operator));
    Ok(Granted { write_set, warnings })
}

/// Puts an operator into another state.
pub fn set_status(facts: &dyn Read, id: OperatorId, status: Status) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    let operator = load_operator(&mut evidence, id)?;
    let mut operator = operator.ok_or_else(|| AdminError::Unknown(format!("operator {id}")))?;
    operator.status = status;
    let mut write_set = evidence.write_set();
    write_set.put(operator_key(id), encode(&operator));
    Ok(write_set)
}

/// Creates a subscriber with an account.
pub fn create_subscriber(
    facts: &dyn Read,
    msisdn: Msisdn,
    name: PersonName,
    registered: bool,
    now: Timestamp,
) -> Result<WriteSet, AdminError> {
    let mut evidence = Evidence::new(facts);
    if load_subscriber(&mut evidence, &msisdn)?.is_some() {
        return Err(AdminError::Exists(format!("subscriber {msisdn}")));
    }
    let mut write_set = evidence.write_set();
    open(&mut write_set, Account::new(Holder::Subscriber(msisdn.clone()), AccountKind::Working), now);
    let subscriber = Subscriber { msisdn, name, registered, status: Status::Active, created: now };
    write_set.put(subscriber_key(&subscriber.msisdn), encode(&subscriber));
    Ok(write_set)
}

/// Brings money from the provider's trust account into an account: what was paid in at the bank.
pub fn fund(
    core: &Core,
    facts: &dyn Read,
    account: Account,
    amount: Amount,
    now: Timestamp,
    draw: Draw,
) -> Result<(Receipt, WriteSet), AdminError> {
    let mut evidence = Evidence::new(facts);
    if !amount.is_positive() {
        return Err(AdminError::NoAmount);
    }
    let open: Option<OpenAccount> = evidence.load(account.record())?;
    let described = format!("the {} of {}", account.kind.alias(), account.holder);
    open.ok_or_else(|| AdminError::Unknown(described.clone()))?;
    let day = core.zone().day(now);
    let ceiling = core.catalogue().bounds(&account, day).ceiling;
    let after = account.balance(facts)?.current().checked_add(amount.minor());
    if after.is_none_or(|after| after > ceiling) {
        return Err(AdminError::Limit(described));
    }
    let transaction = funding(core, account, amount, now, draw)?;
    let mut write_set = evidence.write_set();
    for entry in &transaction.entries {
        entry.post(&mut write_set, &transaction.receipt, FUND, |account| core.catalogue().bounds(account, day));
    }
    let key = Transaction::key(&transaction.receipt);
    write_set.expect_absent(key.clone());
    write_set.put(key, encode(&transaction));
    Ok((transaction.receipt, write_set))
}

fn funding(
    core: &Core,
    account: Account,
    amount: Amount,
    now: Timestamp,
    draw: Draw,
) -> Result<Transaction, Unbalanced> {
    let trust = Account::of_provider(AccountKind::Trust);
    let legs = vec![
        Leg::available(trust.clone(), amount.minor().saturating_neg(), Purpose::Principal),
        Leg::available(account.clone(), amount.minor(), Purpose::Principal),
    ];
    Ok(Transaction {
        receipt: core.receipt(now, draw),
        command: FUND.to_owned(),
        state: State::Completed,
        code: ResultCode::Success,
        reason: String::new(),
        conversation: ConversationId::issue(core.zone(), now, draw),
        origin: Origin::Provider,
        initiator: None,
        initiator_shortcode: None,
        debit: Side { account: trust, name: String::new() },
        credit: Side { account, name: String::new() },
        amount,
        charges: Vec::new(),
        account_reference: None,
        third_party_trans_id: None,
        initiated: now,
        finalized: Some(now),
        expires: None,
        entries: vec![Entry::new(Stage::Transfer, now, legs)?],
        reverses: None,
        reversed_by: None,
    })
}

fn open(write_set: &mut WriteSet, account: Account, now: Timestamp) {
    let key = account.record();
    write_set.expect_absent(key.clone());
    write_set.put(key, encode(&OpenAccount { account, opened: now, frozen: false }));
}

/// The parent exists, and there is room below it in the hierarchy.
fn check_parent(evidence: &mut Evidence<'_>, parent: &Shortcode) -> Result<(), AdminError> {
    let mut above = parent.clone();
    // One level is the new organization's own.
    for _ in 1..crate::core::HIERARCHY_LEVELS_MAX {
        let organization = load_organization(evidence, &above)?;
        let organization = organization.ok_or_else(|| AdminError::Unknown(format!("organization {above}")))?;
        match organization.parent {
            Some(next) => above = next,
            None => return Ok(()),
        }
    }
    Err(AdminError::Hierarchy(parent.clone()))
}

/// All roles exist, none excludes another while both are in force (S3); warns where one operator
/// would work on two channels.
fn check_grants(core: &Core, grants: &[Grant]) -> Result<Vec<String>, AdminError> {
    let catalogue = core.catalogue();
    let mut channels = Vec::new();
    for (at, grant) in grants.iter().enumerate() {
        let role = catalogue.role(&grant.role);
        let role = role.ok_or_else(|| AdminError::NotInCatalogue(format!("role \"{}\"", grant.role)))?;
        channels.push(role.channel);
        if grant.expires.is_some_and(|expires| expires <= grant.effective) {
            return Err(AdminError::GrantDates(grant.role.clone()));
        }
        let others = grants.iter().skip(at.saturating_add(1)).filter(|other| grant.overlaps(other));
        for other in others {
            if let Some(exclusion) = catalogue.exclusion(&grant.role, &other.role) {
                let (one, other) = (grant.role.clone(), other.role.clone());
                return Err(AdminError::Exclusive { one, other, reason: exclusion.reason.clone() });
            }
        }
    }
    channels.sort();
    channels.dedup();
    let names: Vec<_> = channels.iter().map(ToString::to_string).collect();
    let several = names.len() > 1;
    let warning = || format!("the operator works on several channels ({}), which is not recommended", names.join(", "));
    Ok(several.then(warning).into_iter().collect())
}
