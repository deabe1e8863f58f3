//! A document that asks about many candidates at once, and which of them an answer is about.
//!
//! Every candidate stands on a line of its own, so an error's place says which one it is about even where its words do
//! not; every variable has the number of its candidate. The last field of every document is one that no server has:
//! the document is never valid, nothing of it is executed, and a server that does not complain about it has not said
//! everything.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::source::dialect::lesson::Lesson;
use crate::source::dialect::server::{Reply, Said};

/// A field that no server has.
pub(super) const NOTHING: &str = "qpien__nothing";
/// Another, below leaves.
const INSIDE: &str = "qpien__inside";
/// A type that no argument takes.
const NO_ONE_TAKES: &str = "[[[Boolean]]]";
/// A value that no argument takes.
const NO_ONES_VALUE: &str = "QPIEN__";

/// What stands between an alias and a field's name.
const ALIAS: &str = ": ";

/// How a candidate is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum How {
    /// A field as it stands: an object says that it must be selected from.
    Plain,
    /// A field that is selected from: a leaf says its type.
    Entered,
    /// An argument, or a field of an input object, whose value is a variable.
    Variable,
    /// The same with a value of its own.
    Literal,
}

/// Something that may exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// The type that would have it; of an argument, the field and `()`.
    pub on: String,
    /// Its name.
    pub name: String,
    /// How it is asked about.
    pub how: How,
    /// What leads there: fields from the root; for an argument the root field, then the input objects' fields.
    pub way: Vec<String>,
}

impl Candidate {
    /// It is an argument or a field of an input object.
    pub fn is_input(&self) -> bool {
        matches!(self.how, How::Variable | How::Literal)
    }

    /// Where it is itself.
    pub fn place(&self) -> Vec<String> {
        [&self.way[..], std::slice::from_ref(&self.name)].concat()
    }

    /// A lesson about this name, asked this way, may be about it.
    fn may_be(&self, lesson: &Lesson) -> bool {
        let kind = match lesson {
            Lesson::NoField { .. } | Lesson::NeedsSelection { .. } => !self.is_input(),
            Lesson::NoSelection { .. } => self.how == How::Entered,
            Lesson::NoArgument { field, .. } => {
                self.is_input() && self.way.len() == 1 && field.as_ref().is_none_or(|f| *f == self.way[0])
            }
            Lesson::NoInputField { .. } => self.is_input() && self.way.len() > 1,
            _ => false,
        };
        kind && lesson.name() == Some(&self.name)
    }
}

/// What stands on a line.
#[derive(Debug, Clone)]
enum Spot {
    /// That candidate.
    Asked(usize),
    /// A field on the way to others.
    Way(Vec<String>),
    /// The field that no server has.
    Nothing,
}

/// A document and what stands on its lines.
#[derive(Debug)]
pub(super) struct Document {
    /// Its text.
    pub text: String,
    spots: BTreeMap<u32, Spot>,
    lines: u32,
}

/// What an answer says.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What was said of each candidate.
    pub told: Vec<Vec<Lesson>>,
    /// What was said of the fields on the way, and of what has to be given, by the field's place.
    pub beside: Vec<(Vec<String>, Lesson)>,
    /// The field that no server has was complained about, so everything was judged.
    pub complete: bool,
    /// Errors say where they are.
    pub located: bool,
    /// The root type's name.
    pub root: Option<String>,
}

/// A field of the document, or an argument.
#[derive(Debug, Default)]
struct Node {
    name: String,
    asked: Option<(usize, How)>,
    inputs: Vec<Node>,
    fields: Vec<Node>,
}

impl Node {
    fn child<'a>(nodes: &'a mut Vec<Node>, name: &str) -> &'a mut Node {
        let at = nodes.iter().position(|n| n.name == name).unwrap_or_else(|| {
            nodes.push(Node {
                name: name.to_owned(),
                ..Node::default()
            });
            nodes.len() - 1
        });
        &mut nodes[at]
    }

    fn place(&mut self, n: usize, candidate: &Candidate, apart: bool) {
        let mut at = self;
        for (depth, step) in candidate.way.iter().enumerate() {
            let alias = format!("v{n}{ALIAS}{step}");
            let step = if apart && depth == 0 && candidate.is_input() {
                &alias
            } else {
                step
            };
            let list = if candidate.is_input() && depth > 0 {
                &mut at.inputs
            } else {
                &mut at.fields
            };
            at = Node::child(list, step);
        }
        let list = if candidate.is_input() {
            &mut at.inputs
        } else {
            &mut at.fields
        };
        Node::child(list, &candidate.name).asked = Some((n, candidate.how));
    }
}

impl Document {
    /// A `query` or `mutation` that asks about these; arguments apart from one another, or all of a field together.
    pub fn new(operation: &str, candidates: &[Candidate], apart: bool) -> Document {
        let mut root = Node::default();
        for (n, candidate) in candidates.iter().enumerate() {
            root.place(n, candidate, apart);
        }
        let mut document = Document {
            text: String::new(),
            spots: BTreeMap::new(),
            lines: 0,
        };
        let variables: Vec<usize> = (0..candidates.len())
            .filter(|n| candidates[*n].how == How::Variable)
            .collect();
        if variables.is_empty() {
            document.line(&format!("{operation} {{"), None);
        } else {
            document.line(&format!("{operation}("), None);
            for n in variables {
                document.line(&format!("$v{n}: {NO_ONE_TAKES}"), Some(Spot::Asked(n)));
            }
            document.line(") {", None);
        }
        document.fields(&root.fields, &[]);
        document.line(NOTHING, Some(Spot::Nothing));
        document.line("}", None);
        document
    }

    fn line(&mut self, text: &str, spot: Option<Spot>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{text}");
        self.lines += 1;
        if let Some(spot) = spot {
            self.spots.insert(self.lines, spot);
        }
    }

    fn fields(&mut self, nodes: &[Node], way: &[String]) {
        for node in nodes {
            let name = node.name.split_once(ALIAS).map_or(&*node.name, |(_, name)| name);
            let here = [way, &[name.to_owned()]].concat();
            let spot = match node.asked {
                Some((n, _)) => Spot::Asked(n),
                None => Spot::Way(here.clone()),
            };
            match node.asked {
                Some((_, How::Entered)) => self.line(&format!("{} {{ {INSIDE} }}", node.name), Some(spot)),
                Some(_) => self.line(&node.name, Some(spot)),
                None => {
                    if node.inputs.is_empty() {
                        self.line(&format!("{} {{", node.name), Some(spot));
                    } else {
                        self.line(&format!("{}(", node.name), Some(spot));
                        self.inputs(&node.inputs, &here);
                        self.line(") {", None);
                    }
                    if node.fields.is_empty() {
                        self.line("__typename", None);
                    }
                    self.fields(&node.fields, &here);
                    self.line("}", None);
                }
            }
        }
    }

    fn inputs(&mut self, nodes: &[Node], field: &[String]) {
        for node in nodes {
            match node.asked {
                Some((n, How::Variable)) => self.line(&format!("{}: $v{n}", node.name), Some(Spot::Asked(n))),
                Some((n, _)) => self.line(&format!("{}: {NO_ONES_VALUE}", node.name), Some(Spot::Asked(n))),
                None => {
                    self.line(&format!("{}: {{", node.name), Some(Spot::Way(field.to_vec())));
                    self.inputs(&node.inputs, field);
                    self.line("}", None);
                }
            }
        }
    }

    /// What the answer says of the candidates that this document was made of.
    pub fn read(&self, candidates: &[Candidate], reply: &Reply) -> Heard {
        let mut heard = Heard {
            told: vec![Vec::new(); candidates.len()],
            ..Heard::default()
        };
        for said in &reply.errors {
            let spots: Vec<&Spot> = said
                .locations
                .iter()
                .filter_map(|at| self.spots.get(&at.line))
                .collect();
            Document::attribute(said, &spots, candidates, &mut heard);
        }
        heard
    }

    fn attribute(said: &Said, spots: &[&Spot], candidates: &[Candidate], heard: &mut Heard) {
        let lesson = Lesson::of(said);
        let on_nothing = spots.iter().any(|s| matches!(s, Spot::Nothing));
        if let Lesson::NoField { field, on, .. } = &lesson
            && (on_nothing || field == NOTHING)
        {
            heard.root.clone_from(on);
        } else if !on_nothing {
            return Document::sort(lesson, spots, candidates, heard);
        }
        heard.complete = true;
        heard.located = !spots.is_empty();
    }

    fn sort(lesson: Lesson, spots: &[&Spot], candidates: &[Candidate], heard: &mut Heard) {
        match &lesson {
            Lesson::TooMany => {}
            Lesson::Position { variable: Some(v), .. } => {
                let n: Option<usize> = v.strip_prefix('v').and_then(|n| n.parse().ok());
                if let Some(told) = n.and_then(|n| heard.told.get_mut(n)) {
                    told.push(lesson);
                }
            }
            Lesson::NeedsArgument { field, .. } => {
                let place = spots.iter().find_map(|s| match s {
                    Spot::Asked(n) => Some(candidates[*n].place()),
                    Spot::Way(place) => Some(place.clone()),
                    Spot::Nothing => None,
                });
                if let Some(place) = place.or_else(|| field.clone().map(|f| vec![f])) {
                    heard.beside.push((place, lesson));
                }
            }
            Lesson::NeedsInputField { .. } | Lesson::Takes { is_enum: true, .. }
                if !asked(spots, candidates, &lesson) =>
            {
                heard.beside.push((Vec::new(), lesson));
            }
            _ => {
                let by_place = spots.iter().find_map(|s| match s {
                    Spot::Asked(n) if fits(&candidates[*n], &lesson) => Some(*n),
                    _ => None,
                });
                match by_place {
                    Some(n) => heard.told[n].push(lesson),
                    None if spots.is_empty() => by_name(lesson, candidates, heard),
                    None => {}
                }
            }
        }
    }
}

/// One of the places is that of a candidate asked by a value.
fn asked(spots: &[&Spot], candidates: &[Candidate], lesson: &Lesson) -> bool {
    let literal = |s: &&&Spot| matches!(s, Spot::Asked(n) if candidates[*n].how == How::Literal);
    matches!(lesson, Lesson::Takes { .. }) && spots.iter().any(|s| literal(&s))
}

/// What was said at a candidate's place may be about it.
fn fits(candidate: &Candidate, lesson: &Lesson) -> bool {
    let name = lesson.name();
    name.is_none_or(|n| n.is_empty() || n == candidate.name || (n == INSIDE && candidate.how == How::Entered))
}

/// An error that does not say where it is: by the names in it.
fn by_name(lesson: Lesson, candidates: &[Candidate], heard: &mut Heard) {
    let on = match &lesson {
        Lesson::NoField { on, .. } | Lesson::NoInputField { on, .. } => on.clone(),
        _ => None,
    };
    let named: Vec<usize> = (0..candidates.len())
        .filter(|n| candidates[*n].may_be(&lesson))
        .collect();
    let exact = named.iter().find(|n| Some(&candidates[**n].on) == on.as_ref());
    let root = named.iter().find(|n| candidates[**n].on.is_empty());
    match (exact, root, &named[..]) {
        (Some(n), ..) | (None, Some(n), _) | (None, None, [n]) => heard.told[*n].push(lesson),
        _ => {}
    }
}
