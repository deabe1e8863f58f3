//! Memory does not grow with the account. The run reports its own peak, as the operating system measured it.

use crate::support::foreign::{Answer, Foreign, Server};
use crate::support::{Outcome, Sandbox, Work, ids};

/// Returns the peak in MiB of a run over so many conversations with 200 messages each.
fn peak_mib(conversations: u64) -> f64 {
    let [messages, contacts, conversations] = [200, 4, 1].map(|each| (each * conversations).to_string());
    let size = ["--messages", &messages, "--contacts", &contacts, "--conversations", &conversations];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new("");
    peak_of(&work.run(&sandbox, &[]).expect(0))
}

/// Returns the peak that a run's summary reports, in MiB.
fn peak_of(outcome: &Outcome) -> f64 {
    let line = outcome.stdout.lines().find(|l| l.contains("peak memory")).expect("a line with the peak");
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|w| *w == "memory").expect("the word");
    words[at + 1].parse().expect("a number of MiB")
}

#[test]
fn the_peak_is_small_and_flat() {
    let (small, large) = (peak_mib(1_000), peak_mib(5_000));
    assert!(small <= 64.0, "{small} MiB at 200,000 messages");
    // An export sorts with bounded buffers, which a small account does not fill.
    assert!(large <= 72.0 && large <= small + 16.0, "{small} MiB at 200,000 messages, {large} MiB at 1,000,000");
}

#[test]
fn however_few_bytes_may_be_under_way_the_run_ends() {
    let size = ["--contacts", "3000", "--persons", "300", "--conversations", "200", "--messages", "20000"];
    let sandbox = Sandbox::start(&[&size[..], &["--requests-per-minute", "0"]].concat());
    let work = Work::new("bytes_in_flight = \"64KiB\"");
    work.run(&sandbox, &[]).expect(0);
    for (stream, rows) in [("contacts", 3_000), ("messages", 20_000)] {
        assert_eq!(ids(&work, stream).len(), rows, "{stream}");
    }
}

/// A text of 30 MB raises the run's peak memory by a few times its size, in every file format.
#[test]
fn a_large_text_costs_a_few_times_its_size() {
    const SIZE: usize = 30_000_000;
    for (text, kind, most) in [("x", "csv", 6.0), ("\\n", "csv", 7.0), ("\\\"", "jsonl", 7.0), ("x", "parquet", 8.0)] {
        let foreign = Foreign::default();
        let value = format!("\"{}\"", text.repeat(SIZE / text.len()));
        let server = Server::start(move |asked| {
            let answer = foreign.answer(asked);
            let body = String::from_utf8(answer.body).expect("UTF-8");
            Answer { body: body.replace("\"text 1007\"", &value).into_bytes(), ..answer }
        });
        let work = Work::with_job(&format!(
            "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
             requests_per_minute = 0\n[[destination]]\nkind = \"{kind}\"\npath = \"out\"\n"
        ));
        let run = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]).expect(0);
        let times = (peak_of(&run) - 24.0) / (SIZE as f64 / 1024.0 / 1024.0);
        println!("{kind} {text}: {times:.1} times its size");
        assert!(times < most, "{kind} {text}: {times:.1} times its size");
    }
}

/// A run bears an answer with ten thousand errors in less than 120 MiB. Each error names another field that the
/// server does not know.
#[test]
fn ten_thousand_errors_in_an_answer_are_no_matter_of_memory() {
    let errors: Vec<serde_json::Value> = (0..10_000)
        .map(|n| {
            let message = format!("Cannot query field \"field{n}\" on type \"ExternalContact\".");
            serde_json::json!({"message": message, "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}})
        })
        .collect();
    let body = serde_json::json!({ "errors": errors });
    let (server, _) = Foreign::default().once(move |_| Answer::json(400, &body)).start();
    let work = Work::with_job(
        "name = \"test\"\n[source]\nclient_id = \"foreign-client\"\nclient_secret = \"foreign-secret\"\n\
         requests_per_minute = 0\npage_size = 20\n[[destination]]\nkind = \"csv\"\npath = \"out\"\n",
    );
    let run = work.call(&["run", "job.toml", "--endpoint", &server.endpoint]);
    assert!(matches!(run.code, 0 | 3), "{}", run.stderr);
    assert!(peak_of(&run) < 120.0, "{} MiB", peak_of(&run));
}
