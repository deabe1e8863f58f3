//! PostgreSQL databases that would silently do less than they are told: policies hide rows, triggers and rules
//! swallow them, ids cannot be keys. A run reports it, and counts nothing as delivered.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::foreign::{Answer, Foreign, Server as Qpien};
use crate::support::postgres::{Pooler, Server, url};
use crate::support::{Outcome, STREAMS, Sandbox, Work};

const JOB: &str = "name = \"test\"\nmode = \"incremental\"\n[source]\nclient_id = \"CLIENT\"\nclient_secret = \"SECRET\"\n\
    requests_per_minute = 0\naudit = 0\n[[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\nretry_for = \"1s\"\n";

struct Account {
    work: Work,
    server: Server,
    url: String,
}

impl Account {
    fn new(client: &str, secret: &str, further: &str) -> Account {
        let (job, server) = (JOB.replace("CLIENT", client).replace("SECRET", secret), Server::start());
        let url = server.url("postgres");
        Account { work: Work::with_job(&format!("{job}{further}")), server, url }
    }

    fn call(&self, args: &[&str]) -> Outcome {
        Outcome::of(&self.work.command(args).env("WAREHOUSE_URL", &self.url).output().expect("it runs"))
    }

    fn run(&self, endpoint: &str) -> Outcome {
        self.call(&["run", "job.toml", "--endpoint", endpoint])
    }

    fn ask(&self, sql: &str) -> String {
        self.server.ask("postgres", sql)
    }

    /// Returns the delivered seq of each stream.
    fn marks(&self) -> String {
        self.ask("SELECT stream, seq FROM qpien._qpien_delivered ORDER BY 1")
    }
}

fn sandbox() -> Sandbox {
    let size = ["--contacts", "60", "--persons", "5", "--conversations", "12", "--messages", "90"];
    Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat())
}

fn whole(account: &Account, sandbox: &Sandbox) {
    for stream in STREAMS {
        let there = account.ask(&format!("SELECT _id FROM qpien.{stream} ORDER BY _id COLLATE \"C\""));
        let truth: Vec<String> = sandbox.truth(stream).into_keys().collect();
        assert_eq!(there.lines().collect::<Vec<_>>(), truth, "{stream}");
    }
}

/// A role that is neither the owner of the tables nor a superuser.
const LOADER: &str = "CREATE ROLE loader LOGIN PASSWORD 'loads';
    GRANT CREATE, TEMPORARY ON DATABASE postgres TO loader; GRANT ALL ON SCHEMA qpien TO loader;
    GRANT ALL ON ALL TABLES IN SCHEMA qpien TO loader";

/// A role that creates the tables itself.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const LOADER_OF_ITS_OWN: &str =
    "CREATE ROLE loader LOGIN PASSWORD 'loads'; GRANT CREATE, TEMPORARY ON DATABASE postgres TO loader";

#[test]
fn row_level_security_is_refused_and_never_filters() {
    for content in ["content = \"changes\"\n", "content = \"snapshot\"\n"] {
        let (sandbox, mut account) = (sandbox(), Account::new("sandbox-client", "sandbox-secret", content));
        account.run(&sandbox.endpoint).expect(0);
        account.ask(LOADER);
        account.url = format!("postgres://loader:loads@127.0.0.1:{}/postgres", account.server.port());
        account.run(&sandbox.endpoint).expect(0);
        let policy = |what: &str, check: &str| {
            format!("CREATE POLICY may_{what} ON qpien.contacts FOR {what} TO loader {check} (true);")
        };
        let policies = [policy("SELECT", "USING"), policy("INSERT", "WITH CHECK"), policy("UPDATE", "USING")].concat();
        account.ask(&format!("ALTER TABLE qpien.contacts ENABLE ROW LEVEL SECURITY; {policies}"));
        let before = account.marks();
        sandbox.delete("contacts", 2, 7);
        let refused = account.run(&sandbox.endpoint).expect(1);
        assert!(
            refused.stderr.contains("row-level security filters what this user sees of qpien.contacts"),
            "{}",
            refused.stderr
        );
        assert_eq!(account.marks(), before, "no mark has moved");
        let check = account.call(&["check", "job.toml", "--endpoint", &sandbox.endpoint]);
        assert!(check.stdout.contains("row-level security"), "{}", check.stdout);
        account.ask("ALTER ROLE loader BYPASSRLS");
        account.run(&sandbox.endpoint).expect(0);
        whole(&account, &sandbox);
    }
}

#[test]
fn what_a_trigger_or_a_rule_swallows_is_told_and_nothing_is_taken_for_delivered() {
    const SWALLOW: &str =
        "CREATE OR REPLACE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;";
    for (content, put, take) in [
        (
            "changes",
            "CREATE TRIGGER swallow BEFORE DELETE ON qpien.contacts FOR EACH ROW EXECUTE FUNCTION swallow()",
            "DROP TRIGGER swallow ON qpien.contacts",
        ),
        (
            "snapshot",
            "CREATE TRIGGER swallow BEFORE DELETE ON qpien.contacts FOR EACH ROW EXECUTE FUNCTION swallow()",
            "DROP TRIGGER swallow ON qpien.contacts",
        ),
        (
            "changes",
            "CREATE TRIGGER swallow BEFORE INSERT OR UPDATE ON qpien.messages FOR EACH ROW EXECUTE FUNCTION swallow()",
            "DROP TRIGGER swallow ON qpien.messages",
        ),
        (
            "changes",
            "CREATE RULE swallow AS ON DELETE TO qpien.contacts DO INSTEAD NOTHING",
            "DROP RULE swallow ON qpien.contacts",
        ),
    ] {
        let further = format!("content = \"{content}\"\n");
        let (sandbox, account) = (sandbox(), Account::new("sandbox-client", "sandbox-secret", &further));
        account.run(&sandbox.endpoint).expect(0);
        account.ask(&format!("{SWALLOW} {put}"));
        let reached =
            |stream: &str| account.ask(&format!("SELECT seq FROM qpien._qpien_delivered WHERE stream = '{stream}'"));
        let stream = if put.contains("messages") { "messages" } else { "contacts" };
        let before = reached(stream);
        sandbox.delete("contacts", 2, 7);
        sandbox.bodiless("POST", "/sandbox/night?seed=7&changed=4&new=2&contacts=6&status=2");
        let refused = account.run(&sandbox.endpoint).expect(1);
        let told = format!("of qpien.{stream} did not become what was written");
        assert!(refused.stderr.contains(&told), "{put}: {}", refused.stderr);
        assert_eq!(reached(stream), before, "{put}: the mark has not moved");
        account.ask(take);
        account.call(&["export", "job.toml"]).expect(0);
        whole(&account, &sandbox);
    }
}

/// Returns unusual ids of contacts, each with the number of the contact that gets it.
fn odd_ids() -> Vec<(usize, String)> {
    // Text that no compression shortens enough for an index entry.
    let noise = |n: usize| -> String {
        (0..n as u64)
            .map(|i| char::from(b'!' + u8::try_from((i * 6_364_136_223 + 1_442_695) / 7 % 90).expect("small")))
            .collect()
    };
    let noise = |n: usize| noise(n).replace(['"', '\\'], "x");
    vec![
        (1003, "a\0b".into()),
        (1004, "a\u{fffd}b".into()),
        (1005, "\0".into()),
        (1006, noise(2692)),
        (1007, noise(2693)),
        (1008, "ş".repeat(3000)),
        (1009, "x".repeat(2000)),
    ]
}

#[test]
fn a_record_whose_id_is_no_key_is_set_aside_and_the_rest_is_delivered() {
    for content in ["changes", "snapshot"] {
        let foreign = Foreign::default();
        let qpien = Qpien::start(move |asked| {
            let answer = foreign.answer(asked);
            let mut body = String::from_utf8(answer.body).expect("UTF-8");
            for (n, id) in odd_ids() {
                body = body.replace(&format!("\"id-{n:08}\""), &serde_json::to_string(&id).expect("JSON"));
            }
            Answer { body: body.into_bytes(), ..answer }
        });
        let further = format!("content = \"{content}\"\n[[destination]]\nkind = \"jsonl\"\npath = \"lines\"\n");
        let account = Account::new("foreign-client", "foreign-secret", &further);
        for night in 0..2 {
            let run = account.run(&qpien.endpoint).expect(3);
            let told = "set aside: 4 records with an id that it has no key for";
            assert!(run.stderr.contains(told) && run.stdout.contains(told), "{night}: {}", run.stderr);
            assert!(run.stdout.contains("contacts a\\u{0}b"), "{}", run.stdout);
        }
        let there = account.ask(
            "SELECT count(*) FROM qpien.contacts WHERE _id IN (E'a\\ufffdb', repeat('x', 2000)) OR length(_id) = 2692",
        );
        assert_eq!(there, "3", "what can be a key is one");
        assert_eq!(account.ask("SELECT count(*) FROM qpien.contacts"), "49");
        assert_eq!(
            account.ask("SELECT cardinality(set_aside) FROM qpien._qpien_delivered WHERE stream = 'contacts'"),
            "4"
        );
        assert_eq!(
            std::fs::read_to_string(account.work.path("lines/contacts.jsonl")).expect("lines").lines().count(),
            53
        );
        account.call(&["verify", "job.toml"]).expect(0);
        account.call(&["export", "job.toml"]).expect(3);
    }
}

/// The run adds a missing column to the marks of a version that did not know records that are set aside.
#[test]
fn marks_of_an_older_version_are_added_to() {
    let (sandbox, account) = (sandbox(), Account::new("sandbox-client", "sandbox-secret", ""));
    account.run(&sandbox.endpoint).expect(0);
    account.ask("ALTER TABLE qpien._qpien_delivered DROP COLUMN set_aside");
    account.call(&["verify", "job.toml"]).expect(0);
    sandbox.delete("contacts", 2, 7);
    account.run(&sandbox.endpoint).expect(0);
    whole(&account, &sandbox);
}

/// Calls `work` while another client uses the same pooler all the time.
fn beside_another_client<T>(pooler: &Pooler, work: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                pooler.ask("SELECT pg_sleep(0.003)");
            }
        });
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn a_pooler_that_hands_out_transactions_is_refused_before_anything_is_set() {
    let (sandbox, mut account) = (sandbox(), Account::new("sandbox-client", "sandbox-secret", ""));
    for mode in ["transaction", "statement"] {
        for further in
            ["", "ignore_startup_parameters = extra_float_digits,application_name,options", "server_round_robin = 1"]
        {
            let pooler = Pooler::start(&account.server, &format!("pool_mode = {mode}\n{further}"));
            account.url = url(pooler.port, "postgres");
            for is_busy in [false, true] {
                let call = || account.run(&sandbox.endpoint);
                let run = if is_busy { beside_another_client(&pooler, call) } else { call() };
                assert_eq!(run.code, 1, "{mode} {further} {is_busy}: {}", run.stderr);
                let told = "a pooler that hands out transactions stands in front of the server";
                assert!(run.stderr.contains(told), "{mode} {further} {is_busy}: {}", run.stderr);
            }
            let left = pooler.ask(
                "SELECT current_setting('row_security'), current_setting('lock_timeout'), current_setting('client_min_messages'),
                        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')",
            );
            assert_eq!(left, "on|0|notice|0", "{mode} {further}: nothing is left behind");
            assert_eq!(
                account.ask("SELECT count(*) FROM pg_namespace WHERE nspname = 'qpien'"),
                "0",
                "nothing was made"
            );
        }
    }
    assert!(sandbox.log().is_empty(), "no request was made");
    let pooler = Pooler::start(&account.server, "pool_mode = session\ndefault_pool_size = 4");
    account.url = url(pooler.port, "postgres");
    account.run(&sandbox.endpoint).expect(0);
    account.run(&sandbox.endpoint).expect(0);
    whole(&account, &sandbox);
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn a_transaction_of_postgresql_17_lasts_as_long_as_a_load_whatever_a_role_says() {
    use crate::support::postgres::Programs;
    for content in ["changes", "snapshot"] {
        let (sandbox, server) = (sandbox(), Server::of(Programs::Of17, &["fsync=off"]));
        assert!(server.ask("postgres", "SHOW server_version").starts_with("17."));
        server.ask("postgres", LOADER_OF_ITS_OWN);
        let url = format!("postgres://loader:loads@127.0.0.1:{}/postgres", server.port());
        let job = JOB.replace("CLIENT", "sandbox-client").replace("SECRET", "sandbox-secret");
        let work = Work::with_job(&format!("{job}content = \"{content}\"\n"));
        let account = Account { work, server, url };
        account.ask("ALTER ROLE loader SET transaction_timeout = '200ms'");
        account.run(&sandbox.endpoint).expect(0);
        // With this trigger, a load takes longer than the role's timeout.
        account.ask(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.4); RETURN NULL; END $$;
             CREATE TRIGGER slow AFTER DELETE ON qpien.contacts FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        );
        sandbox.delete("contacts", 2, 7);
        account.run(&sandbox.endpoint).expect(0);
        whole(&account, &sandbox);
        account.call(&["verify", "job.toml"]).expect(0);
    }
}
