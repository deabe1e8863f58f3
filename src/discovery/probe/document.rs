//! Builds a GraphQL document that tests many candidates at once.
//!
//! Every candidate is on a line of its own, so an error's line shows which candidate it is about even if its words do
//! not. Every variable has the number of its candidate. The last field of every document is one that no server has.
//! So the document is never valid and nothing of it is executed. If a server does not complain about that field, it
//! has not reported all errors.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};

/// A field that no server has.
pub(super) const NOTHING: &str = "qpien__nothing";
/// A field that no server has. It is selected below a field that may be a leaf.
pub(super) const INSIDE: &str = "qpien__inside";
/// A type that no argument takes.
const NO_ONE_TAKES: &str = "[[[Boolean]]]";
/// A value that no argument takes.
const NO_ONES_VALUE: &str = "QPIEN__";

/// The separator between an alias and a field's name.
const ALIAS: &str = ": ";

/// Describes the content of a line of a document.
#[derive(Debug, Clone)]
pub(super) enum Spot {
    /// The candidate with this index.
    Asked(usize),
    /// A field that contains candidates, by its path.
    Way(Vec<String>),
    /// The last field, which no server has.
    Nothing,
}

/// A document, and what each of its lines is about.
#[derive(Debug)]
pub(super) struct Document {
    /// The GraphQL text of the document.
    pub text: String,
    /// The content of each line, by the line's number, counted from 1.
    pub spots: BTreeMap<u32, Spot>,
    lines: u32,
}

/// A field or an argument in the tree of a document, with its arguments and sub-fields.
#[derive(Debug, Default)]
struct Node {
    name: String,
    asked: Option<(usize, AskedAs)>,
    inputs: Vec<Node>,
    fields: Vec<Node>,
}

impl Node {
    fn child<'a>(nodes: &'a mut Vec<Node>, name: &str) -> &'a mut Node {
        let at = nodes.iter().position(|n| n.name == name).unwrap_or_else(|| {
            nodes.push(Node { name: name.to_owned(), ..Node::default() });
            nodes.len() - 1
        });
        &mut nodes[at]
    }

    fn place(&mut self, n: usize, candidate: &ProbeCandidate, apart: bool) {
        let mut at = self;
        for (depth, step) in candidate.way.iter().enumerate() {
            let alias = format!("v{n}{ALIAS}{step}");
            let step = if apart && depth == 0 && candidate.is_input() { &alias } else { step };
            let list = if candidate.is_input() && depth > 0 { &mut at.inputs } else { &mut at.fields };
            at = Node::child(list, step);
        }
        let list = if candidate.is_input() { &mut at.inputs } else { &mut at.fields };
        Node::child(list, &candidate.name).asked = Some((n, candidate.how));
    }
}

impl Document {
    /// Returns a document that tests these candidates. `operation` is `query` or `mutation`. If `apart` is `true`,
    /// each argument is tested in a separate use of its root field; otherwise all arguments of a field are tested
    /// together.
    pub fn new(operation: &str, candidates: &[ProbeCandidate], apart: bool) -> Document {
        let mut root = Node::default();
        for (n, candidate) in candidates.iter().enumerate() {
            root.place(n, candidate, apart);
        }
        let mut document = Document { text: String::new(), spots: BTreeMap::new(), lines: 0 };
        let variables: Vec<usize> = (0..candidates.len()).filter(|n| candidates[*n].how == AskedAs::Variable).collect();
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
        // Writing to a `String` cannot fail.
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
                Some((_, AskedAs::Entered)) => self.line(&format!("{} {{ {INSIDE} }}", node.name), Some(spot)),
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
                Some((n, AskedAs::Variable)) => self.line(&format!("{}: $v{n}", node.name), Some(Spot::Asked(n))),
                Some((n, _)) => self.line(&format!("{}: {NO_ONES_VALUE}", node.name), Some(Spot::Asked(n))),
                None => {
                    self.line(&format!("{}: {{", node.name), Some(Spot::Way(field.to_vec())));
                    self.inputs(&node.inputs, field);
                    self.line("}", None);
                }
            }
        }
    }
}
