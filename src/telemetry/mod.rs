//! What a node says about itself: log lines and metrics. Knows nothing of doors, payments or
//! records; who reports hands over names and numbers. A label's value is a `&'static str` wherever
//! its set is closed, so that no caller's input can make a new time series.

pub mod audit;
pub mod logs;
pub mod metrics;
