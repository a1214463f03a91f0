//! What a journal record says, as bytes: the absolute values that one commit wrote. Applying it is
//! idempotent, so a replay may begin earlier than it has to.

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::store::{Key, Record};

const DELETE: u8 = 0;
const PUT: u8 = 1;

/// Records written and deleted, in order, and the values of the counters that moved.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The records; nothing under a key that was deleted.
    pub records: Vec<(Key, Option<Record>)>,
    /// The counters.
    pub counters: Vec<(Key, i64)>,
    /// When it was committed; nothing in a journal of format 1, which did not say.
    pub time: Option<Timestamp>,
}

/// Adds the bytes of an entry to `out`. The version of the records is the commit's sequence number
/// and is not written again.
pub(super) fn encode<'a>(
    out: &mut Vec<u8>,
    records: impl ExactSizeIterator<Item = (&'a Key, Option<&'a Record>)>,
    counters: &[(Key, i64)],
    time: Timestamp,
) {
    put_length(out, records.len());
    for (key, record) in records {
        match record {
            None => {
                out.push(DELETE);
                put_bytes(out, key.as_bytes());
            }
            Some(record) => {
                out.push(PUT);
                put_bytes(out, key.as_bytes());
                put_content(out, record);
            }
        }
    }
    put_length(out, counters.len());
    for (counter, value) in counters {
        put_bytes(out, counter.as_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&time.micros().to_le_bytes());
}

/// The entry in these bytes, as commit `sequence` wrote it; nothing when they are none.
pub(super) fn decode(bytes: &[u8], sequence: u64) -> Option<Entry> {
    let mut rest = Cursor(bytes);
    let mut entry = Entry::default();
    for _ in 0..rest.length()? {
        let tag = rest.byte()?;
        let key = Key::from_bytes(rest.bytes()?);
        let record = match tag {
            DELETE => None,
            PUT => Some(take_content(&mut rest, sequence)?),
            _ => return None,
        };
        entry.records.push((key, record));
    }
    for _ in 0..rest.length()? {
        let counter = Key::from_bytes(rest.bytes()?);
        entry.counters.push((counter, i64::from_le_bytes(rest.array()?)));
    }
    if !rest.0.is_empty() {
        entry.time = Some(Timestamp::from_micros(i64::from_le_bytes(rest.array()?)));
    }
    rest.0.is_empty().then_some(entry)
}

/// The record that commit `sequence` left under a key, from the bytes of its entry, without the others;
/// nothing when it left none there, or the bytes are no entry.
pub(super) fn record_of(bytes: &[u8], key: &Key, sequence: u64) -> Option<Record> {
    let mut rest = Cursor(bytes);
    let mut last = None;
    for _ in 0..rest.length()? {
        let (tag, written) = (rest.byte()?, rest.bytes()?);
        let content = rest.0;
        if tag == PUT {
            skip_content(&mut rest)?;
        }
        if written == key.as_bytes() {
            last = (tag == PUT).then_some(content);
        }
    }
    take_content(&mut Cursor(last?), sequence)
}

/// Adds what a record holds beside its version to `out`.
pub(super) fn put_content(out: &mut Vec<u8>, record: &Record) {
    put_length(out, record.captured.len());
    for value in &record.captured {
        out.extend_from_slice(&value.to_le_bytes());
    }
    put_bytes(out, &record.value);
}

/// The record in bytes that [`put_content`] gave, and nothing beside.
pub(super) fn content(bytes: &[u8], version: u64) -> Option<Record> {
    let mut rest = Cursor(bytes);
    let record = take_content(&mut rest, version)?;
    rest.0.is_empty().then_some(record)
}

fn take_content(rest: &mut Cursor<'_>, version: u64) -> Option<Record> {
    let mut captured = Vec::new();
    for _ in 0..rest.length()? {
        captured.push(i64::from_le_bytes(rest.array()?));
    }
    Some(Record { version, captured, value: Bytes::copy_from_slice(rest.bytes()?) })
}

fn skip_content(rest: &mut Cursor<'_>) -> Option<()> {
    for _ in 0..rest.length()? {
        rest.array::<8>()?;
    }
    rest.bytes().map(drop)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Seven bits to a byte, the lowest first, the high bit on all but the last.
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length > 0x7F {
        out.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

/// Reads from the front of bytes and never past their end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length: usize = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7F).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Entry {
        let record = Record { version: 9, value: Bytes::from(vec![7; 300]), captured: vec![-1, i64::MAX] };
        Entry {
            records: vec![(Key::of("a").number(1), Some(record)), (Key::of("b"), None)],
            counters: vec![(Key::of("c"), i64::MIN)],
            time: Some(Timestamp::from_seconds(1_764_000_000)),
        }
    }

    fn bytes_of(entry: &Entry) -> Vec<u8> {
        let mut bytes = Vec::new();
        let records = entry.records.iter().map(|(key, record)| (key, record.as_ref()));
        encode(&mut bytes, records, &entry.counters, entry.time.unwrap());
        bytes
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        assert_eq!(decode(&bytes_of(&sample()), 9), Some(sample()));
    }

    #[test]
    fn an_entry_cut_or_lengthened_anywhere_is_none() {
        let mut bytes = bytes_of(&sample());
        let without_time = bytes.len() - 8;
        for end in 0..bytes.len() {
            // What format 1 wrote ends there.
            let expected = (end == without_time).then(|| Entry { time: None, ..sample() });
            assert_eq!(decode(&bytes[..end], 9), expected, "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes, 9), None);
    }
}
