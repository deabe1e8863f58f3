//! Decides what each kind of failure leads to. Retry loops, streams, deliveries and the exit code all ask this
//! module, instead of matching the kinds of an error themselves.
//!
//! Two exhaustive tables hold the decisions, so that a new kind does not compile until someone decides about it.
//! [`decide`] returns the action, the exit code, and a hint for the operator. [`Subject`] names the thing that a
//! failure is about, such as the token or one record. The functions beside it answer the retry loops' questions,
//! mostly from the subject.

mod exit;
mod subject;

use crate::error::Kind;

pub use self::exit::Exit;
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
#[allow(clippy::too_many_lines)] // one table
pub fn decide(kind: &Kind) -> Decision {
    use Action::{FailRun, FailStream, Pause, Renew, RenewOnce, Retry};
    let (action, exit, hint) = match kind {
        Kind::Usage => (
            FailRun,
            Exit::Usage,
            "see `qpien-sync help` and the comments in the job file; `run --print-config` shows where each value came from",
        ),
        Kind::Locked => {
            (FailRun, Exit::Locked, "wait for the other run, or give this one a mirror and an output folder of its own")
        }
        Kind::InvalidClient => (
            FailRun,
            Exit::Credentials,
            "check QPIEN_CLIENT_ID and QPIEN_CLIENT_SECRET, or the account's own, against the API key in the Qpien dashboard",
        ),
        Kind::Unauthorized => (
            RenewOnce,
            Exit::Credentials,
            "the server refused a token it had just made: is the API key still active, and is [source.dialect] authorization_prefix right?",
        ),
        Kind::TokenExpired => (
            Renew,
            Exit::Credentials,
            "the server calls every new token expired: compare this machine's clock and the key's state in the dashboard",
        ),
        Kind::InsufficientScopes { .. } => (
            RenewOnce,
            Exit::Credentials,
            "enable the scope for this API key in the Qpien dashboard and run again; a new token is made by itself",
        ),
        Kind::RateLimited => (
            Pause,
            Exit::Unavailable,
            "something else uses this API key's budget: lower requests_per_minute, or give this job a key of its own",
        ),
        Kind::ServerFault => {
            (Retry(Patience::Long), Exit::Unavailable, "the API is failing: run again later, nothing fetched is lost")
        }
        Kind::Network => {
            (Retry(Patience::Long), Exit::Unavailable, "check the endpoint, DNS, the proxy variables and the network")
        }
        Kind::TimedOut => (
            Retry(Patience::Long),
            Exit::Unavailable,
            "the API does not answer in time: run again later, or lower [source] page_size",
        ),
        Kind::Garbled => (
            Retry(Patience::Long),
            Exit::Unavailable,
            "answers arrive cut or are not JSON: is a proxy in between, and is the endpoint the GraphQL address?",
        ),
        Kind::PartialData => (
            Retry(Patience::Short),
            Exit::Unavailable,
            "the server gives incomplete data for this question; the rest of the run went on, run again to ask once more",
        ),
        Kind::FieldFailed { .. } => (
            Retry(Patience::Short),
            Exit::Unavailable,
            "the server fails to give a field of one record: leave the field out with drop = [\"field\"], or tell the API's support which record it is",
        ),
        Kind::ParentIgnored => (
            FailStream,
            Exit::Incomplete,
            "ask the API's support how one conversation's messages are asked for, and write the argument's name: [source.dialect.streams.messages] parent = \"name\"",
        ),
        Kind::Contradicted => (
            FailStream,
            Exit::Incomplete,
            "tell the API's support which of its answers contradict each other; each run asks again",
        ),
        Kind::OfAnother { .. } => (
            FailStream,
            Exit::Incomplete,
            "tell the API's support which conversation is asked for and whose messages it shows; each run asks again",
        ),
        Kind::UnknownFailure => (
            Retry(Patience::Short),
            Exit::Unavailable,
            "the server names a failure we do not know; [source.dialect.codes] can say what its code means",
        ),
        Kind::QueryRejected { .. } => (
            FailStream,
            Exit::Incomplete,
            "the API is spelled differently here: write what it calls this into [source.dialect] of the job file, or leave the field out with drop = [\"field\"]",
        ),
        Kind::WrongEndpoint => {
            (FailRun, Exit::Unavailable, "check QPIEN_ENDPOINT: the documented address is https://api.qpien.com/api/v1")
        }
        Kind::Redirected => (
            FailRun,
            Exit::Unavailable,
            "set the endpoint to the address the API really has; credentials are not sent after a redirect",
        ),
        Kind::Untrusted => (
            FailRun,
            Exit::Unavailable,
            "is the endpoint right, and is a proxy in between? Its root certificate belongs in this system's store; dates are judged by this machine's clock",
        ),
        Kind::TurnedAway { .. } => (
            FailRun,
            Exit::Unavailable,
            "something in front of the API refuses: does a firewall let this machine's address through, does a proxy ask for a login, and is QPIEN_ENDPOINT right?",
        ),
        Kind::Fronted { .. } => (
            Retry(Patience::Long),
            Exit::Unavailable,
            "something in front of the API answers in its place, a firewall, a proxy or a maintenance page: run again later, nothing fetched is lost; if it lasts, ask whether this machine's address is let through",
        ),
        Kind::TooLarge => (FailStream, Exit::Incomplete, "lower [source] page_size, or raise [source] max_response"),
        Kind::MirrorMissing => (
            FailRun,
            Exit::Usage,
            "run the job once (`qpien-sync run JOB`), or say with --mirror where its mirror lies",
        ),
        Kind::MirrorUnwritable => {
            (FailRun, Exit::Usage, "make the folder of [mirror] path writable, or choose another with --mirror")
        }
        Kind::NoTemporaryFiles => (
            FailRun,
            Exit::Failed,
            "name a folder that can be written in TMPDIR or SQLITE_TMPDIR (in a container: mount one at /tmp); then `qpien-sync export JOB` delivers what is in the mirror",
        ),
        Kind::MirrorBusy => (
            FailRun,
            Exit::Locked,
            "a program has the mirror open for writing: save or close what edits it, let a backup or VACUUM end, then run again; it goes on where this run ended",
        ),
        Kind::MirrorFull => (FailRun, Exit::Failed, "free some space and run again: it goes on where this run ended"),
        Kind::MirrorCorrupt => (
            FailRun,
            Exit::Integrity,
            "keep the file for inspection, and put back a copy of it or start a new mirror with --mirror; nothing was deleted",
        ),
        Kind::RecordDamaged => (
            FailRun,
            Exit::Integrity,
            "run the job again: it reads the record's list whole and writes the record again, and its stream is delivered then; look at the disk, for something else has changed the mirror",
        ),
        Kind::MirrorNewer => (FailRun, Exit::Integrity, "run the newer qpien-sync that made this mirror"),
        Kind::CheckpointRefused => {
            (FailRun, Exit::Integrity, "a defect, or two writers on one mirror: nothing was stored; please report it")
        }
        Kind::DeletesRefused => (
            FailStream,
            Exit::Integrity,
            "look at the source: when the records are really gone, `run --allow-deletes` goes through with it",
        ),
        Kind::DestinationUnwritable => (
            FailRun,
            Exit::Failed,
            "make the place writable (its rights, its space, the way there), then `qpien-sync export JOB` delivers what is in the mirror: no request is needed",
        ),
        Kind::DestinationFull => (
            FailRun,
            Exit::Failed,
            "free some space there; the next run delivers what is in the mirror, and so does `qpien-sync export JOB`: no request is needed",
        ),
        Kind::DestinationUnreachable => (
            FailRun,
            Exit::Failed,
            "look at the way there and at its server; the next run delivers what is in the mirror, and so does `qpien-sync export JOB`: no request is needed",
        ),
        Kind::DestinationRefused | Kind::DestinationOfAnother => (
            FailRun,
            Exit::Usage,
            "give the job a place of its own, or empty that one: the mirror fills it again without a request",
        ),
        Kind::Verification => (
            FailRun,
            Exit::Integrity,
            "something else has written there, or a disk has failed: a snapshot is made whole by `qpien-sync export JOB`, changes by emptying their place first; neither needs a request",
        ),
        Kind::OutputCut => (
            FailRun,
            Exit::Failed,
            "what was written is not all of it: free some space, or write it elsewhere, and run the command again",
        ),
        Kind::Spent => {
            (FailRun, Exit::Incomplete, "a run settles what was not asked, and `qpien-sync discover JOB` shows it")
        }
        Kind::Stopped => (FailRun, Exit::Stopped, "run the same command again: it goes on where this one stopped"),
        Kind::Internal => (FailRun, Exit::Failed, "a defect of qpien-sync: please report the line above"),
    };
    Decision { action, exit, hint }
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
