//! Reads the words of an error in an answer (its code, message and missing scope), and its path in the answer.
//!
//! GraphQL says that `errors` is a list of objects, each with a string `message`, a list `path` and an object
//! `extensions` (documented for this API: `extensions.code`). Servers, and proxies in front of them, write other
//! types of values there. Every form is read as far as possible, so that a known code is found wherever it is. If
//! nothing can be read, the HTTP status decides.

use serde_json::{Map, Value};

/// The depth to which objects nested in an error are read.
const DEPTH: u32 = 4;

/// The names of members that hold an error code, the most specific first.
const CODES: [&str; 3] = ["code", "errorCode", "error_code"];
/// The names of members that hold an error message, the most specific first.
const MESSAGES: [&str; 7] = ["message", "msg", "error", "error_description", "detail", "description", "reason"];
/// The names of members that hold the scope that is missing.
const SCOPES: [&str; 2] = ["requiredScope", "required_scope"];
/// The names of members that hold a nested error.
const NESTED: [&str; 5] = ["extensions", "exception", "originalError", "response", "cause"];

/// The words of an error, whichever of its members hold them.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ErrorWords {
    /// The error code, such as `TOKEN_EXPIRED`. A number is kept as its digits.
    pub code: Option<String>,
    /// The error message.
    pub message: Option<String>,
    /// The scope that is missing (documented beside `INSUFFICIENT_SCOPES`).
    pub required_scope: Option<String>,
}

impl ErrorWords {
    /// Reads the words of an error, or of a part of one, whatever type of JSON value it is.
    pub fn read(value: &Value) -> ErrorWords {
        read(value, DEPTH)
    }

    /// Reads the words of an error's `extensions`. If it is a string and not an object, that string counts as code
    /// and as message.
    fn of_extensions(value: &Value) -> ErrorWords {
        let words = ErrorWords::read(value);
        match value {
            Value::String(text) => ErrorWords { code: Some(text.clone()), ..words },
            _ => words,
        }
    }

    /// Returns these words, but prefers the code and the scope of `extensions`, where this API is documented to put
    /// the code.
    #[must_use]
    pub fn with(&self, extensions: Option<&ErrorWords>) -> ErrorWords {
        let Some(extensions) = extensions else { return self.clone() };
        ErrorWords { message: self.message.clone(), ..extensions.clone() }.or(self).or(extensions)
    }

    /// Returns these words, with each missing one taken from `other`.
    fn or(self, other: &ErrorWords) -> ErrorWords {
        ErrorWords {
            code: self.code.or_else(|| other.code.clone()),
            message: self.message.or_else(|| other.message.clone()),
            required_scope: self.required_scope.or_else(|| other.required_scope.clone()),
        }
    }
}

fn read(value: &Value, depth: u32) -> ErrorWords {
    match value {
        Value::Object(members) => of_object(members, depth),
        Value::Array(list) if depth > 0 => {
            list.iter().fold(ErrorWords::default(), |words, one| words.or(&read(one, depth - 1)))
        }
        Value::String(text) if !text.is_empty() => ErrorWords { message: Some(text.clone()), ..ErrorWords::default() },
        Value::Number(number) => ErrorWords { code: Some(number.to_string()), ..ErrorWords::default() },
        _ => ErrorWords::default(),
    }
}

fn of_object(members: &Map<String, Value>, depth: u32) -> ErrorWords {
    let first = |names: &[&str]| names.iter().find_map(|name| text_of(members.get(*name)?));
    let mut words = ErrorWords { code: first(&CODES), message: first(&MESSAGES), required_scope: first(&SCOPES) };
    if depth > 0 {
        let nested = CODES.iter().chain(&MESSAGES).chain(&NESTED).filter_map(|name| members.get(*name));
        for value in nested.filter(|value| value.is_object() || value.is_array()) {
            words = words.or(&read(value, depth - 1));
        }
    }
    words
}

/// Returns a non-empty string as it is, and a number as its digits. Returns `None` for any other value.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// One error of an answer.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct ErrorEntry {
    /// The error's path in the answer: response names, field names, row numbers. Empty if the error has no path.
    pub path: Vec<Value>,
    /// The error's code, message and missing scope. Those of `extensions` come before others.
    pub words: ErrorWords,
}

impl ErrorEntry {
    /// Reads the errors in the value of `errors`. Every value counts as an error, except `null`, `false` and anything
    /// empty.
    pub fn all(value: &Value) -> Vec<ErrorEntry> {
        match value {
            Value::Null | Value::Bool(false) => Vec::new(),
            Value::String(text) if text.is_empty() => Vec::new(),
            Value::Object(members) if members.is_empty() => Vec::new(),
            Value::Array(list) => list.iter().flat_map(ErrorEntry::of_element).collect(),
            Value::Object(members) if !is_an_error(members) => members.iter().flat_map(ErrorEntry::under).collect(),
            other => vec![ErrorEntry::one(other)],
        }
    }

    /// Reads an element of a list of errors. Every element counts as at least one error, even `null`.
    pub fn of_element(value: &Value) -> Vec<ErrorEntry> {
        let all = ErrorEntry::all(value);
        if all.is_empty() { vec![ErrorEntry::default()] } else { all }
    }

    /// Reads the errors that an object holds under one name. The object maps names to errors and is no error itself.
    /// The name becomes the path of an error that has none: it is a question's response name, or meaningless (`"0"`).
    fn under((name, value): (&String, &Value)) -> Vec<ErrorEntry> {
        let mut all = ErrorEntry::of_element(value);
        for entry in all.iter_mut().filter(|entry| entry.path.is_empty()) {
            entry.path.push(Value::from(name.as_str()));
        }
        all
    }

    fn one(value: &Value) -> ErrorEntry {
        let Value::Object(members) = value else {
            return ErrorEntry { words: ErrorWords::read(value), ..ErrorEntry::default() };
        };
        let own = ErrorWords::read(value);
        let extensions = members.get("extensions").map(ErrorWords::of_extensions);
        ErrorEntry { path: members.get("path").map(path).unwrap_or_default(), words: own.with(extensions.as_ref()) }
    }
}

/// Returns whether an object is an error, and not a map from names to errors.
fn is_an_error(members: &Map<String, Value>) -> bool {
    const OTHERS: [&str; 4] = ["path", "locations", "success", "status"];
    CODES.iter().chain(&MESSAGES).chain(&SCOPES).chain(&NESTED).chain(&OTHERS).any(|name| members.contains_key(*name))
}

/// Reads an error's path. It may also be a string, such as `contacts_1.data.docs[3].email`.
fn path(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(steps) => steps.clone(),
        Value::String(text) => text.split(['.', '/', '[', ']']).filter(|step| !step.is_empty()).map(step).collect(),
        Value::Number(_) => vec![value.clone()],
        _ => Vec::new(),
    }
}

fn step(text: &str) -> Value {
    text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(error: &Value) -> (Option<String>, Option<String>) {
        let mut all = ErrorEntry::all(&json!([error]));
        let entry = all.remove(0);
        assert!(all.is_empty(), "{error}");
        (entry.words.code, entry.words.message)
    }

    fn told(code: &str, message: &str) -> (Option<String>, Option<String>) {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        (some(code), some(message))
    }

    #[test]
    fn a_code_is_found_wherever_it_stands() {
        for (error, found) in [
            (json!({"message": "m", "extensions": {"code": "X"}}), told("X", "m")),
            (json!({"message": "m", "code": "Y", "extensions": {"code": "X"}}), told("X", "m")),
            (json!({"message": "m", "extensions": "X"}), told("X", "m")),
            (json!({"message": "m", "extensions": []}), told("", "m")),
            (json!({"message": "m", "extensions": [{"code": "X"}]}), told("X", "m")),
            (json!({"message": "m", "extensions": 7}), told("7", "m")),
            (json!({"message": {"code": "X", "message": "m"}}), told("X", "m")),
            (json!({"message": ["m", "n"]}), told("", "m")),
            (json!({"code": {"code": 401}}), told("401", "")),
            (json!({"message": "m", "extensions": {"exception": {"code": "X"}}}), told("X", "m")),
            (
                json!({"message": "m", "extensions": {"originalError": {"statusCode": 1, "message": "X"}}}),
                told("", "m"),
            ),
            (json!({"error": "m", "code": 5}), told("5", "m")),
            (json!("m"), told("", "m")),
            (json!(401), told("401", "")),
            (json!(null), told("", "")),
            (json!(true), told("", "")),
            (json!([]), told("", "")),
        ] {
            assert_eq!(words(&error), found, "{error}");
        }
    }

    #[test]
    fn every_form_of_a_list_of_errors_is_one() {
        for nothing in [json!(null), json!(false), json!([]), json!({}), json!("")] {
            assert_eq!(ErrorEntry::all(&nothing), [], "{nothing}");
        }
        let messages = |errors: &Value| -> Vec<String> {
            ErrorEntry::all(errors).into_iter().map(|entry| entry.words.message.unwrap_or_default()).collect()
        };
        assert_eq!(messages(&json!("a")), ["a"]);
        assert_eq!(messages(&json!(["a", {"message": "b"}, ["c", ["d"]], null])), ["a", "b", "c", "d", ""]);
        assert_eq!(messages(&json!({"message": "a"})), ["a"]);
        assert_eq!(messages(&json!({"0": {"message": "a"}, "1": "b"})), ["a", "b"]);
        let named = ErrorEntry::all(&json!({"contacts_1": ["a"]}));
        assert_eq!((named[0].path.clone(), named[0].words.message.as_deref()), (vec![json!("contacts_1")], Some("a")));
    }

    #[test]
    fn a_path_is_read_as_a_list_and_as_a_text() {
        let whole = vec![json!("contacts_1"), json!("docs"), json!(3), json!("email")];
        for path in [
            json!(["contacts_1", "docs", 3, "email"]),
            json!("contacts_1.docs.3.email"),
            json!("contacts_1.docs[3].email"),
            json!("/contacts_1/docs/3/email"),
        ] {
            assert_eq!(ErrorEntry::all(&json!([{"message": "m", "path": path}]))[0].path, whole);
        }
        assert!(ErrorEntry::all(&json!([{"message": "m", "path": null}]))[0].path.is_empty());
    }

    #[test]
    fn no_depth_is_too_deep() {
        let mut deep = json!("TOKEN_EXPIRED");
        (0..100).for_each(|_| deep = json!({"message": [deep]}));
        assert_eq!(ErrorWords::read(&deep), ErrorWords::default());
    }
}
