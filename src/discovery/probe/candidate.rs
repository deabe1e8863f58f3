//! Something that may exist, and how it is asked about.

use crate::discovery::rejections::Lesson;

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
    pub fn may_be(&self, lesson: &Lesson) -> bool {
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
