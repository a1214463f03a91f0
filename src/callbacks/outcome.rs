//! How an attempt can end.

use serde::{Deserialize, Serialize};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// 2xx with a positive acknowledgement, or with an empty body.
    Acknowledged,
    /// 2xx with a body that is no acknowledgement: counts as delivered, and is flagged.
    Unread,
    /// 2xx with an acknowledgement that says no.
    Declined,
    /// 3xx: never followed.
    Redirected,
    /// 410: never tried again.
    Gone,
    /// 429 or 503: too much for now.
    Throttled,
    /// Any other 4xx.
    RefusedByServer,
    /// Any other 5xx, or a status that does not exist.
    FailedAtServer,
    /// The URL or the address is not one that we may call.
    Forbidden,
    /// The host's name does not resolve.
    NameFailed,
    /// No connection.
    ConnectFailed,
    /// No TLS session: certificate, name or protocol.
    TlsFailed,
    /// The connection ended before the answer.
    Broken,
    /// No whole answer in time.
    TimedOut,
    /// What the server sent is no HTTP.
    NotHttp,
    /// The body could not be made: nothing was sent.
    Unrenderable,
    /// It could not be signed: nothing was sent.
    Unsignable,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Acknowledged,
        Self::Unread,
        Self::Declined,
        Self::Redirected,
        Self::Gone,
        Self::Throttled,
        Self::RefusedByServer,
        Self::FailedAtServer,
        Self::Forbidden,
        Self::NameFailed,
        Self::ConnectFailed,
        Self::TlsFailed,
        Self::Broken,
        Self::TimedOut,
        Self::NotHttp,
        Self::Unrenderable,
        Self::Unsignable,
    ];

    /// Its name in metrics and in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "delivered",
            Self::Unread => "delivered-unread",
            Self::Declined => "declined",
            Self::Redirected => "redirected",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::RefusedByServer => "refused",
            Self::FailedAtServer => "server-failed",
            Self::Forbidden => "forbidden",
            Self::NameFailed => "name-failed",
            Self::ConnectFailed => "connect-failed",
            Self::TlsFailed => "tls-failed",
            Self::Broken => "broken",
            Self::TimedOut => "timed-out",
            Self::NotHttp => "not-http",
            Self::Unrenderable => "unrenderable",
            Self::Unsignable => "unsignable",
        }
    }
}
