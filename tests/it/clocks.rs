//! Wrong clocks: this machine's clock is wrong for a night or for ever, or the server's headers are broken, missing,
//! or from a cache. The program decides by the server's time what may have changed, and loses no change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, STREAMS, Sandbox, Work, compared};

/// The time of the first reading: a month after the newest generated record.
const BEFORE: &str = "2025-01-31T12:00:00Z";
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn later(moment: &str, seconds: i64) -> Timestamp {
    moment.parse::<Timestamp>().expect("a moment") + SignedDuration::from_secs(seconds)
}

fn http(moment: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moment).expect("a date")
}

type Headers = Vec<(&'static str, String)>;

/// A way in which answers tell the server's time, given that time.
type Telling = fn(&str) -> Headers;

/// Starts a server that forwards to the sandbox. Its answers have exactly the headers that a test sets, and `change`
/// rewrites their bodies.
fn relay(
    sandbox: &Sandbox,
    headers: Arc<Mutex<Headers>>,
    change: impl Fn(String) -> String + Send + Sync + 'static,
) -> Server {
    let address = sandbox.address.clone();
    Server::start(move |asked: &Asked| {
        let body = asked.body.to_string();
        let token = asked.headers.get("authorization").map_or("", String::as_str);
        let mut stream = TcpStream::connect(&address).expect("the sandbox listens");
        let request = format!(
            "POST /api/v1 HTTP/1.0\r\nHost: sandbox\r\nContent-Type: application/json\r\nAuthorization: {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("headers");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        let told = headers.lock().expect("no panic").clone();
        let answer = Answer::new(status, "application/json", change(body.to_owned()));
        told.iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    })
}

struct Account {
    sandbox: Sandbox,
    server: Server,
    work: Work,
    telling: Telling,
    headers: Arc<Mutex<Headers>>,
    /// The server's time.
    now: String,
    streams: &'static [&'static str],
}

impl Account {
    fn new(telling: Telling, lookback: &str) -> Account {
        let args = ["--contacts", "60", "--persons", "9", "--conversations", "80", "--messages", "1200"];
        Account::with(telling, &format!("lookback = \"{lookback}\""), &args, &STREAMS)
    }

    fn with(telling: Telling, source: &str, args: &[&str], streams: &'static [&'static str]) -> Account {
        let sandbox = Sandbox::start(&[args, &["--requests-per-minute", "0"]].concat());
        let headers = Arc::new(Mutex::new(telling(BEFORE)));
        let server = relay(&sandbox, headers.clone(), |body| body);
        let work = Work::with_job(&format!(
            "name = \"test\"\nmode = \"incremental\"\nstreams = {streams:?}\n[source]\nclient_id = \"sandbox-client\"\n\
             client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\naudit = 0\n{source}\n\
             [[destination]]\nkind = \"csv\"\npath = \"out\"\n"
        ));
        Account { sandbox, server, work, telling, headers, now: BEFORE.into(), streams }
    }

    fn night(&mut self, query: &str) -> Value {
        let told: Value =
            serde_json::from_str(&self.sandbox.bodiless("POST", &format!("/sandbox/night?{query}"))).expect("JSON");
        told["now"].as_str().expect("a moment").clone_into(&mut self.now);
        *self.headers.lock().expect("no panic") = (self.telling)(&self.now);
        told
    }

    /// Runs on a machine whose clock is `ahead` seconds fast; returns what the run prints.
    #[track_caller]
    fn run(&self, ahead: i64) -> String {
        let mut command = self.work.command(&["run", "job.toml", "--endpoint", &self.server.endpoint]);
        let now = later(&self.now, ahead).to_string();
        let outcome = Outcome::of(&command.env("QPIEN_TEST_NOW", now).output().expect("a run")).expect(0);
        outcome.stdout
    }

    /// Returns the number of conversations that a run on such a machine asks for.
    fn lists_asked(&self, ahead: i64) -> usize {
        let from = self.sandbox.log().len();
        self.run(ahead);
        let log = self.sandbox.log();
        let questions = log[from..].iter().flat_map(|line| line["arguments"].as_array().cloned().unwrap_or_default());
        questions.filter(|question| question["conversationId"].is_string()).count()
    }

    #[track_caller]
    fn equals_the_truth(&self, said: &str) {
        for stream in self.streams {
            compared(&self.sandbox, &self.work, stream, "?objects=all").unwrap_or_else(|why| panic!("{said}: {why}"));
        }
    }
}

fn right(now: &str) -> Headers {
    vec![("Date", http(later(now, 0)))]
}

fn silent(_: &str) -> Headers {
    Vec::new()
}

/// The headers of an answer that a cache has held for two hours.
fn cached(now: &str) -> Headers {
    vec![("Date", http(later(now, -2 * HOUR))), ("Age", (2 * HOUR).to_string())]
}

fn rfc_850(now: &str) -> Headers {
    vec![("Date", later(now, 0).strftime("%A, %d-%b-%y %H:%M:%S GMT").to_string())]
}

const NIGHT: &str = "changed=6&new=1&contacts=4&status=12";

/// Runs a night on which this machine's clock is wrong, between nights on which it is right.
#[track_caller]
fn one_wrong_night(telling: Telling, ahead: i64) -> String {
    let mut account = Account::new(telling, "3d");
    account.run(0);
    let mut said = String::new();
    for night in 1..=4 {
        account.night(&format!("seed={night}&{NIGHT}"));
        let told = account.run(if night == 1 { ahead } else { 0 });
        if night == 1 {
            said = told;
        }
        account.equals_the_truth(&format!("night {night}, {ahead} s ahead on the first"));
    }
    said
}

#[test]
fn a_clock_that_is_days_ahead_for_a_night_loses_nothing() {
    let said = one_wrong_night(right, 5 * DAY);
    assert!(said.contains("this machine's clock is 120h 0m ahead of the server's"), "{said}");
    one_wrong_night(rfc_850, 40 * DAY);
}

#[test]
fn a_clock_that_is_days_behind_for_a_night_loses_nothing_and_asks_no_more() {
    let said = one_wrong_night(right, -5 * DAY);
    assert!(said.contains("behind the server's, which decides what may have changed"), "{said}");
    let mut account = Account::new(right, "3d");
    account.run(0);
    let mut asked = Vec::new();
    for (night, ahead) in [(1, 0), (2, 0), (2, -5 * DAY), (2, 400 * DAY)] {
        account.night(&format!("seed={night}&changed=6"));
        asked.push(account.lists_asked(ahead));
        account.equals_the_truth("whatever this machine's clock says");
    }
    assert!(asked.iter().all(|lists| *lists < 40), "of 80 conversations: {asked:?}");
}

#[test]
fn a_server_that_tells_no_time_is_told_of_and_a_wrong_night_is_made_up_for() {
    for ahead in [0, 5 * DAY, 2 * HOUR] {
        let said = one_wrong_night(silent, ahead);
        assert!(said.contains("no answer of the server told the time in a `Date` header"), "{said}");
    }
}

#[test]
fn an_answer_of_a_cache_is_as_old_as_it_says() {
    let said = one_wrong_night(cached, 0);
    assert!(!said.contains("clock"), "{said}");
    let said = one_wrong_night(cached, 5 * DAY);
    assert!(said.contains("this machine's clock is 120h 0m ahead of the server's"), "{said}");
}

#[test]
fn a_date_that_cannot_be_believed_is_none() {
    let tellings: [Telling; 4] = [
        |_| vec![("Date", "yesterday".into())],
        |_| vec![("Date", "Thu, 01 Jan 1970 00:00:00 GMT".into())],
        |_| vec![("Date", "Fri, 31 Dec 9999 23:59:59 GMT".into())],
        |now| vec![("Date", http(later(now, -HOUR))), ("Age", "NaN".into())],
    ];
    for telling in tellings {
        let mut account = Account::new(telling, "3d");
        account.run(0);
        account.night(&format!("seed=1&{NIGHT}"));
        let said = account.run(0);
        assert!(said.contains("no answer of the server told the time"), "{said}");
        account.equals_the_truth("by this machine's clock");
        account.night("seed=2&changed=3");
        assert!(account.lists_asked(0) < 40, "what is unchanged is not asked for");
    }
}

/// The run takes the median of the server's times. If most answers have the right time, a few that are a day off do
/// not count.
#[test]
fn the_median_of_a_run_is_believed() {
    let account = Account::new(right, "3d");
    let (right, off) = (right(BEFORE), right(&later(BEFORE, DAY).to_string()));
    let headers = account.headers.clone();
    let count = Mutex::new(0);
    let server = relay(&account.sandbox, headers.clone(), move |body| {
        let mut n = count.lock().expect("no panic");
        *n += 1;
        // The headers of the next answer.
        *headers.lock().expect("no panic") = if *n % 3 == 2 { off.clone() } else { right.clone() };
        body
    });
    let said = Account { server, ..account }.run(0);
    assert!(!said.contains("clock"), "{said}");
}

#[test]
fn lists_that_are_asked_for_changes_lose_nothing_to_a_wrong_night() {
    let args =
        ["--contacts", "400", "--persons", "1", "--conversations", "1", "--messages", "1", "--updated-after", "obeyed"];
    for telling in [right as Telling, silent] {
        for ahead in [5 * DAY, -5 * DAY] {
            let source = "page_size = 50\nlookback = \"1h\"\nfull_every = \"60d\"";
            let mut account = Account::with(telling, source, &args, &["contacts"]);
            account.run(0);
            for night in 1..=4 {
                account.night(&format!("seed={night}&contacts=7&new_contacts=2"));
                if night == 2 {
                    // There is no run on this night, so its changes lie further back than the lookback of the next
                    // run.
                    continue;
                }
                account.run(if night == 1 { ahead } else { 0 });
                account.equals_the_truth(&format!("night {night}, {ahead} s ahead on the first"));
            }
            assert!(account.run(0).contains("contacts: only what changed since 2025-0"), "and changes alone again");
        }
    }
}

/// A message of the year 2100 stays the newest of its conversation and hides every later one. The run therefore asks
/// for that conversation each night.
#[test]
fn a_conversation_with_a_message_of_the_future_is_asked_for_each_night() {
    let mut account = Account::new(right, "0s");
    let truth = account.sandbox.truth("messages");
    let (id, conversation) = truth
        .iter()
        .map(|(id, message)| (id.clone(), message["conversation"].as_str().expect("an id").to_owned()))
        .next()
        .expect("a message");
    let name = format!("\"_id\":\"{id}\"");
    account.server = relay(&account.sandbox, account.headers.clone(), move |body| {
        let Some((before, after)) = body.split_once(&name) else { return body };
        // A question for ids alone does not ask for `createdAt`.
        let Some((between, after)) = after.split_once("\"createdAt\":\"") else { return body.clone() };
        let (_, after) = after.split_once('"').expect("its end");
        format!("{before}{name}{between}\"createdAt\":\"2100-01-01T00:00:00.000Z\"{after}")
    });
    account.run(0);
    for night in 1..=2 {
        account.night(&format!("seed={night}&contacts=2"));
        let from = account.sandbox.log().len();
        account.run(0);
        let log = account.sandbox.log();
        let asked: Vec<Value> =
            log[from..].iter().flat_map(|line| line["arguments"].as_array().cloned().unwrap_or_default()).collect();
        let lists: Vec<&Value> = asked.iter().map(|q| &q["conversationId"]).filter(|id| id.is_string()).collect();
        assert!(!lists.is_empty() && lists.iter().all(|asked| **asked == *conversation), "night {night}: {lists:?}");
    }
}

/// The run reads a reset time by the server's clock, because the server means its own. This machine's clock may be
/// ten days off.
#[test]
fn a_reset_that_is_told_as_a_moment_is_waited_for_by_the_servers_clock() {
    for days in [-10, 10] {
        let now = Timestamp::now() + SignedDuration::from_secs(days * DAY);
        let (date, reset) = (http(now), (now.as_second() + 2).to_string());
        let until = http(now + SignedDuration::from_secs(2));
        for told in [("X-RateLimit-Reset", reset), ("Retry-After", until)] {
            let (date, said) = (date.clone(), told.clone());
            let once = move |_: &Asked| Answer::html(429).with("Date", &date).with(said.0, &said.1);
            let (server, _) = Foreign::default().once(once).start();
            let work = Work::with_job(
                "name = \"test\"\nmode = \"backfill\"\n[source]\nclient_id = \"foreign-client\"\n\
                 client_secret = \"foreign-secret\"\nrequests_per_minute = 0\npage_size = 20\n\
                 [[destination]]\nkind = \"csv\"\npath = \"out\"\n",
            );
            let begun = Instant::now();
            work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
            assert!(begun.elapsed() < Duration::from_secs(60), "{days} days: {told:?}");
        }
    }
}
