//! A firewall, a proxy or a maintenance page that answers in place of the API for a while. At an address that is
//! known to be the API's, the run waits for it to end, and does not tell anyone to check the key.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, STREAMS, Work, ids};

fn job(retry_for: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\nretry_for = \"{retry_for}\"\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

fn run(work: &Work, server: &Server) -> Outcome {
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint])
}

#[track_caller]
fn is_whole(work: &Work, what: &str) {
    for stream in STREAMS {
        assert_eq!(ids(work, stream), Foreign::default().ids(stream), "{what}: {stream}");
    }
}

fn tokens(server: &Server) -> usize {
    server.asked().iter().filter(|a| a.operation() == "generateOAuthToken").count()
}

/// Answers that do not come from the API.
fn fronts() -> Vec<Answer> {
    let json = |status, value: serde_json::Value| Answer::json(status, &value);
    vec![
        Answer::html(401),
        Answer::html(403),
        Answer::html(200),
        Answer::html(404),
        Answer::html(400),
        Answer::html(302).with("Location", "https://login.example.org/maintenance"),
        Answer::html(307).with("Location", "/sorry"),
        Answer::new(403, "text/plain", "error code: 1020"),
        Answer::new(407, "text/plain", "proxy authentication required"),
        Answer::new(451, "text/plain", ""),
        Answer::new(401, "text/plain", "").with("WWW-Authenticate", "Basic realm=\"staging\""),
        json(403, json!({"message": "Forbidden"})),
        json(403, json!({"code": 403, "error": "Request blocked"})),
        json(401, json!({"statusCode": 401, "message": "Unauthorized"})),
        json(401, json!({"code": "UNAUTHENTICATED", "message": "no session"})),
        json(403, json!({"code": "FORBIDDEN"})),
        json(200, json!({"status": "maintenance", "until": "05:00"})),
        json(200, json!({"message": "We will be back soon"})),
        json(200, json!(["down", "for", "maintenance"])),
        json(200, json!("down for maintenance")),
        json(404, json!({"message": "no route matched with those values"})),
        json(503, json!({"error": "down"})).with("Retry-After", "1"),
        Answer::new(200, "text/plain", "OK"),
        Answer::new(204, "text/plain", ""),
    ]
}

/// Starts a Qpien in front of which `front` answers for the time `lasts`, starting with the first request for which
/// `begins` is true.
fn behind(front: Answer, begins: impl Fn(&Asked) -> bool + Send + Sync + 'static, lasts: Duration) -> Server {
    let (foreign, since) = (Foreign::default(), Mutex::new(None::<Instant>));
    let made = AtomicUsize::new(0);
    Server::start(move |asked| {
        let mut since = since.lock().expect("no panic");
        if since.is_none() && begins(asked) {
            *since = Some(Instant::now());
        }
        if since.is_some_and(|since| since.elapsed() < lasts) {
            return front.clone();
        }
        if asked.operation() == "generateOAuthToken" {
            assert!(made.fetch_add(1, Ordering::Relaxed) < 4, "tokens are made again and again");
        }
        foreign.answer(asked)
    })
}

/// Runs a test for each of these answers, side by side, because each waits most of its time.
fn each(fronts: Vec<Answer>, test: impl Fn(Answer, &str) + Sync) {
    std::thread::scope(|scope| {
        for front in fronts {
            let test = &test;
            scope.spawn(move || {
                let what = format!("HTTP {} {}", front.status, String::from_utf8_lossy(&front.body));
                test(front, &what);
            });
        }
    });
}

#[test]
fn a_front_in_mid_run_is_waited_out() {
    each(fronts(), |front, what| {
        let begins = |asked: &Asked| asked.operation() == "getContactList" && asked.number("page") == Some(2);
        let server = behind(front, begins, Duration::from_secs(2));
        let work = job("60s");
        let outcome = run(&work, &server);
        assert_eq!(outcome.code, 0, "{what}: {}", outcome.stderr);
        is_whole(&work, what);
    });
}

#[test]
fn a_front_at_the_start_of_a_night_is_waited_out() {
    each(fronts(), |front, what| {
        let night = Arc::new(AtomicBool::new(false));
        let is_night = night.clone();
        let server = behind(front, move |_| is_night.load(Ordering::Relaxed), Duration::from_secs(2));
        let work = job("60s");
        run(&work, &server).expect(0);
        std::fs::remove_dir_all(work.path("out")).expect("removed");
        night.store(true, Ordering::Relaxed);
        let outcome = run(&work, &server);
        assert_eq!(outcome.code, 0, "{what}: {}", outcome.stderr);
        is_whole(&work, what);
    });
}

#[test]
fn a_front_that_stays_is_an_outage_and_no_matter_of_the_key() {
    each(fronts(), |front, what| {
        let begins = |asked: &Asked| asked.operation() == "getContactList" && asked.number("page") == Some(2);
        let server = behind(front, begins, Duration::from_secs(3600));
        let work = job("2s");
        for again in [false, true] {
            let outcome = run(&work, &server);
            assert_eq!(outcome.code, 6, "{what}: {again}: {}", outcome.stderr);
            assert!(
                outcome.stderr.contains("run again later") || outcome.stderr.contains("proxy"),
                "{}",
                outcome.stderr
            );
            assert!(!outcome.stderr.contains("QPIEN_CLIENT"), "{what}: {}", outcome.stderr);
            assert!(outcome.stderr.contains(" attempts in "), "{what}: it was waited out: {}", outcome.stderr);
        }
    });
}

/// A run honours a `Retry-After` in its first answers, even if it is longer than the 20 seconds that a first contact
/// may take.
#[test]
fn a_wait_that_is_told_at_the_start_is_waited() {
    let told = |asked: &Asked| asked.n == 1;
    let front = Answer::html(503).with("Retry-After", "22");
    let server = behind(front, told, Duration::from_secs(21));
    let work = job("60s");
    run(&work, &server).expect(0);
    is_whole(&work, "503");
    assert_eq!(tokens(&server), 2, "it was asked once more, when it was told to");
}

// ---- being told to wait

/// Starts a Qpien that answers `refusal` to a request for contacts while `is_refused` holds for its number.
fn limiting(
    refusal: Answer,
    is_refused: impl Fn(usize) -> bool + Send + Sync + 'static,
    list_headers: &'static [(&'static str, &'static str)],
    token_headers: &'static [(&'static str, &'static str)],
) -> Server {
    let (foreign, lists) = (Foreign::default(), AtomicUsize::new(0));
    Server::start(move |asked| {
        if asked.operation() == "generateOAuthToken" {
            return token_headers.iter().fold(foreign.answer(asked), |answer, (name, value)| answer.with(name, value));
        }
        let n = lists.fetch_add(1, Ordering::Relaxed);
        if is_refused(n) {
            return refusal.clone();
        }
        list_headers.iter().fold(foreign.answer(asked), |answer, (name, value)| answer.with(name, value))
    })
}

#[test]
fn a_told_wait_that_proved_too_short_is_not_believed_again() {
    for (name, value) in [("Retry-After", "0"), ("Retry-After", "1"), ("X-RateLimit-Reset", "0")] {
        let server = limiting(Answer::new(429, "text/plain", "").with(name, value), |_| true, &[], &[]);
        let work = job("15m");
        let outcome = work.call(&["run", "job.toml", "--endpoint", &server.endpoint, "--max-runtime", "6s"]);
        assert_eq!(outcome.code, 4, "{}", outcome.stderr);
        let lists = server.asked().len() - tokens(&server);
        assert!(lists <= 3, "{name}: {value}: {lists} requests in six seconds of a block");
    }
}

#[test]
fn where_two_headers_disagree_the_documented_one_is_believed() {
    for status in [429, 503] {
        let refusal = Answer::new(status, "text/plain", "").with("Retry-After", "60000").with("X-RateLimit-Reset", "1");
        let begun = Instant::now();
        let server = limiting(refusal, |n| n == 3, &[], &[]);
        let work = job("70s");
        run(&work, &server).expect(0);
        is_whole(&work, "two headers");
        assert!(begun.elapsed() < Duration::from_secs(if status == 429 { 30 } else { 75 }), "HTTP {status}");
    }
}

#[test]
fn a_wait_beyond_what_the_job_allows_ends_at_once_and_says_so() {
    for (status, name, value, told) in [
        (429, "Retry-After", "60000", "the server asks to wait 16h 40m (Retry-After), and retry_for allows 1m 0s"),
        (503, "Retry-After", "60000", "the server asks to wait 16h 40m (Retry-After), and retry_for allows 1m 0s"),
        (
            429,
            "X-RateLimit-Reset",
            "7200",
            "the server asks to wait 2h 0m (X-RateLimit-Reset), and wait_for_budget allows 1h 0m",
        ),
    ] {
        let refusal = Answer::new(status, "text/plain", "").with(name, value);
        let server = limiting(refusal, |n| n >= 3, &[], &[]);
        let (work, begun) = (job("1m"), Instant::now());
        let outcome = run(&work, &server);
        assert_eq!(outcome.code, 6, "HTTP {status}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(told), "HTTP {status} {name}: {}", outcome.stderr);
        assert!(begun.elapsed() < Duration::from_secs(20), "HTTP {status}: {:?}", begun.elapsed());
    }
}

#[test]
fn the_limit_of_tokens_is_not_that_of_lists() {
    let token = &[("X-RateLimit-Limit", "5"), ("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "60")];
    let list = &[("X-RateLimit-Limit", "6000"), ("X-RateLimit-Remaining", "5000"), ("X-RateLimit-Reset", "60")];
    let server = limiting(Answer::html(500), |_| false, list, token);
    let (work, begun) = (job("1m"), Instant::now());
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint, "--requests-per-minute", "6000"]).expect(0);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    is_whole(&work, "a limit of tokens");
}
