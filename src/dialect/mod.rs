//! Describes how this API spells things: operation names, arguments, the paths of rows and totals, selections, the
//! meaning of error codes. All of this is data, never code. The shipped file is `qpien.toml` in this folder, and a
//! job file's `[source.dialect]` replaces any part of it in the same form.
//!
//! `parts` declares each part, [`layer`] merges layers, and `text` reads and writes them as TOML.

pub mod layer;
mod parts;
mod since;
mod text;

pub use self::layer::Layer;
pub use self::parts::{
    Dialect, DialectLayer, IGNORABLE, IGNORE, ListDialect, ListLayer, Meaning, NotFound, Paging, SingleRecordDialect,
    SingleRecordLayer, StreamDialect, StreamLayer, TokenDialect, TokenLayer,
};
pub use self::since::SinceForm;
pub use self::text::lines_of;
use crate::error::{Error, Result};
use crate::streams::{ALL, DateForm, Dates, Stream, Zone};

const SHIPPED: &str = include_str!("qpien.toml");

impl Dialect {
    /// Returns the dialect that comes with the program. Fails only if that dialect's file is wrong.
    pub fn shipped() -> Result<Dialect> {
        Dialect::with(&DialectLayer::default())
    }

    /// Returns the shipped dialect with the layer `over` merged into it, such as a job file's `[source.dialect]`.
    /// Fails if the result is not a valid dialect; the error names the wrong line.
    pub fn with(over: &DialectLayer) -> Result<Dialect> {
        Dialect::read(over).map_err(|WrongLine { path, what }| Error::usage(format!("[source.dialect] {path}: {what}")))
    }

    /// Does the same as [`Dialect::with`], but returns the path of a wrong line, so that the caller can name the file
    /// that has it.
    pub fn read(over: &DialectLayer) -> std::result::Result<Dialect, WrongLine> {
        let mut all: DialectLayer = SHIPPED.parse()?;
        all.merge(over.clone());
        // Every stream gets all of `[list]`, with its own values merged into it.
        let list = all.list.clone();
        for part in all.streams.iter_mut().flat_map(|streams| streams.values_mut()) {
            let own = std::mem::replace(&mut part.list, list.clone());
            layer::merge_key(&mut part.list, own);
            // The remembered `not_found` may belong to a query that the job no longer names.
            part.one.take_if(|one| one.operation.is_none() && one.id.is_none() && one.item.is_none());
        }
        let lacks = |path| WrongLine { path, what: "no value is given".into() };
        let dialect = all.complete().map_err(lacks)?;
        dialect.check()?;
        Ok(dialect)
    }

    /// Returns the part of the dialect about one stream. Fails if the dialect has none.
    pub fn stream(&self, stream: Stream) -> Result<&StreamDialect> {
        self.streams
            .get(stream.name())
            .ok_or_else(|| Error::usage(format!("[source.dialect.streams.{stream}] is missing")))
    }

    /// Returns the form of a stream's dates, such as ISO 8601.
    pub fn date_of(&self, stream: Stream) -> DateForm {
        match self.streams.get(stream.name()).and_then(|own| own.date).unwrap_or(self.date) {
            DateForm::Iso8601 => Zone::named(&self.time_zone).map_or(DateForm::Iso8601, DateForm::Iso8601In),
            form => form,
        }
    }

    /// Returns the form of dates of every stream.
    pub fn dates(&self) -> Dates {
        let mut dates = Dates::from(self.date);
        for stream in ALL {
            dates[stream] = self.date_of(stream);
        }
        dates
    }

    fn check(&self) -> std::result::Result<(), WrongLine> {
        for (name, s) in &self.streams {
            let wrong = |what: String| Err(WrongLine { path: format!("streams.{name}.fields"), what });
            if !s.selected().any(|f| field_name(f) == self.id) {
                return wrong(format!("the id field `{}` must be among the fields, and not dropped", self.id));
            }
            let mut names: Vec<&str> = s.fields.iter().map(|f| field_name(f)).collect();
            names.sort_unstable();
            if let Some([twice, ..]) = names.windows(2).find(|pair| pair.first() == pair.last()) {
                return wrong(format!("`{twice}` stands there twice"));
            }
        }
        if !self.time_zone.is_empty() && Zone::named(&self.time_zone).is_none() {
            let what = format!("`{}` is no time zone, such as `Europe/Istanbul`", self.time_zone);
            return Err(WrongLine { path: "time_zone".into(), what });
        }
        if self.page_size == 0 {
            return Err(WrongLine { path: "page_size".into(), what: "must be at least 1".into() });
        }
        Ok(())
    }

    /// Returns the first name in a stream's `drop` that is neither a selected field nor a documented column, as a
    /// wrong line. Returns `None` if there is no such name.
    pub fn unknown_drop(&self) -> Option<WrongLine> {
        self.streams.iter().find_map(|(name, s)| {
            let columns = Stream::named(name).into_iter().flat_map(|s| s.columns().iter().map(|c| c.name));
            let known: Vec<&str> = s.fields.iter().chain(&s.extra).map(|f| field_name(f)).chain(columns).collect();
            let nothing = s.drop.iter().find(|dropped| !known.contains(&dropped.as_str()))?;
            let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            let what = format!("unknown field `{nothing}`, expected one of {}", known.join(", "));
            Some(WrongLine { path: format!("streams.{name}.drop"), what })
        })
    }
}

/// Describes a wrong line of a dialect: its dotted path below `[source.dialect]` (empty if not known), and what is
/// wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct WrongLine {
    pub path: String,
    pub what: String,
}

impl StreamDialect {
    /// Returns the fields to select: those of `fields` and `extra` that `drop` does not name.
    pub fn selected(&self) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .chain(&self.extra)
            .map(String::as_str)
            .filter(|f| !self.drop.iter().any(|d| d == field_name(f)))
    }

    /// Returns the selection of a record, as a query holds it: the selected fields, each name once. Two selections of
    /// one object become one, because not every server merges them as GraphQL demands.
    pub fn selection(&self) -> String {
        let mut merged: Vec<(&str, String)> = Vec::new();
        for field in self.selected() {
            let name = field_name(field);
            let inner = field.split_once('{').map(|(_, inner)| inner.trim_end_matches(['}', ' ']));
            match (merged.iter_mut().find(|(known, _)| *known == name), inner) {
                (Some((_, text)), Some(inner)) if text.ends_with('}') => {
                    let open = inner.matches('{').count().saturating_sub(inner.matches('}').count());
                    text.truncate(text.len() - 1);
                    *text = format!("{} {}{} }}", text.trim_end(), inner.trim(), " }".repeat(open));
                }
                (Some(_), _) => {}
                (None, _) => merged.push((name, field.to_owned())),
            }
        }
        merged.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ")
    }

    /// Returns the names of the selected fields that have sub-fields.
    pub fn nested(&self) -> impl Iterator<Item = &str> {
        self.selected().filter(|f| f.contains('{')).map(field_name)
    }

    /// Returns whether only `extra` selects a field with this name, at any depth.
    pub fn is_collected(&self, field: &str) -> bool {
        let words = |f: &String| f.split([' ', '{', '}', ':']).any(|word| word == field);
        self.extra.iter().any(words) && !self.fields.iter().any(words)
    }

    /// Returns the paths of the values in a record that only `extra` selects.
    pub fn collected_paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        for field in &self.extra {
            let name = field_name(field);
            match field.split_once('{').filter(|_| self.fields.iter().any(|own| field_name(own) == name)) {
                Some((_, inner)) => {
                    paths.extend(outer_names(inner).into_iter().map(|below| vec![name.to_owned(), below.to_owned()]));
                }
                None => paths.push(vec![name.to_owned()]),
            }
        }
        paths
    }

    /// Returns whether the selection includes the field at this path, such as `["lastMessage", "createdAt"]`.
    pub fn is_asked_for(&self, path: &[String]) -> bool {
        let words = |f: &str, word: &str| f.split([' ', ',', '{', '}', ':']).any(|w| w == word);
        let Some((first, below)) = path.split_first() else { return false };
        self.selected().filter(|f| field_name(f) == first).any(|f| below.iter().all(|name| words(f, name)))
    }

    /// Returns the selection of the id field, such as `_id: id`. `id` is the name of the field in the answer, which
    /// is returned if it is not selected.
    pub fn id_field<'s>(&'s self, id: &'s str) -> &'s str {
        self.selected().find(|f| field_name(f) == id).unwrap_or(id)
    }

    /// Returns whether a field with this name in the answer is selected.
    pub fn asks_for(&self, name: &str) -> bool {
        self.selected().any(|f| field_name(f) == name)
    }

    /// Returns the name to put into `drop` so that `field` is not selected: that of the field itself, or of the
    /// object that contains it. Returns `None` if neither is selected.
    pub fn drop_name(&self, field: &str) -> Option<&str> {
        let words = |f: &str| f.split([' ', '{', '}', ':']).any(|w| w == field);
        let own = self.selected().find(|f| field_name(f) == field);
        own.or_else(|| self.selected().find(|f| words(f))).map(field_name)
    }
}

/// Returns the name that a selected field has in the answer: `tags` for `tags { _id }`, `createdAt` for the alias
/// `createdAt: created`.
pub fn field_name(field: &str) -> &str {
    field.split([' ', '{', '(', ':']).next().unwrap_or(field)
}

/// Returns the names of the fields that a selection's inner text selects at its outermost level: `a` and `b` for
/// `a b { c } }`.
pub fn outer_names(inner: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut names = Vec::new();
    for word in inner.split_inclusive(['{', '}']).flat_map(|part| part.split_inclusive(char::is_whitespace)) {
        let name = word.trim_matches(|c: char| c.is_whitespace() || c == '{' || c == '}' || c == ',');
        if depth == 0 && !name.is_empty() {
            names.push(name.rsplit(':').next().unwrap_or(name).trim());
        }
        depth += word.matches('{').count();
        depth = usize::saturating_sub(depth, word.matches('}').count());
    }
    names
}

impl DialectLayer {
    /// Returns a layer that holds nothing but `part`, a part of one stream.
    pub fn of_stream(stream: Stream, part: StreamLayer) -> DialectLayer {
        DialectLayer { streams: Some([(stream.name().to_owned(), part)].into()), ..DialectLayer::default() }
    }

    /// Returns the layer's part about a stream, or `None` if it has none.
    pub fn stream(&self, stream: Stream) -> Option<&StreamLayer> {
        self.streams.as_ref()?.get(stream.name())
    }

    /// Returns the layer's part about a stream, for changes. Adds an empty part if there is none.
    pub fn stream_mut(&mut self, stream: Stream) -> &mut StreamLayer {
        self.streams.get_or_insert_default().entry(stream.name().to_owned()).or_default()
    }

    /// Returns this layer with the job's layer merged over it. If the job sets `date` for all streams, the forms of
    /// dates that were found for single streams are dropped, because the job's setting comes first.
    #[must_use]
    pub fn with_job(mut self, job: &DialectLayer) -> DialectLayer {
        if job.date.is_some() {
            self.streams.iter_mut().flat_map(|streams| streams.values_mut()).for_each(|stream| stream.date = None);
        }
        let found: Vec<(String, Vec<String>)> = self
            .streams
            .iter()
            .flatten()
            .filter_map(|(name, part)| Some((name.clone(), part.extra.clone()?)))
            .collect();
        self.merge(job.clone());
        // The job's own extra fields are added to those that were found.
        for (name, found) in found {
            if let Some(own) = job.streams.as_ref().and_then(|streams| streams.get(&name)?.extra.as_ref()) {
                let is_own = |field: &String| own.iter().any(|own| field_name(own) == field_name(field));
                let more = found.into_iter().filter(|field| !is_own(field));
                let part = self.streams.get_or_insert_default().entry(name).or_default();
                part.extra = Some(own.iter().cloned().chain(more).collect());
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with(text: &str) -> Result<Dialect> {
        let wrong = |wrong: WrongLine| Error::usage(format!("{}: {}", wrong.path, wrong.what));
        Dialect::with(&text.parse().map_err(wrong)?)
    }

    #[test]
    fn the_shipped_dialect_asks_for_documented_columns_only() {
        let d = with("").expect("shipped");
        for s in ALL {
            let part = d.stream(s).expect("src/dialect/qpien.toml");
            assert_eq!(part.selected().count(), part.fields.len());
            for f in part.selected() {
                assert!(s.columns().iter().any(|c| c.name == field_name(f)), "{s}: {f}");
            }
        }
    }

    #[test]
    fn the_shipped_dialect_asks_for_every_column_that_its_comment_does_not_name() {
        let d = with("").expect("shipped");
        let comment: String = SHIPPED.lines().filter_map(|line| line.strip_prefix('#')).collect();
        let named = comment.split("fields are not known:").nth(1).and_then(|rest| rest.split(". Their columns").next());
        let mut unasked = BTreeSet::new();
        let mut of = "";
        for name in named.expect("the comment").split(',').map(str::trim) {
            let column = name.split_once('.').map_or(name, |(stream, column)| {
                of = stream;
                column
            });
            unasked.insert((of, column));
        }
        for s in ALL {
            let part = d.stream(s).expect("src/dialect/qpien.toml");
            for column in s.columns() {
                let (name, is_unasked) = (column.name, unasked.remove(&(s.name(), column.name)));
                let is_asked = part.selected().any(|f| field_name(f) == name);
                assert!(
                    is_asked || is_unasked,
                    "src/dialect/qpien.toml: [streams.{s}] fields lacks `{name}`, which src/streams/{s}.rs has"
                );
                assert!(
                    !(is_asked && is_unasked),
                    "src/dialect/qpien.toml: {s}.{name} is selected, the comment denies it"
                );
            }
        }
        assert!(unasked.is_empty(), "src/dialect/qpien.toml: the comment names {unasked:?}, which no stream has");
    }

    #[test]
    fn what_is_collected_completes_a_selection_and_has_paths_of_its_own() {
        let text =
            "[streams.messages]\nextra = [\"flowBotId\", \"sender { role team { _id } }\", \"note { by { _id } at }\"]";
        let dialect = with(text).expect("a dialect");
        let part = dialect.stream(Stream::Messages).expect("messages");
        let selection = part.selection();
        assert!(selection.contains("sender { name avatar role team { _id } }"), "{selection}");
        assert_eq!(selection.matches("sender {").count(), 1, "{selection}");
        assert!(selection.ends_with(" flowBotId note { by { _id } at }"), "{selection}");
        assert_eq!(selection.matches('{').count(), selection.matches('}').count(), "{selection}");
        let paths: Vec<String> = part.collected_paths().iter().map(|path| path.join(".")).collect();
        assert_eq!(paths, ["flowBotId", "sender.role", "sender.team", "note"]);
        for (field, collected) in [("role", true), ("at", true), ("flowBotId", true), ("avatar", false), ("_id", false)]
        {
            assert_eq!(part.is_collected(field), collected, "{field}");
        }
        let asked = |path: &[&str]| part.is_asked_for(&path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert!(asked(&["sender", "name"]) && asked(&["sender", "role"]) && asked(&["note"]));
        assert!(!asked(&["sender", "by"]) && !asked(&["by"]) && !asked(&[]));
    }

    #[test]
    fn every_paging_style_is_named_beside_its_key() {
        let told = with("[list]\npaging = \"zzz\"").expect_err("unknown").detail;
        let words: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        let line = SHIPPED.lines().find(|line| line.starts_with("paging = ")).expect("the key");
        assert!(words.len() > 3, "{told}");
        for word in words {
            let is_named = line.split([' ', ',', '"', ':', ';']).any(|named| named == word);
            assert!(is_named, "src/dialect/qpien.toml: the comment beside `paging` does not name `{word}`");
            let read = with(&format!("[list]\npaging = {word:?}")).expect("a style");
            assert_eq!(read.list.paging.word(), word, "src/dialect/mod.rs: Paging::word");
        }
    }

    #[test]
    fn a_paging_style_is_asked_about_by_exhaustive_matches_alone() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let compares = ["== ", "!= ", "matches!(", "if let "];
        for path in crate::layers::files(&root) {
            let within = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
            if within == "dialect/mod.rs" || within.ends_with("tests.rs") || within.contains("/tests/") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            for (at, line) in text.lines().enumerate() {
                let is_compared = line.contains("Paging::") && compares.iter().any(|form| line.contains(form));
                let place = format!("src/{within}:{}", at + 1);
                assert!(
                    !is_compared,
                    "{place}: a new style would pass unseen; ask a method of `Paging` in src/dialect/mod.rs"
                );
            }
        }
    }

    #[test]
    fn a_job_replaces_part_by_part() {
        let d = with("[list]\nsize = \"perPage\"\n[streams.messages]\ndrop = [\"sender\"]\n[streams.messages.list]\npage_from = 0")
            .expect("override");
        let m = d.stream(Stream::Messages).expect("messages");
        assert_eq!((m.list.size.as_str(), m.list.page_from, m.list.page.as_str()), ("perPage", 0, "page"));
        assert!(!m.selected().any(|f| f.starts_with("sender ")));
        assert_eq!(d.stream(Stream::Contacts).expect("contacts").list.page_from, 1);
    }

    #[test]
    fn what_is_remembered_of_a_query_that_the_job_no_longer_names_is_let_go() {
        let one = |lines: &str| with(&format!("[streams.contacts.one]\n{lines}"));
        let remembered = one("not_found = \"error\"").expect("no query");
        assert!(remembered.stream(Stream::Contacts).expect("contacts").one.is_none());
        let named = one("not_found = \"error\"\noperation = \"contact\"\nid = \"id\"\nitem = \"\"").expect("a query");
        assert!(named.stream(Stream::Contacts).expect("contacts").one.is_some());
        let half = one("operation = \"contact\"").expect_err("a query without its argument");
        assert!(half.detail.contains("streams.contacts.one.id"), "{half}");
    }

    #[test]
    fn a_field_is_dropped_with_the_object_it_stands_in() {
        let d = with("").expect("shipped");
        let contacts = d.stream(Stream::Contacts).expect("contacts");
        let found = ["gender", "color", "_id", "nothing"].map(|f| contacts.drop_name(f));
        assert_eq!(found, [Some("gender"), Some("tags"), Some("_id"), None]);
    }

    #[test]
    fn a_typing_error_is_refused_by_name() {
        let e = with("[token]\nopration = \"x\"").expect_err("unknown key");
        assert!(e.detail.contains("opration"), "{e}");
        assert!(with("[streams.contact]\noperation = \"x\"\nfields = []\ndrop = []").is_err());
        assert!(with("[streams.contacts]\ndrop = [\"_id\"]").expect_err("no id").detail.contains("_id"));
        let twice = with("[streams.contacts]\nfields = [\"_id\", \"email\", \"email\"]").expect_err("twice");
        assert!(twice.detail.contains("`email` stands there twice"), "{twice}");
        let drops = |name: &str| with(&format!("[streams.contacts]\ndrop = [{name:?}]")).expect("read").unknown_drop();
        assert_eq!((drops("gender"), drops("platforms")), (None, None));
        assert_eq!(drops("nope").map(|wrong| wrong.path).as_deref(), Some("streams.contacts.drop"));
    }
}
