//! Describes what could not be settled, with the line that a person can write to settle it.

use toml::{Table, Value};

use crate::dialect::DialectLayer;
use crate::streams::Stream;

/// A part that could not be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What is not known, as a sentence.
    pub what: String,
    /// The line to write: `[source.dialect.TABLE] KEY = VALUE`.
    pub line: String,
}

impl Open {
    /// Returns the line as it stands below `[source.dialect]`, or at the top of a file that `dialect` names.
    pub fn written(&self) -> String {
        let table = self.line.strip_prefix("[source.dialect.");
        table.and_then(|t| t.split_once("] ")).map_or(self.line.clone(), |(table, key)| format!("{table}.{key}"))
    }

    /// Returns whether it is about this stream.
    pub fn is_of(&self, stream: Stream) -> bool {
        self.written().starts_with(&format!("streams.{stream}."))
    }

    /// Returns whether a job's lines fill in every blank (`...`) of this line. If the line has no blank, the job must
    /// have all of its keys.
    pub fn is_answered(&self, job: &DialectLayer) -> bool {
        let Ok(line) = self.written().parse::<Table>() else { return false };
        let mut leaves = Vec::new();
        leaves_of(&line, &mut Vec::new(), &mut leaves);
        let blank = leaves.iter().any(|(_, blank)| *blank);
        let given = job.lines();
        leaves.iter().filter(|(_, is_blank)| *is_blank == blank).all(|(path, _)| has(&given, path))
    }
}

/// Finds the paths of a table's values, and whether each value is a blank.
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

/// Returns the arguments that must be given and have no sensible value. `place` is the part of the dialect whose
/// `arguments` take them.
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
