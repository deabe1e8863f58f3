//! Finds out, before a run reads anything, how the API spells its queries. It uses what the mirror remembers for this
//! endpoint. What the mirror does not remember is found out and proven by asking the server, and is then remembered,
//! so that a second run makes no request for it.

use super::{Context, DialectSettings, limits};
use crate::dialect::{Dialect, DialectLayer, Layer as _, ListLayer};
use crate::discovery::check_paging;
use crate::discovery::negotiate::{Negotiation, NegotiationOutcome, SavedPart};
use crate::error::{Error, Kind, Result};
use crate::mirror::deletions;
use crate::mirror::dialect as memory;
use crate::mirror::store::Mirror;
use crate::mirror::views;
use crate::quantity::counted;
use crate::source::Source;
use crate::streams::{Dates, Stream};

/// The number of known conversations that are tried to find out how messages are asked for. Several, because the
/// first may be gone.
const THERE: usize = 3;

/// The name under which the way to request a token is remembered. Other names are those of streams.
const TOKEN: &str = "token";

/// What is known when the run begins.
#[derive(Debug, Clone, Default)]
pub struct KnownAtStart {
    /// The job's streams that this server has.
    pub streams: Vec<Stream>,
    /// Notes for the summary.
    pub notes: Vec<String>,
}

/// Signs in, and finds out how the API spells the queries for these streams. `job` is the job's own
/// `[source.dialect]`. Fails with a usage error that lists everything that could not be found out.
pub async fn settle(
    source: &Source,
    mirror: &Mirror,
    endpoint: &str,
    job: &DialectLayer,
    streams: &[Stream],
) -> Result<KnownAtStart> {
    limits::recall(source, mirror, endpoint).await?;
    let remembered = recall(mirror, endpoint).await?;
    if !remembered.is_empty() {
        source.know_endpoint();
    }
    let unknown: Vec<Stream> = streams
        .iter()
        .copied()
        .filter(|s| {
            !remembered
                .iter()
                .any(|p| p.name == s.name() && p.is_known(source.is_collecting(*s), source.settings().is_collect_named))
        })
        .collect();
    let mut negotiation = Negotiation::new(source, job, &remembered)?;
    if !unknown.is_empty() {
        let lately = mirror.call(|w| deletions::seen_last(w, Stream::Conversations, THERE)).await?;
        negotiation.know_conversations(lately);
    }
    negotiation.begin(&unknown).await?;
    // Each settled part is remembered at once, so that a run that is interrupted here goes on from there.
    loop {
        keep(source, mirror, endpoint, negotiation.outcome()).await?;
        if !negotiation.next().await? {
            break;
        }
    }
    let mut outcome = negotiation.outcome().clone();
    let gone = |s: &Stream| is_absent(&remembered, *s);
    outcome.absent.extend(streams.iter().copied().filter(gone));
    refuse_open(&outcome)?;
    let mut notes = told(&outcome);
    let known = |part: &&SavedPart| part.name == TOKEN || streams.iter().any(|s| s.name() == part.name);
    let fresh = |part: &&SavedPart| outcome.parts.iter().any(|new| new.name == part.name);
    notes.extend(remembered.iter().filter(known).filter(|part| !fresh(part)).flat_map(SavedPart::notes));
    if outcome.blind {
        notes.push("this server hides its schema: of the fields that no page documents, those with likely names were looked for; `extra` in [source.dialect.streams.NAME] names others".into());
    }
    if outcome.parts.iter().any(SavedPart::is_proven) {
        notes.insert(
            0,
            format!(
                "how this API is spelled was made sure of in {} and is remembered",
                counted(outcome.requests, "request")
            ),
        );
    }
    let streams = streams.iter().copied().filter(|s| !outcome.absent.contains(s)).collect();
    Ok(KnownAtStart { streams, notes })
}

/// Finds out again how the API spells the query for one stream, after the server has refused it in mid-run. Returns
/// notes for the summary, or `None` if nothing has changed.
pub async fn again(
    source: &Source,
    mirror: &Mirror,
    endpoint: &str,
    job: &DialectLayer,
    stream: Stream,
) -> Result<Option<Vec<String>>> {
    let remembered = recall(mirror, endpoint).await?;
    let outcome = Negotiation::new(source, job, &remembered)?.anew(&[stream]).await?;
    keep(source, mirror, endpoint, &outcome).await?;
    // The stream could be read before, and other streams may be unchanged. So only this stream fails, not the run.
    refuse_open(&outcome).map_err(|e| Error { kind: Kind::QueryRejected { fields: Vec::new() }, ..e })?;
    if outcome.parts.is_empty() {
        return Ok(None);
    }
    let mut notes = vec![format!("{stream}: the API has changed; how it is spelled was settled anew")];
    notes.extend(told(&outcome));
    Ok(Some(notes))
}

/// Finds out, before the first page of a list is read, how the list is paged: for example, whether pages are counted
/// from 0 or from 1. Asks for two pages and remembers what they show, unless rows of the stream have shown it before.
/// A list without rows shows nothing; its walk asks for it once more and ends there. `partition` is the id of the
/// list's parent record, or empty.
pub async fn make_sure(context: &Context, stream: Stream, partition: &str) -> Result<()> {
    let source = &context.source;
    if source.is_sure(stream) {
        return Ok(());
    }
    let DialectSettings { endpoint, job, turn } = &context.spelling;
    let _turn = turn.lock().await;
    if source.is_sure(stream) {
        return Ok(());
    }
    let parent = Some(partition.to_owned()).filter(|p| !p.is_empty()).or_else(|| source.any_parent(stream));
    let proof = check_paging::list(source, stream, parent.as_deref()).await?;
    if proof.rows == 0 {
        return Ok(());
    }
    if let (Some(page_from), false) = (proof.page_from, names_page_from(job, stream)) {
        source.count_from(stream, page_from);
    }
    source.note_paging_settled(stream);
    let remembered = recall(&context.mirror, endpoint).await?.into_iter().find(|part| part.name == stream.name());
    let part = remembered.unwrap_or_else(|| SavedPart::new(stream.name(), DialectLayer::default()));
    let outcome = NegotiationOutcome { parts: vec![part.shown(stream, &proof)], ..NegotiationOutcome::default() };
    keep(source, &context.mirror, endpoint, &outcome).await
}

/// Counts a stream's pages from 1 after a list showed its first page again when asked for the second. `began` is the
/// number from which its pages were counted when the walk began. Returns whether they are counted from 1 now and were
/// not then. Returns `false` if the job itself says from which number pages are counted.
pub async fn recount(context: &Context, stream: Stream, began: u32) -> Result<bool> {
    let DialectSettings { endpoint, job, turn } = &context.spelling;
    let source = &context.source;
    let _turn = turn.lock().await;
    let (paging, page_from) = {
        let dialect = source.dialect();
        let list = &dialect.stream(stream)?.list;
        (list.paging, list.page_from)
    };
    if !paging.is_numbered() || began != 0 || names_page_from(job, stream) {
        return Ok(false);
    }
    if page_from == 0 {
        source.count_from(stream, 1);
        let remembered = recall(&context.mirror, endpoint).await?.into_iter().find(|part| part.name == stream.name());
        let part = remembered.unwrap_or_else(|| SavedPart::new(stream.name(), DialectLayer::default()));
        let counted = check_paging::Proof { page_from: Some(1), rows: 1, ..check_paging::Proof::default() };
        let outcome = NegotiationOutcome { parts: vec![part.shown(stream, &counted)], ..NegotiationOutcome::default() };
        keep(source, &context.mirror, endpoint, &outcome).await?;
    }
    Ok(true)
}

/// Finds out whether single records of a stream can be asked for by their ids, and remembers the answer, also a
/// negative one. `there` are ids of records that existed recently. Returns `None` if nothing is remembered and
/// `there` is empty. `asked` keeps what was learnt about the server from one stream to the next.
pub async fn single_records<'c>(
    context: &'c Context,
    asked: &mut Option<Negotiation<'c>>,
    stream: Stream,
    there: &[String],
) -> Result<Option<bool>> {
    let source = &context.source;
    if source.dialect().stream(stream)?.one.as_ref().is_some_and(|one| one.not_found.is_some()) {
        return Ok(Some(true));
    }
    let DialectSettings { endpoint, job, .. } = &context.spelling;
    let remembered = recall(&context.mirror, endpoint).await?;
    let part = remembered.iter().find(|part| part.name == stream.name()).cloned();
    if part.as_ref().is_some_and(SavedPart::lacks_single_record) {
        return Ok(Some(false));
    }
    if there.is_empty() {
        return Ok(None);
    }
    let negotiation = match asked {
        Some(negotiation) => negotiation,
        None => asked.insert(Negotiation::new(source, job, &remembered)?),
    };
    let one = negotiation.one(stream, there).await?;
    let has_one = one.is_some();
    let part = part.unwrap_or_else(|| SavedPart::unproven(stream)).with_one(stream, one);
    keep(source, &context.mirror, endpoint, &NegotiationOutcome { parts: vec![part], ..NegotiationOutcome::default() })
        .await?;
    Ok(Some(has_one))
}

/// Returns whether the job itself says from which number pages are counted. That overrules what the server shows.
fn names_page_from(job: &DialectLayer, stream: Stream) -> bool {
    let names = |list: Option<&ListLayer>| list.is_some_and(|list| list.page_from.is_some());
    names(job.list.as_ref()) || names(job.stream(stream).and_then(|own| own.list.as_ref()))
}

fn told(outcome: &NegotiationOutcome) -> Vec<String> {
    let missing = outcome
        .missing
        .iter()
        .map(|(stream, columns)| format!("{stream}: this server has no {}; the cells stay empty", columns.join(", ")));
    let unasked = outcome.unasked.iter().map(|(stream, columns)| {
        format!(
            "{stream}: {} not asked for, the cells stay empty: the server hides its schema, and nobody has shown their fields; `fields` in [source.dialect.streams.{stream}] can name them",
            columns.join(", ")
        )
    });
    let absent = outcome.absent.iter().map(|s| format!("{s}: this server has no such list; skipped"));
    let decided = outcome.parts.iter().flat_map(SavedPart::notes);
    missing.chain(unasked).chain(absent).chain(decided).collect()
}

/// Fails if anything could not be found out. The error has a line for each setting that must be written into the job.
pub fn refuse_open(outcome: &NegotiationOutcome) -> Result<()> {
    if outcome.open.is_empty() {
        return Ok(());
    }
    let told = "how this API is spelled could not be settled; write below [source.dialect]:";
    let lines = outcome.open.iter().map(|open| format!("{}   # {}", open.written(), open.what));
    Err(Error::usage(told).above(lines))
}

/// Remembers a part of the dialect in the mirror, in place of the earlier version of that part.
pub(super) async fn keep_part(source: &Source, mirror: &Mirror, endpoint: &str, part: SavedPart) -> Result<()> {
    keep(source, mirror, endpoint, &NegotiationOutcome { parts: vec![part], ..NegotiationOutcome::default() }).await
}

pub(super) async fn recall(mirror: &Mirror, endpoint: &str) -> Result<Vec<SavedPart>> {
    let endpoint = endpoint.to_owned();
    let rows = mirror.call(move |w| memory::recall(w, &endpoint)).await?;
    parts(rows)
}

/// Returns the parts of the dialect that the mirror remembers for an endpoint. `connection` is a mirror opened for
/// reading only.
pub fn recall_read_only(connection: &rusqlite::Connection, endpoint: &str) -> Result<Vec<SavedPart>> {
    parts(memory::recall_read_only(connection, endpoint))
}

/// Does the same as [`recall_read_only`] for a command that reads no API. It may name another endpoint than the one that
/// the records came from.
pub fn recall_of_records(connection: &rusqlite::Connection, endpoint: &str) -> Result<Vec<SavedPart>> {
    parts(memory::recall_of_records(connection, endpoint))
}

/// Returns how the API writes each stream's dates, by the remembered parts and the job's own `[source.dialect]`.
pub fn dates(remembered: &[SavedPart], job: &DialectLayer) -> Result<Dates> {
    let mut settled = DialectLayer::default();
    for part in remembered {
        settled.merge(part.layer.clone());
    }
    Ok(Dialect::with(&settled.with_job(job))?.dates())
}

/// Returns whether an earlier run has found that the server does not have this stream.
pub fn is_absent(remembered: &[SavedPart], stream: Stream) -> bool {
    remembered.iter().any(|part| part.name == stream.name() && part.is_absent())
}

fn parts(rows: Vec<(String, String)>) -> Result<Vec<SavedPart>> {
    rows.into_iter()
        .filter(|(name, _)| name != limits::PART)
        .map(|(name, settled)| {
            let unreadable = |why| format!("the mirror's memory of `{name}` is not readable: {why}");
            SavedPart::read(name.clone(), &settled).map_err(|why| Error::new(Kind::MirrorCorrupt, unreadable(why)))
        })
        .collect()
}

async fn keep(source: &Source, mirror: &Mirror, endpoint: &str, outcome: &NegotiationOutcome) -> Result<()> {
    let parts: Vec<(String, String)> = outcome.parts.iter().map(|p| (p.name.clone(), p.text())).collect();
    let (endpoint, dates) = (endpoint.to_owned(), source.dialect().dates());
    mirror
        .call(move |w| {
            memory::remember(w, &endpoint, &parts)?;
            views::remake(w, &dates)
        })
        .await
}
