//! Adds to a stream's selection the fields that the server has beside the documented ones. The server is asked once
//! whether it gives them. No run fails because of a field that nobody has asked for by name: what the server refuses
//! is left out, and where the server shows its schema, a note says so.

use crate::dialect::{DialectLayer, Layer as _, StreamLayer, field_name};
use crate::discovery::fetch_by_id::MISSING_ID;
use crate::discovery::infer;
use crate::discovery::infer::further::{self, FurtherFields};
use crate::discovery::infer::{Certainty, Finding};
use crate::discovery::negotiate::Negotiation;
use crate::discovery::probe::{self, FieldsFound};
use crate::discovery::saved_dialect::SavedPart;
use crate::error::{Result, in_our_words};
use crate::policy;
use crate::source::document::{CuriousDocuments, Documents};
use crate::source::query::{Question, Select, Start};
use crate::streams::{ColumnKind, Stream};

/// A run that may make fewer requests than this spends them on records, and looks for further fields in a week.
const LEAST: u64 = 60;
/// The most requests a stream that are made to find its further fields.
const FIELD_BUDGET: u32 = 8;
/// The share of a run's remaining requests that are made to find a stream's further fields: one in so many.
const SHARE: u64 = 20;

impl Negotiation<'_> {
    /// Returns the part of a stream with the further fields that the server's schema shows and the server gives.
    pub(in crate::discovery) async fn with_further_fields(
        &mut self,
        stream: Stream,
        part: SavedPart,
    ) -> Result<SavedPart> {
        if self.source.budget.left() < LEAST {
            return Ok(part.with_extra(stream, None));
        }
        self.introspect(true).await?;
        if self.schema.as_ref().is_none_or(|schema| !schema.whole) {
            self.outcome.blind = true;
            return self.with_probed_fields(stream, part).await;
        }
        let before = part.layer.stream(stream).and_then(|own| own.extra.clone()).unwrap_or_default();
        self.settled.merge(part.layer.clone());
        self.select_further(stream, Vec::new())?;
        let dialect = self.source.dialect();
        let own = dialect.stream(stream)?;
        let schema = self.schema.as_ref();
        let Some((schema, entity)) = schema.and_then(|schema| Some((schema, infer::entity_of(schema, own)?))) else {
            return Ok(part.with_extra(stream, None));
        };
        let selected: Vec<&str> = own.selected().collect();
        let FurtherFields { asked, unasked, .. } =
            further::fields(schema, entity, stream, &selected, self.source.refused_fields(stream));
        let evidence = format!("fields of {entity} that no documented column holds");
        let mut refused = Vec::new();
        let given = if asked == before { Some(asked) } else { self.given(stream, asked, &mut refused).await? };
        let Some(given) = given else { return Ok(part) };
        if !given.is_empty() {
            self.outcome.findings.push(Finding {
                part: format!("streams.{stream}.extra"),
                value: given.join(", "),
                evidence,
                certainty: Certainty::Introspected,
            });
        }
        let unasked = unasked.into_iter().map(|field| format!("`{}` ({})", field.path, field.why)).chain(refused);
        Ok(part.with_extra(stream, Some(given)).with_unasked(unasked.collect()))
    }

    /// Returns the part of a stream with the fields that the server has beside those of the shipped dialect, as far as
    /// it tells them when it is asked name by name. Leaves the part as it is if the server cannot be asked, or tells
    /// nothing.
    async fn with_probed_fields(&mut self, stream: Stream, part: SavedPart) -> Result<SavedPart> {
        self.settled.merge(part.layer.clone());
        self.speak()?;
        let dialect = self.source.dialect();
        let own = dialect.stream(stream)?;
        let is_own = self.job.stream(stream).is_some_and(|own| own.fields.is_some() || own.drop.is_some());
        let columns = stream.columns().iter().filter(|c| c.kind == ColumnKind::Json && !own.asks_for(c.name));
        let objects: Vec<&str> = columns.map(|c| c.name).filter(|_| !is_own).collect();
        let items = own.list.items.split('.').filter(|name| !name.is_empty()).map(str::to_owned);
        let way: Vec<String> = std::iter::once(own.operation.clone()).chain(items).collect();
        let server = CuriousDocuments(Documents::new(self.source, true));
        // A run with a small limit spends it on records.
        let budget = u64::from(FIELD_BUDGET).min(self.source.budget.left() / SHARE);
        let budget = u32::try_from(budget).unwrap_or(FIELD_BUDGET);
        let found = probe::learn_fields(&server, stream, &way, &objects, budget).await;
        let FieldsFound { objects, further, is_judged } = match found {
            Ok(found) => found,
            // A run with a limit of requests has made them all. A later run asks.
            Err(error) if policy::was_not_asked(&error.kind) => return Ok(part),
            Err(error) => {
                tracing::info!(%stream, %error, "nothing is learnt about further fields");
                return Ok(part.with_extra(stream, None).with_hidden_schema());
            }
        };
        tracing::info!(%stream, is_judged, objects = objects.len(), further = further.len(), "asked for further fields");
        let part = part.with_hidden_schema();
        if objects.is_empty() && further.is_empty() {
            return Ok(part.with_extra(stream, None));
        }
        let fields: Vec<String> = own.fields.iter().cloned().chain(objects.values().cloned()).collect();
        let before = DialectLayer::clone(&self.settled);
        let of = |further: &[String]| {
            let (fields, extra) = (Some(fields.clone()), Some(further.to_vec()));
            DialectLayer::of_stream(stream, StreamLayer { fields, extra, ..StreamLayer::default() })
        };
        let mut given = None;
        for further in [&further[..], &[]] {
            self.settled.merge(of(further));
            self.speak()?;
            match self.is_given(stream).await {
                Ok(()) => {
                    given = Some((of(further), further.to_vec()));
                    break;
                }
                Err(error) => tracing::info!(%stream, %error, "further fields are not given"),
            }
        }
        let Some((layer, further)) = given else {
            *self.settled = before;
            self.speak()?;
            return Ok(part.with_extra(stream, None));
        };
        for (name, value) in objects {
            self.outcome.findings.push(Finding {
                part: format!("streams.{stream}.fields"),
                value,
                evidence: format!("the server knows these fields of {name}"),
                certainty: Certainty::Asked,
            });
        }
        for unasked in &mut self.outcome.unasked {
            let own = self.settled.stream(stream).and_then(|own| own.fields.clone()).unwrap_or_default();
            if unasked.0 == stream {
                unasked.1.retain(|column| !own.iter().any(|field| field_name(field) == *column));
            }
        }
        self.outcome.unasked.retain(|(_, columns)| !columns.is_empty());
        let mut part = part;
        part.layer.merge(layer);
        Ok(part.with_extra(stream, Some(further)))
    }

    /// Returns those of the selections `asked` that the server gives: all of them, or the scalars alone, or none. Adds
    /// the others to `left_out`, each with the reason. Returns `None` if the server gives the records without them
    /// neither, so that the fields are not the reason.
    async fn given(
        &mut self,
        stream: Stream,
        asked: Vec<String>,
        left_out: &mut Vec<String>,
    ) -> Result<Option<Vec<String>>> {
        let all = asked.clone();
        let scalars: Vec<String> = asked.iter().filter(|field| !field.contains('{')).cloned().collect();
        let mut tries = vec![asked, scalars, Vec::new()];
        tries.dedup();
        let mut why = None;
        for asked in tries {
            self.select_further(stream, asked.clone())?;
            match self.is_given(stream).await {
                Ok(()) => {
                    let reason = why.unwrap_or_default();
                    let lost = all.iter().filter(|field| !asked.contains(field));
                    left_out.extend(lost.map(|field| format!("`{field}` ({reason})")));
                    return Ok(Some(asked));
                }
                Err(error) => why = why.or(Some(in_our_words(&error.reason()))),
            }
        }
        Ok(None)
    }

    /// Asks for two rows of a stream, once. Nothing is retried, because no run waits for a field that nobody has asked
    /// for by name.
    async fn is_given(&self, stream: Stream) -> Result<()> {
        let known = self.conversations.first().or(self.known.first()).map_or(MISSING_ID, String::as_str);
        let parent = Some(known.to_owned()).filter(|_| self.source.is_partitioned(stream));
        let question = Question { stream, parent, size: 2, start: Start::Row(0), select: Select::Whole, since: None };
        let (_, answers) = self.source.attempt(&[question]).await;
        answers.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// Makes the source select these further fields of a stream.
    pub(super) fn select_further(&mut self, stream: Stream, extra: Vec<String>) -> Result<()> {
        let part = StreamLayer { extra: Some(extra), ..StreamLayer::default() };
        self.settled.merge(DialectLayer::of_stream(stream, part));
        self.speak()
    }
}
