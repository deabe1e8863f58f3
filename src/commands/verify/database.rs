//! The tables of a database, read back and held against one another and the mirror. Ids are keys there, and rows and mark
//! move in one transaction; what is left to find is what somebody else has done.

use std::path::Path;

use super::ledger::{Ledger, Row};
use super::{Differences, references, referring};
use crate::destinations::postgres::Postgres;
use crate::error::Result;
use crate::mirror::changes::Reading;
use crate::quantity::counted;
use crate::say;
use crate::streams::Stream;

/// Verifies the streams of a schema.
pub fn verify(database: &Postgres, place: &str, streams: &[Stream], mirror: &Path, quiet: bool) -> Result<Differences> {
    let (mut ledger, mut differences) = (Ledger::new()?, Differences::default());
    let reached = database.reached()?;
    for stream in streams.iter().filter(|s| !reached.iter().any(|(there, _)| there == *s)) {
        differences.add(stream.name(), "nothing of it was delivered".into());
    }
    let there: Vec<Stream> = reached.iter().map(|(stream, _)| *stream).collect();
    for stream in &there {
        let parent = referring(*stream);
        database.records(*stream, parent, &mut |held| {
            let row = Row { id: held.id, seq: held.seq, is_live: true, parent: held.parent };
            ledger.put(*stream, &row).map(drop)
        })?;
    }
    references(place, &there, &ledger, &mut differences, quiet)?;
    let identity = Reading::begin(mirror)?.identity()?;
    ledger.attach(mirror)?;
    for (stream, reached) in &reached {
        if Some(&reached.mirror) != identity.as_ref() {
            differences.add(stream.name(), format!("comes from another mirror than {}", mirror.display()));
            continue;
        }
        super::held_against_mirror(&ledger, *stream, reached.seq, &mut differences)?;
        if !quiet {
            say!("{place}: {stream}: {}", counted(ledger.live(*stream)?, "record"));
        }
    }
    Ok(differences)
}
