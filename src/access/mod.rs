//! Who may come in: whitelist, certificate identity, third parties, operators' credentials, rates.
//! Everything is refused unless a rule lets it in. Never knows money.

mod hex;
mod identity;
mod networks;
mod vault;
pub mod whitelist;

pub use identity::{IdentityError, KeyFingerprint, fingerprint};
pub use vault::{Sealed, Secret, Vault, VaultError};
pub use whitelist::{CallbackHost, HostRule, NamedNetwork, NetworkKind, Whitelist, WhitelistError};
