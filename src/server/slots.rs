//! How many connections a door has, in all and of each address; those that have not yet shown who
//! they are (half-open) are counted once more, under tighter limits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

/// The counts of one door.
#[derive(Debug)]
pub(super) struct Slots(Mutex<Taken>);

/// How many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotLimits {
    /// Connections.
    pub total_max: usize,
    /// Connections of one address.
    pub per_address_max: usize,
    /// Connections that have not yet shown who they are.
    pub half_open_max: usize,
    /// Such connections of one address.
    pub half_open_per_address_max: usize,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The door has all the connections that it may have.
    Door,
    /// This address has.
    Address,
    /// The door has all the half-open connections that it may have.
    HalfOpen,
    /// This address has.
    HalfOpenOfAddress,
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    /// None as long as only the balancer in front knows.
    address: Option<IpAddr>,
    half_open: bool,
}

#[derive(Debug)]
struct Taken {
    open: Tally,
    half_open: Tally,
}

/// One count, in all and by address.
#[derive(Debug)]
struct Tally {
    total_max: usize,
    per_address_max: usize,
    total: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// Which share of a tally is used up.
#[derive(Clone, Copy, Debug)]
enum UsedUp {
    Total,
    OfAddress,
}

impl Slots {
    /// All free.
    pub(super) fn new(limits: SlotLimits) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Taken {
            open: Tally::new(limits.total_max, limits.per_address_max),
            half_open: Tally::new(limits.half_open_max, limits.half_open_per_address_max),
        })))
    }

    /// Takes a slot for a half-open connection, if there is one: for `address`, or for one that is
    /// not known yet.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Slot, Full> {
        let mut taken = self.lock();
        taken.open.has_room(address).map_err(Full::of_open)?;
        taken.half_open.has_room(address).map_err(Full::of_half_open)?;
        taken.open.add(address);
        taken.half_open.add(address);
        drop(taken);
        Ok(Slot { slots: Arc::clone(self), address, half_open: true })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Slot {
    /// The connection is this address's, as its balancer says.
    pub(super) fn belong_to(&mut self, address: IpAddr) -> Result<(), Full> {
        let mut taken = self.slots.lock();
        taken.open.has_room_of(address).map_err(Full::of_open)?;
        taken.half_open.has_room_of(address).map_err(Full::of_half_open)?;
        taken.open.assign(address);
        taken.half_open.assign(address);
        self.address = Some(address);
        Ok(())
    }

    /// The connection has shown who it is.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.half_open) {
            self.slots.lock().half_open.give_back(self.address);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.settle();
        self.slots.lock().open.give_back(self.address);
    }
}

impl Tally {
    fn new(total_max: usize, per_address_max: usize) -> Self {
        Self { total_max, per_address_max, total: 0, per_address: HashMap::new() }
    }

    fn has_room(&self, address: Option<IpAddr>) -> Result<(), UsedUp> {
        if self.total >= self.total_max {
            return Err(UsedUp::Total);
        }
        address.map_or(Ok(()), |address| self.has_room_of(address))
    }

    fn has_room_of(&self, address: IpAddr) -> Result<(), UsedUp> {
        let of_address = self.per_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.per_address_max { Err(UsedUp::OfAddress) } else { Ok(()) }
    }

    fn add(&mut self, address: Option<IpAddr>) {
        self.total += 1;
        if let Some(address) = address {
            self.assign(address);
        }
    }

    /// One that is counted already has this address.
    fn assign(&mut self, address: IpAddr) {
        *self.per_address.entry(address).or_default() += 1;
    }

    fn give_back(&mut self, address: Option<IpAddr>) {
        self.total = self.total.saturating_sub(1);
        let Some(address) = address else { return };
        let left = self.per_address.get(&address).map_or(0, |count| count.saturating_sub(1));
        // An address without connections costs nothing.
        if left == 0 {
            self.per_address.remove(&address);
        } else {
            self.per_address.insert(address, left);
        }
    }
}

impl Full {
    fn of_open(used_up: UsedUp) -> Self {
        match used_up {
            UsedUp::Total => Self::Door,
            UsedUp::OfAddress => Self::Address,
        }
    }

    fn of_half_open(used_up: UsedUp) -> Self {
        match used_up {
            UsedUp::Total => Self::HalfOpen,
            UsedUp::OfAddress => Self::HalfOpenOfAddress,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
    const ROOMY: SlotLimits =
        SlotLimits { total_max: 10, per_address_max: 10, half_open_max: 10, half_open_per_address_max: 10 };

    fn settled(slots: &Arc<Slots>, address: IpAddr) -> Slot {
        let mut slot = slots.take(Some(address)).unwrap();
        slot.settle();
        slot
    }

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let slots = Slots::new(SlotLimits { per_address_max: 2, ..ROOMY });
        let held = (settled(&slots, ONE), settled(&slots, ONE));
        assert_eq!(slots.take(Some(ONE)).unwrap_err(), Full::Address);
        assert!(slots.take(Some(OTHER)).is_ok());
        drop(held.0);
        assert!(slots.take(Some(ONE)).is_ok());
    }

    #[test]
    fn a_door_gets_its_share_and_no_more() {
        let slots = Slots::new(SlotLimits { total_max: 2, ..ROOMY });
        let held = (settled(&slots, ONE), slots.take(None).unwrap());
        assert_eq!(slots.take(Some(OTHER)).unwrap_err(), Full::Door);
        drop(held);
        let taken = slots.lock();
        assert!(taken.open.per_address.is_empty(), "addresses without connections are forgotten");
        assert_eq!((taken.open.total, taken.half_open.total), (0, 0));
    }

    #[test]
    fn half_open_connections_have_a_share_of_their_own_until_they_settle() {
        let slots = Slots::new(SlotLimits { half_open_per_address_max: 1, half_open_max: 2, ..ROOMY });
        let mut first = slots.take(Some(ONE)).unwrap();
        assert_eq!(slots.take(Some(ONE)).unwrap_err(), Full::HalfOpenOfAddress);
        let _other = slots.take(Some(OTHER)).unwrap();
        assert_eq!(slots.take(None).unwrap_err(), Full::HalfOpen);
        first.settle();
        assert!(slots.take(Some(ONE)).is_ok());
        drop(first);
        assert_eq!(slots.lock().half_open.total, 1, "a settled one is given back once");
    }

    #[test]
    fn what_a_balancer_brings_counts_for_its_client() {
        let slots = Slots::new(SlotLimits { per_address_max: 1, ..ROOMY });
        let mut brought = [slots.take(None).unwrap(), slots.take(None).unwrap()];
        assert_eq!(brought[0].belong_to(ONE), Ok(()));
        assert_eq!(brought[1].belong_to(ONE), Err(Full::Address));
        assert_eq!(slots.take(Some(ONE)).unwrap_err(), Full::Address);
        drop(brought);
        assert!(slots.lock().open.per_address.is_empty());
    }
}
