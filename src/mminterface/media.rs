//! How a message comes over HTTP, before it is read: its media type, and the encoding of its bytes.

use std::borrow::Cow;

use super::request::Read;
use super::tolerances::{CHARSET_PARAMETER, CONTENT_TYPE, Tolerances};
use crate::soap::{Fault, FaultCode, Version, to_utf8};

/// Why a message is not looked into.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaFailure {
    /// Its media type is none that SOAP is sent as.
    MediaType,
    /// Its bytes are not in the encoding that it names.
    Encoding(Fault),
}

/// The media types of SOAP 1.1 and 1.2. Which version a message is its envelope says, not its type.
const MEDIA_TYPES: [&str; 2] = ["text/xml", "application/soap+xml"];

/// The body in UTF-8, if it was sent as SOAP is; `content_type` is the header's value.
pub fn in_utf8<'b>(
    content_type: Option<&str>,
    body: &'b [u8],
    tolerances: Tolerances,
) -> Result<Read<Cow<'b, [u8]>>, MediaFailure> {
    let normal = tolerances.envelope();
    let (media_type, charset) = content_type.map_or(("", None), parts);
    let is = |other: &str| media_type.eq_ignore_ascii_case(other);
    let tolerable = is("application/xml") || content_type.is_none();
    if !(MEDIA_TYPES.into_iter().any(is) || tolerable && normal.apply(CONTENT_TYPE)) {
        return Err(MediaFailure::MediaType);
    }
    let refuse = |reason: String| MediaFailure::Encoding(Fault::new(Version::Soap11, FaultCode::Client, reason));
    let utf8 = to_utf8(body, charset).map_err(|error| refuse(error.to_string()))?;
    if utf8.charset_ignored && !normal.apply(CHARSET_PARAMETER) {
        return Err(refuse("the bytes are not in the charset that Content-Type names".to_owned()));
    }
    Ok(Read { value: utf8.bytes, tolerances: normal.used() })
}

/// The media type and the `charset` of a Content-Type.
fn parts(content_type: &str) -> (&str, Option<&str>) {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or("");
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim_end().eq_ignore_ascii_case("charset").then(|| value.trim())
    });
    (media_type, charset.filter(|charset| !charset.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerances(content_type: Option<&str>, body: &[u8]) -> Result<Vec<&'static str>, MediaFailure> {
        in_utf8(content_type, body, Tolerances::default()).map(|read| read.tolerances)
    }

    #[test]
    fn every_way_in_which_clients_name_xml_is_understood() {
        for content_type in [
            "text/xml",
            "TEXT/XML",
            "text/xml;charset=UTF-8",
            "text/xml; charset=utf-8",
            "text/xml;charset=\"utf-8\"",
            "text/xml; Charset = UTF-8",
            "text/xml;charset=",
            "application/soap+xml; charset=utf-8; action=\"\"",
        ] {
            assert_eq!(tolerances(Some(content_type), b"<a/>"), Ok(vec![]), "{content_type}");
        }
        assert_eq!(tolerances(Some("application/xml"), b"<a/>"), Ok(vec!["content-type"]));
        assert_eq!(tolerances(None, b"<a/>"), Ok(vec!["content-type"]));
        assert_eq!(tolerances(Some("text/xml; charset=utf-16"), b"<a/>"), Ok(vec!["charset-parameter"]));
    }

    #[test]
    fn what_is_not_sent_as_soap_is_not_looked_into() {
        for content_type in ["application/json", "text/plain", "multipart/related", "text", ""] {
            assert_eq!(tolerances(Some(content_type), b"<a/>"), Err(MediaFailure::MediaType), "{content_type}");
        }
    }

    #[test]
    fn a_strict_third_party_names_what_it_sends() {
        let strict = |content_type| in_utf8(content_type, b"<a/>", Tolerances::strict());
        assert!(strict(Some("text/xml; charset=utf-8")).is_ok());
        assert_eq!(strict(Some("application/xml")), Err(MediaFailure::MediaType));
        assert_eq!(strict(None), Err(MediaFailure::MediaType));
        assert!(matches!(strict(Some("text/xml; charset=utf-16")), Err(MediaFailure::Encoding(_))));
    }
}
