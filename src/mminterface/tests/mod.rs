//! What holds for all messages together.

mod outgoing;
mod patience;
