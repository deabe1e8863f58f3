//! Numbers from outside that are invalid or absurdly large: in headers, in a token, in totals, in a manifest. None of
//! them stops a run, makes it wait without bound, or is believed.

use std::time::Duration;

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, STREAMS, Work, ids};

fn job(retry_for: &str, content: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\nretry_for = \"{retry_for}\"\n\
         [[destination]]\nkind = \"csv\"\npath = \"out\"\ncontent = \"{content}\"\n"
    ))
}

/// Starts a Qpien whose answers `change` rewrites.
fn changed(change: impl Fn(&Asked, Answer) -> Answer + Send + Sync + 'static) -> Server {
    let foreign = Foreign::default();
    Server::start(move |asked| change(asked, foreign.answer(asked)))
}

/// Replaces the number of a member by this text, everywhere in the answer.
fn with_number(answer: Answer, member: &str, text: &str) -> Answer {
    let body = String::from_utf8(answer.body).expect("UTF-8");
    let name = format!("\"{member}\":");
    let mut parts = body.split(&name);
    let mut out = parts.next().expect("a first part").to_owned();
    for part in parts {
        out = out + &name + text + part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    Answer { body: out.into_bytes(), ..answer }
}

/// Runs against this server; asserts that every record arrives, the run is complete, and no internal error occurs.
#[track_caller]
fn complete(server: &Server, what: &str) -> Outcome {
    let work = job("20s", "snapshot");
    let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]);
    assert_eq!(outcome.code, 0, "{what}: {}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked") && !outcome.stderr.contains("defect"), "{what}: {}", outcome.stderr);
    for stream in STREAMS {
        assert_eq!(ids(&work, stream), Foreign::default().ids(stream), "{what}: {stream}");
    }
    outcome
}

#[test]
fn headers_that_hold_no_number_count_as_not_sent() {
    for (name, value) in [
        ("Retry-After", "NaN"),
        ("Retry-After", "1e400"),
        ("Retry-After", "-inf"),
        ("Retry-After", "Sunday, 06-Nov-94 08:49:37 GMT"),
        ("X-RateLimit-Limit", "1e30"),
        ("X-RateLimit-Limit", "NaN"),
        ("X-RateLimit-Limit", "0"),
        ("X-RateLimit-Limit", "-5"),
        ("X-RateLimit-Reset", "NaN"),
        ("X-RateLimit-Reset", "-1"),
        ("X-RateLimit-Reset", "1e300"),
    ] {
        let server = changed(move |_, answer| answer.with("X-RateLimit-Remaining", "0").with(name, value));
        complete(&server, &format!("{name}: {value}"));
    }
}

/// If a `Retry-After` holds no usable wait, the run waits by its own rules.
#[test]
fn a_wait_that_is_none_is_the_programs_own() {
    for (status, value) in [(503, "NaN"), (503, "inf"), (503, "-3"), (503, "Sun Nov  6 08:49:37 1994"), (429, "0")] {
        let (server, _) = Foreign::default().once(move |_| Answer::html(status).with("Retry-After", value)).start();
        let begun = std::time::Instant::now();
        complete(&server, &format!("{status}, Retry-After: {value}"));
        assert!(begun.elapsed() < Duration::from_secs(30), "{value}");
    }
}

#[test]
fn a_lifetime_that_is_none_costs_one_token() {
    for text in ["0", "-3600", "1e-9", "1e300", "1e400", "\"NaN\"", "\"Infinity\"", "3600000", "1700000000", "null"] {
        let server = changed(move |_, answer| with_number(answer, "expiresIn", text));
        complete(&server, text);
        let tokens = server.asked().iter().filter(|a| a.operation() == "generateOAuthToken").count();
        assert_eq!(tokens, 1, "expiresIn {text}");
    }
}

#[test]
fn totals_that_are_none_are_not_believed() {
    for text in
        ["18446744073709551615", "1e19", "9007199254740993", "1e400", "-1", "53.5", "\"NaN\"", "\"1e400\"", "true"]
    {
        complete(&changed(move |_, answer| with_number(answer, "totalDocs", text)), &format!("totalDocs {text}"));
    }
}

/// A total of 2^53, the largest number that counts as one, is planned without an overflow. The run says that rows are
/// missing.
#[test]
fn the_largest_total_that_may_be_one_is_planned_and_contradicted() {
    for text in ["9007199254740992", "\"9007199254740992\""] {
        let server = changed(move |_, answer| with_number(answer, "totalDocs", text));
        let work = job("20s", "snapshot");
        let plan = work.call(&["plan", "job.toml", "--endpoint", &server.endpoint, "--format", "json"]).expect(0);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("JSON");
        assert!(plan["requests"].as_f64().expect("a number") > 1e14, "{plan}");
        let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(3);
        assert!(outcome.stdout.contains("contacts incomplete"), "{}", outcome.stdout);
        assert!(!outcome.stderr.contains("defect"), "{}", outcome.stderr);
    }
}

#[test]
fn a_plan_ends_where_totals_are_none() {
    for text in ["1e19", "18446744073709551615", "1e400"] {
        let server = changed(move |_, answer| with_number(answer, "totalDocs", text));
        let plan = job("20s", "snapshot").call(&["plan", "job.toml", "--endpoint", &server.endpoint]).expect(0);
        assert!(plan.stdout.contains("about "), "{text}: {}", plan.stdout);
    }
}

#[test]
fn a_manifest_with_a_number_beyond_measure_is_refused() {
    let (server, _) = Foreign::default().start();
    for (from, to) in [
        ("\"rows\": ", "\"rows\": 18446744073709551615"),
        ("\"first\": ", "\"first\": -9223372036854775808"),
        ("\"last\": ", "\"last\": 9223372036854775807"),
    ] {
        let work = job("20s", "changes");
        let run = |code| work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(code);
        run(0);
        let path = work.path("out/manifest.json");
        let text = std::fs::read_to_string(&path).expect("a manifest");
        let (before, after) = text.split_once(from).expect("the number");
        std::fs::write(&path, format!("{before}{to}{}", after.trim_start_matches(|c: char| c.is_ascii_digit())))
            .expect("written");
        let verified = work.call(&["verify", "out"]).expect(7);
        assert!(verified.stderr.contains("manifest.json is not readable"), "{}", verified.stderr);
        let refused = run(2);
        assert!(refused.stderr.contains("no manifest of ours"), "{}", refused.stderr);
    }
}

#[test]
fn a_duration_of_a_job_is_at_most_a_hundred_years() {
    for text in ["99999999999999d", "36501d", "NaN", "1e400s"] {
        let work = job(text, "snapshot");
        let outcome = work.call(&["run", "job.toml", "--endpoint", "http://127.0.0.1:9/"]).expect(2);
        assert!(outcome.stderr.contains("is not a duration"), "{text}: {}", outcome.stderr);
    }
}
