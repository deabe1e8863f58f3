//! What a schema holds, read back for whoever verifies it: what is wrong with a table itself, and of its rows ids, seqs,
//! references and a print of all cells, some thousand rows at a time.

use tokio_postgres::types::{FromSql, Type};

use super::load::plan;
use super::marks::{self, Mark};
use super::session::Session;
use super::tables::quoted;
use super::{Options, wire};
use crate::destinations::cells::Cell;
use crate::destinations::rows::OF_A_CHANGE;
use crate::destinations::typed_columns;
use crate::error::Result;
use crate::record::Change;
use crate::streams::Stream;

/// Rows fetched at a time.
const FETCH: usize = 10_000;

/// How a stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The mirror that it comes from.
    pub mirror: String,
    /// The seq that it has reached.
    pub seq: i64,
    /// The run that delivered last; 0 where none did.
    pub run: i64,
    /// The delivery that brought the last changes; none where an earlier version did.
    pub delivery_id: Option<String>,
    /// It was held back from the first: there is nothing of it.
    pub is_nothing: bool,
    /// What is wrong with its table. Where something is, its rows are not read.
    pub faults: Vec<String>,
}

/// A record that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Held {
    pub id: String,
    pub seq: Option<i64>,
    pub parent: Option<String>,
    /// Of its own cells and its seq.
    pub print: i64,
}

/// How a stream stands; none where it was never delivered.
pub fn standing(session: &Session, options: &Options, stream: Stream) -> Result<Option<Standing>> {
    if !marks::exists(session, &options.schema)? {
        return Ok(None);
    }
    let Some(mark) = marks::read(session, &options.schema, stream)? else { return Ok(None) };
    let is_nothing = super::load::fresh(Some(&mark));
    let faults = if is_nothing { Vec::new() } else { faults(session, options, stream, &mark)? };
    let (seq, run) = (mark.seq, mark.run.unwrap_or(0));
    Ok(Some(Standing { mirror: mark.mirror, seq, run, delivery_id: mark.delivery_id, is_nothing, faults }))
}

fn faults(session: &Session, options: &Options, stream: Stream, mark: &Mark) -> Result<Vec<String>> {
    let table = plan(options, stream);
    let Some(found) = table.look(session)? else { return Ok(vec![format!("{} is not there", table.told())]) };
    let lost = found.lacks(&mark.columns);
    let mut faults: Vec<String> = lost.iter().map(|name| format!("its column {name} is not there")).collect();
    if faults.is_empty()
        && let Err(refused) = table.fits(&found)
    {
        faults.push(refused.detail);
    }
    Ok(faults)
}

/// The columns of which prints are made, in their order: all that a record has, and its seq.
fn printed(stream: Stream) -> Vec<&'static str> {
    typed_columns(stream).iter().chain(&OF_A_CHANGE[..1]).map(|c| c.name).collect()
}

/// The print of a change as it is delivered, from the cells of its row.
pub fn print(change: &Change<'_>, cells: &[Cell<'_>]) -> i64 {
    let own = cells.len() - OF_A_CHANGE.len();
    debug_assert_eq!(cells[own], Cell::Integer(change.seq));
    wire::print(&cells[..=own])
}

/// A value as the server sends it.
struct Raw<'v>(&'v [u8]);

impl<'v> FromSql<'v> for Raw<'v> {
    fn from_sql(_: &Type, raw: &'v [u8]) -> std::result::Result<Raw<'v>, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Hands every record of a stream that is not flagged as deleted to `each`; `parent` is the column by which it refers.
pub fn records(
    session: &Session,
    options: &Options,
    stream: Stream,
    parent: Option<&str>,
    each: &mut dyn FnMut(Held) -> Result<()>,
) -> Result<()> {
    let table = plan(options, stream);
    let flagged = table.look(session)?.is_some_and(|found| found.has_flags());
    let only = if flagged { " WHERE NOT _deleted" } else { "" };
    let parent = parent.map_or_else(|| "NULL::text".to_owned(), quoted);
    let names = printed(stream);
    let all: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    session.run(&format!(
        "BEGIN TRANSACTION READ ONLY; DECLARE held NO SCROLL CURSOR FOR SELECT _id, _seq, {parent}, {} FROM {}{only}",
        all.join(", "),
        table.name()
    ))?;
    loop {
        let rows = session.rows(&format!("FETCH {FETCH} FROM held"), &[])?;
        if rows.is_empty() {
            return session.run("COMMIT");
        }
        for row in rows {
            let raw = |at| row.get::<_, Option<Raw<'_>>>(3 + at).map(|Raw(bytes)| bytes);
            let print = wire::print_of((0..names.len()).map(raw));
            each(Held { id: row.get(0), seq: row.get(1), parent: row.get(2), print })?;
        }
    }
}
