//! Pages of fewer rows, where a server refuses large ones or an answer is larger than is taken. Pure.
//!
//! What a server serves in silence is learnt from its first page; this is for those that say no. A refusal that names a
//! number of rows is believed; one that does not is met by half as many, as long as there is a half worth asking for.

use crate::error::{Error, Kind};

/// Fewer rows than this are not worth a request: then it is not the number of rows.
const LEAST: u32 = 5;
/// How many rows to ask for after this failure of a page of `asked`; none where fewer would not help.
pub fn page(error: &Error, asked: u32) -> Option<u32> {
    let half = || Some(asked / 2).filter(|half| *half >= LEAST);
    match error.kind {
        Kind::TooLarge | Kind::TimedOut => half(),
        Kind::QueryRejected { ref fields } if fields.is_empty() => named(error, asked),
        Kind::UnknownFailure => named(error, asked),
        _ => None,
    }
}

/// The same of a refusal that does not say what it is about.
pub fn guess(error: &Error, asked: u32) -> Option<u32> {
    let unclear = matches!(&error.kind, Kind::QueryRejected { fields } if fields.is_empty())
        || error.kind == Kind::UnknownFailure;
    Some(asked / 2).filter(|half| unclear && *half >= LEAST)
}

/// Whether it was the server's own number, which holds for every list.
pub fn is_named(error: &Error) -> bool {
    !matches!(error.kind, Kind::TooLarge | Kind::TimedOut)
}

/// The largest number below `asked` in a refusal that speaks of a page's size.
fn named(error: &Error, asked: u32) -> Option<u32> {
    error.limits.iter().copied().filter(|n| (LEAST..asked).contains(n)).max()
}

#[cfg(test)]
mod tests {
    use super::*;
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
