//! The door for the machines that watch: `/livez`, `/readyz`, `/metrics`, plain HTTP, read only. It
//! stays open while the other doors drain, so that a balancer sees why it should send nothing more.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::telemetry::metrics::{CONTENT_TYPE as OPENMETRICS, Metrics};

use super::attendants;
use super::signal::{Listener, Phase, Signal};

/// Few machines watch, and each asks seldom.
const CONNECTIONS_MAX: usize = 64;
const QUIET_TIME_MAX: Duration = Duration::from_secs(90);
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3600);
const TEXT: &str = "text/plain; charset=utf-8";

/// Tells whether the node takes requests now; if not, why, in words for the operator.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the door shows.
pub(super) struct Shown {
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Readiness,
    /// The signal of the doors whose draining is shown.
    pub(super) doors: Arc<Signal>,
}

/// Serves until told to end.
pub(super) async fn run(shown: Arc<Shown>, listener: TcpListener, signal: Listener) {
    attendants::run(&listener, CONNECTIONS_MAX, signal, |stream| Some(serve(Arc::clone(&shown), stream))).await;
}

async fn serve(shown: Arc<Shown>, stream: TcpStream) {
    let service = hyper::service::service_fn(move |request| {
        let answer = shown.answer(&request);
        async { Ok::<_, Infallible>(answer) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(QUIET_TIME_MAX).max_headers(64);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    // How a watcher's connection ended matters to nobody.
    let _ = tokio::time::timeout(CONNECTION_AGE_MAX, connection).await;
}

impl Shown {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "Only GET and HEAD.\n".into());
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match request.uri().path() {
            "/livez" => page(StatusCode::OK, TEXT, "ok\n".into()),
            "/readyz" => match self.ready() {
                Ok(()) => page(StatusCode::OK, TEXT, "ok\n".into()),
                Err(reason) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{reason}\n")),
            },
            "/metrics" => page(StatusCode::OK, OPENMETRICS, self.metrics.text()),
            _ => page(StatusCode::NOT_FOUND, TEXT, "There are /livez, /readyz and /metrics.\n".into()),
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.doors.phase() > Phase::Open {
            return Err("draining".into());
        }
        (self.readiness)()
    }
}

fn page(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    page.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    page
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn shown(ready: Result<(), String>) -> Shown {
        let readiness: Readiness = Arc::new(move || ready.clone());
        Shown { metrics: Arc::default(), readiness, doors: Arc::new(Signal::new()) }
    }

    async fn asked(shown: &Shown, method: Method, path: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let answer = shown.answer(&request);
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_node_that_is_not_ready_lives_and_says_why() {
        let shown = shown(Err("the disk is full".into()));
        assert_eq!(asked(&shown, Method::GET, "/livez").await, (StatusCode::OK, "ok\n".into()));
        assert_eq!(
            asked(&shown, Method::GET, "/readyz").await,
            (StatusCode::SERVICE_UNAVAILABLE, "the disk is full\n".into())
        );
    }

    #[tokio::test]
    async fn a_draining_node_is_not_ready() {
        let shown = shown(Ok(()));
        assert_eq!(asked(&shown, Method::GET, "/readyz").await.0, StatusCode::OK);
        shown.doors.enter(Phase::Draining);
        assert_eq!(asked(&shown, Method::GET, "/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "draining\n".into()));
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_text_and_nothing_can_be_posted() {
        let shown = shown(Ok(()));
        shown.metrics.refused("password");
        let (status, text) = asked(&shown, Method::GET, "/metrics").await;
        assert!(status.is_success() && text.contains("lango_refusals_total{reason=\"password\"} 1\n"), "{text}");
        assert_eq!(asked(&shown, Method::POST, "/metrics").await.0, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(asked(&shown, Method::GET, "/").await.0, StatusCode::NOT_FOUND);
    }
}
