//! The exit codes of the program, as its manual documents them. Code passes an [`Exit`] around; only `main` turns it
//! into the number for the operating system.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The command did everything that it was asked to do.
    Complete = 0,
    /// Something failed for which no other code is meant, such as a destination that cannot be written.
    Failed = 1,
    /// A flag, a variable or a job file is wrong: a person must change something.
    Usage = 2,
    /// The run finished, but some streams are incomplete. The next run goes on where this one ended.
    Incomplete = 3,
    /// The run was stopped on request or by a time limit. The next run goes on where this one ended.
    Stopped = 4,
    /// The API refused the credentials, or the key lacks a scope.
    Credentials = 5,
    /// The API was unavailable, or its request limit was exceeded, for longer than the job allows.
    Unavailable = 6,
    /// The mirror is corrupt or was written by a newer version of the program, a checkpoint was refused, a
    /// verification failed, or the program refused to apply deletions.
    Integrity = 7,
    /// Another run holds the lock, or another program has the mirror open for writing.
    Locked = 11,
}

/// Every exit code in order of precedence: a command reports the first of those that occurred.
const ORDER: [Exit; 9] = [
    Exit::Usage,
    Exit::Locked,
    Exit::Credentials,
    Exit::Integrity,
    Exit::Unavailable,
    Exit::Failed,
    Exit::Stopped,
    Exit::Incomplete,
    Exit::Complete,
];

impl Exit {
    /// Returns the exit code that a command reports when its parts ended in several ways, one for each account for
    /// example. The order of precedence is 2, 11, 5, 7, 6, 1, 4, 3, 0. Returns [`Exit::Complete`] if `outcomes` is
    /// empty.
    pub fn first(outcomes: impl IntoIterator<Item = Exit>) -> Exit {
        let all: Vec<Exit> = outcomes.into_iter().collect();
        ORDER.into_iter().find(|exit| all.contains(exit)).unwrap_or(Exit::Complete)
    }

    /// Returns the exit code for a number that an earlier run has stored. An unknown number becomes [`Exit::Failed`].
    pub fn of_code(code: u8) -> Exit {
        ORDER.into_iter().find(|exit| exit.code() == code).unwrap_or(Exit::Failed)
    }

    /// Returns the number that the operating system gets.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Writes the exit code as its number, because a report shows the number.
impl serde::Serialize for Exit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_number_is_its_exit_code_again() {
        for exit in ORDER {
            assert_eq!(Exit::of_code(exit.code()), exit);
        }
        assert_eq!(Exit::of_code(99), Exit::Failed);
    }

    #[test]
    fn the_first_outcome_wins_in_the_documented_order() {
        assert_eq!(Exit::first([Exit::Incomplete, Exit::Stopped]), Exit::Stopped);
        assert_eq!(Exit::first([Exit::Incomplete, Exit::Unavailable, Exit::Integrity]), Exit::Integrity);
        assert_eq!(Exit::first([Exit::Locked, Exit::Usage, Exit::Credentials]), Exit::Usage);
        assert_eq!(Exit::first([]), Exit::Complete);
    }
}
