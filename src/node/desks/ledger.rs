//! `lango ledger`: what accounts hold, how it came about, whether the books are right; money that is
//! paid in at the bank; accounts that are frozen.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::admin::NodeAdmin;
use super::words::{in_words, read, time};
use super::{PAGE_MAX, PROVIDER};
use crate::core::books::{self, Books};
use crate::core::directory::{self, AdminError};
use crate::core::ledger::{self, NumberedLine};
use crate::core::roll_up::{RollUp, roll_up};
use crate::core::{Account, AccountKind, Amount, Holder, Shortcode, Transaction, accounts};
use crate::store::{Read as _, ReadError, Store as _, decode};

/// How often the sum is taken anew because something moved meanwhile.
const SUMS_MAX: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfHolder {
    holder: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    holder: String,
    account: AccountKind,
    after: u64,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Funding {
    holder: String,
    account: AccountKind,
    amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Freezing {
    holder: String,
    account: AccountKind,
    frozen: bool,
}

impl NodeAdmin {
    pub(super) async fn ledger_command(&self, by: &str, verb: &str, arguments: Value) -> Option<Result<Value, String>> {
        Some(match verb {
            "balance" => self.balance(arguments),
            "roll-up" => self.roll_up(arguments).await,
            "statement" => self.statement(arguments),
            "verify" => self.verify().await,
            "fund" => self.fund(by, arguments).await,
            "freeze" => self.freeze(by, arguments).await,
            _ => return None,
        })
    }

    fn balance(&self, arguments: Value) -> Result<Value, String> {
        let OfHolder { holder } = read(arguments)?;
        let holder = self.holder(&holder)?;
        let balances = accounts::balances(&*self.store, &holder).map_err(in_words)?;
        if balances.is_empty() {
            return Err(format!("{holder} has no accounts"));
        }
        let mut shown = Vec::new();
        for (kind, balance) in balances {
            let account = Account::new(holder.clone(), kind);
            shown.push(json!({
                "account": kind,
                "name": kind.alias(),
                "current": money(balance.current()),
                "available": money(balance.available),
                "reserved": money(balance.reserved),
                "frozen": directory::frozen(&*self.store, &account).map_err(in_words)?,
            }));
        }
        Ok(json!({ "holder": holder.to_string(), "currency": self.core().currency(), "accounts": shown }))
    }

    /// The balances of an organization and all below it, as they were at one moment.
    async fn roll_up(&self, arguments: Value) -> Result<Value, String> {
        let OfHolder { holder } = read(arguments)?;
        let Holder::Organization(head) = self.holder(&holder)? else {
            return Err(format!("{holder} is no organization, and has nobody below it"));
        };
        let store = Arc::clone(&self.store);
        let summed = tokio::task::spawn_blocking(move || {
            for _ in 0..SUMS_MAX {
                let before = store.health().sequence;
                let sum = roll_up(&*store, &head)?;
                if store.health().sequence == before {
                    return Ok(Some(sum));
                }
            }
            Ok::<_, crate::store::ReadError>(None)
        });
        let summed = summed.await.map_err(in_words)?.map_err(in_words)?;
        let RollUp { organizations, balances } =
            summed.ok_or("payments come in faster than they can be summed; ask again")?;
        let shown = balances.iter().map(|(kind, balance)| {
            json!({
                "account": kind,
                "name": kind.alias(),
                "current": money(balance.current()),
                "available": money(balance.available),
                "reserved": money(balance.reserved),
            })
        });
        Ok(json!({
            "holder": holder,
            "organizations": organizations,
            "currency": self.core().currency(),
            "accounts": shown.collect::<Vec<_>>(),
        }))
    }

    fn statement(&self, arguments: Value) -> Result<Value, String> {
        let wanted: Statement = read(arguments)?;
        let account = Account::new(self.holder(&wanted.holder)?, wanted.account);
        let limit = wanted.limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let lines = ledger::statement(&*self.store, &account, wanted.after, limit).map_err(in_words)?;
        let lines = lines.iter().map(|numbered| {
            let transaction = self.store.record(&Transaction::key(&numbered.line.receipt))?;
            let transaction: Option<Transaction> = transaction.as_ref().map(decode).transpose()?;
            Ok(line(numbered, transaction.map(|transaction| transaction.command)))
        });
        let lines = lines.collect::<Result<Vec<Value>, ReadError>>().map_err(in_words)?;
        Ok(json!({ "lines": lines }))
    }

    /// Adds up every statement (L4), and the whole ledger (L1).
    async fn verify(&self) -> Result<Value, String> {
        let store = Arc::clone(&self.store);
        // Reads everything there is; the threads that answer third parties do not wait for it.
        let checked = tokio::task::spawn_blocking(move || {
            let books = Books::check(&*store)?;
            for _ in 0..SUMS_MAX {
                let before = store.health().sequence;
                let sum = accounts::ledger_sum(&*store)?;
                if store.health().sequence == before {
                    return Ok((books, Some(sum)));
                }
            }
            Ok::<_, crate::store::ReadError>((books, None))
        });
        let (books, sum) = checked.await.map_err(in_words)?.map_err(in_words)?;
        let faults: Vec<String> = books.faults.iter().map(books::Fault::to_string).collect();
        Ok(json!({
            "accounts": books.accounts,
            "lines": books.lines,
            "faults": faults,
            // None: payments came in faster than it could be summed.
            "sum": sum.map(|sum| sum.to_string()),
        }))
    }

    /// Money that was paid in at the bank goes from the trust account into somebody's.
    async fn fund(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Funding { holder, account, amount } = read(arguments)?;
        let account = Account::new(self.holder(&holder)?, account);
        let amount = Amount::parse(&amount).map_err(in_words)?;
        let receipt = self
            .commit_decided(|| {
                let (core, draw) = (self.core(), self.draw());
                directory::fund(&core, &*self.store, account.clone(), amount, self.clock.now(), draw)
            })
            .await?;
        let (holder, amount) = (account.holder.to_string(), amount.to_string());
        let fields = [
            ("receipt", receipt.as_str()),
            ("holder", &holder),
            ("account", account.kind.alias()),
            ("amount", &amount),
        ];
        self.record("funds-added", by, &fields);
        Ok(json!({ "receipt": receipt.as_str(), "amount": amount }))
    }

    async fn freeze(&self, by: &str, arguments: Value) -> Result<Value, String> {
        let Freezing { holder, account, frozen } = read(arguments)?;
        let account = Account::new(self.holder(&holder)?, account);
        self.commit_decided(|| {
            let write_set = directory::freeze(&*self.store, &account, frozen)?;
            Ok::<_, AdminError>(((), write_set))
        })
        .await?;
        let event = if frozen { "account-frozen" } else { "account-released" };
        self.record(event, by, &[("holder", &account.holder.to_string()), ("account", account.kind.alias())]);
        Ok(json!({ "holder": account.holder.to_string(), "account": account.kind, "frozen": frozen }))
    }

    /// Whom somebody means: `provider`, a shortcode or a phone number.
    fn holder(&self, text: &str) -> Result<Holder, String> {
        if text == PROVIDER {
            return Ok(Holder::Provider);
        }
        // Nine digits can be a shortcode or a phone number without its country.
        if let Ok(shortcode) = Shortcode::parse(text)
            && directory::organization(&*self.store, &shortcode).map_err(in_words)?.is_some()
        {
            return Ok(Holder::Organization(shortcode));
        }
        self.msisdn(text).map(Holder::Subscriber).map_err(|_| {
            format!(
                "\"{text}\" is no organization's shortcode and no phone number; \
                 the provider's own accounts are \"{PROVIDER}\""
            )
        })
    }
}

/// A line, with the command of its transaction.
fn line(numbered: &NumberedLine, command: Option<String>) -> Value {
    let NumberedLine { number, line, balance } = numbered;
    json!({
        "number": number,
        "at": time(line.at),
        "receipt": line.receipt.as_str(),
        "details": command,
        "purpose": line.purpose,
        "available": money(line.available),
        "reserved": money(line.reserved),
        "available_after": money(balance.available),
        "reserved_after": money(balance.reserved),
    })
}

fn money(minor: i64) -> String {
    Amount::from_minor(minor).to_string()
}
