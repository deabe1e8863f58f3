//! The kinds of failure, as one closed set. What a kind leads to is decided in [`crate::policy`] and nowhere else.

/// The kinds of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A flag, an environment variable or a job file is wrong.
    Usage,
    /// Another run holds the mirror or the output folder.
    Locked,
    /// `INVALID_CLIENT` (documented): the client id or secret is wrong.
    InvalidClient,
    /// `UNAUTHORIZED` (documented): the token is missing or invalid.
    Unauthorized,
    /// `TOKEN_EXPIRED` (documented): the token has expired, and a new one is needed.
    TokenExpired,
    /// `INSUFFICIENT_SCOPES` (documented): the key lacks a permission.
    InsufficientScopes {
        /// The scope to enable, from `extensions.requiredScope`. `None` if the server does not name it.
        required: Option<String>,
    },
    /// The request limit is exceeded: 429 (documented), as an HTTP status or as a code in a body.
    RateLimited,
    /// The server reports that it failed (5xx, or a code with that meaning).
    ServerFault,
    /// No answer came: the host name was not resolved, the server was not reached, or the connection was cut.
    Network,
    /// No answer came in time.
    TimedOut,
    /// The answer is not complete JSON.
    Garbled,
    /// The answer has data as well as errors, or lacks the list that was asked for.
    PartialData,
    /// The server could not return one field of one row.
    FieldFailed {
        /// The last name in the error's path after the row's number, or `None` if the path names no field.
        field: Option<String>,
    },
    /// The server reports a failure by a code or a message whose meaning is not known.
    UnknownFailure,
    /// The server refuses the query itself, because it does not know what the query asks for.
    QueryRejected {
        /// The fields that the server does not know: `x` from `Cannot query field "x"`, for every such
        /// error of the answer.
        fields: Vec<String>,
    },
    /// Something answers at this URL, but not a GraphQL API.
    WrongEndpoint,
    /// The answer is a redirect, which is never followed, because it would take the credentials along.
    Redirected,
    /// This system does not trust the server's certificate.
    Untrusted,
    /// A firewall, a proxy or a login page refuses this machine (HTTP 401, 403, 407, 451). No GraphQL answer came.
    TurnedAway {
        /// Whether the status was 401, so that the token may be the reason.
        is_unauthorized: bool,
    },
    /// Something in front of the API answers for now: no GraphQL answer came, although this URL has given one before.
    Fronted {
        /// Whether the status was 401, so that the token may be the reason.
        is_unauthorized: bool,
    },
    /// The answer is larger than the job allows.
    TooLarge,
    /// There is no mirror at the path that a command should read.
    MirrorMissing,
    /// The mirror cannot be opened or written.
    MirrorUnwritable,
    /// There is no writable folder for temporary files, which SQLite needs to sort a delivery.
    NoTemporaryFiles,
    /// Another program keeps the mirror open for writing.
    MirrorBusy,
    /// The disk under the mirror is full.
    MirrorFull,
    /// The mirror is damaged.
    MirrorCorrupt,
    /// Records in the mirror are damaged. They are marked to be read again.
    RecordDamaged,
    /// The mirror was written by a newer version of this program.
    MirrorNewer,
    /// A checkpoint would have moved by anything but one window forward.
    CheckpointRefused,
    /// The server ignores which parent record's list is asked for, and its rows do not name their parent.
    ParentIgnored,
    /// The server shows the rows of another parent record's list, however often the list is asked for.
    OfAnother {
        /// The id of the record that the rows name as their parent.
        named: String,
    },
    /// A list contradicts what the server states about it elsewhere.
    Contradicted,
    /// More records would be deleted than the job allows, or a list was found empty although the mirror has records
    /// of it.
    DeletesRefused,
    /// A destination cannot be written.
    DestinationUnwritable,
    /// The disk of a destination is full.
    DestinationFull,
    /// A remote destination cannot be reached, or its server is failing. The failure may be temporary.
    DestinationUnreachable,
    /// The data at a destination is not what this job delivers there.
    DestinationRefused,
    /// The destination and this mirror do not belong together, for one of three reasons:
    ///
    /// - Another mirror feeds the destination.
    /// - The destination has changes that this mirror never delivered.
    /// - The destination lacks records or deletions that this mirror has dropped.
    DestinationOfAnother,
    /// The data at a destination differs from what was delivered.
    Verification,
    /// Standard output could not be written to its end.
    OutputCut,
    /// The command has made all requests that it may make ([`crate::source::rate_limit::Budget::capped`]).
    Spent,
    /// The run was asked to stop.
    Stopped,
    /// A defect of this program.
    Internal,
}

impl Kind {
    /// Returns what happened, in fixed words that quote no server.
    pub fn words(&self) -> &'static str {
        match self {
            Kind::Usage => "a setting is wrong",
            Kind::Locked => "another run is at work",
            Kind::InvalidClient => "the server does not accept the key",
            Kind::Unauthorized => "the server does not accept the token",
            Kind::TokenExpired => "the token has expired",
            Kind::InsufficientScopes { .. } => "the key lacks a scope",
            Kind::RateLimited => "the limit is exceeded",
            Kind::ServerFault => "the server is failing",
            Kind::Network => "no answer came",
            Kind::TimedOut => "no answer came in time",
            Kind::Garbled => "the answer is not readable",
            Kind::PartialData => "the answer is incomplete",
            Kind::FieldFailed { .. } => "the server fails to give a field",
            Kind::ParentIgnored => "the server ignores which list it is asked for",
            Kind::Contradicted => "the server contradicts itself",
            Kind::OfAnother { .. } => "the server shows the rows of another list",
            Kind::UnknownFailure => "the server names a failure that is not known",
            Kind::QueryRejected { .. } => "the server refuses the query",
            Kind::WrongEndpoint => "something else answers there",
            Kind::Redirected => "the server sends us elsewhere",
            Kind::Untrusted => "the server's certificate is not trusted",
            Kind::TurnedAway { .. } => "something in front of the API refuses",
            Kind::Fronted { .. } => "something in front of the API answers",
            Kind::TooLarge => "the answer is too large",
            Kind::MirrorMissing => "there is no mirror",
            Kind::MirrorUnwritable => "the mirror cannot be written",
            Kind::NoTemporaryFiles => "there is no place for temporary files",
            Kind::MirrorBusy => "a program has the mirror open for writing",
            Kind::MirrorFull => "the disk is full",
            Kind::MirrorCorrupt => "the mirror is damaged",
            Kind::RecordDamaged => "a record in the mirror is damaged",
            Kind::MirrorNewer => "the mirror is newer than this program",
            Kind::CheckpointRefused => "a checkpoint was refused",
            Kind::DeletesRefused => "deletions were refused",
            Kind::DestinationUnwritable => "the destination cannot be written",
            Kind::DestinationFull => "the destination's disk is full",
            Kind::DestinationUnreachable => "the destination cannot be reached",
            Kind::DestinationRefused => "the destination holds something else",
            Kind::DestinationOfAnother => "another mirror feeds the destination",
            Kind::Verification => "the destination differs",
            Kind::OutputCut => "standard output was cut",
            Kind::Spent => "the requests are spent",
            Kind::Stopped => "a stop was asked for",
            Kind::Internal => "a defect of this program",
        }
    }
}
