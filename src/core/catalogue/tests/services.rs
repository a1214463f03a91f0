//! Each service as the world knows it, written down once more: domain.md 2, 3, 5 and 6, protocol.md 3.5 and 5, and
//! what was told so far where they are silent. What moves from where to where, and what it costs to the cent, the
//! table of the commands' tests holds against what is done.

use std::collections::BTreeMap;

use super::*;

/// Command ID, name, transaction type, reason type as in `ReasonType`, permission, limits.
type Row = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

const B2C: &str = "Business to Customer";
const B2B: &str = "Business to Business";
const C2B: &str = "Customer to Business";

const fn pays_customers(command: &'static str, name: &'static str, reason: &'static str) -> Row {
    (command, name, B2C, reason, Some("pay customers"), Some("business-to-customer"))
}

const fn pays_businesses(command: &'static str, name: &'static str, reason: &'static str) -> Row {
    (command, name, B2B, reason, Some("pay businesses"), Some("business-to-business"))
}

const ROWS: [Row; 30] = [
    pays_customers("SalaryPayment", "Salary Payment", "Salary Payment via API"),
    pays_customers("BusinessPayment", "Business Payment", "Business Payment to Customer via API"),
    pays_customers("PromotionPayment", "Promotion Payment", "Promotion Payment via API"),
    pays_customers(
        "SalaryPaymentWithWithdrawalChargePaid",
        "Salary Payment, withdrawal charge paid",
        "Salary Payment with Withdrawal Charge Paid via API",
    ),
    pays_customers(
        "BusinessPaymentWithWithdrawalChargePaid",
        "Business Payment, withdrawal charge paid",
        "Business Payment with Withdrawal Charge Paid via API",
    ),
    pays_customers(
        "TransferFromBankToCustomer",
        "Transfer from bank to customer",
        "Transfer from Bank to Customer via API",
    ),
    pays_businesses("BusinessPayBill", "Business Pay Bill", "Business Pay Bill via API"),
    pays_businesses("BusinessBuyGoods", "Business Buy Goods", "Business Buy Goods via API"),
    pays_businesses("DisburseFundsToBusiness", "Disburse Funds to Business", "Disburse Funds to Business via API"),
    pays_businesses(
        "BusinessToBusinessTransfer",
        "Business to Business Transfer",
        "Business to Business Transfer via API",
    ),
    pays_businesses(
        "BusinessTransferFromMMFToUtility",
        "Business Transfer from MMF to Utility",
        "Business Transfer from MMF to Utility via API",
    ),
    pays_businesses(
        "BusinessTransferFromUtilityToMMF",
        "Business Transfer from Utility to MMF",
        "Business Transfer from Utility to MMF via API",
    ),
    pays_businesses(
        "MerchantToMerchantTransfer",
        "Merchant to Merchant Transfer",
        "Merchant to Merchant Transfer via API",
    ),
    pays_businesses(
        "MerchantServicesMMFAccountTransfer",
        "Merchant Services MMF Account Transfer",
        "Merchant Services MMF Account Transfer via API",
    ),
    pays_businesses(
        "MerchantTransferFromMerchantToWorking",
        "Merchant Transfer from Merchant to Working",
        "Merchant Transfer from Merchant to Working via API",
    ),
    pays_businesses(
        "MerchantTransferFromWorkingToMerchant",
        "Merchant Transfer from Working to Merchant",
        "Merchant Transfer from Working to Merchant via API",
    ),
    pays_businesses("AgencyFloatAdvance", "Agency Float Advance", "Agency Float Advance via API"),
    (
        "BusinessPayToBulk",
        "Business Pay to Bulk",
        B2B,
        "Business Pay to Bulk via API",
        Some("pay to bulk"),
        Some("business-to-business"),
    ),
    (
        "OrgRevenueSettlement",
        "Organization Revenue Settlement",
        "Organization Settlement",
        "Organization Revenue Settlement via API",
        Some("pay businesses"),
        None,
    ),
    (
        "OrgBankAccountWithdrawal",
        "Organization Bank Account Withdrawal",
        "Organization Withdrawal",
        "Organization Bank Account Withdrawal via API",
        Some("withdraw funds"),
        Some("business-to-business"),
    ),
    (
        "TransactionReversal",
        "Transaction Reversal",
        "Reversal",
        "Transaction Reversal via API",
        Some("reverse transactions"),
        None,
    ),
    ("AccountBalance", "Account Balance", "Query", "Account Balance via API", Some("query balances"), None),
    (
        "TransactionStatusQuery",
        "Transaction Status Query",
        "Query",
        "Transaction Status Query via API",
        Some("query status"),
        None,
    ),
    ("CheckIdentity", "Check Identity", "Query", "Check Identity via API", Some("check identities"), None),
    ("RegisterURL", "Register URL", "Registration", "Register URL via API", None, None),
    ("CustomerPayBillOnline", "Pay Bill", C2B, "Pay Bill Online", None, Some("customer-to-business")),
    ("CustomerBuyGoodsOnline", "Buy Goods", C2B, "Buy Goods Online", None, Some("customer-to-business")),
    ("SendMoney", "Send Money", "Customer to Customer", "Send Money", None, Some("customer-to-customer")),
    ("AgentDeposit", "Agent Deposit", "Cash In", "Deposit of Cash at Agent", None, Some("cash")),
    ("CustomerWithdrawal", "Customer Withdrawal", "Cash Out", "Withdrawal of Cash at Agent", None, Some("cash")),
];

#[test]
fn each_service_has_its_names_its_permission_and_its_limits() {
    let catalogue = Catalogue::shipped().unwrap();
    let shipped = catalogue.services().into_iter().map(|service| {
        let Service { command, name, transaction_type, reason_type, permission, .. } = service;
        (command.as_str(), (&**name, &**transaction_type, &**reason_type, permission.as_deref(), service.limits()))
    });
    let rows = ROWS
        .map(|(command, name, kind, reason, permission, limits)| (command, (name, kind, reason, permission, limits)));
    assert_eq!(shipped.collect::<BTreeMap<_, _>>(), BTreeMap::from(rows));
}

/// What third parties start comes through the VPN; for what starts on the provider's side a whitelist entry is
/// enough (domain.md 2). Programs send constants as their time, so no request is too old (protocol.md 1.4 and 8).
#[test]
fn each_service_starts_on_its_side_and_comes_by_its_network_however_old() {
    for service in Catalogue::shipped().unwrap().services() {
        let expected = match service.flow {
            Flow::CustomerPayment(_) => (Channel::Handset, Direction::Provider, None),
            Flow::Broker => (Channel::Api, Direction::Provider, Some(NetworkNeed::Internet)),
            _ => (Channel::Api, Direction::ThirdParty, Some(NetworkNeed::Vpn)),
        };
        assert_eq!((service.channel, service.direction, service.network), expected, "{}", service.command);
        assert_eq!(service.request_seconds_max, None, "{}", service.command);
    }
}

#[test]
fn each_parameter_has_its_format() {
    use ParameterFormat::{Amount, Receipt, Shortcode, Text};
    let formats = [
        ("Amount", Amount),
        ("AccountReference", Text),
        ("HeadOffice", Text),
        ("OriginalTransactionID", Receipt),
        ("ShortCode", Shortcode),
        ("OrgShortCodeList", Text),
        ("AccountType", Text),
        ("ReceiptNumber", Receipt),
        ("OriginatorConversationID", Text),
        ("ConversationID", Text),
    ];
    for service in Catalogue::shipped().unwrap().services() {
        for parameter in &service.parameters {
            let expected = formats.iter().find(|(key, _)| *key == parameter.key).map(|(_, format)| *format);
            assert_eq!(Some(parameter.format), expected, "{} of {}", parameter.key, service.command);
        }
    }
}

/// Labels are told to third parties and stand on statements; of the two that protocol.md 3.5 has, one is charged as
/// shipped. A paybill chooses among three tariffs (domain.md 6).
#[test]
fn each_charge_has_its_label_and_its_tariffs() {
    let fee = ("Fee For B2C Payment", vec!["business-to-customer"]);
    let paid = ("Withdrawal Charge Paid", vec!["withdrawal-paid"]);
    for service in Catalogue::shipped().unwrap().services() {
        let expected = match service.command.as_str() {
            "SalaryPayment" | "BusinessPayment" | "PromotionPayment" | "TransferFromBankToCustomer" => {
                vec![fee.clone()]
            }
            "SalaryPaymentWithWithdrawalChargePaid" | "BusinessPaymentWithWithdrawalChargePaid" => {
                vec![fee.clone(), paid.clone()]
            }
            "CustomerPayBillOnline" => {
                vec![("Pay Bill Charge", vec!["mgao", "business-bouquet", "customer-bouquet"])]
            }
            "CustomerBuyGoodsOnline" => vec![("Buy Goods Charge", vec!["buy-goods"])],
            "SendMoney" => vec![("Send Money Charge", vec!["send-money"])],
            "CustomerWithdrawal" => vec![("Withdrawal Charge", vec!["withdrawal"])],
            _ => Vec::new(),
        };
        let rules = service.charge_rules().iter().map(|rule| (rule.label.as_str(), rule.tariffs().collect::<Vec<_>>()));
        assert_eq!(rules.collect::<Vec<_>>(), expected, "{}", service.command);
    }
}

/// The words are those of live confirmations (protocol.md 4.3). Who must be asked has a minute, which is more than
/// the payer's eight seconds (domain.md 5); where nobody is asked, the money moves at once.
#[test]
fn each_payment_of_handsets_has_its_word_and_its_time() {
    let expected = BTreeMap::from([
        ("CustomerPayBillOnline", ("Pay Bill", Some(60), true)),
        ("CustomerBuyGoodsOnline", ("Buy Goods", Some(60), false)),
        ("SendMoney", ("Send Money", None, false)),
        ("AgentDeposit", ("Agent Deposit", None, false)),
        ("CustomerWithdrawal", ("Customer Withdrawal", None, false)),
    ]);
    let catalogue = Catalogue::shipped().unwrap();
    let shipped = catalogue.services().into_iter().filter_map(|service| {
        let Flow::CustomerPayment(rules) = &service.flow else { return None };
        Some((service.command.as_str(), (&*rules.trans_type, rules.reservation_seconds, rules.account_reference)))
    });
    assert_eq!(shipped.collect::<BTreeMap<_, _>>(), expected);
}

/// What an organization got from somebody else can be given back, and as shipped nobody is asked. Income of both
/// kinds is settled. By the names of conversations fifteen days are asked for (protocol.md 5).
#[test]
fn reversals_settlements_and_questions_have_their_rules() {
    let catalogue = Catalogue::shipped().unwrap();
    let flow = |command: &str| catalogue.command(command).unwrap().flow.clone();
    let of = [
        "CustomerPayBillOnline",
        "CustomerBuyGoodsOnline",
        "BusinessPayBill",
        "BusinessBuyGoods",
        "DisburseFundsToBusiness",
        "BusinessToBusinessTransfer",
        "MerchantToMerchantTransfer",
        "MerchantServicesMMFAccountTransfer",
        "AgencyFloatAdvance",
        "BusinessPayToBulk",
    ];
    let reversal = ReversalRules { of: of.map(str::to_owned).to_vec(), approval: None };
    assert_eq!(flow("TransactionReversal"), Flow::Reversal(reversal));
    let from = vec![AccountKind::Utility, AccountKind::Merchant];
    let settlement = SettlementRules { from, to: AccountKind::Working, plan: Some("1".to_owned()) };
    assert_eq!(flow("OrgRevenueSettlement"), Flow::Settlement(settlement));
    assert_eq!(flow("TransactionStatusQuery"), Flow::TransactionStatus { conversation_days: 15 });
}

/// Only what pays a bill has a number of the bill to bring back (protocol.md 3.1).
#[test]
fn the_results_of_transfers_are_of_three_kinds_and_one_brings_back_its_bill() {
    for service in Catalogue::shipped().unwrap().services() {
        let Flow::Transfer(rules) = &service.flow else { continue };
        let style = match service.transaction_type.as_str() {
            B2C => ResultStyle::B2c,
            B2B => ResultStyle::B2b,
            _ => ResultStyle::BankWithdrawal,
        };
        let expected = (style, service.command == "BusinessPayBill");
        assert_eq!((rules.result, rules.bill_reference), expected, "{}", service.command);
    }
}

/// Organizations are named by their shortcodes and customers by their phone numbers (protocol.md 5: 11 / 4 / 1 and
/// 11 / 4 / 4); who withdraws to the bank names nobody.
#[test]
fn each_party_of_a_transfer_is_named_in_one_way() {
    for service in Catalogue::shipped().unwrap().services() {
        let Flow::Transfer(rules) = &service.flow else { continue };
        let credited: &[u32] = match rules.result {
            ResultStyle::B2c => &[1],
            ResultStyle::B2b => &[4],
            ResultStyle::BankWithdrawal => &[],
        };
        let named = (rules.debit.identifiers.as_slice(), rules.credit.identifiers.as_slice());
        assert_eq!(named, (&[4][..], credited), "{}", service.command);
    }
}

/// From domain.md 3 and protocol.md 5; that floats are advanced inside an agency is what was done so far.
#[test]
fn who_takes_part_in_a_transfer_stands_to_the_other_as_the_sources_say() {
    for service in Catalogue::shipped().unwrap().services() {
        let Flow::Transfer(rules) = &service.flow else { continue };
        let expected = match service.command.as_str() {
            "BusinessToBusinessTransfer" | "MerchantToMerchantTransfer" => Relation::Outside,
            "MerchantServicesMMFAccountTransfer" | "AgencyFloatAdvance" => Relation::Inside,
            "BusinessTransferFromMMFToUtility"
            | "BusinessTransferFromUtilityToMMF"
            | "MerchantTransferFromMerchantToWorking"
            | "MerchantTransferFromWorkingToMerchant" => Relation::Same,
            _ => Relation::Other,
        };
        assert_eq!(rules.relation, expected, "{}", service.command);
    }
}

/// 254, and nine digits that begin with 7 or 1.
#[test]
fn phone_numbers_are_those_of_the_country() {
    let Numbering { country, national_digits, leading } = Catalogue::shipped().unwrap().numbering().clone();
    assert_eq!((country.as_str(), national_digits, leading.as_str()), ("254", 9, "17"));
}
