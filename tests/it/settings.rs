//! A job that is edited in the middle of a reading: the run reads again what was read under the old settings, names
//! the changed setting, and delivers what the job asks for now. `--max-requests` cuts the runs in many places.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::edited::{ids, job, rows, run, server, with_sandbox_key, write};
use crate::support::qpien::{Account, Field, Qpien, page};
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared_in};

/// Numbers of requests after which the first run is cut.
const CUTS: [u32; 5] = [12, 16, 22, 34, 60];

/// Cuts a first run of a job, edits the job, runs it to its end, and calls `is_right`.
fn edited(mode: &str, (before, after): (&str, &str), setting: &str, is_right: impl Fn(&Qpien, &Work)) {
    for cut in CUTS {
        let (server, work) = (server(), Work::with_job(&job("out", mode, before)));
        run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        write(&work, "job.toml", &job("out", mode, after));
        let ended = run(&server, &work, "job.toml", &[]).expect(0);
        is_right(&server, &work);
        let told: Vec<&str> =
            ended.stdout.lines().filter(|line| line.contains("than when this reading began")).collect();
        assert!(told.iter().any(|line| line.contains(setting)), "cut after {cut}: {}", ended.stdout);
        let streams: BTreeSet<&str> = told.iter().filter_map(|line| line.split(':').nth(1)).collect();
        assert_eq!(streams.len(), told.len(), "said once a stream: {told:?}");
        // The next run reads nothing again.
        let again = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(!again.stdout.contains("than when this reading began"), "{}", again.stdout);
        is_right(&server, &work);
    }
}

fn is_whole(server: &Qpien, work: &Work) {
    for stream in STREAMS {
        assert_eq!(ids(work, "out", stream), server.account().ids(stream), "{stream}");
    }
}

const DROP: &str = "[source.dialect.streams.contacts]\ndrop = [\"owner\"]";

#[test]
fn a_field_that_was_left_out_is_read_of_every_record() {
    for mode in ["backfill", "incremental"] {
        edited(mode, (DROP, ""), "`drop`", |server, work| {
            is_whole(server, work);
            let contacts = rows(work, "out", "contacts");
            let without = contacts.values().filter(|row| row["owner"] != "o").count();
            assert_eq!((contacts.len(), without), (60, 0), "{mode}: contacts without an owner");
        });
    }
}

const CONTENT: &str = "[source.dialect.streams.messages]\ndrop = [\"content\"]";

#[test]
fn a_field_that_is_left_out_now_is_in_no_record_and_nobody_blames_the_order() {
    edited("backfill", ("", DROP), "`drop`", |server, work| {
        is_whole(server, work);
        assert!(rows(work, "out", "contacts").values().all(|row| row["owner"].is_empty()));
    });
    // The same holds in the middle of a list of messages.
    edited("backfill", (CONTENT, ""), "`drop`", |server, work| {
        is_whole(server, work);
        assert!(rows(work, "out", "messages").values().all(|row| row["content"].contains(" in conversation-")));
    });
}

const VOLATILE: &str = "[source.volatile]\ncontacts = [\"owner\"]\nmessages = [\"content\"]";
const SIGNED: &str = "[source.volatile]\nsigned = \"keep\"\ncontacts = [\"owner\"]\nmessages = [\"content\"]";

#[test]
fn what_changes_by_itself_is_declared_in_the_middle_of_a_list_and_nobody_blames_the_order() {
    for (before, after) in [("", VOLATILE), (VOLATILE, ""), (VOLATILE, SIGNED)] {
        edited("backfill", (before, after), "`[source.volatile]`", is_whole);
    }
}

const OPEN: &str = "[source.dialect.streams.conversations.list]\narguments = { status = \"OPEN\" }";

#[test]
fn a_list_whose_arguments_are_taken_out_is_read_whole_with_all_that_belongs_to_it() {
    for mode in ["backfill", "incremental"] {
        edited(mode, (OPEN, ""), "`list.arguments`", is_whole);
    }
}

#[test]
fn another_operation_is_another_list() {
    const OTHER: &str =
        "[source.dialect.streams.contacts]\noperation = \"getCustomerPersonList\"\nfields = [\"_id\", \"firstName\"]";
    for cut in [12, 30] {
        let (server, work) = (server(), Work::with_job(&job("out", "backfill", OTHER)));
        run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        write(&work, "job.toml", &job("out", "backfill", ""));
        let ended = run(&server, &work, "job.toml", &["--allow-deletes"]).expect(0);
        assert!(ended.stdout.contains("another value of `operation`, `fields`"), "{}", ended.stdout);
        assert_eq!(ids(&work, "out", "contacts"), server.account().ids("contacts"));
    }
}

#[test]
fn further_fields_are_collected_of_what_was_read_without_them_and_the_other_way_round() {
    const COLLECT: &str = "extra_fields = \"collect\"";
    const IGNORE: &str = "extra_fields = \"ignore\"";
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let sdl = ["Contact", "Conversation", "Message"].iter().fold(shipped.to_owned(), |sdl, entity| {
        let ty = format!("type External{entity} {{");
        sdl.replacen(&ty, &format!("{ty}\n  loyalty: Int"), 1)
    });
    let size = ["--contacts", "100", "--persons", "4", "--conversations", "30", "--messages", "200"];
    for (before, after) in [(IGNORE, COLLECT), (COLLECT, IGNORE)] {
        for cut in CUTS.into_iter().chain([90]) {
            let work = Work::with_job(
                &job("out", "backfill", before)
                    .replace("\"c\"", "\"sandbox-client\"")
                    .replace("\"s\"", "\"sandbox-secret\""),
            );
            write(&work, "more.graphql", &sdl);
            let file = work.path("more.graphql").display().to_string();
            let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--sdl", &file]].concat());
            work.run(&sandbox, &["--max-requests", &cut.to_string()]).expect(4);
            let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
            let text = text.replace(before, after);
            write(&work, "job.toml", &text);
            let ended = work.run(&sandbox, &[]).expect(0);
            // A run that may make few requests has collected nothing yet.
            let is_changed = before == IGNORE || cut > 60;
            let told = ended.stdout.contains("another value of `extra_fields`");
            assert!(told || !is_changed, "cut after {cut}: {}", ended.stdout);
            for stream in ["contacts", "conversations", "messages"] {
                let all = rows(&work, "out", stream);
                let with =
                    all.values().filter(|row| row.get("_extra").is_some_and(|extra| extra.contains("loyalty"))).count();
                let expected = if after == IGNORE { 0 } else { all.len() };
                assert_eq!((all.len(), with), (sandbox.truth(stream).len(), expected), "{stream}, cut after {cut}");
            }
        }
    }
}

#[test]
fn another_server_is_read_from_its_beginning() {
    for cut in CUTS {
        let (first, work) = (server(), Work::with_job(&job("out", "backfill", "")));
        run(&first, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        let mut other = Account::new(0, 5, 3);
        let contact = |n: usize| json!({"_id": format!("other-{n:05}"), "firstName": "Eve", "owner": "o"});
        other.lists.insert("getContactList".into(), (0..30).map(contact).collect());
        let second = Qpien::start(other, |_, _| None);
        write(&work, "job.toml", &job("out", "backfill", "").replace("\"c\"", "\"another-key\""));
        run(&second, &work, "job.toml", &[]).expect(2);
        let ended = run(&second, &work, "job.toml", &["--adopt-mirror", "--allow-deletes"]).expect(0);
        for told in ["the address (`endpoint`)", "the API key (`client_id`)"] {
            assert!(ended.stdout.contains(told), "{told}: {}", ended.stdout);
        }
        for stream in STREAMS {
            let missing = second.account().ids(stream).difference(&ids(&work, "out", stream)).count();
            assert_eq!(missing, 0, "{stream}, cut after {cut}");
        }
    }
}

/// Cuts a third night under one lookback and ends it under another. Returns how it ended, and how its files differ
/// from the truth.
fn ended_with_another_lookback(cut: u32, before: &str, after: &str) -> (Outcome, Result<(), String>) {
    const BEFORE: &str = "2025-01-31T12:00:00Z";
    let size = ["--contacts", "80", "--persons", "4", "--conversations", "60", "--messages", "900"];
    let text = |lookback: &str| with_sandbox_key(&job("out", "incremental", &format!("lookback = \"{lookback}\"")));
    let args = ["--requests-per-minute", "0", "--updated-after", "obeyed"];
    let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &args].concat());
    let work = Work::with_job(&text(before));
    let night = |query: &str| {
        let told = sandbox.bodiless("POST", &format!("/sandbox/night?{query}"));
        let told: Value = serde_json::from_str(&told).expect("JSON");
        told["now"].as_str().expect("a moment").to_owned()
    };
    let call = |now: &str, more: &[&str]| {
        let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
        Outcome::of(&command.env("QPIEN_TEST_NOW", now).args(more).output().expect("a run"))
    };
    call(BEFORE, &[]).expect(0);
    call(&night("seed=1&changed=25&new=2&contacts=3"), &[]).expect(0);
    // Status changes reach messages later, and show in no entry.
    let now = night("seed=2&changed=3&status=30&contacts=3");
    call(&now, &["--max-requests", &cut.to_string()]).expect(4);
    write(&work, "job.toml", &text(after));
    let ended = call(&now, &[]).expect(0);
    let same = STREAMS.iter().try_for_each(|stream| compared_in(&sandbox, &work, "out", stream, "?objects=all"));
    (ended, same)
}

#[test]
fn a_longer_lookback_reads_again_what_a_shorter_one_left_out() {
    for (cut, before) in [(8, "0"), (11, "0"), (14, "1h"), (17, "0")] {
        let (ended, same) = ended_with_another_lookback(cut, before, "3d");
        assert!(ended.stdout.contains("another value of `lookback`"), "cut after {cut}: {}", ended.stdout);
        same.unwrap_or_else(|differs| panic!("cut after {cut}: {differs}"));
    }
    assert!(ended_with_another_lookback(14, "0", "0").1.is_err(), "there is nothing to miss");
    let (shorter, _) = ended_with_another_lookback(14, "3d", "0");
    assert!(!shorter.stdout.contains("another value of"), "{}", shorter.stdout);
}

#[test]
fn two_jobs_that_ask_for_other_fields_take_turns_and_each_gets_its_own() {
    let owners =
        |work: &Work, out: &str| rows(work, out, "contacts").values().filter(|row| row["owner"] == "o").count();
    for (mode, other_mode) in [("backfill", "backfill"), ("incremental", "incremental"), ("backfill", "incremental")] {
        for cut in CUTS {
            let (server, work) = (server(), Work::with_job(&job("all", mode, "")));
            write(&work, "less.toml", &job("less", other_mode, DROP));
            run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
            run(&server, &work, "less.toml", &[]).expect(0);
            assert_eq!((ids(&work, "less", "contacts").len(), owners(&work, "less")), (60, 0), "{mode} {cut}");
            for turn in 0..2 {
                let ended = run(&server, &work, "job.toml", &[]).expect(0);
                assert_eq!(owners(&work, "all"), 60, "{mode} {other_mode}, cut after {cut}, turn {turn}");
                assert!(ended.stdout.contains("contacts: job less asks otherwise on this mirror"), "{}", ended.stdout);
                for stream in STREAMS {
                    assert_eq!(ids(&work, "all", stream), server.account().ids(stream), "{stream}");
                }
                run(&server, &work, "less.toml", &["--max-requests", &cut.to_string()]);
                run(&server, &work, "less.toml", &[]).expect(0);
                assert_eq!(owners(&work, "less"), 0, "{mode} {other_mode}, cut after {cut}, turn {turn}");
            }
            // The other job has overwritten what this job has read.
            let exported = work.call(&["export", "job.toml"]).expect(3);
            assert!(exported.stdout.contains("contacts"), "{}", exported.stdout);
        }
    }
}

#[test]
fn two_jobs_that_ask_the_same_share_what_they_read_and_end_only_their_own_reading() {
    let (server, work) = (server(), Work::with_job(&job("all", "backfill", "")));
    let contacts = job("some", "backfill", "").replace("[source]", "streams = [\"contacts\"]\n[source]");
    write(&work, "some.toml", &contacts);
    run(&server, &work, "job.toml", &["--max-requests", "60"]).expect(4);
    run(&server, &work, "some.toml", &[]).expect(0);
    let before = server.asked().len();
    run(&server, &work, "job.toml", &[]).expect(0);
    let asked = server.asked();
    let of = |operation: &str| asked[before..].iter().filter(|field| field.operation == operation).count();
    assert_eq!(of("getContactList"), 0, "the other job has read it since");
    assert!(of("getMessages") > 0, "the rest of its own reading");
    for stream in STREAMS {
        assert_eq!(ids(&work, "all", stream), server.account().ids(stream), "{stream}");
    }
}

#[test]
fn messages_that_were_asked_for_otherwise_are_read_whatever_their_conversation_shows() {
    const PUBLIC: &str = "[source.dialect.streams.messages.list]\narguments = { internal = \"false\" }";
    let is_internal = |row: &Value| row["_id"].as_str().is_some_and(|id| id.ends_with('3'));
    let bend = move |account: &Account, field: &Field| {
        field.arguments.get("internal")?;
        let of = account.messages.get(field.arguments.get("conversationId")?)?;
        let public: Vec<Value> = of.iter().filter(|row| !is_internal(row)).cloned().collect();
        Some(Ok(page(field, &public)))
    };
    for cuts in [&[][..], &[12], &[30, 18]] {
        let server = Qpien::start(Account::new(20, 40, 13), bend);
        let work = Work::with_job(&job("out", "incremental", PUBLIC));
        run(&server, &work, "job.toml", &[]).expect(0);
        assert_eq!(ids(&work, "out", "messages").len(), 40 * 12);
        let second = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(second.stdout.contains("(0 lists read, 40 unchanged)"), "{}", second.stdout);
        write(&work, "job.toml", &job("out", "incremental", ""));
        for cut in cuts {
            run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        }
        let third = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(
            third.stdout.contains("messages: another value of `list.arguments` than in the last run"),
            "{}",
            third.stdout
        );
        assert_eq!(ids(&work, "out", "messages"), server.account().ids("messages"), "{cuts:?}");
        let fourth = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(fourth.stdout.contains("(0 lists read, 40 unchanged)"), "{}", fourth.stdout);
        assert!(!fourth.stdout.contains("another value"), "{}", fourth.stdout);
    }
}

/// Turns a mirror into one of the version that did not yet remember settings.
fn as_of_the_version_before(work: &Work) {
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let before = include_str!("../../sql/mirror/0001_records_and_checkpoints.sql");
    let round = before.split("CREATE TABLE round").nth(1).and_then(|rest| rest.split(';').next()).expect("its rounds");
    let sql = format!(
        "DROP TABLE forgotten; DROP TABLE revived; DROP TABLE unread;
         CREATE TABLE selection (stream INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL, changed_in INTEGER);
         INSERT INTO selection SELECT stream, value, changed_in FROM setting WHERE name = 'fields';
         DROP TABLE setting; DROP TABLE counts_since; ALTER TABLE reading DROP COLUMN run;
         ALTER TABLE round RENAME TO rounds; CREATE TABLE round{round};
         INSERT INTO round SELECT lane, number, since_run, open FROM rounds; DROP TABLE rounds;
         DROP TABLE table_sum; DROP TABLE ledger_sum; DROP TABLE payload_sum; DROP TABLE payload_block; DROP TABLE damaged;
         ALTER TABLE record DROP COLUMN sum;
         DROP TABLE declared; DROP INDEX record_in_place; ALTER TABLE record DROP COLUMN in_place;
         DROP TABLE refusal; DROP TABLE judgement; ALTER TABLE pin DROP COLUMN delivery_id;
         ALTER TABLE delivery DROP COLUMN delivery_id; DROP TRIGGER checkpoint_goes_with_its_record;
         CREATE TRIGGER checkpoint_never_deleted BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'never'); END;
         PRAGMA user_version = 12;"
    );
    mirror.execute_batch(&sql).expect("an older mirror");
}

#[test]
fn a_mirror_of_the_version_before_is_gone_on_with() {
    for (mode, cut) in [("backfill", 30), ("backfill", 60), ("incremental", 40)] {
        let (server, work) = (server(), Work::with_job(&job("out", mode, "")));
        run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        let before = server.asked().len();
        as_of_the_version_before(&work);
        let status = work.call(&["status", "job.toml"]).expect(0).stdout;
        assert!(status.contains("a reading is under way"), "{status}");
        let ended = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(ended.stdout.contains("going on where an earlier run stopped"), "{}", ended.stdout);
        assert!(!ended.stdout.contains("another value"), "{}", ended.stdout);
        is_whole(&server, &work);
        let again = asked_again(&server, before);
        // These are the last pages of lists whose first page was not asked for again yet. At most so many lists are
        // read side by side.
        assert!(again.len() <= 6, "{mode}: asked again after a cut at {cut}: {again:?}");
        // From now on the mirror remembers the settings.
        write(&work, "job.toml", &job("out", mode, DROP));
        let fields = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(fields.stdout.contains("contacts: the fields that are asked for have changed"), "{}", fields.stdout);
    }
}

/// Returns the pages read with all fields by the first `before` questions and again by a later one.
fn asked_again(server: &Qpien, before: usize) -> Vec<String> {
    let asked = server.asked();
    let whole = |field: &&Field| field.selects("firstName") || field.selects("content");
    let pages = |of: &[Field]| -> BTreeSet<String> {
        of.iter().filter(whole).map(|f| format!("{} {:?}", f.operation, f.arguments)).collect()
    };
    pages(&asked[..before]).intersection(&pages(&asked[before..])).cloned().collect()
}

#[test]
fn what_a_run_spends_or_where_it_delivers_has_nothing_read_again() {
    for cut in CUTS {
        let (server, work) = (server(), Work::with_job(&job("out", "backfill", "")));
        run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        let before = server.asked().len();
        let text = job("out", "backfill", "double_collect = false\nread_timeout = \"30s\"")
            .replace("page_size = 10", "page_size = 9")
            .replace("aliases_per_request = 1", "aliases_per_request = 4")
            .replace("client_secret = \"s\"", "client_secret = \"another\"")
            .replace("retry_for = \"20s\"", "retry_for = \"10s\"")
            .replace("path = \"out\"", "path = \"out\"\ncompression = \"gzip\"");
        write(&work, "job.toml", &(text + "[[destination]]\nkind = \"jsonl\"\npath = \"too\"\n"));
        let ended = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(!ended.stdout.contains("another value of"), "{}", ended.stdout);
        // No stored page is asked for again, except the pages just before the cut.
        let again = asked_again(&server, before);
        assert!(again.len() <= 4, "asked again after a cut at {cut}: {again:?}");
    }
}

#[test]
fn another_port_of_the_same_host_is_told() {
    let (first, second, work) = (server(), server(), Work::with_job(&job("out", "incremental", "")));
    run(&first, &work, "job.toml", &[]).expect(0);
    let told = "another value of the address (`endpoint`) than in the last run";
    assert!(!run(&first, &work, "job.toml", &[]).expect(0).stdout.contains(told));
    assert!(run(&second, &work, "job.toml", &[]).expect(0).stdout.contains(told));
    assert!(!run(&second, &work, "job.toml", &[]).expect(0).stdout.contains(told));
}
