//! Writes the GraphQL documents of requests. A request is a list of questions, each aliased with its response name
//! ([`super::response_names`]).
//!
//! Arguments are literals, not variables, because a variable needs its type's name and type names are not documented.
//! Only the credentials are sent as variables, because servers write documents to their logs.

use std::fmt::{self, Write as _};

use serde_json::json;

use super::path_tree::{PathTree, Want};
use crate::dialect::IGNORE;
use crate::dialect::{Dialect, ListDialect, Paging, SingleRecordDialect};
use crate::error::Result;
use crate::streams::Stream;

/// A question about a list: which page of which list, and how many rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The stream.
    pub stream: Stream,
    /// The id of the parent record (for messages, the conversation) whose list is asked for. `None` if the stream is
    /// one list.
    pub parent: Option<String>,
    /// The number of rows to ask for.
    pub size: u32,
    /// Where the page begins in the list.
    pub start: Start,
    /// Which fields of each row to ask for.
    pub select: Select,
    /// Asks only for records that changed at or after this moment (milliseconds since 1970). `None` asks for all
    /// records. Only set if the list has such a filter.
    pub since: Option<i64>,
}

/// Which fields of each row are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Select {
    /// Every field that the dialect names.
    #[default]
    Whole,
    /// The id alone.
    Ids,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At this row, counted from 0. For a list that is paged by number it is a multiple of the size.
    Row(u64),
    /// At the page with this number. Used only to find out whether the server counts pages from 0 or 1.
    Number(u32),
    /// Behind this cursor.
    After(String),
}

/// Returns the paths of the values in the answer of a list. A value whose path the job sets to [`IGNORE`] is not
/// asked for, because the job does not trust it.
pub fn list_shape(list: &ListDialect) -> PathTree {
    let asked = |path: &'_ String| if path == IGNORE { "" } else { path.as_str() }.to_owned();
    let (has_next, total) = (asked(&list.has_next), asked(&list.total));
    PathTree::new(&[
        (Want::Success, &list.success),
        (Want::Items, &list.items),
        (Want::HasNext, &has_next),
        (Want::Total, &total),
        (Want::NextCursor, &list.next_cursor),
        (Want::RowCursor, &list.row_cursor),
        (Want::Code, &list.code),
        (Want::Message, &list.message),
    ])
}

/// Returns the paths of the values in the answer of the token mutation.
pub fn token_shape(dialect: &Dialect) -> PathTree {
    let t = &dialect.token;
    PathTree::new(&[
        (Want::Success, &t.success),
        (Want::AccessToken, &t.access_token),
        (Want::ExpiresIn, &t.expires_in),
        (Want::Code, &t.code),
        (Want::Message, &t.message),
    ])
}

/// Returns the name of the operation (root field) that each question asks, in their order. Fails if the dialect lacks
/// a stream.
pub fn operations<'d>(dialect: &'d Dialect, questions: &[Question]) -> Result<Vec<&'d str>> {
    questions.iter().map(|q| Ok(dialect.stream(q.stream)?.operation.as_str())).collect()
}

/// Returns a root field with its alias, such as `q1: getContactList`.
fn aliased(name: &str, operation: &str) -> String {
    if name == operation { name.to_owned() } else { format!("{name}: {operation}") }
}

/// Returns the request body that asks these questions. `names` are their response names, in the same order.
pub fn list_request(dialect: &Dialect, questions: &[Question], names: &[String]) -> Result<String> {
    let mut document = String::from("query {");
    for (q, name) in questions.iter().zip(names) {
        let part = dialect.stream(q.stream)?;
        let fields = match q.select {
            Select::Whole => part.selection(),
            Select::Ids => part.id_field(&dialect.id).to_owned(),
        };
        let parent = part.parent.as_deref().zip(q.parent.as_deref()).map(|(path, id)| {
            let id = json!(id).to_string();
            (path, if part.parent_list { format!("[{id}]") } else { id })
        });
        let arguments = arguments(&part.list, parent, q);
        let selection = list_shape(&part.list).selection(&fields);
        let _ = write!(document, " {}{arguments}{selection}", aliased(name, &part.operation));
    }
    document.push_str(" }");
    Ok(json!({ "query": document }).to_string())
}

/// Returns the document that asks for single records by their ids. `names` are the response names, in the order of
/// `ids`. `id_field` is the field that holds a record's id.
pub fn one_document(id_field: &str, one: &SingleRecordDialect, ids: &[String], names: &[String]) -> String {
    let record = format!("{{ {id_field} }}");
    let inner = if one.item.is_empty() {
        record
    } else {
        let nested = one.item.rsplit('.').fold(record, |below, name| format!("{{ {name} {below} }}"));
        if one.success.is_empty() { nested } else { format!("{{ {}{}", one.success, &nested[1..]) }
    };
    let mut document = String::from("query {");
    for (id, name) in ids.iter().zip(names) {
        let mut arguments = Arguments::default();
        arguments.put(&one.id, json!(id).to_string());
        let _ = write!(document, " {}({arguments}) {inner}", aliased(name, &one.operation));
    }
    document.push_str(" }");
    document
}

/// Returns the arguments of a question with their parentheses, or an empty string if it has none. `parent` is the
/// path of the argument for the parent record, and the literal to give.
fn arguments(list: &ListDialect, parent: Option<(&str, String)>, q: &Question) -> String {
    let mut all = Arguments::default();
    let of_parent = parent.as_ref().map(|(path, _)| *path);
    if let Some((path, id)) = parent {
        all.put(path, id);
    }
    match (&q.start, list.paging) {
        (Start::Row(row), Paging::Page) => {
            let number = row / u64::from(q.size.max(1)) + u64::from(list.page_from);
            all.put(&list.page, number.to_string());
        }
        (Start::Row(row), Paging::Offset) => all.put(&list.page, row.to_string()),
        (Start::Row(_), Paging::Cursor | Paging::None) => {}
        (Start::Number(number), _) => all.put(&list.page, number.to_string()),
        (Start::After(cursor), _) => all.put(&list.page, json!(cursor).to_string()),
    }
    if list.paging.is_paged() {
        all.put(&list.size, q.size.to_string());
    }
    // A constant for the parent's argument does not apply, because the question itself sets that argument.
    for (path, literal) in list.arguments.iter().filter(|(path, _)| of_parent != Some(path.as_str())) {
        all.put(path, literal.clone());
    }
    if let Some(moment) = q.since {
        all.put(&list.since, list.since_form.literal(moment));
    }
    if all.0.is_empty() { String::new() } else { format!("({all})") }
}

/// The arguments of a root field, some of them inside input objects.
#[derive(Default)]
struct Arguments(Vec<(String, Argument)>);

enum Argument {
    Literal(String),
    Object(Arguments),
}

impl Arguments {
    fn put(&mut self, path: &str, literal: String) {
        if path.is_empty() {
            return;
        }
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let at = self.0.iter().position(|(known, _)| known == name);
        match (rest, at) {
            (None, Some(at)) => self.0[at].1 = Argument::Literal(literal),
            (None, None) => self.0.push((name.to_owned(), Argument::Literal(literal))),
            (Some(rest), at) => {
                let at = at.unwrap_or_else(|| {
                    self.0.push((name.to_owned(), Argument::Object(Arguments::default())));
                    self.0.len() - 1
                });
                if let Argument::Object(inner) = &mut self.0[at].1 {
                    inner.put(rest, literal);
                }
            }
        }
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, argument)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            match argument {
                Argument::Literal(literal) => write!(f, "{comma}{name}: {literal}")?,
                Argument::Object(inner) => write!(f, "{comma}{name}: {{{inner}}}")?,
            }
        }
        Ok(())
    }
}

/// Returns the request body that asks for a token, with the response name `name`. Nowhere else does the program write
/// the secret into a string.
pub fn token_request(dialect: &Dialect, name: &str, client_id: &str, client_secret: &str) -> String {
    let t = &dialect.token;
    let selection = token_shape(dialect).selection("");
    let (mut all, mut input) =
        (Arguments::default(), json!({ &t.client_id: client_id, &t.client_secret: client_secret }));
    let (declared, variables) = if t.input.is_empty() {
        all.put(&t.client_id, "$clientId".into());
        all.put(&t.client_secret, "$clientSecret".into());
        let declared = format!("$clientId: {}, $clientSecret: {}", t.client_id_type, t.client_secret_type);
        (declared, json!({ "clientId": client_id, "clientSecret": client_secret }))
    } else {
        all.put(&t.input, "$input".into());
        for (path, literal) in &t.arguments {
            if let Some(path) = path.strip_prefix(&t.input).and_then(|path| path.strip_prefix('.')) {
                *path.split('.').fold(&mut input, |at, name| &mut at[name]) = value_of(literal);
            }
        }
        (format!("$input: {}", t.input_type), json!({ "input": input }))
    };
    for (path, literal) in t.arguments.iter().filter(|(path, _)| path.split('.').next() != Some(t.input.as_str())) {
        all.put(path, literal.clone());
    }
    let query = format!("mutation ({declared}) {{ {}({all}){selection} }}", aliased(name, &t.operation));
    json!({ "query": query, "variables": variables }).to_string()
}

/// Returns a GraphQL literal as the JSON value of a variable. The name of an enum value becomes a string.
fn value_of(literal: &str) -> serde_json::Value {
    let inner = literal.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    serde_json::from_str(literal).unwrap_or_else(|_| match inner {
        Some(names) => names.split(',').map(|name| json!(name.trim())).collect(),
        None => json!(literal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_records_are_asked_for_by_name() {
        let one = |item: &str, success: &str| SingleRecordDialect {
            operation: "getContact".into(),
            id: "where._id".into(),
            item: item.into(),
            success: success.into(),
            not_found: None,
        };
        let ids = ["a".to_owned(), "b\"".to_owned()];
        assert_eq!(
            one_document("_id", &one("data.doc", "success"), &ids, &["r0".into(), "r1".into()]),
            "query { r0: getContact(where: {_id: \"a\"}) { success data { doc { _id } } } \
             r1: getContact(where: {_id: \"b\\\"\"}) { success data { doc { _id } } } }"
        );
        assert_eq!(
            one_document("_id: id", &one("", ""), &ids[..1], &["getContact".into()]),
            "query { getContact(where: {_id: \"a\"}) { _id: id } }"
        );
    }

    fn dialect(over: &str) -> Dialect {
        Dialect::with(&over.parse().expect("TOML")).expect("dialect")
    }

    fn document(request: &str) -> String {
        serde_json::from_str::<serde_json::Value>(request).expect("JSON")["query"].as_str().expect("query").to_owned()
    }

    /// Returns the request with the names `q0`, `q1`, ...
    fn asked(dialect: &Dialect, questions: &[Question]) -> String {
        let names: Vec<String> = (0..questions.len()).map(|i| format!("q{i}")).collect();
        document(&list_request(dialect, questions, &names).expect("request"))
    }

    fn question(stream: Stream, parent: Option<&str>, page: u32) -> Question {
        Question {
            stream,
            parent: parent.map(str::to_owned),
            size: 50,
            start: Start::Row(u64::from(page - 1) * 50),
            select: Select::Whole,
            since: None,
        }
    }

    #[test]
    fn one_question_has_a_name_of_its_own_too() {
        let d = dialect("[streams.customer_persons]\nfields = [\"_id\", \"tags { name }\"]");
        let request = asked(&d, &[question(Stream::CustomerPersons, None, 3)]);
        assert_eq!(
            request,
            "query { q0: getCustomerPersonList(page: 3, limit: 50) { success data { docs { _id tags { name } } hasNextPage totalDocs } code message } }"
        );
    }

    #[test]
    fn several_questions_are_aliased_and_ids_are_quoted() {
        let d = dialect(
            "[list]\npage = \"input.page\"\nsize = \"input.limit\"\npage_from = 0\n[list.arguments]\n\"input.state\" = \"ALL\"\n[streams.messages]\nfields = [\"_id\"]\nparent = \"input.conversationId\"",
        );
        let text =
            asked(&d, &[question(Stream::Messages, Some("a\"b\n"), 1), question(Stream::Messages, Some("c"), 2)]);
        assert!(
            text.contains(r#"q0: getMessages(input: {conversationId: "a\"b\n", page: 0, limit: 50, state: ALL})"#),
            "{text}"
        );
        assert!(text.contains("q1: getMessages"), "{text}");
    }

    #[test]
    fn a_parent_is_given_as_its_argument_takes_it_and_above_any_constant() {
        let over = "[streams.messages]\nfields = [\"_id\"]\nparent = \"of\"\n";
        let ask = |more: &str| asked(&dialect(&format!("{over}{more}")), &[question(Stream::Messages, Some("a"), 1)]);
        let many = ask("parent_list = true\nlist.arguments = { of = '[]', kinds = '[A, B]' }");
        assert!(many.contains(r#"getMessages(of: ["a"], page: 1, limit: 50, kinds: [A, B])"#), "{many}");
        let one = ask("list.arguments = { of = '\"b\"' }");
        assert!(one.contains(r#"getMessages(of: "a", page: 1, limit: 50)"#), "{one}");
    }

    #[test]
    fn offsets_and_cursors_take_the_place_of_page_numbers() {
        let fields = "[streams.contacts]\nfields = [\"_id\"]\n";
        let ask = |over: &str, start: Start| {
            let q = Question { start, ..question(Stream::Contacts, None, 1) };
            asked(&dialect(&format!("{fields}{over}")), &[q])
        };
        let offset = ask("[list]\npaging = \"offset\"\npage = \"skip\"", Start::Row(98));
        assert!(offset.contains("(skip: 98, limit: 50)"), "{offset}");
        let over = "[list]\npaging = \"cursor\"\npage = \"after\"\nsize = \"first\"\nitems = \"edges.node\"\nrow_cursor = \"edges.cursor\"";
        let first = ask(over, Start::Row(0));
        assert!(first.contains("(first: 50)") && first.contains("edges { node { _id } cursor }"), "{first}");
        let next = ask(over, Start::After("a\"b".into()));
        assert!(next.contains(r#"(after: "a\"b", first: 50)"#), "{next}");
        let none = ask("[list]\npaging = \"none\"\nitems = \"\"", Start::Row(0));
        assert!(none.contains("getContactList { _id }"), "{none}");
    }

    #[test]
    fn a_moment_is_sent_in_its_form_and_only_where_one_is_asked_about() {
        let fields = "[streams.contacts]\nfields = [\"_id\"]\n";
        let ask = |over: &str, since: Option<i64>| {
            let q = Question { since, ..question(Stream::Contacts, None, 1) };
            asked(&dialect(&format!("{fields}{over}")), &[q])
        };
        let over = "[list]\nsince = \"filter.updatedAfter\"\narguments = { \"filter.state\" = \"ALL\" }\n";
        let text = ask(over, Some(1_709_626_150_999));
        assert!(text.contains(r#"limit: 50, filter: {state: ALL, updatedAfter: "2024-03-05T08:09:10Z"})"#), "{text}");
        assert!(ask(over, None).contains("limit: 50, filter: {state: ALL})"));
        for (form, literal) in [("milliseconds", "1709626150999"), ("seconds", "1709626150")] {
            let text = ask(&format!("[list]\nsince = \"from\"\nsince_form = \"{form}\"\n"), Some(1_709_626_150_999));
            assert!(text.contains(&format!("limit: 50, from: {literal})")), "{text}");
        }
        assert!(ask("", Some(1)).contains("(page: 1, limit: 50)"), "a list that takes none is asked without");
    }

    #[test]
    fn what_a_token_takes_besides_stands_beside_or_inside_the_input_object() {
        let arguments = "[token.arguments]\nscope = \"ALL\"\n\"input.grant\" = \"PAIR\"\n\"input.of.hours\" = \"2\"\n\"input.kinds\" = \"[A, B]\"\n";
        let request = token_request(&dialect(arguments), "generateOAuthToken", "id-1", "s");
        let start = "mutation ($input: GenerateOAuthTokenInput!) { generateOAuthToken(input: $input, scope: ALL) {";
        assert!(document(&request).starts_with(start), "{request}");
        let sent: serde_json::Value = serde_json::from_str(&request).expect("JSON");
        let input =
            json!({"clientId": "id-1", "clientSecret": "s", "grant": "PAIR", "of": {"hours": 2}, "kinds": ["A", "B"]});
        assert_eq!(sent["variables"]["input"], input);
        let plain = "[token]\ninput = \"\"\nclient_id_type = \"ID!\"\narguments = { scope = \"ALL\" }";
        let start = "mutation ($clientId: ID!, $clientSecret: String!) { generateOAuthToken(clientId: $clientId, clientSecret: $clientSecret, scope: ALL) {";
        assert!(document(&token_request(&dialect(plain), "generateOAuthToken", "id-1", "s")).starts_with(start));
    }

    #[test]
    fn the_secret_is_never_in_the_document() {
        for over in ["", "[token]\ninput = \"\""] {
            let request = token_request(&dialect(over), "generateOAuthToken", "id-1", "s3cret");
            assert!(!document(&request).contains("s3cret"));
            assert!(request.contains("s3cret"));
        }
    }
}
