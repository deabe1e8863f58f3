//! Answers root fields by writing the selected fields straight into the answer's buffer.
//!
//! The plan of the query (`plan.rs`, `selection.rs`) already knows what each field stands for. Therefore an envelope
//! (the objects around the records) may be flat or deep, a bare list or a connection. The writer puts records where
//! the plan has records, and members such as `success` or `totalDocs` wherever the plan has them. It descends into
//! every other object.

use crate::sandbox::account::data::GeneratedAccount;
use crate::sandbox::account::json_writer::JsonWriter;
use crate::sandbox::account::list::ListedRecord;
use crate::sandbox::account::object::{Object, Value};
use crate::sandbox::account::{cursor, fields};
use crate::sandbox::graphql::selection::{FieldMeaning, SelectedField};

/// What the answer to a root field contains.
#[derive(Debug, Clone)]
pub enum EnvelopeContent {
    /// A page of a list.
    Page(ServedPage),
    /// One row of a page, with its cursor.
    Row(ListedRecord, String),
    /// One record, or `None` if it does not exist.
    One(Option<ListedRecord>),
    /// An access token.
    Token {
        /// The token itself.
        text: String,
        /// The lifetime of the token in seconds.
        seconds: u64,
    },
    /// A failure that the payload itself reports: a code and a message.
    Failed(&'static str, &'static str),
}

/// A page of a list as it is served.
#[derive(Debug, Clone)]
pub struct ServedPage {
    /// The records on the page.
    pub rows: Vec<ListedRecord>,
    /// The number of rows in the list. `None` is answered as null.
    pub total: Option<u64>,
    /// `true` if there are rows after this page.
    pub more: bool,
    /// The number of rows before this page.
    pub start: u64,
    /// The page size in rows.
    pub limit: u64,
    /// The number that the API gives to the first page, such as 0 or 1.
    pub counts_from: u64,
}

impl EnvelopeContent {
    /// Returns the number of records in the answer.
    pub fn rows(&self) -> u64 {
        match self {
            EnvelopeContent::Page(page) => page.rows.len() as u64,
            EnvelopeContent::One(one) => u64::from(one.is_some()),
            EnvelopeContent::Row(..) => 1,
            EnvelopeContent::Token { .. } | EnvelopeContent::Failed(..) => 0,
        }
    }
}

/// Writes answers into a buffer.
#[derive(Debug)]
pub struct AnswerWriter<'a> {
    /// The account, from which fields get their values.
    pub world: &'a GeneratedAccount,
    /// The buffer of the answer.
    pub out: &'a mut JsonWriter,
}

impl AnswerWriter<'_> {
    /// Writes the value of a root field.
    pub fn root(&mut self, pick: &SelectedField, content: &EnvelopeContent) {
        if pick.part == FieldMeaning::Envelope {
            // Even a failure is reported in the fields of the envelope.
            return self.fields(&pick.picks, |writer, inner| writer.envelope(inner, content));
        }
        self.envelope(pick, content);
    }

    /// Writes a field of an envelope and everything that is selected in it.
    fn envelope(&mut self, pick: &SelectedField, content: &EnvelopeContent) {
        match (pick.part, content) {
            (FieldMeaning::Member(member), content) => self.member(member, pick, content),
            (_, EnvelopeContent::Failed(..)) => self.nothing(pick),
            (FieldMeaning::Rows, EnvelopeContent::Page(page)) => self.list(page.rows.iter(), |writer, row| {
                writer.row(pick, *row);
            }),
            (FieldMeaning::Edges, EnvelopeContent::Page(page)) => {
                let rows = page.rows.iter().zip(page.start..);
                self.list(rows, |writer, (row, at)| {
                    let edge = EnvelopeContent::Row(*row, writer.cursor(*row, at));
                    writer.fields(&pick.picks, |writer, inner| writer.envelope(inner, &edge));
                });
            }
            (FieldMeaning::Record, EnvelopeContent::Row(row, _) | EnvelopeContent::One(Some(row))) => {
                self.row(pick, *row);
            }
            (FieldMeaning::Envelope, _) => self.fields(&pick.picks, |writer, inner| writer.envelope(inner, content)),
            _ => self.nothing(pick),
        }
    }

    fn row(&mut self, pick: &SelectedField, row: ListedRecord) {
        self.object(&pick.picks, self.world.record(row));
    }

    /// Returns the cursor of a row at this position of its list.
    pub(in crate::sandbox) fn cursor(&self, row: ListedRecord, position: u64) -> String {
        let ids = self.world.stream_ids(row.list.stream());
        cursor::text(position, &ids.text(row.entry.number))
    }

    /// Writes the selected fields of an object.
    pub fn object(&mut self, picks: &[SelectedField], object: Object) {
        self.fields(picks, |writer, pick| match pick.part {
            FieldMeaning::Field => writer.field(pick, object),
            FieldMeaning::Reference => writer.reference(pick, object),
            _ => writer.nothing(pick),
        });
    }

    fn field(&mut self, pick: &SelectedField, object: Object) {
        let start = self.out.bytes.len();
        match fields::field(object, self.world, &pick.name, self.out) {
            Value::Written if pick.non_null && self.out.bytes[start..] == *b"null" => {
                self.out.bytes.truncate(start);
                self.nothing(pick);
            }
            Value::Written if pick.list => {
                self.out.bytes.insert(start, b'[');
                self.out.raw("]");
            }
            Value::Written => {}
            Value::Object(inner) if !pick.leaf && pick.list => {
                self.list([inner], |writer, inner| writer.object(&pick.picks, inner));
            }
            Value::Object(inner) if !pick.leaf => self.object(&pick.picks, inner),
            Value::List(first, count) if !pick.leaf && pick.list => {
                self.list(0..count, |writer, n| writer.object(&pick.picks, first.nth(n)));
            }
            Value::List(first, 1..) if !pick.leaf => self.object(&pick.picks, first),
            // The data has objects where the schema has scalars: write the name, or the id, of each.
            Value::List(first, count) if pick.list => {
                let name = if pick.ty == "ID" { "_id" } else { "name" };
                self.list(0..count, |writer, n| {
                    if !matches!(fields::field(first.nth(n), writer.world, name, writer.out), Value::Written) {
                        writer.out.raw("null");
                    }
                });
            }
            Value::Null | Value::Object(_) | Value::List(..) => self.nothing(pick),
        }
    }

    /// Writes an object whose id is all that the generated data has.
    fn reference(&mut self, pick: &SelectedField, object: Object) {
        let start = self.out.bytes.len();
        if !matches!(fields::field(object, self.world, &pick.name, self.out), Value::Written) || pick.list {
            self.out.bytes.truncate(start);
            return self.nothing(pick);
        }
        let id = self.out.bytes.split_off(start);
        self.fields(&pick.picks, |writer, inner| match inner.name.as_str() {
            "_id" if inner.leaf => writer.out.bytes.extend_from_slice(&id),
            _ => writer.nothing(inner),
        });
    }

    /// Writes a field that the sandbox does not know: null, or if the type forbids null, the simplest value that it
    /// allows.
    pub(in crate::sandbox) fn nothing(&mut self, pick: &SelectedField) {
        if pick.leaf || pick.list || !pick.non_null {
            return self.out.raw(&pick.fallback);
        }
        self.fields(&pick.picks, AnswerWriter::nothing);
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        let mut first = true;
        self.out.raw("[");
        for item in items {
            self.comma(&mut first);
            write(self, item);
        }
        self.out.raw("]");
    }

    fn fields(&mut self, picks: &[SelectedField], mut write: impl FnMut(&mut Self, &SelectedField)) {
        let mut first = true;
        self.out.raw("{");
        for pick in picks {
            self.comma(&mut first);
            self.out.raw(&pick.key);
            if pick.name == "__typename" {
                self.out.text(&pick.on);
            } else {
                write(self, pick);
            }
        }
        self.out.raw("}");
    }

    fn comma(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.raw(",");
        }
    }
}
