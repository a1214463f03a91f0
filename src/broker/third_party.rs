//! The third parties' door: which path serves what.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};

use super::describe::Description;
use super::{Answer, Broker, Refusal, Request, Service};
use crate::mminterface::{DocumentFailure, MediaFailure, ReadFailure, Tolerances, in_utf8, write_response};
use crate::soap::{Fault, Version};

/// What every path takes.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS, POST");

/// The service behind the third parties' doors.
#[derive(Debug)]
pub struct ThirdPartyService(pub Arc<Broker>);

impl Service for ThirdPartyService {
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
        let broker = Arc::clone(&self.0);
        Box::pin(broker.third_party(request))
    }
}

impl Broker {
    async fn third_party(self: Arc<Self>, request: Request) -> Answer {
        let path = request.uri.path();
        if request.method == Method::OPTIONS && path == "*" {
            // RFC 9110, 9.3.7: about the server as a whole.
            return options();
        }
        let Some(description) = Description::of_third_party_path(path, &self.parts.change_password_path) else {
            return not_found();
        };
        match (&request.method, description) {
            (&Method::GET | &Method::HEAD, description) => self.describe(description, &request),
            (&Method::POST, Description::Request) => self.generic_request(request).await,
            (&Method::POST, Description::RegisterUrl) => self.register_url(request).await,
            (&Method::POST, Description::QueryTransaction) => self.query_transaction(request),
            (&Method::POST, Description::Feed) => self.feed(request),
            (&Method::POST, Description::Management) => self.change_password(request).await,
            (&Method::OPTIONS, _) => options(),
            _ => method_not_allowed(),
        }
    }

    /// Brings the body into UTF-8, if it was sent as SOAP is; or gives the answer to what was not.
    pub(super) fn bring_to_utf8(&self, request: &mut Request, tolerances: Tolerances) -> Result<(), Box<Answer>> {
        // A value that is no text names no media type.
        let content_type = request.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let read = match in_utf8(content_type, &request.body, tolerances) {
            Ok(read) => read,
            Err(MediaFailure::MediaType) => {
                self.parts.metrics.refused("media-type");
                tracing::info!(address = %request.peer.address, content_type, "no media type of SOAP");
                return Err(Box::new(unsupported_media_type()));
            }
            Err(MediaFailure::Encoding(fault)) => {
                return Err(Box::new(self.unreadable(request, "", ReadFailure::Fault(fault))));
            }
        };
        self.count_tolerances(&read.tolerances);
        if let Cow::Owned(body) = read.value {
            request.body = body.into();
        }
        Ok(())
    }

    /// The answer to a request that goes no further, and the record of why.
    pub(super) fn refuse(&self, request: &Request, who: &str, refusal: &Refusal) -> Answer {
        let (code, reason) = (refusal.code().to_owned(), refusal.reason());
        self.parts.metrics.answer(&code);
        self.parts.metrics.refused(refusal.kind());
        // Whom authentication refuses it has put on the audit log already.
        if !matches!(refusal, Refusal::Access(refusal) if !refusal.is_about_load()) {
            self.parts.access.record_refusal(request.peer.address.ip(), who, &code, &reason);
        }
        tracing::info!(address = %request.peer.address, who, code, reason, "request refused");
        let version = Version::claimed_by(&request.body);
        soap_answer(version, write_response(&refusal.response(), version))
    }

    /// The answer to what could not be read at all.
    pub(super) fn unreadable(&self, request: &Request, who: &str, failure: ReadFailure) -> Answer {
        match failure {
            ReadFailure::Fault(fault) => {
                self.parts.metrics.refused("soap-fault");
                self.parts.access.record_refusal(request.peer.address.ip(), who, "soap-fault", &fault.reason);
                tracing::info!(address = %request.peer.address, who, reason = fault.reason, "no proper envelope");
                fault_answer(&fault)
            }
            ReadFailure::Refused { code, description, reason } => {
                self.refuse(request, who, &Refusal::Document(DocumentFailure { code, description, reason }))
            }
        }
    }
}

/// An answer with a SOAP body of this version.
pub(super) fn soap_answer(version: Version, body: impl Into<Bytes>) -> Answer {
    typed(StatusCode::OK, version.content_type(), body.into())
}

fn fault_answer(fault: &Fault) -> Answer {
    let status = StatusCode::from_u16(fault.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    typed(status, fault.version.content_type(), fault.to_xml().into())
}

/// An answer in plain words, where no SOAP is spoken.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Answer {
    typed(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

pub(super) fn not_found() -> Answer {
    plain(StatusCode::NOT_FOUND, "nothing is served here\n")
}

pub(super) fn method_not_allowed() -> Answer {
    let mut answer =
        plain(StatusCode::METHOD_NOT_ALLOWED, "SOAP requests are sent with POST; GET with ?wsdl describes them\n");
    answer.headers.insert(ALLOW, METHODS);
    answer
}

/// The answer to OPTIONS.
pub(super) fn options() -> Answer {
    let mut answer = plain(StatusCode::NO_CONTENT, "");
    answer.headers.remove(CONTENT_TYPE);
    answer.headers.insert(ALLOW, METHODS);
    answer
}

fn unsupported_media_type() -> Answer {
    let mut answer =
        plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "SOAP requests are sent as text/xml or application/soap+xml\n");
    answer.headers.insert(ACCEPT, HeaderValue::from_static("text/xml, application/soap+xml"));
    answer
}

pub(super) fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    Answer { status, headers, body, written: None, close: false }
}
