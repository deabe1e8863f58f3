//! Tests which dialect a schema settles to. The schemas are SDL, as people write it.

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{ast, schema};

use crate::dialect::{Dialect, DialectLayer, Layer as _, Paging};
use crate::discovery::infer::*;
use crate::discovery::schema::{Argument, Field, Type, TypeRef};
use crate::streams::{ALL, Stream};

pub(super) fn of_sdl(sdl: &str) -> Schema {
    let read = apollo_compiler::Schema::parse_and_validate(sdl, "test.graphql").expect("SDL");
    let root = |name: Option<&apollo_compiler::Name>| name.map(ToString::to_string).unwrap_or_default();
    let definition = &read.schema_definition;
    let mut schema = Schema {
        query: root(definition.query.as_deref()),
        mutation: root(definition.mutation.as_deref()),
        whole: true,
        ..Schema::default()
    };
    let fields = |fields: &apollo_compiler::collections::IndexMap<
        apollo_compiler::Name,
        schema::Component<ast::FieldDefinition>,
    >| {
        let one = |f: &schema::Component<ast::FieldDefinition>| Field {
            name: f.name.to_string(),
            arguments: f.arguments.iter().map(|a| argument(a)).collect(),
            ty: TypeRef::parse(&f.ty.to_string()),
        };
        fields.values().map(one).collect()
    };
    for (name, ty) in &read.types {
        let kept = match ty {
            ExtendedType::Object(o) => Type::Object(fields(&o.fields)),
            ExtendedType::Interface(i) => Type::Object(fields(&i.fields)),
            ExtendedType::InputObject(i) => Type::Input(i.fields.values().map(|a| argument(a)).collect()),
            ExtendedType::Enum(e) => Type::Enum(e.values.keys().map(ToString::to_string).collect()),
            ExtendedType::Union(_) => Type::Union,
            ExtendedType::Scalar(_) => Type::Scalar,
        };
        schema.types.insert(name.to_string(), kept);
    }
    schema
}

fn argument(a: &ast::InputValueDefinition) -> Argument {
    Argument { name: a.name.to_string(), ty: TypeRef::parse(&a.ty.to_string()), has_default: a.default_value.is_some() }
}

/// Returns the dialect that a schema settles to. Panics unless every part is settled.
fn dialect(schema: &Schema, streams: &[Stream]) -> Dialect {
    let mut layer = token(schema, &DialectLayer::default()).layer;
    for s in streams {
        let settled = stream(schema, *s, &DialectLayer::default()).unwrap_or_else(|| panic!("nothing lists {s}"));
        assert_eq!(settled.open, [], "{s}");
        layer.merge(settled.layer);
    }
    Dialect::with(&layer).expect("a dialect")
}

#[test]
fn a_filter_by_the_last_change_is_settled_for_lists_of_their_own() {
    let sdl = include_str!("../../sandbox/dialects/default.graphql");
    let takes = |sdl: &str, what: &str| {
        sdl.replace("getContactList(page: Int,", &format!("getContactList({what} page: Int,"))
            .replace("getMessages(", "getMessages(updatedAfter: Date, ")
    };
    let of = |sdl: &str, s: Stream| {
        let settled = stream(&of_sdl(sdl), s, &DialectLayer::default()).expect("settled");
        let list = settled.layer.stream(s).and_then(|part| part.list.clone()).expect("a list");
        let found = settled.findings.into_iter().find(|f| f.part.ends_with("list.since"));
        let since = list.since.expect("text");
        (since, list.since_form.expect("a form").word().to_owned(), found.map(|f| f.certainty))
    };
    let obeys = takes(sdl, "updatedAfter: Date,");
    let found = (String::from("updatedAfter"), String::from("iso8601"), Some(Certainty::Introspected));
    assert_eq!(of(&obeys, Stream::Contacts), found);
    let none = (String::new(), String::from("iso8601"), None);
    assert_eq!(of(&obeys, Stream::Messages), none, "each conversation has a list of its own");
    assert_eq!(of(&takes(sdl, "createdAfter: Date,"), Stream::Contacts), none);
}

#[test]
fn the_shape_that_was_seen_settles_to_the_shipped_dialect() {
    let schema = of_sdl(include_str!("../../sandbox/dialects/default.graphql"));
    let (found, shipped) = (dialect(&schema, &ALL), Dialect::shipped().expect("shipped"));
    assert_eq!(format!("{:?}", found.token), format!("{:?}", shipped.token));
    for s in ALL {
        let (found, shipped) = (found.stream(s).expect("found"), shipped.stream(s).expect("shipped"));
        assert_eq!((&found.operation, &found.parent), (&shipped.operation, &shipped.parent));
        assert_eq!(format!("{:?}", found.list), format!("{:?}", shipped.list), "{s}");
        let names = |part: &crate::dialect::StreamDialect| -> Vec<String> {
            part.selected().map(|f| f.split(' ').next().expect("a name").to_owned()).collect()
        };
        for name in names(shipped) {
            assert!(names(found).contains(&name), "{s}: {name}");
        }
    }
}

const STRANGER: &str = r#"
scalar DateTime
schema { query: Root mutation: Changes }
type Root {
  version: String
  person(id: ID!): Contact
  searchContacts(term: String!, page: Int): ContactsAnswer
  contacts(filter: ContactFilter!, orderBy: Order!): ContactsAnswer!
  chatMessages(paging: Paging!, conversation: ID): [Message!]!
  chats(first: Int, after: String): ChatConnection!
}
type Changes {
  login(email: String!, password: String!): Session
  createToken(credentials: Pair!): TokenAnswer!
}
input Pair { client_id: ID! client_secret: String! }
type TokenAnswer { ok: Boolean! result: Session }
type Session { access_token: String! expires_in: Int user: Contact }
input ContactFilter { pagination: Paging tenant: String = "x" state: State! }
input Paging { skip: Int = 0 take: Int }
enum State { ACTIVE ALL DELETED }
enum Order { DESC ASC }
type ContactsAnswer { ok: Boolean! error: String payload: ContactsPage }
type ContactsPage { meta: Meta results: [Contact!]! }
type Meta { totalRecords: Int! has_more: Boolean! }
type Contact { id: ID! customer: ID first_name: String lastName: String email: String phone: String country: String
  created_at: DateTime tags: [Tag] owner: String language: String avatar: String username: String
  chats(first: Int!): [Chat] }
type Tag { _id: ID name: String parent: Tag color(format: Format!): String }
enum Format { HEX }
type ChatConnection { edges: [ChatEdge] pageInfo: PageInfo! totalCount: Int }
type ChatEdge { cursor: String! node: Chat }
type PageInfo { hasNextPage: Boolean! endCursor: String }
type Chat { _id: ID customer: ID joinedPerson: ID joinedCPerson: ID isStarred: Boolean status: String type: String
  priority: String lastMessage: Message messages: [Message] }
type Message { _id: ID conversation: ID content: String createdAt: DateTime senderType: String messageType: String
  channelType: String subject: String contentHtml: String ackStatus: String autoCreate: Boolean channelMessageId: String }
"#;

#[test]
fn a_strangers_schema_settles_by_what_its_fields_return_and_take() {
    let schema = of_sdl(STRANGER);
    let d = dialect(&schema, &[Stream::Contacts, Stream::Conversations, Stream::Messages]);
    let t = &d.token;
    assert_eq!(
        (t.operation.as_str(), t.input.as_str(), t.input_type.as_str()),
        ("createToken", "credentials", "Pair!")
    );
    assert_eq!(
        (t.client_id.as_str(), t.access_token.as_str(), t.success.as_str()),
        ("client_id", "result.access_token", "ok")
    );
    let contacts = d.stream(Stream::Contacts).expect("contacts");
    assert_eq!((contacts.operation.as_str(), contacts.list.paging), ("contacts", crate::dialect::Paging::Offset));
    assert_eq!(
        (contacts.list.page.as_str(), contacts.list.size.as_str()),
        ("filter.pagination.skip", "filter.pagination.take")
    );
    assert_eq!(contacts.list.arguments["filter.state"], "ALL");
    assert_eq!(contacts.list.arguments["orderBy"], "ASC");
    assert_eq!(contacts.list.items, "payload.results");
    assert_eq!(
        (contacts.list.total.as_str(), contacts.list.has_next.as_str()),
        ("payload.meta.totalRecords", "payload.meta.has_more")
    );
    assert_eq!((contacts.list.success.as_str(), contacts.list.message.as_str()), ("ok", "error"));
    let fields: Vec<&str> = contacts.selected().collect();
    assert!(fields.contains(&"_id: id") && fields.contains(&"firstName: first_name"), "{fields:?}");
    assert!(fields.contains(&"tags { _id name parent { _id name } }"), "{fields:?}");
    let v = d.stream(Stream::Conversations).expect("conversations");
    assert_eq!((v.operation.as_str(), v.list.paging), ("chats", crate::dialect::Paging::Cursor));
    assert_eq!((v.list.items.as_str(), v.list.row_cursor.as_str()), ("edges.node", "edges.cursor"));
    assert_eq!((v.list.total.as_str(), v.list.next_cursor.as_str()), ("totalCount", "pageInfo.endCursor"));
    let messages = d.stream(Stream::Messages).expect("messages");
    assert_eq!((messages.operation.as_str(), messages.list.items.as_str()), ("chatMessages", ""));
    assert_eq!((messages.parent.as_deref(), messages.list.page.as_str()), (Some("conversation"), "paging.skip"));
    assert!(stream(&schema, Stream::Messages, &DialectLayer::default()).expect("messages").parent_optional);
}

#[test]
fn what_nothing_says_is_open_and_what_is_not_there_is_not_found() {
    let schema = of_sdl(&STRANGER.replace("tenant: String = \"x\"", "tenant: String!"));
    let open = stream(&schema, Stream::Contacts, &DialectLayer::default()).expect("contacts").open;
    assert_eq!(open.len(), 1);
    assert!(open[0].what.contains("filter.tenant"), "{open:?}");
    assert_eq!(open[0].written(), "streams.contacts.list.arguments.\"filter.tenant\" = '\"...\"'");
    assert_eq!(stream(&schema, Stream::CustomerPersons, &DialectLayer::default()), None);
    let missing = stream(&schema, Stream::Contacts, &DialectLayer::default()).expect("contacts").missing;
    assert!(missing.contains(&"gender") && !missing.contains(&"createdAt"), "{missing:?}");
    let other = of_sdl("type Query { films: [Film] } type Film { title: String }");
    assert!(!token(&other, &DialectLayer::default()).open.is_empty());
    assert!(ALL.iter().all(|s| stream(&other, *s, &DialectLayer::default()).is_none()));
}

#[test]
fn what_a_token_insists_on_is_filled_in_or_named() {
    let sdl = |more: &str| {
        format!(
            "type Query {{ a: Int }} type Mutation {{ createToken(client_id: ID!, secret: String!, grant: Grant!{more}): T }}
             enum Grant {{ PAIR }} type T {{ jwt: String }}"
        )
    };
    let settled = token(&of_sdl(&sdl("")), &DialectLayer::default());
    assert_eq!(settled.open, []);
    let t = Dialect::with(&settled.layer).expect("a dialect").token;
    assert_eq!((t.client_id_type.as_str(), t.client_secret_type.as_str()), ("ID!", "String!"));
    assert_eq!(t.arguments["grant"], "PAIR");
    let open = token(&of_sdl(&sdl(", hours: Int!")), &DialectLayer::default()).open;
    assert_eq!(open.iter().map(Open::written).collect::<Vec<_>>(), ["token.arguments.\"hours\" = '...'"]);
}

#[test]
fn a_list_that_may_be_paged_by_something_nobody_knows_is_open_unless_its_end_is_told() {
    let entity = "_id: ID customer: ID firstName: String lastName: String email: String phone: String country: String owner: String language: String";
    let open = |arguments: &str, members: &str| {
        let sdl = format!(
            "type Query {{ contacts{arguments}: Answer }} type Answer {{ docs: [Contact] {members} }} type Contact {{ {entity} }}"
        );
        stream(&of_sdl(&sdl), Stream::Contacts, &DialectLayer::default()).expect("contacts").open
    };
    let lines = |arguments: &str| open(arguments, "").iter().map(Open::written).collect::<Vec<_>>();
    let list = |page: &str, size: &str| {
        vec![format!("streams.contacts.list = {{ paging = \"...\", page = \"{page}\", size = \"{size}\" }}")]
    };
    assert_eq!(lines("(seite: Int, menge: Int)"), list("seite", "menge"));
    assert_eq!(lines("(limit: Int)"), list("...", "limit"));
    assert_eq!(lines("(name: String)"), Vec::<String>::new());
    assert_eq!(open("(seite: Int)", "total: Int"), []);
}

#[test]
fn the_query_of_one_record_is_found_by_what_it_takes_and_gives() {
    let shipped = |name: &str| of_sdl(crate::sandbox::shipped_sdl(name).expect("shipped"));
    let of = |schema: &Schema, s: Stream| {
        single_record::one(schema, s).map(|t| [t.operation, t.id, t.item, t.success].map(Option::unwrap_or_default))
    };
    let default = shipped("default");
    let words = |w: [&str; 4]| Some(w.map(str::to_owned));
    assert_eq!(of(&default, Stream::Contacts), words(["getContact", "_id", "data", "success"]));
    assert_eq!(of(&default, Stream::Conversations), words(["getConversation", "_id", "data", "success"]));
    assert_eq!(of(&default, Stream::Messages), None);
    let own = of_sdl(
        "type Query { contact(where: Key!): Contact contacts: [Contact] contactOf(phone: String!): Contact }
         input Key { contactId: ID! deep: Int }
         type Contact { _id: ID firstName: String lastName: String email: String phone: String gender: String
            country: String language: String avatar: String }",
    );
    assert_eq!(of(&own, Stream::Contacts), words(["contact", "where.contactId", "", ""]));
}

/// Returns a schema whose contacts are listed by these queries, with `more` definitions.
fn listing(queries: &str, more: &str) -> Schema {
    let id = "_id: ID customer: ID";
    of_sdl(&format!(
        "type Query {{ {queries} }}
         type Contact {{ {id} firstName: String lastName: String email: String phone: String country: String owner: String
             language: String }}
         type Message {{ {id} conversation: ID content: String createdAt: String senderType: String messageType: String
             channelType: String subject: String contentHtml: String ackStatus: String autoCreate: Boolean }}
         {more}"
    ))
}

fn job(lines: &str) -> DialectLayer {
    lines.parse().expect("TOML")
}

/// Returns the open lines and the notes.
fn open_and_told(schema: &Schema, s: Stream, lines: &str) -> (Vec<String>, Vec<String>) {
    let settled = stream(schema, s, &job(lines)).unwrap_or_else(|| panic!("nothing lists {s}"));
    (settled.open.iter().map(Open::written).collect(), settled.notes)
}

#[test]
fn what_may_leave_something_out_is_not_filled_in_and_what_is_filled_in_is_told() {
    let schema = listing(
        "contacts(archived: Boolean!, labels: [String!]!, onlyOpen: Boolean!, kinds: [Kind!]!): [Contact]",
        "enum Kind { A B }",
    );
    let (open, told) = open_and_told(&schema, Stream::Contacts, "");
    let place = "streams.contacts.list.arguments";
    assert_eq!(open, [format!("{place}.\"archived\" = '...'"), format!("{place}.\"labels\" = '[\"...\"]'")]);
    let given = |what: &str, value: &str| format!("contacts: the server insists on `{what}`; {value} was given");
    assert_eq!(told, [given("kinds", "[A, B]"), given("onlyOpen", "false")]);
    let lines = format!("{place} = {{ archived = 'false', labels = '[\"a\"]', kinds = '[A]' }}");
    assert_eq!(open_and_told(&schema, Stream::Contacts, &lines), (Vec::new(), vec![given("onlyOpen", "false")]));
}

#[test]
fn a_parent_that_is_a_list_is_given_as_one_and_no_constant_takes_its_place() {
    let of = |schema: &Schema, lines: &str| {
        let settled = stream(schema, Stream::Messages, &job(lines)).expect("messages");
        assert_eq!(settled.open, []);
        let d = Dialect::with(&settled.layer).expect("a dialect");
        let part = d.stream(Stream::Messages).expect("messages").clone();
        assert_eq!(part.list.arguments.len(), 0);
        (part.parent.unwrap_or_default(), part.parent_list)
    };
    let schema = listing("messages(conversationIds: [ID!]!, page: Int): [Message]", "");
    assert_eq!(of(&schema, ""), ("conversationIds".to_owned(), true));
    assert_eq!(of(&schema, "streams.messages.parent = \"conversationIds\""), ("conversationIds".to_owned(), true));
    let odd = listing("messages(dialogs: [ID!]!, page: Int): [Message]", "");
    assert_eq!(open_and_told(&odd, Stream::Messages, "").0, ["streams.messages.parent = \"dialogs\""]);
    assert_eq!(of(&odd, "streams.messages.parent = \"dialogs\""), ("dialogs".to_owned(), true));
}

#[test]
fn a_list_of_some_does_not_pass_for_one_of_all() {
    let of = |queries: &str, lines: &str| open_and_told(&listing(queries, ""), Stream::Contacts, lines);
    let line = |name: &str| format!("streams.contacts.operation = \"{name}\"");
    assert_eq!(of("recentContacts: [Contact]", "").0, [line("recentContacts")]);
    assert_eq!(of("activeContacts: [Contact] archivedContacts: [Contact]", "").0, [line("activeContacts")]);
    assert_eq!(of("recentContacts: [Contact]", &line("recentContacts")), (Vec::new(), Vec::new()));
    let (open, told) = of("archivedContacts: [Contact] contactList: [Contact] contactsOf(id: ID!): [Contact]", "");
    assert_eq!(open, Vec::<String>::new());
    assert_eq!(told, ["contacts are read from `contactList`; `archivedContacts` lists the same type and is not read"]);
    assert_eq!(of("allContacts: [Contact]", ""), (Vec::new(), Vec::new()));
}

#[test]
fn a_query_that_the_job_names_lists_the_stream_whatever_its_rows_are() {
    let schema = listing(
        "leute(seite: Int, menge: Int): Antwort dinge: [Ding] eins: Ding",
        "type Antwort { zeilen: [Person] total: Int } type Person { id: ID! firstName: String } type Ding { nr: Int }",
    );
    assert_eq!(stream(&schema, Stream::Contacts, &DialectLayer::default()), None);
    let settled = stream(&schema, Stream::Contacts, &job("streams.contacts.operation = \"leute\"")).expect("contacts");
    assert_eq!(settled.open, []);
    let d = Dialect::with(&settled.layer).expect("a dialect");
    let part = d.stream(Stream::Contacts).expect("contacts");
    assert_eq!((part.list.items.as_str(), part.list.total.as_str()), ("zeilen", "total"));
    assert_eq!(part.fields, ["_id: id", "firstName"]);
    let open = |lines: &str| open_and_told(&schema, Stream::Contacts, lines).0;
    let things = "streams.contacts.operation = \"dinge\"";
    assert_eq!(open(things), ["streams.contacts.fields = [\"_id: ...\"]"]);
    assert_eq!(open(&format!("{things}\nstreams.contacts.fields = [\"_id: nr\"]")), Vec::<String>::new());
    assert_eq!(open("streams.contacts.operation = \"eins\""), ["streams.contacts.list.items = \"...\""]);
}

#[test]
fn a_line_of_the_job_that_the_schema_contradicts_is_named() {
    let schema = listing("contacts(page: Int, limit: Int): Answer", "type Answer { docs: [Contact] total: Int }");
    let open = |lines: &str| open_and_told(&schema, Stream::Contacts, lines).0;
    for (lines, wrong) in [
        ("operation = \"leute\"", "operation = \"...\""),
        ("list.items = \"rows\"", "list.items = \"...\""),
        ("list.total = \"count\"", "list.total = \"...\""),
        ("list.size = \"perPage\"", "list.size = \"...\""),
        ("list.arguments = { tenant = '1' }", "list.arguments = { \"...\" = '...' }"),
        ("fields = [\"_id\", \"vorname\"]", "fields = [\"...\"]"),
    ] {
        assert_eq!(open(&format!("[streams.contacts]\n{lines}")), [format!("streams.contacts.{wrong}")], "{lines}");
    }
    for (lines, wrong) in
        [("list.total = \"ignore\"\nlist.has_next = \"ignore\"", None), ("list.items = \"ignore\"", Some("items"))]
    {
        let wrong: Vec<String> = wrong.iter().map(|key| format!("streams.contacts.list.{key} = \"...\"")).collect();
        assert_eq!(open(&format!("[streams.contacts]\n{lines}")), wrong, "{lines}");
    }
    assert_eq!(open("[streams.contacts]\nlist.total = \"\"\nfields = [\"_id\", \"x: email\"]"), Vec::<String>::new());
}

#[test]
fn a_list_of_a_union_is_told_as_one() {
    let schema = listing("contacts: Answer", "union Party = Contact | Message type Answer { docs: [Party] }");
    let open = stream(&schema, Stream::Contacts, &DialectLayer::default()).expect("contacts").open;
    assert!(
        open[0].what.contains("union Party") && open[0].what.contains("take contacts out of `streams`"),
        "{open:?}"
    );
}

#[test]
fn a_token_mutation_that_the_job_names_is_the_one() {
    let schema = of_sdl(
        "type Query { a: Int } type Mutation { grant(of: In!): Pass }
         input In { appKey: String! appSecret: String! kind: Kind! hours: Int! }
         enum Kind { REFRESH CLIENT_CREDENTIALS } type Pass { bearer: String ttl: Int }",
    );
    let of = |lines: &str| {
        let settled = token(&schema, &job(lines));
        (settled.open.iter().map(Open::written).collect::<Vec<_>>(), settled.layer)
    };
    assert_eq!(of("").0, ["token.operation = \"...\""]);
    let (key, secret, bearer) =
        ("token.client_id = \"...\"", "token.client_secret = \"...\"", "token.access_token = \"...\"");
    assert_eq!(of("token.operation = \"grant\"").0, [key, secret, bearer]);
    let written = "[token]\noperation = \"grant\"\nclient_id = \"appKey\"\nclient_secret = \"appSecret\"\naccess_token = \"bearer\"";
    let (open, layer) = of(written);
    assert_eq!(open, ["token.arguments.\"of.hours\" = '...'"]);
    let found = layer.token.expect("the token");
    assert_eq!((found.input.as_deref(), found.input_type.as_deref()), (Some("of"), Some("In!")));
    assert_eq!(found.arguments.expect("arguments")["of.kind"], "CLIENT_CREDENTIALS");
    assert_eq!(of("token.operation = \"nothing\"").0, ["token.operation = \"...\""]);
}

#[test]
fn a_list_that_is_paged_within_the_answer_does_not_pass_for_unpaged() {
    let sdl = r"
        type Query { getConversation(conversationId: ID!): Conversation! }
        type Conversation { _id: ID customer: ID joinedPerson: ID joinedCPerson: ID isStarred: Boolean status: String
          type: String priority: String messages(page: Int, limit: Int): [Message!]! }
        type Message { _id: ID conversation: ID content: String createdAt: String senderType: String messageType: String
          channelType: String subject: String contentHtml: String ackStatus: String autoCreate: Boolean }
    ";
    let schema = of_sdl(sdl);
    let found = stream(&schema, Stream::Messages, &DialectLayer::default()).expect("messages");
    let [open] = &found.open[..] else { panic!("{:?}", found.open) };
    assert!(open.what.contains("`messages` within the answer of `getConversation` takes `page`"), "{}", open.what);
    // A job that names this query says that it returns everything.
    let job = "streams.messages.operation = \"getConversation\"".parse().expect("TOML");
    assert_eq!(stream(&schema, Stream::Messages, &job).expect("messages").open, []);
    // If another query can be paged, that one is read.
    let beside = sdl.replace(
        "type Query {",
        "type Query { conversationMessages(conversationId: ID!, page: Int, limit: Int): [Message!]! ",
    );
    let found = stream(&of_sdl(&beside), Stream::Messages, &DialectLayer::default()).expect("messages");
    assert_eq!(found.open, []);
    assert!(format!("{:?}", found.layer).contains("conversationMessages"));
}

#[test]
fn every_paging_style_is_told_by_a_schema() {
    let layer = |paging: &str| format!("[list]\npaging = {paging:?}").parse::<DialectLayer>();
    let with = |paging: &str| Dialect::with(&layer(paging).expect("a style"));
    let told = layer("zzz").expect_err("unknown").what;
    for word in told.split('`').skip(3).step_by(2) {
        let paging = with(word).expect("a style").list.paging;
        let arguments = match paging {
            Paging::Page => "(page: Int, limit: Int)",
            Paging::Offset => "(skip: Int, limit: Int)",
            Paging::Cursor => "(after: String, first: Int)",
            Paging::None => "",
        };
        let schema = listing(
            &format!("contacts{arguments}: Answer"),
            "type Answer { docs: [Contact] total: Int hasNextPage: Boolean endCursor: String }",
        );
        let settled = stream(&schema, Stream::Contacts, &DialectLayer::default()).expect("a list");
        let found = settled.layer.stream(Stream::Contacts).and_then(|part| part.list.as_ref()?.paging);
        assert_eq!(found, Some(paging), "src/discovery/infer/stream.rs");
    }
}
