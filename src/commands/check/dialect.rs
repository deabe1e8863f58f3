//! Reports how the program knows the spelling of each part of the API: proven by an earlier run and remembered, found
//! out just now, given by the job file, or only assumed as shipped. Also reports which documented columns stay empty
//! because they are not asked for.

use super::line::CheckLine;
use super::streams::{StreamCheck, StreamChecks};
use crate::config::settings::Settings;
use crate::discovery::negotiate::{NegotiationOutcome, SavedPart};
use crate::error::Result;
use crate::quantity::counted;
use crate::source::Source;
use crate::streams::Stream;

/// The name of the one part of the dialect that belongs to no stream: how a token is asked for.
const TOKEN: &str = "token";

/// Returns the one line of the checklist that covers every part of the dialect.
pub fn line(
    source: &Source,
    settings: &Settings,
    remembered: &[SavedPart],
    signed_in: &Result<NegotiationOutcome>,
    asked: &StreamChecks,
) -> CheckLine {
    let absent = |s: Stream| asked.seen.iter().any(|(seen, what)| *seen == s && matches!(what, StreamCheck::Absent));
    let there = || settings.streams.iter().copied().filter(|s| !absent(*s));
    let mut settled: Vec<&str> = Vec::new();
    settled.extend(signed_in.as_ref().is_ok_and(|token| !token.parts.is_empty()).then_some(TOKEN));
    let told = |s: &Stream| asked.outcome.findings.iter().any(|f| f.part.starts_with(&format!("streams.{s}.")));
    settled.extend(there().filter(told).map(Stream::name));
    let (mut proven, mut given, mut assumed) = (Vec::new(), Vec::new(), Vec::new());
    for name in std::iter::once(TOKEN).chain(there().map(Stream::name)) {
        let own = &settings.spelled;
        let spelled = if name == TOKEN {
            own.token.is_some()
        } else {
            Stream::named(name).is_some_and(|s| own.stream(s).is_some())
        };
        if settled.contains(&name) {
            continue;
        }
        if remembered.iter().any(|part| part.name == name && part.is_proven()) {
            proven.push(name);
        } else if spelled {
            given.push(name);
        } else {
            assumed.push(name);
        }
    }
    let missing: Vec<(Stream, Vec<&str>)> =
        there().map(|s| (s, missing(source, s))).filter(|(_, columns)| !columns.is_empty()).collect();
    let count = missing.iter().map(|(_, columns)| columns.len() as u64).sum();
    let kinds = [
        ("proven and remembered", &proven),
        ("settled just now", &settled),
        ("given by the job file", &given),
        ("assumed as shipped", &assumed),
    ];
    let parts: Vec<String> = kinds
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind}: {}", names.join(", ")))
        .collect();
    let detail = format!("{}; {}", parts.join("; "), not_asked(count));
    let hint = if assumed.is_empty() && settled.is_empty() {
        "the next run asks nothing about it"
    } else {
        "the first run proves it with two rows of each list, and the mirror remembers it"
    };
    let columns: serde_json::Map<String, serde_json::Value> =
        missing.into_iter().map(|(s, columns)| (s.name().to_owned(), columns.into())).collect();
    CheckLine::ok_if(assumed.is_empty(), "dialect", detail, hint)
        .with("proven", proven)
        .with("settled", settled)
        .with("given", given)
        .with("assumed", assumed)
        .with("missing_columns", count)
        .with("missing", columns)
}

fn not_asked(count: u64) -> String {
    match count {
        0 => "every documented column is asked for".into(),
        n => format!("{} not asked for: the cells stay empty", counted(n, "documented column")),
    }
}

/// Returns the documented columns of a stream that the query does not select.
fn missing(source: &Source, stream: Stream) -> Vec<&'static str> {
    let dialect = source.dialect();
    let Ok(part) = dialect.stream(stream) else {
        return Vec::new();
    };
    stream.columns().iter().map(|c| c.name).filter(|name| !part.asks_for(name)).collect()
}
