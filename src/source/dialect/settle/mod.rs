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

use self::list::Candidate;
use super::StreamDialect;
use super::names::Role;
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
    /// The line to write.
    pub line: String,
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

/// The token mutation.
pub fn token(schema: &Schema) -> Settled {
    let mut settled = Settled::default();
    let Some(m) = token::mutation(schema) else {
        settled.open.push(Open {
            what: "no mutation takes a client id and a secret and gives a token: is this the Qpien API?".into(),
            line: "[source.dialect.token] operation = \"...\"".into(),
        });
        return settled;
    };
    for name in &m.open {
        settled.open.push(Open {
            what: format!("`{}` insists on `{name}`, and nothing says what to give", m.operation),
            line: "[source.dialect.token] operation = \"...\"".into(),
        });
    }
    let mut part = Table::new();
    for (key, value) in [
        ("operation", &m.operation),
        ("input", &m.input),
        ("input_type", &m.input_type),
        ("argument_type", &m.argument_type),
        ("client_id", &m.client_id),
        ("client_secret", &m.client_secret),
        ("access_token", &m.access_token),
        ("expires_in", &m.expires_in),
        ("success", &m.success),
        ("code", &m.code),
        ("message", &m.message),
    ] {
        part.insert(key.into(), Value::String(value.clone()));
    }
    settled.findings.push(Finding {
        part: "token".into(),
        value: format!("{} -> {}", m.operation, m.access_token),
        evidence: "a mutation that takes a client id and a secret and gives a token".into(),
        certainty: Certainty::Introspected,
    });
    settled.table.insert("token".into(), Value::Table(part));
    settled
}

/// One stream. `none` when the schema has no query for it at all.
pub fn stream(schema: &Schema, stream: Stream) -> Option<Settled> {
    let candidates = list::candidates(schema, stream);
    let best = candidates.first()?;
    let mut settled = Settled::default();
    let place = format!("streams.{stream}");
    for (path, ty) in &best.sorted.open {
        settled.open.push(Open {
            what: format!("`{}` insists on `{path}` ({ty}), and nothing says what to give", best.field.name),
            line: format!("[source.dialect.{place}.list.arguments] \"{path}\" = ..."),
        });
    }
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
    table.insert("list".into(), Value::Table(list_table(schema, best)));
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
    let by_cursor = |path: &String| if paging == "cursor" { text(path) } else { text("") };
    list.insert("paging".into(), text(paging));
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
    let constants = best.sorted.constants.iter().map(|(path, literal)| (path.clone(), text(literal)));
    list.insert("arguments".into(), Value::Table(constants.collect()));
    list
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;

#[cfg(all(test, feature = "sandbox"))]
mod generated;
