//! Checks a database before the first request of a run, to find everything that could be known to make a delivery
//! fail. Changes nothing in the database.

use super::PostgresOptions;
use super::load::{fresh, plan};
use super::session::Session;
use crate::destinations::DestinationTerms;
use crate::destinations::postgres::watermark;
use crate::error::{Error, Kind, Result};
use crate::streams::Stream;

/// The oldest accepted version of the server, as PostgreSQL numbers versions: 12.0.
const OLDEST: i32 = 120_000;

/// Checks the server's version and encoding, the user's rights, and the tables of these streams.
pub fn inspect(
    session: &Session,
    options: &PostgresOptions,
    terms: DestinationTerms,
    streams: &[Stream],
) -> Result<()> {
    let schema = &options.schema;
    server(session)?;
    rights(session, schema)?;
    let is_marked = watermark::exists(session, schema)?;
    if is_marked {
        unfiltered(session, &watermark::table(schema), &watermark::told(schema))?;
        watermark::fits(session, schema, terms.content)?;
    }
    for stream in streams {
        let table = plan(options, *stream);
        let Some(found) = table.look(session)? else { continue };
        table.fits(&found)?;
        let may: bool = session.value(
            "SELECT bool_and(has_table_privilege($1, needed))
             FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed",
            &[&table.name],
        )?;
        if !may {
            let told = table.told();
            return Err(session
                .failed(format!("the user may not write {told}: GRANT SELECT, INSERT, UPDATE, DELETE ON {told}")));
        }
        unfiltered(session, &table.name, &table.told())?;
        let mark = if is_marked { watermark::read(session, schema, *stream)? } else { None };
        if fresh(mark.as_ref()) && table.has_rows(session)? {
            let told = table.told();
            return Err(Error::new(
                Kind::DestinationRefused,
                format!(
                    "{told} holds rows, and nothing says of which mirror: TRUNCATE {told}, and it is filled from this one"
                ),
            ));
        }
    }
    Ok(())
}

/// Returns an error if a row-level policy hides rows of a table from this user, because a delivery could neither
/// delete nor change those rows. `told` is the table's name in messages.
fn unfiltered(session: &Session, table: &str, told: &str) -> Result<()> {
    if !session.value("SELECT row_security_active($1::text::regclass)", &[&table])? {
        return Ok(());
    }
    Err(session.failed(format!(
        "row-level security filters what this user sees of {told}: let the table's owner deliver, or a role with BYPASSRLS, \
         or ALTER TABLE {told} DISABLE ROW LEVEL SECURITY"
    )))
}

fn server(session: &Session) -> Result<()> {
    let setting = |name: &str| session.value::<String>("SELECT current_setting($1)", &[&name]);
    if setting("server_version_num")?.parse().unwrap_or(0) < OLDEST {
        return Err(session.failed("the server is older than PostgreSQL 12"));
    }
    let encoding = setting("server_encoding")?;
    if encoding != "UTF8" {
        return Err(session
            .failed(format!("the database's encoding is {encoding}, which cannot hold every text: it must be UTF8")));
    }
    if setting("transaction_read_only")? == "on" {
        return Err(session.failed("the server takes no writes: is it a standby?"));
    }
    Ok(())
}

fn rights(session: &Session, schema: &str) -> Result<()> {
    let rows = session.rows(
        "SELECT has_database_privilege(current_database(), 'TEMPORARY'),
                has_database_privilege(current_database(), 'CREATE'),
                has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')
         FROM (SELECT 1) AS one LEFT JOIN pg_namespace ON nspname = $1",
        &[&schema],
    )?;
    let right = |i: usize| rows.first().and_then(|row| row.try_get::<_, Option<bool>>(i).ok()).flatten();
    let lacks = match (right(0), right(1), right(2)) {
        (Some(false), ..) => "the user may make no temporary tables: GRANT TEMPORARY ON DATABASE".to_owned(),
        (_, Some(false), None) => {
            format!("there is no schema {schema}, and the user may not make one: GRANT CREATE ON DATABASE")
        }
        (.., Some(false)) => format!("the user may make no tables there: GRANT USAGE, CREATE ON SCHEMA {schema}"),
        _ => return Ok(()),
    };
    Err(session.failed(lacks))
}
