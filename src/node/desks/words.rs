//! What desks read and answer with.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::Timestamp;

/// A moment for programs: RFC 3339.
pub(in crate::node) fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// What a command of ours was given.
pub(super) fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, String> {
    serde_json::from_value(arguments).map_err(|error| format!("the command's arguments cannot be read: {error}"))
}

pub(super) fn in_words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
