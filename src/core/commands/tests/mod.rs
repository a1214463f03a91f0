//! Tests of the commands, one file per subject.

mod approvals;
mod care;
mod customer_payments;
mod edges;
mod everything;
mod formats;
mod guards;
mod handsets;
mod ideal;
mod internal;
mod limits;
mod matrix;
mod model;
mod queries;
mod refusals;
mod reversals;
mod seeds;
mod sequence;
mod settlements;
mod states;
mod street;
mod table;
mod transfers;
mod turns;
mod zones;
