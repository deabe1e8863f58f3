//! The `verify` command: it accepts what was delivered, and reports every kind of damage with exit code 7.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Outcome, Sandbox, Work, by_hand};

const JOB: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n\
    [[destination]]\nkind = \"csv\"\npath = \"out\"\ncompression = \"gzip\"\n\
    [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n\
    [[destination]]\nkind = \"jsonl\"\npath = \"lines\"\ncompression = \"zstd\"\nsplit = \"100KB\"\n";

struct Account {
    sandbox: Sandbox,
    work: Work,
}

impl Account {
    fn delivered() -> Account {
        let size = ["--contacts", "150", "--persons", "9", "--conversations", "40", "--messages", "500"];
        let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
        let account = Account { sandbox, work: Work::with_job(JOB) };
        account.run();
        account
    }

    fn run(&self) -> Outcome {
        self.work.run(&self.sandbox, &[])
    }

    fn verify(&self, args: &[&str]) -> Outcome {
        self.work.call(&[&["verify"], args].concat())
    }

    /// Damages a file, returns what `verify` reports, and restores the file.
    fn told(&self, path: &str, target: &str, damage: impl FnOnce(&mut Vec<u8>)) -> String {
        let file = self.work.path(path);
        let before = std::fs::read(&file).expect("a file");
        let mut bytes = before.clone();
        damage(&mut bytes);
        assert_ne!(bytes, before, "nothing is damaged");
        std::fs::write(&file, bytes).expect("write");
        let outcome = self.verify(&[target]).expect(7);
        std::fs::write(&file, before).expect("write");
        assert!(outcome.stderr.contains("difference"), "{}", outcome.stderr);
        outcome.stdout
    }

    fn feed(&self, stream: &str) -> String {
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(self.work.path("feed/manifest.json")).expect("it")).expect("JSON");
        manifest["streams"][stream]["files"][0]["path"].as_str().expect("a path").to_owned()
    }

    /// Changes rows of a feed's file and makes the manifest fit them, so that only the rows can reveal it. Returns
    /// what `verify` reports.
    fn told_of_rows(
        &self,
        (stream, file): (&str, usize),
        args: &[&str],
        change: impl FnOnce(&mut Vec<String>),
    ) -> String {
        let place = self.work.path("feed/manifest.json");
        let named = std::fs::read(&place).expect("a manifest");
        let mut told: Value = serde_json::from_slice(&named).expect("JSON");
        let entry = &mut told["streams"][stream];
        let path = self.work.path("feed").join(entry["files"][file]["path"].as_str().expect("a path"));
        let before = std::fs::read_to_string(&path).expect("a file");
        let mut rows: Vec<String> = before.lines().map(|line| format!("{line}\n")).collect();
        let count = rows.len() as u64;
        change(&mut rows);
        let text = rows.concat();
        assert_ne!(text, before, "nothing is damaged");
        std::fs::write(&path, &text).expect("write");
        let all = entry["rows"].as_u64().expect("rows") + rows.len() as u64 - count;
        entry["rows"] = all.into();
        let file = &mut entry["files"][file];
        file["rows"] = rows.len().into();
        file["bytes"] = text.len().into();
        file["sha256"] = sha256(text.as_bytes()).into();
        std::fs::write(&place, told.to_string()).expect("write");
        let outcome = self.verify(args).expect(7);
        std::fs::write(&path, before).expect("write");
        std::fs::write(&place, named).expect("write");
        outcome.stdout
    }

    fn mirror(&self) -> PathBuf {
        self.work.path("state/qpien.db")
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Returns the index of a row with this `_op`.
fn of(rows: &[String], op: &str) -> usize {
    rows.iter().position(|row| row.contains(&format!("\"_op\":\"{op}\""))).expect(op)
}

/// Changes the manifest of a folder.
fn manifest(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Value)) {
    let mut manifest: Value = serde_json::from_slice(bytes).expect("JSON");
    change(&mut manifest);
    *bytes = serde_json::to_vec(&manifest).expect("JSON");
}

#[test]
fn what_was_delivered_is_as_it_should_be_also_nights_later() {
    let account = Account::delivered();
    let said = account.verify(&["job.toml"]).expect(0).stdout;
    assert!(said.contains("out: as it should be") && said.contains("feed: as it should be"), "{said}");
    assert!(said.contains("feed: messages: 5") && said.contains("lines: contacts: 150 records"), "{said}");
    account.sandbox.delete("contacts", 2, 1);
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=8&new=2&contacts=6");
    // The destinations follow the mirror in these two runs, so `verify` still finds no difference.
    account.run();
    account.run();
    account.verify(&["job.toml"]).expect(0);
    // `verify` also checks a folder without a job, with a mirror or without. A folder without a delivery is an error.
    account.verify(&["feed"]).expect(0);
    account.verify(&["feed", "--mirror", "state/qpien.db"]).expect(0);
    let nothing = account.verify(&["state"]).expect(2);
    assert!(nothing.stderr.contains("manifest.json"), "{}", nothing.stderr);
}

#[test]
fn every_damage_is_told() {
    let account = Account::delivered();
    let messages = account.feed("messages");
    let path = format!("feed/{messages}");
    let told = account.told(&path, "feed", |bytes| bytes.truncate(bytes.len() - 1));
    assert!(told.contains("bytes, the manifest says"), "{told}");
    let told = account.told(&path, "feed", |bytes| {
        let at = memchr::memmem::find(bytes, b"createdAt").expect("a column");
        bytes[at] = b'C';
    });
    assert!(told.contains("(sha256)"), "{told}");
    let told = account.told("feed/manifest.json", "feed", |bytes| {
        manifest(bytes, |m| m["streams"]["messages"]["files"][0]["rows"] = 1.into());
    });
    assert!(told.contains("rows, the manifest says 1"), "{told}");
    let told = account.told("feed/manifest.json", "feed", |bytes| {
        manifest(bytes, |m| m["streams"]["messages"]["files"][0]["seq"]["first"] = 2.into());
    });
    assert!(told.contains("the next seq was 1"), "{told}");
    let told = account.told("feed/manifest.json", "feed", |bytes| {
        manifest(bytes, |m| m["streams"]["conversations"]["files"] = Value::Array(Vec::new()));
    });
    assert!(told.contains("references of conversations that are not there"), "{told}");
    let told = account.told("feed/manifest.json", "job.toml", |bytes| manifest(bytes, |m| m["mirror"] = "x".into()));
    assert!(told.contains("was made from another mirror"), "{told}");
    // The manifest names less than was delivered.
    for place in ["feed", "out"] {
        let file = format!("{place}/manifest.json");
        let lacks = |change: fn(&mut Value)| account.told(&file, "job.toml", |bytes| manifest(bytes, change));
        let told = lacks(|m| drop(m["streams"].as_object_mut().expect("streams").remove("messages")));
        assert!(told.contains("messages: nothing of it is named there"), "{told}");
        let told = lacks(|m| m["streams"] = Value::Object(serde_json::Map::new()));
        assert!(told.contains("contacts: nothing of it is named there"), "{told}");
        let told = lacks(|m| m["mirror"] = Value::Null);
        assert!(told.contains("was made from another mirror"), "{told}");
    }
    let told = account.told("feed/manifest.json", "job.toml", |bytes| {
        manifest(bytes, |m| {
            let entry = &mut m["streams"]["customer_persons"];
            (entry["files"], entry["rows"], entry["seq"]) = (Value::Array(Vec::new()), 0.into(), Value::Null);
        });
    });
    assert!(told.contains("customer_persons: it is there up to seq 0, and was delivered up to"), "{told}");
    let told = account.told("out/manifest.json", "job.toml", |bytes| {
        manifest(bytes, |m| m["streams"]["contacts"]["run_id"] = 0.into());
    });
    assert!(told.contains("contacts: it is of run 0"), "{told}");
    // A place without a manifest does not hide the damage of another place.
    std::fs::rename(account.work.path("out/manifest.json"), account.work.path("aside")).expect("rename");
    let told = account.told(&path, "job.toml", |bytes| bytes.truncate(bytes.len() - 1));
    assert!(told.contains("out: manifest.json: is not there") && told.contains("bytes, the manifest says"), "{told}");
    std::fs::rename(account.work.path("aside"), account.work.path("out/manifest.json")).expect("rename");
    let gone = account.work.path(&path);
    std::fs::rename(&gone, account.work.path("aside")).expect("rename");
    let told = account.verify(&["feed"]).expect(7).stdout;
    assert!(told.contains("is not there"), "{told}");
    std::fs::rename(account.work.path("aside"), &gone).expect("rename");
    account.verify(&["job.toml"]).expect(0);
}

#[test]
fn what_the_mirror_has_and_a_destination_has_not_is_told_and_the_other_way_round() {
    let account = Account::delivered();
    let change = |sql: &str| assert_eq!(by_hand(&account.mirror(), sql), 1, "{sql}");
    change("UPDATE record SET id = 'other' WHERE stream = 1 AND id = (SELECT min(id) FROM record WHERE stream = 1)");
    let told = account.verify(&["feed", "--mirror", "state/qpien.db"]).expect(7).stdout;
    assert!(told.contains("contacts: 1 record that the mirror holds and that are not there"), "{told}");
    assert!(told.contains("contacts: 1 record too many, which the mirror does not hold"), "{told}");
    // `verify` makes the snapshot once more, so it finds a cell that differs although all counts agree.
    change(
        "UPDATE body_customer_persons SET payload = replace(payload, '\"status\"', '\"Status\"') WHERE seq = (SELECT min(seq) FROM body_customer_persons)",
    );
    let told = account.verify(&["job.toml"]).expect(7).stdout;
    assert!(told.contains("out: customer_persons.csv.gz: its bytes would be another"), "{told}");
}

#[test]
fn parts_that_a_killed_delivery_left_are_gone_after_the_next() {
    let account = Account::delivered();
    let parts = || {
        let names =
            std::fs::read_dir(account.work.path("lines")).expect("a folder").map(|e| e.expect("it").file_name());
        let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| name.contains("jsonl"));
        names.sort();
        names
    };
    let whole = parts();
    let smaller = JOB.replace("100KB", "5KB");
    std::fs::write(account.work.path("smaller.toml"), smaller).expect("a job");
    let mut most = 0;
    for at in [12, 30, 60, 90, 120, 150] {
        let mut export = account.work.command(&["export", "smaller.toml"]);
        export.env("QPIEN_TEST_DIE_AT", at.to_string()).output().expect("an export");
        most = most.max(parts().len());
        account.work.call(&["export", "job.toml"]).expect(0);
        assert_eq!(parts(), whole, "died at {at}");
    }
    assert!(most > whole.len() + 3, "{most} parts: no delivery died while its files appeared");
    account.verify(&["job.toml"]).expect(0);
}

#[test]
fn what_only_the_rows_or_the_manifests_own_sums_can_tell_is_told() {
    let account = Account::delivered();
    let of_manifest = |path: &str, change: &dyn Fn(&mut Value)| {
        let folder = path.split('/').next().expect("a folder");
        account.told(path, folder, |bytes| manifest(bytes, change))
    };
    let told = of_manifest("feed/manifest.json", &|m| m["streams"]["contacts"]["rows"] = 1.into());
    assert!(told.contains("contacts: 150 rows in all files, the manifest says 1"), "{told}");
    let told = of_manifest("feed/manifest.json", &|m| m["streams"]["contacts"]["seq"]["last"] = 1_000_000.into());
    assert!(told.contains("contacts: the manifest's range is not that of its files"), "{told}");
    let told = of_manifest("feed/manifest.json", &|m| {
        for range in ["/streams/messages/seq/last", "/streams/messages/files/0/seq/last"] {
            let last = m.pointer_mut(range).expect("a seq");
            *last = (last.as_i64().expect("a number") - 1).into();
        }
    });
    assert!(told.contains("1 seqs do not rise, or lie outside"), "{told}");
    // The manifest names a file of a snapshot twice.
    let told = of_manifest("lines/manifest.json", &|m| {
        let entry = &mut m["streams"]["contacts"];
        let file = entry["files"][0].clone();
        entry["rows"] = (entry["rows"].as_u64().expect("rows") + file["rows"].as_u64().expect("rows")).into();
        entry["files"].as_array_mut().expect("files").push(file);
    });
    assert!(told.contains("ids stand there that stand in the stream already"), "{told}");
    let told = account.told_of_rows(("contacts", 0), &["feed"], |rows| rows.swap(3, 4));
    assert!(told.contains("1 seqs do not rise, or lie outside"), "{told}");
    let told = account.told_of_rows(("contacts", 0), &["feed"], |rows| rows[7] = "{\n".into());
    assert!(told.contains("cannot be read: line 8 is not a JSON object") && !told.contains("sha256"), "{told}");
    // The manifest no longer names one part of the snapshot.
    let told = account.told("lines/manifest.json", "job.toml", |bytes| {
        manifest(bytes, |m| {
            let entry = &mut m["streams"]["messages"];
            let last = entry["files"].as_array_mut().expect("files").pop().expect("parts");
            entry["rows"] = (entry["rows"].as_u64().expect("rows") - last["rows"].as_u64().expect("rows")).into();
        });
    });
    assert!(told.contains("lines: messages: the mirror makes"), "{told}");
    // The feed deletes the conversations, but their messages still refer to them.
    let told = account.told_of_rows(("conversations", 0), &["feed"], |rows| {
        for row in rows {
            *row = row.replace("\"_op\":\"insert\"", "\"_op\":\"delete\"");
        }
    });
    assert!(told.contains("references of conversations that are not there"), "{told}");
    account.verify(&["job.toml"]).expect(0);
}

#[test]
fn a_record_as_it_was_before_one_that_is_gone_and_one_that_came_back_are_told_beside_the_mirror() {
    let account = Account::delivered();
    account.sandbox.delete("contacts", 2, 1);
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=8&new=2&contacts=6");
    account.run();
    account.run();
    let args = ["feed", "--mirror", "state/qpien.db"];
    let told = |change: &dyn Fn(&mut Vec<String>)| account.told_of_rows(("contacts", 1), &args, change);
    let missing = "contacts: 1 record that the mirror holds and that are not there, or as they were before";
    // A change was lost: the feed holds the record with an earlier seq.
    let stale = told(&|rows| drop(rows.remove(of(rows, "update"))));
    assert!(stale.contains(missing), "{stale}");
    // The feed holds the record as deleted, with the right seq.
    let dead = told(&|rows| {
        let at = of(rows, "update");
        rows[at] = rows[at].replace("\"_op\":\"update\"", "\"_op\":\"delete\"");
    });
    assert!(dead.contains(missing), "{dead}");
    // A deletion was lost.
    let alive = told(&|rows| drop(rows.remove(of(rows, "delete"))));
    assert!(alive.contains("contacts: 1 record too many, which the mirror does not hold"), "{alive}");
    account.verify(&["job.toml"]).expect(0);
}

#[test]
fn what_has_changed_since_a_delivery_is_another_deliverys() {
    let account = Account::delivered();
    let elsewhere =
        format!("{}[[destination]]\nkind = \"csv\"\npath = \"elsewhere\"\n", JOB.split("[[").next().expect("it"));
    std::fs::write(account.work.path("other.toml"), elsewhere).expect("a job");
    account.sandbox.delete("contacts", 2, 1);
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=8&new=2&contacts=6");
    for _ in 0..2 {
        account.work.call(&["run", "other.toml", "--endpoint", &account.sandbox.endpoint]);
    }
    let mirror = rusqlite::Connection::open(account.mirror()).expect("the mirror");
    let gone = "SELECT count(*) FROM record WHERE stream = 1 AND deleted = 1";
    assert_eq!(mirror.query_row(gone, [], |r| r.get::<_, i64>(0)).expect("a count"), 2, "the mirror has moved on");
    account.verify(&["job.toml"]).expect(0);
}

#[cfg(feature = "postgres")]
#[test]
fn what_somebody_else_has_done_to_a_table_is_told() {
    let server = crate::support::postgres::Server::start();
    let size = ["--contacts", "150", "--persons", "9", "--conversations", "40", "--messages", "500"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let table = "[[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\nschema = \"q\"\n";
    let work = Work::with_job(&format!("{}{table}", JOB.split("[[").next().expect("a job")));
    let call = |args: &[&str]| {
        let mut command = work.command(args);
        Outcome::of(&command.env("WAREHOUSE_URL", server.url("postgres")).output().expect("a run"))
    };
    call(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    call(&["run", "job.toml", "--endpoint", &sandbox.endpoint]).expect(0);
    call(&["verify", "job.toml"]).expect(0);
    let one = "(SELECT conversation FROM q.messages ORDER BY _id LIMIT 1)";
    for (damage, repair, told) in [
        (
            format!(
                "CREATE TABLE q.kept AS SELECT * FROM q.conversations WHERE _id = {one}; DELETE FROM q.conversations WHERE _id = {one}"
            ),
            "INSERT INTO q.conversations SELECT * FROM q.kept",
            &[
                "of conversations that are not there",
                "conversations: 1 record that the mirror holds and that are not there",
            ][..],
        ),
        (
            "INSERT INTO q.contacts (_id, _seq) VALUES ('a stranger', 1)".into(),
            "DELETE FROM q.contacts WHERE _id = 'a stranger'",
            &["contacts: 1 record too many, which the mirror does not hold, a stranger for one"],
        ),
        (
            "UPDATE q.contacts SET _seq = -_seq WHERE _id = (SELECT min(_id) FROM q.contacts)".into(),
            "UPDATE q.contacts SET _seq = abs(_seq)",
            &["contacts: 1 record that the mirror holds and that are not there, or as they were before"],
        ),
        (
            "CREATE TABLE q.mark AS SELECT * FROM q._qpien_delivered WHERE stream = 'contacts'; \
             DELETE FROM q._qpien_delivered WHERE stream = 'contacts'"
                .into(),
            "INSERT INTO q._qpien_delivered SELECT * FROM q.mark",
            &["contacts: nothing of it is named there"],
        ),
        (
            "UPDATE q._qpien_delivered SET mirror = 'another ' || mirror WHERE stream = 'contacts'".into(),
            "UPDATE q._qpien_delivered SET mirror = replace(mirror, 'another ', '')",
            &["contacts: comes from another mirror"],
        ),
    ] {
        server.ask("postgres", &damage);
        let found = call(&["verify", "job.toml"]).expect(7).stdout;
        assert!(told.iter().all(|told| found.contains(told)), "{damage}\n{found}");
        server.ask("postgres", repair);
        call(&["verify", "job.toml"]).expect(0);
    }
}
