//! Tests of the commands, one file per subject.

mod customer_payments;
mod model;
mod queries;
mod refusals;
mod transfers;
