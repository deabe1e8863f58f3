//! Makes a line for each stream: whether the key has the scope for it, found out by asking for one record. If the
//! server refuses the assumed spelling of some streams, finds out the right spelling as a run does, for all of them
//! at once. A stream that was not asked for because the limit on requests was reached is reported as not checked, and
//! is no failure.

use super::line::CheckLine;
use super::{MOST, time_zone};
use crate::config::settings::Settings;
use crate::discovery::negotiate::{Negotiation, NegotiationOutcome, SavedPart};
use crate::error::{Error, Kind, Result};
use crate::policy::{self, Exit};
use crate::quantity::counted;
use crate::source::Source;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;

/// After this many streams were refused in the assumed spelling, the rest are not tried in it, because this server
/// apparently spells everything differently.
const ENOUGH_REFUSED: usize = 2;

/// The words after the count of a partitioned stream, because only one of its partitions was counted.
const IN_ONE: &str = " in the one conversation that was asked about";

/// What asking for one record of a stream has shown.
#[derive(Debug, Clone)]
pub enum StreamCheck {
    /// The server answered in the assumed spelling. `total` is the number of records that it reports, if it does.
    /// `one_conversation` means that only one conversation was asked about.
    Answered { total: Option<u64>, one_conversation: bool },
    /// The server answers in a spelling that was found out just now. `evidence` says what showed it.
    /// `one_conversation` means that only one conversation was asked about.
    Settled { evidence: String, one_conversation: bool },
    /// The server has no such list.
    Absent,
    /// The server refused the request, or the request failed.
    Refused(Error),
    /// The stream was not asked for, because the limit on requests was reached.
    Unasked,
    /// The stream was not asked for, because there is no token.
    Unsigned,
}

/// What was found out about each stream.
#[derive(Debug, Default)]
pub struct StreamChecks {
    /// The result for each stream, in the job's order.
    pub seen: Vec<(Stream, StreamCheck)>,
    /// What was found out about the spelling of those streams that the server refused in the assumed one: their
    /// fields and paging.
    pub outcome: NegotiationOutcome,
    /// By how many milliseconds the newest moment that names no zone is ahead of the server's clock, if there is one.
    pub ahead: Option<i64>,
}

/// Asks for one record of each stream. `remembered` is the spelling that the mirror knows; `signed_in` is the result
/// of getting a token.
pub async fn ask(
    source: &Source,
    settings: &Settings,
    remembered: &[SavedPart],
    signed_in: &Result<NegotiationOutcome>,
) -> StreamChecks {
    let Ok(token) = signed_in else {
        let seen = settings.streams.iter().map(|s| (*s, StreamCheck::Unsigned)).collect();
        return StreamChecks { seen, ..StreamChecks::default() };
    };
    let known = [remembered, &token.parts].concat();
    let mut asking = Asking { source, ahead: None, conversation: None };
    let mut seen: Vec<(Stream, Option<StreamCheck>)> = Vec::new();
    // A token whose spelling had to be found out counts as one refusal, because it shows as well that this server
    // differs.
    let mut refused = usize::from(!token.parts.is_empty());
    for stream in &settings.streams {
        let found = if known.iter().any(|part| part.name == stream.name() && part.is_absent()) {
            Some(StreamCheck::Absent)
        } else if refused >= ENOUGH_REFUSED {
            None
        } else {
            let found = asking.one(*stream).await;
            refused += usize::from(found.is_none());
            found
        };
        seen.push((*stream, found));
    }
    let otherwise: Vec<Stream> = seen.iter().filter(|(_, found)| found.is_none()).map(|(s, _)| *s).collect();
    let outcome = settle(source, settings, &known, &otherwise).await;
    let mut all = Vec::new();
    for (stream, found) in seen {
        let found = match (found, &outcome) {
            (Some(found), _) => found,
            (None, Err(error)) => unsettled(error),
            (None, Ok(outcome)) => match settled(stream, outcome) {
                Some(StreamCheck::Settled { evidence, .. }) => {
                    StreamCheck::Settled { evidence, one_conversation: source.is_partitioned(stream) }
                }
                Some(found) => found,
                // The negotiation shows nothing of an empty list, or of one without its scope. A plain question
                // tells.
                None => asking.one(stream).await.unwrap_or_else(|| {
                    let told = format!("{stream} are asked for in words that this server refuses");
                    StreamCheck::Refused(Error::new(Kind::QueryRejected { fields: Vec::new() }, told))
                }),
            },
        };
        all.push((stream, found));
    }
    StreamChecks { seen: all, outcome: outcome.unwrap_or_default(), ahead: asking.ahead }
}

async fn settle(
    source: &Source,
    settings: &Settings,
    known: &[SavedPart],
    streams: &[Stream],
) -> Result<NegotiationOutcome> {
    if streams.is_empty() {
        return Ok(NegotiationOutcome::default());
    }
    Negotiation::new(source, &settings.spelled, known)?.anew(streams).await
}

fn unsettled(error: &Error) -> StreamCheck {
    if policy::was_not_asked(&error.kind) { StreamCheck::Unasked } else { StreamCheck::Refused(error.clone()) }
}

/// Returns what finding out the spelling has shown about a stream, or `None` if it has shown nothing.
fn settled(stream: Stream, outcome: &NegotiationOutcome) -> Option<StreamCheck> {
    let part = format!("streams.{stream}");
    if outcome.absent.contains(&stream) {
        return Some(StreamCheck::Absent);
    }
    if let Some(open) = outcome.open.iter().find(|o| o.is_of(stream)) {
        return Some(StreamCheck::Refused(Error::usage(format!(
            "{}; write below [source.dialect]: {}",
            open.what,
            open.written()
        ))));
    }
    let shown = outcome.findings.iter().find(|f| f.part == format!("{part}.list"));
    shown.map(|finding| StreamCheck::Settled { evidence: finding.evidence.clone(), one_conversation: false })
}

struct Asking<'s> {
    source: &'s Source,
    /// By how many milliseconds the newest moment that names no zone is ahead of the server's clock, if there is one.
    ahead: Option<i64>,
    /// The id of a conversation whose messages can be asked for. `None` if no conversation was seen yet.
    conversation: Option<String>,
}

impl Asking<'_> {
    /// Asks for one record of a stream. Returns `None` if this server does not understand the question in the assumed
    /// spelling.
    async fn one(&mut self, stream: Stream) -> Option<StreamCheck> {
        let partitioned = self.source.is_partitioned(stream);
        // An id that does not exist shows the scope as well.
        let anybody = || self.conversation.clone().unwrap_or_else(|| "000000000000000000000000".to_owned());
        let parent = partitioned.then(anybody);
        match self
            .source
            .ask(Question { stream, parent, size: 1, start: Start::Row(0), select: Select::Whole, since: None })
            .await
        {
            Ok(page) => {
                if stream == Stream::Conversations {
                    self.conversation = page.records.rows.first().map(|r| r.id.to_string());
                }
                self.ahead = self.ahead.max(time_zone::ahead(&page, stream, self.source.now()));
                Some(StreamCheck::Answered { total: page.total, one_conversation: partitioned })
            }
            Err(error) if policy::may_be_of_spelling(&error.kind) => None,
            Err(error) => Some(unsettled(&error)),
        }
    }
}

/// Returns a line of the checklist for each stream.
pub fn lines(settings: &Settings, seen: &[(Stream, StreamCheck)]) -> Vec<CheckLine> {
    let mut lines: Vec<CheckLine> = seen.iter().map(|(stream, seen)| line(*stream, seen)).collect();
    let refused = lines.iter().filter(|line| line.exit == Some(Exit::Credentials)).count();
    if refused < settings.streams.len() {
        // As in a run, one missing scope leaves it incomplete.
        let of_scope = lines.iter_mut().filter(|line| line.exit == Some(Exit::Credentials));
        of_scope.for_each(|line| line.exit = Some(Exit::Incomplete));
    }
    lines
}

fn line(stream: Stream, seen: &StreamCheck) -> CheckLine {
    let (name, scope) = (format!("stream {stream}"), stream.definition().scope);
    let line = match seen {
        StreamCheck::Answered { total, one_conversation } => {
            let records = total.map(|n| counted(n, "record"));
            let held = match (records, one_conversation) {
                (Some(records), false) => format!(", {records}"),
                (Some(records), true) => format!(", {records}{IN_ONE}"),
                (None, _) => String::new(),
            };
            CheckLine::ok(&name, format!("{scope} is there{held}"), "the key may read it")
                .with("records", (!one_conversation).then_some(*total).flatten())
        }
        StreamCheck::Settled { evidence, one_conversation } => CheckLine::ok(
            &name,
            format!(
                "{scope} is there; spelled otherwise here and settled just now: {evidence}{}",
                if *one_conversation { IN_ONE } else { "" }
            ),
            "a run settles it by itself and remembers it; `qpien-sync discover JOB` shows how",
        ),
        StreamCheck::Absent => CheckLine::note(
            &name,
            format!("{scope}: this server has no such list"),
            "a run skips it; nothing needs to be done",
        ),
        StreamCheck::Refused(error) => CheckLine::failed(&name, scope, error),
        StreamCheck::Unasked => CheckLine::unchecked(
            &name,
            &format!("{scope}: the {MOST} requests that a check may make are made"),
            "a run settles it, and `qpien-sync discover JOB` shows it without one",
        ),
        StreamCheck::Unsigned => {
            CheckLine::unchecked(&name, &format!("{scope}: there is no token"), "see the lines above")
        }
    };
    line.with("stream", stream.name()).with("scope", scope)
}
