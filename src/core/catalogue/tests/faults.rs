//! Each fault that a catalogue can have is found when it is read, and told as what it is. Every one of these
//! fails when its check is taken away.

use super::{assert_told, complaints, with};

const SALARY: &str = "command = \"SalaryPayment\"\nchannel = \"api\"";
const TO_CUSTOMER: &str = "credit = { identifiers = [1], account = \"working\", customers = \"any\" }";
const FROM_UTILITY: &str = "debit = { identifiers = [4], account = \"utility\" }";

#[test]
fn s2_a_service_has_the_network_and_the_permission_of_its_channel_and_no_other() {
    const HANDSET: &str = "channel = \"handset\"\ndirection = \"provider\"\n";
    assert_told(&[
        (
            "services.toml",
            HANDSET,
            "channel = \"handset\"\ndirection = \"provider\"\nnetwork = \"vpn\"\n",
            "is for handsets",
        ),
        (
            "services.toml",
            HANDSET,
            "channel = \"handset\"\ndirection = \"provider\"\npermission = \"pay customers\"\n",
            "is for handsets",
        ),
        ("services.toml", "network = \"internet\"\n", "", "RegisterURL needs a `network`"),
        ("services.toml", "permission = \"pay customers\"\n", "", "SalaryPayment needs a `permission`"),
        (
            "services.toml",
            "command = \"CustomerPayBillOnline\"\nchannel = \"handset\"",
            "command = \"CustomerPayBillOnline\"\nchannel = \"api\"",
            "CustomerPayBillOnline: customer payments, and they alone",
        ),
        (
            "services.toml",
            SALARY,
            "command = \"SalaryPayment\"\nchannel = \"handset\"",
            "SalaryPayment: customer payments, and they alone",
        ),
        (
            "services.toml",
            "permission = \"pay customers\"",
            "permission = \"pay customer\"",
            "needs the permission \"pay customer\", which is not there",
        ),
        (
            "roles.toml",
            "permissions = [\"view transactions\", \"execute transactions\"]",
            "permissions = [\"fly\"]",
            "role \"B2B Web Maker\" has the permission \"fly\", which is not there",
        ),
    ]);
}

#[test]
fn l1_a_transfer_is_between_accounts_that_its_parties_have() {
    assert_told(&[
        (
            "services.toml",
            FROM_UTILITY,
            "debit = { identifiers = [4], account = \"trust\" }",
            "SalaryPayment debits an account of the provider",
        ),
        (
            "services.toml",
            FROM_UTILITY,
            "debit = { identifiers = [1], account = \"utility\" }",
            "SalaryPayment debits an organization",
        ),
        (
            "services.toml",
            FROM_UTILITY,
            "debit = { identifiers = [], account = \"utility\" }",
            "SalaryPayment debits an organization",
        ),
        (
            "services.toml",
            TO_CUSTOMER,
            "credit = { identifiers = [], account = \"working\" }",
            "SalaryPayment: whoever is credited has `identifiers`",
        ),
        (
            "services.toml",
            "credit = { identifiers = [], account = \"trust\" }",
            "credit = { identifiers = [4], account = \"trust\" }",
            "OrgBankAccountWithdrawal: whoever is credited has `identifiers`",
        ),
        (
            "services.toml",
            TO_CUSTOMER,
            "credit = { identifiers = [1, 9], account = \"working\" }",
            "SalaryPayment: the `identifiers` of `credit`",
        ),
        (
            "services.toml",
            TO_CUSTOMER,
            "credit = { identifiers = [1], account = \"utility\" }",
            "SalaryPayment pays phone numbers",
        ),
    ]);
    let tills = "credit = { identifiers = [1, 2, 4], account = \"working\" }";
    assert!(with("services.toml", TO_CUSTOMER, tills).is_ok());
}

#[test]
fn a_payment_of_a_handset_is_between_accounts_that_its_parties_have() {
    const PAY_BILL: &str = "payer = \"subscriber\"\ndebit_account = \"working\"\npayee = \"organization\"\n\
                            credit_account = \"utility\"\n";
    assert_told(&[
        (
            "services.toml",
            PAY_BILL,
            "payer = \"subscriber\"\ndebit_account = \"utility\"\npayee = \"organization\"\ncredit_account = \"utility\"\n",
            "CustomerPayBillOnline: no Subscriber has the Utility Account",
        ),
        (
            "services.toml",
            PAY_BILL,
            "payer = \"subscriber\"\ndebit_account = \"working\"\npayee = \"organization\"\ncredit_account = \"trust\"\n",
            "CustomerPayBillOnline: no Organization has the Trust Account",
        ),
        (
            "services.toml",
            "limits = \"customer-to-customer\"\n",
            "limits = \"customer-to-customer\"\nreservation_seconds = 60\n",
            "SendMoney: only organizations are asked",
        ),
    ]);
}

#[test]
fn a_reversal_gives_back_payments_and_waits_for_who_may_approve_it() {
    const REVERSAL: &str = "[service.flow.reversal]\n";
    assert_told(&[
        (
            "services.toml",
            REVERSAL,
            "[service.flow.reversal]\napproval = { permission = \"approve reversals\", seconds = 0 }\n",
            "nothing can be done within 0 `seconds`",
        ),
        (
            "services.toml",
            REVERSAL,
            "[service.flow.reversal]\napproval = { permission = \"approve\", seconds = 1 }\n",
            "needs the permission \"approve\", which is not there",
        ),
        // Who approves works on the portal.
        (
            "services.toml",
            REVERSAL,
            "[service.flow.reversal]\napproval = { permission = \"pay customers\", seconds = 1 }\n",
            "no role of the channel Web has \"pay customers\"",
        ),
        (
            "services.toml",
            "of = [\n  \"CustomerPayBillOnline\", ",
            "of = [\n  \"AccountBalance\", ",
            "is to give back AccountBalance, which is no payment",
        ),
        (
            "services.toml",
            "of = [\n  \"CustomerPayBillOnline\", ",
            "of = [\n  \"Unheard\", ",
            "is to give back Unheard, which is no payment",
        ),
    ]);
    let approved = "[service.flow.reversal]\napproval = { permission = \"approve reversals\", seconds = 1 }\n";
    assert!(with("services.toml", REVERSAL, approved).is_ok());
}

#[test]
fn a_settlement_goes_from_own_accounts_to_another_one() {
    const SETTLEMENT: &str = "from = [\"utility\", \"merchant\"], to = \"working\"";
    let said = "OrgRevenueSettlement goes `from` accounts of the organization";
    assert_told(&[
        ("services.toml", SETTLEMENT, "from = [], to = \"working\"", said),
        ("services.toml", SETTLEMENT, "from = [\"utility\", \"merchant\"], to = \"merchant\"", said),
        ("services.toml", SETTLEMENT, "from = [\"suspense\"], to = \"working\"", said),
        ("services.toml", SETTLEMENT, "from = [\"utility\"], to = \"suspense\"", said),
    ]);
}

#[test]
fn a_product_has_the_accounts_that_each_of_its_services_moves() {
    const PAYBILL: &str = "accounts = [\"working\", \"utility\", \"charges-paid\", \"organization-settlement\"]";
    const FEE: &str = "so it needs the Charges Paid Account";
    assert_told(&[
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"utility\", \"charges-paid\", \"organization-settlement\", \"trust\"]",
            "\"Paybill Head Office\" has the Trust Account, which is the provider's",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"utility\", \"charges-paid\", \"organization-settlement\"]",
            "has BusinessPayBill, so it needs the Working Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"utility\", \"charges-paid\", \"organization-settlement\"]",
            "has OrgRevenueSettlement, so it needs the Working Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"utility\", \"charges-paid\"]",
            "has OrgRevenueSettlement, so it needs the Organization Settlement Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"utility\", \"organization-settlement\"]",
            "has OrgRevenueSettlement, so it needs the Charges Paid Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"charges-paid\", \"organization-settlement\"]",
            "has BusinessPayBill, so it needs the Utility Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"charges-paid\", \"organization-settlement\"]",
            "has CustomerPayBillOnline, so it needs the Utility Account",
        ),
        (
            "products.toml",
            PAYBILL,
            "accounts = [\"working\", \"utility\", \"organization-settlement\"]",
            "\"Paybill Head Office\" has CustomerPayBillOnline, so it needs the Charges Paid Account",
        ),
    ]);
    // What it pays out costs a fee, too; an agent pays out of its float.
    let bulk = without_account("Bulk", "charges-paid");
    assert!(bulk.contains("has SalaryPayment, ") && bulk.contains(FEE), "{bulk}");
    let agent = without_account("Agent Head Office", "float");
    assert!(agent.contains("has AgentDeposit, so it needs the Float Account"), "{agent}");
}

/// What is said when a product lacks one of its accounts.
fn without_account(product: &str, account: &str) -> String {
    let (_, text) = super::SHIPPED.iter().find(|(name, _)| *name == "products.toml").unwrap();
    let of_product = text.split("[[product]]").find(|part| part.contains(&format!("name = \"{product}\""))).unwrap();
    let line = of_product.lines().find(|line| line.starts_with("accounts = ")).unwrap();
    let lacking = line.replace(&format!("\"{account}\", "), "").replace(&format!(", \"{account}\""), "");
    assert_ne!(line, lacking);
    let changed = of_product.replace(line, &lacking);
    complaints("products.toml", of_product, &changed)
}

#[test]
fn l8_a_tariff_has_a_version_for_every_day_and_a_band_for_every_amount() {
    const FIRST: &str = "  { above = \"0\",      up_to = \"100\",    customer = \"0\",    business = \"0\"    },\n";
    const SHORT: &str = "[[tariff.versions]]\nfrom = 2030-01-01\nrule = [{ above = \"0\", up_to = \"249999.99\", \
                         customer = \"0\", business = \"0\" }]\n\n[[tariff]]\nname = \"business-bouquet\"\n";
    const OF_THE_DAY: &str = "[[tariff.versions]]\nfrom = 2006-01-01\nrule = [{ above = \"0\", up_to = \"250000\", \
                              customer = \"0\", business = \"0\" }]\n\n[[tariff]]\nname = \"business-bouquet\"\n";
    assert_told(&[
        (
            "tariffs.toml",
            FIRST,
            "  { above = \"0\", up_to = \"100\", customer = \"0\", business = \"0\" },\n  { above = \"100\", up_to = \
             \"100\", customer = \"0\", business = \"0\" },\n",
            "the band above 100.00 up to 100.00 holds no amount",
        ),
        (
            "tariffs.toml",
            "[[tariff]]\nname = \"business-bouquet\"\n",
            OF_THE_DAY,
            "the versions of \"mgao\" must each begin",
        ),
        (
            "tariffs.toml",
            "[[tariff]]\nname = \"business-bouquet\"\n",
            "[[tariff]]\nname = \"empty\"\nversions = []\n\n[[tariff]]\nname = \"business-bouquet\"\n",
            "the versions of \"empty\" must each begin",
        ),
        // What is allowed already when the version begins.
        ("tariffs.toml", "[[tariff]]\nname = \"business-bouquet\"\n", SHORT, "tariff \"mgao\" ends at 249999.99"),
        (
            "tariffs.toml",
            "name = \"send-money\"\n\n[[tariff.versions]]\nfrom = 2006-01-01",
            "name = \"send-money\"\n\n[[tariff.versions]]\nfrom = 2006-01-02",
            "tariff \"send-money\" begins after the limits of SendMoney",
        ),
        (
            "services.toml",
            "alternatives = [\"business-bouquet\", \"customer-bouquet\"]",
            "alternatives = [\"business-bouquet\", \"unheard\"]",
            "has the tariff \"unheard\", which is not there",
        ),
    ]);
}

#[test]
fn who_takes_no_part_bears_no_charge() {
    assert_told(&[
        (
            "services.toml",
            "tariff = \"business-to-customer\"",
            "tariff = \"send-money\"",
            "tariff \"send-money\" has a customer's part, but in SalaryPayment no customer pays",
        ),
        (
            "services.toml",
            "tariff = \"send-money\"",
            "tariff = \"mgao\"",
            "tariff \"mgao\" has a business's part, but SendMoney has no business",
        ),
        (
            "services.toml",
            "payer = \"organization\"\ndebit_account = \"float\"\n",
            "charges = [{ label = \"Any\", tariff = \"withdrawal\" }]\npayer = \"organization\"\ndebit_account = \"float\"\n",
            "tariff \"withdrawal\" has a customer's part, but in AgentDeposit no customer pays",
        ),
    ]);
}

#[test]
fn limits_make_sense_to_the_cent_and_each_holder_has_them_once() {
    const B2C: &str = "minimum = \"10.00\", maximum = \"150000.00\"";
    const OF_ORGANIZATIONS: &str = "rule = { daily_maximum = \"100000000.00\" }";
    let sensible = "the minimum of \"business-to-customer\" must be more than zero";
    assert_told(&[
        ("limits.toml", B2C, "minimum = \"0\", maximum = \"150000.00\"", sensible),
        ("limits.toml", B2C, "minimum = \"150000.01\", maximum = \"150000.00\"", sensible),
        (
            "limits.toml",
            "{ from = 2023-08-15, rule",
            "{ from = 2006-01-01, rule",
            "the versions of Subscriber's limits must each begin after the one before",
        ),
        (
            "limits.toml",
            "holder = \"organization\"",
            "holder = \"subscriber\"",
            "the limits of Subscriber are there twice",
        ),
        (
            "limits.toml",
            OF_ORGANIZATIONS,
            "rule = { balance_minimum = \"5.01\", balance_maximum = \"5\" }",
            "the least balance of Organization must not be more than the greatest",
        ),
    ]);
    assert!(with("limits.toml", B2C, "minimum = \"150000.00\", maximum = \"150000.00\"").is_ok());
    assert!(
        with("limits.toml", OF_ORGANIZATIONS, "rule = { balance_minimum = \"5\", balance_maximum = \"5\" }").is_ok()
    );
}

#[test]
fn a_day_is_a_date_without_a_time() {
    for day in ["2023-09-08T00:00:00", "2023-09-08T00:00:00Z", "\"2023-09-08\"", "00:00:00"] {
        let complaints = complaints("limits.toml", "from = 2023-09-08", &format!("from = {day}"));
        assert!(complaints.starts_with("limits.toml: TOML parse error"), "{day}: {complaints}");
    }
}

#[test]
fn nothing_is_there_twice() {
    assert_told(&[
        (
            "products.toml",
            "name = \"Paybill Store\"",
            "name = \"Paybill Head Office\"",
            "\"Paybill Head Office\" is there twice",
        ),
        (
            "roles.toml",
            "name = \"Business Auditor\"",
            "name = \"Business Manager\"",
            "\"Business Manager\" is there twice",
        ),
        ("tariffs.toml", "name = \"business-bouquet\"", "name = \"mgao\"", "\"mgao\" is there twice"),
        (
            "limits.toml",
            "name = \"cash\"",
            "name = \"customer-to-business\"",
            "\"customer-to-business\" is there twice",
        ),
    ]);
}

#[test]
fn s3_no_role_excludes_itself() {
    let complaints = complaints(
        "roles.toml",
        "roles = [\"B2B Web Maker\", \"B2B Web Checker\"]",
        "roles = [\"B2B Web Maker\", \"B2B Web Maker\"]",
    );
    assert!(complaints.contains("role \"B2B Web Maker\" excludes itself"), "{complaints}");
}

#[test]
fn some_number_fits_the_numbering() {
    for (from, to) in [
        ("country = \"254\"", "country = \"\""),
        ("country = \"254\"", "country = \"+254\""),
        ("leading = \"17\"", "leading = \"\""),
        ("leading = \"17\"", "leading = \"1-9\""),
        ("national_digits = 9", "national_digits = 0"),
        ("national_digits = 9", "national_digits = 13"),
    ] {
        let complaints = complaints("services.toml", from, to);
        assert!(complaints.contains("[numbering]: country and leading are digits"), "{to}: {complaints}");
    }
    assert!(with("services.toml", "national_digits = 9", "national_digits = 12").is_ok());
}
