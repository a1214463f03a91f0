//! Who can start what, and by what each can be paid (domain.md 1 and 3, protocol.md 5 and 7), command by command:
//! the catalogue says the same product by product. Where the sources name no party, it is what was offered so far.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PAYBILL: &str = "Paybill Head Office";
const PAYBILL_STORE: &str = "Paybill Store";
const MERCHANT: &str = "Merchant Head Office";
const MERCHANT_STORE: &str = "Merchant Store";
const TILL: &str = "Merchant Till";
const BULK: &str = "Bulk";
const AGENT: &str = "Agent Head Office";
const AGENT_STORE: &str = "Agent Store";

const ALL: &[&str] = &[PAYBILL, PAYBILL_STORE, MERCHANT, MERCHANT_STORE, TILL, BULK, AGENT, AGENT_STORE];
const PAYBILLS: &[&str] = &[PAYBILL, PAYBILL_STORE];
const MERCHANTS: &[&str] = &[MERCHANT, MERCHANT_STORE];
const AGENTS: &[&str] = &[AGENT, AGENT_STORE];
/// Those with both a Working and a Utility account.
const WITH_UTILITY: &[&str] = &[PAYBILL, PAYBILL_STORE, BULK];
/// Those that earn something to be settled and have somewhere to put it, which tills and agents do not.
const EARNING: &[&str] = &[PAYBILL, PAYBILL_STORE, MERCHANT, MERCHANT_STORE, BULK];
/// Those with a Working account.
const WITH_WORKING: &[&str] = &[PAYBILL, PAYBILL_STORE, MERCHANT, MERCHANT_STORE, BULK, AGENT, AGENT_STORE];
const NOBODY: &[&str] = &[];

/// Command ID, who starts it, who is paid by it.
const OFFERS: [(&str, &[&str], &[&str]); 30] = [
    // From a B2C shortcode, to customers.
    ("SalaryPayment", &[BULK], NOBODY),
    ("BusinessPayment", &[BULK], NOBODY),
    ("PromotionPayment", &[BULK], NOBODY),
    ("SalaryPaymentWithWithdrawalChargePaid", &[BULK], NOBODY),
    ("BusinessPaymentWithWithdrawalChargePaid", &[BULK], NOBODY),
    ("TransferFromBankToCustomer", &[BULK], NOBODY),
    ("CheckIdentity", &[BULK], NOBODY),
    // To a C2B organization; tills take no part in payments between businesses.
    ("BusinessPayBill", &[PAYBILL, MERCHANT], PAYBILLS),
    // To a merchant's head office or store.
    ("BusinessBuyGoods", &[PAYBILL, MERCHANT], MERCHANTS),
    // From B2C and C2B.
    ("DisburseFundsToBusiness", &[PAYBILL, BULK], &[PAYBILL, BULK]),
    ("BusinessToBusinessTransfer", &[PAYBILL, MERCHANT], &[PAYBILL, MERCHANT]),
    ("BusinessTransferFromMMFToUtility", WITH_UTILITY, WITH_UTILITY),
    ("BusinessTransferFromUtilityToMMF", WITH_UTILITY, WITH_UTILITY),
    // Of merchants' head offices and stores.
    ("MerchantToMerchantTransfer", MERCHANTS, MERCHANTS),
    ("MerchantServicesMMFAccountTransfer", MERCHANTS, MERCHANTS),
    ("MerchantTransferFromMerchantToWorking", MERCHANTS, MERCHANTS),
    ("MerchantTransferFromWorkingToMerchant", MERCHANTS, MERCHANTS),
    // Of agencies' head offices and stores.
    ("AgencyFloatAdvance", AGENTS, AGENTS),
    // From the own paybill to the bulk shortcode.
    ("BusinessPayToBulk", &[PAYBILL], &[BULK]),
    ("OrgRevenueSettlement", EARNING, NOBODY),
    ("OrgBankAccountWithdrawal", WITH_WORKING, NOBODY),
    ("TransactionReversal", ALL, NOBODY),
    ("AccountBalance", ALL, NOBODY),
    ("TransactionStatusQuery", ALL, NOBODY),
    // The broker's own, and no matter of products; nor is what subscribers do among themselves.
    ("RegisterURL", NOBODY, NOBODY),
    ("SendMoney", NOBODY, NOBODY),
    // Customers pay bills to paybills, for goods to tills and stores, and agents in cash.
    ("CustomerPayBillOnline", NOBODY, PAYBILLS),
    ("CustomerBuyGoodsOnline", NOBODY, &[MERCHANT_STORE, TILL]),
    ("AgentDeposit", AGENTS, NOBODY),
    ("CustomerWithdrawal", NOBODY, AGENTS),
];

use AccountKind::{ChargesPaid, Float, Merchant, OrganizationSettlement, Utility, Working};

/// The accounts that a product brings.
const ACCOUNTS: [(&str, &[AccountKind]); 8] = [
    // C2B: Utility, and B2C pays out of it.
    (PAYBILL, &[Working, Utility, ChargesPaid, OrganizationSettlement]),
    (PAYBILL_STORE, &[Working, Utility, ChargesPaid, OrganizationSettlement]),
    (BULK, &[Working, Utility, ChargesPaid, OrganizationSettlement]),
    (MERCHANT, &[Working, Merchant, ChargesPaid, OrganizationSettlement]),
    (MERCHANT_STORE, &[Working, Merchant, ChargesPaid, OrganizationSettlement]),
    (TILL, &[Merchant, ChargesPaid]),
    (AGENT, &[Working, Float, ChargesPaid, OrganizationSettlement]),
    (AGENT_STORE, &[Working, Float, ChargesPaid, OrganizationSettlement]),
];

#[test]
fn each_command_is_started_and_received_by_its_products_and_no_others() {
    let catalogue = Catalogue::shipped().unwrap();
    let known: BTreeSet<&str> = catalogue.services().iter().map(|service| service.command.as_str()).collect();
    assert_eq!(OFFERS.iter().map(|(command, ..)| *command).collect::<BTreeSet<_>>(), known);
    for (command, starts, receives) in OFFERS {
        for name in ALL {
            let product = catalogue.product(name).unwrap_or_else(|| panic!("no product {name}"));
            let is_in = |commands: &[String]| commands.iter().any(|other| other == command);
            let offered = (is_in(&product.starts), is_in(&product.receives));
            assert_eq!(offered, (starts.contains(name), receives.contains(name)), "{command} of {name}");
        }
    }
}

#[test]
fn each_product_brings_its_accounts_and_no_others() {
    let catalogue = Catalogue::shipped().unwrap();
    let brought = catalogue.products.values().map(|product| {
        assert!(!product.description.is_empty(), "{}", product.name);
        (product.name.as_str(), product.accounts.as_slice())
    });
    assert_eq!(brought.collect::<BTreeMap<_, _>>(), BTreeMap::from(ACCOUNTS));
}
