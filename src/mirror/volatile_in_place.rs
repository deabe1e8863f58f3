//! Handles records whose volatile values were overwritten in place, under the `seq` that they have
//! (`known_record.rs`). A destination of changes holds such a record as it was delivered under that `seq`, and does
//! not receive the new values. This is right as long as the values are volatile.
//!
//! If a job takes the declaration back, the values count again, and destinations of changes lack them. So each record
//! that was overwritten in place is marked. If a job declares less than before, the marked records concerned get a
//! new `seq`, whether a run reads them again or not.

use rusqlite::{OptionalExtension, Transaction, params};

use super::sequence::Seqs;
use super::store::Writer;
use crate::error::Result;
use crate::mirror::partitions;
use crate::record::volatile::Volatile;
use crate::streams::Stream;

/// The number of records to which one transaction gives a new `seq`.
const BATCH: usize = 1000;

/// How a record that was overwritten in place differs from the version that was delivered. Stored in
/// `record.in_place`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum InPlace {
    /// Only the signatures of URLs differ.
    Signatures = 1,
    /// Values that the job declares volatile differ, too.
    Declared = 2,
}

impl InPlace {
    /// Compares the JSON before and after a record was overwritten in place. `before` is `None` if the job declares
    /// no volatile values.
    pub(super) fn of(before: Option<&str>, after: &str) -> InPlace {
        let signatures = Volatile { paths: Vec::new(), signed: true };
        let cut = |text: &str| signatures.without_volatile(text).unwrap_or_else(|| text.to_owned());
        // If nothing is declared, only signatures can differ, so the caller did not read the former JSON.
        if before.is_none_or(|before| cut(before) == cut(after)) { InPlace::Signatures } else { InPlace::Declared }
    }
}

/// Stores which values of a stream are volatile from now on. If more were volatile before, gives the marked records
/// concerned a new `seq` in run `run`. Returns their number.
pub fn declare(writer: &mut Writer, run: i64, stream: Stream, rule: &Volatile) -> Result<u64> {
    let before = writer.transaction(|t| {
        t.prepare_cached("SELECT signed, paths FROM declared WHERE stream = ?")?
            .query_row([stream.number()], |r| Ok((r.get::<_, bool>(0)?, r.get::<_, String>(1)?)))
            .optional()
    })?;
    // The paths were written by this program, so they can be read.
    let before =
        before.map(|(signed, paths)| Volatile { signed, paths: serde_json::from_str(&paths).unwrap_or_default() });
    let renewed = match before.as_ref().and_then(|before| counts_again(before, rule)) {
        Some(least) => renew(writer, run, stream, least)?,
        None => 0,
    };
    let paths = serde_json::json!(rule.paths).to_string();
    writer.transaction(|t| {
        t.execute(
            "INSERT OR REPLACE INTO declared (stream, signed, paths) VALUES (?, ?, ?)",
            params![stream.number(), rule.signed, paths],
        )
    })?;
    Ok(renewed)
}

/// Returns the lowest mark of the records that need a new `seq`, or `None` if every value that was volatile still is.
fn counts_again(before: &Volatile, now: &Volatile) -> Option<InPlace> {
    let is_covered = |path: &Vec<String>| now.paths.iter().any(|wider| path.starts_with(wider));
    let is_less = (before.signed && !now.signed) || !before.paths.iter().all(is_covered);
    is_less.then_some(if now.signed { InPlace::Declared } else { InPlace::Signatures })
}

/// Gives a new `seq` to those records of a stream whose mark is at least `least`, and returns their number. If the
/// run is killed between two batches, the next run does the rest.
fn renew(writer: &mut Writer, run: i64, stream: Stream, least: InPlace) -> Result<u64> {
    let (mut renewed, mut after) = (0, String::new());
    loop {
        let (numbered, end) = writer.transaction(|t| {
            let marked: Vec<(String, i64)> = t
                .prepare_cached(
                    "SELECT id, seq FROM record INDEXED BY record_in_place
                     WHERE stream = ? AND in_place IS NOT NULL AND in_place >= ? AND id > ? ORDER BY id LIMIT ?",
                )?
                .query_map(params![stream.number(), least as u8, after, BATCH], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut seqs = Seqs::take(t, run)?;
            let mut given = 0;
            for (id, seq) in &marked {
                given += u64::from(move_on(t, &mut seqs, stream, id, *seq)?);
            }
            seqs.give_back(t)?;
            Ok((given, marked.into_iter().next_back()))
        })?;
        renewed += numbered;
        match end {
            Some((id, _)) => after = id,
            None => return Ok(renewed),
        }
    }
}

/// Gives a record a new `seq` and removes its mark. `before` is its present `seq`. Returns `false` and keeps the
/// `seq` if the record has no body to deliver.
fn move_on(t: &Transaction<'_>, seqs: &mut Seqs, stream: Stream, id: &str, before: i64) -> rusqlite::Result<bool> {
    let is_there: bool = t
        .prepare_cached(&format!("SELECT EXISTS (SELECT 1 FROM body_{stream} WHERE seq = ?)"))?
        .query_row([before], |r| r.get(0))?;
    let seq = if is_there { seqs.give() } else { before };
    if is_there {
        t.prepare_cached(&format!(
            "UPDATE body_{stream} SET seq = ?2, first_seq = coalesce(first_seq, ?1) WHERE seq = ?1"
        ))?
        .execute([before, seq])?;
        partitions::renumber(t, stream, id, before, seq)?;
    }
    t.prepare_cached("UPDATE record SET seq = ?, in_place = NULL WHERE stream = ? AND id = ?")?.execute(params![
        seq,
        stream.number(),
        id
    ])?;
    Ok(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(signed: bool, paths: &[&str]) -> Volatile {
        Volatile { signed, paths: paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect() }
    }

    #[test]
    fn what_is_taken_back_counts_again() {
        for (before, now, concerned) in [
            (rule(true, &[]), rule(true, &[]), None),
            (rule(true, &[]), rule(true, &["a"]), None),
            (rule(false, &["a"]), rule(true, &["a"]), None),
            (rule(true, &["a"]), rule(false, &["a"]), Some(InPlace::Signatures)),
            (rule(true, &["a", "b"]), rule(true, &["b"]), Some(InPlace::Declared)),
            (rule(true, &["a.b"]), rule(true, &["a"]), None),
            (rule(true, &["a"]), rule(true, &["a.b"]), Some(InPlace::Declared)),
            // Declared addresses may differ in their signatures alone.
            (rule(false, &["a"]), rule(false, &[]), Some(InPlace::Signatures)),
            (rule(false, &["a"]), rule(true, &[]), Some(InPlace::Declared)),
        ] {
            assert_eq!(counts_again(&before, &now), concerned, "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_signature_is_told_from_a_declared_value() {
        let (before, after) = (r#"{"u":"https://x/?Signature=1","n":1}"#, r#"{"u":"https://x/?Signature=2","n":1}"#);
        assert_eq!(InPlace::of(Some(before), after), InPlace::Signatures);
        assert_eq!(InPlace::of(Some(before), &after.replace(":1}", ":2}")), InPlace::Declared);
        assert_eq!(InPlace::of(None, after), InPlace::Signatures);
    }
}
