//! Integration tests: whole nodes on real sockets with real TLS, and the binary as people run it.
//! One binary, linked once; a module for each subject.

mod callback_commands;
mod callback_kills;
mod callback_shop;
mod callback_trace;
mod command_line;
mod demonstration;
mod descriptions;
mod doors;
mod house;
mod layers;
mod payments;
mod readme;
