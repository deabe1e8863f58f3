use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::super::contract_tests::{self, FakeMirror, STREAM, Subject, deliver, delivery};
use super::super::csv_options::CsvOptions;
use super::super::files::{self, Files};
use super::super::format::Format;
use super::super::manifest::{FileEntry, Manifest, NAME};
use super::super::{Content, Destination, DestinationTerms, jsonl};
use super::upload::PART;
use super::*;
use crate::destinations::compression::Compression;
use crate::verdict::Verdict;

#[allow(dead_code)] // other tests use more of it
#[path = "../../../tests/support/moto.rs"]
mod moto;
#[allow(dead_code)]
#[path = "../../../tests/support/proxy.rs"]
mod proxy;

use moto::Moto;
use proxy::Proxy;

const CHANGES: DestinationTerms = DestinationTerms { content: Content::Changes, publish_always: false };
const BUCKET: &str = "feed";
const PREFIX: &str = "some/account=a b%c";

fn moto() -> Moto {
    let moto = Moto::start();
    moto.bucket(BUCKET);
    moto
}

fn place(prefix: &str) -> StoreLocation {
    StoreLocation { bucket: BUCKET.into(), prefix: prefix.into() }
}

fn objects(address: &str, prefix: &str) -> ObjectPrefix {
    ObjectPrefix::new(place(prefix), Moto::variables(address), Duration::from_secs(20)).expect("a store")
}

/// A destination under test: change files in a bucket. It writes through `address`; the test reads from the store.
struct InBucket<'m> {
    moto: &'m Moto,
    address: String,
    prefix: &'static str,
    format: fn() -> Box<dyn Format>,
}

fn as_csv() -> Box<dyn Format> {
    Box::new(CsvOptions::default())
}

fn as_jsonl() -> Box<dyn Format> {
    Box::new(jsonl::JsonlOptions { compression: Compression::Zstd })
}

#[cfg(feature = "parquet")]
fn as_parquet() -> Box<dyn Format> {
    Box::new(super::super::parquet::ParquetOptions { is_compressed: true })
}

impl<'m> InBucket<'m> {
    fn new(moto: &'m Moto, prefix: &'static str, format: fn() -> Box<dyn Format>) -> InBucket<'m> {
        InBucket { moto, address: moto.address.clone(), prefix, format }
    }

    fn get(&self, name: &str) -> Option<Vec<u8>> {
        let key = place(self.prefix).key(name);
        self.moto.get(BUCKET, &key.replace('%', "%25").replace(' ', "%20"))
    }

    fn files(&self) -> Vec<FileEntry> {
        let manifest = self.get(NAME).map(|bytes| serde_json::from_slice::<Manifest>(&bytes).expect("a manifest"));
        manifest.and_then(|m| m.streams.get(STREAM.name()).map(|e| e.files.clone())).unwrap_or_default()
    }
}

impl Subject for InBucket<'_> {
    fn open(&self) -> Box<dyn Destination> {
        Box::new(Files::new(Box::new(objects(&self.address, self.prefix)), (self.format)(), CHANGES, None).with_span(6))
    }

    fn rows(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let (mut all, copies) = (BTreeMap::new(), tempfile::tempdir().expect("a folder"));
        for file in self.files() {
            let bytes = self.get(&file.path).expect("a file that the manifest names");
            let copy = copies.path().join(file.path.replace('/', "-"));
            std::fs::write(&copy, bytes).expect("a copy");
            for mut row in files::tests::read(&copy) {
                let id = row["_id"].clone();
                if row["_op"] == "delete" {
                    all.remove(&id);
                } else {
                    row.retain(|name, _| name == "_extra" || !name.starts_with('_'));
                    all.insert(id, row);
                }
            }
        }
        all
    }

    fn bytes(&self) -> String {
        let sum = |file: &FileEntry| {
            let bytes = self.get(&file.path).expect("a file that the manifest names");
            assert_eq!((bytes.len() as u64, sha256(&bytes)), (file.bytes, file.sha256.clone()), "{}", file.path);
            format!("{} {}\n", file.path, file.sha256)
        };
        self.files().iter().map(sum).collect()
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    crate::hex::text(&sha2::Sha256::digest(bytes))
}

fn bytes(n: usize) -> Vec<u8> {
    (0..n).map(|i| u8::try_from(i * 31 % 251).expect("a byte")).collect()
}

fn write(store: &ObjectPrefix, name: &str, bytes: &[u8]) {
    let mut sink = store.stage(name).expect("a file");
    sink.write_all(bytes).and_then(|()| sink.finish()).expect("written");
}

#[test]
fn files_of_each_kind_in_a_bucket_hold_to_the_contract() {
    let moto = moto();
    contract_tests::hold_to_the_contract(&InBucket::new(&moto, "", as_csv));
    contract_tests::hold_to_the_contract(&InBucket::new(&moto, PREFIX, as_jsonl));
    #[cfg(feature = "parquet")]
    contract_tests::hold_to_the_contract(&InBucket::new(&moto, "parquet", as_parquet));
    let probes: Vec<String> = moto.keys(BUCKET).into_iter().filter(|key| key.contains("probe")).collect();
    assert!(probes.is_empty(), "{probes:?}");
    assert_eq!(moto.uploads(BUCKET), 0);
}

#[test]
fn nothing_appears_before_it_is_published_and_what_is_given_up_leaves_nothing() {
    let moto = moto();
    let store = objects(&moto.address, "p");
    let (large, small) = (bytes(3 * PART + 17), bytes(1000));
    write(&store, "large", &large);
    write(&store, "small", &small);
    write(&store, "exact", &large[..2 * PART]);
    write(&store, "empty", b"");
    let names = ["large", "small", "exact", "empty"].map(str::to_owned);
    assert!(moto.keys(BUCKET).is_empty() && moto.uploads(BUCKET) == 2);
    store.publish(&names).expect("published");
    for (name, wanted) in [("large", &large[..]), ("small", &small), ("exact", &large[..2 * PART]), ("empty", b"")] {
        assert!(moto.get(BUCKET, &format!("p/{name}")).as_deref() == Some(wanted), "{name}");
        let mut read = Vec::new();
        store.open(name).expect("opened").expect("there").read_to_end(&mut read).expect("read");
        assert!(read == wanted, "{name}");
    }
    assert!(store.open("nothing").expect("asked").is_none());
    assert_eq!(moto.uploads(BUCKET), 0);

    // One file is not finished, and one is finished but not published, when the store goes away.
    let mut begun = store.stage("begun").expect("a file");
    begun.write_all(&large).expect("written");
    write(&store, "waits", &large);
    assert_eq!(moto.uploads(BUCKET), 2);
    drop(begun);
    assert_eq!(moto.uploads(BUCKET), 1);
    drop(store);
    assert_eq!(moto.uploads(BUCKET), 0);
    assert_eq!(moto.keys(BUCKET).len(), 4);
}

#[test]
fn small_files_wait_in_memory_only_up_to_a_bound() {
    let moto = moto();
    let store = objects(&moto.address, "p");
    for name in ["a", "b", "c"] {
        write(&store, name, &bytes(PART / 2));
    }
    let waiting: usize = store.bucket.staged().values().filter(|s| matches!(s, upload::StagedUpload::Small(_))).count();
    assert_eq!((waiting, moto.uploads(BUCKET)), (2, 1));
    store.clear_staging().expect("cleared");
    assert_eq!((store.bucket.staged().len(), moto.uploads(BUCKET)), (0, 0));
}

#[test]
fn a_lost_answer_is_no_failure() {
    let moto = moto();
    let proxy = Proxy::start(&moto.address);
    let store = objects(&proxy.address, "p");
    for (n, lost) in ["POST /feed/p/large?uploadId", "PUT /feed/p/large?partNumber=2"].into_iter().enumerate() {
        let large = bytes(2 * PART + n);
        proxy.lose_answer(lost);
        write(&store, "large", &large);
        store.publish(&["large".into()]).expect(lost);
        assert!(moto.get(BUCKET, "p/large").is_some_and(|found| found == large), "{lost}");
        assert_eq!(proxy.acts_left(), 0, "{lost}");
    }
    proxy.lose_answer("PUT /feed/p/small");
    write(&store, "small", b"small");
    store.publish(&["small".into()]).expect("published");
    // The answers about the manifest are lost: for the first one, and for one that replaces another.
    let mut store = store;
    assert_eq!(store.read(NAME).expect("read"), None);
    for text in ["{}", "{\"a\":1}"] {
        proxy.lose_answer("PUT /feed/p/manifest.json");
        store.replace(NAME, text.as_bytes()).expect("replaced");
        assert_eq!((moto.get(BUCKET, "p/manifest.json").as_deref(), proxy.acts_left()), (Some(text.as_bytes()), 0));
    }
    store.replace(NAME, b"3").expect("its version is known all the same");
    assert_eq!(moto.uploads(BUCKET), 0);
}

#[test]
fn a_manifest_of_somebody_else_stays_and_nothing_of_ours_appears() {
    let moto = moto();
    let mut held = FakeMirror::default();
    held.put("a", Some(r#"{"_id":"a"}"#));
    let subject = InBucket::new(&moto, "p", as_jsonl);
    let late = |theirs: &dyn Fn()| {
        let mut destination = subject.open();
        destination.check("a test").expect("check");
        let last = held.last();
        let first = destination.delivered("m", STREAM).expect("delivered") + 1;
        theirs();
        let range = crate::record::SeqRange { first, last };
        destination.deliver(&delivery(Some(range), Verdict::Continuous, "m"), &held).expect_err("refused")
    };
    // Neither writer saw a manifest, and the other one was first.
    let refused = late(&|| drop(deliver(&subject, &held)));
    assert_eq!(refused.kind, Kind::Locked);
    assert!(refused.detail.contains("s3://feed/p/manifest.json") && refused.detail.contains("by job j"), "{refused}");
    let before = (subject.bytes(), moto.keys(BUCKET));
    // Both writers saw the same manifest.
    let others = moto.get(BUCKET, "p/manifest.json").expect("a manifest");
    let mut changed = others.clone();
    changed.push(b' ');
    assert_eq!(late(&|| moto.put(BUCKET, "p/manifest.json", &changed)).kind, Kind::Locked);
    assert_eq!((subject.bytes(), moto.keys(BUCKET)), before);
    // The store itself refuses, whatever the writer has read before.
    let mut store = objects(&moto.address, "p");
    store.read(NAME).expect("read");
    moto.put(BUCKET, "p/manifest.json", &others);
    assert_eq!(store.replace(NAME, b"{}").expect_err("refused").kind, Kind::Locked);
    let mut store = objects(&moto.address, "q");
    store.read(NAME).expect("read");
    moto.put(BUCKET, "q/manifest.json", &others);
    assert_eq!(store.replace(NAME, b"{}").expect_err("refused").kind, Kind::Locked);
    assert_eq!(moto.get(BUCKET, "q/manifest.json"), Some(others));
}

/// Starts a server that answers every request with this status and body. Returns its address.
fn stub(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (mut reader, mut length) = (BufReader::new(client.try_clone().expect("a handle")), 0);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                let name = line.to_ascii_lowercase();
                length = name.strip_prefix("content-length:").and_then(|n| n.trim().parse().ok()).unwrap_or(length);
                line.clear();
            }
            let _ = reader.read_exact(&mut vec![0; length]);
            let head =
                format!("HTTP/1.1 {status}\r\nETag: \"a\"\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
            let _ = write!(&client, "{head}\r\n{body}");
        }
    });
    address
}

#[test]
fn what_a_store_refuses_is_told_without_its_words() {
    let refused = |address: &str| {
        let error = objects(address, "p").check("a test").expect_err("refused");
        assert!(error.detail.starts_with("s3://feed/p: "), "{error}");
        assert!(!error.detail.contains("MARKER"), "{error}");
        error
    };
    for (status, body, told) in [
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Message>MARKER</Message></Error>",
            "access denied: the key needs",
        ),
        ("403 Forbidden", "MARKER", "access denied: the key needs"),
        (
            "403 Forbidden",
            "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>MARKER</StringToSign></Error>",
            "look at AWS_SECRET_ACCESS_KEY",
        ),
        ("403 Forbidden", "<Error><Code>InvalidAccessKeyId</Code></Error>", "does not know this key"),
        ("400 Bad Request", "<Error><Code>ExpiredToken</Code></Error>", "have expired"),
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Message>MARKER is not authorized to perform: kms:GenerateDataKey</Message></Error>",
            "(KMS) refuses",
        ),
        ("400 Bad Request", "<Error><Code>KMS.DisabledException</Code></Error>", "refuses it (HTTP 400)"),
        ("400 Bad Request", "<Error><Code>KMSDisabledException</Code></Error>", "(KMS) refuses"),
        (
            "400 Bad Request",
            "<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is required for Put \
             Object requests with Object Lock parameters</Message></Error>",
            "AWS_CHECKSUM_ALGORITHM",
        ),
        (
            "403 Forbidden",
            "<Error><Code>AccessDenied</Code><Message>Access Denied because object protected by Object Lock.</Message></Error>",
            "(Object Lock)",
        ),
        ("404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>", "there is no bucket `feed`"),
        ("404 Not Found", "<html>MARKER</html>", "does the bucket exist?"),
        ("301 Moved Permanently", "MARKER", "in another region"),
        ("200 OK", "MARKER", "ignores the condition of a put"),
        ("418 I'm a teapot", "<Code>MARKER of sorts</Code>", "refuses it (HTTP 418)"),
    ] {
        let error = refused(&stub(status, body));
        assert!(error.kind == Kind::DestinationUnwritable && error.detail.contains(told), "{status}: {error}");
    }
    // These failures may pass by themselves: a store that is failing, and an address where none listens.
    let failing = refused(&stub("503 Slow Down", "MARKER"));
    assert!(failing.kind == Kind::DestinationUnreachable && failing.detail.contains("(HTTP 503)"), "{failing}");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    let refused = refused(&gone);
    assert_eq!(refused.kind, Kind::DestinationUnreachable);
    assert!(refused.detail.contains(&format!("http://{gone} cannot be reached: ")), "{refused}");
}

#[test]
fn a_profile_that_is_not_read_is_named_where_it_may_be_the_reason() {
    let told = |variables: &[(&str, &str)]| {
        let address = stub("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>");
        let mut all: BTreeMap<String, String> = Moto::variables(&address).into_iter().collect();
        all.extend(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        all.retain(|_, value| !value.is_empty());
        let mut objects = ObjectPrefix::new(place("p"), all, Duration::ZERO).expect("a client");
        objects.check("a test").expect_err("refused").detail
    };
    let hint = "; AWS_PROFILE names work, and ~/.aws is not read";
    assert!(!told(&[("AWS_PROFILE", "work")]).contains(hint), "a key is given");
    let without = [
        ("AWS_PROFILE", "work"),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_SKIP_SIGNATURE", "true"),
    ];
    assert!(told(&without).contains(hint), "{}", told(&without));
}

#[test]
fn variables_that_cannot_be_right_are_refused() {
    let refused = |changed: &[(&str, &str)]| {
        let mut variables: BTreeMap<String, String> = Moto::variables("127.0.0.1:9").into_iter().collect();
        variables.extend(changed.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        variables.retain(|_, value| !value.is_empty());
        let error = ObjectPrefix::new(place("p"), variables, Duration::ZERO).err().expect("refused");
        assert_eq!(error.kind, Kind::Usage);
        assert!(!error.detail.contains("MARKER") && !error.detail.contains("hidden"), "{error}");
        error.detail
    };
    assert!(refused(&[("AWS_ALLOW_HTTP", "")]).contains("AWS_ALLOW_HTTP=true"));
    assert!(refused(&[("AWS_ENDPOINT_URL", "store.example")]).contains("must start with https://"));
    assert!(refused(&[("AWS_ENDPOINT_URL", "https://a:hidden@b")]).contains("user name or password"));
    assert!(refused(&[("AWS_SECRET_ACCESS_KEY", "")]).contains("AWS_SECRET_ACCESS_KEY"));
}

#[tokio::test]
async fn a_runtime_may_be_at_work_where_it_is_asked() {
    let moto = moto();
    objects(&moto.address, "p").check("a test").expect("it waits and ends");
}
