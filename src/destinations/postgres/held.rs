//! What a schema holds, read back for whoever verifies it: ids, seqs and references, some thousand rows at a time.

use super::Options;
use super::marks;
use super::session::Session;
use super::tables::{Table, quoted};
use crate::destinations::rows::OF_A_CHANGE;
use crate::destinations::typed_columns;
use crate::error::Result;
use crate::streams::Stream;

/// Rows fetched at a time.
const FETCH: usize = 10_000;

/// How far a stream has come, and from which mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Reached {
    pub mirror: String,
    pub seq: i64,
}

/// A record that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Held {
    pub id: String,
    pub seq: Option<i64>,
    pub parent: Option<String>,
}

/// The streams that were delivered.
pub fn reached(session: &Session, schema: &str, streams: &[Stream]) -> Result<Vec<(Stream, Reached)>> {
    let mut all = Vec::new();
    if !marks::exists(session, schema)? {
        return Ok(all);
    }
    for stream in streams {
        if let Some(mark) = marks::read(session, schema, *stream)? {
            all.push((*stream, Reached { mirror: mark.mirror, seq: mark.seq }));
        }
    }
    Ok(all)
}

/// Hands every record of a stream that is not flagged as deleted to `each`; `parent` is the column by which it refers.
pub fn records(
    session: &Session,
    options: &Options,
    stream: Stream,
    parent: Option<&str>,
    each: &mut dyn FnMut(Held) -> Result<()>,
) -> Result<()> {
    let columns = [typed_columns(stream), OF_A_CHANGE.to_vec()].concat();
    let table = Table::new(&options.schema, stream.name(), &columns, options.tombstones);
    let flagged = table.look(session)?.is_some_and(|found| found.has_flags());
    let only = if flagged { " WHERE NOT _deleted" } else { "" };
    let parent = parent.map_or_else(|| "NULL::text".to_owned(), quoted);
    session.run(&format!(
        "BEGIN TRANSACTION READ ONLY; DECLARE held NO SCROLL CURSOR FOR SELECT _id, _seq, {parent} FROM {}{only}",
        table.name()
    ))?;
    loop {
        let rows = session.rows(&format!("FETCH {FETCH} FROM held"), &[])?;
        if rows.is_empty() {
            return session.run("COMMIT");
        }
        for row in rows {
            each(Held { id: row.get(0), seq: row.get(1), parent: row.get(2) })?;
        }
    }
}
