//! `demo`: copies a whole account from a built-in sandbox, over a real socket and with the same code as a run. Tokens
//! expire after half a second, and requests fail now and then. At the end the demonstration compares the delivered
//! files with the sandbox's own data, cell by cell, and prints the result.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::one_account::run_settings;
use super::one_run::Common;
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::policy::Exit;
use crate::quantity::counted;
use crate::report::terminal;
use crate::sandbox::{Running, SandboxOptions, faults, start};
use crate::say;
use crate::streams::Stream;

const JOB: &str = include_str!("../../jobs/demo.toml");

/// Runs a job against the built-in sandbox, compares the result with the sandbox's own data, and prints what it
/// found. Needs no account. Exits with an integrity failure if a cell differs, or if no fault occurred.
pub async fn demo(quiet: bool) -> Result<Exit> {
    let options = SandboxOptions {
        contacts: 4_000,
        persons: 60,
        conversations: 1_000,
        messages: 30_000,
        token_ttl: Duration::from_millis(500),
        requests_per_minute: 6_000,
        window: Duration::from_secs(2),
        latency: Duration::from_millis(40),
        faults: faults::Plan::named("demo").unwrap_or_default(),
        ..SandboxOptions::default()
    };
    let sandbox = start(options).await.map_err(|e| Error::usage(e.to_string()).caused_by(&e))?;
    say!("sandbox at {}: 4,000 contacts, 60 persons, 1,000 conversations, 30,000 messages;", sandbox.endpoint());
    say!("tokens live 0.5 s, 6,000 requests a minute, faults on\n");
    let flags = Flags { endpoint: Some(sandbox.endpoint()), ..Flags::default() };
    let mut settings = Settings::of_text(JOB, "jobs/demo.toml", &flags)?;
    // The demonstration uses the sandbox's own key, even if the environment names a real one.
    settings.source.client_id = "sandbox-client".into();
    settings.source.client_secret = crate::secret::Secret::new("sandbox-secret".into());
    fresh(&settings.mirror)?;
    let out = settings.destinations.first().and_then(|d| d.target.folder()).unwrap_or_default();
    let common = Common { quiet, ..Common::default() };
    common.stop.on_signals().map_err(|e| Error::new(Kind::Internal, format!("signals: {e}")).caused_by(&e))?;
    let report = run_settings(&settings, &common).await?;
    crate::logging::print(&terminal::summary(&report));
    let counts = sandbox.counts();
    let fault = |names: &[&str]| names.iter().filter_map(|n| counts.faults.get(n)).sum::<u64>();
    let (limited, failed) = (
        counts.over_limit + fault(&["rate_limited_status", "rate_limited_body"]),
        fault(&["error_500", "error_502", "error_503"]),
    );
    let renewals = counted(counts.tokens.saturating_sub(1), "token renewal");
    say!("\nsurvived: {renewals}, {} 429, {} 5xx", counted(limited, "answer"), counted(failed, "answer"));
    let mut equal = true;
    for stream in settings.streams.iter().copied() {
        let (rows, differences) = compare(&sandbox, stream, &out.join(format!("{stream}.csv"))).await?;
        equal &= differences == 0;
        let said =
            if differences == 0 { "equal to the truth".to_owned() } else { format!("{differences} DIFFERENCES") };
        say!("{:<17} {rows:>6} rows, {said}", stream.name());
    }
    sandbox.stop().await;
    let survived = counts.tokens > 5 && limited > 0 && failed > 0;
    if equal && survived && report.exit_code == Exit::Complete {
        say!("\nEverything the sandbox holds is in {}: cell by cell, nothing lost, nothing doubled.", out.display());
        return Ok(Exit::Complete);
    }
    say!("\nThe demonstration did not show what it should.");
    Ok(Exit::Integrity)
}

/// Removes the mirror of an earlier demonstration.
fn fresh(mirror: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = mirror.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::new(Kind::MirrorUnwritable, format!("{}: {e}", mirror.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Compares a CSV file with the sandbox's own records of a stream. Returns the number of rows, and the number of
/// records that differ or are missing.
async fn compare(sandbox: &Running, stream: Stream, file: &Path) -> Result<(usize, usize)> {
    let url = format!("http://{}/truth/{stream}?objects=all", sandbox.address());
    let failed = |e: String| Error::new(Kind::Network, format!("the truth of {stream}: {e}"));
    // The sandbox is on this machine, so no proxy may come between.
    let direct = reqwest::Client::builder().no_proxy().build().map_err(|e| failed(e.to_string()))?;
    let response = direct.get(url).send().await.map_err(|e| failed(e.without_url().to_string()))?;
    let text = response.text().await.map_err(|e| failed(e.without_url().to_string()))?;
    let mut truth: HashMap<String, Value> = HashMap::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).map_err(|e| failed(e.to_string()))?;
        truth.insert(record["_id"].as_str().unwrap_or_default().to_owned(), record);
    }
    let mut reader = csv::Reader::from_path(file).map_err(|e| failed(e.to_string()))?;
    let (mut rows, mut differences) = (0, 0);
    for record in reader.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        rows += 1;
        let expected = record.get(0).and_then(|id| truth.remove(id));
        let columns = stream.columns();
        let same = expected.is_some_and(|truth| {
            // The truth holds the documented columns. Behind them stands what no page documents.
            let further = usize::from(record.len() > columns.len());
            columns.len() + further == record.len()
                && columns.iter().zip(&record).all(|(c, cell)| is(&truth[c.name], cell))
        });
        differences += usize::from(!same);
    }
    Ok((rows, differences + truth.len()))
}

/// Returns whether the text of a CSV cell stands for this JSON value.
fn is(value: &Value, cell: &str) -> bool {
    match value {
        Value::Null => cell.is_empty(),
        Value::String(text) => cell == text,
        Value::Array(_) | Value::Object(_) => serde_json::from_str::<Value>(cell).is_ok_and(|v| v == *value),
        other => *cell == *other.to_string(),
    }
}
