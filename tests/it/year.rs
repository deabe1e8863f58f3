//! A year in a test: an account that lives, a job that people edit, runs that are cut, killed and boxed, and two jobs
//! on one mirror. After each green run, every file equals what the job asks for, cell by cell, a merged change feed
//! gives the same, and `verify` finds nothing.
//!
//! A test run takes thirty nights of some seeds; `make soak` takes a year of `SOAK_SEEDS`.

mod job;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde_json::Value;

use crate::support::fed::Fed;
#[cfg(feature = "postgres")]
use crate::support::postgres::Server;
use crate::support::qpien::Qpien;
use crate::support::simulated::{self, Dice, Habits, Life, Merge, date};
use crate::support::{Outcome, Work};
use job::{Always, Job, text_of};

fn is_backfill(work: &Work, file: &str) -> bool {
    std::fs::read_to_string(work.path(file)).expect("the job file").contains("mode = \"backfill\"")
}

fn ids<'a>(rows: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    rows.map(|row| row["_id"].as_str().expect("an id").to_owned()).collect()
}

struct Year {
    seed: u64,
    work: Work,
    server: Qpien,
    job: Job,
    #[cfg(feature = "postgres")]
    database: Option<Server>,
    night: usize,
    /// Number of nights in a row that were not complete.
    unread: usize,
    /// The conversations that the latest green run could see.
    shown: BTreeSet<String>,
    /// Whether that run asked for open conversations only.
    shown_open_only: bool,
    /// The merges since then, of conversations that were there the day before.
    merges: Vec<Merge>,
    /// Messages that came from a conversation which the latest green run could not see, or which the job does not ask for
    /// any more since then. The conversation that has them now shows no sign of it, so only an audit or a reading of its
    /// whole list finds them.
    without_sign: BTreeSet<String>,
    log: Vec<String>,
}

impl Year {
    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.work.command(args);
        command.env("QPIEN_TEST_NOW", format!("{}T23:30:00Z", date(self.night)));
        #[cfg(feature = "postgres")]
        if let Some(server) = &self.database {
            command.env("WAREHOUSE_URL", server.url("postgres"));
        }
        command
    }

    fn write(&self, name: &str, mode: &str) -> String {
        let file = format!("{name}.toml");
        std::fs::write(self.work.path(&file), self.job.text(name, mode)).expect("the job file");
        file
    }

    fn run(&self, file: &str, more: &[&str]) -> Outcome {
        let args = [&["run", file, "--endpoint", self.server.endpoint()], more].concat();
        Outcome::of(&self.command(&args).output().expect("a run"))
    }

    /// Starts a run and waits until the server has seen `after` more requests or the run ends; then kills it.
    fn run_and_kill(&self, file: &str, after: usize) {
        let until = self.server.requests() + after;
        let mut command = self.command(&["run", file, "--endpoint", self.server.endpoint()]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("a run");
        while self.server.requests() < until && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let _ = child.kill();
        child.wait().expect("its end");
    }

    /// Runs until the run is green, and allows what it refuses, as a person who knows better would.
    ///
    /// Returns `false` if the run says that it is incomplete for one reason: a cut run began a list whose
    /// conversation is gone since. Nothing that this server shows distinguishes that from a list that cannot be read.
    /// It happens for two nights at most.
    fn green(&mut self, file: &str) -> bool {
        let mut first = self.run(file, &[]);
        if first.code == 0 && first.stdout.contains("going on where") && is_backfill(&self.work, file) {
            // A backfill goes on with what it had read before the cut. The next one reads the account as it is now.
            first = self.run(file, &[]);
        }
        let ended = if first.code == 7 { self.run(file, &["--allow-deletes"]) } else { first };
        if ended.code == 3 && ended.stdout.contains("Conversation not found") && self.unread < 2 {
            self.unread += 1;
            let why: Vec<_> = ended.stdout.lines().filter(|line| line.contains(" incomplete: ")).collect();
            self.log.push(format!("night {}: {file} incomplete: {}", self.night, why.join("; ")));
            return false;
        }
        self.unread = 0;
        assert_eq!(ended.code, 0, "{}{}\n{}", self.told(), ended.stdout, ended.stderr);
        let notes: Vec<_> =
            ended.stdout.lines().filter(|line| line.starts_with("note:") && line.contains("record")).collect();
        self.log.push(format!("night {}: {file} green {}", self.night, notes.join(" ")));
        true
    }

    /// Notes which messages the job cannot know of, because of merges since the latest green run.
    fn excuse_merges(&mut self) {
        let is_narrowed = self.job.is_open_only() && !self.shown_open_only;
        for merge in self.merges.drain(..).filter(|merge| is_narrowed || !self.shown.contains(&merge.gone)) {
            self.without_sign.extend(merge.messages);
        }
    }

    fn told(&self) -> String {
        let from = self.log.len().saturating_sub(12);
        format!("seed {}, night {}: {:?}\n{}\n", self.seed, self.night, self.job, self.log[from..].join("\n"))
    }

    /// Asserts that the snapshot and the feed hold what the job asks for, and that `verify` agrees.
    fn is_true(&self, name: &str) {
        let mut kept_conversations = 0;
        for stream in self.job.streams() {
            let truth = self.job.truth(&self.server.account(), stream);
            let (rows, manifest) = (self.snapshot(name, stream), self.manifest(name));
            let kept = manifest["streams"][stream]["suspects"].as_u64().unwrap_or(0);
            self.compare(&format!("{name}: {stream}"), kept, &rows, &truth);
            let gone = |rows: &BTreeMap<String, Vec<String>>| rows.keys().filter(|id| !truth.contains_key(*id)).count();
            if *stream == "conversations" {
                kept_conversations = gone(&rows);
            } else if *stream == "messages" {
                assert!(
                    kept_conversations > 0 || gone(&rows) as u64 <= kept,
                    "{}messages that belong to nothing",
                    self.told()
                );
            }
            if self.job.has_feed() {
                let fed = Fed::read(&self.work.path(&self.job.feed_of(name)), stream);
                let cells = |row: &Value| {
                    Job::columns(stream).iter().map(|c| row.get(*c).map(text_of).unwrap_or_default()).collect()
                };
                let mut rows: BTreeMap<_, Vec<String>> =
                    fed.rows.iter().map(|(id, row)| (id.clone(), cells(row))).collect();
                let mut truth = truth.clone();
                if self.job.is_volatile() && *stream == "contacts" {
                    // A feed holds volatile values as they were at the last change of their record.
                    rows.values_mut().chain(truth.values_mut()).for_each(|cells| cells[2].clear());
                }
                self.compare(&format!("{name}: the feed of {stream}"), kept, &rows, &truth);
            }
        }
        #[cfg(feature = "postgres")]
        self.tables_are_true(name);
        let verified = Outcome::of(&self.command(&["verify", &format!("{name}.toml")]).output().expect("it runs"));
        assert_eq!(verified.code, 0, "{}verify: {}{}", self.told(), verified.stdout, verified.stderr);
    }

    /// Asserts that the tables' rows, with cells as texts, hold what the job asks for.
    #[cfg(feature = "postgres")]
    fn tables_are_true(&self, name: &str) {
        let Some(server) = &self.database else { return };
        for stream in self.job.streams() {
            let kept = self.manifest(name)["streams"][stream]["suspects"].as_u64().unwrap_or(0);
            let texts: Vec<usize> = (0..Job::columns(stream).len())
                .filter(|n| !["createdAt", "tags"].contains(&Job::columns(stream)[*n]))
                .collect();
            let rows = server.rows("postgres", &format!("SELECT * FROM {}.{stream}", self.job.schema_of(name)));
            let is_volatile = self.job.is_volatile() && *stream == "contacts";
            // A table holds volatile values as they were at the last change of their record.
            let cell = |n: &usize, cell: String| if is_volatile && *n == 2 { String::new() } else { cell };
            let cells = |row: &Value| {
                let named =
                    |n: &usize| row.get(Job::columns(stream)[*n].to_lowercase()).map(text_of).unwrap_or_default();
                texts.iter().map(|n| cell(n, named(n))).collect()
            };
            let rows = rows.iter().map(|row| (row["_id"].as_str().expect("an id").to_owned(), cells(row))).collect();
            let truth = self.job.truth(&self.server.account(), stream).into_iter();
            let truth = truth.map(|(id, all)| (id, texts.iter().map(|n| cell(n, all[*n].clone())).collect())).collect();
            self.compare(&format!("{name}: the table of {stream}"), kept, &rows, &truth);
        }
    }

    /// Asserts that all records are there and unchanged. Records that an unproven reading did not show may be kept
    /// for another night, and the run reports them.
    fn compare(
        &self,
        what: &str,
        kept: u64,
        rows: &BTreeMap<String, Vec<String>>,
        truth: &BTreeMap<String, Vec<String>>,
    ) {
        let is_missing = |id: &&String| !rows.contains_key(*id) && !self.without_sign.contains(*id);
        let missing: Vec<_> = truth.keys().filter(is_missing).take(5).collect();
        // Messages of a kept conversation are kept with it. Messages of a conversation that is gone are kept until
        // they are found in another one.
        let account = self.server.account();
        let asked = self.job.conversations(&account);
        let is_asked = |id: &str| asked.iter().any(|row| row["_id"] == id);
        let goes_with = |id: &String| what.ends_with("messages") && !is_asked(&rows[id][0]);
        let surplus: Vec<_> = rows.keys().filter(|id| !truth.contains_key(*id) && !goes_with(id)).collect();
        let is_told = surplus.len() as u64 <= kept;
        assert!(
            missing.is_empty() && is_told,
            "{}{what}: lacks {missing:?}, has {surplus:?}, {kept} told",
            self.told()
        );
        let is_other =
            |(id, cells): &(&String, &Vec<String>)| rows.get(*id).is_some_and(|row| row != *cells) && !goes_with(id);
        let other = truth.iter().find(is_other);
        assert!(other.is_none(), "{}{what}: {other:?} is {:?}", self.told(), other.map(|(id, _)| &rows[id]));
    }

    fn manifest(&self, name: &str) -> Value {
        let manifest = std::fs::read(self.work.path(name).join("manifest.json")).expect("a manifest");
        serde_json::from_slice(&manifest).expect("JSON")
    }

    fn snapshot(&self, name: &str, stream: &str) -> BTreeMap<String, Vec<String>> {
        let (folder, manifest) = (self.work.path(name), self.manifest(name));
        let mut rows = BTreeMap::new();
        for file in manifest["streams"][stream]["files"].as_array().expect("files") {
            let bytes = std::fs::read(folder.join(file["path"].as_str().expect("a path"))).expect("a file");
            let mut text = Vec::new();
            let (delimiter, is_gzip) = self.job.csv();
            if is_gzip {
                flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("gzip");
            } else {
                text = bytes;
            }
            let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(&text[..]);
            let header = reader.headers().expect("a header").clone();
            let at =
                |name: &str| header.iter().position(|n| n == name).unwrap_or_else(|| panic!("{name} in {header:?}"));
            let columns: Vec<usize> = Job::columns(stream).iter().map(|name| at(name)).collect();
            for row in reader.records() {
                let row = row.expect("a row");
                let cells = columns.iter().map(|at| row[*at].to_owned()).collect();
                assert!(rows.insert(row[0].to_owned(), cells).is_none(), "{}{stream}: {} twice", self.told(), &row[0]);
            }
        }
        rows
    }
}

fn live(seed: u64, nights: usize) {
    let mut dice = Dice(seed ^ 0x5eed);
    let habits = Habits { by_activity: dice.once_in(2) };
    let (mut life, account) = Life::begin(seed, habits, 60, 40);
    let server = simulated::serve(account);
    let always = Always { masked_at_landing: seed % 5 == 2, database: cfg!(feature = "postgres") && seed % 5 == 1 };
    let mut year = Year {
        seed,
        work: Work::with_job(""),
        server,
        job: Job::new(always),
        #[cfg(feature = "postgres")]
        database: always.database.then(Server::start),
        night: 0,
        unread: 0,
        shown: BTreeSet::new(),
        shown_open_only: false,
        merges: Vec::new(),
        without_sign: BTreeSet::new(),
        log: Vec::new(),
    };
    for night in 0..nights {
        year.night = night + 1;
        let before = ids(year.server.account().lists["getConversationList"].iter());
        life.day(&mut year.server.account(), night + 1);
        year.merges.extend(life.merges.drain(..).filter(|merge| before.contains(&merge.gone)));
        let mode = year.job.mode();
        // A run under the job as it was, cut or killed before its end.
        let file = year.write("main", mode);
        match dice.below(5) {
            0 => {
                let most = (5 + dice.below(40)).to_string();
                let ended = year.run(&file, &["--max-requests", &most]);
                year.log.push(format!("night {}: cut after {most}: exit {}", year.night, ended.code));
                assert!([0, 3, 4, 7].contains(&ended.code), "{}{}{}", year.told(), ended.stdout, ended.stderr);
            }
            1 => {
                let after = 1 + dice.below(40);
                year.run_and_kill(&file, after);
                year.log.push(format!("night {}: killed after {after}", year.night));
            }
            _ => {}
        }
        if dice.once_in(2) {
            let edited = year.job.edit(&mut dice);
            year.log.push(format!("night {}: {edited} edited", year.night));
        }
        let mode = year.job.mode();
        let file = year.write("main", mode);
        if dice.once_in(8) {
            // On this night there is no further run.
            year.log.push(format!("night {}: none", year.night));
            continue;
        }
        if !year.green(&file) {
            continue;
        }
        year.excuse_merges();
        year.is_true("main");
        year.shown_open_only = year.job.is_open_only();
        year.shown = ids(year.job.conversations(&year.server.account()).into_iter());
        if year.job.streams().contains(&"messages") {
            let found = year.snapshot("main", "messages");
            year.without_sign.retain(|id| !found.contains_key(id));
        }
        if dice.once_in(6) {
            let file = year.write("other", if dice.once_in(2) { "backfill" } else { "incremental" });
            if year.green(&file) {
                year.is_true("other");
            }
        }
    }
}

fn soak() -> Option<u64> {
    std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok())
}

#[test]
fn every_green_night_is_the_truth_of_what_the_job_asks_for() {
    let (seeds, nights) = soak().map_or((5, 30), |seeds| (seeds, 366));
    let first = std::env::var("SOAK_FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    for seed in first..seeds {
        live(seed, nights);
    }
}
