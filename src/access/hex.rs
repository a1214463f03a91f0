//! Hexadecimal text to bytes, either case.

/// The `N` bytes that `text` writes as `2 * N` hexadecimal digits.
pub(super) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = <[u8; 2]>::try_from(digits).ok()?;
        *byte = (digit(high)? << 4) | digit(low)?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_cases_are_read_and_nothing_else() {
        assert_eq!(decode::<2>(b"aF09"), Some([0xAF, 0x09]));
        assert_eq!(decode::<2>(b"aF0"), None);
        assert_eq!(decode::<2>(b"aF0g"), None);
        assert_eq!(decode::<2>(b"aF090"), None);
    }
}
