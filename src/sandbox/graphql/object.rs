//! Things with fields, made when they are asked for.
//!
//! A field is written straight into the answer as JSON text, or is an object (or a list of objects) whose own selected
//! fields are then written. Nothing is built that was not selected.

use crate::sandbox::account::data::World;
use crate::sandbox::account::rng::Dice;
use crate::sandbox::account::{channels, nested, records};
use crate::sandbox::graphql::json_writer::Out;

/// The object types the data knows. Their fields are matched by name; a field they do not know is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
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

/// Something with fields.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// Its type.
    pub shape: Shape,
    /// Its randomness.
    pub dice: Dice,
    /// Its number among its kind.
    pub number: u64,
    /// How often it was edited.
    pub version: u32,
    /// The number of the record it belongs to, where it belongs to one.
    pub parent: u64,
}

/// What a field turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// Nothing was written: the field is null.
    Null,
    /// The field's JSON text was written.
    Written,
    /// An object; nothing was written.
    Object(Object),
    /// A list of so many objects, of which the n-th is [`Object::nth`] of this one; nothing was written.
    List(Object, u64),
}

impl Object {
    /// The n-th object of a list that starts with this one.
    pub fn nth(self, n: u64) -> Object {
        Object { dice: self.dice.at(n), number: self.number + n, ..self }
    }

    /// An object inside this one.
    pub fn inner(self, shape: Shape, number: u64) -> Object {
        Object { shape, dice: self.dice.at(shape as u64 + 100), number, version: self.version, parent: self.number }
    }

    /// Writes the field of that name, or says what it consists of.
    pub fn field(self, world: &World, name: &str, out: &mut Out) -> Value {
        match self.shape {
            Shape::Contact => records::contact(self, world, name, out),
            Shape::Person => records::person(self, world, name, out),
            Shape::Conversation => records::conversation(self, world, name, out),
            Shape::Message => records::message(self, world, name, out),
            Shape::Platform => channels::platform(self, world, name, out),
            Shape::Template => channels::template(self, world, name, out),
            _ => nested::field(self, world, name, out),
        }
    }

    /// The randomness of one of its fields.
    pub(in crate::sandbox) fn of(self, name: &str) -> Dice {
        self.dice.named(name)
    }
}
