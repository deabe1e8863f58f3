//! The mutation that generates a token: the one that takes a client id and a secret and gives a token.

use super::super::names::{self, folded};
use super::super::schema::{Argument, Field, Schema, TypeRef};
use super::arguments::{self, Needs};
use super::list::{is_text, leaf};

/// A token mutation, in the dialect's words.
#[derive(Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mutation {
    pub operation: String,
    pub input: String,
    pub input_type: String,
    pub client_id: String,
    pub client_secret: String,
    pub client_id_type: String,
    pub client_secret_type: String,
    pub access_token: String,
    pub expires_in: String,
    pub success: String,
    pub code: String,
    pub message: String,
    pub needs: Needs,
}

/// The likeliest mutation: one that takes a pair and gives a token, or one that is called so and of which one of the two
/// is not known. None when there is no such thing.
pub fn mutation(schema: &Schema) -> Option<Mutation> {
    let mut all: Vec<(usize, usize, Mutation)> = schema
        .fields(&schema.mutation)
        .iter()
        .filter_map(|field| {
            let telling = folded(&field.name).contains("token");
            let known = names::TOKEN_OPERATIONS.iter().position(|name| *name == field.name);
            let mutation = read(schema, field);
            let unknown = usize::from(mutation.client_id.is_empty()) + usize::from(mutation.access_token.is_empty());
            let rank = known.unwrap_or(if telling { 50 } else { 60 });
            (unknown == 0 || (unknown == 1 && known.is_some() && telling)).then_some((unknown, rank, mutation))
        })
        .collect();
    all.sort_by_key(|(unknown, rank, m)| (*unknown, m.needs.open.len(), *rank));
    all.into_iter().next().map(|(_, _, mutation)| mutation)
}

/// What is known of a mutation; no client id where it takes no pair, no token where it gives none.
fn read(schema: &Schema, field: &Field) -> Mutation {
    let mut mutation = Mutation { operation: field.name.clone(), ..Mutation::default() };
    members(schema, &field.ty, "", 3, &mut mutation);
    let pair = |arguments: &[Argument]| {
        let secret = pick(arguments, names::CLIENT_SECRET)?;
        Some((pick(arguments, names::CLIENT_ID)?, secret))
    };
    let mut inputs =
        field.arguments.iter().map(|a| (a, schema.inputs(&a.ty.name))).filter(|(_, inner)| !inner.is_empty());
    let plain = pair(&field.arguments);
    let input = if plain.is_some() {
        None
    } else {
        inputs.clone().find(|(_, inner)| pair(inner).is_some()).or_else(|| inputs.next())
    };
    if let Some((input, _)) = input {
        (mutation.input, mutation.input_type) = (input.name.clone(), format!("{}!", input.ty.name));
    }
    let Some((id, secret)) = plain.or_else(|| pair(input?.1)) else {
        mutation.needs = arguments::needs(schema, &field.arguments, &[]);
        (mutation.client_id_type, mutation.client_secret_type) = ("String!".into(), "String!".into());
        return mutation;
    };
    let above = input.map(|(input, _)| format!("{}.", input.name)).unwrap_or_default();
    let given = [&id, &secret].map(|argument| format!("{above}{}", argument.name));
    mutation.needs = arguments::needs(schema, &field.arguments, &[&given[0], &given[1]]);
    let ty =
        |argument: &Argument| format!("{}!", if argument.ty.name.is_empty() { "String" } else { &argument.ty.name });
    (mutation.client_id_type, mutation.client_secret_type) = (ty(&id), ty(&secret));
    (mutation.client_id, mutation.client_secret) = (id.name, secret.name);
    mutation
}

fn pick(arguments: &[Argument], pool: &[&str]) -> Option<Argument> {
    let named = |name: &str| arguments.iter().find(|a| !a.ty.list && folded(&a.name) == folded(name));
    pool.iter().find_map(|name| named(name)).cloned()
}

fn members(schema: &Schema, ty: &TypeRef, path: &str, depth: u32, into: &mut Mutation) {
    if depth == 0 || ty.list || !schema.is_object(ty) {
        return;
    }
    let fields = schema.fields(&ty.name);
    let take = |into: &mut String, pool: &[&str], fits: fn(&TypeRef) -> bool| {
        if into.is_empty()
            && let Some(name) = leaf(schema, fields, pool, fits)
        {
            *into = format!("{path}{name}");
        }
    };
    take(&mut into.access_token, names::ACCESS_TOKEN, is_text);
    take(&mut into.expires_in, names::EXPIRES_IN, |_| true);
    take(&mut into.success, names::SUCCESS, |_| true);
    take(&mut into.code, names::CODE, |_| true);
    take(&mut into.message, names::MESSAGE, is_text);
    for field in fields {
        members(schema, &field.ty, &format!("{path}{}.", field.name), depth - 1, into);
    }
}
