//! Creates response names: the aliases under which questions are to be answered, so that the answers to two requests
//! cannot be confused.
//!
//! A proxy that reuses a connection after a fault may give a request the answer of the request before it. Both are
//! complete, well-formed answers; only the names in them differ. So each question of each request gets a name that
//! was never used before: a random part that this process draws once, and a counter. All names have the same length,
//! so that a request's length does not depend on when it is sent. An answer without the names of its request belongs
//! to another request. It is dropped, and the question is asked again over a new connection.
//!
//! A server that ignores aliases answers under the operation's own name. Two such answers in a row, before any answer
//! used a given name, settle that. From then on, each request carries one question and is answered under its
//! operation. A server that once used a given name never counts as one that ignores aliases.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The length of the random part, in characters.
const RANDOM: usize = 5;
/// The length of the counter, in characters: two thousand million names before one repeats.
const COUNTER: usize = 6;
/// How many answers in a row under the operation's own name settle that the server ignores aliases.
const TIMES: u32 = 2;

/// The note that a run shows about a server that ignores aliases.
pub const IGNORED: &str = "the server ignores aliases: questions travel alone, and an answer that belongs to another question cannot be told by its name";

/// The beginning of every response name of this process.
static PROCESS: LazyLock<String> = LazyLock::new(|| {
    // The standard library seeds each state from the operating system's random numbers.
    let random = RandomState::new().build_hasher().finish();
    format!("q{}", base36(random, RANDOM))
});
/// How many response names this process has created.
static GIVEN: AtomicU64 = AtomicU64::new(0);

/// Whose response names an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The answer has at least one response name of its request.
    Given,
    /// The answer has the operation's own name, although an alias was asked for.
    Operation,
    /// The answer has names that its request did not ask for, so it belongs to another request.
    Others,
    /// The answer's `data` is missing or has no members.
    Nothing,
}

impl Named {
    /// Compares the member names of an answer's `data` with the response names (`given`) and the operations of its
    /// request.
    pub fn of(members: &[&str], given: &[String], operations: &[&str]) -> Named {
        let holds = |test: &dyn Fn(&str) -> bool| members.iter().any(|name| test(name));
        if members.is_empty() {
            Named::Nothing
        } else if holds(&|name| given.iter().any(|g| g == name)) {
            Named::Given
        } else if !holds(&is_ours) && holds(&|name| operations.contains(&name)) {
            Named::Operation
        } else {
            Named::Others
        }
    }
}

/// Creates the response names for one server, and remembers whether the server obeys aliases.
#[derive(Debug, Default)]
pub struct ResponseNames {
    obeyed: AtomicBool,
    ignored: AtomicU32,
}

impl ResponseNames {
    /// Returns the response name for one question: a new name, or the operation's own if the server ignores aliases.
    pub fn next(&self, operation: &str) -> String {
        if self.are_ignored() {
            return operation.to_owned();
        }
        let n = GIVEN.fetch_add(1, Ordering::Relaxed);
        format!("{}{}", *PROCESS, base36(n, COUNTER))
    }

    /// Returns whether the server ignores aliases.
    pub fn are_ignored(&self) -> bool {
        self.ignored.load(Ordering::Relaxed) >= TIMES
    }

    /// Notes which names an answer had. Returns `true` only for the answer that settles that the server ignores
    /// aliases.
    pub fn answered(&self, named: Named) -> bool {
        match named {
            Named::Given if !self.are_ignored() => {
                self.obeyed.store(true, Ordering::Relaxed);
                self.ignored.store(0, Ordering::Relaxed);
                false
            }
            Named::Operation if !self.obeyed.load(Ordering::Relaxed) => {
                self.ignored.fetch_add(1, Ordering::Relaxed) + 1 == TIMES
            }
            _ => false,
        }
    }
}

/// Returns whether this process created the response name.
pub fn is_ours(name: &str) -> bool {
    name.len() == PROCESS.len() + COUNTER && name.starts_with(PROCESS.as_str())
}

/// Returns the last `digits` digits of `n` in base 36, in lower case.
fn base36(mut n: u64, digits: usize) -> String {
    let mut text = vec![b'0'; digits];
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[usize::try_from(n % 36).unwrap_or(0)];
        n /= 36;
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Returns the names as tests of answers give them.
#[cfg(test)]
pub(super) fn operations(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn named(members: &[&str], given: &[&str]) -> Named {
        Named::of(members, &operations(given), &["getMessages"])
    }

    #[test]
    fn names_never_come_twice_and_have_one_length() {
        let (names, others) = (ResponseNames::default(), ResponseNames::default());
        let given: Vec<String> = (0..5000).map(|n| if n % 2 == 0 { &names } else { &others }.next("x")).collect();
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
        assert!(given.iter().all(|name| name.len() == given[0].len() && is_ours(name)), "{}", given[0]);
        assert!(given[0].starts_with(|c: char| c.is_ascii_alphabetic()), "a GraphQL name begins with a letter");
    }

    #[test]
    fn an_answer_is_told_by_its_names() {
        let ours = ResponseNames::default().next("x");
        assert_eq!(named(&["a", "news"], &["a"]), Named::Given);
        assert_eq!(named(&["b"], &["a", "b"]), Named::Given, "what is missing is that question's own affair");
        assert_eq!(named(&[&ours], &["a"]), Named::Others);
        assert_eq!(named(&["getMessages", &ours], &["a"]), Named::Others, "another request of this process");
        assert_eq!(named(&["getContactList"], &["a"]), Named::Others);
        assert_eq!(named(&["getMessages"], &["a"]), Named::Operation);
        assert_eq!(named(&[], &["a"]), Named::Nothing);
    }

    #[test]
    fn only_a_server_that_never_obeyed_is_taken_for_one_that_ignores_aliases() {
        let names = ResponseNames::default();
        assert!(!names.answered(Named::Operation), "once may be somebody else's answer");
        assert!(names.answered(Named::Operation) && names.are_ignored());
        assert_eq!(names.next("getMessages"), "getMessages");
        assert!(!names.answered(Named::Given) && names.are_ignored(), "the operation's name is the given one now");
        let names = ResponseNames::default();
        names.answered(Named::Given);
        for _ in 0..9 {
            assert!(!names.answered(Named::Operation));
        }
        assert!(!names.are_ignored());
    }
}
