//! Learning a hidden schema by asking. The server is the reference implementation of GraphQL with introspection off
//! (`tests/support/graphql-js/server.mjs`); what is learnt must agree with its SDL.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use apollo_compiler::Schema as Sdl;
use apollo_compiler::schema::{ExtendedType, InputValueDefinition};
use qpien_sync::discovery::probe::{learn_lists, learn_token};
use qpien_sync::discovery::schema::{Argument, Schema, Type, TypeRef};
use qpien_sync::error::Result;
use qpien_sync::source::server::{Reply, Server};
use qpien_sync::streams::DEFAULT;
use serde_json::{Value, json};

/// A server process; dropping it kills the process.
struct Node {
    child: Child,
    address: String,
}

impl Node {
    fn start(sdl: &Path, options: &[&str]) -> Node {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/graphql-js/server.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .arg(sdl)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("node runs (`make test` needs node and npm)");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout"));
        stdout.read_line(&mut line).expect("the address");
        let address = line.trim().trim_start_matches("http://").split('/').next().expect("a host");
        let address = address.to_owned();
        assert!(!address.is_empty(), "it did not start: is graphql-js installed?");
        Node { child, address }
    }

    fn answer(&self, request: &str) -> Value {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("headers");
        serde_json::from_str(body).expect("JSON")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server for Node {
    async fn ask(&self, document: &str, variables: Value) -> Result<Reply> {
        let body = json!({"query": document, "variables": variables}).to_string();
        let request = format!("POST /graphql HTTP/1.0\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Ok(Reply::read(&self.answer(&request).to_string()).expect("a reply"))
    }
}

fn path(name: &str) -> PathBuf {
    let folder = if matches!(name, "odd" | "rival") { "tests/support/graphql-js" } else { "src/sandbox/dialects" };
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{name}.graphql"))
}

/// Asserts that everything learnt is in the SDL with the same type.
fn agrees(learnt: &Schema, sdl: &Sdl) {
    for (name, ty) in &learnt.types {
        let real = sdl.types.get(name.as_str()).unwrap_or_else(|| panic!("no type {name}"));
        match (ty, real) {
            (Type::Object(fields), ExtendedType::Object(real)) => {
                for f in fields {
                    let here = format!("{name}.{}", f.name);
                    let def = real.fields.get(f.name.as_str()).unwrap_or_else(|| panic!("{here}"));
                    assert_eq!(f.ty, TypeRef::parse(&def.ty.to_string()), "{here}");
                    for a in &f.arguments {
                        let found = def.arguments.iter().find(|d| d.name == a.name.as_str());
                        same(a, found.unwrap_or_else(|| panic!("{here}({})", a.name)), &here);
                    }
                }
            }
            (Type::Input(fields), ExtendedType::InputObject(real)) => {
                for f in fields {
                    let found = real.fields.get(f.name.as_str());
                    same(f, found.unwrap_or_else(|| panic!("{name}.{}", f.name)), name);
                }
            }
            (Type::Enum(_), ExtendedType::Enum(_))
            | (Type::Scalar, ExtendedType::Scalar(_))
            | (Type::Union, ExtendedType::Union(_)) => {}
            // Without suggestions a union looks like an object of which nothing is known.
            (Type::Object(fields), ExtendedType::Union(_)) if fields.is_empty() => {}
            _ => panic!("{name} is not {ty:?}"),
        }
    }
}

fn same(learnt: &Argument, real: &InputValueDefinition, of: &str) {
    let (name, required) = (&learnt.name, learnt.ty.required);
    assert_eq!(learnt.ty, TypeRef::parse(&real.ty.to_string()), "{of} {name}");
    assert_eq!(learnt.has_default, real.default_value.is_some() && required, "{of} {name}");
}

/// Asserts that everything that the SDL has in these types was learnt, except `strange` names, which nobody would
/// guess.
fn whole(learnt: &Schema, sdl: &Sdl, types: &[&str], strange: &[&str]) {
    for ty in types {
        let real: BTreeSet<String> = match &sdl.types[*ty] {
            ExtendedType::Object(o) => o.fields.keys().map(ToString::to_string).collect(),
            ExtendedType::InputObject(o) => o.fields.keys().map(ToString::to_string).collect(),
            _ => panic!("{ty}"),
        };
        let fields = learnt.fields(ty).iter().map(|f| &f.name);
        let found: BTreeSet<&String> = fields.chain(learnt.inputs(ty).iter().map(|f| &f.name)).collect();
        for name in real {
            assert!(found.contains(&name) || strange.contains(&&*name), "{ty}.{name} among {found:?}");
        }
    }
}

/// Learns a schema from servers of every kind: with suggestions, without them, and also without locations.
async fn learns(shape: &str, lists: &[&str], token: &[&str], strange: &[&str]) {
    let text = std::fs::read_to_string(path(shape)).expect("the SDL");
    let sdl = Sdl::parse_and_validate(&text, shape).expect("a schema");
    for options in [&["suggestions", "places"][..], &["places"], &[]] {
        let server = Node::start(&path(shape), options);
        let learnt = learn_lists(&server, &DEFAULT, 60).await.expect("learnt");
        println!("{shape} {options:?}: {} requests", learnt.requests);
        assert_eq!(learnt.open, Vec::<String>::new());
        agrees(&learnt.schema, &sdl);
        whole(&learnt.schema, &sdl, lists, strange);
        let learnt = learn_token(&server, 20).await.expect("learnt");
        println!("{shape} {options:?}: {} requests for the token", learnt.requests);
        assert_eq!(learnt.open, Vec::<String>::new());
        agrees(&learnt.schema, &sdl);
        whole(&learnt.schema, &sdl, token, strange);
        let executed = server.answer("GET /executed HTTP/1.0\r\n\r\n");
        assert_eq!(executed, json!(0), "documents that were valid");
    }
}

#[tokio::test]
async fn the_default_shape_is_learnt_from_graphql_js() {
    let lists = [
        "ContactListPayload",
        "CustomerPersonListPayload",
        "ConversationListPayload",
        "MessageListPayload",
        "ContactPage",
        "CustomerPersonPage",
        "ConversationPage",
        "MessagePage",
        "ExternalContact",
        "CustomerPerson",
        "ExternalConversation",
        "ExternalMessage",
        "Tag",
        "LastMessageType",
        "ChannelTypeOutput",
        "senderData",
        "Media",
        "FailedReasonType",
        "InformativeButtonsType",
    ];
    let token = ["Mutation", "GenerateOAuthTokenInput", "GenerateOAuthTokenPayload", "OAuthToken"];
    learns("default", &lists, &token, &["flowBotId"]).await;
}

#[tokio::test]
async fn the_rival_shape_is_learnt_from_graphql_js() {
    let lists = [
        "PageInput",
        "MessagePageInput",
        "ContactPage",
        "ConversationPage",
        "MessagePage",
        "ExternalContact",
        "CustomerPerson",
        "ExternalConversation",
        "ExternalMessage",
        "Tag",
    ];
    learns("rival", &lists, &["Mutation", "OAuthToken"], &["flowBotId"]).await;
}

#[tokio::test]
async fn an_odd_shape_is_learnt_from_graphql_js() {
    let lists = [
        "RootQuery",
        "ContactFilter",
        "AgentFilter",
        "ListRequest",
        "Paging",
        "ContactConnection",
        "ContactEdge",
        "PageInfo",
        "Contact",
        "Tag",
        "Kind",
        "ConversationAnswer",
        "ConversationResponse",
        "Meta",
        "ChatRow",
        "Message",
        "Person",
    ];
    let token = ["RootMutation", "TokenRequest", "TokenAnswer", "Token"];
    learns("odd", &lists, &token, &["version", "contact", "deleteContact", "params"]).await;
}
