//! Limits deletions, so that a fault of the server cannot empty a mirror: decides whether records are deleted at all,
//! how many at a time, and how many requests a run may spend to confirm deletions.

use crate::error::{Error, Result};
use crate::number;

/// The number of records that may be deleted whatever limit a job sets.
pub const LEAST: u64 = 10;

/// A job's settings for deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletes {
    /// Whether records that are gone from the source are deleted.
    pub on: bool,
    /// The most records of a stream that are deleted in one run.
    pub most: Most,
    /// The most requests that a run may spend to confirm deletions by asking for single records.
    pub confirm_requests: u64,
    /// Whether the limit is lifted (`--allow-deletes`): any number of records may be deleted, even all records of a
    /// list that is found empty.
    pub allowed: bool,
}

/// The most records of a stream that are deleted in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Most {
    /// A share of the stream's live records, in millionths.
    Share(u64),
    /// A fixed number of records.
    Number(u64),
}

/// Describes why deletions are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// More records would be deleted than this number, which is the limit.
    TooMany(u64),
    /// A list was found empty, although the mirror has records of it.
    Empty,
    /// Every list that was read was found empty.
    AllEmpty,
    /// The records are no longer shown since a setting changed that decides what is asked for.
    NotAskedFor,
}

impl Most {
    /// Parses a limit such as `5%` or `200`. `place` names the setting in the error.
    pub fn read(text: &str, place: &str) -> Result<Most> {
        let wrong =
            || Error::usage(format!("{place} = {text:?} is neither a share nor a number; write \"5%\" or \"200\""));
        let Some(percent) = text.trim().strip_suffix('%') else {
            return text.trim().parse().map(Most::Number).map_err(|_| wrong());
        };
        let percent = number::finite(percent).ok_or_else(wrong)?;
        if !(0.0..=100.0).contains(&percent) {
            return Err(wrong());
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked above
        Ok(Most::Share((percent * 10_000.0).round() as u64))
    }

    /// Returns how many records of a stream with `live` records may be deleted: never fewer than [`LEAST`].
    pub fn limit_for(self, live: u64) -> u64 {
        let most = match self {
            Most::Share(millionths) => u64::try_from(u128::from(live) * u128::from(millionths) / 1_000_000),
            Most::Number(n) => Ok(n),
        };
        most.unwrap_or(u64::MAX).max(LEAST)
    }
}

impl Deletes {
    /// Returns whether a list that is found empty is accepted as empty, even if the mirror has many of its records.
    pub fn believe_empty(&self) -> bool {
        !self.on || self.allowed
    }

    /// Returns why `gone` of a stream's `live` records may not be deleted, or `None` if they may. `empty` is `true`
    /// if none of the lists that were read had a row.
    pub fn refuse(&self, gone: u64, live: u64, empty: bool) -> Option<Refused> {
        let most = self.most.limit_for(live);
        if self.allowed || gone == 0 {
            None
        } else if empty && gone > LEAST {
            Some(Refused::AllEmpty)
        } else {
            (gone > most).then_some(Refused::TooMany(most))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_or_a_number_and_never_below_ten() {
        let read = |text: &str| Most::read(text, "p");
        for (text, live, most) in [
            ("5%", 1000, 50),
            ("5%", 100, 10),
            ("0.5%", 100_000, 500),
            ("100%", 7000, 7000),
            ("0%", 7000, 10),
            ("200", 7000, 200),
            ("3", 7000, 10),
            ("50%", u64::MAX, u64::MAX / 2),
        ] {
            assert_eq!(read(text).expect(text).limit_for(live), most, "{text} of {live}");
        }
        for text in ["", "%", "five", "-1", "101%", "5 %%", "NaN%", "1.5"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_many_and_nothing_at_all_are_refused_unless_allowed() {
        let rules = Deletes { on: true, most: Most::Share(50_000), confirm_requests: 50, allowed: false };
        assert_eq!(rules.refuse(50, 1000, false), None);
        assert_eq!(rules.refuse(51, 1000, false), Some(Refused::TooMany(50)));
        assert_eq!(rules.refuse(10, 10, false), None, "ten are few");
        let all = Deletes { most: Most::Share(1_000_000), ..rules };
        assert_eq!(all.refuse(1000, 1000, false), None);
        assert_eq!(all.refuse(1000, 1000, true), Some(Refused::AllEmpty));
        assert_eq!(all.refuse(10, 1000, true), None, "one conversation that was emptied is no outage");
        assert_eq!(Deletes { allowed: true, ..rules }.refuse(1000, 1000, true), None);
        assert!(!rules.believe_empty() && Deletes { on: false, ..rules }.believe_empty());
    }
}
