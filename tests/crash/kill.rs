//! Kills runs with SIGKILL at seeded moments. A moment is a number of requests that the sandbox has seen, not a time,
//! so the kills hit the same places on any machine.

use std::process::Stdio;

use crate::support::{STREAMS, Sandbox, Work};

/// Returns a pseudo-random number for `seed` and `n`.
fn dice(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(n.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

const ACCOUNT: [&str; 12] = [
    "--contacts",
    "3000",
    "--persons",
    "20",
    "--conversations",
    "400",
    "--messages",
    "8000",
    "--requests-per-minute",
    "0",
    "--latency",
    "5ms",
];

fn requests(sandbox: &Sandbox) -> u64 {
    sandbox.counts()["requests"].as_u64().expect("a count")
}

/// Kills a run at `kills` seeded moments, resumes it each time, and asserts that the files equal those of an
/// uninterrupted run.
fn killed_and_resumed(seed: u64, kills: u64) {
    let sandbox = Sandbox::start(&ACCOUNT);
    let whole = Work::new("");
    whole.run(&sandbox, &[]).expect(0);
    let one_run = requests(&sandbox);
    let work = Work::new("");
    for n in 0..kills {
        let before = requests(&sandbox);
        let until = before + 1 + dice(seed, n) % (one_run / (kills + 1) * 2);
        let mut child = work
            .command(&["run", "job.toml", "--endpoint", &sandbox.endpoint])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a run");
        // A run may end before its moment comes.
        while requests(&sandbox) < until && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("dead");
    }
    let last = work.run(&sandbox, &[]);
    // If the last kill came after everything was read, this run reads everything anew.
    last.expect(0);
    for stream in STREAMS {
        assert!(work.csv(stream) == whole.csv(stream), "{stream}.csv differs, seed {seed}");
    }
    // A kill repeats at most the pages under way (8 conversations and 3 lists are walked at a time) and one token.
    let spent = requests(&sandbox) - one_run;
    assert!(
        spent <= one_run + kills * (8 + 3 + 1),
        "{spent} requests in {kills} pieces, {one_run} in one run, seed {seed}"
    );
}

#[test]
fn ten_kills_and_the_same_bytes() {
    let seeds = std::env::var("SOAK_SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(2);
    for seed in 0..seeds {
        killed_and_resumed(seed, 10);
    }
}
