//! Settings and their reload. Knows files and TOML, nothing of what the settings are for.

mod doors;
mod limits;
mod load;
mod settings;

pub use load::{ConfigError, load, parse};
pub use settings::*;

/// The settings as shipped: every key with its default and its meaning.
pub const SHIPPED: &str = include_str!("../../config/lango.toml");
