//! Finds out which candidate of a document each error of an answer is about: by the error's line, or else by the
//! names in its message.

use crate::discovery::probe::candidate::{AskedAs, ProbeCandidate};
use crate::discovery::probe::document::{Document, INSIDE, NOTHING, Spot};
use crate::discovery::rejections::Lesson;
use crate::source::server::{Reply, ServerError};

/// What one answer revealed.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What the errors reveal about each candidate, by the candidate's index.
    pub told: Vec<Vec<Lesson>>,
    /// What the errors reveal about fields that contain candidates, and about missing required arguments and input
    /// fields, each with the path of the field.
    pub beside: Vec<(Vec<String>, Lesson)>,
    /// Whether the server complained about the field that no server has, and so has checked the complete document.
    pub complete: bool,
    /// Whether errors state their line in the document.
    pub located: bool,
    /// The name of the root type, if an error states it.
    pub root: Option<String>,
}

impl Heard {
    /// Returns what the answer to a document reveals about its candidates.
    pub fn of(document: &Document, candidates: &[ProbeCandidate], reply: &Reply) -> Heard {
        let mut heard = Heard { told: vec![Vec::new(); candidates.len()], ..Heard::default() };
        for said in &reply.errors {
            let lines = said.locations.iter().map(|at| at.line);
            let spots: Vec<&Spot> = lines.filter_map(|line| document.spots.get(&line)).collect();
            heard.hear(said, &spots, candidates);
        }
        heard
    }

    fn hear(&mut self, said: &ServerError, spots: &[&Spot], candidates: &[ProbeCandidate]) {
        let lesson = Lesson::of(said);
        let on_nothing = spots.iter().any(|s| matches!(s, Spot::Nothing));
        if let Lesson::NoField { field, on, .. } = &lesson
            && (on_nothing || field == NOTHING)
        {
            self.root.clone_from(on);
        } else if !on_nothing {
            return self.sort(lesson, spots, candidates);
        }
        self.complete = true;
        self.located = !spots.is_empty();
    }

    fn sort(&mut self, lesson: Lesson, spots: &[&Spot], candidates: &[ProbeCandidate]) {
        match &lesson {
            Lesson::TooMany => {}
            Lesson::Position { variable: Some(v), .. } => {
                let n: Option<usize> = v.strip_prefix('v').and_then(|n| n.parse().ok());
                if let Some(told) = n.and_then(|n| self.told.get_mut(n)) {
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
                    self.beside.push((place, lesson));
                }
            }
            Lesson::NeedsInputField { .. } => self.beside.push((Vec::new(), lesson)),
            Lesson::Takes { is_enum: true, .. } if !of_a_value(spots, candidates) => {
                self.beside.push((Vec::new(), lesson));
            }
            _ => {
                let by_place = spots.iter().find_map(|s| match s {
                    Spot::Asked(n) if fits(&candidates[*n], &lesson) => Some(*n),
                    _ => None,
                });
                let n = if spots.is_empty() { by_name(&lesson, candidates) } else { by_place };
                if let Some(n) = n {
                    self.told[n].push(lesson);
                }
            }
        }
    }
}

/// Returns whether one of the lines is that of a candidate with a literal as its value.
fn of_a_value(spots: &[&Spot], candidates: &[ProbeCandidate]) -> bool {
    let literal = |s: &&Spot| matches!(s, Spot::Asked(n) if candidates[*n].how == AskedAs::Literal);
    spots.iter().any(literal)
}

/// Returns whether a lesson from an error at a candidate's line may be about the candidate, by its name.
fn fits(candidate: &ProbeCandidate, lesson: &Lesson) -> bool {
    let name = lesson.name();
    name.is_none_or(|n| n.is_empty() || n == candidate.name || (n == INSIDE && candidate.how == AskedAs::Entered))
}

/// Returns the index of the candidate that an error without a line is about, or `None`. The first of these counts: a
/// candidate of the type that the error names, a root field, the only candidate with that name.
fn by_name(lesson: &Lesson, candidates: &[ProbeCandidate]) -> Option<usize> {
    let on = match lesson {
        Lesson::NoField { on, .. } | Lesson::NoInputField { on, .. } => on.as_ref(),
        _ => None,
    };
    let named: Vec<usize> = (0..candidates.len()).filter(|n| candidates[*n].may_be(lesson)).collect();
    let exact = named.iter().find(|n| Some(&candidates[**n].on) == on);
    let root = named.iter().find(|n| candidates[**n].on.is_empty());
    let only = if named.len() == 1 { named.first() } else { None };
    exact.or(root).or(only).copied()
}
