//! A message, taken apart: names in any quotation marks or none, what is suggested apart from what is said.

use crate::discovery::rejections::patterns::Wording;

/// A message, and the same in lower case, both without what is suggested.
pub(super) struct Words<'a> {
    /// As it came.
    pub(super) text: &'a str,
    /// In lower case.
    pub(super) lower: String,
    /// What is suggested.
    pub(super) suggestion: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn new(message: &'a str) -> Words<'a> {
        let (text, suggestion) = match message.find("Did you mean") {
            Some(at) => message.split_at(at),
            None => (message, ""),
        };
        Words { text, lower: text.to_ascii_lowercase(), suggestion }
    }

    pub(super) fn has(&self, words: &str) -> bool {
        self.lower.contains(words)
    }

    /// The name and the type of the first of these wordings that it has.
    pub(super) fn like(&self, wordings: &[Wording]) -> Option<(String, Option<String>)> {
        wordings.iter().find_map(|w| {
            if !self.has(w.tail) {
                return None;
            }
            let of = Some(w.of).filter(|of| !of.is_empty()).and_then(|of| self.after(of));
            Some((self.after(w.head)?, of))
        })
    }

    /// The name that follows these words, in quotation marks or not; none where no name follows.
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

    /// The names that are suggested: `Did you mean "a", "b", or "c"?`, or without quotation marks.
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

/// The name or the type that a text begins with.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.strip_prefix("the enum value ").unwrap_or(text);
    let inner = text.trim_start_matches(['"', '\'', '`', '“', '‘', '$']);
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "_[]!.(:)".contains(c);
    let end = inner.find(|c| !of_a_name(c)).unwrap_or(inner.len());
    let quoted = inner.len() < text.len();
    let name = if quoted { &inner[..end] } else { inner[..end].trim_end_matches(['.', ':', ')']) };
    (!name.is_empty()).then(|| name.to_owned())
}
