//! Reads what one error of a server teaches about its schema. It is pure: an error in, a [`Lesson`] out.
//!
//! The words are those of graphql-js in its versions 14 to 17, which graphql-core, gqlgen, webonyx, Sangria and
//! Absinthe use, too, at most with other quotation marks. Then come those of graphql-java, `HotChocolate`,
//! async-graphql, Juniper, graphql-ruby, Hasura and apollo-rs. A table of the few words that make each message tells
//! them apart, and never the whole sentence, because the rest differs between servers and versions.
//!
//! A message with unknown words is [`Lesson::Other`]. The error's place in the document still says what was refused.

mod patterns;
mod tokenizer;

use crate::discovery::rejections::patterns::{
    ENUM, EXPECTED_TYPE, NEEDS_ARGUMENT, NEEDS_INPUT_FIELD, NEEDS_SELECTION, NO_ARGUMENT, NO_FIELD, NO_INPUT_FIELD,
    NO_SELECTION, POSITION,
};
use crate::discovery::rejections::tokenizer::{TokenizedMessage, name};
use crate::discovery::schema::TypeRef;
use crate::source::server::ServerError;

/// What one error teaches. A type with an empty name was not named by the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// The type has no such field.
    NoField {
        /// Its name.
        field: String,
        /// The type that lacks it.
        on: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
        /// Whether the server suggests fragments, because the type is a union or an interface.
        fragments: bool,
    },
    /// The field has no such argument.
    NoArgument {
        /// Its name.
        argument: String,
        /// The field that does not take it, without the name of the field's type.
        field: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
    },
    /// An input object has no such field.
    NoInputField {
        /// Its name.
        field: String,
        /// The input object.
        on: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
    },
    /// An argument must be given.
    NeedsArgument {
        /// The field that takes it.
        field: Option<String>,
        /// Its name.
        argument: String,
        /// Its type.
        ty: TypeRef,
    },
    /// A field of an input object must be given.
    NeedsInputField {
        /// The input object.
        on: Option<String>,
        /// Its name.
        field: String,
        /// Its type.
        ty: TypeRef,
    },
    /// The field is an object, and its fields must be selected.
    NeedsSelection {
        /// Its name.
        field: String,
        /// Its type.
        ty: TypeRef,
    },
    /// The field is a leaf, and nothing can be selected of it.
    NoSelection {
        /// Its name.
        field: String,
        /// Its type.
        ty: TypeRef,
    },
    /// A variable stands where the server takes another type.
    Position {
        /// Its name, without the dollar.
        variable: Option<String>,
        /// The type that the server takes there.
        ty: TypeRef,
    },
    /// A value stands where the server takes another type.
    Takes {
        /// The type that the server takes there, without its list and non-null marks if the server omits them.
        ty: TypeRef,
        /// Whether it is an enum.
        is_enum: bool,
    },
    /// The server stopped after too many errors.
    TooMany,
    /// The words teach nothing by themselves.
    Other,
}

impl Lesson {
    /// Returns what an error teaches.
    pub fn of(said: &ServerError) -> Lesson {
        let words = TokenizedMessage::new(&said.message);
        let extension = |name: &str| said.extensions.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        let ty = |named: Option<String>, other: &str| {
            TypeRef::parse(&named.or_else(|| extension(other)).unwrap_or_default())
        };
        if words.has("too many validation errors") || words.has("too many errors") {
            return Lesson::TooMany;
        }
        if let Some((field, of)) = words.like(NEEDS_SELECTION) {
            return Lesson::NeedsSelection { field, ty: ty(of, "type") };
        }
        if let Some((field, of)) = words.like(NO_SELECTION) {
            return Lesson::NoSelection { field, ty: ty(of, "type") };
        }
        if let Some((variable, of)) = words.like(POSITION) {
            let variable = Some(variable).filter(|v| v != "type");
            return Lesson::Position { variable, ty: ty(of, "locationType") };
        }
        if let Some((name, of)) = words.like(NEEDS_INPUT_FIELD) {
            let (on, field) = parted(&name);
            let on = on.or_else(|| words.after("expected value of type "));
            return Lesson::NeedsInputField { on, field, ty: ty(of, "type") };
        }
        if !words.has("directive ")
            && let Some((name, of)) = words.like(NEEDS_ARGUMENT)
        {
            return needed(&words, &name, ty(of, "type"));
        }
        refusal(&words).unwrap_or_else(|| value(&words))
    }

    /// Returns the name that it is about, if there is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Lesson::NoField { field, .. }
            | Lesson::NoInputField { field, .. }
            | Lesson::NeedsInputField { field, .. }
            | Lesson::NeedsSelection { field, .. }
            | Lesson::NoSelection { field, .. } => Some(field),
            Lesson::NoArgument { argument, .. } | Lesson::NeedsArgument { argument, .. } => Some(argument),
            Lesson::Position { .. } | Lesson::Takes { .. } | Lesson::TooMany | Lesson::Other => None,
        }
    }
}

/// Reads a needed argument: `"a"` of `field "f"`, `"Query.f(a:)"`, or, in an input object, `field "x" of type "T"`.
fn needed(words: &TokenizedMessage, name: &str, ty: TypeRef) -> Lesson {
    if let Some((field, argument)) = name.split_once('(') {
        return Lesson::NeedsArgument {
            field: Some(parted(field).1),
            argument: argument.trim_end_matches([')', ':']).to_owned(),
            ty,
        };
    }
    if words.has("invalid value for argument") {
        return Lesson::NeedsInputField {
            on: Some(ty.name),
            field: words.after(" field ").unwrap_or_default(),
            ty: TypeRef::parse("!"),
        };
    }
    Lesson::NeedsArgument {
        field: words.after("field ").filter(|f| f != "argument" && f != "is"),
        argument: name.to_owned(),
        ty,
    }
}

/// Splits `PageInput.page` into its two parts.
fn parted(name: &str) -> (Option<String>, String) {
    match name.rsplit_once('.') {
        Some((on, name)) => (Some(on.to_owned()), name.to_owned()),
        None => (None, name.to_owned()),
    }
}

/// Reads a message that something does not exist.
fn refusal(words: &TokenizedMessage) -> Option<Lesson> {
    if let Some((field, on)) = words.like(NO_INPUT_FIELD) {
        return Some(Lesson::NoInputField { field, on, meant: words.meant() });
    }
    if let Some((argument, field)) = words.like(NO_ARGUMENT) {
        let field = field.map(|f| parted(&f).1);
        return Some(Lesson::NoArgument { argument, field, meant: words.meant() });
    }
    words.like(NO_FIELD).map(|(field, on)| Lesson::NoField {
        field,
        on,
        meant: words.meant(),
        fragments: words.suggestion.contains("inline fragment"),
    })
}

/// Reads a message that something exists but takes another value.
fn value(words: &TokenizedMessage) -> Lesson {
    if let Some((name, _)) = words.like(ENUM) {
        return Lesson::Takes { ty: TypeRef::parse(&name), is_enum: true };
    }
    let scalar = words.lower.find(" cannot represent ").map(|at| &words.text[..at]);
    let scalar = scalar.and_then(|before| name(before.rsplit([' ', '\n']).next()?));
    match scalar.or_else(|| words.like(EXPECTED_TYPE).map(|(name, _)| name)) {
        Some(name) => Lesson::Takes { ty: TypeRef::parse(&name), is_enum: false },
        None => Lesson::Other,
    }
}

#[cfg(test)]
mod tests;
