//! `check JOB`: a checklist, a hint on every line that fails. It asks one record of each stream and writes nothing but
//! the shared budget window.

use std::path::Path;

use super::setup;
use crate::cli::JobArgs;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::mirror;
use crate::policy::{self, Exit};
use crate::say;
use crate::source::Source;
use crate::source::negotiate::{Negotiation, Part, spelled_otherwise};
use crate::source::query::{Question, Start};
use crate::streams::Stream;
use crate::sync::dialect;

/// Checks a job.
pub async fn check(args: &JobArgs) -> Result<Exit> {
    let settings = Settings::load(&args.job, &setup::flags(args))?;
    say!(
        "ok    job {}: {} streams, {} destinations",
        settings.name,
        settings.streams.len(),
        settings.destinations.len()
    );
    let mut list = Checklist { exits: Vec::new() };
    let source = setup::source(&settings)?;
    let remembered = remembered(&settings)?;
    let signed_in = signed_in(&source, &settings, &remembered).await;
    list.line(
        &format!("endpoint {} and credentials", settings.source.endpoint),
        signed_in.as_ref().map(|_| String::new()),
    );
    if let Ok(token) = &signed_in {
        let known = [&remembered[..], token].concat();
        streams(&mut list, &settings, &source, &known).await;
        let stats = source.budget.stats();
        match stats.remaining {
            Some(left) => say!("ok    rate limit: the server says {left} requests are left in this window"),
            None => say!(
                "note  rate limit: the server sends no X-RateLimit headers; pacing by {} a minute alone",
                settings.requests_per_minute
            ),
        }
    }
    list.line(
        &format!("mirror {}", settings.mirror.display()),
        usable_mirror(&settings.mirror).as_ref().map(ToString::to_string),
    );
    for d in &settings.destinations {
        list.line(&format!("destination {}", d.path.display()), writable(&d.path).as_ref().map(|()| String::new()));
    }
    Ok(Exit::first(list.exits))
}

/// How the API is spelled, as the mirror remembers it; nothing where there is no mirror yet.
fn remembered(settings: &Settings) -> Result<Vec<Part>> {
    match mirror::store::open_for_reading(&settings.mirror) {
        Ok(connection) => dialect::recall_read_only(&connection, &settings.source.endpoint),
        // Its own line says what is wrong with it.
        Err(_) => Ok(Vec::new()),
    }
}

/// A token, settled where the mutation is spelled otherwise; gives what was settled.
async fn signed_in(source: &Source, settings: &Settings, remembered: &[Part]) -> Result<Vec<Part>> {
    let outcome = Negotiation::new(source, &settings.spelled, remembered)?.settle(true, &[]).await?;
    dialect::refuse_open(&outcome)?;
    Ok(outcome.parts)
}

async fn streams(list: &mut Checklist, settings: &Settings, source: &Source, known: &[Part]) {
    let mut refused = 0;
    let absent = |s: &Stream| known.iter().any(|part| part.name == s.name() && part.is_absent());
    let mut a_conversation = None;
    let mut otherwise: Vec<(Stream, String)> = Vec::new();
    for stream in settings.streams.iter().filter(|s| !absent(s)) {
        let (parent, what) = match stream.definition().parent {
            None => (None, format!("stream {stream} ({})", stream.definition().scope)),
            // One conversation's messages; an id that may not exist shows the scope as well.
            Some(_) => (
                Some(a_conversation.clone().unwrap_or_else(|| "000000000000000000000000".to_owned())),
                format!("stream {stream} ({})", stream.definition().scope),
            ),
        };
        let answer = source.ask(Question { stream: *stream, parent, size: 1, start: Start::Row(0) }).await;
        if let Err(error) = &answer
            && spelled_otherwise(error)
        {
            otherwise.push((*stream, what));
            continue;
        }
        if let (Stream::Conversations, Ok(page)) = (stream, &answer) {
            a_conversation = page.records.rows.first().map(|r| r.id.to_string());
        }
        refused += usize::from(answer.as_ref().is_err_and(|e| policy::decide(&e.kind).exit == Exit::Credentials));
        let shown = answer.as_ref().map(|page| page.total.map(|n| format!("{n} records")).unwrap_or_default());
        list.line(&what, shown);
    }
    list.settle(source, settings, known, &otherwise).await;
    if refused < settings.streams.len() {
        // As in a run: one missing scope leaves it incomplete.
        list.exits.iter_mut().filter(|e| **e == Exit::Credentials).for_each(|e| *e = Exit::Incomplete);
    }
}

struct Checklist {
    exits: Vec<Exit>,
}

impl Checklist {
    /// Streams that are not asked for as believed: settled as a run would, all at once.
    async fn settle(&mut self, source: &Source, settings: &Settings, known: &[Part], otherwise: &[(Stream, String)]) {
        if otherwise.is_empty() {
            return;
        }
        let streams: Vec<Stream> = otherwise.iter().map(|(stream, _)| *stream).collect();
        let outcome = match Negotiation::new(source, &settings.spelled, known) {
            Ok(negotiation) => negotiation.anew(&streams).await,
            Err(error) => Err(error),
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return self.line("how the API is spelled", Err(&error)),
        };
        let proven = |s: Stream| outcome.findings.iter().any(|f| f.part.starts_with(&format!("streams.{s}.")));
        for (stream, what) in otherwise {
            if outcome.absent.contains(stream) {
                say!("note  {what}: this server has no such list; a run skips it");
            } else if proven(*stream) {
                say!("ok    {what}: spelled otherwise here; a run settles it (see `discover`)");
            }
        }
        if let Err(error) = dialect::refuse_open(&outcome) {
            self.line("how the API is spelled", Err(&error));
        }
        for (stream, columns) in &outcome.missing {
            say!("note  {stream}: this server has no {}; the cells stay empty", columns.join(", "));
        }
        for (stream, what) in otherwise.iter().filter(|(s, _)| !outcome.absent.contains(s) && !proven(*s)) {
            let told = format!("{stream} are asked for in words that this server refuses");
            self.line(what, Err(&Error::new(Kind::QueryRejected { fields: Vec::new() }, told)));
        }
    }

    fn line(&mut self, what: &str, outcome: std::result::Result<String, &Error>) {
        match outcome {
            Ok(detail) if detail.is_empty() => say!("ok    {what}"),
            Ok(detail) => say!("ok    {what}: {detail}"),
            Err(error) => {
                let decision = policy::decide(&error.kind);
                say!("FAIL  {what}: {}\n      hint: {}", error.detail, decision.hint);
                self.exits.push(decision.exit);
            }
        }
    }
}

/// Whether the mirror can be opened, without making or changing it.
fn usable_mirror(path: &Path) -> Result<String> {
    if path.exists() {
        let connection = mirror::store::open_for_reading(path)?;
        mirror::store::check(&connection, path)?;
        return Ok("opened".into());
    }
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    writable(folder)?;
    Ok("will be made".into())
}

/// Whether something could be written under `path`, without writing: its nearest existing folder must allow it.
fn writable(path: &Path) -> Result<()> {
    let mut folder = path;
    while !folder.exists() {
        folder = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
    }
    let refused = |why: &str| Error::usage(format!("{} cannot be written: {} {why}", path.display(), folder.display()));
    let metadata = std::fs::metadata(folder).map_err(|e| refused(&e.to_string()))?;
    if !metadata.is_dir() {
        return Err(refused("is not a folder"));
    }
    // An unnamed temporary file is gone with its handle: nothing is left behind.
    tempfile::tempfile_in(folder).map(drop).map_err(|e| refused(&format!("({e})")))
}
