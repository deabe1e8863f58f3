//! `[source.dialect]`: lines that replace parts of how the API is spelled, or the name of a file in the same form.

use toml::Table;

use super::env;
use super::job::{self, Job, Spelling};
use super::origin::{Origin, Picker};
use crate::error::{Error, Kind, Result};
use crate::source::dialect::Dialect;

/// The job's own part, and the shipped dialect with it laid over.
pub fn spelled(p: &mut Picker<'_>, job: &Job, text: &str) -> Result<(Table, Dialect)> {
    let place = p.place.to_owned();
    let table = match &job.source.dialect {
        None => Table::new(),
        Some(Spelling::Lines(table)) => {
            p.note("source.dialect", "{ … }".into(), Origin::Job);
            table.clone()
        }
        Some(Spelling::File(name)) => {
            p.note("source.dialect", format!("{name:?}"), Origin::Job);
            let name = env::expand(name, &format!("{place}: source.dialect"))?;
            let text = std::fs::read_to_string(&name)
                .map_err(|e| Error::usage(format!("{place}: source.dialect: the file {name}: {e}")))?;
            let table: Table =
                text.parse().map_err(|e: toml::de::Error| Error::usage(format!("{name}: {}", e.message())))?;
            let dialect = Dialect::with(&table).map_err(|e| located(e, &text, &name))?;
            return Ok((table, dialect));
        }
    };
    let dialect = Dialect::with(&table).map_err(|e| located(e, text, &place))?;
    Ok((table, dialect))
}

/// An error of the dialect with the line it stands on, where that can be told.
fn located(error: Error, text: &str, place: &str) -> Error {
    if error.kind != Kind::Usage {
        return error;
    }
    let detail = error.detail.strip_prefix("[source.dialect]: ").unwrap_or(&error.detail).to_owned();
    let name = detail.split('`').nth(1).map(str::to_owned);
    let line = name.and_then(|n| job::line_of_key(text, &n)).map(|l| format!(":{l}")).unwrap_or_default();
    Error::usage(format!("{place}{line}: [source.dialect] {}", job::plain(&detail)))
}
