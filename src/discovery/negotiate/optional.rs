//! Finds out what a run does not need to begin: the queries for single records, the filter by the date of the last
//! change, and what a second page shows.

use crate::dialect::{
    Dialect, DialectLayer, Layer as _, ListLayer, NotFound, SinceForm, SingleRecordDialect, SingleRecordLayer,
    StreamLayer,
};
use crate::discovery::check_paging;
use crate::discovery::check_paging::{Proof, SecondPage};
use crate::discovery::fetch_by_id;
use crate::discovery::infer;
use crate::discovery::infer::entity::Selection;
use crate::discovery::infer::{Certainty, Finding, Open, Settled};
use crate::discovery::negotiate::Negotiation;
use crate::error::Result;
use crate::streams::Stream;

impl Negotiation<'_> {
    /// Returns the query for one record of a stream, or `None`. The query must answer differently for `there`, the id
    /// of a record that exists, and for an id that no record has.
    pub(in crate::discovery) async fn single_record(
        &mut self,
        stream: Stream,
        there: &str,
    ) -> Result<Option<SingleRecordLayer>> {
        let Some((layer, one)) = self.candidate(stream).await? else {
            return Ok(None);
        };
        // A failure only means that this query is not used. It does not concern what was settled.
        let how = fetch_by_id::not_found(self.source, stream, &one, there).await.unwrap_or(None);
        Ok(how.map(|how| self.told_apart(stream, layer, &one, how)))
    }

    /// Returns the query for one record of a stream, or `None`, and makes the source use it. `there` holds some ids
    /// that existed recently; several, because any of them may be gone by now. Fails in an outage, because nothing
    /// can be learnt then.
    pub async fn one(&mut self, stream: Stream, there: &[String]) -> Result<Option<SingleRecordLayer>> {
        let Some((layer, one)) = self.candidate(stream).await? else {
            return Ok(None);
        };
        for id in there {
            if let Some(how) = fetch_by_id::not_found(self.source, stream, &one, id).await? {
                let layer = self.told_apart(stream, layer, &one, how);
                let part = StreamLayer { one: Some(layer.clone()), ..StreamLayer::default() };
                self.settled.merge(DialectLayer::of_stream(stream, part));
                self.speak()?;
                return Ok(Some(layer));
            }
        }
        Ok(None)
    }

    /// Returns the query for single records to try: the dialect's own, or else the one that the schema shows. Returns
    /// `None` if there is neither.
    async fn candidate(&mut self, stream: Stream) -> Result<Option<(SingleRecordLayer, SingleRecordDialect)>> {
        let mut layer = SingleRecordLayer::default();
        if self.source.dialect().stream(stream)?.one.is_none() {
            self.introspect(true).await?;
            let Some(one) = self.schema.as_ref().and_then(|schema| infer::single_record::one(schema, stream)) else {
                return Ok(None);
            };
            layer = one;
        }
        let mut over = DialectLayer::clone(&self.settled);
        over.merge(DialectLayer::of_stream(
            stream,
            StreamLayer {
                one: Some(layer.clone()).filter(|one| *one != SingleRecordLayer::default()),
                ..StreamLayer::default()
            },
        ));
        let dialect = Dialect::with(&over.with_job(self.job))?;
        Ok(dialect.stream(stream)?.one.clone().map(|one| (layer, one)))
    }

    /// Returns the query for single records, completed with how the server answers for a missing record (`how`), and
    /// records the evidence.
    fn told_apart(
        &mut self,
        stream: Stream,
        layer: SingleRecordLayer,
        one: &SingleRecordDialect,
        how: NotFound,
    ) -> SingleRecordLayer {
        self.outcome.findings.push(Finding {
            part: format!("streams.{stream}.one"),
            value: one.operation.clone(),
            evidence: format!("one record came, and an id that nobody has is answered with {}", how.word()),
            certainty: Certainty::Proven,
        });
        SingleRecordLayer { not_found: Some(how), ..layer }
    }

    /// Returns what the schema adds to the shipped spelling of a stream: the documented columns whose fields only the
    /// schema shows, and the filter by the date of the last change. The columns that stay unselected are recorded in
    /// the outcome.
    pub(in crate::discovery) async fn completed(&mut self, stream: Stream) -> Result<Settled> {
        let mut settled = self.with_columns(stream).await?;
        self.with_since(stream, &mut settled).await?;
        Ok(settled)
    }

    /// Adds the filter by the date of the last change to `settled`, if the schema shows one.
    async fn with_since(&mut self, stream: Stream, settled: &mut Settled) -> Result<()> {
        let dialect = self.source.dialect();
        let part = dialect.stream(stream)?;
        let own = infer::StreamOverrides::of(self.job, stream);
        let everywhere = self.job.list.as_ref().is_some_and(|list| list.since.is_some());
        if self.source.is_partitioned(stream) || own.has("list.since") || everywhere {
            return Ok(());
        }
        self.introspect(true).await?;
        let Some(schema) = self.schema.as_ref().filter(|_| !self.hidden) else { return Ok(()) };
        let query = schema.fields(&schema.query).iter().find(|f| f.name == part.operation);
        let given: Vec<&str> = part.list.arguments.keys().map(String::as_str).collect();
        let given = [&given[..], &[part.list.page.as_str(), part.list.size.as_str()]].concat();
        let since = query.and_then(|query| infer::since(schema, stream, &query.arguments, false, &given));
        let found = since.as_ref().map(|since| (since.path.clone(), since.form));
        let (path, form) = found.unwrap_or((String::new(), SinceForm::Iso8601));
        let list = ListLayer { since: Some(path), since_form: Some(form), ..ListLayer::default() };
        let part = StreamLayer { list: Some(list), ..StreamLayer::default() };
        settled.layer.merge(DialectLayer::of_stream(stream, part));
        settled.findings.extend(since.map(|since| infer::found_since(stream, &since)));
        Ok(())
    }

    async fn with_columns(&mut self, stream: Stream) -> Result<Settled> {
        let dialect = self.source.dialect();
        let part = dialect.stream(stream)?;
        let unasked: Vec<&'static str> =
            stream.columns().iter().map(|c| c.name).filter(|name| !part.asks_for(name)).collect();
        let is_own = self.job.stream(stream).is_some_and(|own| own.fields.is_some() || own.drop.is_some());
        let mut settled = Settled::default();
        if unasked.is_empty() || is_own {
            return Ok(settled);
        }
        self.introspect(true).await?;
        let schema = self.schema.as_ref().filter(|_| !self.hidden);
        let Some((schema, entity)) = schema.and_then(|s| Some((s, infer::entity_of(s, part)?))) else {
            self.outcome.unasked.push((stream, unasked));
            return Ok(settled);
        };
        let Selection { fields: shown, mut missing, unshown } = infer::entity::selection(schema, entity, stream);
        missing.extend(unshown);
        let named = |field: &&String| unasked.iter().any(|name| field.split([' ', ':']).next() == Some(*name));
        let further: Vec<&String> = shown.iter().filter(named).collect();
        if !further.is_empty() {
            let fields = part.fields.iter().chain(further.iter().copied());
            let fields = Some(fields.cloned().collect());
            settled.layer = DialectLayer::of_stream(stream, StreamLayer { fields, ..StreamLayer::default() });
            settled.findings.push(Finding {
                part: format!("streams.{stream}.fields"),
                value: further.iter().map(|f| f.as_str()).collect::<Vec<_>>().join(", "),
                evidence: format!("fields of {entity} that nobody had shown"),
                certainty: Certainty::Introspected,
            });
        }
        settled.missing = missing.into_iter().filter(|name| unasked.contains(name)).collect();
        Ok(settled)
    }

    /// Checks whether a second page shows other rows than the first, and whether the server returns no more rows than
    /// are asked for. Adds an open question if it shows the first page again.
    pub(in crate::discovery) async fn second_page(&mut self, stream: Stream, proof: &Proof) -> Result<()> {
        let parent = self.parent.as_deref().filter(|_| self.source.is_partitioned(stream));
        let second = check_paging::second(self.source, stream, parent, proof).await?;
        let dialect = self.source.dialect();
        let list = &dialect.stream(stream)?.list;
        let mut found = |part: &str, value: &str, evidence: &str| {
            self.outcome.findings.push(Finding {
                part: format!("streams.{stream}.list.{part}"),
                value: value.to_owned(),
                evidence: evidence.to_owned(),
                certainty: Certainty::Proven,
            });
        };
        if proof.rows > 0 && list.paging.is_paged() {
            let evidence = if proof.keeps_size() { "no more rows came than were asked for" } else { "more rows came" };
            found("size", &list.size, evidence);
        }
        match second {
            SecondPage::Differs => found("page", &list.page, "the second page has other rows than the first"),
            SecondPage::Nothing => {}
            SecondPage::Same => self.outcome.open.push(Open {
                what: format!("{stream}: `{}` is ignored, the second page is the first again", list.page),
                line: format!("[source.dialect.streams.{stream}.list] page = \"...\""),
            }),
        }
        Ok(())
    }
}
