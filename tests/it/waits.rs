//! A wait of more than ten seconds says why, since when and until when at the latest, on a screen and without one. A
//! signal during the wait ends the run within a second.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use crate::support::foreign::{Answer, Asked, Foreign, Server};
use crate::support::{Outcome, STREAMS, Work, ids};

fn job(further: &str) -> Work {
    Work::with_job(&format!(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\n{further}\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n"
    ))
}

/// A run under way. Its lines on standard error are read as they come.
struct Run {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Run {
    fn start(work: &Work, server: &Server, more: &[&str]) -> Run {
        Run::of(work.command(&["run", "job.toml", "--endpoint", &server.endpoint]).args(more))
    }

    fn of(command: &mut Command) -> Run {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a run");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("stderr"));
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Run { child, lines, said: Vec::new() }
    }

    /// Waits for a line that contains these words.
    #[track_caller]
    fn says(&mut self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else { panic!("`{words}` is not in {:#?}", self.said) };
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for the end and returns the result.
    fn ended(mut self) -> Outcome {
        let mut stdout = String::new();
        self.child.stdout.take().expect("stdout").read_to_string(&mut stdout).expect("text");
        let code = self.child.wait().expect("ended").code().unwrap_or(-1);
        self.said.extend(self.lines.iter());
        Outcome { code, stdout, stderr: self.said.join("\n") }
    }
}

/// Returns the two moments in a line, in seconds since 1970: since when, and until when at the latest.
#[track_caller]
fn moments(line: &str) -> (i64, i64) {
    let of = |word: &str| {
        let text = line.split(&format!("{word} ")).nth(1).and_then(|rest| rest.split(' ').next()).expect(line);
        text.parse::<jiff::Timestamp>().expect(line).as_second()
    };
    assert!(line.contains(" at the latest: "), "{line}");
    (of("since"), of("until"))
}

/// Starts a Qpien that answers `instead` for the time `lasts`, starting with the first request for which `begins` is
/// true.
fn for_a_while(
    instead: impl Fn() -> Answer + Send + Sync + 'static,
    begins: impl Fn(&Asked) -> bool + Send + Sync + 'static,
    lasts: Duration,
) -> Server {
    let (foreign, since) = (Foreign::default(), Mutex::new(None::<Instant>));
    Server::start(move |asked| {
        let is_on = {
            let mut since = since.lock().expect("no panic");
            if since.is_none() && begins(asked) {
                *since = Some(Instant::now());
            }
            since.is_some_and(|since| since.elapsed() < lasts)
        };
        if is_on { instead() } else { foreign.answer(asked) }
    })
}

fn second_page(asked: &Asked) -> bool {
    asked.operation() == "getContactList" && asked.number("page") == Some(2)
}

fn first(asked: &Asked) -> bool {
    asked.n == 1
}

const FOR_EVER: Duration = Duration::from_secs(3600);

fn down() -> Answer {
    Answer::html(503)
}

/// Is down, and says for how long. Without that, a run may give up at first contact before a wait is long.
fn down_and_says_so() -> Answer {
    down().with("Retry-After", "15")
}

/// Does not answer for as long as a test may take.
fn hangs() -> Answer {
    std::thread::sleep(Duration::from_secs(120));
    Answer::nothing()
}

fn refused() -> Answer {
    Answer::new(429, "text/plain", "").with("X-RateLimit-Reset", "50")
}

// ---- what is said

#[test]
fn an_outage_says_why_since_when_and_until_when_and_that_it_is_over() {
    for json in [false, true] {
        let server = for_a_while(down, second_page, Duration::from_secs(12));
        let work = job("retry_for = \"2m\"");
        let mut run = Run::start(&work, &server, if json { &["--log-format", "json"] } else { &[] });
        let line = run.says("at the latest: HTTP 503");
        let (since, until) = moments(&line);
        assert!((110..=130).contains(&(until - since)), "{line}");
        let now = i64::try_from(SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_secs()).expect("a time");
        assert!((0..=15).contains(&(now - since)), "it began when the first request failed: {line}");
        run.says("answers come again");
        let outcome = run.ended();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(
            outcome.stderr.matches("waiting since").count() <= 2,
            "once, and in a line of progress: {}",
            outcome.stderr
        );
        for stream in STREAMS {
            assert_eq!(ids(&work, stream), Foreign::default().ids(stream));
        }
    }
}

#[test]
fn an_answer_that_does_not_come_is_told_before_anything_is_read() {
    let server = for_a_while(hangs, first, FOR_EVER);
    let work = job("read_timeout = \"40s\"");
    let mut run = Run::start(&work, &server, &[]);
    let (since, until) = moments(&run.says("the answer to a request"));
    assert!(until - since <= 180);
    run.signal("-KILL");
}

#[test]
fn limits_that_are_waited_for_are_told() {
    let foreign = Foreign::default();
    let used_up = Server::start(move |asked| {
        foreign
            .answer(asked)
            .with("X-RateLimit-Limit", "100")
            .with("X-RateLimit-Remaining", "0")
            .with("X-RateLimit-Reset", "40")
    });
    for (server, words, lasts) in [
        (for_a_while(refused, second_page, FOR_EVER), "asked everybody to wait", 50),
        (used_up, "the limit is used up", 40),
    ] {
        let work = job("");
        let mut run = Run::start(&work, &server, &[]);
        let line = run.says(words);
        let (since, until) = moments(&line);
        assert!((lasts - 2..=lasts + 1).contains(&(until - since)), "{line}");
        run.signal("-KILL");
    }
}

/// The run believes a stored budget window for a minute at most, and says so. Here the window is from a clock that
/// was 50 minutes ahead.
#[test]
fn a_stored_pace_is_believed_for_a_minute_and_told() {
    let (server, _) = Foreign::default().start();
    let work = job("");
    work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
    let window =
        std::fs::read_dir(work.path("shared")).expect("a folder").next().expect("a window").expect("a file").path();
    let now = u64::try_from(SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos()).expect("a time");
    let ahead = now + 3000 * 1_000_000_000;
    let text = format!("{{\"theoretical_arrival\":{ahead},\"blocked_until\":0,\"strikes\":0}}");
    std::fs::write(&window, text).expect("written");
    let mut run = Run::start(&work, &server, &["--requests-per-minute", "6000"]);
    let line = run.says("requests are spaced");
    let (since, until) = moments(&line);
    assert!((58..=61).contains(&(until - since)), "{line}");
    run.signal("-KILL");
}

// ---- signals

#[test]
fn a_signal_during_a_long_wait_ends_it_within_a_second() {
    let nights = [
        ("an outage", for_a_while(down, second_page, FOR_EVER), "HTTP 503"),
        ("an outage at the start", for_a_while(down_and_says_so, first, FOR_EVER), "HTTP 503"),
        ("a block", for_a_while(refused, second_page, FOR_EVER), "asked everybody to wait"),
        ("no answer", for_a_while(hangs, second_page, FOR_EVER), "the answer to a request"),
        ("no answer at the start", for_a_while(hangs, first, FOR_EVER), "the answer to a request"),
    ];
    std::thread::scope(|scope| {
        for (what, server, words) in nights {
            scope.spawn(move || {
                let work = job("read_timeout = \"100s\"");
                let mut run = Run::start(&work, &server, &[]);
                run.says(words);
                let begun = Instant::now();
                run.signal("-TERM");
                let outcome = run.ended();
                let took = begun.elapsed();
                assert_eq!(outcome.code, 4, "{what}: {}", outcome.stderr);
                assert!(took < Duration::from_millis(1500), "{what}: {took:?}");
                let said = format!("{}{}", outcome.stdout, outcome.stderr);
                assert!(said.contains("`qpien-sync export job.toml` delivers what is proven"), "{what}: {said}");
                assert!(!work.path("out/manifest.json").exists(), "{what}");
            });
        }
    });
}

#[test]
fn a_hangup_is_a_signal_unless_it_was_ignored_at_the_start() {
    let server = for_a_while(down, second_page, FOR_EVER);
    let work = job("");
    let mut run = Run::start(&work, &server, &[]);
    run.says("HTTP 503");
    run.signal("-HUP");
    assert_eq!(run.ended().code, 4);

    let server = for_a_while(down, second_page, Duration::from_secs(12));
    let work = job("");
    let plain = work.command(&["run", "job.toml", "--endpoint", &server.endpoint]);
    let mut command = work.command(&[]);
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    for (name, value) in command.current_dir(work.path("")).get_envs() {
        match value {
            Some(value) => drop(ignoring.env(name, value)),
            None => drop(ignoring.env_remove(name)),
        }
    }
    let mut run = Run::of(ignoring.current_dir(work.path("")));
    run.says("HTTP 503");
    run.signal("-HUP");
    let outcome = run.ended();
    assert_eq!(outcome.code, 0, "nohup goes on: {}", outcome.stderr);
}
