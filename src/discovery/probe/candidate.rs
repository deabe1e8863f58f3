//! Describes a name that may exist, and how it is asked about.

use crate::discovery::rejections::Lesson;

/// Describes how a candidate is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AskedAs {
    /// A field without a selection. If it is an object, the server asks for a selection.
    Plain,
    /// A field with a selection. If it is a leaf, the server refuses the selection and names the type.
    Entered,
    /// An argument, or a field of an input object, with a variable as its value.
    Variable,
    /// The same with a literal as its value.
    Literal,
}

/// A name that may exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProbeCandidate {
    /// The type that would have it. For an argument it is the field's name and `()`.
    pub on: String,
    /// Its name.
    pub name: String,
    /// How it is asked about.
    pub how: AskedAs,
    /// The path to it: fields from the root. For an argument it is the root field, then fields of input objects.
    pub way: Vec<String>,
}

impl ProbeCandidate {
    /// Returns whether it is an argument or a field of an input object.
    pub fn is_input(&self) -> bool {
        matches!(self.how, AskedAs::Variable | AskedAs::Literal)
    }

    /// Returns its own path.
    pub fn place(&self) -> Vec<String> {
        [&self.way[..], std::slice::from_ref(&self.name)].concat()
    }

    /// Returns whether a lesson may be about this candidate: it has the candidate's name, and fits the
    /// way it was asked.
    pub fn may_be(&self, lesson: &Lesson) -> bool {
        let kind = match lesson {
            Lesson::NoField { .. } | Lesson::NeedsSelection { .. } => !self.is_input(),
            Lesson::NoSelection { .. } => self.how == AskedAs::Entered,
            Lesson::NoArgument { field, .. } => {
                self.is_input() && self.way.len() == 1 && field.as_ref().is_none_or(|f| *f == self.way[0])
            }
            Lesson::NoInputField { .. } => self.is_input() && self.way.len() > 1,
            _ => false,
        };
        kind && lesson.name() == Some(&self.name)
    }
}
