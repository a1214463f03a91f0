//! What a request of about 2 KiB costs before anybody decides about it: the envelope and the document
//! inside it read, validated against their schemas and typed; beside it quick-xml's bare event loop
//! over the same bytes, which checks next to nothing. And the writing of the answer.
//!
//! `cargo bench --bench soap`. Both loops have the binary's allocator. The bare loop reads the document where
//! it stands in the message, without a copy of its own, and otherwise as quick-xml reads by default. First the
//! two take turns, so that the machine's moods do them the same; the medians and their ratio are printed. The
//! thread that measures has read a message before, as a thread of the broker has: a reader and a validator take
//! over the stacks of the last ones. What it costs in allocations is counted in `tests/it/allocations.rs`.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use lango::mminterface::{
    DocumentKind, Interfaces, Read, RequestDocument, ResponseDocument, Tolerances, write_response,
};
use lango::soap::Version;
use quick_xml::events::Event;

/// As a third party that follows the schemas sends it; the document is in one CDATA section.
const MESSAGE: &str = include_str!("../src/mminterface/samples/as_the_schema_says.xml");

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns that the two loops take, and what each does in one.
const TURNS: usize = 501;
const MESSAGES_PER_TURN: u32 = 50;

fn main() {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{errors:?}"));
    let response = ResponseDocument::accepted("AG_20261123_7f3a1c0d9e8b4a6f2c51", "600000_Duka_1");
    let answer = || write_response(black_box(&response), Version::Soap11);
    println!("{} bytes of message, the document inside counted twice as it is read twice", MESSAGE.len());
    in_turns(&interfaces);

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(MESSAGE.len() as u64));
    group.bench_function("typed and validated", |bencher| bencher.iter(|| typed(&interfaces)));
    group.bench_function("quick-xml's events", |bencher| bencher.iter(events));
    group.finish();
    criterion.bench_function("answer", |bencher| bencher.iter(answer));
    criterion.final_summary();
}

/// Times the two loops against each other.
fn in_turns(interfaces: &Interfaces) {
    let turns: Vec<[Duration; 2]> =
        (0..TURNS).map(|_| [timed(|| drop(black_box(typed(interfaces)))), timed(|| _ = black_box(events()))]).collect();
    let median = |which: usize| {
        let mut times: Vec<f64> =
            turns.iter().filter_map(|turn| turn.get(which)).map(|time| time.as_secs_f64() * 1e6).collect();
        times.sort_by(f64::total_cmp);
        times.get(TURNS / 2).copied().unwrap_or(f64::NAN)
    };
    let (typed, events) = (median(0), median(1));
    println!("typed and validated {typed:.2} us, quick-xml's events {events:.2} us: {:.2} times", typed / events);
}

/// What one message took, in a turn of them.
fn timed(read: impl Fn()) -> Duration {
    let begun = Instant::now();
    (0..MESSAGES_PER_TURN).for_each(|_| read());
    begun.elapsed() / MESSAGES_PER_TURN
}

/// The request as the broker gets it.
fn typed(interfaces: &Interfaces) -> RequestDocument {
    let tolerances = Tolerances::default();
    let Ok(Read { value: request, .. }) = interfaces.read_request(black_box(MESSAGE.as_bytes()), tolerances) else {
        panic!("the sample's envelope is refused");
    };
    let inner = (request.document.as_str(), request.document_position);
    match interfaces.read_document(DocumentKind::Request, inner.0, inner.1, tolerances) {
        Ok(read) => read.value,
        Err(failure) => panic!("the sample's document is refused: {failure:?}"),
    }
}

/// The number of events in the message and in the document inside it.
fn events() -> usize {
    let (outer, document) = count(black_box(MESSAGE));
    outer + document.map_or(0, |document| count(document).0)
}

/// The number of events in a text, and what stands in its CDATA section.
fn count(text: &str) -> (usize, Option<&str>) {
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut events, mut section) = (0, None);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return (events, section),
            Ok(Event::CData(data)) => match data.into_inner() {
                Cow::Borrowed(data) => section = Some(data),
                Cow::Owned(_) => panic!("quick-xml copied the section"),
            },
            Ok(event) => _ = black_box(&event),
            Err(error) => panic!("quick-xml refuses the sample: {error}"),
        }
        events += 1;
    }
}
