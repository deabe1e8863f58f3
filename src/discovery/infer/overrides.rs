//! Reads a job file's own lines about a stream's dialect, and finds those that a schema shows to be wrong.

use toml::{Table, Value};

use crate::dialect::{DialectLayer, IGNORABLE, IGNORE, field_name, lines_of};
use crate::discovery::infer::unresolved::Open;
use crate::discovery::infer::{arguments, entity};
use crate::discovery::schema::{Field, Schema};
use crate::streams::Stream;

/// The lines of one stream in a job file: the table `[source.dialect.streams.NAME]`.
pub struct StreamOverrides {
    stream: Stream,
    own: Table,
}

/// The keys of `list` whose values are paths in an answer.
const MEMBERS: [&str; 8] = ["items", "total", "has_next", "next_cursor", "row_cursor", "success", "code", "message"];

impl StreamOverrides {
    /// Returns the lines of a job file about this stream.
    pub fn of(job: &DialectLayer, stream: Stream) -> StreamOverrides {
        StreamOverrides { stream, own: job.stream(stream).map(lines_of).unwrap_or_default() }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
        let found = self.own.get(first)?;
        rest.map_or(Some(found), |rest| found.get(rest))
    }

    /// Returns the string that the job sets for a key, or `None` if it sets none. A key of the list is written
    /// `list.KEY`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    /// Returns whether the job sets this key.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// Returns the paths of the constant arguments that the job sets.
    pub fn arguments(&self) -> Vec<String> {
        let table = self.value("list.arguments").and_then(Value::as_table);
        table.map(|t| t.keys().cloned().collect()).unwrap_or_default()
    }

    /// Returns all keys that the job sets for the stream, for messages that cannot name a single one.
    pub fn keys(&self) -> Vec<String> {
        let list = self.value("list").and_then(Value::as_table).into_iter().flat_map(|t| t.keys());
        let own = self.own.keys().filter(|key| *key != "list").cloned();
        own.chain(list.map(|key| format!("list.{key}"))).collect()
    }

    /// Returns an open question if the server lacks the query that the job names; otherwise `None`. A schema that was
    /// learnt by probing counts, too, because probing asks for that query by name.
    pub fn no_such_query(&self, schema: &Schema) -> Option<Open> {
        let operation = self.text("operation")?;
        let there = schema.fields(&schema.query).iter().any(|f| f.name == operation);
        (!there).then(|| Open {
            what: format!(
                "the job says that `{operation}` lists {0}, and this server has no such query: name another one, or take \
                 {0} out of `streams`",
                self.stream
            ),
            line: format!("[source.dialect.streams.{}] operation = \"...\"", self.stream),
        })
    }

    /// Returns an open question for each of the job's lines that the schema shows to be wrong. `operation` is the
    /// stream's query, and `items` the path to its rows. A schema that was learnt by probing shows no line to be
    /// wrong.
    pub fn wrong(&self, schema: &Schema, operation: &str, items: &str) -> Vec<Open> {
        let field = schema.fields(&schema.query).iter().find(|f| f.name == operation);
        let Some(field) = field.filter(|_| schema.whole) else { return Vec::new() };
        let open = |key: &str, value: &str, what: String| Open {
            what,
            line: format!("[source.dialect.streams.{}] {key} = {value}", self.stream),
        };
        let mut wrong = Vec::new();
        let taken = |path: &str| path.is_empty() || arguments::at(schema, &field.arguments, path).is_some();
        for key in ["parent", "list.page", "list.size"] {
            if let Some(path) = self.text(key).filter(|path| !taken(path)) {
                let lacks = format!("the job says {key} = {path:?}, and `{operation}` takes no such argument");
                wrong.push(open(key, "\"...\"", lacks));
            }
        }
        for path in self.arguments().iter().filter(|path| !taken(path)) {
            let lacks =
                format!("the job gives `{path}` among list.arguments, and `{operation}` takes no such argument");
            wrong.push(open("list.arguments", "{ \"...\" = '...' }", lacks));
        }
        // A value that the job ignores has no path.
        let ignored = |key: &str, path: &str| path == IGNORE && IGNORABLE.contains(&key);
        for key in MEMBERS {
            let path = self.text(&format!("list.{key}")).filter(|path| !ignored(key, path));
            if let Some(path) = path.filter(|path| entity::at(schema, &field.ty.name, path).is_none()) {
                let key = format!("list.{key}");
                let lacks =
                    format!("the job says {key} = {path:?}, and the answer of `{operation}` has no such member");
                wrong.push(open(&key, "\"...\"", lacks));
            }
        }
        wrong.extend(self.wrong_fields(schema, field, items));
        wrong
    }

    fn wrong_fields(&self, schema: &Schema, field: &Field, items: &str) -> Option<Open> {
        let entity = entity::at(schema, &field.ty.name, items)?;
        let names = self.value("fields").and_then(Value::as_array)?.iter().filter_map(Value::as_str).map(real_name);
        let wrong: Vec<&str> = names.filter(|name| entity::at(schema, entity, name).is_none()).collect();
        (!wrong.is_empty()).then(|| Open {
            what: format!("the job asks for {} among `fields`, and {entity} has no such field", wrong.join(", ")),
            line: format!("[source.dialect.streams.{}] fields = [\"...\"]", self.stream),
        })
    }
}

/// Returns the server's own name of a selected field, without the alias.
fn real_name(field: &str) -> &str {
    let head = field.split(['{', '(']).next().unwrap_or(field);
    head.split_once(':').map_or(field_name(head), |(_, name)| name.trim())
}
