//! Objects with fields, generated when they are asked for.
//!
//! A field writes itself straight into the answer as JSON text. A field that is an object, or a list of objects, is
//! returned instead, and the caller writes its selected fields. Nothing is generated that was not selected.

use crate::sandbox::account::data::GeneratedAccount;
use crate::sandbox::account::rng::RandomTable;
use crate::sandbox::account::{channels, nested, records};
use crate::sandbox::graphql::json_writer::JsonWriter;

/// The object types of the generated data. Their fields are matched by name; an unknown field is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratedType {
    /// `ExternalContact`
    Contact,
    /// `CustomerPerson`
    Person,
    /// `ExternalConversation`
    Conversation,
    /// `ExternalMessage`
    Message,
    /// `Tag`
    Tag,
    /// `LastMessageType`
    LastMessage,
    /// `ChannelTypeOutput`: a channel inside a conversation
    Channel,
    /// `senderData`
    Sender,
    /// `Media`
    Media,
    /// `EmailDataType`
    Email,
    /// `ConnectedPlatform`
    Platform,
    /// `WhatsappBusinessTemplate`
    Template,
}

/// An object whose fields can be written.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// Its type.
    pub shape: GeneratedType,
    /// The source of its random values.
    pub dice: RandomTable,
    /// Its number among its kind.
    pub number: u64,
    /// How often it was edited.
    pub version: u32,
    /// Number of the record it belongs to; in a conversation, its newest night message plus 1, or 0.
    pub parent: u64,
}

/// The result of [`Object::field`].
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// Nothing was written: the field is null.
    Null,
    /// The field's JSON text was written.
    Written,
    /// An object; nothing was written.
    Object(Object),
    /// A list of this many objects, whose n-th is [`Object::nth`] of this one; nothing was written.
    List(Object, u64),
}

impl Object {
    /// Returns the n-th object of the list that this object starts.
    pub fn nth(self, n: u64) -> Object {
        Object { dice: self.dice.at(n), number: self.number + n, ..self }
    }

    /// Returns an object inside this one.
    pub fn inner(self, shape: GeneratedType, number: u64) -> Object {
        Object { shape, dice: self.dice.at(shape as u64 + 100), number, version: self.version, parent: self.number }
    }

    /// Writes the field of that name, or returns the object or the list that it consists of.
    pub fn field(self, world: &GeneratedAccount, name: &str, out: &mut JsonWriter) -> Value {
        match self.shape {
            GeneratedType::Contact => records::contact(self, world, name, out),
            GeneratedType::Person => records::person(self, world, name, out),
            GeneratedType::Conversation => records::conversation(self, world, name, out),
            GeneratedType::Message => records::message(self, world, name, out),
            GeneratedType::Platform => channels::platform(self, world, name, out),
            GeneratedType::Template => channels::template(self, world, name, out),
            _ => nested::field(self, world, name, out),
        }
    }

    /// Returns the source of random values for one field.
    pub(in crate::sandbox) fn of(self, name: &str) -> RandomTable {
        self.dice.named(name)
    }
}
