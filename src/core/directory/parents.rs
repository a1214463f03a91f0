//! Who stands above whom, for everybody at once.

use std::collections::HashMap;

use super::organizations;
use crate::core::HIERARCHY_LEVELS_MAX;
use crate::core::ids::Shortcode;
use crate::store::{Read, ReadError};

/// Organizations read at a time.
const PAGE: usize = 1_000;

/// Every organization with the one above it.
pub(in crate::core) struct Parents(HashMap<Shortcode, Option<Shortcode>>);

impl Parents {
    /// Reads all organizations.
    pub fn of_all(facts: &dyn Read) -> Result<Self, ReadError> {
        let mut parents = HashMap::new();
        let mut last: Option<Shortcode> = None;
        loop {
            let page = organizations(facts, last.as_ref(), PAGE)?;
            let Some(end) = page.last() else { return Ok(Self(parents)) };
            last = Some(end.shortcode.clone());
            parents.extend(page.into_iter().map(|organization| (organization.shortcode, organization.parent)));
        }
    }

    /// All that stand below this one, in no order, each with how many levels below.
    pub fn below<'a>(&'a self, head: &'a Shortcode) -> impl Iterator<Item = (&'a Shortcode, usize)> {
        let above = |code: &&Shortcode| self.0.get(*code).and_then(Option::as_ref);
        self.0.keys().filter_map(move |code| {
            let mut lineage = std::iter::successors(Some(code), above).take(HIERARCHY_LEVELS_MAX);
            lineage.position(|parent| parent == head).filter(|levels| *levels > 0).map(|levels| (code, levels))
        })
    }
}
