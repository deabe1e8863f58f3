//! Who decides how the API is spelled, in which order: the job's own lines above everything; below them what was settled
//! with this endpoint before; below that the shipped dialect. What nobody has proven yet is proven by asking for two
//! rows; what is refused is settled from the server's schema, and proven too.
//!
//! Parts are settled one by one (the token, each stream), so that a server that changed one list is asked about that one.

use toml::Table;

use super::Source;
use super::dialect::schema::Schema;
use super::dialect::server::Server as _;
use super::dialect::settle::{self, Certainty, Finding, Open, Settled};
use super::dialect::{Dialect, asking, introspect, lay_over};
use super::document::Documents;
use super::prove::{self, Proof};
use crate::error::{Error, Kind, Result};
use crate::streams::{DateForm, Stream};

/// What is remembered of one part: `token` or a stream's name, and a table in the form of `[source.dialect]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which.
    pub name: String,
    /// To lay over the shipped dialect.
    pub table: Table,
}

impl Part {
    /// A list that the server does not have.
    fn absent(stream: Stream) -> Part {
        let table = Table::from_iter([(ABSENT.to_owned(), toml::Value::Boolean(true))]);
        Part { name: stream.name().into(), table }
    }

    /// Whether the server was found not to have it.
    pub fn is_absent(&self) -> bool {
        self.table.contains_key(ABSENT)
    }
}

const ABSENT: &str = "absent";

/// What came of a negotiation.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is new and proven, to be remembered.
    pub parts: Vec<Part>,
    /// The evidence.
    pub findings: Vec<Finding>,
    /// What could not be settled.
    pub open: Vec<Open>,
    /// Streams that this server does not have.
    pub absent: Vec<Stream>,
    /// Streams whose documented columns the server lacks.
    pub missing: Vec<(Stream, Vec<&'static str>)>,
    /// How many requests it took.
    pub requests: u64,
}

/// A negotiation with one endpoint.
pub struct Negotiation<'s> {
    source: &'s Source,
    job: &'s Table,
    settled: Table,
    schema: Option<Schema>,
    hidden: bool,
    outcome: Outcome,
    conversation: Option<String>,
    streams: Vec<Stream>,
}

impl<'s> Negotiation<'s> {
    /// Begins with what is remembered; the source speaks it from here on.
    pub fn new(source: &'s Source, job: &'s Table, remembered: &[Part]) -> Result<Negotiation<'s>> {
        let mut settled = Table::new();
        for part in remembered.iter().filter(|part| !part.is_absent()) {
            lay_over(&mut settled, &part.table);
        }
        let negotiation = Negotiation {
            source,
            job,
            settled,
            schema: None,
            hidden: false,
            outcome: Outcome::default(),
            conversation: None,
            streams: Vec::new(),
        };
        negotiation.speak()?;
        Ok(negotiation)
    }

    /// Settles and proves the token and these streams.
    pub async fn settle(mut self, token: bool, streams: &[Stream]) -> Result<Outcome> {
        let before = self.source.budget.stats().requests;
        self.streams = streams.to_vec();
        if token {
            self.token().await?;
        }
        if self.outcome.open.is_empty() {
            for stream in streams {
                self.stream(*stream).await?;
            }
        }
        self.outcome.requests = self.source.budget.stats().requests - before;
        Ok(self.outcome)
    }

    /// Settles streams anew that the server refuses as they are remembered.
    pub async fn anew(mut self, streams: &[Stream]) -> Result<Outcome> {
        let before = self.source.budget.stats().requests;
        self.streams = streams.to_vec();
        for stream in streams {
            self.by_schema(*stream).await?;
        }
        self.outcome.requests = self.source.budget.stats().requests - before;
        Ok(self.outcome)
    }

    fn speak(&self) -> Result<()> {
        let mut over = self.settled.clone();
        lay_over(&mut over, self.job);
        self.source.speak(Dialect::with(&over)?);
        Ok(())
    }

    async fn token(&mut self) -> Result<()> {
        let refused = match self.source.sign_in().await {
            Ok(()) => return Ok(()),
            Err(e) if spelled_otherwise(&e) => e,
            Err(e) => return Err(e),
        };
        let Some(schema) = self.learn(None).await? else {
            return Err(refused);
        };
        let settled = settle::token(&schema, self.job);
        if settled.open.is_empty() {
            lay_over(&mut self.settled, &settled.table);
            self.speak()?;
            self.source.sign_in().await?;
            self.outcome.parts.push(Part { name: "token".into(), table: settled.table.clone() });
        }
        self.outcome.findings.extend(settled.findings);
        self.outcome.open.extend(settled.open);
        Ok(())
    }

    async fn stream(&mut self, stream: Stream) -> Result<()> {
        match self.prove(stream).await {
            Ok(proof) => {
                self.keep(stream, Settled::default(), &proof);
                Ok(())
            }
            Err(e) if spelled_otherwise(&e) => self.by_schema(stream).await,
            Err(e) if e.kind == Kind::Internal => Err(e),
            // Whoever may not ask learns nothing, and an outage is the walk's to report.
            Err(_) => Ok(()),
        }
    }

    async fn by_schema(&mut self, stream: Stream) -> Result<()> {
        let Some(schema) = self.learn(Some(stream)).await? else {
            // Nothing to learn from: the walk will say what the server says.
            return Ok(());
        };
        let Some(settled) = settle::stream(&schema, stream, self.job) else {
            if stream.definition().optional {
                self.outcome.absent.push(stream);
                self.outcome.parts.push(Part::absent(stream));
                return Ok(());
            }
            self.outcome.open.push(Open {
                what: format!("no query of this server lists {stream}"),
                line: format!("[source.dialect.streams.{stream}] operation = \"...\""),
            });
            return Ok(());
        };
        if !settled.open.is_empty() {
            self.outcome.findings.extend(settled.findings);
            self.outcome.open.extend(settled.open);
            return Ok(());
        }
        let mut settled = settled;
        if settled.parent_optional {
            // One list of everything costs a hundredth of the requests; where nothing comes of it, it is none.
            let mut whole = settled.clone();
            lay_over(&mut whole.table, &of_stream(stream, "parent", toml::Value::String(String::new())));
            lay_over(&mut self.settled, &whole.table);
            self.speak()?;
            if self.prove(stream).await.is_ok_and(|proof| proof.rows > 0) {
                settled = whole;
            }
        }
        lay_over(&mut self.settled, &settled.table);
        self.speak()?;
        match self.prove(stream).await {
            Ok(proof) => self.keep(stream, settled, &proof),
            Err(e) if spelled_otherwise(&e) => self.outcome.open.push(Open {
                what: format!("what the schema says of {stream} is refused: {e}"),
                line: format!("[source.dialect.streams.{stream}] operation = \"...\""),
            }),
            Err(_) => {}
        }
        Ok(())
    }

    async fn prove(&mut self, stream: Stream) -> Result<Proof> {
        let dialect = self.source.dialect();
        let parent = match dialect.stream(stream)?.parent.as_deref() {
            Some(name) if !name.is_empty() => Some(self.conversation.clone().unwrap_or_else(|| NOBODY.to_owned())),
            _ => None,
        };
        let proof = prove::list(self.source, stream, parent.as_deref()).await?;
        if stream == Stream::Conversations {
            self.conversation.clone_from(&proof.id);
        }
        Ok(proof)
    }

    /// Keeps what was shown; a list without rows shows nothing and is proven again next time.
    fn keep(&mut self, stream: Stream, settled: Settled, proof: &Proof) {
        let mut table = settled.table;
        if let Some(page_from) = proof.page_from {
            let list = Table::from_iter([("page_from".to_owned(), toml::Value::Integer(page_from.into()))]);
            lay_over(&mut table, &of_stream(stream, "list", toml::Value::Table(list)));
        }
        if let Some(date) = proof.date {
            table.insert("date".into(), toml::Value::String(name_of(date).into()));
        }
        lay_over(&mut self.settled, &table);
        self.outcome.findings.extend(settled.findings);
        if !settled.missing.is_empty() {
            self.outcome.missing.push((stream, settled.missing));
        }
        if proof.rows > 0 {
            self.outcome.findings.push(Finding {
                part: format!("streams.{stream}.list"),
                value: proof.page_from.map(|n| format!("pages from {n}")).unwrap_or_default(),
                evidence: format!(
                    "{} rows came, {}",
                    proof.rows,
                    proof.total.map_or("no total".into(), |n| format!("of {n}"))
                ),
                certainty: Certainty::Proven,
            });
            self.outcome.parts.push(Part { name: stream.name().into(), table });
        }
        // The source speaks what was proven, whether it is remembered or not.
        if let Err(error) = self.speak() {
            tracing::warn!(%error, "what was proven cannot be spoken");
        }
    }

    /// The schema: whole and once, where it is shown; else what asking teaches of this stream, or of the token.
    async fn learn(&mut self, stream: Option<Stream>) -> Result<Option<Schema>> {
        let documents = Documents::new(self.source, stream.is_some());
        if self.schema.is_none() && !self.hidden {
            let reply = documents.ask(introspect::QUERY, serde_json::json!({})).await?;
            self.schema = introspect::schema(&reply);
            // Without a token it may be hidden that is shown with one.
            self.hidden = self.schema.is_none() && stream.is_some();
        }
        if self.schema.is_some() {
            return Ok(self.schema.clone());
        }
        let asked = match stream {
            None => asking::learn_token(&documents, ASKING).await,
            Some(_) => asking::learn_lists(&documents, &self.streams, ASKING).await,
        };
        let asked = match asked {
            Ok(asked) => asked,
            // Odd questions may be refused where plain ones are not: what the plain one said is told.
            Err(error) => {
                tracing::info!(%error, "nothing is learnt by asking");
                return Ok(None);
            }
        };
        tracing::info!(requests = asked.requests, open = ?asked.open, "asked what the server knows");
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

/// Requests that asking may take, about the token and about the lists.
const ASKING: u32 = 40;

/// `streams.NAME.KEY = VALUE`
fn of_stream(stream: Stream, key: &str, value: toml::Value) -> Table {
    let part = Table::from_iter([(key.to_owned(), value)]);
    let streams = Table::from_iter([(stream.name().to_owned(), toml::Value::Table(part))]);
    Table::from_iter([("streams".to_owned(), toml::Value::Table(streams))])
}

/// An id nobody has: it is as good as another to see whether a question is understood.
const NOBODY: &str = "000000000000000000000000";

/// The server understood the request and does not know what it asks for.
pub fn spelled_otherwise(error: &Error) -> bool {
    matches!(error.kind, Kind::QueryRejected { .. } | Kind::PartialData)
}

/// The dialect's word for a date form.
pub fn name_of(date: DateForm) -> &'static str {
    match date {
        DateForm::Iso8601 => "iso8601",
        DateForm::EpochMs => "epoch_ms",
        DateForm::EpochS => "epoch_s",
    }
}
