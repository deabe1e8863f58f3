//! Defines the page that the source hands on.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::record::Records;
use crate::set_aside::SetAside;

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows. A row without bytes was set aside.
    pub records: Records,
    /// The rows of the page that were set aside.
    pub set_aside: Vec<SetAside>,
    /// The number of rows without a readable id.
    pub nameless: u32,
    /// The places of those rows in the answer, counted from 0, ascending.
    pub gaps: Vec<usize>,
    /// The number of rows in the list, by the server's word.
    pub total: Option<u64>,
    /// Whether another page follows, by the server's word.
    pub has_next: Option<bool>,
    /// The cursors of the rows; empty if rows have none, or one of them is no text.
    pub cursors: Vec<Box<str>>,
    /// The cursor of the next page, if the answer names one.
    pub next_cursor: Option<String>,
    /// The page's share of the bytes in flight, given back when the page is dropped.
    pub hold: Option<Arc<OwnedSemaphorePermit>>,
}
