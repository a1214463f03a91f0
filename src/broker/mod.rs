//! The pipeline of one request: admit, accept, dispatch by command ID, answer; customers' payments;
//! the trace of legs. Knows no sockets and no storage engine.

mod exchange;

pub use exchange::{Answer, Door, Peer, Request, Service};
