//! What reading costs in allocations: counted, so the same on every machine.

use lango::mminterface::{DocumentKind, Interfaces, Tolerances};

/// The message of `benches/soap.rs`.
const MESSAGE: &str = include_str!("../../src/mminterface/samples/as_the_schema_says.xml");
/// Most of them are the texts and lists of what was read; about a quarter are quick-xml's own.
const ALLOCATIONS_MAX: u64 = 40;

#[test]
fn a_request_is_parsed_validated_and_typed_with_at_most_40_allocations() {
    let interfaces = Interfaces::bundled().unwrap_or_else(|errors| panic!("{errors:?}"));
    let read = || {
        let tolerances = Tolerances::default();
        let request = interfaces.read_request(MESSAGE.as_bytes(), tolerances).unwrap().value;
        let (text, position) = (&request.document, request.document_position);
        interfaces.read_document(DocumentKind::Request, text, position, tolerances).unwrap()
    };
    // A thread's first message makes the stacks that its later ones use again.
    drop(read());
    let counted = allocation_counter::measure(|| drop(read()));
    assert!(counted.count_total <= ALLOCATIONS_MAX, "{counted:?}");
    assert_eq!(counted.count_current, 0, "something is held that was not held before");
}
