//! Chooses the names to test, for each kind of type.

use crate::dialect::Dialect;
use crate::discovery::names;
use crate::discovery::names::folded;
use crate::discovery::probe::seed_names::SeedWords;
use crate::discovery::schema::TypeRef;
use crate::streams::{ALL, Stream};

/// Describes what probing searches for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Aim<'a> {
    /// The queries that list these streams. The words come from the current dialect.
    Lists(&'a [Stream], &'a SeedWords),
    /// The mutation that generates a token. The words come from the current dialect.
    Token(&'a SeedWords),
}

/// Describes what an object type is assumed to be, by the fields that lead to it. If several fields lead to a type,
/// its highest rank counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A type whose fields are not tested.
    Known,
    /// An object inside a record's column, or one level below that.
    Part {
        /// Whether the objects inside it are tested, too.
        further: bool,
    },
    /// An object beside the rows that holds totals and cursors.
    Beside,
    /// The type of a record.
    Entity,
    /// An object between the root and the records.
    Envelope,
}

/// The depth to which envelopes are searched for records.
pub(super) const ENVELOPES: usize = 4;

impl<'a> Aim<'a> {
    fn said(self) -> &'a SeedWords {
        match self {
            Aim::Lists(_, said) | Aim::Token(said) => said,
        }
    }

    /// Returns the root fields to test, each with the streams that it may list.
    pub fn roots(self) -> Vec<(String, Vec<Stream>)> {
        let usual: Vec<(String, Vec<Stream>)> = match self {
            Aim::Lists(streams, _) => streams
                .iter()
                .flat_map(|s| names::list_operations(*s).into_iter().map(|name| (name, vec![*s])))
                .collect(),
            Aim::Token(_) => names::TOKEN_OPERATIONS.iter().map(|name| ((*name).to_owned(), Vec::new())).collect(),
        };
        self.said().roots.iter().cloned().chain(usual).collect()
    }

    /// Returns the streams that a root field may list, judged by the nouns in its name. Returns `otherwise` if the
    /// name has none of them.
    pub fn streams_of(self, name: &str, otherwise: &[Stream]) -> Vec<Stream> {
        let Aim::Lists(streams, _) = self else { return Vec::new() };
        let name = folded(name);
        let noun = |s: &Stream| names::nouns(*s).iter().any(|n| name.contains(&folded(n)));
        let found: Vec<Stream> = streams.iter().copied().filter(noun).collect();
        if found.is_empty() { otherwise.to_vec() } else { found }
    }

    /// Returns whether it is worth testing what a root field returns. `needs` are the arguments that it requires. It
    /// is not worth it for a field that returns a single record by its id. In a search for the token, it is not worth
    /// it for a name that does not suggest a token.
    pub fn is_worth(self, name: &str, needs: &[String]) -> bool {
        match self {
            Aim::Lists(..) => !needs.iter().any(|n| names::ID.iter().any(|id| folded(id) == folded(n))),
            Aim::Token(said) => {
                let folded = folded(name);
                ["token", "auth", "login"].iter().any(|word| folded.contains(word))
                    || said.roots.iter().any(|(said, _)| said == name)
            }
        }
    }

    /// Returns the names to test as arguments of a root field (level 0), or as fields of an input object at a deeper
    /// level.
    pub fn arguments(self, level: usize) -> Vec<&'a str> {
        let own: Vec<&str> = match self {
            Aim::Lists(..) => names::ARGUMENTS.iter().flat_map(|(_, pool)| *pool).copied().collect(),
            Aim::Token(_) => [names::CLIENT_ID, names::CLIENT_SECRET].concat(),
        };
        let holders = if level < INPUTS { names::INPUTS } else { &[] };
        distinct(own.iter().chain(holders).copied().chain(self.said().arguments.iter().map(String::as_str)))
    }

    /// Returns the names to test as fields of a type with this rank that belongs to these streams.
    pub fn members(self, rank: Rank, streams: &[Stream]) -> Vec<String> {
        let envelope = [names::SUCCESS, names::CODE, names::MESSAGE].concat();
        let columns = streams.iter().flat_map(|s| s.columns().iter().map(|c| c.name));
        let said = self.said().members.iter().map(String::as_str);
        let own = |names: Vec<&str>| distinct(names.into_iter()).into_iter().map(str::to_owned).collect();
        match (rank, self) {
            (Rank::Known, _) => Vec::new(),
            (Rank::Beside, _) => {
                let usual = [names::TOTAL, names::HAS_NEXT, names::NEXT_CURSOR, names::BESIDE].concat();
                own(usual.into_iter().chain(said).collect())
            }
            (Rank::Part { .. }, _) => parts(),
            (Rank::Entity, _) => own(names::ID.iter().copied().chain(columns).collect()),
            (Rank::Envelope, Aim::Token(_)) => {
                let token = [names::ACCESS_TOKEN, names::EXPIRES_IN, names::TOKEN_HOLDERS].concat();
                own([envelope, token].concat().into_iter().chain(said).collect())
            }
            (Rank::Envelope, Aim::Lists(..)) => {
                let list = [
                    names::ITEMS,
                    names::TOTAL,
                    names::HAS_NEXT,
                    names::NEXT_CURSOR,
                    names::ROW_CURSOR,
                    names::BESIDE,
                    names::ID,
                ];
                let known: Vec<&str> = envelope.into_iter().chain(list.concat()).chain(columns).chain(said).collect();
                let mut all: Vec<String> = own(known);
                for noun in nouns(streams) {
                    if !all.contains(&noun) {
                        all.push(noun);
                    }
                }
                all
            }
        }
    }
}

/// Returns the rank of a type by the envelope's field that returns it. The field is `depth` fields below the root.
pub(super) fn below_envelope(field: &str, ty: &TypeRef, depth: usize) -> Rank {
    if ALL.iter().any(|s| s.definition().entity == ty.name) {
        Rank::Entity
    } else if names::BESIDE.contains(&field) && field != "page" && !ty.list {
        Rank::Beside
    } else if depth <= ENVELOPES {
        Rank::Envelope
    } else {
        Rank::Known
    }
}

/// The depth to which nested input objects are searched.
pub(super) const INPUTS: usize = 2;

/// Returns whether a type with these fields is the record of one of these streams: it has three of the stream's
/// columns, or half of them.
pub(super) fn is_entity(streams: &[Stream], fields: &[&str]) -> bool {
    streams.iter().any(|s| {
        let found = fields.iter().filter(|f| is_column(*s, f)).count();
        found >= 3 || found * 2 >= s.columns().len()
    })
}

/// Returns whether `field` is a documented column of the stream.
pub(super) fn is_column(stream: Stream, field: &str) -> bool {
    stream.columns().iter().any(|c| c.name == field)
}

/// Returns the names of members that may hold the records of these streams, formed from the streams' nouns.
pub(super) fn nouns(streams: &[Stream]) -> Vec<String> {
    let all = streams.iter().flat_map(|s| names::nouns(*s));
    all.flat_map(|noun| {
        let lower = noun[..1].to_ascii_lowercase() + &noun[1..];
        [format!("{lower}s"), format!("{lower}List"), lower]
    })
    .collect()
}

/// Returns the names to test as fields of objects inside columns: those that the shipped dialect selects, then the
/// usual ones.
fn parts() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let shipped = Dialect::shipped().map(|d| d.streams).unwrap_or_default();
    let selected = shipped.values().flat_map(|s| &s.fields);
    let inner = selected.filter_map(|f| f.split_once('{')?.1.strip_suffix('}'));
    for name in inner.flat_map(str::split_whitespace).chain(names::PARTS.iter().copied()) {
        if !all.iter().any(|n| n == name) {
            all.push(name.to_owned());
        }
    }
    all
}

fn distinct<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let mut all = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
