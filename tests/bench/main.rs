//! Measurements. Ratios are measured within one run; rates hold for this machine only. `make bench` runs them all,
//! `cargo bench --bench bench -- budget` one of them by its name.

#[path = "../support/mod.rs"]
mod support;

mod budget;
mod delivery;
mod mirror;
mod nightly;
#[cfg(feature = "postgres")]
mod postgres_load;
mod serving;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let all: [(&str, fn()); 6] = [
        ("serving", serving::measure),
        ("demo", serving::demo),
        ("mirror", mirror::measure),
        ("budget", budget::measure),
        ("nightly", nightly::measure),
        ("delivery", delivery::measure),
    ];
    for (name, measure) in all {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            measure();
        }
    }
}
