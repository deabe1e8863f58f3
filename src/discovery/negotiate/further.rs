//! Adds to a stream's selection the fields that the server has beside the documented ones. The server is asked once
//! whether it gives them. No run fails because of a field that nobody has asked for by name: what the server refuses
//! is left out, and a note says so.

use crate::dialect::{DialectLayer, Layer as _, StreamLayer};
use crate::discovery::infer;
use crate::discovery::infer::further::{self, FurtherFields};
use crate::discovery::infer::{Certainty, Finding};
use crate::discovery::negotiate::Negotiation;
use crate::discovery::saved_dialect::SavedPart;
use crate::error::Result;
use crate::streams::Stream;

/// How many fields a note names.
const NAMED: usize = 8;

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
        let mut notes: Vec<String> = Vec::new();
        if !unasked.is_empty() {
            let mut names: Vec<String> =
                unasked.iter().take(NAMED).map(|field| format!("`{}` ({})", field.path, field.why)).collect();
            if unasked.len() > NAMED {
                names.push(format!("{} more", unasked.len() - NAMED));
            }
            notes.push(format!(
                "{stream}: {}; to ask for one of them: [source.dialect.streams.{stream}] extra = [\"NAME\"]",
                not_asked_for(&names.join(", "))
            ));
        }
        let given = if asked == before { asked } else { self.given(stream, asked, &mut notes).await? };
        if !given.is_empty() {
            self.outcome.findings.push(Finding {
                part: format!("streams.{stream}.extra"),
                value: given.join(", "),
                evidence,
                certainty: Certainty::Introspected,
            });
        }
        let others = part.notes().into_iter().filter(|note| !note.contains(NOT_ASKED_FOR) && !note.contains(REFUSED));
        let notes: Vec<String> = others.chain(notes).collect();
        Ok(part.with_extra(stream, Some(given)).with_only_notes(notes))
    }

    /// Returns those of the selections `asked` that the server gives: all of them, or the scalars alone, or none.
    async fn given(&mut self, stream: Stream, asked: Vec<String>, notes: &mut Vec<String>) -> Result<Vec<String>> {
        let scalars: Vec<String> = asked.iter().filter(|field| !field.contains('{')).cloned().collect();
        let mut tries = vec![asked, scalars];
        tries.dedup();
        for asked in tries.into_iter().filter(|asked| !asked.is_empty()) {
            self.select_further(stream, asked.clone())?;
            match self.prove(stream).await {
                Ok(_) => return Ok(asked),
                Err(error) => notes.push(format!("{stream}: {REFUSED} {}: {}", asked.join(", "), error.reason())),
            }
        }
        self.select_further(stream, Vec::new())?;
        Ok(Vec::new())
    }

    /// Makes the source select these further fields of a stream.
    pub(super) fn select_further(&mut self, stream: Stream, extra: Vec<String>) -> Result<()> {
        let part = StreamLayer { extra: Some(extra), ..StreamLayer::default() };
        self.settled.merge(DialectLayer::of_stream(stream, part));
        self.speak()
    }
}

/// The words by which a note about fields that are not selected is known.
const NOT_ASKED_FOR: &str = "not asked for, although the server has them:";
/// The words by which a note about fields that the server refuses is known.
const REFUSED: &str = "the server does not give the undocumented";

fn not_asked_for(names: &str) -> String {
    format!("{NOT_ASKED_FOR} {names}")
}
