//! The effective settings: every value, and where it came from. Flags override the environment, the environment
//! overrides the job file, and the job file overrides defaults.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::accounts::{self, AT_ONCE};
use super::destinations::{DestinationSettings, destinations};
use super::dialect::spelled;
use super::flags::Flags;
use super::job::{self, Job, MaskAt, Mode, Retain, SwitchSetting};
use super::mask::masks;
use super::origin::{Origin, Picker};
use super::source::source;
use super::stream_names::streams_named;
use super::volatile::volatile;
use super::{env, toml_error};
use crate::delete_limit::{Deletes, Most};
use crate::destinations::Content;
use crate::dialect::{Dialect, DialectLayer};
use crate::error::{Error, Result};
use crate::mirror::walk_key::Lane;
use crate::record::mask::Masks;
use crate::source::SourceSettings;
use crate::source::settings::Collecting;
use crate::streams::{self, PerStream, Stream};

/// The effective settings of a job, for one account.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Settings {
    /// The path of the job file as the user gave it.
    pub job: PathBuf,
    pub name: String,
    /// The name of the account that these settings are for. `None` if the job lists no accounts.
    pub account: Option<String>,
    pub accounts_at_once: u32,
    pub lane: Lane,
    pub streams: Vec<Stream>,
    pub source: SourceSettings,
    pub dialect: Dialect,
    /// The job's own `[source.dialect]`, without the shipped dialect below it.
    pub spelled: Box<DialectLayer>,
    pub requests_per_minute: u32,
    pub page_size: u32,
    /// How long a message may still change after it was written.
    pub lookback: Duration,
    /// The longest time between two readings of a complete list, for lists of which a run otherwise reads the changes
    /// only.
    pub full_every: Duration,
    /// The number of unchanged conversations that an incremental run reads all the same, to measure what skipping
    /// misses.
    pub audit: u32,
    /// The most requests that an incremental run spends on reading skipped lists again, once an audit has shown that
    /// skipping missed records.
    pub audit_repair: u32,
    /// Whether each list is read a second time, by ids only, so that it can be proven complete.
    pub double_collect: bool,
    pub mirror: PathBuf,
    pub deletes: Deletes,
    /// How long the mirror keeps the payloads of records.
    pub retain: Retain,
    /// Which values are masked, and how.
    pub masks: Masks,
    pub mask_at: MaskAt,
    pub destinations: Vec<DestinationSettings>,
    /// The key, the displayed value and the origin of every setting, in the order of `--print-config`.
    pub origins: Vec<(String, String, Origin)>,
}

impl Settings {
    /// Reads a job file and returns its settings: one item for a job without accounts, or else one for each chosen
    /// account. Returns an empty list if the shard contains no account.
    pub fn load(path: &Path, flags: &Flags) -> Result<Vec<Settings>> {
        each(path, flags, true)
    }

    /// Like [`Settings::load`], for commands that never send a request: missing credentials are no error.
    pub fn load_offline(path: &Path, flags: &Flags) -> Result<Vec<Settings>> {
        each(path, flags, false)
    }

    /// Builds the settings from the text of a job file that has no accounts. `place` names the file in error
    /// messages.
    pub fn of_text(text: &str, place: &str, flags: &Flags) -> Result<Settings> {
        resolve(&Job::parse(text, place)?, None, text, place, place, flags, true)
    }

    /// Returns the text that `--print-config` prints: one line for each value, with its origin. Secrets are hidden.
    pub fn print(&self) -> String {
        let width = self.origins.iter().map(|(k, v, _)| k.len() + v.len() + 3).filter(|w| *w < 80).max().unwrap_or(0);
        let mut out = String::new();
        for (key, value, origin) in &self.origins {
            let line = format!("{key} = {value}");
            let from = match origin {
                Origin::Flag(flag) => format!("flag {flag}"),
                Origin::Environment(name) => format!("environment {name}"),
                Origin::Job => "job file".into(),
                Origin::Default => "default".into(),
            };
            let _ = writeln!(out, "{line:<width$}  # {from}");
        }
        out
    }
}

fn each(path: &Path, flags: &Flags, online: bool) -> Result<Vec<Settings>> {
    let (job, text) = Job::read(path)?;
    let stem = path.file_stem().map_or_else(|| "job".to_owned(), |s| s.to_string_lossy().into_owned());
    let place = path.display().to_string();
    let of = |job: &Job, account| resolve(job, account, &text, &place, &stem, flags, online);
    match accounts::chosen(&job, &text, path, flags, online)? {
        None => Ok(vec![of(&job, None)?]),
        Some(accounts) => accounts.into_iter().map(|(name, job)| of(&job, Some(name))).collect(),
    }
}

fn resolve(
    job: &Job,
    account: Option<String>,
    text: &str,
    place: &str,
    stem: &str,
    flags: &Flags,
    online: bool,
) -> Result<Settings> {
    let mut p = Picker { place, text, origins: Vec::new() };
    let name = p.pick("name", None, job.name.clone(), stem.to_owned());
    let mode = p.pick("mode", None, job.mode, Mode::Backfill);
    let default = streams::DEFAULT.iter().map(|s| s.name().to_owned()).collect();
    let streams = p.pick("streams", None, job.streams.clone(), default);
    let at = toml_error::line_of_path(text, "streams").map_or(place.to_owned(), |line| format!("{place}:{line}"));
    let streams = streams_named(&streams, &at)?;
    let accounts_at_once = match &account {
        Some(_) => p.bounded("accounts_at_once", None, job.accounts_at_once, AT_ONCE, (1, 64))?,
        None => 1,
    };
    let mut source = source(&mut p, &job.source, account.is_some(), flags, online)?;
    let requests_per_minute = p.pick(
        "source.requests_per_minute",
        flags.requests_per_minute.map(|n| ("--requests-per-minute", n)),
        job.source.requests_per_minute,
        100,
    );
    let (spelled, dialect) = spelled(&mut p, job, text)?;
    source.volatile = Arc::new(volatile(&mut p, job, &dialect)?);
    let page_size = p.bounded(
        "source.page_size",
        flags.page_size.map(|n| ("--page-size", n)),
        job.source.page_size,
        dialect.page_size,
        (1, u32::MAX),
    )?;
    let lookback = p.duration("source.lookback", job.source.lookback.as_ref(), "3d")?;
    let full_every = p.duration("source.full_every", job.source.full_every.as_ref(), "7d")?;
    let audit = p.pick("source.audit", None, job.source.audit, 20);
    let audit_repair = p.pick("source.audit_repair", None, job.source.audit_repair, 1000);
    let double_collect = p.pick("source.double_collect", None, job.source.double_collect, true);
    let job_mirror = job.mirror.path.as_ref().map(|t| env::expand(t, &format!("{place}: mirror.path"))).transpose()?;
    let mirror = p.pick(
        "mirror.path",
        flags.mirror.clone().map(|m| ("--mirror", m)),
        job_mirror.map(PathBuf::from),
        "state/qpien.db".into(),
    );
    if mirror.as_os_str().is_empty() {
        return Err(Error::usage(format!("{place}: mirror.path is empty")));
    }
    let deletes = deletes(&mut p, &job.mirror, flags)?;
    let destinations = destinations(&mut p, job, flags)?;
    let (masks, mask_at) = masks(&mut p, job)?;
    source.collect = Arc::new(collected(&source, &masks));
    let retain = p.pick("mirror.retain", None, job.mirror.retain, Retain::All);
    refuse_to_forget(retain, &destinations, place)?;
    let lane = match mode {
        Mode::Backfill => Lane::Backfill,
        Mode::Incremental => Lane::Incremental,
    };
    Ok(Settings {
        job: place.into(),
        name,
        account,
        accounts_at_once,
        lane,
        streams,
        source,
        dialect,
        spelled: Box::new(spelled),
        requests_per_minute,
        page_size,
        lookback,
        full_every,
        audit,
        audit_repair,
        double_collect,
        mirror,
        deletes,
        retain,
        masks,
        mask_at,
        destinations,
        origins: p.origins,
    })
}

/// Returns which undocumented fields each stream collects. A stream with masks collects only those that the job names,
/// unless the job itself says `extra_fields = "collect"`.
fn collected(source: &SourceSettings, masks: &Masks) -> PerStream<Collecting> {
    let mut collect = PerStream::clone(&source.collect);
    for stream in streams::ALL {
        if !masks.rules[stream].is_empty() && !source.is_collect_named && collect[stream] == Collecting::Shown {
            collect[stream] = Collecting::Named;
        }
    }
    collect
}

/// Returns an error for `retain = "until-delivered"` if the job has no destination, because records would be lost, or
/// if a destination gets snapshots, which need every payload each time.
fn refuse_to_forget(retain: Retain, destinations: &[DestinationSettings], place: &str) -> Result<()> {
    let snapshot = destinations.iter().any(|d| d.terms.content == Content::Snapshot);
    if retain == Retain::All || !(snapshot || destinations.is_empty()) {
        return Ok(());
    }
    let why = if snapshot {
        "a destination with content = \"snapshot\" needs every record each time"
    } else {
        "the job has no destination, so nothing would be kept anywhere"
    };
    Err(Error::usage(format!("{place}: [mirror] retain = \"until-delivered\" cannot be: {why}")))
}

fn deletes(p: &mut Picker<'_>, job: &job::MirrorTable, flags: &Flags) -> Result<Deletes> {
    let on = p.pick("mirror.deletes", None, job.deletes, SwitchSetting::On) == SwitchSetting::On;
    let most = p.pick("mirror.max_deletes", None, job.max_deletes.clone(), "5%".to_owned());
    let most = Most::read(&most, &format!("{}: mirror.max_deletes", p.place))?;
    let confirm_requests = p.pick("mirror.confirm_requests", None, job.confirm_requests, 50).into();
    Ok(Deletes { on, most, confirm_requests, allowed: flags.allow_deletes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "[source]\nclient_id = \"id\"\nclient_secret = \"s3cret\"\n";

    fn load(text: &str, flags: &Flags) -> Result<Settings> {
        Settings::of_text(text, "j.toml", flags)
    }

    #[test]
    fn flags_override_the_job_file_and_secrets_stay_hidden() {
        let text = format!("{KEY}requests_per_minute = 50\n[[destination]]\nkind = \"csv\"\npath = \"a\"\n");
        let flags = Flags { requests_per_minute: Some(7), out: Some("b".into()), ..Flags::default() };
        let s = load(&text, &flags).expect("settings");
        let path = s.destinations[0].target.folder();
        assert_eq!((s.requests_per_minute, path.as_deref()), (7, Some(Path::new("b"))));
        let shown = s.print();
        assert!(
            shown.contains("source.requests_per_minute = 7") && shown.contains("# flag --requests-per-minute"),
            "{shown}"
        );
        assert!(shown.contains("[hidden]") && !shown.contains("s3cret"), "{shown}");
        assert!(!format!("{s:?}").contains("s3cret"));
    }

    #[test]
    fn a_job_that_names_no_streams_reads_the_default_ones_and_the_full_backfill_reads_all() {
        let none = Flags::default();
        assert_eq!(load(KEY, &none).expect("settings").streams, streams::DEFAULT);
        let shipped: toml::Table = include_str!("../../jobs/full-backfill.toml").parse().expect("TOML");
        let text = format!("streams = {}\n{KEY}", shipped["streams"]);
        assert_eq!(load(&text, &none).expect("settings").streams, streams::ALL);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |text: &str, flags: &Flags| load(text, flags).expect_err(text).detail;
        let none = Flags::default();
        assert!(refused("[source]\nclient_id = \"${NO_SUCH_ID}\"", &none).contains("NO_SUCH_ID"));
        assert!(refused(&format!("streams = [\"messages\"]\n{KEY}"), &none).contains("conversations"));
        assert!(refused(&format!("streams = [\"contact\"]\n{KEY}"), &none).contains("did you mean `contacts`?"));
        assert!(refused(&format!("{KEY}[mirror]\nmax_deletes = \"many\""), &none).contains("mirror.max_deletes"));
        let two = "[[destination]]\nkind = \"csv\"\npath = \"a\"\n[[destination]]\nkind = \"csv\"\npath = \"b\"\n";
        assert!(refused(&format!("{KEY}{two}"), &Flags { out: Some("x".into()), ..none.clone() }).contains("has 2"));
        let typo = format!("{KEY}[source.dialect.list]\nsiz = \"perPage\"\n");
        assert_eq!(refused(&typo, &none), "j.toml:5: [source.dialect] unknown key `siz`; did you mean `size`?");
        for (lines, told) in [
            ("in_flight = 0", "j.toml:4: source.in_flight = 0: it must be 1 to 64"),
            ("aliases_per_request = 0", "j.toml:4: source.aliases_per_request = 0: it must be 1 to 100"),
            ("page_size = 0", "j.toml:4: source.page_size = 0: it must be at least 1"),
            (
                "[mirror]\nretain = \"until-delivered\"",
                "j.toml: [mirror] retain = \"until-delivered\" cannot be: the job has no destination, so nothing would be kept anywhere",
            ),
            (
                "[mirror]\nretain = \"until-delivered\"\n[[destination]]\nkind = \"csv\"\npath = \"a\"",
                "j.toml: [mirror] retain = \"until-delivered\" cannot be: a destination with content = \"snapshot\" needs every record each time",
            ),
            (
                "[source.dialect.streams.contact]\noperation = \"x\"",
                "j.toml:4: [source.dialect] unknown key `contact`; did you mean `contacts`?",
            ),
            (
                "[source.dialect]\ndate = \"iso\"",
                "j.toml:5: [source.dialect] date: unknown value `iso`; did you mean `iso8601`? (known here: iso8601, epoch_ms, epoch_s)",
            ),
            (
                "[source.dialect.streams.messages.list]\npaging = \"pages\"",
                "j.toml:5: [source.dialect] streams.messages.list.paging: unknown value `pages`; did you mean `page`? (known here: page, offset, cursor, none)",
            ),
            (
                "[source.dialect.list]\npage_from = \"one\"",
                "j.toml:5: [source.dialect] list.page_from: invalid type: string \"one\", expected a whole number, 0 or more",
            ),
            (
                "[source.dialect.streams.contacts]\nfields = [\"_id\", \"email\", \"email\"]",
                "j.toml:5: [source.dialect] streams.contacts.fields: `email` stands there twice",
            ),
        ] {
            assert_eq!(refused(&format!("{KEY}{lines}\n"), &none), told);
        }
        let drops = format!("{KEY}[source.dialect.streams.contacts]\ndrop = [\"gendre\"]\n");
        let told =
            "j.toml:5: [source.dialect] streams.contacts.drop: there is no field `gendre`; did you mean `gender`?";
        assert_eq!(refused(&drops, &none), told);
        let twice = format!("streams = [\"contacts\", \"contacts\"]\n{KEY}");
        assert_eq!(refused(&twice, &none), "j.toml:1: `contacts` stands in streams twice");
    }
}
