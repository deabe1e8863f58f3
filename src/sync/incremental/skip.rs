//! Collects what the mirror needs to decide which conversations' messages need not be asked for: the fields that are
//! asked for, the creation times of records, and whether entries show a last message.

use std::sync::atomic::Ordering;

use crate::clock::is_ahead;
use crate::error::Result;
use crate::mirror::checkpoint::Checkpoint;
use crate::mirror::landing::Moments;
use crate::mirror::partitions::Partitions;
use crate::record;
use crate::source::page::Page;
use crate::streams::{ColumnKind, DateForm, Stream};
use crate::sync::{Context, settings};

/// The path, in a conversation, to the creation time of its last message.
pub(super) const LAST: [&str; 2] = ["lastMessage", "createdAt"];

/// Returns what is known of the lists in stream `child` that belong to the records of a page.
pub fn partitions(context: &Context, child: Stream, page: &Page) -> Result<Partitions> {
    Ok(Partitions {
        stream: child,
        round: context.begun.since_run,
        selection: settings::fields_fingerprint(&context.source, child)?,
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

fn moments(page: &Page, path: &[&str], form: DateForm) -> Vec<Option<i64>> {
    let text = |row| std::str::from_utf8(page.records.payload(row)).ok();
    page.records.rows.iter().map(|row| record::moment(text(row)?, path, form)).collect()
}
