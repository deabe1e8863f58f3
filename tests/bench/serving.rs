//! Measures how fast a run is without a limit, how fast the sandbox serves, and how long the demonstration takes.

use std::time::Instant;

use crate::support::{Sandbox, Work};

pub fn measure() {
    let sandbox = Sandbox::start(&["--requests-per-minute", "0"]);
    let work = Work::new("");
    let begun = Instant::now();
    work.run(&sandbox, &[]).expect(0);
    let took = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds(&sandbox);
    println!(
        "sync: 225,200 records in {took:.1} s, {:.0} records/s; the sandbox spent {cpu:.1} s of CPU on it, {:.1} times less than the run took",
        225_200.0 / took,
        took / cpu
    );
}

fn cpu_seconds(sandbox: &Sandbox) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", sandbox.pid())).expect("Linux");
    let after = stat.rsplit(") ").next().expect("fields");
    let ticks: f64 = after.split_whitespace().skip(11).take(2).map(|t| t.parse::<f64>().expect("ticks")).sum();
    ticks / 100.0
}

pub fn demo() {
    let work = Work::new("");
    let begun = Instant::now();
    work.call(&["demo", "--quiet"]).expect(0);
    println!("demo: {:.1} s (promised: under 60 s)", begun.elapsed().as_secs_f64());
}
