//! One HTTP attempt: send, read to the end within the cap, hand over status, body and rate-limit headers. It judges
//! nothing and retries nothing. No redirect is followed (it would carry the credentials along), the proxy comes from
//! the environment, connections are kept alive, answers may be gzip, brotli or zstd. What failed below HTTP (no connection,
//! no TLS, a certificate) is named in `unreachable`.

use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;

use super::Settings;
use super::budget::Headers;
use super::envelope::Answer;
use super::limit_headers;
use super::server_clock::ServerClock;
use super::unreachable::{chain, of_http};
use crate::error::{Error, Kind, Result, quote};
use crate::secret::Secret;

/// The HTTP side of the source.
pub struct Http {
    client: reqwest::Client,
    endpoint: reqwest::Url,
    max_response: usize,
    /// What time it is for the server.
    pub clock: ServerClock,
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
        if endpoint.scheme() == "http" && !is_loopback(&endpoint) {
            return Err(Error::usage(format!(
                "the endpoint `{}` is not encrypted: the client secret is sent over https:// only (or to this machine)",
                settings.endpoint
            )));
        }
        if !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(Error::usage("the endpoint must not hold a user name or password"));
        }
        let client = reqwest::Client::builder()
            .user_agent(concat!("qpien-sync/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .timeout(WHOLE)
            .pool_max_idle_per_host(usize::try_from(settings.in_flight).unwrap_or(8))
            .build()
            .map_err(|e| Error::new(Kind::Internal, format!("the HTTP client cannot be built: {}", chain(&e))))?;
        let clock = ServerClock::new(crate::clock::milliseconds());
        Ok(Http { client, endpoint, max_response: settings.max_response, clock })
    }

    /// The host of the address.
    pub fn host(&self) -> String {
        self.endpoint.host_str().unwrap_or_default().to_owned()
    }

    /// Posts one request body.
    pub async fn post(&self, body: String, authorization: Option<&Secret>) -> Result<Attempt> {
        let mut request = self.client.post(self.endpoint.clone()).header(CONTENT_TYPE, "application/json").body(body);
        if let Some(secret) = authorization {
            let mut value = HeaderValue::from_str(secret.reveal())
                .map_err(|_| Error::new(Kind::InvalidClient, "the token cannot be sent as a header"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let sent = Instant::now();
        let mut response = request.send().await.map_err(|e| of_http(&e, &self.endpoint))?;
        self.clock.hear(response.headers(), sent.elapsed());
        let headers = limit_headers::read(response.headers(), self.clock.now() as f64 / 1000.0);
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

/// Whether an address is this machine's own.
fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
