//! Collects what probing has shown about arguments and input objects.
//!
//! A candidate argument gets a variable of a type that fits nowhere. The server then refuses the argument as unknown,
//! or names the argument's own type, with its list and non-null marks. The server also complains if a required
//! argument is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};
use crate::discovery::probe::document::NOTHING;
use crate::discovery::probe::name_lists;
use crate::discovery::probe::name_lists::Aim;
use crate::discovery::probe::prober::ProbeRound;
use crate::discovery::probe::queue::QuestionQueue;
use crate::discovery::rejections::Lesson;
use crate::discovery::schema::{Argument, Type, TypeRef};

/// A field that no input object has. If it is the only field given, the server reports every field that is required.
const BARE: &str = "qpien__bare";

/// Describes what kind of type an argument's type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Unknown,
    Input,
    Enum,
    Scalar,
}

/// What is known about the type of an argument.
#[derive(Debug)]
struct Input {
    way: Vec<String>,
    is: Is,
    fields: Vec<Argument>,
    needed: BTreeSet<String>,
    /// Whether the object was tested without any field of its own, so that all its required fields are known.
    bare: bool,
}

/// What is known about arguments and the types that they take.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    aim: Aim<'a>,
    types: BTreeMap<String, Input>,
    arguments: BTreeMap<Vec<String>, Vec<Argument>>,
    needed: BTreeMap<Vec<String>, BTreeSet<String>>,
}

impl<'a> Inputs<'a> {
    /// Creates an empty collection. `aim` says what is being searched for.
    pub fn new(aim: Aim<'a>) -> Inputs<'a> {
        Inputs { aim, types: BTreeMap::new(), arguments: BTreeMap::new(), needed: BTreeMap::new() }
    }

    /// Queues the arguments of a root field for testing, except those whose types are already known.
    pub fn of_root(&self, root: &str, questions: &mut QuestionQueue) {
        let told = self.arguments.get(&[root.to_owned()][..]).map(Vec::as_slice).unwrap_or_default();
        let told = |name: &str| told.iter().any(|a| a.name == name && !a.ty.name.is_empty());
        for name in self.aim.arguments(0).into_iter().filter(|name| !told(name)) {
            questions.want(&format!("{root}()"), &[root.to_owned()], name, AskedAs::Variable);
        }
    }

    /// Learns from the errors that are not about a candidate, and finds out which types are input objects. This comes
    /// first, because the rest of the round cannot be understood without it.
    pub fn hear(&mut self, round: &ProbeRound, questions: &mut QuestionQueue) {
        for (place, lesson) in &round.beside {
            match lesson {
                Lesson::NeedsArgument { argument, ty, .. } => {
                    self.needed.entry(place.clone()).or_default().insert(argument.clone());
                    let list = self.arguments.entry(place.clone()).or_default();
                    add(list, argument, needed(ty));
                    if place.len() == 1 {
                        self.enter(&ty.name, &[&place[..], std::slice::from_ref(argument)].concat(), questions);
                    }
                }
                Lesson::NeedsInputField { on: Some(on), field, ty } => {
                    let Some(input) = self.types.get_mut(on) else { continue };
                    input.needed.insert(field.clone());
                    add(&mut input.fields, field, needed(ty));
                    let way = [&input.way[..], std::slice::from_ref(field)].concat();
                    self.enter(&ty.name, &way, questions);
                }
                Lesson::Takes { ty, is_enum: true } => {
                    if let Some(input) = self.types.get_mut(&ty.name) {
                        input.is = Is::Enum;
                    }
                }
                _ => {}
            }
        }
        let markers = round.told.iter().filter(|(c, _)| c.is_input() && c.name == NOTHING);
        for (candidate, lessons) in markers {
            if let Some(input) = self.types.get_mut(&candidate.on) {
                match input.is {
                    _ if lessons.iter().any(is_refusal) => input.is = Is::Input,
                    Is::Unknown => input.is = Is::Scalar,
                    _ => {}
                }
            }
        }
    }

    /// Learns from the errors about one argument, or about one field of an input object.
    pub fn take_in(&mut self, candidate: &ProbeCandidate, lessons: &[Lesson], questions: &mut QuestionQueue) {
        let ProbeCandidate { on, name, how, way } = candidate;
        let within = way.len() > 1;
        if within && name == BARE {
            if let Some(input) = self.types.get_mut(on) {
                input.bare = true;
            }
            return;
        }
        if name == NOTHING || (within && self.types.get(on).is_none_or(|i| i.is != Is::Input)) {
            return;
        }
        let mut ty = None;
        for lesson in lessons {
            match lesson {
                Lesson::Position { ty: taken, .. } | Lesson::Takes { ty: taken, .. } => ty = Some(taken.clone()),
                Lesson::NoArgument { meant, .. } | Lesson::NoInputField { meant, .. } => {
                    for other in meant {
                        questions.want(on, way, other, AskedAs::Variable);
                    }
                    return;
                }
                _ => return,
            }
        }
        // A server that does not name the type for a variable may name it for a literal.
        if ty.is_none() && *how == AskedAs::Variable {
            questions.want(on, way, name, AskedAs::Literal);
            return;
        }
        let ty = ty.unwrap_or_default();
        match self.types.get_mut(on) {
            Some(input) if within => add(&mut input.fields, name, ty.clone()),
            _ => add(self.arguments.entry(way.clone()).or_default(), name, ty.clone()),
        }
        self.enter(&ty.name, &candidate.place(), questions);
    }

    /// Queues questions for testing what kind of type `ty` is, and which fields it has. `way` is the path of an
    /// argument that takes it.
    fn enter(&mut self, ty: &str, way: &[String], questions: &mut QuestionQueue) {
        let level = way.len() - 1;
        let plain = ["", "Int", "Float", "String", "Boolean", "ID"].contains(&ty);
        if plain || level > name_lists::INPUTS || self.types.contains_key(ty) {
            return;
        }
        let input =
            Input { way: way.to_vec(), is: Is::Unknown, fields: Vec::new(), needed: BTreeSet::new(), bare: false };
        self.types.insert(ty.to_owned(), input);
        for name in std::iter::once(NOTHING).chain(self.aim.arguments(level)) {
            questions.want(ty, way, name, AskedAs::Variable);
        }
    }

    /// Returns candidates that show which required fields of input objects have a default. Each must be tested alone.
    pub fn doubts(&self) -> Vec<ProbeCandidate> {
        let doubtful = |i: &Input| {
            i.is == Is::Input && !i.bare && i.fields.iter().any(|f| f.ty.required && !i.needed.contains(&f.name))
        };
        let doubtful = self.types.iter().filter(|(_, input)| doubtful(input));
        doubtful
            .map(|(on, input)| ProbeCandidate {
                on: on.clone(),
                name: BARE.to_owned(),
                how: AskedAs::Variable,
                way: input.way.clone(),
            })
            .collect()
    }

    /// Returns the names of the arguments that a root field requires.
    pub fn needed(&self, root: &str) -> Vec<String> {
        let needed = self.needed.get(&[root.to_owned()][..]);
        needed.into_iter().flatten().cloned().collect()
    }

    /// Returns the known arguments of the field at the path `place`.
    pub fn arguments(&self, place: &[String]) -> Vec<Argument> {
        let none = BTreeSet::new();
        let needed = self.needed.get(place).unwrap_or(&none);
        let all = self.arguments.get(place).map(Vec::as_slice).unwrap_or_default();
        with_defaults(all, |a| !needed.contains(&a.name))
    }

    /// Returns the known types of arguments, by name. A field of an input object whose type is non-null may have a
    /// default that no message shows. So a field counts as required only if the server said that it is missing.
    pub fn types(&self) -> BTreeMap<String, Type> {
        let known = self.types.iter().filter(|(_, i)| i.is != Is::Unknown);
        known
            .map(|(name, input)| {
                let ty = match input.is {
                    Is::Enum => Type::Enum(Vec::new()),
                    Is::Scalar => Type::Scalar,
                    Is::Input | Is::Unknown => {
                        Type::Input(with_defaults(&input.fields, |f| !input.needed.contains(&f.name)))
                    }
                };
                (name.clone(), ty)
            })
            .collect()
    }
}

fn is_refusal(lesson: &Lesson) -> bool {
    matches!(lesson, Lesson::NoInputField { .. } | Lesson::Other)
}

/// Returns the type as non-null, because the server requires a value.
fn needed(ty: &TypeRef) -> TypeRef {
    TypeRef { required: true, ..ty.clone() }
}

/// Adds an argument to the list, or sets its type if that was not known.
fn add(list: &mut Vec<Argument>, name: &str, ty: TypeRef) {
    match list.iter_mut().find(|a| a.name == name) {
        Some(known) if known.ty.name.is_empty() => {
            known.ty = TypeRef { required: known.ty.required || ty.required, ..ty };
        }
        Some(_) => {}
        None => list.push(Argument { name: name.to_owned(), ty, has_default: false }),
    }
}

fn with_defaults(list: &[Argument], has_default: impl Fn(&Argument) -> bool) -> Vec<Argument> {
    list.iter().map(|a| Argument { has_default: a.ty.required && has_default(a), ..a.clone() }).collect()
}
