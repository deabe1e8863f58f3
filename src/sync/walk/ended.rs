//! How a walk ended.

use crate::verdict::Verdict;

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The walk came to the end of its list, with this verdict.
    Closed(Verdict),
    /// The walk stopped on request. The next run goes on with it.
    Stopped,
    /// The server ignores the argument that names the record whose list is asked for, such as the conversation of
    /// messages. The stream must be read as one list.
    ParentIgnored,
}
