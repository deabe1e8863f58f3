//! Says what a failure is about, and what follows from that for the code that met it.
//!
//! A question about a kind belongs here, and not into a match at its caller. A new kind then gets its subject here,
//! and most questions below have an answer for it.

use crate::error::{Error, Kind};

use super::{Action, Patience, decide};

/// What a failure is about. A subject that explains others stands before them: an expired token explains a field that
/// failed, and not the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The client id or its secret.
    Key,
    /// The token.
    Token,
    /// A scope of the key.
    Scope,
    /// The limit of requests.
    Limit,
    /// The query's own text: the server does not know a name in it.
    Query,
    /// One field of one record.
    Record,
    /// One question. The server does not say why it failed.
    Question,
    /// The size of an answer, or how long the server takes to make one.
    Size,
    /// The list of one parent record: a conversation's messages.
    Partition,
    /// The API as a whole, for now.
    Api,
    /// The address: something else answers there.
    Address,
    /// The mirror.
    Mirror,
    /// A destination.
    Destination,
    /// The command, its settings, or this program.
    Command,
}

/// Returns what a kind of failure is about.
pub fn subject(kind: &Kind) -> Subject {
    match kind {
        Kind::InvalidClient => Subject::Key,
        Kind::Unauthorized | Kind::TokenExpired => Subject::Token,
        Kind::InsufficientScopes { .. } => Subject::Scope,
        Kind::RateLimited => Subject::Limit,
        Kind::QueryRejected { .. } => Subject::Query,
        Kind::FieldFailed { .. } => Subject::Record,
        Kind::PartialData | Kind::UnknownFailure => Subject::Question,
        Kind::TooLarge | Kind::TimedOut => Subject::Size,
        Kind::ParentIgnored | Kind::OfAnother { .. } | Kind::Contradicted => Subject::Partition,
        Kind::ServerFault | Kind::Network | Kind::Garbled | Kind::Fronted { .. } => Subject::Api,
        Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted | Kind::TurnedAway { .. } => Subject::Address,
        Kind::MirrorMissing
        | Kind::MirrorUnwritable
        | Kind::NoTemporaryFiles
        | Kind::MirrorBusy
        | Kind::MirrorFull
        | Kind::MirrorCorrupt
        | Kind::RecordDamaged
        | Kind::MirrorNewer
        | Kind::CheckpointRefused
        | Kind::DeletesRefused => Subject::Mirror,
        Kind::DestinationUnwritable
        | Kind::DestinationFull
        | Kind::DestinationUnreachable
        | Kind::DestinationRefused
        | Kind::DestinationOfAnother
        | Kind::Verification => Subject::Destination,
        Kind::Usage | Kind::Locked | Kind::OutputCut | Kind::Spent | Kind::Stopped | Kind::Internal => Subject::Command,
    }
}

/// Returns whether the API cannot be reached, or refuses every request for now.
pub fn is_outage(kind: &Kind) -> bool {
    matches!(decide(kind).action, Action::Retry(Patience::Long) | Action::Pause)
}

/// Returns whether the failure of one stream ends the run. Either every stream would meet it, or the run must not
/// build on what failed.
pub fn ends_the_run(kind: &Kind) -> bool {
    decide(kind).action == Action::FailRun || *kind == Kind::Unauthorized
}

/// Returns whether the failure names a record whose field failed.
pub fn names_a_record(kind: &Kind) -> bool {
    subject(kind) == Subject::Record
}

/// Returns whether one record of a page may be the reason that the page fails.
pub fn may_be_of_a_record(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Record | Subject::Question)
}

/// Returns whether the query's spelling may be the reason: the server understood the request, but it does not know
/// what the query asks for, or its answer lacks the list.
pub fn may_be_of_spelling(kind: &Kind) -> bool {
    matches!(kind, Kind::QueryRejected { .. } | Kind::PartialData)
}

/// Returns whether the other questions of the request may be the reason. Either the request was too much as a whole,
/// or another question in it was wrong and took this one down with it. An error that the server addresses to one
/// question is that question's own, unless it is about the query's text or the size.
pub fn may_be_of_other_questions(error: &Error) -> bool {
    match subject(&error.kind) {
        Subject::Query | Subject::Size => true,
        Subject::Record | Subject::Question => !error.is_addressed,
        _ => false,
    }
}

/// Returns whether the answer took too long. That says less about how much a request may carry than a refusal does.
pub fn is_slowness(kind: &Kind) -> bool {
    *kind == Kind::TimedOut
}

/// Returns whether the server says that the caller may not ask, or may not ask now.
pub fn is_denial(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Token | Subject::Scope | Subject::Limit)
}

/// Returns whether the failure denies the whole request, so that an empty list beside it is no answer. A missing
/// scope is not among these, because it denies one stream only.
pub fn denies_a_request(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Key | Subject::Token | Subject::Limit)
}

/// Returns whether the failure says only that something failed.
pub fn is_general(kind: &Kind) -> bool {
    matches!(kind, Kind::ServerFault | Kind::PartialData | Kind::UnknownFailure)
}

/// Returns whether a server may answer so when it is asked for the list of a parent record that does not exist.
pub fn may_mean_no_such_record(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Question | Subject::Query)
}

/// Returns whether a list that fails so must have rows: one of its rows, or their size, is the reason.
pub fn shows_that_rows_exist(kind: &Kind) -> bool {
    matches!(kind, Kind::FieldFailed { .. } | Kind::TooLarge)
}

/// Returns whether a list that cannot be read for this reason may belong to a record that is gone or was merged into
/// another.
pub fn may_be_of_a_lost_record(kind: &Kind) -> bool {
    may_mean_no_such_record(kind)
        || matches!(
            kind,
            Kind::InsufficientScopes { .. } | Kind::Unauthorized | Kind::OfAnother { .. } | Kind::Contradicted
        )
}

/// Returns whether something in front of the API may have refused the token (HTTP 401), so that a new token is worth
/// a request.
pub fn may_be_of_the_token(kind: &Kind) -> bool {
    matches!(kind, Kind::TurnedAway { is_unauthorized: true } | Kind::Fronted { is_unauthorized: true })
}

/// Which partitions a failure of one partition concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// This partition alone.
    Itself,
    /// Every partition.
    All,
    /// Unknown: the failure does not say. The caller finds out by asking whether another partition is answered now.
    Unclear,
}

/// Returns which partitions a failure of one partition concerns.
///
/// | decision about the failure | partitions |
/// |---|---|
/// | a short retry | this one |
/// | a long retry, a pause, a new token | unclear |
/// | the run fails | all |
/// | the stream fails: too large, rows of another list, contradicted | this one |
/// | the stream fails: the query is refused and no field is named | unclear |
/// | the stream fails: anything else | all |
pub fn concerns(kind: &Kind) -> Concerns {
    match decide(kind).action {
        Action::Retry(Patience::Short) => Concerns::Itself,
        Action::Retry(Patience::Long) | Action::Renew | Action::RenewOnce | Action::Pause => Concerns::Unclear,
        Action::FailRun => Concerns::All,
        Action::FailStream => match kind {
            Kind::TooLarge | Kind::OfAnother { .. } | Kind::Contradicted => Concerns::Itself,
            Kind::QueryRejected { fields } if fields.is_empty() => Concerns::Unclear,
            _ => Concerns::All,
        },
    }
}

/// How many rows to ask for after a page that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FewerRows {
    /// Half as many, because the answer was too much.
    Half,
    /// As many as the server names in its refusal. If it names no number, half as many may help.
    Named,
}

/// Returns how many rows to ask for after this failure, or `None` if a smaller page would not help.
pub fn fewer_rows(kind: &Kind) -> Option<FewerRows> {
    match kind {
        Kind::TooLarge | Kind::TimedOut => Some(FewerRows::Half),
        Kind::QueryRejected { fields } if fields.is_empty() => Some(FewerRows::Named),
        Kind::UnknownFailure => Some(FewerRows::Named),
        _ => None,
    }
}

/// Returns what a failure is at an address that has answered as the API before. An answer there that is not GraphQL
/// then comes from something that stands in front of the API for a while.
pub fn at_a_known_address(kind: Kind) -> Kind {
    match kind {
        Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted => Kind::Fronted { is_unauthorized: false },
        Kind::TurnedAway { is_unauthorized } => Kind::Fronted { is_unauthorized },
        kind => kind,
    }
}

/// Returns what a failure is when a token was asked for. A refused token or scope is then a refused pair of client id
/// and secret, because the request carries nothing else.
pub fn of_a_token_request(kind: Kind) -> Kind {
    match subject(&kind) {
        Subject::Token | Subject::Scope => Kind::InvalidClient,
        _ => kind,
    }
}

/// Returns whether a destination's failure must stop the run before anything is read. Either another run is at work
/// there, or what this mirror would deliver next would be wrong.
pub fn stops_every_delivery(kind: &Kind) -> bool {
    matches!(kind, Kind::Locked | Kind::DestinationOfAnother)
}

/// Returns whether a destination may recover by itself, in time.
pub fn may_pass_by_itself(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnreachable | Kind::DestinationFull)
}

/// Returns whether a destination could not be read. Such a failure says nothing about what lies there.
pub fn is_unread(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnwritable | Kind::DestinationUnreachable)
}

/// Returns whether a delivery failed because of the mirror, and not because of the destination.
pub fn is_of_the_mirror(kind: &Kind) -> bool {
    matches!(kind, Kind::MirrorBusy | Kind::MirrorCorrupt | Kind::RecordDamaged)
}

/// Returns whether a request was not made, because the command may make no more. A question that was not asked is not
/// a question that was refused.
pub fn was_not_asked(kind: &Kind) -> bool {
    *kind == Kind::Spent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::all;

    #[test]
    fn what_is_of_one_question_ends_no_run() {
        for kind in all() {
            if may_be_of_a_record(&kind) || concerns(&kind) == Concerns::Itself {
                assert!(!ends_the_run(&kind) && !is_outage(&kind), "{kind:?}");
            }
        }
    }

    #[test]
    fn an_outage_is_no_word_on_key_or_query() {
        for kind in all().into_iter().filter(is_outage) {
            assert!(
                !matches!(subject(&kind), Subject::Key | Subject::Token | Subject::Scope | Subject::Query),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn an_address_that_worked_is_never_wrong() {
        for kind in all() {
            let known = at_a_known_address(kind.clone());
            assert_ne!(subject(&known), Subject::Address, "{kind:?}");
            assert_eq!(known == kind, subject(&kind) != Subject::Address, "{kind:?}");
        }
    }

    /// Only a failure that is about the size of a page, or may be, is met by asking for fewer rows.
    #[test]
    fn only_what_speaks_of_a_page_is_met_by_fewer_rows() {
        let met: Vec<Subject> = all().iter().filter(|kind| fewer_rows(kind).is_some()).map(subject).collect();
        assert_eq!(met, [Subject::Size, Subject::Question, Subject::Query, Subject::Size]);
    }
}
