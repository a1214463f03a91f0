//! What a request of about 2 KiB costs before anybody decides about it: the envelope and the document
//! inside it read, validated against their schemas and typed; beside it quick-xml's bare event loop
//! over the same bytes, which checks next to nothing. And the writing of the answer.
//!
//! `cargo bench --bench soap`. Allocations are counted once, before the times are taken. The counter stands
//! around the system's allocator, which both loops use; the binary has a faster one. The thread that
//! measures has read a message before, as a thread of the broker has: a reader and a validator take over the
//! stacks of the last ones.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use lango::mminterface::{
    DocumentKind, Interfaces, Read, RequestDocument, ResponseDocument, Tolerances, write_response,
};
use lango::soap::Version;
use quick_xml::events::Event;

/// As a third party that follows the schemas sends it; the document is in one CDATA section.
const MESSAGE: &str = include_str!("../src/mminterface/samples/as_the_schema_says.xml");

fn main() {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{errors:?}"));
    let response = ResponseDocument::accepted("AG_20261123_7f3a1c0d9e8b4a6f2c51", "600000_Duka_1");
    let answer = || write_response(black_box(&response), Version::Soap11);

    // The first message of a process builds the tables of tolerances: no request pays for them again.
    drop(typed(&interfaces));
    println!("{} bytes of message, the document inside counted twice as it is read twice", MESSAGE.len());
    for (what, counted) in [
        ("typed and validated", allocation_counter::measure(|| drop(black_box(typed(&interfaces))))),
        ("quick-xml's events", allocation_counter::measure(|| _ = black_box(events()))),
        ("the answer", allocation_counter::measure(|| drop(black_box(answer())))),
    ] {
        println!("{what:<20} {:>4} allocations, {:>6} bytes", counted.count_total, counted.bytes_total);
    }

    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("request");
    group.throughput(Throughput::Bytes(MESSAGE.len() as u64));
    group.bench_function("typed and validated", |bencher| bencher.iter(|| typed(&interfaces)));
    group.bench_function("quick-xml's events", |bencher| bencher.iter(events));
    group.finish();
    criterion.bench_function("answer", |bencher| bencher.iter(answer));
    criterion.final_summary();
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
    let mut inner = None;
    let outer = count(black_box(MESSAGE), &mut inner);
    outer + inner.map_or(0, |document| count(&document, &mut None))
}

fn count(text: &str, section: &mut Option<String>) -> usize {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut events = 0;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return events,
            Ok(Event::CData(data)) => *section = Some(data.into_inner().into_owned()),
            Ok(event) => drop(black_box(event)),
            Err(error) => panic!("quick-xml refuses the sample: {error}"),
        }
        events += 1;
    }
}
