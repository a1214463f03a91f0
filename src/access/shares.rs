//! Places that several third parties share, so that none of them can take all: each may have as many
//! as are still free. One alone gets half, two that take all they can get a third each, and there is
//! always a place left for the next one who comes. Nobody needs to know how many there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places.
pub struct Shares {
    places_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: usize,
    by_party: HashMap<String, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoShare {
    /// Nobody gets one: all are taken.
    AllTaken,
    /// This third party does not get one: it has as many as are left for all.
    PartyHasItsShare,
}

/// A place; given back when dropped.
pub struct Share {
    shares: Arc<Shares>,
    party: String,
}

impl Shares {
    /// So many places, all free.
    pub fn new(places_max: usize) -> Arc<Self> {
        Arc::new(Self { places_max, taken: Mutex::default() })
    }

    /// Takes a place for a third party.
    pub fn take(self: &Arc<Self>, party: &str) -> Result<Share, NoShare> {
        let mut taken = self.lock();
        let free = self.places_max.saturating_sub(taken.total);
        let own = taken.by_party.get(party).copied().unwrap_or(0);
        if free == 0 {
            return Err(NoShare::AllTaken);
        }
        if own >= free {
            return Err(NoShare::PartyHasItsShare);
        }
        taken.total = taken.total.saturating_add(1);
        taken.by_party.insert(party.to_owned(), own.saturating_add(1));
        Ok(Share { shares: Arc::clone(self), party: party.to_owned() })
    }

    /// Places that are taken.
    pub fn taken(&self) -> usize {
        self.lock().total
    }

    fn give_back(&self, party: &str) {
        let mut taken = self.lock();
        taken.total = taken.total.saturating_sub(1);
        match taken.by_party.get(party).map_or(0, |own| own.saturating_sub(1)) {
            // Who has no place costs nothing (D6).
            0 => drop(taken.by_party.remove(party)),
            left => drop(taken.by_party.insert(party.to_owned(), left)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.give_back(&self.party);
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("places_max", &self.places_max).field("taken", &self.taken()).finish()
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Share").field(&self.party).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_it_gets(shares: &Arc<Shares>, party: &str) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(party).ok()).collect()
    }

    #[test]
    fn one_alone_gets_half_and_the_next_still_finds_places() {
        let shares = Shares::new(100);
        let greedy = all_it_gets(&shares, "greedy");
        assert_eq!(greedy.len(), 50);
        assert_eq!(shares.take("greedy").unwrap_err(), NoShare::PartyHasItsShare);
        assert_eq!(all_it_gets(&shares, "duka").len(), 25);
        assert_eq!(shares.taken(), 50, "what was dropped came back");
    }

    #[test]
    fn however_many_are_greedy_a_newcomer_finds_a_place() {
        let shares = Shares::new(1_000);
        let mut held = Vec::new();
        // All of them take in turn until nobody gets any more.
        loop {
            let before = held.len();
            held.extend((0..9).filter_map(|party| shares.take(&party.to_string()).ok()));
            if held.len() == before {
                break;
            }
        }
        let of_first = held.iter().filter(|share| share.party == "0").count();
        assert_eq!((held.len(), of_first), (900, 100));
        assert!(shares.take("newcomer").is_ok());
    }

    #[test]
    fn the_last_place_goes_to_one_who_has_none_and_then_all_are_taken() {
        let shares = Shares::new(2);
        let one = shares.take("one").unwrap();
        assert_eq!(shares.take("one").unwrap_err(), NoShare::PartyHasItsShare);
        let other = shares.take("other").unwrap();
        assert_eq!(shares.take("third").unwrap_err(), NoShare::AllTaken);
        drop((one, other));
        assert!(shares.lock().by_party.is_empty(), "d6: nothing is kept of who has no place");
    }
}
