//! Integration tests: whole nodes on real sockets with real TLS, and the binary as people run it.
//! One binary, linked once; a module for each subject.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod allocations;
mod approvals;
mod callback_commands;
mod callback_feed;
mod callback_kills;
mod callback_moves;
mod callback_query;
mod callback_shop;
mod callback_styles;
mod callback_trace;
mod callback_validation;
mod catalogue_commands;
mod command_line;
mod demonstration;
mod descriptions;
mod directory_commands;
mod door_certificates;
mod door_expiry;
mod door_files;
mod door_registration;
mod door_rights;
mod door_scan;
mod door_slow;
mod door_support;
mod door_whitelist;
mod doors;
mod explain;
mod fuzz;
mod gates;
mod gates_connection;
mod gates_credentials;
mod house;
mod layers;
mod linear;
mod maintenance;
mod office;
mod password_change;
mod payments;
mod queries;
mod readme;
mod refused_orders;
mod soap_door;
mod store_crash;
mod store_files;
mod store_formats;
mod store_full;
mod store_tools;
mod storm;
mod tolerances;
