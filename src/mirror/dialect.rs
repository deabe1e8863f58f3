//! Stores what was found out about how an endpoint spells its API. The mirror stores only strings; [`crate::dialect`]
//! gives them their meaning.

use rusqlite::{Connection, params};

use super::store::Writer;
use crate::error::Result;

/// Returns the stored parts of an endpoint's dialect: for each, its name and its TOML.
pub fn recall(writer: &mut Writer, endpoint: &str) -> Result<Vec<(String, String)>> {
    writer.transaction(|t| read(t, endpoint))
}

/// Does the same as [`recall`] for a mirror that is only read. Returns nothing if the mirror is too old to store
/// dialects.
pub fn recall_read_only(connection: &Connection, endpoint: &str) -> Vec<(String, String)> {
    read(connection, endpoint).unwrap_or_default()
}

/// Does the same as [`recall_read_only`] for a command that reads no API: if nothing is stored of this endpoint, returns
/// the parts of the one that was stored last. The records come from there.
pub fn recall_of_records(connection: &Connection, endpoint: &str) -> Vec<(String, String)> {
    let latest = "SELECT coalesce((SELECT endpoint FROM dialect WHERE endpoint = ?1 LIMIT 1),
                                  (SELECT endpoint FROM dialect ORDER BY settled_at DESC, endpoint LIMIT 1), ?1)";
    let latest = connection.query_row(latest, [endpoint], |r| r.get::<_, String>(0));
    latest.map(|endpoint| recall_read_only(connection, &endpoint)).unwrap_or_default()
}

fn read(connection: &Connection, endpoint: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut ask = connection.prepare("SELECT part, settled FROM dialect WHERE endpoint = ? ORDER BY part")?;
    let rows = ask.query_map([endpoint], |r| Ok((r.get(0)?, r.get(1)?)))?;
    rows.collect()
}

/// Stores parts of an endpoint's dialect: for each, its name and its TOML. Each replaces the stored part of the same
/// name.
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
