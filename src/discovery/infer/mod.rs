//! A schema becomes a dialect: which query lists which stream, how it is paged, what to select, where the envelope holds
//! what. Pure: a schema in, a table in the form of a job's `[source.dialect]` out, with the evidence for each part and
//! with what stays open. Types decide first (what a field returns, what an argument takes), names only among what fits.

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

use toml::{Table, Value};

use crate::discovery::infer::arguments::{Needs, Since};
pub use crate::discovery::infer::overrides::Written;
pub use crate::discovery::infer::stream::{entity_of, stream};
pub use crate::discovery::infer::token::token;
pub use crate::discovery::infer::unresolved::Open;
use crate::discovery::schema::{Argument, Schema};
use crate::streams::Stream;

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// The documentation says so and the server took it.
    Documented,
    /// The server's schema says so.
    Introspected,
    /// The server said so when it was asked, name by name.
    Asked,
    /// The server's answers show it.
    Proven,
    /// Nothing speaks against it.
    Assumed,
}

/// One part of a dialect and why it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part: `streams.contacts.operation`.
    pub part: String,
    /// What it was settled to.
    pub value: String,
    /// From what.
    pub evidence: String,
    /// How sure.
    pub certainty: Certainty,
}

/// What was settled of one stream, or of the token.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// To lay over the shipped dialect.
    pub table: Table,
    /// Part by part.
    pub findings: Vec<Finding>,
    /// What is left.
    pub open: Vec<Open>,
    /// What a run is to tell.
    pub notes: Vec<String>,
    /// The parent's argument may be left out: perhaps everything is listed then.
    pub parent_optional: bool,
    /// Documented columns that the server does not have.
    pub missing: Vec<&'static str>,
    /// Documented columns that it has, and of whose fields nobody knows any.
    pub unshown: Vec<&'static str>,
}

impl Settled {
    /// Something that was decided and that somebody should know.
    fn tell(&mut self, part: String, value: String, told: String) {
        self.notes.push(told.clone());
        self.findings.push(Finding { part, value, evidence: told, certainty: Certainty::Assumed });
    }

    /// The constants that were filled in.
    fn tell_constants(&mut self, of: &str, place: &str, needs: &Needs) {
        for (path, literal) in &needs.constants {
            let told = format!("{of}: the server insists on `{path}`; {literal} was given");
            self.tell(format!("{place}.arguments"), format!("{path} = {literal}"), told);
        }
    }
}

/// The filter by the last change of a stream's one list, where the server shows its schema. A list that a conversation has
/// of its own is not asked for by date.
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

/// The evidence for it.
pub fn found_since(stream: Stream, since: &Since) -> Finding {
    Finding {
        part: format!("streams.{stream}.list.since"),
        value: since.path.clone(),
        evidence: format!("by its name it leaves what changed since a moment, of type {}", since.ty),
        certainty: Certainty::Introspected,
    }
}

/// How sure something is that a schema says.
fn certainty(schema: &Schema) -> Certainty {
    if schema.whole { Certainty::Introspected } else { Certainty::Asked }
}

fn constants(needs: &Needs) -> Value {
    Value::Table(needs.constants.iter().map(|(path, literal)| (path.clone(), text(literal))).collect())
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
