//! A small account made by hand (`tests/support/warehouse/account.py`). This file holds the right answers, worked out
//! on paper. Every engine gives them, whether nights are merged one by one, twice, or all at once.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{ROOT, job, merge, on, query, sql};
use crate::support::python;

fn account() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let made = Command::new(python())
        .arg(Path::new(ROOT).join("tests/support/warehouse/account.py"))
        .arg(dir.path())
        .output()
        .expect("python");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir
}

/// Returns queries with their answers after all three nights.
fn answers(engine: &str) -> Vec<(&'static str, Value)> {
    let mut answers = vec![
        (
            "SELECT _id, firstName, lastName, email, phoneUsagePermission, tags IS NULL AS no_tags, _seq, _synced_at, _run_id \
             FROM qpien.contacts ORDER BY _id",
            json!([
                ["k1", "Ali", "Veli", "", null, false, 2, "2024-04-01T01:00:00.000000Z", 1],
                ["k2", "Zoë", null, null, null, false, 44, "2024-04-03T01:00:00.000000Z", 3],
            ]),
        ),
        (
            "SELECT _id, createdAt FROM qpien.contacts WHERE createdAt IS NOT NULL ORDER BY _id",
            json!([["k1", "1871-05-04T03:02:01.000000Z"]]),
        ),
        (
            "SELECT _id, status, isStarred FROM qpien.conversations ORDER BY _id",
            json!([["c1", "PENDING", null], ["c2", "PENDING", false], ["c3", "SOLVED", null],]),
        ),
        (
            "SELECT _id, content, createdAt, _extra, _seq FROM qpien.messages WHERE _id IN ('m1', 'm6', 'm8', 'm12') ORDER BY _seq",
            json!([
                ["m1", "a \"quoted\",\nsecond line; 'x'", "2024-03-01T10:00:00.000000Z", null, 16],
                ["m6", "", "2024-03-01T09:00:00.000000Z", null, 22],
                ["m8", null, "2024-03-01T23:59:59.999999Z", null, 39],
                ["m12", null, null, "{\"createdAt\":\"soon\"}", 50],
            ]),
        ),
        ("SELECT count(*) AS n FROM qpien.messages", json!([[13]])),
        // m1 came at 10:00:00 and m3 answered it at 10:02:30.5; the robot's message does not count. c2 was written to
        // first, and was answered late. c3 was answered within a second, by a sender type in small letters.
        (
            "SELECT conversation, first_customer_at, first_staff_at, seconds FROM qpien.first_response ORDER BY conversation",
            json!([
                ["c1", "2024-03-01T10:00:00.000000Z", "2024-03-01T10:02:30.500000Z", 150.5],
                ["c2", "2024-03-01T09:30:00.000000Z", "2024-03-01T23:59:59.999999Z", 52_199.999_999],
                ["c3", "2024-03-02T12:00:00.000000Z", "2024-03-02T12:00:01.000000Z", 1],
            ]),
        ),
        // m6 and m8 name no sender, so they count for the agent who joined c2. Both are of 1 March in UTC.
        (
            "SELECT day, agent, channelType, messages FROM qpien.messages_per_agent ORDER BY day, agent",
            json!([
                ["2024-03-01", "Ayşe", "WHATSAPP", 1],
                ["2024-03-01", "Ayşe Yılmaz", "EMAIL", 2],
                ["2024-03-02", "Ayşe", "WHATSAPP", 1],
            ]),
        ),
        (
            "SELECT status, conversations FROM qpien.conversations_by_status ORDER BY status",
            json!([["PENDING", 2], ["SOLVED", 1]]),
        ),
        // m4 and m5 came after the answer m3. m12 has no moment.
        (
            "SELECT conversation, status, firstName, messages, waiting_since, last_customer_at \
             FROM qpien.unanswered_conversations ORDER BY conversation",
            json!([["c1", "PENDING", "Ali", 2, "2024-03-02T11:00:00.000000Z", "2024-03-02T11:05:00.000000Z"]]),
        ),
        (
            "SELECT conversation, tag FROM qpien.conversation_tags ORDER BY tag",
            json!([["c1", "late"], ["c1", "return"]]),
        ),
        ("SELECT contact, tag FROM qpien.contact_tags ORDER BY tag", json!([["k1", "b2b"], ["k1", "vip"]])),
        (
            "SELECT senderType, side, messages FROM qpien.sender_types ORDER BY senderType",
            json!([
                ["AGENT", "staff", 3],
                ["BOT", "robot", 1],
                ["CUSTOMER", "customer", 6],
                ["GHOST", null, 1],
                ["SYSTEM", "robot", 1],
                ["agent", "staff", 1],
            ]),
        ),
    ];
    // The translation for this engine does not know `FLATTEN`.
    answers.retain(|(text, _)| engine != "snowflake" || !text.contains("_tags"));
    answers
}

/// Orders in which the nights are merged: each once, all at once, twice, and an earlier feed after a later one.
const WAYS: [&[&str]; 4] = [&["1", "2", "3"], &["3"], &["1", "1", "2", "3", "3"], &["2", "1", "3"]];

/// Returns a plan that merges in each of these orders from an empty schema, and asks every query after each.
fn plan(engine: &str, feeds: &Path, ways: &[&[&str]]) -> Vec<Value> {
    let mut plan = Vec::new();
    for way in ways {
        plan.push(json!({ "do": "DROP SCHEMA IF EXISTS qpien CASCADE" }));
        plan.push(json!({ "run": sql(engine, &["tables"]) }));
        for (at, night) in way.iter().enumerate() {
            plan.push(merge(engine, &feeds.join(night), at));
        }
        plan.push(json!({ "run": sql(engine, &["tables", "views"]) }));
        plan.push(query("SELECT last_seq FROM qpien.loaded WHERE stream = 'messages'"));
        plan.extend(answers(engine).iter().map(|(text, _)| query(text)));
    }
    plan
}

/// Asserts that the results of such a plan are right.
fn right(engine: &str, ways: &[&[&str]], loaded: u64, gave: &[Value]) {
    let mut gave = gave.iter();
    for way in ways {
        let mut asked = gave.by_ref().skip(3 + way.len());
        assert_eq!(asked.next(), Some(&json!([[loaded]])), "{engine}, nights {way:?}");
        for (text, right) in answers(engine) {
            assert_eq!(asked.next(), Some(&right), "{engine}, nights {way:?}: {text}");
        }
    }
}

fn holds(engine: &str, kind: &str) {
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let gave = on(engine, dir.path(), &plan(engine, &account.path().join(kind), &WAYS));
    right(engine, &WAYS, 65, &gave);
}

/// Asserts that a missing file between two others is refused, and that nothing of the feed is merged.
fn refuses_a_gap(engine: &str, kind: &str) {
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let feed = |name: &str| account.path().join(kind).join(name);
    let count = "SELECT (SELECT count(*) FROM qpien.messages) AS m, (SELECT max(last_seq) FROM qpien.loaded) AS l";
    let mut plan = Vec::new();
    for before in [&[][..], &[merge(engine, &feed("1"), 1)]] {
        plan.push(json!({ "do": "DROP SCHEMA IF EXISTS qpien CASCADE" }));
        plan.push(json!({ "run": sql(engine, &["tables"]) }));
        plan.extend_from_slice(before);
        plan.push(json!({ "run": sql(engine, &["load"]), "feed": feed("gap") }));
        plan.push(json!({ "refused": sql(engine, &["merge"]) }));
        plan.push(query(count));
        // With the missing file in its place, the merge goes on.
        plan.push(merge(engine, &feed("3"), 2));
        plan.push(query(count));
    }
    let gave = on(engine, dir.path(), &plan);
    for refused in [&gave[3], &gave[11]] {
        let said = refused.as_str().unwrap_or_default();
        let why = "a change file is missing before";
        assert!(said.contains(why) && said.contains("changes-000000000043-"), "{engine}: {said}");
    }
    assert_eq!((&gave[4], &gave[12]), (&json!([[0, null]]), &json!([[8, 31]])), "{engine}: nothing is merged");
    assert_eq!((&gave[6], &gave[14]), (&json!([[13, 65]]), &json!([[13, 65]])), "{engine}: all is");
}

/// Asserts that a feed of another mirror is refused, because its seqs mean nothing to these tables.
fn refuses_another_mirror(engine: &str, kind: &str) {
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let feed = |name: &str| account.path().join(kind).join(name);
    let gave = on(
        engine,
        dir.path(),
        &[
            json!({ "run": sql(engine, &["tables"]) }),
            merge(engine, &feed("1"), 1),
            json!({ "refused": sql(engine, &["load", "merge"]), "feed": feed("other") }),
            query("SELECT count(*) AS n FROM qpien.messages"),
            merge(engine, &feed("3"), 2),
            query("SELECT count(*) AS n FROM qpien.messages"),
        ],
    );
    assert!(gave[2].as_str().is_some_and(|said| said.contains("of another mirror")), "{engine}: {}", gave[2]);
    assert_eq!((&gave[3], &gave[5]), (&json!([[8]]), &json!([[13]])), "{engine}");
}

/// Asks how many messages there are, and up to which seq they are merged.
const FAR: &str = "SELECT (SELECT count(*) FROM qpien.messages) AS m, \
                   (SELECT max(last_seq) FROM qpien.loaded WHERE stream = 'messages') AS l";

/// Asserts that a file that the manifest names and that is missing, or has fewer rows than it says, is an error.
/// Nothing of it is merged, and loaded data stays as it was. `lost` is the engine's error text for the missing file.
fn refuses_what_is_not_whole(engine: &str, kind: &str, lost: &str) {
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let feed = |name: &str| account.path().join(kind).join(name);
    let refused =
        |name: &str| json!({ "refused": sql(engine, &["load", "merge"]), "feed": feed(name), "version": name });
    let plan = [
        json!({ "run": sql(engine, &["tables"]) }),
        merge(engine, &feed("1"), 1),
        refused("lost"),
        query(FAR),
        refused("short"),
        query(FAR),
        refused("nowhere"),
        merge(engine, &feed("3"), 2),
        query(FAR),
    ];
    let gave = on(engine, dir.path(), &plan);
    let said = |at: usize| gave[at].as_str().unwrap_or_default();
    let file = "messages/changes-000000000032-000000000042";
    assert!(said(2).contains(lost) && said(2).contains(file), "{engine}: {}", gave[2]);
    let rows = "has 2 rows, not the 3 that manifest.json names";
    assert!(said(4).contains(rows) && said(4).contains(file), "{engine}: {}", gave[4]);
    assert!(said(6).contains("nowhere/manifest.json"), "{engine}: {}", gave[6]);
    assert_eq!((&gave[3], &gave[5], &gave[8]), (&json!([[8, 31]]), &json!([[8, 31]]), &json!([[13, 65]])), "{engine}");
}

/// Asserts that PostgreSQL refuses a zstd-compressed feed where zstd is missing, a file of another kind, and half a
/// manifest.
fn postgresql_refuses_what_it_cannot_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let (from, bin) = (account.path().join("jsonl/3"), account.path().join("bin"));
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::write(bin.join("zstd"), "#!/bin/sh\nexec no-such-program\n").expect("a file");
    std::fs::set_permissions(bin.join("zstd"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let manifest = std::fs::read_to_string(from.join("manifest.json")).expect("a manifest");
    let of = |name: &str, manifest: &str| {
        let feed = account.path().join(name);
        std::fs::create_dir(&feed).expect("a folder");
        std::fs::write(feed.join("manifest.json"), manifest).expect("a manifest");
        feed
    };
    let zstd = of("zstd", &manifest.replace(".jsonl\"", ".jsonl.zst\""));
    for stream in ["contacts", "customer_persons", "conversations", "messages"] {
        std::fs::create_dir(zstd.join(stream)).expect("a folder");
        for file in std::fs::read_dir(from.join(stream)).expect("a folder") {
            let file = file.expect("a file");
            let name = format!("{}.zst", file.file_name().display());
            std::fs::copy(file.path(), zstd.join(stream).join(name)).expect("a copy");
        }
    }
    let parquet = account.path().join("parquet/3");
    let half = of("half", &manifest[..manifest.len() / 2]);
    let refused = |feed: &Path| json!({ "refused": sql("postgres", &["load", "merge"]), "feed": feed, "path": bin });
    let mut plan = vec![json!({ "run": sql("postgres", &["tables"]) })];
    for feed in [&zstd, &parquet, &half] {
        plan.extend([refused(feed), query(FAR)]);
    }
    let gave = on("postgres", dir.path(), &plan);
    let why = ["no-such-program", "is no JSON Lines change file", "half/manifest.json is not whole"];
    for (at, why) in [1, 3, 5].into_iter().zip(why) {
        let said = gave[at].as_str().unwrap_or_default();
        assert!(said.starts_with("exit 3: ") && said.contains(why), "{why}: {}", gave[at]);
        assert_eq!(gave[at + 1], json!([[0, null]]), "{why}");
    }
}

#[test]
fn duckdb_answers_rightly_however_the_nights_are_merged() {
    holds("duckdb", "parquet");
    refuses_a_gap("duckdb", "parquet");
    refuses_another_mirror("duckdb", "parquet");
    refuses_what_is_not_whole("duckdb", "parquet", "No files found");
}

#[test]
fn postgresql_answers_rightly_however_the_nights_are_merged() {
    holds("postgres", "jsonl");
    refuses_a_gap("postgres", "jsonl");
    refuses_another_mirror("postgres", "jsonl");
    refuses_what_is_not_whole("postgres", "jsonl", "No such file");
    postgresql_refuses_what_it_cannot_read();
}

/// BigQuery and Snowflake cannot run here. A parser that knows both dialects translates their statements, and DuckDB
/// runs them with the right answers.
#[test]
fn bigquery_and_snowflake_statements_answer_rightly_when_they_are_translated() {
    for engine in ["bigquery", "snowflake"] {
        holds(engine, "parquet");
        refuses_a_gap(engine, "parquet");
    }
}

#[test]
fn spark_refuses_what_is_not_whole_and_what_is_of_another_mirror() {
    refuses_a_gap("spark", "parquet");
    refuses_another_mirror("spark", "parquet");
    refuses_what_is_not_whole("spark", "parquet", "has 0 rows, not the 3 that");
}

/// Spark gives the right answers, and so does the job, which runs in the same session.
#[test]
fn spark_answers_rightly_however_the_nights_are_merged_and_so_does_the_job() {
    const WAYS: [&[&str]; 2] = [&["1", "1", "2", "3"], &["2", "1", "3"]];
    let (account, dir) = (account(), tempfile::tempdir().expect("a folder"));
    let mut steps = plan("spark", &account.path().join("parquet"), &WAYS);
    let of_job = steps.len();
    steps.extend(job::plan(account.path(), dir.path()));
    let gave = on("spark", dir.path(), &steps);
    right("spark", &WAYS, 65, &gave);
    job::right(dir.path(), &gave[of_job..]);
}
