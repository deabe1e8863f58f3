//! Credentials, files and times as people paste and type them.

use std::process::{Command, Stdio};

use crate::support::{Outcome, Sandbox, Work};

const SIZE: [&str; 10] =
    ["--contacts", "12", "--persons", "3", "--conversations", "4", "--messages", "20", "--requests-per-minute", "0"];

/// Returns a job that takes its key from the environment.
fn job() -> Work {
    Work::with_job(
        "name = \"test\"\n[source]\nrequests_per_minute = 0\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    )
}

fn run_with(work: &Work, sandbox: &Sandbox, variables: &[(&str, &str)]) -> Outcome {
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint]);
    Outcome::of(&command.envs(variables.iter().copied()).output().expect("a run"))
}

#[test]
fn a_key_is_taken_without_what_is_blank_around_it() {
    let sandbox = Sandbox::start(&SIZE);
    for around in ["KEY\n", "KEY\r\n", " KEY ", "\tKEY", "\u{feff}KEY", "KEY\u{a0}", "\u{feff} KEY\u{200b}\r\n\n"] {
        let of = |key: &str| around.replace("KEY", key);
        let (id, secret) = (of("sandbox-client"), of("sandbox-secret"));
        run_with(&job(), &sandbox, &[("QPIEN_CLIENT_ID", &id), ("QPIEN_CLIENT_SECRET", &secret)]).expect(0);
        // The same holds for files, and for variables that the job names.
        let work = job();
        std::fs::write(work.path("id"), &id).expect("written");
        std::fs::write(work.path("secret"), &secret).expect("written");
        run_with(&work, &sandbox, &[("QPIEN_CLIENT_ID_FILE", "id"), ("QPIEN_CLIENT_SECRET_FILE", "secret")]).expect(0);
        let work = job();
        let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
        let text = text.replace("[source]", "[source]\nclient_id = \"${MINE}\"\nclient_secret = \" ${ITS_SECRET} \"");
        std::fs::write(work.path("job.toml"), text).expect("written");
        run_with(&work, &sandbox, &[("MINE", &id), ("ITS_SECRET", &secret)]).expect(0);
    }
}

/// The run reads files as Windows writes them, for example with `echo secret > secret.txt`: in UTF-16, or with a byte
/// order mark and CRLF line ends.
#[test]
fn files_of_windows_are_read() {
    let sandbox = Sandbox::start(&SIZE);
    let utf16 =
        |text: &str| -> Vec<u8> { format!("\u{feff}{text}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let work = job();
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job").replace('\n', "\r\n");
    std::fs::write(work.path("job.toml"), format!("\u{feff}{text}")).expect("written");
    std::fs::write(work.path("id"), utf16("sandbox-client")).expect("written");
    std::fs::write(work.path("secret"), utf16("sandbox-secret")).expect("written");
    run_with(&work, &sandbox, &[("QPIEN_CLIENT_ID_FILE", "id"), ("QPIEN_CLIENT_SECRET_FILE", "secret")]).expect(0);
}

#[test]
fn what_no_key_holds_is_refused_by_its_name_before_anything_is_asked() {
    let sandbox = Sandbox::start(&SIZE);
    let before = sandbox.log().len();
    for (secret, told) in [
        ("DISTINCT\nsandbox-secret", "QPIEN_CLIENT_SECRET holds a line break (U+000A)"),
        ("DISTINCT\tsecret", "QPIEN_CLIENT_SECRET holds a tab (U+0009)"),
        ("DISTINCT\u{1b}[0m", "QPIEN_CLIENT_SECRET holds an escape character (U+001B)"),
        ("DIS\u{200b}TINCT", "QPIEN_CLIENT_SECRET holds a zero-width space (U+200B)"),
        ("DIS\u{202e}TINCT", "QPIEN_CLIENT_SECRET holds an invisible character (U+202E)"),
    ] {
        let outcome =
            run_with(&job(), &sandbox, &[("QPIEN_CLIENT_ID", "sandbox-client"), ("QPIEN_CLIENT_SECRET", secret)])
                .expect(2);
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("DIS"), "{}", outcome.stderr);
    }
    let work = job();
    std::fs::write(work.path("empty"), "\u{feff}\r\n").expect("written");
    let empty = [("QPIEN_CLIENT_ID", "x"), ("QPIEN_CLIENT_SECRET_FILE", "empty")];
    assert!(run_with(&work, &sandbox, &empty).expect(2).stderr.contains("which is empty"));
    assert_eq!(sandbox.log().len(), before, "no request was made");
}

#[test]
fn quotes_that_an_env_file_kept_are_hinted_at() {
    let sandbox = Sandbox::start(&SIZE);
    for (id, secret, told) in [
        ("sandbox-client", "\"sandbox-secret\"", "QPIEN_CLIENT_SECRET begins with \" and ends with \""),
        ("'sandbox-client'", "sandbox-secret", "QPIEN_CLIENT_ID begins with ' and ends with '"),
        (
            "sandbox-client",
            "QPIEN_CLIENT_SECRET=sandbox-secret",
            "QPIEN_CLIENT_SECRET begins with the name of a variable",
        ),
        ("“sandbox-client”", "sandbox-secret", "QPIEN_CLIENT_ID begins with “ and ends with ”"),
    ] {
        let outcome = run_with(&job(), &sandbox, &[("QPIEN_CLIENT_ID", id), ("QPIEN_CLIENT_SECRET", secret)]).expect(5);
        assert!(outcome.stderr.contains(told), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("sandbox-secret"), "{}", outcome.stderr);
    }
}

// ---- a time of day

fn until(sandbox: &Sandbox, time: &str, zone: &[(&str, &str)]) -> Outcome {
    let work = Work::new("");
    let mut command = work.command(&["run", "job.toml", "--endpoint", &sandbox.endpoint, "--until", time]);
    Outcome::of(&command.env_remove("TZ").envs(zone.iter().copied()).output().expect("a run"))
}

#[test]
fn the_start_says_which_moment_is_meant() {
    let sandbox = Sandbox::start(&SIZE);
    for (now, zone, time, told) in [
        ("2026-11-29T02:00:00Z", "Europe/Istanbul", "06:00", "until 06:00 Europe/Istanbul, 03:00 UTC (in 1h 0m)"),
        ("2026-11-29T02:00:00Z", ":Asia/Kathmandu", "06:00", "until 06:00 Asia/Kathmandu, 00:15 UTC (in 22h 15m)"),
        ("2026-11-29T02:00:00Z", "UTC", "06:00", "until 06:00 UTC, 06:00 UTC (in 4h 0m)"),
        ("2026-11-29T02:00:00Z", "", "06:00", "until 06:00 UTC, 06:00 UTC (in 4h 0m)"),
        ("2026-11-29T02:00:00Z", "<+03>-3", "06:00", "until 06:00 <+03>-3, 03:00 UTC (in 1h 0m)"),
        ("2026-10-25T00:10:00Z", "Europe/Berlin", "02:30", "until 02:30 Europe/Berlin, 00:30 UTC (in 20m 0s)"),
        ("2026-10-25T00:40:00Z", "Europe/Berlin", "02:30", "until 02:30 Europe/Berlin, 01:30 UTC (in 50m 0s)"),
        ("2026-11-01T05:45:00Z", "America/New_York", "01:30", "until 01:30 America/New_York, 06:30 UTC (in 45m 0s)"),
    ] {
        let outcome = until(&sandbox, time, &[("TZ", zone), ("QPIEN_TEST_NOW", now)]).expect(0);
        assert!(outcome.stderr.contains(told), "{zone}: {}", outcome.stderr);
    }
}

#[test]
fn a_zone_that_nobody_knows_is_refused_before_anything_is_asked() {
    let sandbox = Sandbox::start(&SIZE);
    let before = sandbox.log().len();
    for zone in ["Europe/Istambul", "Istanbul", "+03:00", "TRT", "/nowhere/zone", "Europe/Istanbul "] {
        let outcome = until(&sandbox, "06:00", &[("TZ", zone)]).expect(2);
        assert!(
            outcome.stderr.contains("TZ names a time zone that this system does not know"),
            "{zone}: {}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("tzdata"), "{}", outcome.stderr);
    }
    assert_eq!(sandbox.log().len(), before, "no request was made");
}

// ---- what is printed

fn full() -> Stdio {
    Stdio::from(std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"))
}

#[test]
fn what_is_printed_for_its_own_sake_is_whole_or_an_error() {
    let sandbox = Sandbox::start(&SIZE);
    let work = Work::new("");
    work.run(&sandbox, &[]).expect(0);
    for (args, code) in [
        (&["warehouse", "sql", "--engine", "duckdb"][..], 1),
        (&["warehouse", "sql", "--engine", "spark"], 1),
        (&["status", "job.toml"], 1),
        (&["run", "job.toml", "--print-config"], 1),
        (&["plan", "job.toml"], 1),
        (&["plan", "job.toml", "--format", "json"], 1),
        (&["check", "job.toml"], 1),
        (&["check", "job.toml", "--format", "json"], 1),
        (&["discover", "job.toml"], 1),
        // These commands are run for their effect, and their exit code tells it.
        (&["run", "job.toml"], 0),
        (&["export", "job.toml"], 0),
        (&["verify", "job.toml"], 0),
    ] {
        let mut command: Command = work.command(args);
        let command = command.env("QPIEN_ENDPOINT", &sandbox.endpoint).stderr(Stdio::piped());
        let outcome = Outcome::of(&command.stdout(full()).output().expect("a command"));
        assert_eq!(outcome.code, code, "{args:?}: {}", outcome.stderr);
        assert_eq!(outcome.stderr.contains("standard output could not be written"), code == 1, "{}", outcome.stderr);
        // A reader that closes the pipe has read enough, so this is no error.
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a command");
        drop(child.stdout.take());
        assert_eq!(child.wait().expect("ended").code(), Some(0), "{args:?}");
    }
}
