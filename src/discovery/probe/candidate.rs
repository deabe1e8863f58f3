//! Describes a name whose existence is being tested, and how it is tested.

use crate::discovery::rejections::Lesson;

/// Describes how a document tests a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AskedAs {
    /// As a field without a selection. If the field is an object, the server reports that a selection is missing.
    Plain,
    /// As a field with a selection. If the field is a leaf, the server refuses the selection and names the field's
    /// type.
    Entered,
    /// As an argument, or a field of an input object, with a variable as its value.
    Variable,
    /// As an argument, or a field of an input object, with a literal as its value.
    Literal,
}

/// A field or an argument that may exist.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ProbeCandidate {
    /// The type that would have the field. For an argument, the field's name and `()`. For a root field it is empty.
    pub on: String,
    /// The name to test.
    pub name: String,
    /// How a document tests the name.
    pub how: AskedAs,
    /// The path to what has the name: fields from the root. For an argument, the root field, then fields of input
    /// objects.
    pub way: Vec<String>,
}

impl ProbeCandidate {
    /// Returns whether the candidate is an argument or a field of an input object.
    pub fn is_input(&self) -> bool {
        matches!(self.how, AskedAs::Variable | AskedAs::Literal)
    }

    /// Returns the path of the candidate: `way` followed by its name.
    pub fn place(&self) -> Vec<String> {
        [&self.way[..], std::slice::from_ref(&self.name)].concat()
    }

    /// Returns whether a lesson may be about this candidate: the lesson has the candidate's name, and is of a kind
    /// that the way of testing can cause.
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
