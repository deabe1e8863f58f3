//! A job file, a mirror and output folders that an older version of this program made go on under this one.
//!
//! `fixtures/COMMIT/` holds three work folders as the program of that commit left them. Its README says how they were
//! made.
//!
//! - `finished`: three complete nights. Personal data is masked before it enters the mirror.
//! - `interrupted`: two complete nights, and a third that was killed while it read messages. Here and in the next
//!   one, a conversation is gone whose messages are still searched for, and personal data is masked when it is
//!   delivered.
//! - `undelivered`: the same, but the third night was killed between the files of a feed and their manifest.
//!
//! A test unpacks a folder to the absolute path at which it was made, because a mirror knows its destinations by their
//! absolute paths, and people's folders stay where they are. For the same reason the server listens at the address in
//! the job file: a mirror knows that too. A lock file lets one test at a time do so, in all processes of the machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::support::fed::Fed;
use crate::support::qpien::{Account, Field, Qpien};
use crate::support::{BINARY, Outcome, STREAMS};

/// The commits whose folders are kept.
const VERSIONS: [&str; 1] = ["cc1d486"];

/// The folder below which the fixtures were made.
const MADE_AT: &str = "/tmp/qpien-sync-older-version";

/// The address of the API.
const ADDRESS: &str = "127.0.0.1:28451";

const MASK_KEY: &str = "a long and random text";

/// The times of the runs. A fixture has three nights. The present version goes on in the third or begins the fourth,
/// and in the fifth every list is read whole again (`full_every`).
const NIGHTS: [&str; 5] = [
    "2025-02-01T01:00:00Z",
    "2025-02-02T01:00:00Z",
    "2025-02-03T01:00:00Z",
    "2025-02-07T01:00:00Z",
    "2025-02-12T01:00:00Z",
];

/// The number of changed records in a night with three answers.
const CHANGES: usize = 22;

const CONTACTS: &str = "getContactList";
const CONVERSATIONS: &str = "getConversationList";

/// Returns the job file of a fixture.
fn job(kind: &str) -> String {
    let landing = if kind == "finished" { "mask_at = \"landing\"\n" } else { "" };
    format!(
        "name = \"nightly\"\nmode = \"incremental\"\n{landing}\
         [source]\nendpoint = \"http://{ADDRESS}/api/v1\"\nclient_id = \"c\"\nclient_secret = \"s\"\n\
         requests_per_minute = 0\npage_size = 10\naliases_per_request = 1\nin_flight = 1\naudit = 0\n\
         [source.volatile]\ncontacts = [\"avatar\"]\n\
         [mask.contacts]\nfirstName = \"hmac\"\nphone = \"redact\"\n\
         [mask.conversations]\n\"lastMessage.content\" = \"redact\"\n\
         [[destination]]\nkind = \"csv\"\npath = \"csv\"\n\
         [[destination]]\nkind = \"jsonl\"\npath = \"jsonl\"\n\
         [[destination]]\nkind = \"jsonl\"\npath = \"feed\"\ncontent = \"changes\"\n\
         [[destination]]\nkind = \"parquet\"\npath = \"parquet\"\n"
    )
}

/// Returns the account before the first night.
fn before_the_first_night() -> Account {
    let mut account = Account::new(40, 40, 12);
    account.lists.get_mut(CONTACTS).expect("contacts").iter_mut().enumerate().for_each(|(n, contact)| {
        contact["phone"] = json!(format!("+90 555 {n:04}"));
    });
    sign(&mut account, 0);
    account
}

/// Gives each contact the address of a picture that is signed anew.
fn sign(account: &mut Account, night: usize) {
    for contact in account.lists.get_mut(CONTACTS).expect("contacts") {
        contact["avatar"] =
            json!(format!("https://pictures.example/{}?{night}", contact["_id"].as_str().expect("an id")));
    }
}

/// Changes the account in the night before run `night`: records of each stream are edited, new and deleted. So many
/// conversations are answered. Returns the ids of those that have new messages.
fn change(account: &mut Account, night: usize, answered: usize) -> BTreeSet<String> {
    let before = NIGHTS[night].replace("01:00", "00:30");
    let contacts = account.lists.get_mut(CONTACTS).expect("contacts");
    contacts.remove(20);
    contacts[7 * night]["firstName"] = json!(format!("renamed in night {night}"));
    contacts.insert(0, json!({"_id": format!("contact-new-{night}"), "firstName": "new", "phone": "1", "owner": "p"}));
    sign(account, night);
    let mut with_messages = BTreeSet::new();
    for n in 0..answered {
        let conversation = &mut account.lists.get_mut(CONVERSATIONS).expect("conversations")[n];
        let id = conversation["_id"].as_str().expect("an id").to_owned();
        let content = format!("answered in night {night}");
        conversation["lastMessage"] = json!({"content": content, "createdAt": before});
        let message = json!({"_id": format!("message-{id}-night-{night}"), "conversation": id, "content": content,
            "createdAt": before});
        account.messages.get_mut(&id).expect("messages").insert(0, message);
        with_messages.insert(id);
    }
    let conversation = format!("conversation-new-{night}");
    account.talk(&conversation, 12);
    account.lists.get_mut(CONVERSATIONS).expect("conversations").rotate_right(1);
    with_messages.insert(conversation);
    with_messages
}

/// A fixture at the place where it was made, with its server.
struct Fixture {
    folder: PathBuf,
    server: Option<Qpien>,
    _lock: File,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.close();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Fixture {
    /// Waits for its turn and makes an empty folder and a server of this account.
    fn empty(kind: &str, account: Account) -> Fixture {
        let lock = File::create(format!("{MADE_AT}.lock")).expect("the lock's file is this user's");
        lock.lock().expect("a turn");
        let folder = Path::new(MADE_AT).join(kind);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("the folder is this user's");
        let listener = TcpListener::bind(ADDRESS).unwrap_or_else(|e| panic!("{ADDRESS}, the job's address: {e}"));
        Fixture { folder, server: Some(Qpien::on(listener, account)), _lock: lock }
    }

    /// Unpacks a fixture of a version.
    fn of(version: &str, kind: &str) -> Fixture {
        let fixture = Fixture::empty(kind, Account::default());
        unpack(&kept(version).join(format!("{kind}.tar.zst")));
        let lists = fixture.json("account.json");
        let of = |name: &str| serde_json::from_value(lists[name].clone()).expect("lists");
        *fixture.server().account() = Account { lists: of("lists"), messages: of("messages") };
        fixture
    }

    fn server(&self) -> &Qpien {
        self.server.as_ref().expect("open")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).expect(name)).expect("JSON")
    }

    fn write_json(&self, name: &str, value: &Value) {
        std::fs::write(self.path(name), value.to_string()).expect(name);
    }

    fn command(&self, binary: &str, night: usize, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        for (name, _) in
            std::env::vars().filter(|(n, _)| n.starts_with("QPIEN_") || n.to_lowercase().ends_with("_proxy"))
        {
            command.env_remove(name);
        }
        command.current_dir(&self.folder).env("QPIEN_STATE_DIR", self.path("shared"));
        command.env("QPIEN_MASK_KEY", MASK_KEY).env("QPIEN_TEST_NOW", NIGHTS[night]).args(args);
        command
    }

    /// Runs a command of the present version.
    fn call(&self, night: usize, args: &[&str]) -> Outcome {
        Outcome::of(&self.command(BINARY, night, args).output().expect("a command"))
    }

    /// Asserts that each destination holds the account, that the merged feed is the snapshot, and that `verify` agrees.
    /// Returns the number of records that are gone and kept for another night; the manifest must tell it.
    #[track_caller]
    fn is_true(&self, night: usize) -> u64 {
        let (mut all_kept, manifest) = (0, self.json("csv/manifest.json"));
        for stream in STREAMS {
            let truth = self.truth(stream);
            let kept = manifest["streams"][stream]["suspects"].as_u64().unwrap_or(0);
            all_kept += kept;
            let is_equal = |place: &str, mut rows: Rows| {
                let before = rows.len();
                rows.retain(|id, _| truth.contains_key(id));
                assert_eq!((before - rows.len()) as u64, kept, "{place}: {stream} that are gone");
                assert_equal(&format!("{place}: {stream}"), &rows, &truth);
            };
            let mut snapshot = csv(&self.path("csv"), stream);
            is_equal("csv", snapshot.clone());
            is_equal("jsonl", jsonl(&self.path("jsonl"), stream));
            #[cfg(feature = "parquet")]
            is_equal("parquet", parquet(&self.path("parquet"), stream));
            let fed = Fed::read(&self.path("feed"), stream).rows;
            let mut fed: Rows = fed.into_values().map(|row| cells(stream, &row)).collect();
            // A volatile value is as old in a feed as the last change of its record.
            fed.values_mut().chain(snapshot.values_mut()).for_each(|cells| drop(cells.remove("avatar")));
            assert_equal(&format!("the feed of {stream}"), &fed, &snapshot);
        }
        self.call(night, &["verify", "job.toml"]).expect(0);
        all_kept
    }

    /// Asserts that the feed has the files that it had, unchanged. Returns the number of rows in the others.
    #[track_caller]
    fn fed_since(&self, before: &Files) -> usize {
        let mut added = below(&self.path("feed"));
        for (path, bytes) in before {
            assert!(added.remove(path).as_ref() == Some(bytes), "{}", path.display());
        }
        added.values().map(|bytes| String::from_utf8_lossy(bytes).lines().count()).sum()
    }

    /// Asserts that a run took about as many requests as the older version took for the same.
    #[track_caller]
    fn is_as_cheap(&self, earlier: &Value) {
        let (took, older) = (self.server().requests(), usize::try_from(earlier["again"].as_u64().expect("a count")));
        let older = older.expect("few");
        assert!(took * 4 <= older * 5, "{took} requests, and {older} of the older version");
    }

    /// Returns what the files must hold of a stream.
    fn truth(&self, stream: &str) -> Rows {
        let account = self.server().account();
        let rows: Vec<&Value> = match stream {
            "contacts" => account.lists[CONTACTS].iter().collect(),
            "customer_persons" => account.lists["getCustomerPersonList"].iter().collect(),
            "conversations" => account.lists[CONVERSATIONS].iter().collect(),
            _ => account.messages.values().flatten().collect(),
        };
        let masked = |row: &Value| {
            let mut row = row.clone();
            if stream == "contacts" {
                row["firstName"] = json!(hashed(row["firstName"].as_str().expect("a name")));
                row["phone"] = json!("[redacted]");
            } else if stream == "conversations" {
                row["lastMessage"]["content"] = json!("[redacted]");
            }
            cells(stream, &row)
        };
        rows.into_iter().map(masked).collect()
    }
}

/// Returns the folder of a version's fixtures.
fn kept(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(version)
}

/// Unpacks an archive at the place where its files were made.
fn unpack(archive: &Path) {
    let mut tar = Command::new("tar").args(["-x", "-C", MADE_AT]).stdin(Stdio::piped()).spawn().expect("tar");
    let archive = File::open(archive).unwrap_or_else(|e| panic!("{}: {e}", archive.display()));
    zstd::stream::copy_decode(archive, tar.stdin.take().expect("piped")).expect("an archive");
    assert!(tar.wait().expect("its end").success());
}

/// Packs a folder.
fn pack(folder: &str, archive: &Path) {
    let mut tar = Command::new("tar").args(["-c", "-C", MADE_AT, folder]).stdout(Stdio::piped()).spawn().expect("tar");
    let archive = File::create(archive).expect("a file");
    zstd::stream::copy_encode(tar.stdout.take().expect("piped"), archive, 19).expect("an archive");
    assert!(tar.wait().expect("its end").success());
}

/// A question for a list: the operation, the conversation, the page and its size.
type Question = (String, String, usize, usize);

fn questions(asked: &[Field]) -> Vec<Question> {
    let conversation = |field: &Field| field.arguments.get("conversationId").cloned().unwrap_or_default();
    let of =
        |field: &Field| (field.operation.clone(), conversation(field), field.number("page"), field.number("limit"));
    let lists = asked.iter().filter(|field| field.number("page").is_some());
    lists.map(of).map(|(operation, of, page, size)| (operation, of, page.unwrap_or(1), size.unwrap_or(0))).collect()
}

/// Rows by id; each maps the names of the columns that are compared to cells.
type Rows = BTreeMap<String, Cells>;
type Cells = BTreeMap<&'static str, String>;

fn columns(stream: &str) -> &'static [&'static str] {
    match stream {
        "contacts" => &["firstName", "phone", "avatar", "owner"],
        "customer_persons" => &["firstName"],
        "conversations" => &["status", "lastMessage"],
        _ => &["conversation", "content", "createdAt"],
    }
}

/// Returns the id and the cells of a JSON row.
fn cells(stream: &str, row: &Value) -> (String, Cells) {
    let cell = |name: &str| match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    (cell("_id"), columns(stream).iter().map(|name| (*name, moment(name, cell(name)))).collect())
}

/// Returns a cell with its moment in one form.
fn moment(column: &str, cell: String) -> String {
    if column != "createdAt" {
        return cell;
    }
    cell.parse::<jiff::Timestamp>().expect("a moment").to_string()
}

fn hashed(text: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(MASK_KEY.as_bytes()).expect("a key");
    mac.update(text.as_bytes());
    qpien_sync::hex::text(&mac.finalize().into_bytes())
}

#[track_caller]
fn assert_equal(what: &str, rows: &Rows, truth: &Rows) {
    let lacks: Vec<_> = truth.keys().filter(|id| !rows.contains_key(*id)).take(5).collect();
    let has: Vec<_> = rows.keys().filter(|id| !truth.contains_key(*id)).take(5).collect();
    assert!(lacks.is_empty() && has.is_empty(), "{what}: lacks {lacks:?}, has {has:?}");
    for (id, cells) in truth {
        assert_eq!(&rows[id], cells, "{what}: {id}");
    }
    assert!(!truth.is_empty());
}

/// Returns the paths of a snapshot's files of a stream, as the manifest names them.
fn files(folder: &Path, stream: &str) -> Vec<PathBuf> {
    let manifest = std::fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    let files = manifest["streams"][stream]["files"].as_array().expect("files");
    assert!(!files.is_empty());
    files.iter().map(|file| folder.join(file["path"].as_str().expect("a path"))).collect()
}

fn csv(folder: &Path, stream: &str) -> Rows {
    let mut rows = Rows::new();
    for file in files(folder, stream) {
        let mut reader = csv::Reader::from_path(file).expect("a file");
        let header = reader.headers().expect("a header").clone();
        for row in reader.records() {
            let row = row.expect("a row");
            let cell = |name: &str| row[header.iter().position(|n| n == name).expect(name)].to_owned();
            let cells = columns(stream).iter().map(|name| (*name, moment(name, cell(name)))).collect();
            assert!(rows.insert(cell("_id"), cells).is_none(), "twice");
        }
    }
    rows
}

fn jsonl(folder: &Path, stream: &str) -> Rows {
    let mut rows = Rows::new();
    for file in files(folder, stream) {
        for line in std::fs::read_to_string(file).expect("a file").lines() {
            let (id, cells) = cells(stream, &serde_json::from_str(line).expect("JSON"));
            assert!(rows.insert(id, cells).is_none(), "twice");
        }
    }
    rows
}

#[cfg(feature = "parquet")]
fn parquet(folder: &Path, stream: &str) -> Rows {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let mut rows = Rows::new();
    for file in files(folder, stream) {
        let reader = SerializedFileReader::new(File::open(file).expect("a file")).expect("a Parquet file");
        for row in reader.get_row_iter(None).expect("rows") {
            let row = row.expect("a row");
            let text = |field: &Field| match field {
                Field::Null => String::new(),
                Field::Str(text) => text.clone(),
                Field::TimestampMicros(at) => jiff::Timestamp::from_microsecond(*at).expect("a moment").to_string(),
                other => other.to_string(),
            };
            let all: BTreeMap<&str, String> = row.get_column_iter().map(|(name, f)| (&**name, text(f))).collect();
            let cells = columns(stream).iter().map(|name| (*name, all[name].clone())).collect();
            assert!(rows.insert(all["_id"].clone(), cells).is_none(), "twice");
        }
    }
    rows
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Returns the files of rows below a folder, by their paths in it, with their bytes. A manifest says when it was written,
/// and a lock who had it.
fn below(folder: &Path) -> Files {
    let mut all = Files::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let (path, name) = (entry.path(), PathBuf::from(entry.file_name()));
        if name.starts_with(".qpien-sync.lock") || name.ends_with("manifest.json") {
            continue;
        }
        if path.is_dir() {
            all.extend(below(&path).into_iter().map(|(inner, bytes)| (name.join(inner), bytes)));
        } else {
            all.insert(name, std::fs::read(&path).expect("a file"));
        }
    }
    all
}

/// Returns the conversations whose messages are asked for.
fn conversations(asked: &[Question]) -> BTreeSet<String> {
    asked.iter().filter(|(operation, ..)| operation == "getMessages").map(|(_, id, ..)| id.clone()).collect()
}

/// Returns the conversations that are as they were before the first night.
fn untouched(account: &Account) -> BTreeSet<String> {
    let first = before_the_first_night();
    let rows = account.lists[CONVERSATIONS].iter().filter(|row| first.lists[CONVERSATIONS].contains(row));
    let ids = rows.map(|row| row["_id"].as_str().expect("an id").to_owned());
    ids.filter(|id| account.messages[id] == first.messages[id]).collect()
}

/// Runs two nights on a folder as it was left: one that reads what has changed, one that reads everything.
fn nights(fixture: &Fixture) {
    let (earlier, before) = (fixture.json("requests.json"), below(&fixture.path("feed")));
    let with_messages = change(&mut fixture.server().account(), 3, 3);
    let ended = fixture.call(3, &["run", "job.toml"]).expect(0);
    let asked = conversations(&questions(&fixture.server().asked()));
    assert!(asked.is_superset(&with_messages), "{asked:?}");
    let untouched = untouched(&fixture.server().account());
    assert!(untouched.len() > 30 && asked.is_disjoint(&untouched), "these have not changed: {asked:?}");
    let (requests, first) = (fixture.server().requests() as u64, earlier["first"].as_u64().expect("a count"));
    assert!(2 * requests < first, "{requests} requests, and {first} of the first reading");
    fixture.is_as_cheap(&earlier);
    assert!(!ended.stdout.contains("another value of"), "no setting has changed: {}", ended.stdout);
    assert_eq!(fixture.is_true(3), 0);
    assert_eq!(fixture.fed_since(&before), CHANGES);
    let before = below(&fixture.path("feed"));
    change(&mut fixture.server().account(), 4, 3);
    fixture.call(4, &["run", "job.toml"]).expect(0);
    assert_eq!(fixture.is_true(4), 0);
    assert_eq!(fixture.fed_since(&before), CHANGES);
}

#[test]
fn the_next_nights_read_what_has_changed_and_deliver_it_everywhere() {
    for version in VERSIONS {
        nights(&Fixture::of(version, "finished"));
    }
}

#[test]
fn a_folder_that_was_moved_goes_on_too() {
    for version in VERSIONS {
        let mut fixture = Fixture::of(version, "finished");
        let moved = Path::new(MADE_AT).join("moved");
        let _ = std::fs::remove_dir_all(&moved);
        std::fs::rename(&fixture.folder, &moved).expect("moved");
        fixture.folder = moved;
        nights(&fixture);
    }
}

/// Goes on with a run that was killed, and runs the night after it. `unsure` of the last questions before the kill may
/// be asked again, because nobody knows whether their answers were stored.
fn goes_on(fixture: &Fixture, unsure: usize) {
    let (earlier, before) = (fixture.json("requests.json"), below(&fixture.path("feed")));
    let ended = fixture.call(2, &["run", "job.toml"]).expect(0);
    assert!(ended.stdout.contains("going on where an earlier run stopped"), "{}", ended.stdout);
    let asked: Vec<Question> = serde_json::from_value(earlier["asked"].clone()).expect("questions");
    let stored = &asked[..asked.len() - unsure];
    let again = questions(&fixture.server().asked());
    let twice: Vec<_> = again.iter().filter(|question| stored.contains(question)).collect();
    assert!(stored.len() > 20 && twice.is_empty(), "asked a second time: {twice:?}");
    fixture.is_as_cheap(&earlier);
    fixture.is_true(2);
    change(&mut fixture.server().account(), 3, 3);
    fixture.call(3, &["run", "job.toml"]).expect(0);
    assert_eq!(fixture.is_true(3), 0);
    fixture.fed_since(&before);
}

#[test]
fn a_night_that_was_killed_while_it_read_goes_on_where_it_was() {
    for version in VERSIONS {
        goes_on(&Fixture::of(version, "interrupted"), 4);
    }
}

#[test]
fn a_night_that_was_killed_while_it_delivered_reads_nothing_again() {
    for version in VERSIONS {
        goes_on(&Fixture::of(version, "undelivered"), 0);
    }
}

#[test]
fn a_setting_that_has_changed_since_is_named() {
    for version in VERSIONS {
        let fixture = Fixture::of(version, "interrupted");
        let edited = job("interrupted") + "[source.dialect.streams.contacts]\ndrop = [\"owner\"]\n";
        std::fs::write(fixture.path("job.toml"), edited).expect("the job file");
        let ended = fixture.call(2, &["run", "job.toml"]).expect(0).stdout;
        let told: Vec<_> = ended.lines().filter(|line| line.contains("than when this reading began")).collect();
        assert!(told.len() == 1 && told[0].contains("contacts:") && told[0].contains("`drop`"), "{ended}");
    }
}

#[test]
fn a_folder_as_it_was_left_is_shown_planned_verified_and_exported() {
    for version in VERSIONS {
        let fixture = Fixture::of(version, "finished");
        let status = fixture.call(3, &["status", "job.toml"]).expect(0).stdout;
        assert!(status.contains("run 3 of job nightly (incremental)"), "{status}");
        for (stream, verdict) in [("contacts", "proven"), ("conversations", "proven"), ("messages", "continuous")] {
            let row = status.lines().find(|line| line.starts_with(stream)).expect(stream);
            let (rows, cells) = (fixture.truth(stream).len().to_string(), row.split_whitespace().collect::<Vec<_>>());
            assert_eq!(cells[1..3], [verdict, &*rows], "{status}");
        }
        let plan = fixture.call(3, &["plan", "job.toml"]).expect(0).stdout;
        assert!(plan.contains("plan for nightly"), "{plan}");
        assert_eq!(fixture.is_true(3), 0);
        // The bytes of Parquet files are those of another library, and may be others in a newer one.
        let all = || ["csv", "jsonl", "feed"].map(|place| (place, below(&fixture.path(place))));
        let before = all();
        let requests = fixture.server().requests();
        fixture.call(3, &["export", "job.toml"]).expect(0);
        assert_eq!((fixture.server().requests(), fixture.is_true(3)), (requests, 0));
        for ((place, before), (_, after)) in before.into_iter().zip(all()) {
            assert!(before.keys().eq(after.keys()) && before.len() >= 4, "{place}: {:?}", after.keys());
            let other: Vec<_> =
                before.iter().filter(|(path, bytes)| after[*path] != **bytes).map(|(path, _)| path).collect();
            assert!(other.is_empty(), "{place}: other bytes in {other:?}");
        }
    }
}

/// Makes the fixtures of the program that `OLDER` names, in the folder that `KEPT` names.
#[test]
#[ignore = "makes the fixtures of another version"]
fn make_the_fixtures() {
    let (older, kept) = (std::env::var("OLDER").expect("OLDER"), PathBuf::from(std::env::var("KEPT").expect("KEPT")));
    std::fs::create_dir_all(&kept).expect("a folder");
    for kind in ["finished", "interrupted", "undelivered"] {
        let fixture = Fixture::empty(kind, before_the_first_night());
        let run = |night| fixture.command(&older, night, &["run", "job.toml"]);
        let done = |night| Outcome::of(&run(night).output().expect("a run")).expect(0);
        let asked = || (fixture.server().asked().len(), fixture.server().requests());
        std::fs::write(fixture.path("job.toml"), job(kind)).expect("the job file");
        done(0);
        let first = fixture.server().requests();
        change(&mut fixture.server().account(), 1, 4);
        if kind != "finished" {
            // Its messages may have moved: they are searched for in the nights that follow.
            let gone = fixture.server().account().lists.get_mut(CONVERSATIONS).expect("conversations").remove(30);
            fixture.server().account().messages.remove(gone["_id"].as_str().expect("an id"));
        }
        done(1);
        let before = asked();
        change(&mut fixture.server().account(), 2, 8);
        match kind {
            "finished" => drop(done(2)),
            "interrupted" => {
                let mut child = run(2).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
                while conversations(&questions(&fixture.server().asked()[before.0..])).len() < 6 {
                    assert!(child.try_wait().expect("a child").is_none(), "it ended");
                    std::thread::yield_now();
                }
                child.kill().expect("SIGKILL");
                child.wait().expect("dead");
            }
            _ => {
                let died = Outcome::of(&run(2).env("QPIEN_TEST_DIE_AT", "30").output().expect("a run"));
                assert_eq!(died.code, -1, "{}{}", died.stdout, died.stderr);
                // The feed has files of the night, and its manifest does not name them yet.
                let named = |stream| files(&fixture.path("feed"), stream).len();
                let (named, there) = (named("messages"), below(&fixture.path("feed/messages")).len());
                assert_eq!(there, named + 1, "another step: change the number of `QPIEN_TEST_DIE_AT`");
            }
        }
        // How many requests the older version itself would have needed to go on.
        let left_account = fixture.server().account().clone();
        let (left, until) = (Path::new(MADE_AT).join("left"), asked());
        let _ = std::fs::remove_dir_all(&left);
        assert!(Command::new("cp").arg("-a").args([&fixture.folder, &left]).status().expect("cp").success());
        match kind {
            "finished" => {
                change(&mut fixture.server().account(), 3, 3);
                done(3);
            }
            _ => drop(done(2)),
        }
        let again = asked().1 - until.1;
        std::fs::remove_dir_all(&fixture.folder).expect("removed");
        std::fs::rename(&left, &fixture.folder).expect("put back");
        let asked = questions(&fixture.server().asked()[before.0..until.0]);
        fixture.write_json("requests.json", &json!({"first": first, "asked": asked, "again": again}));
        let Account { lists, messages } = left_account;
        fixture.write_json("account.json", &json!({"lists": lists, "messages": messages}));
        pack(kind, &kept.join(format!("{kind}.tar.zst")));
    }
}
