//! A job file: which streams, which mode, which destinations. TOML; every key is checked, a wrong one is named with its
//! line and the nearest right one. A key is added here, with its default in [`super::settings`].

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A job file as it stands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Job {
    pub name: Option<String>,
    pub mode: Option<Mode>,
    pub streams: Option<Vec<String>>,
    #[serde(default)]
    pub source: Source,
    #[serde(default)]
    pub mirror: Mirror,
    #[serde(default)]
    pub destination: Vec<Destination>,
}

/// What a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everything, once; a run that was not complete is gone on with until all is.
    Backfill,
    /// The current state, each time anew.
    Incremental,
}

/// `[source]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Source {
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
    pub audit: Option<u32>,
    pub extra_fields: Option<ExtraFields>,
    pub double_collect: Option<bool>,
    pub dialect: Option<Spelling>,
}

/// What is done with scalar fields that are not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtraFields {
    /// Nothing: they are not asked for.
    Ignore,
    /// They are taken along, into the column `_extra`.
    Collect,
}

/// `dialect`: a table of lines, or the name of a file in the same form.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs)]
pub enum Spelling {
    File(String),
    Lines(toml::Table),
}

/// `[mirror]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Mirror {
    pub path: Option<String>,
    pub deletes: Option<Switch>,
    pub max_deletes: Option<String>,
    pub confirm_requests: Option<u32>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Switch {
    On,
    Off,
}

/// `[[destination]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Destination {
    pub kind: Kind,
    pub path: String,
    pub content: Option<Content>,
    pub publish: Option<Publish>,
    pub delimiter: Option<String>,
    pub line_end: Option<LineEnd>,
    pub formula_safe: Option<bool>,
    pub compression: Option<Compression>,
    pub split: Option<String>,
}

/// What kind of destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A folder of CSV files.
    Csv,
}

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Everything, as it is now.
    Snapshot,
}

/// When a stream that did not end complete is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Publish {
    /// Never: it is held, and what was published before stays.
    Complete,
    /// Always, marked incomplete.
    Always,
}

/// The end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LineEnd {
    Lf,
    Crlf,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Job {
    /// Reads a job file.
    pub fn read(path: &Path) -> Result<(Job, String)> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::usage(format!("the job file {} cannot be read: {e}", path.display())))?;
        let job = Job::parse(&text, &path.display().to_string())?;
        Ok((job, text))
    }

    /// Parses a job file's text; `place` is its name in messages.
    pub fn parse(text: &str, place: &str) -> Result<Job> {
        toml::from_str(text).map_err(|e| {
            let line = e.span().map(|s| format!(":{}", line_of(text, s.start))).unwrap_or_default();
            Error::usage(format!("{place}{line}: {}", plain(e.message())))
        })
    }
}

/// The line of the first place where `name` stands as a key or a table, for messages about `[source.dialect]`.
pub fn line_of_key(text: &str, name: &str) -> Option<usize> {
    let is_key = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
            || (line.starts_with('[') && line.trim_matches(['[', ']', ' ']).split('.').any(|part| part == name))
    };
    text.lines().position(is_key).map(|at| at + 1)
}

fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// serde's message, with the nearest name where one was mistyped.
pub fn plain(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let first_line = message.lines().next().unwrap_or(message);
    if !(message.starts_with("unknown field") || message.starts_with("unknown variant")) {
        return first_line.to_owned();
    }
    let Some(wrong) = quoted.next() else {
        return first_line.to_owned();
    };
    let what = if message.starts_with("unknown field") { "key" } else { "value" };
    let known: Vec<&str> = quoted.collect();
    let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)));
    match nearest {
        Some(near) if strsim::jaro_winkler(wrong, near) > 0.75 => {
            format!("unknown {what} `{wrong}`; did you mean `{near}`?")
        }
        _ => format!("unknown {what} `{wrong}`; known here: {}", known.join(", ")),
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
        assert_eq!(refused("mode = \"back\""), "j.toml:1: unknown value `back`; did you mean `backfill`?");
        assert!(refused("\n\nzzz = 1").starts_with("j.toml:3: unknown key `zzz`; known here: name, mode"));
        assert!(refused("name = \n").starts_with("j.toml:1: "));
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
