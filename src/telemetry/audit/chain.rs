//! One line and its place in the chain.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The longest value of a field; what callers send is cut to this.
pub const FIELD_CHARACTERS_MAX: usize = 256;

/// The first line of a file that is not the first: it says where the one before ended, so that a
/// file can be checked on its own.
pub(super) const CONTINUED: &str = "audit-continued";
/// The field of that line with the chain of the line before.
pub(super) const CHAIN_BEFORE: &str = "chain_before";

const CHAIN_OPENS: &str = ",\"chain\":\"";
const CHAIN_CLOSES: &str = "\"}";

/// The end of a chain: what to keep elsewhere, to see later that nothing after it was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the newest line; 0: there is none.
    pub number: u64,
    /// Its chain, 64 hexadecimal digits.
    pub chain: String,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It does not end.
    #[error("has no end: it was cut off while it was written")]
    Torn,
    /// It is no line of an audit log.
    #[error("is no line of an audit log")]
    Form,
    /// Its number is not the one after that of the line before.
    #[error("has not the number that comes next: a line is missing or too many")]
    Number,
    /// Its text or the one before it was changed.
    #[error("does not fit its chain: it or the line before was changed")]
    Chain,
}

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    at: Timestamp,
    event: &'a str,
    fields: BTreeMap<&'a str, String>,
}

/// What is read back of a line.
#[derive(Deserialize)]
struct Told {
    number: u64,
    event: String,
    fields: BTreeMap<String, String>,
}

impl Head {
    /// Before the first line.
    pub(super) fn beginning() -> Self {
        Self { number: 0, chain: "0".repeat(64) }
    }

    /// The head after a line with this text before its chain.
    fn after(&self, text: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(self.chain.as_bytes());
        context.update(text.as_bytes());
        let chain = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { number: self.number.saturating_add(1), chain }
    }

    /// The next line, whole, and the head after it.
    pub(super) fn next(
        &self,
        at: Timestamp,
        event: &str,
        fields: &[(&str, &str)],
    ) -> Result<(String, Head), serde_json::Error> {
        let fields = fields.iter().map(|(name, value)| (*name, cut(value)));
        let line = Line { number: self.number.saturating_add(1), at, event, fields: fields.collect() };
        let mut text = serde_json::to_string(&line)?;
        // The line goes on with its chain.
        text.pop();
        let head = self.after(&text);
        Ok(([&text, CHAIN_OPENS, &head.chain, CHAIN_CLOSES, "\n"].concat(), head))
    }

    /// The head after this line, if it is the one that comes next.
    pub(super) fn over(&self, line: &[u8]) -> Result<Head, Fault> {
        let line = text(line)?;
        let (text, said) = split(line).ok_or(Fault::Form)?;
        let next = self.after(text);
        if said != next.chain {
            return Err(Fault::Chain);
        }
        if told(line)?.number != next.number {
            return Err(Fault::Number);
        }
        Ok(next)
    }

    /// The head that a line itself says, without its end.
    pub(super) fn said_by(line: &str) -> Result<Head, Fault> {
        let (_, chain) = split(line).ok_or(Fault::Form)?;
        Ok(Head { number: told(line)?.number, chain: chain.to_owned() })
    }

    /// The head before a file that begins with this line; none if its line does not say.
    pub(super) fn before_file(line: &[u8]) -> Result<Option<Head>, Fault> {
        let mut told = told(text(line)?)?;
        if told.event != CONTINUED {
            return Ok(None);
        }
        let chain = told.fields.remove(CHAIN_BEFORE).ok_or(Fault::Form)?;
        Ok(Some(Head { number: told.number.saturating_sub(1), chain }))
    }
}

/// A field as it is written.
pub(super) fn cut(value: &str) -> String {
    value.chars().take(FIELD_CHARACTERS_MAX).collect()
}

fn text(line: &[u8]) -> Result<&str, Fault> {
    let line = line.strip_suffix(b"\n").ok_or(Fault::Torn)?;
    std::str::from_utf8(line).map_err(|_| Fault::Form)
}

fn told(line: &str) -> Result<Told, Fault> {
    serde_json::from_str(line).map_err(|_| Fault::Form)
}

/// The text before the chain, and the chain.
fn split(line: &str) -> Option<(&str, &str)> {
    let (text, chain) = line.strip_suffix(CHAIN_CLOSES)?.rsplit_once(CHAIN_OPENS)?;
    (chain.len() == 64).then_some((text, chain))
}
