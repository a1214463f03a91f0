//! Answers that were read lately. A receiver says the same to callback after callback, byte for byte,
//! so what it means need not be found out each time.

use std::array;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use crate::mminterface::acknowledgement::{Acknowledgement, CallbackKind};
use crate::mminterface::request::Read;
use crate::mminterface::tolerances::Tolerances;

/// Answers that are remembered. Each has its place by its hash; the newest one takes it.
const PLACES: usize = 64;

/// Bytes of an answer that is remembered.
const ANSWER_BYTES_MAX: usize = 2048;

/// What was read lately, and what it meant.
#[derive(Debug)]
pub(super) struct Known([Mutex<Option<Arc<Answer>>>; PLACES]);

#[derive(Debug)]
struct Answer {
    kind: CallbackKind,
    body: Vec<u8>,
    tolerances: Tolerances,
    meant: Read<Acknowledgement>,
}

impl Default for Known {
    fn default() -> Self {
        Self(array::from_fn(|_| Mutex::default()))
    }
}

impl Known {
    /// What an answer means: as it did the last time, or as it is read now.
    pub(super) fn or_read(
        &self,
        kind: CallbackKind,
        body: &[u8],
        tolerances: Tolerances,
        read: impl FnOnce() -> Read<Acknowledgement>,
    ) -> Read<Acknowledgement> {
        let Some(place) = self.place(body).filter(|_| body.len() <= ANSWER_BYTES_MAX) else { return read() };
        let known = place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let same = |known: &Arc<Answer>| known.kind == kind && known.tolerances == tolerances && known.body == body;
        if let Some(known) = known.filter(same) {
            return known.meant.clone();
        }
        let meant = read();
        let answer = Answer { kind, body: body.to_vec(), tolerances, meant: meant.clone() };
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(answer));
        meant
    }

    fn place(&self, body: &[u8]) -> Option<&Mutex<Option<Arc<Answer>>>> {
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let place = hasher.finish() % PLACES as u64;
        self.0.get(usize::try_from(place).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positive() -> Read<Acknowledgement> {
        Read { value: Acknowledgement::Positive, tolerances: vec!["acknowledgement-free-form"] }
    }

    #[test]
    fn the_same_answer_is_read_once_and_any_other_anew() {
        let (known, mut reads) = (Known::default(), 0);
        let shipped = Tolerances::default();
        let mut asked = |kind, body: &[u8], tolerances| {
            let read = known.or_read(kind, body, tolerances, || {
                reads += 1;
                positive()
            });
            assert_eq!((read.value, read.tolerances), (positive().value, positive().tolerances));
            reads
        };
        assert_eq!(asked(CallbackKind::Result, b"a", shipped), 1);
        assert_eq!(asked(CallbackKind::Result, b"a", shipped), 1);
        // Neither for another kind, nor for a third party with other tolerances, nor another answer.
        assert_eq!(asked(CallbackKind::Timeout, b"a", shipped), 2);
        assert_eq!(asked(CallbackKind::Timeout, b"a", Tolerances::strict()), 3);
        assert_eq!(asked(CallbackKind::Timeout, b"b", Tolerances::strict()), 4);
        assert_eq!(asked(CallbackKind::Timeout, b"b", Tolerances::strict()), 4);
    }

    #[test]
    fn d6_no_more_than_so_many_answers_are_remembered_and_no_long_ones() {
        let known = Known::default();
        for number in 0..10_000_u32 {
            known.or_read(CallbackKind::Result, &number.to_be_bytes(), Tolerances::default(), positive);
        }
        let kept = || known.0.iter().filter_map(|place| place.lock().unwrap().clone());
        assert!(kept().count() <= PLACES);
        let reads = [ANSWER_BYTES_MAX, ANSWER_BYTES_MAX + 1].map(|length| {
            let mut reads = 0;
            for _ in 0..2 {
                known.or_read(CallbackKind::Result, &vec![b'x'; length], Tolerances::default(), || {
                    reads += 1;
                    positive()
                });
            }
            reads
        });
        assert_eq!(reads, [1, 2]);
    }
}
