//! Measures a load of many messages into PostgreSQL beside `psql \copy` of the same rows from a CSV file into the
//! same staging table, with the same merge from there. Both run in turns on one server, and their best times count.

use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

use crate::support::Work;
use crate::support::postgres::{self, Server};

const TURNS: usize = 3;
const MOST_MIB: f64 = 128.0;
/// Measures both from a mirror that holds `rows` messages.
pub fn measure(work: &Work, job: &str, rows: u64) {
    let database = "[[destination]]\nkind = \"postgres\"\nurl = \"${WAREHOUSE_URL}\"\n";
    std::fs::write(work.path("load.toml"), format!("{job}{database}")).expect("a job");
    let server = Server::start();
    let (mut ours, mut theirs, mut mib) = (f64::MAX, f64::MAX, 0.0_f64);
    for turn in 0..TURNS {
        server.ask("postgres", "DROP SCHEMA IF EXISTS qpien CASCADE");
        let (seconds, peak) = load(work, &server);
        (ours, mib) = (ours.min(seconds), mib.max(peak));
        if turn == 0 {
            std::fs::write(work.path("by_psql.sql"), by_psql(&server, &work.path("messages.csv"))).expect("a script");
        }
        theirs = theirs.min(psql(work, &server));
    }
    let loaded = server.ask("postgres", "SELECT count(*) FROM theirs.messages");
    assert_eq!(loaded, server.ask("postgres", "SELECT count(*) FROM qpien.messages"));
    println!(
        "PostgreSQL, {rows} messages: {ours:.1} s, {:.0}/s, {mib:.0} MiB; psql \\copy and the same merge {theirs:.1} s: \
         {:.2} times as fast (promised: 0.5)",
        rows as f64 / ours,
        theirs / ours
    );
    assert!(ours <= 2.0 * theirs, "less than half as fast as psql");
    assert!(mib <= MOST_MIB, "more than {MOST_MIB} MiB");
}

/// Loads with this program. Returns the seconds, and the highest resident memory in MiB.
fn load(work: &Work, server: &Server) -> (f64, f64) {
    let mut export = work.command(&["export", "load.toml", "--quiet"]);
    let begun = Instant::now();
    let mut child = export.env("WAREHOUSE_URL", server.url("postgres")).spawn().expect("an export");
    let mut mib = 0.0;
    while child.try_wait().expect("a child").is_none() {
        mib = peak(&child).unwrap_or(mib);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().expect("an end").success());
    (begun.elapsed().as_secs_f64(), mib)
}

fn peak(child: &Child) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Writes the rows of the table to a CSV file, and returns the script that loads them from there.
fn by_psql(server: &Server, file: &Path) -> String {
    let of = |format: &str| {
        let sql = format!(
            "SELECT string_agg(format('{format}', column_name, data_type), ', ' ORDER BY ordinal_position)
             FROM information_schema.columns WHERE table_schema = 'qpien' AND table_name = 'messages'"
        );
        server.ask("postgres", &sql)
    };
    let (names, typed, set) = (of("%1$I"), of("%1$I %2$s"), of("%1$I = excluded.%1$I"));
    let file = file.display();
    server.ask(
        "postgres",
        &format!("\\copy (SELECT {names}, 'insert' FROM qpien.messages ORDER BY _seq) TO '{file}' (FORMAT csv)"),
    );
    format!(
        "DROP SCHEMA IF EXISTS theirs CASCADE;
         CREATE SCHEMA theirs;
         BEGIN;
         CREATE TABLE theirs.messages (LIKE qpien.messages INCLUDING ALL);
         CREATE TEMPORARY TABLE staging ({typed}, _op text) ON COMMIT DROP;
         \\copy staging FROM '{file}' (FORMAT csv)
         ANALYZE staging;
         DELETE FROM theirs.messages AS t USING staging AS s WHERE s._op = 'delete' AND t._id = s._id AND t._seq < s._seq;
         INSERT INTO theirs.messages AS t ({names}) SELECT {names} FROM staging WHERE _op <> 'delete'
             ON CONFLICT (_id) DO UPDATE SET {set} WHERE t._seq < excluded._seq;
         COMMIT;\n"
    )
}

fn psql(work: &Work, server: &Server) -> f64 {
    let mut psql = Command::new(postgres::program("psql"));
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &server.url("postgres"), "-f"]).arg(work.path("by_psql.sql"));
    let begun = Instant::now();
    assert!(psql.env("PGOPTIONS", "-c client_min_messages=error").status().expect("psql").success());
    begun.elapsed().as_secs_f64()
}
