//! Describes a question about the API's spelling that could not be decided, with the line that a person can write
//! into the job file to answer it.

use toml::{Table, Value};

use crate::dialect::DialectLayer;
use crate::streams::Stream;

/// An open question about a part of the dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What is not known, as a sentence for the operator.
    pub what: String,
    /// The line to write into the job file: `[source.dialect.TABLE] KEY = VALUE`. An unknown value is written `...`.
    pub line: String,
}

impl Open {
    /// Returns the line in the form of a dialect file, without `[source.dialect]`: `TABLE.KEY = VALUE`.
    pub fn written(&self) -> String {
        let table = self.line.strip_prefix("[source.dialect.");
        table.and_then(|t| t.split_once("] ")).map_or(self.line.clone(), |(table, key)| format!("{table}.{key}"))
    }

    /// Returns whether the question is about this stream.
    pub fn is_of(&self, stream: Stream) -> bool {
        self.written().starts_with(&format!("streams.{stream}."))
    }

    /// Returns whether the job's lines answer the question: they set every key whose value is `...` in the line to
    /// write. If the line has no `...`, the job must set all of its keys.
    pub fn is_answered(&self, job: &DialectLayer) -> bool {
        let Ok(line) = self.written().parse::<Table>() else { return false };
        let mut leaves = Vec::new();
        leaves_of(&line, &mut Vec::new(), &mut leaves);
        let blank = leaves.iter().any(|(_, blank)| *blank);
        let given = job.lines();
        leaves.iter().filter(|(_, is_blank)| *is_blank == blank).all(|(path, _)| has(&given, path))
    }
}

/// Adds to `leaves` the path of each value in a table, and whether the value is to be filled in (`...`).
fn leaves_of(table: &Table, above: &mut Vec<String>, leaves: &mut Vec<(Vec<String>, bool)>) {
    for (key, value) in table {
        above.push(key.clone());
        match value {
            Value::Table(inner) => leaves_of(inner, above, leaves),
            value => leaves.push((above.clone(), value.as_str().is_some_and(|text| text.contains("...")))),
        }
        above.pop();
    }
}

fn has(table: &Table, path: &[String]) -> bool {
    match (path, path.first().and_then(|key| table.get(key))) {
        ([_], found) => found.is_some(),
        ([_, rest @ ..], Some(Value::Table(inner))) => has(inner, rest),
        _ => false,
    }
}

/// Returns an open question for each required argument without a sensible value. `needs` are the paths and types of
/// these arguments; `place` is the part of the dialect whose `arguments` take them.
pub fn unfilled(operation: &str, place: &str, needs: &[(String, String)]) -> Vec<Open> {
    let open = |one: &(String, String)| {
        let (path, ty) = one;
        let value = match ty.as_str() {
            "String!" | "ID!" => "'\"...\"'",
            "[String]!" | "[ID]!" => "'[\"...\"]'",
            list if list.starts_with('[') => "'[...]'",
            _ => "'...'",
        };
        Open {
            what: format!("`{operation}` insists on `{path}` ({ty}), and nothing says what to give"),
            line: format!("[source.dialect.{place}.arguments] \"{path}\" = {value}"),
        }
    };
    needs.iter().map(open).collect()
}
