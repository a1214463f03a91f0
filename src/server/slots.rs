//! How many connections a door has, in all and of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// The counts of one door.
#[derive(Debug)]
pub(super) struct Slots {
    total_max: usize,
    per_address_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The door has all the connections that it may have.
    Door,
    /// This address has.
    Address,
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    address: IpAddr,
}

impl Slots {
    /// All free.
    pub(super) fn new(total_max: usize, per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { total_max, per_address_max, taken: Mutex::default() })
    }

    /// Takes a slot for `address`, if there is one.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Full> {
        let mut taken = self.lock();
        if taken.total >= self.total_max {
            return Err(Full::Door);
        }
        let of_address = taken.per_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.per_address_max {
            return Err(Full::Address);
        }
        taken.total += 1;
        taken.per_address.insert(address, of_address + 1);
        drop(taken);
        Ok(Slot { slots: Arc::clone(self), address })
    }

    fn give_back(&self, address: IpAddr) {
        let mut taken = self.lock();
        taken.total = taken.total.saturating_sub(1);
        let left = taken.per_address.get(&address).map_or(0, |count| count.saturating_sub(1));
        // An address without connections costs nothing.
        if left == 0 {
            taken.per_address.remove(&address);
        } else {
            taken.per_address.insert(address, left);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.give_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let slots = Slots::new(10, 2);
        let held = (slots.take(ONE).unwrap(), slots.take(ONE).unwrap());
        assert_eq!(slots.take(ONE).unwrap_err(), Full::Address);
        assert!(slots.take(OTHER).is_ok());
        drop(held.0);
        assert!(slots.take(ONE).is_ok());
    }

    #[test]
    fn a_door_gets_its_share_and_no_more() {
        let slots = Slots::new(2, 2);
        let held = (slots.take(ONE).unwrap(), slots.take(OTHER).unwrap());
        assert_eq!(slots.take(OTHER).unwrap_err(), Full::Door);
        drop(held);
        assert!(slots.lock().per_address.is_empty(), "addresses without connections are forgotten");
    }
}
