//! Stores the settings that a stream's readings depend on: the API's address, the operation and its arguments, the
//! fields, and so on. Each is stored as a fingerprint under its own name, so that a run can report which of them has
//! changed.
//!
//! Run numbers show which readings were made under which settings. If a setting changed in run `n`, a list that was
//! begun before run `n` is removed from the round ([`super::restart`]). A list that was begun since was read with
//! today's settings, because any later change would have a higher number. This holds for every lane and every job on
//! the mirror: each run compares its settings with those of the previous run, whichever job that belonged to.
//!
//! Some things are not stored as settings, and changing them causes no reading:
//!
//! - what a run finds out about a server (the largest page, the number of aliases that it accepts, where pages
//!   begin);
//! - secrets, pace, time limits, and destinations;
//! - masks that are applied when a page is stored, because a mirror with other masks is refused
//!   ([`super::account::claim_masks`]).

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::walk_key::Lane;
use crate::streams::Stream;

/// A setting that the readings of a stream depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The URL of the API.
    Endpoint,
    /// The public part of the API key: the client id.
    Key,
    /// The GraphQL query that lists the records.
    Operation,
    /// The argument that names the parent record whose list is read.
    Parent,
    /// The path to the records inside the answer.
    Items,
    /// The constant arguments of the list.
    Arguments,
    /// How the list is paged, as far as the job states it.
    Paging,
    /// Which of the server's claims (totals, next pages) the job accepts.
    Claims,
    /// The form in which the API writes moments, if the job states it.
    Date,
    /// The fields that are selected.
    Fields,
    /// The fields that the job leaves out.
    Drop,
    /// The selected fields that are not documented.
    Extra,
    /// The argument that limits a list to records changed since a moment.
    Since,
    /// For how long records may change after their creation, in milliseconds.
    Lookback,
    /// How old the last complete reading of a list may be, in milliseconds.
    FullEvery,
    /// The values that the job declares volatile. The hashes by which a walk recognizes its rows leave them out.
    Volatile,
}

/// What a change of a setting means for readings that were made before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// The records were read in another form, such as with other fields.
    Form,
    /// The list may show other records now.
    Which,
    /// The records may belong to another account.
    Whose,
    /// Readings that asked for changes only may lack records. Complete readings do not.
    Changes,
    /// A walk no longer recognizes the rows that it has read. Lists that were read to their end are not affected.
    Hashes,
    /// Nothing: the setting only explains why another setting has changed.
    Name,
}

impl Setting {
    /// Every setting, in the order in which reports name them.
    pub const ALL: [Setting; 16] = [
        Setting::Endpoint,
        Setting::Key,
        Setting::Operation,
        Setting::Parent,
        Setting::Items,
        Setting::Arguments,
        Setting::Paging,
        Setting::Claims,
        Setting::Date,
        Setting::Fields,
        Setting::Drop,
        Setting::Extra,
        Setting::Since,
        Setting::Lookback,
        Setting::FullEvery,
        Setting::Volatile,
    ];

    /// Returns the name under which the mirror stores the setting.
    pub fn name(self) -> &'static str {
        match self {
            Setting::Endpoint => "endpoint",
            Setting::Key => "key",
            Setting::Operation => "operation",
            Setting::Parent => "parent",
            Setting::Items => "items",
            Setting::Arguments => "arguments",
            Setting::Paging => "paging",
            Setting::Claims => "claims",
            Setting::Date => "date",
            Setting::Fields => "fields",
            Setting::Drop => "drop",
            Setting::Extra => "extra",
            Setting::Since => "since",
            Setting::Lookback => "lookback",
            Setting::FullEvery => "full_every",
            Setting::Volatile => "volatile",
        }
    }

    /// Returns the name of the setting for messages. It includes the setting's key in a job file, if there is one.
    pub fn display_name(self) -> &'static str {
        match self {
            Setting::Endpoint => "the address (`endpoint`)",
            Setting::Key => "the API key (`client_id`)",
            Setting::Operation => "`operation`",
            Setting::Parent => "`parent`",
            Setting::Items => "`list.items`",
            Setting::Arguments => "`list.arguments`",
            Setting::Paging => {
                "how the job says that the list is paged (`list.paging`, `list.page_from` and their like)"
            }
            Setting::Claims => "what the job believes (`list.total`, `list.has_next`)",
            Setting::Date => "`date` or `time_zone`",
            Setting::Fields => "`fields`",
            Setting::Drop => "`drop`",
            Setting::Extra => "`extra_fields`",
            Setting::Since => "`list.since`",
            Setting::Lookback => "`lookback`",
            Setting::FullEvery => "`full_every`",
            Setting::Volatile => "`[source.volatile]`",
        }
    }

    /// Returns what a change of the setting means for readings that were made before.
    pub fn bearing(self) -> Bearing {
        match self {
            Setting::Endpoint | Setting::Key => Bearing::Whose,
            Setting::Operation | Setting::Parent | Setting::Items | Setting::Arguments | Setting::Paging => {
                Bearing::Which
            }
            Setting::Claims | Setting::Date | Setting::Fields => Bearing::Form,
            Setting::Since | Setting::Lookback | Setting::FullEvery => Bearing::Changes,
            Setting::Drop | Setting::Extra => Bearing::Name,
            Setting::Volatile => Bearing::Hashes,
        }
    }

    /// Returns whether readings with the value `before` may lack something that readings with the value `now` have.
    fn invalidates(self, before: i64, now: i64) -> bool {
        match self {
            Setting::Lookback => now > before,
            Setting::FullEvery => now < before,
            _ => now != before,
        }
    }

    /// Returns the setting that the mirror stores under this name.
    fn named(name: &str) -> Option<Setting> {
        Setting::ALL.into_iter().find(|setting| setting.name() == name)
    }
}

/// The settings with which a run reads a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedWith {
    /// The stream that the run reads with these settings.
    pub stream: Stream,
    /// Each setting with its fingerprint. For `Lookback` and `FullEvery`, the value in milliseconds instead.
    pub settings: Vec<(Setting, i64)>,
}

impl AskedWith {
    /// Returns the fingerprint or value of a setting, or 0 if the stream does not have the setting.
    pub fn value(&self, of: Setting) -> i64 {
        self.settings.iter().find(|(setting, _)| *setting == of).map_or(0, |(_, value)| *value)
    }
}

/// Stores the settings with which run `run` reads a stream. Returns those that have changed in a way that matters for
/// earlier readings. A setting that an older version did not store counts as unchanged.
pub fn remember(t: &Transaction<'_>, asked: &AskedWith, run: i64) -> rusqlite::Result<Vec<Setting>> {
    let stream = asked.stream.number();
    let mut changed = Vec::new();
    for (setting, value) in &asked.settings {
        let known: Option<(i64, i64)> = t
            .prepare_cached("SELECT value, run FROM setting WHERE stream = ? AND name = ?")?
            .query_row(params![stream, setting.name()], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let from = known.filter(|(before, _)| setting.invalidates(*before, *value)).map(|(_, from)| from);
        t.prepare_cached(
            "INSERT INTO setting (stream, name, value, run) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (stream, name) DO UPDATE SET value = ?3, run = ?4,
                 changed_in = CASE WHEN ?5 IS NULL THEN changed_in ELSE ?4 END, changed_from = coalesce(?5, changed_from)",
        )?
        .execute(params![stream, setting.name(), value, run, from])?;
        changed.extend(from.map(|_| *setting));
    }
    let shown = changed.iter().any(|setting| matches!(setting.bearing(), Bearing::Which | Bearing::Whose));
    if shown || changed.iter().any(|setting| setting.bearing() == Bearing::Form) {
        t.prepare_cached(
            "INSERT INTO counts_since (stream, run, shown) VALUES (?1, ?2, ?3)
             ON CONFLICT (stream) DO UPDATE SET run = ?2, shown = coalesce(?3, shown)",
        )?
        .execute(params![stream, run, shown.then_some(run)])?;
    }
    Ok(changed)
}

/// A setting that has changed, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingChange {
    /// The setting that changed.
    pub setting: Setting,
    /// The run in which the setting changed.
    pub run: i64,
    /// The last run that used the former value, with the name of its job. `None` if the mirror does not know that
    /// run.
    pub before: Option<(i64, String)>,
}

/// Returns the settings of a stream that changed in run `since` or later, in the order of [`Setting::ALL`].
pub fn changes(c: &Connection, stream: Stream, since: i64) -> rusqlite::Result<Vec<SettingChange>> {
    let mut found: Vec<SettingChange> = c
        .prepare_cached(
            "SELECT name, changed_in, run.id, run.job FROM setting LEFT JOIN run ON run.id = changed_from
             WHERE stream = ? AND changed_in >= ?",
        )?
        .query_map(params![stream.number(), since], |r| {
            let before = r.get::<_, Option<i64>>(2)?.zip(r.get::<_, Option<String>>(3)?);
            Ok((r.get::<_, String>(0)?, r.get(1)?, before))
        })?
        .filter_map(|row| match row {
            Ok((name, run, before)) => Setting::named(&name).map(|setting| Ok(SettingChange { setting, run, before })),
            Err(error) => Some(Err(error)),
        })
        .collect::<rusqlite::Result<_>>()?;
    found.sort_by_key(|change| Setting::ALL.iter().position(|setting| *setting == change.setting));
    Ok(found)
}

/// Returns the last run in which the stream's selected fields changed, or `None` if they never did.
pub fn fields_changed_in(t: &Transaction<'_>, stream: Stream) -> rusqlite::Result<Option<i64>> {
    t.prepare_cached("SELECT changed_in FROM setting WHERE stream = ? AND name = 'fields'")?
        .query_row([stream.number()], |r| r.get(0))
        .optional()
        .map(Option::flatten)
}

/// Returns the run since which readings of a stream count, because its settings changed in that run. Returns 0 if all
/// readings count, or if the mirror is too old to know.
pub fn counts_since(c: &Connection, stream: Stream) -> i64 {
    let ask = c.prepare_cached("SELECT run FROM counts_since WHERE stream = ?");
    ask.and_then(|mut ask| ask.query_row([stream.number()], |r| r.get(0))).unwrap_or(0)
}

/// Returns the run in which a setting last changed that decides which records a stream's lists show. Returns 0 if
/// none ever did, or if the mirror is too old to know.
pub fn shown_since(c: &Connection, stream: Stream) -> i64 {
    let ask = c.prepare_cached("SELECT coalesce(shown, 0) FROM counts_since WHERE stream = ?");
    ask.and_then(|mut ask| ask.query_row([stream.number()], |r| r.get(0))).unwrap_or(0)
}

/// Returns whether a later run, of any job, has changed the settings of a stream since this job's last run in this
/// lane.
pub fn is_asked_otherwise_since(c: &Connection, stream: Stream, lane: Lane, job: &str) -> rusqlite::Result<bool> {
    let last: Option<i64> =
        c.query_row("SELECT max(id) FROM run WHERE lane = ? AND job = ?", [lane.name(), job], |r| r.get(0))?;
    Ok(last.is_some_and(|last| counts_since(c, stream) > last))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn on<T>(c: &mut Connection, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> T {
        let t = c.transaction().expect("begun");
        let done = work(&t).expect("done");
        t.commit().expect("committed");
        done
    }

    fn mirror() -> Connection {
        let mut c = Connection::open_in_memory().expect("memory");
        super::super::upgrade::apply(&mut c, std::path::Path::new("m.db")).expect("a mirror");
        for job in ["a", "b", "a", "a", "a", "a"] {
            c.execute("INSERT INTO run (job, lane, started_at) VALUES (?, 'backfill', 'x')", [job]).expect("a run");
        }
        c
    }

    fn asked(settings: &[(Setting, i64)]) -> AskedWith {
        AskedWith { stream: Stream::Contacts, settings: settings.to_vec() }
    }

    #[test]
    fn names_are_unique_and_lead_back() {
        for setting in Setting::ALL {
            assert_eq!(Setting::named(setting.name()), Some(setting));
            assert_eq!(Setting::ALL.iter().filter(|other| other.display_name() == setting.display_name()).count(), 1);
        }
    }

    #[test]
    fn what_is_stored_for_the_first_time_has_not_changed_and_what_is_another_one_has() {
        let mut c = mirror();
        let both = |fields, arguments| asked(&[(Setting::Fields, fields), (Setting::Arguments, arguments)]);
        let since = |c: &Connection| (counts_since(c, Stream::Contacts), shown_since(c, Stream::Contacts));
        assert!(on(&mut c, |t| remember(t, &asked(&[(Setting::Fields, 1)]), 1)).is_empty());
        assert!(on(&mut c, |t| remember(t, &both(1, 5), 2)).is_empty(), "an older version did not store it");
        assert_eq!(since(&c), (0, 0));
        assert_eq!(on(&mut c, |t| remember(t, &both(2, 5), 3)), [Setting::Fields]);
        assert_eq!(since(&c), (3, 0));
        assert_eq!(on(&mut c, |t| remember(t, &both(2, 6), 4)), [Setting::Arguments]);
        assert_eq!(since(&c), (4, 4));
        assert_eq!(on(&mut c, |t| remember(t, &both(3, 6), 5)), [Setting::Fields]);
        assert_eq!(since(&c), (5, 4));
        assert!(on(&mut c, |t| remember(t, &both(3, 6), 6)).is_empty());
        let told = |c: &mut Connection, since| on(c, |t| changes(t, Stream::Contacts, since));
        let of = |setting, run, before: (i64, &str)| SettingChange {
            setting,
            run,
            before: Some((before.0, before.1.into())),
        };
        let (arguments, fields) = (of(Setting::Arguments, 4, (3, "a")), of(Setting::Fields, 5, (4, "a")));
        assert_eq!(told(&mut c, 4), [arguments, fields.clone()]);
        assert_eq!(told(&mut c, 5), [fields]);
        assert_eq!(told(&mut c, 6), []);
        assert_eq!(on(&mut c, |t| changes(t, Stream::Messages, 0)), []);
    }

    #[test]
    fn every_setting_is_found_by_its_name() {
        let names = include_str!("settings.rs").split("fn name(self)").nth(1).and_then(|rest| rest.split("///").next());
        let names: Vec<&str> = names.expect("the names").split('"').skip(1).step_by(2).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(Setting::named(name).is_some(), "src/mirror/settings.rs: Setting::ALL lacks `{name}`");
        }
    }

    #[test]
    fn another_job_is_named_and_a_shorter_lookback_is_no_change() {
        let mut c = mirror();
        let lookback = |ms| asked(&[(Setting::Lookback, ms), (Setting::FullEvery, 10 - ms)]);
        on(&mut c, |t| remember(t, &lookback(3), 2));
        assert!(on(&mut c, |t| remember(t, &lookback(1), 3)).is_empty());
        on(&mut c, |t| remember(t, &lookback(1), 2));
        assert_eq!(on(&mut c, |t| remember(t, &lookback(2), 3)), [Setting::Lookback, Setting::FullEvery]);
        let told = on(&mut c, |t| changes(t, Stream::Contacts, 3));
        assert_eq!(told[0].before, Some((2, "b".into())));
        assert_eq!(counts_since(&c, Stream::Contacts), 0, "what was read whole counts");
    }
}
