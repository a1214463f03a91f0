//! Services and products, as the catalogue's files write them.

use serde::Deserialize;

use crate::core::accounts::AccountKind;
use crate::core::channel::Channel;

/// A service: a transaction type plus why, how and who.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name for people.
    pub name: String,
    /// The command ID, unique.
    pub command: String,
    /// The channel that it is offered on.
    pub channel: Channel,
    /// On which side it starts.
    pub direction: Direction,
    /// From which network of a third party it may come; none on channels that have no third party.
    pub network: Option<NetworkNeed>,
    /// The permission that a role of the channel must have; none for subscribers, who need no role.
    pub permission: Option<String>,
    /// The flow of money, for people: `Business to Customer`.
    pub transaction_type: String,
    /// As in `ReasonType`.
    pub reason_type: String,
    /// The parameters; others are let through unread.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// How old a request may be when the core gets to it; none if age does not matter.
    pub request_seconds_max: Option<u64>,
    /// What it does.
    pub flow: Flow,
}

/// On which side a service starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// A third party starts it.
    ThirdParty,
    /// It starts on the provider's side.
    Provider,
}

/// The network that a request must come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NetworkNeed {
    /// One of the third party's networks marked `vpn`.
    Vpn,
    /// Any of the third party's networks.
    Internet,
}

/// A parameter of a command.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its key.
    pub key: String,
    /// What its value must look like.
    pub format: ParameterFormat,
    /// Whether the command needs it.
    #[serde(default)]
    pub mandatory: bool,
}

/// What a parameter's value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterFormat {
    /// An amount of money, more than zero.
    Amount,
    /// Any text.
    Text,
    /// A shortcode.
    Shortcode,
    /// A receipt.
    Receipt,
}

/// What a service does.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Flow {
    /// Moves money at once.
    Transfer(TransferRules),
    /// A subscriber pays an organization: reserved first, moved when the payee agrees.
    CustomerPayment(CustomerPaymentRules),
    /// A payee gives a payment back.
    Reversal(ReversalRules),
    /// Clears what an organization owes the provider, and sweeps the rest of its income.
    Settlement(SettlementRules),
    /// Shows balances.
    AccountBalance,
    /// Shows a transaction.
    TransactionStatus {
        /// How many days a transaction can be asked for by a conversation id; later only by receipt.
        conversation_days: u32,
    },
    /// Shows whether a phone number is a subscriber's, and whose.
    CheckIdentity,
    /// The broker does it itself; the core only knows that it exists.
    Broker,
}

impl Flow {
    /// Whether it makes transactions; of what does, every refusal is kept on record, and no order is
    /// carried out twice.
    pub const fn moves_money(&self) -> bool {
        match self {
            Self::Transfer(_) | Self::CustomerPayment(_) | Self::Reversal(_) | Self::Settlement(_) => true,
            Self::AccountBalance | Self::TransactionStatus { .. } | Self::CheckIdentity | Self::Broker => false,
        }
    }

    /// The accounts between which it says that money goes.
    pub(super) fn accounts(&self) -> Vec<AccountKind> {
        match self {
            Self::Transfer(rules) => vec![rules.debit.account, rules.credit.account],
            Self::CustomerPayment(rules) => vec![rules.debit_account, rules.credit_account],
            Self::Settlement(rules) => rules.from.iter().copied().chain([rules.to]).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether an organization takes part in it.
    pub fn has_organization(&self) -> bool {
        match self {
            Self::CustomerPayment(rules) => {
                rules.payer == PartyKind::Organization || rules.payee == PartyKind::Organization
            }
            Self::Broker => false,
            _ => true,
        }
    }
}

/// The rules of reversals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReversalRules {
    /// The command IDs of the payments that can be given back.
    pub of: Vec<String>,
    /// What the provider wants to say about it first; none if it says nothing.
    pub approval: Option<ApprovalRules>,
}

/// The rules of an approval by the provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRules {
    /// What a role of the portal must allow an operator of the provider who approves.
    pub permission: String,
    /// For how long it can be approved.
    pub seconds: u32,
}

/// The rules of a settlement.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementRules {
    /// The accounts with the income; those that an organization does not have are passed over.
    pub from: Vec<AccountKind>,
    /// Where the rest goes.
    pub to: AccountKind,
    /// What results call these rules (`SettlementPlanID`); none if they do not name them.
    pub plan: Option<String>,
}

/// The rules of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferRules {
    /// Who pays: the PrimaryParty, always an organization.
    pub debit: SideRule,
    /// Who is paid: the ReceiverParty, or the provider where the account is one of the provider's.
    pub credit: SideRule,
    /// How the two organizations must stand to each other.
    #[serde(default)]
    pub relation: Relation,
    /// The limits of a single transaction.
    pub limits: String,
    /// What it costs.
    #[serde(default)]
    pub charges: Vec<ChargeRule>,
    /// For how long the same amount may not go to the same customer again; 0 if it may.
    #[serde(default)]
    pub same_amount_seconds: u32,
    /// Which result parameters it has.
    pub result: ResultStyle,
    /// Whether the account reference comes back as `BillReferenceNumber`.
    #[serde(default)]
    pub bill_reference: bool,
}

/// One side of a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideRule {
    /// By which identifier types it may be named (protocol.md 1.4).
    pub identifiers: Vec<u32>,
    /// Which of its accounts.
    pub account: AccountKind,
    /// If it is a customer, which customers.
    #[serde(default)]
    pub customers: Customers,
}

/// Which customers a service pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Customers {
    /// All.
    #[default]
    Any,
    /// Those whose identity is known.
    Registered,
}

/// How two organizations stand to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// They are two; nothing else matters.
    #[default]
    Other,
    /// They are one; the receiver may be left out.
    Same,
    /// Two of the same hierarchy.
    Inside,
    /// Two of different hierarchies.
    Outside,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeRule {
    /// What it is called in results and on statements.
    pub label: String,
    /// The tariff, unless the organization has another.
    pub tariff: String,
    /// The tariffs that an organization can have in place of this one.
    #[serde(default)]
    pub alternatives: Vec<String>,
}

/// Which result parameters a transfer has (protocol.md 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResultStyle {
    /// Of payments to customers.
    B2c,
    /// Of payments to businesses.
    B2b,
    /// Of withdrawals to the organization's bank.
    BankWithdrawal,
}

/// Who stands on one side of a payment that starts on a handset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartyKind {
    /// A subscriber, named by the phone number.
    Subscriber,
    /// An organization, named by the shortcode.
    Organization,
}

/// The rules of a payment that starts on a handset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerPaymentRules {
    /// As in `TransType`.
    pub trans_type: String,
    /// Who pays.
    pub payer: PartyKind,
    /// The payer's account.
    pub debit_account: AccountKind,
    /// Who is paid.
    pub payee: PartyKind,
    /// The payee's account.
    pub credit_account: AccountKind,
    /// Whether the payment must say what it is for.
    #[serde(default)]
    pub account_reference: bool,
    /// The limits of a single transaction.
    pub limits: String,
    /// What it costs.
    #[serde(default)]
    pub charges: Vec<ChargeRule>,
    /// After how long reserved funds go back by themselves; none where the payee need not agree, so
    /// that the money moves at once.
    pub reservation_seconds: Option<u32>,
}

/// A product: the services that a shortcode can use, and the accounts that it needs for them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Its name.
    pub name: String,
    /// What it is for, for people.
    pub description: String,
    /// The accounts that come with it.
    pub accounts: Vec<AccountKind>,
    /// The command IDs that its holder can start.
    pub starts: Vec<String>,
    /// The command IDs by which its holder can be paid.
    #[serde(default)]
    pub receives: Vec<String>,
}

impl ChargeRule {
    /// The tariff of an organization that chose this one, or chose nothing.
    pub fn tariff_for(&self, chosen: Option<&str>) -> &str {
        let chosen = chosen.and_then(|chosen| self.alternatives.iter().find(|other| *other == chosen));
        chosen.unwrap_or(&self.tariff)
    }

    /// Every tariff by which it may charge.
    pub fn tariffs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.tariff.as_str()).chain(self.alternatives.iter().map(String::as_str))
    }
}

impl Service {
    /// What it costs.
    pub(super) fn charge_rules(&self) -> &[ChargeRule] {
        match &self.flow {
            Flow::Transfer(rules) => &rules.charges,
            Flow::CustomerPayment(rules) => &rules.charges,
            _ => &[],
        }
    }

    /// The name of the limits of its transactions, if it makes any.
    pub(super) fn limits(&self) -> Option<&str> {
        match &self.flow {
            Flow::Transfer(rules) => Some(&rules.limits),
            Flow::CustomerPayment(rules) => Some(&rules.limits),
            _ => None,
        }
    }
}
