//! `discover JOB`: finds out how a server spells this API, and prints the result as TOML to paste into the job file,
//! each part with its evidence. Nothing is stored in the mirror. A run finds out the same by itself on its first
//! night.

use std::fmt::Write as _;
use std::path::Path;

use toml::{Table, Value};

use super::setup;
use crate::cli::DiscoverArgs;
use crate::config::settings::Settings;
use crate::dialect::{DialectLayer, Layer as _};
use crate::discovery::infer::{Certainty, Finding};
use crate::discovery::negotiate::{Negotiation, NegotiationOutcome};
use crate::error::{Error, Kind, Result};
use crate::policy::Exit;
use crate::quantity::counted;
use crate::say;

/// Finds out how the server spells the API, and prints it. Exits with 2 if something could not be found out and a
/// person must write it by hand.
pub async fn discover(args: &DiscoverArgs) -> Result<Exit> {
    let mut all = Settings::load(&args.job.job, &setup::flags(&args.job))?;
    let (Some(settings), true) = (all.pop(), all.is_empty()) else {
        return Err(Error::usage("discover looks at one account at a time: pick it with --account NAME"));
    };
    if let Some(file) = &args.write {
        may_write(file, &args.job.job)?;
    }
    let source = setup::source(&settings)?;
    let negotiation = Negotiation::new(&source, &settings.spelled, &[])?.thorough();
    let outcome = negotiation.settle(&settings.streams).await?;
    let mut settled = DialectLayer::default();
    for part in &outcome.parts {
        settled.merge(part.layer.clone());
    }
    let settled = settled.with_job(&settings.spelled).lines();
    crate::logging::print(&printed(&settings.source.endpoint, &settled, &outcome)?);
    if let Some(file) = &args.write {
        write(file, &settled, &outcome)?;
        say!("\n# written to {}: dialect = {:?} under [source] uses it", file.display(), file.display().to_string());
    }
    Ok(if outcome.open.is_empty() { Exit::Complete } else { Exit::Usage })
}

fn printed(endpoint: &str, settled: &Table, outcome: &NegotiationOutcome) -> Result<String> {
    let mut out = format!("# {endpoint}, in {}\n", counted(outcome.requests, "request"));
    for finding in &outcome.findings {
        let _ = writeln!(out, "# {}", line(finding));
    }
    for (stream, columns) in &outcome.missing {
        let _ = writeln!(out, "# {stream}: this server has no {}", columns.join(", "));
    }
    for stream in &outcome.absent {
        let _ = writeln!(out, "# {stream}: this server has no such list");
    }
    if !outcome.open.is_empty() {
        let _ = write!(out, "# to write below [source.dialect]:\n{}", unsettled(outcome));
    }
    let source = Table::from_iter([("dialect".to_owned(), Value::Table(settled.clone()))]);
    let whole = Table::from_iter([("source".to_owned(), Value::Table(source))]);
    let text = toml::to_string(&whole)
        .map_err(|e| Error::new(Kind::Internal, format!("a dialect as TOML: {e}")).caused_by(&e))?;
    let _ = write!(out, "\n{text}");
    Ok(out)
}

fn line(finding: &Finding) -> String {
    let certainty = match finding.certainty {
        Certainty::Documented => "documented",
        Certainty::Introspected => "introspected",
        Certainty::Asked => "asked",
        Certainty::Proven => "proven",
        Certainty::Assumed => "assumed",
    };
    format!("{certainty:<12} {}: {} ({})", finding.part, finding.value, finding.evidence)
}

/// Returns TOML comments for what could not be found out: for each part the reason, and the line for a person to
/// write.
fn unsettled(outcome: &NegotiationOutcome) -> String {
    outcome
        .open
        .iter()
        .fold(String::new(), |lines, open| lines + &format!("# OPEN: {}\n# {}\n", open.what, open.written()))
}

/// The first line of a file that this command wrote.
const OURS: &str = "# written by qpien-sync discover, which may write it anew";

/// Returns an error if `--write` names a file that this command did not write, that is the job file, or that cannot
/// be written. Called before the first request.
fn may_write(file: &Path, job: &Path) -> Result<()> {
    let refused = |why: String| Err(Error::usage(format!("--write {}: {why}", file.display())));
    let same = |a: &Path, b: &Path| a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b));
    if same(file, job) {
        return refused("this is the job file".into());
    }
    let opened = if file.exists() {
        if !std::fs::read_to_string(file).is_ok_and(|text| text.lines().next() == Some(OURS)) {
            return refused("this file is there, and discover did not write it; name another one".into());
        }
        std::fs::OpenOptions::new().append(true).open(file).map(drop)
    } else {
        std::fs::OpenOptions::new().write(true).create_new(true).open(file).and_then(|_| std::fs::remove_file(file))
    };
    opened.or_else(|e| refused(e.to_string()))
}

/// Writes what was found out to the file. Parts that a person must write come first, as comments with a line to fill
/// in.
fn write(file: &Path, settled: &Table, outcome: &NegotiationOutcome) -> Result<()> {
    let text = toml::to_string(settled)
        .map_err(|e| Error::new(Kind::Internal, format!("a dialect as TOML: {e}")).caused_by(&e))?;
    let text = format!("{OURS}\n{}{text}", unsettled(outcome));
    std::fs::write(file, text).map_err(|e| Error::usage(format!("--write {}: {e}", file.display())).caused_by(&e))
}
