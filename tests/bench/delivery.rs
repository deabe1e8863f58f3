//! Measures a delivery of many messages (`ROWS`, by default 2,000,000) beside other programs that do the same:
//!
//! - the CSV snapshot beside `sqlite3 -csv` of the same view in the same order,
//! - the Parquet snapshot beside DuckDB, which writes Parquet from that CSV file,
//! - PostgreSQL beside `psql`.
//!
//! Each is measured several times in turns, and its best time counts.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use qpien_sync::streams::{ColumnKind, Stream};

use crate::support::{Sandbox, Work, python};

const TURNS: usize = 3;
const MOST_MIB: f64 = 128.0;
const JOB: &str = "name = \"delivery\"\nmode = \"backfill\"\nstreams = [\"conversations\", \"messages\"]\n[source]\n\
    client_id = \"sandbox-client\"\nclient_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n";

/// The time in seconds, and the peak of resident memory in MiB.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    mib: f64,
}

impl Cost {
    const NONE: Cost = Cost { seconds: f64::MAX, mib: 0.0 };

    /// Combines two measurements: the better time and the higher peak.
    fn and(self, other: Cost) -> Cost {
        Cost { seconds: self.seconds.min(other.seconds), mib: self.mib.max(other.mib) }
    }
}

pub fn measure() {
    let rows: u64 = std::env::var("ROWS").ok().and_then(|r| r.parse().ok()).unwrap_or(2_000_000);
    let work = mirror(rows);
    csv_and_parquet(&work, rows);
    #[cfg(feature = "postgres")]
    super::postgres_load::measure(&work, JOB, rows);
}

/// Returns a mirror of `rows` messages, filled by a run.
fn mirror(rows: u64) -> Work {
    let [messages, conversations] = [rows, (rows / 40).max(1)].map(|n| n.to_string());
    let size = ["--contacts", "1", "--persons", "1", "--conversations", &conversations, "--messages", &messages];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::with_job(JOB);
    work.run(&sandbox, &[]).expect(0);
    work
}

fn csv_and_parquet(work: &Work, rows: u64) {
    let (mut csv, mut sqlite, mut parquet, mut duckdb) = (Cost::NONE, Cost::NONE, Cost::NONE, Cost::NONE);
    for _ in 0..TURNS {
        csv = csv.and(export(work, "csv"));
        sqlite = sqlite.and(by_sqlite(work));
        parquet = parquet.and(export(work, "parquet"));
        duckdb = duckdb.and(by_duckdb(work));
    }
    let size = |name: &str| std::fs::metadata(work.path(name)).expect(name).len() as f64 / 1e6;
    println!(
        "delivery of {rows} messages: CSV {:.1} s, {:.0} MiB, {:.0} MB; sqlite3 -csv {:.1} s: {:.2} times as fast (promised: 1)",
        csv.seconds,
        csv.mib,
        size("csv/messages.csv"),
        sqlite.seconds,
        sqlite.seconds / csv.seconds
    );
    println!(
        "delivery of {rows} messages: Parquet {:.1} s, {:.0} MiB, {:.0} MB; DuckDB from the CSV {:.1} s, {:.0} MB: {:.2} times as fast (promised: 0.5)",
        parquet.seconds,
        parquet.mib,
        size("parquet/messages.parquet"),
        duckdb.seconds,
        size("duckdb.parquet"),
        duckdb.seconds / parquet.seconds
    );
    assert!(csv.seconds <= sqlite.seconds, "slower than sqlite3");
    assert!(parquet.seconds <= 2.0 * duckdb.seconds, "less than half as fast as DuckDB");
    assert!(csv.mib.max(parquet.mib) <= MOST_MIB, "more than {MOST_MIB} MiB");
}

/// Measures this program's snapshot of this kind.
fn export(work: &Work, kind: &str) -> Cost {
    let job = format!("{JOB}[[destination]]\nkind = \"{kind}\"\npath = \"{kind}\"\n");
    std::fs::write(work.path("export.toml"), job).expect("a job");
    cost(&mut work.command(&["export", "export.toml", "--quiet"]))
}

fn by_sqlite(work: &Work) -> Cost {
    let names: Vec<String> = Stream::Messages.columns().iter().map(|c| format!("\"{}\"", c.name)).collect();
    let out = File::create(work.path("sqlite.csv")).expect("a file");
    let select = format!("SELECT {} FROM messages ORDER BY _id", names.join(", "));
    let mut command = Command::new("sqlite3");
    cost(command.args(["-readonly", "-csv", "-header"]).arg(work.path("state/qpien.db")).arg(select).stdout(out))
}

/// Measures DuckDB's own time, without the start of Python.
fn by_duckdb(work: &Work) -> Cost {
    let typed = |kind| match kind {
        ColumnKind::Id | ColumnKind::Text | ColumnKind::Json => "VARCHAR",
        ColumnKind::Boolean => "BOOLEAN",
        ColumnKind::Timestamp => "TIMESTAMPTZ",
        ColumnKind::Integer => "BIGINT",
    };
    let columns: Vec<String> =
        Stream::Messages.columns().iter().map(|c| format!("'{}': '{}'", c.name, typed(c.kind))).collect();
    let copy = format!(
        "COPY (SELECT * FROM read_csv('{}', header = true, columns = {{{}}}, max_line_size = 16777216)) \
         TO '{}' (FORMAT parquet, COMPRESSION zstd)",
        work.path("csv/messages.csv").display(),
        columns.join(", "),
        work.path("duckdb.parquet").display()
    );
    let script = "import duckdb, sys, time\nduckdb.execute('SET enable_progress_bar = false')\nbegun = time.monotonic()\n\
                  duckdb.execute(sys.argv[1])\nprint(time.monotonic() - begun)";
    let told = Command::new(python()).args(["-c", script, &copy]).stderr(Stdio::inherit()).output().expect("python");
    let told = String::from_utf8(told.stdout).expect("a number");
    Cost { seconds: told.trim().parse().expect("seconds"), mib: 0.0 }
}

fn cost(command: &mut Command) -> Cost {
    let begun = Instant::now();
    let mut child = command.spawn().expect("it starts");
    let mut mib = 0.0_f64;
    while child.try_wait().expect("a child").is_none() {
        mib = peak(&child).unwrap_or(mib);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().expect("an end").success());
    Cost { seconds: begun.elapsed().as_secs_f64(), mib }
}

/// Returns the highest resident memory so far in MiB, as the operating system counts it.
fn peak(child: &Child) -> Option<f64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(child.id().to_string()).join("status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
