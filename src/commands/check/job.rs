//! Makes the checklist's line for the job file. When it is made, the file has been read, and every key and value in
//! it is valid.

use super::line::CheckLine;
use crate::config::settings::Settings;
use crate::quantity::counted;

/// Returns the line with the job's name and the numbers of its streams and destinations.
pub fn line(settings: &Settings) -> CheckLine {
    let count = |n: usize, what: &str| counted(n as u64, what);
    let (streams, destinations) = (settings.streams.len(), settings.destinations.len());
    let detail = format!("{}: {}, {}", settings.name, count(streams, "stream"), count(destinations, "destination"));
    let names: Vec<&str> = settings.streams.iter().map(|s| s.name()).collect();
    let line = if destinations == 0 {
        CheckLine::note("job", detail, "nothing is delivered: a [[destination]] says where the files go")
    } else {
        CheckLine::ok("job", detail, "`run --print-config` shows every setting and where it comes from")
    };
    line.with("streams", names).with("destinations", destinations)
}
