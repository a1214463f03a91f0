//! Under way.

pub mod audit;
