//! The `discover` command asks for more than a run needs to begin, and says what its findings rest on.

use crate::support::{Sandbox, Work};

const SIZE: [&str; 10] =
    ["--contacts", "60", "--persons", "7", "--conversations", "25", "--messages", "400", "--requests-per-minute", "0"];

fn discover(work: &Work, sandbox: &Sandbox, code: i32) -> String {
    work.call(&["discover", "job.toml", "--endpoint", &sandbox.endpoint]).expect(code).stdout
}

#[test]
fn single_records_are_found_and_what_is_not_there_is_told_apart() {
    let work = Work::new("");
    for (dialect, operation, how) in [
        ("default", "getContact", "success_false"),
        ("relay", "contact", "null"),
        ("prefixed", "externalGetContact", "success_false"),
    ] {
        let sandbox = Sandbox::start(&[&SIZE[..], &["--dialect", dialect]].concat());
        let said = discover(&work, &sandbox, 0);
        let own = said.split("[source.dialect.streams.contacts.one]").nth(1).unwrap_or_else(|| panic!("{said}"));
        let own = own.split("\n\n").next().expect("its lines");
        assert!(own.contains(&format!("operation = \"{operation}\"")), "{dialect}: {own}");
        assert!(own.contains(&format!("not_found = \"{how}\"")), "{dialect}: {own}");
        assert!(said.contains("# proven       streams.contacts.one"), "{said}");
    }
}

#[test]
fn a_page_argument_that_is_ignored_is_named() {
    let work = Work::new("");
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let list = "getContactList(page: Int, limit: Int): ContactListPayload";
    let sdl = shipped.replace(list, &format!("{list} @sandbox(ignores: \"page\")"));
    assert_ne!(sdl, shipped);
    std::fs::write(work.path("ignores.graphql"), sdl).expect("the schema");
    let file = work.path("ignores.graphql").display().to_string();
    let sandbox = Sandbox::start(&[&SIZE[..], &["--sdl", &file]].concat());
    let said = discover(&work, &sandbox, 2);
    assert!(said.contains("# OPEN: contacts: `page` is ignored"), "{said}");
    assert!(said.contains("# proven       streams.conversations.list.page"), "{said}");
    // A run does not accept the list as complete either.
    let run = work.run(&sandbox, &["--page-size", "10"]).expect(3);
    assert!(run.stdout.contains("ignores the page argument"), "{}", run.stdout);
}

#[test]
fn a_list_without_rows_proves_nothing() {
    let work = Work::new("");
    let none = ["--contacts", "0", "--persons", "7", "--conversations", "3", "--messages", "9"];
    let sandbox = Sandbox::start(&[&none[..], &["--requests-per-minute", "0"]].concat());
    let said = discover(&work, &sandbox, 0);
    assert!(said.contains("# assumed      streams.contacts.list"), "{said}");
    assert!(said.contains("# proven       streams.customer_persons.list"), "{said}");
}

#[test]
fn a_file_that_discover_did_not_write_is_left_alone_and_nothing_is_asked() {
    let work = Work::new("");
    let sandbox = Sandbox::start(&SIZE);
    let write = |file: &str, code: i32| {
        work.call(&["discover", "job.toml", "--endpoint", &sandbox.endpoint, "--write", file]).expect(code).stderr
    };
    let job = std::fs::read(work.path("job.toml")).expect("the job");
    std::fs::write(work.path("mine.toml"), "[list]\n").expect("a file");
    for (file, why) in
        [("job.toml", "the job file"), ("mine.toml", "did not write it"), ("none/found.toml", "none/found")]
    {
        let said = write(file, 2);
        assert!(said.contains(why), "{file}: {said}");
    }
    assert!(sandbox.log().is_empty(), "{:?}", sandbox.log());
    assert_eq!(std::fs::read(work.path("job.toml")).expect("the job"), job);
    assert_eq!(std::fs::read_to_string(work.path("mine.toml")).expect("the file"), "[list]\n");
    write("found.toml", 0);
    let found = std::fs::read(work.path("found.toml")).expect("what was found");
    write("found.toml", 0);
    assert_eq!(std::fs::read(work.path("found.toml")).expect("what was found"), found);
}
