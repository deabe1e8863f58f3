//! Learns a server's schema by testing which names exist, where introspection is off.
//!
//! A server checks a complete document before it executes any of it, and reports everything in it that is wrong. So
//! one request that mentions many names shows which of them exist, what they take and what they return:
//!
//! - For a field that does not exist, the server reports the name.
//! - For an object, it reports that fields must be selected, and for a leaf, that none can be.
//! - For an argument, it reports the type.
//!
//! Every document has a field that no server has (`document`), so nothing is ever executed.
//!
//! The result is a partial [`Schema`]. The names that are tested are the usual ones ([`crate::discovery::names`]),
//! the documented columns, those in a job file, and those that the server suggests. Other code decides by names and
//! types which of them to use.
//!
//! A type whose name the server does not state is called by its path, such as `Query.getContactList`; no GraphQL name
//! has a dot. The type of a leaf has an empty name if the server does not state it. An object without fields was not
//! looked into, or has none of the names that were tested, or is a union on a server that suggests nothing.

mod candidate;
mod document;
mod fields;
mod inputs;
mod match_errors;
mod name_lists;
mod partial_schema;
mod prober;
mod queue;
mod seed_names;

pub use crate::discovery::probe::fields::{FieldsFound, learn_fields};
use crate::discovery::probe::name_lists::Aim;
use crate::discovery::probe::partial_schema::PartialSchema;
use crate::discovery::probe::prober::Prober;
use crate::discovery::probe::seed_names::SeedWords;
use crate::discovery::schema::Schema;
use crate::error::Result;
use crate::source::server::Server;
use crate::streams::Stream;

/// The result of probing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// The part of the server's schema that was tested.
    pub schema: Schema,
    /// The number of requests that probing took.
    pub requests: u32,
    /// What could not be learnt, one sentence each.
    pub open: Vec<String>,
    /// Whether the server reports unknown names. If so, a name that `schema` lacks does not exist or was not tested.
    pub judged: bool,
}

/// Learns the queries that may list these streams, in at most `budget` requests. Fails if the server cannot be asked.
pub async fn learn_lists(server: &impl Server, streams: &[Stream], budget: u32) -> Result<ProbeResult> {
    let mut talk = Prober::new(server, "query", budget);
    let said = server.expected_dialect().map(|dialect| SeedWords::of_lists(&dialect, streams)).unwrap_or_default();
    let (known, mut open) = learn(&mut talk, Aim::Lists(streams, &said)).await?;
    if talk.trouble.is_none() {
        let missing = streams.iter().filter(|s| !known.lists(**s));
        open.extend(missing.map(|s| format!("no query that may list {s} was found")));
    }
    Ok(asked(&talk, &known, open))
}

/// Learns the mutations that may generate a token, in at most `budget` requests. Sends no credentials. Fails if the
/// server cannot be asked.
pub async fn learn_token(server: &impl Server, budget: u32) -> Result<ProbeResult> {
    let mut talk = Prober::new(server, "mutation", budget);
    // A server that does not refuse an unknown field might execute a document. If it has refused none, probing is
    // over before any mutation is mentioned.
    talk.names_every_unknown_field().await?;
    let said = server.expected_dialect().map(|dialect| SeedWords::of_token(&dialect)).unwrap_or_default();
    let (known, mut open) = learn(&mut talk, Aim::Token(&said)).await?;
    if talk.trouble.is_none() && known.found().next().is_none() {
        open.push("no mutation that may give a token was found".to_owned());
    }
    Ok(asked(&talk, &known, open))
}

/// Asks until nothing is left to test or the requests are used up. Returns what was learnt, and a sentence for each
/// thing that could not be.
async fn learn<'a, S: Server>(talk: &mut Prober<'_, S>, aim: Aim<'a>) -> Result<(PartialSchema<'a>, Vec<String>)> {
    let mut known = PartialSchema::new(aim);
    let mut left = Vec::new();
    loop {
        let mut next = known.questions.next(|n| talk.room(n));
        if next.is_empty() {
            // One at a time: a question about an inner input object gives the outer one a field, and the server would
            // then not report that field as missing.
            next = known.inputs.doubts().into_iter().take(1).collect();
        }
        if next.is_empty() {
            break;
        }
        let mut round = talk.ask(next).await?;
        left.append(&mut round.left);
        known.take_in(round);
        if talk.is_over() {
            left.append(&mut known.questions.next(|_| usize::MAX));
            break;
        }
    }
    let mut open: Vec<String> = talk.trouble.iter().cloned().collect();
    if talk.trouble.is_none() && !left.is_empty() {
        open.push(format!(
            "{} requests were not enough: {} names were not asked about, first `{}`{}",
            talk.requests,
            left.len(),
            left[0].name,
            match left[0].on.as_str() {
                "" => String::new(),
                on => format!(" of {on}"),
            }
        ));
    }
    Ok((known, open))
}

fn asked<S: Server>(talk: &Prober<'_, S>, known: &PartialSchema<'_>, open: Vec<String>) -> ProbeResult {
    let root = talk.root.as_deref();
    let schema = match talk.operation {
        "mutation" => known.schema("Query", root.unwrap_or("Mutation")),
        _ => known.schema(root.unwrap_or("Query"), "Mutation"),
    };
    ProbeResult { schema, requests: talk.requests, open, judged: talk.trouble.is_none() }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests;
