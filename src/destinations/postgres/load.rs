//! Delivers one stream in one transaction.

use super::keys::{self, Aside};
use super::merge::{self, STAGING, StagingContent};
use super::session::Session;
use super::tables::{self, Table};
use super::{PostgresOptions, wire};
use crate::destinations::cells::EXTRA;
use crate::destinations::postgres::watermark;
use crate::destinations::postgres::watermark::Watermark;
use crate::destinations::rows::{OF_A_CHANGE, RowBuilder};
use crate::destinations::years::YearsOfColumns;
use crate::destinations::{Content, Delivery, DestinationTerms, Offer, Receipt};
use crate::error::{Error, Kind, Result};
use crate::failpoints;
use crate::quantity::counted;
use crate::record::{Reader, SeqRange};
use crate::streams::Stream;

/// Describes the table that a stream must have in the database.
pub fn plan(options: &PostgresOptions, stream: Stream) -> Table {
    let columns = [stream.columns(), &[EXTRA], &OF_A_CHANGE].concat();
    Table::new(&options.schema, stream.name(), &columns, options.tombstones)
}

/// Returns whether nothing was ever delivered, according to the stream's watermark. `None` means that there is no
/// watermark.
pub fn fresh(mark: Option<&Watermark>) -> bool {
    mark.is_none_or(|mark| mark.columns.is_empty())
}

/// How far a stream has been delivered to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// All changes up to this seq were delivered; 0 means nothing was.
    Seq(i64),
    /// The table, or a column that a delivery had filled, no longer exists. Everything must be delivered again.
    Damaged,
}

/// Returns a sentence that says how to empty a schema so that the next delivery fills it again.
pub fn to_empty(schema: &str) -> String {
    format!("TRUNCATE the tables of the streams and {}", watermark::told(schema))
}

/// Returns how far a stream has been delivered, according to its watermark. Returns an error if another mirror than
/// `mirror` filled the table.
pub fn reached(session: &Session, options: &PostgresOptions, mirror: &str, stream: Stream) -> Result<Reached> {
    let Some(mark) = watermark::read(session, &options.schema, stream)? else { return Ok(Reached::Seq(0)) };
    if mark.mirror != mirror && !fresh(Some(&mark)) {
        let schema = &options.schema;
        return Err(Error::new(
            Kind::DestinationOfAnother,
            format!(
                "{} holds records from another mirror; to have it filled from this one, {}",
                options.place(),
                to_empty(schema)
            ),
        ));
    }
    let found = plan(options, stream).look(session)?;
    let is_whole = mark.columns.is_empty() || found.is_some_and(|found| found.has(&mark.columns));
    Ok(if is_whole { Reached::Seq(mark.seq) } else { Reached::Damaged })
}

/// A delivery in progress.
pub struct Load<'l> {
    /// The session with the database.
    pub session: &'l Session,
    /// The database, the schema, and how rows are written.
    pub options: &'l PostgresOptions,
    /// The job's settings for the destination.
    pub terms: DestinationTerms,
    /// The delivery that is being made.
    pub delivery: &'l Delivery,
    /// The reader of the mirror's records.
    pub reader: &'l dyn Reader,
}

impl Load<'_> {
    /// Delivers one stream in one transaction. After an error nothing was stored, with one exception: if the answer
    /// to COMMIT was lost, everything may have been stored.
    pub fn stream(&self, offer: &Offer) -> Result<Receipt> {
        self.session.run("BEGIN")?;
        match self.in_transaction(offer) {
            Ok(receipt) => {
                failpoints::point();
                self.session.run("COMMIT")?;
                failpoints::point();
                Ok(receipt)
            }
            Err(error) => {
                // This fails, too, if the connection is lost. The server has rolled back by itself then.
                let _ = self.session.run("ROLLBACK");
                Err(error)
            }
        }
    }

    fn in_transaction(&self, offer: &Offer) -> Result<Receipt> {
        let (schema, content, stream) = (&self.options.schema, self.terms.content, offer.stream);
        let table = plan(self.options, stream);
        let mark = watermark::read(self.session, schema, stream)?;
        let mut receipt = Receipt {
            stream,
            held: offer.is_held(self.terms),
            records: mark.as_ref().map_or(0, |mark| mark.records.unsigned_abs()),
            up_to_seq: mark.as_ref().map_or(0, |mark| mark.seq),
            misfits: 0,
            set_aside: offer.set_aside.len() as u64,
            years: Vec::new(),
            left_out: mark.as_ref().map(|mark| mark.set_aside.clone()).unwrap_or_default(),
            files: Vec::new(),
            table: Some(table.told()),
        };
        if receipt.held {
            watermark::write(self.session, schema, self.delivery, offer, content, None)?;
            return Ok(receipt);
        }
        let (range, staged) = match content {
            Content::Snapshot => {
                reached(self.session, self.options, &self.delivery.mirror, stream)?;
                // The table will show everything that changed up to the mirror's last seq, deletions included.
                receipt.up_to_seq = self.reader.last_seq()?;
                (Some(SeqRange { first: 1, last: receipt.up_to_seq }), StagingContent::Snapshot)
            }
            Content::Changes => match (self.wanted(offer)?, offer.range) {
                (Some(range), _) => {
                    receipt.up_to_seq = range.last;
                    (Some(range), if range.first == 1 { StagingContent::Refill } else { StagingContent::Changes })
                }
                // The table must be filled from its first change, and this delivery offers no range that begins
                // there.
                (None, _) if self.is_damaged(stream)? => return Ok(Receipt { records: 0, ..receipt }),
                // The range is there already: the answer to its COMMIT was lost.
                (None, Some(_)) => (None, StagingContent::Changes),
                (None, None) => {
                    receipt.records = 0;
                    (None, StagingContent::Changes)
                }
            },
        };
        let found = table.look(self.session)?;
        if let Some(found) = &found {
            table.fits(found)?;
            if fresh(mark.as_ref()) && table.has_rows(self.session)? {
                return Err(Error::new(
                    Kind::DestinationRefused,
                    format!("{} holds rows of somebody else", table.told()),
                ));
            }
        }
        if let Some(statement) = table.statement(found.as_ref()) {
            self.session.run(&statement)?;
        }
        if let Some(range) = range {
            // A delivery that begins with the first change names all such records again.
            let before = if range.first == 1 { Vec::new() } else { std::mem::take(&mut receipt.left_out) };
            let mut aside = Aside::before(before);
            (receipt.records, receipt.misfits, receipt.years) = self.stage(offer, range, &mut aside)?;
            receipt.left_out = aside.names();
            let has_flags = found.is_some_and(|found| found.has_flags());
            for statement in merge::statements(&table, staged, self.options.tombstones, has_flags) {
                failpoints::point();
                self.session.run(&statement)?;
            }
            self.make_sure(&table, staged)?;
            self.session.run(&format!("DROP TABLE {STAGING}"))?;
        }
        let columns = table.filled();
        let (seq, records, set_aside) = (receipt.up_to_seq, receipt.records, &receipt.left_out[..]);
        let id = range.filter(|_| content == Content::Changes).map(|_| self.delivery.id.as_str());
        let delivered = watermark::DeliveryEffect { seq, records, columns: &columns, set_aside, id };
        watermark::write(self.session, schema, self.delivery, offer, content, Some(delivered))?;
        Ok(receipt)
    }

    /// Returns an error if a row of the table is not as it was written. A rule, a trigger or a policy of the table
    /// may have kept an old row without an error.
    fn make_sure(&self, table: &Table, staged: StagingContent) -> Result<()> {
        let undone: i64 = self.session.value(&merge::undone(table, staged, self.options.tombstones), &[])?;
        if undone == 0 {
            return Ok(());
        }
        Err(self.session.failed(format!(
            "{} of {} did not become what was written, and nothing was stored: a rule, a trigger or a row-level policy of \
             the table keeps them; drop it, or let it pass what this user writes",
            counted(undone.unsigned_abs(), "row"),
            table.told()
        )))
    }

    fn is_damaged(&self, stream: Stream) -> Result<bool> {
        Ok(reached(self.session, self.options, &self.delivery.mirror, stream)? == Reached::Damaged)
    }

    /// Returns the offered range, or `None` if the table already has it. Returns an error if there is a gap before
    /// the range.
    fn wanted(&self, offer: &Offer) -> Result<Option<SeqRange>> {
        let next = match reached(self.session, self.options, &self.delivery.mirror, offer.stream)? {
            Reached::Seq(seq) => seq.saturating_add(1),
            Reached::Damaged => 1,
        };
        let Some(range) = offer.range.filter(|range| range.last >= next) else { return Ok(None) };
        if range.first != next {
            let why = format!("{}: the next change is {next}, and the range begins with {}", offer.stream, range.first);
            return Err(Error::new(Kind::Internal, why));
        }
        Ok(Some(range))
    }

    /// Copies the records of a range into the staging table. Adds records with ids that the table cannot hold to
    /// `aside`. Returns the number of rows, the number of values that did not fit, and the years of the timestamps.
    fn stage(&self, offer: &Offer, range: SeqRange, aside: &mut Aside) -> Result<(u64, u64, YearsOfColumns)> {
        let (session, is_snapshot) = (self.session, self.terms.content == Content::Snapshot);
        let mut shape =
            RowBuilder::new(offer.columns.clone(), true, self.delivery.dates[offer.stream], Content::Changes);
        session
            .run(&format!("CREATE TEMPORARY TABLE {STAGING} ({}) ON COMMIT DROP", tables::staged(&shape.columns())))?;
        let mut copy = session.copy(&format!("COPY {STAGING} FROM STDIN (FORMAT binary)"))?;
        let (mut records, mut replaced) = (0, 0);
        self.reader.changes(offer.stream, range, range.first.saturating_sub(1), &mut |change| {
            if is_snapshot && change.payload.is_none() {
                return Ok(());
            }
            if !keys::is_key(change.id) {
                aside.put(change.id, change.payload.is_some());
                return Ok(());
            }
            let cells = shape.of_change(change)?;
            replaced += copy.row(|out| wire::row(out, &cells))?;
            records += 1;
            Ok(())
        })?;
        failpoints::point();
        let taken = copy.end()?;
        if taken != records {
            let why = format!("{records} rows of {} were sent, and {taken} taken", offer.stream);
            return Err(Error::new(Kind::Internal, why));
        }
        session.run(&format!("ANALYZE {STAGING}"))?;
        Ok((records, shape.misfits() + replaced, shape.years()))
    }
}
