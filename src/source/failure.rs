//! What a failed answer means: words (code, message, scope) to a kind through the dialect's tables, and a status to a
//! kind when the words decide nothing.

use serde::Deserialize;

use super::dialect::{Dialect, Meaning};
use super::wording;
use crate::error::{Error, Kind, SAID};
use crate::quantity::counted;

/// What an error says of itself, wherever it says it.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Words {
    /// Its code, text or number.
    #[serde(default, deserialize_with = "loose_text")]
    pub code: Option<String>,
    /// Its message.
    #[serde(default, deserialize_with = "loose_text")]
    pub message: Option<String>,
    /// The scope it asks for (documented beside `INSUFFICIENT_SCOPES`).
    #[serde(default, rename = "requiredScope", deserialize_with = "loose_text")]
    pub required_scope: Option<String>,
}

impl Words {
    /// These words with those of `extensions` taking precedence, which is the documented place of a code.
    #[must_use]
    pub fn with(&self, extensions: Option<&Words>) -> Words {
        let from = |pick: fn(&Words) -> &Option<String>| {
            extensions.and_then(|e| pick(e).clone()).or_else(|| pick(self).clone())
        };
        Words {
            code: from(|w| &w.code),
            message: self.message.clone().or_else(|| extensions.and_then(|e| e.message.clone())),
            required_scope: from(|w| &w.required_scope),
        }
    }
}

/// The JSON text of a text as that text, of a number as its digits; anything else is no word.
pub(super) fn text_of(raw: &serde_json::value::RawValue) -> Option<String> {
    loose_text(raw).ok().flatten()
}

/// Text, or a number as its digits; anything else is no word.
fn loose_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(s) => Some(s),
        serde_json::Value::Number(n) => Some(n.to_string()),
        _ => None,
    })
}

/// The error that these words name, if anything in them is known. A documented code anywhere, also as a word of the
/// message, outranks a general one (servers wrap `TOKEN_EXPIRED` in `INTERNAL_SERVER_ERROR`).
pub fn by_words(dialect: &Dialect, words: &Words, status: u16) -> Option<Error> {
    let coded = words.code.as_deref().and_then(|c| dialect.codes.get(&c.trim().to_ascii_uppercase())).copied();
    let spoken = words.message.as_deref().and_then(|m| spoken(dialect, m));
    let general = |m: Meaning| matches!(m, Meaning::ServerFault | Meaning::Rejected);
    let meaning = match (coded, spoken) {
        (Some(c), Some(s)) if general(c) && !general(s) => s,
        (Some(c), _) => c,
        (None, Some(s)) => s,
        (None, None) => return None,
    };
    // A status that is plainer than a general code.
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

/// An error that tells what the server says, as far as it may be told.
pub fn saying(kind: Kind, words: &Words) -> Error {
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

/// graphql-js: `Cannot query field "x" on type "T".`
fn unknown_field(message: &str) -> Option<String> {
    let rest = message.strip_prefix("Cannot query field ")?;
    let quoted = rest.strip_prefix(['"', '\'', '`', '“'])?;
    quoted.split(['"', '\'', '`', '”']).next().map(str::to_owned)
}

/// What a status means when the body decides nothing.
pub fn by_status(status: u16, said: impl std::fmt::Display) -> Error {
    let kind = match status {
        300..=399 => Kind::Redirected,
        401 => Kind::Unauthorized,
        403 => Kind::InsufficientScopes { required: None },
        408 | 425 => Kind::TimedOut,
        413 => Kind::TooLarge,
        429 => Kind::RateLimited { wait: None },
        // Not implemented is the method, on a server that only has files to give.
        400..=499 | 501 => Kind::WrongEndpoint,
        500..=599 => Kind::ServerFault,
        _ => Kind::UnknownFailure,
    };
    Error::new(kind, format!("HTTP {status}: {said}"))
}

/// What JSON means that is no answer to a GraphQL request: another service listens there.
pub fn no_graphql(status: u16) -> Error {
    let error = by_status(status, "JSON with neither data nor errors, which is no GraphQL answer");
    if (200..300).contains(&status) { Error { kind: Kind::WrongEndpoint, ..error } } else { error }
}

/// What a body means that is no answer, and most often no JSON. Its text is never quoted.
pub fn unreadable(status: u16, body: &[u8]) -> Error {
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
        _ if said == "an HTML page" => by_status(status, format!("{said} instead of JSON")),
        _ => by_status(status, said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: Option<&str>, message: &str) -> Option<Kind> {
        let dialect = Dialect::with(&toml::Table::new()).expect("shipped");
        let words = Words {
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
        assert_eq!(kind(Some("429"), "slow down"), Some(Kind::RateLimited { wait: None }));
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
