//! Keeps between runs what was found of one endpoint's spelling, part by part. A part has lines in the form of
//! `[source.dialect]`, and beside them what only a memory needs: whether rows have shown that it is right, what was
//! missing, and when the schema was last read for further fields.

use toml::{Table, Value};

use crate::dialect::lay_over;
use crate::discovery::check_paging::Proof;
use crate::streams::{DateForm, Stream};

/// A remembered part of the dialect: the token, or one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedPart {
    /// `token`, or a stream's name.
    pub name: String,
    /// The lines to lay over the shipped dialect, and the keys of the memory beside them.
    pub table: Table,
}

impl SavedPart {
    /// Returns a list that the server does not have, as of today.
    pub(in crate::discovery) fn absent(stream: Stream) -> SavedPart {
        let table = Table::from_iter([(ABSENT.to_owned(), Value::String(crate::clock::now()))]);
        SavedPart { name: stream.name().into(), table }
    }

    /// Returns whether the server lacked it so recently that it is not looked for again.
    pub fn is_absent(&self) -> bool {
        let since = self.table.get(ABSENT).and_then(Value::as_str);
        since.and_then(crate::clock::days_since).is_some_and(|days| days < LOOKED_FOR_AGAIN)
    }

    /// Returns whether rows have shown that it is right.
    pub fn is_proven(&self) -> bool {
        !self.table.contains_key(ABSENT) && !self.table.contains_key(UNPROVEN)
    }

    /// Returns whether a run can use it without asking anything first. `collect` says whether the run
    /// selects further fields.
    pub fn is_known(&self, collect: bool) -> bool {
        let looked = self.table.get(EXTRA_AS_OF).and_then(Value::as_str).and_then(crate::clock::days_since);
        let fresh = looked.is_some_and(|days| days < LOOKED_FOR_FIELDS_AGAIN);
        (self.is_proven() && (!collect || fresh)) || self.is_absent()
    }

    /// Adds the further fields that the schema shows, as of today. `fields` is `None` if the schema does not show
    /// the stream's type.
    pub(in crate::discovery) fn with_extra(mut self, stream: Stream, fields: Option<&[String]>) -> SavedPart {
        if let Some(fields) = fields {
            let names = fields.iter().map(|f| Value::String(f.clone())).collect();
            lay_over(&mut self.table, &of_stream(stream, "extra", Value::Array(names)));
        }
        self.table.insert(EXTRA_AS_OF.into(), Value::String(crate::clock::now()));
        self
    }

    /// Adds the notes that every run is to show.
    pub(in crate::discovery) fn with_notes(mut self, notes: &[String]) -> SavedPart {
        if !notes.is_empty() {
            let notes = notes.iter().map(|note| Value::String(note.clone())).collect();
            self.table.insert(NOTES.into(), Value::Array(notes));
        }
        self
    }

    /// Returns the notes that a run is to show.
    pub fn notes(&self) -> Vec<String> {
        let notes = self.table.get(NOTES).and_then(Value::as_array).into_iter().flatten();
        notes.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Returns its lines in the form of `[source.dialect]`, without the keys of the memory.
    pub fn dialect_lines(&self) -> Table {
        let mut table = self.table.clone();
        for key in [ABSENT, UNPROVEN, EXTRA_AS_OF, NO_ONE, NOTES, SINCE] {
            table.remove(key);
        }
        table
    }

    /// Returns an empty part of a stream that no rows have proven yet.
    pub fn unproven(stream: Stream) -> SavedPart {
        let table = Table::from_iter([(UNPROVEN.to_owned(), Value::Boolean(true))]);
        SavedPart { name: stream.name().into(), table }
    }

    /// Adds the query of single records. `None` notes that there is none, as of today.
    #[must_use]
    pub fn with_one(mut self, one: Option<&Table>) -> SavedPart {
        match one {
            Some(one) => {
                self.table.remove(NO_ONE);
                lay_over(&mut self.table, one);
            }
            None => drop(self.table.insert(NO_ONE.into(), Value::String(crate::clock::now()))),
        }
        self
    }

    /// Returns whether answers have shown that the server obeys this filter by the last change. Returns `None` if
    /// that is not known, or if the answers that showed the contrary are too old.
    pub fn obeys(&self, filter: &str) -> Option<bool> {
        let shown = self.table.get(SINCE)?.as_table()?;
        let as_of = crate::clock::days_since(shown.get("as_of")?.as_str()?)?;
        let obeyed = shown.get("obeyed")?.as_bool()?;
        let same = shown.get("filter")?.as_str()? == filter;
        (same && (obeyed || as_of < LOOKED_FOR_AGAIN)).then_some(obeyed)
    }

    /// Adds what answers have shown of a filter, as of today.
    #[must_use]
    pub fn with_obeyed(mut self, filter: &str, obeyed: bool) -> SavedPart {
        let shown = Table::from_iter([
            ("filter".to_owned(), Value::String(filter.into())),
            ("obeyed".to_owned(), Value::Boolean(obeyed)),
            ("as_of".to_owned(), Value::String(crate::clock::now())),
        ]);
        self.table.insert(SINCE.into(), Value::Table(shown));
        self
    }

    /// Returns whether no query of single records was found, so recently that it is not looked for again.
    pub fn lacks_single_record(&self) -> bool {
        let since = self.table.get(NO_ONE).and_then(Value::as_str);
        since.and_then(crate::clock::days_since).is_some_and(|days| days < LOOKED_FOR_AGAIN)
    }

    /// Returns the part with what rows have shown laid over it.
    #[must_use]
    pub fn shown(&self, stream: Stream, proof: &Proof) -> SavedPart {
        let mut table = self.table.clone();
        table.remove(ABSENT);
        table.remove(UNPROVEN);
        if let Some(page_from) = proof.page_from {
            let list = Table::from_iter([("page_from".to_owned(), Value::Integer(page_from.into()))]);
            lay_over(&mut table, &of_stream(stream, "list", Value::Table(list)));
        }
        if let Some(date) = proof.date {
            let form = Value::String(name_of(date).into());
            lay_over(&mut table, &of_stream(stream, "date", form.clone()));
            // Streams that have shown no form use this one.
            table.insert("date".into(), form);
        }
        if proof.rows == 0 {
            table.insert(UNPROVEN.into(), Value::Boolean(true));
        }
        SavedPart { name: stream.name().into(), table }
    }
}

const ABSENT: &str = "absent";
const UNPROVEN: &str = "unproven";
const EXTRA_AS_OF: &str = "extra_as_of";
const NO_ONE: &str = "no_single_records_as_of";
const NOTES: &str = "notes";
const SINCE: &str = "since_shown";
/// The days after which the schema is read again for new fields.
const LOOKED_FOR_FIELDS_AGAIN: i64 = 7;
/// The days after which a missing list, or a missing query of single records, is looked for again.
const LOOKED_FOR_AGAIN: i64 = 30;

/// Returns the table `streams.NAME.KEY = VALUE`.
pub(in crate::discovery) fn of_stream(stream: Stream, key: &str, value: Value) -> Table {
    let part = Table::from_iter([(key.to_owned(), value)]);
    let streams = Table::from_iter([(stream.name().to_owned(), Value::Table(part))]);
    Table::from_iter([("streams".to_owned(), Value::Table(streams))])
}

/// Returns the dialect's word for a form of dates.
pub fn name_of(date: DateForm) -> &'static str {
    match date {
        DateForm::Iso8601 => "iso8601",
        DateForm::EpochMs => "epoch_ms",
        DateForm::EpochS => "epoch_s",
    }
}
