//! `verify TARGET`: checks that a destination holds what was delivered to it. Compares files with their manifest
//! (counts, checksums, ranges of seqs without a gap), ids and references with one another, and everything with the
//! mirror.
//!
//! A verification only reads:
//!
//! - A snapshot that is as new as the mirror is made a second time and compared (`again.rs`).
//! - Every cell of a database table is compared, except for volatile values.
//! - Files of changes are compared with the mirror's records. Each record must have the mirror's seq, as far as the
//!   delivery reaches. A record that has changed since belongs to a later delivery.
//! - Whatever the mirror's log says was delivered must be named in the destination's manifest or watermark.
//!
//! If there are several destinations, each is verified, even if another had differences or could not be read.

mod again;
#[cfg(feature = "postgres")]
mod database;
mod files;
mod ledger;
mod log;
mod references;

use std::path::Path;
use std::time::Duration;

use super::accounts;
use crate::cli::VerifyArgs;
use crate::config::destinations::{DestinationSettings, Target};
use crate::config::flags::Flags;
use crate::config::settings::Settings;
use crate::delivery::target;
use crate::destinations::Content;
use crate::destinations::manifest::{Manifest, NAME, NOT_IN_JOB};
#[cfg(feature = "postgres")]
use crate::destinations::postgres::Postgres;
use crate::destinations::store::Store;
use crate::error::{Error, Kind, Result, escaped, quote};
use crate::mirror::account;
use crate::mirror::changes::MirrorView;
use crate::mirror::damaged;
use crate::mirror::integrity_check::{self, Depth, Soundness};
use crate::mirror::tombstones;
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::record::SeqRange;
use crate::streams::{self, Stream};
use crate::{logging, say};
use ledger::ScratchDatabase;
use log::Says;
use references::StreamPosition;

/// How long failed requests to an object store are repeated.
const PATIENCE: Duration = Duration::from_secs(60);

/// The hint for a destination that could not be read.
const UNREAD: &str = "nothing was found out of this one: verify again when it can be read";

/// The hint for a difference if the mirror no longer has the payloads, so that it cannot deliver them again.
const DROPPED: &str = "the mirror has dropped what it delivered (retain = \"until-delivered\"), so emptying the place would lose it: \
                       put back what is wrong from a copy, or read everything anew into a new mirror";

/// The differences between a destination and what it should hold.
#[derive(Debug, Default)]
pub struct Differences {
    /// For each difference, the file or stream in which it was found, and its description.
    found: Vec<(String, String)>,
}

impl Differences {
    /// Returns whether no difference was found.
    #[cfg(feature = "postgres")]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Adds a difference. `place` is the file or stream in which it was found; `what` describes it.
    pub fn add(&mut self, place: &str, what: String) {
        self.found.push((quote(place), escaped(what)));
    }
}

/// Verifies all destinations of a job, or one folder or object store if `TARGET` is not a job file.
pub async fn verify(args: &VerifyArgs, quiet: bool) -> Result<Exit> {
    if args.target.extension().is_none_or(|e| e != "toml") {
        args.mirror.as_deref().map(mirror).transpose()?;
        let mut store = target::store(&args.target, PATIENCE)?;
        let (_, differences) = place(store.as_mut(), args.mirror.as_deref(), quiet)?;
        return told(&store.place(), &differences, args.mirror.as_deref(), quiet);
    }
    let flags = Flags {
        mirror: args.mirror.clone(),
        accounts: args.accounts.account.clone(),
        shard: args.accounts.shard.clone(),
        ..Flags::default()
    };
    let all = Settings::load_offline(&args.target, &flags)?;
    let heading = Some("account").filter(|_| !quiet);
    accounts::each(all, heading, async |settings| {
        if settings.destinations.is_empty() {
            return Err(Error::usage(format!("job {} has no destination", settings.name)));
        }
        mirror(&settings.mirror)?;
        let each = |destination| {
            of_job(&settings, destination, quiet).unwrap_or_else(|error| {
                let decision = policy::decide(&error.kind);
                let hint = if policy::is_unread(&error.kind) { UNREAD } else { decision.hint };
                logging::failed(&error.detail, hint);
                decision.exit
            })
        };
        Ok(Exit::first(settings.destinations.iter().map(each)))
    })
    .await
}

/// Returns an error if the mirror itself is damaged: every record must be as it was written.
fn mirror(path: &Path) -> Result<()> {
    let reading = MirrorView::begin(path)?;
    if integrity_check::look(reading.connection(), path, Depth::Everything)? == Soundness::Records {
        let what =
            format!("the mirror {}: records in it are damaged; `run` and `export` name and mark them", path.display());
        return Err(Error::new(Kind::RecordDamaged, what));
    }
    for stream in streams::ALL {
        let waiting = damaged::waiting(reading.connection(), stream)
            .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's damaged records: {e}")).caused_by(&e))?;
        if let Some(waiting) = waiting {
            return Err(waiting.error(stream));
        }
    }
    Ok(())
}

/// Verifies one destination of a job, and compares it with the job's mirror.
fn of_job(settings: &Settings, destination: &DestinationSettings, quiet: bool) -> Result<Exit> {
    let landing = settings.mask_at.landing(&settings.masks);
    account::check_masks(MirrorView::begin(&settings.mirror)?.connection(), &settings.mirror, &landing)?;
    let (path, retry_for) = match &destination.target {
        Target::Files { path, retry_for, .. } => (path, retry_for),
        #[cfg(feature = "postgres")]
        Target::Postgres(options) => {
            let database = Postgres::new((**options).clone(), destination.terms, settings.streams.clone());
            let differences = database::verify(&database, settings, quiet)?;
            return told(&options.place(), &differences, Some(&settings.mirror), quiet);
        }
    };
    let mut store = target::store(path, *retry_for)?;
    let (manifest, mut differences) = place(store.as_mut(), Some(&settings.mirror), quiet)?;
    if let Some(manifest) = manifest.filter(|_| destination.terms.content == Content::Snapshot) {
        again::make(settings, destination, (&store.place(), &manifest), &mut differences, quiet)?;
    }
    told(&store.place(), &differences, Some(&settings.mirror), quiet)
}

fn told(place: &str, differences: &Differences, mirror: Option<&Path>, quiet: bool) -> Result<Exit> {
    if differences.found.is_empty() {
        if !quiet {
            say!("{place}: as it should be");
        }
        return Ok(Exit::Complete);
    }
    for (at, what) in &differences.found {
        say!("{place}: {at}: {what}");
    }
    let cause = format!("{place}: {}", counted(differences.found.len() as u64, "difference"));
    let has_dropped = mirror.map(|mirror| MirrorView::begin(mirror)?.has_dropped()).transpose()?;
    let hint = if has_dropped == Some(true) { DROPPED } else { policy::decide(&Kind::Verification).hint };
    logging::failed(&cause, hint);
    Ok(Exit::Integrity)
}

/// Compares the files of a destination with their manifest, ids and references with one another, and, if there is a
/// `mirror`, everything with it.
///
/// If there is no manifest although the mirror's log says that something was delivered, returns `None` and a
/// difference. If there is no manifest and nothing was delivered, returns an error.
fn place(store: &mut dyn Store, mirror: Option<&Path>, quiet: bool) -> Result<(Option<Manifest>, Differences)> {
    let (mut ledger, mut differences) = (ScratchDatabase::new()?, Differences::default());
    let Some(manifest) = files::manifest(store)? else {
        let delivered = mirror.map(|m| MirrorView::begin(m)?.delivered_to(&store.place())).transpose()?;
        if delivered.is_some_and(|all| !all.is_empty()) {
            differences.add(NAME, "is not there, and the mirror has delivered to this place".into());
            return Ok((None, differences));
        }
        let name = store.name_of(NAME);
        return Err(Error::usage(format!("there is no {name}: nothing was delivered there, or somewhere else")));
    };
    let streams: Vec<Stream> = manifest.streams.keys().filter_map(|name| Stream::named(name)).collect();
    let delivered = mirror.map(|m| MirrorView::begin(m)?.delivered_to(&store.place())).transpose()?;
    refuse_nothing(store, &manifest, delivered.is_some_and(|all| !all.is_empty()))?;
    for stream in &streams {
        let entry = &manifest.streams[stream.name()];
        files::read(store, &manifest, *stream, entry, &mut ledger, &mut differences)?;
    }
    let stands = |stream: &Stream| {
        let entry = &manifest.streams[stream.name()];
        let (run, seq) = (entry.run_id.unwrap_or(0), entry.seq.map_or(0, |seq| seq.last));
        StreamPosition { stream: *stream, run, seq, is_of_job: entry.status != NOT_IN_JOB }
    };
    let stands: Vec<StreamPosition> = streams.iter().map(stands).collect();
    references::hold(&store.place(), &stands, &ledger, &mut differences, mirror, quiet)?;
    if let Some(mirror) = mirror {
        against_mirror(&store.place(), &manifest, mirror, &streams, &mut ledger, &mut differences)?;
    }
    for stream in streams.iter().filter(|_| !quiet) {
        let files = counted(manifest.streams[stream.name()].files.len() as u64, "file");
        say!("{}: {stream}: {} in {files}", store.place(), counted(ledger.live(*stream)?, "record"));
    }
    Ok((Some(manifest), differences))
}

/// Returns an error for a manifest that names no file, or that names streams unknown to this version of the program.
/// Otherwise the verification would pass without having looked at them. If the mirror's log says that something
/// `was_delivered`, a manifest without files is accepted here, and the comparison with the log reports the
/// difference.
fn refuse_nothing(store: &dyn Store, manifest: &Manifest, was_delivered: bool) -> Result<()> {
    let name = store.name_of(NAME);
    let unknown: Vec<String> =
        manifest.streams.keys().filter(|name| Stream::named(name).is_none()).map(|name| quote(name)).collect();
    if !unknown.is_empty() {
        return Err(Error::usage(format!(
            "{name} names streams that this version does not know ({}), so nothing was verified: verify with the version that wrote it",
            unknown.join(", ")
        )));
    }
    if !was_delivered
        && manifest
            .streams
            .values()
            .all(|entry| ["held", NOT_IN_JOB].contains(&&*entry.status) && entry.files.is_empty())
    {
        return Err(Error::usage(format!(
            "{name} names no file, so there is nothing to verify: nothing was delivered there yet"
        )));
    }
    Ok(())
}

/// Compares a stream's ids, and its seqs if the destination stores them, with the mirror as of the seq `up_to`.
fn held_against_mirror(
    ledger: &ScratchDatabase,
    reading: &MirrorView,
    stream: Stream,
    up_to: i64,
    differences: &mut Differences,
) -> Result<()> {
    let forgotten = tombstones::forgotten(reading.connection(), stream)
        .map_err(|e| Error::new(Kind::MirrorCorrupt, format!("the mirror's tombstones: {e}")).caused_by(&e))?;
    for (what, (count, one)) in [
        ("that the mirror holds and that are not there, or as they were before", ledger.missing(stream, up_to)?),
        ("too many, which the mirror does not hold", ledger.surplus(stream, up_to, forgotten)?),
    ] {
        if count > 0 {
            let one = quote(&one.unwrap_or_default());
            differences.add(stream.name(), format!("{} {what}, {one} for one", counted(count, "record")));
        }
    }
    Ok(())
}

fn against_mirror(
    place: &str,
    manifest: &Manifest,
    mirror: &Path,
    streams: &[Stream],
    ledger: &mut ScratchDatabase,
    differences: &mut Differences,
) -> Result<()> {
    let reading = MirrorView::begin(mirror)?;
    if manifest.mirror != reading.identity()? {
        differences.add(NAME, format!("was made from another mirror than {}", mirror.display()));
        return Ok(());
    }
    let content = if manifest.content == Content::Changes.name() { Content::Changes } else { Content::Snapshot };
    let says = |stream: Stream| {
        let entry = manifest.streams.get(stream.name())?;
        let (seq, run) = (entry.seq.map_or(0, |seq| seq.last), entry.run_id.unwrap_or(0));
        Some(Says { seq, run, delivery_id: entry.delivery_id.clone() })
    };
    log::hold(&reading, place, content, says, differences)?;
    ledger.attach(mirror)?;
    for stream in streams {
        let Some(SeqRange { last, .. }) = manifest.streams[stream.name()].seq else { continue };
        held_against_mirror(ledger, &reading, *stream, last, differences)?;
    }
    Ok(())
}
