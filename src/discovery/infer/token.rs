//! Finds the mutation that generates a token: the one that takes a client id and a secret and returns a token.

use crate::dialect::{DialectLayer, TokenLayer};
use crate::discovery::infer::arguments;
use crate::discovery::infer::arguments::Needs;
use crate::discovery::infer::list::{is_text, leaf};
use crate::discovery::infer::unresolved::{Open, unfilled};
use crate::discovery::infer::{Finding, Settled, certainty};
use crate::discovery::names;
use crate::discovery::names::folded;
use crate::discovery::schema::{Argument, Field, Schema, TypeRef};

/// Derives the token's part of the dialect from a schema. If the job names a mutation, that one is used. A question
/// that the job's lines answer is not open.
pub fn token(schema: &Schema, job: &DialectLayer) -> Settled {
    let own = Own(job.token.as_ref());
    let there = |name: &&str| schema.fields(&schema.mutation).iter().any(|f| f.name == *name);
    if let Some(name) = own.operation().filter(|name| !there(name)) {
        let open = Open {
            what: format!("the job says that `{name}` gives a token, and this server has no such mutation"),
            line: "[source.dialect.token] operation = \"...\"".into(),
        };
        return Settled { open: vec![open], ..Settled::default() };
    }
    let mut settled = settle(schema, own);
    settled.open.retain(|open| !open.is_answered(job));
    settled
}

/// The lines about the token in a job file: the table `[source.dialect.token]`.
#[derive(Clone, Copy)]
struct Own<'j>(Option<&'j TokenLayer>);

impl<'j> Own<'j> {
    fn operation(self) -> Option<&'j str> {
        self.0?.operation.as_deref()
    }

    /// Returns the possible names of the argument for the client id: the job's own first, then the usual ones.
    fn client_id(self) -> Vec<&'j str> {
        Own::named(self.0.and_then(|own| own.client_id.as_deref()), names::CLIENT_ID)
    }

    /// Returns the possible names of the argument for the client secret: the job's own first, then the usual ones.
    fn client_secret(self) -> Vec<&'j str> {
        Own::named(self.0.and_then(|own| own.client_secret.as_deref()), names::CLIENT_SECRET)
    }

    fn named(own: Option<&'j str>, usual: &[&'static str]) -> Vec<&'j str> {
        own.into_iter().chain(usual.iter().copied()).collect()
    }
}

fn settle(schema: &Schema, own: Own<'_>) -> Settled {
    let mut settled = Settled::default();
    let named =
        |name: &str| schema.fields(&schema.mutation).iter().find(|f| f.name == name).map(|f| read(schema, f, own));
    let Some(m) = own.operation().map_or_else(|| likeliest(schema, own), named) else {
        settled.open.push(Open {
            what: "no mutation takes a client id and a secret and gives a token: is this the Qpien API?".into(),
            line: "[source.dialect.token] operation = \"...\"".into(),
        });
        return settled;
    };
    if m.client_id.is_empty() {
        let taken: Vec<String> = m.needs.open.iter().map(|(path, _)| format!("`{path}`")).collect();
        for (key, what) in [("client_id", "client id"), ("client_secret", "client secret")] {
            settled.open.push(Open {
                what: format!(
                    "which argument of `{}` takes the {what} is not known ({})",
                    m.operation,
                    taken.join(", ")
                ),
                line: format!("[source.dialect.token] {key} = \"...\""),
            });
        }
    } else {
        settled.open.extend(unfilled(&m.operation, "token", &m.needs.open));
    }
    if m.access_token.is_empty() {
        settled.open.push(Open {
            what: format!("where the answer of `{}` holds the token is not known", m.operation),
            line: "[source.dialect.token] access_token = \"...\"".into(),
        });
    }
    settled.findings.push(Finding {
        part: "token".into(),
        value: format!("{} -> {}", m.operation, m.access_token),
        evidence: "a mutation that takes a client id and a secret and gives a token".into(),
        certainty: certainty(schema),
    });
    settled.tell_constants("token", "token", &m.needs);
    settled.layer.token = Some(TokenLayer {
        operation: Some(m.operation),
        input: Some(m.input),
        input_type: Some(m.input_type),
        client_id: Some(m.client_id),
        client_secret: Some(m.client_secret),
        client_id_type: Some(m.client_id_type),
        client_secret_type: Some(m.client_secret_type),
        arguments: Some(m.needs.constants),
        access_token: Some(m.access_token),
        expires_in: Some(m.expires_in),
        success: Some(m.success),
        code: Some(m.code),
        message: Some(m.message),
    });
    settled
}

/// A token mutation. Each field except `needs` is the key of the same name in the dialect, and empty if nothing is
/// known.
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

/// Returns the likeliest token mutation: one that takes a client id with a secret and returns a token, or one with a
/// usual name that does at least one of the two. Returns `None` if there is none.
pub fn mutation(schema: &Schema) -> Option<Mutation> {
    likeliest(schema, Own(None))
}

fn likeliest(schema: &Schema, own: Own<'_>) -> Option<Mutation> {
    let mut all: Vec<(usize, usize, Mutation)> = schema
        .fields(&schema.mutation)
        .iter()
        .filter_map(|field| {
            let telling = folded(&field.name).contains("token");
            let known = names::TOKEN_OPERATIONS.iter().position(|name| *name == field.name);
            let mutation = read(schema, field, own);
            let unknown = usize::from(mutation.client_id.is_empty()) + usize::from(mutation.access_token.is_empty());
            let rank = known.unwrap_or(if telling { 50 } else { 60 });
            (unknown == 0 || (unknown == 1 && known.is_some() && telling)).then_some((unknown, rank, mutation))
        })
        .collect();
    all.sort_by_key(|(unknown, rank, m)| (*unknown, m.needs.open.len(), *rank));
    all.into_iter().next().map(|(_, _, mutation)| mutation)
}

/// Returns what the schema shows about a mutation. `client_id` is empty if the mutation does not take a client id and
/// a secret, `access_token` if it does not return a token.
fn read(schema: &Schema, field: &Field, own: Own<'_>) -> Mutation {
    let mut mutation = Mutation { operation: field.name.clone(), ..Mutation::default() };
    members(schema, &field.ty, "", 3, &mut mutation);
    let pair = |arguments: &[Argument]| {
        let secret = pick(arguments, &own.client_secret())?;
        Some((pick(arguments, &own.client_id())?, secret))
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
