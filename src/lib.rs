//! Lango: the broker gateway of a mobile-money system. See ARCHITECTURE.md for the plan of the
//! house; a module knows only what stands below it in this list.

pub mod cli;
pub mod node;
pub mod server;

pub mod broker;
pub mod callbacks;
pub mod core;

pub mod access;
pub mod mminterface;
pub mod soap;

pub mod store;

pub mod config;
pub mod telemetry;

pub mod clock;
pub mod entropy;
