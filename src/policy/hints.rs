//! Tells the operator what to do next about an error of each kind. No kind is without a hint, and none shares one that
//! does not help.

use crate::error::Kind;

/// Returns what the operator should do about an error of this kind.
#[allow(clippy::too_many_lines)] // one table
pub(super) fn hint(kind: &Kind) -> &'static str {
    match kind {
        Kind::Usage => {
            "see `qpien-sync help` and the comments in the job file; `run --print-config` shows where each value came from"
        }
        Kind::Locked => "wait for the other run, or give this one a mirror and an output folder of its own",
        Kind::InvalidClient => {
            "check QPIEN_CLIENT_ID and QPIEN_CLIENT_SECRET, or the account's own, against the API key in the Qpien dashboard"
        }
        Kind::Unauthorized => {
            "the server refused a token it had just made: is the API key still active, and is [source.dialect] authorization_prefix right?"
        }
        Kind::TokenExpired => {
            "the server calls every new token expired: compare this machine's clock and the key's state in the dashboard"
        }
        Kind::InsufficientScopes { .. } => {
            "enable the scope for this API key in the Qpien dashboard and run again; a new token is made by itself"
        }
        Kind::RateLimited => {
            "something else uses this API key's budget: lower requests_per_minute, or give this job a key of its own"
        }
        Kind::ServerFault => "the API is failing: run again later, nothing fetched is lost",
        Kind::Network => "check the endpoint, DNS, the proxy variables and the network",
        Kind::TimedOut => "the API does not answer in time: run again later, or lower [source] page_size",
        Kind::Garbled => {
            "answers arrive cut or are not JSON: is a proxy in between, and is the endpoint the GraphQL address?"
        }
        Kind::PartialData => {
            "the server gives incomplete data for this question; the rest of the run went on, run again to ask once more"
        }
        Kind::FieldFailed { .. } => {
            "the server fails to give a field of one record: leave the field out with drop = [\"field\"], or tell the API's support which record it is"
        }
        Kind::ParentIgnored => {
            "ask the API's support how one conversation's messages are asked for, and write the argument's name: [source.dialect.streams.messages] parent = \"name\""
        }
        Kind::Contradicted => "tell the API's support which of its answers contradict each other; each run asks again",
        Kind::OfAnother { .. } => {
            "tell the API's support which conversation is asked for and whose messages it shows; each run asks again"
        }
        Kind::UnknownFailure => {
            "the server names a failure we do not know; [source.dialect.codes] can say what its code means"
        }
        Kind::QueryRejected { .. } => {
            "the API is spelled differently here: write what it calls this into [source.dialect] of the job file, or leave the field out with drop = [\"field\"]"
        }
        Kind::WrongEndpoint => "check QPIEN_ENDPOINT: the documented address is https://api.qpien.com/api/v1",
        Kind::Redirected => {
            "set the endpoint to the address the API really has; credentials are not sent after a redirect"
        }
        Kind::Untrusted => {
            "is the endpoint right, and is a proxy in between? Its root certificate belongs in this system's store; dates are judged by this machine's clock"
        }
        Kind::TurnedAway { .. } => {
            "something in front of the API refuses: does a firewall let this machine's address through, does a proxy ask for a login, and is QPIEN_ENDPOINT right?"
        }
        Kind::Fronted { .. } => {
            "something in front of the API answers in its place, a firewall, a proxy or a maintenance page: run again later, nothing fetched is lost; if it lasts, ask whether this machine's address is let through"
        }
        Kind::TooLarge => "lower [source] page_size, or raise [source] max_response",
        Kind::MirrorMissing => "run the job once (`qpien-sync run JOB`), or say with --mirror where its mirror lies",
        Kind::MirrorUnwritable => "make the folder of [mirror] path writable, or choose another with --mirror",
        Kind::NoTemporaryFiles => {
            "name a folder that can be written in TMPDIR or SQLITE_TMPDIR (in a container: mount one at /tmp); then `qpien-sync export JOB` delivers what is in the mirror"
        }
        Kind::MirrorBusy => {
            "a program has the mirror open for writing: save or close what edits it, let a backup or VACUUM end, then run again; it goes on where this run ended"
        }
        Kind::MirrorFull => "free some space and run again: it goes on where this run ended",
        Kind::MirrorCorrupt => {
            "keep the file for inspection, and put back a copy of it or start a new mirror with --mirror; nothing was deleted"
        }
        Kind::RecordDamaged => {
            "run the job again: it reads the record's list whole and writes the record again, and its stream is delivered then; look at the disk, for something else has changed the mirror"
        }
        Kind::MirrorNewer => "run the newer qpien-sync that made this mirror",
        Kind::CheckpointRefused => "a defect, or two writers on one mirror: nothing was stored; please report it",
        Kind::DeletesRefused => {
            "look at the source: when the records are really gone, `run --allow-deletes` goes through with it"
        }
        Kind::DestinationUnwritable => {
            "make the place writable (its rights, its space, the way there), then `qpien-sync export JOB` delivers what is in the mirror: no request is needed"
        }
        Kind::DestinationFull => {
            "free some space there; the next run delivers what is in the mirror, and so does `qpien-sync export JOB`: no request is needed"
        }
        Kind::DestinationUnreachable => {
            "look at the way there and at its server; the next run delivers what is in the mirror, and so does `qpien-sync export JOB`: no request is needed"
        }
        Kind::DestinationRefused | Kind::DestinationOfAnother => {
            "give the job a place of its own, or empty that one: the mirror fills it again without a request"
        }
        Kind::Verification => {
            "something else has written there, or a disk has failed: a snapshot is made whole by `qpien-sync export JOB`, changes by emptying their place first; neither needs a request"
        }
        Kind::OutputCut => {
            "what was written is not all of it: free some space, or write it elsewhere, and run the command again"
        }
        Kind::Spent => "a run settles what was not asked, and `qpien-sync discover JOB` shows it",
        Kind::Stopped => "run the same command again: it goes on where this one stopped",
        Kind::Internal => "a defect of qpien-sync: please report the line above",
    }
}
