//! The mutation that generates a token: the one that takes a client id and a secret and gives a token.

use super::super::names::{self, folded};
use super::super::schema::{Argument, Field, Schema, Type, TypeRef};
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

/// The likeliest mutation; none when no mutation takes a pair and gives a token.
pub fn mutation(schema: &Schema) -> Option<Mutation> {
    let mut all: Vec<(usize, Mutation)> = schema
        .fields(&schema.mutation)
        .iter()
        .filter_map(|field| {
            let rank = names::TOKEN_OPERATIONS.iter().position(|name| *name == field.name);
            let telling = if folded(&field.name).contains("token") { 50 } else { 60 };
            Some((rank.unwrap_or(telling), read(schema, field)?))
        })
        .collect();
    all.sort_by_key(|(rank, m)| (m.needs.open.len(), *rank));
    all.into_iter().next().map(|(_, mutation)| mutation)
}

fn read(schema: &Schema, field: &Field) -> Option<Mutation> {
    let mut mutation = Mutation { operation: field.name.clone(), ..Mutation::default() };
    let pair = |arguments: &[Argument]| {
        let secret = pick(arguments, names::CLIENT_SECRET)?;
        Some((pick(arguments, names::CLIENT_ID)?, secret))
    };
    let (id, secret, above) = if let Some((id, secret)) = pair(&field.arguments) {
        (id, secret, String::new())
    } else {
        let (input, inner) = field.arguments.iter().find_map(|a| match schema.types.get(&a.ty.name) {
            Some(Type::Input(inner)) if pair(inner).is_some() => Some((a, inner)),
            _ => None,
        })?;
        let (id, secret) = pair(inner)?;
        (mutation.input, mutation.input_type) = (input.name.clone(), format!("{}!", input.ty.name));
        (id, secret, format!("{}.", input.name))
    };
    let given = [&id, &secret].map(|argument| format!("{above}{}", argument.name));
    mutation.needs = arguments::needs(schema, &field.arguments, &[&given[0], &given[1]]);
    let ty =
        |argument: &Argument| format!("{}!", if argument.ty.name.is_empty() { "String" } else { &argument.ty.name });
    (mutation.client_id_type, mutation.client_secret_type) = (ty(&id), ty(&secret));
    (mutation.client_id, mutation.client_secret) = (id.name, secret.name);
    members(schema, &field.ty, "", 3, &mut mutation);
    (!mutation.access_token.is_empty()).then_some(mutation)
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
