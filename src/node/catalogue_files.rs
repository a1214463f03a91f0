//! The catalogue's files and the cores that run on them: how they differ, and the new ones in the
//! place of the old.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Day;
use crate::core::Cores;
use crate::core::catalogue::differences::{Difference, differences};
use crate::core::catalogue::editions::Editions;
use crate::telemetry::audit::Audit;

/// Differences that go on the audit log one by one; of more, only their number does.
const RECORDED_MAX: usize = 200;

/// Where the catalogue is, and who decides by it.
#[derive(Clone, Debug)]
pub(super) struct CatalogueFiles {
    pub folder: PathBuf,
    pub cores: Arc<Cores>,
    pub audit: Arc<Audit>,
}

/// In what the files differ from what runs, on one day on which either has another edition.
#[derive(Debug)]
pub(super) struct Change {
    /// From when on; none: from the beginning.
    pub from: Option<Day>,
    pub differences: Vec<Difference>,
}

impl CatalogueFiles {
    /// What a reload would change.
    pub fn pending(&self) -> Result<Vec<Change>, Vec<String>> {
        Ok(changes(&self.cores.editions(), &self.read()?))
    }

    /// The files, if they can take the place of what runs.
    fn read(&self) -> Result<Editions, Vec<String>> {
        let editions = super::catalogue(&self.folder)?;
        let faults = editions.cannot_follow(&self.cores.editions());
        if faults.is_empty() { Ok(editions) } else { Err(faults.iter().map(ToString::to_string).collect()) }
    }

    /// Puts the files in force, those of each edition from its day on; or nothing, if one of them has a
    /// fault. What was changed by this.
    pub fn reload(&self, by: &str) -> Result<Vec<Change>, Vec<String>> {
        let editions = match self.read() {
            Ok(editions) => editions,
            Err(faults) => {
                let fault = faults.first().map_or("", String::as_str);
                self.audit.record("catalogue-refused", &[("by", by), ("fault", fault)]);
                return Err(faults);
            }
        };
        let changes = changes(&self.cores.editions(), &editions);
        self.cores.replace(editions);
        self.record(by, &changes);
        Ok(changes)
    }

    fn record(&self, by: &str, changes: &[Change]) {
        let all = changes.iter().flat_map(|change| change.differences.iter().map(|one| (change.from, one)));
        let number = all.clone().count().to_string();
        self.audit.record("catalogue-reloaded", &[("by", by), ("differences", &number)]);
        for (from, difference) in all.take(RECORDED_MAX) {
            let from = from.map_or_else(String::new, |day| day.to_string());
            self.audit.record("catalogue-changed", &[("by", by), ("from", &from), ("what", &difference.to_string())]);
        }
    }
}

/// On every day on which one of the two has a new edition: in what the two differ from then on.
fn changes(running: &Editions, files: &Editions) -> Vec<Change> {
    let mut days: Vec<Option<Day>> = running.all().chain(files.all()).map(|edition| edition.from).collect();
    days.sort();
    days.dedup();
    let change = |from| Change { from, differences: differences(&running.on(from).files, &files.on(from).files) };
    days.into_iter().map(change).filter(|change| !change.differences.is_empty()).collect()
}
