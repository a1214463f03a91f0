//! The catalogue through time: the edition in force now, and those that take its place on their days.
//! Each edition is checked as a whole, on its own.
//!
//! Tariffs and limits have dated versions inside their files; an edition is for what has none:
//! services, products, roles.

use std::sync::Arc;

use super::{Catalogue, CatalogueError};
use crate::clock::Day;

/// File names and their texts.
pub type Files = Vec<(String, String)>;

/// What a folder of a later edition is called: this, and its day as `2027-01-01`.
pub const FOLDER_PREFIX: &str = "from-";

/// A catalogue, and from when on it is in force.
#[derive(Clone, Debug)]
pub struct Edition {
    /// The first day on which it is in force; none for the first edition, which always was.
    pub from: Option<Day>,
    /// Its files, those that it shares with the edition before included.
    pub files: Files,
    /// What they say.
    pub catalogue: Arc<Catalogue>,
}

/// The first edition and all later ones, in the order of their days.
#[derive(Clone, Debug)]
pub struct Editions {
    first: Edition,
    later: Vec<Edition>,
}

impl Editions {
    /// Reads and checks the first edition, and later ones by their days; a later one has only the
    /// files in which it differs from the edition before. All that is wrong is reported at once.
    pub fn parse(first: Files, mut later: Vec<(Day, Files)>) -> Result<Self, Vec<CatalogueError>> {
        later.sort_by_key(|(day, _)| *day);
        let mut files = first;
        let (first, mut errors) = match edition(None, &files) {
            Ok(first) => (Some(first), Vec::new()),
            Err(errors) => (None, errors),
        };
        let mut editions = Vec::new();
        for (day, changed) in later {
            files.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
            files.extend(changed);
            files.sort();
            match edition(Some(day), &files) {
                Ok(edition) => editions.push(edition),
                Err(wrong) => errors.extend(wrong),
            }
        }
        match first {
            Some(first) if errors.is_empty() => Self { first, later: editions }.sound(),
            _ => Err(errors),
        }
    }

    /// These editions, if each one's numbers are still numbers in the next.
    fn sound(self) -> Result<Self, Vec<CatalogueError>> {
        let pairs = self.all().zip(&self.later);
        let errors: Vec<_> = pairs.filter_map(|(before, after)| renumbered(before, after)).collect();
        if errors.is_empty() { Ok(self) } else { Err(errors) }
    }

    /// Why these editions cannot take the place of those that run: subscribers are known by numbers that
    /// would be none any more. Empty if they can.
    pub fn cannot_follow(&self, running: &Self) -> Vec<CatalogueError> {
        let Some(last) = running.all().last() else { return Vec::new() };
        self.all().filter_map(|edition| renumbered(last, edition)).collect()
    }

    /// A catalogue that no other one follows.
    pub fn only(catalogue: Arc<Catalogue>) -> Self {
        Self { first: Edition { from: None, files: Files::new(), catalogue }, later: Vec::new() }
    }

    /// The one that was always in force, until the first of the later ones.
    pub fn first(&self) -> &Edition {
        &self.first
    }

    /// Those after it, in the order of their days.
    pub fn later(&self) -> &[Edition] {
        &self.later
    }

    /// All of them, in the order of their days.
    pub fn all(&self) -> impl Iterator<Item = &Edition> {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// The edition in force on a day; the first one where no day is given.
    pub fn on(&self, day: Option<Day>) -> &Edition {
        self.later.iter().rev().find(|edition| edition.from <= day).unwrap_or(&self.first)
    }
}

/// The error that `after` takes phone numbers away, if it does.
fn renumbered(before: &Edition, after: &Edition) -> Option<CatalogueError> {
    let kept = after.catalogue.numbering().continues(before.catalogue.numbering());
    let message = "[numbering] takes phone numbers away that subscribers may have; country and national_digits \
                   stay, and leading may only gain digits";
    let error = CatalogueError { file: "services.toml".to_owned(), message: message.to_owned() };
    (!kept).then(|| within(after.from, error))
}

fn edition(from: Option<Day>, files: &Files) -> Result<Edition, Vec<CatalogueError>> {
    match Catalogue::parse(files) {
        Ok(catalogue) => Ok(Edition { from, files: files.clone(), catalogue: Arc::new(catalogue) }),
        Err(wrong) => Err(wrong.into_iter().map(|error| within(from, error)).collect()),
    }
}

/// The error with the folder of the edition in which it is.
fn within(from: Option<Day>, error: CatalogueError) -> CatalogueError {
    match from {
        Some(day) => CatalogueError { file: format!("{FOLDER_PREFIX}{day}/{}", error.file), ..error },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::catalogue::SHIPPED;

    const NEW_YEAR: Day = Day { year: 2027, month: 1, day: 1 };

    fn shipped() -> Files {
        SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// One shipped file with one text replaced.
    fn changed(file: &str, from: &str, to: &str) -> Files {
        let mut files = shipped();
        files.retain(|(name, _)| name == file);
        files.into_iter().map(|(name, text)| (name, text.replacen(from, to, 1))).collect()
    }

    #[test]
    fn an_edition_is_in_force_from_its_day_until_the_next_ones() {
        let later = changed("services.toml", "name = \"Salary Payment\"", "name = \"Wages\"");
        let editions = Editions::parse(shipped(), vec![(NEW_YEAR, later)]).unwrap();
        let name = |day| editions.on(Some(day)).catalogue.command("SalaryPayment").unwrap().name.clone();
        assert_eq!(name(Day { year: 2026, month: 12, day: 31 }), "Salary Payment");
        assert_eq!([name(NEW_YEAR), name(Day { year: 2030, ..NEW_YEAR })], ["Wages", "Wages"]);
        assert_eq!(editions.on(None).from, None);
    }

    #[test]
    fn an_edition_goes_on_from_the_one_before_it() {
        let wages = changed("services.toml", "name = \"Salary Payment\"", "name = \"Wages\"");
        let auditor = changed("roles.toml", "Business Auditor", "Business Reader");
        let february = Day { month: 2, ..NEW_YEAR };
        // Their order in the folder does not matter.
        let editions = Editions::parse(shipped(), vec![(february, auditor), (NEW_YEAR, wages)]).unwrap();
        let first_two = [&editions.on(None).catalogue, &editions.on(Some(NEW_YEAR)).catalogue];
        assert!(first_two.iter().all(|edition| edition.role("Business Auditor").is_some()));
        assert_eq!(
            first_two.map(|edition| &*edition.command("SalaryPayment").unwrap().name),
            ["Salary Payment", "Wages"]
        );
        let last = &editions.on(Some(february)).catalogue;
        assert_eq!(last.command("SalaryPayment").unwrap().name, "Wages");
        assert!(last.role("Business Reader").is_some() && last.role("Business Auditor").is_none());
    }

    #[test]
    fn a_fault_of_a_later_edition_is_found_now_and_named_with_its_folder() {
        let later =
            changed("roles.toml", "permissions = [\"pay customers\", \"check identities\"]", "permissions = []");
        let errors = Editions::parse(shipped(), vec![(NEW_YEAR, later)]).unwrap_err();
        assert!(errors.iter().all(|error| error.file == "from-2027-01-01/roles.toml"), "{errors:?}");
        assert!(!errors.is_empty());
    }

    #[test]
    fn phone_numbers_that_exist_stay_phone_numbers() {
        let numbering = |from, to| changed("services.toml", from, to);
        for (from, to, kept) in [
            ("leading = \"17\"", "leading = \"178\"", true),
            ("leading = \"17\"", "leading = \"7\"", false),
            ("country = \"254\"", "country = \"255\"", false),
            ("national_digits = 9", "national_digits = 10", false),
        ] {
            let later = Editions::parse(shipped(), vec![(NEW_YEAR, numbering(from, to))]);
            assert_eq!(later.is_ok(), kept, "{to}");
            let mut files = shipped();
            files.retain(|(name, _)| name != "services.toml");
            files.extend(numbering(from, to));
            let reloaded = Editions::parse(files, Vec::new()).unwrap();
            let running = Editions::parse(shipped(), Vec::new()).unwrap();
            assert_eq!(reloaded.cannot_follow(&running).is_empty(), kept, "{to}");
        }
        // Numbers that only the last edition has are somebody's as well.
        let more = Editions::parse(shipped(), vec![(NEW_YEAR, numbering("leading = \"17\"", "leading = \"178\""))]);
        let as_before = Editions::parse(shipped(), Vec::new()).unwrap();
        assert_eq!(as_before.cannot_follow(&more.unwrap()).len(), 1);
    }
}
