//! The streams: the lists that an account consists of, with their columns and the scope that each needs.
//!
//! All of this is *documented* (the entity tables of the API's documentation), unless a stream's file says otherwise.
//! How the API is asked for a stream belongs to the dialect. Each stream has one file with its columns. The CSV
//! header, the mirror's view, the manifest's types, the warehouse's SQL and the sandbox's data are all derived from
//! it. The checklists "Add a column" and "Add a stream" of the crate's documentation name the few other files to
//! change.

mod channels;
mod contacts;
mod conversations;
mod customer_persons;
mod messages;
mod stream_map;
mod whatsapp_business_templates;
mod zone;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::stream_map::{Dates, PerStream};
pub use self::zone::Zone;

/// The documented type of a column's values. The API may send a value of another type; the mirror keeps values as the
/// API sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// The id of a record: an opaque string.
    Id,
    /// A string. Enum values have this kind, too, because their set may grow.
    Text,
    /// `true` or `false`.
    Boolean,
    /// The API's `Date`. The dialect records in which [`DateForm`] the server writes it.
    Timestamp,
    /// An object or a list, delivered as compact JSON.
    Json,
    /// An integer of 64 bits. No documented field has this kind.
    Integer,
}

impl ColumnKind {
    /// Returns the name of the kind in manifests.
    pub fn name(self) -> &'static str {
        match self {
            ColumnKind::Id => "id",
            ColumnKind::Text => "text",
            ColumnKind::Boolean => "boolean",
            ColumnKind::Timestamp => "timestamp",
            ColumnKind::Json => "json",
            ColumnKind::Integer => "integer",
        }
    }
}

/// How the API writes a `Date`. The documentation does not say, so the program finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// An ISO 8601 string, such as `2024-03-05T08:09:10.123Z`.
    Iso8601,
    /// Milliseconds since 1970, as a number or as a string of digits.
    EpochMs,
    /// Seconds since 1970, as a number or as a string of digits.
    EpochS,
    /// An ISO 8601 string that, where it names no offset from UTC, is local time in this zone. The server does not
    /// say so: the job does.
    #[serde(skip)]
    Iso8601In(Zone),
}

impl DateForm {
    /// Returns whether moments are strings, and not numbers.
    pub fn is_text(self) -> bool {
        matches!(self, DateForm::Iso8601 | DateForm::Iso8601In(_))
    }

    /// Returns the name of the form in a dialect.
    pub fn word(self) -> &'static str {
        match self {
            DateForm::Iso8601 | DateForm::Iso8601In(_) => "iso8601",
            DateForm::EpochMs => "epoch_ms",
            DateForm::EpochS => "epoch_s",
        }
    }
}

/// A column of a stream: one documented field of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The field's documented name, also used in CSV headers.
    pub name: &'static str,
    /// The documented type of the field's values.
    pub kind: ColumnKind,
}

const fn col(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

/// Describes a stream: one of the lists that an account consists of.
#[derive(Debug)]
pub struct Definition {
    /// The stream's name in jobs, files, tables and messages.
    pub name: &'static str,
    /// The documented GraphQL type of the stream's records.
    pub entity: &'static str,
    /// The documented scope that an API key needs to read the stream.
    pub scope: &'static str,
    /// The stream's documented fields, in documented order.
    pub columns: &'static [Column],
    /// The stream whose records partition this one, if there is one. Example: messages have the parent
    /// `Conversations`, because the API is asked for the messages of one conversation at a time.
    pub parent: Option<Stream>,
    /// The column that holds the id of a record of another stream, if there is one. In a stream with a parent, this
    /// is the id of the parent record.
    pub reference: Option<&'static str>,
    /// `true` if a run reads the stream only when the job names it.
    pub optional: bool,
}

/// Declares [`Stream`], [`ALL`] and [`Stream::definition`] from one list, so that none of them can lack a stream.
macro_rules! declare {
    ($($(#[$doc:meta])* $stream:ident = $number:literal in $file:ident;)*) => {
        /// A stream. Its number is its key in the mirror and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Stream {
            $($(#[$doc])* $stream = $number,)*
        }

        /// Every stream, in the order in which a run lists them.
        pub const ALL: [Stream; [$($number),*].len()] = [$(Stream::$stream),*];

        /// The names of all streams, in the order of [`ALL`].
        pub const NAMES: [&str; ALL.len()] = [$($file::DEFINITION.name),*];

        impl Stream {
            /// Returns the stream's name, type, scope and columns.
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Stream::$stream => &$file::DEFINITION,)*
                }
            }
        }
    };
}

declare! {
    /// The people that an account talks to (GraphQL type `ExternalContact`).
    Contacts = 1 in contacts;
    /// The account's own staff, including robots (GraphQL type `CustomerPerson`).
    CustomerPersons = 2 in customer_persons;
    /// The conversations with contacts (GraphQL type `ExternalConversation`). Their records partition the messages.
    Conversations = 3 in conversations;
    /// The messages of all conversations (GraphQL type `ExternalMessage`).
    Messages = 4 in messages;
    /// The connected channels, such as a `WhatsApp` number (GraphQL type `ConnectedPlatform`).
    Channels = 5 in channels;
    /// The message templates for `WhatsApp` (GraphQL type `WhatsappBusinessTemplate`).
    WhatsappBusinessTemplates = 6 in whatsapp_business_templates;
}

/// The streams that a job reads if it names no streams: those that are not optional.
pub const DEFAULT: [Stream; 4] = [Stream::Contacts, Stream::CustomerPersons, Stream::Conversations, Stream::Messages];

impl Stream {
    /// Returns the stream's name in jobs, files, tables and messages, such as `contacts`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns the number that stands for the stream in the mirror's tables.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the stream with this name, or `None` if there is no such stream.
    pub fn named(name: &str) -> Option<Stream> {
        ALL.into_iter().find(|s| s.name() == name)
    }

    /// Returns the column that holds the id of a record of another stream (documented), if the stream has one.
    pub fn reference_column(self) -> Option<&'static str> {
        self.definition().reference
    }

    /// Returns the column that holds the id of the parent record, such as a message's conversation. Returns `None` if
    /// the stream has no parent.
    pub fn parent_column(self) -> Option<&'static str> {
        self.reference_column().filter(|_| self.definition().parent.is_some())
    }

    /// Returns the stream's documented columns, in documented order.
    pub fn columns(self) -> &'static [Column] {
        self.definition().columns
    }

    /// Returns the stream's documented column with this name, or `None` if there is no such column.
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique_and_names_lead_back() {
        for s in ALL {
            assert_eq!(Stream::named(s.name()), Some(s));
            assert_eq!(ALL.iter().filter(|o| o.number() == s.number()).count(), 1);
        }
        assert_eq!(Stream::named("contact"), None);
    }

    #[test]
    fn a_job_that_names_none_gets_those_that_are_not_optional() {
        let required: Vec<Stream> = ALL.into_iter().filter(|s| !s.definition().optional).collect();
        assert_eq!(required, DEFAULT);
    }

    #[test]
    fn every_stream_starts_with_its_id_and_names_no_column_twice() {
        for s in ALL {
            assert_eq!(s.columns()[0], col("_id", ColumnKind::Id));
            for c in s.columns() {
                assert_eq!(s.columns().iter().filter(|o| o.name == c.name).count(), 1, "{} {}", s, c.name);
            }
            let reference = s.reference_column();
            assert!(reference.is_none_or(|name| s.columns().iter().any(|c| c.name == name)), "{s}: {reference:?}");
            assert!(
                s.definition().parent.is_none() || s.parent_column().is_some(),
                "{s} names no column of its parent"
            );
        }
    }

    #[test]
    fn every_list_of_all_streams_outside_the_program_is_whole() {
        let quoted: Vec<String> = ALL.iter().map(|s| format!("\"{s}\"")).collect();
        let read = |path: &str| {
            std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
        };
        let shown = format!("STREAMS = ({})", quoted.join(", "));
        assert!(read("jobs/spark/merge.py").contains(&shown), "jobs/spark/merge.py lacks a stream: write {shown}");
        let readme = read("jobs/README.md");
        for stream in ALL {
            let is_told = ["`", "\""].iter().any(|quote| readme.contains(&format!("{quote}{stream}{quote}")));
            assert!(is_told, "jobs/README.md does not name the stream `{stream}`");
        }
    }
}
