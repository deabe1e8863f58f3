//! `plan JOB`: estimates what a run will take: requests, minutes at the request limit, tokens and megabytes. The
//! estimate itself takes a few requests: for the first page of each list, and for the number of messages in a sample
//! of the conversations. Nothing is written but the shared budget window.

mod remembered;
mod sampled;

use std::fmt::Write as _;

use rusqlite::Connection;

use super::{accounts, setup};
use crate::cli::{CheckFormat, PlanArgs};
use crate::config::settings::Settings;
use crate::discovery::negotiate::{Negotiation, NegotiationOutcome};
use crate::error::Result;
use crate::mirror::open;
use crate::mirror::walk_key::Lane;
use crate::policy::Exit;
use crate::quantity::{counted, size};
use crate::source::Source;
use crate::source::page::Page;
use crate::source::query::{Question, Select, Start};
use crate::streams::Stream;
use crate::sync::dialect;
use crate::sync::estimate::{self, Estimate, KnownStream};
use crate::sync::incremental::without_sign;

/// The documented lifetime of a token.
const TOKEN_MINUTES: f64 = 60.0;

/// The figures of a plan, from which the text and the JSON are made.
struct Plan {
    streams: Vec<(Stream, Estimate)>,
    /// The streams of the plan that consist of many lists, such as the messages of each conversation.
    partitioned: Vec<Stream>,
    /// The streams whose number of records the server does not report. The estimate leaves them out.
    unknown: Vec<Stream>,
    /// The number of requests for finding out how the API is spelled. 0 if a run need not do that again.
    settling: u64,
    together: usize,
    per_minute: u32,
    made: u64,
    /// The number of conversations whose entries do not show whether there are new messages, and a sentence about
    /// what it costs to ask for those messages every night.
    without_sign: (usize, Option<String>),
}

/// Plans each account of a job, and prints the plans.
pub async fn plan(args: &PlanArgs) -> Result<Exit> {
    let all = Settings::load(&args.job.job, &setup::flags(&args.job))?;
    let heading = Some("account").filter(|_| args.format == CheckFormat::Text);
    accounts::each(all, heading, async |one| plan_one(&one, args.format).await).await
}

async fn plan_one(settings: &Settings, format: CheckFormat) -> Result<Exit> {
    let source = setup::source(settings)?;
    // Before the first run there is no mirror.
    let is_there = settings.mirror.exists();
    let mirror = is_there.then(|| open::untouched(&settings.mirror)).transpose()?;
    let (streams, outcome) = settled(&source, settings, mirror.as_ref()).await?;
    let mut plan = Plan {
        streams: Vec::new(),
        partitioned: streams.iter().copied().filter(|s| source.is_partitioned(*s)).collect(),
        unknown: Vec::new(),
        settling: if outcome.parts.is_empty() { 0 } else { outcome.requests },
        together: source.aliases.now(),
        per_minute: settings.requests_per_minute,
        made: 0,
        without_sign: (0, None),
    };
    let mut conversations = 0;
    for stream in streams {
        let (estimate, lists) = if source.is_partitioned(stream) {
            (partitioned(&source, settings, mirror.as_ref(), stream, conversations).await?, conversations)
        } else {
            let page = source.ask(question(stream, None, settings.page_size, 0)).await?;
            let known = known(&page, settings);
            if stream == Stream::Conversations {
                conversations = known.as_ref().map_or(0, |known| known.sampled[0]);
            }
            (known.as_ref().map(estimate::stream), 1)
        };
        let left = mirror.as_ref().map_or(1.0, |c| remembered::left(c, (settings.lane, &settings.name), stream, lists));
        match estimate {
            Some(estimate) => plan.streams.push((stream, estimate.part(left))),
            None => plan.unknown.push(stream),
        }
    }
    if let (Some(connection), Lane::Incremental) = (mirror.as_ref(), settings.lane) {
        let mut lists = 0;
        for stream in &plan.partitioned {
            lists += remembered::without_sign(connection, &source, *stream)?.len();
        }
        plan.without_sign = (lists, without_sign::cost_of_silence(&source, lists));
    }
    plan.made = source.budget.stats().requests;
    match format {
        CheckFormat::Text => crate::logging::print(&plan.text(settings)),
        CheckFormat::Json => crate::logging::print(&format!("{}\n", plan.json(settings))),
    }
    Ok(Exit::Complete)
}

/// Estimates the records of a partitioned stream, such as messages, from what the mirror remembers or from a sample.
/// `parents` is the number of partitions. Returns `None` if the server does not report how long the lists are.
async fn partitioned(
    source: &Source,
    settings: &Settings,
    mirror: Option<&Connection>,
    stream: Stream,
    parents: u64,
) -> Result<Option<Estimate>> {
    if let Some(connection) = mirror
        && let Some(lists) = remembered::lists(connection, source, settings, stream)?
    {
        let parent = stream.definition().parent.filter(|_| settings.lane == Lane::Incremental);
        return Ok(Some(match parent {
            Some(parent) => remembered::night(connection, source, settings, lists, (parent, parents)).await?,
            None => estimate::stream(&remembered::whole(lists, settings, parents)),
        }));
    }
    let parts = sampled::sampled(source, settings, stream, parents).await?;
    Ok(parts.map(|parts| parts.iter().map(estimate::stream).sum()))
}

/// Returns the job's streams that this server has, and the outcome of finding out how they are spelled.
async fn settled(
    source: &Source,
    settings: &Settings,
    mirror: Option<&Connection>,
) -> Result<(Vec<Stream>, NegotiationOutcome)> {
    let remembered = match mirror {
        Some(connection) => dialect::recall_read_only(connection, &settings.source.endpoint)?,
        None => Vec::new(),
    };
    let known = |s: &Stream| {
        remembered
            .iter()
            .any(|p| p.name == s.name() && p.is_known(source.is_collecting(*s), source.settings().is_collect_named))
    };
    let unknown: Vec<Stream> = settings.streams.iter().copied().filter(|s| !known(s)).collect();
    let negotiation = Negotiation::new(source, &settings.spelled, &remembered)?;
    let outcome = Box::pin(negotiation.settle(&unknown)).await?;
    dialect::refuse_open(&outcome)?;
    let absent = |s: &Stream| {
        outcome.absent.contains(s) || remembered.iter().any(|part| part.name == s.name() && part.is_absent())
    };
    Ok((settings.streams.iter().copied().filter(|s| !absent(s)).collect(), outcome))
}

/// Returns what the first page shows about a list, or `None` if it does not show how long the list is.
fn known(page: &Page, settings: &Settings) -> Option<KnownStream> {
    let rows = page.records.rows.len() as u64;
    let whole = rows < u64::from(settings.page_size);
    let total = page.total.or_else(|| whole.then_some(rows))?;
    let served = if rows > 0 && total > rows { u32::try_from(rows).unwrap_or(u32::MAX) } else { settings.page_size };
    Some(KnownStream {
        lists: 1,
        sampled: vec![total],
        page_size: served.min(settings.page_size),
        twice: settings.double_collect,
        totals: page.total.is_some(),
        row_bytes: row_bytes(page),
    })
}

fn row_bytes(page: &Page) -> f64 {
    let rows = &page.records.rows;
    if rows.is_empty() { 0.0 } else { rows.iter().map(|r| r.range.len()).sum::<usize>() as f64 / rows.len() as f64 }
}

fn question(stream: Stream, parent: Option<&str>, size: u32, row: u64) -> Question {
    Question {
        stream,
        parent: parent.map(str::to_owned),
        size,
        start: Start::Row(row),
        select: Select::Whole,
        since: None,
    }
}

impl Plan {
    fn sum(&self, part: impl Fn(&Estimate) -> f64) -> f64 {
        self.streams.iter().map(|(_, e)| part(e)).sum()
    }

    fn requests(&self) -> f64 {
        let (mut walked, mut fanned) = (Vec::new(), 0.0);
        for (stream, estimate) in &self.streams {
            if self.partitioned.contains(stream) {
                fanned += estimate.questions;
            } else {
                walked.push(estimate.questions);
            }
        }
        let reading = estimate::requests(&walked, fanned, self.together);
        let alone = reading + self.settling as f64;
        let tokens = 1.0 + (self.minutes_of(alone) / TOKEN_MINUTES).floor();
        alone + tokens
    }

    fn minutes_of(&self, requests: f64) -> f64 {
        if self.per_minute == 0 { 0.0 } else { requests / f64::from(self.per_minute) }
    }

    fn uncertainty(&self) -> f64 {
        self.streams.iter().map(|(_, e)| e.uncertainty.powi(2)).sum::<f64>().sqrt() / self.together as f64
    }

    fn text(&self, settings: &Settings) -> String {
        let mut out = format!("plan for {}, from {}\n\n", settings.name, counted(self.made, "request"));
        let _ = writeln!(out, "{:<26} {:>12} {:>11} {:>10}", "stream", "rows", "questions", "answers");
        for (stream, e) in &self.streams {
            let _ = writeln!(
                out,
                "{:<26} {:>12.0} {:>11.0} {:>10}",
                stream.name(),
                e.rows,
                e.questions,
                size(bytes(e.bytes))
            );
        }
        for stream in &self.unknown {
            let _ = writeln!(out, "{:<26} {:>12}", stream.name(), "not told");
        }
        let requests = self.requests();
        let minutes = match self.minutes_of(requests) {
            _ if self.per_minute == 0 => "as fast as the server answers".to_owned(),
            minutes => format!("{minutes:.0} minutes at {} a minute", self.per_minute),
        };
        let _ = writeln!(
            out,
            "\nabout {requests:.0} requests (give or take {:.0}), {} questions each: {minutes}, {} of answers",
            self.uncertainty(),
            self.together,
            size(bytes(self.sum(|e| e.bytes))),
        );
        if !self.unknown.is_empty() {
            out.push_str("streams whose size the server does not tell are left out\n");
        }
        if let Some(cost) = &self.without_sign.1 {
            let _ = writeln!(out, "{cost}");
        }
        out
    }

    fn json(&self, settings: &Settings) -> String {
        let streams: Vec<serde_json::Value> = self
            .streams
            .iter()
            .map(|(stream, e)| {
                serde_json::json!({
                    "stream": stream.name(), "rows": e.rows.round(), "questions": e.questions.round(),
                    "bytes": e.bytes.round(),
                })
            })
            .collect();
        let requests = self.requests();
        let mut plan = serde_json::json!({
            "job": settings.name,
            "requests": requests.round(),
            "give_or_take": self.uncertainty().ceil(),
            "questions_together": self.together,
            "minutes": self.minutes_of(requests),
            "tokens": 1.0 + (self.minutes_of(requests) / TOKEN_MINUTES).floor(),
            "bytes": self.sum(|e| e.bytes).round(),
            "streams": streams,
            "not_told": self.unknown.iter().map(|s| s.name()).collect::<Vec<_>>(),
            "made": self.made,
            "without_sign": self.without_sign.0,
        });
        if let Some(account) = &settings.account {
            plan["account"] = account.as_str().into();
        }
        plan.to_string()
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate, never negative
fn bytes(estimate: f64) -> u64 {
    estimate as u64
}
