//! Keeps a watermark for each stream: the seq up to which it was delivered. The watermark is a row of the table
//! `_qpien_delivered` beside the data, written in one transaction with the data. The row also tells people what was
//! proven of the stream, and how recent it is.

use crate::destinations::manifest::NOT_IN_JOB;
use crate::destinations::postgres::session::Session;
use crate::destinations::postgres::tables::quoted;
use crate::destinations::{Content, Delivery, Offer};
use crate::error::{Error, Kind, Result};
use crate::streams::Stream;

const TABLE: &str = "_qpien_delivered";

/// The columns that tables made by the first version lack, with their types.
const LATER: [(&str, &str); 4] = [
    // The delivery that brought the last changes.
    ("delivery_id", "text"),
    // The fingerprint of the masks that the rows went through. It reveals neither the masks nor their key.
    ("masks", "text"),
    // The number of the mirror's records that a complete reading did not show and that are kept.
    ("suspects", "bigint NOT NULL DEFAULT 0"),
    // The records that the table cannot hold, because their ids cannot be keys.
    ("set_aside", "text[] NOT NULL DEFAULT '{}'"),
];

/// A stream's watermark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermark {
    /// The id of the mirror that feeds the stream.
    pub mirror: String,
    /// The seq up to which all changes were delivered.
    pub seq: i64,
    /// The number of records in the latest delivery.
    pub records: i64,
    /// The columns that deliveries have written.
    pub columns: Vec<String>,
    /// The run that made the last delivery. `None` if nothing was delivered.
    pub run: Option<i64>,
    /// The fingerprint of the masks that were applied to the rows. `None` if an earlier version delivered them.
    pub masks: Option<String>,
    /// The id of the delivery that brought the last changes. `None` if an earlier version delivered them.
    pub delivery_id: Option<String>,
    /// The escaped ids of records that the table cannot hold.
    pub set_aside: Vec<String>,
}

/// What a delivery has changed for a stream, to be recorded in the watermark.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct DeliveryEffect<'d> {
    pub seq: i64,
    pub records: u64,
    pub columns: &'d [String],
    /// The id of the delivery. `None` if it brought no changes.
    pub id: Option<&'d str>,
    pub set_aside: &'d [String],
}

/// Returns the quoted name of the watermarks' table, with its schema, for SQL.
pub fn table(schema: &str) -> String {
    format!("{}.{TABLE}", quoted(schema))
}

/// Returns the name of the watermarks' table, with its schema, for display.
pub fn told(schema: &str) -> String {
    format!("{schema}.{TABLE}")
}

/// Creates the schema, the watermarks' table and its later columns if they are missing.
pub fn make(session: &Session, schema: &str) -> Result<()> {
    // `IF NOT EXISTS` would demand the right to create even if the schema exists.
    if !session.value::<bool>("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", &[&schema])? {
        session.run(&format!("CREATE SCHEMA {}", quoted(schema)))?;
    }
    if !exists(session, schema)? {
        session.run(&format!(
            "CREATE TABLE {} (
                 stream text PRIMARY KEY,
                 mirror text NOT NULL,            -- which mirror feeds it; seqs are that one's
                 content text NOT NULL,           -- changes or snapshot
                 seq bigint NOT NULL,             -- every change up to this one is in the stream's table
                 records bigint NOT NULL,         -- of the latest delivery
                 columns text[] NOT NULL,         -- that have been filled; where one is gone, all is delivered again
                 run_id bigint,                   -- the run that delivered last
                 as_of timestamptz,               -- the table is at least as fresh as this
                 at timestamptz,                  -- when it was delivered
                 status text NOT NULL,            -- published, incomplete (delivered all the same), held or not in the job
                 verdict text NOT NULL,           -- of the latest run: proven, continuous or incomplete
                 why text,
                 latest_run_id bigint NOT NULL,
                 latest_at timestamptz NOT NULL)",
            table(schema)
        ))?;
    }
    for (name, kind) in LATER {
        if !session.value::<bool>(
            "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2 AND NOT attisdropped)",
            &[&table(schema), &name],
        )? {
            session.run(&format!("ALTER TABLE {} ADD COLUMN {name} {kind}", table(schema)))?;
        }
    }
    Ok(())
}

/// Returns whether the watermarks' table exists.
pub fn exists(session: &Session, schema: &str) -> Result<bool> {
    session.value(
        "SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1 AND c.relname = $2)",
        &[&schema, &TABLE],
    )
}

/// Returns an error if earlier deliveries to the schema were of the other kind of content (snapshot or changes).
pub fn fits(session: &Session, schema: &str, content: Content) -> Result<()> {
    let sql = format!("SELECT stream, content FROM {} WHERE content <> $1 ORDER BY stream LIMIT 1", table(schema));
    match session.rows(&sql, &[&content.name()])?.first() {
        None => Ok(()),
        Some(row) => {
            let (stream, there): (String, String) = (row.get(0), row.get(1));
            Err(Error::new(
                Kind::DestinationRefused,
                format!("{schema}.{stream} is fed by {there}, and the job delivers {}", content.name()),
            ))
        }
    }
}

/// Reads a stream's watermark. Returns `None` if there is none.
pub fn read(session: &Session, schema: &str, stream: Stream) -> Result<Option<Watermark>> {
    // A table that an earlier version made may lack a column.
    let sql = format!(
        "SELECT mirror, seq, records, columns, run_id, to_jsonb(mark) ->> 'masks', to_jsonb(mark) ->> 'delivery_id',
                ARRAY(SELECT jsonb_array_elements_text(coalesce(to_jsonb(mark) -> 'set_aside', '[]')))
         FROM {} AS mark WHERE stream = $1",
        table(schema)
    );
    let rows = session.rows(&sql, &[&stream.name()])?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Watermark {
        mirror: row.get(0),
        seq: row.get(1),
        records: row.get(2),
        columns: row.get(3),
        run: row.get(4),
        masks: row.get(5),
        delivery_id: row.get(6),
        set_aside: row.get(7),
    }))
}

/// Marks the streams that are not in `of_job` as no longer in the job. Their tables stay unchanged.
pub fn leave(session: &Session, schema: &str, of_job: &[Stream]) -> Result<()> {
    let names: Vec<&str> = of_job.iter().map(|stream| stream.name()).collect();
    let sql = format!("UPDATE {} SET status = $1 WHERE stream <> ALL($2) AND status <> $1", table(schema));
    session.execute(&sql, &[&NOT_IN_JOB, &names]).map(drop)
}

/// Writes a stream's watermark after a delivery. For a stream that was held, `delivered` is `None`, and only the
/// status, the verdict and the reason are written.
pub fn write(
    session: &Session,
    schema: &str,
    delivery: &Delivery,
    offer: &Offer,
    content: Content,
    delivered: Option<DeliveryEffect<'_>>,
) -> Result<()> {
    let status = match (delivered, offer.verdict.is_complete()) {
        (None, _) => "held",
        (Some(_), true) => "published",
        (Some(_), false) => "incomplete",
    };
    let moves = if delivered.is_some() {
        ", mirror = excluded.mirror, content = excluded.content, seq = excluded.seq, records = excluded.records,
           columns = excluded.columns, run_id = excluded.run_id, as_of = excluded.as_of, at = excluded.at, masks = excluded.masks,
           delivery_id = coalesce(excluded.delivery_id, mark.delivery_id), set_aside = excluded.set_aside"
    } else {
        ""
    };
    let sql = format!(
        "INSERT INTO {} AS mark 
             (stream, mirror, content, seq, records, columns, run_id, as_of, at, status, verdict, why, latest_run_id, latest_at, suspects, masks, delivery_id, set_aside)
         VALUES ($1, $2, $3, $4, $5, $6, $7::bigint, $8::text::timestamptz, CASE WHEN $7::bigint IS NOT NULL THEN now() END, $9, $10, $11, $12, now(), $13, $14, $15, $16)
         ON CONFLICT (stream) DO UPDATE SET status = excluded.status, verdict = excluded.verdict, why = excluded.why,
             latest_run_id = excluded.latest_run_id, latest_at = excluded.latest_at, suspects = excluded.suspects{moves}",
        table(schema)
    );
    let (seq, records) = delivered.map_or((0, 0), |d| (d.seq, d.records));
    let (columns, set_aside) = delivered.map_or((&[][..], &[][..]), |d| (d.columns, d.set_aside));
    let records = i64::try_from(records).unwrap_or(i64::MAX);
    let as_of = offer.as_of.as_ref().filter(|_| delivered.is_some());
    session.execute(
        &sql,
        &[
            &offer.stream.name(),
            &delivery.mirror,
            &content.name(),
            &seq,
            &records,
            &columns,
            &delivered.map(|_| delivery.run),
            &as_of,
            &status,
            &offer.verdict.word(),
            &offer.verdict.why(),
            &delivery.run,
            &i64::try_from(offer.suspects).unwrap_or(i64::MAX),
            &delivered.map(|_| &offer.masks),
            &delivered.and_then(|d| d.id),
            &set_aside,
        ],
    )?;
    Ok(())
}
