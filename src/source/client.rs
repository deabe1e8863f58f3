//! Makes one HTTP attempt: sends a request, reads the complete answer up to a maximum size, and returns status, body
//! and rate-limit headers. Leaves to its callers what the answer means and whether to retry.
//!
//! The client follows no redirect, because a redirect would take the credentials to another URL. The proxy is
//! configured by environment variables; requests to this machine itself use none ([`crate::loopback`]). Connections
//! are kept alive. Answers may be compressed (`decoding`). `transport_error` describes failures below HTTP: no
//! connection, no TLS, a certificate that is not trusted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;

use super::SourceSettings;
use super::decoding;
use super::envelope::HttpAnswer;
use super::rate_limit::Headers;
use super::rate_limit::headers as limit_headers;
use super::server_clock::ServerClock;
use crate::error::{Error, Kind, Result, quote};
use crate::loopback;
use crate::secret::Secret;
use crate::source::transport_error::{chain, of_http};

/// The HTTP client for the API's endpoint.
pub struct Http {
    client: RwLock<reqwest::Client>,
    /// How often all connections were closed because an answer belonged to another request.
    mixed_up: AtomicU32,
    connect_timeout: Duration,
    read_timeout: Duration,
    idle: usize,
    endpoint: reqwest::Url,
    max_response: usize,
    /// The server's time, derived from the headers of its answers.
    pub clock: ServerClock,
}

/// An HTTP answer and its rate-limit headers.
pub struct Received {
    /// The HTTP status and the body.
    pub answer: HttpAnswer,
    /// The rate-limit headers.
    pub headers: Headers,
}

/// The longest time that one attempt may take, however slowly the bytes come.
pub const WHOLE: Duration = Duration::from_secs(180);

impl Http {
    /// Creates a client for the endpoint in the settings. Makes no request. Fails if the endpoint is not a URL, holds
    /// a user name or password, or is neither encrypted nor on this machine.
    pub fn new(settings: &SourceSettings) -> Result<Http> {
        let endpoint: reqwest::Url = settings.endpoint.parse().map_err(|e| {
            Error::usage(format!("the endpoint `{}` is not a URL: {e}", settings.endpoint)).caused_by(&e)
        })?;
        if !matches!(endpoint.scheme(), "http" | "https") || endpoint.host_str().is_none() {
            return Err(Error::usage(format!("the endpoint `{}` must start with https://", settings.endpoint)));
        }
        let host = endpoint.host_str().unwrap_or_default();
        if endpoint.scheme() == "http" && !loopback::is_loopback(host) {
            return Err(Error::usage(format!(
                "the endpoint `{}` is not encrypted: the client secret is sent over https:// only (or to this machine)",
                settings.endpoint
            )));
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(Error::usage("the endpoint must not hold a user name or password"));
        }
        let idle = usize::try_from(settings.in_flight).unwrap_or(8);
        let (connect_timeout, read_timeout) = (settings.connect_timeout, settings.read_timeout);
        let client = RwLock::new(client(host, connect_timeout, read_timeout, idle)?);
        let (mixed_up, max_response) = (AtomicU32::new(0), settings.max_response);
        let clock = ServerClock::new(crate::clock::milliseconds());
        Ok(Http { client, mixed_up, connect_timeout, read_timeout, idle, endpoint, max_response, clock })
    }

    /// Closes the open connections after an answer that belonged to another request. From the third time on, every
    /// request gets a new connection.
    pub fn reconnect(&self) {
        const TIMES: u32 = 3;
        let before = self.mixed_up.fetch_add(1, Ordering::Relaxed);
        let idle = if before + 1 < TIMES { self.idle } else { 0 };
        // If no new client can be built, the old one goes on: each answer is still judged by its names.
        if let Ok(fresh) = client(&self.host(), self.connect_timeout, self.read_timeout, idle) {
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }

    /// Returns the API's URL.
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str()
    }

    /// Returns the host name in the API's URL.
    pub fn host(&self) -> String {
        self.endpoint.host_str().unwrap_or_default().to_owned()
    }

    /// Posts one request body and reads the answer. `authorization` is the value of the `Authorization` header. Fails
    /// if no complete answer came, if the answer is a redirect, or if it is larger than the allowed size. Answers
    /// with any other status are returned, and the caller judges them.
    pub async fn post(&self, body: String, authorization: Option<&Secret>) -> Result<Received> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let request = client.post(self.endpoint.clone()).header(CONTENT_TYPE, "application/json");
        let mut request = request.header(ACCEPT_ENCODING, decoding::ACCEPTED).body(body);
        if let Some(secret) = authorization {
            let mut value = HeaderValue::from_str(secret.reveal())
                .map_err(|_| Error::new(Kind::InvalidClient, "the token cannot be sent as a header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let sent = Instant::now();
        let mut response = request.send().await.map_err(|e| of_http(&e, &self.endpoint))?;
        self.clock.hear(response.headers(), sent.elapsed());
        let headers = limit_headers::read(response.headers(), self.clock.time() as f64 / 1000.0);
        let status = response.status().as_u16();
        if let Some(location) = response.headers().get(LOCATION).filter(|_| (300..400).contains(&status)) {
            let elsewhere = elsewhere(&self.endpoint, location);
            return Err(Error::new(Kind::Redirected, format!("HTTP {status}: a redirect to {elsewhere}")));
        }
        let mut body = Vec::with_capacity(
            response.content_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(0).min(self.max_response),
        );
        while let Some(chunk) = response.chunk().await.map_err(|e| of_http(&e, &self.endpoint))? {
            if body.len() + chunk.len() > self.max_response {
                return Err(Error::new(
                    Kind::TooLarge,
                    format!("the answer is larger than {} bytes", self.max_response),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        let mut body = decoding::undo(response.headers(), body, self.max_response)?;
        // Pages keep the body until they are stored, so its unused capacity is given back.
        body.shrink_to_fit();
        Ok(Received { answer: HttpAnswer { status, body }, headers })
    }
}

/// Builds a client for this host that keeps at most `idle` connections for later requests.
fn client(host: &str, connect_timeout: Duration, read_timeout: Duration, idle: usize) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder();
    if loopback::is_loopback(host) {
        builder = builder.no_proxy();
    }
    if loopback::is_localhost(host) {
        builder = builder.resolve_to_addrs(host, &loopback::ADDRESSES.map(|ip| SocketAddr::new(ip, 0)));
    }
    builder
        .user_agent(concat!("qpien-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(connect_timeout)
        .read_timeout(read_timeout)
        .timeout(WHOLE)
        .pool_max_idle_per_host(idle)
        .build()
        .map_err(|e| {
            Error::new(Kind::Internal, format!("the HTTP client cannot be built: {}", chain(&e))).caused_by(&e)
        })
}

/// Returns where a redirect leads, without what may be secret: for another host its name only, for this host the path
/// without the query.
fn elsewhere(endpoint: &reqwest::Url, location: &HeaderValue) -> String {
    let Some(target) = location.to_str().ok().and_then(|text| endpoint.join(text).ok()) else {
        return "an address that is none".into();
    };
    let origin = target.origin().ascii_serialization();
    if target.origin() == endpoint.origin() { quote(&format!("{origin}{}", target.path())) } else { quote(&origin) }
}
