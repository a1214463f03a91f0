//! Tells the story, and keeps count of what was not as it must be.

use std::fmt::Debug;
use std::process::ExitCode;
use std::time::Duration;

use super::stage::Stage;

/// The one who tells.
pub struct Teller {
    wire: bool,
    scenes: u32,
    checks: u32,
    differences: Vec<String>,
}

impl Teller {
    /// A teller; `wire` has every message printed as it was sent.
    pub fn new(wire: bool) -> Self {
        Self { wire, scenes: 0, checks: 0, differences: Vec::new() }
    }

    /// Who is on the stage.
    pub fn introduce(&self, stage: &Stage) {
        let doors = stage.addresses();
        println!("Lango's demonstration: real sockets, real TLS, real SOAP, checked as it goes.\n");
        println!("  third parties' door  https://{}  client certificate, whitelist", doors.third_party);
        println!("  handset door         https://{}  its own CA", doors.handset);
        println!("  the shop's receiver  {}", stage.receiver_url(""));
    }

    /// Begins a scene.
    pub fn scene(&mut self, title: &str) {
        self.scenes += 1;
        println!("\n{:>2}. {title}", self.scenes);
    }

    /// One thing that happened: who to whom, what, and with which outcome.
    pub fn line(&self, who: &str, what: &str, outcome: &str) {
        println!("    {who:<16} {what:<47} {outcome}");
    }

    /// A message as it went over the wire, if that is wanted.
    pub fn wire(&self, direction: &str, message: &str) {
        if self.wire {
            println!("    {direction} {}", message.trim_end());
        }
    }

    /// Something must be so. What it is instead is told at the end.
    pub fn expect<T: PartialEq + Debug>(&mut self, what: &str, found: &T, expected: &T) {
        self.checks += 1;
        if found != expected {
            self.differ(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    /// Something must hold.
    pub fn expect_that(&mut self, what: &str, holds: bool) {
        self.checks += 1;
        if !holds {
            self.differ(format!("{what}: it does not hold"));
        }
    }

    fn differ(&mut self, difference: String) {
        println!("    NOT AS IT MUST BE: {difference}");
        self.differences.push(format!("scene {}: {difference}", self.scenes));
    }

    /// The end of the story.
    pub fn end(&self, took: Duration) -> ExitCode {
        println!();
        if self.differences.is_empty() {
            println!("{} checks in {} scenes held, in {:.1} s.", self.checks, self.scenes, took.as_secs_f64());
            return ExitCode::SUCCESS;
        }
        println!("{} of {} checks did not hold:", self.differences.len(), self.checks);
        self.differences.iter().for_each(|difference| println!("  {difference}"));
        ExitCode::FAILURE
    }
}
