//! Collects what the mirror needs to decide which conversations' messages need not be asked for: the fields that are
//! asked for, the creation times of records, and whether entries show a last message. It also writes the notes with
//! which a run begins.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use crate::clock::is_ahead;
use crate::error::Result;
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::landing::Moments;
use crate::mirror::partitions::Partitions;
use crate::mirror::silence;
use crate::mirror::walk_key::Lane;
use crate::quantity::counted;
use crate::record;
use crate::source::Source;
use crate::source::page::Page;
use crate::streams::{ColumnKind, DateForm, Stream};
use crate::sync::Context;

/// The path, in a conversation, to the creation time of its last message.
const LAST: [&str; 2] = ["lastMessage", "createdAt"];

/// Returns a fingerprint of the fields that a stream is asked for. It changes when the fields do.
pub fn selected(source: &Source, stream: Stream) -> Result<i64> {
    let fields = source.dialect().stream(stream)?.selected().collect::<Vec<_>>().join("\n");
    Ok(i64::from_ne_bytes(xxh3_64(fields.as_bytes()).to_ne_bytes()))
}

/// Adds a note for each value that is declared volatile but is not asked for. A typing error in the job would leave
/// the real value in the hash.
fn note_volatile(context: &Context, streams: &[Stream]) -> Result<()> {
    let dialect = context.source.dialect();
    for stream in streams {
        let part = dialect.stream(*stream)?;
        let unasked = context.source.volatile()[*stream].paths.iter().filter(|path| !part.is_asked_for(path));
        let names: Vec<String> = unasked.map(|path| path.join(".")).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            let note = format!("{stream}: [source.volatile] names {names}, which is not asked for");
            context.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        }
    }
    Ok(())
}

/// Returns what is known of the lists in stream `child` that belong to the records of a page.
pub fn partitions(context: &Context, child: Stream, page: &Page) -> Result<Partitions> {
    Ok(Partitions {
        stream: child,
        round: context.begun.since_run,
        selection: selected(&context.source, child)?,
        now: context.source.now(),
        lookback: context.terms.lookback,
        newest: moments(page, &LAST, context.source.dialect().date_of(Stream::Conversations)),
        signs: signs(page),
        silence_is_empty: context.silence_is_empty.load(Ordering::Relaxed),
    })
}

/// Returns the creation times of the rows of a page. Returns no times for a stream's only list, because only lists
/// that belong to a parent record need them.
pub fn made(context: &Context, stream: Stream, from: &Checkpoint, page: &Page) -> Moments {
    let column = stream.columns().iter().find(|c| c.kind == ColumnKind::Timestamp);
    let rows = match column {
        Some(column) if !from.partition.is_empty() => {
            moments(page, &[column.name], context.source.dialect().date_of(stream))
        }
        _ => Vec::new(),
    };
    Moments { rows, may_end: false, round_began: context.begun.began }
}

/// Returns the moment before which everything in a list is known, in milliseconds since 1970. Returns `None` if the
/// list must be read to its end. A stored moment in the future comes from a wrong clock and does not count.
pub fn horizon(context: &Context, from: &Checkpoint) -> Option<i64> {
    let now = context.source.now();
    let known_since = from.known_since.filter(|since| !from.partition.is_empty() && !is_ahead(*since, now));
    known_since.map(|since| since.saturating_sub(context.terms.lookback))
}

/// Returns, for each row of a page of conversations, whether it shows its last message.
fn signs(page: &Page) -> Vec<bool> {
    let tells = |row| {
        let text = std::str::from_utf8(page.records.payload(row)).unwrap_or_default();
        record::member(text, LAST[0]).is_some_and(tells_anything)
    };
    page.records.rows.iter().map(tells).collect()
}

/// Adds notes about claims of the server that are not believed because the job says so.
fn note_ignored(context: &Context, streams: &[Stream]) -> Result<()> {
    for stream in streams {
        for claim in context.source.dialect().stream(*stream)?.list.ignored() {
            context.note(format!(
                "{stream}: what the server says under `{claim}` is not believed, as the job asks; nothing is proven"
            ));
        }
    }
    Ok(())
}

/// Returns whether the field of the parent stream is asked for that shows whether a list of `child` has new records.
pub fn asks_for_signs(source: &Source, child: Stream) -> Result<bool> {
    let Some(parent) = child.definition().parent else { return Ok(false) };
    Ok(source.dialect().stream(parent)?.is_asked_for(&[LAST[0].to_owned()]))
}

/// Returns whether a JSON value holds anything: a value that is not `null`, or a container with such a value in it.
fn tells_anything(json: &str) -> bool {
    fn tells(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null => false,
            serde_json::Value::Object(members) => members.values().any(tells),
            serde_json::Value::Array(values) => values.iter().any(tells),
            _ => true,
        }
    }
    // A value that cannot be read here is an object of an unusual form, and tells something.
    serde_json::from_str(json).map_or(true, |value| tells(&value))
}

/// Returns a sentence about what each night costs because the entries of `lists` conversations do not show a new
/// message. `None` if there are no such conversations.
pub fn cost_of_silence(source: &Source, lists: usize) -> Option<String> {
    let requests = lists.div_ceil(source.aliases.now().max(1));
    let (these, requests) = (counted(lists as u64, "conversation"), counted(requests as u64, "request"));
    (lists > 0).then(|| {
        format!(
            "the entries of {these} show no last message (`{}`), or not the newest one; each night asks for the messages of all \
             of these, in {requests} at least",
            LAST[0]
        )
    })
}

/// Decides whether conversations without a last message in their entries are empty. Reports in the log and in the
/// summary what such entries cost each night.
async fn weigh_silence(context: &Context, streams: &[Stream]) -> Result<()> {
    let Some(child) = streams.iter().copied().find(|s| s.definition().parent.is_some()) else { return Ok(()) };
    if context.lane != Lane::Incremental || !context.source.is_partitioned(child) {
        return Ok(());
    }
    let unasked = !asks_for_signs(&context.source, child)?;
    let silence = context.mirror.call(move |w| w.transaction(|t| silence::of_stream(t, child, unasked))).await?;
    context.silence_is_empty.store(silence.is_empty, Ordering::Relaxed);
    if let Some(cost) = cost_of_silence(&context.source, silence.lists.len()) {
        tracing::warn!(stream = %child, "{cost}");
        context.note(format!("{child}: {cost}"));
    }
    Ok(())
}

/// Adds the notes about settings, volatile values and ignored claims that are known before the run reads anything.
pub async fn note_all(context: &Context, streams: &[Stream]) -> Result<()> {
    crate::sync::settings::note_changes(context, streams).await?;
    crate::sync::volatile::declare(context, streams).await?;
    if let Some(note) = context.begun.age_note(context.source.now()) {
        context.note(note);
    }
    note_volatile(context, streams)?;
    note_ignored(context, streams)?;
    weigh_silence(context, streams).await
}

fn moments(page: &Page, path: &[&str], form: DateForm) -> Vec<Option<i64>> {
    let text = |row| std::str::from_utf8(page.records.payload(row)).ok();
    page.records.rows.iter().map(|row| record::moment(text(row)?, path, form)).collect()
}
