//! The ways in which people and programs reach the system.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An access channel. Every role belongs to one, and a request is judged by the roles of its own
/// channel only (invariant S2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// The portal.
    Web,
    /// The broker.
    Api,
    /// Subscribers' phones.
    Handset,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Web => "Web",
            Self::Api => "API",
            Self::Handset => "Handset",
        })
    }
}
