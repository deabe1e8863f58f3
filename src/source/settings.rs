//! Defines what the source needs to know of a job.

use std::sync::Arc;
use std::time::Duration;

use super::retry::Limits;
use crate::record::volatile::Volatile;
use crate::secret::Secret;
use crate::streams::PerStream;

/// The settings of the source: the job file's `[source]`.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The GraphQL address.
    pub endpoint: String,
    /// The API key's client id.
    pub client_id: String,
    /// The API key's secret.
    pub client_secret: Secret,
    /// What looks wrong with the two, for the error when the server refuses them.
    pub suspicions: Vec<String>,
    /// The most questions that a request carries.
    pub aliases_per_request: usize,
    /// The most requests under way.
    pub in_flight: u32,
    /// The most bytes of bodies in memory (one oversized body may exceed it).
    pub bytes_in_flight: usize,
    /// The largest body that is accepted, in bytes.
    pub max_response: usize,
    /// The longest time to connect.
    pub connect_timeout: Duration,
    /// The longest time between two bytes of an answer.
    pub read_timeout: Duration,
    /// Whether scalar fields that are not documented are taken along.
    pub collect: bool,
    /// The rules for what stays out of the records' hashes.
    pub volatile: Arc<PerStream<Volatile>>,
    /// How long failures are retried.
    pub limits: Limits,
}
