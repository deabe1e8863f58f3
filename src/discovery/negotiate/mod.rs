//! Finds out how a server spells the API, and decides which dialect a run uses. The job's own lines come first. Below
//! them comes what an earlier run found out for this endpoint, and below that the shipped dialect. What no rows have
//! confirmed yet is checked by asking for two rows. If the server refuses a spelling, a new one is derived from its
//! schema, and then checked, too.
//!
//! The token and each stream are dealt with one by one, so that a change of one list causes questions about that list
//! only.

mod further;
mod optional;
mod token;

use std::collections::{BTreeMap, VecDeque};

use crate::dialect::{Dialect, DialectLayer, Layer as _, Paging};
use crate::discovery::check_paging;
use crate::discovery::check_paging::Proof;
use crate::discovery::fetch_by_id::MISSING_ID;
use crate::discovery::infer;
use crate::discovery::infer::{Certainty, Finding, Open, Settled};
use crate::discovery::introspect;
use crate::discovery::probe;
pub use crate::discovery::saved_dialect::SavedPart;
use crate::discovery::schema::Schema;
use crate::error::{Kind, Result};
use crate::policy;
use crate::quantity::counted;
use crate::source::Source;
use crate::source::document::Documents;
use crate::source::server::Server as _;
use crate::source::settings::Collecting;
use crate::streams::Stream;

/// What was found out about how a server spells the API.
#[derive(Debug, Clone, Default)]
pub struct NegotiationOutcome {
    /// The parts that are new, for the mirror to keep.
    pub parts: Vec<SavedPart>,
    /// The evidence for each value that was found.
    pub findings: Vec<Finding>,
    /// The questions that could not be decided and that a person has to answer.
    pub open: Vec<Open>,
    /// The streams that this server does not have.
    pub absent: Vec<Stream>,
    /// The documented columns that the server lacks, by stream.
    pub missing: Vec<(Stream, Vec<&'static str>)>,
    /// The documented columns that are not selected, by stream. They are objects whose own fields are not known,
    /// because the server hides its schema.
    pub unasked: Vec<(Stream, Vec<&'static str>)>,
    /// Whether the job collects undocumented fields, but the server hides its schema, so that none are known.
    pub blind: bool,
    /// The number of requests that finding all this out took.
    pub requests: u64,
}

/// Finds out how one endpoint spells the API, one part after another.
pub struct Negotiation<'s> {
    source: &'s Source,
    job: &'s DialectLayer,
    settled: Box<DialectLayer>,
    schema: Option<Schema>,
    hidden: bool,
    taught: bool,
    /// The number of requests that probing took for the token.
    asked: u32,
    outcome: NegotiationOutcome,
    conversations: Vec<String>,
    /// The ids of conversations that existed recently, as the caller reports.
    known: Vec<String>,
    /// The id of the conversation whose messages were asked for last.
    parent: Option<String>,
    streams: Vec<Stream>,
    /// The streams that are still to be dealt with.
    left: VecDeque<Stream>,
    /// The notes that every run shows, by the name of the remembered part.
    notes: BTreeMap<String, Vec<String>>,
    thorough: bool,
}

impl<'s> Negotiation<'s> {
    /// Begins with the parts that an earlier run stored. The source uses that dialect from here on. Fails if the
    /// job's lines or the stored parts do not form a valid dialect.
    pub fn new(source: &'s Source, job: &'s DialectLayer, remembered: &[SavedPart]) -> Result<Negotiation<'s>> {
        let mut settled = DialectLayer::default();
        for part in remembered {
            settled.merge(part.layer.clone());
            if let Some(stream) = Stream::named(&part.name).filter(|_| part.is_proven()) {
                source.note_paging_settled(stream);
            }
        }
        let negotiation = Negotiation {
            source,
            job,
            settled: Box::new(settled),
            schema: None,
            hidden: false,
            taught: false,
            asked: 0,
            outcome: NegotiationOutcome::default(),
            conversations: Vec::new(),
            known: Vec::new(),
            parent: None,
            streams: Vec::new(),
            left: VecDeque::new(),
            notes: remembered.iter().map(|part| (part.name.clone(), part.notes())).collect(),
            thorough: false,
        };
        negotiation.speak()?;
        Ok(negotiation)
    }

    /// Also checks what a run does not need to begin: a second page, and queries for single records.
    #[must_use]
    pub fn thorough(mut self) -> Negotiation<'s> {
        self.thorough = true;
        self
    }

    /// Finds out and checks the spelling of the token and of these streams, and returns the result.
    pub async fn settle(mut self, streams: &[Stream]) -> Result<NegotiationOutcome> {
        self.begin(streams).await?;
        while self.next().await? {}
        Ok(self.outcome)
    }

    /// Passes the ids of conversations that existed recently. Their messages serve to check the stream of messages.
    pub fn know_conversations(&mut self, ids: Vec<String>) {
        self.known = ids;
    }

    /// Finds out and checks how a token is asked for, and queues these streams. Queues none if that leaves a question
    /// open.
    pub async fn begin(&mut self, streams: &[Stream]) -> Result<()> {
        let before = self.source.budget.stats().requests;
        self.streams = streams.to_vec();
        self.token().await?;
        if self.outcome.open.is_empty() {
            self.left = streams.iter().copied().collect();
        }
        self.outcome.requests = self.source.budget.stats().requests - before;
        Ok(())
    }

    /// Finds out and checks the spelling of the next queued stream. Returns `false` if no stream is queued.
    pub async fn next(&mut self) -> Result<bool> {
        let Some(stream) = self.left.pop_front() else { return Ok(false) };
        let before = self.source.budget.stats().requests;
        self.stream(stream).await?;
        self.outcome.requests += self.source.budget.stats().requests - before;
        Ok(true)
    }

    /// Returns what was found out so far.
    pub fn outcome(&self) -> &NegotiationOutcome {
        &self.outcome
    }

    /// Derives the spelling of these streams from the server's schema, because the server refuses the remembered one,
    /// or a field in it.
    pub async fn anew(mut self, streams: &[Stream]) -> Result<NegotiationOutcome> {
        let before = self.source.budget.stats().requests;
        self.streams = streams.to_vec();
        for stream in streams {
            if self.source.refused_fields(*stream).is_empty() {
                self.by_schema(*stream).await?;
            } else {
                // The query is understood: only an undocumented field of it fails.
                self.select_further(*stream, Vec::new())?;
                self.stream(*stream).await?;
            }
        }
        self.outcome.requests = self.source.budget.stats().requests - before;
        Ok(self.outcome)
    }

    fn speak(&self) -> Result<()> {
        let mut dialect = Dialect::with(&DialectLayer::clone(&self.settled).with_job(self.job))?;
        for (name, part) in &mut dialect.streams {
            let Some(stream) = Stream::named(name) else { continue };
            match self.source.settings().collect[stream] {
                Collecting::Nothing => part.extra.clear(),
                Collecting::Named => {
                    let own = self.job.stream(stream).and_then(|own| own.extra.clone());
                    part.extra = own.unwrap_or_default();
                }
                Collecting::Shown => {}
            }
        }
        self.source.set_dialect(dialect);
        Ok(())
    }

    async fn stream(&mut self, stream: Stream) -> Result<()> {
        match self.prove(stream).await {
            Ok(proof) => {
                let mut settled = self.completed(stream).await?;
                // The remembered spelling works, so it is kept, and what was found now is added to it.
                let own = self.settled.stream(stream).cloned().unwrap_or_default();
                let found = std::mem::replace(&mut settled.layer, DialectLayer::of_stream(stream, own));
                settled.layer.merge(found);
                settled.notes.extend(self.notes.get(stream.name()).into_iter().flatten().cloned());
                self.keep(stream, settled, &proof).await
            }
            Err(e) if policy::may_be_of_spelling(&e.kind) => self.by_schema(stream).await,
            Err(e) if e.kind == Kind::Internal => Err(e),
            // Nothing can be learnt from a missing scope, and the walk reports an outage.
            Err(_) => Ok(()),
        }
    }

    async fn by_schema(&mut self, stream: Stream) -> Result<()> {
        let Some(schema) = self.learn(Some(stream)).await? else {
            // There is nothing to learn from. The walk will report the server's refusal.
            return Ok(());
        };
        let Some(settled) = infer::stream(&schema, stream, self.job) else {
            if stream.definition().optional {
                self.outcome.absent.push(stream);
                self.outcome.parts.push(SavedPart::absent(stream));
                return Ok(());
            }
            self.outcome.open.push(Self::no_list(stream));
            return Ok(());
        };
        if !settled.open.is_empty() {
            self.outcome.findings.extend(settled.findings);
            self.outcome.open.extend(settled.open);
            return Ok(());
        }
        let mut settled = settled;
        if settled.parent_optional {
            // One list of all records costs a hundredth of the requests. It is used only if it shows rows.
            let mut whole = settled.clone();
            whole.layer.stream_mut(stream).parent = Some(String::new());
            self.settled.merge(whole.layer.clone());
            self.speak()?;
            if self.prove(stream).await.is_ok_and(|proof| proof.rows > 0) {
                settled = whole;
            }
        }
        self.settled.merge(settled.layer.clone());
        self.speak()?;
        match self.prove(stream).await {
            Ok(proof) => self.keep(stream, settled, &proof).await?,
            Err(e) if policy::may_be_of_spelling(&e.kind) => {
                let written = infer::StreamOverrides::of(self.job, stream).keys();
                let whose = if written.is_empty() {
                    "what the schema says of it".to_owned()
                } else {
                    format!("the job's {} on top of what the schema says", written.join(", "))
                };
                self.outcome.open.push(Open {
                    what: format!("{stream}: the server refuses {whose}: {e}"),
                    line: format!("[source.dialect.streams.{stream}] operation = \"...\""),
                });
            }
            Err(_) => {}
        }
        Ok(())
    }

    fn no_list(stream: Stream) -> Open {
        Open {
            what: format!(
                "no query of this server lists {stream}: name the one that does, or take {stream} out of `streams`"
            ),
            line: format!("[source.dialect.streams.{stream}] operation = \"...\""),
        }
    }

    async fn prove(&mut self, stream: Stream) -> Result<Proof> {
        if !self.source.is_partitioned(stream) {
            let proof = check_paging::list(self.source, stream, None).await?;
            if stream == Stream::Conversations {
                self.conversations.clone_from(&proof.ids);
            }
            return Ok(proof);
        }
        // An id that no record has shows as well whether the server understands the question. A conversation that may
        // be gone is first asked for once, without patience.
        let unsure = self.conversations.is_empty();
        let known = if unsure { &self.known } else { &self.conversations };
        let nobody = Some(MISSING_ID.to_owned()).filter(|_| unsure);
        let parents: Vec<String> = known.iter().cloned().chain(nobody).collect();
        let (mut proof, mut refused) = (None, None);
        for parent in &parents {
            if unsure && let Err(error) = check_paging::is_understood(self.source, stream, parent).await {
                if policy::may_be_of_spelling(&error.kind) {
                    return Err(error);
                }
                refused = Some(error);
                continue;
            }
            let shown = check_paging::list(self.source, stream, Some(parent)).await?;
            self.parent = Some(parent.clone());
            let is_enough = shown.rows > 0;
            proof = Some(shown);
            if is_enough {
                break;
            }
        }
        match (proof, refused) {
            (None, Some(error)) => Err(error),
            (proof, _) => Ok(proof.unwrap_or_default()),
        }
    }

    /// Keeps a stream's spelling and what the answers showed about it. A list without rows shows nothing about its
    /// paging, so the walk that reads it checks that first.
    async fn keep(&mut self, stream: Stream, settled: Settled, proof: &Proof) -> Result<()> {
        let part = SavedPart::new(stream.name(), settled.layer);
        let mut part = part.shown(stream, proof).with_notes(&settled.notes);
        if self.source.is_collecting(stream) {
            part = Box::pin(self.with_further_fields(stream, part)).await?;
        }
        if let (true, Some(id)) = (self.thorough, proof.ids.first())
            && let Some(one) = self.single_record(stream, id).await?
        {
            part.lay_over_one(stream, one);
        }
        self.settled.merge(part.layer.clone());
        self.outcome.findings.extend(settled.findings);
        if !settled.missing.is_empty() {
            self.outcome.missing.push((stream, settled.missing));
        }
        if !settled.unshown.is_empty() {
            self.outcome.unasked.push((stream, settled.unshown));
        }
        let paging = self.source.dialect().stream(stream)?.list.paging;
        self.outcome.findings.push(Finding {
            part: format!("streams.{stream}.list"),
            value: match (proof.page_from, paging) {
                (Some(first), _) => format!("pages from {first}"),
                (None, Paging::Page) => "pages by number".into(),
                (None, Paging::Offset) => "pages by offset".into(),
                (None, Paging::Cursor) => "pages by cursor".into(),
                (None, Paging::None) => "not paged".into(),
            },
            evidence: match (proof.rows, proof.total) {
                (0, Some(0)) => "0 records".into(),
                (0, _) => "no rows came".into(),
                (rows, None) => format!("{} came, no total", counted(rows as u64, "row")),
                (rows, Some(total)) => format!("{} came, of {total}", counted(rows as u64, "row")),
            },
            certainty: if proof.rows > 0 { Certainty::Proven } else { Certainty::Assumed },
        });
        // A stream's only list, if it has no rows, is empty. If there are many lists, another one may show more.
        if proof.rows > 0 || !self.source.is_partitioned(stream) {
            self.source.note_paging_settled(stream);
        }
        self.outcome.parts.push(part);
        // The source uses what was found, whether rows have confirmed it or not.
        self.speak()?;
        if self.thorough { self.second_page(stream, proof).await } else { Ok(()) }
    }

    /// Reads the schema by introspection, unless that was done before. `signed_in` says whether the request carries a
    /// token.
    async fn introspect(&mut self, signed_in: bool) -> Result<()> {
        if self.schema.is_none() && !self.hidden {
            let documents = Documents::new(self.source, signed_in);
            let reply = documents.ask(introspect::QUERY, serde_json::json!({})).await?;
            self.schema = introspect::schema(&reply);
            // A server may hide its schema without a token and show it with one.
            self.hidden = self.schema.is_none() && signed_in;
        }
        Ok(())
    }

    /// Returns the schema: the server's own if it shows one, or else what probing shows about the streams (about the
    /// token if `stream` is `None`). Returns `None` if nothing can be learnt.
    async fn learn(&mut self, stream: Option<Stream>) -> Result<Option<Schema>> {
        self.introspect(stream.is_some()).await?;
        let documents = Documents::new(self.source, stream.is_some());
        if self.schema.is_some() {
            return Ok(self.schema.clone());
        }
        let asked = match stream {
            None => probe::learn_token(&documents, PROBE_BUDGET).await,
            // Most servers need no probing for the token, so the lists get what it left of both budgets.
            Some(_) => probe::learn_lists(&documents, &self.streams, 2 * PROBE_BUDGET - self.asked).await,
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) if policy::was_not_asked(&error.kind) => return Err(error),
            // A server may refuse a probe for its odd form. The refusal of the plain question is then
            // reported instead.
            Err(error) => {
                tracing::info!(%error, "nothing is learnt by asking");
                return Ok(None);
            }
        };
        self.asked = asked.requests.min(PROBE_BUDGET);
        tracing::info!(requests = asked.requests, open = ?asked.open, "asked what the server knows");
        self.taught = asked.judged;
        if !asked.judged {
            return Ok(None);
        }
        let schema = asked.schema;
        if stream.is_some() {
            self.schema = Some(schema.clone());
        }
        Ok(Some(schema))
    }
}

/// The most requests that probing may make for the token, and as many again for the lists.
const PROBE_BUDGET: u32 = 40;
