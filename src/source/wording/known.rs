//! Lists the sentences of GraphQL validation that may be shown with the names in them. They are those of graphql-js
//! in its versions 14 to 17, and the equivalent ones of other servers. `discovery::rejections` learns from them.
//!
//! A name is that of a field, an argument, a type, a variable or a directive. A sentence that can quote a value is
//! shown up to the value.

/// Complete sentences. `{}` stands for a name, with or without quotation marks of any kind.
const SENTENCES: &[&str] = &[
    "Cannot query field {} on type {}.",
    "Unknown argument {} on field {}.",
    "Unknown argument {} on field {} of type {}.",
    "Unknown argument {} on directive {}.",
    "Unknown directive {}.",
    "Unknown type {}.",
    "Unknown fragment {}.",
    "Unknown field {} on type {}.",
    "Unknown operation named {}.",
    "Field {} argument {} of type {} is required, but it was not provided.",
    "Field {} argument {} of type {} is required but not provided.",
    "Argument {} of type {} is required, but it was not provided.",
    "Argument {} of required type {} was not provided.",
    "Argument {} of non-null type {} must not be null.",
    "Directive {} argument {} of type {} is required, but it was not provided.",
    "Field {} of required type {} was not provided.",
    "Field {} must have a selection of subfields.",
    "Field {} of type {} must have a selection of subfields.",
    "Field {} must not have a selection since type {} has no subfields.",
    "Field {} is not defined by type {}.",
    "Variable {} of type {} used in position expecting type {}.",
    "Variable {} of required type {} was not provided.",
    "Variable {} of non-null type {} must not be null.",
    "Variable {} is not defined.",
    "Variable {} is not defined by operation {}.",
    "Variable {} is never used.",
    "Variable {} is never used in operation {}.",
    "Variable {} cannot be non-input type {}.",
    "Cannot return null for non-nullable field {}.",
    "Cannot return null for non-nullable type {}.",
    "Schema is not configured to execute {} operation.",
    "Schema is not configured for mutations.",
    "Schema does not define the required {} root type.",
    "The schema has no {} root type.",
    "The schema has no {} root type defined.",
    "Schema has no {} root type defined.",
    "No {} root type.",
    "GraphQL introspection has been disabled, but the requested query contained the field {}.",
    "GraphQL introspection is not allowed, but the query contained {} or {}.",
    // Sentences of other servers.
    "Validation error ({}@{}) : Field {} in type {} is undefined",
    "Validation error of type {}: Field {} in type {} is undefined @ {}",
    "Field {} in type {} is undefined",
    "Validation error ({}@{}) : Missing field argument {}",
    "Missing field argument {}",
    "The field {} does not exist on the type {}.",
    "The argument {} does not exist.",
    "The argument {} is required.",
    "Field {} doesn't exist on type {}",
    "Field {} doesn't accept argument {}",
    "InputObject {} doesn't accept argument {}",
    "Field {} is missing required arguments: {}",
    "field {} not found in type: {}",
    "{} has no argument named {}",
    "type {} does not have a field {}",
    "the required argument {} is not provided",
];

/// The beginnings of sentences that continue with a value.
const BEGINNINGS: &[&str] = &[
    "Expected value of type {}, found ",
    "Expected type {}, found ",
    "Variable {} got invalid value ",
    "Argument {} has invalid value ",
    "Enum {} cannot represent ",
    "{} cannot represent ",
    "Value ",
];

/// The longest string that counts as a name, in bytes.
const LONGEST: usize = 80;

/// Returns the message if it is one of the listed sentences. If only its beginning is listed, returns that beginning
/// with `…` for the rest. Returns `None` for any other message.
pub(super) fn told(message: &str) -> Option<String> {
    let (sentence, suggestion) = match message.find("Did you mean") {
        Some(at) => (message[..at].trim_end(), &message[at..]),
        None => (message, ""),
    };
    if SENTENCES.iter().any(|known| fits(known.trim_end_matches('.'), sentence.trim_end_matches('.'))) {
        return Some(match suggestion {
            "" => sentence.to_owned(),
            names if is_suggestion(names) => format!("{sentence} {names}"),
            _ => format!("{sentence} …"),
        });
    }
    BEGINNINGS.iter().find_map(|known| begins(known, message)).map(|beginning| format!("{beginning}…"))
}

/// Returns whether `text` equals `known` with each `{}` replaced by a name.
fn fits(known: &str, text: &str) -> bool {
    let Some((literal, rest)) = known.split_once("{}") else { return known == text };
    let Some(text) = text.strip_prefix(literal) else { return false };
    name(text).is_some_and(|length| fits(rest, &text[length..]))
}

/// Returns the part of `text` that matches the beginning `known`, or `None` if `text` does not begin so.
fn begins<'t>(known: &str, text: &'t str) -> Option<&'t str> {
    let (mut at, mut known) = (0, known);
    while let Some((literal, rest)) = known.split_once("{}") {
        let after = text[at..].strip_prefix(literal)?;
        at += literal.len() + name(after)?;
        known = rest;
    }
    text[at..].starts_with(known).then(|| &text[..at + known.len()])
}

/// Returns the length in bytes of the name at the beginning of `text`, its quotation marks included. Returns `None`
/// if `text` does not begin with a name.
fn name(text: &str) -> Option<usize> {
    const MARKS: [(char, char); 7] =
        [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’'), ('«', '»'), ('[', ']')];
    let first = text.chars().next()?;
    let closing = MARKS.iter().find(|(opening, _)| *opening == first).map(|(_, closing)| *closing);
    let from = if closing.is_some() { first.len_utf8() } else { 0 };
    let of_a_name =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.' | '!' | '/' | '[' | ']' | '(' | ':' | ')');
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '/' | '!' | '[' | ']');
    let inner = &text[from..];
    // The `@` before a directive's name.
    let at = usize::from(inner.starts_with('@'));
    let (from, inner) = (from + at, &inner[at..]);
    let mut end = match closing {
        Some(closing) => inner.find(|c: char| c == closing && c != ']' || !of_a_name(c))?,
        // A dot may separate two names, or end the sentence.
        None => inner
            .char_indices()
            .find(|(at, c)| {
                !(bare(*c) || *c == '.' && inner[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            })
            .map_or(inner.len(), |(at, _)| at),
    };
    if closing == Some(']') {
        end = inner.find(']')?;
    }
    let is_name =
        inner[..end].trim_start_matches(['$', '[']).starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !is_name || end > LONGEST {
        return None;
    }
    match closing {
        Some(closing) => inner[end..].starts_with(closing).then(|| from + end + closing.len_utf8()),
        None => Some(end),
    }
}

/// Returns whether a suggestion holds nothing but names: `Did you mean "a", "b", or "c"?`.
fn is_suggestion(text: &str) -> bool {
    let Some(names) = text.strip_prefix("Did you mean ").and_then(|rest| rest.trim_end().strip_suffix('?')) else {
        return false;
    };
    let names = names.strip_prefix("to use an inline fragment on ").unwrap_or(names);
    let names = names.strip_prefix("the enum value ").unwrap_or(names);
    let names = names.replace(", or ", ", ").replace(" or ", ", ");
    names.split(", ").all(|one| name(one) == Some(one.len()))
}
