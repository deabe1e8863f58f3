//! Shared by the tests: a real sandbox process, the real binary, and a folder for each test.
#![allow(dead_code)] // each test binary uses its part

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

pub mod edited;
pub mod fed;
pub mod foreign;
pub mod generated;
pub mod mirrored;
pub mod moto;
pub mod overhearing;
pub mod postgres;
pub mod proxy;
pub mod qpien;
pub mod simulated;
pub mod tls;
pub mod wire;

/// Path of the binary under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_qpien-sync");

/// The streams that a job reads by default.
pub const STREAMS: [&str; 4] = ["contacts", "customer_persons", "conversations", "messages"];

/// A sandbox process; dropping it kills the process.
pub struct Sandbox {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// The URL of the GraphQL endpoint.
    pub endpoint: String,
}

impl Sandbox {
    /// Starts a run and kills it once the sandbox has seen `after` more requests.
    pub fn kill_run(&self, command: &mut std::process::Command, after: u64) {
        let requests = || self.counts()["requests"].as_u64().expect("a count");
        let until = requests() + after;
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a run");
        while requests() < until && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
    }

    /// Starts `qpien-sync sandbox` on a free port with these further arguments.
    pub fn start(args: &[&str]) -> Sandbox {
        Sandbox::start_at("127.0.0.1:0", args)
    }

    /// Does the same with a clock that stands at this moment until a night passes.
    pub fn start_on(now: &str, args: &[&str]) -> Sandbox {
        Sandbox::start(&[&["--now", now], args].concat())
    }

    /// Does the same on a given address, such as that of an earlier sandbox.
    pub fn start_at(listen: &str, args: &[&str]) -> Sandbox {
        let mut child = Command::new(BINARY)
            .args(["sandbox", "--listen", listen])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the sandbox starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let endpoint = loop {
            let line = lines.next().expect("the sandbox prints its address").expect("a line");
            if let Some(at) = line.find("http://") {
                break line[at..].split_whitespace().next().expect("an address").to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let address = endpoint.trim_start_matches("http://").split('/').next().expect("host").to_owned();
        Sandbox { child, address, endpoint }
    }

    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the body of the answer to `GET path`.
    pub fn get(&self, path: &str) -> String {
        self.bodiless("GET", path)
    }

    /// Returns the body of the answer to a request without a body.
    pub fn bodiless(&self, method: &str, path: &str) -> String {
        self.answer(&format!("{method} {path} HTTP/1.0\r\nHost: sandbox\r\nContent-Length: 0\r\n\r\n"))
    }

    /// Deletes `n` records of a stream and returns their ids.
    pub fn delete(&self, stream: &str, n: usize, seed: u64) -> Vec<String> {
        let path = format!("/sandbox/delete?stream={stream}&n={n}&seed={seed}");
        serde_json::from_str(&self.change(&path)).expect("ids")
    }

    /// Makes the lists of a stream come out empty, or ends that.
    pub fn empty(&self, stream: &str, on: bool) {
        let off = if on { "" } else { "&off" };
        assert_eq!(self.change(&format!("/sandbox/empty?stream={stream}{off}")), on.to_string());
    }

    fn change(&self, path: &str) -> String {
        self.answer(&format!("POST {path} HTTP/1.0\r\nHost: sandbox\r\nContent-Length: 0\r\n\r\n"))
    }

    /// Returns the answer to a document sent without a token.
    pub fn post(&self, document: &str) -> String {
        let body = serde_json::json!({ "query": document }).to_string();
        let path = self.endpoint.split_once(&self.address).map_or("/", |(_, path)| path);
        self.answer(&format!(
            "POST {path} HTTP/1.0\r\nHost: sandbox\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn answer(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the sandbox listens");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("headers") + 4;
        String::from_utf8(answer.split_off(at)).expect("UTF-8")
    }

    /// Returns what a perfect export holds, by id.
    pub fn truth(&self, stream: &str) -> BTreeMap<String, serde_json::Value> {
        let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("a record");
        let id = |v: &serde_json::Value| v["_id"].as_str().expect("an id").to_owned();
        self.get(&format!("/truth/{stream}?objects=all")).lines().map(parse).map(|v| (id(&v), v)).collect()
    }

    /// Returns the ids that were inserted, deleted, edited or moved, by stream.
    pub fn touched(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/sandbox/touched")).expect("JSON")
    }

    /// Returns the sandbox's own counts.
    pub fn counts(&self) -> serde_json::Value {
        serde_json::from_str(&self.get("/sandbox/counts")).expect("JSON")
    }

    /// Returns every question for a list so far, sorted.
    ///
    /// It leaves out the questions for a second page of messages after a first page whose total equals its rows. The
    /// number of those depends on the order of answers: they are asked until some total proves to count the whole
    /// list.
    pub fn questions(&self) -> Vec<String> {
        let is_behind = |q: &serde_json::Value| q["conversationId"].is_string() && q["page"] == 2 && q["limit"] != 100;
        let of = |line: &serde_json::Value| line["arguments"].as_array().cloned().unwrap_or_default();
        let mut all: Vec<String> =
            self.log().iter().flat_map(of).filter(|q| !is_behind(q)).map(|q| q.to_string()).collect();
        all.sort();
        all
    }

    /// Returns every request so far.
    pub fn log(&self) -> Vec<serde_json::Value> {
        self.get("/sandbox/log").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A test's folder: a job file, a mirror, an output folder and a state folder.
pub struct Work {
    dir: tempfile::TempDir,
}

impl Work {
    /// Creates a job that reads everything, with `source` added under `[source]`.
    pub fn new(source: &str) -> Work {
        Work::with_job(&format!(
            "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\n\
             requests_per_minute = 0\n{source}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
        ))
    }

    /// Creates a job of this text.
    pub fn with_job(text: &str) -> Work {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("job.toml"), text).expect("the job file");
        Work { dir }
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the binary's command in this folder, without the environment variables of the caller that the binary
    /// would read.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        for (name, _) in std::env::vars()
            .filter(|(n, _)| n.starts_with("QPIEN_") || n.starts_with("AWS_") || n.to_lowercase().ends_with("_proxy"))
        {
            command.env_remove(name);
        }
        command.current_dir(self.dir.path()).env("QPIEN_STATE_DIR", self.path("shared")).args(args);
        command
    }

    /// Runs `run job.toml` against the sandbox.
    pub fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Outcome {
        Outcome::of(
            &self.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]).args(args).output().expect("a run"),
        )
    }

    /// Runs any command.
    pub fn call(&self, args: &[&str]) -> Outcome {
        Outcome::of(&self.command(args).output().expect("a run"))
    }

    /// Returns the bytes of a stream's CSV file.
    pub fn csv(&self, stream: &str) -> Vec<u8> {
        std::fs::read(self.path(&format!("out/{stream}.csv"))).unwrap_or_else(|e| panic!("{stream}.csv: {e}"))
    }

    /// Returns the bytes of a file.
    pub fn csv_at(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path("out/manifest.json")).expect("manifest")).expect("JSON")
    }
}

/// Changes a mirror as this program would, with its sums taken anew. Returns the number of rows that the last
/// statement changed.
pub fn by_hand(mirror: &Path, sql: &str) -> u64 {
    let mirror = rusqlite::Connection::open(mirror).expect("the mirror");
    mirror.execute_batch(sql).expect(sql);
    let changed = mirror.changes();
    qpien_sync::mirror::sums::take(&mirror).expect("its sums");
    changed
}

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Returns the result of a finished process.
    pub fn of(output: &Output) -> Outcome {
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns itself if the exit code is `code`, else fails the test.
    #[track_caller]
    pub fn expect(self, code: i32) -> Outcome {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// Compares a stream's CSV file with the server's truth, cell for cell; `Err` names the difference. `objects` is the
/// query of the truth, such as `?objects=all`. With `&subset` at its end, an object may have any part of its
/// sub-fields.
pub fn compared(sandbox: &Sandbox, work: &Work, stream: &str, objects: &str) -> Result<(), String> {
    compared_in(sandbox, work, "out", stream, objects)
}

/// Does the same for a file in another folder.
pub fn compared_in(sandbox: &Sandbox, work: &Work, out: &str, stream: &str, objects: &str) -> Result<(), String> {
    let truth = sandbox.get(&format!("/truth/{stream}{}", objects.trim_end_matches("&subset")));
    let file = work.path(&format!("{stream}.jsonl"));
    std::fs::write(&file, truth).expect("the truth");
    let python = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/compare.py"))
        .args([work.path(&format!("{out}/{stream}.csv")), file])
        .args(objects.ends_with("&subset").then_some("subset"))
        .output()
        .expect("python3 (make test installs it)");
    let said = String::from_utf8_lossy(&python.stdout).into_owned() + &String::from_utf8_lossy(&python.stderr);
    if python.status.success() { Ok(()) } else { Err(format!("{stream}: {said}")) }
}

/// Returns the ids in a stream's CSV file, in its order.
pub fn ids(work: &Work, stream: &str) -> Vec<String> {
    let bytes = work.csv(stream);
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    reader.records().map(|r| r.expect("a record")[0].to_owned()).collect()
}

/// Returns the folder of what the tests need installed: Python packages and node modules.
pub fn needs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".test-needs")
}

/// Returns the Python that has the packages of `tests/support/requirements.txt`.
pub fn python() -> PathBuf {
    let python = needs().join("venv/bin/python");
    assert!(python.exists(), "{} is missing: tests/support/needs.sh installs it", python.display());
    python
}
