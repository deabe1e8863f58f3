//! A text that must not be shown. It has no `Display`, its `Debug` is `[hidden]`, and the places that need the text
//! itself say so by calling [`Secret::reveal`].

use std::fmt;

/// A client secret or a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Secret(text)
    }

    /// The text itself: for a request's header or body, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", super::Secret::new("x".into())), "[hidden]");
    }
}
