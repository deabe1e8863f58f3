//! `verify` of a database: it accepts what was delivered, and reports whatever somebody else changed there.

use crate::support::postgres::Server;
use crate::support::{Outcome, Sandbox, Work};

const JOB: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
    client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n\
    [mask.contacts]\nphone = \"redact\"\n\
    [[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\ntombstones = \"flag\"\n\
    [[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\nschema = \"whole\"\ncontent = \"snapshot\"\n\
    [[destination]]\nkind = \"jsonl\"\npath = \"lines\"\n";

struct Account {
    sandbox: Sandbox,
    work: Work,
    server: Server,
}

impl Account {
    fn delivered() -> Account {
        let size = ["--contacts", "120", "--persons", "9", "--conversations", "30", "--messages", "300"];
        let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
        let account = Account { sandbox, work: Work::with_job(JOB), server: Server::start() };
        account.call(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(0);
        account
    }

    fn call(&self, args: &[&str]) -> Outcome {
        let mut command = self.work.command(args);
        Outcome::of(&command.env("WAREHOUSE_URL", self.server.url("postgres")).output().expect("it runs"))
    }

    fn ask(&self, sql: &str) -> String {
        self.server.ask("postgres", sql)
    }
}

#[test]
fn a_database_is_as_it_should_be_also_nights_later() {
    let account = Account::delivered();
    for night in 1..=2 {
        let said = account.call(&["verify", "job.toml"]).expect(0).stdout;
        assert!(said.matches("as it should be").count() == 3, "{said}");
        account.sandbox.delete("contacts", 2, night);
        account.sandbox.bodiless("POST", &format!("/sandbox/night?seed={night}&changed=8&new=2&contacts=6&status=4"));
        account.call(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(0);
    }
    account.call(&["verify", "job.toml"]).expect(0);
}

/// Values that change by themselves are no damage. For example, the server signs addresses anew in each answer: the
/// mirror keeps the newest ones, and a table those of its record's last change.
#[test]
fn values_that_change_by_themselves_are_no_damage_and_what_is_beside_them_is() {
    let size = ["--contacts", "120", "--persons", "9", "--conversations", "30", "--messages", "300"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0", "--signed"]].concat());
    let tables = |schema: &str, further: &str| {
        format!("[[destination]]\nkind = \"postgres\"\nurl = \"${{WAREHOUSE_URL}}\"\nschema = \"{schema}\"\n{further}")
    };
    let job = |masks: &str| {
        format!(
            "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
             client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\nlookback = \"36500d\"\n\
             [source.volatile]\ncontacts = [\"language\"]\n{masks}{}{}",
            tables("qpien", ""),
            tables("whole", "content = \"snapshot\"\n")
        )
    };
    let account = Account { sandbox, work: Work::with_job(&job("")), server: Server::start() };
    let call = |args: &[&str]| {
        let mut command = account.work.command(args);
        command.env("WAREHOUSE_URL", account.server.url("postgres")).env("QPIEN_MASK_KEY", "a long and random text");
        Outcome::of(&command.output().expect("it runs"))
    };
    let run = || call(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(0);
    run();
    let stale = |schema: &str| {
        account.ask(&format!(
            "SELECT count(*) FROM {schema}.messages WHERE media IS NOT NULL OR _extra LIKE '%Signature%'"
        ))
    };
    assert_ne!(stale("qpien").trim(), "0", "there are signed addresses");
    for night in 1..=2 {
        account.sandbox.bodiless("POST", &format!("/sandbox/night?seed={night}&changed=3&new=1&contacts=4"));
        run();
        call(&["verify", "job.toml"]).expect(0);
    }
    account.ask("UPDATE qpien.contacts SET language = 'tlh'");
    call(&["verify", "job.toml"]).expect(0);
    // A change beside a signature is reported.
    account.ask(
        "UPDATE qpien.contacts SET avatar = replace(avatar, 'http', 'https') WHERE _id = \
         (SELECT min(_id) FROM qpien.contacts WHERE avatar LIKE '%Signature%')",
    );
    let told = call(&["verify", "job.toml"]).expect(7).stdout;
    assert!(told.contains("contacts: 1 record has other cells"), "{told}");
    account.ask("UPDATE qpien.contacts SET avatar = replace(avatar, 'httpss', 'https')");
    call(&["verify", "job.toml"]).expect(0);
    // A keyed hash of such an address differs each night.
    account.ask("DROP SCHEMA qpien CASCADE; DROP SCHEMA whole CASCADE");
    std::fs::write(account.work.path("job.toml"), job("[mask.contacts]\navatar = \"hmac\"\n")).expect("the job");
    for _ in 0..2 {
        run();
        call(&["verify", "job.toml"]).expect(0);
    }
    // `verify` reports masks that were edited since.
    std::fs::write(account.work.path("job.toml"), job("[mask.contacts]\nphone = \"drop\"\n")).expect("the job");
    let said = call(&["verify", "job.toml"]).expect(0).stdout;
    assert!(said.contains("contacts: the job has other masks now"), "{said}");
}

#[test]
fn a_table_of_a_stream_that_is_held_or_left_the_job_is_no_damage() {
    let account = Account::delivered();
    let text = std::fs::read_to_string(account.work.path("job.toml")).expect("the job");
    let fewer = format!("streams = [\"contacts\", \"customer_persons\", \"conversations\"]\n{text}");
    std::fs::write(account.work.path("job.toml"), fewer).expect("the job");
    for night in 1..=2 {
        account.sandbox.delete("conversations", 2, night);
        account.call(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(0);
        account.call(&["verify", "job.toml"]).expect(0);
        for schema in ["qpien", "whole"] {
            let mark = format!("SELECT status, run_id FROM {schema}._qpien_delivered WHERE stream = 'messages'");
            assert_eq!(account.ask(&mark).trim(), "not in the job|1");
        }
    }
    account.ask("DELETE FROM whole.messages WHERE _id = (SELECT min(_id) FROM whole.messages)");
    let told = account.call(&["verify", "job.toml"]).expect(7).stdout;
    assert!(told.contains("messages: 1 record that the mirror holds and that are not there"), "{told}");
}

#[test]
fn what_somebody_else_did_to_a_cell_a_row_a_column_a_table_or_a_mark_is_told() {
    let account = Account::delivered();
    let one = "(SELECT min(_id) FROM SCHEMA.contacts)";
    let damages = [
        (format!("UPDATE SCHEMA.contacts SET email = 'evil' WHERE _id = {one}"), "1 record has other cells"),
        (format!("UPDATE SCHEMA.contacts SET _extra = '1' WHERE _id = {one}"), "1 record has other cells"),
        (format!("DELETE FROM SCHEMA.contacts WHERE _id = {one}"), "contacts: 1 record that the mirror holds"),
        ("INSERT INTO SCHEMA.contacts (_id, _seq) VALUES ('mine', 1)".into(), "contacts: 1 record too many"),
        ("ALTER TABLE SCHEMA.contacts DROP COLUMN email".into(), "its column email is not there"),
        ("ALTER TABLE SCHEMA.conversations DROP COLUMN joinedperson".into(), "its column joinedperson is not there"),
        (
            "ALTER TABLE SCHEMA.contacts ALTER COLUMN email TYPE varchar(3) USING left(email, 3)".into(),
            "email of SCHEMA.contacts is character varying(3)",
        ),
        ("ALTER TABLE SCHEMA.contacts DROP CONSTRAINT contacts_pkey".into(), "has lost its primary key"),
        ("DROP TABLE SCHEMA.messages".into(), "SCHEMA.messages is not there"),
        ("DELETE FROM SCHEMA._qpien_delivered WHERE stream = 'messages'".into(), "messages: nothing of it is named"),
    ];
    for schema in ["qpien", "whole"] {
        for (sql, told) in &damages {
            account.ask(&sql.replace("SCHEMA", schema));
            let said = account.call(&["verify", "job.toml"]).expect(7);
            assert!(said.stdout.contains(&told.replace("SCHEMA", schema)), "{sql}\n{}{}", said.stdout, said.stderr);
            assert!(said.stdout.contains("lines: as it should be"), "the others are verified: {}", said.stdout);
            account.ask(&format!("DROP SCHEMA {schema} CASCADE"));
            account.call(&["export", "job.toml"]).expect(0);
        }
    }
    account.call(&["verify", "job.toml"]).expect(0);
    account.ask("UPDATE whole._qpien_delivered SET seq = 0 WHERE stream = 'contacts'");
    let said = account.call(&["verify", "job.toml"]).expect(7).stdout;
    assert!(said.contains("contacts: it says to be there up to seq 0, and was delivered up to"), "{said}");
    for (mark, told) in [("0", "it is there up to seq 0"), ("100000", "it says to be there up to seq 100000")] {
        account.ask(&format!("UPDATE qpien._qpien_delivered SET seq = {mark} WHERE stream = 'messages'"));
        let said = account.call(&["verify", "job.toml"]).expect(7).stdout;
        assert!(said.contains(told), "{said}");
    }
}

#[test]
fn what_was_held_back_from_the_first_is_no_difference_and_a_server_that_is_down_hides_no_other() {
    let size = ["--contacts", "120", "--persons", "9", "--conversations", "30", "--messages", "300"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let mut account = Account { sandbox, work: Work::with_job(JOB), server: Server::start() };
    account.call(&["run", "job.toml", "--max-requests", "14", "--endpoint", &account.sandbox.endpoint]).expect(4);
    account.call(&["verify", "job.toml"]).expect(0);
    account.call(&["run", "job.toml", "--endpoint", &account.sandbox.endpoint]).expect(0);
    std::fs::write(account.work.path("lines/contacts.jsonl"), "{}\n").expect("a damage");
    account.server.kill();
    let said = account.call(&["verify", "job.toml"]).expect(7);
    assert!(said.stdout.contains("lines: contacts.jsonl:") && said.stderr.contains("verify again"), "{}", said.stderr);
}

#[test]
fn a_deleted_record_that_stands_there_again_is_told() {
    let account = Account::delivered();
    let run =
        |more: &[&str]| account.call(&[&["run", "job.toml", "--endpoint", &account.sandbox.endpoint], more].concat());
    // Some records of one stream are deleted, and all of another. So the last deletion has a higher seq than any
    // record that is left.
    let some = account.sandbox.delete("contacts", 2, 1);
    let all = account.sandbox.delete("customer_persons", 9, 1);
    assert_eq!(all.len(), 9);
    run(&["--allow-deletes"]).expect(0);
    // Two readings decide about a record that the server cannot be asked for by its id.
    run(&["--allow-deletes"]).expect(0);
    account.call(&["verify", "job.toml"]).expect(0);
    for (table, id) in [("contacts", &some[0]), ("customer_persons", &all[0])] {
        for (schema, put, take) in [
            (
                "whole",
                format!("INSERT INTO whole.{table} (_id, _seq) VALUES ('{id}', 1)"),
                format!("DELETE FROM whole.{table} WHERE _id = '{id}'"),
            ),
            (
                "qpien",
                format!("UPDATE qpien.{table} SET _deleted = false WHERE _id = '{id}'"),
                format!("UPDATE qpien.{table} SET _deleted = true WHERE _id = '{id}'"),
            ),
        ] {
            account.ask(&put);
            let said = account.call(&["verify", "job.toml"]).expect(7).stdout;
            assert!(said.contains(&format!("{table}: 1 record too many")), "{schema}: {said}");
            account.ask(&take);
        }
    }
    account.call(&["verify", "job.toml"]).expect(0);
}

#[test]
fn where_nothing_was_delivered_nothing_is_verified() {
    let account = Account::delivered();
    let text = std::fs::read_to_string(account.work.path("job.toml")).expect("the job");
    let (source, _) = text.split_once("[mask").expect("masks");
    let other = |destination: &str| {
        let job = format!("{source}[mask.contacts]\nphone = \"redact\"\n[[destination]]\n{destination}\n");
        std::fs::write(account.work.path("other.toml"), job).expect("another job");
        account.call(&["verify", "other.toml"])
    };
    let said = other("kind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\nschema = \"elsewhere\"").expect(2);
    assert!(said.stderr.contains("there is nothing to verify"), "{}", said.stderr);
    account.ask("CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.contacts (LIKE qpien.contacts INCLUDING ALL)");
    other("kind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\nschema = \"elsewhere\"").expect(2);
    // One manifest names only streams that this version does not know, the other names one of them.
    let path = account.work.path("lines/manifest.json");
    let whole = std::fs::read_to_string(&path).expect("a manifest");
    for unknown in [&["contacts", "customer_persons", "conversations", "messages"][..], &["contacts"]] {
        let mut manifest: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
        let streams = manifest["streams"].as_object_mut().expect("streams");
        for name in unknown {
            let entry = streams.remove(*name).expect("an entry");
            streams.insert(format!("{name}_of_tomorrow"), entry);
        }
        std::fs::write(&path, manifest.to_string()).expect("written");
        let said = account.call(&["verify", "lines"]).expect(2);
        assert!(said.stderr.contains("streams that this version does not know"), "{}", said.stderr);
    }
    let mut manifest: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
    manifest["streams"] = serde_json::json!({});
    std::fs::write(&path, manifest.to_string()).expect("written");
    let said = account.call(&["verify", "lines"]).expect(2);
    assert!(said.stderr.contains("there is nothing to verify"), "{}", said.stderr);
}
