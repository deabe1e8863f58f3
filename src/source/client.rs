//! One HTTP attempt: send, read to the end within the cap, hand over status, body and rate-limit headers. It judges
//! nothing and retries nothing. No redirect is followed (it would carry the credentials along), the proxy comes from
//! the environment (none for this machine's own addresses: [`crate::loopback`]), connections are kept alive, answers may be gzip, brotli or zstd. What failed below HTTP (no connection,
//! no TLS, a certificate) is named in `unreachable`.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::Settings;
use super::budget::Headers;
use super::envelope::Answer;
use super::server_clock::Skew;
use super::unreachable::{chain, of_http};
use crate::error::{Error, Kind, Result, quote};
use crate::loopback;
use crate::secret::Secret;

/// The HTTP side of the source.
pub struct Http {
    client: RwLock<reqwest::Client>,
    /// How often connections were given up because of an answer that belonged to another request.
    mixed_up: AtomicU32,
    connect_timeout: Duration,
    read_timeout: Duration,
    idle: usize,
    endpoint: reqwest::Url,
    max_response: usize,
    /// Of the answer that tells it most exactly.
    clock: Mutex<Option<Skew>>,
}

/// An answer and what its headers say of the limit.
pub struct Attempt {
    /// Status and body.
    pub answer: Answer,
    /// The rate-limit headers.
    pub headers: Headers,
}

/// The whole of one attempt, however slowly the bytes drip.
const WHOLE: Duration = Duration::from_secs(180);

impl Http {
    /// A client for these settings; makes no request.
    pub fn new(settings: &Settings) -> Result<Http> {
        let endpoint: reqwest::Url = settings
            .endpoint
            .parse()
            .map_err(|e| Error::usage(format!("the endpoint `{}` is not a URL: {e}", settings.endpoint)))?;
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
        let (mixed_up, clock, max_response) = (AtomicU32::new(0), Mutex::default(), settings.max_response);
        Ok(Http { client, mixed_up, connect_timeout, read_timeout, idle, endpoint, max_response, clock })
    }

    /// Gives up the connections that stand, because an answer came that belonged to another request. When that happens
    /// again and again, no connection is used twice.
    pub fn reconnect(&self) {
        const TIMES: u32 = 3;
        let before = self.mixed_up.fetch_add(1, Ordering::Relaxed);
        let idle = if before + 1 < TIMES { self.idle } else { 0 };
        // Without a new client the old one goes on: each answer is judged by its names all the same.
        if let Ok(fresh) = client(&self.host(), self.connect_timeout, self.read_timeout, idle) {
            *self.client.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }

    /// The host of the address.
    pub fn host(&self) -> String {
        self.endpoint.host_str().unwrap_or_default().to_owned()
    }

    /// How far this machine's clock is from the server's, as far as an answer told.
    pub fn clock_skew(&self) -> Option<Skew> {
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts one request body.
    pub async fn post(&self, body: String, authorization: Option<&Secret>) -> Result<Attempt> {
        let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = client.post(self.endpoint.clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(secret) = authorization {
            let mut value = HeaderValue::from_str(secret.reveal())
                .map_err(|_| Error::new(Kind::InvalidClient, "the token cannot be sent as a header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let sent = Instant::now();
        let mut response = request.send().await.map_err(|e| of_http(&e, &self.endpoint))?;
        self.read_clock(response.headers(), sent.elapsed());
        let headers = limit_headers(response.headers());
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
        // Pages keep the body until they are stored, and not what it grew to on the way.
        body.shrink_to_fit();
        Ok(Attempt { answer: Answer { status, body }, headers })
    }

    fn read_clock(&self, headers: &HeaderMap, round_trip: Duration) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(skew) = date.and_then(|date| Skew::of(date, jiff::Timestamp::now(), round_trip)) {
            let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
            if clock.is_none_or(|before| skew.uncertainty < before.uncertainty) {
                *clock = Some(skew);
            }
        }
    }
}

/// A client for this host that keeps at most `idle` connections for later requests.
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
        .map_err(|e| Error::new(Kind::Internal, format!("the HTTP client cannot be built: {}", chain(&e))))
}

/// Where a redirect leads, as far as it is fit to be told: another host by its name, another path of this one without
/// what may follow it.
fn elsewhere(endpoint: &reqwest::Url, location: &HeaderValue) -> String {
    let Some(target) = location.to_str().ok().and_then(|text| endpoint.join(text).ok()) else {
        return "an address that is none".into();
    };
    let origin = target.origin().ascii_serialization();
    if target.origin() == endpoint.origin() { quote(&format!("{origin}{}", target.path())) } else { quote(&origin) }
}

fn limit_headers(headers: &HeaderMap) -> Headers {
    let number = |name: &str| {
        headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0)
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating, and never negative
    let count = |name: &str| number(name).map(|n| n as u32);
    let retry_after = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(retry_after);
    let reset = number("x-ratelimit-reset").map(until);
    Headers { limit: count("x-ratelimit-limit"), remaining: count("x-ratelimit-remaining"), reset, retry_after }
}

/// Documented as seconds until the reset; a number that can only be a moment (seconds or milliseconds since 1970) is one.
fn until(n: f64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let seconds = match n {
        n if n > 1e12 => n / 1000.0 - now,
        n if n > 1e9 => n - now,
        n => n,
    };
    Duration::from_secs_f64(seconds.clamp(0.0, 3600.0))
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<f64>() {
        return Some(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0)));
    }
    let moment = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let seconds = moment.as_second() - jiff::Timestamp::now().as_second();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0).min(3600)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_headers_are_read_in_every_form() {
        let mut headers = HeaderMap::new();
        assert_eq!(limit_headers(&headers), Headers::default());
        headers.insert("X-RateLimit-Limit", HeaderValue::from_static("100"));
        headers.insert("X-RateLimit-Remaining", HeaderValue::from_static("0"));
        headers.insert("X-RateLimit-Reset", HeaderValue::from_static("12"));
        let read = limit_headers(&headers);
        assert_eq!((read.limit, read.remaining, read.reset), (Some(100), Some(0), Some(Duration::from_secs(12))));
        headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        assert_eq!(limit_headers(&headers).retry_after, Some(Duration::from_secs(30)));
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("clock").as_secs_f64();
        for moment in [now + 20.0, (now + 20.0) * 1000.0] {
            assert!((18.0..22.0).contains(&until(moment).as_secs_f64()));
        }
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("soon"), None);
    }
}
