//! Rewrites the validator's errors in the words of graphql-js.
//!
//! A client that finds out a server's spelling from rejections parses these messages. So they must be the ones that
//! the real server's library writes.

use apollo_compiler::ast::{self, Selection};
use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::parser::SourceSpan;
use apollo_compiler::response::GraphQLError;
use apollo_compiler::validation::DiagnosticList;
use apollo_compiler::{Name, Schema};

use crate::sandbox::graphql::suggest;

/// A document that the validator rejected.
pub struct InvalidDocument<'a> {
    /// The schema against which the document was validated.
    pub schema: &'a Schema,
    /// The document's text.
    pub query: &'a str,
    /// The document as parsed.
    pub parsed: &'a ast::Document,
    /// `true` if messages suggest similar names.
    pub suggestions: bool,
}

/// One error of the validator.
struct Complaint {
    name: &'static str,
    /// The message in the validator's own words.
    own: String,
    at: Option<SourceSpan>,
    error: GraphQLError,
}

impl InvalidDocument<'_> {
    /// Returns the errors in the words of graphql-js, without those that graphql-js does not report.
    pub fn errors(&self, found: &DiagnosticList) -> Vec<GraphQLError> {
        let complaints: Vec<Complaint> = found
            .iter()
            .map(|d| Complaint {
                name: d.error.unstable_error_name().unwrap_or_default(),
                own: d.error.to_string(),
                at: d.error.location(),
                error: d.unstable_to_json_compat(),
            })
            .collect();
        complaints
            .iter()
            .filter(|complaint| !self.spurious(complaint, &complaints))
            .map(|complaint| {
                let mut message = self.reworded(complaint).unwrap_or_else(|| complaint.error.message.clone());
                if let Some(suggestion) = suggest::suggestion(self.schema, &message).filter(|_| self.suggestions) {
                    message = format!("{message} {suggestion}");
                }
                GraphQLError { message, ..complaint.error.clone() }
            })
            .collect()
    }

    /// Returns `true` for an error that only follows from another error of the same document. graphql-js does not
    /// report such an error.
    fn spurious(&self, complaint: &Complaint, all: &[Complaint]) -> bool {
        let within = |other: &Complaint| {
            let (Some(at), Some(inner)) = (complaint.at, other.at) else {
                return false;
            };
            (at.offset()..at.end_offset()).contains(&inner.offset())
        };
        let quoted = quoted(&complaint.error.message);
        match complaint.name {
            // The validator drops wrong fields: for `{ a { nope } }` it also reports an empty selection of `a`.
            "MissingSubselection" => all.iter().any(|other| {
                let dropped = ["UndefinedField", "SubselectionOnScalarType", "SubselectionOnEnumType"];
                dropped.contains(&other.name) && within(other)
            }),
            // A null argument is wrong, but not missing.
            "RequiredArgument" | "RequiredField" => {
                let name = quoted.iter().rev().nth(1).and_then(|n| n.rsplit('.').next()).unwrap_or_default();
                all.iter().any(|other| is_null(&other.own) && within(other) && self.is_value_of(other.at, name))
            }
            // Nothing is known about the use of a variable of an unknown type.
            "DisallowedVariableUsage" => {
                quoted.get(1).is_some_and(|ty| !self.schema.types.contains_key(ty.trim_matches(['[', ']', '!'])))
            }
            "ConflictingFieldType" => all.iter().any(|other| {
                other.name == "ConflictingFieldName"
                    && crate::sandbox::graphql::graphql_js_messages::quoted(&other.error.message)[0] == quoted[0]
            }),
            _ => false,
        }
    }

    /// Returns `true` if the text at `at` is the value of the argument or field `name`: it comes right after `name:`.
    fn is_value_of(&self, at: Option<SourceSpan>, name: &str) -> bool {
        let before = at.and_then(|at| self.query.get(..at.offset())).unwrap_or_default();
        let key = before.trim_end().strip_suffix(':').map(str::trim_end);
        key.is_some_and(|key| key.ends_with(name))
    }

    fn reworded(&self, complaint: &Complaint) -> Option<String> {
        let message = &complaint.error.message;
        let quoted = quoted(message);
        match complaint.name {
            "MissingSubselection" => {
                // The validator names the parent's type, graphql-js the field's own.
                let definition = self.schema.type_field(quoted.get(1)?, quoted[0]).ok()?;
                Some(message.replacen(&format!("\"{}\"", quoted[1]), &format!("\"{}\"", definition.ty), 1))
            }
            "SubselectionOnScalarType" | "SubselectionOnEnumType" => {
                let (field, ty) = self.field_at(complaint.at?.offset())?;
                Some(format!("Field \"{field}\" must not have a selection since type \"{ty}\" has no subfields."))
            }
            "UnsupportedValueType" => {
                let expected = complaint.own.strip_prefix("expected value of type ")?.split(',').next()?;
                self.unsupported(expected, message.split_once(" cannot represent value: ")?.1)
            }
            "UndefinedVariable" => {
                let lacks = |o: &ast::OperationDefinition| o.variables.iter().all(|v| v.name != quoted[0][1..]);
                let name = self.operation(complaint.at, lacks)?;
                Some(message.replace("defined.", &format!("defined by operation \"{name}\".")))
            }
            "UnusedVariable" => {
                let name = self.operation(complaint.at, |_| false)?;
                Some(message.replace("used.", &format!("used in operation \"{name}\".")))
            }
            "UndefinedArgument" => Some(message.replace("on field \"@", "on directive \"@")),
            "RecursiveFragmentDefinition" => {
                // The validator lists the path backwards.
                let via: Vec<String> =
                    quoted[1..].iter().rev().filter(|n| **n != quoted[0]).map(|n| format!("\"{n}\"")).collect();
                let via = if via.is_empty() { String::new() } else { format!(" via {}", via.join(", ")) };
                Some(format!("Cannot spread fragment \"{}\" within itself{via}.", quoted[0]))
            }
            _ => None,
        }
    }

    /// Returns the message about a value that is not of the type `expected`.
    fn unsupported(&self, expected: &str, value: &str) -> Option<String> {
        if let Some(name) = value.strip_prefix('$') {
            let variables = self.operations().flat_map(|o| &o.variables);
            let ty = &variables.into_iter().find(|v| v.name == name)?.ty;
            return Some(format!(
                "Variable \"{value}\" of type \"{ty}\" used in position expecting type \"{expected}\"."
            ));
        }
        let inner = expected.trim_matches(['[', ']', '!']);
        let value = one_line(value);
        Some(match scalar_kind(inner, &value) {
            Some(kind) if value != "null" => format!("{inner} cannot represent {kind}: {value}"),
            _ => format!("Expected value of type \"{expected}\", found {value}."),
        })
    }

    fn operations(&self) -> impl Iterator<Item = &ast::OperationDefinition> {
        self.parsed.definitions.iter().filter_map(|d| d.as_operation_definition().map(|o| &**o))
    }

    /// Returns the name of the operation that contains the position `at`, or else of the first operation for which
    /// `fits` returns `true`.
    fn operation(&self, at: Option<SourceSpan>, fits: impl Fn(&ast::OperationDefinition) -> bool) -> Option<&Name> {
        let offset = at?.offset();
        let mut all = self.parsed.definitions.iter().filter_map(|d| d.as_operation_definition());
        let around =
            all.clone().find(|o| o.location().is_some_and(|at| (at.offset()..at.end_offset()).contains(&offset)));
        around.or_else(|| all.find(|o| fits(o)))?.name.as_ref()
    }

    /// Returns the name and the type of the field that begins at the byte `offset` of the query.
    fn field_at(&self, offset: usize) -> Option<(&Name, &ast::Type)> {
        self.parsed.definitions.iter().find_map(|definition| match definition {
            ast::Definition::OperationDefinition(operation) => {
                let root = self.schema.root_operation(operation.operation_type)?;
                self.field_in(&operation.selection_set, root, offset)
            }
            ast::Definition::FragmentDefinition(fragment) => {
                self.field_in(&fragment.selection_set, &fragment.type_condition, offset)
            }
            _ => None,
        })
    }

    fn field_in<'s>(&'s self, set: &'s [Selection], on: &Name, offset: usize) -> Option<(&'s Name, &'s ast::Type)> {
        set.iter().find_map(|selection| match selection {
            Selection::Field(field) => {
                let ty = &self.schema.type_field(on, &field.name).ok()?.ty;
                if field.location().is_some_and(|at| at.offset() == offset) {
                    return Some((&field.name, ty));
                }
                self.field_in(&field.selection_set, ty.inner_named_type(), offset)
            }
            Selection::InlineFragment(inline) => {
                self.field_in(&inline.selection_set, inline.type_condition.as_ref().unwrap_or(on), offset)
            }
            Selection::FragmentSpread(_) => None,
        })
    }
}

fn quoted(message: &str) -> Vec<&str> {
    message.split('"').skip(1).step_by(2).collect()
}

fn is_null(own: &str) -> bool {
    own.starts_with("expected value of type ") && own.ends_with(" null")
}

/// Prints a literal as graphql-js does, with lists and objects on one line.
fn one_line(value: &str) -> String {
    let whole = ast::Document::parse(format!("{{f(a:{value})}}"), "value").ok();
    let printed = whole.map(|document| document.serialize().no_indent().to_string()).unwrap_or_default();
    let inner = printed.split_once("a: ").and_then(|(_, rest)| rest.rsplit_once(')'));
    inner.map_or_else(|| value.to_owned(), |(text, _)| text.to_owned())
}

/// Returns the words with which a built-in scalar type describes a value that it rejects. Returns `None` for other
/// types.
pub fn scalar_kind(ty: &str, value: &str) -> Option<&'static str> {
    Some(match ty {
        "Int" if value.parse::<i64>().is_ok() => "non 32-bit signed integer value",
        "Int" => "non-integer value",
        "Float" => "non numeric value",
        "String" => "a non string value",
        "Boolean" => "a non boolean value",
        "ID" => "a non-string and non-integer value",
        _ => return None,
    })
}

/// Rewrites the message of a syntax error in the form of graphql-js.
pub fn syntax_message(message: &str) -> String {
    let text = message.trim_start_matches("syntax error: ");
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("Syntax Error: {first}{}.", letters.as_str().trim_end_matches('.'))
}
