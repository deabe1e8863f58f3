//! Servers that show no schema and suggest no names. Every schema that comes with the sandbox is still found out.
//!
//! If a schema uses words that nobody would guess, a run ends with exit code 2 and prints the lines to write, and no
//! more lines than needed. Once they are filled in, in the job file or in the file of `discover --write`, the run is
//! complete.

use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

const ACCOUNT: [&str; 10] =
    ["--contacts", "60", "--persons", "7", "--conversations", "25", "--messages", "400", "--requests-per-minute", "0"];
const HIDDEN: [&str; 4] = ["--introspection", "off", "--suggestions", "off"];

const DEFAULT: &str = include_str!("../../src/sandbox/dialects/default.graphql");
const PREFIXED: &str = include_str!("../../src/sandbox/dialects/prefixed.graphql");
const INPUT: &str = include_str!("../../src/sandbox/dialects/input.graphql");
const RELAY: &str = include_str!("../../src/sandbox/dialects/relay.graphql");
const OFFSET: &str = include_str!("../../src/sandbox/dialects/offset.graphql");
const ZERO: &str = include_str!("../../src/sandbox/dialects/zero.graphql");

fn job(dialect: &str) -> Work {
    Work::with_job(&format!(
        "[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n{dialect}\n\
         [mirror]\npath = \"mirror.db\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

#[track_caller]
fn complete(sandbox: &Sandbox, work: &Work) {
    work.run(sandbox, &[]).expect(0);
    for stream in STREAMS {
        compared(sandbox, work, stream, "?objects=all&subset").unwrap_or_else(|differs| panic!("{differs}"));
    }
}

#[test]
fn every_shipped_shape_is_found_out_without_a_schema_and_without_suggestions() {
    for shape in ["default", "prefixed", "input", "relay", "offset", "zero"] {
        let sandbox = Sandbox::start(&[&ACCOUNT[..], &HIDDEN, &["--dialect", shape]].concat());
        complete(&sandbox, &job(""));
    }
}

/// Returns the lines that a run says must be written.
fn printed(run: &Outcome) -> Vec<String> {
    let told = run.stderr.split("write below [source.dialect]:\n").nth(1).unwrap_or_default();
    let lines = told.lines().map_while(|line| line.strip_prefix("    "));
    lines.map(|line| line.split("   # ").next().unwrap_or_default().to_owned()).collect()
}

/// Runs against a schema with some words `replaced` by ones that nobody would guess. `lines` pairs each line that the
/// run must print with the line as a person fills it in.
fn by_hand(shape: &str, replaced: &[(&str, &str)], lines: &[(&str, &str)]) {
    let sdl = replaced.iter().fold(shape.to_owned(), |sdl, (usual, odd)| {
        assert!(sdl.contains(usual), "{usual}");
        sdl.replace(usual, odd)
    });
    let first = job("");
    std::fs::write(first.path("api.graphql"), sdl).expect("the schema");
    let file = first.path("api.graphql").display().to_string();
    let sandbox = Sandbox::start(&[&ACCOUNT[..], &HIDDEN, &["--sdl", &file]].concat());
    let expected: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    assert_eq!(printed(&first.run(&sandbox, &[]).expect(2)), expected, "{replaced:?}");
    // A person completes the lines in the job file.
    let filled: Vec<&str> = lines.iter().map(|(_, filled)| *filled).collect();
    complete(&sandbox, &job(&format!("[source.dialect]\n{}", filled.join("\n"))));
    // A person completes the lines in the file that `discover --write` wrote.
    first.call(&["discover", "job.toml", "--endpoint", &sandbox.endpoint, "--write", "found.toml"]).expect(2);
    let found = std::fs::read_to_string(first.path("found.toml")).expect("what was found");
    let found = lines.iter().fold(found, |found, (line, filled)| {
        assert!(found.contains(&format!("\n# {line}\n")), "{line} in\n{found}");
        found.replace(&format!("# {line}\n"), &format!("{filled}\n"))
    });
    let second = job("dialect = \"found.toml\"");
    std::fs::write(second.path("found.toml"), found).expect("the file");
    complete(&sandbox, &second);
}

#[test]
fn queries_that_nobody_would_guess() {
    let operation = |stream: &str| format!("streams.{stream}.operation = \"...\"");
    let named = |stream: &str, name: &str| format!("streams.{stream}.operation = \"{name}\"");
    for (shape, usual, odd, stream, name) in [
        (DEFAULT, "getContactList(", "verzeichnis(", "contacts", "verzeichnis"),
        (PREFIXED, "externalGetCustomerPersonList(", "belegschaft(", "customer_persons", "belegschaft"),
        (INPUT, "externalGetMessageList(", "zeilen(", "messages", "zeilen"),
        (OFFSET, "  conversations(", "  dialoge(", "conversations", "dialoge"),
        (ZERO, "getMessages(", "zeilen(", "messages", "zeilen"),
    ] {
        by_hand(shape, &[(usual, odd)], &[(&operation(stream), &named(stream, name))]);
    }
    by_hand(
        RELAY,
        &[("  contacts(", "  leute("), ("  messages(", "  zeilen(")],
        &[
            (&operation("contacts"), &named("contacts", "leute")),
            (&operation("messages"), &named("messages", "zeilen")),
        ],
    );
}

#[test]
fn answers_that_hold_their_rows_where_nobody_would_look() {
    let line = "streams.contacts.list.items = \"...\"";
    for (shape, usual, odd, path) in [
        (DEFAULT, "docs: [ExternalContact]", "leute: [ExternalContact]", "data.leute"),
        (DEFAULT, "data: ContactPage", "inhalt: ContactPage", "inhalt.docs"),
        (PREFIXED, "docs: [ExternalContact]", "leute: [ExternalContact]", "data.leute"),
        (INPUT, "items: [ExternalContact!]!", "leute: [ExternalContact!]!", "leute"),
        (ZERO, "items: [ExternalContact!]", "leute: [ExternalContact!]", "leute"),
    ] {
        by_hand(shape, &[(usual, odd)], &[(line, &format!("streams.contacts.list.items = \"{path}\""))]);
    }
}

#[test]
fn arguments_that_a_list_insists_on() {
    let tenant = (
        "streams.contacts.list.arguments.\"tenant\" = '\"...\"'",
        "streams.contacts.list.arguments.\"tenant\" = '\"x\"'",
    );
    by_hand(DEFAULT, &[("getContactList(page", "getContactList(tenant: String!, page")], &[tenant]);
    let parent = "streams.messages.parent = \"dialog\"";
    by_hand(DEFAULT, &[("getMessages(conversationId", "getMessages(dialog")], &[(parent, parent)]);
}

#[test]
fn what_was_filled_in_is_not_asked_for_again_although_the_rest_is_settled() {
    let line = |part: &str, value: &str| format!("{part}.arguments.\"tenant\" = '\"{value}\"'");
    let (list, token) = ("streams.contacts.list", "token");
    by_hand(
        PREFIXED,
        &[("externalGetContactList(page", "externalGetContactList(tenant: String!, page")],
        &[(&line(list, "..."), &line(list, "x"))],
    );
    by_hand(
        PREFIXED,
        &[("generateOAuthToken(clientId", "generateOAuthToken(tenant: String!, clientId")],
        &[(&line(token, "..."), &line(token, "x"))],
    );
    by_hand(
        INPUT,
        &[("(clientId: String!, clientSecret: String!)", "(appId: String!, secretKey: String!)")],
        &[
            ("token.client_id = \"...\"", "token.client_id = \"appId\""),
            ("token.client_secret = \"...\"", "token.client_secret = \"secretKey\""),
        ],
    );
    by_hand(
        DEFAULT,
        &[("generateOAuthToken(", "obtainPass(")],
        &[("token.operation = \"...\"", "token.operation = \"obtainPass\"")],
    );
}

#[test]
fn a_list_that_is_paged_by_a_word_that_nobody_would_guess() {
    by_hand(
        OFFSET,
        &[("contacts(skip: Int = 0, limit: Int = 20)", "contacts(p: Int = 1, limit: Int = 20)")],
        &[(
            "streams.contacts.list = { paging = \"...\", page = \"...\", size = \"limit\" }",
            "streams.contacts.list = { paging = \"page\", page = \"p\", size = \"limit\" }",
        )],
    );
}

/// A run does not take a first page for the whole list. It cannot guess the page argument, and twenty rows do not
/// show that there are more, so it ends incomplete and names the paging lines to write.
#[test]
fn a_first_page_does_not_pass_for_a_list() {
    for shape in [
        OFFSET.replace("contacts(skip: Int = 0, limit: Int = 20)", "contacts(p: Int = 1)"),
        RELAY.replace("contacts(first: Int, after: String)", "contacts(first: Int, startingAfter: String)"),
        DEFAULT.replace("getContactList(page: Int, limit: Int)", "getContactList(p: Int)"),
    ] {
        let work = job("");
        std::fs::write(work.path("api.graphql"), shape).expect("the schema");
        let file = work.path("api.graphql").display().to_string();
        let sandbox = Sandbox::start(&[&ACCOUNT[..], &HIDDEN, &["--sdl", &file]].concat());
        let run = work.run(&sandbox, &[]).expect(3);
        assert!(
            run.stderr.contains("contacts: ") && run.stderr.contains("write paging, page and size"),
            "{}",
            run.stderr
        );
        assert!(!work.path("out/contacts.csv").exists());
    }
}

#[test]
fn tokens_in_words_that_nobody_would_guess() {
    by_hand(
        DEFAULT,
        &[("clientId: String!", "appId: String!"), ("clientSecret: String!", "secretKey: String!")],
        &[
            ("token.client_id = \"...\"", "token.client_id = \"appId\""),
            ("token.client_secret = \"...\"", "token.client_secret = \"secretKey\""),
        ],
    );
}
