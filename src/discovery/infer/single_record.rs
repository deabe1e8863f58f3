//! Finds the query for a single record: the root field that returns one record of a stream by its id. With such a
//! query, a run can ask for a record that a walk no longer saw before it treats the record as deleted.

use crate::dialect::SingleRecordLayer;
use crate::discovery::infer::entity;
use crate::discovery::infer::list::leaf;
use crate::discovery::names;
use crate::discovery::names::folded;
use crate::discovery::schema::{Argument, Field, Schema, Type, TypeRef};
use crate::streams::Stream;

/// The depth to which an answer's envelope is searched for the record.
const DEPTH: usize = 3;

/// Returns the query for one record in the form of `[streams.NAME.one]`, or `None` if the schema has no such query. A
/// schema does not show how the server answers for a missing record, so `not_found` is learnt by asking.
pub fn one(schema: &Schema, stream: Stream) -> Option<SingleRecordLayer> {
    let mut all: Vec<(f64, SingleRecordLayer)> =
        schema.fields(&schema.query).iter().filter_map(|f| read(schema, f, stream)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().next().map(|(_, one)| one)
}

fn read(schema: &Schema, field: &Field, stream: Stream) -> Option<(f64, SingleRecordLayer)> {
    let id = argument(schema, &field.arguments, stream)?;
    let (item, entity) = record(schema, &field.ty, stream, &mut Vec::new())?;
    let noun = names::nouns(stream).iter().any(|noun| folded(&field.name).contains(&folded(noun)));
    let success = if item.is_empty() {
        None
    } else {
        leaf(schema, schema.fields(&field.ty.name), names::SUCCESS, |ty| matches!(ty.name.as_str(), "Boolean" | ""))
    };
    let one = SingleRecordLayer {
        operation: Some(field.name.clone()),
        id: Some(id),
        item: Some(item),
        success: Some(success.unwrap_or_default()),
        not_found: None,
    };
    Some((entity::fit(schema, &entity, stream) + if noun { 0.5 } else { 0.0 }, one))
}

/// Returns the path of the argument that takes the record's id, or `None` if there is none or if other arguments are
/// required.
fn argument(schema: &Schema, arguments: &[Argument], stream: Stream) -> Option<String> {
    let needed: Vec<&Argument> = arguments.iter().filter(|a| a.is_needed()).collect();
    let candidates: Vec<&Argument> = if needed.is_empty() { arguments.iter().collect() } else { needed };
    let [only] = candidates[..] else { return None };
    if let Some(Type::Input(inner)) = schema.types.get(&only.ty.name) {
        let inside = if only.ty.list { None } else { argument(schema, inner, stream) };
        return inside.map(|path| format!("{}.{path}", only.name));
    }
    let name = folded(&only.name);
    let own = names::nouns(stream).iter().any(|noun| name == folded(noun) + "id" || name == folded(noun));
    let is_id = own || names::ID.iter().any(|id| folded(id) == name);
    (is_id && !only.ty.list && schema.is_leaf(&only.ty)).then(|| only.name.clone())
}

/// Returns the path to the record in an answer of type `ty`, and the record's type. Returns `None` if there is none.
fn record(schema: &Schema, ty: &TypeRef, stream: Stream, path: &mut Vec<String>) -> Option<(String, String)> {
    if ty.list || !schema.is_object(ty) || path.len() > DEPTH {
        return None;
    }
    match entity::stream_of(schema, &ty.name) {
        Some(found) if found == stream => return Some((path.join("."), ty.name.clone())),
        Some(_) => return None,
        None => {}
    }
    schema.fields(&ty.name).iter().filter(|f| !f.arguments.iter().any(Argument::is_needed)).find_map(|field| {
        path.push(field.name.clone());
        let found = record(schema, &field.ty, stream, path);
        path.pop();
        found
    })
}
