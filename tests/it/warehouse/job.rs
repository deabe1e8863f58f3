//! `jobs/spark/merge.py` over two accounts like the one in `by_hand`.

use std::path::Path;

use serde_json::{Value, json};

/// Creates a feed of two accounts, as they are after these nights.
fn feed(account: &Path, to: &Path, nights: [&str; 2]) {
    std::fs::create_dir_all(to).expect("a folder");
    for (name, night) in ["007", "shop-b"].iter().zip(nights) {
        let from = account.join("parquet").join(night);
        std::os::unix::fs::symlink(from, to.join(format!("account={name}"))).expect("a link");
    }
}

/// Returns a plan with everything the job does, and with what a crash between two steps leaves for the next run.
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
    // These steps leave what two crashes leave: one after the messages of one account were switched but not those of
    // the other, and one in the middle of writing contacts.
    plan.push(json!({ "remove": target.join("messages/_current/account=007/000000000065.json") }));
    plan.push(json!({ "remove": target.join("contacts/_current/account=shop-b/000000000065.json") }));
    plan.push(json!({ "remove": target.join("contacts/version=000003/account=shop-b") }));
    plan.push(json!({ "junk": target.join("contacts/version=000009/account=shop-b/part-0.parquet") }));
    plan.push(job(2));
    plan.extend_from_slice(&asked);
    // The job runs again, with nothing to do.
    plan.push(job(2));
    plan.extend_from_slice(&asked);
    plan.push(job(3));
    plan.extend_from_slice(&asked);
    let (one, target) = (dir.join("feed4"), dir.join("target4"));
    one_is_wrong(account, &one);
    plan.push(json!({ "job": ["--feed", one, "--target", target] }));
    plan.push(json!({ "current": target, "stream": "messages", "columns": ["account", "month", "_id", "_seq"] }));
    plan.push(json!({ "job": ["--feed", dir.join("feed5"), "--target", target] }));
    plan
}

/// Creates a feed in which only `shop-b` can be merged whole. Of the others, `new` has nothing delivered, the
/// manifest of `half` is cut off, that of `list` is other JSON, `lost` lacks a file, a file of `short` is cut off,
/// and a file of `torn` has the right length but other bytes. `feed5` holds only `new`.
fn one_is_wrong(account: &Path, to: &Path) {
    feed(account, to, ["lost", "1"]);
    std::fs::rename(to.join("account=007"), to.join("account=lost")).expect("a link");
    let folder = |name: &str| {
        let at = to.join(format!("account={name}"));
        std::fs::create_dir_all(at.join("contacts")).expect("a folder");
        at
    };
    let manifest = std::fs::read_to_string(account.join("parquet/1/manifest.json")).expect("a manifest");
    std::fs::write(folder("new").join(".qpien-sync.lock"), "").expect("a file");
    std::fs::write(folder("half").join("manifest.json"), &manifest[..manifest.len() / 2]).expect("a file");
    std::fs::write(folder("list").join("manifest.json"), "[]").expect("a file");
    let short = folder("short");
    std::fs::write(short.join("manifest.json"), &manifest).expect("a file");
    let file = "contacts/changes-000000000001-000000000031.parquet";
    let bytes = std::fs::read(account.join("parquet/1").join(file)).expect("a file");
    std::fs::write(short.join(file), &bytes[..bytes.len() - 9]).expect("a file");
    let torn = folder("torn");
    std::fs::write(torn.join("manifest.json"), &manifest).expect("a file");
    std::fs::write(torn.join(file), vec![b'x'; bytes.len()]).expect("a file");
    let new = to.with_file_name("feed5/account=new");
    std::fs::create_dir_all(&new).expect("a folder");
}

fn messages(account: &str, rows: &[(&str, &str, u64)]) -> Vec<Value> {
    rows.iter().map(|(month, id, seq)| json!([account, month, id, seq])).collect()
}

/// Asserts that the results of the plan are right.
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
    // An account that lacks a file stays as it was, and the other account goes on.
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
    assert_eq!((code(20), code(22)), (1, 0), "{} {}", said(20), said(22));
    for why in [
        "account=new: nothing was delivered yet\n",
        "account=half: account=half/manifest.json is no whole manifest of change files; nothing of it is merged",
        "account=list: account=list/manifest.json is no whole manifest of change files; nothing of it is merged",
        "messages account=lost: messages/changes-000000000032-000000000042.parquet is not there, and manifest.json names it",
        "contacts account=short: contacts/changes-000000000001-000000000031.parquet has ",
        "messages account=short: messages/changes-000000000001-000000000031.parquet is not there",
        "messages account=shop-b: 1 files merged, up to seq 31",
        "contacts account=lost: 3 files merged, up to seq 65",
        "contacts account=torn: Spark cannot merge it (",
    ] {
        assert!(said(20).contains(why), "{why}: {}", said(20));
    }
    assert_eq!(gave[21], json!(messages("shop-b", &FIRST)), "of the others all is merged, and of these nothing");
    assert_eq!(said(22), "account=new: nothing was delivered yet\n");
    let junk = dir.join("target/contacts/version=000009/account=shop-b/part-0.parquet");
    assert!(!junk.exists(), "what nobody names is removed");
    // A month that no change touches is not written again.
    let state = std::fs::read(dir.join("target/messages/_current/account=shop-b/000000000065.json")).expect("a state");
    let state: Value = serde_json::from_slice(&state).expect("JSON");
    assert_eq!(state["partitions"]["2023-12"], "version=000001/account=shop-b/month=2023-12", "{state}");
    assert_eq!(state["partitions"].as_object().map(serde_json::Map::len), Some(3), "an empty month goes: {state}");
}
