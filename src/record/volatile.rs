//! Volatile values: values that change although the record does not, such as URLs of pictures that the server signs
//! anew in each answer. They are left out of a record's hash, so that a record counts as changed only when something
//! else in it changes.
//!
//! A job declares volatile values column by column. In addition, a string that looks like a signed URL is hashed
//! without its query part. The names of the query's parameters decide whether it does, in upper or lower case:
//!
//! | names | origin |
//! |---|---|
//! | `X-Amz-Signature`, `X-Goog-Signature` | S3 and compatible stores, Google Cloud Storage |
//! | `Signature`; `Expires` with `Key-Pair-Id` | Amazon's CDN and older forms of the two above |
//! | `sig` with `se` | Azure storage |
//! | `oh` with `oe`, `ext` with `hash` | pictures of Meta's services |
//! | `token` with `expires` | many other services |
//!
//! The hash of a record without volatile values is that of its bytes. One search through the bytes finds out whether
//! it has any.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use xxhash_rust::xxh3::xxh3_128;

use crate::record::json_paths;
use crate::record::json_paths::Span;
use crate::streams::{Column, ColumnKind};

/// A URL is signed if its query has a parameter with one of these names.
const ALONE: [&str; 3] = ["x-amz-signature", "x-goog-signature", "signature"];
/// A URL is signed if its query has parameters with both names of one of these pairs.
const TOGETHER: [[&str; 2]; 5] =
    [["expires", "key-pair-id"], ["sig", "se"], ["oh", "oe"], ["ext", "hash"], ["token", "expires"]];

/// The column that holds fields without a column, and values that do not fit their column.
const EXTRA: &str = "_extra";

/// Finds the quote that opens a string which may be a URL.
static OPENING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"http"));

/// The rules that decide which values of a stream are volatile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volatile {
    /// The paths that the job declares volatile: the member names that lead to a value. A path that meets a list goes
    /// on in each of the list's items.
    pub paths: Vec<Vec<String>>,
    /// `true` if signed URLs are hashed without their query part.
    pub signed: bool,
}

impl Default for Volatile {
    fn default() -> Volatile {
        Volatile { paths: Vec::new(), signed: true }
    }
}

impl Volatile {
    /// Returns the hash of a record's JSON `text`, and `true` if a volatile value was left out of it.
    pub fn hash(&self, text: &str) -> (u128, bool) {
        match self.without_volatile(text) {
            None => (xxh3_128(text.as_bytes()), false),
            Some(settled) => (xxh3_128(settled.as_bytes()), true),
        }
    }

    /// Returns the JSON `text` with declared values replaced by null, and signed URLs without their query part.
    /// Returns `None` if the text has neither.
    pub fn without_volatile(&self, text: &str) -> Option<String> {
        let mut spans: Vec<Span> = Vec::new();
        for path in &self.paths {
            json_paths::find(text, path, &mut |span| spans.push((span, "null".into())));
        }
        if self.signed {
            signed(text, &mut spans);
        }
        json_paths::replaced(text, spans)
    }
}

impl Volatile {
    /// Returns `true` if the job declares the complete column volatile, and not only values inside it.
    pub fn is_declared(&self, column: &Column) -> bool {
        self.paths.iter().any(|path| path[..] == [column.name])
    }

    /// Does the same as [`Volatile::without_volatile`] for the value of one column, in the form in which a
    /// destination holds it: a string without quotes, or JSON. Returns `None` if the complete column is declared
    /// volatile.
    pub fn settled_cell<'t>(&self, column: &Column, text: &'t str) -> Option<Cow<'t, str>> {
        if self.is_declared(column) {
            return None;
        }
        if column.kind != ColumnKind::Json {
            let query = query_of(text).filter(|_| self.signed);
            return Some(query.map_or(Cow::Borrowed(text), |query| {
                Cow::Owned(format!("{}{}", &text[..query.start], &text[query.end..]))
            }));
        }
        let mut spans: Vec<Span> = Vec::new();
        for path in &self.paths {
            match &path[..] {
                [name, rest @ ..] if *name == column.name => {
                    json_paths::find(text, rest, &mut |at| spans.push((at, "null".into())));
                }
                // A value that does not fit its column is stored here, under that column's name.
                path if column.name == EXTRA => json_paths::find(text, path, &mut |at| spans.push((at, "null".into()))),
                _ => {}
            }
        }
        if self.signed {
            signed(text, &mut spans);
        }
        Some(json_paths::replaced(text, spans).map_or(Cow::Borrowed(text), Cow::Owned))
    }
}

/// Adds a span to `spans` for each signed URL in the JSON `text`. The span removes the URL's query part.
fn signed(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    for open in OPENING.find_iter(bytes) {
        // A quote inside a string follows a backslash; a quote that opens a string never does.
        if open > 0 && bytes[open - 1] == b'\\' {
            continue;
        }
        let Some((end, escaped)) = end_of(bytes, open + 1) else {
            return;
        };
        if !escaped {
            let start = open + 1;
            if let Some(query) = query_of(&text[start..end]) {
                spans.push((start + query.start..start + query.end, Cow::Borrowed("")));
            }
        } else if let Ok(mut address) = serde_json::from_str::<String>(&text[open..=end])
            && let Some(query) = query_of(&address)
        {
            address.replace_range(query, "");
            spans.push((open..end + 1, serde_json::Value::String(address).to_string().into()));
        }
    }
}

/// Returns the position of the quote that ends the JSON string whose characters begin at `start`, and whether the
/// string contains escapes. Returns `None` if the string has no end.
fn end_of(bytes: &[u8], start: usize) -> Option<(usize, bool)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some((at, escaped));
        }
        escaped = true;
        at += 2;
    }
}

/// Returns the byte range of the query part, including its `?`, if `address` is a URL that looks signed.
fn query_of(address: &str) -> Option<Range<usize>> {
    let rest = address.strip_prefix("http")?;
    if !(rest.starts_with("://") || rest.starts_with("s://")) {
        return None;
    }
    let start = address.find('?')?;
    let end = address.find('#').unwrap_or(address.len());
    // A string with blanks is prose, not a URL.
    if end < start || address.contains(char::is_whitespace) {
        return None;
    }
    let names: Vec<String> = address[start + 1..end]
        .split('&')
        .map(|part| part.split_once('=').map_or(part, |(name, _)| name).to_ascii_lowercase())
        .collect();
    let has = |name: &&str| names.iter().any(|n| n == name);
    let signed = ALONE.iter().any(has) || TOGETHER.iter().any(|pair| pair.iter().all(has));
    signed.then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(paths: &[&str]) -> Volatile {
        let path = |path: &&str| path.split('.').map(str::to_owned).collect();
        Volatile { paths: paths.iter().map(path).collect(), signed: true }
    }

    #[test]
    fn a_record_without_such_values_is_hashed_as_its_bytes() {
        for text in [
            r#"{"_id":"a","x":1}"#,
            r#"{"u":"https://cdn.example.com/a.png?w=100&h=100"}"#,
            r#"{"u":"https://cdn.example.com/a.png?sig=a%2Cb&e=1"}"#,
            r#"{"u":"https:\/\/cdn.example.com\/a.png?w=1\u0026h=2"}"#,
            r#"{"t":"https://x/?Signature=1 is where it lies"}"#,
            r#"{"t":"see \"https://x/?Signature=1\" or \\"}"#,
            r#"{"t":"httpd?signature=1","u":"https://x/#a?signature=1","v":"http"}"#,
        ] {
            assert_eq!(Volatile::default().hash(text), (xxh3_128(text.as_bytes()), false), "{text}");
        }
    }

    #[test]
    fn a_signed_address_is_hashed_without_its_query() {
        let rule = Volatile::default();
        for query in [
            "X-Amz-Expires=900&X-Amz-Signature=1",
            "x-goog-signature=1",
            "AWSAccessKeyId=a&Expires=3&Signature=1",
            "Policy=p&Expires=3&Key-Pair-Id=1",
            "sv=2020&se=2025-01-01&sig=1",
            "_nc_ht=x&oh=1&oe=2",
            "asid=1&ext=2&hash=3",
            "token=1&expires=2",
        ] {
            let text = format!(r#"{{"_id":"a","u":"https://x/a.png?{query}","z":"http://y/?q"}}"#);
            let settled = rule.without_volatile(&text).unwrap_or_else(|| panic!("{query} looks signed"));
            assert_eq!(settled, r#"{"_id":"a","u":"https://x/a.png","z":"http://y/?q"}"#);
            let other = text.replace('1', "8");
            assert_ne!(other, text);
            assert_eq!(rule.hash(&text), rule.hash(&other));
            let keep = Volatile { signed: false, ..Volatile::default() };
            assert_ne!(keep.hash(&text), keep.hash(&other));
            assert_eq!(keep.hash(&text), (xxh3_128(text.as_bytes()), false));
        }
        let moved = |path: &str| rule.hash(&format!(r#"{{"u":"https://x/{path}?Signature=1"}}"#));
        assert_ne!(moved("a.png"), moved("b.png"), "another picture is another picture");
        assert_eq!(
            rule.without_volatile(r#"{"u":"http://x/?signature=1#top"}"#).as_deref(),
            Some(r#"{"u":"http://x/#top"}"#)
        );
    }

    #[test]
    fn an_address_is_known_however_it_is_escaped() {
        let rule = Volatile::default();
        let text = r#"["https:\/\/x\/ğ.png?token=1\u0026expires=2","\\","https:\u002f/x/\u003fsignature=3"]"#;
        assert_eq!(rule.without_volatile(text).as_deref(), Some(r#"["https://x/ğ.png","\\","https://x/"]"#));
    }

    #[test]
    fn what_is_declared_stays_out_wherever_its_path_leads() {
        let text =
            r#"{"_id":"a","picture":"p1","media":[{"url":"u1","type":"t","more":{"url":"v1"}},null,{"url":null}]}"#;
        for (paths, settled) in [
            (&["picture"][..], Some(text.replace("\"p1\"", "null"))),
            (&["media.url"], Some(text.replace("\"u1\"", "null"))),
            (&["media.more.url"], Some(text.replace("\"v1\"", "null"))),
            (&["media.url", "media"], Some(r#"{"_id":"a","picture":"p1","media":null}"#.to_owned())),
            (&["nothing", "picture.x", "media.none"], None),
        ] {
            assert_eq!(with(paths).without_volatile(text), settled, "{paths:?}");
        }
        let rule = with(&["picture", "media.url"]);
        assert_eq!(rule.hash(text), rule.hash(&text.replace("p1", "p2").replace("u1", "u2")));
        assert_ne!(rule.hash(text), rule.hash(&text.replace("v1", "v2")));
    }
}
