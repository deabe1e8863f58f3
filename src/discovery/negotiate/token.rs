//! Finds out how a token is asked for, and whether the server is Qpien's API at all.

use crate::dialect::{Layer as _, lines_of};
use crate::discovery::infer;
use crate::discovery::infer::Open;
use crate::discovery::negotiate::{Negotiation, PROBE_BUDGET, SavedPart};
use crate::discovery::probe;
use crate::error::{Error, Result};
use crate::policy;
use crate::source::document::Documents;
use crate::streams::DEFAULT;

impl Negotiation<'_> {
    /// Gets a token. If the server refuses the spelling, finds out how a token is asked for and tries again.
    pub(in crate::discovery) async fn token(&mut self) -> Result<()> {
        let refused = match self.source.sign_in().await {
            Ok(()) => return Ok(()),
            Err(e) if policy::may_be_of_spelling(&e.kind) => e,
            Err(e) => return Err(e),
        };
        let learnt = self.learn(None).await?;
        let Some(schema) = learnt.as_ref() else {
            if let Some(stranger) = self.lists_of_a_stranger(&refused).await {
                return Err(stranger);
            }
            // Nothing is known of the server but its refusal. If the job has lines of its own, these may be the
            // reason.
            if self.job.token.is_none() {
                return Err(refused);
            }
            self.outcome.open.push(self.still_refused(&refused));
            return Ok(());
        };
        let gives_token = infer::token::mutation(schema).is_some() || self.names_token();
        if !gives_token {
            let stranger =
                if schema.whole { infer::not_qpien::told(schema) } else { self.lists_of_a_stranger(&refused).await };
            if let Some(stranger) = stranger {
                return Err(stranger);
            }
        }
        let mut settled = infer::token(schema, self.job);
        if settled.open.is_empty() {
            self.settled.merge(settled.layer.clone());
            self.speak()?;
            match self.source.sign_in().await {
                Ok(()) => {
                    let part = SavedPart::new("token", settled.layer.clone());
                    self.outcome.parts.push(part.with_notes(&settled.notes));
                }
                Err(e) if policy::may_be_of_spelling(&e.kind) => settled.open.push(self.still_refused(&e)),
                Err(e) => return Err(e),
            }
        }
        self.outcome.findings.extend(settled.findings);
        // The token comes first, because nothing else can be asked about without it.
        self.outcome.open.splice(0..0, settled.open);
        Ok(())
    }

    /// Returns whether the job names the token mutation.
    fn names_token(&self) -> bool {
        self.job.token.as_ref().is_some_and(|own| own.operation.is_some())
    }

    /// Returns the open question for a token mutation that the server still refuses. It names the job's own lines
    /// about the token, if there are any. `refused` is the server's error.
    fn still_refused(&self, refused: &Error) -> Open {
        let own = self.job.token.as_ref().map(lines_of).unwrap_or_default();
        let keys: Vec<String> = own.keys().map(|key| format!("token.{key}")).collect();
        let of_job = if keys.is_empty() { String::new() } else { format!(" (of the job: {})", keys.join(", ")) };
        Open {
            what: format!("the server refuses `{}`{of_job}: {refused}", self.source.dialect().token.operation),
            line: "[source.dialect.token] operation = \"...\"".into(),
        }
    }

    /// Finds out whether the server is not Qpien's API, if it hides its schema and no guessed mutation gives a token.
    /// To do so, probes for the lists. A wrong guess shows nothing, so an error is returned only if the server has no
    /// mutations at all and no list of Qpien's. A stream for which no list was found becomes an open question.
    async fn lists_of_a_stranger(&mut self, refused: &Error) -> Option<Error> {
        let none = infer::not_qpien::has_no_mutations(refused);
        if !self.taught && !none {
            return None;
        }
        let streams = if self.streams.is_empty() { DEFAULT.to_vec() } else { self.streams.clone() };
        let asked = probe::learn_lists(&Documents::new(self.source, false), &streams, PROBE_BUDGET).await.ok()?;
        if !asked.judged {
            return None;
        }
        if none && let Some(stranger) = infer::not_qpien::told(&asked.schema) {
            return Some(stranger);
        }
        for stream in streams {
            let optional = stream.definition().optional;
            if !optional && infer::stream(&asked.schema, stream, self.job).is_none() {
                self.outcome.open.push(Self::no_list(stream));
            }
        }
        None
    }
}
