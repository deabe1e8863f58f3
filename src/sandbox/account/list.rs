//! The lists of an account, and the entries in them.

use crate::streams::Stream;

/// A list of records that the API shows page by page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Every contact.
    Contacts,
    /// Every customer person.
    Persons,
    /// Every conversation.
    Conversations,
    /// The messages of the conversation with this number.
    Messages(u64),
    /// Every message, conversation after conversation.
    AllMessages,
    /// Every connected channel.
    Channels,
    /// Every message template.
    Templates,
}

impl List {
    /// Returns the list of all records of a stream.
    pub fn of(stream: Stream) -> List {
        match stream {
            Stream::Contacts => List::Contacts,
            Stream::CustomerPersons => List::Persons,
            Stream::Conversations => List::Conversations,
            Stream::Messages => List::AllMessages,
            Stream::Channels => List::Channels,
            Stream::WhatsappBusinessTemplates => List::Templates,
        }
    }

    /// Returns the stream of the list's records.
    pub fn stream(self) -> Stream {
        match self {
            List::Contacts => Stream::Contacts,
            List::Persons => Stream::CustomerPersons,
            List::Conversations => Stream::Conversations,
            List::Messages(_) | List::AllMessages => Stream::Messages,
            List::Channels => Stream::Channels,
            List::Templates => Stream::WhatsappBusinessTemplates,
        }
    }
}

/// A record in a list, in its present version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListEntry {
    /// The record's number, which determines its id and its values.
    pub number: u64,
    /// How often the record was edited.
    pub version: u32,
}

/// A record, with the list that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRecord {
    /// The list that the record belongs to.
    pub list: List,
    /// The record's number and version.
    pub entry: ListEntry,
    /// The number of the newest message of a conversation that got messages in a simulated night. Otherwise `None`.
    pub last_message: Option<u64>,
}
