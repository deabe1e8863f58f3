//! A schema becomes a dialect: which query lists which stream, how it is paged, what to select, where the envelope holds
//! what. Pure: a schema in, a table in the form of a job's `[source.dialect]` out, with the evidence for each part and
//! with what stays open. Types decide first (what a field returns, what an argument takes), names only among what fits.

pub mod arguments;
pub mod entity;
pub mod list;
pub mod one;
pub mod stranger;
pub mod token;

use toml::{Table, Value};

use self::arguments::Needs;
use self::list::Candidate;
use super::StreamDialect;
use super::names::{self, Role};
use super::schema::Schema;
use crate::streams::Stream;

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The documentation says so and the server took it.
    Documented,
    /// The server's schema says so.
    Introspected,
    /// The server's answers show it.
    Proven,
    /// Nothing speaks against it.
    Assumed,
}

/// One part of a dialect and why it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part: `streams.contacts.operation`.
    pub part: String,
    /// What it was settled to.
    pub value: String,
    /// From what.
    pub evidence: String,
    /// How sure.
    pub certainty: Certainty,
}

/// A part that could not be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// What is not known, in a sentence.
    pub what: String,
    /// The line to write: `[source.dialect.TABLE] KEY = VALUE`.
    pub line: String,
}

impl Open {
    /// The line as it can stand below `[source.dialect]`, and at the top of a file that `dialect` names.
    pub fn written(&self) -> String {
        let table = self.line.strip_prefix("[source.dialect.");
        table.and_then(|t| t.split_once("] ")).map_or(self.line.clone(), |(table, key)| format!("{table}.{key}"))
    }

    /// These lines of a job fill in whatever of this one is to be filled in; all of it where nothing is.
    fn is_answered(&self, job: &Table) -> bool {
        let Ok(line) = self.written().parse::<Table>() else { return false };
        let mut leaves = Vec::new();
        leaves_of(&line, &mut Vec::new(), &mut leaves);
        let blank = leaves.iter().any(|(_, blank)| *blank);
        leaves.iter().filter(|(_, is_blank)| *is_blank == blank).all(|(path, _)| has(job, path))
    }
}

/// The paths of a table's values, and whether each is a blank.
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

/// What was settled of one stream, or of the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// To lay over the shipped dialect.
    pub table: Table,
    /// Part by part.
    pub findings: Vec<Finding>,
    /// What is left.
    pub open: Vec<Open>,
    /// The parent's argument may be left out: perhaps everything is listed then.
    pub parent_optional: bool,
    /// Documented columns that the server does not have.
    pub missing: Vec<&'static str>,
}

/// The token mutation. What the job's lines say is not open.
pub fn token(schema: &Schema, job: &Table) -> Settled {
    let mut settled = token_of(schema);
    settled.open.retain(|open| !open.is_answered(job));
    settled
}

fn token_of(schema: &Schema) -> Settled {
    let mut settled = Settled::default();
    let Some(m) = token::mutation(schema) else {
        settled.open.push(Open {
            what: "no mutation takes a client id and a secret and gives a token: is this the Qpien API?".into(),
            line: "[source.dialect.token] operation = \"...\"".into(),
        });
        return settled;
    };
    if m.client_id.is_empty() {
        let taken: Vec<String> = m.needs.open.iter().map(|(path, _)| format!("`{path}`")).collect();
        for (key, what) in [("client_id", "client id"), ("client_secret", "client secret")] {
            settled.open.push(Open {
                what: format!(
                    "which argument of `{}` takes the {what} is not known ({})",
                    m.operation,
                    taken.join(", ")
                ),
                line: format!("[source.dialect.token] {key} = \"...\""),
            });
        }
    } else {
        settled.open.extend(unfilled(&m.operation, "token", &m.needs.open));
    }
    if m.access_token.is_empty() {
        settled.open.push(Open {
            what: format!("where the answer of `{}` holds the token is not known", m.operation),
            line: "[source.dialect.token] access_token = \"...\"".into(),
        });
    }
    let mut part = Table::new();
    for (key, value) in [
        ("operation", &m.operation),
        ("input", &m.input),
        ("input_type", &m.input_type),
        ("client_id", &m.client_id),
        ("client_secret", &m.client_secret),
        ("client_id_type", &m.client_id_type),
        ("client_secret_type", &m.client_secret_type),
        ("access_token", &m.access_token),
        ("expires_in", &m.expires_in),
        ("success", &m.success),
        ("code", &m.code),
        ("message", &m.message),
    ] {
        part.insert(key.into(), Value::String(value.clone()));
    }
    part.insert("arguments".into(), constants(&m.needs));
    settled.findings.push(Finding {
        part: "token".into(),
        value: format!("{} -> {}", m.operation, m.access_token),
        evidence: "a mutation that takes a client id and a secret and gives a token".into(),
        certainty: Certainty::Introspected,
    });
    settled.table.insert("token".into(), Value::Table(part));
    settled
}

/// One stream. `none` when the schema has no query for it at all. A query that the job names is the one; what its lines
/// say is not open.
pub fn stream(schema: &Schema, stream: Stream, job: &Table) -> Option<Settled> {
    let mut settled = stream_of(schema, stream, job)?;
    settled.open.retain(|open| !open.is_answered(job));
    Some(settled)
}

fn stream_of(schema: &Schema, stream: Stream, job: &Table) -> Option<Settled> {
    let candidates = list::candidates(schema, stream);
    let part = |name: &str, of: &Table| of.get(name).and_then(Value::as_table).cloned();
    let own = part("streams", job).and_then(|streams| part(stream.name(), &streams)).unwrap_or_default();
    let named = own.get("operation").and_then(Value::as_str);
    let best = candidates.iter().find(|c| named.is_none_or(|name| c.field.name == name));
    let Some(best) = best.or(candidates.first()) else {
        return rows_unknown(schema, stream);
    };
    let mut settled = Settled::default();
    let place = format!("streams.{stream}");
    let mut needs = best.sorted.needs.open.clone();
    if stream.definition().parent.is_some()
        && !best.sorted.roles.contains_key(&Role::Parent)
        && let Some(at) = needs.iter().position(|(_, ty)| ty == "ID!").or_else(|| needs.iter().position(is_text))
    {
        let (path, ty) = needs.remove(at);
        settled.open.push(Open {
            what: format!("`{}` insists on `{path}` ({ty}): is it the conversation's id?", best.field.name),
            line: format!("[source.dialect.{place}] parent = \"{path}\""),
        });
    }
    settled.open.extend(unfilled(&best.field.name, &format!("{place}.list"), &needs));
    let (fields, missing) = entity::selection(schema, &best.entity, stream);
    let mut table = Table::new();
    table.insert("operation".into(), text(&best.field.name));
    table.insert("drop".into(), Value::Array(Vec::new()));
    table.insert("fields".into(), Value::Array(fields.iter().map(|f| text(f)).collect()));
    if stream.definition().parent.is_some() {
        let parent = best.sorted.roles.get(&Role::Parent);
        table.insert("parent".into(), text(parent.map_or("", |(path, _)| path)));
        settled.parent_optional = parent.is_some_and(|(_, needed)| !needed);
    }
    let list = list_table(schema, best);
    settled.open.extend(perhaps_paged(best, &place, &list));
    table.insert("list".into(), Value::Table(list));
    let certain = |part: &str, value: String, evidence: String| Finding {
        part: format!("{place}{part}"),
        value,
        evidence,
        certainty: Certainty::Introspected,
    };
    settled.findings.push(certain(
        ".operation",
        best.field.name.clone(),
        format!("a list of {} at `{}`", best.entity, best.items),
    ));
    if !missing.is_empty() {
        settled.findings.push(certain(
            ".fields",
            format!("without {}", missing.join(", ")),
            format!("{} has no such fields", best.entity),
        ));
    }
    settled.missing = missing;
    let streams = Table::from_iter([(stream.name().to_owned(), Value::Table(table))]);
    settled.table.insert("streams".into(), Value::Table(streams));
    Some(settled)
}

/// The type of the records that a dialect's own query lists, whoever wrote it; none when the schema does not have it.
pub fn entity_of<'s>(schema: &'s Schema, part: &StreamDialect) -> Option<&'s str> {
    let field = |ty: &str, name: &str| schema.fields(ty).iter().find(|f| f.name == name).map(|f| f.ty.name.as_str());
    let root = field(&schema.query, &part.operation);
    part.list.items.split('.').filter(|name| !name.is_empty()).fold(root, |ty, name| field(ty?, name))
}

/// How a list is paged and where its envelope holds what.
fn list_table(schema: &Schema, best: &Candidate<'_>) -> Table {
    let members = list::members(schema, best);
    let role = |role: Role| best.sorted.roles.get(&role).map(|(path, _)| path.clone());
    let cursors = !members.next_cursor.is_empty() || !members.row_cursor.is_empty();
    let (paging, page) = match (role(Role::Page), role(Role::Offset), role(Role::Cursor)) {
        (Some(page), _, _) => ("page", page),
        (_, Some(offset), _) => ("offset", offset),
        (_, _, Some(cursor)) if cursors => ("cursor", cursor),
        _ => ("none", String::new()),
    };
    let mut list = Table::new();
    // Where nothing is known to page it, somebody may say so, and needs them then.
    let by_cursor = |path: &String| if matches!(paging, "cursor" | "none") { text(path) } else { text("") };
    list.insert("paging".into(), text(paging));
    list.insert("assumed".into(), Value::Boolean(paging == "none" && !schema.whole));
    list.insert("page".into(), text(&page));
    list.insert("size".into(), text(&role(Role::Size).unwrap_or_default()));
    list.insert("items".into(), text(&best.items));
    list.insert("total".into(), text(&members.total));
    list.insert("has_next".into(), text(&members.has_next));
    list.insert("next_cursor".into(), by_cursor(&members.next_cursor));
    list.insert("row_cursor".into(), by_cursor(&members.row_cursor));
    list.insert("success".into(), text(&members.success));
    list.insert("code".into(), text(&members.code));
    list.insert("message".into(), text(&members.message));
    list.insert("arguments".into(), constants(&best.sorted.needs));
    list
}

/// A list that no argument is known to page, that takes a number all the same, and whose answers do not tell where it
/// ends: its first page would pass for all of it.
fn perhaps_paged(best: &Candidate<'_>, place: &str, list: &Table) -> Option<Open> {
    let told = |key: &str| list.get(key).and_then(Value::as_str).is_some_and(|path| !path.is_empty());
    let unpaged = list.get("paging").and_then(Value::as_str) == Some("none");
    let mut numbers = best.sorted.numbers.iter().map(|(path, _)| path.as_str());
    let size = best.sorted.roles.get(&Role::Size).map(|(path, _)| path.as_str());
    let page = numbers.next();
    if !unpaged || told("total") || told("has_next") || (page.is_none() && size.is_none()) {
        return None;
    }
    let taken: Vec<String> = page.into_iter().chain(size).chain(numbers.clone()).map(|n| format!("`{n}`")).collect();
    let (page, size) = (page.unwrap_or("..."), size.or_else(|| numbers.next()).unwrap_or_default());
    Some(Open {
        what: format!(
            "`{}` takes {} and tells no end: is it paged by that? (paging is page, offset, cursor or none)",
            best.field.name,
            taken.join(", ")
        ),
        line: format!("[source.dialect.{place}] list = {{ paging = \"...\", page = \"{page}\", size = \"{size}\" }}"),
    })
}

/// What must be given and has no sensible value; `place` is the part of the dialect whose `arguments` take it.
fn unfilled(operation: &str, place: &str, needs: &[(String, String)]) -> Vec<Open> {
    let open = |one: &(String, String)| {
        let (path, ty) = one;
        let value = if is_text(one) { "'\"...\"'" } else { "'...'" };
        Open {
            what: format!("`{operation}` insists on `{path}` ({ty}), and nothing says what to give"),
            line: format!("[source.dialect.{place}.arguments] \"{path}\" = {value}"),
        }
    };
    needs.iter().map(open).collect()
}

fn is_text((_, ty): &(String, String)) -> bool {
    matches!(ty.as_str(), "String!" | "ID!")
}

/// A query that is called as a list of the stream is, and of whose answer no list is known: the schema was learnt by
/// asking, and the members have names that nobody would guess.
fn rows_unknown(schema: &Schema, stream: Stream) -> Option<Settled> {
    if stream.definition().optional {
        return None;
    }
    let fields = schema.fields(&schema.query);
    let named = |name: String| fields.iter().find(|f| f.name == name && !list::holds_list(schema, &f.ty));
    let field = names::list_operations(stream).into_iter().find_map(named)?;
    let open = Open {
        what: format!("`{}` is there, and where its answer holds {stream} is not known", field.name),
        line: format!("[source.dialect.streams.{stream}.list] items = \"...\""),
    };
    Some(Settled { open: vec![open], ..Settled::default() })
}

fn constants(needs: &Needs) -> Value {
    Value::Table(needs.constants.iter().map(|(path, literal)| (path.clone(), text(literal))).collect())
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
