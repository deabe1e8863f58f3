//! Describes how this API spells things: operation names, arguments, where items and totals lie, selections, what an
//! error code means. It is data, never code. The shipped file is `qpien.toml` beside this one, and a job file's
//! `[source.dialect]` replaces any part of it in the same form.
//!
//! Unknown keys are refused, because a typing error in an override would otherwise leave the default in place
//! silently.

mod since;

use std::collections::BTreeMap;

use serde::Deserialize;

pub use crate::dialect::since::SinceForm;
use crate::error::{Error, Result};
use crate::streams::{ALL, DateForm, Dates, Stream};

const SHIPPED: &str = include_str!("qpien.toml");

/// A whole dialect. The comments of `qpien.toml` say what each part means and how it is known.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Dialect {
    pub authorization_prefix: String,
    pub date: DateForm,
    pub id: String,
    pub page_size: u32,
    pub token: TokenDialect,
    pub list: ListDialect,
    pub streams: BTreeMap<String, StreamDialect>,
    pub codes: BTreeMap<String, Meaning>,
    pub phrases: BTreeMap<String, Meaning>,
}

/// The mutation that generates a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TokenDialect {
    pub operation: String,
    pub input: String,
    pub input_type: String,
    pub client_id: String,
    pub client_secret: String,
    pub client_id_type: String,
    pub client_secret_type: String,
    pub arguments: BTreeMap<String, String>,
    pub access_token: String,
    pub expires_in: String,
    pub success: String,
    pub code: String,
    pub message: String,
}

/// A list query's arguments and envelope. Paths are dotted and begin below the operation. An empty path means that
/// the server does not give the value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ListDialect {
    pub paging: Paging,
    pub assumed: bool,
    pub page: String,
    pub page_from: u32,
    pub size: String,
    pub arguments: BTreeMap<String, String>,
    pub since: String,
    pub since_form: SinceForm,
    pub items: String,
    pub total: String,
    pub has_next: String,
    pub next_cursor: String,
    pub row_cursor: String,
    pub success: String,
    pub code: String,
    pub message: String,
}

/// The word in place of the path `total` or `has_next` that says not to believe what the server claims there.
pub const IGNORE: &str = "ignore";

/// The keys of `[list]` that may say [`IGNORE`].
pub const IGNORABLE: [&str; 2] = ["total", "has_next"];

impl ListDialect {
    /// Returns the names of the claims (`total`, `has_next`) that are not believed for this list.
    pub fn ignored(&self) -> Vec<&'static str> {
        let claims = [("total", &self.total), ("has_next", &self.has_next)];
        claims.into_iter().filter(|(_, path)| *path == IGNORE).map(|(name, _)| name).collect()
    }
}

/// Describes how a list is asked for its next rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// By the number of a page.
    Page,
    /// By the number of rows to leave out.
    Offset,
    /// By an opaque cursor, which belongs to the next page or to a row.
    Cursor,
    /// Not at all: the list comes whole.
    None,
}

impl Paging {
    /// Returns the dialect's word for it.
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

    /// Returns whether cursors lead to pages.
    pub fn has_cursors(self) -> bool {
        match self {
            Paging::Cursor => true,
            Paging::Page | Paging::Offset | Paging::None => false,
        }
    }
}

/// The query of a single record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct SingleRecordDialect {
    pub operation: String,
    /// The argument that takes the id, or its dotted path inside an input object.
    pub id: String,
    /// The path to the record in the answer. Empty if the answer itself is the record.
    pub item: String,
    /// The member of the answer that is `false` after a failure. Empty if there is none.
    #[serde(default)]
    pub success: String,
    /// How the server answers for a record that does not exist. Without it no record is taken for missing.
    #[serde(default)]
    pub not_found: Option<NotFound>,
}

/// Describes how the server answers for a record that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFound {
    /// With `null`.
    Null,
    /// With an error.
    Error,
    /// With `success: false`.
    SuccessFalse,
}

/// One stream's operation and selection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct StreamDialect {
    pub operation: String,
    #[serde(default)]
    pub parent: Option<String>,
    /// Whether the parent's argument takes a list. It then gets a list of the one id.
    #[serde(default)]
    pub parent_list: bool,
    /// The form of this stream's dates, if it differs from the dialect's `date`.
    #[serde(default)]
    pub date: Option<DateForm>,
    pub fields: Vec<String>,
    pub drop: Vec<String>,
    /// Fields that no column holds, selected only if the job collects them.
    #[serde(default)]
    pub extra: Vec<String>,
    #[serde(default)]
    pub one: Option<SingleRecordDialect>,
    /// `[list]` with this stream's own replacements laid over it.
    pub list: ListDialect,
}

/// Describes what an error code or a phrase means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Missing or invalid token.
    Unauthorized,
    /// Wrong client id or secret.
    InvalidClient,
    /// The token has expired after its documented hour.
    TokenExpired,
    /// The key lacks a scope.
    InsufficientScopes,
    /// The limit is exceeded.
    RateLimited,
    /// The server failed.
    ServerFault,
    /// The server refuses the query itself.
    Rejected,
}

impl NotFound {
    /// Returns the dialect's word for it.
    pub fn word(self) -> &'static str {
        match self {
            NotFound::Null => "null",
            NotFound::Error => "error",
            NotFound::SuccessFalse => "success_false",
        }
    }
}

impl Dialect {
    /// Returns the shipped dialect with `replacements` (a job file's `[source.dialect]`) laid over it.
    pub fn with(replacements: &toml::Table) -> Result<Dialect> {
        Dialect::read(replacements)
            .map_err(|WrongLine { path, what }| Error::usage(format!("[source.dialect] {path}: {what}")))
    }

    /// Does the same as [`Dialect::with`], but returns the path of a wrong line, so that the caller can say
    /// where it stands.
    pub fn read(replacements: &toml::Table) -> std::result::Result<Dialect, WrongLine> {
        let wrong = |path: &str, what: String| WrongLine { path: path.to_owned(), what };
        let mut table: toml::Table =
            SHIPPED.parse().map_err(|e| wrong("", format!("the shipped dialect does not parse: {e}")))?;
        let streams = replacements.get("streams").and_then(toml::Value::as_table);
        if let Some(name) = streams.and_then(|s| s.keys().find(|name| Stream::named(name).is_none())) {
            let known: Vec<String> = ALL.iter().map(|s| format!("`{s}`")).collect();
            let what = format!("unknown field `{name}`, expected one of {}", known.join(", "));
            return Err(wrong("streams", what));
        }
        lay_over(&mut table, replacements);
        spread_list(&mut table);
        let dialect: Dialect = table.try_into().map_err(|e: toml::de::Error| {
            let shown = e.to_string();
            let path = shown.trim_end().rsplit_once("\nin `").map_or("", |(_, path)| path.trim_end_matches('`'));
            wrong(path, e.message().to_owned())
        })?;
        dialect.check()?;
        Ok(dialect)
    }

    /// Returns the part about one stream.
    pub fn stream(&self, stream: Stream) -> Result<&StreamDialect> {
        self.streams
            .get(stream.name())
            .ok_or_else(|| Error::usage(format!("[source.dialect.streams.{stream}] is missing")))
    }

    /// Returns the form of a stream's dates.
    pub fn date_of(&self, stream: Stream) -> DateForm {
        self.streams.get(stream.name()).and_then(|own| own.date).unwrap_or(self.date)
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
        if self.page_size == 0 {
            return Err(WrongLine { path: "page_size".into(), what: "must be at least 1".into() });
        }
        Ok(())
    }

    /// Returns the first name in a `drop` that is neither a selected field nor a documented column.
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

/// Describes a wrong line of a dialect: its dotted path below `[source.dialect]`, and what is wrong.
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

    /// Returns the names of the selected fields that have sub-fields.
    pub fn nested(&self) -> impl Iterator<Item = &str> {
        self.selected().filter(|f| f.contains('{')).map(field_name)
    }

    /// Returns whether the selection includes the field at this path.
    pub fn is_asked_for(&self, path: &[String]) -> bool {
        let words = |f: &str, word: &str| f.split([' ', ',', '{', '}', ':']).any(|w| w == word);
        let field = path.first().and_then(|name| self.selected().find(|f| field_name(f) == name));
        field.is_some_and(|f| path[1..].iter().all(|name| words(f, name)))
    }

    /// Returns the id field as it is selected in GraphQL's own notation, such as `_id: id`, or `id` itself if it
    /// is not selected.
    pub fn id_field<'s>(&'s self, id: &'s str) -> &'s str {
        self.selected().find(|f| field_name(f) == id).unwrap_or(id)
    }

    /// Returns whether a field of this name is selected.
    pub fn asks_for(&self, name: &str) -> bool {
        self.selected().any(|f| field_name(f) == name)
    }

    /// Returns the name to put into `drop` so that `field` is not selected: its own, or that of the
    /// object that holds it.
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

/// Returns a job's dialect laid over the settled one. If the job sets `date` for all streams, the forms that single
/// streams have shown are dropped, because the job's word ranks above them.
pub fn with_job(settled: &toml::Table, job: &toml::Table) -> toml::Table {
    let mut all = settled.clone();
    if job.contains_key("date")
        && let Some(toml::Value::Table(streams)) = all.get_mut("streams")
    {
        for stream in streams.iter_mut().filter_map(|(_, stream)| stream.as_table_mut()) {
            stream.remove("date");
        }
    }
    lay_over(&mut all, job);
    all
}

/// Lays `over` over `base`. Tables are merged key by key; everything else is replaced.
pub fn lay_over(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(b)), toml::Value::Table(o)) => lay_over(b, o),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Gives every stream the whole `[list]`, with the stream's own replacements laid over it.
fn spread_list(table: &mut toml::Table) {
    let Some(toml::Value::Table(list)) = table.get("list").cloned() else {
        return;
    };
    let Some(toml::Value::Table(streams)) = table.get_mut("streams") else {
        return;
    };
    for (_, stream) in streams.iter_mut() {
        let toml::Value::Table(stream) = stream else { continue };
        let mut whole = list.clone();
        if let Some(toml::Value::Table(own)) = stream.get("list") {
            lay_over(&mut whole, own);
        }
        stream.insert("list".into(), toml::Value::Table(whole));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn with(text: &str) -> Result<Dialect> {
        Dialect::with(&text.parse::<toml::Table>().expect("test TOML"))
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
