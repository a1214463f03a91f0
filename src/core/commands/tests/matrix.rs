//! Who may order what: every command of the catalogue by every role, on every channel, for the
//! operator's own organization, one below it, one above it and a foreign one. What must come out is
//! written down here, from the rules (domain.md 1, 3 and 5), and not asked of the code. A command or
//! role that the catalogue has and this table has not makes the test fail: there is no cell that
//! nobody thought about.

use std::collections::{BTreeMap, BTreeSet};

use super::street::names;
use crate::core::testing::{AMINA, World, account, party};
use crate::core::{AccountKind, Channel, Order, Receipt};

const HOME: &str = "650000";
const CHILD: &str = "650001";
const SIBLING: &str = "650002";
const FOREIGN: &str = "750000";
const FOREIGN_CHILD: &str = "750001";
const PARTNER: &str = "760000";

const B2C: &str = "Org B2C API Initiator";
const B2B: &str = "Org B2B API Initiator";
const BULK_ROLE: &str = "Org Business Pay to Bulk API Initiator";
const REVERSALS: &str = "Org Reversals Initiator";
const BALANCES: &str = "Balance Query Org API";
const STATUS: &str = "Transaction Status Query Org API";

/// The roles of the portal, the provider's among them: none orders anything by the API (S2).
const WEB_ROLES: [&str; 9] = [
    "Business Administrator",
    "Business Manager",
    "Business Web Operator",
    "Business Auditor",
    "B2B Web Maker",
    "B2B Web Checker",
    "Set Org API Password",
    "Manage Org Initiator Passwords",
    "SP Reversal Approver",
];

/// What an operator asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// Money of an organization: its own, or one below it.
    Funds,
    /// A payment that an organization got: its own, or one below it.
    Reversal,
    /// A transaction: of its own organization, whatever is below.
    Status,
    /// A subscriber, who belongs to no organization.
    Identity,
}

/// What third parties can order, and the one role that lets an operator do so.
const TABLE: [(&str, &str, Subject); 23] = [
    ("SalaryPayment", B2C, Subject::Funds),
    ("BusinessPayment", B2C, Subject::Funds),
    ("PromotionPayment", B2C, Subject::Funds),
    ("SalaryPaymentWithWithdrawalChargePaid", B2C, Subject::Funds),
    ("BusinessPaymentWithWithdrawalChargePaid", B2C, Subject::Funds),
    ("TransferFromBankToCustomer", B2C, Subject::Funds),
    ("CheckIdentity", B2C, Subject::Identity),
    ("BusinessPayBill", B2B, Subject::Funds),
    ("BusinessBuyGoods", B2B, Subject::Funds),
    ("DisburseFundsToBusiness", B2B, Subject::Funds),
    ("BusinessToBusinessTransfer", B2B, Subject::Funds),
    ("BusinessTransferFromMMFToUtility", B2B, Subject::Funds),
    ("BusinessTransferFromUtilityToMMF", B2B, Subject::Funds),
    ("MerchantToMerchantTransfer", B2B, Subject::Funds),
    ("MerchantServicesMMFAccountTransfer", B2B, Subject::Funds),
    ("MerchantTransferFromMerchantToWorking", B2B, Subject::Funds),
    ("MerchantTransferFromWorkingToMerchant", B2B, Subject::Funds),
    ("AgencyFloatAdvance", B2B, Subject::Funds),
    ("OrgRevenueSettlement", B2B, Subject::Funds),
    ("OrgBankAccountWithdrawal", B2B, Subject::Funds),
    ("BusinessPayToBulk", BULK_ROLE, Subject::Funds),
    ("TransactionReversal", REVERSALS, Subject::Reversal),
    ("AccountBalance", BALANCES, Subject::Funds),
];
const STATUS_QUERY: &str = "TransactionStatusQuery";

/// What starts on the provider's side, or is the broker's own: no third party orders it.
const NOT_ORDERED: [&str; 6] = [
    "CustomerPayBillOnline",
    "CustomerBuyGoodsOnline",
    "SendMoney",
    "AgentDeposit",
    "CustomerWithdrawal",
    "RegisterURL",
];

/// For whom the operator acts, seen from its own organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Own,
    Child,
    Parent,
    Foreign,
}

impl Relation {
    const ALL: [Relation; 4] = [Relation::Own, Relation::Child, Relation::Parent, Relation::Foreign];

    /// The operator's organization, and the one whose money or transaction it is about.
    fn organizations(self) -> (&'static str, &'static str) {
        match self {
            Relation::Own => (HOME, HOME),
            Relation::Child => (HOME, CHILD),
            Relation::Parent => (CHILD, HOME),
            Relation::Foreign => (HOME, FOREIGN),
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Relation::Own | Relation::Child)
    }
}

fn row(command: &str) -> Option<(&'static str, Subject)> {
    if command == STATUS_QUERY {
        return Some((STATUS, Subject::Status));
    }
    TABLE.iter().find(|(other, _, _)| *other == command).map(|(_, role, subject)| (*role, *subject))
}

/// The result code that the rules ask for.
fn expected(command: &str, roles: &[&str], channel: Channel, relation: Relation) -> &'static str {
    let Some((role, subject)) = row(command).filter(|_| channel == Channel::Api) else { return "1002" };
    if !roles.contains(&role) {
        return "21";
    }
    match subject {
        Subject::Identity => "0",
        Subject::Funds if relation.is_over() => "0",
        Subject::Funds => "2043",
        Subject::Reversal if relation.is_over() => "0",
        Subject::Reversal => "R000002",
        Subject::Status if relation == Relation::Own => "0",
        Subject::Status => "2032",
    }
}

/// A hierarchy whose organizations have every product, so that nothing but role and relation
/// decides, and an operator for each role in the two that act.
struct Stage {
    world: World,
    /// A payment that each organization got.
    receipts: BTreeMap<&'static str, Receipt>,
}

impl Stage {
    fn set() -> Self {
        let mut world = World::new();
        let products = names("product", "name");
        let products: Vec<&str> = products.iter().map(String::as_str).collect();
        let cast = [
            (HOME, None),
            (CHILD, Some(HOME)),
            (SIBLING, Some(HOME)),
            (FOREIGN, None),
            (FOREIGN_CHILD, Some(FOREIGN)),
            (PARTNER, None),
        ];
        for (code, parent) in cast {
            world.organization(code, code, &products, parent);
        }
        for home in [HOME, CHILD] {
            for (at, roles) in hands().iter().enumerate() {
                world.operator(home, &user(at), roles);
            }
        }
        let mut receipts = BTreeMap::new();
        for code in [HOME, CHILD, FOREIGN] {
            for kind in [AccountKind::Working, AccountKind::Utility, AccountKind::Merchant, AccountKind::Float] {
                world.fund(account(code, kind), "10000");
            }
            let payment = world.handset("CustomerPayBillOnline", code, "200");
            let receipt = world.authorize(&payment).decision.report.receipt;
            let completed = world.core.complete(&world.facts, &receipt, None, world.now).unwrap();
            world.settle(completed);
            receipts.insert(code, receipt);
        }
        Self { world, receipts }
    }

    /// A request for this command that is right in everything but, perhaps, who sends it.
    fn order(&mut self, command: &str, at: usize, channel: Channel, relation: Relation) -> Order {
        let (home, about) = relation.organizations();
        let mut order = self.world.order(command, home);
        order.channel = channel;
        order.initiator.as_mut().unwrap().identifier = user(at);
        order.primary = party(4, about);
        order.receiver = receiver(command, about);
        let mut parameters = vec![("Amount", "100".to_owned()), ("AccountReference", "INV-7".to_owned())];
        match command {
            "TransactionReversal" => parameters = vec![("OriginalTransactionID", self.receipts[about].to_string())],
            "TransactionStatusQuery" => parameters = vec![("ReceiptNumber", self.receipts[about].to_string())],
            "AccountBalance" => parameters = vec![("ShortCode", about.to_owned())],
            "CheckIdentity" | "OrgRevenueSettlement" => parameters.clear(),
            _ => {}
        }
        order.parameters = parameters.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        order
    }
}

fn receiver(command: &str, about: &str) -> Option<crate::core::Party> {
    match command {
        "SalaryPayment"
        | "BusinessPayment"
        | "PromotionPayment"
        | "SalaryPaymentWithWithdrawalChargePaid"
        | "BusinessPaymentWithWithdrawalChargePaid"
        | "TransferFromBankToCustomer"
        | "CheckIdentity" => party(1, AMINA),
        "BusinessTransferFromMMFToUtility"
        | "BusinessTransferFromUtilityToMMF"
        | "MerchantTransferFromMerchantToWorking"
        | "MerchantTransferFromWorkingToMerchant"
        | "OrgRevenueSettlement"
        | "AccountBalance" => party(4, about),
        "MerchantServicesMMFAccountTransfer" | "AgencyFloatAdvance" => {
            party(4, if about == FOREIGN { FOREIGN_CHILD } else { SIBLING })
        }
        "OrgBankAccountWithdrawal" | "TransactionReversal" => None,
        _ => party(4, PARTNER),
    }
}

/// What the operators hold: each role alone, none, and a web role beside an API role.
fn hands() -> Vec<Vec<&'static str>> {
    let api = [B2C, B2B, BULK_ROLE, REVERSALS, BALANCES, STATUS];
    let alone = api.into_iter().chain(WEB_ROLES).map(|role| vec![role]);
    alone.chain([vec![], vec!["Business Manager", B2C], vec!["Business Administrator", BALANCES]]).collect()
}

fn user(at: usize) -> String {
    format!("hand-{at}")
}

#[test]
fn the_table_has_every_command_and_every_role_of_the_catalogue() {
    let listed = TABLE.iter().map(|(command, _, _)| *command).chain(NOT_ORDERED).chain([STATUS_QUERY]);
    let listed: BTreeSet<String> = listed.map(str::to_owned).collect();
    assert_eq!(listed, names("service", "command"), "a command without a row, or a row without a command");
    let held: BTreeSet<String> = hands().into_iter().flatten().map(str::to_owned).collect();
    assert_eq!(held, names("role", "name"), "a role that nobody holds here, or one that is not in the catalogue");
}

#[test]
fn s1_s2_every_command_by_every_role_on_every_channel_for_every_organization() {
    let mut stage = Stage::set();
    let (mut cells, mut allowed) = (0, 0);
    let mut wrong = Vec::new();
    for command in names("service", "command") {
        for (at, roles) in hands().iter().enumerate() {
            for channel in [Channel::Api, Channel::Web, Channel::Handset] {
                for relation in Relation::ALL {
                    let order = stage.order(&command, at, channel, relation);
                    let decision = stage.world.decide(&order);
                    let (code, expected) =
                        (decision.report.code.as_str(), expected(&command, roles, channel, relation));
                    cells += 1;
                    allowed += usize::from(code == "0");
                    let cell = format!("{command} by {roles:?} on {channel} for {relation:?}: {code}, not {expected}");
                    let told_or_moved = decision.transaction.is_some()
                        || !decision.write_set.adjusts.is_empty()
                        || !decision.report.parameters.is_empty();
                    if code != expected || (code != "0" && told_or_moved) {
                        wrong.push(format!("{cell} ({}), told or moved: {told_or_moved}", decision.private));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cells} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
    // 29 commands and the status query, 18 hands, 3 channels, 4 relations.
    assert_eq!(cells, 30 * 18 * 3 * 4);
    assert!(allowed > 50, "only {allowed} cells are open: the orders are wrong, not the operators");
}

#[test]
fn s1_a_child_s_balances_are_shown_to_its_parent_and_in_a_list_nobody_else_s_are() {
    let mut stage = Stage::set();
    let at = hands().iter().position(|roles| roles == &vec![BALANCES]).unwrap();
    let mut order = stage.order("AccountBalance", at, Channel::Api, Relation::Own);
    order.parameters = vec![("OrgShortCodeList".into(), format!("{HOME};{CHILD};{FOREIGN};{PARTNER};999999"))];
    let seen = stage.world.run(&order);
    assert_eq!(seen.code(), "0");
    let shown: Vec<&str> = seen.value("AccountBalance").split("#;").collect();
    assert_eq!(shown.len(), 5, "{shown:?}");
    assert!(shown[0].starts_with("650000|Working") && shown[1].starts_with("650001|Working"), "{shown:?}");
    assert_eq!(&shown[2..], ["750000|Failed", "760000|Failed", "999999|Failed"]);
}
