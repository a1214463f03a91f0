//! Tests of callbacks as a whole.

mod deliveries;
mod faults;
mod queries;
mod sink;
mod sockets;
pub(super) mod tls;
mod validations;
