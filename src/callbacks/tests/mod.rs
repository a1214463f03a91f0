//! Tests of callbacks as a whole.

mod deliveries;
mod sink;
mod sockets;
mod tls;
mod validations;
