//! What holds for all messages together.

mod deviations;
mod outgoing;
mod patience;
