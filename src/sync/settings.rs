//! Computes the settings with which a run asks for each stream, so that the mirror can find out what was read with
//! other settings ([`crate::mirror::settings`]). It also notes in the summary which setting has changed, and what is
//! read again because of that.
//!
//! The fingerprint of a setting covers what the server is asked, whether the job says it or the program found it out.
//! A setting that a run may find out while it reads (where pages begin, how dates are written) counts only as the
//! job's own lines say it. Otherwise the next run would take what was found out for a changed setting.

use xxhash_rust::xxh3::xxh3_64;

use super::Context;
use crate::dialect::{DialectLayer, ListLayer, lines_of};
use crate::error::{Result, quote};
use crate::mirror::restart::{self, ContinuedRound};
use crate::mirror::settings::{self, AskedWith, Bearing, Setting, SettingChange};
use crate::record::volatile::Volatile;
use crate::source::Source;
use crate::streams::{DateForm, Stream};

/// Settings of a job about reading that are not part of a dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadingTerms {
    /// How long a message may change after it was written, in milliseconds.
    pub lookback: i64,
    /// The age at which the last reading of a whole list is too old, in milliseconds. Then the whole list is read
    /// again.
    pub full_every: i64,
}

/// The keys of a list's dialect that say how the list is paged.
const PAGING: [&str; 5] = ["paging", "page", "page_from", "size", "assumed"];
/// The keys of a list's dialect that say where the server's claims about the list are, such as its total.
const CLAIMS: [&str; 2] = ["total", "has_next"];

/// Returns the settings with which each of these streams is asked for, and whether the stream is read as one list.
/// `job` is the job's own `[source.dialect]`.
pub fn of_streams(
    source: &Source,
    job: &DialectLayer,
    terms: ReadingTerms,
    streams: &[Stream],
) -> Result<Vec<(AskedWith, bool)>> {
    let of = |s: &Stream| Ok((asked_with(source, job, terms, *s)?, !source.is_partitioned(*s)));
    streams.iter().map(of).collect()
}

/// Returns the settings with which a stream is asked for.
fn asked_with(source: &Source, job: &DialectLayer, terms: ReadingTerms, stream: Stream) -> Result<AskedWith> {
    let dialect = source.dialect();
    let part = dialect.stream(stream)?;
    let list = &part.list;
    let arguments = list.arguments.iter().flat_map(|(path, literal)| [path.as_str(), literal.as_str()]);
    let parent = part.parent.as_deref().unwrap_or_default();
    let dropped = part.drop.iter().map(String::as_str);
    let extra = part.selected().filter(|field| part.extra.iter().any(|extra| extra == field));
    let settings = vec![
        (Setting::Endpoint, fingerprint([source.endpoint()])),
        (Setting::Key, fingerprint([source.client_id()])),
        (Setting::Operation, fingerprint([part.operation.as_str()])),
        (Setting::Parent, fingerprint([parent, if part.parent_list { "list" } else { "" }])),
        (Setting::Items, fingerprint([list.items.as_str()])),
        (Setting::Arguments, fingerprint(arguments)),
        (Setting::Paging, fingerprint(own_lines(job, stream, &PAGING).iter().map(String::as_str))),
        (Setting::Claims, fingerprint(own_lines(job, stream, &CLAIMS).iter().map(String::as_str))),
        (Setting::Date, date(job, stream)),
        (Setting::Fields, fields_fingerprint(source, stream)?),
        (Setting::Drop, fingerprint(dropped)),
        (Setting::Extra, fingerprint(extra)),
        (Setting::Since, fingerprint([list.since.as_str(), list.since_form.word()])),
        (Setting::Lookback, terms.lookback),
        (Setting::FullEvery, terms.full_every),
        (Setting::Volatile, volatile(&source.volatile()[stream])),
    ];
    Ok(AskedWith { stream, settings })
}

/// Returns a fingerprint of the fields that a stream is asked for. It changes when the fields do.
pub fn fields_fingerprint(source: &Source, stream: Stream) -> Result<i64> {
    Ok(fingerprint(source.dialect().stream(stream)?.selected()))
}

fn volatile(rule: &Volatile) -> i64 {
    let signed = if rule.signed { "signed" } else { "" };
    let paths = rule.paths.iter().map(|path| path.join("."));
    fingerprint(std::iter::once(signed.to_owned()).chain(paths).collect::<Vec<_>>().iter().map(String::as_str))
}

fn fingerprint<'t>(texts: impl IntoIterator<Item = &'t str>) -> i64 {
    let text = texts.into_iter().collect::<Vec<_>>().join("\n");
    i64::from_ne_bytes(xxh3_64(text.as_bytes()).to_ne_bytes())
}

/// Returns the job's own lines for these keys of a stream's list. A line for the stream overrules one for all
/// streams.
fn own_lines(job: &DialectLayer, stream: Stream, keys: &[&str]) -> Vec<String> {
    let of_list = |list: Option<&ListLayer>| list.map(lines_of).unwrap_or_default();
    let every = of_list(job.list.as_ref());
    let own = of_list(job.stream(stream).and_then(|own| own.list.as_ref()));
    let line = |key: &&str| {
        let value = own.get(*key).or_else(|| every.get(*key))?;
        Some(format!("{key} = {value}"))
    };
    keys.iter().filter_map(line).collect()
}

/// Returns how the job itself says that a stream's dates are written, or an empty string if it does not.
fn own_date(job: &DialectLayer, stream: Stream) -> &'static str {
    let own = job.stream(stream).and_then(|own| own.date);
    own.or(job.date).map_or("", DateForm::word)
}

/// Returns a fingerprint of what the job itself says about a stream's dates: their form and the zone of those that name
/// none.
fn date(job: &DialectLayer, stream: Stream) -> i64 {
    match job.time_zone.as_deref().filter(|zone| !zone.is_empty()) {
        None => fingerprint([own_date(job, stream)]),
        Some(zone) => fingerprint([own_date(job, stream), zone]),
    }
}

/// Begins again what this round has read of a stream with other settings. Called when the spelling of the stream's
/// query was found out again in mid-run.
pub async fn settled_anew(context: &Context, stream: Stream) -> Result<()> {
    let begun = context.begun;
    let asked = asked_with(&context.source, &context.spelling.job, context.terms, stream)?;
    let (lane, now) = (context.lane, context.source.now());
    let round = ContinuedRound { lane, since_run: begun.since_run, run: begun.run, now };
    let one_list = !context.source.is_partitioned(stream);
    context.mirror.call(move |w| w.transaction(|t| restart::remember_mid_run(t, round, &asked, one_list))).await?;
    note_changes(context, &[stream]).await
}

/// Adds notes to the summary: which settings of these streams have changed since the last run, or since the round
/// began, and what follows from that.
pub async fn note_changes(context: &Context, streams: &[Stream]) -> Result<()> {
    let (begun, of) = (context.begun, streams.to_vec());
    let changed = context.mirror.call(move |w| {
        w.transaction(|t| {
            of.iter()
                .map(|s| Ok((*s, settings::changes(t, *s, begun.since_run)?)))
                .collect::<rusqlite::Result<Vec<_>>>()
        })
    });
    for (stream, changes) in changed.await? {
        for note in told(stream, &changes, begun.since_run, &context.job) {
            if changes.iter().any(|change| change.run == begun.run) {
                tracing::warn!(%stream, "{note}");
            }
            context.note(note);
        }
    }
    Ok(())
}

/// Returns notes that explain what the changes of a stream's settings mean. `since` is the run in which the round
/// began, and `job` the name of the job that reads.
fn told(stream: Stream, changes: &[SettingChange], since: i64, job: &str) -> Vec<String> {
    let mut notes = Vec::new();
    if changes.iter().any(|change| change.setting == Setting::Fields) {
        notes.push(format!(
            "{stream}: the fields that are asked for have changed since the last run; records that are otherwise as they were are filled in, and do not count as changed"
        ));
    }
    let half_read = |change: &SettingChange| change.setting.bearing() == Bearing::Hashes && change.run > since;
    if let Some(change) = changes.iter().find(|change| half_read(change)) {
        notes.push(format!(
            "{stream}: another value of {} than when this reading began, in run {since}: a list that it had not read to its \
             end is read anew",
            change.setting.display_name()
        ));
    }
    let (after, before): (Vec<&SettingChange>, Vec<&SettingChange>) = changes
        .iter()
        .filter(|change| !matches!(change.setting.bearing(), Bearing::Name | Bearing::Hashes))
        .partition(|change| change.run > since);
    let is_other = |change: &SettingChange| matches!(change.setting.bearing(), Bearing::Which | Bearing::Whose);
    let names = |of: &[&SettingChange]| {
        let told = of.iter().map(|change| name(change, changes)).collect::<Vec<_>>();
        told.join(", ")
    };
    if !after.is_empty() {
        notes.push(format!(
            "{stream}: another value of {} than when this reading began, in run {since}: what it has read with the other one \
             is read anew",
            names(&after)
        ));
    } else if before.iter().any(|change| is_other(change)) {
        let which: Vec<&SettingChange> = before.into_iter().filter(|change| is_other(change)).collect();
        notes.push(format!(
            "{stream}: another value of {} than in the last run: every list is read whole",
            names(&which)
        ));
    }
    let other = changes.iter().filter_map(|change| change.before.as_ref()).find(|(_, other)| other != job);
    if let (Some((_, other)), false) = (other, notes.is_empty()) {
        notes.push(format!(
            "{stream}: job {} asks otherwise on this mirror, and each of the two reads anew what the other has read: give \
             each a mirror of its own",
            quote(other)
        ));
    }
    notes
}

/// Returns the name by which people know a changed setting. If the fields changed only because `drop` or `extra` did,
/// returns the names of those settings. `all` holds all changes of the stream.
fn name(change: &SettingChange, all: &[SettingChange]) -> String {
    if change.setting != Setting::Fields {
        return change.setting.display_name().to_owned();
    }
    let why: Vec<&str> = all
        .iter()
        .filter(|other| other.setting.bearing() == Bearing::Name && other.run == change.run)
        .map(|other| other.setting.display_name())
        .collect();
    if why.is_empty() { change.setting.display_name().to_owned() } else { why.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys_tests::keys;

    /// The keys of `[source]` that decide what a reading shows.
    const OF_SOURCE: [&str; 8] =
        ["endpoint", "client_id", "lookback", "full_every", "extra_fields", "time_zone", "volatile", "dialect"];
    /// The keys of `[source]` that do not change what a reading shows.
    const NOT_OF_SOURCE: [&str; 14] = [
        "client_secret",
        "requests_per_minute",
        "page_size",
        "in_flight",
        "aliases_per_request",
        "bytes_in_flight",
        "max_response",
        "connect_timeout",
        "read_timeout",
        "retry_for",
        "wait_for_budget",
        "audit",
        "audit_repair",
        "double_collect",
    ];
    /// The keys of a list's dialect that [`asked_with`] reads one by one.
    const OF_LIST: [&str; 4] = ["items", "arguments", "since", "since_form"];
    /// The keys of a list's dialect that only say where the answer holds something.
    const NOT_OF_LIST: [&str; 5] = ["next_cursor", "row_cursor", "success", "code", "message"];
    /// The keys of a stream's dialect that decide what a reading shows.
    const OF_STREAM: [&str; 8] = ["operation", "parent", "parent_list", "date", "fields", "drop", "extra", "list"];
    /// The key of a stream's dialect that is about single records only.
    const NOT_OF_STREAM: [&str; 1] = ["one"];

    #[test]
    fn every_key_is_known_to_bear_on_a_reading_or_not() {
        let of_dialect = |text: &str| {
            let told = text.parse::<DialectLayer>().expect_err("an unknown key").what;
            told.split('`').skip(3).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        };
        let of_list = of_dialect("[list]\nzzz = 1");
        let of_stream = of_dialect("[streams.contacts]\nzzz = 1");
        assert!(of_list.len() > 10 && of_stream.len() > 5, "{of_list:?} {of_stream:?}");
        for (table, keys, sorted) in [
            ("source", keys("source"), [&OF_SOURCE[..], &NOT_OF_SOURCE[..]].concat()),
            ("source.dialect.list", of_list, [&PAGING[..], &CLAIMS[..], &OF_LIST[..], &NOT_OF_LIST[..]].concat()),
            ("source.dialect.streams.NAME", of_stream, [&OF_STREAM[..], &NOT_OF_STREAM[..]].concat()),
        ] {
            for key in &keys {
                assert!(
                    sorted.contains(&key.as_str()),
                    "src/sync/settings.rs: `{table}.{key}`: is something read anew when it changes? Then it needs a \
                     `Setting` in src/mirror/settings.rs. Either way it belongs into a list of this test"
                );
            }
            let unknown = sorted.iter().find(|key| !keys.iter().any(|known| known == *key));
            assert_eq!(unknown, None, "[{table}] has no such key");
        }
    }
}
