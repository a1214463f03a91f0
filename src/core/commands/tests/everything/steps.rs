//! The steps of the sequences of [`super`], and how often which of them comes.

use proptest::prelude::*;

use super::super::turns::Verdict;
use super::STEPS;
use crate::core::directory::Status;

/// What may be wrong with an order.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    TooLate,
    UnknownOperator,
    WrongCredential,
    NoRole,
    /// An operator of another hierarchy.
    Foreign,
}

/// One step of a sequence. Numbers choose among commands, parties and what happened before.
#[derive(Clone, Debug)]
pub enum Step {
    Command {
        which: usize,
        from: usize,
        to: usize,
        amount: i64,
        fault: Fault,
    },
    /// The same order or payment once more.
    Repeat {
        which: usize,
    },
    /// Two payments decided from the same state, or one decided twice.
    Race {
        one: (usize, usize, usize, i64),
        other: Option<(usize, usize, usize, i64)>,
    },
    Reverse {
        which: usize,
        by: usize,
    },
    RaceReversals {
        which: usize,
    },
    Ask {
        which: usize,
        by: usize,
    },
    Complete {
        which: usize,
    },
    Cancel {
        which: usize,
    },
    RaceEnds {
        which: usize,
    },
    Pass {
        seconds: u64,
    },
    Turn {
        who: usize,
        status: Status,
    },
    /// An account is frozen, or let go on.
    Freeze {
        which: usize,
        frozen: bool,
    },
    DecideWaiting {
        which: usize,
        verdict: Verdict,
    },
    Expire,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amount = || {
        prop_oneof![
            14 => 0..300_000_i64,
            3 => 900..1_200_i64,
            2 => 24_900_000..25_100_000_i64,
            // The same again, and nothing at all.
            4 => Just(1_500_i64),
            1 => Just(0_i64),
        ]
    };
    let some = || prop_oneof![15 => 0..3_usize, 1 => Just(3_usize)];
    let paying = || (any::<usize>(), some(), some(), amount());
    // Most are active again soon, so that there is something to be seen.
    let status = prop_oneof![
        60 => Just(Status::Active),
        3 => Just(Status::Suspended),
        3 => Just(Status::Locked),
        3 => Just(Status::PendingActive),
        1 => Just(Status::Closed),
    ];
    let verdict = prop_oneof![
        3 => Just(Verdict::Approved),
        1 => Just(Verdict::Refused),
        1 => Just(Verdict::Expired),
    ];
    const DAY: u64 = 86_400;
    let time = prop_oneof![
        6 => 0..90_u64,
        4 => 3_600..20_000_u64,
        6 => DAY..2 * DAY,
        3 => 3 * DAY..9 * DAY,
        2 => 20 * DAY..40 * DAY,
        1 => 300 * DAY..400 * DAY,
    ];
    let fault = prop_oneof![
        12 => Just(Fault::None),
        1 => Just(Fault::TooLate),
        1 => Just(Fault::UnknownOperator),
        1 => Just(Fault::WrongCredential),
        1 => Just(Fault::NoRole),
        1 => Just(Fault::Foreign),
    ];
    let step = prop_oneof![
        24 => (paying(), fault).prop_map(|((which, from, to, amount), fault)| Step::Command { which, from, to, amount, fault }),
        2 => any::<usize>().prop_map(|which| Step::Repeat { which }),
        2 => (paying(), prop::option::of(paying())).prop_map(|(one, other)| Step::Race { one, other }),
        3 => (any::<usize>(), 0..3_usize).prop_map(|(which, by)| Step::Reverse { which, by }),
        1 => any::<usize>().prop_map(|which| Step::RaceReversals { which }),
        3 => (any::<usize>(), 0..3_usize).prop_map(|(which, by)| Step::Ask { which, by }),
        3 => any::<usize>().prop_map(|which| Step::Complete { which }),
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => any::<usize>().prop_map(|which| Step::RaceEnds { which }),
        2 => time.prop_map(|seconds| Step::Pass { seconds }),
        2 => (any::<usize>(), status).prop_map(|(who, status)| Step::Turn { who, status }),
        // Most are let go on again soon, so that there is something to be seen.
        2 => (any::<usize>(), prop_oneof![1 => Just(true), 2 => Just(false)])
            .prop_map(|(which, frozen)| Step::Freeze { which, frozen }),
        2 => (any::<usize>(), verdict).prop_map(|(which, verdict)| Step::DecideWaiting { which, verdict }),
        1 => Just(Step::Expire),
    ];
    prop::collection::vec(step, STEPS)
}
