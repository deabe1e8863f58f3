//! Stores what probing has learnt so far, and decides what to test next.
//!
//! The fields of a type are tested at the first path where the type was found, and no name twice. The types of its
//! fields are looked into only after its own names, because those show whether the type is a record.

use std::collections::{BTreeMap, BTreeSet};

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};
use crate::discovery::probe::inputs::Inputs;
use crate::discovery::probe::name_lists;
use crate::discovery::probe::name_lists::{Aim, Rank};
use crate::discovery::probe::prober::ProbeRound;
use crate::discovery::probe::queue::QuestionQueue;
use crate::discovery::rejections::Lesson;
use crate::discovery::schema::{Field, Schema, Type, TypeRef};
use crate::streams::{ALL, Stream};

/// The key of the root type, whose name may not be known.
const ROOT: &str = "";

/// A type whose fields can be tested, and what is known of it.
#[derive(Debug)]
struct Place {
    way: Vec<String>,
    rank: Rank,
    streams: Vec<Stream>,
    fields: Vec<Field>,
    /// Whether the server suggested fragments for the type, as it does for a union.
    fragments: bool,
}

impl Place {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|f| f.name == name)
    }

    fn is_entity(&self) -> bool {
        let names: Vec<&str> = self.fields.iter().map(|f| f.name.as_str()).collect();
        self.rank == Rank::Entity || (self.rank == Rank::Envelope && name_lists::is_entity(&self.streams, &names))
    }
}

/// All that has been learnt so far.
#[derive(Debug)]
pub(super) struct PartialSchema<'a> {
    aim: Aim<'a>,
    places: BTreeMap<String, Place>,
    roots: BTreeMap<String, Vec<Stream>>,
    descended: BTreeSet<(String, String, Rank)>,
    /// What is known about arguments and input objects.
    pub inputs: Inputs<'a>,
    /// The candidates that are still to be tested.
    pub questions: QuestionQueue,
}

impl<'a> PartialSchema<'a> {
    /// Creates an empty schema and queues the root fields to test.
    pub fn new(aim: Aim<'a>) -> PartialSchema<'a> {
        let root =
            Place { way: Vec::new(), rank: Rank::Envelope, streams: Vec::new(), fields: Vec::new(), fragments: false };
        let mut known = PartialSchema {
            aim,
            places: BTreeMap::from([(ROOT.to_owned(), root)]),
            roots: BTreeMap::new(),
            descended: BTreeSet::new(),
            inputs: Inputs::new(aim),
            questions: QuestionQueue::default(),
        };
        for (name, streams) in aim.roots() {
            known.questions.want(ROOT, &[], &name, AskedAs::Plain);
            let listed = known.roots.entry(name).or_default();
            listed.extend(streams.into_iter().filter(|s| !listed.contains(s)).collect::<Vec<_>>());
        }
        known
    }

    /// Learns from a round of answers, and queues what to test next.
    pub fn take_in(&mut self, round: ProbeRound) {
        self.inputs.hear(&round, &mut self.questions);
        for (candidate, lessons) in round.told {
            match candidate.how {
                AskedAs::Plain => self.plain(&candidate, &lessons),
                AskedAs::Entered => self.entered(&candidate, &lessons),
                AskedAs::Variable | AskedAs::Literal => self.inputs.take_in(&candidate, &lessons, &mut self.questions),
            }
        }
        self.descend();
    }

    /// Learns from the errors about a field that was tested without a selection.
    fn plain(&mut self, candidate: &ProbeCandidate, lessons: &[Lesson]) {
        let ProbeCandidate { on, name, way, .. } = candidate;
        let mut ty = None;
        for lesson in lessons {
            match lesson {
                Lesson::NeedsSelection { ty: named, .. } => ty = Some(named.clone()),
                Lesson::NoField { meant, fragments, .. } => {
                    for other in meant {
                        self.meant(candidate, other);
                    }
                    if let Some(place) = self.places.get_mut(on) {
                        place.fragments |= *fragments;
                    }
                    return;
                }
                _ => return,
            }
        }
        if let Some(ty) = ty {
            self.object(candidate, ty);
        } else {
            self.add(on, name, TypeRef::default());
            self.questions.want(on, way, name, AskedAs::Entered);
        }
    }

    /// Queues a name that the server suggests instead of a candidate.
    fn meant(&mut self, candidate: &ProbeCandidate, other: &str) {
        if candidate.on == ROOT && !self.roots.contains_key(other) {
            let streams = self.roots.get(&candidate.name).cloned().unwrap_or_default();
            let streams = self.aim.streams_of(other, &streams);
            self.roots.insert(other.to_owned(), streams);
        }
        self.questions.want(&candidate.on, &candidate.way, other, AskedAs::Plain);
    }

    /// Learns from the errors about a field that was tested as a leaf.
    fn entered(&mut self, candidate: &ProbeCandidate, lessons: &[Lesson]) {
        for lesson in lessons {
            match lesson {
                Lesson::NoSelection { ty, .. } => self.add(&candidate.on, &candidate.name, ty.clone()),
                // The field is an object: this server accepts objects without a selection.
                Lesson::NoField { on: Some(on), .. } => self.object(candidate, TypeRef::parse(on)),
                _ => {}
            }
        }
    }

    fn object(&mut self, candidate: &ProbeCandidate, mut ty: TypeRef) {
        if ty.name.is_empty() {
            ty.name = format!("{}.{}", candidate.on, candidate.name);
        }
        self.places.entry(ty.name.clone()).or_insert_with(|| Place {
            way: candidate.place(),
            rank: Rank::Known,
            streams: Vec::new(),
            fields: Vec::new(),
            fragments: false,
        });
        self.add(&candidate.on, &candidate.name, ty);
    }

    fn add(&mut self, on: &str, name: &str, ty: TypeRef) {
        let Some(place) = self.places.get_mut(on) else { return };
        match place.fields.iter_mut().find(|f| f.name == name) {
            Some(field) => field.ty = ty,
            None => place.fields.push(Field { name: name.to_owned(), arguments: Vec::new(), ty }),
        }
    }

    /// Goes on to the types of the fields that were found, and queues their fields.
    fn descend(&mut self) {
        let mut found = Vec::new();
        for (key, place) in &self.places {
            for field in place.fields.iter().filter(|f| self.places.contains_key(&f.ty.name)) {
                let step = (key.clone(), field.name.clone(), place.rank);
                if place.rank != Rank::Known && !self.descended.contains(&step) {
                    found.push((step, self.below(key, place, field), field.ty.name.clone()));
                }
            }
        }
        for (step, (rank, streams), ty) in found {
            if step.0 == ROOT && rank != Rank::Known {
                self.inputs.of_root(&step.1, &mut self.questions);
            }
            self.descended.insert(step);
            self.raise(&ty, rank, &streams);
        }
    }

    /// Returns the rank of a field's type, and the streams to which it may belong. `key` and `place` are the type
    /// that has the field.
    fn below(&self, key: &str, place: &Place, field: &Field) -> (Rank, Vec<Stream>) {
        let depth = place.way.len() + 1;
        if key == ROOT {
            let streams = self.roots.get(&field.name).cloned().unwrap_or_default();
            let worth = self.aim.is_worth(&field.name, &self.inputs.needed(&field.name));
            let rank = if worth { name_lists::below_envelope(&field.name, &field.ty, depth) } else { Rank::Known };
            return (rank, streams);
        }
        let rank = if place.is_entity() {
            let holds = field.ty.list && name_lists::nouns(&place.streams).contains(&field.name);
            if ALL.iter().any(|s| name_lists::is_column(*s, &field.name)) {
                Rank::Part { further: true }
            } else if holds {
                name_lists::below_envelope(&field.name, &field.ty, depth)
            } else {
                Rank::Known
            }
        } else {
            match place.rank {
                Rank::Envelope => name_lists::below_envelope(&field.name, &field.ty, depth),
                Rank::Part { further: true } => Rank::Part { further: false },
                _ => Rank::Known,
            }
        };
        (rank, place.streams.clone())
    }

    /// Raises a type to at least this rank, and queues the names to test for that rank.
    fn raise(&mut self, ty: &str, rank: Rank, streams: &[Stream]) {
        let Some(place) = self.places.get_mut(ty) else { return };
        place.rank = place.rank.max(rank);
        for stream in streams {
            if !place.streams.contains(stream) {
                place.streams.push(*stream);
            }
        }
        for name in self.aim.members(place.rank, &place.streams) {
            if !place.has(&name) {
                self.questions.want(ty, &place.way, &name, AskedAs::Plain);
            }
        }
    }

    /// Returns whether a root field was found that may list this stream and is worth looking into.
    pub fn lists(&self, stream: Stream) -> bool {
        self.found().any(|name| self.roots.get(name).is_some_and(|s| s.contains(&stream)))
    }

    /// Returns the root fields that exist and are worth looking into.
    pub fn found(&self) -> impl Iterator<Item = &str> {
        let root = self.places.get(ROOT).map(|p| &p.fields[..]).unwrap_or_default();
        let names = root.iter().map(|f| f.name.as_str());
        names.filter(|name| self.aim.is_worth(name, &self.inputs.needed(name)))
    }

    /// Returns everything learnt as a schema. `query` and `mutation` are the names of the root types.
    pub fn schema(&self, query: &str, mutation: &str) -> Schema {
        let root = if matches!(self.aim, Aim::Token(_)) { mutation } else { query };
        let mut types = self.inputs.types();
        for (key, place) in &self.places {
            let fields: Vec<Field> = place
                .fields
                .iter()
                .map(|field| Field {
                    arguments: self.inputs.arguments(&[&place.way[..], std::slice::from_ref(&field.name)].concat()),
                    ..field.clone()
                })
                .collect();
            let ty = if place.fragments && fields.is_empty() { Type::Union } else { Type::Object(fields) };
            types.insert(if key == ROOT { root.to_owned() } else { key.clone() }, ty);
        }
        Schema { query: query.to_owned(), mutation: mutation.to_owned(), types, whole: false }
    }
}
