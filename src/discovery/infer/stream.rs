//! Derives one stream's part of the dialect from a schema: the query that lists the stream, the fields to select, and
//! the arguments to give.

use crate::dialect::{DialectLayer, ListLayer, Paging, SinceForm, StreamDialect, StreamLayer};
use crate::discovery::infer::entity::Selection;
use crate::discovery::infer::list;
use crate::discovery::infer::list::ListCandidate;
use crate::discovery::infer::overrides::StreamOverrides;
use crate::discovery::infer::unresolved::{Open, unfilled};
use crate::discovery::infer::{Finding, Settled, arguments, certainty, entity};
use crate::discovery::names;
use crate::discovery::names::Role;
use crate::discovery::schema::Schema;
use crate::streams::Stream;

/// Derives one stream's part of the dialect. Returns `None` if the schema has no query for the stream at all. If the
/// job names a query, that one is used, whatever it lists. A question that the job's lines answer is not open, unless
/// the schema shows that they are wrong.
pub fn stream(schema: &Schema, stream: Stream, job: &DialectLayer) -> Option<Settled> {
    let own = StreamOverrides::of(job, stream);
    if let Some(open) = own.no_such_query(schema) {
        return Some(Settled { open: vec![open], ..Settled::default() });
    }
    let mut settled = settle(schema, stream, &own)?;
    settled.open.retain(|open| !open.is_answered(job));
    let over = StreamOverrides::of(&settled.layer, stream);
    let of = |key: &str| own.text(key).or_else(|| over.text(key)).unwrap_or_default();
    let wrong = own.wrong(schema, of("operation"), of("list.items"));
    settled.open.extend(wrong);
    Some(settled)
}

fn settle(schema: &Schema, stream: Stream, own: &StreamOverrides) -> Option<Settled> {
    let candidates = list::candidates(schema, stream);
    let best = match own.text("operation") {
        Some(name) => list::named(schema, stream, name, own.text("list.items")),
        None => candidates.into_iter().next(),
    };
    let Some(best) = best else {
        return rows_unknown(schema, stream, own);
    };
    let mut settled = Settled::default();
    let place = format!("streams.{stream}");
    let finding = |part: &str, value: String, evidence: String| Finding {
        part: format!("{place}{part}"),
        value,
        evidence,
        certainty: certainty(schema),
    };
    let mut part =
        StreamLayer { operation: Some(best.field.name.clone()), drop: Some(Vec::new()), ..StreamLayer::default() };
    settled.findings.push(finding(
        ".operation",
        best.field.name.clone(),
        match (&*best.entity, &*best.items) {
            ("", items) => format!("the job says that its rows lie at `{items}`"),
            (entity, "") => format!("a bare list of {entity}"),
            (entity, items) => format!("a list of {entity} at `{items}`"),
        },
    ));
    if own.text("operation").is_none() {
        others(schema, stream, &best, &mut settled);
    }
    fields(schema, stream, &best, own, &mut settled, &mut part);
    let parent = parent(schema, stream, &best, own, &mut part);
    settled.parent_optional = parent.as_ref().is_some_and(|(_, needed)| !needed);
    // An argument with a role, or one that the job gives, needs no constant.
    let roles = best.sorted.roles.iter().filter(|(role, _)| **role != Role::Parent || parent.is_some());
    let mut given: Vec<&str> = roles.map(|(_, (path, _))| path.as_str()).collect();
    given.extend(parent.iter().map(|(path, _)| path.as_str()));
    given.extend(["list.page", "list.size"].into_iter().filter_map(|key| own.text(key)));
    let written = own.arguments();
    given.extend(written.iter().map(String::as_str));
    let mut needs = arguments::needs(schema, &best.field.arguments, &given);
    if stream.definition().parent.is_some()
        && parent.is_none()
        && let Some(at) = ["ID!", "[ID]!", "String!"].iter().find_map(|ty| needs.open.iter().position(|n| n.1 == *ty))
    {
        let (path, ty) = needs.open.remove(at);
        settled.open.push(Open {
            what: format!("`{}` insists on `{path}` ({ty}): is it the conversation's id?", best.field.name),
            line: format!("[source.dialect.{place}] parent = \"{path}\""),
        });
    }
    settled.open.extend(unfilled(&best.field.name, &format!("{place}.list"), &needs.open));
    settled.tell_constants(stream.name(), &format!("{place}.list"), &needs);
    let mut list = list_layer(schema, &best);
    let written: Vec<&str> = needs.constants.keys().map(String::as_str).chain(given.iter().copied()).collect();
    let since = crate::discovery::infer::since(schema, stream, &best.field.arguments, parent.is_some(), &written);
    list.since = Some(since.as_ref().map(|since| since.path.clone()).unwrap_or_default());
    list.since_form = Some(since.as_ref().map_or(SinceForm::Iso8601, |since| since.form));
    settled.findings.extend(since.map(|since| crate::discovery::infer::found_since(stream, &since)));
    list.arguments = Some(needs.constants);
    settled.open.extend(perhaps_paged(&best, &place, &list));
    settled.open.extend(paged_within(schema, &best, &place));
    part.list = Some(list);
    settled.layer = DialectLayer::of_stream(stream, part);
    Some(settled)
}

/// Adds an open question if the query's name suggests that it lists only some of the records. Otherwise adds a note
/// about the other queries that list the same records and are not read.
fn others(schema: &Schema, stream: Stream, best: &ListCandidate<'_>, settled: &mut Settled) {
    let of_its_own = |c: &ListCandidate<'_>| {
        c.entity == best.entity
            && c.sorted.needs.open.is_empty()
            && (stream.definition().parent.is_some() || !c.is_of_parent())
    };
    let mut lists = vec![best.field.name.clone()];
    for other in list::candidates(schema, stream).into_iter().filter(of_its_own) {
        if !lists.contains(&other.field.name) {
            lists.push(other.field.name.clone());
        }
    }
    let quoted = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(" and ");
    if names::is_qualified(stream, &lists[0]) {
        let what = match &lists[..] {
            [only] => format!("the only list of {stream} is `{only}`, which may not be all of them"),
            all => format!("the lists of {stream} are {}, and none of them may be all", quoted(all)),
        };
        let line = format!("[source.dialect.streams.{stream}] operation = \"{}\"", lists[0]);
        settled.open.push(Open { what, line });
    } else if lists.len() > 1 {
        let (read, rest) = (&lists[0], &lists[1..]);
        let verbs =
            if rest.len() == 1 { "lists the same type and is not read" } else { "list the same type and are not read" };
        let told = format!("{stream} are read from `{read}`; {} {verbs}", quoted(rest));
        settled.tell(format!("streams.{stream}.operation"), read.clone(), told);
    }
}

/// Decides which fields to select. If no id field is known, that becomes an open question, because there is no record
/// without an id.
fn fields(
    schema: &Schema,
    stream: Stream,
    best: &ListCandidate<'_>,
    own: &StreamOverrides,
    settled: &mut Settled,
    part: &mut StreamLayer,
) {
    let place = format!("streams.{stream}");
    let Selection { fields, missing, unshown } = entity::selection(schema, &best.entity, stream);
    let id = stream.columns().first().map_or("_id", |c| c.name);
    if own.has("fields") {
        return;
    }
    if missing.contains(&id) {
        let known: Vec<&str> = schema.fields(&best.entity).iter().map(|f| f.name.as_str()).collect();
        let known = if known.is_empty() { String::new() } else { format!(" (it has {})", known.join(", ")) };
        let of =
            if best.entity.is_empty() { format!("a record of `{}`", best.field.name) } else { best.entity.clone() };
        settled.open.push(Open {
            what: format!("which field of {of} is its id is not known{known}"),
            line: format!("[source.dialect.{place}] fields = [\"{id}: ...\"]"),
        });
        return;
    }
    if !missing.is_empty() {
        settled.findings.push(Finding {
            part: format!("{place}.fields"),
            value: format!("without {}", missing.join(", ")),
            evidence: format!("{} has no such fields", best.entity),
            certainty: certainty(schema),
        });
    }
    part.fields = Some(fields);
    settled.missing = missing;
    settled.unshown = unshown;
}

/// Returns the path of the argument for the parent record, and whether the server requires it. The job's path comes
/// first, then the argument with that role. Returns `None` if the stream has no parent, or the query no such
/// argument.
fn parent(
    schema: &Schema,
    stream: Stream,
    best: &ListCandidate<'_>,
    own: &StreamOverrides,
    part: &mut StreamLayer,
) -> Option<(String, bool)> {
    stream.definition().parent?;
    let written = own.text("parent").map(|path| (path.to_owned(), true));
    let parent = written.or_else(|| best.sorted.roles.get(&Role::Parent).cloned()).filter(|(path, _)| !path.is_empty());
    let list = parent.as_ref().and_then(|(path, _)| arguments::at(schema, &best.field.arguments, path));
    part.parent = Some(parent.as_ref().map(|(path, _)| path.clone()).unwrap_or_default());
    part.parent_list = Some(list.is_some_and(|argument| argument.ty.list));
    parent
}

/// Returns the type of the records that a dialect's query lists, or `None` if the schema does not have the query. The
/// dialect may be shipped, found, or written by hand.
pub fn entity_of<'s>(schema: &'s Schema, part: &StreamDialect) -> Option<&'s str> {
    let root = entity::at(schema, &schema.query, &part.operation)?;
    entity::at(schema, root, &part.list.items)
}

/// Decides how a list is paged, and finds the paths of the values in its envelope.
fn list_layer(schema: &Schema, best: &ListCandidate<'_>) -> ListLayer {
    let members = list::members(schema, best);
    let role = |role: Role| best.sorted.roles.get(&role).map(|(path, _)| path.clone());
    let cursors = !members.next_cursor.is_empty() || !members.row_cursor.is_empty();
    let (paging, page) = match (role(Role::Page), role(Role::Offset), role(Role::Cursor)) {
        (Some(page), _, _) => (Paging::Page, page),
        (_, Some(offset), _) => (Paging::Offset, offset),
        (_, _, Some(cursor)) if cursors => (Paging::Cursor, cursor),
        _ => (Paging::None, String::new()),
    };
    // If no argument is known to page the list, the operator may still set `cursor`, which needs these paths.
    let by_cursor = |path: String| match paging {
        Paging::Cursor | Paging::None => path,
        Paging::Page | Paging::Offset => String::new(),
    };
    ListLayer {
        paging: Some(paging),
        assumed: Some(!paging.is_paged() && !schema.whole),
        page: Some(page),
        size: Some(role(Role::Size).unwrap_or_default()),
        items: Some(best.items.clone()),
        total: Some(members.total),
        has_next: Some(members.has_next),
        next_cursor: Some(by_cursor(members.next_cursor)),
        row_cursor: Some(by_cursor(members.row_cursor)),
        success: Some(members.success),
        code: Some(members.code),
        message: Some(members.message),
        ..ListLayer::default()
    }
}

/// Returns an open question for a list that no known argument pages, that has a numeric argument, and whose answers
/// do not show where the list ends. Otherwise its first page could pass for the complete list.
fn perhaps_paged(best: &ListCandidate<'_>, place: &str, list: &ListLayer) -> Option<Open> {
    let told = |path: &Option<String>| path.as_ref().is_some_and(|path| !path.is_empty());
    let unpaged = list.paging.is_some_and(|paging| !paging.is_paged());
    let mut numbers = best.sorted.numbers.iter().map(|(path, _)| path.as_str());
    let size = best.sorted.roles.get(&Role::Size).map(|(path, _)| path.as_str());
    let page = numbers.next();
    if !unpaged || told(&list.total) || told(&list.has_next) || (page.is_none() && size.is_none()) {
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

/// Returns an open question for a list that is paged by arguments of an inner field, inside a record or a group of
/// queries. Otherwise its first page would pass for the complete list.
fn paged_within(schema: &Schema, best: &ListCandidate<'_>, place: &str) -> Option<Open> {
    let (path, arguments) = list::paged_within(schema, best)?;
    let taken: Vec<String> = arguments.iter().map(|name| format!("`{name}`")).collect();
    Some(Open {
        what: format!(
            "`{path}` within the answer of `{}` takes {} itself, and arguments can only be given to the query: name one \
             that is paged, or this one if it gives all of them without",
            best.field.name,
            taken.join(", ")
        ),
        line: format!("[source.dialect.{place}] operation = \"...\""),
    })
}

/// Returns a stream with an open question if there is a query (the one that the job names, or one with a usual name),
/// but no list is known in its answer. Either a union hides the list, or the schema was learnt by probing and no name
/// list contains the names in the answer. Returns `None` if there is no such query.
fn rows_unknown(schema: &Schema, stream: Stream, own: &StreamOverrides) -> Option<Settled> {
    let fields = schema.fields(&schema.query);
    let named = |name: String| fields.iter().find(|f| f.name == name);
    let field = match own.text("operation") {
        Some(name) => named(name.to_owned())?,
        None if stream.definition().optional => return None,
        None => names::list_operations(stream)
            .into_iter()
            .filter_map(named)
            .find(|f| list::union(schema, &f.ty).is_some() || !list::holds_list(schema, &f.ty))?,
    };
    let open = match list::union(schema, &field.ty) {
        Some(union) => Open {
            what: format!(
                "`{}` answers with the union {union}, and a list of a union cannot be read: name another query, or take \
                 {stream} out of `streams`",
                field.name
            ),
            line: format!("[source.dialect.streams.{stream}] operation = \"...\""),
        },
        None => Open {
            what: format!("`{}` is there, and where its answer holds {stream} is not known", field.name),
            line: format!("[source.dialect.streams.{stream}.list] items = \"...\""),
        },
    };
    Some(Settled { open: vec![open], ..Settled::default() })
}
