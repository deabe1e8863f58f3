//! Defines [`Page`], the answer to a question.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::record::Records;
use crate::set_aside::SetAside;

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows, in the server's order. A row whose payload is empty was set aside.
    pub records: Records,
    /// The rows of the page that were set aside.
    pub set_aside: Vec<SetAside>,
    /// The number of rows without a readable id. They are not among `records`.
    pub nameless: u32,
    /// The positions, in the answer, of the rows without a readable id. They count from 0 and ascend.
    pub gaps: Vec<usize>,
    /// The number of records in the list, as the server states it; `None` if it does not.
    pub total: Option<u64>,
    /// Whether another page follows, as the server states it; `None` if it does not.
    pub has_next: Option<bool>,
    /// The cursors of the rows; empty if rows have none, or if one of them is not a string.
    pub cursors: Vec<Box<str>>,
    /// The cursor of the next page, if the answer names one.
    pub next_cursor: Option<String>,
    /// The page's share of the bytes in flight, which is returned when the page is dropped. `None` if the page has no
    /// share.
    pub hold: Option<Arc<OwnedSemaphorePermit>>,
}
