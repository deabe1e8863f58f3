//! Defines the settings of the source.

use std::sync::Arc;
use std::time::Duration;

use super::retry::Limits;
use crate::record::volatile::Volatile;
use crate::secret::Secret;
use crate::streams::PerStream;

/// The settings of the source, from the `[source]` section of the job file.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The URL of the GraphQL API.
    pub endpoint: String,
    /// The API key's client id.
    pub client_id: String,
    /// The API key's client secret.
    pub client_secret: Secret,
    /// What looks wrong with the client id or the secret, such as a typing error. Shown if the server refuses them.
    pub suspicions: Vec<String>,
    /// The most questions that a request carries.
    pub aliases_per_request: usize,
    /// The most requests under way.
    pub in_flight: u32,
    /// The most bytes of answers in memory at a time. A single larger answer may exceed it.
    pub bytes_in_flight: usize,
    /// The largest body that is accepted, in bytes.
    pub max_response: usize,
    /// The longest time to establish a connection.
    pub connect_timeout: Duration,
    /// The longest time between two bytes of an answer.
    pub read_timeout: Duration,
    /// For each stream, which undocumented fields are collected.
    pub collect: Arc<PerStream<Collecting>>,
    /// Whether the job itself says that undocumented fields are collected.
    pub is_collect_named: bool,
    /// For each stream, the rules that say which values do not enter a record's hash.
    pub volatile: Arc<PerStream<Volatile>>,
    /// How long failures are retried.
    pub limits: Limits,
}

/// Which undocumented fields of a stream are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collecting {
    /// None.
    Nothing,
    /// Those that the job names, as `extra` in `[source.dialect]`. A stream with masks collects no others, because
    /// nobody has decided what to mask in them.
    Named,
    /// Those that the job names, and those that the server's schema shows.
    Shown,
}
