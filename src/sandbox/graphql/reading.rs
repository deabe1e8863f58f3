//! A schema as the sandbox understands it: the types that it serves, and the meaning of its types, fields and
//! arguments.

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;

use crate::sandbox::account::moment::MomentForm;
use crate::sandbox::graphql::directives;
use crate::sandbox::graphql::entities::Entities;
use crate::sandbox::graphql::question::SandboxQuestion;
use crate::sandbox::graphql::root_fields::RootFields;
use crate::streams::{ColumnKind, Stream};

/// A schema, and the meaning of its parts.
#[derive(Debug)]
pub struct SchemaMeaning {
    /// The schema to serve, without any trace of `@sandbox`.
    pub types: Valid<Schema>,
    /// The object types that are records of a stream.
    pub entities: Entities,
    /// The format in which timestamps are written.
    pub dates: MomentForm,
    asks: RootFields,
}

impl SchemaMeaning {
    /// Parses an SDL file, and finds out what its parts mean. The error is a message for people.
    pub fn of(sdl: &str) -> Result<SchemaMeaning, String> {
        let (types, hints) = directives::load(sdl)?;
        let entities = Entities::of(&types, &hints)?;
        let asks = RootFields::of(&types, &entities, &hints)?;
        let dates = hints.dates.unwrap_or_else(|| guessed(&types, &entities));
        Ok(SchemaMeaning { types, entities, dates, asks })
    }

    /// Returns the question that a root field asks with these arguments. `root` is the name of the root type.
    pub fn question(
        &self,
        root: &str,
        field: &str,
        arguments: &serde_json::Map<String, serde_json::Value>,
    ) -> SandboxQuestion {
        if field.starts_with("__") {
            return SandboxQuestion::Meta;
        }
        SandboxQuestion::of(self.asks.get(root, field), arguments)
    }
}

/// Guesses the format of timestamps from their type in the schema. `Int` means seconds, because milliseconds do not
/// fit. `Float` means milliseconds. Any other type means ISO 8601.
fn guessed(types: &Schema, entities: &Entities) -> MomentForm {
    let moments = crate::streams::ALL.into_iter().filter_map(|stream: Stream| {
        let column = stream.columns().iter().find(|c| c.kind == ColumnKind::Timestamp)?;
        let (ty, entity) = entities.of_stream(stream)?;
        let field = types.type_field(ty, entity.field(column.name)?).ok()?;
        Some(field.ty.inner_named_type().as_str())
    });
    match moments.into_iter().next() {
        Some("Int") => MomentForm::EpochS,
        Some("Float") => MomentForm::EpochMs,
        _ => MomentForm::Iso8601,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_their_type_allows_unless_it_is_said() {
        let dates = |ty: &str| {
            let sdl = format!("type Query {{ a: ExternalContact }} type ExternalContact {{ _id: ID createdAt: {ty} }}");
            SchemaMeaning::of(&sdl).unwrap().dates
        };
        assert_eq!(dates("String"), MomentForm::Iso8601);
        assert_eq!(dates("Int"), MomentForm::EpochS);
        assert_eq!(dates("Float"), MomentForm::EpochMs);
        assert_eq!(dates(r#"Float @sandbox(dates: "epoch_ms_text")"#), MomentForm::EpochMsText);
    }
}
