use std::collections::BTreeSet;
use std::sync::Mutex;

use apollo_compiler::Schema as Sdl;
use apollo_compiler::schema::{ExtendedType, FieldDefinition, InputValueDefinition, Type as SdlType};
use serde_json::{Value, json};

use crate::discovery::probe::{ProbeResult, learn_lists, learn_token};
use crate::discovery::schema::{Argument, Schema, Type, TypeRef};
use crate::error::Result;
use crate::sandbox::shipped_sdl;
use crate::source::server::{Reply, Server};
use crate::streams::{DEFAULT as ALL, Stream};

/// A server that validates documents as graphql-js does, and executes none.
struct Judge {
    schema: crate::sandbox::graphql::schema::SandboxSchema,
    /// The change that is made to its answers.
    after: fn(Value) -> Value,
    asked: Mutex<Vec<String>>,
}

impl Judge {
    fn new(sdl: &str, suggestions: bool) -> Judge {
        Judge {
            schema: crate::sandbox::graphql::schema::SandboxSchema::from_sdl(sdl, false, suggestions)
                .expect("a schema"),
            after: |v| v,
            asked: Mutex::default(),
        }
    }

    fn after(self, after: fn(Value) -> Value) -> Judge {
        Judge { after, ..self }
    }
}

impl Server for Judge {
    async fn ask(&self, document: &str, variables: Value) -> Result<Reply> {
        self.asked.lock().expect("asked").push(document.to_owned());
        let body = json!({"query": document, "variables": variables}).to_string();
        let answer = match self.schema.prepare(body.as_bytes()) {
            Ok(_) => panic!("a valid document:\n{document}"),
            Err(refusal) => serde_json::from_slice(&refusal.body).expect("JSON"),
        };
        let answer = (self.after)(answer);
        Ok(Reply::read(&answer.to_string()).expect("a reply"))
    }
}

async fn lists(judge: &Judge, streams: &[Stream]) -> ProbeResult {
    learn_lists(judge, streams, 60).await.expect("learnt")
}

fn reference(ty: &SdlType) -> TypeRef {
    TypeRef::parse(&ty.to_string())
}

/// Asserts that everything learnt is in the SDL, with the same type.
fn agrees(learnt: &Schema, sdl: &str) {
    let sdl = Sdl::parse_and_validate(sdl, "s").expect("SDL");
    for (name, ty) in &learnt.types {
        let real = sdl.types.get(name.as_str()).unwrap_or_else(|| panic!("no type {name}"));
        match (ty, real) {
            (Type::Object(fields), ExtendedType::Object(real)) => {
                for f in fields {
                    let def: &FieldDefinition =
                        real.fields.get(f.name.as_str()).unwrap_or_else(|| panic!("{name}.{}", f.name));
                    assert_eq!(f.ty, reference(&def.ty), "{name}.{}", f.name);
                    for a in &f.arguments {
                        let found = def.arguments.iter().find(|d| d.name == a.name.as_str());
                        same(a, found.unwrap_or_else(|| panic!("{name}.{}({})", f.name, a.name)));
                    }
                }
            }
            (Type::Input(fields), ExtendedType::InputObject(real)) => {
                for f in fields {
                    same(f, real.fields.get(f.name.as_str()).unwrap_or_else(|| panic!("{name}.{}", f.name)));
                }
            }
            (Type::Enum(_), ExtendedType::Enum(_))
            | (Type::Scalar, ExtendedType::Scalar(_))
            | (Type::Union, ExtendedType::Union(_)) => {}
            _ => panic!("{name} is not {ty:?}"),
        }
    }
}

fn same(learnt: &Argument, real: &InputValueDefinition) {
    assert_eq!(learnt.ty, reference(&real.ty), "{}", learnt.name);
    let has_default = real.default_value.is_some() && learnt.ty.required;
    assert_eq!(learnt.has_default, has_default, "{}", learnt.name);
}

fn names(learnt: &Schema, ty: &str) -> BTreeSet<String> {
    let fields = learnt.fields(ty).iter().map(|f| f.name.clone());
    fields.chain(learnt.inputs(ty).iter().map(|f| f.name.clone())).collect()
}

fn has(learnt: &Schema, ty: &str, expected: &[&str]) {
    let names = names(learnt, ty);
    for name in expected {
        assert!(names.contains(*name), "{ty}.{name} among {names:?}");
    }
}

/// Asserts that every column that the schema has was learnt.
fn columns(learnt: &Schema, sdl: &str) {
    let sdl = Sdl::parse_and_validate(sdl, "s").expect("SDL");
    for s in ALL {
        let Some(ExtendedType::Object(real)) = sdl.types.get(s.definition().entity) else { continue };
        let columns = s.columns().iter().map(|c| c.name).filter(|name| real.fields.contains_key(*name));
        let columns: Vec<&str> = columns.collect();
        assert!(columns.len() > 1, "{s}");
        has(learnt, s.definition().entity, &columns);
    }
}

#[tokio::test]
async fn the_default_shape_is_learnt() {
    let sdl = shipped_sdl("default").expect("shipped");
    for suggestions in [false, true] {
        let judge = Judge::new(sdl, suggestions);
        let learnt = lists(&judge, &ALL).await;
        println!("{} requests", learnt.requests);
        agrees(&learnt.schema, sdl);
        columns(&learnt.schema, sdl);
        for ty in ["ContactPage", "CustomerPersonPage", "ConversationPage", "MessagePage"] {
            has(&learnt.schema, ty, &["docs", "hasNextPage", "totalDocs"]);
        }
        has(&learnt.schema, "Tag", &["_id", "name", "color"]);
        has(&learnt.schema, "LastMessageType", &["content", "createdAt", "channelType", "senderType"]);
        has(&learnt.schema, "FailedReasonType", &["code", "message"]);
        assert!(learnt.requests <= 25, "{}", learnt.requests);
        assert_eq!(learnt.open, Vec::<String>::new());
    }
}

/// A shape that is not shipped, but in words that are likely.
const RIVAL: &str = include_str!("../../../tests/support/graphql-js/rival.graphql");

fn sdl_of(shape: &str) -> &'static str {
    match shape {
        "rival" => RIVAL,
        shape => shipped_sdl(shape).expect("shipped"),
    }
}

#[tokio::test]
async fn the_rival_shape_is_learnt() {
    let sdl = RIVAL;
    for suggestions in [false, true] {
        let judge = Judge::new(sdl, suggestions);
        let learnt = lists(&judge, &ALL).await;
        println!("{} requests", learnt.requests);
        agrees(&learnt.schema, sdl);
        columns(&learnt.schema, sdl);
        has(&learnt.schema, "MessagePageInput", &["conversation", "pageNumber", "perPage"]);
        has(&learnt.schema, "PageInput", &["pageNumber", "perPage"]);
        has(&learnt.schema, "ContactPage", &["items", "total", "hasMore"]);
        assert_eq!(learnt.open, Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_token_is_learnt() {
    for (shape, token) in [("default", "accessToken"), ("rival", "access_token")] {
        let sdl = sdl_of(shape);
        for suggestions in [false, true] {
            let judge = Judge::new(sdl, suggestions);
            let learnt = learn_token(&judge, 60).await.expect("learnt");
            println!("{} requests", learnt.requests);
            agrees(&learnt.schema, sdl);
            has(&learnt.schema, "OAuthToken", &[token]);
            has(&learnt.schema, "Mutation", &["generateOAuthToken"]);
            let operation = learnt.schema.fields("Mutation").iter().find(|f| f.name == "generateOAuthToken");
            let arguments = &operation.expect("found").arguments;
            assert!(arguments.iter().any(Argument::is_needed), "{arguments:?}");
            assert_eq!(learnt.open, Vec::<String>::new());
        }
    }
}

/// Keeps only the message of each error, as a server does whose operator removed everything else.
fn words_alone(mut answer: Value) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        *error = json!({"message": error["message"]});
    }
    answer
}

#[tokio::test]
async fn errors_need_not_say_where_they_are() {
    for (shape, envelope) in [("default", "totalDocs"), ("rival", "total")] {
        let sdl = sdl_of(shape);
        let judge = Judge::new(sdl, false).after(words_alone);
        let learnt = lists(&judge, &ALL).await;
        println!("{} requests", learnt.requests);
        agrees(&learnt.schema, sdl);
        columns(&learnt.schema, sdl);
        if shape == "default" {
            has(&learnt.schema, "ContactPage", &[envelope]);
        }
        let token = learn_token(&judge, 60).await.expect("learnt");
        agrees(&token.schema, sdl);
    }
}

/// Replaces each message by one that says nothing.
fn masked(mut answer: Value) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        *error = json!({"message": "Bad request"});
    }
    answer
}

/// Keeps only the first error.
fn first_alone(mut answer: Value) -> Value {
    if let Some(errors) = answer["errors"].as_array_mut() {
        errors.truncate(1);
    }
    answer
}

#[tokio::test]
async fn a_server_that_teaches_nothing_is_noticed_soon() {
    let sdl = shipped_sdl("default").expect("shipped");
    for (after, words) in [
        (masked as fn(Value) -> Value, "does not say which fields it does not have"),
        (first_alone, "one mistake at a time"),
        (|_| json!({"data": {}}), "does not mind fields that it does not have"),
        (
            |_| json!({"errors": [{"message": "Unauthorized", "extensions": {"code": "UNAUTHORIZED"}}]}),
            "it says \"Unauthorized\"",
        ),
    ] {
        let judge = Judge::new(sdl, false).after(after);
        let learnt = lists(&judge, &ALL).await;
        assert_eq!((learnt.requests, learnt.open.len()), (2, 1), "{:?}", learnt.open);
        assert!(learnt.open[0].contains(words), "{:?}", learnt.open);
        assert_eq!(learnt.schema.fields("Query"), []);
        let judge = Judge::new(sdl, false).after(after);
        let learnt = learn_token(&judge, 60).await.expect("learnt");
        assert_eq!((learnt.requests, learnt.open.len()), (1, 1), "{:?}", learnt.open);
        let asked = judge.asked.lock().expect("asked").join("\n");
        assert!(!asked.contains("OAuth"), "{asked}");
    }
}

/// Keeps at most thirty errors, and says so as the reference server does.
fn thirty(mut answer: Value) -> Value {
    if let Some(errors) = answer["errors"].as_array_mut()
        && errors.len() > 30
    {
        errors.truncate(30);
        errors.push(json!({"message": "Too many validation errors, error limit reached. Validation aborted."}));
    }
    answer
}

#[tokio::test]
async fn a_server_that_stops_early_is_asked_in_smaller_documents() {
    let sdl = shipped_sdl("default").expect("shipped");
    let judge = Judge::new(sdl, false).after(thirty);
    let learnt = learn_lists(&judge, &ALL, 200).await.expect("learnt");
    println!("{} requests", learnt.requests);
    agrees(&learnt.schema, sdl);
    columns(&learnt.schema, sdl);
    assert_eq!(learnt.open, Vec::<String>::new());
}

#[tokio::test]
async fn a_budget_is_kept_and_what_is_open_is_said() {
    let sdl = shipped_sdl("default").expect("shipped");
    for budget in [0, 1, 3, 8, 15] {
        let judge = Judge::new(sdl, false);
        let learnt = learn_lists(&judge, &ALL, budget).await.expect("learnt");
        assert_eq!(learnt.requests, budget);
        assert!(learnt.open[0].contains("were not enough"), "{:?}", learnt.open);
        for name in learnt.schema.types.keys() {
            assert!(sdl.contains(&format!(" {name} ")), "{name}");
        }
    }
}

/// Rewrites the messages in the words of graphql-java.
fn of_java(mut answer: Value) -> Value {
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        let message = error["message"].as_str().expect("a message").to_owned();
        let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
        let (kind, words) = match quoted[..] {
            [field, ty] if message.starts_with("Cannot query") => {
                ("FieldUndefined", format!("Field '{field}' in type '{ty}' is undefined"))
            }
            [field, ty, ..] if message.contains("must have a selection") => {
                ("SubselectionRequired", format!("Subselection required for type '{ty}' of field '{field}'"))
            }
            [field, ty] if message.contains("must not have a selection") => {
                ("SubselectionNotAllowed", format!("Subselection not allowed on leaf type '{ty}' of field '{field}'"))
            }
            [argument, _] if message.starts_with("Unknown argument") => {
                ("UnknownArgument", format!("Unknown field argument '{argument}'"))
            }
            [_, argument, _] if message.contains("but it was not provided") => {
                ("MissingFieldArgument", format!("Missing field argument '{argument}'"))
            }
            [_, variable, ty] if message.starts_with("Variable") => {
                ("VariableTypeMismatch", format!("Variable type '{variable}' does not match expected type '{ty}'"))
            }
            _ => panic!("{message}"),
        };
        error["message"] = Value::String(format!("Validation error ({kind}@[some/path]) : {words}"));
    }
    answer
}

#[tokio::test]
async fn another_library_teaches_the_same() {
    let sdl = shipped_sdl("default").expect("shipped");
    let judge = Judge::new(sdl, false);
    let expected = lists(&judge, &ALL).await;
    let learnt = lists(&Judge::new(sdl, false).after(of_java), &ALL).await;
    assert_eq!(learnt, expected);
}

#[tokio::test]
async fn a_list_that_is_not_there_is_said() {
    let sdl = "type Query { contacts(size: Int): [Contact] } type Contact { id: ID! email: String }";
    let learnt = lists(&Judge::new(sdl, false), &[Stream::Contacts, Stream::Messages]).await;
    agrees(&learnt.schema, sdl);
    has(&learnt.schema, "Contact", &["id", "email"]);
    assert_eq!(learnt.open, ["no query that may list messages was found"]);
    let judge = Judge::new("type Query { a: Int } type Mutation { b: Int }", false);
    let learnt = learn_token(&judge, 60).await.expect("learnt");
    assert_eq!(learnt.open, ["no mutation that may give a token was found"]);
}
