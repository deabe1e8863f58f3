//! Puts a page together again from the answers to its parts: all rows in their order, with an empty row for each one
//! that was set aside. It does no input or output.
//!
//! The parts are read one after the other, so the list may change in between. An answer that shows other rows than
//! the undivided page is refused, because no moment shows such a page.

use super::Part;
use crate::error::{Error, Kind};
use crate::record::{Record, Records};
use crate::set_aside::{SetAside, What, is_no_id};
use crate::source::page::Page;
use crate::sync::walk::gaps::{NO_ID, filled, placeholder};

/// What is known of a row of a page that is being divided.
enum Row {
    /// The row was read. The record's range is that in the new body, which is composed of the parts.
    Read(Record),
    /// The row fails with this error, even if it is asked for alone.
    Failed(Error),
}

/// A page that is being put together from its parts.
pub(super) struct Composition {
    /// The number of the page's first row in the list, from 0.
    first: u64,
    /// The rows of the page. `None` for a row that was not read yet.
    rows: Vec<Option<Row>>,
    body: Vec<u8>,
    /// The last answer, without its rows. Its claims about the list, such as the total, are used.
    last: Page,
}

impl Composition {
    /// Begins a page of at most `length` rows. `first` is the number of its first row in the list, from 0.
    pub(super) fn new(first: u64, length: usize) -> Composition {
        let rows = (0..length).map(|_| None).collect();
        Composition { first, rows, body: Vec::new(), last: Page::default() }
    }

    /// Returns the number of rows of the page, as far as it is known.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether a row was read, given its index in the page.
    pub(super) fn is_read(&self, row: usize) -> bool {
        matches!(self.rows[row], Some(Row::Read(_)))
    }

    /// Takes in the answer to a part. Returns `false` if it shows other rows than the undivided page. `ids` is that
    /// page with the ids of its rows alone, if they are known.
    pub(super) fn take(&mut self, (from, to): Part, page: Page, ids: Option<&Page>) -> bool {
        let page = filled(page, self.first + from as u64);
        let shown = &page.records.rows;
        let expected = ids.map(|ids| ids.records.rows[from..to].iter().map(|row| &row.id));
        let fits = match expected {
            Some(expected) => shown.iter().map(|row| &row.id).eq(expected),
            None => shown.len() <= to - from,
        };
        if !fits {
            return false;
        }
        if ids.is_none() && shown.len() < to - from {
            // The list ends here.
            self.rows.truncate(from + shown.len());
        }
        for (n, row) in shown.iter().enumerate() {
            let start = self.body.len();
            self.body.extend_from_slice(page.records.payload(row));
            if let Some(place) = self.rows.get_mut(from + n) {
                *place = Some(if row.range.is_empty() {
                    Row::Failed(Error::new(Kind::PartialData, NO_ID))
                } else {
                    Row::Read(Record { range: start..self.body.len(), ..row.clone() })
                });
            }
        }
        self.last = Page { records: Records::default(), ..page };
        true
    }

    /// Notes that a row fails with `error`, even if it is asked for alone.
    pub(super) fn fail(&mut self, row: usize, error: Error) {
        if let Some(place) = self.rows.get_mut(row) {
            *place = Some(Row::Failed(error));
        }
    }

    /// Returns whether `page`, a second answer to a part, shows the same rows as the first.
    pub(super) fn shows_the_same(&self, (from, to): Part, page: &Page) -> bool {
        let same = self.rows[from..to].iter().zip(&page.records.rows).all(|(known, again)| match known {
            Some(Row::Read(known)) => (&known.id, known.hash) == (&again.id, again.hash),
            _ => false,
        });
        same && page.records.rows.len() == to - from
    }

    /// Returns the page as the walk needs it, or `None` if some row was neither read nor has failed by itself. `ids`
    /// is the page with the ids of its rows alone, if they are known.
    pub(super) fn composed(self, ids: Option<Page>) -> Option<Page> {
        let (mut rows, mut set_aside) = (Vec::with_capacity(self.rows.len()), Vec::new());
        for (n, row) in self.rows.into_iter().enumerate() {
            rows.push(match row? {
                Row::Read(record) => record,
                Row::Failed(error) => {
                    let row = ids.as_ref().and_then(|page| page.records.rows.get(n));
                    let id = row.map(|row| row.id.clone()).filter(|id| !is_no_id(id));
                    let what = id.map_or(What::Row(self.first + n as u64), What::Record);
                    let placeholder = placeholder(&what);
                    set_aside.push(SetAside { what, why: error.reason() });
                    placeholder
                }
            });
        }
        let records = Records { body: self.body.into(), rows };
        // Without the ids, the claims come from a part. Only its total is about the whole list.
        let of_a_part = || Page { total: self.last.total, ..Page::default() };
        let told = ids.unwrap_or_else(of_a_part);
        Some(Page { records, set_aside, hold: None, ..told })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a page with these rows, whose bodies are their ids.
    fn page(ids: &[&str]) -> Page {
        let mut body = Vec::new();
        let row = |id: &&str| {
            let start = body.len();
            body.extend_from_slice(id.as_bytes());
            Record { range: start..body.len(), id: (*id).into(), hash: 0, volatile: false, repaired: 0 }
        };
        let rows = ids.iter().map(row).collect();
        Page { records: Records { body: body.into(), rows }, ..Page::default() }
    }

    #[test]
    fn a_row_that_fails_leaves_an_empty_row_that_is_set_aside_by_its_id() {
        let ids = page(&["a", "b", "c"]);
        let mut composition = Composition::new(0, 3);
        assert!(composition.take((2, 3), page(&["c"]), Some(&ids)));
        assert!(composition.take((0, 1), page(&["a"]), Some(&ids)));
        composition.fail(1, Error::new(Kind::PartialData, "no name"));
        let whole = composition.composed(Some(ids)).expect("a page");
        let bodies: Vec<&[u8]> = whole.records.rows.iter().map(|row| whole.records.payload(row)).collect();
        assert_eq!(bodies, [&b"a"[..], b"", b"c"]);
        let named: Vec<&What> = whole.set_aside.iter().map(|aside| &aside.what).collect();
        assert_eq!(named, [&What::Record("b".into())]);
    }

    #[test]
    fn a_part_that_shows_other_rows_is_refused_and_a_row_without_an_answer_leaves_no_page() {
        let ids = page(&["a", "b"]);
        let mut composition = Composition::new(0, 2);
        for other in [&["b", "a"][..], &["a"], &["a", "b", "c"]] {
            assert!(!composition.take((0, 2), page(other), Some(&ids)), "{other:?}");
        }
        assert!(composition.take((0, 1), page(&["a"]), Some(&ids)));
        assert!(composition.composed(Some(ids)).is_none());
    }
}
