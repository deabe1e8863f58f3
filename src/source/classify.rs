//! Decides what a failed answer means. The dialect's tables map its words (code, message, scope) to a kind of error.
//! The HTTP status decides only if the words decide nothing.

use crate::dialect::{Dialect, Meaning};
use crate::error::{Error, Kind, SAID};
use crate::quantity::counted;
use crate::source::error_words::ErrorWords;
use crate::source::wording;

/// Returns the error that the words of an answer name, or `None` if they contain nothing known. `status` is the HTTP
/// status. A documented code outranks a general one even if it is only a word of the message, because servers wrap
/// `TOKEN_EXPIRED` in `INTERNAL_SERVER_ERROR`.
pub fn by_words(dialect: &Dialect, words: &ErrorWords, status: u16) -> Option<Error> {
    let of_code = |c: &str| dialect.codes.get(&c.trim().to_ascii_uppercase()).copied().or_else(|| spoken(dialect, c));
    let coded = words.code.as_deref().and_then(of_code);
    let spoken = words.message.as_deref().and_then(|m| spoken(dialect, m));
    let general = |m: Meaning| matches!(m, Meaning::ServerFault | Meaning::Rejected);
    let meaning = match (coded, spoken) {
        (Some(c), Some(s)) if general(c) && !general(s) => s,
        (Some(c), _) => c,
        (None, Some(s)) => s,
        (None, None) => return None,
    };
    // A 429 is more specific than a general code.
    let meaning = match status {
        429 if general(meaning) => Meaning::RateLimited,
        _ => meaning,
    };
    let mut kind = Kind::from(meaning);
    match &mut kind {
        Kind::InsufficientScopes { required } => {
            *required = words.required_scope.as_deref().and_then(wording::scope).map(str::to_owned);
        }
        Kind::QueryRejected { fields } => fields.extend(words.message.as_deref().and_then(unknown_field)),
        _ => {}
    }
    Some(saying(kind, words))
}

/// Returns an error of this kind whose text quotes the server's words, as far as they may be shown.
pub fn saying(kind: Kind, words: &ErrorWords) -> Error {
    let code = words.code.as_deref().map(|c| format!(" ({})", wording::code(c))).unwrap_or_default();
    let message = words.message.as_deref();
    let limits = wording::limits(message);
    Error { limits, ..Error::new(kind, format!("{SAID}{}{code}", wording::tell(message))) }
}

fn spoken(dialect: &Dialect, message: &str) -> Option<Meaning> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let code = message.split(|c| !is_word(c)).filter(|w| w.contains('_')).find_map(|w| dialect.codes.get(w));
    let lower = message.to_ascii_lowercase();
    code.or_else(|| dialect.phrases.iter().find(|(phrase, _)| lower.contains(phrase.as_str())).map(|(_, m)| m)).copied()
}

/// Returns the unknown field that a message of graphql-js names: `x` for `Cannot query field "x" on type "T".`
fn unknown_field(message: &str) -> Option<String> {
    let rest = message.strip_prefix("Cannot query field ")?;
    let quoted = rest.strip_prefix(['"', '\'', '`', '“'])?;
    quoted.split(['"', '\'', '`', '”']).next().map(str::to_owned)
}

/// Returns the error that an HTTP status means. Used if the body decides nothing. `said` describes the body, for the
/// error's text.
pub fn by_status(status: u16, said: impl std::fmt::Display) -> Error {
    let kind = match status {
        300..=399 => Kind::Redirected,
        401 => Kind::Unauthorized,
        403 => Kind::InsufficientScopes { required: None },
        408 | 425 => Kind::TimedOut,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited,
        // 501 means that the method is not implemented: the server only has files to give.
        400..=499 | 501 => Kind::WrongEndpoint,
        500..=599 => Kind::ServerFault,
        _ => Kind::UnknownFailure,
    };
    Error::new(kind, format!("HTTP {status}: {said}"))
}

/// Returns the error for an answer that is not GraphQL: another service answers at this URL, or something in front of
/// the API, such as a firewall. The API refuses in GraphQL, so an HTTP 401 or 403 outside GraphQL shows nothing about
/// the key. `said` describes the body, for the error's text.
fn no_answer(status: u16, said: &str) -> Error {
    let error = by_status(status, said);
    let kind = match (status, error.kind) {
        (401, _) => Kind::TurnedAway { is_unauthorized: true },
        (403 | 407 | 451, _) => Kind::TurnedAway { is_unauthorized: false },
        (_, kind) => kind,
    };
    Error { kind, ..error }
}

/// Returns the error for JSON that has neither `data` nor `errors`, so that another service must have answered.
pub fn no_graphql(status: u16) -> Error {
    let error = no_answer(status, "JSON with neither data nor errors, which is no GraphQL answer");
    if (200..300).contains(&status) { Error { kind: Kind::WrongEndpoint, ..error } } else { error }
}

/// Returns the error that the words of a JSON answer without `data` and `errors` name, or `None` if they contain
/// nothing known. Such an answer counts as a refusal of the key or of a scope only if it has a documented code,
/// because a firewall also answers 403.
pub fn outside_graphql(dialect: &Dialect, words: &ErrorWords, status: u16) -> Option<Error> {
    const DOCUMENTED: [&str; 4] = ["UNAUTHORIZED", "INVALID_CLIENT", "TOKEN_EXPIRED", "INSUFFICIENT_SCOPES"];
    let error = by_words(dialect, words, status)?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut said = [&words.code, &words.message].into_iter().flatten().flat_map(|text| text.split(|c| !is_word(c)));
    let is_documented = said.any(|word| DOCUMENTED.contains(&word));
    let kind = match error.kind {
        Kind::Unauthorized | Kind::TokenExpired | Kind::InvalidClient | Kind::InsufficientScopes { .. }
            if is_documented =>
        {
            return Some(error);
        }
        Kind::Unauthorized | Kind::TokenExpired => Kind::TurnedAway { is_unauthorized: true },
        Kind::InvalidClient | Kind::InsufficientScopes { .. } => Kind::TurnedAway { is_unauthorized: false },
        _ => return Some(error),
    };
    Some(Error { kind, ..no_graphql(status) })
}

/// Returns the error for a body that is not a GraphQL answer, and usually not even JSON. The error's text never
/// quotes the body.
pub fn unreadable(status: u16, body: &[u8]) -> Error {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() {
        return no_graphql(status);
    }
    let said = match body.iter().find(|b| !b.is_ascii_whitespace()) {
        None => "an empty body",
        Some(b'<') => "an HTML page",
        Some(b'{' | b'[') => "JSON that is cut or broken",
        Some(_) => "a body that is not JSON",
    };
    match status {
        200..=299 if said == "an HTML page" => {
            Error::new(Kind::WrongEndpoint, format!("HTTP {status}: {said} instead of JSON"))
        }
        200..=299 => {
            Error::new(Kind::Garbled, format!("HTTP {status}: {said}, {}", counted(body.len() as u64, "byte")))
        }
        _ if said == "an HTML page" => no_answer(status, &format!("{said} instead of JSON")),
        _ => no_answer(status, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: Option<&str>, message: &str) -> Option<Kind> {
        let dialect = Dialect::shipped().expect("shipped");
        let words = ErrorWords {
            code: code.map(str::to_owned),
            message: Some(message.to_owned()),
            required_scope: Some("read_x".into()),
        };
        by_words(&dialect, &words, 200).map(|e| e.kind)
    }

    #[test]
    fn a_documented_code_is_found_wherever_it_stands() {
        assert_eq!(kind(Some("token_expired"), "x"), Some(Kind::TokenExpired));
        assert_eq!(kind(None, "TOKEN_EXPIRED"), Some(Kind::TokenExpired));
        assert_eq!(kind(Some("INTERNAL_SERVER_ERROR"), "Error: TOKEN_EXPIRED."), Some(Kind::TokenExpired));
        assert_eq!(kind(Some("429"), "slow down"), Some(Kind::RateLimited));
        assert_eq!(
            kind(Some("INSUFFICIENT_SCOPES"), ""),
            Some(Kind::InsufficientScopes { required: Some("read_x".into()) })
        );
        assert_eq!(kind(Some("E_NEW"), "something else"), None);
    }

    #[test]
    fn an_unknown_field_is_named() {
        let said = r#"Cannot query field "owner" on type "ExternalContact". Did you mean "customer"?"#;
        assert_eq!(kind(None, said), Some(Kind::QueryRejected { fields: vec!["owner".into()] }));
        assert_eq!(kind(Some("BAD_USER_INPUT"), "no"), Some(Kind::QueryRejected { fields: Vec::new() }));
    }

    #[test]
    fn without_words_the_status_speaks_and_no_body_is_quoted() {
        assert_eq!(by_status(503, "x").kind, Kind::ServerFault);
        assert_eq!(by_status(501, "x").kind, Kind::WrongEndpoint);
        assert_eq!(unreadable(200, b"<html>secret</html>").kind, Kind::WrongEndpoint);
        assert_eq!(unreadable(200, b"{\"data\":").kind, Kind::Garbled);
        assert_eq!(unreadable(200, b"[1]").kind, Kind::WrongEndpoint);
        assert_eq!(unreadable(404, b"nope").kind, Kind::WrongEndpoint);
        assert!(!unreadable(502, b"<html>secret</html>").detail.contains("secret"));
    }
}
