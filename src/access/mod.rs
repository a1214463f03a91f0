//! Who may come in: whitelist, certificate identity, third parties, operators' credentials, rates.
//! Everything is refused unless a rule lets it in. Never knows money.

mod identity;

pub use identity::KeyFingerprint;
