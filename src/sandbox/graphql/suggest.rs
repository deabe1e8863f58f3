//! The suggestions ("Did you mean ...?") that graphql-js adds to an error about an unknown name.

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Schema};

/// The largest number of names in a suggestion, as in graphql-js.
const MOST: usize = 5;

/// Returns the suggestion to append to `message`, an error about an unknown name. Returns `None` if no known name is
/// similar.
pub fn suggestion(schema: &Schema, message: &str) -> Option<String> {
    let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
    let (wrong, known): (&str, Vec<&str>) = match quoted[..] {
        [field, type_name] if message.starts_with("Cannot query field") => (field, fields(schema, type_name)),
        [argument, directive] if message.starts_with("Unknown argument") && directive.starts_with('@') => {
            let definition = schema.directive_definitions.get(&directive[1..])?;
            (argument, definition.arguments.iter().map(|a| a.name.as_str()).collect())
        }
        [argument, field] if message.starts_with("Unknown argument") => {
            let (type_name, field) = field.split_once('.')?;
            let definition = schema.type_field(type_name, field).ok()?;
            (argument, definition.arguments.iter().map(|a| a.name.as_str()).collect())
        }
        [field, type_name] if message.starts_with("Field") && message.contains("is not defined by type") => {
            (field, input_fields(schema, type_name))
        }
        [type_name] if message.starts_with("Unknown type") => {
            (type_name, schema.types.keys().map(Name::as_str).collect())
        }
        _ => return None,
    };
    let mut close: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= wrong.len() * 2 / 5 + 1)
        .collect();
    close.sort_unstable();
    let names: Vec<String> = close.iter().take(MOST).map(|(_, name)| format!("\"{name}\"")).collect();
    match &names[..] {
        [] => None,
        [one] => Some(format!("Did you mean {one}?")),
        [one, other] => Some(format!("Did you mean {one} or {other}?")),
        [many @ .., last] => Some(format!("Did you mean {}, or {last}?", many.join(", "))),
    }
}

fn fields<'a>(schema: &'a Schema, type_name: &str) -> Vec<&'a str> {
    match schema.types.get(type_name) {
        Some(ExtendedType::Object(object)) => object.fields.keys().map(Name::as_str).collect(),
        Some(ExtendedType::Interface(interface)) => interface.fields.keys().map(Name::as_str).collect(),
        _ => Vec::new(),
    }
}

fn input_fields<'a>(schema: &'a Schema, type_name: &str) -> Vec<&'a str> {
    match schema.types.get(type_name) {
        Some(ExtendedType::InputObject(object)) => object.fields.keys().map(Name::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Returns the edit distance of two names. Names that differ only in case have the distance 1.
fn distance(wrong: &str, name: &str) -> usize {
    let (wrong, name) = (wrong.to_lowercase(), name.to_lowercase());
    if wrong == name { 1 } else { strsim::osa_distance(&wrong, &name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(message: &str) -> Option<String> {
        let sdl = "type Query { list(page: Int, limit: Int): T } type T { firstName: String lastName: String avatar: String }";
        suggestion(&Schema::parse_and_validate(sdl, "s").unwrap(), message)
    }

    #[test]
    fn close_names_are_suggested_and_far_ones_are_not() {
        let ask = |field| suggested(&format!("Cannot query field \"{field}\" on type \"T\"."));
        assert_eq!(ask("avatr").as_deref(), Some("Did you mean \"avatar\"?"));
        assert_eq!(ask("firstname").as_deref(), Some("Did you mean \"firstName\" or \"lastName\"?"));
        assert_eq!(ask("zzz"), None);
        let argument = suggested("Unknown argument \"pages\" on field \"Query.list\".");
        assert_eq!(argument.as_deref(), Some("Did you mean \"page\"?"));
        let directive = suggested("Unknown argument \"fi\" on directive \"@skip\".");
        assert_eq!(directive.as_deref(), Some("Did you mean \"if\"?"));
        assert_eq!(suggested("Unknown type \"Qery\".").as_deref(), Some("Did you mean \"Query\"?"));
        assert_eq!(suggested("Something \"else\""), None);
    }
}
