//! Splits an error message: finds names with or without quotation marks, and separates what the server suggests ("Did
//! you mean ...") from the rest.

use crate::discovery::rejections::patterns::Wording;

/// An error message, in its own spelling and in lower case, with the server's suggestion split off.
pub(super) struct TokenizedMessage<'a> {
    /// The message as the server sent it, without the suggestion.
    pub(super) text: &'a str,
    /// The message in lower case, without the suggestion.
    pub(super) lower: String,
    /// The suggestion, from "Did you mean" on; empty if there is none.
    pub(super) suggestion: &'a str,
}

impl<'a> TokenizedMessage<'a> {
    pub(super) fn new(message: &'a str) -> TokenizedMessage<'a> {
        let (text, suggestion) = match message.find("Did you mean") {
            Some(at) => message.split_at(at),
            None => (message, ""),
        };
        TokenizedMessage { text, lower: text.to_ascii_lowercase(), suggestion }
    }

    pub(super) fn has(&self, words: &str) -> bool {
        self.lower.contains(words)
    }

    /// Returns the name, and the type or field if the message states it, by the first of these wordings that fits the
    /// message. Returns `None` if none fits.
    pub(super) fn like(&self, wordings: &[Wording]) -> Option<(String, Option<String>)> {
        wordings.iter().find_map(|w| {
            if !self.has(w.tail) {
                return None;
            }
            let of = Some(w.of).filter(|of| !of.is_empty()).and_then(|of| self.after(of));
            Some((self.after(w.head)?, of))
        })
    }

    /// Returns the name that follows these words, with or without quotation marks. Returns `None` if no name follows.
    pub(super) fn after(&self, words: &str) -> Option<String> {
        let mut from = 0;
        while let Some(at) = self.lower.get(from..)?.find(words) {
            from += at + words.len();
            let name = name(&self.text[from..]);
            if name.is_some() || words.is_empty() {
                return name;
            }
        }
        None
    }

    /// Returns the names that the server suggests: `Did you mean "a", "b", or "c"?`, with or without quotation marks.
    pub(super) fn meant(&self) -> Vec<String> {
        let Some(rest) = self.suggestion.strip_prefix("Did you mean ") else {
            return Vec::new();
        };
        if rest.contains("inline fragment") || rest.contains("{ ... }") {
            return Vec::new();
        }
        let rest = rest.split('?').next().unwrap_or_default().replace(" or ", ",");
        rest.split(',').filter_map(|part| name(part.trim())).collect()
    }
}

/// Returns the name or the type at the beginning of `text`, without quotation marks, or `None` if there is none.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.strip_prefix("the enum value ").unwrap_or(text);
    let inner = text.trim_start_matches(['"', '\'', '`', '“', '‘', '$']);
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "_[]!.(:)".contains(c);
    let end = inner.find(|c| !of_a_name(c)).unwrap_or(inner.len());
    let quoted = inner.len() < text.len();
    let name = if quoted { &inner[..end] } else { inner[..end].trim_end_matches(['.', ':', ')']) };
    (!name.is_empty()).then(|| name.to_owned())
}
