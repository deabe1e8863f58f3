//! Generated servers, to which no test was fitted: varied names, envelopes of any depth, flat or nested arguments,
//! every paging style in one schema, required arguments with and without defaults, tokens in several spellings, and
//! fields that only look like lists. The generator knows what discovery must find, and what no client can find.

mod dice;
mod token;

use std::fmt::Write as _;

use qpien_sync::dialect::Paging;
use qpien_sync::streams::{ColumnKind, Stream};

use self::dice::Dice;
pub use self::token::Token;

/// A server: its SDL with hints for the sandbox, and the facts that discovery must find.
pub struct Generated {
    /// The SDL to serve.
    pub sdl: String,
    /// The facts about each list.
    pub lists: Vec<(Stream, Expected)>,
    /// The facts about the token.
    pub token: Token,
    /// The page size to ask for, so that some lists have many pages.
    pub page_size: &'static str,
}

/// The facts about one list. Paths are dotted; an empty text means that the list has no such member or argument.
#[derive(Debug, PartialEq)]
pub struct Expected {
    pub operation: String,
    pub items: String,
    pub paging: Paging,
    pub page: String,
    pub size: String,
    pub total: String,
    pub has_next: String,
    pub next_cursor: String,
    pub parent: String,
    /// Arguments whose value or meaning no client can know.
    pub open: Vec<&'static str>,
}

/// Arguments that no client can know: one that must be given, one that may page a list, and one that may select only
/// archived records or only the others.
pub const UNKNOWN: [&str; 3] = ["tenant", "seite", "archived"];

impl Generated {
    /// Returns the arguments that a person must write in the job, as a run names them. The token's come alone,
    /// because a run stops at them first; otherwise those of all lists.
    pub fn open(&self) -> Vec<&'static str> {
        let lists = self.lists.iter().flat_map(|(_, list)| list.open.clone());
        if self.token.open.is_empty() { lists.collect() } else { self.token.open.clone() }
    }
}

const STREAMS: [(Stream, &[&str], &[&str]); 4] = [
    (
        Stream::Contacts,
        &["getContactList", "contacts", "allContacts", "listContacts", "fetchContacts"],
        &["Contact", "ExternalContact", "ContactDto"],
    ),
    (
        Stream::CustomerPersons,
        &["getCustomerPersonList", "customerPersons", "persons", "staffPersons"],
        &["CustomerPerson", "Person", "Staff"],
    ),
    (
        Stream::Conversations,
        &["getConversationList", "conversations", "listConversations", "inbox"],
        &["Conversation", "ExternalConversation", "Talk"],
    ),
    (
        Stream::Messages,
        &["getMessages", "messages", "messageList", "conversationMessages"],
        &["Message", "ExternalMessage", "Entry"],
    ),
];

/// The paging style of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Page,
    Offset,
    /// Edges with cursors.
    Relay,
    /// The next page's cursor in the envelope.
    Next,
    Unpaged,
}

const STYLES: [Style; 5] = [Style::Page, Style::Offset, Style::Relay, Style::Next, Style::Unpaged];

/// Returns the server of a seed.
pub fn generate(seed: u64) -> Generated {
    let mut dice = Dice(seed);
    let dates = dice.of(&["iso8601", "epoch_ms", "epoch_s", "epoch_ms_text"]);
    let mut types = format!(
        "scalar Date @sandbox(dates: \"{dates}\")\nscalar Json\ntype Part {{ _id: ID name: String inner: Part }}\n"
    );
    let (mut query, mut lists) = (String::new(), Vec::new());
    let usual = STYLES[dice.below(STYLES.len())];
    let page_from = dice.below(2);
    for (stream, operations, entities) in STREAMS {
        let (operation, entity) = (dice.of(operations), dice.of(entities));
        entity_type(&mut dice, stream, entity, &mut types);
        let style = if dice.chance(70) { usual } else { STYLES[dice.below(STYLES.len())] };
        let mut list = Expected {
            operation: operation.to_owned(),
            items: String::new(),
            paging: match style {
                Style::Page => Paging::Page,
                Style::Offset => Paging::Offset,
                Style::Relay | Style::Next => Paging::Cursor,
                Style::Unpaged => Paging::None,
            },
            page: String::new(),
            size: String::new(),
            total: String::new(),
            has_next: String::new(),
            next_cursor: String::new(),
            parent: String::new(),
            open: Vec::new(),
        };
        let returns = match style {
            Style::Relay => relay(&mut dice, entity, &mut list, &mut types),
            _ => envelope(&mut dice, entity, style, &mut list, &mut types),
        };
        let arguments = arguments(&mut dice, stream, style, page_from, &mut list, &mut types);
        let largest = [100, 50, 10][dice.below(3)];
        let hint = format!("@sandbox(stream: \"{stream}\", pageFrom: {page_from}, largest: {largest})");
        let _ = writeln!(query, "  {operation}{arguments}: {returns} {hint}");
        // A field that only looks like the list.
        let _ = writeln!(query, "  one{entity}(id: ID!): {entity}");
        if dice.chance(50) {
            let _ = writeln!(query, "  search{entity}By(term: String!): [{entity}]");
        }
        lists.push((stream, list));
    }
    let (token, mutation) = token::generate(&mut dice, &mut types);
    let sdl = format!("type Query {{\n{query}  version: String\n}}\ntype Mutation {{\n{mutation}}}\n{types}");
    Generated { sdl, lists, token, page_size: dice.of(&["100", "20", "7"]) }
}

/// Writes a type with documented columns, some left out, in one naming style.
fn entity_type(dice: &mut Dice, stream: Stream, entity: &str, types: &mut String) {
    let snake = dice.chance(20);
    let mut fields = String::new();
    for column in stream.columns() {
        if column.name != "_id" && dice.chance(12) {
            continue;
        }
        let ty = match column.kind {
            ColumnKind::Id => "ID",
            ColumnKind::Boolean => "Boolean",
            ColumnKind::Timestamp => "Date",
            ColumnKind::Json => dice.of(&["Part", "[Part]", "Json"]),
            ColumnKind::Text | ColumnKind::Integer => "String",
        };
        let name = match column.name {
            "_id" if dice.chance(30) => "id".to_owned(),
            name if snake => name
                .chars()
                .flat_map(|c| if c.is_ascii_uppercase() { vec!['_', c.to_ascii_lowercase()] } else { vec![c] })
                .collect(),
            name => name.to_owned(),
        };
        let hint = if name == column.name { String::new() } else { format!(" @sandbox(column: \"{}\")", column.name) };
        let _ = write!(fields, " {name}: {ty}{}{hint}", dice.mark());
    }
    let _ = writeln!(types, "type {entity} @sandbox(entity: \"{stream}\") {{{fields} }}");
}

fn envelope(dice: &mut Dice, entity: &str, style: Style, list: &mut Expected, types: &mut String) -> String {
    let rows = format!("[{entity}{}]{}", dice.mark(), dice.mark());
    let depth = if style == Style::Next { 1 + dice.below(3) } else { dice.below(4) };
    if depth == 0 {
        return rows;
    }
    let names: Vec<&str> = (0..depth)
        .map(|n| {
            if n + 1 == depth {
                dice.of(&["docs", "items", "nodes", "results", "records"])
            } else {
                dice.of(&["data", "result", "payload", "response"])
            }
        })
        .collect();
    list.items = names.join(".");
    let mut inner = rows;
    for (n, name) in names.iter().enumerate().rev() {
        let ty = format!("{entity}Level{n}");
        let mut fields = format!("{name}: {inner}");
        if n + 1 == depth {
            let path = names[..n].iter().fold(String::new(), |path, name| path + name + ".");
            let members = members(dice, style, list);
            let beside = dice.of(&["pagination", "meta", "pageInfo"]);
            let (path, place) = if !members.is_empty() && dice.chance(40) {
                let _ = writeln!(types, "type {entity}Beside {{{members} }}");
                (format!("{path}{beside}."), format!(" {beside}: {entity}Beside{}", dice.mark()))
            } else {
                (path, members)
            };
            fields.push_str(&place);
            for member in [&mut list.total, &mut list.has_next, &mut list.next_cursor] {
                if !member.is_empty() {
                    *member = format!("{path}{member}");
                }
            }
        }
        if n == 0 && dice.chance(70) {
            fields.push_str(" success: Boolean! code: String message: String");
        }
        let _ = writeln!(types, "type {ty} {{ {fields} }}");
        inner = format!("{ty}{}", dice.mark());
    }
    inner
}

/// Returns the members beside the rows: a total, whether there are more, the next cursor, or none of them.
fn members(dice: &mut Dice, style: Style, list: &mut Expected) -> String {
    let mut members = String::new();
    if dice.chance(70) {
        list.total = dice.of(&["total", "totalDocs", "totalCount", "count"]).into();
        let _ = write!(members, " {}: Int{}", list.total, dice.mark());
    }
    if dice.chance(60) {
        list.has_next = dice.of(&["hasNextPage", "hasMore", "hasNext"]).into();
        let _ = write!(members, " {}: Boolean{}", list.has_next, dice.mark());
    }
    if style == Style::Next {
        list.next_cursor = dice.of(&["nextCursor", "endCursor", "nextPageToken"]).into();
        let _ = write!(members, " {}: String", list.next_cursor);
    }
    members
}

fn relay(dice: &mut Dice, entity: &str, list: &mut Expected, types: &mut String) -> String {
    list.items = "edges.node".into();
    let total = if dice.chance(50) { " totalCount: Int" } else { "" };
    total.split(':').next().unwrap_or_default().trim().clone_into(&mut list.total);
    list.has_next = "pageInfo.hasNextPage".into();
    list.next_cursor = "pageInfo.endCursor".into();
    let _ = writeln!(
        types,
        "type {entity}Connection {{ edges: [{entity}Edge!]! pageInfo: {entity}Info!{total} }}\n\
         type {entity}Edge {{ cursor: String! node: {entity} }}\n\
         type {entity}Info {{ hasNextPage: Boolean! endCursor: String }}"
    );
    format!("{entity}Connection!")
}

fn arguments(
    dice: &mut Dice,
    stream: Stream,
    style: Style,
    page_from: usize,
    list: &mut Expected,
    types: &mut String,
) -> String {
    let mut inside: Vec<String> = Vec::new();
    let nested = style != Style::Unpaged && dice.chance(50);
    let input = dice.of(&["input", "filter", "pagination", "params"]);
    let prefix = if nested { format!("{input}.") } else { String::new() };
    let first = if style == Style::Page { page_from } else { 0 };
    // An unknown page argument is possible only where no member shows that there is more than the first page.
    let strange = style == Style::Page && list.total.is_empty() && list.has_next.is_empty() && dice.chance(20);
    let (page, ty, size) = match style {
        Style::Page if strange => (UNKNOWN[1], "Int", "menge"),
        Style::Page => {
            (dice.of(&["page", "pageNumber", "pageIndex"]), "Int", dice.of(&["limit", "pageSize", "perPage"]))
        }
        Style::Offset => (dice.of(&["skip", "offset"]), "Int", dice.of(&["limit", "take"])),
        Style::Relay => ("after", "String", "first"),
        Style::Next => (dice.of(&["cursor", "pageToken", "after"]), "String", dice.of(&["limit", "first", "pageSize"])),
        Style::Unpaged => ("", "", ""),
    };
    if style != Style::Unpaged {
        let default = if ty == "Int" && dice.chance(40) { format!(" = {first}") } else { String::new() };
        inside.push(format!("{page}: {ty}{default}"));
        list.page = format!("{prefix}{page}");
        inside.push(format!("{size}: Int{}", dice.mark()));
        list.size = format!("{prefix}{size}");
    }
    if strange {
        list.paging = Paging::None;
        (list.page, list.size) = (String::new(), String::new());
        list.open.push(UNKNOWN[1]);
    }
    if dice.chance(40) {
        inside.push("locale: String! = \"en\"".into());
    }
    if dice.chance(20) {
        inside.push("onlyOpen: Boolean!".into());
    }
    if dice.chance(4) {
        inside.push(format!("{}: Boolean!", UNKNOWN[2]));
        list.open.push(UNKNOWN[2]);
    }
    if dice.chance(5) {
        inside.push(format!("{}: String!", UNKNOWN[0]));
        list.open.push(UNKNOWN[0]);
    }
    list.open.sort_by_key(|word| UNKNOWN.iter().position(|known| known == word));
    let mut outside: Vec<String> = Vec::new();
    if stream == Stream::Messages {
        let parent = dice.of(&["conversationId", "conversation", "conversation_id"]);
        // If it may be left out, the list then shows every conversation's messages.
        let needed = if dice.chance(70) { "!" } else { "" };
        if nested && dice.chance(50) {
            inside.push(format!("{parent}: ID{needed}"));
            list.parent = format!("{prefix}{parent}");
        } else {
            outside.push(format!("{parent}: ID{needed}"));
            parent.clone_into(&mut list.parent);
        }
    }
    if nested {
        let ty = format!("{stream}_input");
        let _ = writeln!(types, "input {ty} {{ {} }}", inside.join(" "));
        outside.push(format!("{input}: {ty}{}", dice.mark()));
    } else {
        outside.extend(inside);
    }
    if outside.is_empty() { String::new() } else { format!("({})", outside.join(", ")) }
}
