//! Organizations as they were decoded before. A busy one is read for each payment to it and hardly ever changes,
//! and decoding it takes more than all else that reading it takes.
//!
//! Nothing is taken on trust: an organization is recalled by all bytes of its record, so what is recalled is what
//! decoding them would give, whichever store they came from.

use std::cell::RefCell;
use std::rc::Rc;

use super::Organization;
use crate::store::{ReadError, Record, decode};

/// Organizations that each thread recalls at most; those that fall on the same place take turns.
const PLACES: usize = 256;

/// One that was decoded, beside the bytes of its record.
type Recalled = (Box<[u8]>, Rc<Organization>);

thread_local! {
    static RECALLED: RefCell<[Option<Recalled>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// The organization in this record.
pub(super) fn organization(record: &Record) -> Result<Rc<Organization>, ReadError> {
    RECALLED.with(|recalled| {
        let Ok(mut recalled) = recalled.try_borrow_mut() else { return decode(record).map(Rc::new) };
        let Some(place) = recalled.get_mut(place(&record.value)) else { return decode(record).map(Rc::new) };
        match place {
            Some((bytes, organization)) if **bytes == *record.value => Ok(Rc::clone(organization)),
            _ => {
                let organization = Rc::new(decode(record)?);
                *place = Some((record.value.as_ref().into(), Rc::clone(&organization)));
                Ok(organization)
            }
        }
    })
}

/// Told apart by where the shortcode is among the bytes of usual records.
fn place(bytes: &[u8]) -> usize {
    let digits = bytes.iter().skip(4).take(10).fold(0_usize, |sum, byte| sum.wrapping_mul(10) ^ usize::from(*byte));
    digits % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::directory::{OrganizationChange, Status, change_organization};
    use crate::core::testing::{PAYBILL, World, shortcode};
    use crate::store::{Read, encode};

    fn record(world: &World) -> Record {
        world.facts.record(&crate::core::directory::organization_key(&shortcode(PAYBILL))).unwrap().unwrap()
    }

    #[test]
    fn what_is_recalled_is_what_the_record_says_now() {
        let world = World::new();
        for status in Status::ALL.into_iter().chain(Status::ALL) {
            let change = OrganizationChange { status: Some(status), ..OrganizationChange::default() };
            let changed = change_organization(&world.core, &world.facts, &shortcode(PAYBILL), change, world.now);
            if let Ok(changed) = changed {
                world.facts.commit(changed.write_set).unwrap();
            }
            for _ in 0..2 {
                assert_eq!(Ok(&*organization(&record(&world)).unwrap()), decode(&record(&world)).as_ref());
            }
        }
    }

    #[test]
    fn organizations_of_one_place_are_told_apart() {
        let before: Organization = decode(&record(&World::new())).unwrap();
        let named = |name: &str| Organization { name: name.to_owned(), ..before.clone() };
        // Alike but for a name, and in a record of the same version, as another store might have it.
        for one in [named("Maji Water"), named("Maji Later"), named("Maji Water")] {
            let record = Record { version: 1, value: encode(&one).into(), captured: Vec::new() };
            assert_eq!(*organization(&record).unwrap(), one);
        }
        let damaged = Record { version: 1, value: vec![2, 0x91].into(), captured: Vec::new() };
        assert!(organization(&damaged).is_err());
        let newer = Record { version: 1, value: vec![u8::MAX].into(), captured: Vec::new() };
        assert!(organization(&newer).is_err());
    }
}
