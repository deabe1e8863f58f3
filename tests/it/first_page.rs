//! The number of the first page: rows must prove it before any row is believed. A server that counts from 0, accepts
//! the shipped names and sends no totals would otherwise lose a page unnoticed, and with it every conversation that
//! has only one page.

use crate::support::{STREAMS, Sandbox, Work, by_hand, compared, ids};

/// Writes the shipped schema with pages counted from 0.
fn from_zero(work: &Work) -> String {
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let lists = |line: &str| line.contains("page: Int, limit: Int");
    let lines =
        shipped.lines().map(|line| if lists(line) { format!("{line} @sandbox(pageFrom: 0)") } else { line.into() });
    std::fs::write(work.path("zero.graphql"), lines.collect::<Vec<_>>().join("\n")).expect("the schema");
    work.path("zero.graphql").display().to_string()
}

// No total and no `hasNextPage` says that a list goes on, and no `lastMessage` says which conversation has messages.
const NO_TOTALS: &str = "[source.dialect.list]\ntotal = \"\"\nhas_next = \"\"\n[source.dialect.streams.conversations]\ndrop = [\"lastMessage\"]\n";

fn account(sdl: &str, messages: &str) -> Sandbox {
    let size = ["--contacts", "130", "--persons", "0", "--conversations", "60", "--messages", messages];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--seed", "4", "--sdl", sdl]].concat())
}

/// Returns the requests for messages after the first `after` requests.
fn messages(sandbox: &Sandbox, after: usize) -> Vec<serde_json::Value> {
    sandbox.log().into_iter().skip(after).filter(|l| l["operation"] == "getMessages").collect()
}

#[test]
fn the_first_conversations_have_no_messages() {
    let work = Work::new(NO_TOTALS);
    let sandbox = account(&from_zero(&work), "12");
    let truth = sandbox.truth("messages");
    work.run(&sandbox, &[]).expect(0);
    let asked = messages(&sandbox, 0);
    let first = asked[0]["arguments"].to_string();
    assert!(
        truth.values().all(|m| !first.contains(m["conversation"].as_str().expect("an id"))),
        "the first conversation asked must have no messages, or this test shows nothing"
    );
    assert_eq!(ids(&work, "messages"), truth.keys().cloned().collect::<Vec<_>>());
    assert_eq!(ids(&work, "contacts").len(), 130);
    assert!(ids(&work, "customer_persons").is_empty());
    // The mirror remembers what one conversation has shown, so the next run asks for no proof.
    let before = sandbox.log().len();
    work.run(&sandbox, &[]).expect(0);
    let again = messages(&sandbox, before);
    assert!(!again.is_empty() && again.iter().all(|l| l["arguments"][0]["limit"] != 2), "two rows are a proof's");
}

#[test]
fn nothing_has_shown_it_while_nobody_has_written() {
    let work = Work::new(NO_TOTALS);
    let sdl = from_zero(&work);
    let sandbox = account(&sdl, "0");
    work.run(&sandbox, &[]).expect(0);
    assert!(ids(&work, "messages").is_empty());
    let listen = sandbox.address.clone();
    drop(sandbox);
    // A night later there are messages and persons.
    let size = ["--contacts", "130", "--persons", "3", "--conversations", "60", "--messages", "12"];
    let sandbox = Sandbox::start_at(
        &listen,
        &[&size[..], &["--requests-per-minute", "0", "--seed", "4", "--sdl", &sdl]].concat(),
    );
    work.run(&sandbox, &[]).expect(0);
    for stream in ["messages", "customer_persons"] {
        let truth = sandbox.truth(stream);
        assert!(ids(&work, stream).iter().filter(|id| truth.contains_key(*id)).count() == truth.len(), "{stream}");
    }
}

#[test]
fn a_first_page_that_was_believed_to_be_0_is_found_to_be_1_while_the_list_is_read() {
    let sandbox =
        Sandbox::start(&["--contacts", "900", "--persons", "9", "--conversations", "30", "--messages", "300"]);
    let work = Work::new("");
    work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    let believed = |sql: &str| by_hand(&work.path("state/qpien.db"), sql);
    let wrong = "UPDATE dialect SET settled = replace(settled, 'page_from = 1', 'page_from = 0')";
    assert!(believed(wrong) >= 4, "nothing was remembered");
    let run = work.run(&sandbox, &["--requests-per-minute", "0"]).expect(0);
    for stream in STREAMS {
        compared(&sandbox, &work, stream, "?objects=all").unwrap_or_else(|differs| panic!("{differs}\n{}", run.stdout));
    }
    let right = "UPDATE dialect SET settled = settled WHERE settled LIKE '%page_from = 0%' AND part = 'contacts'";
    assert_eq!(believed(right), 0, "it is remembered as it is");
}
