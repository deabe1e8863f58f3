//! Names the thing that a failure is about, and answers the questions of the code that meets it. Examples: may one
//! record be the reason, may a smaller page help?
//!
//! A caller that has a question about an error kind finds it as a function here, instead of matching kinds itself. A
//! new kind then needs a subject in one table, and most functions below answer correctly for it.

use crate::error::{Error, Kind};

use super::{Action, Patience, decide};

/// The thing that a failure is about. The order of the variants matters up to `Record`: of several errors in one
/// answer, the one whose subject comes first explains the others. For example, an expired token explains a field that
/// failed, but not the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The API key: the client id or its secret.
    Key,
    /// The access token.
    Token,
    /// A scope that the API key lacks.
    Scope,
    /// The request limit.
    Limit,
    /// The query itself: the server does not know a name in it.
    Query,
    /// One field of one record.
    Record,
    /// One question of a request failed, and the server gave no reason that points at anything wider.
    Question,
    /// The size of an answer, or the time that the server takes to produce it.
    Size,
    /// The list of one parent record, such as a conversation's messages.
    Partition,
    /// The API as a whole, which does not work for now.
    Api,
    /// The configured address of the API, or the way to it: another server answers, its certificate is not trusted,
    /// or a firewall refuses this machine.
    Address,
    /// The mirror file.
    Mirror,
    /// A destination of the job.
    Destination,
    /// The command line, the settings, or this program itself.
    Command,
}

/// Returns the thing that a kind of failure is about.
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

/// Returns whether a failure that one stream met ends the whole run. Either every other stream would meet the same
/// failure, or the run must not build on its result.
pub fn ends_the_run(kind: &Kind) -> bool {
    decide(kind).action == Action::FailRun || *kind == Kind::Unauthorized
}

/// Returns whether the error tells which record's field failed.
pub fn names_a_record(kind: &Kind) -> bool {
    subject(kind) == Subject::Record
}

/// Returns whether a single record of a page may be the reason that the page fails.
pub fn may_be_of_a_record(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Record | Subject::Question)
}

/// Returns whether the spelling of the query may be the reason. The server then understood the request, but does not
/// know a name in the query, or its answer lacks the list.
pub fn may_be_of_spelling(kind: &Kind) -> bool {
    matches!(kind, Kind::QueryRejected { .. } | Kind::PartialData)
}

/// Returns whether a question may have failed because of the other questions in its request. Either the request was
/// too large as a whole, or another question in it was wrong and made this one fail, too. If the server names the
/// question that failed, the others are not the reason, unless the error is about the query or the size.
pub fn may_be_of_other_questions(error: &Error) -> bool {
    match subject(&error.kind) {
        Subject::Query | Subject::Size => true,
        Subject::Record | Subject::Question => !error.is_addressed,
        _ => false,
    }
}

/// Returns whether the answer took too long. A timeout is weaker evidence of the largest possible request than a
/// refusal.
pub fn is_slowness(kind: &Kind) -> bool {
    *kind == Kind::TimedOut
}

/// Returns whether the server says that the caller may not ask at all, or not at this moment.
pub fn is_denial(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Token | Subject::Scope | Subject::Limit)
}

/// Returns whether the failure denies the whole request. An empty list in the same answer then does not mean that the
/// list is empty. A missing scope denies one stream only, so this returns `false` for it.
pub fn denies_a_request(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Key | Subject::Token | Subject::Limit)
}

/// Returns whether the error gives no reason: something failed, and the server does not say what.
pub fn is_general(kind: &Kind) -> bool {
    matches!(kind, Kind::ServerFault | Kind::PartialData | Kind::UnknownFailure)
}

/// Returns whether a server may answer with this error when it is asked for the list of a parent record that does not
/// exist.
pub fn may_mean_no_such_record(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Question | Subject::Query)
}

/// Returns whether a list that fails with this error has rows, because one of its rows, or their size, is the reason.
pub fn shows_that_rows_exist(kind: &Kind) -> bool {
    matches!(kind, Kind::FieldFailed { .. } | Kind::TooLarge)
}

/// Returns whether a list that fails with this error may belong to a parent record that was deleted or merged into
/// another.
pub fn may_be_of_a_lost_record(kind: &Kind) -> bool {
    may_mean_no_such_record(kind)
        || matches!(
            kind,
            Kind::InsufficientScopes { .. } | Kind::Unauthorized | Kind::OfAnother { .. } | Kind::Contradicted
        )
}

/// Returns whether something in front of the API, such as a proxy, may have refused the token (HTTP 401). Then a
/// request for a new token is worth its cost.
pub fn may_be_of_the_token(kind: &Kind) -> bool {
    matches!(kind, Kind::TurnedAway { is_unauthorized: true } | Kind::Fronted { is_unauthorized: true })
}

/// How many partitions of a stream a failure concerns that one of them met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// Only the partition that met the failure.
    Itself,
    /// Every partition of the stream.
    All,
    /// Unknown. The caller finds out by asking for another partition: if that one is answered, the failure concerns
    /// only the first.
    Unclear,
}

/// Returns which partitions a failure concerns that one partition met.
///
/// | decision about the failure | partitions |
/// |---|---|
/// | a short retry | only this one |
/// | a long retry, a pause, a new token | unclear |
/// | the run fails | all |
/// | the stream fails: too large, rows of another list, contradicted | only this one |
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
    /// Half as many as before, because the answer was too large or too slow.
    Half,
    /// The number that the server names in its refusal. If it names no number, half as many as before may help.
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

/// Returns the kind to use if a failure occurs at an address that has answered as the API before. An answer that is
/// not GraphQL then comes from something in front of the API, for a while: the kind becomes `Fronted` and is retried.
/// Every other kind is returned unchanged.
pub fn at_a_known_address(kind: Kind) -> Kind {
    match kind {
        Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted => Kind::Fronted { is_unauthorized: false },
        Kind::TurnedAway { is_unauthorized } => Kind::Fronted { is_unauthorized },
        kind => kind,
    }
}

/// Returns the kind to use if a failure occurs while a token is requested. A refused token or scope then means a
/// refused client id and secret, because the request carries nothing else. Every other kind is returned unchanged.
pub fn of_a_token_request(kind: Kind) -> Kind {
    match subject(&kind) {
        Subject::Token | Subject::Scope => Kind::InvalidClient,
        _ => kind,
    }
}

/// Returns whether a destination's failure must stop the run before anything is read. Either another run is writing
/// to the destination, or the mirror would deliver wrong data to it next.
pub fn stops_every_delivery(kind: &Kind) -> bool {
    matches!(kind, Kind::Locked | Kind::DestinationOfAnother)
}

/// Returns whether a destination's failure may end without anyone's help, such as a server that cannot be reached.
pub fn may_pass_by_itself(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnreachable | Kind::DestinationFull)
}

/// Returns whether a destination could not be read. Such a failure says nothing about the data in it.
pub fn is_unread(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnwritable | Kind::DestinationUnreachable)
}

/// Returns whether a delivery failed because of the mirror, and not because of the destination.
pub fn is_of_the_mirror(kind: &Kind) -> bool {
    matches!(kind, Kind::MirrorBusy | Kind::MirrorCorrupt | Kind::RecordDamaged)
}

/// Returns whether a request was not sent because the command has used up its requests. The server did not refuse
/// anything then.
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
