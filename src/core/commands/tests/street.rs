//! A street where everybody can do everything: three organizations with all products, the second one
//! below the first, each with an operator who holds all roles of the API and one who holds none. And
//! all commands as domain.md 3 and protocol.md 5 have them, written down here once more, so that what
//! the catalogue and the code make of them can be held against it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::core::catalogue::SHIPPED;
use crate::core::directory::{self, AdminError, OrganizationChange, Status, SubscriberChange};
pub use crate::core::tariff::golden::{Bands, charge};
use crate::core::tariff::golden::{FEE, MGAO, SEND_MONEY, WITHDRAWAL, WITHDRAWAL_PAID};
use crate::core::testing::{AMINA, UNKNOWN, World, account, handset_party, party, shortcode};
use crate::core::{AccountKind, Catalogue, CustomerPayment, Msisdn, Order};

pub const HOME: &str = "650000";
pub const CHILD: &str = "650001";
pub const PARTNER: &str = "760000";
pub const ORGANIZATIONS: [&str; 3] = [HOME, CHILD, PARTNER];
pub const JUMA: &str = "254722000001";
/// Whose identity is not known.
pub const UNREGISTERED: &str = UNKNOWN;
pub const SUBSCRIBERS: [&str; 3] = [AMINA, JUMA, UNREGISTERED];
/// Closed from the first day on, where [`close`] was called.
pub const GONE: &str = "770000";
pub const GONE_SUBSCRIBER: &str = "254722000009";

/// What each of the organizations' accounts holds at first, and each subscriber, in cents.
pub const FUNDS: i64 = 1_000_000;

/// After how many seconds a request is too old here.
pub const EXPIRY: u64 = 300;

const API_ROLES: [&str; 6] = [
    "Org B2C API Initiator",
    "Org B2B API Initiator",
    "Org Business Pay to Bulk API Initiator",
    "Org Reversals Initiator",
    "Balance Query Org API",
    "Transaction Status Query Org API",
];

/// How payer and payee stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    Two,
    One,
    Inside,
    Outside,
}

impl Stand {
    pub fn holds(self, from: &str, to: &str) -> bool {
        let top = |code: &str| if code == CHILD { HOME } else { code }.to_owned();
        match self {
            Self::Two => from != to,
            Self::One => from == to,
            Self::Inside => from != to && top(from) == top(to),
            Self::Outside => top(from) != top(to),
        }
    }
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Pays a subscriber out of Utility; a registered one only, perhaps.
    PayCustomer {
        registered: bool,
        charges: &'static [(&'static str, Bands)],
    },
    /// Moves money between organizations, or within one.
    Move {
        from: AccountKind,
        to: AccountKind,
        stand: Stand,
    },
    /// Moves working funds to the bank.
    Withdraw,
    /// Clears Charges Paid and sweeps the rest.
    Settle,
    /// Gives a payment back.
    Reverse,
    /// Shows something.
    AskBalance,
    AskStatus,
    AskIdentity,
    /// Begins on a handset; with the charge and, where the payee must agree, a reservation.
    Handset {
        from: AccountKind,
        to: AccountKind,
        parties: Parties,
        charge: Bands,
        least: i64,
        reserves: bool,
    },
    /// The broker's own.
    Register,
}

/// Who pays whom on the handset channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parties {
    ToOrganization,
    ToSubscriber,
    FromOrganization,
}

const B2C_FEE: &[(&str, Bands)] = &[("Fee For B2C Payment", FEE)];
const B2C_ALL: &[(&str, Bands)] = &[("Fee For B2C Payment", FEE), ("Withdrawal Charge Paid", WITHDRAWAL_PAID)];

const fn pays(registered: bool, charges: &'static [(&'static str, Bands)]) -> Does {
    Does::PayCustomer { registered, charges }
}

const fn moves(from: AccountKind, to: AccountKind, stand: Stand) -> Does {
    Does::Move { from, to, stand }
}

use AccountKind::{Float, Merchant, Utility, Working};
use Stand::{Inside, One, Outside, Two};

/// Every command ID, and what it does.
pub const COMMANDS: [(&str, Does); 30] = [
    ("SalaryPayment", pays(false, B2C_FEE)),
    ("BusinessPayment", pays(true, B2C_FEE)),
    ("PromotionPayment", pays(false, B2C_FEE)),
    ("SalaryPaymentWithWithdrawalChargePaid", pays(true, B2C_ALL)),
    ("BusinessPaymentWithWithdrawalChargePaid", pays(true, B2C_ALL)),
    ("TransferFromBankToCustomer", pays(false, B2C_FEE)),
    ("BusinessPayBill", moves(Working, Utility, Two)),
    ("BusinessBuyGoods", moves(Working, Merchant, Two)),
    ("DisburseFundsToBusiness", moves(Utility, Working, Two)),
    ("BusinessToBusinessTransfer", moves(Working, Working, Outside)),
    ("BusinessTransferFromMMFToUtility", moves(Working, Utility, One)),
    ("BusinessTransferFromUtilityToMMF", moves(Utility, Working, One)),
    ("MerchantToMerchantTransfer", moves(Merchant, Merchant, Outside)),
    ("MerchantServicesMMFAccountTransfer", moves(Working, Working, Inside)),
    ("MerchantTransferFromMerchantToWorking", moves(Merchant, Working, One)),
    ("MerchantTransferFromWorkingToMerchant", moves(Working, Merchant, One)),
    ("AgencyFloatAdvance", moves(Float, Float, Inside)),
    ("BusinessPayToBulk", moves(Working, Utility, Two)),
    ("OrgBankAccountWithdrawal", Does::Withdraw),
    ("OrgRevenueSettlement", Does::Settle),
    ("TransactionReversal", Does::Reverse),
    ("AccountBalance", Does::AskBalance),
    ("TransactionStatusQuery", Does::AskStatus),
    ("CheckIdentity", Does::AskIdentity),
    ("RegisterURL", Does::Register),
    ("CustomerPayBillOnline", handset(Working, Utility, Parties::ToOrganization, MGAO, 1, true)),
    ("CustomerBuyGoodsOnline", handset(Working, Merchant, Parties::ToOrganization, &[], 1, true)),
    ("SendMoney", handset(Working, Working, Parties::ToSubscriber, SEND_MONEY, 1, false)),
    ("AgentDeposit", handset(Float, Working, Parties::FromOrganization, &[], 50, false)),
    ("CustomerWithdrawal", handset(Working, Float, Parties::ToOrganization, WITHDRAWAL, 50, false)),
];

const fn handset(
    from: AccountKind,
    to: AccountKind,
    parties: Parties,
    charge: Bands,
    least: i64,
    reserves: bool,
) -> Does {
    Does::Handset { from, to, parties, charge, least, reserves }
}

/// What can be given back: what an organization got from somebody else.
pub fn reversible(does: Does) -> bool {
    match does {
        Does::Move { stand, .. } => stand != One,
        Does::Handset { reserves, .. } => reserves,
        _ => false,
    }
}

/// `1234.05`, and `-0.05`.
pub fn text(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", amount.abs() / 100, amount.abs() % 100)
}

/// The shipped catalogue, in which requests of third parties grow too old.
pub fn catalogue() -> Arc<Catalogue> {
    let starts = "direction = \"third-party\"\n";
    let aged = format!("{starts}request_seconds_max = {EXPIRY}\n");
    let files: Vec<_> = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), text.replace(starts, &aged))).collect();
    Arc::new(Catalogue::parse(&files).unwrap())
}

/// The most that may be sent in a day, a week, a month and a year, and the most that a subscriber may
/// hold, where limits are [`tight`].
pub const SUBSCRIBER_PERIODS: [i64; 4] = [400_000, 600_000, 750_000, 850_000];
pub const ORGANIZATION_PERIODS: [i64; 4] = [900_000, 1_400_000, 1_800_000, 2_100_000];
pub const SUBSCRIBER_MAX: i64 = 2_000_000;

/// The catalogue of [`catalogue`] with limits that a short life meets, in which the provider approves
/// reversals if so it is wished, within an hour.
pub fn tight(approves: bool) -> Arc<Catalogue> {
    let starts = "direction = \"third-party\"\n";
    let aged = format!("{starts}request_seconds_max = {EXPIRY}\n");
    let periods = |most: [i64; 4]| {
        let names = ["daily", "weekly", "monthly", "yearly"];
        let each = names.iter().zip(most).map(|(name, most)| format!("{name}_maximum = \"{}\"", text(most)));
        each.collect::<Vec<_>>().join(", ")
    };
    let subscriber = format!("{}, balance_maximum = \"{}\"", periods(SUBSCRIBER_PERIODS), text(SUBSCRIBER_MAX));
    let changes = [
        (starts, aged),
        ("daily_maximum = \"500000.00\", balance_maximum = \"500000.00\"", subscriber),
        ("daily_maximum = \"100000000.00\"", periods(ORGANIZATION_PERIODS)),
    ];
    let approval = "[service.flow.reversal]\napproval = { permission = \"approve reversals\", seconds = 3600 }\n";
    let files = SHIPPED.iter().map(|(name, text)| {
        let changed = changes.iter().fold((*text).to_owned(), |text, (from, to)| text.replace(from, to));
        let changed = if approves { changed.replace("[service.flow.reversal]\n", approval) } else { changed };
        ((*name).to_owned(), changed)
    });
    Arc::new(Catalogue::parse(&files.collect::<Vec<_>>()).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

/// Adds an organization and a subscriber that are closed, who had everything that others have.
pub fn close(world: &mut World) {
    let products = names("product", "name");
    let products: Vec<&str> = products.iter().map(String::as_str).collect();
    world.organization(GONE, "Zamani", &products, None);
    world.operator(GONE, "api", &API_ROLES);
    world.subscriber(GONE_SUBSCRIBER, "Zamani", "Sana", true);
    for who in [GONE, GONE_SUBSCRIBER] {
        put(world, who, Status::Closed).unwrap();
    }
}

/// Puts an organization or a subscriber into another state.
pub fn put(world: &mut World, who: &str, status: Status) -> Result<(), AdminError> {
    let status = Some(status);
    let write_set = if who.len() == 12 {
        let change = SubscriberChange { status, ..SubscriberChange::default() };
        directory::change_subscriber(&world.facts, &Msisdn::try_from(who.to_owned()).unwrap(), change)?.write_set
    } else {
        let change = OrganizationChange { status, ..OrganizationChange::default() };
        directory::change_organization(&world.core, &world.facts, &shortcode(who), change, world.now)?.write_set
    };
    world.facts.commit(write_set).unwrap();
    Ok(())
}

/// The names of all tables of a kind in the shipped catalogue, read past the code under test.
pub fn names(kind: &str, key: &str) -> BTreeSet<String> {
    let files = SHIPPED.iter().map(|(_, text)| text.parse::<toml::Table>().unwrap());
    let tables = files.filter_map(|file| file.get(kind).and_then(toml::Value::as_array).cloned()).flatten();
    tables.map(|table| table[key].as_str().unwrap().to_owned()).collect()
}

/// The world with the street in it.
pub fn street(catalogue: Arc<Catalogue>) -> World {
    let mut world = World::under(catalogue);
    let products = names("product", "name");
    let products: Vec<&str> = products.iter().map(String::as_str).collect();
    for (code, parent) in [(HOME, None), (CHILD, Some(HOME)), (PARTNER, None)] {
        world.organization(code, "Duka", &products, parent);
        world.operator(code, "api", &API_ROLES);
        world.operator(code, "clerk", &[]);
        for kind in [Working, Float, Utility, Merchant] {
            world.fund(account(code, kind), &text(FUNDS));
        }
    }
    world.subscriber(JUMA, "Juma", "Kamau", true);
    for msisdn in [JUMA, UNKNOWN] {
        world.fund(account(msisdn, Working), &text(FUNDS));
    }
    world
}

/// An order of an organization's operator, right in everything.
pub fn order(world: &mut World, command: &str, does: Does, from: &str, to: &str, amount: &str) -> Order {
    let mut order = world.order(command, from);
    let amount = ("Amount".to_owned(), amount.to_owned());
    match does {
        Does::PayCustomer { .. } => (order.receiver, order.parameters) = (party(1, to), vec![amount]),
        Does::Move { .. } => {
            order.receiver = party(4, to);
            order.parameters = vec![amount, ("AccountReference".into(), "INV-1".into())];
        }
        Does::Withdraw => order.parameters = vec![amount],
        Does::AskIdentity => order.receiver = party(1, to),
        _ => {}
    }
    order
}

/// A payment that begins on a handset.
pub fn payment(world: &mut World, command: &str, from: &str, to: &str, amount: &str) -> CustomerPayment {
    let mut payment = world.handset(command, to, amount);
    payment.payer = handset_party(from);
    payment
}

#[test]
fn every_command_of_the_catalogue_is_here_and_none_else() {
    let here: BTreeSet<String> = COMMANDS.iter().map(|(command, _)| (*command).to_owned()).collect();
    assert_eq!(here, names("service", "command"), "a command without a row, or a row without a command");
}
