//! The command-line flags that override the job file.

use std::path::PathBuf;

/// The values of command-line flags that override the job file. `None` means that the flag was not given.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Flags {
    pub endpoint: Option<String>,
    pub mirror: Option<PathBuf>,
    pub out: Option<PathBuf>,
    pub requests_per_minute: Option<u32>,
    pub page_size: Option<u32>,
    pub allow_deletes: bool,
    /// `--account`: the chosen accounts. Empty means all.
    pub accounts: Vec<String>,
    /// `--shard` as the user typed it, such as `2/5`.
    pub shard: Option<String>,
}
