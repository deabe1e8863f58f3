//! Decides, from what is known of a suspect, whether it is gone, and puts the result into words. Pure.

use crate::delete_limit::Refused;
use crate::dialect::NotFound;
use crate::discovery::fetch_by_id::RecordLookup;
use crate::error::{Error, Kind, quote};
use crate::mirror::suspects::{Parent, Suspect};
use crate::quantity::counted;
use crate::streams::Stream;

/// What asking the server for a suspect by its id has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspectLookup {
    /// This server has no query for single records.
    NoQuery,
    /// The suspect was not asked for yet.
    NotYet,
    /// The server has answered, with this result.
    Answered(RecordLookup),
}

/// The evidence from which it is concluded that a record is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionEvidence {
    /// A proven walk did not show the record.
    Proven,
    /// The record was asked for by its id and does not exist.
    NotThere,
    /// Complete walks of two rounds did not show the record.
    Twice,
    /// The list came out empty, and the operator says that this is right (`--allow-deletes`).
    Empty,
    /// The record's parent is gone, and the record was asked for by its id and does not exist.
    WithParent,
    /// The record's parent is gone, and no other list shows the record.
    Inferred,
}

impl DeletionEvidence {
    /// Returns whether the evidence concerns an orphan, that is, a record whose parent is gone.
    pub fn is_of_an_orphan(self) -> bool {
        matches!(self, DeletionEvidence::WithParent | DeletionEvidence::Inferred)
    }
}

/// Returns the evidence that a suspect is gone, or `None` if it is kept. `asked` is what asking for it has shown,
/// `since` the run in which the round began, and `allowed` whether `--allow-deletes` was given.
pub fn judge(suspect: &Suspect, asked: SuspectLookup, since: i64, allowed: bool) -> Option<DeletionEvidence> {
    if let Some(evidence) = at_once(suspect, allowed) {
        return Some(evidence);
    }
    if let Parent::Gone { is_searched } = suspect.parent {
        return match asked {
            SuspectLookup::Answered(RecordLookup::Gone) => Some(DeletionEvidence::WithParent),
            SuspectLookup::Answered(RecordLookup::There) => None,
            SuspectLookup::NotYet | SuspectLookup::NoQuery | SuspectLookup::Answered(RecordLookup::Unknown) => {
                is_searched.then_some(DeletionEvidence::Inferred)
            }
        };
    }
    match asked {
        SuspectLookup::Answered(RecordLookup::Gone) => Some(DeletionEvidence::NotThere),
        SuspectLookup::Answered(RecordLookup::There) | SuspectLookup::NotYet => None,
        SuspectLookup::NoQuery | SuspectLookup::Answered(RecordLookup::Unknown) => {
            (suspect.suspect_run < since).then_some(DeletionEvidence::Twice)
        }
    }
}

/// Returns what the answer `found` is worth on a server that answers for a missing record as `not_there` says. If it
/// answers with an error, a missing record cannot be told from a fault, and `Gone` becomes `Unknown`.
pub fn believed(found: RecordLookup, not_there: Option<NotFound>) -> RecordLookup {
    match (found, not_there) {
        (RecordLookup::Gone, Some(NotFound::Error)) => RecordLookup::Unknown,
        (found, _) => found,
    }
}

/// Returns the evidence that a suspect is gone even if the server is not asked for it, or `None`.
pub fn at_once(suspect: &Suspect, allowed: bool) -> Option<DeletionEvidence> {
    match (suspect.empty, suspect.proven) {
        // An empty list may be an outage, so the operator must allow it. Then it proves as much as a proven walk
        // does, because no row can have moved past the reading point of a list without rows.
        (true, _) => allowed.then_some(DeletionEvidence::Empty),
        (false, proven) => proven.then_some(DeletionEvidence::Proven),
    }
}

/// What was concluded about the records of a stream that are gone. All numbers but those of lists count records.
#[derive(Debug, Clone, Default)]
pub struct Concluded {
    /// Records deleted because a proven walk did not show them.
    pub proven: u64,
    /// Records deleted because they were asked for by id and do not exist.
    pub not_there: u64,
    /// Records deleted because the server says that neither they nor their own lists exist.
    pub told_gone: u64,
    /// Records deleted because complete walks of two rounds did not show them.
    pub twice: u64,
    /// Records deleted because their list came out empty, with `--allow-deletes`.
    pub empty: u64,
    /// Records deleted because the job no longer asks for them, with `--allow-deletes`.
    pub not_asked_for: u64,
    /// Records of the child stream deleted because they belonged to records that the job no longer asks for.
    pub with_them: u64,
    /// Records deleted after their parent was, because they were asked for by id and do not exist.
    pub covered: u64,
    /// Records deleted after their parent was, because no other list shows them.
    pub inferred: u64,
    /// Records that a walk did not show, but that exist when asked for by id: they have moved.
    pub moved: u64,
    /// Suspects that are left, without orphans.
    pub suspects: u64,
    /// Orphans that are left. Their parent is gone, and they may have moved to another parent.
    pub orphans: u64,
    /// The number of lists that must still be read completely before these orphans are deleted.
    pub unsearched: u64,
    /// The number of lists that were gone before they were read to the end, and the number of other lists that are
    /// still to be searched for their records. `None` if no list was lost in that way.
    pub unread: Option<(u64, u64)>,
    /// Whether suspects of this stream can be asked for by id.
    pub askable: bool,
    /// The refusal, if deletions were refused. Otherwise `None`.
    pub refusal: Option<Refusal>,
}

/// A refusal to delete records of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stream of the records.
    pub stream: Stream,
    /// The number of records that would have been deleted.
    pub count: u64,
    /// The number of live records in the stream.
    pub live: u64,
    /// The reason for the refusal.
    pub why: Refused,
    /// The first ids of the records that would have been deleted.
    pub ids: Vec<String>,
    /// The names of the settings that have changed, if that is the reason. Otherwise empty.
    pub settings: Vec<&'static str>,
}

impl Concluded {
    /// Returns how many records of the stream were deleted, including orphans.
    pub fn deleted(&self) -> u64 {
        self.found() + self.covered + self.inferred
    }

    /// Returns this conclusion with all deletions at 0, after they were refused.
    #[must_use]
    pub fn refused(self) -> Concluded {
        Concluded { proven: 0, not_there: 0, told_gone: 0, twice: 0, empty: 0, covered: 0, inferred: 0, ..self }
    }

    /// Returns this conclusion with a later one of the same stream added.
    #[must_use]
    pub fn and_then(self, later: Concluded) -> Concluded {
        Concluded {
            proven: self.proven + later.proven,
            not_there: self.not_there + later.not_there,
            told_gone: self.told_gone + later.told_gone,
            twice: self.twice + later.twice,
            empty: self.empty + later.empty,
            not_asked_for: self.not_asked_for + later.not_asked_for,
            with_them: self.with_them + later.with_them,
            covered: self.covered + later.covered,
            inferred: self.inferred + later.inferred,
            moved: self.moved + later.moved,
            refusal: later.refusal.or(self.refusal),
            ..later
        }
    }

    /// Returns how many records were deleted because of evidence about themselves, and not as orphans.
    pub fn found(&self) -> u64 {
        self.proven + self.not_there + self.told_gone + self.twice + self.empty + self.not_asked_for
    }

    /// Counts a record that is gone by this evidence.
    pub fn count(&mut self, evidence: DeletionEvidence) {
        *match evidence {
            DeletionEvidence::Proven => &mut self.proven,
            DeletionEvidence::NotThere => &mut self.not_there,
            DeletionEvidence::Twice => &mut self.twice,
            DeletionEvidence::Empty => &mut self.empty,
            DeletionEvidence::WithParent => &mut self.covered,
            DeletionEvidence::Inferred => &mut self.inferred,
        } += 1;
    }

    /// Returns one sentence for the summary that says what was concluded and why, or `None` if there is nothing to
    /// report.
    pub fn told(&self, stream: Stream) -> Option<String> {
        let reasons = [
            (self.proven, "a proven reading did not show them"),
            (self.not_there, "asked for by id, not there"),
            (self.told_gone, "the server has neither them nor what belongs to them"),
            (self.twice, "two complete readings did not show them"),
            (self.empty, "the list is empty, and --allow-deletes says that this is right"),
            (self.not_asked_for, "not asked for any more, and --allow-deletes says that this is right"),
            (self.covered, "with what they belonged to, asked for by id, not there"),
            (self.inferred, "with what they belonged to, and no other list shows them"),
        ];
        let reasons: Vec<String> =
            reasons.iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n}: {why}")).collect();
        let waiting =
            if self.askable { "until they are asked for by id" } else { "until another reading shows them or not" };
        let mut parts = Vec::new();
        if !reasons.is_empty() {
            parts.push(format!("{} deleted ({})", counted(self.deleted(), "record"), reasons.join("; ")));
        }
        if self.with_them > 0 {
            parts.push(format!("{} that belonged to these deleted, too", counted(self.with_them, "record")));
        }
        if self.moved > 0 {
            parts.push(format!("{} not shown, but there when asked for by id", counted(self.moved, "record")));
        }
        if self.suspects > 0 {
            parts.push(format!("{} not shown and kept {waiting}", counted(self.suspects, "record")));
        }
        if self.orphans > 0 {
            parts.push(format!(
                "{} kept although what they belonged to is gone, until {} more were read in search of them",
                counted(self.orphans, "record"),
                counted(self.unsearched, "list")
            ));
        }
        if let Some((gone, lists)) = self.unread {
            let were = if gone == 1 { "was" } else { "were" };
            parts.push(format!(
                "{} {were} gone before anybody read it; where that was merged into another one, what stood there is missing \
                 until {} more were read in search of it",
                counted(gone, "list"),
                counted(lists, "list")
            ));
        }
        (!parts.is_empty()).then(|| format!("{stream}: {}", parts.join(", ")))
    }
}

impl Refusal {
    /// Returns the refusal as an error, with the first ids.
    pub fn told(&self) -> Error {
        const SHOWN: usize = 20;
        let (stream, count, live) = (self.stream, counted(self.count, "record"), self.live);
        let what = match self.why {
            Refused::TooMany(most) => format!(
                "{stream}: {count} of {live} would be deleted, more than max_deletes allows ({most}); none of them was"
            ),
            Refused::Empty => {
                format!("{stream}: the list came out empty, but the mirror holds {count}; nothing was deleted")
            }
            Refused::NotAskedFor => format!(
                "{stream}: {count} of {live} are not shown any more since {} changed; none of them was deleted: \
                 --allow-deletes lets them go, a mirror of its own (--mirror) keeps this job apart from them",
                self.settings.join(", ")
            ),
            Refused::AllEmpty => format!(
                "{stream}: every list that was read came out empty, and {count} of {live} would be deleted; none of them was"
            ),
        };
        let more = if self.ids.len() > SHOWN { ", ..." } else { "" };
        let ids = self.ids.iter().take(SHOWN).map(|id| quote(id)).collect::<Vec<_>>().join(", ");
        Error::new(Kind::DeletesRefused, format!("{what} ({ids}{more})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: i64 = 5;

    fn suspect(suspect_run: i64, proven: bool, empty: bool) -> Suspect {
        Suspect { id: "a".into(), suspect_run, proven, empty, parent: Parent::There }
    }

    #[test]
    fn only_what_tells_gone_from_moved_deletes() {
        use SuspectLookup::{Answered, NoQuery, NotYet};
        let (new, old) = (SINCE, SINCE - 1);
        for (suspect_run, asked, evidence) in [
            (new, NoQuery, None),
            (old, NoQuery, Some(DeletionEvidence::Twice)),
            (new, Answered(RecordLookup::Gone), Some(DeletionEvidence::NotThere)),
            (new, Answered(RecordLookup::There), None),
            (old, Answered(RecordLookup::There), None),
            (new, Answered(RecordLookup::Unknown), None),
            (old, Answered(RecordLookup::Unknown), Some(DeletionEvidence::Twice)),
            (new, NotYet, None),
            (old, NotYet, None),
        ] {
            let judged = judge(&suspect(suspect_run, false, false), asked, SINCE, false);
            assert_eq!(judged, evidence, "{suspect_run} {asked:?}");
            assert_eq!(
                judge(&suspect(suspect_run, false, false), asked, SINCE, true),
                evidence,
                "a guard is no evidence"
            );
        }
        assert_eq!(judge(&suspect(new, true, false), NotYet, SINCE, false), Some(DeletionEvidence::Proven));
    }

    #[test]
    fn an_orphan_goes_by_the_servers_word_or_once_every_list_was_searched() {
        use SuspectLookup::{Answered, NoQuery, NotYet};
        let orphan = |is_searched| Suspect { parent: Parent::Gone { is_searched }, ..suspect(SINCE - 1, false, false) };
        for (asked, unsearched, searched) in [
            (NoQuery, None, Some(DeletionEvidence::Inferred)),
            (NotYet, None, Some(DeletionEvidence::Inferred)),
            (Answered(RecordLookup::Unknown), None, Some(DeletionEvidence::Inferred)),
            (Answered(RecordLookup::There), None, None),
            (Answered(RecordLookup::Gone), Some(DeletionEvidence::WithParent), Some(DeletionEvidence::WithParent)),
        ] {
            assert_eq!(judge(&orphan(false), asked, SINCE, true), unsearched, "{asked:?}");
            assert_eq!(judge(&orphan(true), asked, SINCE, true), searched, "{asked:?}");
        }
    }

    #[test]
    fn an_error_is_no_word_of_a_record() {
        for how in [NotFound::Null, NotFound::SuccessFalse] {
            assert_eq!(believed(RecordLookup::Gone, Some(how)), RecordLookup::Gone);
        }
        assert_eq!(believed(RecordLookup::Gone, Some(NotFound::Error)), RecordLookup::Unknown);
        assert_eq!(believed(RecordLookup::There, Some(NotFound::Error)), RecordLookup::There);
    }

    #[test]
    fn an_empty_list_proves_nothing_until_the_operator_says_so() {
        for proven in [false, true] {
            let new = suspect(SINCE, proven, true);
            assert_eq!(judge(&new, SuspectLookup::NoQuery, SINCE, false), None);
            assert_eq!(judge(&new, SuspectLookup::NoQuery, SINCE, true), Some(DeletionEvidence::Empty));
            assert_eq!(
                judge(&suspect(SINCE - 1, proven, true), SuspectLookup::NoQuery, SINCE, false),
                Some(DeletionEvidence::Twice)
            );
        }
    }

    #[test]
    fn what_was_concluded_is_one_sentence() {
        let none = Concluded::default();
        assert_eq!(none.told(Stream::Contacts), None);
        let some = Concluded { not_there: 5, twice: 1, moved: 1, suspects: 2, askable: true, ..none };
        assert_eq!(
            some.told(Stream::Contacts).expect("a sentence"),
            "contacts: 6 records deleted (5: asked for by id, not there; 1: two complete readings did not show them), \
             1 record not shown, but there when asked for by id, 2 records not shown and kept until they are asked for by id"
        );
    }

    #[test]
    fn a_refusal_names_the_first_twenty() {
        let ids: Vec<String> = (0..30).map(|n| format!("id{n}")).collect();
        let refusal = Refusal {
            stream: Stream::Contacts,
            count: 30,
            live: 100,
            why: Refused::TooMany(10),
            ids,
            settings: Vec::new(),
        };
        let told = refusal.told().detail;
        assert!(
            told.starts_with("contacts: 30 records of 100 would be deleted, more than max_deletes allows (10)"),
            "{told}"
        );
        assert!(told.contains("id19, ...)") && !told.contains("id20"), "{told}");
    }
}
