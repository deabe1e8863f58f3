//! Reads the tables of a database back, and compares them with one another and with the mirror. A delivery writes
//! rows and watermark in one transaction. So a difference means that somebody else has changed a cell, a row, a
//! column, a table or a watermark.
//!
//! Each row is compared by its *print*: a hash of the row's values as the server returns them. The mirror's record,
//! masked and converted as a delivery does it, must have the same print. A record that has changed in the mirror
//! since the delivery is not compared, because a later delivery brings it. Nor are the columns `_synced_at` and
//! `_run_id`, or volatile values.

use super::Differences;
use super::ledger::{DestinationRow, ScratchDatabase};
use super::log::{self, Says};
use super::references::{self, StreamPosition};
use crate::config::settings::Settings;
use crate::delivery::masked_reader::masked;
use crate::delivery::offer;
use crate::destinations::postgres::Postgres;
use crate::destinations::postgres::read_back;
use crate::destinations::postgres::read_back::StreamState;
use crate::destinations::rows::RowBuilder;
use crate::destinations::{Content, Delivery, Destination as _};
use crate::error::{Error, Result, quote};
use crate::mirror::changes::MirrorView;
use crate::quantity::counted;
use crate::record::{Change, Reader as _, SeqRange};
use crate::say;
use crate::streams::{self, Stream};

/// Verifies the tables of all streams in a database schema. Returns the differences.
pub fn verify(database: &Postgres, settings: &Settings, quiet: bool) -> Result<Differences> {
    let (place, content) = (database.place(), database.terms().content);
    let (mut ledger, mut differences) = (ScratchDatabase::new()?, Differences::default());
    let mut standings = Vec::new();
    // Streams that have left the job lie there, too.
    for stream in streams::ALL {
        if let Some(standing) = database.standing(stream)? {
            standings.push((stream, standing));
        }
    }
    let reading = MirrorView::begin(&settings.mirror)?;
    let says = |stream| {
        let (_, standing) = standings.iter().find(|(s, standing)| *s == stream && !standing.is_nothing)?;
        let (seq, run, delivery_id) = (standing.seq, standing.run, standing.delivery_id.clone());
        Some(Says { seq, run, delivery_id })
    };
    log::hold(&reading, &place, content, says, &mut differences)?;
    let is_empty = standings.iter().all(|(_, standing)| standing.is_nothing);
    if is_empty && differences.is_empty() {
        return Err(Error::usage(format!(
            "{place} holds nothing that was delivered there, so there is nothing to verify"
        )));
    }
    let mut there = Vec::new();
    for (stream, standing) in standings.iter().filter(|(_, standing)| !standing.is_nothing) {
        for fault in &standing.faults {
            differences.add(stream.name(), fault.clone());
        }
        if !standing.faults.is_empty() {
            continue;
        }
        there.push((*stream, standing));
        let volatile = &settings.source.volatile[*stream];
        database.records(*stream, stream.reference_column(), volatile, &mut |held| {
            let row = DestinationRow {
                id: held.id,
                seq: held.seq,
                is_live: true,
                parent: held.parent,
                print: Some(held.print),
            };
            ledger.put(*stream, &row).map(drop)
        })?;
        let left_out = leave_out(&reading, *stream, standing.seq, &mut ledger)?;
        if left_out > 0 && !quiet {
            let count = counted(left_out, "record");
            say!(
                "{place}: {stream}: {count} that it cannot hold, with ids that are no keys there, are taken for there"
            );
        }
    }
    let stands = |(stream, standing): &(Stream, &StreamState)| {
        let is_of_job = settings.streams.contains(stream);
        StreamPosition { stream: *stream, run: standing.run, seq: standing.seq, is_of_job }
    };
    let stands: Vec<StreamPosition> = there.iter().map(stands).collect();
    references::hold(&place, &stands, &ledger, &mut differences, Some(&settings.mirror), quiet)?;
    let identity = reading.identity()?;
    ledger.attach(&settings.mirror)?;
    let run = reading.latest_run()?.map_or(0, |r| r.id);
    let delivery = offer::delivery(settings, &reading, identity.clone().unwrap_or_default(), run, settings.lane)?;
    for (stream, standing) in there {
        if Some(&standing.mirror) != identity.as_ref() {
            differences.add(stream.name(), format!("comes from another mirror than {}", settings.mirror.display()));
            continue;
        }
        super::held_against_mirror(&ledger, &reading, stream, standing.seq, &mut differences)?;
        let masks = settings.mask_at.delivery(&settings.masks, stream);
        if standing.masks.as_ref().is_some_and(|there| *there != masks) {
            if !quiet {
                say!("{place}: {stream}: the job has other masks now, or another key: its cells are not compared");
            }
        } else {
            cells(settings, &reading, &delivery, stream, standing.seq, &ledger, &mut differences)?;
        }
        if !quiet {
            say!("{place}: {stream}: {}", counted(ledger.live(stream)?, "record"));
        }
    }
    Ok(differences)
}

/// Adds the records with ids that PostgreSQL cannot hold to the ledger as if they were in the database, because each
/// delivery reports them as left out. Only records up to the seq `reached` count. Returns their number.
fn leave_out(reading: &MirrorView, stream: Stream, reached: i64, ledger: &mut ScratchDatabase) -> Result<u64> {
    let mut count = 0;
    reading.changes(stream, SeqRange { first: 1, last: reached }, 0, &mut |change| {
        if change.payload.is_none() || Postgres::can_hold(change.id) {
            return Ok(());
        }
        count += 1;
        let row = DestinationRow {
            id: change.id.to_owned(),
            seq: Some(change.seq),
            is_live: true,
            parent: None,
            print: None,
        };
        ledger.put(stream, &row).map(drop)
    })?;
    Ok(count)
}

/// Compares every cell of the rows that have not changed in the mirror since they were delivered. `reached` is the
/// last seq that was delivered.
fn cells(
    settings: &Settings,
    reading: &MirrorView,
    delivery: &Delivery,
    stream: Stream,
    reached: i64,
    ledger: &ScratchDatabase,
    differences: &mut Differences,
) -> Result<()> {
    let Some(offer) = delivery.streams.iter().find(|offer| offer.stream == stream) else { return Ok(()) };
    let mut shape = RowBuilder::new(offer.columns.clone(), true, delivery.dates[stream], Content::Changes);
    let (mut others, mut one) = (0, String::new());
    let (volatile, masks) = (&settings.source.volatile[stream], masked(settings, reading).masks);
    reading.changes(stream, SeqRange { first: 1, last: reached }, 0, &mut |change| {
        let Some(payload) = change.payload else { return Ok(()) };
        let mut print = |payload: &str| -> Result<i64> {
            let masked = masks.on(stream, payload);
            let change = Change { payload: Some(&masked), ..*change };
            Ok(read_back::row_hash(stream, &change, &shape.of_change(&change)?, volatile))
        };
        let now = print(payload)?;
        let is_other = ledger.print(stream, change.id, change.seq)?.is_some_and(|there| there != now);
        // A mask that hashes a volatile value gives another hash each time, so such a difference does not count.
        let is_hashed = |settled: String| print(&settled).map(|settled| settled != now);
        if is_other && !volatile.without_volatile(payload).map(is_hashed).transpose()?.unwrap_or(false) {
            change.id.clone_into(&mut one);
            others += 1;
        }
        Ok(())
    })?;
    if others > 0 {
        let what = if others == 1 { "has other cells" } else { "have other cells" };
        differences.add(
            stream.name(),
            format!("{} {what} than the mirror, {} for one", counted(others, "record"), quote(&one)),
        );
    }
    Ok(())
}
