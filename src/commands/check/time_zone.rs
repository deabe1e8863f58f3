//! Makes a line if the newest moment that the server has shown names no zone and lies in the future of the server's own
//! clock. Such a moment is local time, and the job should name the zone. A zone behind UTC cannot be told so.

use super::line::CheckLine;
use crate::moment;
use crate::source::page::Page;
use crate::streams::{ColumnKind, Stream};

/// How far ahead of the server's clock a moment must be, in milliseconds: ten minutes. Clocks differ by less.
const LEAST: i64 = 600_000;
/// How far ahead of UTC a zone can be, in milliseconds: fourteen hours.
const MOST: i64 = 14 * 3_600_000;

/// Returns by how many milliseconds the newest moment on a page that names no zone is ahead of `now`, the server's
/// time in milliseconds since 1970, if it counts as UTC. Returns `None` if no moment on the page lacks its zone.
pub fn ahead(page: &Page, stream: Stream, now: i64) -> Option<i64> {
    let names = stream.columns().iter().filter(|column| column.kind == ColumnKind::Timestamp).map(|column| column.name);
    let paths: Vec<Vec<&str>> = names.map(|name| vec![name]).chain([vec!["lastMessage", "createdAt"]]).collect();
    let of_row = |row| {
        let record: serde_json::Value = serde_json::from_slice(page.records.payload(row)).ok()?;
        let text =
            |path: &Vec<&str>| path.iter().fold(&record, |inside, name| &inside[*name]).as_str().map(str::to_owned);
        let local = paths.iter().filter_map(text).filter(|text| moment::is_without_zone(text));
        local.filter_map(|text| moment::read_text(&text)).map(|(micros, _)| micros.div_euclid(1000) - now).max()
    };
    page.records.rows.iter().filter_map(of_row).max()
}

/// Returns the line, or `None` if nothing suggests that moments are local time. `ahead` is by how many milliseconds
/// the newest moment without a zone is ahead of the server's clock. `zone` is the zone that the job names, or empty.
pub fn line(ahead: Option<i64>, zone: &str) -> Option<CheckLine> {
    let ahead = ahead.filter(|ahead| zone.is_empty() && (LEAST..=MOST).contains(ahead))?;
    let minutes = (ahead + 30_000) / 60_000;
    Some(CheckLine::note(
        "time zone",
        format!(
            "moments here name no zone, and the newest is {} h {:02} min ahead of the server's clock: they look like local time",
            minutes / 60,
            minutes % 60
        ),
        "name the company's zone in the job: [source] time_zone = \"Europe/Istanbul\"",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_near_future_looks_like_local_time() {
        let is_told = |ahead: i64| line(Some(ahead), "").is_some();
        for (minutes, told) in [(-60, false), (0, false), (9, false), (180, true), (14 * 60, true), (15 * 60, false)] {
            assert_eq!(is_told(minutes * 60_000), told, "{minutes}");
        }
        assert!(line(Some(3 * 3_600_000), "Europe/Istanbul").is_none() && line(None, "").is_none());
    }
}
