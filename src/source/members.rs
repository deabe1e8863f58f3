//! The members of an answer at its top. Each is read by itself and leniently: one that has an odd form says less, and takes
//! none of the others with it.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::words::{Entry, Words, text_of};

/// An answer's members.
#[derive(Debug, Default)]
pub(super) struct Envelope<'b> {
    /// By response name; `None` where `data` is missing, null or no object.
    pub data: Option<HashMap<String, &'b RawValue>>,
    /// It has a member that only an answer of GraphQL has, whatever stands in it.
    pub is_graphql: bool,
    /// What it says of itself outside of `errors`.
    pub words: Words,
    /// The answer as a whole denies itself.
    pub success: Option<&'b RawValue>,
    errors: Vec<&'b RawValue>,
    /// What some servers call one error.
    error: Option<&'b RawValue>,
}

impl<'b> Envelope<'b> {
    /// Reads the members of a JSON object, or of the one object of a list (some servers answer every request as a batch).
    /// Returns `None` for other JSON, for what is no JSON, and where two different `data` contradict each other.
    pub fn read(text: &'b str) -> Option<Envelope<'b>> {
        // A byte order mark is no part of JSON, and some servers send one.
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
        envelope.words = Words::read(&Value::Object(said));
        Some(envelope)
    }

    /// Calls `each` with every error of the answer, in their order. One at a time: an answer may hold a hundred thousand.
    pub fn each_error(&self, mut each: impl FnMut(Entry)) {
        for raw in self.errors.iter().chain(&self.error) {
            each_of(raw, &mut each);
        }
    }

    /// Calls `each` with every member that holds errors, as it stands.
    pub fn each_member(&self, each: impl FnMut(&RawValue)) {
        self.errors.iter().chain(&self.error).copied().for_each(each);
    }

    /// Whether the answer holds an error under `errors`.
    pub fn has_errors(&self) -> bool {
        self.errors.iter().any(|raw| holds_errors(raw))
    }
}

/// Calls `each` with every error of a member.
pub(super) fn each_of(errors: &RawValue, each: &mut impl FnMut(Entry)) {
    match serde_json::from_str::<Vec<&RawValue>>(errors.get()) {
        Ok(list) => list.into_iter().flat_map(|one| Entry::of_element(&value(one))).for_each(each),
        Err(_) => Entry::all(&value(errors)).into_iter().for_each(each),
    }
}

/// Whether a member holds an error.
pub(super) fn holds_errors(errors: &RawValue) -> bool {
    match serde_json::from_str::<Vec<&RawValue>>(errors.get()) {
        Ok(list) => !list.is_empty(),
        Err(_) => !Entry::all(&value(errors)).is_empty(),
    }
}

/// A member's value. JSON that no value holds (a number of a thousand digits) is something all the same.
pub(super) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or(Value::Bool(true))
}

/// The members of an object, those of one name all of them.
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
