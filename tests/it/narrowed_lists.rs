//! A job that starts to ask for a narrower list: records that the list no longer shows are not deleted, and they are
//! not delivered as if the job asked for them, until a person says that they may go.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::edited::{ids, job, run, server, write};
use crate::support::qpien::{Account, Field, Qpien, page};
use crate::support::{Outcome, STREAMS, Work};

const OPEN: &str = "[source.dialect.streams.conversations.list]\narguments = { status = \"OPEN\" }";

/// Returns how many records of a stream the mirror holds, how many of them are suspects, and how many tombstones
/// there are.
fn held(work: &Work, stream: &str) -> (u64, u64, u64) {
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let number = STREAMS.iter().position(|s| *s == stream).expect("a stream") + 1;
    let sql = "SELECT count(*) FILTER (WHERE deleted = 0), count(suspect_run), count(*) FILTER (WHERE deleted = 1)
        FROM record WHERE stream = ?";
    mirror.query_row(sql, [number], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).expect("counts")
}

#[track_caller]
fn refuses(ended: &Outcome, stream: &str, count: usize, live: usize, setting: &str) {
    let told = format!("{stream}: {count} records of {live} are not shown any more since {setting} changed");
    assert!(ended.stdout.contains(&told), "`{told}` is not in\n{}", ended.stdout);
    assert!(ended.stdout.contains("--allow-deletes") && ended.stdout.contains("--mirror"), "{}", ended.stdout);
}

fn open_ones(server: &Qpien) -> (BTreeSet<String>, BTreeSet<String>) {
    let account = server.account();
    let rows = account.lists["getConversationList"].iter();
    let open: Vec<String> =
        rows.filter(|r| r["status"] == "OPEN").map(|r| r["_id"].as_str().expect("an id").to_owned()).collect();
    let of = |id: &String| account.messages[id].iter().map(|m| m["_id"].as_str().expect("an id").to_owned());
    let messages = open.iter().flat_map(of).collect();
    (open.into_iter().collect(), messages)
}

#[test]
fn a_narrowed_list_deletes_nothing_until_a_person_says_so() {
    for mode in ["backfill", "incremental"] {
        let (server, work) = (server(), Work::with_job(&job("out", mode, "")));
        run(&server, &work, "job.toml", &[]).expect(0);
        write(&work, "job.toml", &job("out", mode, OPEN));
        for night in 1..=3 {
            let ended = run(&server, &work, "job.toml", &[]).expect(7);
            refuses(&ended, "conversations", 20, 40, "`list.arguments`");
            assert_eq!(held(&work, "conversations"), (40, 0, 0), "{mode}, night {night}");
            assert_eq!(held(&work, "messages"), (520, 0, 0), "{mode}, night {night}");
        }
        // An export holds the streams back, as it does with every stream that is in doubt.
        let exported = work.call(&["export", "job.toml"]).expect(7);
        assert!(exported.stdout.contains("conversations 40 records, held back"), "{}", exported.stdout);
        assert!(exported.stdout.contains("messages 520 records, held back"), "{}", exported.stdout);
        let ended = run(&server, &work, "job.toml", &["--allow-deletes"]).expect(0);
        let told = "conversations: 20 records deleted (20: not asked for any more, and --allow-deletes says that this is right), \
                    260 records that belonged to these deleted, too";
        assert!(ended.stdout.contains(told), "{}", ended.stdout);
        for _ in 0..2 {
            let (conversations, messages) = open_ones(&server);
            assert_eq!((ids(&work, "out", "conversations"), ids(&work, "out", "messages")), (conversations, messages));
            run(&server, &work, "job.toml", &[]).expect(0);
        }
        // If the job asks for the whole list again, the run reads the deleted records anew.
        write(&work, "job.toml", &job("out", mode, ""));
        run(&server, &work, "job.toml", &[]).expect(0);
        for stream in STREAMS {
            assert_eq!(ids(&work, "out", stream), server.account().ids(stream), "{mode} {stream}");
        }
    }
}

/// A conversation that was merged into another one before the list was narrowed had gone for that reason. Its messages are
/// searched for, and not deleted with those of conversations that the job does not ask for any more.
#[test]
fn what_had_gone_before_the_list_was_narrowed_leaves_its_messages() {
    for mode in ["backfill", "incremental"] {
        let source = "double_collect = false";
        let (server, work) = (server(), Work::with_job(&job("out", mode, source)));
        run(&server, &work, "job.toml", &[]).expect(0);
        let moved: BTreeSet<String> = {
            let mut account = server.account();
            let account = &mut *account;
            let list = account.lists.get_mut("getConversationList").expect("the list");
            let open = |row: &Value| row["status"] == "OPEN";
            let at = list.iter().rposition(open).expect("an open one");
            let gone = list.remove(at)["_id"].as_str().expect("an id").to_owned();
            let into =
                list.iter().find(|row| open(row)).expect("another one")["_id"].as_str().expect("an id").to_owned();
            let moved = account.messages.remove(&gone).expect("its messages");
            let ids = moved.iter().map(|m| m["_id"].as_str().expect("an id").to_owned()).collect();
            // Behind that one's own messages, so its entry shows the same last message as before.
            account.messages.get_mut(&into).expect("its messages").extend(moved.into_iter().map(|mut message| {
                message["conversation"] = json!(into);
                message
            }));
            ids
        };
        let ended = run(&server, &work, "job.toml", &[]).expect(0);
        assert!(ended.stdout.contains("1 record not shown and kept until another reading"), "{mode}: {}", ended.stdout);
        write(&work, "job.toml", &job("out", mode, &format!("{source}\n{OPEN}")));
        run(&server, &work, "job.toml", &["--allow-deletes"]).expect(0);
        for _ in 0..3 {
            let held = ids(&work, "out", "messages");
            assert!(
                moved.is_subset(&held),
                "{mode}: {} of {} are there",
                moved.intersection(&held).count(),
                moved.len()
            );
            run(&server, &work, "job.toml", &[]).expect(0);
        }
        assert_eq!(ids(&work, "out", "messages"), open_ones(&server).1, "{mode}");
    }
}

#[test]
fn few_are_refused_like_many_and_in_mid_reading_too() {
    for (mode, cut) in [("incremental", None), ("backfill", Some(30)), ("incremental", Some(60))] {
        let server = server();
        for (n, row) in server.account().lists.get_mut("getConversationList").expect("the list").iter_mut().enumerate()
        {
            row["status"] = json!(if n < 9 { "SOLVED" } else { "OPEN" });
        }
        let work = Work::with_job(&job("out", mode, ""));
        let first = cut.map_or(vec![], |cut: u32| vec!["--max-requests".to_owned(), cut.to_string()]);
        let first: Vec<&str> = first.iter().map(String::as_str).collect();
        let code = if cut.is_some() { 4 } else { 0 };
        run(&server, &work, "job.toml", &first).expect(code);
        let known = held(&work, "conversations").0;
        write(&work, "job.toml", &job("out", mode, OPEN));
        let ended = run(&server, &work, "job.toml", &[]).expect(7);
        // Even a list that was cut short had shown the nine records, and some others.
        refuses(&ended, "conversations", 9, 40, "`list.arguments`");
        assert!(known >= 10, "the cut came too early: {known}");
        let ended = run(&server, &work, "job.toml", &["--allow-deletes"]).expect(0);
        let (conversations, messages) = open_ones(&server);
        assert_eq!(ids(&work, "out", "conversations"), conversations, "{}", ended.stdout);
        assert_eq!(ids(&work, "out", "messages"), messages);
    }
}

#[test]
fn messages_that_are_not_asked_for_any_more_are_refused_on_nights_that_do_not_read_them_too() {
    const PUBLIC: &str = "[source.dialect.streams.messages.list]\narguments = { internal = \"false\" }";
    let is_internal = |row: &Value| row["_id"].as_str().is_some_and(|id| id.ends_with('3'));
    let server = Qpien::start(Account::new(5, 40, 13), move |account: &Account, field: &Field| {
        field.arguments.get("internal")?;
        let of = account.messages.get(field.arguments.get("conversationId")?)?;
        let public: Vec<Value> = of.iter().filter(|row| !is_internal(row)).cloned().collect();
        Some(Ok(page(field, &public)))
    });
    let work = Work::with_job(&job("out", "incremental", ""));
    run(&server, &work, "job.toml", &[]).expect(0);
    write(&work, "job.toml", &job("out", "incremental", PUBLIC));
    for night in 1..=3 {
        let ended = run(&server, &work, "job.toml", &[]).expect(7);
        refuses(&ended, "messages", 40, 520, "`list.arguments`");
        let unchanged = ended.stdout.contains("(0 lists read, 40 unchanged)");
        assert_eq!(unchanged, night > 1, "{}", ended.stdout);
        assert_eq!(held(&work, "messages"), (520, 0, 0));
    }
    run(&server, &work, "job.toml", &["--allow-deletes"]).expect(0);
    assert_eq!(ids(&work, "out", "messages").len(), 480);
    run(&server, &work, "job.toml", &[]).expect(0);
}

#[test]
fn what_is_gone_from_a_list_that_is_asked_for_as_before_goes_as_before() {
    let (server, work) = (server(), Work::with_job(&job("out", "incremental", OPEN)));
    run(&server, &work, "job.toml", &[]).expect(0);
    // Other fields show the same records, and a wider list shows more of them.
    for source in ["[source.dialect.streams.contacts]\ndrop = [\"owner\"]", ""] {
        write(&work, "job.toml", &job("out", "incremental", source));
        let gone = server.account().lists.get_mut("getContactList").expect("the list").remove(7);
        run(&server, &work, "job.toml", &[]).expect(0);
        let gone = gone["_id"].as_str().expect("an id").to_owned();
        assert!(!ids(&work, "out", "contacts").contains(&gone), "a proven reading did not show it");
    }
    // The wider list has shown this record, so a deletion of it is judged as usual.
    let gone = server.account().lists.get_mut("getConversationList").expect("the list").remove(4);
    let gone = gone["_id"].as_str().expect("an id").to_owned();
    server.account().messages.remove(&gone);
    run(&server, &work, "job.toml", &[]).expect(0);
    assert!(!ids(&work, "out", "conversations").contains(&gone));
}

#[test]
fn two_jobs_of_which_one_asks_for_less_take_turns() {
    for cut in [14, 34, 60] {
        let (server, work) = (server(), Work::with_job(&job("all", "incremental", "")));
        write(&work, "less.toml", &job("less", "incremental", OPEN));
        run(&server, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        for turn in 0..2 {
            let less = run(&server, &work, "less.toml", &[]);
            // The narrower job is refused only once the other job has read more than the narrower one asks for.
            let more = !ids_known(&work).is_subset(&open_ones(&server).0);
            assert_eq!(less.code, if more { 7 } else { 0 }, "cut after {cut}, turn {turn}: {}", less.stdout);
            if more {
                assert!(less.stdout.contains("a mirror of its own"), "{}", less.stdout);
            }
            run(&server, &work, "job.toml", &[]).expect(0);
            for stream in STREAMS {
                let expected = server.account().ids(stream);
                assert_eq!(ids(&work, "all", stream), expected, "{stream}, cut after {cut}, turn {turn}");
            }
        }
    }
}

/// Returns the ids of the conversations that the mirror holds.
fn ids_known(work: &Work) -> BTreeSet<String> {
    let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
    let mut ask = mirror.prepare("SELECT id FROM record WHERE stream = 3 AND deleted = 0").expect("SQL");
    let found = ask.query_map([], |r| r.get(0)).expect("rows").collect::<rusqlite::Result<_>>();
    found.expect("ids")
}

#[test]
fn another_server_leaves_nothing_of_the_first_one_but_what_a_person_keeps() {
    for cut in [12, 22, 60] {
        let (first, work) = (server(), Work::with_job(&job("out", "backfill", "")));
        run(&first, &work, "job.toml", &["--max-requests", &cut.to_string()]).expect(4);
        let mut other = Account::new(0, 5, 3);
        let contact = |n: usize| json!({"_id": format!("other-{n:05}"), "firstName": "Eve", "owner": "o"});
        other.lists.insert("getContactList".into(), (0..30).map(contact).collect());
        let second = Qpien::start(other, |_, _| None);
        write(&work, "job.toml", &job("out", "backfill", "").replace("\"c\"", "\"another-key\""));
        run(&second, &work, "job.toml", &[]).expect(2);
        run(&second, &work, "job.toml", &["--adopt-mirror", "--allow-deletes"]).expect(0);
        for stream in STREAMS {
            assert_eq!(ids(&work, "out", stream), second.account().ids(stream), "{stream}, cut after {cut}");
        }
    }
}
