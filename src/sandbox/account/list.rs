//! The lists an account is asked for, and what stands in them.

use crate::streams::Stream;

/// A list of records that is paged as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum List {
    /// Every contact.
    Contacts,
    /// Every member of the staff.
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
    /// The list with every record of a stream.
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

    /// The stream whose records it holds.
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

/// A record in a list: which, and how often it was edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The record's number.
    pub number: u64,
    /// How many edits it has seen.
    pub version: u32,
}

/// A record and the list it is a record of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The list.
    pub list: List,
    /// The record.
    pub entry: Entry,
    /// Of a conversation that got messages between two nights: the number of the newest.
    pub last_message: Option<u64>,
}
