//! Why a third party's request is refused: one private reason for log and audit, one public code.

use std::fmt;

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Public(&'static str, &'static str);

// protocol.md 2.1.
const OVERLOADED: Public = Public("100000001", "The system is overload");
const SHARE_SPENT: Public = Public("100000002", "Throttling error");
const THROTTLED: Public = Public("100000011", "Exceed the limitation of request rate.");
const INTERNAL: Public = Public("100000004", "Internal Server Error.");
const PARTY_ABNORMAL: Public = Public("100000006", "SP's status is abnormal.");
const NOT_AUTHENTICATED: Public = Public("100000007", "Authentication failed.");
const SERVICE_ABNORMAL: Public = Public("100000008", "Service's status is abnormal.");

/// The private reason of a refusal. Everything that is about who the caller is has one public code,
/// so that the answer tells nothing about which part was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No third party has this spId.
    SpIdUnknown,
    /// It came by the plain door, which is closed to this third party.
    PlainDoorClosed,
    /// The certificate's key belongs to nobody.
    KeyUnknown,
    /// The certificate's key is another third party's.
    KeyOfAnother,
    /// The certificate's key is its own, but not at this time.
    KeyNotInForce,
    /// No spPassword, where the mode needs one.
    PasswordMissing,
    /// No timeStamp, without which an spPassword means nothing.
    TimeStampMissing,
    /// The spPassword is no digest in an accepted form.
    PasswordMalformed,
    /// The spPassword is the digest of something else.
    PasswordWrong,
    /// The timeStamp is no time in the agreed form.
    TimeStampUnreadable,
    /// The timeStamp is too old, or too far ahead.
    TimeStampStale,
    /// The timeStamp was used before, and counts once.
    TimeStampUsed,
    /// More timeStamps that count once are in use than are remembered.
    TimeStampsFull,
    /// The mode needs a password, and none is on record.
    PasswordNotSet,
    /// The address is in none of the third party's networks.
    AddressForeign,
    /// The address is in an `internet` network, and the request needs a `vpn` one.
    AddressNotVpn,
    /// The third party is disabled.
    Disabled,
    /// The serviceId is none of the third party's.
    ServiceUnknown,
    /// More requests in a second than the third party may make.
    RateExceeded,
    /// Too many of this source's authentications were refused lately; this one was not looked at.
    RefusalsExceeded,
    /// More requests in a second than a shortcode may start.
    ShortcodeRateExceeded,
    /// The third party has as many requests under way as are left for all others.
    ShareSpent,
    /// All third parties together have as many requests under way as the node takes.
    PlacesTaken,
    /// All third parties together make more requests in a second than the node takes.
    NodeRateExceeded,
    /// The password on record does not open with the node's secret key.
    SecretUnreadable,
}

impl Refusal {
    /// Every one of them.
    pub const ALL: [Refusal; 25] = [
        Refusal::SpIdUnknown,
        Refusal::PlainDoorClosed,
        Refusal::KeyUnknown,
        Refusal::KeyOfAnother,
        Refusal::KeyNotInForce,
        Refusal::PasswordMissing,
        Refusal::TimeStampMissing,
        Refusal::PasswordMalformed,
        Refusal::PasswordWrong,
        Refusal::TimeStampUnreadable,
        Refusal::TimeStampStale,
        Refusal::TimeStampUsed,
        Refusal::TimeStampsFull,
        Refusal::PasswordNotSet,
        Refusal::AddressForeign,
        Refusal::AddressNotVpn,
        Refusal::Disabled,
        Refusal::ServiceUnknown,
        Refusal::RateExceeded,
        Refusal::RefusalsExceeded,
        Refusal::ShortcodeRateExceeded,
        Refusal::ShareSpent,
        Refusal::PlacesTaken,
        Refusal::NodeRateExceeded,
        Refusal::SecretUnreadable,
    ];

    /// Whether it says that the caller is not who it claims to be.
    pub fn is_about_identity(self) -> bool {
        self.row().1 == NOT_AUTHENTICATED
    }

    /// Whether it says that who was let in asks too much, or all together do. These come after
    /// authentication, which puts its own refusals on the audit log.
    pub fn is_about_load(self) -> bool {
        use Refusal::{NodeRateExceeded, PlacesTaken, RateExceeded, ShareSpent, ShortcodeRateExceeded};
        matches!(self, RateExceeded | ShortcodeRateExceeded | ShareSpent | PlacesTaken | NodeRateExceeded)
    }

    /// The private reason, as logs, metrics and the audit name it.
    pub fn reason(self) -> &'static str {
        self.row().0
    }

    /// The code and text that the caller gets.
    pub fn public(self) -> (&'static str, &'static str) {
        let (_, Public(code, text)) = self.row();
        (code, text)
    }

    /// The one table from cause to answer.
    fn row(self) -> (&'static str, Public) {
        match self {
            Refusal::SpIdUnknown => ("sp-id-unknown", NOT_AUTHENTICATED),
            Refusal::PlainDoorClosed => ("plain-door-closed", NOT_AUTHENTICATED),
            Refusal::KeyUnknown => ("key-unknown", NOT_AUTHENTICATED),
            Refusal::KeyOfAnother => ("key-of-another", NOT_AUTHENTICATED),
            Refusal::KeyNotInForce => ("key-not-in-force", NOT_AUTHENTICATED),
            Refusal::PasswordMissing => ("password-missing", NOT_AUTHENTICATED),
            Refusal::TimeStampMissing => ("time-stamp-missing", NOT_AUTHENTICATED),
            Refusal::PasswordMalformed => ("password-malformed", NOT_AUTHENTICATED),
            Refusal::PasswordWrong => ("password-wrong", NOT_AUTHENTICATED),
            Refusal::TimeStampUnreadable => ("time-stamp-unreadable", NOT_AUTHENTICATED),
            Refusal::TimeStampStale => ("time-stamp-stale", NOT_AUTHENTICATED),
            Refusal::TimeStampUsed => ("time-stamp-used", NOT_AUTHENTICATED),
            Refusal::TimeStampsFull => ("time-stamps-full", SHARE_SPENT),
            Refusal::PasswordNotSet => ("password-not-set", NOT_AUTHENTICATED),
            Refusal::AddressForeign => ("address-foreign", NOT_AUTHENTICATED),
            Refusal::AddressNotVpn => ("address-not-vpn", NOT_AUTHENTICATED),
            Refusal::Disabled => ("disabled", PARTY_ABNORMAL),
            Refusal::ServiceUnknown => ("service-unknown", SERVICE_ABNORMAL),
            Refusal::RateExceeded => ("rate-exceeded", THROTTLED),
            Refusal::RefusalsExceeded => ("refusals-exceeded", THROTTLED),
            Refusal::ShortcodeRateExceeded => ("shortcode-rate-exceeded", SHARE_SPENT),
            Refusal::ShareSpent => ("share-spent", SHARE_SPENT),
            Refusal::PlacesTaken => ("places-taken", OVERLOADED),
            Refusal::NodeRateExceeded => ("node-rate-exceeded", OVERLOADED),
            Refusal::SecretUnreadable => ("secret-unreadable", INTERNAL),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_is_its_own_and_has_a_public_code() {
        let reasons: HashSet<_> = Refusal::ALL.map(Refusal::reason).into();
        assert_eq!(reasons.len(), Refusal::ALL.len());
        assert!(Refusal::ALL.into_iter().all(|refusal| refusal.public().0.len() == 9));
    }
}
