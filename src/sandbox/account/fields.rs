//! The fields of all objects of the generated data. They are generated when they are asked for.
//!
//! A field with a plain value is written straight into the answer as JSON text. A field that is an object, or a list
//! of objects, is returned instead, and the caller writes its selected fields. So nothing is generated that was not
//! selected.

use crate::sandbox::account::data::GeneratedAccount;
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::object::{GeneratedType, Object, Value};
use crate::sandbox::account::{channels, nested, records};

/// Writes the field with this name to `out`. If the field is an object or a list, returns it instead of writing it.
pub(in crate::sandbox) fn field(object: Object, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
    match object.shape {
        GeneratedType::Contact => records::contact(object, world, name, out),
        GeneratedType::Person => records::person(object, world, name, out),
        GeneratedType::Conversation => records::conversation(object, world, name, out),
        GeneratedType::Message => records::message(object, world, name, out),
        GeneratedType::Platform => channels::platform(object, world, name, out),
        GeneratedType::Template => channels::template(object, world, name, out),
        GeneratedType::Tag
        | GeneratedType::LastMessage
        | GeneratedType::Channel
        | GeneratedType::Sender
        | GeneratedType::Media
        | GeneratedType::Email => nested::field(object, world, name, out),
    }
}
