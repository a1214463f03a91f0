//! Tests of callbacks as a whole.

mod deliveries;
mod faults;
mod limits;
mod queries;
mod rests;
mod sink;
mod sockets;
mod tables;
pub(super) mod tls;
mod trouble;
mod validations;
