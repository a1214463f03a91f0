//! The doors over real sockets, with certificates made for each test.

mod ambiguity;
mod attendants;
mod balancers;
mod coming_in;
mod house;
mod pki;
mod requests;
mod shutdown;
mod vouching;
