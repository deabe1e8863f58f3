//! Checks the endpoint's URL, whether the connection is encrypted, the API key, and how long the key's tokens are
//! valid.

use std::time::Duration;

use super::line::CheckLine;
use crate::clock::human;
use crate::config::settings::Settings;
use crate::discovery::negotiate::{Negotiation, NegotiationOutcome, SavedPart};
use crate::error::{Error, Kind, Result};
use crate::policy::{self, Subject};
use crate::source::Source;
use crate::source::token::Lifetime;
use crate::sync::dialect;

/// The lifetime of a token below which the checklist warns.
const SHORT: Duration = Duration::from_secs(5 * 60);

/// Gets a token, as a check of the credentials. If the server refuses the assumed spelling of the token's query,
/// finds out the right one. Returns the outcome of that search.
pub async fn sign_in(source: &Source, settings: &Settings, remembered: &[SavedPart]) -> Result<NegotiationOutcome> {
    let outcome = Negotiation::new(source, &settings.spelled, remembered)?.settle(&[]).await;
    if source.budget.stats().spent {
        return Err(Error::new(Kind::Spent, "how a token is asked for is not found out in so few requests"));
    }
    let outcome = outcome?;
    dialect::refuse_open(&outcome)?;
    Ok(outcome)
}

/// Returns three lines of the checklist: endpoint, credentials, token.
pub fn lines(source: &Source, settings: &Settings, signed_in: &Result<NegotiationOutcome>) -> [CheckLine; 3] {
    let error = signed_in.as_ref().err();
    [endpoint(&settings.source.endpoint, error), credentials(error), token(source.token_lifetime())]
}

/// Returns whether the error concerns the endpoint's URL and not the API key.
fn is_the_address(error: &Error) -> bool {
    !matches!(policy::subject(&error.kind), Subject::Key | Subject::Query | Subject::Command)
}

fn endpoint(address: &str, error: Option<&Error>) -> CheckLine {
    // The HTTP client refuses any address that is neither https nor this machine.
    let encrypted = address.to_ascii_lowercase().starts_with("https://");
    let line = match error.filter(|e| is_the_address(e)) {
        Some(error) => CheckLine::failed("endpoint", address, error),
        None if encrypted => CheckLine::ok(
            "endpoint",
            format!("{address} answers; encrypted (TLS), its certificate is trusted"),
            "the secret travels over TLS only, and never to another host",
        ),
        None => CheckLine::ok(
            "endpoint",
            format!("{address} answers; not encrypted, on this machine"),
            "a loopback address is for rehearsals: any other must start with https://",
        ),
    };
    line.with("endpoint", address).with("encrypted", encrypted)
}

fn credentials(error: Option<&Error>) -> CheckLine {
    match error {
        None => CheckLine::ok("credentials", "the key was accepted, a token was generated", "no token is kept on disk"),
        Some(error) if policy::was_not_asked(&error.kind) => CheckLine::unchecked(
            "credentials",
            &error.detail,
            "`qpien-sync discover JOB` finds it out, and so does a run",
        ),
        Some(error) if is_the_address(error) => CheckLine::unchecked(
            "credentials",
            "the endpoint gives no answer to judge them by",
            "mend the endpoint first",
        ),
        Some(error) => CheckLine::failed("credentials", "", error),
    }
}

fn token(lifetime: Option<Lifetime>) -> CheckLine {
    let Some(Lifetime { said, taken }) = lifetime else {
        return CheckLine::unchecked("token", "there is none", "see the lines above");
    };
    let lives = human(taken);
    let detail = match said {
        None => format!("the server does not say how long it lives: taken for the documented hour ({lives})"),
        Some(said) if (said - taken.as_secs_f64()).abs() < 0.001 => format!("lives {lives}, the server says"),
        Some(said) => format!("expiresIn says {said} s: taken for the documented hour ({lives}), the longest there is"),
    };
    let line = if taken < SHORT {
        CheckLine::note(
            "token",
            detail,
            format!("renewed every {lives}, one request each: is it meant to be so short?"),
        )
    } else {
        CheckLine::ok("token", detail, "a run renews it by itself shortly before its end")
    };
    line.with("expires_in", said).with("taken_seconds", taken.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::super::line::Status;
    use super::*;

    #[test]
    fn a_lifetime_is_told_as_the_server_said_it() {
        let told = |said: Option<f64>, taken: u64| {
            let line = token(Some(Lifetime { said, taken: Duration::from_secs(taken) }));
            (line.status, line.detail)
        };
        assert_eq!(told(Some(3600.0), 3600), (Status::Ok, "lives 1h 0m, the server says".into()));
        assert_eq!(told(Some(299.0), 299).0, Status::Note);
        assert!(told(None, 3600).1.contains("documented hour"));
        assert!(told(Some(86_400.0), 3600).1.contains("expiresIn says 86400 s"));
    }
}
