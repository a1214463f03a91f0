//! Content codings: request bodies that come as gzip, unpacked under the cap that holds for plain ones,
//! and answers as gzip for callers who ask for it.
//!
//! Invariant: unpacking never makes more bytes than the cap, whatever the packed ones promise.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderName, HeaderValue};

use super::body::BodyRefusal;

/// Answers below this stay as they are: gzip's own frame would eat what it saves.
const GZIP_BYTES_MIN: usize = 256;

/// The body without its content coding. The headers are changed to fit it.
pub(super) fn unpacked(headers: &mut HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, BodyRefusal> {
    let codings: Vec<&str> = tokens(headers, &CONTENT_ENCODING).filter(|coding| !is(coding, "identity")).collect();
    match codings.as_slice() {
        [] => return Ok(body),
        [coding] if is_gzip(coding) => {}
        _ => return Err(BodyRefusal::UnknownCoding),
    }
    let body = inflated(&body, bytes_max)?;
    headers.remove(CONTENT_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Ok(body)
}

fn inflated(packed: &[u8], bytes_max: usize) -> Result<Bytes, BodyRefusal> {
    let mut body = Vec::new();
    // One byte beyond the cap tells that there is more.
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(packed).take(limit).read_to_end(&mut body).map_err(|_| BodyRefusal::Broken)?;
    if body.len() > bytes_max { Err(BodyRefusal::TooLarge) } else { Ok(body.into()) }
}

/// Whether the caller asks for gzip, and does not prefer the plain answer.
pub(super) fn gzip_wanted(headers: &HeaderMap) -> bool {
    let quality = |wanted: fn(&str) -> bool| {
        let mut of_this = tokens(headers, &ACCEPT_ENCODING).map(weighed).filter(|(coding, _)| wanted(coding));
        of_this.next().map(|(_, quality)| quality)
    };
    let gzip = quality(is_gzip).unwrap_or(0.0);
    gzip > 0.0 && gzip >= quality(|coding| is(coding, "identity")).unwrap_or(0.0)
}

/// The body as gzip, with its header; as it is if that would not help or it is coded already.
pub(super) fn packed(headers: &mut HeaderMap, body: Bytes) -> Bytes {
    if body.len() < GZIP_BYTES_MIN || headers.contains_key(CONTENT_ENCODING) {
        return body;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
    // Writing to a Vec cannot fail; if it did, the plain body is still right.
    let Ok(packed) = encoder.write_all(&body).and_then(|()| encoder.finish()) else { return body };
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    packed.into()
}

/// The items of a header that is a list; none of a header that is no text.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

/// A coding and how much it is wanted, from `gzip;q=0.5`. What is no number is not wanted.
fn weighed(token: &str) -> (&str, f32) {
    let mut parts = token.split(';').map(str::trim);
    let coding = parts.next().unwrap_or("");
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    (coding, quality.map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0)))
}

fn is_gzip(coding: &str) -> bool {
    is(coding, "gzip") || is(coding, "x-gzip")
}

fn is(coding: &str, name: &str) -> bool {
    coding.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    fn gzip(text: &[u8]) -> Bytes {
        packed(&mut HeaderMap::new(), Bytes::copy_from_slice(text))
    }

    fn unpack(coding: &str, body: Bytes, bytes_max: usize) -> Result<Bytes, BodyRefusal> {
        unpacked(&mut headers(CONTENT_ENCODING, coding), body, bytes_max)
    }

    #[test]
    fn a_body_of_the_cap_is_unpacked_and_one_byte_more_is_not() {
        let text = vec![b'x'; 5000];
        for coding in ["gzip", "GZIP", "x-gzip", "identity, gzip"] {
            assert_eq!(unpack(coding, gzip(&text), 5000).unwrap(), text);
            assert_eq!(unpack(coding, gzip(&text), 4999), Err(BodyRefusal::TooLarge));
        }
        assert_eq!(unpack("identity", Bytes::from_static(b"plain"), 10).unwrap(), "plain");
    }

    #[test]
    fn the_headers_tell_of_the_unpacked_body() {
        let mut told = headers(CONTENT_ENCODING, "gzip");
        unpacked(&mut told, gzip(&[b'x'; 5000]), 5000).unwrap();
        assert_eq!(told, headers(CONTENT_LENGTH, "5000"));
    }

    #[test]
    fn a_bomb_is_cut_at_the_cap() {
        // A thousand members of a megabyte each: a gigabyte in a megabyte.
        let member = gzip(&vec![0; 1 << 20]);
        let bomb = Bytes::from(member.repeat(1000));
        assert_eq!(unpack("gzip", bomb, 1 << 20), Err(BodyRefusal::TooLarge));
    }

    #[test]
    fn what_is_no_gzip_or_another_coding_is_refused() {
        assert_eq!(unpack("gzip", Bytes::from_static(b"plain"), 100), Err(BodyRefusal::Broken));
        let whole = gzip(&[b'x'; 1000]);
        assert_eq!(unpack("gzip", whole.slice(..whole.len() - 4), 1000), Err(BodyRefusal::Broken));
        for coding in ["deflate", "br", "gzip, gzip", "utf-8"] {
            assert_eq!(unpack(coding, whole.clone(), 1000), Err(BodyRefusal::UnknownCoding), "{coding}");
        }
    }

    #[test]
    fn gzip_is_for_who_asks_for_it() {
        for asked in ["gzip", "gzip, deflate, br", "deflate, gzip;q=0.5", "x-gzip", "identity;q=0.5, gzip;q=1.0"] {
            assert!(gzip_wanted(&headers(ACCEPT_ENCODING, asked)), "{asked}");
        }
        for not_asked in ["", "utf-8", "*", "deflate", "gzip;q=0", "identity, gzip;q=0.1", "gzip;q=much"] {
            assert!(!gzip_wanted(&headers(ACCEPT_ENCODING, not_asked)), "{not_asked}");
        }
        assert!(!gzip_wanted(&HeaderMap::new()));
    }

    #[test]
    fn a_short_answer_and_a_coded_one_stay_as_they_are() {
        let mut none = HeaderMap::new();
        assert_eq!(packed(&mut none, Bytes::from(vec![b'x'; GZIP_BYTES_MIN - 1])).len(), GZIP_BYTES_MIN - 1);
        assert!(none.is_empty());
        let mut coded = headers(CONTENT_ENCODING, "br");
        assert_eq!(packed(&mut coded, Bytes::from(vec![b'x'; 1000])).len(), 1000);
    }
}
