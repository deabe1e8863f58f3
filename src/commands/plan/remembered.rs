//! Plans a run from what the mirror remembers of an account: how long each conversation is, and which conversations
//! the next run reads even if they show no change. To estimate how many conversations have changed, compares a sample
//! of the server's list with the mirror.

use rusqlite::Connection;

use super::question;
use crate::config::settings::Settings;
use crate::error::{Error, Kind, Result};
use crate::mirror::forecast::{self, ListsForecast};
use crate::mirror::silence;
use crate::mirror::stream_state;
use crate::mirror::walk_key::Lane;
use crate::source::Source;
use crate::streams::Stream;
use crate::sync::estimate::{self, Estimate, KnownStream, NightEstimate, SampledPart};
use crate::sync::incremental::without_sign;
use crate::sync::settings::fields_fingerprint;

/// The most pages sampled from each part of a list. The list is divided into parts, each twice as long as the one
/// before.
const PAGES: u64 = 20;

/// Returns what the mirror remembers of the lists of a partitioned stream, or `None` if no such list was read yet.
pub fn lists(
    connection: &Connection,
    source: &Source,
    settings: &Settings,
    stream: Stream,
) -> Result<Option<ListsForecast>> {
    let lookback = i64::try_from(settings.lookback.as_millis()).unwrap_or(i64::MAX);
    // The mirror of an older version does not have these tables, which reads as having read none.
    let lists = forecast::lists(connection, stream, fields_fingerprint(source, stream)?, lookback, source.now());
    let Some(mut lists) = lists.ok().filter(|lists| !lists.rows.is_empty()) else { return Ok(None) };
    for id in without_sign(connection, source, stream)? {
        if let Some(rows) = lists.rows.get(&id) {
            lists.due.insert(id, *rows);
        }
    }
    Ok(Some(lists))
}

/// Returns the ids of the lists that every incremental run reads, because nothing shows whether they hold new
/// records.
pub fn without_sign(connection: &Connection, source: &Source, stream: Stream) -> Result<Vec<Box<str>>> {
    let unasked = !without_sign::asks_for_signs(source, stream)?;
    silence::of_stream(connection, stream, unasked)
        .map(|silence| silence.lists)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror cannot be read: {e}")).caused_by(&e))
}

/// Describes a reading of all lists of a stream, each as long as the mirror knows it. `parents` is the number of
/// lists.
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

/// Estimates an incremental run of a partitioned stream. Compares samples of the list of `parent`, which has
/// `parents` records, with the mirror, to see how many records have changed.
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

/// Returns the share of a stream, from 0 to 1, that is still to be read in the round that is open. Returns 1 if no
/// round is open. `lists` is the number of the stream's lists.
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
