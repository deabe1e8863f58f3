//! Turns a schema into a dialect: which query lists which stream, how it is paged, what to select, and where the
//! envelope holds what. The functions are pure. They take a schema and return a layer of the dialect, with the evidence for each part and with what stays open.
//!
//! Types decide first (what a field returns, what an argument takes), and names only among what fits, because servers
//! name things differently.

pub mod arguments;
pub mod entity;
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

/// Describes how sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The documentation says so, and the server accepted it.
    Documented,
    /// The server's schema says so.
    Introspected,
    /// The server's answers to a probe say so, name by name.
    Asked,
    /// Rows or other answers show it.
    Proven,
    /// Nothing speaks against it.
    Assumed,
}

/// One part of a dialect and the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part: `streams.contacts.operation`.
    pub part: String,
    /// The value that was settled for it.
    pub value: String,
    /// The reason for the value.
    pub evidence: String,
    /// How sure it is.
    pub certainty: Certainty,
}

/// The result of settling one stream, or the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// The layer above the shipped dialect.
    pub layer: DialectLayer,
    /// The evidence, part by part.
    pub findings: Vec<Finding>,
    /// What could not be settled.
    pub open: Vec<Open>,
    /// The notes that a run is to show.
    pub notes: Vec<String>,
    /// Whether the parent's argument may be left out. Without it the server may list the records of all parents.
    pub parent_optional: bool,
    /// The documented columns that the server does not have.
    pub missing: Vec<&'static str>,
    /// The documented columns that the server has as objects, of whose fields none is known.
    pub unshown: Vec<&'static str>,
}

impl Settled {
    /// Notes a decision that a person should know of.
    fn tell(&mut self, part: String, value: String, told: String) {
        self.notes.push(told.clone());
        self.findings.push(Finding { part, value, evidence: told, certainty: Certainty::Assumed });
    }

    /// Notes the constants that were filled in.
    fn tell_constants(&mut self, of: &str, place: &str, needs: &Needs) {
        for (path, literal) in &needs.constants {
            let told = format!("{of}: the server insists on `{path}`; {literal} was given");
            self.tell(format!("{place}.arguments"), format!("{path} = {literal}"), told);
        }
    }
}

/// Returns the filter by the last change of a stream's only list, if the server shows its schema. A list of one
/// conversation is not asked for by date.
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

/// Returns the evidence for that filter.
pub fn found_since(stream: Stream, since: &Since) -> Finding {
    Finding {
        part: format!("streams.{stream}.list.since"),
        value: since.path.clone(),
        evidence: format!("by its name it leaves what changed since a moment, of type {}", since.ty),
        certainty: Certainty::Introspected,
    }
}

/// Returns how sure a schema's word is.
fn certainty(schema: &Schema) -> Certainty {
    if schema.whole { Certainty::Introspected } else { Certainty::Asked }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
