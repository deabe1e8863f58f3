//! What the source needs to know of a job.

use std::sync::Arc;
use std::time::Duration;

use super::retry::Limits;
use crate::record::volatile::Volatile;
use crate::secret::Secret;
use crate::streams::PerStream;

/// What the source needs to know; the job file's `[source]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The GraphQL address.
    pub endpoint: String,
    /// The API key's client id.
    pub client_id: String,
    /// The API key's secret.
    pub client_secret: Secret,
    /// What looks wrong with the two, to be told where the server refuses them.
    pub suspicions: Vec<String>,
    /// Questions a request carries at most.
    pub aliases_per_request: usize,
    /// Requests under way at most.
    pub in_flight: u32,
    /// Bytes of bodies in memory at most (one oversized body may exceed it).
    pub bytes_in_flight: usize,
    /// The largest body accepted, in bytes.
    pub max_response: usize,
    /// To connect.
    pub connect_timeout: Duration,
    /// Between two bytes of an answer.
    pub read_timeout: Duration,
    /// Take along the scalar fields that are not documented.
    pub collect: bool,
    /// What stays out of the records' hashes.
    pub volatile: Arc<PerStream<Volatile>>,
    /// How long failures are retried.
    pub limits: Limits,
}
