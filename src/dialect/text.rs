//! Reads a layer of a dialect from TOML, and writes it as TOML.
//!
//! Unknown keys are refused, because a typing error in an override would otherwise leave the default in place silently.

use std::str::FromStr;

use serde::Serialize;
use toml::Table;

use super::{DialectLayer, WrongLine};
use crate::streams::{ALL, Stream};

impl DialectLayer {
    /// Reads a layer from a table in the form of `[source.dialect]`. `Err` names the line that is wrong.
    pub fn read(table: Table) -> Result<DialectLayer, WrongLine> {
        let streams = table.get("streams").and_then(toml::Value::as_table);
        if let Some(name) = streams.and_then(|s| s.keys().find(|name| Stream::named(name).is_none())) {
            let known: Vec<String> = ALL.iter().map(|s| format!("`{s}`")).collect();
            let what = format!("unknown field `{name}`, expected one of {}", known.join(", "));
            return Err(WrongLine { path: "streams".into(), what });
        }
        table.try_into().map_err(|e: toml::de::Error| {
            let shown = e.to_string();
            let path = shown.trim_end().rsplit_once("\nin `").map_or("", |(_, path)| path.trim_end_matches('`'));
            WrongLine { path: path.to_owned(), what: e.message().to_owned() }
        })
    }

    /// Returns the layer as a table in the form of `[source.dialect]`.
    pub fn lines(&self) -> Table {
        lines_of(self)
    }
}

impl FromStr for DialectLayer {
    type Err = WrongLine;

    fn from_str(text: &str) -> Result<DialectLayer, WrongLine> {
        let table =
            text.parse().map_err(|e: toml::de::Error| WrongLine { path: String::new(), what: e.message().into() })?;
        DialectLayer::read(table)
    }
}

/// Returns a layer, or a part of one, as a TOML table.
pub fn lines_of(part: &impl Serialize) -> Table {
    // Every key is a name and every value a string, a number, a boolean or a table, so this cannot fail.
    Table::try_from(part).unwrap_or_default()
}
