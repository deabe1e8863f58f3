//! A second implementation of the API, in memory. It answers documents of many root fields under their aliases, and a
//! test can change the answer to any question, or any whole answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Map, Value, json};

use super::foreign::{Answer, Asked, Server};
use super::{Outcome, Work};

/// A root field of a document.
#[derive(Debug, Clone)]
pub struct Field {
    /// The response name: its alias, or its name.
    pub name: String,
    /// The field's name in the schema.
    pub operation: String,
    /// Its arguments, without quotes.
    pub arguments: BTreeMap<String, String>,
    /// Its selection as written in the document.
    pub selection: String,
}

impl Field {
    /// Returns an argument as a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.arguments.get(name)?.parse().ok()
    }

    /// Returns `true` if a field of this name is selected.
    pub fn selects(&self, field: &str) -> bool {
        self.selection.split([' ', '{', '}']).any(|word| word == field)
    }

    /// Returns the range of rows that it asks for: the first, and the one after the last.
    pub fn rows(&self) -> (usize, usize) {
        let (page, size) = (self.number("page").unwrap_or(1), self.number("limit").unwrap_or(10));
        (page.saturating_sub(1) * size, page.max(1) * size)
    }
}

/// Returns the root fields of a document.
pub fn fields(document: &str) -> Vec<Field> {
    let mut from = &document[document.find('{').unwrap_or(document.len())..];
    let inside = group(&mut from, '{', '}');
    let mut rest = inside.trim();
    let mut all = Vec::new();
    while !rest.is_empty() {
        let mut take = |stops: &[char]| {
            let (word, behind) = rest.split_at(rest.find(stops).unwrap_or(rest.len()));
            rest = behind.trim_start();
            word.trim().to_owned()
        };
        let first = take(&[':', '(', '{', ' ']);
        let (name, operation) = if rest.starts_with(':') {
            rest = rest[1..].trim_start();
            let end = rest.find(['(', '{', ' ']).unwrap_or(rest.len());
            let operation = rest[..end].to_owned();
            rest = rest[end..].trim_start();
            (first, operation)
        } else {
            (first.clone(), first)
        };
        let arguments = group(&mut rest, '(', ')');
        let selection = group(&mut rest, '{', '}');
        all.push(Field { name, operation, arguments: arguments_of(&arguments), selection });
    }
    all
}

/// Takes the group of brackets at the beginning and returns its content, or an empty text if there is no group.
/// Ignores brackets inside texts.
fn group(rest: &mut &str, open: char, close: char) -> String {
    if !rest.starts_with(open) {
        return String::new();
    }
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for (at, c) in rest.char_indices() {
        match c {
            '"' if !escaped => in_text = !in_text,
            c if c == open && !in_text => depth += 1,
            c if c == close && !in_text => depth -= 1,
            _ => {}
        }
        escaped = in_text && c == '\\' && !escaped;
        if depth == 0 {
            let inside = rest[1..at].to_owned();
            *rest = rest[at + 1..].trim_start();
            return inside;
        }
    }
    panic!("no end of `{rest}`")
}

fn arguments_of(text: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    };
    text.split(',').filter_map(pair).collect()
}

/// The account.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The rows of each list operation except messages.
    pub lists: BTreeMap<String, Vec<Value>>,
    /// Messages by conversation.
    pub messages: BTreeMap<String, Vec<Value>>,
}

impl Account {
    /// Creates contacts, one customer person, and conversations with `messages` messages each.
    pub fn new(contacts: usize, conversations: usize, messages: usize) -> Account {
        let mut account = Account::default();
        let contact = |n| json!({"_id": format!("contact-{n:05}"), "firstName": format!("name {n}"), "owner": "o"});
        account.lists.insert("getContactList".into(), (0..contacts).map(contact).collect());
        account.lists.insert("getCustomerPersonList".into(), vec![json!({"_id": "person-1", "firstName": "Ada"})]);
        for c in 0..conversations {
            account.talk(&format!("conversation-{c:05}"), messages);
        }
        account
    }

    /// Adds a conversation with so many messages, newest first.
    pub fn talk(&mut self, id: &str, messages: usize) {
        let at = |n: usize| format!("2024-03-{:02}T{:02}:{:02}:00.000Z", 1 + n / 1440, n / 60 % 24, n % 60);
        let message = |n: usize| {
            json!({"_id": format!("message-{id}-{n:05}"), "conversation": id, "content": format!("{n} in {id}"),
                "createdAt": at(n)})
        };
        let all: Vec<Value> = (0..messages).rev().map(message).collect();
        let last = all.first().map(|m| json!({"content": m["content"], "createdAt": m["createdAt"]}));
        let entry = json!({"_id": id, "status": "OPEN", "lastMessage": last});
        self.lists.entry("getConversationList".into()).or_default().push(entry);
        self.messages.insert(id.to_owned(), all);
    }

    /// Returns the ids that a complete run delivers for a stream.
    pub fn ids(&self, stream: &str) -> BTreeSet<String> {
        let of = |rows: &Vec<Value>| rows.iter().map(|r| r["_id"].as_str().expect("an id").to_owned()).collect();
        let list = |name: &str| self.lists.get(name).map(of).unwrap_or_default();
        match stream {
            "contacts" => list("getContactList"),
            "customer_persons" => list("getCustomerPersonList"),
            "conversations" => list("getConversationList"),
            _ => self.messages.values().flat_map(|rows| of(rows) as BTreeSet<String>).collect(),
        }
    }

    /// Answers a question with a payload, or with an error to which the caller adds the path.
    pub fn answer(&self, field: &Field) -> Result<Value, Value> {
        let rows = match field.operation.as_str() {
            "getMessages" => match field.arguments.get("conversationId") {
                Some(id) => {
                    self.messages.get(id).cloned().ok_or_else(|| json!({"message": "Conversation not found"}))?
                }
                None => self.messages.values().flatten().cloned().collect(),
            },
            other => self.lists.get(other).cloned().unwrap_or_default(),
        };
        Ok(page(field, &rows))
    }
}

/// Returns the page of these rows that the field asks for.
pub fn page(field: &Field, rows: &[Value]) -> Value {
    let (from, to) = field.rows();
    let shown: Vec<Value> = rows.iter().skip(from).take(to - from).map(|row| selected(field, row)).collect();
    let more = to < rows.len();
    json!({"success": true, "data": {"docs": shown, "hasNextPage": more, "totalDocs": rows.len()}, "code": null, "message": null})
}

/// Returns the selected members of a row.
fn selected(field: &Field, row: &Value) -> Value {
    let members = row.as_object().into_iter().flatten().filter(|(name, _)| field.selects(name));
    Value::Object(members.map(|(n, v)| (n.clone(), v.clone())).collect::<Map<_, _>>())
}

const TOKEN: &str = "generateOAuthToken";

type Bend = dyn Fn(&Account, &Field) -> Option<Result<Value, Value>> + Send + Sync;
type Whole = dyn Fn(&Asked, &[Field], Value) -> Answer + Send + Sync;

/// The server.
pub struct Qpien {
    account: Arc<Mutex<Account>>,
    server: Server,
}

impl Qpien {
    /// Answers from an account, except where `bend` returns another answer.
    pub fn start(
        account: Account,
        bend: impl Fn(&Account, &Field) -> Option<Result<Value, Value>> + Send + Sync + 'static,
    ) -> Qpien {
        Qpien::whole(account, bend, |_, _, body| Answer::json(200, &body))
    }

    /// Does the same, and `whole` turns the body of each answer into what is sent.
    pub fn whole(
        account: Account,
        bend: impl Fn(&Account, &Field) -> Option<Result<Value, Value>> + Send + Sync + 'static,
        whole: impl Fn(&Asked, &[Field], Value) -> Answer + Send + Sync + 'static,
    ) -> Qpien {
        let account = Arc::new(Mutex::new(account));
        let (bend, whole): (Box<Bend>, Box<Whole>) = (Box::new(bend), Box::new(whole));
        let shared = account.clone();
        let server = Server::start(move |asked| {
            let fields = fields(asked.document());
            let body = body(&shared.lock().expect("no panic while it was held"), &*bend, &fields);
            whole(asked, &fields, body)
        });
        Qpien { account, server }
    }

    /// Answers from an account at the address of this listener.
    pub fn on(listener: TcpListener, account: Account) -> Qpien {
        let account = Arc::new(Mutex::new(account));
        let shared = account.clone();
        let server = Server::on(listener, move |asked| {
            let account = shared.lock().expect("no panic while it was held");
            Answer::json(200, &body(&account, &|_: &Account, _: &Field| None, &fields(asked.document())))
        });
        Qpien { account, server }
    }

    /// Stops listening, so that another server can have the address.
    pub fn close(self) {
        self.server.close();
    }

    /// Calls `change` with the account and the number of requests so far before it answers each request for lists.
    pub fn changing(account: Account, change: impl Fn(&mut Account, usize) + Send + Sync + 'static) -> Qpien {
        Qpien::changing_with(account, |_, _| None, change)
    }

    /// Does the same, and answers each question for ever as it did the first time, like a cache.
    pub fn changing_and_cached(
        account: Account,
        change: impl Fn(&mut Account, usize) + Send + Sync + 'static,
    ) -> Qpien {
        let kept: Mutex<BTreeMap<String, Result<Value, Value>>> = Mutex::default();
        let from_cache = move |account: &Account, field: &Field| {
            let key = format!("{} {:?} {}", field.operation, field.arguments, field.selection);
            let mut kept = kept.lock().expect("no panic while it was held");
            let is_list = field.operation == "getMessages" || account.lists.contains_key(&field.operation);
            is_list.then(|| kept.entry(key).or_insert_with(|| account.answer(field)).clone())
        };
        Qpien::changing_with(account, from_cache, change)
    }

    fn changing_with(
        account: Account,
        bend: impl Fn(&Account, &Field) -> Option<Result<Value, Value>> + Send + Sync + 'static,
        change: impl Fn(&mut Account, usize) + Send + Sync + 'static,
    ) -> Qpien {
        let account = Arc::new(Mutex::new(account));
        let (shared, requests) = (account.clone(), Mutex::new(0));
        let server = Server::start(move |asked| {
            let fields = fields(asked.document());
            let mut account = shared.lock().expect("no panic while it was held");
            if fields.iter().any(|field| field.operation != TOKEN) {
                let mut requests = requests.lock().expect("no panic while it was held");
                *requests += 1;
                change(&mut account, *requests);
            }
            Answer::json(200, &body(&account, &bend, &fields))
        });
        Qpien { account, server }
    }

    /// Returns the account, to read or to change.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().expect("no panic while it was held")
    }

    /// Returns the URL of the endpoint.
    pub fn endpoint(&self) -> &str {
        &self.server.endpoint
    }

    /// Returns every question so far.
    pub fn asked(&self) -> Vec<Field> {
        self.server.asked().iter().flat_map(|asked| fields(asked.document())).collect()
    }

    /// Returns the number of requests so far.
    pub fn requests(&self) -> usize {
        self.server.asked().len()
    }

    /// Runs the job against it.
    pub fn run(&self, work: &Work) -> Outcome {
        // Shortens the wait after a block of unknown length, which is otherwise a minute and grows each time.
        let mut command = work.command(&["run", "job.toml", "--endpoint", self.endpoint()]);
        Outcome::of(&command.env("QPIEN_TEST_BLOCK", "1").output().expect("a run"))
    }
}

/// Returns the body of the answer to these questions.
fn body(account: &Account, bend: &Bend, fields: &[Field]) -> Value {
    const LISTS: [&str; 4] = ["getContactList", "getCustomerPersonList", "getConversationList", "getMessages"];
    let (mut data, mut errors) = (Map::new(), Vec::new());
    for field in fields {
        let outcome = match field.operation.as_str() {
            TOKEN => Ok(json!({"success": true, "data": {"accessToken": "the-token", "expiresIn": 3600}})),
            "__schema" | "__type" => Err(json!({"message": "GraphQL introspection is not allowed"})),
            operation => match bend(account, field) {
                Some(outcome) => outcome,
                None if LISTS.contains(&operation) => account.answer(field),
                None => {
                    let message = format!("Cannot query field \"{operation}\" on type \"Query\".");
                    let code = json!({"code": "GRAPHQL_VALIDATION_FAILED"});
                    return json!({"errors": [{"message": message, "extensions": code}]});
                }
            },
        };
        match outcome {
            Ok(payload) => drop(data.insert(field.name.clone(), payload)),
            Err(mut error) => {
                if error.get("path").is_none() {
                    error["path"] = json!([field.name]);
                }
                errors.push(error);
                data.insert(field.name.clone(), Value::Null);
            }
        }
    }
    let mut body = json!({ "data": data });
    if !errors.is_empty() {
        body["errors"] = Value::Array(errors);
    }
    body
}

/// Creates a job for this server; `source` is added under `[source]`.
pub fn job(mode: &str, source: &str) -> Work {
    let patience = if source.contains("retry_for") { "" } else { "retry_for = \"20s\"\n" };
    Work::with_job(&format!(
        "name = \"test\"\nmode = \"{mode}\"\n[source]\nclient_id = \"c\"\nclient_secret = \"s\"\n\
         requests_per_minute = 0\n{patience}{source}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}
