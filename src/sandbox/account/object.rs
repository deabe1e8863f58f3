//! Objects of the generated data: their types, and what their fields are computed from. `fields.rs` writes the fields.

use crate::sandbox::account::rng::RandomTable;

/// The object types of the generated data. Their fields are matched by name; an unknown field is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratedType {
    /// A contact (`ExternalContact`).
    Contact,
    /// A customer person (`CustomerPerson`).
    Person,
    /// A conversation (`ExternalConversation`).
    Conversation,
    /// A message (`ExternalMessage`).
    Message,
    /// A tag of a contact or a conversation (`Tag`).
    Tag,
    /// The last message in a conversation's entry (`LastMessageType`).
    LastMessage,
    /// A channel inside a conversation (`ChannelTypeOutput`).
    Channel,
    /// The sender of a message (`senderData`).
    Sender,
    /// A media file of a message (`Media`).
    Media,
    /// The email data of a message (`EmailDataType`).
    Email,
    /// A connected channel (`ConnectedPlatform`).
    Platform,
    /// A message template (`WhatsappBusinessTemplate`).
    Template,
}

/// An object of the generated data. It holds only what its fields are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// The object's type, which decides which fields it has.
    pub shape: GeneratedType,
    /// The source of the random values of the fields.
    pub dice: RandomTable,
    /// The object's number among those of its type.
    pub number: u64,
    /// How often the object was edited.
    pub version: u32,
    /// The number of the record that the object belongs to. In a conversation: the number of the newest message that
    /// a simulated night added, plus 1; 0 if there is none.
    pub parent: u64,
}

/// What a field of an object is.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    /// The field is null. Nothing was written.
    Null,
    /// The field's JSON text was written.
    Written,
    /// The field is this object. Nothing was written.
    Object(Object),
    /// The field is a list of this many objects. [`Object::nth`] of this object returns each. Nothing was written.
    List(Object, u64),
}

impl Object {
    /// Returns the n-th object, from 0, of the list whose first object is this one.
    pub fn nth(self, n: u64) -> Object {
        Object { dice: self.dice.at(n), number: self.number + n, ..self }
    }

    /// Returns an object of the type `shape` inside this one, with this number.
    pub fn inner(self, shape: GeneratedType, number: u64) -> Object {
        Object { shape, dice: self.dice.at(shape as u64 + 100), number, version: self.version, parent: self.number }
    }

    /// Returns the source of random values for one field.
    pub(in crate::sandbox) fn of(self, name: &str) -> RandomTable {
        self.dice.named(name)
    }
}
