//! Remembers how an endpoint spells its API. The mirror stores only text; its meaning belongs to [`crate::dialect`].

use rusqlite::{Connection, params};

use super::store::Writer;
use crate::error::Result;

/// Returns the remembered parts of an endpoint: each a name and its TOML.
pub fn recall(writer: &mut Writer, endpoint: &str) -> Result<Vec<(String, String)>> {
    writer.transaction(|t| read(t, endpoint))
}

/// Does the same for a mirror that is only read. Returns nothing if the mirror is too old to remember dialects.
pub fn recall_read_only(connection: &Connection, endpoint: &str) -> Vec<(String, String)> {
    read(connection, endpoint).unwrap_or_default()
}

fn read(connection: &Connection, endpoint: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut ask = connection.prepare("SELECT part, settled FROM dialect WHERE endpoint = ? ORDER BY part")?;
    let rows = ask.query_map([endpoint], |r| Ok((r.get(0)?, r.get(1)?)))?;
    rows.collect()
}

/// Stores these parts. Each replaces the part of the same name.
pub fn remember(writer: &mut Writer, endpoint: &str, parts: &[(String, String)]) -> Result<()> {
    writer.transaction(|t| {
        let mut put =
            t.prepare("INSERT OR REPLACE INTO dialect (endpoint, part, settled, settled_at) VALUES (?, ?, ?, ?)")?;
        for (part, settled) in parts {
            put.execute(params![endpoint, part, settled, crate::clock::now()])?;
        }
        Ok(())
    })
}
