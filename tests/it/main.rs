//! Integration tests: whole nodes on real sockets with real TLS, and the binary as people run it.
//! One binary, linked once; a module for each subject.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod callback_commands;
mod callback_kills;
mod callback_shop;
mod callback_trace;
mod command_line;
mod demonstration;
mod descriptions;
mod door_certificates;
mod door_support;
mod door_whitelist;
mod doors;
mod house;
mod layers;
mod maintenance;
mod payments;
mod readme;
mod store_crash;
mod store_formats;
mod store_tools;
