//! HTTP around the API: the server, the rate limit, bodies that break off, and the log of requests.

pub(crate) mod body;
pub(crate) mod limit;
pub(crate) mod log;
pub(crate) mod server;
