//! Makes the clients for a bucket, from the environment variables that every S3 tool reads (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, ...). If they give no key, the
//! clients use the machine's own credentials (a container's, a web identity's, an instance's).
//!
//! Requests to this machine's own addresses, and to the addresses at which a cloud serves credentials, bypass the
//! environment's proxy (`direct.rs`).
//!
//! There are two clients with the same credentials. The brief client makes the check before a run and gives up after
//! seconds, because a person waits for the answer. The patient client makes the delivery.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};

use super::StoreLocation;
use super::direct::Direct;
use crate::error::{Error, Result, quote};
use crate::secret;

/// How long the brief client repeats a failed request.
const BRIEF: Duration = Duration::from_secs(5);

/// The longest pause between two attempts at a request.
const PAUSE: Duration = Duration::from_secs(5);

/// The two clients for a bucket.
pub struct BucketClients {
    /// The client that repeats a failed request for `BRIEF`.
    pub brief: Arc<AmazonS3>,
    /// The client that repeats a failed request for as long as the job's `retry_for` allows.
    pub patient: Arc<AmazonS3>,
    /// The URL that the clients send requests to, for display.
    pub address: String,
    /// The profile that `AWS_PROFILE` names, if no variable gives a key. It is kept only for an error message,
    /// because the program does not read the profile's file.
    unread_profile: Option<String>,
}

impl BucketClients {
    /// Makes the clients for the bucket of `location` from `variables`, the names and values of environment
    /// variables. The patient client repeats failed requests for `retry_for`.
    pub fn new(
        location: &StoreLocation,
        variables: impl IntoIterator<Item = (String, String)>,
        retry_for: Duration,
    ) -> Result<BucketClients> {
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let of = |name: &str| variables.iter().find(|(n, value)| n == name && !value.trim().is_empty());
        let unread_profile = of("AWS_PROFILE").filter(|_| of("AWS_ACCESS_KEY_ID").is_none());
        let unread_profile = unread_profile.map(|(_, name)| quote(name.trim()));
        let builder = builder(location, variables)?;
        let address = address(&builder);
        let wrong = |_: object_store::Error| {
            Error::usage(format!(
                "{location}: the AWS_* variables do not make a client: is one of AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY missing, or a value not of its form?"
            ))
        };
        let brief = builder.clone().with_retry(retry(BRIEF)).build().map_err(wrong)?;
        let patient = builder.with_retry(retry(retry_for)).with_credentials(brief.credentials().clone());
        let patient = Arc::new(patient.build().map_err(wrong)?);
        Ok(BucketClients { brief: Arc::new(brief), patient, address, unread_profile })
    }

    /// Returns a sentence to append to an error message if `AWS_PROFILE` names a profile, whose file this program
    /// does not read. Otherwise returns an empty string.
    pub fn unread(&self) -> String {
        let told = |name: &String| {
            format!(
                "; AWS_PROFILE names {name}, and ~/.aws is not read: `aws configure export-credentials --format env` prints its \
                 key as variables"
            )
        };
        self.unread_profile.as_ref().map(told).unwrap_or_default()
    }
}

fn builder(location: &StoreLocation, variables: impl IntoIterator<Item = (String, String)>) -> Result<AmazonS3Builder> {
    // The timeout lets one attempt send a part of 8 MiB over a slow line. Bulk delete is off because S3-compatible
    // stores may lack it.
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(Direct)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), "120s")
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ConnectTimeout), "10s")
        .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true");
    for (name, value) in variables.into_iter().filter(|(name, _)| name.starts_with("AWS_")) {
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, secret::line(&name, &value)?);
        }
    }
    for key in [AmazonS3ConfigKey::Endpoint, AmazonS3ConfigKey::S3Endpoint] {
        let Some(endpoint) = builder.get_config_value(&key) else { continue };
        let is_plain = endpoint.starts_with("http://");
        let allowed = builder.get_config_value(&AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
        if !is_plain && !endpoint.starts_with("https://") {
            return Err(Error::usage(format!("{location}: AWS_ENDPOINT_URL must start with https://")));
        }
        if endpoint.contains('@') {
            return Err(Error::usage(format!("{location}: AWS_ENDPOINT_URL must not hold a user name or password")));
        }
        if is_plain && !allowed.is_some_and(|said| matches!(&*said.to_ascii_lowercase(), "true" | "1" | "yes" | "on")) {
            return Err(Error::usage(format!(
                "{location}: AWS_ENDPOINT_URL is not encrypted: write https://, or set AWS_ALLOW_HTTP=true"
            )));
        }
    }
    Ok(builder.with_bucket_name(&location.bucket).with_conditional_put(S3ConditionalPut::ETagMatch))
}

fn address(builder: &AmazonS3Builder) -> String {
    let said = |key| builder.get_config_value(&key);
    let endpoint = said(AmazonS3ConfigKey::S3Endpoint).or_else(|| said(AmazonS3ConfigKey::Endpoint));
    endpoint.unwrap_or_else(|| {
        let region = said(AmazonS3ConfigKey::Region).unwrap_or_else(|| "us-east-1".into());
        format!("https://s3.{region}.amazonaws.com")
    })
}

fn retry(patience: Duration) -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: PAUSE.min(patience), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: usize::MAX, retry_timeout: patience }
}
