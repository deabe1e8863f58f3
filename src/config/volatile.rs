//! `[source.volatile]`: which values change although nobody edited the record. They are left out of the record's
//! hash, so that they do not count as a change.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::job::{ExtraFields, Job};
use super::origin::{Origin, Picker};
use super::toml_error;
use crate::dialect::{Dialect, field_name};
use crate::error::{Error, Result};
use crate::record::volatile::Volatile;
use crate::streams::{ALL, ColumnKind, PerStream, Stream};

/// The one key of the table that is not a stream's name.
const SIGNED: &str = "signed";

/// What happens to URLs that look signed, as for a temporary download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signed {
    /// Leaves the query part of the URL out of the record's hash.
    Cut,
    /// Hashes the URL unchanged.
    Keep,
}

/// Reads which values are left out of the hashes of each stream's records.
pub fn volatile(p: &mut Picker<'_>, job: &Job, dialect: &Dialect) -> Result<PerStream<Volatile>> {
    let none = Table::new();
    let table = job.source.volatile.as_ref().unwrap_or(&none);
    let known: Vec<String> = [SIGNED].into_iter().chain(ALL.map(Stream::name)).map(|k| format!("`{k}`")).collect();
    if let Some(key) = table.keys().find(|key| *key != SIGNED && Stream::named(key).is_none()) {
        let what = format!("unknown field `{key}`, expected one of {}", known.join(", "));
        return Err(wrong(p, key, None, &toml_error::plain(&what)));
    }
    let signed: Option<Signed> = match table.get(SIGNED).cloned().map(Value::try_into) {
        Some(Err(e)) => return Err(wrong(p, SIGNED, Some(SIGNED), &toml_error::plain(e.message()))),
        Some(Ok(signed)) => Some(signed),
        None => None,
    };
    let signed = p.pick("source.volatile.signed", None, signed, Signed::Cut) == Signed::Cut;
    let mut all = PerStream::new(|| Volatile { paths: Vec::new(), signed });
    for stream in ALL {
        let Some(value) = table.get(stream.name()) else { continue };
        let names: Vec<String> = value.clone().try_into().map_err(|_| {
            wrong(p, stream.name(), Some(stream.name()), "write a list of columns, for example [\"avatar\"]")
        })?;
        for name in &names {
            let path: Vec<String> = name.split('.').map(str::to_owned).collect();
            check(&path, stream, dialect, job.source.extra_fields == Some(ExtraFields::Collect))
                .map_err(|what| wrong(p, stream.name(), Some(stream.name()), &what))?;
            all[stream].paths.push(path);
        }
        p.note(&format!("source.volatile.{stream}"), Value::from(names).to_string(), Origin::Job);
    }
    Ok(all)
}

/// Returns an error message if the path cannot lead to a value of the stream. Names below a column are not checked,
/// because they are unknown before the server's schema is read. With `collects`, any column is accepted, because
/// undocumented fields are read as well.
fn check(path: &[String], stream: Stream, dialect: &Dialect, collects: bool) -> std::result::Result<(), String> {
    let [column, below @ ..] = path else {
        return Err("a column without a name".into());
    };
    let whole = path.join(".");
    if path.iter().any(String::is_empty) {
        return Err(format!("`{whole}` has an empty name in it"));
    }
    if *column == dialect.id {
        return Err(format!("`{column}` is what names a record, and cannot change by itself"));
    }
    let documented = stream.columns().iter().find(|c| c.name == column);
    if let (Some(ColumnKind::Id | ColumnKind::Text | ColumnKind::Boolean | ColumnKind::Timestamp), [_, ..]) =
        (documented.map(|c| c.kind), below)
    {
        return Err(format!("there is nothing inside `{column}`: write \"{column}\" for \"{whole}\""));
    }
    let part = dialect.streams.get(stream.name());
    let asked: Vec<&str> = part.iter().flat_map(|p| p.fields.iter().chain(&p.extra)).map(|f| field_name(f)).collect();
    // Fields collected from the schema may be volatile, too, and their names are not known yet.
    if documented.is_some() || asked.contains(&column.as_str()) || collects {
        return Ok(());
    }
    let further = asked.into_iter().filter(|name| stream.columns().iter().all(|c| c.name != *name));
    let known: Vec<String> = stream.columns().iter().map(|c| c.name).chain(further).map(|n| format!("`{n}`")).collect();
    let what = toml_error::plain(&format!("unknown field `{column}`, expected one of {}", known.join(", ")));
    Err(what.replacen("unknown key", "there is no column", 1))
}

/// Makes an error about the table, with the line's number. `at` is the key within the table that locates the line.
/// `key` is put before the message if it is set.
fn wrong(p: &Picker<'_>, at: &str, key: Option<&str>, what: &str) -> Error {
    let line =
        toml_error::line_of_path(p.text, &format!("source.volatile.{at}")).map(|l| format!(":{l}")).unwrap_or_default();
    let key = key.map(|key| format!(" {key}:")).unwrap_or_default();
    Error::usage(format!("{}{line}: [source.volatile]{key} {what}", p.place))
}

#[cfg(test)]
mod tests {
    use super::super::flags::Flags;
    use super::super::settings::Settings;
    use super::*;

    const KEY: &str = "[source]\nclient_id = \"id\"\nclient_secret = \"s\"\n";

    fn load(lines: &str) -> Result<Settings> {
        Settings::of_text(&format!("{KEY}{lines}\n"), "j.toml", &Flags::default())
    }

    #[test]
    fn columns_and_paths_are_read_and_shown() {
        let s = load(
            "[source.volatile]\nsigned = \"keep\"\ncontacts = [\"avatar\"]\nmessages = [\"media.url\", \"sender\"]",
        )
        .expect("settings");
        let rules = &s.source.volatile;
        assert_eq!(rules[Stream::Messages].paths, [vec!["media", "url"], vec!["sender"]]);
        assert_eq!((rules[Stream::Contacts].paths.len(), rules[Stream::Contacts].signed), (1, false));
        assert_eq!(rules[Stream::Conversations], Volatile { paths: Vec::new(), signed: false });
        let shown = s.print();
        assert!(shown.contains("source.volatile.messages = [\"media.url\", \"sender\"]"), "{shown}");
        assert!(shown.contains("source.volatile.signed = \"keep\""), "{shown}");
        let s = load("").expect("settings");
        assert!(ALL.into_iter().all(|stream| s.source.volatile[stream] == Volatile::default()));
        let line = s.print().lines().find(|l| l.starts_with("source.volatile")).map(str::to_owned).unwrap_or_default();
        assert!(line.starts_with("source.volatile.signed = \"cut\"") && line.ends_with("# default"), "{line}");
    }

    #[test]
    fn what_a_dialect_asks_for_or_may_turn_up_can_be_declared() {
        const VIP: &str = "[source.volatile]\ncontacts = [\"vip.until\"]";
        let extra = "[source.dialect.streams.contacts]\nextra = [\"vip { until }\"]\n";
        load(&format!("{extra}{VIP}")).expect("it is asked for");
        load(&format!("extra_fields = \"collect\"\n{VIP}")).expect("it may turn up");
        load(VIP).expect_err("nobody asks for it");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (lines, told) in [
            ("contact = [\"avatar\"]", " unknown key `contact`; did you mean `contacts`?"),
            ("contacts = [\"avatr\"]", " contacts: there is no column `avatr`; did you mean `avatar`?"),
            (
                "contacts = [\"avatar.url\"]",
                " contacts: there is nothing inside `avatar`: write \"avatar\" for \"avatar.url\"",
            ),
            ("contacts = \"avatar\"", " contacts: write a list of columns, for example [\"avatar\"]"),
            ("contacts = [\"\"]", " contacts: `` has an empty name in it"),
            ("messages = [\"media.\"]", " messages: `media.` has an empty name in it"),
            ("contacts = [\"_id\"]", " contacts: `_id` is what names a record, and cannot change by itself"),
            ("signed = \"kep\"", " signed: unknown value `kep`; did you mean `keep`? (known here: cut, keep)"),
        ] {
            let e = load(&format!("[source.volatile]\n{lines}")).expect_err(lines);
            assert_eq!(e.detail, format!("j.toml:5: [source.volatile]{told}"));
        }
        let inline = load("volatile = { contacts = [\"avatr\"] }").expect_err("inline");
        assert!(inline.detail.starts_with("j.toml:4: [source.volatile] contacts: there is no"), "{inline}");
    }
}
