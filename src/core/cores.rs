//! The cores of a catalogue and of its later editions: which of them decides follows from the moment
//! of the decision alone, so a new edition takes effect at its day's first moment, without anybody
//! doing anything.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::catalogue::editions::{Edition, Editions};
use super::{Core, CoreSettings};
use crate::clock::{Day, Timestamp};

/// All cores, one for each edition of the catalogue.
#[derive(Debug)]
pub struct Cores {
    settings: CoreSettings,
    plan: ArcSwap<Plan>,
}

#[derive(Debug)]
struct Plan {
    editions: Arc<Editions>,
    first: Arc<Core>,
    /// Each with the day from which it decides, in the order of these days.
    later: Vec<(Option<Day>, Arc<Core>)>,
}

impl Cores {
    /// The cores that decide by these editions.
    pub fn new(editions: Editions, settings: CoreSettings) -> Self {
        let plan = ArcSwap::from_pointee(Plan::of(editions, &settings));
        Self { settings, plan }
    }

    /// The core that decides at this moment.
    pub fn at(&self, now: Timestamp) -> Arc<Core> {
        let plan = self.plan.load();
        // One edition is the usual case, and needs no calendar.
        if plan.later.is_empty() {
            return Arc::clone(&plan.first);
        }
        let day = Some(self.settings.zone.day(now));
        let begun = plan.later.iter().rev().find(|(from, _)| *from <= day).map(|(_, core)| core);
        Arc::clone(begun.unwrap_or(&plan.first))
    }

    /// The editions by which they decide.
    pub fn editions(&self) -> Arc<Editions> {
        Arc::clone(&self.plan.load().editions)
    }

    /// Decides by other editions from now on; what is under decision already ends as it began.
    pub fn replace(&self, editions: Editions) {
        self.plan.store(Arc::new(Plan::of(editions, &self.settings)));
    }
}

impl Plan {
    fn of(editions: Editions, settings: &CoreSettings) -> Self {
        let core = |edition: &Edition| Arc::new(Core::new(Arc::clone(&edition.catalogue), settings.clone()));
        let first = core(editions.first());
        let later = editions.later().iter().map(|edition| (edition.from, core(edition))).collect();
        Self { editions: Arc::new(editions), first, later }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Zone;
    use crate::core::catalogue::SHIPPED;

    #[test]
    fn a_new_edition_decides_from_the_first_moment_of_its_day_in_the_zone() {
        let files: Vec<_> = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let (name, text) = files.iter().find(|(name, _)| name == "services.toml").unwrap();
        let later = vec![(name.clone(), text.replacen("name = \"Salary Payment\"", "name = \"Wages\"", 1))];
        let day = Day { year: 2027, month: 1, day: 1 };
        let zone = Zone::named("Africa/Nairobi").unwrap();
        let settings = CoreSettings { zone: zone.clone(), digit: 0, currency: "KES".into() };
        let cores = Cores::new(Editions::parse(files.clone(), vec![(day, later)]).unwrap(), settings);
        let name = |at| cores.at(at).catalogue().command("SalaryPayment").unwrap().name.clone();
        let midnight = zone.first_moment("2027-01-01").unwrap();
        let before = Timestamp::from_micros(midnight.micros() - 1);
        assert_eq!([name(before), name(midnight)], ["Salary Payment", "Wages"]);
        cores.replace(Editions::parse(files, Vec::new()).unwrap());
        assert_eq!(name(midnight), "Salary Payment");
    }
}
