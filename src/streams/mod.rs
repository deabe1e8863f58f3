//! The streams: the lists that an account consists of, with their columns and the scope that each needs.
//!
//! All of it is *documented* (the entity tables of the API's pages), unless a stream's file says otherwise. How the
//! API is asked for a stream belongs to the dialect. Each stream has one file with its columns: the CSV header, the
//! mirror's view, the manifest's types, the warehouse's SQL and the sandbox's truth all read this table. The
//! checklists "Add a column" and "Add a stream" of the crate's documentation name the few other places.

mod channels;
mod contacts;
mod conversations;
mod customer_persons;
mod messages;
mod per_stream;
mod whatsapp_business_templates;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::per_stream::{Dates, PerStream};

/// The documented content of a column. The API may send something else: values are kept as they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Opaque text that names a record.
    Id,
    /// Text, enum values included (never a closed set).
    Text,
    /// `true` or `false`.
    Boolean,
    /// The API's `Date`; the dialect knows its form.
    Timestamp,
    /// An object or a list, delivered as compact JSON.
    Json,
    /// A whole number of 64 bits; no documented field has this kind.
    Integer,
}

impl ColumnKind {
    /// Returns the name used in manifests.
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

/// How the API writes a `Date` (undocumented).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2024-03-05T08:09:10.123Z`
    Iso8601,
    /// Milliseconds since 1970, as a number or as numeric text.
    EpochMs,
    /// Seconds since 1970, as a number or as numeric text.
    EpochS,
}

impl DateForm {
    /// Returns the dialect's word for it.
    pub fn word(self) -> &'static str {
        match self {
            DateForm::Iso8601 => "iso8601",
            DateForm::EpochMs => "epoch_ms",
            DateForm::EpochS => "epoch_s",
        }
    }
}

/// One documented field of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The field's documented name, also used in CSV headers.
    pub name: &'static str,
    /// The documented content.
    pub kind: ColumnKind,
}

const fn col(name: &'static str, kind: ColumnKind) -> Column {
    Column { name, kind }
}

/// Describes one of the lists that an account consists of.
#[derive(Debug)]
pub struct Definition {
    /// The stream's name in jobs, files, tables and messages.
    pub name: &'static str,
    /// The documented GraphQL type of a record.
    pub entity: &'static str,
    /// The documented scope that reading it needs.
    pub scope: &'static str,
    /// The documented fields in documented order.
    pub columns: &'static [Column],
    /// The stream whose records partition this one: messages are asked for conversation by conversation.
    pub parent: Option<Stream>,
    /// The column that holds the id of a record of another stream. If the stream has a parent, it is the parent's.
    pub reference: Option<&'static str>,
    /// `true` if a job must name the stream for it to be read.
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

        /// The names of all streams.
        pub const NAMES: [&str; ALL.len()] = [$($file::DEFINITION.name),*];

        impl Stream {
            /// Returns the stream's description.
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Stream::$stream => &$file::DEFINITION,)*
                }
            }
        }
    };
}

declare! {
    /// `ExternalContact`
    Contacts = 1 in contacts;
    /// `CustomerPerson`
    CustomerPersons = 2 in customer_persons;
    /// `ExternalConversation`
    Conversations = 3 in conversations;
    /// `ExternalMessage`
    Messages = 4 in messages;
    /// `ConnectedPlatform`
    Channels = 5 in channels;
    /// `WhatsappBusinessTemplate`
    WhatsappBusinessTemplates = 6 in whatsapp_business_templates;
}

/// The streams of a job that names no streams: those that are not optional.
pub const DEFAULT: [Stream; 4] = [Stream::Contacts, Stream::CustomerPersons, Stream::Conversations, Stream::Messages];

impl Stream {
    /// Returns the name in jobs, files, tables and messages.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns the key in the mirror.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the stream of that name.
    pub fn named(name: &str) -> Option<Stream> {
        ALL.into_iter().find(|s| s.name() == name)
    }

    /// Returns the column that holds the id of a record of another stream (documented).
    pub fn reference_column(self) -> Option<&'static str> {
        self.definition().reference
    }

    /// Returns the column that holds the id of the partition's parent, such as a message's conversation.
    pub fn parent_column(self) -> Option<&'static str> {
        self.reference_column().filter(|_| self.definition().parent.is_some())
    }

    /// Returns the documented columns.
    pub fn columns(self) -> &'static [Column] {
        self.definition().columns
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
