//! A request's body, read whole under a cap of bytes and of time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::TRANSFER_ENCODING;
use hyper::{HeaderMap, StatusCode};

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyRefusal {
    /// More bytes than the cap, announced or sent.
    TooLarge,
    /// Not complete in time.
    TooSlow,
    /// The connection broke, or the chunks of the body or its gzip make no sense.
    Broken,
    /// It is coded otherwise than as gzip.
    UnknownCoding,
}

impl BodyRefusal {
    /// What the caller is told.
    pub(super) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large.\n"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "The request's body took too long.\n"),
            Self::Broken => (StatusCode::BAD_REQUEST, "The request's body cannot be read.\n"),
            Self::UnknownCoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The request's body may be plain or gzip, nothing else.\n")
            }
        }
    }
}

/// Whether a body comes in chunks or not at all chunked: hyper takes whatever ends with chunks, such as
/// chunks within chunks or gzip in chunks, and would leave what is inside to us.
pub(super) fn framed(headers: &HeaderMap) -> Result<(), BodyRefusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(BodyRefusal::Broken),
    }
}

/// Reads the body. What announces more than the cap is refused before a byte of it is read, so that
/// a caller who asked with `Expect: 100-continue` does not send it at all.
pub(super) async fn read<B>(body: B, bytes_max: usize, time_max: Duration) -> Result<Bytes, BodyRefusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyRefusal::TooLarge);
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(time_max, Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyRefusal::TooLarge),
        Ok(Err(_)) => Err(BodyRefusal::Broken),
        Err(_) => Err(BodyRefusal::TooSlow),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    const TIME_MAX: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn a_body_of_the_cap_is_taken_and_one_byte_more_is_not() {
        let body = |bytes| Full::new(Bytes::from(vec![0; bytes]));
        assert_eq!(read(body(100), 100, TIME_MAX).await.unwrap().len(), 100);
        assert_eq!(read(body(101), 100, TIME_MAX).await, Err(BodyRefusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_does_not_say_its_length_is_cut_at_the_cap() {
        let chunks = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[0; 40]))));
        let endless = StreamBody::new(futures_util::stream::iter(chunks));
        assert_eq!(read(endless, 100, TIME_MAX).await, Err(BodyRefusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let silent = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        assert_eq!(read(silent, 100, Duration::from_millis(5)).await, Err(BodyRefusal::TooSlow));
    }
}
