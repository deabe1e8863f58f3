//! Every moment of the years 1 to 9999, in every form that the API may send, is the same in CSV, JSON Lines, Parquet
//! and PostgreSQL. A value that is no such moment goes to `_extra` as it was sent, and is counted.

use std::collections::BTreeMap;
use std::process::Command;

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde_json::Value;

use crate::support::foreign::{Answer, Foreign, Server};
use crate::support::postgres;
use crate::support::{Outcome, Work, python};

const JOB: &str = "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\n\
    client_secret = \"foreign-secret\"\nrequests_per_minute = 0\npage_size = 20\n\
    [[destination]]\nkind = \"csv\"\npath = \"csv\"\n[[destination]]\nkind = \"jsonl\"\npath = \"jsonl\"\n";

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const FIRST: i64 = -62_135_596_800_000_000;
const LAST: i64 = 253_402_300_799_999_999;
const HOUR: i64 = 3_600_000_000;

/// A function that returns a record's moment as JSON text.
type Form = fn(usize) -> String;

/// Returns a number for a record that no other record has, counted over all lists.
fn place(id: usize) -> usize {
    (id / 1000) * 60 + id % 1000
}

/// Returns a record's moment in microseconds since 1970: a moment of today for the first record of a list, then the
/// edge cases, then arbitrary ones.
fn moment(id: usize) -> i64 {
    const EDGES: [i64; 14] = [
        LAST,
        LAST - 999,
        LAST - 1,
        // The last moment that a `jiff::Timestamp` holds, and the one after it.
        253_402_207_200_999_999,
        253_402_207_201_000_000,
        FIRST,
        FIRST + 1,
        FIRST + 26 * HOUR,
        -1,
        0,
        1,
        // The end of February 1900, which was no leap year, and the leap day of 2000.
        -2_203_891_200_000_001,
        951_825_600_000_001,
        4_102_444_800_000_000,
    ];
    match id % 1000 {
        0..=2 => 1_709_626_150_123_000 + i64::try_from(id).expect("small"),
        n if n < 3 + EDGES.len() => EDGES[n - 3],
        _ => {
            let mut z = u64::try_from(place(id)).expect("small").wrapping_mul(0x9E37_79B9_7F4A_7C15);
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z ^= z >> 31;
            FIRST + i64::try_from((u128::from(z) * u128::from(LAST.abs_diff(FIRST))) >> 64).expect("in range")
        }
    }
}

fn civil(micros: i64) -> DateTime {
    EPOCH.checked_add(SignedDuration::from_micros(micros)).expect("in the years 1 to 9999")
}

/// Returns `micros` in units of `unit` microseconds, as exact decimal digits.
fn decimal(micros: i64, unit: u64) -> String {
    let (whole, rest) = (micros.unsigned_abs() / unit, micros.unsigned_abs() % unit);
    let digits = usize::try_from(unit.ilog10()).expect("small");
    let fraction = if rest == 0 { String::new() } else { format!(".{rest:0digits$}") };
    format!("{}{whole}{fraction}", if micros < 0 { "-" } else { "" })
}

/// Returns the moment in UTC, as the API sends it, as JSON text.
fn zulu(id: usize) -> String {
    format!("\"{:.6}Z\"", civil(moment(id)))
}

fn without_zone(id: usize) -> String {
    format!("\"{:.6}\"", civil(moment(id)))
}

/// Returns the moment with an offset that varies by record. Its local date stays within the years 1 to 9999.
fn with_offset(id: usize) -> String {
    let hours = [3, -5, 14, -11][id % 4];
    // If the local time cannot be written with this offset, the opposite one is used.
    let hours = if (FIRST..=LAST).contains(&(moment(id) + hours * HOUR)) { hours } else { -hours };
    format!("\"{:.6}{hours:+03}:00\"", civil(moment(id) + hours * HOUR))
}

fn epoch_ms(id: usize) -> String {
    decimal(moment(id), 1000)
}

fn epoch_s(id: usize) -> String {
    decimal(moment(id), 1_000_000)
}

fn numeric_text(id: usize) -> String {
    format!("\"{}\"", epoch_ms(id))
}

/// Starts a Qpien whose records have moments of this form.
fn dated(form: Form) -> Server {
    let foreign = Foreign::default();
    Server::start(move |asked| {
        let answer = foreign.answer(asked);
        let body = String::from_utf8(answer.body.clone()).expect("UTF-8");
        let mut parts = body.split("\"_id\":\"id-");
        let mut out = parts.next().expect("a first part").to_owned();
        for part in parts {
            let id: usize = part[..8].parse().expect("an id");
            out = out + "\"_id\":\"id-" + &part.replacen("\"2024-03-05T08:09:10.123Z\"", &form(id), 1);
        }
        Answer { body: out.into_bytes(), ..answer }
    })
}

fn id_of(text: &str) -> usize {
    text.trim_start_matches("id-").parse().expect("an id")
}

fn lines(work: &Work, stream: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(work.path(&format!("jsonl/{stream}.jsonl"))).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
#[cfg(all(feature = "parquet", feature = "postgres"))]
fn all_destinations_agree_on_every_moment_however_it_is_sent() {
    let database = postgres::Server::start();
    let forms: [(&str, Form); 6] = [
        ("zulu", zulu),
        ("without_zone", without_zone),
        ("with_offset", with_offset),
        ("epoch_ms", epoch_ms),
        ("epoch_s", epoch_s),
        ("numeric_text", numeric_text),
    ];
    for (name, form) in forms {
        let server = dated(form);
        let work = Work::with_job(&format!(
            "{JOB}[[destination]]\nkind = \"parquet\"\npath = \"parquet\"\n\
             [[destination]]\nkind = \"postgres\"\nurl = \"${{WAREHOUSE_URL}}\"\nschema = \"{name}\"\n"
        ));
        let mut run = work.command(&["run", "job.toml", "--endpoint", &server.endpoint]);
        let outcome =
            Outcome::of(&run.env("WAREHOUSE_URL", database.url("postgres")).output().expect("a run")).expect(0);
        assert!(!outcome.stdout.contains("did not fit"), "{name}: {}", outcome.stdout);
        for stream in ["contacts", "messages"] {
            let rows = lines(&work, stream);
            assert!(rows.len() >= 53, "{name}: {stream}");
            for row in &rows {
                let id = id_of(row["_id"].as_str().expect("an id"));
                assert_eq!(row["createdAt"], format!("{:.6}Z", civil(moment(id))), "{name}: {stream} {id}");
            }
            let bytes = std::fs::read(work.path(&format!("csv/{stream}.csv"))).expect("a file");
            let mut reader = csv::Reader::from_reader(&bytes[..]);
            let at = reader.headers().expect("a header").iter().position(|c| c == "createdAt").expect("the column");
            for row in reader.records().map(|row| row.expect("a row")) {
                let sent = form(id_of(&row[0]));
                assert_eq!(&row[at], sent.trim_matches('"'), "{name}: CSV holds what was sent");
            }
            let wanted: BTreeMap<String, i64> = rows
                .iter()
                .map(|r| r["_id"].as_str().expect("an id").to_owned())
                .map(|id| (id.clone(), moment(id_of(&id))))
                .collect();
            let sql = format!(
                "SELECT _id || ' ' || (extract(epoch FROM createdat) * 1000000)::bigint FROM {name}.{stream} ORDER BY _id"
            );
            let expected: Vec<String> = wanted.iter().map(|(id, micros)| format!("{id} {micros}")).collect();
            assert_eq!(database.ask("postgres", &sql), expected.join("\n"), "{name}: {stream}");
            let script = format!(
                "import duckdb\nfor row in duckdb.sql(\"SELECT _id, epoch_us(createdAt) FROM '{}' ORDER BY _id\").fetchall(): print(*row)",
                work.path(&format!("parquet/{stream}.parquet")).display()
            );
            let read = Outcome::of(&Command::new(python()).args(["-c", &script]).output().expect("python")).expect(0);
            assert_eq!(read.stdout.trim_end(), expected.join("\n"), "{name}: {stream}");
        }
    }
}

#[test]
fn the_last_millisecond_of_9999_is_no_other_moment() {
    let work = Work::with_job(JOB);
    let server = dated(|id| if id % 1000 == 0 { "1709626150123".into() } else { "253402300799999".into() });
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    for row in lines(&work, "contacts").iter().skip(1) {
        assert_eq!(row["createdAt"], "9999-12-31T23:59:59.999000Z");
    }
}

#[test]
fn what_is_no_moment_is_kept_as_it_was_sent_and_counted() {
    let texts: Form = |id| {
        const SENT: [&str; 8] = [
            "\"soon\"",
            "\"+010000-01-01T00:00:00Z\"",
            "\"9999-12-31T23:59:59-00:01\"",
            "\"0000-12-31T23:59:59Z\"",
            "\"2024-02-30T00:00:00Z\"",
            "\"2024-03-05T08:09:10[Europe/Istanbul]\"",
            "1709626150123",
            "true",
        ];
        if id % 1000 == 0 { zulu(id) } else { SENT[id % 8].into() }
    };
    let numbers: Form = |id| {
        const SENT: [&str; 8] = [
            "253402300800000",
            "-62135596800001",
            "9223372036854775807",
            "1e300",
            "\"NaN\"",
            "\"inf\"",
            "\"2024-03-05T08:09:10.123Z\"",
            "\"\"",
        ];
        if id % 1000 == 0 { epoch_ms(id) } else { SENT[id % 8].into() }
    };
    for form in [texts, numbers] {
        let work = Work::with_job(JOB);
        let server = dated(form);
        let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
        // 52 contacts, and 20 messages in each of three conversations.
        assert!(outcome.stdout.contains("112 values"), "{}", outcome.stdout);
        for row in lines(&work, "contacts").iter().skip(1) {
            let sent = form(id_of(row["_id"].as_str().expect("an id")));
            assert_eq!(row["createdAt"], Value::Null, "{sent}");
            let extra = row["_extra"].as_str().expect("an object");
            assert!(extra.contains(&format!("\"createdAt\":{sent}")), "{sent}: {extra}");
        }
    }
}

/// Returns a moment of 2024 for each record.
fn of_2024(id: usize) -> i64 {
    1_709_626_150_000_000 + i64::try_from(id).expect("small") * 1_000_000
}

#[test]
fn each_stream_has_a_unit_of_its_own() {
    for (of_contacts, of_messages) in [(1_000, 1_000_000), (1_000_000, 1_000), (1, 1_000), (1_000, 1)] {
        // A unit of 1 stands for a moment as text.
        let form = move |id: usize, unit: u64| match unit {
            1 => format!("\"{:.6}Z\"", civil(of_2024(id))),
            unit => decimal(of_2024(id), unit),
        };
        let foreign = Foreign::default();
        let server = Server::start(move |asked| {
            let unit = if asked.operation() == "getMessages" { of_messages } else { of_contacts };
            let answer = foreign.answer(asked);
            let body = String::from_utf8(answer.body.clone()).expect("UTF-8");
            let mut parts = body.split("\"_id\":\"id-");
            let mut out = parts.next().expect("a first part").to_owned();
            for part in parts {
                let sent = form(part[..8].parse().expect("an id"), unit);
                out = out + "\"_id\":\"id-" + &part.replacen("\"2024-03-05T08:09:10.123Z\"", &sent, 1);
            }
            Answer { body: out.into_bytes(), ..answer }
        });
        let work = Work::with_job(JOB);
        for night in 0..2 {
            let run = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
            assert!(!run.stdout.contains("did not fit") && !run.stdout.contains("decades before"), "{}", run.stdout);
            for stream in ["contacts", "messages"] {
                for row in lines(&work, stream) {
                    let id = id_of(row["_id"].as_str().expect("an id"));
                    let told = format!("{:.6}Z", civil(of_2024(id)));
                    assert_eq!(row["createdAt"], told, "{of_contacts} {of_messages}: night {night}: {stream}");
                }
            }
        }
        // The mirror's views show the same moments.
        let mirror = rusqlite::Connection::open(work.path("state/qpien.db")).expect("the mirror");
        let of = |stream: &str| -> String {
            mirror.query_row(&format!("SELECT min(createdAt) FROM {stream}"), [], |r| r.get(0)).expect("a moment")
        };
        for stream in ["contacts", "messages"] {
            assert!(of(stream).starts_with("2024-0"), "{of_contacts} {of_messages}: {stream}: {}", of(stream));
        }
    }
}

/// The run reports moments that lie decades before all others. Either some rows use another unit than the rows that
/// showed the unit, or the job names a wrong one.
#[test]
fn moments_decades_before_all_others_are_a_finding() {
    let mixed: Form = |id| if id % 1000 == 7 { decimal(of_2024(id), 1_000_000) } else { decimal(of_2024(id), 1_000) };
    let work = Work::with_job(JOB);
    let run = work.call(&["run", "job.toml", "--endpoint", &dated(mixed).endpoint]).expect(0);
    let told = "createdAt of 1 record is of 1970 or soon after, decades before all other moments (2024 is the next)";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    // For one stream the job says milliseconds, but the server sends seconds.
    let job = JOB.replacen("[[dest", "[source.dialect.streams.messages]\ndate = \"epoch_ms\"\n[[dest", 1);
    let work = Work::with_job(&job);
    let seconds: Form = |id| decimal(of_2024(id), 1_000_000);
    let server = dated(seconds);
    let run = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    assert!(run.stdout.contains("messages: createdAt of 63 records is of 1970"), "{}", run.stdout);
    // Without that line in the job, the next run delivers the right moments.
    std::fs::write(work.path("job.toml"), JOB).expect("the job");
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    assert!(
        lines(&work, "messages").iter().all(|row| row["createdAt"].as_str().is_some_and(|at| at.starts_with("2024")))
    );
}
