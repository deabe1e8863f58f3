//! What a server bears, learnt by one run and remembered in the mirror for the next: how many questions a request may
//! carry, how many rows a page has, whose totals count the list. Forgotten after a month, so that a server that bears more again is found out.

use toml::{Table, Value};

use super::Context;
use crate::error::Result;
use crate::mirror::dialect as memory;
use crate::mirror::store::Mirror;
use crate::source::Source;
use crate::streams;

/// The name under which it is remembered, beside the parts of the dialect.
pub const PART: &str = "limits";
/// Days for which it is believed.
const BELIEVED: i64 = 30;

/// Takes over what was learnt.
pub async fn recall(source: &Source, mirror: &Mirror, endpoint: &str) -> Result<()> {
    let endpoint = endpoint.to_owned();
    let rows = mirror.call(move |w| memory::recall(w, &endpoint)).await?;
    let text = rows.into_iter().find(|(name, _)| name == PART).map(|(_, settled)| settled);
    // What is not readable is learnt again.
    let Some(table) = text.and_then(|t| t.parse::<Table>().ok()).filter(is_fresh) else {
        return Ok(());
    };
    let number = |value: &Value| value.as_integer().and_then(|n| u32::try_from(n).ok());
    if let Some(n) = table.get("aliases").and_then(number) {
        source.aliases.remember(n as usize);
    }
    for stream in streams::ALL {
        if let Some(n) = table.get("page_size").and_then(|sizes| sizes.get(stream.name())).and_then(number) {
            source.serves_pages_of(stream, n);
        }
        let counted = table.get("counted").and_then(Value::as_array);
        if counted.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(stream.name()))) {
            source.found_counting(stream);
        }
    }
    Ok(())
}

/// Remembers what this run has learnt, if anything.
pub async fn keep(context: &Context) -> Result<()> {
    let source = &context.source;
    let mut table = Table::new();
    if let Some(n) = source.aliases.found().and_then(|n| i64::try_from(n).ok()) {
        table.insert("aliases".into(), Value::Integer(n));
    }
    let sizes: Table = streams::ALL
        .into_iter()
        .filter_map(|s| Some((s.name().to_owned(), Value::Integer(source.served_page_size(s)?.into()))))
        .collect();
    if !sizes.is_empty() {
        table.insert("page_size".into(), Value::Table(sizes));
    }
    let counted = streams::ALL.into_iter().filter(|s| source.counts_lists(*s));
    let counted: Vec<Value> = counted.map(|s| Value::String(s.name().to_owned())).collect();
    if !counted.is_empty() {
        table.insert("counted".into(), Value::Array(counted));
    }
    if table.is_empty() {
        return Ok(());
    }
    table.insert("as_of".into(), Value::String(crate::clock::now()));
    let (endpoint, part) = (context.spelling.endpoint.clone(), (PART.to_owned(), table.to_string()));
    context.mirror.call(move |w| memory::remember(w, &endpoint, &[part])).await
}

fn is_fresh(table: &Table) -> bool {
    let as_of = table.get("as_of").and_then(Value::as_str);
    as_of.and_then(crate::clock::days_since).is_some_and(|days| days < BELIEVED)
}
