//! Why a request goes no further: one private reason for the log, one public code for the caller.
//! This is the only place where the two meet (design.md 5).

use crate::access;
use crate::core::Flaw;
use crate::mminterface::{DocumentFailure, ResponseDocument};

/// Why a request is answered with an error instead of `0`.
#[derive(Debug)]
pub enum Refusal {
    /// The caller may not come in.
    Access(access::Refusal),
    /// What was sent does not fit its schema; code, public text and private reason are the reader's.
    Document(DocumentFailure),
    /// The command is none that this door serves.
    Command(String),
    /// A parameter is missing or has not its format.
    Parameter(Flaw),
    /// The third party may not act for this shortcode.
    Shortcode(String),
    /// What the third party asks for is not set up for it.
    NotOffered(&'static str),
    /// The third party did not prove its present password, which this needs.
    NotProved,
    /// The organization is not there or not active.
    Organization(String),
    /// A value of the broker's own operations is not what it must be.
    Value {
        /// The element or parameter.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The OriginatorConversationID was used before: why that is refused.
    Duplicate(String),
    /// Too much waits already.
    Overloaded(&'static str),
    /// Something of ours failed.
    Internal(String),
}

impl Refusal {
    /// The public code.
    pub fn code(&self) -> &str {
        match self {
            Self::Access(refusal) => refusal.public().0,
            Self::Document(failure) => failure.code,
            Self::Command(_) => "1002",
            Self::Parameter(flaw) => flaw.code.as_str(),
            Self::Shortcode(_) | Self::NotOffered(_) => "100000010",
            Self::NotProved => "100000007",
            Self::Organization(_) | Self::Value { .. } => "100000005",
            Self::Duplicate(_) => "15",
            Self::Overloaded(_) => "100000001",
            Self::Internal(_) => "100000004",
        }
    }

    /// The public text; the broker's and the core's own words (protocol.md 2.1, 2.2).
    pub fn description(&self) -> String {
        match self {
            Self::Access(refusal) => refusal.public().1.to_owned(),
            Self::Document(failure) => failure.description.clone(),
            Self::Command(_) => "The CommandID is invalid.".into(),
            Self::Parameter(flaw) => flaw.description.clone(),
            Self::Shortcode(_) | Self::NotOffered(_) => "Insufficient permissions".into(),
            Self::NotProved => "Authentication failed.".into(),
            Self::Organization(_) => "Invalid input value:ShortCode".into(),
            Self::Value { name, .. } => format!("Invalid input value:{name}"),
            Self::Duplicate(_) => "Duplicate OriginatorConversationID.".into(),
            Self::Overloaded(_) => "The system is overload".into(),
            Self::Internal(_) => "Internal Server Error".into(),
        }
    }

    /// The exact reason; never for the caller.
    pub fn reason(&self) -> String {
        match self {
            Self::Access(refusal) => refusal.reason().into(),
            Self::Document(failure) => failure.reason.clone(),
            Self::Command(command) => format!("no command \"{command}\" on this door"),
            Self::Parameter(flaw) => flaw.description.clone(),
            Self::Shortcode(shortcode) => format!("the third party does not act for {shortcode}"),
            Self::NotOffered(reason) => (*reason).into(),
            Self::NotProved => "the present password was not proved".into(),
            Self::Organization(reason) => reason.clone(),
            Self::Value { name, reason } => format!("{name}: {reason}"),
            Self::Duplicate(reason) => reason.clone(),
            Self::Overloaded(what) => (*what).into(),
            Self::Internal(reason) => reason.clone(),
        }
    }

    /// What kind of reason it is, for metrics: few words, none of them the caller's.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Access(refusal) => refusal.reason(),
            Self::Document(_) => "document",
            Self::Command(_) => "command-unknown",
            Self::Parameter(_) => "parameter",
            Self::Shortcode(_) => "shortcode-of-another",
            Self::NotOffered(_) => "not-offered",
            Self::NotProved => "password-not-proved",
            Self::Organization(_) => "organization-unknown",
            Self::Value { .. } => "value",
            Self::Duplicate(_) => "duplicate",
            Self::Overloaded(_) => "overloaded",
            Self::Internal(_) => "internal",
        }
    }

    /// The answer with this code.
    pub fn response(&self) -> ResponseDocument {
        ResponseDocument::error(self.code(), &self.description())
    }
}
