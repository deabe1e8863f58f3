//! The words of graphql-js, where the validator has others.
//!
//! A client that learns a dialect from rejections reads these messages: they have to be the ones the real server's
//! library writes.

use apollo_compiler::Schema;
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::executable::Operation;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::GraphQLError;
use apollo_compiler::validation::DiagnosticList;

use super::suggest;

/// What is wrong with a document, as graphql-js reports it.
pub fn errors(schema: &Schema, found: &DiagnosticList, suggestions: bool) -> Vec<GraphQLError> {
    // The validator drops unknown fields and then misses them: `{ a { nope } }` is told off for an empty `a` as well.
    let unknown: Vec<usize> = found
        .iter()
        .filter(|d| d.error.unstable_error_name() == Some("UndefinedField"))
        .filter_map(|d| Some(d.error.location()?.offset()))
        .collect();
    let spurious = |name: Option<&str>, at: Option<SourceSpan>| {
        let within = |at: SourceSpan| unknown.iter().any(|u| (at.offset() + 1..at.end_offset()).contains(u));
        name == Some("MissingSubselection") && at.is_some_and(within)
    };
    found
        .iter()
        .filter(|d| !spurious(d.error.unstable_error_name(), d.error.location()))
        .map(|d| {
            let mut error = d.unstable_to_json_compat();
            error.message = document_message(schema, &error.message);
            if let Some(suggestion) = suggest::suggestion(schema, &error.message).filter(|_| suggestions) {
                error.message = format!("{} {suggestion}", error.message);
            }
            error
        })
        .collect()
}

/// A message about a document.
fn document_message(schema: &Schema, message: &str) -> String {
    if message.contains("must have a selection of subfields")
        && let [_, field, _, parent, ..] = message.split('"').collect::<Vec<_>>()[..]
        && let Ok(definition) = schema.type_field(parent, field)
    {
        // The validator names the parent's type, graphql-js the field's own.
        return message.replacen(&format!("\"{parent}\""), &format!("\"{}\"", definition.ty), 1);
    }
    match message.split_once(" cannot represent value: ") {
        Some((ty, value)) => cannot_represent(ty, value).unwrap_or_else(|| message.to_owned()),
        None => message.to_owned(),
    }
}

/// A message about the values of variables.
pub fn variable_message(operation: &Operation, message: &str) -> String {
    let reworded = || {
        if let Some(name) = message.strip_prefix("missing value for non-null variable '") {
            let name = name.trim_end_matches('\'');
            let ty = &operation.variables.iter().find(|v| v.name == name)?.ty;
            return Some(format!(
                "Variable \"${name}\" of required type \"{ty}\" was not provided."
            ));
        }
        if let Some(rest) = message.strip_prefix("null value for variable ") {
            let (name, ty) = rest.split_once(" of non-null type ")?;
            return Some(format!(
                "Variable \"${name}\" of non-null type \"{ty}\" must not be null."
            ));
        }
        let (name, rest) = message.strip_prefix("could not coerce variable ")?.split_once(": ")?;
        let (value, ty) = rest.rsplit_once(" to type ")?;
        let why = cannot_represent(ty, value).unwrap_or_else(|| format!("Expected type \"{ty}\"."));
        Some(format!("Variable \"${name}\" got invalid value {value}; {why}"))
    };
    reworded().unwrap_or_else(|| message.to_owned())
}

fn cannot_represent(ty: &str, value: &str) -> Option<String> {
    let kind = match ty {
        "Int" if value.parse::<i64>().is_ok() => "non 32-bit signed integer",
        "Int" => "non-integer",
        "Float" => "non numeric",
        "String" => "a non string",
        "Boolean" => "a non boolean",
        "ID" => "a non-string and non-integer",
        _ => return None,
    };
    Some(format!("{ty} cannot represent {kind} value: {value}"))
}

/// graphql-js begins syntax errors so.
pub fn syntax_message(message: &str) -> String {
    let text = message.trim_start_matches("syntax error: ");
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("Syntax Error: {first}{}.", letters.as_str().trim_end_matches('.'))
}
