//! Handles a panic, which is a defect of this program. Prints the source location of the panic, and the panic's
//! message only if it is a constant of the source. The process ends with the exit code of a failed run.
//!
//! Any other message may quote data: for example, slicing a string inside a character quotes the complete string.
//! Rust's own exit code, 101, is not used because it is not among the documented ones that cron jobs rely on.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use tokio::task::JoinError;

use crate::error::{Error, Kind, Result};
use crate::logging;

/// Installs a panic hook that never prints data.
pub fn keep_quiet() {
    panic::set_hook(Box::new(|info| {
        logging::failed(
            &told(info),
            "please report this line; what was fetched is kept, the next run goes on from there",
        );
    }));
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or("an unknown place".into(), ToString::to_string);
    format!("a defect of this program at {place}{}", words(info.payload()))
}

/// Returns the message of a panic if it is a constant, with `: ` before it; otherwise an empty string.
fn words(payload: &(dyn Any + Send)) -> String {
    payload.downcast_ref::<&'static str>().map(|words| format!(": {words}")).unwrap_or_default()
}

/// Runs `work` and returns its result, or [`Kind::Internal`] if it panicked. The hook has then already reported the
/// panic.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::new(Kind::Internal, WAS_TOLD)))
}

const WAS_TOLD: &str = "it ended by a defect of this program, which is told above";

/// Converts the error of a task that panicked or was cancelled. Tokio's own message is not used, because it quotes
/// the panic's message.
impl From<JoinError> for Error {
    fn from(ended: JoinError) -> Error {
        Error::new(Kind::Internal, if ended.is_panic() { WAS_TOLD } else { "a task was given up" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_source_are_shown() {
        assert_eq!(words(&"no room"), ": no room");
        assert_eq!(words(&String::from("byte index 1 is inside of 'ü' in `für Anna`")), "");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_an_error_that_quotes_nothing() {
        let text = String::from("Anna");
        let ended = tokio::spawn(async move { panic!("{text}") }).await.expect_err("a panic");
        let error = Error::from(ended);
        assert!(error.kind == Kind::Internal && !error.detail.contains("Anna"), "{error}");
        let text = String::from("Anna");
        let error = caught::<()>(|| panic!("{text}")).expect_err("a panic");
        assert!(error.kind == Kind::Internal && !error.detail.contains("Anna"), "{error}");
    }
}
