//! Measures the requests of a night on a large account of which little has changed, beside the requests that it takes
//! to ask for everything, one question a request.

use crate::support::{Sandbox, Work};

const CONTACTS: u64 = 100_000;
const CONVERSATIONS: u64 = 100_000;
const MESSAGES: u64 = 2_000_000;
/// A hundredth of the conversations.
const CHANGED: u64 = CONVERSATIONS / 100;
const AUDIT: u64 = 20;
const PAGE: u64 = 100;
const ALIASES: f64 = 10.0;
/// Requests of the first reading, measured before lists were read again. `NIGHT` is the same number for the night.
const FIRST: f64 = 12_988.0;
const NIGHT: f64 = 616.0;

pub fn measure() {
    let [contacts, conversations, messages] = [CONTACTS, CONVERSATIONS, MESSAGES].map(|n| n.to_string());
    let account =
        ["--contacts", &contacts, "--persons", "100", "--conversations", &conversations, "--messages", &messages];
    let sandbox = Sandbox::start(&[&account[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::with_job(
        "name = \"nightly\"\nmode = \"incremental\"\n[source]\nclient_id = \"sandbox-client\"\n\
         client_secret = \"sandbox-secret\"\nrequests_per_minute = 0\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let requests = || sandbox.counts()["requests"].as_u64().expect("a count");
    work.run(&sandbox, &[]).expect(0);
    let first = requests();
    sandbox.bodiless("POST", &format!("/sandbox/night?seed=1&changed={CHANGED}"));
    let begun = std::time::Instant::now();
    work.run(&sandbox, &[]).expect(0);
    let (second, took) = (requests() - first, begun.elapsed());
    let pages = |rows: u64| rows.div_ceil(PAGE) as f64;
    // The promise counts each list twice, with overlap, a page for each changed conversation, and the audit.
    let lists = pages(CONTACTS) + pages(CONVERSATIONS) + 1.0;
    let most = 1.2 * (2.0 * 1.15 * lists + CHANGED as f64) / ALIASES + AUDIT as f64;
    let naive = lists + CONVERSATIONS as f64;
    println!(
        "nightly: {CONTACTS} contacts, {CONVERSATIONS} conversations, {MESSAGES} messages, {CHANGED} conversations changed: \
         {second} requests, {:.1} minutes at 100 a minute (promised: {most:.0}); asking for everything, one question a \
         request: {naive:.0} requests, {:.0} minutes; the first reading: {first} requests, {:.0} minutes; {:.0} s without a \
         limit",
        second as f64 / 100.0,
        naive / 100.0,
        first as f64 / 100.0,
        took.as_secs_f64()
    );
    assert!(second as f64 <= most, "{second} requests, {most:.0} promised");
    // Closing readings, and the questions that keep rows from being passed over, cost a still account next to
    // nothing.
    assert!(
        first as f64 <= FIRST * 1.03,
        "the first reading: {first} requests, at most 3 % more than {FIRST} promised"
    );
    assert!(second as f64 <= NIGHT * 1.03, "the night: {second} requests, at most 3 % more than {NIGHT} promised");
}
