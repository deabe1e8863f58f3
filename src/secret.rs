//! Holds a string that must not be shown. The type has no `Display`, its `Debug` is `[hidden]`, and code that needs
//! the string itself must call [`Secret::reveal`].

use std::fmt;

use crate::error::{Error, Result};

/// Returns the value of the environment variable `name` without spaces, line breaks and a byte order mark around it,
/// because secrets that come from files often end in a line break. Fails if it still contains a control character.
/// The error names the variable, and never its value.
pub fn line<'v>(name: &str, value: &'v str) -> Result<&'v str> {
    let line = value.trim_start_matches('\u{feff}').trim();
    if line.contains(char::is_control) {
        return Err(Error::usage(format!("the variable {name} holds a line break, or another control character")));
    }
    Ok(line)
}

/// A client secret or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Creates a secret from `text`.
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// Returns the secret itself. It may go into a request's header or body, never into a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns `text`, which comes from outside, with this secret replaced by `[hidden]`. Also recognises the secret
    /// as a JSON escape, and its beginning if `…` at the end of a quotation has cut it off.
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.len() < SHORTEST {
            return text.to_owned();
        }
        let escaped = serde_json::Value::from(self.0.as_str()).to_string();
        let mut out = text.replace(&self.0, HIDDEN).replace(escaped.trim_matches('"'), HIDDEN);
        let begun = self.0.char_indices().map(|(at, _)| &self.0[..at]);
        for begun in begun.rev().take_while(|b| b.len() >= SHORTEST) {
            out = out.replace(&format!("{begun}…"), &format!("{HIDDEN}…"));
        }
        out
    }
}

const HIDDEN: &str = "[hidden]";

/// The shortest secret, in bytes, that is searched for. Anything shorter would be found in many words.
const SHORTEST: usize = 4;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", super::Secret::new("x".into())), "[hidden]");
    }

    #[test]
    fn it_is_taken_out_of_other_peoples_words() {
        let hidden = |secret: &str, text: &str| super::Secret::new(secret.into()).hide_in(text);
        assert_eq!(hidden("s3cret", "no s3cret, s3cret"), "no [hidden], [hidden]");
        assert_eq!(hidden("s3cret", "no s3cre… (X)"), "no [hidden]… (X)");
        assert_eq!(hidden("s3cret", "no s3c…"), "no s3c…");
        assert_eq!(hidden("a\"b\\cé", r#"{"x":"a\"b\\cé"}"#), r#"{"x":"[hidden]"}"#);
        assert_eq!(hidden("", "text…"), "text…");
    }
}
