//! Moments that name no zone: they count as UTC, or as local time where the job names the zone. The manifest says which
//! was assumed, and `check` tells when they look like local time.

use serde_json::{Value, json};

use crate::support::qpien::{Account, Qpien, job};
use crate::support::{Outcome, Work};

const WRITTEN: [(&str, &str, &str); 4] = [
    // As the server sends it, as it counts in UTC, and as it counts in Istanbul.
    ("2024-03-05T08:09:10", "2024-03-05T08:09:10.000000Z", "2024-03-05T05:09:10.000000Z"),
    ("2015-01-15 23:30:00.5", "2015-01-15T23:30:00.500000Z", "2015-01-15T21:30:00.500000Z"),
    ("2024-03-05T08:09:10Z", "2024-03-05T08:09:10.000000Z", "2024-03-05T08:09:10.000000Z"),
    ("2024-03-05T08:09:10+01:00", "2024-03-05T07:09:10.000000Z", "2024-03-05T07:09:10.000000Z"),
];

fn server() -> Qpien {
    let mut account = Account::new(WRITTEN.len(), 0, 0);
    for (contact, (sent, ..)) in account.lists.get_mut("getContactList").expect("contacts").iter_mut().zip(WRITTEN) {
        contact["createdAt"] = json!(sent);
    }
    Qpien::start(account, |_, _| None)
}

fn work(zone: &str) -> Work {
    let work = job("backfill", zone);
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job").replace("\"csv\"", "\"jsonl\"");
    std::fs::write(work.path("job.toml"), format!("streams = [\"contacts\"]\n{text}")).expect("the job");
    work
}

fn delivered(work: &Work) -> Vec<String> {
    let lines = std::fs::read_to_string(work.path("out/contacts.jsonl")).expect("the file");
    let row = |line: &str| {
        serde_json::from_str::<Value>(line).expect("JSON")["createdAt"].as_str().expect("a moment").to_owned()
    };
    lines.lines().map(row).collect()
}

#[test]
fn they_count_in_the_zone_that_the_job_names() {
    let server = server();
    for (line, zone) in [("", "UTC"), ("time_zone = \"Europe/Istanbul\"", "Europe/Istanbul")] {
        let work = work(line);
        server.run(&work).expect(0);
        let wanted = WRITTEN.map(|(_, utc, local)| if line.is_empty() { utc } else { local });
        assert_eq!(delivered(&work), wanted, "{zone}");
        assert_eq!(work.manifest()["time_zone"], zone);
        work.call(&["verify", "job.toml"]).expect(0);
    }
}

#[test]
fn a_zone_that_is_named_later_reaches_what_was_delivered_before() {
    let (server, work) = (server(), work(""));
    server.run(&work).expect(0);
    let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
    let named = text.replacen("[source]\n", "[source]\ntime_zone = \"Europe/Istanbul\"\n", 1);
    std::fs::write(work.path("job.toml"), named).expect("the job");
    server.run(&work).expect(0);
    assert_eq!(delivered(&work), WRITTEN.map(|(.., local)| local));
}

#[test]
fn one_that_does_not_exist_is_refused_with_its_line() {
    let work = work("time_zone = \"Europe/Istambul\"");
    let refused = work.call(&["run", "job.toml"]).expect(2);
    let line = std::fs::read_to_string(work.path("job.toml")).expect("the job");
    let line = line.lines().position(|line| line.starts_with("time_zone")).expect("its line") + 1;
    assert!(refused.stderr.contains(&format!("job.toml:{line}")), "{}", refused.stderr);
    assert!(refused.stderr.contains("`Europe/Istambul` is no time zone"), "{}", refused.stderr);
}

#[test]
fn check_tells_when_they_look_like_local_time() {
    // The newest contact was created five minutes ago, in zones that are ahead of UTC by so many minutes.
    for (minutes, told) in [(180, Some("2 h 55 min")), (330, Some("5 h 25 min")), (0, None), (-300, None)] {
        let server = server();
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes - 5);
        let local = jiff::tz::Offset::UTC.to_datetime(now).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        server.account().lists.get_mut("getContactList").expect("contacts")[0]["createdAt"] = json!(local);
        let work = work("");
        let check = |work: &Work| {
            let command =
                work.command(&["check", "job.toml", "--endpoint", server.endpoint()]).output().expect("it runs");
            Outcome::of(&command).stdout
        };
        let said = check(&work);
        assert_eq!(said.contains("they look like local time"), told.is_some(), "{minutes}: {said}");
        if let Some(told) = told {
            assert!(said.contains(told) && said.contains("[source] time_zone = "), "{minutes}: {said}");
            let text = std::fs::read_to_string(work.path("job.toml")).expect("the job");
            let named = text.replacen("[source]\n", "[source]\ntime_zone = \"Europe/Istanbul\"\n", 1);
            std::fs::write(work.path("job.toml"), named).expect("the job");
            assert!(!check(&work).contains("look like local time"));
        }
    }
}
