//! Reads the top members of an answer (`data`, `errors` and so on). Each member is read separately and leniently: one
//! in an unexpected form shows less, but does not make the others unreadable.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error_words::{ErrorEntry, ErrorWords, text_of};

/// The top members of an answer.
#[derive(Debug, Default)]
pub(super) struct Envelope<'b> {
    /// The members of `data` by response name, or `None` if `data` is missing, null or no object.
    pub data: Option<HashMap<String, &'b RawValue>>,
    /// Whether the answer has a member that only a GraphQL answer has (`data` or `errors`), whatever its value.
    pub is_graphql: bool,
    /// The code, the message and the scope that the answer has outside of `errors`.
    pub words: ErrorWords,
    /// The value of the top member `success`. If it is `false`, the answer as a whole is a failure.
    pub success: Option<&'b RawValue>,
    errors: Vec<&'b RawValue>,
    /// The member `error`, in which some servers put a single error.
    error: Option<&'b RawValue>,
}

impl<'b> Envelope<'b> {
    /// Reads the top members of an answer, which is a JSON object, or a list with one object, because some servers
    /// answer every request as a batch. Returns `None` for other JSON, for text that is not JSON, and for an answer
    /// with two `data` objects.
    pub fn read(text: &'b str) -> Option<Envelope<'b>> {
        // A byte order mark is no part of JSON, but some servers send one.
        let text = text.trim_start_matches('\u{feff}');
        if let Ok(Members(members)) = serde_json::from_str(text) {
            return Envelope::of(members);
        }
        let list: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        let [alone] = list[..] else { return None };
        serde_json::from_str(alone.get()).ok().and_then(|Members(members)| Envelope::of(members))
    }

    fn of(members: Vec<(String, &'b RawValue)>) -> Option<Envelope<'b>> {
        let mut envelope = Envelope::default();
        let mut said = serde_json::Map::new();
        for (name, raw) in members {
            envelope.is_graphql |= matches!(name.as_str(), "data" | "errors");
            match name.as_str() {
                "data" => {
                    let data = serde_json::from_str(raw.get()).ok();
                    if data.is_some() && envelope.data.is_some() {
                        return None;
                    }
                    envelope.data = envelope.data.or(data);
                }
                "errors" => envelope.errors.push(raw),
                "error" => {
                    envelope.error = Some(raw);
                    said.insert(name, value(raw));
                }
                "success" => envelope.success = Some(raw),
                "code" | "message" | "requiredScope" => {
                    if let Some(text) = text_of(&value(raw)) {
                        said.insert(name, text.into());
                    }
                }
                _ => {}
            }
        }
        envelope.words = ErrorWords::read(&Value::Object(said));
        Some(envelope)
    }

    /// Calls `each` with every error of the answer, in their order. Errors are passed one at a time, because an
    /// answer may hold a hundred thousand.
    pub fn each_error(&self, mut each: impl FnMut(ErrorEntry)) {
        for raw in self.errors.iter().chain(&self.error) {
            each_of(raw, &mut each);
        }
    }

    /// Calls `each` with the raw JSON of every top member that may hold errors: `errors` and `error`.
    pub fn each_member(&self, each: impl FnMut(&RawValue)) {
        self.errors.iter().chain(&self.error).copied().for_each(each);
    }

    /// Returns whether the answer has an error in `errors`.
    pub fn has_errors(&self) -> bool {
        self.errors.iter().any(|raw| holds_errors(raw))
    }
}

/// Calls `each` with every error in the value of an `errors` member.
pub(super) fn each_of(errors: &RawValue, each: &mut impl FnMut(ErrorEntry)) {
    match serde_json::from_str::<Vec<&RawValue>>(errors.get()) {
        Ok(list) => list.into_iter().flat_map(|one| ErrorEntry::of_element(&value(one))).for_each(each),
        Err(_) => ErrorEntry::all(&value(errors)).into_iter().for_each(each),
    }
}

/// Returns whether the value of an `errors` member holds an error.
pub(super) fn holds_errors(errors: &RawValue) -> bool {
    match serde_json::from_str::<Vec<&RawValue>>(errors.get()) {
        Ok(list) => !list.is_empty(),
        Err(_) => !ErrorEntry::all(&value(errors)).is_empty(),
    }
}

/// Returns a member's parsed value. JSON that [`Value`] cannot hold (a number of a thousand digits) becomes `true`,
/// so that the member does not count as missing.
pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or(Value::Bool(true))
}

/// The members of an object, including all those that share a name.
struct Members<'b>(Vec<(String, &'b RawValue)>);

impl<'b> Deserialize<'b> for Members<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'b> Visitor<'b> for All {
            type Value = Members<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<Members<'b>, A::Error> {
                let mut all = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    all.push((name, map.next_value::<&RawValue>()?));
                }
                Ok(Members(all))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// Returns whether the value of a member `success` means no, such as `false` or `"no"`. `raw` is its JSON.
pub(super) fn denies(raw: &str) -> bool {
    matches!(raw.trim_matches('"').to_ascii_lowercase().as_str(), "false" | "0" | "no")
}
