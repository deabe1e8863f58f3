//! Keeps what was found out about an endpoint's spelling for later runs, part by part. A part has lines in the form
//! of `[source.dialect]`. It also records whether rows have confirmed the spelling, what the server lacks, and when
//! the schema was last read for undocumented fields.

use toml::{Table, Value};

use crate::clock::{days_since, now};
use crate::dialect::{DialectLayer, Layer as _, ListLayer, SingleRecordLayer, WrongLine};
use crate::discovery::check_paging::Proof;
use crate::streams::Stream;

/// A remembered part of the dialect: the token, or one stream.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SavedPart {
    /// The name of the part: `token`, or a stream's name.
    pub name: String,
    /// The values that were found, as a layer to put over the shipped dialect.
    pub layer: DialectLayer,
    /// The moment at which the server was found not to have the stream; `None` if it has it.
    absent: Option<String>,
    /// Whether no rows have confirmed the spelling yet.
    is_unproven: bool,
    /// The moment at which the schema was last read for undocumented fields; `None` if never.
    extra_as_of: Option<String>,
    /// Whether a version stored the part that collected undocumented fields only if a job said so.
    is_of_earlier_version: bool,
    /// Whether the server hides its schema, so that undocumented fields were found by asking name by name.
    is_schema_hidden: bool,
    /// The moment at which the server was found to have no query for single records; `None` if it was not.
    no_single_records_as_of: Option<String>,
    /// The fields that the schema shows and that are not asked for, each with the reason.
    unasked: Vec<String>,
    /// The notes that every run shows.
    notes: Vec<String>,
    /// What answers have shown about the filter by the date of the last change.
    since_shown: Option<SinceShown>,
}

/// What the answers so far have shown about a filter by the date of the last change.
#[derive(Debug, Clone, PartialEq)]
struct SinceShown {
    filter: String,
    is_obeyed: bool,
    as_of: String,
}

impl SavedPart {
    /// Returns a part with a name and a layer, and nothing else remembered.
    pub fn new(name: impl Into<String>, layer: DialectLayer) -> SavedPart {
        SavedPart { name: name.into(), layer, ..SavedPart::default() }
    }

    /// Returns the part for a stream that the server does not have, as of today.
    pub(in crate::discovery) fn absent(stream: Stream) -> SavedPart {
        SavedPart { name: stream.name().into(), absent: Some(now()), ..SavedPart::default() }
    }

    /// Returns an empty part for a stream whose spelling no rows have confirmed yet.
    pub fn unproven(stream: Stream) -> SavedPart {
        SavedPart { name: stream.name().into(), is_unproven: true, ..SavedPart::default() }
    }

    /// Returns whether the server was found not to have the stream in the last 30 days. The stream is not searched
    /// for again until then.
    pub fn is_absent(&self) -> bool {
        is_recent(self.absent.as_ref(), LOOKED_FOR_AGAIN)
    }

    /// Returns whether rows have confirmed the spelling.
    pub fn is_proven(&self) -> bool {
        self.absent.is_none() && !self.is_unproven
    }

    /// Returns whether a run can use the part without asking the server anything first. `collect` says whether the
    /// job collects undocumented fields, and `is_named` whether it says so itself. A part that an earlier version stored
    /// has no undocumented fields, and stays so until the job names them.
    pub fn is_known(&self, collect: bool, is_named: bool) -> bool {
        let collect = collect && (is_named || !self.is_of_earlier_version);
        let days = if self.is_schema_hidden { LOOKED_FOR_AGAIN } else { LOOKED_FOR_FIELDS_AGAIN };
        let is_fresh = is_recent(self.extra_as_of.as_ref(), days);
        (self.is_proven() && (!collect || is_fresh)) || self.is_absent()
    }

    /// Adds the undocumented fields that the schema shows, as of today. `fields` is `None` if the schema does not
    /// show the stream's type.
    pub(in crate::discovery) fn with_extra(mut self, stream: Stream, fields: Option<Vec<String>>) -> SavedPart {
        if let Some(fields) = fields {
            self.layer.stream_mut(stream).extra = Some(fields);
        }
        self.extra_as_of = Some(now());
        self.is_of_earlier_version = false;
        self
    }

    /// Replaces the notes that every run shows, unless `notes` is empty.
    pub(in crate::discovery) fn with_notes(mut self, notes: &[String]) -> SavedPart {
        if !notes.is_empty() {
            self.notes = notes.to_vec();
        }
        self
    }

    /// Records that the server hides its schema.
    pub(in crate::discovery) fn with_hidden_schema(self) -> SavedPart {
        SavedPart { is_schema_hidden: true, ..self }
    }

    /// Keeps the fields that are not asked for, each with the reason, in place of those that were kept before.
    pub(in crate::discovery) fn with_unasked(self, unasked: Vec<String>) -> SavedPart {
        SavedPart { unasked, ..self }
    }

    /// Returns the fields that the schema shows and that are not asked for, each with the reason.
    pub fn unasked(&self) -> &[String] {
        &self.unasked
    }

    /// Returns the notes that every run shows.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        if let Some(first) = self.unasked.get(..self.unasked.len().min(NAMED)).filter(|first| !first.is_empty()) {
            let more = self.unasked.len() - first.len();
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            notes.push(format!(
                "{0}: not asked for, although the server has them: {1}{more}; to ask for one of them: \
                 [source.dialect.streams.{0}] extra = [\"NAME\"]",
                self.name,
                first.join(", ")
            ));
        }
        notes
    }

    /// Adds the query for single records. `None` records that there is none, as of today.
    #[must_use]
    pub fn with_one(mut self, stream: Stream, one: Option<SingleRecordLayer>) -> SavedPart {
        match one {
            Some(one) => {
                self.no_single_records_as_of = None;
                self.lay_over_one(stream, one);
            }
            None => self.no_single_records_as_of = Some(now()),
        }
        self
    }

    /// Merges a query for single records into the remembered one: each value of `one` replaces the remembered value.
    pub(in crate::discovery) fn lay_over_one(&mut self, stream: Stream, one: SingleRecordLayer) {
        let part = crate::dialect::StreamLayer { one: Some(one), ..Default::default() };
        self.layer.merge(DialectLayer::of_stream(stream, part));
    }

    /// Returns whether answers have shown that the server obeys `filter`, the path of an argument that filters by the
    /// date of the last change. Returns `None` if that is not known, or if it was found not to obey 30 or more days
    /// ago.
    pub fn obeys(&self, filter: &str) -> Option<bool> {
        let shown = self.since_shown.as_ref().filter(|shown| shown.filter == filter)?;
        let is_recent = days_since(&shown.as_of)? < LOOKED_FOR_AGAIN;
        (shown.is_obeyed || is_recent).then_some(shown.is_obeyed)
    }

    /// Records whether answers have shown that the server obeys `filter`, as of today.
    #[must_use]
    pub fn with_obeyed(mut self, filter: &str, is_obeyed: bool) -> SavedPart {
        self.since_shown = Some(SinceShown { filter: filter.into(), is_obeyed, as_of: now() });
        self
    }

    /// Returns whether the server was found to have no query for single records in the last 30 days. None is searched
    /// for again until then.
    pub fn lacks_single_record(&self) -> bool {
        is_recent(self.no_single_records_as_of.as_ref(), LOOKED_FOR_AGAIN)
    }

    /// Returns the part of `stream` with what its answers showed (`proof`) merged into it.
    #[must_use]
    pub fn shown(&self, stream: Stream, proof: &Proof) -> SavedPart {
        let mut part = SavedPart { name: stream.name().into(), absent: None, ..self.clone() };
        part.is_unproven = proof.rows == 0;
        let of_stream = part.layer.stream_mut(stream);
        if let Some(page_from) = proof.page_from {
            of_stream.list.get_or_insert_with(ListLayer::default).page_from = Some(page_from);
        }
        if let Some(date) = proof.date {
            of_stream.date = Some(date);
            // Streams whose rows have shown no form of dates use this one.
            part.layer.date = Some(date);
        }
        part
    }

    /// Reads a part from the TOML that [`SavedPart::text`] writes. `Err` holds a message about the line that is
    /// wrong.
    pub fn read(name: String, text: &str) -> Result<SavedPart, String> {
        let mut table: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let mut take = |key: &str| table.remove(key);
        let moment = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
        let notes = take(NOTES);
        let notes = notes.as_ref().and_then(Value::as_array).into_iter().flatten();
        let unasked = take(UNASKED);
        let unasked = unasked.as_ref().and_then(Value::as_array).into_iter().flatten();
        let since_shown = take(SINCE).and_then(|shown| {
            let text = |key: &str| Some(shown.get(key)?.as_str()?.to_owned());
            let is_obeyed = shown.get("obeyed")?.as_bool()?;
            Some(SinceShown { filter: text("filter")?, is_obeyed, as_of: text("as_of")? })
        });
        let part = SavedPart {
            name,
            absent: moment(take(ABSENT)),
            is_unproven: take(UNPROVEN).is_some(),
            extra_as_of: moment(take(EXTRA_AS_OF)),
            is_of_earlier_version: take(FORM).is_none(),
            is_schema_hidden: take(HIDDEN).is_some(),
            no_single_records_as_of: moment(take(NO_ONE)),
            unasked: unasked.filter_map(Value::as_str).map(str::to_owned).collect(),
            notes: notes.filter_map(Value::as_str).map(str::to_owned).collect(),
            since_shown,
            layer: DialectLayer::default(),
        };
        let layer = DialectLayer::read(table).map_err(|WrongLine { path, what }| format!("{path}: {what}"))?;
        Ok(SavedPart { layer, ..part })
    }

    /// Returns the part as TOML: its layer in the form of `[source.dialect]`, and besides that what only a remembered
    /// part has.
    pub fn text(&self) -> String {
        let mut table = self.layer.lines();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                table.insert(key.to_owned(), value);
            }
        };
        put(ABSENT, self.absent.clone().map(Value::String));
        put(UNPROVEN, self.is_unproven.then_some(Value::Boolean(true)));
        put(EXTRA_AS_OF, self.extra_as_of.clone().map(Value::String));
        put(FORM, (!self.is_of_earlier_version).then_some(Value::Integer(2)));
        put(HIDDEN, self.is_schema_hidden.then_some(Value::Boolean(true)));
        put(NO_ONE, self.no_single_records_as_of.clone().map(Value::String));
        let unasked = self.unasked.iter().cloned().map(Value::String).collect();
        put(UNASKED, (!self.unasked.is_empty()).then_some(Value::Array(unasked)));
        let notes = self.notes.iter().cloned().map(Value::String).collect();
        put(NOTES, (!self.notes.is_empty()).then_some(Value::Array(notes)));
        let shown = self.since_shown.as_ref().map(|shown| {
            Value::Table(Table::from_iter([
                ("filter".to_owned(), Value::String(shown.filter.clone())),
                ("obeyed".to_owned(), Value::Boolean(shown.is_obeyed)),
                ("as_of".to_owned(), Value::String(shown.as_of.clone())),
            ]))
        });
        put(SINCE, shown);
        table.to_string()
    }
}

/// Returns whether the moment `as_of` is less than so many days ago. Returns `false` for `None` and for a moment that
/// cannot be read.
fn is_recent(as_of: Option<&String>, days: i64) -> bool {
    as_of.and_then(|as_of| days_since(as_of)).is_some_and(|passed| passed < days)
}

const ABSENT: &str = "absent";
const UNPROVEN: &str = "unproven";
const EXTRA_AS_OF: &str = "extra_as_of";
const NO_ONE: &str = "no_single_records_as_of";
const NOTES: &str = "notes";
const SINCE: &str = "since_shown";
const UNASKED: &str = "not_asked_for";
const HIDDEN: &str = "schema_hidden";
const FORM: &str = "form";
/// How many fields that are not asked for a note names.
const NAMED: usize = 8;
/// The number of days after which the schema is read again for new undocumented fields.
const LOOKED_FOR_FIELDS_AGAIN: i64 = 7;
/// The number of days after which a missing list, or a missing query for single records, is searched for again.
const LOOKED_FOR_AGAIN: i64 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::DateForm;

    #[test]
    fn a_part_is_read_as_it_was_written() {
        let proof = Proof { page_from: Some(0), date: Some(DateForm::EpochMs), rows: 2, ..Proof::default() };
        let one = SingleRecordLayer { operation: Some("contact".into()), ..SingleRecordLayer::default() };
        let all = SavedPart::unproven(Stream::Contacts)
            .shown(Stream::Contacts, &proof)
            .with_extra(Stream::Contacts, Some(vec!["externalRef".into()]))
            .with_notes(&["a note".to_owned()])
            .with_one(Stream::Contacts, Some(one))
            .with_obeyed("updatedAfter", false);
        let none = SavedPart::unproven(Stream::Messages).with_one(Stream::Messages, None);
        for part in [all, none, SavedPart::absent(Stream::Channels)] {
            assert_eq!(SavedPart::read(part.name.clone(), &part.text()), Ok(part));
        }
    }

    /// A mirror that an older version wrote has these lines.
    #[test]
    fn the_keys_of_the_memory_have_the_names_that_are_stored() {
        let text = "absent = \"2026-01-01T00:00:00Z\"\nunproven = true\nextra_as_of = \"2026-01-02T00:00:00Z\"\n\
            no_single_records_as_of = \"2026-01-03T00:00:00Z\"\nnotes = [\"a\"]\ndate = \"epoch_s\"\n\
            [since_shown]\nfilter = \"f\"\nobeyed = true\nas_of = \"2026-01-04T00:00:00Z\"\n\
            [streams.contacts.list]\npage_from = 0\n";
        let part = SavedPart::read("contacts".into(), text).expect("a part");
        assert_eq!((part.is_proven(), part.notes(), part.obeys("f")), (false, vec!["a".to_owned()], Some(true)));
        assert_eq!(part.layer.date, Some(DateForm::EpochS));
        let written: Table = part.text().parse().expect("TOML");
        assert_eq!(written, text.parse::<Table>().expect("TOML"));
    }
}
