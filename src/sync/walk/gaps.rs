//! Fills the gaps of a page. A gap is a row that came without a readable id: the server sent a `null` instead of the
//! row, or an id that cannot be read. Afterwards every row of the page is at its position, and the gaps are empty rows.
//!
//! A walk compares windows by the order of their rows, so it needs a row at every position. It first asks for such a
//! page again. If the gap stays, it is set aside by its position ([`crate::set_aside`]), because it has no other name.

use xxhash_rust::xxh3::xxh3_128;

use crate::error::Result;
use crate::record::Record;
use crate::set_aside::{SetAside, What};
use crate::source::page::Page;
use crate::source::query::Question;
use crate::sync::Context;

/// The number of rows of a page that may all fail while the cause still counts as being in the rows.
pub(super) const FEW: usize = 3;
/// The number of attempts to read a page that shows a row without an id.
const TRIES: u32 = 3;
/// The reason why a row without a readable id is set aside.
pub(super) const NO_ID: &str = "a row without an id that can be read";

/// Asks again (`asked`) for a page that has rows without a readable id. If they stay so, sets them aside by their
/// position in the list. A page of which most rows have no id is returned as it is. `first` is the number of the
/// page's first row, from 0.
pub async fn with_places(context: &Context, asked: &Question, first: u64, mut page: Page) -> Result<Page> {
    for _ in 1..TRIES {
        if page.nameless == 0 {
            return Ok(page);
        }
        tracing::warn!(stream = %asked.stream, rows = page.nameless, "rows without an id are asked for again");
        page = context.source.ask(asked.clone()).await?;
    }
    if page.nameless == 0 || page.gaps.len() > page.records.rows.len().max(FEW) {
        return Ok(page);
    }
    let gaps = std::mem::take(&mut page.gaps);
    let aside = gaps.iter().map(|gap| SetAside { what: What::Row(first + *gap as u64), why: NO_ID.into() });
    page.set_aside.extend(aside);
    page.gaps = gaps;
    Ok(filled(page, first))
}

/// Returns the page with an empty row wherever a row has no readable id, so that all rows are at their positions.
/// `first` is the number of the page's first row, from 0.
pub(super) fn filled(mut page: Page, first: u64) -> Page {
    for gap in std::mem::take(&mut page.gaps) {
        let row = placeholder(&What::Row(first + gap as u64));
        page.records.rows.insert(gap.min(page.records.rows.len()), row);
    }
    page.nameless = 0;
    page
}

/// Returns an empty row in place of one that was set aside. The same `what` always gives the same row.
pub(super) fn placeholder(what: &What) -> Record {
    let id = what.placeholder();
    let hash = xxh3_128(format!("set aside\n{id}").as_bytes());
    Record { range: 0..0, id, hash, volatile: false, repaired: 0 }
}
