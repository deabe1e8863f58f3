//! `[source.dialect]`: a table that overrides parts of how the API is spelled, or the name of a file that holds such
//! a table.

use std::path::Path;

use toml::Table;

use super::job::{DialectSetting, ExtraFields, Job};
use super::origin::{Origin, Picker};
use super::{env, text_file, toml_error};
use crate::dialect::{Dialect, DialectLayer, WrongLine};
use crate::error::{Error, Result, quote};
use crate::streams::Zone;

/// Returns the part of the dialect that the job gives, and the shipped dialect overridden by that part. `text` is the
/// job file's text.
pub fn spelled(p: &mut Picker<'_>, job: &Job, text: &str) -> Result<(DialectLayer, Dialect)> {
    let place = p.place.to_owned();
    let collects = job.source.extra_fields == Some(ExtraFields::Collect);
    let zone = p.text("source.time_zone", None, None, job.source.time_zone.as_ref(), false)?;
    if let Some(name) = zone.as_ref().filter(|name| Zone::named(name).is_none()) {
        let line = toml_error::line_of_path(text, "source.time_zone").map(|l| format!(":{l}")).unwrap_or_default();
        return Err(Error::usage(format!(
            "{place}{line}: source.time_zone: `{}` is no time zone; write one of the IANA database, such as Europe/Istanbul",
            quote(name)
        )));
    }
    let read = |mut table: Table, collects, located: &dyn Fn(&WrongLine) -> Error| {
        if let Some(zone) = &zone {
            table.insert("time_zone".into(), zone.clone().into());
        }
        read(table, collects, located)
    };
    match &job.source.dialect {
        None => read(Table::new(), collects, &|wrong| located(wrong, text, &place, BELOW)),
        Some(DialectSetting::Lines(table)) => {
            p.note("source.dialect", "{ … }".into(), Origin::Job);
            read(table.clone(), collects, &|wrong| located(wrong, text, &place, BELOW))
        }
        Some(DialectSetting::File(name)) => {
            p.note("source.dialect", format!("{name:?}"), Origin::Job);
            let name = env::expand(name, &format!("{place}: source.dialect"))?;
            let text = text_file::read(Path::new(&name))
                .map_err(|e| Error::usage(format!("{place}: source.dialect: the file {name}: {e}")).caused_by(&e))?;
            let table: Table = text.parse().map_err(|e: toml::de::Error| toml_error::wrong(&text, &name, &e))?;
            read(table, collects, &|wrong| located(wrong, &text, &name, ""))
        }
    }
}

/// The beginning of the dotted path of every key of the table.
const BELOW: &str = "source.dialect.";

fn read(table: Table, collects: bool, located: &dyn Fn(&WrongLine) -> Error) -> Result<(DialectLayer, Dialect)> {
    let layer = DialectLayer::read(table).map_err(|wrong| located(&wrong))?;
    let dialect = Dialect::read(&layer).map_err(|wrong| located(&wrong))?;
    // Fields collected from the schema may be dropped, too, and their names are not known yet.
    match dialect.unknown_drop().filter(|_| !collects) {
        Some(wrong) => Err(located(&wrong)),
        None => Ok((layer, dialect)),
    }
}

/// Turns a wrong line of a dialect into an error with the line's number, if it can be found in `text`. `place` is the
/// file's name. `below` is the dotted path of the table in that file, with a `.` at the end, or empty.
fn located(wrong: &WrongLine, text: &str, place: &str, below: &str) -> Error {
    let WrongLine { path, what } = wrong;
    // For an unknown key, `path` is that of the table that holds it, and the message names the key.
    let unknown = what.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let dropped = path.rsplit('.').next() == Some("drop");
    let unknown = unknown.filter(|_| !dropped);
    let whole = [below.trim_end_matches('.'), path, unknown.unwrap_or_default()];
    let whole: Vec<&str> = whole.into_iter().filter(|part| !part.is_empty()).collect();
    let line = toml_error::line_of_path(text, &whole.join(".")).map(|l| format!(":{l}")).unwrap_or_default();
    let key = if unknown.is_some() || path.is_empty() { String::new() } else { format!(" {path}:") };
    let what = toml_error::plain(what);
    let what = if dropped { what.replacen("unknown key", "there is no field", 1) } else { what };
    Error::usage(format!("{place}{line}: [source.dialect]{key} {what}"))
}
