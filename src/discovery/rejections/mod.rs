//! Reads what one error message of a server reveals about its schema. The code is pure: an error in, a [`Lesson`]
//! out.
//!
//! The known messages are those of graphql-js in its versions 14 to 17. graphql-core, gqlgen, webonyx, Sangria and
//! Absinthe use them, too, at most with other quotation marks. Then come those of graphql-java, `HotChocolate`,
//! async-graphql, Juniper, graphql-ruby, Hasura and apollo-rs. A message is recognised by the few words that
//! characterise it, listed in a table, and never by the complete sentence, because the rest differs between servers
//! and versions.
//!
//! A message with unknown words is [`Lesson::Other`]. The error's line in the document still shows what was refused.

mod patterns;
mod tokenizer;

use crate::discovery::rejections::patterns::{
    ENUM, EXPECTED_TYPE, NEEDS_ARGUMENT, NEEDS_INPUT_FIELD, NEEDS_SELECTION, NO_ARGUMENT, NO_FIELD, NO_INPUT_FIELD,
    NO_SELECTION, POSITION,
};
use crate::discovery::rejections::tokenizer::{TokenizedMessage, name};
use crate::discovery::schema::TypeRef;
use crate::source::server::ServerError;

/// What one error message reveals about the server's schema. A type has an empty name if the server does not state
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// A query asks for a field that the type does not have.
    NoField {
        /// The name of the field.
        field: String,
        /// The type that lacks the field, if the server states it.
        on: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
        /// Whether the server suggests fragments, because the type is a union or an interface.
        fragments: bool,
    },
    /// The field has no such argument.
    NoArgument {
        /// The name of the argument.
        argument: String,
        /// The field that does not take the argument, if the server states it, without the name of the field's type.
        field: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
    },
    /// An input object has no such field.
    NoInputField {
        /// The name of the field.
        field: String,
        /// The name of the input object, if the server states it.
        on: Option<String>,
        /// Names that the server suggests instead.
        meant: Vec<String>,
    },
    /// A required argument is missing.
    NeedsArgument {
        /// The field that takes the argument, if the server states it.
        field: Option<String>,
        /// The name of the argument.
        argument: String,
        /// The type of the argument.
        ty: TypeRef,
    },
    /// A required field of an input object is missing.
    NeedsInputField {
        /// The name of the input object, if the server states it.
        on: Option<String>,
        /// The name of the field.
        field: String,
        /// The type of the field.
        ty: TypeRef,
    },
    /// The field is an object, and its fields must be selected.
    NeedsSelection {
        /// The name of the field.
        field: String,
        /// The type of the field.
        ty: TypeRef,
    },
    /// The field is a leaf, and nothing can be selected of it.
    NoSelection {
        /// The name of the field.
        field: String,
        /// The type of the field.
        ty: TypeRef,
    },
    /// A variable is used where the server expects another type.
    Position {
        /// The name of the variable without the dollar sign, if the server states it.
        variable: Option<String>,
        /// The type that the server expects for the argument.
        ty: TypeRef,
    },
    /// A literal is used where the server expects another type.
    Takes {
        /// The type that the server expects for the argument, without its list and non-null marks if the server omits
        /// them.
        ty: TypeRef,
        /// Whether the expected type is an enum.
        is_enum: bool,
    },
    /// The server stopped after too many errors.
    TooMany,
    /// The message reveals nothing by itself.
    Other,
}

impl Lesson {
    /// Returns what an error message reveals about the server's schema.
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

    /// Returns the name of the field or the argument that the lesson is about, or `None` if there is none.
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

/// Reads the message about a missing required argument, which servers write as `"a"` of `field "f"`, as
/// `"Query.f(a:)"`, or, in an input object, as `field "x" of type "T"`. `name` and `ty` are what the message names.
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

/// Splits `PageInput.page` into the type and the field. The type is `None` if there is no dot.
fn parted(name: &str) -> (Option<String>, String) {
    match name.rsplit_once('.') {
        Some((on, name)) => (Some(on.to_owned()), name.to_owned()),
        None => (None, name.to_owned()),
    }
}

/// Reads a message that a field or an argument does not exist. Returns `None` for any other message.
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

/// Reads a message that an argument exists but takes another type of value.
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
