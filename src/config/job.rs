//! A job file (TOML): which streams are read, in which mode, and where they are delivered. Every key is checked. An
//! error about a wrong key names its line and the nearest right key. A new key is declared here, and its default in
//! [`super::settings`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{text_file, toml_error};
use crate::error::{Error, Result};

/// A job file as the user wrote it, before defaults and checks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Job {
    pub name: Option<String>,
    pub mode: Option<Mode>,
    pub streams: Option<Vec<String>>,
    pub accounts: Option<String>,
    pub accounts_at_once: Option<u32>,
    #[serde(default)]
    pub account: Vec<AccountTable>,
    #[serde(default)]
    pub source: SourceTable,
    #[serde(default)]
    pub mirror: MirrorTable,
    #[serde(default)]
    pub destination: Vec<DestinationTable>,
    pub mask_at: Option<MaskAt>,
    #[serde(default)]
    pub mask: MaskTable,
}

/// How a run reads the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Reads everything once. If a run ends before that, the next run continues the reading.
    Backfill,
    /// Reads the current state again in each run, but skips what is known to be unchanged.
    Incremental,
}

/// An `[[account]]` table as the user wrote it, before defaults and checks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct AccountTable {
    pub name: Spanned<String>,
    pub client_id: String,
    pub client_secret: String,
    pub endpoint: Option<String>,
    pub requests_per_minute: Option<u32>,
}

/// The `[source]` table as the user wrote it: the endpoint, the key, limits and how lists are read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SourceTable {
    pub endpoint: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
    pub requests_per_minute: Option<u32>,
    pub page_size: Option<u32>,
    pub in_flight: Option<u32>,
    pub aliases_per_request: Option<u32>,
    pub bytes_in_flight: Option<String>,
    pub max_response: Option<String>,
    pub connect_timeout: Option<String>,
    pub read_timeout: Option<String>,
    pub retry_for: Option<String>,
    pub wait_for_budget: Option<String>,
    pub lookback: Option<String>,
    pub full_every: Option<String>,
    pub audit: Option<u32>,
    pub audit_repair: Option<u32>,
    pub extra_fields: Option<ExtraFields>,
    pub time_zone: Option<String>,
    pub double_collect: Option<bool>,
    pub volatile: Option<toml::Table>,
    pub dialect: Option<DialectSetting>,
}

/// What happens to scalar fields that the server has but the documentation does not mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtraFields {
    /// Does not read undocumented fields.
    Ignore,
    /// Reads undocumented fields as well, and stores them in the column `_extra`.
    Collect,
}

/// The value of `dialect`: a table, or the name of a file that holds such a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum DialectSetting {
    File(String),
    Lines(toml::Table),
}

/// The `[mirror]` table as the user wrote it: the mirror's path, deletions, and how long payloads are kept.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct MirrorTable {
    pub path: Option<String>,
    pub deletes: Option<SwitchSetting>,
    pub max_deletes: Option<String>,
    pub confirm_requests: Option<u32>,
    pub retain: Option<Retain>,
}

/// How long the mirror keeps the payloads (the JSON text) of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retain {
    /// Keeps payloads forever, so that a destination that is added later can be filled without a request.
    All,
    /// Keeps a payload until every destination has received it. The record's id and hash are kept.
    UntilDelivered,
}

/// A setting that is `"on"` or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum SwitchSetting {
    On,
    Off,
}

/// A `[[destination]]` table as the user wrote it. Some keys apply only to some kinds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DestinationTable {
    pub kind: DestinationKind,
    pub path: Option<String>,
    pub content: Option<ContentSetting>,
    pub publish: Option<Publish>,
    pub delimiter: Option<String>,
    pub line_end: Option<LineEnd>,
    pub formula_safe: Option<bool>,
    pub compression: Option<CompressionSetting>,
    pub split: Option<String>,
    pub max_files: Option<usize>,
    pub mode: Option<String>,
    pub retry_for: Option<String>,
    pub url: Option<String>,
    pub schema: Option<String>,
    pub tombstones: Option<TombstonesSetting>,
}

/// The kind of a destination: a file format, or a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationKind {
    /// CSV files.
    Csv,
    /// JSON Lines files.
    Jsonl,
    /// Parquet files.
    Parquet,
    /// Tables of a PostgreSQL database.
    Postgres,
}

/// What happens in a database to the row of a deleted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TombstonesSetting {
    /// Deletes the row.
    Delete,
    /// Keeps the row, marked as deleted.
    Flag,
}

/// Whether a delivery brings all records or only those that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentSetting {
    /// Delivers every current record.
    Snapshot,
    /// Delivers the records that changed since the last delivery.
    Changes,
}

/// Whether incomplete streams are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// Publishes only complete streams. An incomplete stream is held back, and what was published before stays.
    Complete,
    /// Publishes incomplete streams as well, marked as incomplete.
    Always,
}

/// How lines of a CSV file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LineEnd {
    Lf,
    Crlf,
}

/// The compression of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum CompressionSetting {
    None,
    Gzip,
    Zstd,
}

/// How a job says that a value is masked: `drop` makes it null, `hmac` replaces it by a keyed hash, `redact` replaces
/// it by `[redacted]`, and `keep` leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Mask {
    Drop,
    Hmac,
    Redact,
    Keep,
}

/// Where masks are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskAt {
    /// Masks records when they are delivered. The mirror holds the original values.
    Delivery,
    /// Masks records before they are stored in the mirror. The original values are stored nowhere.
    Landing,
}

/// The `[mask.STREAM]` tables: for each stream's name, the mask of each column or path.
pub type MaskTable = BTreeMap<String, BTreeMap<String, Mask>>;

impl Job {
    /// Reads and parses the job file at `path`. Returns the job and the file's text.
    pub fn read(path: &Path) -> Result<(Job, String)> {
        let text = text_file::read(path)
            .map_err(|e| Error::usage(format!("the job file {} cannot be read: {e}", path.display())).caused_by(&e))?;
        let job = Job::parse(&text, &path.display().to_string())?;
        Ok((job, text))
    }

    /// Parses the text of a job file. `place` names the file in error messages.
    pub fn parse(text: &str, place: &str) -> Result<Job> {
        toml::from_str(text).map_err(|e| toml_error::wrong(text, place, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Job::parse(text, "j.toml").expect_err(text).detail
    }

    #[test]
    fn a_wrong_key_is_named_with_its_line_and_the_nearest_right_one() {
        assert_eq!(
            refused("name = \"x\"\n[source]\nrequests_per_minut = 5\n"),
            "j.toml:3: unknown key `requests_per_minut`; did you mean `requests_per_minute`?"
        );
        assert_eq!(
            refused("mode = \"back\""),
            "j.toml:1: mode: unknown value `back`; did you mean `backfill`? (known here: backfill, incremental)"
        );
        assert!(refused("\n\nzzz = 1").starts_with("j.toml:3: unknown key `zzz`; known here: name, mode"));
        assert!(refused("name = \n").starts_with("j.toml:1: "));
        let negative = refused("[source]\nrequests_per_minute = -5\n");
        assert!(negative.starts_with("j.toml:2: requests_per_minute: ") && negative.contains("-5"), "{negative}");
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_quoted() {
        for (text, told) in [
            ("[source]\nclient_secret = 888123888\n", "j.toml:2: client_secret: must be text in quotes"),
            ("[source]\nclient_id = true\n", "j.toml:2: client_id: must be text in quotes"),
            ("source.client_id = 888123888\n", "j.toml:1: source.client_id: must be text in quotes"),
            (
                "[[account]]\nname = \"a\"\nclient_id = \"a\"\nclient_secret = 888123888\n",
                "j.toml:4: client_secret: must be text in quotes",
            ),
            ("[[destination]]\nkind = \"postgres\"\nurl = 888123888\n", "j.toml:3: url: must be text in quotes"),
        ] {
            assert_eq!(refused(text), told);
        }
        for text in ["[source]\nclient_secret = abc888123888\n", "[source]\nclient_secret = 888123888x\n"] {
            let told = refused(text);
            assert!(told.starts_with("j.toml:2: ") && !told.contains("888"), "{told}");
        }
        let inline = refused("source = { client_id = \"a\", client_secret = 888123888 }\n");
        assert_eq!(inline, "j.toml:1: client_secret: must be text in quotes");
        let array = refused("account = [\n  { name = \"a\",\n    client_id = \"a\", client_secret = 888123888 }\n]\n");
        assert!(!array.contains("888123888"), "{array}");
    }

    #[test]
    fn every_shipped_job_is_read() {
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/jobs")).expect("jobs") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|e| e == "toml") {
                let (job, _) = Job::read(&path).expect("a shipped job");
                assert_eq!(job.name.as_deref(), path.file_stem().and_then(|s| s.to_str()));
            }
        }
    }
}
