//! Remembers in the mirror what a run has found out about a server's limits: how many questions a request may carry,
//! how many rows a page has, and which streams have totals that count the whole list.
//!
//! Each limit is stored with the day on which it was found out, and is forgotten a month later, however often it was
//! used meanwhile. Until then, each run tries a little more than the number that it remembers
//! ([`crate::source::batch_size`], [`Source::first_page_size`]). So one bad night costs requests in the next night,
//! but not in later ones.

use toml::{Table, Value};

use super::Context;
use crate::error::Result;
use crate::mirror::dialect as memory;
use crate::mirror::store::Mirror;
use crate::source::Source;
use crate::streams::{self, Stream};

/// The name under which the mirror stores the limits, beside the parts of the dialect.
pub const PART: &str = "limits";
/// The number of days for which a limit is believed.
const BELIEVED: i64 = 30;
/// The key of the table that holds, for each limit, the day on which it was found out.
const LEARNT: &str = "learnt";
/// The key under which an older version stored one day for all limits.
const AS_OF: &str = "as_of";

/// Passes to `source` the limits that the mirror remembers for an endpoint and that are recent enough.
pub async fn recall(source: &Source, mirror: &Mirror, endpoint: &str) -> Result<()> {
    let endpoint = endpoint.to_owned();
    let rows = mirror.call(move |w| memory::recall(w, &endpoint)).await?;
    let Some(table) = table(rows) else { return Ok(()) };
    if let Some(n) = believed(&table, "aliases") {
        source.aliases.remember(n as usize);
    }
    for stream in streams::ALL {
        if let Some(rows) = believed(&table, &page_size(stream)) {
            source.recall_page_size(stream, rows);
        }
        if believed(&table, &counted(stream)).is_some() {
            source.found_counting(stream);
        }
    }
    Ok(())
}

/// Stores the limits that this run has found out, each with its day.
pub async fn keep(context: &Context) -> Result<()> {
    let source = &context.source;
    let mut found: Vec<(String, i64)> = Vec::new();
    found.extend(source.aliases.found().and_then(|n| i64::try_from(n).ok()).map(|n| ("aliases".to_owned(), n)));
    for stream in streams::ALL {
        found.extend(source.served_page_size(stream).map(|rows| (page_size(stream), rows.into())));
        found.extend(source.counts_lists(stream).then(|| (counted(stream), 1)));
    }
    let endpoint = context.spelling.endpoint.clone();
    context
        .mirror
        .call(move |w| {
            let before = table(memory::recall(w, &endpoint)?);
            if before.is_none() && found.is_empty() {
                return Ok(());
            }
            let now = crate::clock::now();
            let (mut kept, mut learnt) = (Table::new(), Table::new());
            for (name, value) in found {
                let known = before.as_ref().filter(|before| number(before, &name) == Some(value));
                let since = known.and_then(|before| learnt_on(before, &name)).unwrap_or(&now).to_owned();
                learnt.insert(name.clone(), Value::String(since));
                kept.insert(name, Value::Integer(value));
            }
            kept.insert(LEARNT.into(), Value::Table(learnt));
            memory::remember(w, &endpoint, &[(PART.to_owned(), kept.to_string())])
        })
        .await
}

/// Returns the name of the limit for a stream's page size.
fn page_size(stream: Stream) -> String {
    format!("page_size.{stream}")
}

/// Returns the name of the limit which says that a stream's totals count the whole list.
fn counted(stream: Stream) -> String {
    format!("counted.{stream}")
}

/// Returns the remembered limits, or `None` if they are not readable: then they are found out again. Converts the
/// form of an older version, which stored one day for all limits, page sizes in a table of their own, and a list of
/// the streams whose totals count the list.
fn table(rows: Vec<(String, String)>) -> Option<Table> {
    let text = rows.into_iter().find(|(name, _)| name == PART).map(|(_, settled)| settled)?;
    let mut table = text.parse::<Table>().ok()?;
    if let Some(Value::Table(sizes)) = table.remove("page_size") {
        table.extend(sizes.into_iter().map(|(stream, rows)| (format!("page_size.{stream}"), rows)));
    }
    if let Some(Value::Array(streams)) = table.remove("counted") {
        let names = streams.iter().filter_map(Value::as_str);
        table.extend(names.map(|stream| (format!("counted.{stream}"), Value::Integer(1))));
    }
    Some(table)
}

/// Returns a remembered limit, however long ago it was found out. `None` if there is none.
fn number(table: &Table, name: &str) -> Option<i64> {
    table.get(name).and_then(Value::as_integer)
}

/// Returns the day on which a limit was found out.
fn learnt_on<'t>(table: &'t Table, name: &str) -> Option<&'t str> {
    let own = table.get(LEARNT).and_then(|learnt| learnt.get(name));
    own.or_else(|| table.get(AS_OF)).and_then(Value::as_str)
}

/// Returns a limit if it was found out recently enough to be used.
fn believed(table: &Table, name: &str) -> Option<u32> {
    let since = learnt_on(table, name).and_then(crate::clock::days_since)?;
    number(table, name).filter(|_| since < BELIEVED).and_then(|n| u32::try_from(n).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        table(vec![("messages".into(), "x = 1".into()), (PART.into(), text.into())]).expect("a table")
    }

    #[test]
    fn each_limit_is_believed_for_a_month_from_the_day_on_which_it_was_learnt() {
        let now = crate::clock::now();
        let text = format!(
            "aliases = 2\n\"page_size.messages\" = 10\n\"counted.contacts\" = 1\n[learnt]\naliases = \"2020-01-01T00:00:00Z\"\n\
             \"page_size.messages\" = \"{now}\"\n"
        );
        let table = read(&text);
        assert_eq!(believed(&table, "aliases"), None, "learnt long ago, however often it was used since");
        assert_eq!(believed(&table, &page_size(Stream::Messages)), Some(10));
        assert_eq!(believed(&table, &counted(Stream::Contacts)), None, "nobody knows since when");
    }

    #[test]
    fn what_an_older_version_remembers_is_read() {
        let now = crate::clock::now();
        let table =
            read(&format!("aliases = 3\nas_of = \"{now}\"\ncounted = [\"contacts\"]\n[page_size]\nmessages = 10\n"));
        assert_eq!(believed(&table, "aliases"), Some(3));
        assert_eq!(believed(&table, &page_size(Stream::Messages)), Some(10));
        assert_eq!(believed(&table, &counted(Stream::Contacts)), Some(1));
        assert_eq!(believed(&table, &page_size(Stream::Contacts)), None);
    }
}
