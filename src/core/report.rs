//! What is reported about a command: code, text, receipt and parameters. Balances in it are known
//! only once the commit is done, so they are places in a list of captured counters until then.

use serde::{Deserialize, Serialize};

use super::codes::ResultCode;
use super::ids::Receipt;
use super::money::Amount;

/// The outcome of a command, for whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// How it ended.
    pub code: ResultCode,
    /// The public text.
    pub description: String,
    /// The receipt of the transaction, or the day and seven zeros where there is none.
    pub receipt: Receipt,
    /// The result parameters in the order of the wire (protocol.md 3.5); after a
    /// failure at most [`RECEIVER_CODE`].
    pub parameters: Vec<(String, ReportValue)>,
    /// The reference data to send back.
    pub reference: Vec<(String, String)>,
}

/// The parameter that tells the payer's side why the payee does not want a payment, in the payee's
/// own code.
pub const RECEIVER_CODE: &str = "ReceiverCode";

/// Characters of such a code (protocol.md 4.3).
pub(super) const RECEIVER_CODE_CHARACTERS_MAX: usize = 20;

/// The value of one result parameter. An index counts in the captures of the decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportValue {
    /// As it is.
    Text(String),
    /// One counter as an amount: `46713.00`.
    Funds {
        /// The counter.
        index: usize,
    },
    /// A current balance in the form of business-to-business results:
    /// `{Amount={BasicAmount=46713.00, MinimumAmount=4671300, CurrencyCode=KES}}`.
    Structured {
        /// Of which account.
        balance: CapturedBalance,
        /// The currency's code.
        currency: String,
    },
    /// Accounts of one or several organizations:
    /// `Working Account|KES|46713.00|46713.00|0.00|0.00&Float Account|...`.
    Accounts {
        /// The currency's code.
        currency: String,
        /// The organizations, one for a plain enquiry.
        organizations: Vec<OrganizationBalances>,
    },
}

/// Where the two counters of an account are among the captured ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedBalance {
    /// The counter of available funds.
    pub available: usize,
    /// The counter of reserved funds.
    pub reserved: usize,
}

/// The balances of one organization within [`ReportValue::Accounts`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationBalances {
    /// Written before the accounts when the enquiry was for a list of organizations.
    pub shortcode: Option<String>,
    /// Alias and balance of each account; none if the organization cannot be shown.
    pub accounts: Option<Vec<(String, CapturedBalance)>>,
}

impl Report {
    /// The report of a command that ended with this code and its usual text.
    pub fn new(code: ResultCode, receipt: Receipt) -> Self {
        Self { code, description: code.text().to_owned(), receipt, parameters: Vec::new(), reference: Vec::new() }
    }

    /// The result parameters as text, given the captured counters in the order of the decision's
    /// captures. What was not captured is left empty rather than shown as an amount.
    pub fn rendered(&self, captured: &[i64]) -> Vec<(String, String)> {
        self.parameters.iter().map(|(key, value)| (key.clone(), value.rendered(captured).unwrap_or_default())).collect()
    }
}

impl ReportValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn rendered(&self, captured: &[i64]) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Funds { index } => Some(Amount::from_minor(*captured.get(*index)?).to_string()),
            Self::Structured { balance, currency } => {
                let current = balance.current(captured)?;
                Some(format!(
                    "{{Amount={{BasicAmount={}, MinimumAmount={current}, CurrencyCode={currency}}}}}",
                    Amount::from_minor(current)
                ))
            }
            Self::Accounts { currency, organizations } => {
                let each = organizations.iter().map(|organization| organization.rendered(currency, captured));
                Some(each.collect::<Option<Vec<_>>>()?.join("#;"))
            }
        }
    }
}

impl CapturedBalance {
    fn current(self, captured: &[i64]) -> Option<i64> {
        captured.get(self.available)?.checked_add(*captured.get(self.reserved)?)
    }
}

impl OrganizationBalances {
    fn rendered(&self, currency: &str, captured: &[i64]) -> Option<String> {
        let shown = match &self.accounts {
            None => "Failed".to_owned(),
            Some(accounts) => {
                let each = accounts.iter().map(|(alias, balance)| account_line(alias, *balance, currency, captured));
                each.collect::<Option<Vec<_>>>()?.join("&")
            }
        };
        Some(match &self.shortcode {
            Some(shortcode) => format!("{shortcode}|{shown}"),
            None => shown,
        })
    }
}

/// `alias|currency|current|available|reserved|uncleared`. Nothing here is ever uncleared: money is
/// moved when it is moved.
fn account_line(alias: &str, balance: CapturedBalance, currency: &str, captured: &[i64]) -> Option<String> {
    let [current, available, reserved] =
        [balance.current(captured)?, *captured.get(balance.available)?, *captured.get(balance.reserved)?]
            .map(Amount::from_minor);
    Some(format!("{alias}|{currency}|{current}|{available}|{reserved}|{}", Amount::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(value: ReportValue, captured: &[i64]) -> String {
        let receipt = Receipt::parse("LGS0000000").unwrap();
        let report = Report { parameters: vec![("Key".into(), value)], ..Report::new(ResultCode::Success, receipt) };
        report.rendered(captured).remove(0).1
    }

    fn organization(shortcode: Option<&str>, aliases: &[&str]) -> OrganizationBalances {
        let balance = |at: usize| CapturedBalance { available: 2 * at, reserved: 2 * at + 1 };
        let accounts = aliases.iter().enumerate().map(|(at, alias)| ((*alias).to_owned(), balance(at)));
        OrganizationBalances { shortcode: shortcode.map(Into::into), accounts: Some(accounts.collect()) }
    }

    #[test]
    fn a_balance_string_is_that_of_the_wire() {
        let one = organization(None, &["Working Account", "Charges Paid Account"]);
        let value = ReportValue::Accounts { currency: "KES".into(), organizations: vec![one] };
        assert_eq!(
            rendered(value, &[4_671_000, 300, -22_000, 0]),
            "Working Account|KES|46713.00|46710.00|3.00|0.00&Charges Paid Account|KES|-220.00|-220.00|0.00|0.00"
        );
    }

    #[test]
    fn several_organizations_carry_their_shortcodes_and_a_refused_one_says_failed() {
        let refused = OrganizationBalances { shortcode: Some("600001".into()), accounts: None };
        let organizations = vec![organization(Some("600000"), &["Working Account"]), refused];
        let value = ReportValue::Accounts { currency: "KES".into(), organizations };
        assert_eq!(rendered(value, &[100, 0]), "600000|Working Account|KES|1.00|1.00|0.00|0.00#;600001|Failed");
    }

    #[test]
    fn a_structured_balance_is_that_of_the_wire() {
        let balance = CapturedBalance { available: 0, reserved: 1 };
        let value = ReportValue::Structured { balance, currency: "KES".into() };
        assert_eq!(
            rendered(value, &[4_671_300, 0]),
            "{Amount={BasicAmount=46713.00, MinimumAmount=4671300, CurrencyCode=KES}}"
        );
    }

    #[test]
    fn what_was_not_captured_is_left_empty() {
        assert_eq!(rendered(ReportValue::Funds { index: 3 }, &[1]), "");
    }
}
