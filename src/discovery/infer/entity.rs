//! Finds the object type of a stream's records: the type that has the documented fields, whatever its name.

use crate::discovery::names::{folded, nouns};
use crate::discovery::schema::{Argument, Field, Schema, TypeRef};
use crate::streams::{ALL, Column, Stream};

/// Returns how well a type fits a stream; 0 means not at all. The type must have half of the stream's documented
/// columns and at least three; if it is named like the stream, a third of them and at least three suffice. For a
/// stream with fewer than five columns, it must have half of them and be named like the stream. The result is the
/// share of columns, plus 0.3 for such a name, plus 0.2 for the documented type name.
pub fn fit(schema: &Schema, type_name: &str, stream: Stream) -> f64 {
    let columns = stream.columns();
    let carried = carried(schema, type_name, stream);
    let named = nouns(stream).first().is_some_and(|noun| folded(type_name).contains(&folded(noun)));
    let enough = if columns.len() < 5 {
        named && carried * 2 >= columns.len()
    } else {
        carried >= 3 && (carried * 2 >= columns.len() || (named && carried * 3 >= columns.len()))
    };
    if !enough {
        return 0.0;
    }
    let exact = if type_name == stream.definition().entity { 0.2 } else { 0.0 };
    carried as f64 / columns.len() as f64 + if named { 0.3 } else { 0.0 } + exact
}

/// Returns how many of a stream's documented columns a type has.
pub fn carried(schema: &Schema, type_name: &str, stream: Stream) -> usize {
    let fields = schema.fields(type_name);
    stream.columns().iter().filter(|c| carrying(fields, c).is_some()).count()
}

/// Returns the name of the type at a dotted path of fields, which begins in the type `type_name`. Returns `None` if
/// the path does not exist.
pub fn at<'s>(schema: &'s Schema, type_name: &'s str, path: &str) -> Option<&'s str> {
    let member = |ty: &str, name: &str| schema.fields(ty).iter().find(|f| f.name == name).map(|f| f.ty.name.as_str());
    path.split('.').filter(|name| !name.is_empty()).try_fold(type_name, member)
}

/// Returns the stream whose records the type fits best, or `None` if it fits none.
pub fn stream_of(schema: &Schema, type_name: &str) -> Option<Stream> {
    let fits = ALL.into_iter().map(|s| (s, fit(schema, type_name, s))).filter(|(_, fit)| *fit > 0.0);
    fits.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(stream, _)| stream)
}

/// Returns the field that holds a column's values: the one with the column's documented name, or with the same
/// letters in another style. For the id column, `_id`, that includes `id`. A field with required arguments does not
/// count.
pub fn carrying<'s>(fields: &'s [Field], column: &Column) -> Option<&'s Field> {
    let exact = fields.iter().find(|f| f.name == column.name);
    let alike = || fields.iter().find(|f| folded(&f.name) == folded(column.name));
    let found = exact.or_else(alike)?;
    (!found.arguments.iter().any(Argument::is_needed)).then_some(found)
}

/// What a query selects of a stream's records, and which columns it cannot select.
#[derive(Debug, Default)]
pub struct Selection {
    /// The documented columns that the type has, as GraphQL selections, such as `createdAt: created` or `tags { _id
    /// }`.
    pub fields: Vec<String>,
    /// The documented columns that the type does not have.
    pub missing: Vec<&'static str>,
    /// The documented columns that are objects and whose own fields are not known, because the server hides its
    /// schema.
    pub unshown: Vec<&'static str>,
}

/// Returns what to select of a stream's records, whose type is `type_name`.
pub fn selection(schema: &Schema, type_name: &str, stream: Stream) -> Selection {
    let fields = schema.fields(type_name);
    let mut selection = Selection::default();
    for column in stream.columns() {
        let field = carrying(fields, column);
        let written = field.and_then(|field| {
            let alias = if field.name == column.name { String::new() } else { format!("{}: ", column.name) };
            Some(format!("{alias}{}", written(schema, &field.name, &field.ty, 2)?))
        });
        let is_unshown =
            || field.is_some_and(|f| schema.is_object(&f.ty) && schema.fields(&f.ty.name).is_empty() && !schema.whole);
        match written {
            Some(text) => selection.fields.push(text),
            None if is_unshown() => selection.unshown.push(column.name),
            None => selection.missing.push(column.name),
        }
    }
    selection
}

/// Returns the selection of a field: its name, and the names of its sub-fields `levels` deep. Returns `None` if
/// nothing of the field can be selected.
fn written(schema: &Schema, name: &str, ty: &TypeRef, levels: u32) -> Option<String> {
    if schema.is_leaf(ty) {
        return Some(name.to_owned());
    }
    if levels == 0 || !schema.is_object(ty) {
        return None;
    }
    let inner: Vec<String> = schema
        .fields(&ty.name)
        .iter()
        .filter(|f| !f.arguments.iter().any(Argument::is_needed))
        .filter_map(|f| written(schema, &f.name, &f.ty, levels - 1))
        .collect();
    (!inner.is_empty()).then(|| format!("{name} {{ {} }}", inner.join(" ")))
}
