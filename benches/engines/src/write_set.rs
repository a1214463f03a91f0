//! A payment as a node commits it: thirteen keys, about 3 KiB.

use lango::store::{Key, WriteSet};

const PAYERS: u64 = 100_000;
const PAYBILLS: u64 = 100;

/// The payment of this number: request and its index, transaction and its receipt, two balances and a limit, two
/// statement entries with their logs, and the result in the outbox with its place in the queue of what is due.
pub fn payment(number: u64) -> WriteSet {
    // Neighbours in time are not neighbours among the payers.
    let payer = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % PAYERS;
    let paybill = number % PAYBILLS;
    let balance = |kind: &str, account: u64| Key::of("balance").text(kind).number(account);
    let mut write_set = WriteSet::new();
    let request = Key::of("request").number(number);
    let by_originator = Key::of("originator").text("shop").number(number.rotate_left(32));
    write_set.expect_absent(request.clone());
    write_set.expect_absent(by_originator.clone());
    write_set.adjust(balance("payer", payer), -100, i64::MIN, i64::MAX);
    write_set.adjust(balance("paybill", paybill), 100, 0, i64::MAX);
    write_set.adjust(Key::of("limit").number(payer), 100, 0, i64::MAX);
    write_set.put(request, vec![b'r'; 1500]);
    write_set.put(by_originator, vec![b'o'; 60]);
    let captured = vec![balance("payer", payer), balance("paybill", paybill)];
    write_set.put_capturing(Key::of("transaction").number(number), vec![b't'; 500], captured);
    write_set.put(Key::of("receipt").number(number.rotate_left(16)), vec![b'c'; 20]);
    write_set.append(Key::of("statement").text("payer").number(payer), vec![b's'; 80], vec![balance("payer", payer)]);
    let captured = vec![balance("paybill", paybill)];
    write_set.append(Key::of("statement").text("paybill").number(paybill), vec![b's'; 80], captured);
    write_set.put(Key::of("outbox").number(number), vec![b'x'; 900]);
    write_set.put(Key::of("due").text("endpoint").number(number).number(number), vec![b'd'; 20]);
    write_set
}
