//! Writes the summary of a run as text for people, for example for a mail.

use std::fmt::Write as _;
use std::time::Duration;

use super::run_report::{DestinationReport, RunReport};
use crate::clock::human;
use crate::error::Kind;
use crate::policy::{self, Exit};
use crate::quantity::counted;

/// Returns the summary of a run as text of several lines.
pub fn summary(report: &RunReport) -> String {
    let mut out = String::new();
    let exit = outcome_in_words(report);
    let resumed = if report.resumed { ", going on where an earlier run stopped" } else { "" };
    let account = report.account.as_ref().map(|name| format!(", account {name}")).unwrap_or_default();
    let took = human(seconds(report.seconds));
    let _ = writeln!(out, "{}{account}: {exit} (run {}{resumed}, {took})", report.job, report.run);
    let _ = writeln!(out);
    let header = [
        "stream", "verdict", "records", "seen", "new", "changed", "filled", "deleted", "suspects", "repeated",
        "requests",
    ];
    let mut table = vec![header.map(str::to_owned).to_vec()];
    for s in &report.streams {
        let records = match s.total {
            Some(total) if total != s.distinct => format!("{} of {total}", s.distinct),
            _ => s.distinct.to_string(),
        };
        let mut row = vec![s.stream.to_owned(), s.verdict.to_owned(), records];
        row.extend(
            [s.seen, s.new, s.changed, s.filled, s.deleted, s.suspects, s.repeated, s.requests].map(|n| n.to_string()),
        );
        if s.skipped > 0 {
            row.push(format!("({} read, {} unchanged)", counted(s.lists, "list"), s.skipped));
        }
        table.push(row);
    }
    out.push_str(&aligned(&table));
    for s in report.streams.iter().filter(|s| !report.has_refused(s.stream)) {
        if let Some(why) = &s.why {
            let _ = writeln!(out, "\n{} incomplete: {why}", s.stream);
            if let Some(hint) = s.hint {
                let _ = writeln!(out, "  hint: {hint}");
            }
        }
    }
    for refused in &report.refused {
        let _ = writeln!(out, "\ndeletions refused: {}", refused.why);
        let _ = writeln!(out, "  hint: {}", policy::decide(&Kind::DeletesRefused).hint);
    }
    let steps: u64 = report.streams.iter().map(|s| s.steps_back).sum();
    let repaired: u64 = report.streams.iter().map(|s| s.repaired).sum();
    let [pace, window, block] = report.waited.map(|s| human(seconds(s)));
    let _ = writeln!(
        out,
        "\n{} ({} of them again after a failure), {} generated, {} refused with 429",
        counted(report.requests, "request"),
        report.retries,
        counted(report.tokens, "token"),
        report.refused_429
    );
    let _ = writeln!(out, "waited {pace} to stay under the limit, {window} for its reset, {block} after a 429");
    if let Some(peak) = report.peak_memory_mib {
        let _ = writeln!(out, "peak memory {peak:.1} MiB");
    }
    if steps > 0 {
        let _ = writeln!(out, "windows that had moved and were joined again: {steps}");
    }
    if repaired > 0 {
        let _ = writeln!(out, "characters that no text can hold and that were replaced by U+FFFD: {repaired}");
    }
    for (stream, audit) in report.streams.iter().filter_map(|s| Some((s.stream, s.audit.as_ref()?))) {
        let _ = writeln!(out, "audit of {stream}: {audit}");
    }
    for note in &report.notes {
        let _ = writeln!(out, "note: {note}");
    }
    for d in &report.destinations {
        delivered(&mut out, d);
    }
    if matches!(report.exit_code, Exit::Incomplete | Exit::Stopped | Exit::Unavailable) {
        let _ = writeln!(out, "\nRun the same command again: it goes on where this run ended.");
    }
    out
}

/// The hint for records that a destination cannot hold.
pub const LEFT_OUT: &str = "all others are delivered; files (CSV, JSON Lines, Parquet) take every id";

/// Returns one line that says which records the destination leaves out, because it cannot hold them. `names` holds
/// each as the stream's name and the record's id.
pub fn left_out(names: &[String]) -> String {
    const NAMED: usize = 20;
    let shown = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    let count = counted(names.len() as u64, "record");
    format!(
        "set aside: {count} with an id that it has no key for (U+0000 in it, or too long for an index): {shown}{more}"
    )
}

/// Appends the outcome for one destination to `out`.
fn delivered(out: &mut String, d: &DestinationReport) {
    match &d.error {
        Some(error) => {
            let _ = writeln!(out, "\n{}: not delivered: {error}", d.place);
            if let Some(hint) = d.hint {
                let _ = writeln!(out, "  hint: {hint}");
            }
        }
        None if !d.tables.is_empty() => {
            let (records, tables) = (counted(d.records, "record"), counted(d.tables.len() as u64, "table"));
            let _ = writeln!(out, "\n{}: {records} into {tables}", d.place);
        }
        None if d.files.is_empty() => {
            let _ = writeln!(out, "\n{}: nothing new but manifest.json", d.place);
        }
        None => {
            let (records, files) = (counted(d.records, "record"), counted(d.files.len() as u64, "file"));
            let _ = writeln!(out, "\n{}: {records} in {files} and manifest.json", d.place);
        }
    }
    if d.misfits > 0 {
        let _ = writeln!(
            out,
            "  {} did not fit: see _extra, or U+FFFD where PostgreSQL has no U+0000",
            counted(d.misfits, "value")
        );
    }
    if !d.set_aside.is_empty() {
        let _ = writeln!(out, "  {}", left_out(&d.set_aside));
    }
    for held in &d.held {
        let _ = writeln!(
            out,
            "  {held}: held back; the last good file, if there is one, stays (publish = \"always\" delivers it all the same)"
        );
    }
}

fn outcome_in_words(report: &RunReport) -> &'static str {
    match report.exit_code {
        Exit::Complete => "complete",
        Exit::Incomplete => "finished, but not everything is proven complete",
        Exit::Stopped => "stopped before its end",
        Exit::Credentials => "refused: credentials or scopes",
        Exit::Unavailable => "the API was unavailable",
        Exit::Integrity if !report.refused.is_empty() => "finished, but deletions were refused",
        Exit::Integrity => "integrity failure",
        Exit::Failed | Exit::Usage | Exit::Locked => "failed",
    }
}

/// The hint for runs whose limits of time or requests are too small.
const STARVED: &str = "allow each run more (--max-requests, --max-runtime, --until), or take streams out of the job: each run \
    goes on where the one before it stopped, so the files of these streams are as old as several runs";

/// Returns the causes and hints of a run that ended but is incomplete: failed streams, failed destinations, and
/// streams not shown to be complete. The caller always logs them, because the summary may go unread. All streams
/// share one line, with the hint for the gravest cause.
pub fn shortfall(report: &RunReport) -> Vec<(String, &'static str)> {
    if matches!(report.exit_code, Exit::Complete | Exit::Stopped) {
        return Vec::new();
    }
    let again = "run the same command again: it goes on where this run ended";
    let mut told: Vec<(String, &'static str)> = Vec::new();
    told.extend(report.starved.iter().map(|starved| (starved.why.clone(), STARVED)));
    told.extend(report.refused.iter().map(|r| (r.why.clone(), policy::decide(&Kind::DeletesRefused).hint)));
    let mut streams: Vec<(Vec<&str>, &str, &'static str)> = Vec::new();
    // A message about starved streams or refused deletions already says why these streams are not complete.
    let is_told = |stream: &str| {
        let mut starved = report.starved.iter().flat_map(|starved| &starved.streams);
        report.has_refused(stream) || starved.any(|named| named == stream)
    };
    for s in report.streams.iter().filter(|s| (s.hint.is_some() || s.why.is_some()) && !is_told(s.stream)) {
        let (why, hint) = (s.why.as_deref().unwrap_or("not proven complete"), s.hint.unwrap_or(again));
        match streams.iter_mut().find(|(_, w, h)| (*w, *h) == (why, hint)) {
            Some((names, ..)) => names.push(s.stream),
            None => streams.push((vec![s.stream], why, hint)),
        }
    }
    // Failures come before streams that are merely not proven.
    streams.sort_by_key(|(_, _, hint)| *hint == again);
    // All streams share one line, with the hint for the gravest cause.
    if let Some((.., hint)) = streams.first() {
        let causes: Vec<String> =
            streams.iter().map(|(names, why, _)| format!("{}: {why}", names.join(", "))).collect();
        told.push((causes.join("; "), hint));
    }
    for d in report.destinations.iter().filter(|d| !d.set_aside.is_empty()) {
        told.push((format!("{}: {}", d.place, left_out(&d.set_aside)), LEFT_OUT));
    }
    let undelivered = report.destinations.iter().filter_map(|d| d.error.as_ref().zip(d.hint));
    told.extend(undelivered.map(|(why, hint)| (format!("not delivered: {why}"), hint)));
    if told.is_empty() {
        told.push(("the run is not complete".into(), again));
    }
    told
}

/// Returns one word for an exit code, such as `incomplete`.
pub fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Complete => "complete",
        Exit::Failed => "failed",
        Exit::Usage => "usage",
        Exit::Incomplete => "incomplete",
        Exit::Stopped => "stopped",
        Exit::Credentials => "credentials",
        Exit::Unavailable => "API unavailable",
        Exit::Integrity => "integrity",
        Exit::Locked => "locked",
    }
}

/// Formats rows of text in aligned columns. The first two columns are aligned to the left, all others to the right.
pub fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| table.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in table {
        let mut line = String::new();
        for (c, text) in row.iter().enumerate() {
            let pad = " ".repeat(widths[c] - text.chars().count());
            let cell = if c < 2 { format!("{text}{pad}  ") } else { format!("{pad}{text}  ") };
            line.push_str(&cell);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or_default()
}
