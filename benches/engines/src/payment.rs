//! A payment as the store sees it: thirteen keys, about 3 KiB.

use lango::store::Key;

const PAYERS: u64 = 100_000;
const PAYBILLS: u64 = 100;

/// The key of the request of a payment.
pub fn request_key(number: u64) -> Vec<u8> {
    // Scattered, as random ids are.
    Key::of("request").number(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)).as_bytes().to_vec()
}

/// The statement of a paybill.
pub fn statement_of(paybill: u64) -> Vec<u8> {
    Key::of("statement").text("paybill").number(paybill).as_bytes().to_vec()
}

/// What the payment of this number leaves: request and its index, transaction and its receipt, two
/// balances and a limit, two statement entries with their logs, and the result in the outbox with its place
/// in the queue of what is due.
pub fn writes(number: u64, write: &mut dyn FnMut(Vec<u8>, Vec<u8>)) {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let (payer, paybill) = (scattered % PAYERS, number % PAYBILLS);
    let mut put = |key: Key, byte: u8, bytes: usize| write(key.as_bytes().to_vec(), vec![byte; bytes]);
    put(Key::of("request").number(scattered), b'r', 1500);
    put(Key::of("originator").text("shop").number(number.rotate_left(32)), b'o', 60);
    put(Key::of("transaction").number(scattered.rotate_left(7)), b't', 500);
    put(Key::of("receipt").number(number.rotate_left(16)), b'c', 20);
    put(Key::of("statement").text("payer").number(payer).number(number), b's', 80);
    put(Key::of("statement").text("paybill").number(paybill).number(number), b's', 80);
    put(Key::of("outbox").number(number), b'x', 900);
    put(Key::of("due").text("endpoint").number(number).number(scattered), b'd', 20);
    for (kind, account) in [("balance", payer), ("limit", payer), ("log", payer)] {
        put(Key::of(kind).text("payer").number(account), b'b', 8);
    }
    for kind in ["balance", "log"] {
        put(Key::of(kind).text("paybill").number(paybill), b'b', 8);
    }
}
