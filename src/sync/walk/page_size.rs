//! Chooses a smaller page size after a server has refused a page, or has sent an answer that is too large. Pure.
//!
//! A server that clamps without saying so shows it on the first page. This module is for servers that refuse. A
//! refusal that names a number of rows is believed. After any other, half as many rows are asked for, as long as half
//! is worth a request.

use crate::error::Error;
use crate::policy::{self, FewerRows, Subject};

/// The smallest page worth a request, in rows. If a page of so few rows fails, their number is not the cause.
const LEAST: u32 = 5;
/// Returns how many rows to ask for after a page of `asked` rows failed with `error`, or `None` if fewer rows would
/// not help.
pub fn page(error: &Error, asked: u32) -> Option<u32> {
    let half = || Some(asked / 2).filter(|half| *half >= LEAST);
    match policy::fewer_rows(&error.kind)? {
        FewerRows::Half => half(),
        FewerRows::Named => named(error, asked),
    }
}

/// Returns half of `asked` if a page of `asked` rows was refused without a clear reason: the number of rows may be
/// the reason. Returns `None` for other errors, or if half is not worth a request.
pub fn guess(error: &Error, asked: u32) -> Option<u32> {
    let is_unclear = policy::fewer_rows(&error.kind) == Some(FewerRows::Named);
    Some(asked / 2).filter(|half| is_unclear && *half >= LEAST)
}

/// Returns whether the server refused the number of rows itself, which then holds for every list. An answer that was
/// too large or too slow may be due to one list with large records.
pub fn holds_for_every_list(error: &Error) -> bool {
    policy::subject(&error.kind) != Subject::Size
}

/// Returns the largest number below `asked` that the server names as a limit in its refusal, or `None`.
fn named(error: &Error, asked: u32) -> Option<u32> {
    error.limits.iter().copied().filter(|n| (LEAST..asked).contains(n)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::source::wording;

    fn refusal(kind: Kind, said: &str) -> Error {
        Error { limits: wording::limits(Some(said)), ..Error::new(kind, "the server says no") }
    }

    fn after(kind: Kind, said: &str, asked: u32) -> Option<u32> {
        page(&refusal(kind, said), asked)
    }

    fn rejected() -> Kind {
        Kind::QueryRejected { fields: Vec::new() }
    }

    #[test]
    fn a_number_of_rows_in_a_refusal_is_believed() {
        for said in [
            "the server says: `limit must not be greater than 50` (`BAD_USER_INPUT`)",
            "the server says: `Requesting 100 records on the \"contacts\" connection exceeds the \"first\" limit of 50 records.`",
            "the server says: `perPage: maximum 50, got 100`",
        ] {
            assert_eq!(after(rejected(), said, 100), Some(50), "{said}");
            assert_eq!(after(Kind::UnknownFailure, said, 100), Some(50), "{said}");
            assert_eq!(after(rejected(), said, 50), None, "it is obeyed already: {said}");
        }
    }

    #[test]
    fn an_answer_that_is_too_much_is_met_by_half() {
        assert_eq!(after(Kind::TooLarge, "HTTP 413", 100), Some(50));
        assert_eq!(after(Kind::TimedOut, "HTTP 408", 50), Some(25));
        assert_eq!(after(Kind::TooLarge, "HTTP 413", 9), None, "then it is not the rows");
    }

    #[test]
    fn a_refusal_in_words_that_nobody_knows_may_be_one_of_the_length() {
        let said = || refusal(rejected(), "Sayfa boyutu en fazla 50 olabilir");
        assert_eq!((page(&said(), 100), guess(&said(), 100), guess(&said(), 8)), (None, Some(50), None));
        assert_eq!(guess(&Error::new(Kind::ServerFault, "oops"), 100), None);
    }

    #[test]
    fn another_refusal_is_none_of_its_business() {
        let unknown = Kind::QueryRejected { fields: vec!["limit50".into()] };
        assert_eq!(after(unknown, "Cannot query field \"limit50\" on type \"Query\", at most 20", 100), None);
        assert_eq!(after(rejected(), "Unknown argument \"limit\" on field \"Query.contacts\".", 100), None);
        assert_eq!(after(rejected(), "Expected value of type 20", 100), None);
        assert_eq!(after(Kind::ServerFault, "the limit is 50", 100), None);
    }
}
