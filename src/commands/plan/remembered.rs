//! Plans a run from what the mirror remembers of an account: how long each conversation is, and which conversations
//! are read again in any case. A sample of their list tells how many have changed.

use rusqlite::Connection;

use super::question;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::mirror::checkpoint::Lane;
use crate::mirror::forecast::{self, ListsForecast};
use crate::mirror::partitions;
use crate::mirror::stream_state;
use crate::source::Source;
use crate::streams::Stream;
use crate::sync::estimate::{self, Estimate, KnownStream, NightEstimate, SampledPart};
use crate::sync::incremental::skip;

/// The most pages that are looked at in each part of a list. Each part is twice as long as the one before.
const PAGES: u64 = 20;

/// Returns what the mirror remembers of the lists of a partitioned stream, or `None` if it has read none.
pub fn lists(
    connection: &Connection,
    source: &Source,
    settings: &Settings,
    stream: Stream,
) -> Result<Option<ListsForecast>> {
    let lookback = i64::try_from(settings.lookback.as_millis()).unwrap_or(i64::MAX);
    // The mirror of an older version does not have these tables, which reads as having read none.
    let lists = forecast::lists(connection, stream, skip::selected(source, stream)?, lookback, source.now());
    let Some(mut lists) = lists.ok().filter(|lists| !lists.rows.is_empty()) else { return Ok(None) };
    for id in without_sign(connection, source, stream)? {
        if let Some(rows) = lists.rows.get(&id) {
            lists.due.insert(id, *rows);
        }
    }
    Ok(Some(lists))
}

/// Returns the lists that every incremental run asks for, because nothing tells whether they hold new records.
pub fn without_sign(connection: &Connection, source: &Source, stream: Stream) -> Result<Vec<Box<str>>> {
    let unasked = !skip::asks_for_signs(source, stream)?;
    partitions::silence(connection, stream, unasked)
        .map(|silence| silence.lists)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror cannot be read: {e}")))
}

/// Describes a reading of all lists, each as long as it was.
pub fn whole(lists: ListsForecast, settings: &Settings, parents: u64) -> KnownStream {
    KnownStream {
        lists: parents,
        sampled: lists.rows.into_values().collect(),
        page_size: settings.page_size,
        twice: false,
        totals: true,
        row_bytes: lists.row_bytes,
    }
}

/// Estimates an incremental run. Looks at samples of the parents' list, and compares them with what the mirror holds.
pub async fn night(
    connection: &Connection,
    source: &Source,
    settings: &Settings,
    lists: ListsForecast,
    (parent, parents): (Stream, u64),
) -> Result<Estimate> {
    let size = u64::from(settings.page_size.max(1));
    let (mut parts, mut asks, mut of) = (Vec::new(), Vec::new(), Vec::new());
    let (mut from, last) = (0, parents.div_ceil(size));
    while from < last {
        let to = (from * 2).max(1).min(last);
        let pages = to - from;
        for n in 0..pages.min(PAGES) {
            asks.push(question(parent, None, settings.page_size, (from + n * pages / pages.min(PAGES)) * size));
            of.push(parts.len());
        }
        parts.push(SampledPart { records: (to * size).min(parents) - from * size, ..SampledPart::default() });
        from = to;
    }
    let broken = |e: rusqlite::Error| Error::new(Kind::MirrorCorrupt, format!("the mirror cannot be read: {e}"));
    for (part, page) in of.into_iter().zip(source.ask_all(asks).await) {
        let page = page?;
        parts[part].seen += page.records.rows.len() as u64;
        let changed = forecast::changed(connection, parent, &page.records.rows).map_err(broken)?;
        // A list that the mirror does not know is new and short, and a changed list has at least one message.
        let rows = changed.into_iter().filter(|id| !lists.due.contains_key(*id)).map(|id| lists.rows.get(id).copied());
        parts[part].changed.extend(rows.map(|rows| rows.unwrap_or(1).max(1)));
    }
    Ok(estimate::night(&NightEstimate {
        rows: lists.rows.into_values().collect(),
        due: lists.due.into_values().collect(),
        parts,
        end_early: lists.end_early,
        audit: settings.audit.into(),
        page_size: settings.page_size,
        totals: true,
        row_bytes: lists.row_bytes,
    }))
}

/// Returns the share of a stream, from 0 to 1, that the open round has still to read; 1 if no round is open.
pub fn left(connection: &Connection, (lane, job): (Lane, &str), stream: Stream, lists: u64) -> f64 {
    // An older mirror has one round for each lane, not for each job.
    let of_job = "SELECT since_run FROM round WHERE lane = ? AND job = ? AND open = 1";
    let of_lane = "SELECT since_run FROM round WHERE lane = ? AND ?2 = ?2 AND open = 1";
    let ask = connection.prepare_cached(of_job).or_else(|_| connection.prepare_cached(of_lane));
    let Ok(since) = ask.and_then(|mut ask| ask.query_row([lane.name(), job], |r| r.get(0))) else { return 1.0 };
    let Ok(standing) = stream_state::standing(connection, lane, stream, since) else { return 1.0 };
    if standing.walks == 0 {
        return 1.0;
    }
    let closed = standing.walks - standing.open.min(standing.walks);
    if lists > 1 || closed > 0 {
        return 1.0 - (closed as f64 / lists.max(1) as f64).min(1.0);
    }
    standing.total.map_or(1.0, |total| 1.0 - (standing.seen as f64 / total.max(1) as f64).min(1.0))
}
