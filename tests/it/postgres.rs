//! PostgreSQL beside files, in whole runs against a real server. After each night, whatever was cut or killed at any
//! moment, the tables equal the account.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::postgres::{self, Server};
use crate::support::wire::{CutMode, Moment, Wire};
use crate::support::{Outcome, STREAMS, Sandbox, Work, by_hand, compared};

/// The exit code that `Outcome` reports for a run that a signal ended.
const DIED: i32 = -1;

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";

struct Account {
    sandbox: Sandbox,
    work: Work,
    server: Server,
    wire: Wire,
    now: String,
}

const FILES: &str = "[[destination]]\nkind = \"csv\"\npath = \"out\"\n";

fn job(further: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\naudit = 0\n{further}[[destination]]\nkind = \"postgres\"\nurl = \"${{WAREHOUSE_URL}}\"\n\
         retry_for = \"1s\"\n"
    )
}

impl Account {
    fn new(further: &str, server: Server) -> Account {
        let size = ["--contacts", "200", "--persons", "9", "--conversations", "60", "--messages", "900"];
        let sandbox = Sandbox::start_on(BEFORE, &[&size[..], &["--requests-per-minute", "0"]].concat());
        let wire = Wire::to(server.port());
        Account { sandbox, work: Work::with_job(&job(further)), server, wire, now: BEFORE.into() }
    }

    fn night(&mut self, seed: u64) {
        let query = format!("/sandbox/night?seed={seed}&changed=8&new=2&contacts=6&status=4");
        let told: Value = serde_json::from_str(&self.sandbox.bodiless("POST", &query)).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
    }

    fn command(&self, what: &str) -> Command {
        let mut command = self.work.command(&[what, "job.toml"]);
        if what == "run" {
            command.args(["--endpoint", &self.sandbox.endpoint]);
        }
        command.env("QPIEN_TEST_NOW", &self.now).env("WAREHOUSE_URL", postgres::url(self.wire.port, "postgres"));
        command
    }

    fn call(&self, what: &str) -> Outcome {
        Outcome::of(&self.command(what).output().expect("a run"))
    }

    fn requests(&self) -> u64 {
        self.sandbox.counts()["requests"].as_u64().expect("a count")
    }

    fn ask(&self, sql: &str) -> String {
        self.server.ask("postgres", sql)
    }

    #[track_caller]
    fn equals_the_truth(&self, said: &str) {
        equal(&self.server, &self.sandbox, said);
    }

    /// Finishes the work of a killed run: an export suffices, or another run if not everything was read.
    #[track_caller]
    fn is_made_whole(&self, said: &str) {
        self.wire.mend();
        let export = self.call("export");
        assert!(export.code == 0 || export.code == 3, "{said}: {}", export.stderr);
        let mut run = self.call("run");
        // If the run that died had already read the list of conversations, a second run may be needed.
        if run.code != 0 {
            run = self.call("run");
        }
        run.expect(0);
        self.equals_the_truth(said);
    }
}

/// Compares all tables with the account, cell for cell.
#[track_caller]
pub fn equal(server: &Server, sandbox: &Sandbox, said: &str) {
    for stream in STREAMS {
        let truth = sandbox.truth(stream);
        let rows = rows(server, stream);
        assert!(rows.keys().eq(truth.keys()), "{said}: {stream}: {} rows, {} records", rows.len(), truth.len());
        for (id, record) in &truth {
            for (name, value) in record.as_object().expect("a record") {
                let told = &rows[id][&name.to_lowercase()];
                assert!(is_same(name, value, told), "{said}: {stream} {id}: {name} is another");
            }
        }
    }
}

/// Returns a table's rows by id, and asserts that no id occurs twice.
fn rows(server: &Server, stream: &str) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for row in server.rows("postgres", &format!("SELECT * FROM qpien.{stream}")) {
        let id = row["_id"].as_str().expect("an id").to_owned();
        assert!(rows.insert(id, row).is_none(), "{stream}: an id stands there twice");
    }
    rows
}

fn is_same(name: &str, sent: &Value, told: &Value) -> bool {
    match (sent, told) {
        (Value::Array(_) | Value::Object(_), Value::String(text)) => {
            let sent: Value = serde_json::from_str(&sent.to_string().replace("\\u0000", "\u{fffd}")).expect("JSON");
            serde_json::from_str::<Value>(text).is_ok_and(|v| v == sent)
        }
        (Value::String(sent), Value::String(text)) if name == "createdAt" => {
            qpien_sync::moment::read_text(sent) == qpien_sync::moment::read_text(text)
        }
        (Value::String(sent), Value::String(text)) => sent.replace('\0', "\u{fffd}") == *text,
        _ => sent == told,
    }
}

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

#[test]
fn nights_are_in_the_files_and_in_the_tables() {
    let mut account = Account::new(FILES, Server::start());
    let check = account
        .work
        .command(&["check", "job.toml", "--endpoint", &account.sandbox.endpoint])
        .env("WAREHOUSE_URL", account.server.url("postgres"))
        .output();
    let check = Outcome::of(&check.expect("a check")).expect(0);
    assert!(check.stdout.contains("(schema qpien) can be written, PostgreSQL "), "{}", check.stdout);
    assert_eq!(
        account.ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'qpien'"),
        "0",
        "a check leaves nothing behind"
    );
    let run = account.call("run").expect(0);
    assert!(run.stdout.contains("(schema qpien): 1169 records into 4 tables"), "{}", run.stdout);
    account.equals_the_truth("the first reading");
    account.ask("CREATE VIEW qpien.by_status AS SELECT status, count(*) FROM qpien.conversations GROUP BY 1");
    for night in 1..=3 {
        account.night(night);
        let gone = account.sandbox.delete("contacts", 3, night);
        account.call("run");
        account.call("run").expect(0);
        account.equals_the_truth(&format!("night {night}"));
        for stream in STREAMS {
            compared(&account.sandbox, &account.work, stream, "?objects=all").expect("the files, too");
        }
        let ids = gone.join("','");
        assert_eq!(account.ask(&format!("SELECT count(*) FROM qpien.contacts WHERE _id IN ('{ids}')")), "0");
    }
    let sum = account.ask("SELECT sum(count) FROM qpien.by_status");
    assert_eq!(sum, account.sandbox.truth("conversations").len().to_string());
    let marks = account.ask(
        "SELECT count(*), count(DISTINCT mirror), min(status), bool_and(as_of IS NOT NULL) FROM qpien._qpien_delivered",
    );
    assert_eq!(marks, "4|1|published|t");
    // A stream that is held leaves its table unchanged, and its mark says so.
    let before = account.ask("SELECT seq, run_id, as_of FROM qpien._qpien_delivered WHERE stream = 'contacts'");
    account.sandbox.empty("contacts", true);
    assert_ne!(account.call("run").code, 0, "an empty list is not believed");
    assert_eq!(account.ask("SELECT seq, run_id, as_of FROM qpien._qpien_delivered WHERE stream = 'contacts'"), before);
    assert_eq!(
        account.ask("SELECT status, verdict FROM qpien._qpien_delivered WHERE stream = 'contacts'"),
        "held|incomplete"
    );
    account.sandbox.empty("contacts", false);
    account.call("run").expect(0);
    account.equals_the_truth("no longer held");
}

#[test]
fn a_wire_that_is_cut_around_a_commit_loses_and_doubles_nothing() {
    let mut account = Account::new(FILES, Server::start());
    account.call("run").expect(0);
    let mut night = 0;
    for commit in [0, 3] {
        for fate in [CutMode::Cut, CutMode::AnswerLost] {
            for for_good in [false, true] {
                night += 1;
                account.night(night);
                let said = format!("{fate:?} at commit {commit}, for good: {for_good}");
                account.wire.arm(Moment::Commit(commit), fate, for_good);
                let run = account.call("run").expect(i32::from(for_good));
                assert!(account.wire.mend(), "{said}: it did not happen");
                if for_good {
                    assert!(run.stderr.contains("/postgres"), "{said}: {}", run.stderr);
                    account.call("export").expect(0);
                } else {
                    assert!(run.stderr.contains("the connection is lost: once more"), "{said}: {}", run.stderr);
                }
                account.equals_the_truth(&said);
            }
        }
    }
}

#[test]
fn a_run_that_is_killed_anywhere_is_made_whole() {
    let mut account = Account::new(FILES, Server::start());
    let seeds = std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    // The number of messages that a run sends.
    account.call("run").expect(0);
    let usual = account.wire.messages();
    let mut died = 0;
    for night in 1..=5 * seeds {
        let said = format!("night {night}");
        account.night(night);
        account.wire.arm(Moment::Message(dice(1, night) % usual), CutMode::Held, false);
        let mut child = account.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
        while child.try_wait().expect("a child").is_none() {
            if let Some(held) = account.wire.held() {
                child.kill().expect("SIGKILL");
                child.wait().expect("dead");
                drop(held);
                died += 1;
            }
            std::thread::yield_now();
        }
        account.is_made_whole(&said);
        // The run is also killed between two of its own steps.
        account.night(1000 + night);
        let mut command = account.command("run");
        command.env("QPIEN_TEST_DIE_AT", (dice(2, night) % 40).to_string());
        died += u64::from(Outcome::of(&command.output().expect("a run")).code == DIED);
        account.is_made_whole(&format!("{said}, between steps"));
    }
    assert!(died >= 5 * seeds, "only {died} of {} died: the moments are too late", 10 * seeds);
}

#[test]
fn a_server_that_is_killed_has_all_of_it_or_nothing() {
    // This server waits for the disk, as it does anywhere else.
    let mut account = Account::new("", Server::with(&[]));
    account.call("run").expect(0);
    let usual = account.wire.messages();
    let mut killed = 0;
    for night in 1..=3 {
        account.night(night);
        account.wire.arm(Moment::Message(usual / 4 + dice(3, night) % (usual / 2)), CutMode::Held, false);
        let mut child = account.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
        while child.try_wait().expect("a child").is_none() {
            if let Some(held) = account.wire.held() {
                account.server.kill();
                killed += 1;
                drop(held);
            }
            std::thread::yield_now();
        }
        if killed > 0 {
            account.server.restart();
        }
        account.is_made_whole(&format!("night {night}"));
    }
    assert!(killed > 0, "the moments are too late");
}

#[test]
fn what_cannot_be_written_is_refused_before_the_first_request() {
    let account = Account::new("", Server::start());
    account.ask("CREATE SCHEMA qpien; CREATE TABLE qpien.contacts (_id text PRIMARY KEY, createdat date)");
    let run = account.call("run").expect(2);
    assert!(run.stderr.contains("the column createdat of qpien.contacts is date"), "{}", run.stderr);
    let check = account
        .work
        .command(&["check", "job.toml", "--endpoint", &account.sandbox.endpoint])
        .env("WAREHOUSE_URL", account.server.url("postgres"))
        .output();
    let check = Outcome::of(&check.expect("a check")).expect(2);
    assert!(check.stdout.contains("the column createdat of qpien.contacts is date"), "{}", check.stdout);
    account.ask("DROP TABLE qpien.contacts");
    // The session of another run locks the schema until that run ends.
    let before = account.requests();
    account.wire.arm(Moment::Commit(0), CutMode::Held, false);
    let mut child = account.command("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
    let held = loop {
        if let Some(held) = account.wire.held() {
            break held;
        }
        std::thread::yield_now();
    };
    let second = Work::with_job(&job(""));
    let mut command = second.command(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]);
    let asked = account.requests();
    let locked =
        Outcome::of(&command.env("WAREHOUSE_URL", account.server.url("postgres")).output().expect("a run")).expect(11);
    assert!(locked.stderr.contains("is held by qpien-sync job test"), "{}", locked.stderr);
    assert_eq!((account.requests(), asked > before), (asked, true), "the second one asked nothing");
    drop(held);
    assert_eq!(child.wait().expect("a run").code(), Some(0));
    account.equals_the_truth("the first one");
}

#[test]
fn a_server_that_cannot_be_reached_keeps_nobody_else_from_theirs() {
    let mut account = Account::new(FILES, Server::start());
    account.wire.arm(Moment::Message(0), CutMode::Cut, true);
    let run = account.call("run").expect(1);
    assert_eq!(run.stderr.matches("not served now").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("not delivered") && run.stderr.contains("qpien-sync export JOB"), "{}", run.stderr);
    for stream in STREAMS {
        compared(&account.sandbox, &account.work, stream, "?objects=all").expect("the files");
    }
    assert!(account.wire.mend());
    let before = account.requests();
    account.call("export").expect(0);
    assert_eq!(account.requests(), before);
    account.equals_the_truth("an export");
    // A delivery that was cut off is left for later, and the next run reads on.
    account.night(1);
    account.wire.arm(Moment::Commit(1), CutMode::AnswerLost, true);
    account.call("run").expect(1);
    account.night(2);
    account.call("run").expect(1);
    for stream in STREAMS {
        compared(&account.sandbox, &account.work, stream, "?objects=all").expect("the files, two nights on");
    }
    // The server is back by the time its delivery is due.
    account.night(3);
    let before = account.requests();
    let mut run = account.command("run");
    let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
    while account.requests() == before {
        std::thread::yield_now();
    }
    assert!(account.wire.mend());
    let run = Outcome::of(&run.wait_with_output().expect("ended")).expect(0);
    assert_eq!(run.stderr.matches("not served now").count(), 1, "{}", run.stderr);
    account.equals_the_truth("back in time");
    account.call("verify").expect(0);
}

#[test]
fn an_older_copy_of_a_mirror_is_refused_and_an_older_dump_is_healed() {
    let mut account = Account::new("", Server::start());
    account.call("run").expect(0);
    let (state, older) = (account.work.path("state/qpien.db"), account.work.path("older.db"));
    std::fs::copy(&state, &older).expect("a copy");
    let tables = [&STREAMS[..], &["_qpien_delivered"]].concat();
    let each = |sql: &str| tables.iter().map(|table| sql.replace('@', table)).collect::<String>();
    account.ask(&format!("CREATE SCHEMA dump; {}", each("CREATE TABLE dump.@ AS SELECT * FROM qpien.@;")));
    account.night(1);
    account.call("run").expect(0);
    // The tables come from an older dump, and the export brings them up to date.
    account.ask(&each("TRUNCATE qpien.@; INSERT INTO qpien.@ SELECT * FROM dump.@;"));
    account.call("export").expect(0);
    account.equals_the_truth("an older dump");
    // The mirror is an older copy, and is refused.
    std::fs::copy(&older, &state).expect("a copy");
    let before = account.requests();
    for refused in [account.call("run"), account.call("export")] {
        let told = "which this mirror never delivered there: the mirror is an older copy";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        let told = "TRUNCATE the tables of the streams and qpien._qpien_delivered: it is filled again";
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
        refused.expect(2);
    }
    assert_eq!(account.requests(), before, "nothing was asked");
    let mut check = account.command("check");
    check.args(["--endpoint", &account.sandbox.endpoint]);
    let check = Outcome::of(&check.output().expect("a check")).expect(2);
    assert!(check.stdout.contains("the mirror is an older copy"), "{}", check.stdout);
    account.ask(&each("TRUNCATE qpien.@;"));
    account.call("run").expect(0);
    account.equals_the_truth("emptied");
}

#[test]
fn a_snapshot_replaces_neither_another_mirrors_rows_nor_a_users_own() {
    let account = Account::new("", Server::start());
    std::fs::write(account.work.path("job.toml"), format!("{}content = \"snapshot\"\n", job(""))).expect("the job");
    account.call("run").expect(0);
    std::fs::remove_dir_all(account.work.path("state")).expect("lost");
    let refused = |told: &str| {
        let before = (account.requests(), account.ask("SELECT xmin, _id FROM qpien.contacts ORDER BY 2"));
        let run = account.call("run").expect(2);
        assert!(run.stderr.contains(told), "{}", run.stderr);
        assert!(before == (account.requests(), account.ask("SELECT xmin, _id FROM qpien.contacts ORDER BY 2")));
    };
    refused("holds records from another mirror");
    account.ask("TRUNCATE qpien._qpien_delivered");
    refused("holds rows, and nothing says of which mirror: TRUNCATE qpien.");
    account.ask("TRUNCATE qpien.contacts, qpien.customer_persons, qpien.conversations, qpien.messages");
    account.call("run").expect(0);
    account.equals_the_truth("emptied");
}

#[test]
fn a_table_whose_deletions_are_refused_stays_as_it_is_and_its_mark_counts_them() {
    let account = Account::new("", Server::start());
    account.call("run").expect(0);
    // A mark of an earlier version has fewer columns.
    account.ask("ALTER TABLE qpien._qpien_delivered DROP COLUMN suspects");
    account.sandbox.delete("contacts", 40, 3);
    let mark = "SELECT status, verdict, suspects, seq FROM qpien._qpien_delivered WHERE stream = 'contacts'";
    let before = account.ask("SELECT seq FROM qpien._qpien_delivered WHERE stream = 'contacts'");
    for what in ["run", "export", "run"] {
        let held = account.call(what).expect(7);
        assert!(held.stderr.contains("--allow-deletes"), "{what}: {}", held.stderr);
        assert_eq!(account.ask(mark).trim(), format!("held|incomplete|40|{}", before.trim()), "{what}");
        assert_eq!(account.ask("SELECT count(*) FROM qpien.contacts").trim(), "200", "{what}");
    }
    let mut allowed = account.command("run");
    Outcome::of(&allowed.arg("--allow-deletes").output().expect("a run")).expect(0);
    account.equals_the_truth("allowed");
    assert!(account.ask(mark).starts_with("published|proven|0|"), "{}", account.ask(mark));
}

#[test]
fn masked_tables_take_no_plain_rows_however_their_server_is_written() {
    let masked = "[mask.contacts]\nphone = \"redact\"\n";
    let account = Account::new(masked, Server::start());
    account.call("run").expect(0);
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&changed=2&new=2&contacts=6");
    std::fs::write(account.work.path("job.toml"), job("")).expect("the job");
    for (host, port) in [("127.0.0.1", account.wire.port), ("localhost", account.server.port())] {
        let url = postgres::url(port, "postgres").replace("127.0.0.1", host);
        for what in ["run", "export", "check"] {
            let mut command = account.command(what);
            if what == "check" {
                command.args(["--endpoint", &account.sandbox.endpoint]);
            }
            let refused = Outcome::of(&command.env("WAREHOUSE_URL", &url).output().expect("it")).expect(2);
            let told = refused.stdout + &refused.stderr;
            assert!(told.contains("were delivered under other masks") && told.contains("TRUNCATE"), "{what}: {told}");
        }
    }
    // Neither a mark of an earlier version nor the mirror says under which masks the rows were delivered.
    account.ask("ALTER TABLE qpien._qpien_delivered DROP COLUMN masks");
    let refused = account.call("run").expect(2).stderr;
    assert!(refused.contains("nothing says under which masks"), "{refused}");
    std::fs::write(account.work.path("job.toml"), job(masked)).expect("the job");
    account.ask("UPDATE qpien._qpien_delivered SET masks = 'x'");
    account.call("run").expect(2);
    account.ask("UPDATE qpien._qpien_delivered SET masks = NULL");
    let place = format!("127.0.0.1:{}/postgres (schema qpien)", account.wire.port);
    for (stream, masks) in [(1, mask_of(&account)), (2, String::new()), (3, String::new()), (4, String::new())] {
        let remember =
            format!("INSERT INTO masked_place (destination, stream, masks) VALUES ('{place}', {stream}, '{masks}')");
        by_hand(&account.work.path("state/qpien.db"), &remember);
    }
    account.call("run").expect(0);
    assert_eq!(account.ask("SELECT count(*) FROM qpien.contacts WHERE phone <> '[redacted]'").trim(), "0");
}

/// Returns the fingerprint of the contacts' masks, as the manifest of a folder that is filled with them shows it.
fn mask_of(account: &Account) -> String {
    let text = std::fs::read_to_string(account.work.path("job.toml")).expect("the job");
    let at = text.find("[[destination]]").expect("a destination");
    let feed = "[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n";
    std::fs::write(account.work.path("feed.toml"), format!("{}{feed}", &text[..at])).expect("a job");
    account.work.call(&["export", "feed.toml"]).expect(0);
    let manifest = std::fs::read(account.work.path("feed/manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    manifest["streams"]["contacts"]["masks"].as_str().expect("a name").to_owned()
}

#[test]
fn a_url_may_end_in_a_line_break_and_hold_none() {
    let account = Account::new("", Server::start());
    let url = account.server.url("postgres");
    let run = |url: &str| Outcome::of(&account.command("run").env("WAREHOUSE_URL", url).output().expect("a run"));
    run(&format!(" {url}\r\n")).expect(0);
    account.equals_the_truth("with a line break");
    let refused = run(&url.replace("@127", "\n@127")).expect(2);
    let told = "the variable WAREHOUSE_URL holds a line break";
    assert!(refused.stderr.contains(told) && !refused.stderr.contains("PASSWORDMARKER"), "{}", refused.stderr);
}

#[test]
fn no_password_and_no_record_is_told() {
    let mut account = Account::new(FILES, Server::start());
    let talkative = |account: &Account, what: &str| {
        let mut command = account.command(what);
        command.args(["-vv"]).env("RUST_LOG", "trace").env("QPIEN_LOG", "trace").env("RUST_BACKTRACE", "full");
        Outcome::of(&command.output().expect("a run"))
    };
    let mut said = vec![talkative(&account, "run").expect(0)];
    assert!(
        account.ask("SELECT string_agg(content, '') FROM qpien.messages").contains("BODYMARKER"),
        "it is in the records"
    );
    account.ask(
        "CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW; END $$;
         CREATE TRIGGER raise BEFORE INSERT OR UPDATE ON qpien.messages FOR EACH ROW EXECUTE FUNCTION raise();
         TRUNCATE qpien.messages; DELETE FROM qpien._qpien_delivered WHERE stream = 'messages'",
    );
    said.push(talkative(&account, "export").expect(1));
    assert!(said[1].stderr.contains("P0001"), "{}", said[1].stderr);
    account.ask("ALTER USER postgres PASSWORD 'another'");
    account.server.kill();
    said.push(talkative(&account, "export"));
    for outcome in said {
        for word in ["PASSWORDMARKER", "BODYMARKER", "sandbox-secret", "postgres://"] {
            assert!(!outcome.stderr.contains(word) && !outcome.stdout.contains(word), "{word}: {}", outcome.stderr);
        }
    }
}
