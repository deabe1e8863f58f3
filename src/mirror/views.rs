//! Creates a view for each stream with a typed column for each documented field, so that people can query the mirror
//! by hand: `sqlite3 qpien.db 'select status, count(*) from conversations group by 1'`.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::store::Writer;
use crate::error::Result;
use crate::streams::{self, ColumnKind, DateForm, Dates, Stream};

const TEMPLATE: &str = include_str!("../../sql/views/stream.sql");

/// Creates the views, and replaces those whose columns or date form changed. `dates` is the form of timestamps in
/// each stream.
pub fn make(connection: &mut Connection, dates: &Dates) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for stream in streams::ALL {
        let sql = definition(stream, dates[stream]);
        let there: Option<String> = transaction
            .query_row("SELECT sql FROM sqlite_master WHERE type = 'view' AND name = ?", [stream.name()], |r| r.get(0))
            .optional()?;
        if there.as_deref() != Some(sql.as_str()) {
            transaction.execute_batch(&format!("DROP VIEW IF EXISTS {stream}; {sql}"))?;
        }
    }
    transaction.commit()
}

/// Does the same as [`make`] on the writer thread. Called once a run has found out the form of timestamps.
pub fn remake(writer: &mut Writer, dates: &Dates) -> Result<()> {
    writer.with(|connection| make(connection, dates))
}

/// Returns the SQL that creates the view of a stream.
fn definition(stream: Stream, date: DateForm) -> String {
    let mut columns: Vec<String> =
        stream.columns().iter().map(|c| format!("{} AS \"{}\"", expression(c.name, c.kind, date), c.name)).collect();
    let paths: Vec<String> = stream.columns().iter().map(|c| format!("'$.\"{}\"'", c.name)).collect();
    columns.push(format!("nullif(json_remove(body.payload, {}), '{{}}') AS _extra", paths.join(", ")));
    // SQLite stores the text from `CREATE` on. Without the comments above it, the stored text and this one can be
    // compared.
    let body = TEMPLATE.lines().filter(|l| !l.starts_with("--")).collect::<Vec<_>>().join("\n");
    body.replace("{columns}", &columns.join(",\n    ")).replace("{stream}", stream.name())
}

/// Returns the SQL expression for a column of a view.
fn expression(name: &str, kind: ColumnKind, date: DateForm) -> String {
    let value = format!("json_extract(body.payload, '$.\"{name}\"')");
    let seconds = match (kind, date) {
        (ColumnKind::Timestamp, DateForm::EpochMs) => format!("{value} / 1000.0"),
        (ColumnKind::Timestamp, DateForm::EpochS) => format!("{value} + 0.0"),
        _ => return value,
    };
    // SQLite converts any text that is not a number to 0. A value that is not a moment is therefore shown as the
    // server sent it.
    let digits = format!("ltrim({value}, '-')");
    format!(
        "coalesce(CASE WHEN json_type(body.payload, '$.\"{name}\"') IN ('integer', 'real') \
         OR (json_type(body.payload, '$.\"{name}\"') = 'text' AND {digits} GLOB '[0-9]*' AND NOT {digits} GLOB '*[^0-9.]*') \
         THEN strftime('%Y-%m-%dT%H:%M:%fZ', {seconds}, 'unixepoch') END, {value})"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mirror::upgrade;

    #[test]
    fn a_view_has_typed_columns_and_follows_the_date_form() {
        let mut c = Connection::open_in_memory().expect("memory");
        upgrade::apply(&mut c, Path::new("m")).expect("schema");
        let payload = r#"{"_id":"a","createdAt":1709626150123,"phoneUsagePermission":true,"tags":[{"name":"x"}],"email":null,"nick":"n"}"#;
        c.execute("INSERT INTO body_contacts (seq, id, payload) VALUES (7, 'a', ?)", [payload]).expect("insert");
        let ask = |c: &Connection| {
            c.query_row("SELECT createdAt, phoneUsagePermission, tags, email, _seq FROM contacts", [], |r| {
                Ok((
                    r.get::<_, rusqlite::types::Value>(0)?,
                    r.get::<_, i64>(1)?,
                    r.get::<_, String>(2)?,
                    r.get::<_, Option<String>>(3)?,
                    r.get::<_, i64>(4)?,
                ))
            })
            .expect("row")
        };
        make(&mut c, &DateForm::Iso8601.into()).expect("views");
        assert_eq!(ask(&c), (1_709_626_150_123_i64.into(), 1, r#"[{"name":"x"}]"#.into(), None, 7));
        let extra: String = c.query_row("SELECT _extra FROM contacts", [], |r| r.get(0)).expect("row");
        assert_eq!(extra, r#"{"nick":"n"}"#);
        make(&mut c, &DateForm::EpochMs.into()).expect("views again");
        assert_eq!(ask(&c).0, "2024-03-05T08:09:10.123Z".to_owned().into());
        let version =
            |c: &Connection| c.query_row("PRAGMA schema_version", [], |r| r.get::<_, i64>(0)).expect("version");
        let before = version(&c);
        make(&mut c, &DateForm::EpochMs.into()).expect("views the same");
        assert_eq!(version(&c), before, "what did not change is not made again");
    }
    #[test]
    fn what_is_no_moment_stands_in_the_view_as_it_was_sent() {
        let mut c = Connection::open_in_memory().expect("memory");
        upgrade::apply(&mut c, Path::new("m")).expect("schema");
        let cases = [
            ("253402300799999", Some("9999-12-31T23:59:59.999Z"), None),
            ("-62135596800000", Some("0001-01-01T00:00:00.000Z"), None),
            ("\"1709626150123\"", Some("2024-03-05T08:09:10.123Z"), None),
            ("\"-1500\"", Some("1969-12-31T23:59:58.500Z"), Some("1969-12-31T23:35:00.000Z")),
            ("\"soon\"", Some("soon"), Some("soon")),
            ("\"NaN\"", Some("NaN"), Some("NaN")),
            ("\"\"", Some(""), Some("")),
            ("1e300", Some("1.0e+300"), Some("1.0e+300")),
            ("true", Some("1"), Some("1")),
        ];
        for (ms, of_ms, of_s) in cases {
            for (form, wanted) in [(DateForm::EpochMs, of_ms), (DateForm::EpochS, of_s)] {
                make(&mut c, &form.into()).expect("views");
                let payload = format!("{{\"_id\":\"a\",\"createdAt\":{ms}}}");
                c.execute("INSERT OR REPLACE INTO body_contacts (seq, id, payload) VALUES (7, 'a', ?)", [payload])
                    .expect("a body");
                let shown: String =
                    c.query_row("SELECT CAST(createdAt AS TEXT) FROM contacts", [], |r| r.get(0)).expect("a text");
                if let Some(wanted) = wanted {
                    assert_eq!(shown, wanted, "{ms} as {form:?}");
                }
            }
        }
    }
}
