//! `kind = "postgres"`: reads the URL and the schema of a PostgreSQL destination from the job file. The URL may
//! contain a password and is never shown.

use super::destination_keys::{key, retry_for};
use super::env;
use super::flags::Flags;
use super::job;
use super::origin::{Origin, Picker};
use crate::destinations::postgres::address::Address;
use crate::destinations::postgres::{PostgresOptions, TombstoneRows};
use crate::error::{Error, Result};

/// The longest name, in bytes, that PostgreSQL does not truncate.
const LONGEST: usize = 63;

/// Turns a `[[destination]]` table with `kind = "postgres"` into settings. `i` and `d` are the destination's number
/// and table.
pub(super) fn postgres(
    p: &mut Picker<'_>,
    i: usize,
    d: &job::DestinationTable,
    flags: &Flags,
) -> Result<PostgresOptions> {
    let place = p.place.to_owned();
    let of_files = [
        ("path", d.path.is_some()),
        ("delimiter", d.delimiter.is_some()),
        ("line_end", d.line_end.is_some()),
        ("formula_safe", d.formula_safe.is_some()),
        ("compression", d.compression.is_some()),
        ("split", d.split.is_some()),
        ("max_files", d.max_files.is_some()),
        ("mode", d.mode.is_some()),
    ];
    if let Some((name, _)) = of_files.into_iter().find(|(_, set)| *set) {
        return Err(Error::usage(format!("{place}: {} is for files, and kind = \"postgres\" has none", key(i, name))));
    }
    if flags.out.is_some() {
        return Err(Error::usage(format!("--out names a folder, and the destination of {place} is a database")));
    }
    let at = format!("{place}: {}", key(i, "url"));
    let Some(url) = &d.url else {
        return Err(Error::usage(format!(
            "{at} is not set: write url = \"${{WAREHOUSE_URL}}\", and export that variable"
        )));
    };
    let address = Address::read(&env::expand_lines(url, &at)?).map_err(|why| Error::usage(format!("{at} {why}")))?;
    p.note(&key(i, "url"), format!("{:?}", address.place()), Origin::Job);
    let schema = p.pick(&key(i, "schema"), None, d.schema.clone(), "qpien".into());
    let schema = env::expand(&schema, &format!("{place}: {}", key(i, "schema")))?.to_ascii_lowercase();
    let is_name = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && schema.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !is_name || schema.len() > LONGEST || schema.starts_with("pg_") {
        return Err(Error::usage(format!(
            "{place}: {} = {schema:?} must be a name of letters, digits and _, at most {LONGEST}, that begins with no digit and not with pg_",
            key(i, "schema")
        )));
    }
    let tombstones = match p.pick(&key(i, "tombstones"), None, d.tombstones, job::TombstonesSetting::Delete) {
        job::TombstonesSetting::Delete => TombstoneRows::Delete,
        job::TombstonesSetting::Flag => TombstoneRows::Flag,
    };
    let retry_for = retry_for(p, i, d, "30s")?;
    Ok(PostgresOptions { address, schema, tombstones, retry_for })
}

#[cfg(test)]
mod tests {
    use super::super::destinations::Target;
    use super::super::settings::Settings;
    use super::*;
    use crate::destinations::Content;

    const KEY: &str = "[source]\nclient_id = \"id\"\nclient_secret = \"x\"\n[[destination]]\nkind = \"postgres\"\n";
    const URL: &str = "url = \"postgres://u:s3cret@db.example/w\"\n";

    fn load(lines: &str) -> Result<Settings> {
        Settings::of_text(&format!("{KEY}{lines}"), "j.toml", &Flags::default())
    }

    #[test]
    fn a_database_is_read_and_its_password_is_shown_nowhere() {
        let settings = load(&format!("{URL}schema = \"Qpien_Acme\"\ntombstones = \"flag\"\n")).expect("settings");
        let Target::Postgres(options) = &settings.destinations[0].target else { panic!("a database") };
        assert_eq!(options.place(), "db.example/w (schema qpien_acme)");
        assert_eq!(
            (options.tombstones, settings.destinations[0].terms.content),
            (TombstoneRows::Flag, Content::Changes)
        );
        let shown = settings.print();
        assert!(shown.contains("destination[0].url = \"db.example/w\""), "{shown}");
        assert!(!shown.contains("s3cret") && !format!("{settings:?}").contains("s3cret"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        for (lines, told) in [
            (String::new(), "destination[0].url is not set"),
            ("url = \"mysql://u:s3cret@h/w\"\n".into(), "destination[0].url is no URL that begins with postgres://"),
            (format!("{URL}path = \"out\"\n"), "destination[0].path is for files"),
            (format!("{URL}delimiter = \";\"\n"), "destination[0].delimiter is for files"),
            (format!("{URL}schema = \"a-b\"\n"), "destination[0].schema = \"a-b\" must be a name"),
            (format!("{URL}schema = \"pg_x\"\n"), "not with pg_"),
            (format!("{URL}[[destination]]\nkind = \"postgres\"\n{URL}"), "two destinations share db.example/w"),
            (format!("{URL}[[destination]]\nkind = \"csv\"\n"), "destination[1].path is not set"),
            (
                format!("{URL}[[destination]]\nkind = \"csv\"\npath = \"o\"\nschema = \"s\"\n"),
                "destination[1].schema is for kind",
            ),
        ] {
            let why = load(&lines).expect_err(&lines).detail;
            assert!(why.contains(told) && !why.contains("s3cret"), "{lines}: {why}");
        }
    }
}
