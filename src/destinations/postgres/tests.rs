//! Tests the destination against a real server, without the rest of the program.

use std::collections::BTreeMap;

use super::*;
use crate::destinations::Content;
use crate::destinations::contract_tests::{self, FakeMirror, STREAM, Subject, deliver, delivery};
use crate::record::SeqRange;
use crate::verdict::Verdict;

#[path = "../../../tests/support/postgres.rs"]
mod server;

use server::Server;

struct InSchema<'s> {
    server: &'s Server,
    schema: &'static str,
    content: Content,
    tombstones: TombstoneRows,
}

impl InSchema<'_> {
    fn of<'s>(server: &'s Server, schema: &'static str) -> InSchema<'s> {
        InSchema { server, schema, content: Content::Changes, tombstones: TombstoneRows::Delete }
    }

    fn destination(&self) -> Postgres {
        let address = Address::read(&self.server.url("postgres")).expect("a URL");
        let (schema, retry_for) = (self.schema.into(), Duration::ZERO);
        let options = PostgresOptions { address, schema, tombstones: self.tombstones, retry_for };
        Postgres::new(options, DestinationTerms { content: self.content, publish_always: false }, vec![STREAM])
    }

    fn ask(&self, sql: &str) -> String {
        self.server.ask("postgres", &sql.replace('@', self.schema))
    }

    fn refused(&self) -> Error {
        self.destination().check("a test").expect_err("refused")
    }

    fn hand(&self, held: &FakeMirror, range: Option<SeqRange>, mirror: &str) -> Result<Vec<Receipt>> {
        let mut destination = self.destination();
        destination.check("a test")?;
        destination.deliver(&delivery(range, Verdict::Continuous, mirror), held)
    }
}

impl Subject for InSchema<'_> {
    fn open(&self) -> Box<dyn Destination> {
        Box::new(self.destination())
    }

    fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        if self.ask("SELECT count(*) FROM pg_tables WHERE schemaname = '@' AND tablename = 'contacts'") == "0" {
            return BTreeMap::new();
        }
        let flagged = if self.tombstones == TombstoneRows::Flag { "WHERE NOT _deleted" } else { "" };
        let row = |row: &serde_json::Value| {
            let id = row["_id"].as_str().expect("an id").to_owned();
            let own = STREAM.columns().iter().filter_map(|c| {
                let value = row.get(tables::folded(c.name)).filter(|v| !v.is_null())?;
                Some((c.name.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            });
            (id, own.collect())
        };
        let query = format!("SELECT * FROM {}.contacts {flagged}", self.schema);
        self.server.rows("postgres", &query).iter().map(row).collect()
    }

    fn bytes(&self) -> String {
        self.ask("SELECT row_to_json(t) FROM @.contacts AS t ORDER BY _id")
            + &self.ask("SELECT stream, mirror, content, seq FROM @._qpien_delivered")
            + &self.ask("SELECT xmin FROM @.contacts ORDER BY _id")
    }

    fn substituted(&self, text: &str) -> String {
        text.replace('\0', "\u{fffd}")
    }
}

fn contact(id: &str, name: &str) -> String {
    serde_json::json!({ "_id": id, "firstName": name, "tags": [], "createdAt": "2024-03-05T08:09:10.123456Z" })
        .to_string()
}

fn some(ids: &[&str]) -> FakeMirror {
    let mut held = FakeMirror::default();
    for id in ids {
        held.put(id, Some(&contact(id, &format!("name of {id}"))));
    }
    held
}

#[test]
fn it_holds_to_the_contract() {
    let server = Server::start();
    contract_tests::hold_to_the_contract(&InSchema::of(&server, "deletes"));
    let flags = InSchema { tombstones: TombstoneRows::Flag, ..InSchema::of(&server, "flags") };
    contract_tests::hold_to_the_contract(&flags);
    // With `TombstoneRows::Flag`, the row of a deleted record stays as it was, with the seq of the tombstone.
    let mut held = some(&["a", "b"]);
    let flags = InSchema { schema: "stays", ..flags };
    deliver(&flags, &held);
    held.put("a", None);
    held.put("never seen", None);
    deliver(&flags, &held);
    assert_eq!(
        flags.ask("SELECT _id, firstname, _deleted, _seq, _run_id FROM @.contacts ORDER BY _id"),
        "a|name of a|t|3|7\nb|name of b|f|2|7"
    );
    // If the job now says to delete such rows, they are deleted.
    held.put("c", Some(&contact("c", "new")));
    let deletes = InSchema { tombstones: TombstoneRows::Delete, ..flags };
    deliver(&deletes, &held);
    assert_eq!(deletes.ask("SELECT _id FROM @.contacts ORDER BY _id"), "b\nc");
    // Values that PostgreSQL cannot hold are counted, and moments are exact.
    held.put(
        "zero",
        Some(r#"{"_id":"zero","firstName":"\u0000","owner":5,"createdAt":"2024-03-05T08:09:10.123456Z"}"#),
    );
    let receipts = deliver(&deletes, &held);
    assert_eq!((receipts[0].misfits, receipts[0].table.as_deref()), (2, Some("stays.contacts")));
    assert_eq!(
        deletes.ask("SELECT createdat, _extra FROM @.contacts WHERE _id = 'zero'"),
        "2024-03-05 08:09:10.123456+00|{\"owner\":5}"
    );
}

#[test]
fn a_snapshot_is_all_there_is_and_what_is_equal_is_left_alone() {
    let server = Server::start();
    let snapshot = InSchema { content: Content::Snapshot, ..InSchema::of(&server, "s") };
    let mut held = some(&["a", "b", "c", "d"]);
    let receipts = snapshot.hand(&held, None, "m").expect("delivered");
    assert_eq!((receipts[0].records, receipts[0].up_to_seq), (4, 4));
    assert_eq!(snapshot.rows().len(), 4);
    let before = snapshot.bytes();
    snapshot.hand(&held, None, "m").expect("again");
    assert_eq!(snapshot.bytes(), before);
    // By hand, one row is changed, one removed and one added.
    snapshot.ask("UPDATE @.contacts SET firstname = 'x', _seq = 1000 WHERE _id = 'a'");
    snapshot.ask("DELETE FROM @.contacts WHERE _id = 'b'; INSERT INTO @.contacts (_id) VALUES ('z')");
    held.put("c", None);
    snapshot.hand(&held, None, "m").expect("replaced");
    assert_eq!(
        snapshot.ask("SELECT _id, firstname, _seq FROM @.contacts ORDER BY 1"),
        "a|name of a|1\nb|name of b|2\nd|name of d|4"
    );
    // Rows that another mirror delivered, or that somebody else wrote, are not replaced.
    let before = snapshot.bytes();
    let told = snapshot.hand(&held, None, "another").expect_err("another mirror");
    assert!(told.kind == Kind::DestinationOfAnother && told.detail.contains("TRUNCATE the tables"), "{told}");
    assert_eq!(snapshot.bytes(), before);
    snapshot.ask("CREATE TABLE @.saved AS SELECT * FROM @._qpien_delivered; TRUNCATE @._qpien_delivered");
    let told = snapshot.refused();
    assert!(told.detail.contains("holds rows, and nothing says of which mirror: TRUNCATE s.contacts"), "{told}");
    let mut unchecked = snapshot.destination();
    let told = unchecked.deliver(&delivery(None, Verdict::Continuous, "m"), &held).expect_err("somebody else's");
    assert_eq!(told.kind, Kind::DestinationRefused);
    drop(unchecked);
    snapshot.ask("INSERT INTO @._qpien_delivered SELECT * FROM @.saved");
    let told = InSchema::of(&server, "s").refused();
    assert_eq!(told.kind, Kind::DestinationRefused);
    assert!(told.detail.contains("s.contacts is fed by snapshot, and the job delivers changes"), "{told}");
}

#[test]
fn a_table_is_made_whole_and_what_is_not_ours_stays() {
    let server = Server::start();
    let subject = InSchema::of(&server, "e");
    let mut held = some(&["a", "b"]);
    deliver(&subject, &held);
    subject.ask("CREATE VIEW @.names AS SELECT _id, firstname FROM @.contacts; ALTER TABLE @.contacts ADD COLUMN mine int DEFAULT 5");
    // A column that was dropped by hand comes back with its values, also in rows that have not changed. A delivery
    // without a range in between does not make the column count as filled.
    subject.ask("ALTER TABLE @.contacts DROP COLUMN createdat, DROP COLUMN lastname");
    held.put("c", Some(&contact("c", "new")));
    let mut destination = subject.destination();
    destination.check("a test").expect("check");
    assert_eq!(destination.delivered("m", STREAM).expect("delivered"), 0);
    destination.deliver(&delivery(None, Verdict::Continuous, "m"), &held).expect("nothing yet");
    assert_eq!(destination.delivered("m", STREAM).expect("delivered"), 0);
    drop(destination);
    deliver(&subject, &held);
    assert_eq!(subject.ask("SELECT count(createdat), count(*), sum(mine) FROM @.contacts"), "3|3|15");
    assert_eq!(subject.ask("SELECT firstname FROM @.names ORDER BY _id"), "name of a\nname of b\nnew");
    // A table that was dropped is made again.
    subject.ask("DROP TABLE @.contacts CASCADE");
    deliver(&subject, &held);
    assert_eq!(subject.rows().len(), 3);
    // Another type, a lost key or another relation is refused before anything is read, and nothing is changed.
    for (wrong, told, right) in [
        (
            "ALTER TABLE @.contacts ALTER COLUMN gender TYPE varchar(5)",
            "the column gender of e.contacts is character varying(5) and must be text: ALTER TABLE e.contacts ALTER COLUMN gender TYPE text",
            "ALTER TABLE @.contacts ALTER COLUMN gender TYPE text",
        ),
        (
            "ALTER TABLE @.contacts DROP CONSTRAINT contacts_pkey",
            "e.contacts has lost its primary key: ALTER TABLE e.contacts ADD PRIMARY KEY (_id)",
            "ALTER TABLE @.contacts ADD PRIMARY KEY (_id)",
        ),
        (
            "ALTER TABLE @.contacts RENAME TO kept; CREATE VIEW @.contacts AS SELECT * FROM @.kept",
            "e.contacts is no table",
            "DROP VIEW @.contacts; ALTER TABLE @.kept RENAME TO contacts",
        ),
        (
            "CREATE TABLE @.saved AS SELECT * FROM @._qpien_delivered; TRUNCATE @._qpien_delivered",
            "e.contacts holds rows, and nothing says of which mirror: TRUNCATE e.contacts",
            "INSERT INTO @._qpien_delivered SELECT * FROM @.saved",
        ),
    ] {
        subject.ask(wrong);
        let error = subject.refused();
        assert!(error.kind == Kind::DestinationRefused && error.detail.contains(told), "{error}");
        subject.ask(right);
    }
    deliver(&subject, &held);
}

#[test]
fn ranges_adjoin_and_a_mirror_is_not_taken_for_another() {
    let server = Server::start();
    let subject = InSchema::of(&server, "r");
    let mut held = some(&["a", "b"]);
    deliver(&subject, &held);
    for id in ["c", "d", "e"] {
        held.put(id, Some(&contact(id, "x")));
    }
    let before = subject.bytes();
    let gap = subject.hand(&held, Some(SeqRange { first: 4, last: 5 }), "m").expect_err("a gap");
    assert!(gap.detail.contains("the next change is 3"), "{gap}");
    let told = subject.hand(&held, Some(SeqRange { first: 3, last: 5 }), "another").expect_err("another mirror");
    assert!(told.kind == Kind::DestinationOfAnother && told.detail.contains("TRUNCATE"), "{told}");
    assert_eq!(subject.bytes(), before, "nothing has changed");
    // If an answer was lost, the same range is delivered again.
    let range = SeqRange { first: 3, last: 5 };
    subject.hand(&held, Some(range), "m").expect("delivered");
    let before = subject.bytes();
    let again = subject.hand(&held, Some(range), "m").expect("again");
    assert_eq!((again[0].records, again[0].up_to_seq, subject.bytes()), (3, 5, before));
}

#[test]
fn one_run_at_a_time_and_its_holder_is_named() {
    let server = Server::start();
    let subject = InSchema::of(&server, "l");
    let mut first = subject.destination();
    first.check("job nightly").expect("check");
    let error = subject.refused();
    assert_eq!(
        (error.kind, error.detail.contains("is held by qpien-sync job nightly")),
        (Kind::Locked, true),
        "{}",
        error.detail
    );
    // Another schema is another place. A session that ends releases its place at once.
    InSchema::of(&server, "other").destination().check("a test").expect("check");
    drop(first);
    let mut second = subject.destination();
    second.check("a test").expect("check");
    // If the server ended a session, the destination opens a new one, with its lock.
    server
        .ask("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'qpien%'");
    assert_eq!(second.delivered("m", STREAM).expect("connected again"), 0);
    assert_eq!(subject.refused().kind, Kind::Locked);
}

#[test]
fn no_value_is_quoted_in_an_error() {
    const PLANTED: &str = "PLANTEDMARKER";
    let server = Server::start();
    let subject = InSchema::of(&server, "q");
    let mut held = some(&["a"]);
    deliver(&subject, &held);
    held.put("b", Some(&contact("b", PLANTED)));
    let raise = "CREATE FUNCTION @.raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', NEW.firstname; END $$;
        CREATE TRIGGER raise BEFORE INSERT ON @.contacts FOR EACH ROW EXECUTE FUNCTION @.raise()";
    for (wrong, told, right) in [
        (raise, "P0001", "DROP FUNCTION @.raise CASCADE"),
        (
            "ALTER TABLE @.contacts ADD CONSTRAINT named CHECK (firstname <> 'PLANTEDMARKER')",
            "violates check constraint \"named\"",
            "ALTER TABLE @.contacts DROP CONSTRAINT named",
        ),
        (
            "ALTER TABLE @.contacts ADD COLUMN n int GENERATED ALWAYS AS (CASE WHEN _id = 'b' THEN firstname::int END) STORED",
            "22P02",
            "ALTER TABLE @.contacts DROP COLUMN n",
        ),
        (
            "ALTER TABLE @.contacts ADD COLUMN must int NOT NULL DEFAULT 1; ALTER TABLE @.contacts ALTER COLUMN must DROP DEFAULT",
            "null value in column \"must\"",
            "ALTER TABLE @.contacts DROP COLUMN must",
        ),
    ] {
        subject.ask(wrong);
        let before = subject.bytes();
        let error = subject.hand(&held, Some(SeqRange { first: 2, last: 2 }), "m").expect_err(told);
        assert_eq!(error.kind, Kind::DestinationUnwritable);
        assert!(error.detail.contains(told) && error.detail.contains("/postgres"), "{error}");
        assert!(!error.detail.contains(PLANTED) && !error.detail.contains("PASSWORDMARKER"), "{error}");
        assert_eq!(subject.bytes(), before, "nothing has changed");
        subject.ask(right);
    }
    subject.hand(&held, Some(SeqRange { first: 2, last: 2 }), "m").expect("delivered");
    // A wrong password is not quoted either.
    let wrong = server.url("postgres").replace("PASSWORDMARKER", "OTHERMARKER");
    let options = PostgresOptions { address: Address::read(&wrong).expect("a URL"), ..subject.destination().options };
    let told = Postgres::new(options, subject.destination().terms, vec![STREAM]).check("a test").expect_err("refused");
    assert!(told.detail.contains("password authentication failed") && !told.detail.contains("OTHERMARKER"), "{told}");
}

#[test]
fn tls_is_asked_for_and_nobody_is_trusted_unseen() {
    let (plain, secured) = (Server::start(), Server::with_tls());
    let open = |server: &Server, query: &str| {
        let address = Address::read(&format!("{}{query}", server.url("postgres"))).expect("a URL");
        startup::start(&address, "a test")
    };
    let refused = |server: &Server, query: &str| open(server, query).err().expect("refused").detail;
    assert!(refused(&plain, "?sslmode=require").contains("server does not support TLS"));
    // The server has signed its certificate itself, so nobody trusts it.
    let told = refused(&secured, "?sslmode=require");
    assert!(told.contains("certificate"), "{told}");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/self-signed/cert.pem");
    let session = open(&secured, &format!("?sslmode=require&sslrootcert={root}")).expect("trusted");
    assert!(session.value::<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).expect("an answer"));
    assert!(refused(&secured, "?sslrootcert=/no/such/file").contains("/no/such/file"));
    drop(session);
    let session = open(&secured, "?sslmode=disable").expect("as asked");
    assert!(
        !session.value::<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).expect("an answer")
    );
}
