//! What a failure speaks of, and what follows from that for whoever met it. Nobody else matches the kinds of an error: a new
//! kind gets its subject here, and every question below has an answer for it.

use crate::error::{Error, Kind};

use super::{Action, Patience, decide};

/// What a failure speaks of. Those that explain others stand first: an expired token explains a field that failed, and not
/// the other way round.
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
    /// The query's own text: the server does not know something in it.
    Query,
    /// One field of one record.
    Record,
    /// One question. Why it failed, the server does not say.
    Question,
    /// The size of an answer, or how long it takes to make one.
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

/// Returns what a kind of failure speaks of.
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

/// Returns whether the API cannot be reached, or refuses everybody for now.
pub fn is_outage(kind: &Kind) -> bool {
    matches!(decide(kind).action, Action::Retry(Patience::Long) | Action::Pause)
}

/// Returns whether every stream would meet this failure, or nothing should be built upon what failed so.
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

/// Returns whether the query's spelling may be the reason: the server understood the request, and does not know what it asks
/// for or has no such list.
pub fn may_be_of_spelling(kind: &Kind) -> bool {
    matches!(kind, Kind::QueryRejected { .. } | Kind::PartialData)
}

/// Returns whether the other questions of a request may be the reason: the request was too much as a whole, or another
/// question in it was wrong and took this one down with it. What the server says of one question alone is that one's own.
pub fn may_be_of_company(error: &Error) -> bool {
    match subject(&error.kind) {
        Subject::Query | Subject::Size => true,
        Subject::Record | Subject::Question => !error.is_addressed,
        _ => false,
    }
}

/// Returns whether an answer took too long, which says less of a request's size than a refusal does.
pub fn is_slowness(kind: &Kind) -> bool {
    *kind == Kind::TimedOut
}

/// Returns whether the failure says who may not ask, or not now.
pub fn is_denial(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Token | Subject::Scope | Subject::Limit)
}

/// Returns whether the failure denies the whole request, so that an empty list beside it is no answer. A missing scope
/// denies one stream only.
pub fn denies_a_request(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Key | Subject::Token | Subject::Limit)
}

/// Returns whether the failure says no more than that something failed.
pub fn is_general(kind: &Kind) -> bool {
    matches!(kind, Kind::ServerFault | Kind::PartialData | Kind::UnknownFailure)
}

/// Returns whether a server may say so of a parent record that does not exist, when its list is asked for.
pub fn may_mean_no_such_record(kind: &Kind) -> bool {
    matches!(subject(kind), Subject::Question | Subject::Query)
}

/// Returns whether a list that fails so has rows all the same: one of them, or their size, is the reason.
pub fn shows_that_rows_exist(kind: &Kind) -> bool {
    matches!(kind, Kind::FieldFailed { .. } | Kind::TooLarge)
}

/// Returns whether a list that cannot be read for this reason may belong to a record that is gone or was merged into another.
pub fn may_be_of_a_lost_record(kind: &Kind) -> bool {
    may_mean_no_such_record(kind)
        || matches!(
            kind,
            Kind::InsufficientScopes { .. } | Kind::Unauthorized | Kind::OfAnother { .. } | Kind::Contradicted
        )
}

/// Returns whether something in front of the API may refuse the token, so that a new one is worth a request.
pub fn may_be_of_the_token(kind: &Kind) -> bool {
    matches!(kind, Kind::TurnedAway { is_unauthorized: true } | Kind::Fronted { is_unauthorized: true })
}

/// Whom a failure of one partition concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// This partition alone.
    Itself,
    /// Every partition.
    All,
    /// The failure does not say: whether another partition is answered now decides it.
    Unclear,
}

/// Returns whom a failure of one partition concerns.
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
    /// Half as many: the answer was too much.
    Half,
    /// As many as the server names in its refusal. Where it names no number, half as many may help.
    Named,
}

/// Returns how a page of fewer rows may help after this failure, or `None` if it would not.
pub fn fewer_rows(kind: &Kind) -> Option<FewerRows> {
    match kind {
        Kind::TooLarge | Kind::TimedOut => Some(FewerRows::Half),
        Kind::QueryRejected { fields } if fields.is_empty() => Some(FewerRows::Named),
        Kind::UnknownFailure => Some(FewerRows::Named),
        _ => None,
    }
}

/// Returns what a failure is at an address that has worked before: what is no GraphQL there now stands in front of the API,
/// for a while.
pub fn at_a_known_address(kind: Kind) -> Kind {
    match kind {
        Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted => Kind::Fronted { is_unauthorized: false },
        Kind::TurnedAway { is_unauthorized } => Kind::Fronted { is_unauthorized },
        kind => kind,
    }
}

/// Returns what a failure is when a token was asked for: a refused pair of id and secret, whichever word the server uses.
pub fn of_a_token_request(kind: Kind) -> Kind {
    match subject(&kind) {
        Subject::Token | Subject::Scope => Kind::InvalidClient,
        _ => kind,
    }
}

/// Returns whether a destination that fails so must stop the run before anything is read: somebody else is at work there, or
/// what this mirror delivers next would be wrong.
pub fn stops_every_delivery(kind: &Kind) -> bool {
    matches!(kind, Kind::Locked | Kind::DestinationOfAnother)
}

/// Returns whether time alone may mend a destination.
pub fn may_pass_by_itself(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnreachable | Kind::DestinationFull)
}

/// Returns whether a destination could not be read, which says nothing of what lies there.
pub fn is_unread(kind: &Kind) -> bool {
    matches!(kind, Kind::DestinationUnwritable | Kind::DestinationUnreachable)
}

/// Returns whether a delivery failed for the mirror's sake, and not for the destination's.
pub fn is_of_the_mirror(kind: &Kind) -> bool {
    matches!(kind, Kind::MirrorBusy | Kind::MirrorCorrupt | Kind::RecordDamaged)
}

/// Returns whether a request was not made, because the command may make no more: not asked is not refused.
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

    /// Whoever asks for fewer rows must know by whose number.
    #[test]
    fn only_what_speaks_of_a_page_is_met_by_fewer_rows() {
        let met: Vec<Subject> = all().iter().filter(|kind| fewer_rows(kind).is_some()).map(subject).collect();
        assert_eq!(met, [Subject::Size, Subject::Question, Subject::Query, Subject::Size]);
    }
}
