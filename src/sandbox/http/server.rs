//! The HTTP server around the API: routes, headers, start and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::sandbox::api::{Api, SandboxReply, TimedReply, lock};
use crate::sandbox::changes::night::NightChanges;
use crate::sandbox::http::body;
use crate::sandbox::http::log::Counts;
use crate::sandbox::truth::ObjectFields;
use crate::sandbox::{SandboxOptions, StartError};
use crate::streams::Stream;

/// The size of the largest accepted request, in bytes. Hundreds of aliased questions fit.
const LARGEST_REQUEST: usize = 4 << 20;

/// How long a stopping server waits for answers that are being sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// A running server. It stops when this handle is dropped.
#[derive(Debug)]
pub struct Running {
    api: Arc<Api>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Starts a server, which answers requests as soon as this function returns. Returns an error if the options are
/// invalid or the address cannot be used.
pub async fn start(options: SandboxOptions) -> Result<Running, StartError> {
    let listen = options.listen;
    let api = Arc::new(Api::new(options)?);
    let bound = |source| StartError::Bind { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(bound)?;
    let address = listener.local_addr().map_err(bound)?;
    let router = router(Arc::clone(&api));
    let (stop, stopped) = oneshot::channel::<()>();
    // Send small answers at once. A socket that refuses the option works all the same.
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or_default());
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // Dropping the handle also ends this wait and so stops the server.
        let _ = stopped.await;
    });
    let task = tokio::spawn(async move {
        // axum's server ends only on request, and returns no error.
        let _ = serving.await;
    });
    Ok(Running { api, address, stop, task })
}

impl Running {
    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of the GraphQL endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// Returns the counts of requests, answers and faults so far.
    pub fn counts(&self) -> Counts {
        self.api.counts()
    }

    /// Returns a text for the user: the server's URL, and how to run the program against it.
    pub fn banner(&self) -> String {
        let options = &self.api.options;
        let limit = match options.requests_per_minute {
            0 => String::new(),
            limit => format!(" --requests-per-minute {limit}"),
        };
        format!(
            "A Qpien-like API answers at {endpoint}\n\
             with {} contacts, {} persons, {} conversations, {} messages (seed {}).\n\n  \
             QPIEN_ENDPOINT={endpoint} QPIEN_CLIENT_ID={} QPIEN_CLIENT_SECRET={} qpien-sync run jobs/nightly-csv.toml{limit}\n\n\
             What an export must hold: http://{address}/truth/contacts (or another stream; ?objects=all: every sub-field of the schema)\n\
             What was asked: http://{address}/sandbox/log, /sandbox/counts, /sandbox/touched\n\
             To change it (POST): http://{address}/sandbox/delete?stream=contacts&n=7&seed=3, /sandbox/empty?stream=contacts (&off)",
            options.contacts,
            options.persons,
            options.conversations,
            options.messages,
            options.seed,
            options.client_id,
            options.client_secret,
            endpoint = self.endpoint(),
            address = self.address,
        )
    }

    /// Stops the server. Accepts no more connections, and first waits a moment for answers that are being sent.
    pub async fn stop(mut self) {
        // If the task has already ended, no one receives this.
        let _ = self.stop.send(());
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v1", post(graphql))
        .route("/truth/{stream}", get(truth))
        .route("/sandbox/log", get(async |State(api): State<Arc<Api>>| json_lines(api.log_lines().into())))
        .route("/sandbox/counts", get(async |State(api): State<Arc<Api>>| json(&api.counts())))
        .route("/sandbox/touched", get(async |State(api): State<Arc<Api>>| json(&api.touched())))
        .route("/sandbox/night", post(night))
        .route("/sandbox/delete", post(delete))
        .route("/sandbox/empty", post(empty))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(api)
}

async fn graphql(State(api): State<Arc<Api>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let TimedReply { reply, account, delay } = api.answer(authorization, &body, Instant::now());
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut response = Response::builder();
    if let Some(date) = api.date() {
        response = response.header(header::DATE, date);
    }
    if let Some(account) = account {
        response = response
            .header("X-RateLimit-Limit", account.limit)
            .header("X-RateLimit-Remaining", account.remaining)
            .header("X-RateLimit-Reset", account.reset);
    }
    let built = match reply {
        SandboxReply::Whole { status, body, html } => {
            if status == 429 {
                response = response.header(header::RETRY_AFTER, account.map_or(1, |a| a.reset));
            }
            let kind = if html { "text/html; charset=utf-8" } else { "application/json; charset=utf-8" };
            response.status(status).header(header::CONTENT_TYPE, kind).body(Body::from(body))
        }
        SandboxReply::Nothing => response.body(body::broken(Vec::new())),
        SandboxReply::Part(sent, whole) => response
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .header(header::CONTENT_LENGTH, whole)
            .body(body::broken(sent)),
    };
    built.unwrap_or_else(|_| status_page(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn truth(State(api): State<Arc<Api>>, Path(stream): Path<String>, uri: Uri) -> Response<Body> {
    let objects = match uri.query() {
        Some("objects=all") => ObjectFields::All,
        None => ObjectFields::Shipped,
        Some(_) => return status_page(StatusCode::BAD_REQUEST),
    };
    match Stream::named(&stream) {
        Some(stream) => json_lines(body::parts(api.truth(stream, objects))),
        None => status_page(StatusCode::NOT_FOUND),
    }
}

/// `POST /sandbox/night?seed=5&changed=20&new=5&contacts=4&new_contacts=2&status=3&old_edits=3`: makes the changes of
/// a simulated night, and returns the report.
async fn night(State(api): State<Arc<Api>>, uri: Uri) -> Response<Body> {
    match NightChanges::of_query(uri.query().unwrap_or_default()) {
        Some(night) => json(&api.night(night)),
        None => status_page(StatusCode::BAD_REQUEST),
    }
}

/// `POST /sandbox/delete?stream=contacts&n=7&seed=3`: deletes `n` records, and returns their ids.
async fn delete(State(api): State<Arc<Api>>, uri: Uri) -> Response<Body> {
    let number = |name: &str, default| query(&uri, name).map_or(Some(default), |text| text.parse().ok());
    let stream = query(&uri, "stream").and_then(Stream::named);
    match (stream, number("n", 1), number("seed", 1)) {
        (Some(stream), Some(n), Some(seed)) => {
            json(&lock(&api.lists).delete(stream, usize::try_from(n).unwrap_or(usize::MAX), seed))
        }
        _ => status_page(StatusCode::BAD_REQUEST),
    }
}

/// `POST /sandbox/empty?stream=contacts`: serves the stream's lists empty, until the same URL is called with `&off`.
async fn empty(State(api): State<Arc<Api>>, uri: Uri) -> Response<Body> {
    let Some(stream) = query(&uri, "stream").and_then(Stream::named) else {
        return status_page(StatusCode::BAD_REQUEST);
    };
    let withheld = query(&uri, "off").is_none();
    lock(&api.lists).withhold(stream, withheld);
    json(&withheld)
}

/// Returns the value of a parameter in the URL's query, or `None` if it is missing. A parameter without `=` has an
/// empty value.
fn query<'u>(uri: &'u Uri, name: &str) -> Option<&'u str> {
    let parts = uri.query()?.split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
    parts.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

async fn not_found() -> Response<Body> {
    status_page(StatusCode::NOT_FOUND)
}

fn status_page(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("<html><body><h1>{status}</h1></body></html>\n")));
    *response.status_mut() = status;
    typed(response, "text/html; charset=utf-8")
}

fn json(value: &impl serde::Serialize) -> Response<Body> {
    typed(Response::new(Body::from(serde_json::to_vec(value).unwrap_or_default())), "application/json")
}

fn json_lines(body: Body) -> Response<Body> {
    typed(Response::new(body), "application/x-ndjson")
}

fn typed(mut response: Response<Body>, kind: &'static str) -> Response<Body> {
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::faults::Plan;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    /// Returns everything that the server sends until it closes the connection.
    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset connection counts as closed, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    fn get(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    }

    /// Builds a request without `Connection: close`, so that only the server closes the connection.
    fn post(query: &str) -> String {
        let body = serde_json::json!({"query": query}).to_string();
        let length = body.len();
        format!("POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}")
    }

    fn post_once(query: &str) -> String {
        post(query).replace("Host: x", "Host: x\r\nConnection: close")
    }

    async fn failing(fault: &str) -> Running {
        let faults = Plan::from_toml(&format!("rule = [{{ fault = '{fault}', rate = 1 }}]")).unwrap();
        let options = SandboxOptions { faults, contacts: 3, ..SandboxOptions::default() };
        start(options).await.unwrap()
    }

    #[tokio::test]
    async fn a_cut_connection_is_closed_without_a_byte() {
        let running = failing("cut_before").await;
        assert_eq!(exchange(running.address(), &post("{ __typename }")).await, "");
        let answer = exchange(running.address(), &get("/sandbox/counts")).await;
        assert!(answer.contains("\"cut_before\":1"), "{answer}");
        running.stop().await;
    }

    #[tokio::test]
    async fn a_lost_answer_breaks_off_in_the_middle() {
        let running = failing("cut_after").await;
        let answer = exchange(running.address(), &post("{ __typename }")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.to_lowercase().contains("content-length: 31"), "{head}");
        assert_eq!(body, "{\"data\":{\"__typ");
        running.stop().await;
    }

    #[tokio::test]
    async fn a_truncated_answer_looks_whole_to_http() {
        let running = failing("truncated").await;
        let answer = exchange(running.address(), &post_once("{ __typename }")).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.to_lowercase().contains(&format!("content-length: {}", body.len())), "{head}");
        assert!(serde_json::from_str::<serde_json::Value>(body).is_err());
        running.stop().await;
    }

    #[tokio::test]
    async fn headers_tell_the_limit_and_everything_else_is_not_found() {
        let options = SandboxOptions { requests_per_minute: 1, contacts: 3, messages: 0, ..SandboxOptions::default() };
        let running = start(options).await.unwrap();
        let first = exchange(running.address(), &post_once("{ __typename }")).await.to_lowercase();
        for header in ["x-ratelimit-limit: 1", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 60"] {
            assert!(first.contains(header), "{first}");
        }
        let second = exchange(running.address(), &post_once("{ __typename }")).await.to_lowercase();
        assert!(second.starts_with("http/1.1 429") && second.contains("retry-after: "), "{second}");
        for path in ["/", "/truth/nothing", "/api/v1"] {
            let answer = exchange(running.address(), &get(path)).await;
            assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("<html>"), "{answer}");
        }
        let truth = exchange(running.address(), &get("/truth/contacts")).await;
        assert_eq!(truth.matches("\"firstName\":").count(), 3);
        assert_eq!(running.counts().over_limit, 1);
        assert!(running.banner().contains("--requests-per-minute 1"));
        running.stop().await;
    }

    #[tokio::test]
    async fn an_address_in_use_is_named_and_a_stopped_server_is_gone() {
        let running = failing("slow").await;
        let listen = running.address();
        let error = start(SandboxOptions { listen, ..SandboxOptions::default() }).await.unwrap_err();
        assert!(error.to_string().contains(&listen.to_string()));
        running.stop().await;
        assert!(TcpStream::connect(listen).await.is_err());
    }
}
