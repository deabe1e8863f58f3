//! `jobs/spark/merge.py` over two accounts of the kind that `by_hand` has.

use std::path::Path;

use serde_json::{Value, json};

/// A feed of two accounts, as they are after these nights.
fn feed(account: &Path, to: &Path, nights: [&str; 2]) {
    std::fs::create_dir_all(to).expect("a folder");
    for (name, night) in ["007", "shop-b"].iter().zip(nights) {
        let from = account.join("parquet").join(night);
        std::os::unix::fs::symlink(from, to.join(format!("account={name}"))).expect("a link");
    }
}

/// What the job does, and what a crash between two of its steps leaves for the next.
pub(super) fn plan(account: &Path, dir: &Path) -> Vec<Value> {
    let (target, at) = (dir.join("target"), |n: usize| dir.join(format!("feed{n}")));
    for (n, nights) in [["1", "1"], ["gap", "2"], ["3", "3"], ["other", "3"]].into_iter().enumerate() {
        feed(account, &at(n), nights);
    }
    let job = |n: usize| json!({ "job": ["--feed", at(n), "--target", target] });
    let messages = json!({ "current": target, "stream": "messages", "columns": ["account", "month", "_id", "_seq"] });
    let contacts =
        json!({ "current": target, "stream": "contacts", "columns": ["account", "_id", "_seq", "firstName"] });
    let asked = [messages, contacts];
    let mut plan = vec![job(0), job(1)];
    plan.extend_from_slice(&asked);
    plan.push(job(2));
    plan.extend_from_slice(&asked);
    // Dead once one account's messages were switched and the other's not; dead in the middle of writing contacts.
    plan.push(json!({ "remove": target.join("messages/_current/account=007/000000000065.json") }));
    plan.push(json!({ "remove": target.join("contacts/_current/account=shop-b/000000000065.json") }));
    plan.push(json!({ "remove": target.join("contacts/version=000003/account=shop-b") }));
    plan.push(json!({ "junk": target.join("contacts/version=000009/account=shop-b/part-0.parquet") }));
    plan.push(job(2));
    plan.extend_from_slice(&asked);
    // Again, with nothing to do.
    plan.push(job(2));
    plan.extend_from_slice(&asked);
    plan.push(job(3));
    plan.extend_from_slice(&asked);
    plan
}

fn messages(account: &str, rows: &[(&str, &str, u64)]) -> Vec<Value> {
    rows.iter().map(|(month, id, seq)| json!([account, month, id, seq])).collect()
}

/// What such a plan gave is right.
pub(super) fn right(dir: &Path, gave: &[Value]) {
    const FIRST: [(&str, &str, u64); 8] = [
        ("2023-12", "m0", 30),
        ("2024-03", "m1", 16),
        ("2024-03", "m13", 26),
        ("2024-02", "m14", 28),
        ("2024-03", "m2", 18),
        ("2024-02", "m3", 20),
        ("2024-03", "m6", 22),
        ("2024-03", "m7", 24),
    ];
    const SECOND: [(&str, &str, u64); 8] = [
        ("2023-12", "m0", 30),
        ("2024-03", "m1", 16),
        ("2024-02", "m14", 28),
        ("2024-03", "m2", 18),
        ("2024-03", "m3", 33),
        ("2024-03", "m6", 22),
        ("2024-03", "m7", 24),
        ("2024-03", "m8", 39),
    ];
    const THIRD: [(&str, &str, u64); 13] = [
        ("2023-12", "m0", 30),
        ("2024-03", "m1", 16),
        ("2024-03", "m10", 58),
        ("2024-03", "m11", 60),
        ("unknown", "m12", 50),
        ("2024-03", "m2", 18),
        ("2024-03", "m3", 33),
        ("2024-03", "m4", 46),
        ("2024-03", "m5", 48),
        ("2024-03", "m6", 22),
        ("2024-03", "m7", 24),
        ("2024-03", "m8", 39),
        ("2024-03", "m9", 56),
    ];
    let said = |at: usize| gave[at][1].as_str().expect("what it said").to_owned();
    let code = |at: usize| gave[at][0].as_i64().expect("a code");
    assert_eq!((code(0), code(1)), (0, 1), "{} {}", said(0), said(1));
    for stream in ["messages", "contacts"] {
        let why = format!("{stream} account=007: a change file is missing before {stream}/changes-000000000043-");
        assert!(said(1).contains(&why), "{}", said(1));
    }
    // What lacks a file stays as it was, and the other account goes on.
    assert_eq!(gave[2], json!([messages("007", &FIRST), messages("shop-b", &SECOND)].concat()));
    assert_eq!(
        gave[3],
        json!(
            [["007", "k1", 2, "Ali"], ["007", "k2", 4, "Zoe"], ["007", "k3", 6, "Gone"], ["shop-b", "k1", 2, "Ali"],]
        )
    );
    let all = json!([messages("007", &THIRD), messages("shop-b", &THIRD)].concat());
    let people = json!([
        ["007", "k1", 2, "Ali"],
        ["007", "k2", 44, "Zoë"],
        ["shop-b", "k1", 2, "Ali"],
        ["shop-b", "k2", 44, "Zoë"],
    ]);
    for (what, job, exit) in [("night 3", 4, 0), ("after a crash", 11, 0), ("again", 14, 0), ("another mirror", 17, 1)]
    {
        assert_eq!(code(job), exit, "{what}: {}", said(job));
        assert_eq!((&gave[job + 1], &gave[job + 2]), (&all, &people), "{what}");
    }
    assert_eq!(said(14), "", "nothing to do");
    assert!(said(17).contains("messages account=007: its table is of another mirror"), "{}", said(17));
    assert!(!said(17).contains("shop-b"), "{}", said(17));
    let junk = dir.join("target/contacts/version=000009/account=shop-b/part-0.parquet");
    assert!(!junk.exists(), "what nobody names is removed");
    // A month that no change touches is not written again.
    let state = std::fs::read(dir.join("target/messages/_current/account=shop-b/000000000065.json")).expect("a state");
    let state: Value = serde_json::from_slice(&state).expect("JSON");
    assert_eq!(state["partitions"]["2023-12"], "version=000001/account=shop-b/month=2023-12", "{state}");
    assert_eq!(state["partitions"].as_object().map(serde_json::Map::len), Some(3), "an empty month goes: {state}");
}
