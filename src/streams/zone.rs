//! A time zone, for moments that are written without one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A time zone of the IANA database, such as `Europe/Istanbul`.
#[derive(Clone, Copy)]
pub struct Zone(&'static (String, TimeZone));

/// Every zone that was asked for. There are a few at most, and each lives as long as the process, so that a zone can
/// be copied like a number.
static ZONES: Mutex<BTreeMap<String, Zone>> = Mutex::new(BTreeMap::new());

impl Zone {
    /// Returns the zone with this name, or `None` if the database has no such zone.
    pub fn named(name: &str) -> Option<Zone> {
        let mut zones = ZONES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = zones.get(name) {
            return Some(*zone);
        }
        let zone = Zone(Box::leak(Box::new((name.to_owned(), TimeZone::get(name).ok()?))));
        zones.insert(name.to_owned(), zone);
        Some(zone)
    }

    /// Returns the name that the zone was asked for by.
    pub fn name(self) -> &'static str {
        &self.0.0
    }

    /// Returns by how many seconds the zone is ahead of UTC at this local time. A local time that comes twice, when
    /// clocks go back, counts as its first. One that never comes, when they go forward, counts as if they had not gone
    /// forward yet.
    pub fn seconds_ahead(self, local: DateTime) -> i32 {
        match self.0.1.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.seconds(),
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before.seconds(),
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_knows_its_summers_and_its_history() {
        let ahead = |zone: &str, local: &str| {
            Zone::named(zone).expect("a zone").seconds_ahead(local.parse().expect("a local time"))
        };
        assert_eq!(ahead("Europe/Istanbul", "2024-07-01T12:00:00"), 3 * 3600);
        // Until 2016, Turkey had winter time.
        assert_eq!(ahead("Europe/Istanbul", "2015-01-15T12:00:00"), 2 * 3600);
        assert_eq!(ahead("America/New_York", "2024-01-15T12:00:00"), -5 * 3600);
        assert_eq!(ahead("Asia/Kolkata", "9999-12-31T23:59:59"), 19_800);
        // In Berlin this hour comes twice, and the one in March never.
        assert_eq!(ahead("Europe/Berlin", "2024-10-27T02:30:00"), 2 * 3600);
        assert_eq!(ahead("Europe/Berlin", "2024-03-31T02:30:00"), 3600);
        assert_eq!(Zone::named("Mars/Olympus"), None);
        assert_eq!(Zone::named("Europe/Istanbul"), Zone::named("Europe/Istanbul"));
        assert_ne!(Zone::named("Europe/Istanbul"), Zone::named("Europe/Berlin"));
    }
}
