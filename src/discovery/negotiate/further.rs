//! Adds to a stream's selection the fields that the server has beside the documented ones. The server is asked once
//! whether it gives them. No run fails because of a field that nobody has asked for by name: what the server refuses
//! is left out, and a note says so.

use crate::dialect::{DialectLayer, Layer as _, StreamLayer};
use crate::discovery::infer;
use crate::discovery::infer::further::{self, FurtherFields};
use crate::discovery::infer::{Certainty, Finding};
use crate::discovery::negotiate::Negotiation;
use crate::discovery::saved_dialect::SavedPart;
use crate::error::{Result, in_our_words};
use crate::policy;
use crate::streams::Stream;

impl Negotiation<'_> {
    /// Returns the part of a stream with the further fields that the server's schema shows and the server gives.
    pub(in crate::discovery) async fn with_further_fields(
        &mut self,
        stream: Stream,
        part: SavedPart,
    ) -> Result<SavedPart> {
        self.introspect(true).await?;
        if self.schema.as_ref().is_none_or(|schema| !schema.whole) {
            self.outcome.blind = true;
            return Ok(part.with_extra(stream, None));
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

    /// Returns those of the selections `asked` that the server gives: all of them, or the scalars alone, or none. Adds
    /// the others to `left_out`, each with the reason. Returns `None` if the server cannot be asked now.
    async fn given(
        &mut self,
        stream: Stream,
        asked: Vec<String>,
        left_out: &mut Vec<String>,
    ) -> Result<Option<Vec<String>>> {
        let all = asked.clone();
        let scalars: Vec<String> = asked.iter().filter(|field| !field.contains('{')).cloned().collect();
        let mut why = None;
        for asked in [asked, scalars, Vec::new()] {
            self.select_further(stream, asked.clone())?;
            let shown = if asked.is_empty() { Ok(()) } else { self.prove(stream).await.map(drop) };
            match shown {
                Ok(()) => {
                    let lost = all.iter().filter(|field| !asked.contains(field));
                    let reason = why.unwrap_or_default();
                    left_out.extend(lost.map(|field| format!("`{field}` ({reason})")));
                    return Ok(Some(asked));
                }
                Err(e) if policy::may_be_of_spelling(&e.kind) || policy::may_be_of_a_record(&e.kind) => {
                    why = Some(in_our_words(&e.reason()));
                }
                Err(_) => break,
            }
        }
        self.select_further(stream, Vec::new())?;
        Ok(None)
    }

    /// Makes the source select these further fields of a stream.
    pub(super) fn select_further(&mut self, stream: Stream, extra: Vec<String>) -> Result<()> {
        let part = StreamLayer { extra: Some(extra), ..StreamLayer::default() };
        self.settled.merge(DialectLayer::of_stream(stream, part));
        self.speak()
    }
}
