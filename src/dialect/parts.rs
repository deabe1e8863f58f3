//! Declares the parts of a dialect, each in its complete form and as a layer. The comments of `qpien.toml` explain
//! each key and how its value is known.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SinceForm;
use super::layer::layered;
use crate::streams::DateForm;

layered! {
    /// A complete dialect: how the API spells everything that a run needs.
    Dialect, DialectLayer {
        keys {
            authorization_prefix: String,
            date: DateForm,
            time_zone: String,
            id: String,
            page_size: u32,
            codes: BTreeMap<String, Meaning>,
            phrases: BTreeMap<String, Meaning>,
        }
        parts {
            token: TokenDialect = TokenLayer,
            list: ListDialect = ListLayer,
            streams: BTreeMap<String, StreamDialect> = BTreeMap<String, StreamLayer>,
        }
        optional {}
        defaults {}
    }
}

layered! {
    /// How the mutation that generates a token is spelled.
    TokenDialect, TokenLayer {
        keys {
            operation: String,
            input: String,
            input_type: String,
            client_id: String,
            client_secret: String,
            client_id_type: String,
            client_secret_type: String,
            arguments: BTreeMap<String, String>,
            access_token: String,
            expires_in: String,
            success: String,
            code: String,
            message: String,
        }
        parts {}
        optional {}
        defaults {}
    }
}

layered! {
    /// How a list query's arguments and envelope are spelled. Paths are dotted and begin below the operation. An
    /// empty path means that the server does not give the value.
    ListDialect, ListLayer {
        keys {
            paging: Paging,
            assumed: bool,
            page: String,
            page_from: u32,
            size: String,
            arguments: BTreeMap<String, String>,
            since: String,
            since_form: SinceForm,
            items: String,
            total: String,
            has_next: String,
            next_cursor: String,
            row_cursor: String,
            success: String,
            code: String,
            message: String,
        }
        parts {}
        optional {}
        defaults {}
    }
}

layered! {
    /// How one stream is asked for: its operation, its selection and its list.
    StreamDialect, StreamLayer {
        keys {
            operation: String,
            fields: Vec<String>,
            drop: Vec<String>,
        }
        parts {
            /// How the stream's list is asked for: `[list]`, with this stream's own values merged into it.
            list: ListDialect = ListLayer,
        }
        optional {
            parent: String = String,
            /// The form of this stream's dates, if it differs from the dialect's `date`.
            date: DateForm = DateForm,
            one: SingleRecordDialect = SingleRecordLayer,
        }
        defaults {
            /// Whether the argument that names the parent record has a list type. If so, the query passes a list that
            /// contains only that id.
            parent_list: bool,
            /// The undocumented fields, which are selected only if the job collects them.
            extra: Vec<String>,
        }
    }
}

layered! {
    /// How a single record is asked for by its id.
    SingleRecordDialect, SingleRecordLayer {
        keys {
            operation: String,
            /// The argument that takes the record's id, or its dotted path inside an input object.
            id: String,
            /// The dotted path to the record in the answer. Empty if the answer itself is the record.
            item: String,
        }
        parts {}
        optional {
            /// How the server answers for a record that does not exist. Without this value, no record counts as
            /// missing.
            not_found: NotFound = NotFound,
        }
        defaults {
            /// The name of the answer's member that is `false` after a failure. Empty if there is none.
            success: String,
        }
    }
}

/// The word that a job may write instead of a path, so that the server's `total` or `has_next` is ignored.
pub const IGNORE: &str = "ignore";

/// The keys of `[list]` whose value may be [`IGNORE`].
pub const IGNORABLE: [&str; 2] = ["total", "has_next"];

impl ListDialect {
    /// Returns the names of the server's values (`total`, `has_next`) that are ignored for this list.
    pub fn ignored(&self) -> Vec<&'static str> {
        let claims = [("total", &self.total), ("has_next", &self.has_next)];
        claims.into_iter().filter(|(_, path)| *path == IGNORE).map(|(name, _)| name).collect()
    }
}

/// Describes how a query asks for the next rows of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// By the number of the page.
    Page,
    /// By the number of rows to skip.
    Offset,
    /// By an opaque cursor, which belongs to the next page or to a row.
    Cursor,
    /// Not at all: the server returns the complete list at once.
    None,
}

impl Paging {
    /// Returns the word for this style of paging in a dialect file.
    pub fn word(self) -> &'static str {
        match self {
            Paging::Page => "page",
            Paging::Offset => "offset",
            Paging::Cursor => "cursor",
            Paging::None => "none",
        }
    }

    /// Returns whether the list is asked for in pages.
    pub fn is_paged(self) -> bool {
        match self {
            Paging::Page | Paging::Offset | Paging::Cursor => true,
            Paging::None => false,
        }
    }

    /// Returns whether pages are asked for by their numbers.
    pub fn is_numbered(self) -> bool {
        match self {
            Paging::Page => true,
            Paging::Offset | Paging::Cursor | Paging::None => false,
        }
    }

    /// Returns whether a page is asked for by the number of rows before it, itself or divided by the page size.
    pub fn counts_rows(self) -> bool {
        match self {
            Paging::Page | Paging::Offset => true,
            Paging::Cursor | Paging::None => false,
        }
    }

    /// Returns whether pages are asked for by cursors.
    pub fn has_cursors(self) -> bool {
        match self {
            Paging::Cursor => true,
            Paging::Page | Paging::Offset | Paging::None => false,
        }
    }
}

/// Describes how the server answers for a record that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFound {
    /// With `null`.
    Null,
    /// With an error.
    Error,
    /// With `success: false`.
    SuccessFalse,
}

/// Describes what an error code or a phrase means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The token is missing or invalid.
    Unauthorized,
    /// The client id or the secret is wrong.
    InvalidClient,
    /// The token has expired after its documented hour.
    TokenExpired,
    /// The key lacks a scope.
    InsufficientScopes,
    /// The request limit is exceeded.
    RateLimited,
    /// The server itself failed.
    ServerFault,
    /// The server refuses the query itself, such as for an unknown field.
    Rejected,
}

impl NotFound {
    /// Returns the word for this kind of answer in a dialect file.
    pub fn word(self) -> &'static str {
        match self {
            NotFound::Null => "null",
            NotFound::Error => "error",
            NotFound::SuccessFalse => "success_false",
        }
    }
}
