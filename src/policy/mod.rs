//! Decides what each kind of failure leads to. Retry loops, streams, deliveries and the exit code all ask this
//! module, instead of matching the kinds of an error themselves.
//!
//! Three exhaustive tables hold the decisions, so that a new kind does not compile until someone decides about it.
//! [`decide`] returns the action and the exit code, and `hints.rs` tells the operator what to do next. The exit code is
//! that of this failure alone: a run ([`crate::report::run_report`]) and a delivery ([`crate::delivery::handover`]) have
//! several outcomes to sum up. [`Subject`] names the thing that a
//! failure is about, such as the token or one record. The functions beside it answer the retry loops' questions,
//! mostly from the subject.

mod exit;
mod hints;
mod subject;

use crate::error::Kind;

pub use self::exit::Exit;
use self::hints::hint;
pub use self::subject::*;

/// What the program does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Ask again after a delay, for as long as the [`Patience`] allows.
    Retry(Patience),
    /// Pause every request until the request limit resets, then ask again.
    Pause,
    /// Renew the token that the server called expired, and ask again at once.
    Renew,
    /// Renew the token and ask again. Give up when the failure comes back with two new tokens in a row, because then
    /// the token is not the reason. (For a missing scope, one new token is enough: `source` renews once a stream.)
    RenewOnce,
    /// Fail this stream and go on with the others, because asking again gives the same answer.
    FailStream,
    /// End the run, because nothing else in it can succeed or is safe to do.
    FailRun,
}

/// How long to retry a failure. The job's settings give the exact durations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Minutes: something outside is broken and will probably be repaired.
    Long,
    /// Seconds: the same question will probably fail the same way again.
    Short,
}

/// What a kind of failure leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the program does about the failure.
    pub action: Action,
    /// The exit code if this failure ends the run.
    pub exit: Exit,
    /// What the operator can do about the failure, in one line.
    pub hint: &'static str,
}

/// Returns the action, the exit code and the hint for a kind of failure.
pub fn decide(kind: &Kind) -> Decision {
    use Action::{FailRun, FailStream, Pause, Renew, RenewOnce, Retry};
    let (action, exit) = match kind {
        Kind::Usage
        | Kind::MirrorMissing
        | Kind::MirrorUnwritable
        | Kind::DestinationRefused
        | Kind::DestinationOfAnother => (FailRun, Exit::Usage),
        Kind::Locked | Kind::MirrorBusy => (FailRun, Exit::Locked),
        Kind::InvalidClient => (FailRun, Exit::Credentials),
        Kind::Unauthorized | Kind::InsufficientScopes { .. } => (RenewOnce, Exit::Credentials),
        Kind::TokenExpired => (Renew, Exit::Credentials),
        Kind::RateLimited => (Pause, Exit::Unavailable),
        Kind::ServerFault | Kind::Network | Kind::TimedOut | Kind::Garbled | Kind::Fronted { .. } => {
            (Retry(Patience::Long), Exit::Unavailable)
        }
        Kind::PartialData | Kind::FieldFailed { .. } | Kind::UnknownFailure => {
            (Retry(Patience::Short), Exit::Unavailable)
        }
        Kind::ParentIgnored
        | Kind::Contradicted
        | Kind::OfAnother { .. }
        | Kind::QueryRejected { .. }
        | Kind::TooLarge => (FailStream, Exit::Incomplete),
        Kind::WrongEndpoint | Kind::Redirected | Kind::Untrusted | Kind::TurnedAway { .. } => {
            (FailRun, Exit::Unavailable)
        }
        Kind::NoTemporaryFiles
        | Kind::MirrorFull
        | Kind::DestinationUnwritable
        | Kind::DestinationFull
        | Kind::DestinationUnreachable
        | Kind::OutputCut
        | Kind::Internal => (FailRun, Exit::Failed),
        Kind::MirrorCorrupt
        | Kind::RecordDamaged
        | Kind::MirrorNewer
        | Kind::CheckpointRefused
        | Kind::Verification => (FailRun, Exit::Integrity),
        Kind::DeletesRefused => (FailStream, Exit::Integrity),
        Kind::Spent => (FailRun, Exit::Incomplete),
        Kind::Stopped => (FailRun, Exit::Stopped),
    };
    Decision { action, exit, hint: hint(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of failure.
    pub(super) fn all() -> Vec<Kind> {
        let kinds = vec![
            Kind::Usage,
            Kind::Locked,
            Kind::InvalidClient,
            Kind::Unauthorized,
            Kind::TokenExpired,
            Kind::InsufficientScopes { required: None },
            Kind::RateLimited,
            Kind::ServerFault,
            Kind::Network,
            Kind::TimedOut,
            Kind::Garbled,
            Kind::PartialData,
            Kind::FieldFailed { field: None },
            Kind::UnknownFailure,
            Kind::QueryRejected { fields: Vec::new() },
            Kind::WrongEndpoint,
            Kind::Redirected,
            Kind::Untrusted,
            Kind::TurnedAway { is_unauthorized: false },
            Kind::Fronted { is_unauthorized: false },
            Kind::TooLarge,
            Kind::MirrorMissing,
            Kind::MirrorUnwritable,
            Kind::NoTemporaryFiles,
            Kind::MirrorBusy,
            Kind::MirrorFull,
            Kind::MirrorCorrupt,
            Kind::RecordDamaged,
            Kind::MirrorNewer,
            Kind::CheckpointRefused,
            Kind::ParentIgnored,
            Kind::OfAnother { named: String::new() },
            Kind::Contradicted,
            Kind::DeletesRefused,
            Kind::DestinationUnwritable,
            Kind::DestinationFull,
            Kind::DestinationUnreachable,
            Kind::DestinationRefused,
            Kind::DestinationOfAnother,
            Kind::Verification,
            Kind::OutputCut,
            Kind::Spent,
            Kind::Stopped,
            Kind::Internal,
        ];
        // A new kind does not compile here until the list above has it, too.
        for kind in &kinds {
            match kind {
                Kind::Usage
                | Kind::Locked
                | Kind::InvalidClient
                | Kind::Unauthorized
                | Kind::TokenExpired
                | Kind::InsufficientScopes { .. }
                | Kind::RateLimited
                | Kind::ServerFault
                | Kind::Network
                | Kind::TimedOut
                | Kind::Garbled
                | Kind::PartialData
                | Kind::FieldFailed { .. }
                | Kind::UnknownFailure
                | Kind::QueryRejected { .. }
                | Kind::WrongEndpoint
                | Kind::Redirected
                | Kind::Untrusted
                | Kind::TurnedAway { .. }
                | Kind::Fronted { .. }
                | Kind::TooLarge
                | Kind::MirrorMissing
                | Kind::MirrorUnwritable
                | Kind::NoTemporaryFiles
                | Kind::MirrorBusy
                | Kind::MirrorFull
                | Kind::MirrorCorrupt
                | Kind::RecordDamaged
                | Kind::MirrorNewer
                | Kind::CheckpointRefused
                | Kind::ParentIgnored
                | Kind::OfAnother { .. }
                | Kind::Contradicted
                | Kind::DeletesRefused
                | Kind::DestinationUnwritable
                | Kind::DestinationFull
                | Kind::DestinationUnreachable
                | Kind::DestinationRefused
                | Kind::DestinationOfAnother
                | Kind::Verification
                | Kind::OutputCut
                | Kind::Spent
                | Kind::Stopped
                | Kind::Internal => {}
            }
        }
        kinds
    }

    #[test]
    fn the_readme_names_every_cause_in_the_row_of_its_exit_code() {
        let readme = include_str!("../../README.md");
        let (_, table) = readme.split_once("| exit code | means | causes |").expect("the table");
        let rows: Vec<(u8, Vec<&str>)> = table
            .lines()
            .skip(2)
            .map_while(|line| line.strip_prefix("| "))
            .map(|line| {
                let mut cells = line.split('|').map(str::trim);
                let code = cells.next().and_then(|code| code.parse().ok()).expect(line);
                let causes = cells.nth(1).expect(line).split(';').next().expect(line);
                (code, causes.split(" · ").filter(|cause| !cause.is_empty()).collect())
            })
            .collect();
        assert_eq!(rows.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6, 7, 11]);
        let kinds = all();
        for kind in &kinds {
            let told: Vec<u8> =
                rows.iter().filter(|(_, causes)| causes.contains(&kind.words())).map(|(code, _)| *code).collect();
            assert_eq!(told, [decide(kind).exit.code()], "{kind:?}: {}", kind.words());
        }
        for cause in rows.iter().flat_map(|(_, causes)| causes) {
            assert!(kinds.iter().any(|kind| kind.words() == *cause), "nothing fails so: {cause}");
        }
    }

    /// A failure that is retried by itself never ends in exit code 2, 5 or 7, because those wait for a person.
    #[test]
    fn what_may_pass_by_itself_has_an_exit_code_that_is_tried_again() {
        for kind in all() {
            let Decision { action, exit, .. } = decide(&kind);
            if matches!(action, Action::Retry(_) | Action::Pause) {
                assert!(!matches!(exit, Exit::Usage | Exit::Credentials | Exit::Integrity), "{kind:?}");
            }
        }
    }

    #[test]
    fn only_what_can_change_is_asked_again() {
        assert_eq!(decide(&Kind::InvalidClient).action, Action::FailRun);
        assert_eq!(decide(&Kind::TokenExpired).action, Action::Renew);
        assert_eq!(decide(&Kind::QueryRejected { fields: Vec::new() }).action, Action::FailStream);
        assert_eq!(decide(&Kind::ServerFault).action, Action::Retry(Patience::Long));
        assert_eq!(decide(&Kind::UnknownFailure).action, Action::Retry(Patience::Short));
    }
}
