//! Servers other than the sandbox: a small HTTP server that answers by a closure ([`Server`]), and a Qpien built on
//! it that differs from the usual one in chosen ways ([`Foreign`]).
#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// A request as received.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Its number among all requests, from 1.
    pub n: usize,
    /// The number of its connection, from 1.
    pub connection: usize,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body; null if it is not JSON.
    pub body: Value,
}

impl Asked {
    /// Returns the GraphQL document.
    pub fn document(&self) -> &str {
        self.body["query"].as_str().unwrap_or_default()
    }

    /// Returns the name of the document's one root field.
    pub fn operation(&self) -> &str {
        self.root_field().1
    }

    /// Returns the response name of the document's one root field.
    pub fn response_name(&self) -> &str {
        let (alias, operation) = self.root_field();
        alias.unwrap_or(operation)
    }

    /// Returns the alias and the name of the document's one root field.
    fn root_field(&self) -> (Option<&str>, &str) {
        let inside = self.document().split_once('{').map_or("", |(_, rest)| rest).trim_start();
        let (first, rest) = inside.split_at(inside.find(['(', ' ', '{']).unwrap_or(inside.len()));
        match first.strip_suffix(':') {
            Some(alias) => (Some(alias), rest.trim_start().split(['(', ' ', '{']).next().unwrap_or_default()),
            None => (None, first),
        }
    }

    /// Returns an argument's text, also if it is inside an input object.
    pub fn argument(&self, name: &str) -> Option<&str> {
        let inside = self.document().split_once('{')?.1;
        let arguments = inside.split_once('(')?.1.split_once(')')?.0;
        let at = arguments.find(&format!("{name}: "))?;
        let value = &arguments[at + name.len() + 2..];
        Some(value.split([',', '}']).next()?.trim().trim_matches('"'))
    }

    /// Returns `true` if a field of this name is selected anywhere.
    pub fn asks_for(&self, field: &str) -> bool {
        self.document().split([' ', '{', '}', '(']).any(|word| word == field)
    }

    /// Returns an argument as a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.argument(name)?.parse().ok()
    }
}

/// An answer to send.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; 0 closes the connection without an answer.
    pub status: u16,
    /// Headers other than the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Size of a chunk in bytes; `None` sends the whole body with its length.
    pub chunks: Option<usize>,
}

impl Answer {
    /// Returns an answer with a body of this content type.
    pub fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: vec![("content-type".into(), kind.into())], body: body.into(), chunks: None }
    }

    /// Returns an answer of JSON.
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer::new(status, "application/json", body.to_string())
    }

    /// Returns a web page.
    pub fn html(status: u16) -> Answer {
        Answer::new(status, "text/html", "<!doctype html>\n<html><body>Hello</body></html>\n")
    }

    /// Returns an answer that closes the connection.
    pub fn nothing() -> Answer {
        Answer::new(0, "", "")
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Answer {
        self.headers.push((name.into(), value.into()));
        self
    }
}

type Answering = dyn Fn(&Asked) -> Answer + Send + Sync;

/// An HTTP server. Its threads end with the test process, unless the test closes it.
pub struct Server {
    /// The address to give to `--endpoint`.
    pub endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    closing: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port that answers by `answering`.
    pub fn start(answering: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        Server::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), answering)
    }

    /// Starts a server that answers by `answering` whoever connects to this listener.
    pub fn on(listener: TcpListener, answering: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let endpoint = format!("http://{}/api/v1", listener.local_addr().expect("an address"));
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answering, seen): (Arc<Answering>, _) = (Arc::new(answering), asked.clone());
        let closing: Arc<AtomicBool> = Arc::default();
        let is_closing = closing.clone();
        let accepting = std::thread::spawn(move || {
            for (before, stream) in listener.incoming().flatten().enumerate() {
                if is_closing.load(Ordering::SeqCst) {
                    break;
                }
                let (answering, seen) = (answering.clone(), seen.clone());
                std::thread::spawn(move || {
                    // A client may leave in the middle of an answer.
                    let _ = serve(stream, before + 1, &*answering, &seen);
                });
            }
        });
        Server { endpoint, asked, closing, accepting }
    }

    /// Stops listening, so that another server can have the address. Open connections stay.
    pub fn close(self) {
        self.closing.store(true, Ordering::SeqCst);
        let address = self.endpoint.trim_start_matches("http://").split('/').next().expect("an address");
        drop(TcpStream::connect(address));
        self.accepting.join().expect("no panic");
    }

    /// Returns every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic while it was held").clone()
    }
}

/// Serves one connection, which is kept alive.
fn serve(stream: TcpStream, connection: usize, answering: &Answering, seen: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut asked = Asked { connection, ..Asked::default() };
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            asked.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = asked.headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        asked.body = serde_json::from_slice(&body).unwrap_or_default();
        {
            let mut seen = seen.lock().expect("no panic while it was held");
            asked.n = seen.len() + 1;
            seen.push(asked.clone());
        }
        let answer = answering(&asked);
        if answer.status == 0 {
            return Ok(());
        }
        let mut out = format!("HTTP/1.1 {} Whatever\r\n", answer.status).into_bytes();
        for (name, value) in &answer.headers {
            write!(out, "{name}: {value}\r\n")?;
        }
        match answer.chunks {
            None => {
                write!(out, "content-length: {}\r\n\r\n", answer.body.len())?;
                out.extend_from_slice(&answer.body);
            }
            Some(size) => {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in answer.body.chunks(size) {
                    write!(out, "{:x}\r\n", chunk.len())?;
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
        }
        writer.write_all(&out)?;
        writer.flush()?;
        if answer.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case("connection") && v == "close") {
            return Ok(());
        }
    }
}

/// The form of totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Totals {
    /// A number.
    #[default]
    Number,
    /// Text with digits.
    Text,
    /// The member is absent.
    Missing,
}

/// The form of the answer that gives a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenForm {
    /// `{ success data { accessToken expiresIn } }`
    #[default]
    Usual,
    /// The same without `expiresIn`.
    NoLifetime,
    /// `{ accessToken expiresIn }`
    Flat,
}

type Once = Box<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A Qpien with quirks. Build one with [`Foreign::default`] and the methods, then [`Foreign::start`] it.
#[allow(clippy::struct_excessive_bools)] // each is a quirk of its own
pub struct Foreign {
    contacts: usize,
    headers: Vec<(&'static str, &'static str)>,
    chunked: bool,
    gzip: bool,
    pretty: bool,
    errors_first: bool,
    extra: bool,
    totals: Totals,
    numeric_ids: bool,
    has_next: bool,
    clamp: Option<usize>,
    one_size: Option<usize>,
    ignore_page: bool,
    token: TokenForm,
    page_from: usize,
    prefix: &'static str,
    once: Option<Once>,
    byte_order_mark: bool,
    nameless: bool,
    check: Option<fn(&Asked)>,
    rejects: Option<&'static str>,
}

impl Default for Foreign {
    fn default() -> Self {
        Foreign {
            contacts: 53,
            headers: Vec::new(),
            chunked: false,
            gzip: false,
            pretty: false,
            errors_first: false,
            extra: false,
            totals: Totals::Number,
            numeric_ids: false,
            has_next: true,
            clamp: None,
            one_size: None,
            ignore_page: false,
            token: TokenForm::Usual,
            page_from: 1,
            prefix: "Bearer ",
            once: None,
            byte_order_mark: false,
            nameless: false,
            check: None,
            rejects: None,
        }
    }
}

macro_rules! quirks {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ty = $value:expr $(, $parameter:ident: $type:ty)?;)*) => {
        impl Foreign {
            $($(#[doc = $doc])* #[must_use] pub fn $name(mut self $(, $parameter: $type)?) -> Foreign {
                let value: $kind = $value;
                self.$name = value;
                self
            })*
        }
    };
}

quirks! {
    /// Sends the body in chunks, without a length.
    chunked: bool = true;
    /// Compresses the body, whatever the client accepts.
    gzip: bool = true;
    /// Writes the body with line breaks and blanks.
    pretty: bool = true;
    /// Sends `"errors": null` before `data`.
    errors_first: bool = true;
    /// Adds members that the query did not select, at every level.
    extra: bool = true;
    /// Sends ids as numbers.
    numeric_ids: bool = true;
    /// Ignores the page argument: every page is the first.
    ignore_page: bool = true;
    /// Sends a byte order mark before the JSON.
    byte_order_mark: bool = true;
    /// Sends one contact without an id.
    nameless: bool = true;
    /// Sets the form of totals.
    totals: Totals = totals, totals: Totals;
    /// Sets the form of the answer that gives a token.
    token: TokenForm = form, form: TokenForm;
    /// Sets whether `hasNextPage` is sent.
    has_next: bool = given, given: bool;
    /// Limits pages to this many rows without saying so.
    clamp: Option<usize> = Some(rows), rows: usize;
    /// Gives every page this size, whatever the client asks for.
    one_size: Option<usize> = Some(rows), rows: usize;
    /// Sets the number of the first page.
    page_from: usize = first, first: usize;
    /// Sets the text before the token in `Authorization`.
    prefix: &'static str = prefix, prefix: &'static str;
    /// Adds headers to every answer.
    headers: Vec<(&'static str, &'static str)> = headers, headers: Vec<(&'static str, &'static str)>;
    /// Rejects a field of contacts as unknown.
    rejects: Option<&'static str> = Some(field), field: &'static str;
    /// Calls `check` with every list request.
    check: Option<fn(&Asked)> = Some(check), check: fn(&Asked);
}

/// The list whose second request [`Foreign::once`] replaces, in the middle of the contacts.
pub const STRUCK: &str = "getContactList";

impl Foreign {
    /// Answers the second request for contacts with `answer`.
    #[must_use]
    pub fn once(mut self, answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Foreign {
        self.once = Some(Box::new(answer));
        self
    }

    /// Returns every id that this server has for a stream, in the order of a CSV file.
    pub fn ids(&self, stream: &str) -> Vec<String> {
        let mut ids: Vec<String> = match stream {
            "contacts" => rows(self.contacts, 1).map(|n| self.id_text(n)).collect(),
            "customer_persons" => rows(5, 2).map(|n| self.id_text(n)).collect(),
            "conversations" => rows(3, 3).map(|n| self.id_text(n)).collect(),
            _ => rows(3, 3).flat_map(|c| rows(21, c)).map(|n| self.id_text(n)).collect(),
        };
        ids.sort();
        ids
    }

    fn id_text(&self, n: usize) -> String {
        if self.numeric_ids { n.to_string() } else { format!("id-{n:08}") }
    }

    fn id(&self, n: usize) -> Value {
        if self.numeric_ids { json!(n) } else { json!(self.id_text(n)) }
    }

    /// Starts the server.
    pub fn start(self) -> (Server, Arc<Foreign>) {
        let foreign = Arc::new(self);
        let answering = foreign.clone();
        let contacts = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |asked| {
            if asked.operation() == STRUCK
                && contacts.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1
                && let Some(once) = &answering.once
            {
                return once(asked);
            }
            answering.answer(asked)
        });
        (server, foreign)
    }

    /// Answers a request.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let operation = asked.operation();
        if asked.document().contains("__schema") {
            let error = json!({"message": "GraphQL introspection is not allowed", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}});
            return Answer::json(400, &json!({ "errors": [error] }));
        }
        if self.page_from == 1 && asked.number("page") == Some(0) {
            return Answer::json(200, &json!({"errors": [{"message": "page must be at least 1"}], "data": null}));
        }
        let payload = if operation == "generateOAuthToken" {
            self.token_payload(asked)
        } else {
            let sent = asked.headers.get("authorization").map_or("", String::as_str);
            if sent != format!("{}the-token", self.prefix) {
                return Answer::json(
                    200,
                    &json!({"errors": [{"message": "no", "extensions": {"code": "UNAUTHORIZED"}}]}),
                );
            }
            if let Some(check) = self.check {
                check(asked);
            }
            if let Some(field) = self.rejects.filter(|f| operation == STRUCK && asked.asks_for(f)) {
                let message = format!("Cannot query field \"{field}\" on type \"ExternalContact\".");
                let error = json!({"message": message, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}});
                return Answer::json(400, &json!({ "errors": [error] }));
            }
            self.list(asked)
        };
        let mut data = json!({ asked.response_name(): payload });
        if self.extra {
            data["news"] = json!({"docs": [{"_id": "not this one"}]});
        }
        self.dress(&data)
    }

    fn token_payload(&self, asked: &Asked) -> Value {
        let variables = &asked.body["variables"];
        let pair = if variables["input"].is_object() { &variables["input"] } else { variables };
        if pair["clientId"] != "foreign-client" || pair["clientSecret"] != "foreign-secret" {
            return json!({"success": false, "code": "INVALID_CLIENT", "message": "who is that?"});
        }
        match self.token {
            TokenForm::Usual => json!({"success": true, "data": {"accessToken": "the-token", "expiresIn": 3600}}),
            TokenForm::NoLifetime => json!({"success": true, "data": {"accessToken": "the-token"}}),
            TokenForm::Flat => json!({"accessToken": "the-token", "expiresIn": 3600}),
        }
    }

    fn list(&self, asked: &Asked) -> Value {
        let (all, field): (Vec<usize>, &str) = match asked.operation() {
            "getContactList" => (rows(self.contacts, 1).collect(), "firstName"),
            "getCustomerPersonList" => (rows(5, 2).collect(), "firstName"),
            "getConversationList" => (rows(3, 3).collect(), "status"),
            "getMessages" => {
                let id = asked.argument("conversationId").unwrap_or_default();
                let parent = id[id.trim_end_matches(|c: char| c.is_ascii_digit()).len()..].parse().unwrap_or(0);
                (rows(21, parent).collect(), "content")
            }
            other => return json!({"success": false, "message": format!("what is {other}?")}),
        };
        let size = asked.number("limit").unwrap_or(20);
        let size = self.one_size.unwrap_or(size.min(self.clamp.unwrap_or(usize::MAX)));
        let Some(page) = asked.number("page") else {
            return json!({"success": false, "message": "page is missing"});
        };
        let page = page - self.page_from;
        let page = if self.ignore_page { 0 } else { page };
        let shown: Vec<Value> = all
            .iter()
            .skip(page * size)
            .take(size)
            .map(|n| {
                let mut row =
                    json!({"_id": self.id(*n), field: format!("text {n}"), "createdAt": "2024-03-05T08:09:10.123Z"});
                if asked.operation() == STRUCK && asked.asks_for("gender") {
                    row["gender"] = json!("unknown");
                }
                if self.nameless && *n == 1030 {
                    row["_id"] = Value::Null;
                }
                if self.extra {
                    row["new"] = json!({"_id": "not this one either"});
                }
                row
            })
            .collect();
        let mut data = json!({ "docs": shown });
        match self.totals {
            Totals::Number => data["totalDocs"] = json!(all.len()),
            Totals::Text => data["totalDocs"] = json!(all.len().to_string()),
            Totals::Missing => {}
        }
        if self.has_next {
            data["hasNextPage"] = json!((page + 1) * size < all.len());
        }
        if self.extra {
            data["totalPages"] = json!(99);
        }
        json!({"success": true, "data": data, "code": null, "message": null})
    }

    /// Returns the answer with this data, in the form that this server writes.
    fn dress(&self, data: &Value) -> Answer {
        let text = if self.pretty { format!("{data:#}") } else { data.to_string() };
        let text = match (self.errors_first, self.extra) {
            _ if self.byte_order_mark => format!("\u{feff}{{\"data\":{text}}}\n"),
            (true, _) => format!("{{\"errors\": null, \"data\": {text}}}"),
            (_, true) => {
                format!("{{\"cost\": {{\"data\": 3}}, \"data\": {text}, \"extensions\": {{\"errors\": [1]}}}}")
            }
            _ => format!("{{\"data\":{text}}}"),
        };
        let mut answer = Answer::new(200, "application/json", text);
        if self.gzip {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(&answer.body).expect("memory");
            answer.body = packed.finish().expect("memory");
            answer = answer.with("Content-Encoding", "gzip");
        }
        for (name, value) in &self.headers {
            answer = answer.with(name, value);
        }
        answer.chunks = self.chunked.then_some(33);
        answer
    }
}

/// Returns the numbers of `count` records of list `list`.
fn rows(count: usize, list: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| list * 1000 + i)
}
