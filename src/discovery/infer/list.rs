//! Finds the query that lists a stream: the root field that returns the stream's records, how that list is paged, and
//! the paths of the values in its envelope.

use crate::discovery::infer::arguments;
use crate::discovery::infer::arguments::Sorted;
use crate::discovery::infer::entity;
use crate::discovery::names;
use crate::discovery::names::{Role, folded};
use crate::discovery::schema::{Argument, Field, Schema, Type, TypeRef};
use crate::streams::Stream;

/// The depth to which an answer's envelope is searched for records.
const DEPTH: usize = 4;

/// A query that may list a stream.
#[derive(Debug)]
pub struct ListCandidate<'s> {
    /// The root field of the query.
    pub field: &'s Field,
    /// The dotted path to the records in the answer. Empty if the query returns a bare list.
    pub items: String,
    /// The name of the records' type.
    pub entity: String,
    /// The query's arguments, classified by what they are for.
    pub sorted: Sorted,
    score: f64,
}

impl ListCandidate<'_> {
    /// Returns whether the query requires the id of a conversation, so that it lists the records of one conversation
    /// only.
    pub fn is_of_parent(&self) -> bool {
        self.sorted.roles.get(&Role::Parent).is_some_and(|(_, needed)| *needed)
    }
}

/// Returns the path of a field between the root and the records that has paging arguments of its own, and these
/// arguments. A question can only give arguments to its root field, so such a field may return only its first page.
/// Returns `None` if there is no such field.
pub fn paged_within(schema: &Schema, candidate: &ListCandidate<'_>) -> Option<(String, Vec<String>)> {
    let mut ty = &candidate.field.ty;
    let mut path = Vec::new();
    for name in candidate.items.split('.') {
        let field = schema.fields(&ty.name).iter().find(|f| f.name == name)?;
        path.push(name);
        let roles = arguments::sort(schema, &field.arguments).roles;
        let paging: Vec<String> =
            roles.into_iter().filter(|(role, _)| *role != Role::Parent).map(|(_, (path, _))| path).collect();
        if !paging.is_empty() {
            return Some((path.join("."), paging));
        }
        ty = &field.ty;
    }
    None
}

/// The dotted paths of the values in a list's envelope. A path is empty if the envelope has no such value.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Members {
    pub success: String,
    pub code: String,
    pub message: String,
    pub total: String,
    pub has_next: String,
    pub next_cursor: String,
    pub row_cursor: String,
}

/// Returns the queries that may list a stream, likeliest first.
pub fn candidates(schema: &Schema, stream: Stream) -> Vec<ListCandidate<'_>> {
    let mut all = Vec::new();
    for field in schema.fields(&schema.query) {
        let mut found = Vec::new();
        lists(schema, &field.ty, stream, &mut Vec::new(), &mut found);
        for (items, entity) in found {
            let sorted = arguments::sort(schema, &field.arguments);
            let score = score(schema, stream, field, &items, &entity, &sorted);
            let mut candidate = ListCandidate { field, items: items.join("."), entity, sorted, score };
            candidate.score -= if paged_within(schema, &candidate).is_some() { 1.0 } else { 0.0 };
            all.push(candidate);
        }
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

/// Returns the query with this name as the list of a stream. Its rows count as the stream's records, whatever their
/// type. `items` is the path to the rows; if it is `None`, the path is searched for. Returns `None` if there is no
/// such query.
pub fn named<'s>(schema: &'s Schema, stream: Stream, name: &str, items: Option<&str>) -> Option<ListCandidate<'s>> {
    let field = schema.fields(&schema.query).iter().find(|f| f.name == name)?;
    let mut found = Vec::new();
    rows(schema, &field.ty, &mut Vec::new(), &mut found);
    let rank = |(path, entity): &(String, String)| {
        let usual = path.split('.').all(|name| name.is_empty() || names::ITEMS.contains(&name));
        (entity::carried(schema, entity, stream), usual, std::cmp::Reverse(path.matches('.').count()))
    };
    let best = match items {
        Some(items) => found.into_iter().find(|(path, _)| path == items).or_else(|| {
            let entity = entity::at(schema, &field.ty.name, items).unwrap_or_default();
            Some((items.to_owned(), entity.to_owned()))
        }),
        None => found.into_iter().max_by_key(rank),
    };
    let (items, entity) = best?;
    let sorted = arguments::sort(schema, &field.arguments);
    Some(ListCandidate { field, items, entity, sorted, score: 0.0 })
}

/// Adds to `found` every path to a list of objects below the type `ty`, with the name of the objects' type.
fn rows(schema: &Schema, ty: &TypeRef, path: &mut Vec<String>, found: &mut Vec<(String, String)>) {
    if !schema.is_object(ty) || path.len() > DEPTH {
        return;
    }
    if ty.list {
        let node = schema.fields(&ty.name).iter().find(|f| f.name == "node" && schema.is_object(&f.ty) && !f.ty.list);
        let (path, ty) = match node {
            Some(node) => ([&path[..], &["node".to_owned()]].concat().join("."), &node.ty),
            None => (path.join("."), ty),
        };
        found.push((path, ty.name.clone()));
        return;
    }
    // A record is not an envelope: lists inside it are fields of the record.
    if !path.is_empty() && entity::stream_of(schema, &ty.name).is_some() {
        return;
    }
    for field in schema.fields(&ty.name).iter().filter(|f| !f.arguments.iter().any(Argument::is_needed)) {
        path.push(field.name.clone());
        rows(schema, &field.ty, path, found);
        path.pop();
    }
}

/// Returns the name of a union type between the query and its rows, or `None` if there is none. The rows below a
/// union cannot be read, because no field of a union can be selected by name.
pub fn union(schema: &Schema, ty: &TypeRef) -> Option<String> {
    fn look(schema: &Schema, ty: &TypeRef, depth: usize) -> Option<String> {
        match schema.types.get(&ty.name) {
            Some(Type::Union) => Some(ty.name.clone()),
            Some(Type::Object(fields)) if depth > 0 && !ty.list => {
                fields.iter().find_map(|f| look(schema, &f.ty, depth - 1))
            }
            _ => None,
        }
    }
    look(schema, ty, DEPTH)
}

/// Adds to `found` every path to a list of the stream's records below the type `ty`, with the name of the records'
/// type.
fn lists(
    schema: &Schema,
    ty: &TypeRef,
    stream: Stream,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, String)>,
) {
    if !schema.is_object(ty) || path.len() > DEPTH {
        return;
    }
    let fits = entity::stream_of(schema, &ty.name);
    if ty.list {
        if fits == Some(stream) {
            found.push((path.clone(), ty.name.clone()));
        } else if let Some(node) = schema.fields(&ty.name).iter().find(|f| f.name == "node")
            && !node.ty.list
            && entity::stream_of(schema, &node.ty.name) == Some(stream)
        {
            let mut path = path.clone();
            path.push("node".into());
            found.push((path, node.ty.name.clone()));
        }
        return;
    }
    // A record of another stream is not an envelope: lists inside it are fields of that record.
    if fits.is_some() && !path.is_empty() || fits == Some(stream) {
        return;
    }
    for field in schema.fields(&ty.name).iter().filter(|f| !f.arguments.iter().any(Argument::is_needed)) {
        path.push(field.name.clone());
        lists(schema, &field.ty, stream, path, found);
        path.pop();
    }
}

/// Returns whether an answer of type `ty` contains a list of objects.
pub fn holds_list(schema: &Schema, ty: &TypeRef) -> bool {
    fn look(schema: &Schema, ty: &TypeRef, depth: usize) -> bool {
        schema.is_object(ty)
            && (ty.list || (depth > 0 && schema.fields(&ty.name).iter().any(|f| look(schema, &f.ty, depth - 1))))
    }
    look(schema, ty, DEPTH)
}

fn score(schema: &Schema, stream: Stream, field: &Field, items: &[String], entity: &str, sorted: &Sorted) -> f64 {
    let operations = names::list_operations(stream);
    let known = operations.iter().position(|name| *name == field.name);
    let noun = names::nouns(stream).iter().any(|noun| folded(&field.name).contains(&folded(noun)));
    let some = names::is_qualified(stream, &field.name);
    let parent = sorted.roles.get(&Role::Parent);
    let wanted = stream.definition().parent.is_some();
    let paged = sorted.roles.keys().any(|role| !matches!(role, Role::Parent | Role::Size));
    entity::fit(schema, entity, stream)
        + known.map_or(0.0, |rank| 0.5 - rank as f64 / 100.0)
        + if noun { 0.2 } else { 0.0 }
        + if paged { 0.3 } else { 0.0 }
        + if wanted && parent.is_some() { 0.3 } else { 0.0 }
        - if !wanted && parent.is_some_and(|(_, needed)| *needed) { 1.0 } else { 0.0 }
        - if some { 0.9 } else { 0.0 }
        - items.len() as f64 / 20.0
        - sorted.needs.open.len() as f64
}

/// Returns the paths of the values in the envelope of a candidate's answer.
pub fn members(schema: &Schema, candidate: &ListCandidate<'_>) -> Members {
    let mut members = Members::default();
    if candidate.items.is_empty() {
        return members;
    }
    let parts: Vec<&str> = candidate.items.split('.').collect();
    // The objects between the root and the records, outermost first. A list between them (`edges`) ends them.
    let mut objects = vec![(String::new(), candidate.field.ty.clone())];
    let mut edge = None;
    for part in &parts {
        let Some((path, ty)) = objects.last().cloned() else {
            break;
        };
        let Some(field) = schema.fields(&ty.name).iter().find(|f| f.name == *part) else {
            break;
        };
        let below = (format!("{path}{part}."), field.ty.clone());
        if field.ty.list {
            edge = (parts.last() != Some(part)).then_some(below);
            break;
        }
        objects.push(below);
    }
    for (path, ty) in &objects {
        let fields = schema.fields(&ty.name);
        let take = |into: &mut String, pool: &[&str], fits: fn(&TypeRef) -> bool| {
            if into.is_empty()
                && let Some(name) = leaf(schema, fields, pool, fits)
            {
                *into = format!("{path}{name}");
            }
        };
        take(&mut members.success, names::SUCCESS, is_boolean);
        take(&mut members.code, names::CODE, |_| true);
        take(&mut members.message, names::MESSAGE, is_text);
    }
    // A total beside the records is preferred, then those further out. On each level, an object of totals comes after
    // the level's own members, but before the next level.
    for (path, ty) in objects.iter().rev() {
        let fields = schema.fields(&ty.name);
        let beside = fields.iter().filter(|f| !f.ty.list && names::BESIDE.iter().any(|b| folded(b) == folded(&f.name)));
        let beside = beside.map(|f| (format!("{path}{}.", f.name), schema.fields(&f.ty.name)));
        for (path, fields) in std::iter::once((path.clone(), fields)).chain(beside) {
            let take = |into: &mut String, pool: &[&str], fits: fn(&TypeRef) -> bool| {
                if into.is_empty()
                    && let Some(name) = leaf(schema, fields, pool, fits)
                {
                    *into = format!("{path}{name}");
                }
            };
            take(&mut members.total, names::TOTAL, is_number);
            take(&mut members.has_next, names::HAS_NEXT, is_boolean);
            take(&mut members.next_cursor, names::NEXT_CURSOR, is_text);
        }
    }
    if let Some((path, ty)) = edge
        && let Some(name) = leaf(schema, schema.fields(&ty.name), names::ROW_CURSOR, is_text)
    {
        members.row_cursor = format!("{path}{name}");
    }
    members
}

/// Returns the name of the scalar field that matches the first possible name in `pool` and whose type `fits` accepts.
/// Returns `None` if no field does.
pub fn leaf(schema: &Schema, fields: &[Field], pool: &[&str], fits: fn(&TypeRef) -> bool) -> Option<String> {
    let usable =
        |f: &&Field| !f.ty.list && schema.is_leaf(&f.ty) && fits(&f.ty) && !f.arguments.iter().any(Argument::is_needed);
    let named = |name: &str| fields.iter().filter(usable).find(|f| folded(&f.name) == folded(name));
    pool.iter().find_map(|name| named(name)).map(|f| f.name.clone())
}

/// Returns whether values of this type may be numbers.
pub fn is_number(ty: &TypeRef) -> bool {
    let name = ty.name.to_ascii_lowercase();
    !matches!(name.as_str(), "boolean" | "string" | "id")
}

/// Returns whether values of this type may be strings.
pub fn is_text(ty: &TypeRef) -> bool {
    !matches!(ty.name.as_str(), "Boolean" | "Int" | "Float")
}

fn is_boolean(ty: &TypeRef) -> bool {
    matches!(ty.name.as_str(), "Boolean" | "")
}
