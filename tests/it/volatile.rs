//! Volatile values, and fields that a job asks for in one night but not in the next: neither makes a record count as
//! changed, and the files hold what the server shows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::fed::Fed;
use crate::support::postgres::Server;
use crate::support::qpien::{self as accounts, Qpien};
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// A month after the newest generated record, when no message is young enough to be read again.
const NOW: &str = "2025-01-31T12:00:00Z";

/// The text before a signature's number.
const SIGNATURE: &str = "X-Amz-Expires=900&X-Amz-Signature=";

/// The last seq in use, and the seq of each record.
#[derive(Clone, PartialEq, Eq)]
struct Seqs {
    last: i64,
    of: BTreeMap<String, i64>,
}

impl std::fmt::Debug for Seqs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} records, last seq {}", self.of.len(), self.last)
    }
}

struct Account {
    sandbox: Sandbox,
    work: Work,
}

fn job(source: &str) -> String {
    format!(
        "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
         requests_per_minute = 0\naudit = 0\n{source}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    )
}

impl Account {
    fn new(source: &str, args: &[&str]) -> Account {
        let size = ["--contacts", "250", "--persons", "8", "--conversations", "60", "--messages", "900"];
        let sandbox = Sandbox::start_on(NOW, &[&size[..], &["--requests-per-minute", "0"], args].concat());
        Account { sandbox, work: Work::with_job(&job(source)) }
    }

    fn become_job(&self, source: &str) {
        std::fs::write(self.work.path("job.toml"), job(source)).expect("the job file");
    }

    fn command(&self) -> std::process::Command {
        let mut command = self.work.command(&["run", "job.toml", "--endpoint", &self.sandbox.endpoint]);
        command.env("QPIEN_TEST_NOW", NOW);
        command
    }

    /// Runs; returns the result and the report of each stream.
    fn run(&self) -> (Outcome, BTreeMap<String, Value>) {
        let outcome = Outcome::of(&self.command().output().expect("a run")).expect(0);
        let report: String =
            self.mirror().query_row("SELECT report FROM run ORDER BY id DESC LIMIT 1", [], |r| r.get(0)).expect("it");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        let streams = report["streams"].as_array().expect("streams").iter();
        (outcome, streams.map(|s| (s["stream"].as_str().expect("a name").to_owned(), s.clone())).collect())
    }

    /// Starts a run and kills it once the sandbox has seen `after` more requests.
    fn run_and_kill(&self, after: u64) {
        self.sandbox.kill_run(&mut self.command(), after);
    }

    fn mirror(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.work.path("state/qpien.db")).expect("the mirror")
    }

    /// Returns the last seq and the seq of each record.
    fn seqs(&self) -> Seqs {
        let mirror = self.mirror();
        let last = mirror.query_row("SELECT last FROM sequence", [], |r| r.get(0)).expect("the sequence");
        let mut ask = mirror.prepare("SELECT id, seq FROM record ORDER BY stream, id").expect("SQL");
        let rows = ask.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).expect("rows");
        Seqs { last, of: rows.collect::<rusqlite::Result<_>>().expect("rows") }
    }

    /// Compares the files, signatures removed, with the unsigned truth. Returns the signatures found.
    #[track_caller]
    fn equals_the_truth(&self, said: &str, objects: &str) -> BTreeMap<&'static str, Vec<u64>> {
        let mut signatures = BTreeMap::new();
        for stream in STREAMS {
            let (text, found) = unsigned(&String::from_utf8(self.work.csv(stream)).expect("UTF-8"));
            std::fs::write(self.work.path(&format!("out/{stream}.csv")), text).expect("the file");
            compared(&self.sandbox, &self.work, stream, objects).unwrap_or_else(|why| panic!("{said}: {why}"));
            signatures.insert(stream, found);
        }
        signatures
    }
}

/// Removes the signatures from a text's addresses; returns the text and the signatures.
fn unsigned(text: &str) -> (String, Vec<u64>) {
    let mut parts = text.split(SIGNATURE);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for part in parts {
        whole.pop();
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        found.push(part[..end].parse().expect("a number"));
        whole.push_str(&part[end..]);
    }
    (whole, found)
}

fn counts(streams: &BTreeMap<String, Value>, name: &str) -> Vec<u64> {
    STREAMS.iter().map(|s| streams[*s][name].as_u64().expect("a count")).collect()
}

#[test]
fn addresses_that_are_signed_anew_change_nothing_and_the_newest_are_delivered() {
    let account = Account::new("", &["--signed"]);
    account.run();
    let seqs = account.seqs();
    let first = account.equals_the_truth("the first night", "?objects=all");
    assert!(first["contacts"].len() >= 250 && first["messages"].len() > 300, "nothing is signed");
    let (_, streams) = account.run();
    assert_eq!((counts(&streams, "new"), counts(&streams, "changed")), (vec![0; 4], vec![0; 4]));
    assert_eq!(counts(&streams, "filled"), [0; 4]);
    assert_eq!(account.seqs(), seqs);
    assert_eq!(streams["messages"]["skipped"], 60);
    let second = account.equals_the_truth("the second night", "?objects=all");
    let newest = first.values().flatten().max().expect("signatures");
    assert!(second["contacts"].iter().all(|s| s > newest), "the newest addresses of what was read are delivered");
    assert_eq!(second["messages"], first["messages"], "what was not read is as it was");
    // With `signed = "keep"`, a new signature counts as a change.
    account.become_job("[source.volatile]\nsigned = \"keep\"");
    let (_, streams) = account.run();
    assert!(streams["contacts"]["changed"].as_u64() >= Some(250), "{}", streams["contacts"]);
}

/// Declares volatile columns. Only what a job names is volatile, and here no value of a conversation is.
const DECLARED: &str = "[source.volatile]\nsigned = \"keep\"\ncontacts = [\"avatar\"]\n\
    customer_persons = [\"profilePhoto\"]\nmessages = [\"media.url\", \"sender.avatar\"]";

#[test]
fn what_is_declared_changes_nothing_and_everything_else_does() {
    // The lookback makes each night read every conversation, because messages hold volatile values, too.
    let account = Account::new(&format!("lookback = \"9999d\"\n{DECLARED}"), &["--signed"]);
    account.run();
    let seqs = account.seqs();
    let (_, streams) = account.run();
    assert_eq!((counts(&streams, "new"), counts(&streams, "changed")), (vec![0; 4], vec![0; 4]));
    assert_eq!(account.seqs(), seqs);
    assert!(streams["messages"]["seen"].as_u64() >= Some(900), "not all were read: {}", streams["messages"]);
    account.equals_the_truth("declared", "?objects=all");
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&contacts=5&old_edits=7");
    let (_, streams) = account.run();
    assert_eq!(counts(&streams, "changed"), [5, 0, 0, 7]);
    account.equals_the_truth("what changed is stored", "?objects=all");
    // A name below a column is checked against the fields that the run asks for.
    account.become_job(&format!("{}\nconversations = [\"tags.colour\", \"tags.color\"]", DECLARED.trim_end()));
    let (run, _) = account.run();
    let unasked: Vec<&str> = run.stdout.lines().filter(|line| line.contains("[source.volatile]")).collect();
    assert_eq!(unasked, ["note: conversations: [source.volatile] names tags.colour, which is not asked for"]);
    // Another rule for the same values does not change any record.
    let seqs = account.seqs();
    account.become_job("lookback = \"9999d\"");
    let (_, streams) = account.run();
    assert_eq!((counts(&streams, "changed"), account.seqs()), (vec![0; 4], seqs));
}

/// If a column was volatile for some nights and counts again, feeds and tables of changes receive the values that
/// were stored in place meanwhile, whether the values change that night or not.
#[test]
fn what_is_taken_back_reaches_the_feeds_and_tables_that_lack_it() {
    const OWNER: &str = "[source.volatile]\ncontacts = [\"owner\"]";
    const SIGNED: &str = "[source.volatile]\nsigned = \"keep\"";
    let database = Server::start();
    let url = database.url("postgres");
    // Each case has the job's lines for three nights: a declared column counts again, signatures begin to count, and
    // a column that was declared from the start counts.
    let kinds =
        [("owner", ["", OWNER, ""]), ("other", ["", "", SIGNED]), ("owner", [OWNER, OWNER, "lookback = \"2d\""])];
    for (n, (what, nights)) in kinds.into_iter().enumerate() {
        let server = Qpien::start(accounts::Account::new(30, 4, 3), |_, _| None);
        let write = |server: &Qpien, night: usize, whose: usize| {
            for row in server.account().lists.get_mut("getContactList").expect("the list").iter_mut().step_by(whose) {
                let signed = json!(format!("https://cdn/x.png?{SIGNATURE}{night}"));
                row["owner"] = if what == "owner" { json!(format!("owner {night}")) } else { signed };
            }
        };
        let work = Work::with_job("");
        let run = |source: &str| {
            let places = format!(
                "[[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n[[destination]]\n\
                 kind = \"postgres\"\nurl = \"${{WAREHOUSE_URL}}\"\ncontent = \"changes\"\nschema = \"s{n}\"\n"
            );
            let job = job(source).replace("sandbox-client", "c").replace("sandbox-secret", "s");
            std::fs::write(work.path("job.toml"), job + &places).expect("the job file");
            let mut command = work.command(&["run", "job.toml", "--endpoint", server.endpoint()]);
            Outcome::of(&command.env("WAREHOUSE_URL", &url).output().expect("a run")).expect(0)
        };
        let owners = || {
            let fed = Fed::read(&work.path("feed"), "contacts");
            let table = database.rows("postgres", &format!("SELECT _id, owner FROM s{n}.contacts"));
            let fed: BTreeMap<String, Value> =
                fed.rows.into_iter().map(|(id, row)| (id, row["owner"].clone())).collect();
            let text = |row: &Value| row["_id"].as_str().expect("an id").to_owned();
            (fed, table.into_iter().map(|row| (text(&row), row["owner"].clone())).collect::<BTreeMap<_, _>>())
        };
        write(&server, 0, 1);
        run(nights[0]);
        let before = owners();
        write(&server, 1, 1);
        run(nights[1]);
        assert_eq!(owners(), before, "{what}: it changes by itself");
        // Some values change once more in the night in which they count again.
        write(&server, 2, 3);
        let told = run(nights[2]);
        let truth: BTreeMap<String, Value> = server.account().lists["getContactList"]
            .iter()
            .map(|row| (row["_id"].as_str().expect("an id").to_owned(), row["owner"].clone()))
            .collect();
        assert_eq!(owners(), (truth.clone(), truth), "{what}: {}", told.stdout);
        assert!(told.stdout.contains("less is declared volatile than before"), "{}", told.stdout);
        let again = run(nights[2]);
        assert!(!again.stdout.contains("less is declared"), "{}", again.stdout);
    }
}

#[test]
fn the_picture_of_a_conversation_does_not_have_its_messages_read_again() {
    const COLLECT: &str = "extra_fields = \"collect\"";
    let shipped = include_str!("../../src/sandbox/dialects/default.graphql");
    let sdl = shipped.replacen("type ExternalConversation {", "type ExternalConversation {\n  picture: String", 1);
    assert_ne!(sdl, shipped);
    let work = tempfile::tempdir().expect("a folder");
    let file = work.path().join("more.graphql").display().to_string();
    std::fs::write(&file, sdl).expect("the schema");
    let account = Account::new(COLLECT, &["--signed", "--sdl", &file]);
    account.run();
    let (_, streams) = account.run();
    assert_eq!((counts(&streams, "changed"), &streams["messages"]["skipped"]), (vec![0; 4], &Value::from(60)));
    account.become_job(&format!("{COLLECT}\n{DECLARED}"));
    let (_, streams) = account.run();
    // No page documents the picture, so a change of it says nothing of the conversation's messages.
    assert_eq!((&streams["conversations"]["changed"], &streams["messages"]["skipped"]), (&60.into(), &60.into()));
    account.become_job(&format!("{COLLECT}\n{DECLARED}\nconversations = [\"picture\"]"));
    let (_, streams) = account.run();
    assert_eq!((&streams["conversations"]["changed"], &streams["messages"]["skipped"]), (&0.into(), &60.into()));
}

/// Lines that leave out some fields of each list, at two depths.
const LESS: &str = "[source.dialect.streams.contacts]\ndrop = [\"phone\", \"tags\"]\n\
    [source.dialect.streams.conversations]\ndrop = [\"priority\"]\n\
    [source.dialect.streams.messages]\ndrop = [\"subject\", \"channelType\"]\nfields = [\"_id\", \"sender { name }\", \
    \"conversation\", \"messageType\", \"channelType\", \"senderType\", \"content\", \"contentHtml\", \"subject\", \
    \"media { type }\", \"template_cards\", \"product_cards\", \"channelMessageId\", \"ackStatus\", \"createdAt\", \
    \"autoCreate\"]";

/// Returns the same lines with all fields.
fn more() -> String {
    let fields = LESS.replace("{ name }", "{ name avatar }").replace("{ type }", "{ url type }");
    fields.lines().filter(|line| !line.starts_with("drop")).collect::<Vec<_>>().join("\n")
}

fn fields_come_and_go(kills: &[u64], args: &[&str]) {
    let account = Account::new(LESS, args);
    account.run();
    assert!(compared(&account.sandbox, &account.work, "messages", "").is_err(), "nothing is left out");
    let seqs = account.seqs();
    let total: Vec<u64> = STREAMS.iter().map(|s| account.sandbox.truth(s).len() as u64).collect();
    account.become_job(&more());
    for kill in kills {
        account.run_and_kill(*kill);
    }
    let (run, streams) = account.run();
    assert_eq!((counts(&streams, "new"), counts(&streams, "changed")), (vec![0; 4], vec![0; 4]));
    if kills.is_empty() {
        assert_eq!(counts(&streams, "filled"), [total[0], 0, total[2], total[3]]);
    }
    assert!(run.stdout.contains("contacts: the fields that are asked for have changed"), "{}", run.stdout);
    // Each record that is filled in gets a new seq, once, and no other record does.
    let (all, before, seqs) = (total[0] + total[2] + total[3], seqs, account.seqs());
    assert_eq!(seqs.last, before.last + i64::try_from(all).expect("few"), "no record has changed");
    account.equals_the_truth("filled in", "");
    let (_, streams) = account.run();
    assert_eq!((counts(&streams, "filled"), &streams["messages"]["skipped"]), (vec![0; 4], &60.into()));
    // The job leaves the fields out again: they are gone from the files, and real changes of that night are reported.
    account.sandbox.bodiless("POST", "/sandbox/night?seed=1&contacts=5&old_edits=7");
    account.become_job(LESS);
    for kill in kills {
        account.run_and_kill(*kill);
    }
    let (_, streams) = account.run();
    if kills.is_empty() {
        assert_eq!(counts(&streams, "changed"), [5, 0, 0, 7]);
        assert_eq!(counts(&streams, "filled"), [total[0] - 5, 0, total[2], total[3] - 7]);
    }
    let now = account.seqs();
    assert_eq!(now.last, seqs.last + i64::try_from(all).expect("few"));
    assert_eq!(now.of.iter().filter(|(id, seq)| seqs.of.get(*id) == Some(seq)).count() as u64, total[1]);
    let bytes = account.work.csv("contacts");
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let phone = reader.headers().expect("a header").iter().position(|n| n == "phone").expect("the column");
    assert!(reader.records().all(|r| r.expect("a row")[phone].is_empty()));
}

#[test]
fn fields_that_come_and_go_change_nothing_and_are_filled_in() {
    fields_come_and_go(&[], &[]);
    fields_come_and_go(&[], &["--signed"]);
}

#[test]
fn killed_while_they_are_filled_in_it_comes_to_the_same() {
    fields_come_and_go(&[3, 9, 4], &["--signed", "--latency", "2ms"]);
}
