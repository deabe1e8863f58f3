//! Recognises a GraphQL API that is not Qpien's: no mutation gives a token for a client id and a secret, and no query
//! lists any of the default streams.

use crate::discovery::infer::{list, token};
use crate::discovery::schema::Schema;
use crate::error::{Error, Kind};
use crate::streams::{DEFAULT, Stream};

/// Returns the error for an API that has neither a token mutation nor a list of a default stream. Returns `None` if
/// it has one of them.
pub fn told(schema: &Schema) -> Option<Error> {
    let lists = |stream: &Stream| !list::candidates(schema, *stream).is_empty();
    if token::mutation(schema).is_some() || DEFAULT.iter().any(lists) {
        return None;
    }
    let names: Vec<String> = DEFAULT.iter().map(|s| s.name().replace('_', " ")).collect();
    Some(Error::new(
        Kind::WrongEndpoint,
        format!(
            "this does not look like the Qpien API: a GraphQL API answers, but it has no mutation that gives a token for a \
             client id and a secret, and no list of {}",
            names.join(", ")
        ),
    ))
}

/// Returns whether an error says that the API has no mutations at all, in the words of graphql-js and others.
/// `refused` is the error of the request for a token.
pub fn has_no_mutations(refused: &Error) -> bool {
    let said = refused.detail.to_ascii_lowercase();
    said.contains("schema is not configured") || said.contains("no \"mutation\" root type")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::schema::{Field, Type, TypeRef};

    #[test]
    fn what_has_a_list_of_ours_is_no_stranger() {
        let named = |name: &str, list: bool| TypeRef { name: name.into(), list, ..TypeRef::default() };
        let field = |name: &str, ty: TypeRef| Field { name: name.into(), ty, arguments: Vec::new() };
        let contact = ["_id", "firstName", "lastName", "email", "phone", "gender", "avatar", "username", "country"];
        let mut schema = Schema { query: "Query".into(), mutation: "Mutation".into(), ..Schema::default() };
        let object = |fields: Vec<Field>| Type::Object(fields);
        schema.types.insert("Query".into(), object(vec![field("things", named("Thing", true))]));
        schema.types.insert("Thing".into(), object(vec![field("sku", named("String", false))]));
        let told = told(&schema).expect("a stranger");
        assert!(told.kind == Kind::WrongEndpoint && told.detail.contains("no list of contacts"), "{told}");
        let fields = contact.map(|name| field(name, named("String", false))).to_vec();
        schema.types.insert("Thing".into(), object(fields));
        assert_eq!(super::told(&schema), None);
    }
}
