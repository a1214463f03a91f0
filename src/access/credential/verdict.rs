//! What becomes of a credential, and the private reasons.

use std::fmt;

/// What became of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialVerdict {
    /// It is the operator's.
    Verified,
    /// It is not, or may not be used.
    Refused(CredentialRefusal),
}

/// The private reason of a refusal. To the caller they are all the same (S6), but for the last two,
/// which are not about the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialRefusal {
    /// There is no such operator, or it has no credential.
    OperatorUnknown,
    /// No password was set yet.
    Pending,
    /// Locked after too many failures.
    Locked,
    /// It is no base64 of an encrypted password's length.
    Base64,
    /// No key found a password in it.
    Padding,
    /// The password is wrong.
    Password,
    /// The password is right, but too old.
    Expired,
    /// The third party sent too many wrong passwords lately; this one was not considered.
    SourceStopped,
    /// The third party has as many credentials waiting as are left for all others.
    Crowded,
    /// The store or the hash failed, or too many wait, so that nothing is known.
    Unavailable,
}

impl CredentialRefusal {
    /// All of them.
    pub const ALL: [CredentialRefusal; 10] = [
        CredentialRefusal::OperatorUnknown,
        CredentialRefusal::Pending,
        CredentialRefusal::Locked,
        CredentialRefusal::Base64,
        CredentialRefusal::Padding,
        CredentialRefusal::Password,
        CredentialRefusal::Expired,
        CredentialRefusal::SourceStopped,
        CredentialRefusal::Crowded,
        CredentialRefusal::Unavailable,
    ];

    /// The reason, as logs, metrics and the audit name it.
    pub fn reason(self) -> &'static str {
        match self {
            CredentialRefusal::OperatorUnknown => "operator-unknown",
            CredentialRefusal::Pending => "credential-pending",
            CredentialRefusal::Locked => "credential-locked",
            CredentialRefusal::Base64 => "credential-base64",
            CredentialRefusal::Padding => "credential-padding",
            CredentialRefusal::Password => "password-wrong",
            CredentialRefusal::Expired => "password-expired",
            CredentialRefusal::SourceStopped => "source-stopped",
            CredentialRefusal::Crowded => "credentials-crowded",
            CredentialRefusal::Unavailable => "credential-unavailable",
        }
    }
}

impl fmt::Display for CredentialRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}
