//! Derives a dialect from a schema: which query lists which stream, how it is paged, what to select, and the paths of
//! the values in its envelope. The functions are pure. They take a schema and return a layer of the dialect, with the
//! evidence for each part and with the questions that stay open.
//!
//! Types decide first (what a field returns, what an argument takes). Names decide only among candidates with a
//! fitting type, because servers name things differently.

pub mod arguments;
pub mod entity;
pub mod further;
pub mod list;
pub mod not_qpien;
pub mod single_record;
pub mod token;

mod overrides;
mod stream;
mod unresolved;
pub mod values;

use crate::dialect::DialectLayer;
use crate::discovery::infer::arguments::{Needs, Since};
pub use crate::discovery::infer::overrides::StreamOverrides;
pub use crate::discovery::infer::stream::{entity_of, stream};
pub use crate::discovery::infer::token::token;
pub use crate::discovery::infer::unresolved::Open;
use crate::discovery::schema::{Argument, Schema};
use crate::streams::Stream;

/// Describes how a finding is known, and so how certain it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It is documented, and the server accepted it.
    Documented,
    /// The server's own schema shows it.
    Introspected,
    /// The server's answers to probing showed it, name by name.
    Asked,
    /// Rows or other answers of the API confirmed it.
    Proven,
    /// It is assumed, and nothing contradicts it.
    Assumed,
}

/// One part of a dialect and the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The dotted path of the part in the dialect, such as `streams.contacts.operation`.
    pub part: String,
    /// The value that was found for the part.
    pub value: String,
    /// Why the part has this value, in words.
    pub evidence: String,
    /// How certain the value is.
    pub certainty: Certainty,
}

/// What was found out about one stream, or about the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// The values found, as a layer to put over the shipped dialect.
    pub layer: DialectLayer,
    /// The evidence for each part.
    pub findings: Vec<Finding>,
    /// The questions that could not be decided and that a person has to answer.
    pub open: Vec<Open>,
    /// The notes that each run shows to the operator.
    pub notes: Vec<String>,
    /// Whether the argument for the parent record may be left out. Without it, the server may list the records of all
    /// parents.
    pub parent_optional: bool,
    /// The documented columns that the server does not have.
    pub missing: Vec<&'static str>,
    /// The documented columns that are objects on this server and whose own fields are not known.
    pub unshown: Vec<&'static str>,
}

impl Settled {
    /// Records a decision that the operator should know of, as a note and as a finding.
    fn tell(&mut self, part: String, value: String, told: String) {
        self.notes.push(told.clone());
        self.findings.push(Finding { part, value, evidence: told, certainty: Certainty::Assumed });
    }

    /// Records the constants that were chosen for required arguments. `of` names the stream or the token in the note;
    /// `place` is its path in the dialect.
    fn tell_constants(&mut self, of: &str, place: &str, needs: &Needs) {
        for (path, literal) in &needs.constants {
            let told = format!("{of}: the server insists on `{path}`; {literal} was given");
            self.tell(format!("{place}.arguments"), format!("{path} = {literal}"), told);
        }
    }
}

/// Returns the argument that filters a stream by the date of the last change, or `None`. Only a stream that is one
/// list, and only a server that shows its schema, is considered. `has_parent` is `true` if the stream is read as one
/// list for each parent record; `given` are the paths of the arguments that a query gives anyway.
pub fn since(
    schema: &Schema,
    stream: Stream,
    arguments: &[Argument],
    has_parent: bool,
    given: &[&str],
) -> Option<Since> {
    let one_list = stream.definition().parent.is_none() || !has_parent;
    (schema.whole && one_list).then(|| arguments::since(schema, arguments, given)).flatten()
}

/// Returns the evidence for a filter by the date of the last change.
pub fn found_since(stream: Stream, since: &Since) -> Finding {
    Finding {
        part: format!("streams.{stream}.list.since"),
        value: since.path.clone(),
        evidence: format!("by its name it leaves what changed since a moment, of type {}", since.ty),
        certainty: Certainty::Introspected,
    }
}

/// Returns how certain a finding is that comes from this schema.
fn certainty(schema: &Schema) -> Certainty {
    if schema.whole { Certainty::Introspected } else { Certainty::Asked }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
